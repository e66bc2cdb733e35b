"""Permalinks, Markdown, CSV and JSON: round trips, hostile values, agreement with the answers."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from urllib.parse import parse_qs

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt  # it comes with Gradio, by way of typer and rich

from biom_demo.analysis.comparison import View
from biom_demo.analysis.difference import difference_of
from biom_demo.analysis.literature import MAX_ABSTRACTS, Retrieved, Round, Search
from biom_demo.analysis.passage import Passage, passage_of_records
from biom_demo.errors import InputError
from biom_demo.pubmed.abstract import Abstract, Note, NoteKind
from biom_demo.pubmed.session import Searched
from biom_demo.qa.records import Question
from biom_demo.show.export import (
    MAX_FURTHER,
    MAX_LINKED_TEXT_CHARS,
    TABS,
    VIEW_LIMITS,
    Link,
    as_download,
    comparison_csv,
    comparison_document,
    comparison_json,
    csv_text,
    link_query,
    literature_json,
    markdown,
    read_link,
)
from biom_demo.show.words import in_words
from tests.markup import HOSTILE
from tests.readings import calibration_of, comparison_of, measured_on, pointing_at, side_of

TEXT = "The gene is CFTR. <b>|*x*_`y`[z](javascript:alert(1))</b> = & is not."
WITHDRAWN = Abstract(
    "7",
    "A claim",
    TEXT,
    (),
    has_abstract=True,
    year=1999,
    notes=(Note(NoteKind.RETRACTED_BY, "8", "J 2010"), Note(NoteKind.ERRATUM_IN, "9", "J 2000")),
)
ANSWER = {"text", "start", "end", "given_start", "given_end", "score", "probability"}
SIDE = {"model", "trained_on", "answer", "answers_as_sure", "p_no_answer", "null_score", "n_best", "notices",
        "seconds"}  # fmt: skip
MEASURED = calibration_of(measured_on("BioASQ 8B", [(0.95, 50, 40)]))


def compared(text=TEXT, null=0.0, passage=None, **side):
    first = pointing_at(text, "CFTR", **side)
    return comparison_of(first, pointing_at(text, "gene", null=null, label="=Other"), passage=passage)


def found(*args, view=None, **kwargs):
    return difference_of(compared(*args, **kwargs), view or View())


def read_back(query):
    assert not query or query.startswith("?")
    return read_link({key: values[0] for key, values in parse_qs(query[1:], keep_blank_values=True).items()})


views = st.builds(
    View,
    st.integers(-20, 20).map(lambda n: n / 2),
    st.integers(1, 10),
    st.integers(1, 60),
    st.integers(0, 20).map(lambda n: n / 20),
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


links = st.builds(
    Link,
    words,
    words,
    words,
    words,
    st.booleans(),
    views,
    tab=st.sampled_from(["", *TABS]),
    further=st.lists(words.filter(bool), max_size=MAX_FURTHER).map(tuple),
    query=words,
    newest_first=st.booleans(),
    abstracts=st.integers(0, MAX_ABSTRACTS),
)


@given(links)
def test_a_link_brings_back_what_was_put_in(link):
    back = read_back(link_query(link))
    if not (link.named or link.text or link.question or link.query or link.tab):
        assert back is None
    else:
        assert back == link


KEYS = ["id", "q", "text", "null", "top", "length", "dup", "pair", "x", "tab", "query", "sort", "n",
        "model3", "model4", "model5"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), words | st.sampled_from(["ask", "-1", "1e9", "nan", "newest"])))
def test_any_link_is_read_or_ignored_within_the_limits(parameters):
    link = read_link(parameters)
    assert link is None or (link.tab in ("", *TABS) and 0 <= link.abstracts <= MAX_ABSTRACTS)
    for name, (low, high) in VIEW_LIMITS.items():
        assert low <= getattr(link.view if link else View(), name) <= high


def test_numbers_out_of_bounds_and_no_numbers():
    view = read_link({"q": "x", "null": "1e9", "top": "-3", "length": "nan", "dup": "many"}).view
    assert (view.null_threshold, view.shown) == (10.0, 1)
    assert (view.max_answer_length, view.near_duplicate_threshold) == (30, 0.5)


def test_a_link_to_a_tab_says_no_more_than_is_told():
    assert link_query(Link()) == ""
    assert link_query(Link(tab="ask", question="Which gene?")) == "?tab=ask&q=Which+gene%3F"
    asked = read_link({"tab": "ask", "query": "CFTR[ti]", "sort": "newest", "n": "40"})
    assert (asked.tab, asked.query, asked.newest_first, asked.abstracts) == ("ask", "CFTR[ti]", True, 40)
    nonsense = read_link({"tab": "admin", "q": "x", "sort": "random", "n": "many"})
    assert (nonsense.tab, nonsense.newest_first, nonsense.abstracts) == ("", False, 0)
    assert read_link({"tab": "admin"}) is None


def test_texts_too_long_for_a_link_are_refused():
    with pytest.raises(InputError, match="at most 6,000"):
        link_query(Link(text="x" * (MAX_LINKED_TEXT_CHARS + 1)))
    with pytest.raises(InputError, match="too long"):
        read_link({"q": "x" * 20_001})


def test_markdown_has_answers_offsets_and_pmids_and_what_to_beware_of():
    text = markdown(found(passage=passage_of_records((WITHDRAWN,))))
    assert "**BioM-Mini-SQuAD:** CFTR" in text
    assert f"PMID 7, characters {TEXT.index('CFTR')}–{TEXT.index('CFTR') + 4}" in text
    assert "> The gene is CFTR." in text
    assert "**PMID 7:** This article was retracted: J 2010 (PMID 8)." in text
    assert "**Text:** PubMed, PMID 7" in text
    abstained = markdown(found(null=30.0))
    assert "no answer in this text (best guess: gene)" in abstained
    assert "PMID" not in abstained


def test_markdown_says_how_often_answers_as_sure_were_right():
    first = pointing_at(TEXT, "CFTR", calibration=MEASURED)
    named = calibration_of(measured_on("# <b>*x*", [(0.95, 50, 40)]))
    other = pointing_at(TEXT, "gene", label="Other", calibration=named)
    text = markdown(difference_of(comparison_of(first, other), View()))
    assert "\n  Of 50 answers about this sure (90–100%), 80% were right on BioASQ 8B.\n  > The gene" in text
    kinds, said = drawn(text)
    assert set(kinds) <= OURS
    assert (kinds["list_item_open"], kinds["blockquote_open"]) == (2, 2)
    assert "80% were right on # <b>*x*." in said
    assert "about this sure" not in markdown(found())
    silent = difference_of(comparison_of(first, other), View(null_threshold=-99.0))
    assert "about this sure" not in markdown(silent)


def test_markdown_has_the_verdict_and_the_known_answer():
    text = markdown(found(), gold=("CFTR", "cftr", "CFTR"))
    assert "**Verdict:** Disagree: BioM-Mini-SQuAD answers “CFTR”" in text
    assert "**Known answer:** CFTR or cftr" in text
    first, second = (line for line in text.splitlines() if line.startswith("- **"))
    assert first.endswith("; ✓ as known")
    assert second.endswith("; ✗ not as known")
    assert "known" not in markdown(found())
    silent = markdown(found(null=30.0), gold=())
    assert "**Known answer:** the text does not say" in silent
    assert "CFTR (confidence" in silent
    assert silent.count("✓ as known") == 1


def test_csv_has_the_verdict_and_whether_each_answer_is_known():
    def rows(text):
        return list(csv.DictReader(io.StringIO(text)))

    known = rows(comparison_csv(found(), gold=("CFTR",)))
    assert {row["verdict"] for row in known} == {"disagree"}
    assert {row["known_answers"] for row in known} == {"CFTR"}
    assert all((row["answer"] == "CFTR") == (row["right"] == "True") for row in known)
    assert {row["right"] for row in rows(comparison_csv(found()))} == {""}
    silent = rows(comparison_csv(found(null=30.0), gold=()))
    assert all(row["right"] == row["abstains"] for row in silent)
    assert {row["abstains"] for row in silent} == {"True", "False"}


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
AT_THE_HEAD = [
    "# head", "- item", "+ item", "* item", "1. one", "12) twelve", "> quote", "=== x", "---", "~~~", "```",
    "[a]: http://evil", "| a | b |", "    code", "<div>", "&lt;b&gt;", "![i](http://evil)", "<http://evil>",
    "http://evil.example www.evil.example", "a\\", "**b**", ": definition",
]  # fmt: skip


def drawn(text):
    """How many Markdown blocks and spans of each kind are in a text, and its words as they come out."""
    tokens = MARKDOWN.parse(text)
    inner = [child for token in tokens for child in token.children or ()]
    kinds = Counter(token.type for token in (*tokens, *inner))
    return kinds, "".join(child.content if child.type == "text" else " " for child in inner)


OURS = {"paragraph_open", "paragraph_close", "bullet_list_open", "bullet_list_close", "list_item_open",
        "list_item_close", "blockquote_open", "blockquote_close", "inline", "strong_open", "strong_close",
        "text", "text_special", "softbreak"}  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*AT_THE_HEAD, *HOSTILE]) | st.text(max_size=40), st.sampled_from(["\n", " ", "\n\n"]))
@example("1.", "\n")
def test_markdown_makes_nothing_of_what_came_from_outside(hostile, between):
    text = f"{hostile}{between}CFTR{between}{hostile}{between}gene"
    first = pointing_at(text, "CFTR", label=hostile or "x", question=Question(hostile))
    other = pointing_at(text, "gene", after="CFTR", label=f"{hostile} two", question=Question(hostile))
    passage = Passage(text, (Abstract(hostile, hostile, text, (), has_abstract=True, notes=(
        Note(NoteKind.RETRACTED_BY, "1", hostile),)),))  # fmt: skip
    written = markdown(difference_of(comparison_of(first, other, passage=passage), View()))
    kinds, said = drawn(written)
    assert set(kinds) <= OURS, set(kinds) - OURS
    assert (kinds["bullet_list_open"], kinds["list_item_open"], kinds["blockquote_open"]) == (1, 2, 2)
    plain = " ".join(hostile.replace("\0", "\ufffd").split())
    assert said.count(plain) >= 4  # question, note, sentence, label: as they were
    # What is made a link as it stands, by GitHub and others, is cut.
    assert not re.search(r"https?://|www\.", written)


SIGNS = "=+-@＝＋－＠﹢﹣﹦﹫"
UNSEEN = '\t\r\n\v\f "\x00\x85\xa0\u2028\u200b\ufeff\u202e\u2064\u180e\ufe0f\u3164\u2800\U000e0020\u061c'


def cells(text):
    """All that may become a cell: as the file says, or where tabs or semicolons part cells, in any line."""
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield from row
    # A spreadsheet that knows nothing of quotes, or meets one inside a cell.
    for line in re.split(r"[\t\r\n\v\f\x85\u2028\u2029]", text.replace('\n"', "\n")):
        yield from line.split(";")


def opens_a_formula(cell):
    return cell.lstrip(UNSEEN + " ")[:1] in tuple(SIGNS)


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from(SIGNS + UNSEEN + ";,|'a1"), min_size=1, max_size=12), st.booleans())
@example("=1+1", True)
@example("\r=1+1", True)
@example("\t@x", False)
@example("  ＝1", False)
@example("a;=1", True)
@example('a;" =1', True)
@example("a\r\n-1", True)
def test_no_cell_of_a_file_is_a_formula_wherever_cells_may_be_parted(value, first):
    row = {"a": value, "b": "x"} if first else {"a": "x", "b": value}
    text = csv_text([row])
    for cell in cells(text):
        assert not opens_a_formula(cell), (text, cell)
    # And the file gives back the value but for apostrophes.
    (back,) = csv.DictReader(io.StringIO(text, newline=""))
    assert back["a" if first else "b"].replace("'", "") == value.replace("'", "")
    assert back["a" if first else "b"][0] not in "\t\r\n" + SIGNS


def test_what_is_no_formula_stays_as_it_is():
    for value in ("IL-6", "a - b", "x=1", "5; 6", "mail a@b", "Ca2+", "", "'", "a\nb", 'say "x"'):
        (row,) = csv.DictReader(io.StringIO(csv_text([{"a": value}]), newline=""))
        assert row["a"] == value
    assert csv_text([{"a": "-1+2", "b": -1, "c": 0.5}]) == '"a","b","c"\n"\'-1+2",-1,0.5\n'
    assert csv_text([]) == ""


def test_csv_rows_are_the_answers_that_are_listed():
    made = found(passage=passage_of_records((WITHDRAWN,)), view=View(shown=3))
    rows = list(csv.DictReader(io.StringIO(comparison_csv(made))))
    assert [row["rank"] for row in rows] == ["1", "2", "3"] * 2
    assert rows[0]["answer"] == "CFTR"
    for row in rows:
        assert row["answer"].lstrip("'") == TEXT[int(row["start"]) : int(row["end"])]
        assert row["pmids"] == "7"
        assert row["warnings"] == "PMID 7: This article was retracted: J 2010 (PMID 8)."
    assert {row["model"] for row in rows} == {"BioM-Mini-SQuAD", "'=Other"}


def as_json(document):
    return json.loads(json.dumps(document, allow_nan=False))


def test_the_document_is_json_and_agrees_with_the_answers():
    made = found()
    document = as_json(comparison_document(made, pair="mini"))
    assert document["text"] == TEXT
    assert document["source"] == "pasted text"
    assert document["pair"] == "mini"
    assert document["agreement"] == "disagree"
    for model, side in zip(document["models"], made.sides, strict=True):
        best = model["n_best"][0]
        assert document["text"][best["start"] : best["end"]] == best["text"]
        assert model["answer"] == best
        assert sum(model["start_probabilities"]) == pytest.approx(1 - model["p_no_answer"], abs=1e-3)
        assert len(model["end_probabilities"]) == len(document["words"])
        assert model["model"] == side.label
        assert set(model) == SIDE | {"start_probabilities", "end_probabilities"}
    assert [c["rank"] for c in document["cross_scores"]][::3] == [1, 1]
    assert document["in_words"] == in_words(made)


def test_an_answer_a_side_and_a_record_have_one_shape():
    third = side_of(TEXT, label="T", null=99.0, seconds=None, notices=("Cut.",))
    whole = compared(passage=Passage(TEXT, (WITHDRAWN,), ("It may be old.",)))
    comparison = comparison_of(*whole.sides, third, passage=whole.passage)
    document = as_json(comparison_json(comparison, View(null_threshold=-99.0)))
    sides = [document["biom"], document["vanilla"], *document["further"]]
    assert [side["model"] for side in sides] == ["BioM-Mini-SQuAD", "=Other", "T"]
    for side in sides:
        assert set(side) == SIDE
        assert side["answer"] is None
        assert all(set(answer) == ANSWER for answer in side["n_best"])
    assert sides[2]["notices"] == ["Cut."]
    assert sides[2]["seconds"] is None
    assert document["agreement"] == "both abstain"
    assert document["settings"]["null_threshold"] == -99.0
    assert [side["answers_as_sure"] for side in sides] == [None] * 3
    assert document["notices"] == ["It may be old."]
    assert document["pmids"] == ["7"]
    (record,) = document["records"]
    assert record["retracted"] is True
    assert record["warnings"] == ["This article was retracted: J 2010 (PMID 8)."]
    assert record["status"] == "retracted"
    assert [(note["sentence"], note["url"]) for note in record["notes"]] == [
        ("This article was retracted: J 2010 (PMID 8).", "https://pubmed.ncbi.nlm.nih.gov/8/"),
        ("A correction was published: J 2000 (PMID 9).", "https://pubmed.ncbi.nlm.nih.gov/9/"),
    ]
    assert record["remarks"] == []
    answering = as_json(comparison_json(comparison))
    assert set(answering["biom"]["answer"]) == ANSWER
    assert answering["further"][0]["answer"] is None
    assert len(answering["biom"]["n_best"]) > View().shown  # all that were ranked, whatever is listed


def test_json_says_how_often_answers_as_sure_were_right():
    document = as_json(comparison_json(compared(calibration=MEASURED)))
    assert document["biom"]["answers_as_sure"] == {
        "measured_on": "BioASQ 8B", "from": 0.9, "to": 1.0, "n": 50, "right": 0.8,
    }  # fmt: skip
    assert document["vanilla"]["answers_as_sure"] is None


def test_findings_over_abstracts_carry_warnings_and_notices():
    plain = Abstract("5", "T", "Only CFTR gene.", (), has_abstract=True)
    read = [compared(record.text, passage=passage_of_records((record,))) for record in (WITHDRAWN, plain)]
    hits = Searched(12, ("7", "5"), "cftr[all]", ("x was ignored",))
    made = Search((Round("cftr", hits),), hits.pmids)
    retrieved = Retrieved("Which gene?", made, (WITHDRAWN, plain), ("An older copy.",))
    checkpoints = read[0].checkpoints
    document = as_json(literature_json(retrieved, read, top_n=2, checkpoints=checkpoints))
    assert (document["question"], document["query"], document["matches"], document["read"]) == (
        "Which gene?", "cftr", 12, 2,
    )  # fmt: skip
    assert document["notices"] == ["An older copy."]
    assert document["warnings"] == ["x was ignored"]
    assert document["translation"] == "cftr[all]"
    assert document["biom"]["model"] == "BioM-Mini-SQuAD"
    best = document["biom"]["answers"][0]
    assert best["text"] == "CFTR"
    texts = {record.pmid: record.text for record in (WITHDRAWN, plain)}
    for evidence in best["evidence"]:
        assert set(evidence) >= ANSWER
        assert texts[evidence["pmid"]][evidence["start"] : evidence["end"]] == evidence["text"]
        assert evidence["retracted"] == (evidence["pmid"] == "7")
        assert bool(evidence["warnings"]) == evidence["retracted"]
        assert evidence["status"] == ("retracted" if evidence["retracted"] else "")
    assert len(document["vanilla"]["answers"]) <= 2
    rows = {row["pmid"]: row for row in document["abstracts"]}
    assert rows["7"]["warnings"]
    assert rows["5"]["biom"]["answer"]["text"] == "CFTR"
    assert rows["5"]["agreement"] == "disagree"
    silent = literature_json(retrieved, read, null_threshold=-99.0, checkpoints=checkpoints)
    assert silent["biom"]["answers"] == []
    assert silent["abstracts"][0]["biom"]["answer"] is None
    empty = literature_json(retrieved, [], checkpoints=checkpoints)
    assert empty["vanilla"]["answers"] == empty["abstracts"] == []


def test_a_download_is_what_the_page_takes():
    assert json.loads(as_download("a.csv", "text/csv", "é,\"")) == {
        "name": "a.csv", "type": "text/csv", "text": "é,\"",
    }  # fmt: skip
