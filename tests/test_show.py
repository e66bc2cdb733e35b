"""The whole room: hostile values in every field of every record stay text, and drawing is near-linear."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from unittest import mock

import pytest
from markupsafe import Markup

from biom_demo.analysis.attribution import Attribution, Effect, Rewording
from biom_demo.analysis.batch import AnsweredRow
from biom_demo.analysis.benchmark import Found, Gold, Look, ScoredRow, plan_of, scores
from biom_demo.analysis.benchmark import benchmark as measured_from
from biom_demo.analysis.claims import evidence_table
from biom_demo.analysis.comparison import Agreement, Verdict, View
from biom_demo.analysis.difference import difference_of, words_of
from biom_demo.analysis.passage import Passage, passage_of_records
from biom_demo.analysis.rows import BadRow, Columns, Form, Row
from biom_demo.analysis.uploaded_rows import UploadedRows
from biom_demo.models.catalogue import Checkpoint, ModelPair
from biom_demo.pubmed.abstract import Abstract, Note, NoteKind, Section
from biom_demo.qa.records import Answer, CharSpan, Example, Question
from biom_demo.show import (
    about,
    batch_table,
    benchmark,
    cards,
    claims,
    difference,
    engines,
    pubmed,
    reliability,
    votes,
)
from biom_demo.show.batch import flat_row
from biom_demo.show.cards import ACCENTS, Mark, Persona, card_html, personas, text_html, verdict_html
from biom_demo.show.difference import difference_html, merged_html
from biom_demo.show.export import csv_text, markdown
from biom_demo.show.words import AGREEMENT_WORDS
from tests.conftest import ROOT
from tests.costs import ratio_of
from tests.engines import engines_measured
from tests.markup import HOSTILE, Page
from tests.readings import calibration_of, comparison_of, measured_on, side_of

FILES = sorted((ROOT / "biom_demo" / "show").glob("*.py"))


def record_of(hostile):
    """A record with the hostile text in every field that holds text."""
    parts, at = [], 0
    sections = []
    for label in ("", hostile, hostile):
        lead = f"{label}: " if label else ""
        body = f"{hostile} and CFTR {hostile} gene."
        parts.append(lead + body)
        sections.append(Section(label, at + len(lead), at + len(lead) + len(body)))
        at += len(lead) + len(body) + 1
    return Abstract(
        pmid=hostile,
        title=hostile,
        text="\n".join(parts),
        sections=tuple(sections),
        has_abstract=True,
        vernacular_title=hostile,
        authors=(hostile,) * 8,
        journal=hostile,
        year=2000,
        date=hostile,
        doi=hostile,
        pmcid=hostile,
        mesh=(hostile, hostile),
        publication_types=(hostile, "Retracted Publication"),
        notes=tuple(Note(kind, pmid, hostile, hostile) for kind in NoteKind for pmid in ("8", "", hostile)),
        abstract_type=hostile,
        abstract_language=hostile,
        languages=(hostile,),
        keywords=(hostile,),
        editors=(hostile,),
    )


class Hostile:
    """All that can be drawn, hostile in every field. ``text`` is that of the records."""

    def __init__(self, hostile):
        self.hostile = hostile
        self.record = record_of(hostile)
        self.text = self.record.text
        self.passage = passage_of_records((self.record,), notices=(hostile,), named=hostile)
        words = [word.of(self.text) for word in words_of(self.text)]
        size = len(words_of(hostile))
        at_all = [(0.1 * step + 0.05, 50, 5 * step) for step in range(10)]
        self.calibration = calibration_of(measured_on(hostile, at_all), fitted_on=hostile)
        cftr = words.index("CFTR")
        self.sides = tuple(
            side_of(
                self.text,
                {first: 9.0, cftr: 8.0},
                {last: 9.0, cftr: 8.0},
                null=null,
                label=hostile + extra,
                trained_on=hostile,
                question=Question(hostile, hostile),
                notices=(hostile,),
                calibration=self.calibration,
            )
            for first, last, null, extra in (
                (cftr, cftr + size + 1, 0, ""),
                (cftr - 1, cftr, 0, "2"),
                (cftr, cftr + size + 1, 99, "3"),
                (1, 1, 0, "4"),
            )
        )
        self.comparison = comparison_of(*self.sides, passage=self.passage)
        self.personas = personas(self.comparison.checkpoints)
        self.found = difference_of(self.comparison, View())
        answer = self.sides[0].answer(View())
        assert answer.text == f"CFTR {hostile} gene"  # an answer begins and ends with a word
        self.attribution = Attribution(
            answer,
            (
                Effect(CharSpan(0, 5), 0.1, hostile, False, False),
                Effect(CharSpan(5, 9), 0.2, None, True, False),
            ),
            (Effect(CharSpan(0, len(hostile)), 0.0, hostile, False, False),),
        )

        at = self.text.find(hostile)
        spans = (CharSpan(at, at + len(hostile)),)
        example = Example(Question(hostile, hostile), self.text, (hostile,), spans)
        answers = tuple(side.answer(View()) for side in self.sides[:2])
        rows = [ScoredRow(0, example, answers, (True, False), Agreement.DISAGREE), ScoredRow(1, example)]
        self.rows = benchmark.Shown(rows, 2, 2, Look(find=hostile, at=0))
        gold = Gold(hostile, (example,), notes=(hostile,))
        found = [Found(side.label, [side.prediction(View())]) for side in self.sides[:2]]
        with mock.patch.object(scores, "SAMPLES", 5):
            self.benchmark = measured_from(gold, plan_of(gold), found)

    def batch(self):
        """What the Batch tab draws; the words of a row are shown on one line, and cut."""
        h = self.hostile
        rows = (
            Row(1, 2, h, h, records=(self.record,)), Row(2, 0, h, "", context=h), Row(3, 4, h, h, names=h),
            BadRow(4, 5, h, h),
        )  # fmt: skip
        file = UploadedRows(Path("a.csv"), Form.CSV, (h,), Columns(), rows, more=True, notes=(h,))
        answered = [flat_row(AnsweredRow(rows[0], self.comparison)) | {"warnings": h}]
        answered.append(answered[0] | {"biom_answer": None, "vanilla_answer": h, "vanilla_pmid": h})
        shown = {" ".join(h.split())} == {h}
        return {
            "about_batch_html": (batch_table.about_batch_html(), 0),
            "file_html": (batch_table.file_html(file), 1),
            "rows_html": (batch_table.rows_html(rows), 1 + 4 * shown),
            "answers_html": (batch_table.answers_html(h, (h, h), answered, 9), 5 + 2 * shown),
            "bad_rows_html": (batch_table.bad_rows_html(rows[3:]), 1),
        }

    def drawn(self):
        """Every public function's HTML by a name, and how often at least the hostile text is in its words."""
        h, view, persona = self.hostile, View(), self.personas[0]
        cards_of = {
            f"card {side.label}": (
                card_html(who, self.passage, side, view, gold=gold),
                5 + bool(side.answer(view)),
            )
            for who, side, gold in zip(self.personas, self.sides, ((h,), (), None, (h,)), strict=True)
        }
        answer = self.sides[0].answer(view)
        verdicts = {
            f"verdict {agreement} {swapped}": (
                verdict_html(Verdict(agreement, 0.5, answer, answer), *self.personas[:2], swapped=swapped),
                0 if agreement == "both abstain" else 1,
            )
            for agreement in AGREEMENT_WORDS
            for swapped in (False, True)
        }
        table = evidence_table(h, [self.comparison], self.comparison.checkpoints, view)
        ballot = votes.Ballot(h, h, h, h, h, h, h, (h,))
        nameless = Abstract("", h, h, (), has_abstract=True, called=h)
        rewordings = [(persona, [Rewording(h, h, 0.5, True), Rewording(h, None, 0.0, False)])]
        marks = [Mark(CharSpan(0, 3), 1, "a-1", h), Mark(CharSpan(2, 8), 2, "a-2", h)]
        pair = ModelPair(h, Checkpoint(h, h, h), Checkpoint(h, h, h))
        why = (self.attribution, persona, self.passage, h)
        return {
            **cards_of,
            **verdicts,
            "text_html": (text_html(self.text, self.passage.labels, marks, "biom"), 8),
            "waiting_html": (cards.waiting_html(persona), 2),
            "head_html": (cards.head_html(h, h, h, stale=True), 3),
            "no_head_html": (cards.no_head_html(), 0),
            "chips_html": (cards.chips_html([(h, h)]), 2),
            "switches_html": (cards.switches_html(), 0),
            "engines_html": (engines.engines_html(engines_measured(h, file=h), pair.checkpoints), 1),
            "idle_verdict_html": (cards.idle_verdict_html(), 0),
            "status_html": (cards.status_html(h, kind="error", progress=0.5), 1),
            "difference_html": (difference_html(self.found), 10),
            "idle_difference_html": (difference.idle_difference_html(), 0),
            "hidden_difference_html": (difference.hidden_difference_html(), 0),
            "legend_html": (difference.legend_html(self.found), 4),
            "curves_html": (difference.curves_html(self.found), 0),
            "merged_html": (merged_html(self.found), 8),
            "cross_html": (difference.cross_html(self.found), 5),
            "flips_html": (difference.flips_html(self.found, -10.0, 10.0), 2),
            "heatmap_html": (difference.heatmap_html(self.found.sides[0], "biom", self.found), 1),
            "attribution_html": (difference.attribution_html(*why), 4),
            "attributions_html": (difference.attributions_html([(persona, *why[:1], *why[2:])]), 4),
            "rewordings_html": (difference.rewordings_html(rewordings), 4),
            "cost_html": (difference.cost_html(1, 0.1), 0),
            "records_html": (pubmed.records_html(self.passage), 10),
            "record_html": (pubmed.record_html(self.record, (h,)), 10),
            "warning_html": (pubmed.warning_html(self.record), 2),
            "warnings_html": (pubmed.warnings_html((self.record, self.record)), 4),
            "pmid_link": (pubmed.pmid_link(h, h), 1),
            "name_html": (pubmed.name_html(nameless), 1),
            "names_html": (pubmed.names_html([self.record, nameless]), 2),
            "builtin_html": (claims.builtin_html([self.record]), 1),
            "elsewhere_html": (pubmed.elsewhere_html(h), 1),
            "status_of_record_html": (pubmed.status_of_record_html(self.record), 0),
            "introduction_html": (claims.introduction_html(), 0),
            "claims_html": (claims.claims_html(table, 0, persona, shown=5), 5),
            "shared_html": (claims.shared_html(table, shown=5), 2),
            "papers_html": (claims.papers_html(table), 3),
            "unread_html": (claims.unread_html(replace(table, unread=(self.record,), chosen_by=h)), 2),
            "open_html": (claims.open_html(self.record, h), 1),
            "ballots_html": (votes.ballots_html([ballot], revealed=True), 5),
            "asking_html": (votes.asking_html(), 0),
            "benchmark_about_html": (benchmark.benchmark_about_html(h), 1),
            "questions_html": (benchmark.questions_html(self.rows, self.personas[:2]), 7),
            "published_html": (benchmark.published_html(self.benchmark), 0),
            "measured_html": (
                reliability.measured_html(
                    [(who, self.calibration.measured[0].after) for who in self.personas[:2]], key="a"
                ),
                5,
            ),
            "benchmark_html": (benchmark.benchmark_html(self.benchmark, self.personas[:2]), 4),
            "about_html": (about.about_html(pair), 4),
            "reliability_html": (
                reliability.reliability_html([(who, self.calibration) for who in self.personas[:2]]),
                6,
            ),
            "title_html": (about.title_html(), 0),
            **self.batch(),
        }


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_every_field_stays_text(hostile):
    for name, (html, least) in Hostile(hostile).drawn().items():
        assert type(html) is Markup, name
        page = Page(html)  # our elements, attributes, addresses and classes, balanced
        assert page.text.count(hostile) >= least, (name, page.text)


