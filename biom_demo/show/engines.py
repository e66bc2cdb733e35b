"""What may be computed in, how much quicker it is, and what it was measured to cost -> HTML."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from biom_demo.analysis.difference import short_names
from biom_demo.analysis.engine_costs import Cost, Engines
from biom_demo.models.catalogue import Checkpoint
from biom_demo.settings import Precision
from biom_demo.show.words import listed

# The files that were measured on, by their names and numbers of answerable pairs.
DATA = {("dev.json", 475): "BioASQ 8B", ("squad-test.json", 1_401): "SQuAD"}


def engines_html(engines: Engines, checkpoints: Sequence[Checkpoint]) -> Markup:
    """An entry a precision other than float32: how quick it is and what it costs these models, or why not."""
    entries = Markup().join(
        Markup("<li><b>{}</b>: {}</li>").format(precision, _words(engines, checkpoints, precision))
        for precision in Precision
        if precision is not Precision.FLOAT32
    )
    return Markup('<ul class="engines">{}</ul>').format(entries)


def _words(engines: Engines, checkpoints: Sequence[Checkpoint], precision: Precision) -> str:
    if why := engines.why_not(precision):
        return f"not available here. {why}"
    found = [(one.label, engines.of(one, precision)) for one in checkpoints]
    costs = list(dict.fromkeys(cost for _, cost in found if cost is not None))
    unmeasured = list(dict.fromkeys(label for label, cost in found if cost is None))
    if not unmeasured:
        return _cost_words(costs)
    measured = engines.bundled(precision)
    return f"cost not measured for {listed(unmeasured)}. Of the bundled pair: {_cost_words(measured)}"


def _cost_words(costs: Sequence[Cost]) -> str:
    """Speed, and the points lost or gained: "about 1.9 times as fast. Exact match (F1), ..."."""
    speeds = sorted({f"{cost.speed:.1f}" for cost in costs}, key=float)
    names = short_names([cost.label for cost in costs])
    told = []
    for file, pairs in dict.fromkeys(
        (change.file, change.pairs) for cost in costs for change in cost.changes
    ):
        each = [
            f"{name} {_points(change.exact_match)} ({_points(change.f1)})"
            for name, cost in zip(names, costs, strict=True)
            for change in cost.changes
            if change.file == file
        ]
        told.append(f"{', '.join(each)} on {pairs:,} pairs of {DATA.get((file, pairs), file)}")
    return (
        f"about {' to '.join(speeds[:: max(1, len(speeds) - 1)])} times as fast. Exact match (F1), in points "
        f"of 100: {'; '.join(told)}."
    )


def _points(change: float) -> str:
    """A change to one decimal, "±0" where it rounds to none."""
    rounded = round(change, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "±0"
