"""Reading less: what is chosen, by what, when; what is read of it, and that nothing else answers."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.analysis import cascade
from biom_demo.analysis.cascade import (
    ABSTRACTS,
    BM25,
    FIRST,
    REGION_CHARS,
    Budget,
    are_bigger,
    bm25,
    extent_of,
    most_promising,
    promising_regions,
    regions_of,
    stems,
)
from biom_demo.analysis.comparison import View, compared
from biom_demo.analysis.difference import difference_of
from biom_demo.analysis.passage import Passage
from biom_demo.errors import InputError
from biom_demo.models.catalogue import Checkpoint
from biom_demo.qa import spans
from biom_demo.qa.reader import Decoding
from biom_demo.qa.records import Answer, CharSpan, Prediction, Question
from biom_demo.settings import Extent, Settings
from tests.site import MINI, WordModels
from tests.test_reader import rule_reader

QUESTION = Question("Which gene is mutated in cystic fibrosis?")
PAIR = MINI.checkpoints
OFF_TOPIC = "Metformin lowers glucose from the liver in adults with diabetes."
ON_TOPIC = "Mutations of the CFTR gene cause cystic fibrosis."
TEXTS = [OFF_TOPIC] * 30 + [ON_TOPIC] + [OFF_TOPIC] * 30


@pytest.fixture
def big(tmp_path):
    """Two checkpoints with weights much bigger than the bundled model's; only their size is looked at."""
    made = []
    for name in ("biom", "vanilla"):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("config.json", "tokenizer.json"):
            (folder / file).write_text("{}")
        numbers = 400 << 18
        tensor = {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}
        header = json.dumps({"weight": tensor}).encode()
        with (folder / "model.safetensors").open("wb") as weights:
            weights.write(len(header).to_bytes(8, "little") + header)
            weights.truncate(8 + len(header) + 4 * numbers)  # takes no room on disk
        made.append(Checkpoint(str(folder), name, ""))
    return tuple(made)


class RegionVisit:
    """Readers of one window a text at most, which notes what it is asked to read."""

    def __init__(self, reader):
        self.reader, self.asked = reader, []

    def read(self, checkpoint, pairs, *, share=1.0, begun=False, regions=()):
        self.asked.append((checkpoint, regions))
        steps = self.reader.steps(pairs, batch_positions=4096, regions=regions)
        return [reading for step in steps for reading in step.readings]


# What is promising.


def test_words_are_compared_without_case_and_plural():
    assert stems("Genes, STUDIES; virus: mass?") == ["gene", "study", "virus", "mass"]
    assert stems("CFTR's") == ["cftr", "s"]


def test_bm25_prefers_rare_words_of_the_question_in_short_texts():
    asked = "Which gene is mutated in cystic fibrosis?"
    rare, common, none = "cystic fibrosis", "a gene", "nothing of it"
    scores = bm25(asked, [common, rare, none, common, common])
    assert scores[1] > scores[0] > scores[2] == 0
    short, long = bm25("cystic", ["cystic lungs", "cystic lungs " + "and other organs " * 20])
    assert short > long > 0
    assert bm25("???", ["text"]) == [0.0]
    assert bm25("gene", []) == []
    assert bm25("gene", ["", "gene"])[0] == 0


@settings(max_examples=200, deadline=None)
@given(
    parts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 50)), max_size=40),
    share=st.floats(0, 1),
    at_least=st.integers(0, 10),
)
def test_the_best_parts_within_the_budget_are_chosen(parts, share, at_least):
    promise, sizes = [p for p, _ in parts], [size for _, size in parts]
    places = Budget(share, at_least).chosen(promise, sizes)
    assert places == sorted(set(places))
    assert len(places) >= min(at_least, len(parts))
    if len(places) > at_least:
        assert sum(sizes[place] for place in places) <= share * sum(sizes) + 1e-9
    left = set(range(len(parts))) - set(places)
    assert all(promise[place] >= promise[other] for place in places for other in left)
    assert Budget(1.0, 0).chosen(promise, sizes) == list(range(len(parts)))


# When, and by what.


def test_small_models_read_everything_unless_asked_otherwise():
    readers = WordModels({})
    for extent in (Extent.AUTO, Extent.ALL):
        assert most_promising(QUESTION, TEXTS, PAIR, readers, extent) is None
    chosen = most_promising(QUESTION, TEXTS, PAIR, readers, Extent.PROMISING)
    assert chosen.by == BM25
    assert 30 in chosen.places
    assert len(chosen.places) == round(len(TEXTS) * ABSTRACTS.share)
    assert readers.calls == []  # it costs no reading


