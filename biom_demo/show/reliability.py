"""How often each model was right by how sure it was -> HTML: a diagram a data set, and its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from biom_demo.qa.calibration import ENOUGH, Calibration, Measured, Reliability
from biom_demo.show.cards import Accent, Persona
from biom_demo.show.words import percent, steps, whole_percent

Series = Sequence[tuple[Persona, Reliability]]

# The drawing, in units of its view box: the square of confidence by share right, and the counts under it.
_LEFT, _TOP, _WIDTH, _HEIGHT = 46, 8, 280, 220
_COUNTS_FROM, _COUNT_LINE = 38, 15
_TICKS = (0.0, 0.5, 1.0)
_SMALLEST, _LARGEST = 3.0, 6.0  # a point's half width, by the square root of its answers


def reliability_html(models: Sequence[tuple[Persona, Calibration]]) -> Markup:
    """A reliability diagram of the calibrated models for each data set they were measured on.

    With each model's calibration error before and after, and all numbers as a table. Nothing where no
    model was measured.
    """
    panels: dict[str, list[tuple[Persona, Measured]]] = {}
    for persona, calibration in models:
        for measured in calibration.measured:
            if measured.after.bins:
                panels.setdefault(measured.after.measured_on, []).append((persona, measured))
    if not panels:
        return Markup()
    return _all(
        _panel(
            f"reliability-{number}",
            measured_on,
            [(persona, measured.after) for persona, measured in series],
            [f"ECE {one.before.ece:.3f} before, {one.after.ece:.3f} after" for _, one in series],
        )
        for number, (measured_on, series) in enumerate(panels.items())
    )


def measured_html(models: Series, *, key: str) -> Markup:
    """The diagram of models measured on one data set just now; ``key`` tells its parts from other diagrams'.

    Nothing where there is no answer.
    """
    series = [(persona, found) for persona, found in models if found.bins]
    if not series:
        return Markup()
    errors = [f"ECE {found.ece:.3f}, n {found.n:,}" for _, found in series]
    return _all([_panel(key, series[0][1].measured_on, series, errors)])


def _all(panels: Iterable[Markup]) -> Markup:
    return Markup('<div class="reliability">{}</div>').format(Markup().join(panels))


def _panel(key: str, measured_on: str, series: Series, errors: Sequence[str]) -> Markup:
    legend = Markup().join(
        Markup('<li class="{accent}">{marker} {label}<span class="ece">{error}</span></li>').format(
            accent=persona.accent, marker=_key(persona.accent), label=persona.label, error=error
        )
        for (persona, _), error in zip(series, errors, strict=True)
    )
    return Markup(
        '<figure><figcaption><h3>{measured_on}</h3><ul class="legend">{legend}</ul></figcaption>{drawing}'
        '<details class="maps"><summary>The numbers on {measured_on}</summary>{tables}</details></figure>'
    ).format(
        measured_on=measured_on,
        legend=legend,
        drawing=_drawing(key, measured_on, series),
        tables=Markup().join(_numbers(persona, found) for persona, found in series),
    )


def _key(accent: Accent) -> Markup:
    return Markup(
        '<svg class="key" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">'
        '<path class="{accent}" d="{marker}"/></svg>'
    ).format(accent=accent, marker=_marker(accent, 7, 7, 5))


def _drawing(key: str, measured_on: str, series: Series) -> Markup:
    bottom = _TOP + _HEIGHT
    grid = "".join(f"M{_x(t):.0f} {_TOP}V{bottom}M{_LEFT} {_y(t):.0f}h{_WIDTH}" for t in _TICKS)
    ticks = Markup().join(
        Markup(
            '<text class="across" x="{x:.0f}" y="{below}">{tick:.0%}</text>'
            '<text class="up" x="{before}" y="{y:.0f}">{tick:.0%}</text>'
        ).format(x=_x(tick), below=bottom + 16, before=_LEFT - 6, y=_y(tick) + 4, tick=tick)
        for tick in _TICKS
    )
    most = max(one.n for _, found in series for one in found.bins)
    return Markup(
        '<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="{key} {key}-told">'
        '<title id="{key}">How often answers were right on '
        '{measured_on}, by confidence</title><desc id="{key}-told">{told}</desc>'
        '<path class="axis" d="{grid}"/><path class="even" d="M{x0:.0f} {y0:.0f}L{x1:.0f} {y1:.0f}"/>{ticks}'
        '<text class="up" x="{before}" y="{right_at:.0f}">right ↑</text>'
        '<text class="across" x="{sure_at:.0f}" y="{below}">confidence →</text>'
        '<text class="up" x="{before}" y="{counts_at}">n</text>{drawn}</svg>'
    ).format(
        key=key,
        width=_LEFT + _WIDTH + 20,
        height=bottom + _COUNTS_FROM + _COUNT_LINE * (len(series) - 1) + 6,
        measured_on=measured_on,
        told=" ".join(f"{persona.label}: {_told(found)}." for persona, found in series),
        grid=grid,
        x0=_x(0),
        y0=_y(0),
        x1=_x(1),
        y1=_y(1),
        ticks=ticks,
        before=_LEFT - 6,
        right_at=_y(0.75) + 4,
        sure_at=_x(0.75),
        below=bottom + 16,
        counts_at=bottom + _COUNTS_FROM,
        drawn=Markup().join(
            _points(persona.accent, found, bottom + _COUNTS_FROM + row * _COUNT_LINE, most)
            for row, (persona, found) in enumerate(series)
        ),
    )


def _told(found: Reliability) -> str:
    parts = [f"{steps(one)} sure, {whole_percent(one.accuracy)} right" for one in found.bins]
    return f"{found.n:,} answers; {'; '.join(parts)}"


def _points(accent: Accent, found: Reliability, counts_at: float, most: int) -> Markup:
    """A line through the bins, a marker on each, and its count under it."""
    places = [(_x(one.confidence), _y(one.accuracy), one.n) for one in found.bins]
    markers = Markup().join(
        Markup('<path class="{accent} {kind}" d="{marker}"/>').format(
            accent=accent,
            kind="few" if n < ENOUGH else "enough",
            marker=_marker(accent, x, y, _SMALLEST + (_LARGEST - _SMALLEST) * (n / most) ** 0.5),
        )
        for x, y, n in places
    )
    counts = Markup().join(
        Markup('<text class="across {accent}" x="{x:.0f}" y="{y:.0f}">{n}</text>').format(
            accent=accent, x=_x((one.low + one.high) / 2), y=counts_at, n=one.n
        )
        for one in found.bins
    )
    return Markup('<path class="course {accent}" d="M{line}"/>{markers}{counts}').format(
        accent=accent, line="L".join(f"{x:.1f} {y:.1f}" for x, y, _ in places), markers=markers, counts=counts
    )


def _x(confidence: float) -> float:
    return _LEFT + _WIDTH * confidence


def _y(share: float) -> float:
    return _TOP + _HEIGHT * (1 - share)


def _marker(accent: Accent, x: float, y: float, half: float) -> str:
    """An SVG path around a place: a circle for BioM, a square for the others."""
    if accent == "biom":
        arc = f"a{half:.1f} {half:.1f} 0 1 0"
        return f"M{x - half:.1f} {y:.1f}{arc} {2 * half:.1f} 0{arc} {-2 * half:.1f} 0z"
    return f"M{x - half:.1f} {y - half:.1f}h{2 * half:.1f}v{2 * half:.1f}h{-2 * half:.1f}z"


def _numbers(persona: Persona, found: Reliability) -> Markup:
    rows = Markup().join(
        Markup(
            '<tr><th scope="row">{steps}</th><td class="number">{n:,}</td>'
            '<td class="number">{confidence}</td><td class="number">{right}</td></tr>'
        ).format(steps=steps(one), n=one.n, confidence=percent(one.confidence), right=percent(one.accuracy))
        for one in found.bins
    )
    return Markup(
        '<table><caption class="{accent}">{label}</caption><thead><tr><th scope="col">step</th>'
        '<th scope="col">answers</th><th scope="col">confidence</th><th scope="col">right</th></tr></thead>'
        "<tbody>{rows}</tbody></table>"
    ).format(accent=persona.accent, label=persona.label, rows=rows)
