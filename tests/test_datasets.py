"""SQuAD and BioASQ files: every shape in, the same out, clear words for what is broken."""

from __future__ import annotations

import json

import pytest

from biom_demo.errors import DataError
from biom_demo.qa.datasets import (
    BioAsqQuestion,
    Snippet,
    convert,
    list_pairs,
    question_of_pair,
    read_bioasq,
    read_squad,
    write_bioasq,
    write_squad,
)
from biom_demo.qa.records import CharSpan, Example, Question
from train.__main__ import main as train_main


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
    }
    if exact_answer is not None:
        question["exact_answer"] = exact_answer
    return written(path, {"questions": [question]})


def test_squad_round_trip(tmp_path):
    examples = [
        Example(Question("What?", "a"), "βeta binds", ("βeta",), (CharSpan(0, 4),)),
        Example(Question("Who?", "b"), "nobody here"),
    ]
    write_squad(examples, tmp_path / "x.json", title="t")
    assert read_squad(tmp_path / "x.json") == examples


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


def test_a_wrong_offset_is_moved_to_the_nearest_place(tmp_path):
    path = written(
        tmp_path / "x.json",
        squad({"id": "1", "question": "?", "answers": [{"text": "Insulin", "answer_start": 22}]}),
    )
    assert read_squad(path)[0].gold_spans == (CharSpan(24, 31),)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "not a SQuAD file"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, "context"),
        (
            squad({"id": "1", "question": "?", "answers": [{"text": "zinc", "answer_start": 0}]}),
            "does not occur",
        ),
        (squad({"id": "1", "question": "?", "answers": [{"text": ""}]}), "answer_start"),
        (squad({"question": "?"}), '"id"'),
        (squad({"id": "1", "question": "?"}, {"id": "1", "question": "?"}), "occurs twice"),
    ],
)
def test_a_broken_squad_file_is_refused_with_the_reason(tmp_path, value, words):
    with pytest.raises(DataError, match=words):
        read_squad(written(tmp_path / "x.json", value))


@pytest.mark.parametrize(
    ("data", "words"),
    [(b'{"data": [', "cut off"), (b"\xff\xfe\x00", "not UTF-8"), (b"[" * 100_000, "nested too deeply")],
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
        ("list", ["IL-6", "IL-8"], (("IL-6",), ("IL-8",))),
        ("list", [["IL-6", "interleukin 6"], ["IL-8"]], (("IL-6", "interleukin 6"), ("IL-8",))),
        ("yesno", "yes", (("yes",),)),
        ("summary", None, ()),
    ],
)
def test_every_shape_of_exact_answer_and_its_round_trip(tmp_path, kind, exact_answer, entities):
    (question,) = read_bioasq(bioasq_file(tmp_path / "x.json", exact_answer, kind=kind))
    assert question.exact_answer == entities
    write_bioasq([question], tmp_path / "y.json")
    assert read_bioasq(tmp_path / "y.json") == [question]


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


def test_wide_prefers_a_word_of_its_own_and_keeps_offsets_true():
    made = convert([factoid("AR", snippets=["İ cancer, then AR."])], mode="wide")  # İ lower-cases to two
    assert made.examples[0].gold_spans == (CharSpan(15, 17),)
    within = convert([factoid("canc", snippets=["cancers"])], mode="wide")
    assert within.examples[0].gold_texts == ("canc",)


def test_unique_pairs_and_other_question_types():
    twice = factoid("A1", snippets=["A1 x", "A1 x"])
    assert len(convert([twice], mode="wide", unique_pairs=True).examples) == 1
    assert len(convert([twice], mode="wide").examples) == 2
    assert convert([factoid("A1", snippets=["A1"], kind="list")], mode="card").total_questions == 0


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
@pytest.mark.parametrize(("mode", "pairs", "questions"), [("card", 475, 96), ("wide", 601, 118)])
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