def test_the_bundled_model_chooses_for_bigger_ones(big):
    assert are_bigger(big)
    assert not are_bigger(PAIR)
    assert not are_bigger((*big, PAIR[0]))
    assert not are_bigger((Checkpoint("no/such-model", "none", ""),))
    readers = WordModels({FIRST: "glucose"})  # by it, not by the question's words
    texts = [ON_TOPIC] * 30 + [OFF_TOPIC] + [ON_TOPIC] * 30
    for extent in (Extent.AUTO, Extent.PROMISING):
        chosen = most_promising(QUESTION, texts, big, readers, extent)
        assert chosen.by == FIRST.label
        share = {Extent.AUTO: cascade.CAREFUL_SHARE, Extent.PROMISING: ABSTRACTS.share}[extent]
        chars = sum(len(texts[place]) for place in chosen.places)
        assert share - 0.05 < chars / sum(map(len, texts)) <= share
        assert 30 in chosen.places
    assert readers.calls == [(FIRST, len(texts))] * 2
    assert most_promising(QUESTION, texts, big, readers, Extent.ALL) is None
    few = texts[: 2 * ABSTRACTS.at_least - 1]
    assert most_promising(QUESTION, few, big, readers, Extent.AUTO) is None
    assert len(readers.calls) == 2


def test_where_the_first_model_is_kept_from_reading_words_choose(big):
    chosen = most_promising(QUESTION, TEXTS, big, WordModels({}, stop_at=1), Extent.AUTO)
    assert chosen.by == BM25
    assert 30 in chosen.places


def test_what_is_read_can_be_said_in_a_word():
    assert extent_of(None, Settings(read=Extent.ALL)) is Extent.ALL
    assert extent_of("promising", Settings()) is Extent.PROMISING
    for wrong in ("some", "", 5, ["all"]):
        with pytest.raises(InputError, match="read must be one of auto, all, promising"):
            extent_of(wrong, Settings())


# Long texts.


@settings(max_examples=100, deadline=None)
@given(text=st.lists(st.sampled_from(["Gene. ", "x" * 400, "A drug binds. ", "\n\n", " "])).map("".join))
def test_regions_hold_every_word_once_in_order(text):
    regions = regions_of(text)
    assert all(0 < len(region) <= REGION_CHARS for region in regions)
    assert all(a.end <= b.start for a, b in itertools.pairwise(regions))
    inside = np.zeros(len(text), bool)
    for region in regions:
        inside[region.start : region.end] = True
    assert all(inside[i] for i, c in enumerate(text) if not c.isspace())


LONG = " ".join([*["The drug binds the protein of the virus in it."] * 1_000, ON_TOPIC]) + (
    " The drug binds the protein of the virus." * 1_000
)


def test_of_a_long_text_the_promising_regions_are_read_and_the_rest_is_told():
    reader, _ = rule_reader()
    readers = RegionVisit(reader)
    whole = compared(QUESTION, Passage(LONG), PAIR, readers)
    assert [regions for _, regions in readers.asked] == [(), ()]
    assert whole.sides[0].reading.gaps == ()
    found = compared(QUESTION, Passage(LONG), PAIR, readers, Extent.PROMISING)
    at = LONG.index(ON_TOPIC)
    for (_, regions), side in zip(readers.asked[2:], found.sides, strict=True):
        assert any(region.start <= at < region.end for region in regions)
        gaps = side.reading.gaps
        read = len(LONG) - sum(map(len, gaps))
        assert 0 < read < 0.6 * len(LONG)
        assert sum(map(len, side.reading.windows)) < 0.6 * sum(map(len, whole.sides[0].reading.windows))
        (notice,) = side.reading.notices
        assert f"Read: {read:,} of {len(LONG):,} characters" in notice
        assert BM25 in notice
        # What was not read answers nothing.
        answers = side.prediction(View(shown=10, null_threshold=99)).answers
        assert answers
        assert not any(answer.span.overlaps(gap) for answer in answers for gap in gaps)
    made = difference_of(found, View())
    assert made.gaps == found.sides[0].reading.gaps
    starts = made.sides[0].curve.start
    unread = [w for w, word in enumerate(made.words) if any(word.overlaps(gap) for gap in made.gaps)]
    assert unread
    assert not starts[unread].any()


def test_short_texts_and_those_to_be_read_whole_are_read_whole(big):
    readers = WordModels({FIRST: "glucose"})
    for text, extent in ((ON_TOPIC * 20, Extent.PROMISING), (LONG, Extent.AUTO), (LONG, Extent.ALL)):
        for checkpoints in (PAIR, big):  # of big models, too, a text is read whole unless asked otherwise
            assert promising_regions(QUESTION, text, checkpoints, readers, extent) is None
    assert readers.calls == []
    assert promising_regions(QUESTION, LONG, big, readers, Extent.PROMISING).by == FIRST.label


