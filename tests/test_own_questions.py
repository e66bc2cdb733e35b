"""The own questions' file holds what it promises, and their table says what a model made of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise

import pytest

from benchmarks import own_questions
from benchmarks.own_questions import OWN_QUESTIONS, faults, measured, table
from biom_demo.analysis.benchmark import score
from biom_demo.models.catalogue import resolve_pair
from biom_demo.qa.datasets import read_squad
from biom_demo.qa.metrics import normalize_answer
from biom_demo.qa.records import CharSpan, Example, Question
from biom_demo.qa.sentences import split_sentences
from biom_demo.qa.spans import decode
from biom_demo.ui.examples import EXAMPLES
from tests.readings import WORD, reading_of

DOCUMENT = json.loads(OWN_QUESTIONS.read_text("utf-8"))
PASSAGES = [paragraph for article in DOCUMENT["data"] for paragraph in article["paragraphs"]]
QUESTIONS = [(qa, paragraph["context"]) for paragraph in PASSAGES for qa in paragraph["qas"]]
ASKING = frozenset(
    "what which who whom whose when where why how many much do does did is are was were".split()  # noqa: SIM905
)


def words(text):
    return [word.casefold() for word in WORD.findall(text) if word[0].isalnum()]


def is_subsequence(part, whole):
    rest = iter(whole)
    return all(word in rest for word in part)


def test_the_file_is_read_as_it_stands():
    file = read_squad(OWN_QUESTIONS, strict=True)
    assert file.notes == ()
    assert len(file) == 60
    assert sum(example.answerable for example in file) == 40
    assert all(example.labelled for example in file)


def test_counts_lengths_and_titles():
    assert len(PASSAGES) == 20
    assert len({article["title"] for article in DOCUMENT["data"]}) == 20
    assert len({paragraph["context"] for paragraph in PASSAGES}) == 20
    lengths = [len(paragraph["context"]) for paragraph in PASSAGES]
    assert sum(300 <= length <= 800 for length in lengths) == 4
    assert sum(900 <= length <= 2000 for length in lengths) == 12
    assert sum(length >= 5000 for length in lengths) == 4
    assert len({qa["id"] for qa, _ in QUESTIONS}) == len({qa["question"] for qa, _ in QUESTIONS}) == 60
    assert all(any(not qa["is_impossible"] for qa in paragraph["qas"]) for paragraph in PASSAGES)


def test_passages_share_no_run_of_words():
    """Nor with the example texts of the page, whose questions and answers are shown to everybody."""
    seen = Counter()
    for text in (*(p["context"] for p in PASSAGES), *(example["context"] for example in EXAMPLES)):
        found = words(text)
        seen.update({tuple(found[i : i + 10]) for i in range(len(found) - 9)})
    assert [run for run, count in seen.items() if count > 1] == []


@pytest.mark.parametrize(
    ("qa", "context"), QUESTIONS, ids=lambda value: value.get("id") if isinstance(value, dict) else ""
)
def test_question(qa, context):
    assert qa["question"].endswith("?")
    assert bool(qa["answers"]) is not qa["is_impossible"]
    for answer in qa["answers"]:
        text, start = answer["text"], answer["answer_start"]
        assert context[start : start + len(text)] == text == text.strip()
        # Whole words, and nowhere else in the passage: a right text from there would be right by chance.
        assert [m.start() for m in re.finditer(rf"(?<!\w){re.escape(text)}(?!\w)", context)] == [start]
        assert normalize_answer(text)
    spans = [CharSpan(a["answer_start"], a["answer_start"] + len(a["text"])) for a in qa["answers"]]
    assert len(set(spans)) == len(spans) <= 8
    # All wordings stand in one place, each within or across the next, so they are one answer.
    assert all(abs(a.start - b.start) < 160 for a, b in pairwise(spans))
    asked = [word for word in words(qa["question"]) if word not in ASKING]
    for sentence in split_sentences(context):
        assert not is_subsequence(asked, words(sentence.of(context))), sentence.of(context)


def test_questions_ask_for_many_kinds_of_things():
    first = Counter(words(qa["question"])[0] for qa, _ in QUESTIONS)
    assert {"how", "what", "when", "where", "which", "who", "why", "by", "in"} <= first.keys()
    numbers = [qa for qa, _ in QUESTIONS if qa["answers"] and re.search(r"\d", qa["answers"][0]["text"])]
    assert 15 <= len(numbers) <= 25


# A stub: a reader that points where it is told, one token a word.
TEXT = "In 1921 insulin was found in dogs. It lowered the sugar of 45% of the patients by a third."
GOLD = {"year": ("1921", "In 1921"), "share": ("45%",), "cut": ("by a third",), "place": ()}


class Stub:
    """In the place of ``Reader``: for each question the words it points at, and its null score."""

    def __init__(self, pointed):
        self.pointed = pointed

    def predictions(self, pairs, *, progress=None):
        spans = [match.span() for match in WORD.finditer(TEXT)]
        for question, context in pairs:
            answer, height, null = self.pointed[question.id]
            at = context.index(answer)
            first = next(i for i, (start, _) in enumerate(spans) if start == at)
            last = next(i for i, (_, end) in enumerate(spans) if end == at + len(answer))
            reading = reading_of(context, {first: height}, {last: height}, null=null, question=question)
            yield decode(reading)


def examples():
    for key, texts in GOLD.items():
        spans = tuple(CharSpan(TEXT.index(text), TEXT.index(text) + len(text)) for text in texts)
        yield Example(Question(f"Of {key}?", key), TEXT, texts, spans)


def result_of(label="stub", **pointed):
    sure = {"year": ("1921", 20.0, 0.0), "share": ("45%", 20.0, 0.0), "cut": ("by a third", 20.0, 0.0)}
    return measured(Stub(sure | {"place": ("dogs", 0.0, 30.0)} | pointed), list(examples()), label=label)


def test_a_perfect_reader():
    result = result_of()
    assert result.figures() == {
        "right": 100,
        "nearly": 100,
        "f1": 100,
        "silent": 0,
        "misled": 0,
        "abstained": 100,
    }
    assert faults(result).count("\n") == 0


def test_each_way_to_go_wrong_has_its_column():
    result = result_of(
        share=("1921", 20.0, 0.0),  # another number
        cut=("patients by a third", 20.0, 50.0),  # two of three words; and null is higher
        place=("dogs", 20.0, 0.0),
    )
    figures = result.figures()
    assert figures["right"] == pytest.approx(100 / 3)
    assert figures["nearly"] == pytest.approx(200 / 3)  # F1 of "by third" in "patients by third" is 0.8
    assert figures["f1"] == pytest.approx(100 * (1 + 0.8) / 3)
    assert figures["silent"] == pytest.approx(100 / 3)
    assert (figures["misled"], figures["abstained"]) == (100, 0)
    listed = faults(result).splitlines()
    assert [line.split()[0] for line in listed[1::2]] == ["share", "cut", "place"]
    assert listed[2].split() == ["'1921'", "at", "100.0%;", "gold:", "45%"]
    assert listed[4].strip().endswith(", nearly, abstains; gold: by a third")
    assert listed[6].strip().endswith("gold: not in the text")


def test_an_unsure_answer_where_there_is_none_does_not_mislead():
    # About 300 other spans at 0 and half as much at null: the best has most, yet not above a half.
    result = result_of(place=("dogs", 2.5, 0.0))
    (place,) = (o for o in result.outcomes if o.example.question.id == "place")
    assert 0 < place.confidence < 0.5
    assert not place.abstains
    assert (result.figures()["misled"], result.figures()["abstained"]) == (0, 0)
    assert "'dogs' at" in faults(result)


def test_a_right_word_at_another_place_is_not_nearly_right():
    text = "Of 45 men 30 died, and of 45 women 30 men were kin of 45 men, it is said."
    gold = CharSpan(text.index("45 men, it"), text.index(", it is"))
    example = Example(Question("Whose kin?", "kin"), text, (gold.of(text),), (gold,))
    elsewhere = reading_of(text, {0: 20.0}, {2: 20.0}, question=example.question)
    found = own_questions.outcome(example, decode(elsewhere))
    assert (found.text, found.exact, found.overlaps, found.nearly) == ("Of 45 men", False, False, False)
    assert found.f1 == pytest.approx(0.8)


def test_figures_are_those_of_evaluate():
    pointed = {"share": ("of 45%", 20.0, 0.0), "cut": ("a third", 20.0, 50.0), "place": ("dogs", 9.0, 1.0)}
    result = result_of(**pointed)
    sure = {"year": ("1921", 20.0, 0.0)} | pointed
    held = list(examples())
    predictions = list(Stub(sure).predictions([(e.question, e.context) for e in held]))
    evaluation = score(predictions, held, label="", file="", decoding="", seconds=0.0)
    figures = result.figures()
    assert figures["right"] == pytest.approx(evaluation.exact_match)
    assert figures["f1"] == pytest.approx(evaluation.f1)
    assert figures["abstained"] == pytest.approx(evaluation.with_null.no_answer.exact_match)


def test_the_table_is_aligned_and_says_where_there_is_nothing_to_count():
    good, bad = result_of("a"), result_of("a longer name", year=("dogs", 20.0, 0.0))
    lines = table([good, bad]).splitlines()
    assert len({len(line) for line in lines[1:]}) == 1
    assert lines[2].split() == ["a", "100.0", "100.0", "100.0", "0.0", "0.0", "100.0"]
    assert lines[3].split()[3:] == ["66.7", "66.7", "66.7", "0.0", "0.0", "100.0"]
    answered_only = own_questions.Result("a", good.outcomes[:3])
    assert table([answered_only]).splitlines()[2].split()[-2:] == ["-", "-"]


def test_the_command_reads_every_model_named_and_writes_what_it_found(tmp_path, monkeypatch, capsys):
    class Echo:
        """Answers with the passage's first word, whatever is asked."""

        def predictions(self, pairs, *, progress=None):
            for question, context in pairs:
                yield decode(reading_of(context[:80], {0: 9.0}, {0: 9.0}, question=question))

    loaded = []
    monkeypatch.setattr(own_questions.Reader, "load", lambda source: loaded.append(source) or Echo())
    out = tmp_path / "own.json"
    monkeypatch.setattr(
        "sys.argv", ["own_questions.py", "--model", "x/first", "x/second", "--json", str(out)]
    )
    own_questions.main()
    printed = capsys.readouterr().out
    assert loaded == ["x/first", "x/second"]
    assert re.search(r"^first +0\.0", printed, re.MULTILINE)
    written = json.loads(out.read_text("utf-8"))
    assert [len(result["outcomes"]) for result in written] == [60, 60]
    assert written[1]["label"] == "second"
    assert {o["answer"] for o in written[0]["outcomes"]} == {words_first(p["context"]) for p in PASSAGES}
    assert all(o["wrong"] for o in written[0]["outcomes"])
    monkeypatch.setattr("sys.argv", ["own_questions.py"])
    loaded.clear()
    own_questions.main()
    assert loaded == [checkpoint.source for checkpoint in resolve_pair("mini").checkpoints]


def words_first(text):
    return WORD.search(text).group()
