"""The reliability diagram: points where the bins are, counts under them, the same numbers as a table."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from biom_demo.qa.calibration import ENOUGH, UNCALIBRATED
from biom_demo.show import reliability
from biom_demo.show.cards import Persona
from biom_demo.show.reliability import reliability_html
from tests.markup import Page
from tests.readings import calibration_of, measured_on

BIOM, VANILLA = Persona("biom", "B & co", ""), Persona("vanilla", "V", "")
FIRST = measured_on("BioASQ 8B", [(0.25, 40, 10), (0.65, 83, 46), (1.0, 12, 12)])
SECOND = measured_on("BioASQ 8B", [(0.0, 100, 0), (0.75, 25, 20)])


def panels_of(html):
    """The figures, parsed as XML: whatever is drawn must be well-formed."""
    return ElementTree.fromstring(str(html)).findall("figure")


def points_of(svg, accent):
    """Kind, centre and width of each marker of a model, in the order drawn."""
    found = []
    for path in svg.findall("path"):
        match = re.fullmatch(rf"{accent} (few|enough)", path.get("class"))
        if match:
            x, y = map(float, re.match(r"M(\S+) ([\d.-]+)", path.get("d")).groups())
            half = float(re.search(r"[ah]([\d.]+)", path.get("d")).group(1))
            half = half if accent == "biom" else half / 2
            found.append((match.group(1), x + half, y if accent == "biom" else y + half, half))
    return found


def test_points_stand_where_the_bins_are_and_counts_below():
    html = reliability_html([(BIOM, calibration_of(FIRST)), (VANILLA, calibration_of(SECOND))])
    (figure,) = panels_of(html)
    svg = figure.find("svg")
    x0, y0, x1, y1 = map(float, re.findall(r"\d+", svg.find("path[@class='even']").get("d")))
    for accent, measured in (("biom", FIRST), ("vanilla", SECOND)):
        points = points_of(svg, accent)
        assert len(points) == len(measured.after.bins)
        for (kind, x, y, _), one in zip(points, measured.after.bins, strict=True):
            assert (x - x0) / (x1 - x0) == pytest.approx(one.confidence, abs=2e-3)
            assert (y - y0) / (y1 - y0) == pytest.approx(one.accuracy, abs=2e-3)
            assert kind == ("few" if one.n < ENOUGH else "enough")
        by_size = sorted(zip(points, measured.after.bins, strict=True), key=lambda pair: pair[0][3])
        assert [one.n for _, one in by_size] == sorted(one.n for one in measured.after.bins)
        counts = [text for text in svg.findall("text") if text.get("class") == f"across {accent}"]
        assert [text.text for text in counts] == [str(one.n) for one in measured.after.bins]
        for text, one in zip(counts, measured.after.bins, strict=True):
            assert (float(text.get("x")) - x0) / (x1 - x0) == pytest.approx(
                (one.low + one.high) / 2, abs=3e-3
            )
    _, _, width, height = map(float, svg.get("viewBox").split())
    for text in svg.findall("text"):
        assert 0 < float(text.get("x")) < width
        assert 0 < float(text.get("y")) < height


def test_a_panel_can_be_read_without_seeing_it():
    calibrations = [(BIOM, calibration_of(FIRST, measured_on("SQuAD", [(0.5, 30, 15)])))]
    html = reliability_html([*calibrations, (VANILLA, calibration_of(SECOND))])
    figures = panels_of(html)
    assert [figure.find("figcaption/h3").text for figure in figures] == ["BioASQ 8B", "SQuAD"]
    named = set()
    for figure in figures:
        svg = figure.find("svg")
        assert svg.get("role") == "img"
        told = {
            svg.find("title").get("id"): svg.find("title").text,
            svg.find("desc").get("id"): svg.find("desc").text,
        }
        assert set(svg.get("aria-labelledby").split()) == set(told)
        named |= set(told)
        for table in figure.findall("details/table"):
            assert len(table.findall("thead/tr/th")) == len(table.find("tbody/tr")) == 4
    assert len(named) == 4  # no name twice on the page
    assert (
        "B & co: 135 answers; 20–30% sure, 25% right; 60–70% sure, 55% right; 90–100% sure, 100% right."
        in (figures[0].find("svg/desc").text)
    )
    tables = figures[0].findall("details/table")
    assert [table.find("caption").text for table in tables] == ["B & co", "V"]
    rows = [["".join(row.itertext()) for row in table.findall("tbody/tr")] for table in tables]
    assert rows == [
        ["20–30%4025.0%25.0%", "60–70%8365.0%55.4%", "90–100%12100.0%100.0%"],
        ["0–10%1000.0%0.0%", "70–80%2575.0%80.0%"],
    ]
    assert len(figures[1].findall("details/table/tbody/tr")) == 1


def test_calibration_errors_are_told_before_and_after():
    page = Page(reliability_html([(BIOM, calibration_of(FIRST)), (VANILLA, UNCALIBRATED)]))
    assert f"B & coECE {FIRST.before.ece:.3f} before, {FIRST.after.ece:.3f} after" in page.text
    assert page.text.count("ECE") == 1


def test_what_was_not_measured_is_not_drawn():
    nothing = measured_on("none", [])
    for calibration in (UNCALIBRATED, calibration_of(), calibration_of(nothing)):
        assert reliability_html([(BIOM, calibration), (VANILLA, calibration)]) == ""


def test_models_are_told_apart_by_shape_and_by_line_too():
    assert reliability._marker("biom", 7, 7, 5) != reliability._marker("vanilla", 7, 7, 5)
