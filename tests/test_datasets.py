"""SQuAD and BioASQ files: every shape in, the same out, clear words for what is broken."""

from __future__ import annotations

import gzip
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.errors import DataError
from biom_demo.qa.datasets import (
    BioAsqQuestion,
    Snippet,
    SquadFile,
    convert,
    list_pairs,
    question_of_pair,
    read_bioasq,
    read_bioasq_files,
    read_dataset,
    read_squad,
    write_bioasq,
    write_squad,
)
from biom_demo.qa.records import CharSpan, Example, Question
from tests.costs import ratio_of
from train.__main__ import main as train_main
from train.__main__ import training_pairs


def written(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def squad(*qas, context="Insulin lowers glucose. Insulin is a hormone."):
    return {"data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(qas)}]}]}


def bioasq_file(path, exact_answer, *, kind="factoid", snippets=("IL-6 rises.",)):
    question = {
        "id": "q1",
        "body": "Which cytokine?",
        "type": kind,
        "snippets": [{"text": s} for s in snippets],
        "ideal_answer": "It is one.",
    }
    if exact_answer is not None:
        question["exact_answer"] = exact_answer
    return written(path, {"questions": [question]})


def test_squad_round_trip(tmp_path):
    examples = [
        Example(Question(id="a", text="What?"), "βeta binds", ("βeta",), (CharSpan(0, 4),)),
        Example(Question(id="b", text="Who?"), "nobody here"),
        Example(Question(id="c", text="When?"), "not said", labelled=False),
    ]
    write_squad(examples, tmp_path / "x.json", title="t")
    found = read_squad(tmp_path / "x.json", strict=True)
    assert found.examples == tuple(examples)
    assert found.notes == ("questions without gold answers, which are answered and not scored: 1 (c).",)


def test_squad_v1_and_v2_fields(tmp_path):
    path = written(
        tmp_path / "x.json",
        squad(
            {"id": "1", "question": "?", "answers": [{"text": "Insulin", "answer_start": 0}] * 2},
            {"id": "2", "question": "?", "is_impossible": True, "answers": [],
             "plausible_answers": [{"text": "Insulin", "answer_start": 0}]},
        ),
    )  # fmt: skip
    first, second = read_squad(path)
    assert first.gold_texts == ("Insulin",)  # the same gold twice is one gold
    assert not second.answerable


def question(identity="a", *answers, **fields):
    """A row of ``qas``; each answer a (text, answer_start)."""
    given = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": identity, "question": "Which?", "answers": given} | fields


def read(tmp_path, *qas, context="Insulin lowers glucose. Insulin is a hormone.", strict=False):
    return read_squad(written(tmp_path / "x.json", squad(*qas, context=context)), strict=strict)


@pytest.mark.parametrize("start", [22, 30, 24.0, "25", 31])
def test_a_wrong_offset_is_moved_to_the_nearest_place(tmp_path, start):
    found = read(tmp_path, question("a", ("Insulin", start)))
    assert found.examples[0].gold_spans == (CharSpan(24, 31),)
    assert found.notes == (() if start == 24.0 else ("answers moved to where they stand: 1 (a).",))


@pytest.mark.parametrize("start", [-1, 0, 10**9, 3])
def test_offsets_out_of_the_text_are_mended_too(tmp_path, start):
    (example,) = read(tmp_path, question("a", ("hormone", start)))
    assert example.gold_spans[0].of(example.context) == "hormone"


@pytest.mark.parametrize(
    ("context", "answer", "surface"),
    [
        (unicodedata.normalize("NFD", "Sjögren syndrome was seen."), "Sjögren syndrome", None),
        ("Sjögren syndrome was seen.", unicodedata.normalize("NFD", "Sjögren syndrome"), "Sjögren syndrome"),
        ("Give 3\u00a0mg daily.", "3 mg", "3\u00a0mg"),
        ("Give 3 mg daily.", "3\u202fmg", "3 mg"),
        ("Give 3\nmg daily.", "3 mg", "3\nmg"),
        ("It is dobu\u00adtamine.", "dobutamine", "dobu\u00adtamine"),
        ("The ﬁbrin net.", "fibrin", "ﬁbrin"),
        ("An α‑blocker helps.", "α-blocker", "α‑blocker"),
        ("Ages 5–10 were seen.", "5-10", "5–10"),
        ("A loss of −3 dB.", "-3 dB", "−3 dB"),
        ("Give “3 mg” daily.", '"3 mg"', "“3 mg”"),
        ('Give "3 mg" daily.', "„3 mg“", '"3 mg"'),
        ("Give ``3 mg'' daily.", '"3 mg"', "``3 mg''"),
        ("The 5′ end’s cap.", "5' end's cap", "5′ end’s cap"),
        ("For 14  days of 3 mg.", "14 days of  3\tmg", "14  days of 3 mg"),
        ("β: for 14 \n  days.", "14 days", "14 \n  days"),
    ],
)
def test_an_answer_in_another_unicode_form_is_read_as_the_text_writes_it(tmp_path, context, answer, surface):
    found = read(tmp_path, question("a", (answer, 0)), context=context)
    (example,) = found
    assert example.gold_texts == (surface or context[: context.index(" was")],)
    assert found.notes == ("answers written as their text writes them: 1 (a).",)


@pytest.mark.parametrize(
    "answer", ["hormone ", " hormone", "\u00a0hormone\n", "\u200bhormone", " a hormone  "]
)
@pytest.mark.parametrize("at_first_letter", [True, False])
def test_white_space_around_an_answer_is_no_part_of_it_and_noted(tmp_path, answer, at_first_letter):
    context = "Insulin is a hormone \nmade of beads; a hormone\nacts."
    bare = answer.strip("\u200b \n\u00a0")
    before = 0 if at_first_letter else answer.index(bare)
    start = context.rindex(bare) - before
    found = read(tmp_path, question("a", (answer, start)), context=context, strict=True)
    assert found.examples[0].gold_texts == (bare,)
    assert found.examples[0].gold_spans[0].start == start + before
    assert found.notes == ("answers taken without the white space around them: 1 (a).",)


def test_an_answer_of_invisible_characters_alone_stands_nowhere(tmp_path):
    found = read(tmp_path, question("a", ("\u200b ", 0)), question("b", ("glucose", 15)))
    assert [example.question.id for example in found] == ["b"]


def test_one_bad_answer_of_many_is_left_out_and_named(tmp_path):
    rows = [question(f"q{i}", ("Insulin", 0)) for i in range(50)]
    rows.append(question("bad", ("zinc", 0)))
    rows.append(question("half", ("zinc", 0), ("glucose", 15)))
    rows.append({"question": "Which?", "answers": "Insulin", "id": None})
    rows.append(question("mute", question=7))
    rows.append(question("empty", ("", 0)))
    found = read(tmp_path, *rows)
    assert len(found) == 52
    assert found.examples[50].gold_texts == ("glucose",)
    told = " ".join(found.notes)
    assert "questions left out, as the answer does not stand in the text: 2 (bad: 'zinc', empty: '')." in told
    assert "answers left out, as the answer does not stand in the text: 1 (half: 'zinc')." in told
    assert "questions without an id, named by their place: 1 (question-53)." in told
    assert "questions left out, as they have no text: 1 (mute)." in told
    with pytest.raises(DataError, match="without --strict"):
        read(tmp_path, *rows, strict=True)


def test_strict_reads_what_is_only_written_in_another_form(tmp_path):
    columns = {"text": ["Insulin"], "answer_start": [0]}
    found = read(tmp_path, question(7, answers=columns, is_impossible="False"), strict=True)
    assert found.examples[0].question.id == "7"
    assert found.examples[0].gold_texts == ("Insulin",)
    assert len(found.notes) == 3


@pytest.mark.parametrize(
    ("fields", "answerable", "labelled"),
    [
        ({"is_impossible": True}, False, True),
        ({"is_impossible": "true"}, False, True),
        ({"is_impossible": True, "answers": []}, False, True),
        ({"answers": []}, False, True),
        ({"answers": {"text": [], "answer_start": []}}, False, True),
        ({}, False, False),
        ({"answers": None}, False, False),
        ({"is_impossible": "false"}, False, False),
        ({"is_impossible": False, "answers": []}, False, False),
        ({"answers": {"text": "Insulin", "answer_start": 0}}, True, True),
        ({"answers": ["Insulin"]}, True, True),
        ({"is_impossible": 0, "answers": [{"text": "Insulin", "answer_start": 0}]}, True, True),
    ],
)
def test_unanswerable_and_without_gold_are_two_things(tmp_path, fields, answerable, labelled):
    (example,) = read(tmp_path, {"id": "a", "question": "Which?"} | fields)
    assert (example.answerable, example.labelled) == (answerable, labelled)


def test_an_id_that_occurs_again_is_numbered_or_left_out(tmp_path):
    document = squad(question("a", ("Insulin", 0)), question("a", ("Insulin", 0)))
    document["data"] += squad(question("a", ("Zinc", 0)), question("b"), context="Zinc is a metal.")["data"]
    document["data"] += squad(question("a", ("Iron", 0)), context="Iron is one too.")["data"]
    found = read_squad(written(tmp_path / "x.json", document))
    assert [example.question.id for example in found] == ["a", "a_000", "b", "a_001"]
    assert any("there already: 1 (a)" in note for note in found.notes)
    assert any("given a number: 2 (a, a)" in note for note in found.notes)


@pytest.mark.parametrize(
    "other",
    [question("a", ("glucose", 15)), question("a", is_impossible=True), {"id": "a", "question": "Which?"}],
)
def test_a_question_that_occurs_again_with_other_answers_is_named(tmp_path, other):
    found = read(tmp_path, question("a", ("Insulin", 0)), other)
    assert [example.gold_texts for example in found] == [("Insulin",)]
    assert "questions left out, as they were there already with other answers: 1 (a)." in found.notes


def test_rows_of_hugging_face_and_lines_of_mrqa(tmp_path):
    context = "Insulin lowers glucose."
    rows = [
        {"id": f"r{i}", "title": t, "context": context, "question": "Which?",
         "answers": {"text": ["Insulin", "glucose"], "answer_start": [0, 15]}}
        for i, t in enumerate(["one", "two"])
    ]  # fmt: skip
    mrqa = [
        {"header": {"dataset": "made up"}},
        {"id": "", "context": context, "qas": [{
            "qid": "m", "question": "Which?", "answers": ["Insulin"],
            "detected_answers": [{"text": "Insulin", "char_spans": [[0, 6]], "token_spans": [[0, 0]]}]}]},
    ]  # fmt: skip
    as_lines = "\ufeff" + "\n".join(map(json.dumps, rows)) + "\n\n"
    for name, text in (
        ("a.json", json.dumps(rows)),
        ("b.json", json.dumps({"data": rows})),
        ("c.jsonl", as_lines),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        found = read_squad(tmp_path / name, strict=True)
        assert [e.question.id for e in found] == ["r0", "r1"]
        assert found.examples[0].gold_spans == (CharSpan(0, 7), CharSpan(15, 22))
        assert [e.question.id for e in read_squad(tmp_path / name, without_articles={"one"})] == ["r1"]
    lines = "\n".join(map(json.dumps, mrqa)).encode()
    for name, data in (("d.jsonl", lines), ("e.jsonl.gz", gzip.compress(lines))):
        (tmp_path / name).write_bytes(data)
        (example,) = read_dataset(tmp_path / name, strict=True).examples
        assert (example.question.id, example.gold_texts) == ("m", ("Insulin",))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_byte_order_mark_is_no_trouble(tmp_path, encoding):
    (tmp_path / "x.json").write_text(json.dumps(squad(question("a", ("Insulin", 0)))), encoding=encoding)
    assert len(read_squad(tmp_path / "x.json", strict=True)) == 1


def test_halves_of_characters_are_replaced(tmp_path):
    (example,) = read(tmp_path, question("\ud800", ("Insulin \ud800", 0)), context="Insulin \ud800 rises.")
    assert example.gold_texts == ("Insulin \ufffd",)
    write_squad([example], tmp_path / "y.json", title="t")
    assert read_squad(tmp_path / "y.json").examples == (example,)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "not a SQuAD file"),
        ("data", "not a SQuAD file"),
        ({"data": {}}, "not a SQuAD file"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, 'lack "context" or "qas": 1 .paragraph 1'),
        ({"data": [None, 3, {"paragraphs": 7}]}, "paragraph 3"),
        (squad(question("7", ("zinc", 0))), "does not stand in the text: 1 .7: 'zinc'"),
        (squad({"id": "1", "question": "?", "answers": [{"answer_start": 0}]}), "does not stand"),
        (squad({"id": "1"}), "no text"),
        ({"questions": [{"id": "1", "body": "Which?"}]}, "train convert"),
    ],
)
def test_a_file_of_which_nothing_can_be_used_is_refused_with_the_reason(tmp_path, value, words):
    with pytest.raises(DataError, match=words):
        read_squad(written(tmp_path / "x.json", value))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"data": [', "cut off"),
        (b'{"a": 1}\n{"b": ', "line 2, column 7.*cut off"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" + b"9" * 10_000 + b"]", "number"),
        (gzip.compress(b"{}" * 1000, mtime=0)[:30], "damaged"),
        (b"\x1f\x8b not packed", "damaged"),
    ],
)
def test_a_file_that_is_no_json_is_refused_with_the_reason(tmp_path, data, words):
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(DataError, match=words):
        read_squad(tmp_path / "x.json")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match="no file"):
        read_squad(tmp_path / "none.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_squad(tmp_path)


@pytest.mark.parametrize(
    ("kind", "exact_answer", "entities"),
    [
        ("factoid", "IL-6", (("IL-6",),)),
        ("factoid", ["IL-6", "interleukin 6"], (("IL-6", "interleukin 6"),)),
        ("factoid", [["IL-6", "interleukin 6"]], (("IL-6", "interleukin 6"),)),
        ("factoid", [["IL-6"], ["IL-8"]], (("IL-6",), ("IL-8",))),
        ("factoid", [["IL-6"], "IL-8"], (("IL-6",), ("IL-8",))),
        ("factoid", [[""], ["IL-8"]], (("IL-8",),)),
        ("factoid", [None], ()),
        ("factoid", [[None], "IL-8"], (("IL-8",),)),
        ("factoid", [[["IL-6", "interleukin 6"]]], (("IL-6", "interleukin 6"),)),
        ("factoid", [[["IL-6"], ["IL-8"]]], (("IL-6",), ("IL-8",))),
        ("factoid", [[[[["IL-6"]]]]], (("IL-6",),)),
        ("factoid", 6, (("6",),)),
        ("factoid", [{"text": "IL-6"}], ()),
        ("list", [[["IL-6", "interleukin 6"], ["IL-8"]]], (("IL-6", "interleukin 6"), ("IL-8",))),
        ("list", ["IL-6", "IL-8"], (("IL-6",), ("IL-8",))),
        ("list", [["IL-6", "interleukin 6"], ["IL-8"]], (("IL-6", "interleukin 6"), ("IL-8",))),
        ("yesno", "yes", (("yes",),)),
        ("summary", None, ()),
    ],
)
def test_every_shape_of_exact_answer_and_its_round_trip(tmp_path, kind, exact_answer, entities):
    (question,) = read_bioasq(bioasq_file(tmp_path / "x.json", exact_answer, kind=kind))
    assert question.exact_answer == entities
    assert question.ideal_answers == ("It is one.",)
    write_bioasq([question], tmp_path / "y.json")
    assert read_bioasq(tmp_path / "y.json", strict=True).questions == (question,)


def test_a_file_that_is_no_bioasq_is_refused(tmp_path):
    with pytest.raises(DataError, match="not a BioASQ file"):
        read_bioasq(written(tmp_path / "x.json", {"questions": [{"id": "1"}]}))


def factoid(*synonyms, snippets, kind="factoid"):
    return BioAsqQuestion("q", "Which?", kind, (synonyms,), tuple(Snippet(s, "") for s in snippets))


def test_card_takes_the_first_answer_case_sensitively_and_keeps_repeats():
    question = factoid("TP53", "p53", snippets=["tp53 and p53", "TP53, again TP53", "TP53, again TP53"])
    made = convert([question], mode="card")
    assert [e.question.id for e in made.examples] == ["q_000", "q_001"]
    assert [e.gold_spans for e in made.examples] == [(CharSpan(0, 4),)] * 2
    assert (made.converted_questions, made.total_questions) == (1, 1)


def test_wide_takes_any_synonym_in_any_case_as_the_text_writes_it():
    made = convert([factoid("TP53", "p53", snippets=["a tp53 and P53", "none"])], mode="wide")
    (example,) = made.examples
    assert example.gold_texts == ("tp53", "P53")


def test_wide_keeps_offsets_true():
    made = convert([factoid("AR", snippets=["İ cancer, then AR."])], mode="wide")  # İ lower-cases to two
    assert made.examples[0].gold_spans == (CharSpan(15, 17),)


@pytest.mark.parametrize(
    ("answer", "snippet", "gold"),
    [
        ("TNF-alpha receptor", "The TNF-α receptor.", "TNF-α receptor"),
        ("TNF-alpha", "raised TNFα levels", "TNFα"),
        ("NF-κB", "the NF-kappaB path", "NF-kappaB"),
        ("β-catenin", "beta catenin binds", "beta catenin"),
        ("interferon signature", "an interferon–signature", "interferon–signature"),
        ("20 mg/kg", "was 20\nmg/kg daily", "20\nmg/kg"),
        ("IL-6", "both IL6 and", "IL6"),
        ("Behçet's disease", unicodedata.normalize("NFD", "in Behçet’s disease"), None),
        ("Ibrutinib.", "It is ibrutinib, a drug", "ibrutinib"),
        ("the spleen", "in spleen only", "spleen"),
        ("MET", "the c-MET gene", "MET"),
        ("3", "had 3.", "3"),
        ("-20 °C", "kept at −20 °C", "−20 °C"),
        ("MET", "Metformin and COMET", None),
        ("3", "in 2013, 0.3 of IL-3, 3.5", None),
        ("IL-1", "IL-10 and IL-1R", None),
        ("20 °C", "kept at 120 °C", None),
        ("-20 °C", "kept at 20 °C", None),
        ("510 mg", "from 5-10 mg", None),
        ("alpha", "the alphabet", None),
        ("None", "Nonetheless", None),
        ("A", "In a man with hepatitis A it is.", "A"),
        ("A", "A man had a cold.", None),
        ("a", "A man had a cold.", None),
        ("A", "Seen by A. Berg in mice.", None),
        ("I", "Then I saw that it is so.", None),
        ("K", "Vitamins A, D and K were given.", "K"),
        ("C", "The clades A, B, and C differ.", "C"),
        ("C", "Mice and C differ.", None),
        ("B", "It is HLA-B that counts.", "B"),
        ("p", "It rose (p < 0.05).", None),
        ("NO", "There is no doubt; NO relaxes it.", "NO"),
        ("NO", "No doubt there is no release.", None),
        ("CAT", "A cat has it.", None),
        ("MET", "the met gene; they met", None),
        ("AR", "the ar gene", "ar"),
    ],
)
def test_wide_knows_a_name_however_it_is_written_and_not_within_a_word(answer, snippet, gold):
    examples = convert([factoid(answer, snippets=[snippet])], mode="wide").examples
    if gold is None and "Beh" in answer:
        gold = snippet.removeprefix("in ")
    assert [example.gold_texts for example in examples] == ([] if gold is None else [(gold,)])


def test_an_empty_exact_answer_is_found_nowhere(tmp_path):
    found = read_bioasq(bioasq_file(tmp_path / "x.json", [None], snippets=("None of the mice died.",)))
    assert found.notes == ("empty entries of exact answers, left out: 1 (q1).",)
    for mode in ("card", "wide"):
        assert convert(found, mode=mode).examples == ()


@pytest.mark.parametrize("entry", ["None", "null", " NULL", "NaN", "n/a", "-", "[]", "?", '""'])
def test_a_word_for_nothing_is_no_exact_answer(tmp_path, entry):
    snippets = ("None of the null mice died - was it NaN, n/a?",)
    for answer in (entry, [[entry]], [[entry, "mice"]]):
        found = read_bioasq(bioasq_file(tmp_path / "x.json", answer, snippets=snippets))
        assert found.questions[0].synonyms == (("mice",) if "mice" in str(answer) else ())
        assert found.notes == ("empty entries of exact answers, left out: 1 (q1).",)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("3", "4", True),
        (["IL-6"], ["IL-6", "interleukin 6"], True),
        (["IL-6", "CSIF"], [["csif"], ["il-6"]], False),
        (None, "4", False),
        ("3", None, False),
    ],
)
def test_a_question_that_occurs_again_with_other_exact_answers_is_named(tmp_path, first, second, told):
    files = [bioasq_file(tmp_path / f"{n}.json", a) for n, a in (("a", first), ("b", second))]
    found = read_bioasq_files(files)
    assert found.questions[0].exact_answer == read_bioasq(files[first is None]).questions[0].exact_answer
    assert any("with other exact answers" in note and "q1: " in note for note in found.notes) == told
    if told:
        with pytest.raises(DataError, match="other exact answers"):
            read_bioasq_files(files, strict=True)


