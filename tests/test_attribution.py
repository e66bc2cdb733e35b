"""Leave-one-out and rewordings, with a reader whose rule is known and with a real one."""

from __future__ import annotations

import pytest

from biom_demo.analysis.attribution import (
    MAX_PARTS,
    cost,
    leave_one_out,
    moved,
    parts_of,
    question_words,
    reworded,
    wordings,
)
from biom_demo.analysis.comparison import Side, View
from biom_demo.analysis.difference import words_of
from biom_demo.errors import InputError
from biom_demo.models.catalogue import Checkpoint
from biom_demo.models.store import Models
from biom_demo.qa.records import CharSpan, Question
from tests.readings import reading_of
from tests.tiny import save_tiny

TEXT = "The trial was small. Cystic fibrosis comes from CFTR. BRCA1 is another gene."
QUESTION = "Which gene causes fibrosis?"


MODEL = Checkpoint("rule", "Rule", "It follows a rule.")


class Rule:
    """Answers CFTR if the text has "trial" and the question "gene", else BRCA1 (or nothing)."""

    def __init__(self):
        self.asked = []

    def read(self, checkpoint, pairs):
        assert checkpoint is MODEL
        self.asked += [(question.text, text) for question, text in pairs]
        return [self.one(question, text) for question, text in pairs]

    def one(self, question, text):
        words = [word.of(text) for word in words_of(text)]
        wanted = "CFTR" if "trial" in text and "gene" in question.text else "BRCA1"
        heights = {words.index(wanted): 9.0} if wanted in words else {}
        return reading_of(text, heights, heights, null=4.0, question=question)

    def side(self):
        return Side(MODEL, self.one(Question(QUESTION), TEXT))


def explained():
    reader = Rule()
    return reader, leave_one_out(reader, reader.side(), View())


def test_each_sentence_and_each_word_is_left_out_once():
    reader, found = explained()
    assert cost(QUESTION, TEXT) == len(reader.asked) == 3 + 4
    assert reader.asked[0] == (QUESTION, TEXT.removeprefix("The trial was small."))
    assert reader.asked[-1] == ("Which gene causes ?", TEXT)
    assert found.answer.text == "CFTR"
    assert found.answer.probability > 0.9


def test_effects_are_those_of_the_rule():
    _, found = explained()
    trial, holds, other = found.sentences
    assert (trial.answer, trial.survives, trial.holds_answer) == ("BRCA1", False, False)
    assert trial.probability < 0.01 < found.answer.probability
    assert (holds.holds_answer, holds.probability) == (True, 0.0)
    assert (other.answer, other.survives) == ("CFTR", True)
    assert other.probability == pytest.approx(found.answer.probability, abs=0.01)
    gene = next(word for word in found.words if word.part.of(QUESTION) == "gene")
    assert (gene.answer, gene.survives) == ("BRCA1", False)
    assert all(word.survives for word in found.words if word is not gene)


def test_rewordings_are_set_against_the_answer():
    reader = Rule()
    side = reader.side()
    same, other = reworded(reader, side, ["Fibrosis: what gene?", "Fibrosis: what?"], View())
    assert (same.answer, same.survives) == ("CFTR", True)
    assert (other.answer, other.survives) == ("BRCA1", False)
    # Where both abstain the answer, that there is none, is the same.
    strict = View(null_threshold=-30.0)
    assert [r.survives for r in reworded(reader, side, ["What?", "Which gene?"], strict)] == [True, True]


def test_spans_move_with_what_is_cut_out():
    text = "abcdefghij"
    for a in range(10):
        for b in range(a + 1, 11):
            removed = CharSpan(a, b)
            span = moved(CharSpan(4, 7), removed)
            if a < 7 and b > 4:
                assert span is None
            else:
                assert span.of(text[:a] + text[b:]) == "efg"


def test_long_texts_are_left_out_in_runs_of_sentences():
    text = " ".join(f"Sentence {i} is here." for i in range(200))
    assert len(parts_of(text)) == MAX_PARTS
    assert cost("Which gene?", text) == MAX_PARTS + 2
    assert question_words("Gene?") == []  # nothing would be left


def test_wordings_are_checked():
    assert wordings(" One?\n\nTwo?\nOne? ") == ["One?", "Two?"]
    for typed, words in (
        ("\n ", "no other wording"),
        ("?\nWhat?", "holds no word"),
        ("a\nb" * 20, "at most 20"),
    ):
        with pytest.raises(InputError, match=words):
            wordings(typed if "20" not in words else "\n".join(f"What {i}?" for i in range(21)))


def test_a_text_without_a_word_has_nothing_to_explain():
    with pytest.raises(InputError, match="no words"):
        leave_one_out(Rule(), Side(MODEL, reading_of("  ")), View())


def test_with_a_real_reader_the_answer_itself_is_reproduced(tmp_path):
    models = Models(threads=1).visit()
    tiny = Checkpoint(str(save_tiny("electra", tmp_path / "tiny")), "Tiny", "Random.")
    (reading,) = models.read(tiny, [(Question("which gene"), TEXT.lower())])
    side = Side(tiny, reading)
    found = leave_one_out(models, side, View())
    assert found.answer.span.of(TEXT.lower()) == found.answer.text
    assert len(found.sentences) == 3
    assert sum(effect.holds_answer for effect in found.sentences) >= 1
    # Leaving nothing out changes nothing.
    same = reworded(models, side, ["which gene"], View())[0]
    assert same.survives
    assert same.answer in (None, found.answer.text)