def test_every_function_that_makes_html_is_among_those_tried():
    tried = set(Hostile(HOSTILE[0]).drawn()) | {
        "card_html",
        "verdict_html",
        "preview_html",
        "meanwhile_html",
    }  # the last by test_shell.py
    for path in FILES:
        module = import_module(f"biom_demo.show.{path.stem}") if path.stem != "__init__" else None
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == f"biom_demo.show.{path.stem}" and not name.startswith("_"):
                made = inspect.signature(function).return_annotation
                if made == "Markup":
                    assert name in tried, f"{path.stem}.{name} is not tried"
                else:
                    assert not name.endswith("_html"), f"{path.stem}.{name} returns {made}, not Markup"


TAG = re.compile(r"</?[a-z]")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_taken_for_escaped_is_written_here_letter_by_letter(path):
    """Anything but a literal in ``Markup(...)`` would let a text in; a tag elsewhere has lost its type."""
    tree = ast.parse(path.read_text("utf-8"))
    made = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Markup"
    ]
    inside = set()
    for node in made:
        assert not node.keywords
        for argument in node.args:
            assert isinstance(argument, ast.Constant), f"{path.name}:{node.lineno}"
            inside.add(argument)
    documentation = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and TAG.search(node.value):
            assert node in inside | documentation, f"{path.name}:{node.lineno}"