def asked(**fields):
    return {
        "id": "q",
        "type": "factoid",
        "body": "Which?",
        "exact_answer": [["IL-6"]],
        "snippets": [{"text": "IL-6 rises.", "document": "d"}],
    } | fields


def test_bioasq_forms_that_go_around(tmp_path):
    rows = [
        asked(id=1, type="Factoid"),
        asked(id="b", type=None, exact_answer=["IL-6", "interleukin 6"]),
        asked(id="c", snippets=[{"document": "d"}, "IL-6 falls.", None, {"text": " "}, 3], documents="d"),
        asked(id="d", type="Yes/No", exact_answer="yes"),
        asked(id="e", body=None),
        asked(id="f", type=None, exact_answer=[["IL-6"], ["IL-8"]]),
        asked(id="g", type=None, exact_answer=None, snippets=None),
        asked(id="h", type=None, exact_answer="No"),
    ]
    lines = "\n".join(map(json.dumps, rows))
    (tmp_path / "lines.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "packed.json.gz").write_bytes(gzip.compress(json.dumps({"questions": rows}).encode()))
    files = [written(tmp_path / "list.json", rows), tmp_path / "lines.jsonl", tmp_path / "packed.json.gz"]
    for path in files:
        found = read_bioasq(path)
        kinds = ["factoid", "factoid", "factoid", "yesno", "list", "summary", "yesno"]
        assert [question.type for question in found] == kinds
        assert [snippet.text for snippet in found.questions[2].snippets] == ["IL-6 falls."]
        told = " ".join(found.notes)
        assert "types in other letters: 2 (1, d)." in told
        assert "taken from the form of the answer: 4 (b, f, g, …)." in told
        assert "snippets left out, as they have no text: 4 (c, c, c, …)." in told
        assert 'no "body": 1 (question-5).' in told
        assert len(convert(found, mode="card").examples) == 3
        assert read_dataset(path) == found
        with pytest.raises(DataError, match="without --strict"):
            read_bioasq(path, strict=True)


def test_a_question_of_several_files_is_taken_once(tmp_path, capsys):
    more = [{"text": "IL-6 rises.", "document": "d"}, {"text": "IL-6 falls.", "document": "e"}]
    files = [
        written(tmp_path / "1.json", {"questions": [asked(exact_answer=None), asked(id="r")]}),
        written(tmp_path / "2.json", {"questions": [asked(snippets=more), asked(id="r", body="Who?")]}),
    ]
    found = read_bioasq_files(files)
    assert [(q.id, len(q.snippets)) for q in found] == [("q", 2), ("r", 1)]
    assert found.notes == (
        "questions that occur again, taken once: 1 (q).",
        "questions left out, as their id names another one: 1 (r).",
    )
    out = tmp_path / "out.json"
    assert train_main(["convert", *map(str, files), "--mode", "card", "--out", str(out)]) == 0
    assert "note: questions that occur again" in capsys.readouterr().err
    assert [e.question.id for e in read_squad(out, strict=True)] == ["q_000", "q_001", "r_000"]
    assert train_main(["convert", *map(str, files), "--mode", "card", "--out", str(out), "--strict"]) == 2
    # Asked directly, it gives no id twice either.
    twice = convert([*read_bioasq(files[1]), *read_bioasq(files[1])], mode="card").examples
    assert len({example.question.id for example in twice}) == len(twice) == 6


def test_training_names_the_questions_it_shares_with_the_test_files(tmp_path, capsys):
    train = written(tmp_path / "train.json", {"questions": [asked(), asked(id="r", body="What?")]})
    test = written(tmp_path / "test.json", {"questions": [asked(snippets=[])]})
    pairs = squad(question("s", ("Insulin", 0), question="Which hormone?"))
    general = written(tmp_path / "squad.json", pairs)
    command = ["cost", "--recipe", "smoke", "--squad", str(general), "--bioasq", str(train)]
    assert train_main([*command, "--exclude", str(test)]) == 0
    assert "left out of training, as the excluded files have the question or its text: q." in (
        capsys.readouterr().err
    )


def test_nothing_is_learned_from_questions_without_gold(tmp_path):
    path = written(tmp_path / "x.json", squad(question("a", ("Insulin", 0)), {"id": "b", "question": "?"}))
    assert [pair.question.id for pair in training_pairs([path], None, 0)] == ["a"]


def many_wrong_answers(size):
    context = "ab " * size
    return squad(*(question(i, (f"zinc {i}", 0), ("ab", 3 * i)) for i in range(size // 16)), context=context)


def one_letter_answers(size):
    return squad(
        *(question(i, ("b" * (1 + i % 400), 0)) for i in range(size // 64)), context="a" + "b" * size
    )


def many_names(size):
    names = [["a " * (1 + i % 100) + "b" for i in range(size // 64)]]
    return {"questions": [asked(exact_answer=names, snippets=[{"text": "a " * size}])]}


def marks(size):
    text = "e" + "\u0301\u0323" * size
    return {"questions": [asked(exact_answer=[["e\u0323"]], snippets=[{"text": text}])]}


def repeated_questions(size):
    snippets = [[{"text": f"IL-6 {i}", "document": "d"}] for i in range(size // 16)]
    return {"questions": [asked(snippets=snippet) for snippet in snippets]}


def repeated_ids(size):
    return squad(*(question("a", ("Insulin", 0), question=f"Which {i}?") for i in range(size // 16)))


@pytest.mark.parametrize(
    "make", [many_wrong_answers, one_letter_answers, many_names, marks, repeated_questions, repeated_ids]
)
def test_hostile_files_cost_no_more_than_their_length(tmp_path, make):
    def read(path):
        found = read_dataset(path)
        if make in (many_names, marks, repeated_questions):
            convert(found, mode="wide")

    short, long = (written(tmp_path / f"{size}.json", make(size)) for size in (16_000, 64_000))
    assert ratio_of(read, short, long, most=8) < 8


def test_unique_pairs_and_other_question_types():
    twice = factoid("A1", snippets=["A1 x", "A1 x"])
    assert len(convert([twice], mode="wide", unique_pairs=True).examples) == 1
    assert len(convert([twice], mode="wide").examples) == 2
    assert convert([factoid("A1", snippets=["A1"], kind="list")], mode="card").total_questions == 0


KEYS = (
    "data paragraphs context qas id qid question answers text answer_start is_impossible detected_answers "
    "char_spans header title questions body type exact_answer snippets document documents ideal_answer"
)
TEXTS = st.sampled_from(["", " ", "IL-6", "yes", "factoid", "\ud800"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=6)
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(
    value=VALUES
    | st.lists(VALUES, min_size=1).map(lambda qas: squad(*qas))
    | st.lists(st.fixed_dictionaries({"body": st.just("Which?")}, optional={
        "id": VALUES, "type": VALUES, "exact_answer": VALUES, "snippets": VALUES}), min_size=1)
)  # fmt: skip
def test_any_json_is_read_or_refused_in_words(tmp_path_factory, value):
    path = written(tmp_path_factory.mktemp("any") / "x.json", value)
    try:
        found = read_dataset(path)
    except DataError:
        return
    out = path.with_name("y.json")
    if isinstance(found, SquadFile):
        write_squad(found, out, title="t")
        again = read_squad(out, strict=True)
        assert again.examples == found.examples
    else:
        write_bioasq(found, out)
        assert [question.id for question in read_bioasq(out)] == [question.id for question in found]
        pairs = convert(found, mode="wide").examples
        assert len({pair.question.id for pair in pairs}) == len(pairs)


def test_question_of_pair():
    assert question_of_pair("5e29fb27aa19d74431000005_012") == "5e29fb27aa19d74431000005"
    assert question_of_pair("plain") == "plain"
    assert question_of_pair("a_b") == "a_b"


def test_the_converter_says_when_nothing_can_be_made(tmp_path, capsys):
    path = bioasq_file(tmp_path / "x.json", None)
    assert train_main(["convert", str(path), "--mode", "card", "--out", str(tmp_path / "o.json")]) == 2
    assert "year 1" in capsys.readouterr().err
    assert not (tmp_path / "o.json").exists()


@pytest.mark.shared
@pytest.mark.parametrize(("mode", "pairs", "questions"), [("card", 475, 96), ("wide", 585, 118)])
def test_the_published_count(shared_data, tmp_path, capsys, mode, pairs, questions):
    files = sorted(str(p) for p in (shared_data / "bioasq").glob("8B*_golden.json"))
    out = tmp_path / "dev.json"
    assert train_main(["convert", *files, "--mode", mode, "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{pairs} pairs from {questions} of 151 questions\n"
    examples = read_squad(out)
    assert len(examples) == pairs
    assert all(len(example.question.id) == 28 for example in examples)


@pytest.mark.shared
def test_real_files_are_read(shared_data):
    for path in [*shared_data.glob("squad/*.json"), *shared_data.glob("qa_extra/*.json")]:
        assert len(read_squad(path)) > 1000


def test_list_questions_give_pairs_where_a_snippet_names_one_item():
    question = BioAsqQuestion(
        "l1",
        "Which hormones lower glucose?",
        "list",
        (("insulin",), ("amylin", "IAPP")),
        tuple(
            Snippet(text, "d")
            for text in (
                "Insulin lowers glucose.",
                "Insulin and amylin lower it.",
                "IAPP, that is amylin, lowers it.",
                "Nothing is said.",
                "Insulin lowers glucose.",
            )
        ),
    )
    factoid = BioAsqQuestion("f1", "Which?", "factoid", (("insulin",),), question.snippets)
    made = list_pairs([question, factoid])
    assert [(e.question.id, e.gold_texts) for e in made] == [
        ("l1_000", ("Insulin",)),
        ("l1_001", ("amylin", "IAPP")),
    ]
    assert all(
        span.of(e.context) == text
        for e in made
        for span, text in zip(e.gold_spans, e.gold_texts, strict=True)
    )