def test_a_budget_for_everything_reads_everything():
    budget = Budget(1.0, 1)
    assert promising_regions(QUESTION, LONG, PAIR, WordModels({}), Extent.PROMISING, budget) is None
    assert most_promising(QUESTION, TEXTS, PAIR, WordModels({}), Extent.PROMISING, budget) is None


WORDS = st.lists(st.sampled_from(["gene", "binds", "β", "drug-x", "\n", "the"]), min_size=1, max_size=120)


@settings(max_examples=100, deadline=None)
@given(words=WORDS, edges=st.lists(st.floats(0, 1), min_size=2, max_size=6), step=st.integers(1, 40))
def test_regions_are_shown_whole_and_gaps_are_what_no_window_shows(words, edges, step):
    text = " ".join(words)
    reader, _engine = rule_reader(Decoding(max_seq_length=32, window_step_tokens=step))
    bounds = sorted(round(edge * len(text)) for edge in edges)
    regions = [CharSpan(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=False) if a < b]

    def read(regions):
        steps = reader.steps([(QUESTION, text)], batch_positions=64, regions=regions)
        (reading,) = [reading for step in steps for reading in step.readings]
        return reading

    whole, all_of_it = read(()), read([CharSpan(0, len(text))])
    assert whole.gaps == ()
    if text.strip():
        assert [w.ids.tolist() for w in all_of_it.windows] == [w.ids.tolist() for w in whole.windows]
        assert spans.decode(all_of_it) == spans.decode(whole)
    if not regions:
        return
    reading = read(regions)
    shown = np.zeros(len(text), bool)
    for window in reading.windows:
        for start, end in window.offsets[window.context_start : -1]:
            shown[start:end] = True
    tokens = {
        tuple(o) for w in whole.windows for o in w.offsets[w.context_start : -1].tolist() if o[0] < o[1]
    }
    for start, end in tokens:
        assert shown[start:end].all() == any(shown[start:end])
        if any(region.start < end and start < region.end for region in regions):
            assert shown[start:end].all()
        assert shown[start:end].all() != any(gap.start < end and start < gap.end for gap in reading.gaps)
    for answer in spans.decode(reading).answers:
        assert not any(answer.span.overlaps(gap) for gap in reading.gaps)
    # What is in no region is read only to fill windows.
    assert len(reading.windows) <= len(whole.windows) + len(regions)


def test_a_region_reading_that_ends_early_says_where():
    reader, _ = rule_reader(Decoding(max_seq_length=64))
    regions = regions_of(LONG)[2:40:6]
    steps = reader.steps([(QUESTION, LONG)], batch_positions=64, regions=regions)
    while (begun := steps.begun(reader.calibration)) is None or len(begun.gaps) < 3:
        next(steps)
    (notice,) = begun.notices
    assert f"nothing after character {begun.gaps[-1].start:,} was read" in notice


def test_a_side_with_gaps_is_marked_in_the_text():
    from biom_demo.show.cards import card_html, personas
    from biom_demo.show.difference import merged_html

    reader, _ = rule_reader()
    found = compared(QUESTION, Passage(LONG), PAIR, RegionVisit(reader), Extent.PROMISING)
    persona = personas(found.checkpoints)[0]
    card = card_html(persona, found.passage, found.sides[0], View(), gold=None)
    gaps = found.sides[0].reading.gaps
    assert card.count('class="not-read"') >= len(gaps)
    assert "are marked as not read" in card
    assert 'class="not-read"' in merged_html(difference_of(found, View()))
    whole = compared(QUESTION, Passage(LONG), PAIR, RegionVisit(reader))
    assert "not-read" not in card_html(persona, whole.passage, whole.sides[0], View(), gold=None)


def test_texts_that_support_what_leads_come_before_one_that_is_surest_alone():
    def says(text, answer, probability):
        at = text.index(answer)
        best = Answer(CharSpan(at, at + len(answer)), answer, 1.0, probability)
        return text, Prediction(Question("?"), (best,), 0.0, 1 - probability)

    given = [
        says("Lungs are of CFTR.", "CFTR", 0.6),
        says("The liver is of ATP7B.", "ATP7B", 0.8),
        says("The CFTR gene.", "CFTR", 0.7),
        says("A cough.", "cough", 0.01),
    ]
    texts, predictions = zip(*given, strict=True)
    scores = cascade.support(texts, predictions)
    assert sorted(range(4), key=lambda place: -scores[place]) == [2, 0, 1, 3]
    assert [cascade.promise(one) for one in predictions] == [0.6, 0.8, 0.7, 0.01]
    silent = Prediction(Question("?"), predictions[0].answers, 9.0, 0.4)
    assert cascade.support(texts[:1], [silent]) == [pytest.approx(6e-7)]
    nothing = Prediction(Question("?"), (), 0.0, 1.0)
    assert cascade.support([""], [nothing]) == [cascade.promise(nothing)] == [0.0]