def test_the_parser_of_these_tests_finds_what_it_should():
    for html in (
        "<img src=x>", "<p onclick='x'>a</p>", "<a href='javascript:x'>a</a>", "<p>a", "<!-- a -->",
        "<p style='color:red'>a</p>", "<p class='x\" y'>a</p>", "<svg onload=x></svg>", "<p id=a id=b>a</p>",
    ):  # fmt: skip
        with pytest.raises((AssertionError, IndexError)):
            Page(html)


# Drawing must not be a way to keep the server busy: four times the text, about four times the time.
KINDS = {
    "labels": "ABC:\n",
    "blank lines": "\n",
    "brackets": "<(&\"'",
    "one word": "x",
    "words": "a b, ",
    "sentences": "CFTR is. ",
    "entities": "&amp;",
}


def near_linear(draw, make):
    """Whether making and drawing four times as many characters costs about four times as much."""
    return ratio_of(lambda size: draw(make(size)), 25_000, 100_000, most=9) < 9


def draw_text(text):
    spans = [CharSpan(at, at + 7) for at in range(0, len(text) - 8, 40)]
    marks = [Mark(span, rank, f"a-{rank}", "t") for rank, span in enumerate(spans, start=1)]
    text_html(text, Passage(text).labels, marks, "biom")


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_drawn_in_near_linear_time(kind):
    assert near_linear(draw_text, lambda size: KINDS[kind] * (size // len(KINDS[kind])))


@pytest.mark.parametrize("kind", ["labels", "blank lines", "brackets", "one word"])
def test_the_difference_panel_is_drawn_in_near_linear_time(kind):
    def found(size):
        text = KINDS[kind] * (size // len(KINDS[kind]))
        count = len(words_of(text))
        middle = {count // 2: 9.0} if count else {}
        sides = [side_of(text, middle, middle, label=label) for label in "AB"]
        return difference_of(comparison_of(*sides), View(max_answer_length=2))

    assert near_linear(lambda it: (merged_html(it), difference.curves_html(it)), found)


def test_files_are_written_in_near_linear_time():
    def rows(size):
        values = [unit * (size // len(unit)) for unit in ("\t", ";", '" ', "=", ";\r", "-\n ", "a;-")]
        return [{"a": value} for value in values]

    assert near_linear(csv_text, rows)

    def found(size):
        label = "1. [" * (size // 4)
        side = replace(side_of("CFTR"), checkpoint=Checkpoint("a", label, ""))
        return difference_of(comparison_of(side, side_of("CFTR", label="V")), View())

    assert near_linear(markdown, found)


def test_shading_is_near_linear():
    def shaded(size):
        text = "<b>. " * (size // 5)
        effects = tuple(Effect(CharSpan(at, at + 5), 0.1, None, False, True) for at in range(0, len(text), 5))
        attribution = Attribution(Answer(CharSpan(0, 1), "<", 1.0, 0.5), effects, ())
        return attribution, Persona(ACCENTS[0], "B", ""), Passage(text), "Why?"

    assert near_linear(lambda it: difference.attribution_html(*it), shaded)
