"""What the Benchmark tab's events do, without a page: a file, its table, scoring, opening, saving."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from biom_demo.analysis.benchmark import FILTERS, ROWS_A_PAGE, Gold, Look, arranged, stretches
from biom_demo.analysis.comparison import View
from biom_demo.models.catalogue import Checkpoint, ModelPair
from biom_demo.models.worker import Ended
from biom_demo.qa.datasets import BioAsqQuestion, Snippet, convert
from biom_demo.qa.records import CharSpan, Example, Question
from biom_demo.settings import Settings
from biom_demo.show.benchmark import HIDDEN, questions_html
from biom_demo.ui import benchmark_tab
from biom_demo.ui.benchmark_tab import as_file, load, open_row, score_all, step, table, walk_of
from biom_demo.ui.gold_table import (
    GoldFile,
    Part,
    left_of,
    looked,
    number_of,
    page_of,
    parts_of,
    rows_now,
    saved,
)
from biom_demo.ui.run import History
from tests.markup import Page
from tests.site import MINI, TEXT, WordVisit, last, site_of

ME = "me"
QUESTION = "Which gene causes cystic fibrosis?"


def example(number, text=TEXT, gold="CFTR", question=QUESTION):
    spans = (CharSpan(text.index(gold), text.index(gold) + len(gold)),) if gold else ()
    return Example(Question(question, f"q{number}"), text, (gold,) if gold else (), spans)


def file_of(count=3, **given):
    """A file of so many texts that both models read: BioM's word is right, vanilla's is not."""
    return GoldFile.of(Gold("a.json", tuple(example(n, f"{n}. {TEXT}", **given) for n in range(count))))


def scored(site, file, read=()):
    return last(score_all(site, file, read, "mini", ME))


def write(path, *examples):
    paragraphs = [
        {
            "context": one.context,
            "qas": [{
                "id": one.question.id,
                "question": one.question.text,
                "answers": [{"text": span.of(one.context), "answer_start": span.start}
                            for span in one.gold_spans],
                "is_impossible": not one.gold_texts,
            }],
        }
        for one in examples
    ]  # fmt: skip
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    return str(path)


def test_an_uploaded_file_is_a_table_before_anything_is_read(tmp_path):
    site = site_of()
    path = write(tmp_path / "a.json", example(0), example(1, "No gene here.", gold=""))
    left = load(site, path, "mini", ME)
    page = Page(left["table"])
    assert "not in the text" in page.text
    assert page.text.count("not read yet") == 2
    assert "a.json: 2 pairs" in left["benchmark_status"]
    assert "2 texts to read" in left["benchmark_status"]
    assert (left["read"], left["scored"], left["totals"]) == ((), None, "")
    assert site.models.calls == []


def test_a_file_that_cannot_be_read_is_told_and_the_old_one_stays(tmp_path):
    (tmp_path / "x.json").write_text('{"neither": []}')
    (tmp_path / "y.json").write_bytes(b"%PDF-1.4 \xff")
    (tmp_path / "z.json").write_text('{"questions": []}')
    for name in ("x.json", "y.json", "z.json", "absent.json"):
        left = load(site_of(), str(tmp_path / name), "mini", ME)
        assert set(left) == {"benchmark_status"}
        assert 'role="alert"' in left["benchmark_status"]


def test_a_text_that_no_request_could_read_is_told_at_once(tmp_path):
    site = site_of(settings=Settings(max_context_chars=50))
    left = load(site, write(tmp_path / "a.json", example(0)), "mini", ME)
    assert f"a text of {len(TEXT)} characters; at most 50" in left["benchmark_status"]


def test_long_texts_are_read_few_at_a_time(monkeypatch):
    monkeypatch.setattr(stretches, "READ_CHARS_AT_ONCE", 2 * len(TEXT))
    site, file = site_of(), file_of(5)
    scored(site, file)
    assert [count for _, count in site.models.calls] == [2, 2, 2, 2, 1, 1]


def test_all_is_scored_with_progress_and_figures():
    site, file = site_of(), file_of()
    updates = list(score_all(site, file, (), "mini", ME))
    assert updates[0]["halt_scoring"]["visible"] is True
    left = last(updates)
    assert left["halt_scoring"]["visible"] is False
    assert "have read all 3 texts" in left["benchmark_status"]
    figures = {(f.measure, f.over): f for f in left["scored"].found.figures}
    em = next(f for (measure, over), f in figures.items() if measure == "exact_match")
    assert [one.mean for one in em.models] == [100, 0]
    assert "100.0 [100.0, 100.0]" in left["totals"]
    rows = rows_now(file, parts_of(file, "mini", left["read"]))
    assert [row.right for row in rows] == [(True, False)] * 3
    shown = Page(table(site, file, left["read"], Look(), "mini", blind=False)["table"]).text
    assert shown.count("CFTR") == 2 * 3
    assert "disagree" in shown
    # Scored again there is nothing left to read.
    calls = len(site.models.calls)
    again = scored(site, file, left["read"])
    assert len(site.models.calls) == calls
    assert again["totals"] == left["totals"]


def test_without_a_file_or_its_models_nothing_is_scored():
    assert "Upload one first" in scored(site_of(), None)["benchmark_status"]
    away = Checkpoint("away/model", "Away", "made up")
    site = replace(site_of(), pair=ModelPair("own", away, MINI.vanilla))
    left = last(score_all(site, file_of(), (), "own", ME))
    assert "Not on this machine yet: Away" in left["benchmark_status"]
    assert site.models.calls == []
    broken = site_of(broken=[MINI.vanilla])
    left = scored(broken, file_of())
    assert "damaged" in left["benchmark_status"]
    assert left["halt_scoring"]["visible"] is False
    assert len(broken.stops) == 0


def test_what_is_read_is_kept_when_it_is_stopped_and_gone_on_with(monkeypatch):
    monkeypatch.setattr(stretches, "READ_AT_ONCE", 2)
    site, file = site_of(), file_of(5)
    site.models.stop_at = 4  # of the second stretch, the second model
    left = scored(site, file)
    assert left_of(file, left["read"]) == 3
    assert "2 of 5 texts are read" in left["benchmark_status"]
    assert "Score the rest (3)" in left["score"]["value"]
    assert left["scored"].found.read == 2
    site.models.calls.clear()
    site.models.stop_at = 0
    done = scored(site, file, left["read"])
    assert left_of(file, done["read"]) == 0
    assert sum(count for _, count in site.models.calls) == 2 * 3  # nothing twice
    whole = scored(site_of(), file)
    assert done["totals"] == whole["totals"]
    # What all sessions' bound has dropped out of the middle is read again, and no more.
    site.models.calls.clear()
    gap = scored(site, file, done["read"][1:])
    assert sum(count for _, count in site.models.calls) == 2 * 2
    assert gap["totals"] == whole["totals"]


def test_the_end_of_the_budget_says_how_to_go_on(monkeypatch):
    monkeypatch.setattr(stretches, "READ_AT_ONCE", 1)
    site, file = site_of(), file_of(3)
    read = WordVisit.read

    def out_of_time(visit, checkpoint, pairs, **options):
        if len(visit.models.calls) < 2:
            return read(visit, checkpoint, pairs, **options)
        visit.ended, visit.budget_s = Ended.BUDGET, 300
        return []

    monkeypatch.setattr("tests.site.WordVisit.read", out_of_time)
    left = scored(site, file)
    assert "may take 300 s" in left["benchmark_status"]
    assert "1 of 3 texts are read" in left["benchmark_status"]
    assert "“Score the rest” goes on" in left["benchmark_status"]


def test_another_file_takes_the_place_of_one_that_is_read(tmp_path):
    site = site_of()
    updates = score_all(site, file_of(3), (), "mini", ME)
    next(updates)
    load(site, write(tmp_path / "b.json", example(0)), "mini", ME)
    assert list(updates) == []
    assert len(site.stops) == 0
    # Nor does a part of one file fill the rows of another.
    file, other = file_of(2), file_of(2)
    read = scored(site, file)["read"]
    assert parts_of(other, "mini", read) == parts_of(file, "base", read) == ()


def rows_of_four():
    """CFTR right and not, an abstention of both, and one that is not read."""
    texts = [TEXT, "BRCA1 it is, or TP53.", "Nothing is said.", "Zebra CFTR."]
    golds = ["CFTR", "TP53", "", "CFTR"]
    gold = Gold(
        "a", tuple(example(n, t, g, f"Q{9 - n}?") for n, (t, g) in enumerate(zip(texts, golds, strict=True)))
    )
    file = GoldFile.of(gold)
    read = scored(site_of(), file)["read"]
    return [*rows_now(file, read)[:3], file.unread[3]]


def test_rows_are_filtered_and_found():
    rows = rows_of_four()
    shown = {key: [row.number for row in arranged(rows, Look(show=key))] for key in FILTERS}
    assert shown == {
        "all": [0, 1, 2, 3],
        "unlike": [0, 1],
        "first": [0],
        "second": [],
        "both": [2],
        "neither": [1],
        "silent": [1, 2],
        "unread": [3],
    }
    assert [row.number for row in arranged(rows, Look(find="tp53"))] == [1]
    assert [row.number for row in arranged(rows, Look(find="Q6"))] == [3]
    assert [row.number for row in arranged(rows, Look(find="brca1"))] == [0, 1]  # an answer


def test_rows_are_sorted_and_those_without_a_value_stand_last():
    rows = rows_of_four()

    def order(column, descending=False):
        return [row.number for row in arranged(rows, Look(column=column, descending=descending))]

    assert order("question") == [3, 2, 1, 0]
    assert order("question", True) == [0, 1, 2, 3]
    assert order("known") == [0, 3, 1, 2]
    assert order("known", True) == [1, 0, 3, 2]
    assert order("first") == order("first-sure", True) == [0, 1, 2, 3]
    assert order("second-sure")[-2:] == [2, 3]
    assert order("verdict")[-1] == order("verdict", True)[-1] == 3


@pytest.mark.parametrize(
    ("wanted", "look"),
    [
        ("sort question 1", Look(column="question")),
        ("sort number 2", Look(descending=True)),
        ("page 3 4", Look(page=3)),
        ("sort nothing 3", Look()),
        ("page -1 5", Look()),
        ("page ² 5", Look()),
        ("page " + "9" * 400, Look()),
        ("", Look()),
        (None, Look()),
        ("open", Look()),
    ],
)
def test_a_click_in_the_table_changes_the_look_and_nonsense_nothing(wanted, look):
    assert looked(Look(), wanted, show="all", find="") == look


def test_another_choice_of_rows_begins_at_the_first_page():
    look = looked(Look(page=4), None, show="unlike", find=" gene ")
    assert look == Look(show="unlike", find="gene")
    assert looked(Look(), None, show="<x>", find="a" * 9_999).show == "all"
    assert len(looked(Look(), None, show="all", find="a" * 9_999).find) == 200


def test_a_large_file_is_shown_a_page_at_a_time():
    file = file_of(3 * ROWS_A_PAGE + 1)
    shown = page_of(file.unread, Look(page=99))
    assert (shown.look.page, shown.pages, len(shown.rows)) == (3, 4, 1)
    html = questions_html(page_of(file.unread, Look(page=1)), ())
    assert html.count("<tr data-number") == ROWS_A_PAGE
    assert "Rows 51 to 100 of 151" in Page(html).text
    none = page_of(file.unread, Look(find="xyzzy"))
    assert "No row is left" in Page(questions_html(none, ())).text


def opened(site, file, read, number=0, look=None, *, blind=False, history=None):
    return open_row(
        site, number, file, read, look or Look(), "mini", history or History(), View(), blind=blind
    )


def test_a_row_opens_in_compare_as_it_was_read():
    site, file = site_of(), file_of(3)
    read = scored(site, file)["read"]
    calls = len(site.models.calls)
    left = opened(site, file, read, 1)
    assert len(site.models.calls) == calls
    run = left["run"]
    assert "nothing was read anew" in left["status"]
    assert (left["context"], left["question"], left["pair"]) == (run.passage.text, QUESTION, "mini")
    assert run.gold == ("CFTR",)
    assert "Known answer" in left["biom"]
    assert left["history"].runs == (run,)
    assert left["look"].at == 1
    assert "Row 2 of 3" in left["walk_place"]
    assert 'aria-current="true"' in left["table"]
    assert (left["walk"]["visible"], left["back"]["visible"]) == (True, False)
    assert (bool(left["landed_row"]), left["row_ready"]) == (True, "")
    # Its way back is there as long as it is what stands in Compare.
    assert walk_of(run, file, left["look"])["walk"]["visible"] is True
    for other in (None, replace(run, asked=replace(run.asked, question="Else?"))):
        assert walk_of(other, file, left["look"])["walk"]["visible"] is False
    assert walk_of(run, file_of(3), left["look"])["walk"]["visible"] is False


def test_a_row_whose_readings_are_not_kept_is_asked(monkeypatch):
    site, file = site_of(), file_of(2)
    unread = opened(site, file, ())
    monkeypatch.setattr(benchmark_tab, "READINGS_KEPT_BYTES", 0)
    for left in (unread, opened(site, file, scored(site, file)["read"])):
        assert left["row_ready"] == "ask"
        assert "run" not in left
        assert left["placed"].gold == ("CFTR",)
        assert left["context"] == file.gold.examples[0].context


def test_there_is_no_row_without_a_file_or_of_another_number():
    assert "no longer kept" in opened(site_of(), None, ())["benchmark_status"]
    assert "no such row" in opened(site_of(), file_of(), (), None)["benchmark_status"]
    file = file_of(2)
    for wanted in ("2 1", "-1 1", "x", "", None, "٣ 1", "9" * 400):
        assert number_of(wanted, file) is None
    assert number_of("1 17", file) == 1


def test_next_and_previous_follow_the_table():
    file = file_of(3)
    look = Look(descending=True, at=2)
    assert [step(file, (), look, "mini", by) for by in (-1, 1)] == [2, 1]
    assert step(file, (), replace(look, at=0), "mini", 1) == 0
    assert step(file, (), replace(look, find="xyzzy"), "mini", 1) is None
    assert step(file, (), Look(), "mini", 1) is None
    assert step(None, (), look, "mini", 1) is None


def test_blind_the_table_tells_nothing_and_a_row_opens_blind():
    site, file = site_of(), file_of(2)
    read = scored(site, file)["read"]
    html = table(site, file, read, Look(), "mini", blind=True)["table"]
    page = Page(html).text
    assert HIDDEN in page
    assert QUESTION in page
    assert not any(word in page for word in ("CFTR", "BRCA1", "ELECTRA", "agree", "✓", "✗"))
    left = opened(site, file, read, blind=True)
    assert left["run"].blind
    shown = "".join(
        str(left[name]) for name in ("biom", "vanilla", "verdict", "difference", "walk_place", "table")
    )
    assert not any(word in shown for word in ("ELECTRA", "Known answer", "BioM"))


def bioasq():
    def asked(number, kind, *texts, answers=(("CFTR",),)):
        snippets = tuple(Snippet(text, "") for text in texts)
        return BioAsqQuestion(f"b{number}", QUESTION, kind, answers, snippets)

    questions = (asked(0, "factoid", TEXT), asked(1, "factoid", "No gene is named."), asked(2, "list", TEXT))
    gold = Gold("8B.json", convert(questions, mode="card").examples, questions)
    return GoldFile.of(gold)


def test_answers_and_submissions_are_saved():
    site, file = site_of(), bioasq()
    found = scored(site, file)["scored"]
    payload = json.loads(as_file("csv", found, file, "mini")["gold_payload"])
    rows = list(csv.DictReader(io.StringIO(payload["text"])))
    assert [(row["answer"], row["right"]) for row in rows] == [("CFTR", "True"), ("BRCA1", "False")]
    as_json = json.loads(json.loads(saved("json", file, found.found))["text"])
    assert [row["answer"] for row in as_json] == ["CFTR", "BRCA1"]
    for kind, word in (("first", "CFTR"), ("second", "BRCA1")):
        made = json.loads(json.loads(as_file(kind, found, file, "mini")["gold_payload"])["text"])
        assert [one["id"] for one in made["questions"]] == ["b0", "b1", "b2"]
        assert made["questions"][0]["exact_answer"][0] == [word]
    for made, of, pair in (
        (None, file, "mini"),
        (found, None, "mini"),
        (found, file, "base"),
        (found, bioasq(), "mini"),
    ):
        left = as_file("csv", made, of, pair)
        assert left["gold_payload"] == ""
        assert "nothing to save yet" in left["saved_status"]
    squad = file_of(1)
    of_squad = scored(site, squad)["scored"]
    assert "SQuAD file" in as_file("first", of_squad, squad, "mini")["saved_status"]


def test_a_submission_of_part_of_a_file_has_every_question_of_it(monkeypatch):
    monkeypatch.setattr(stretches, "READ_AT_ONCE", 1)
    site, file = site_of(), bioasq()
    site.models.stop_at = 3
    found = scored(site, file)["scored"]
    assert found.found.read == 1
    made = json.loads(json.loads(saved("first", file, found.found))["text"])
    assert [one["id"] for one in made["questions"]] == ["b0", "b1", "b2"]


def test_a_pair_of_other_models_begins_anew():
    site, file = site_of(), file_of(2)
    read = scored(site, file)["read"]
    other = [replace(part, pair="base") if isinstance(part, Part) else part for part in read]
    assert left_of(file, parts_of(file, "mini", other)) == 2
