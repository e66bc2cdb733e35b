"""The reader: a stream of pairs in bounded memory, in order, batched, with progress and stop."""

from __future__ import annotations

import itertools
import threading
import tracemalloc
import weakref
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.errors import InputError
from biom_demo.qa import reader as module
from biom_demo.qa import spans, windows
from biom_demo.qa.logits_cache import LogitsCache
from biom_demo.qa.reader import BATCH_POSITIONS, READING, Decoding, Reader, _batches, decoding_of
from biom_demo.qa.records import CharSpan, Question, SpanLogits, Window
from biom_demo.qa.windows import PiecesCache
from tests.tiny import ARCHITECTURES, save_tiny, wordpiece_tokenizer

CONTEXTS = ["the gene binds the drug", "protein " * 700 + "µm virus", "β", ""]
QUESTION = Question("which gene causes it?")


class RuleEngine:
    """Logits that hang on a window's tokens alone, so no batching can change them."""

    max_positions = 512

    def __init__(self, *, at_batch=None):
        self.batches = []
        self.at_batch = at_batch or (lambda number: None)

    def logits(self, windows):
        self.batches.append([len(window) for window in windows])
        self.at_batch(len(self.batches))
        return [SpanLogits(np.sin(w.ids, dtype=np.float32), np.cos(w.ids, dtype=np.float32)) for w in windows]


def rule_reader(decoding=None, **events):
    engine = RuleEngine(**events)
    return Reader(engine, wordpiece_tokenizer(), decoding), engine


def pairs_of(count):
    """Pairs of many lengths, made when asked for; each is unlike all others."""
    for i in range(count) if count is not None else itertools.count():
        yield Question(f"which gene is {i}", f"q{i}"), "the gene binds the drug " * (1 + i * i % 7) + str(i)


def answers(reader, *contexts):
    return list(reader.predictions([(QUESTION, context) for context in contexts]))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_any_architecture_reads_and_cuts_its_answers_from_the_context(architecture, tmp_path):
    reader = Reader.load(save_tiny(architecture, tmp_path))
    predictions = answers(reader, *CONTEXTS)
    for prediction, context in zip(predictions, CONTEXTS, strict=True):
        assert prediction.question == QUESTION
        assert all(a.span.of(context) == a.text and a.text.strip() == a.text for a in prediction.answers)
        assert bool(prediction.answers) == bool(context)
        assert sum(a.probability for a in prediction.answers) + prediction.null_probability <= 1 + 1e-9


# A stream.

WORDS = st.lists(st.sampled_from(["gene", "binds", "β", "drug-x", "\n"]), max_size=40).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(["which", "what is it"]), WORDS | st.text(max_size=20)), max_size=30
    ),
    first=st.integers(1, 200),
    most=st.integers(1, 2000),
    batch=st.integers(1, 300),
)
def test_a_stream_reads_as_its_pairs_do_one_by_one(pairs, first, most, batch):
    given_pairs = [(Question(text, str(i)), context) for i, (text, context) in enumerate(pairs)]
    reader, engine = rule_reader(Decoding(max_seq_length=24, window_step_tokens=7))
    alone = [next(reader.readings([pair])) for pair in given_pairs]
    engine.batches.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FIRST_LOOK_AHEAD_CHARS", first)
        patch.setattr(module, "LOOK_AHEAD_CHARS", most)
        patch.setattr(module, "BATCH_POSITIONS", batch)
        together = list(reader.readings(iter(given_pairs)))
    assert all(len(lengths) == 1 or max(lengths) * len(lengths) <= batch for lengths in engine.batches)
    assert [(r.question, r.context, r.notices) for r in together] == [
        (r.question, r.context, r.notices) for r in alone
    ]
    for one, other in zip(together, alone, strict=True):
        assert spans.decode(one) == spans.decode(other)
        for mine, theirs in zip(one.windows, other.windows, strict=True):
            np.testing.assert_array_equal(mine.ids, theirs.ids)
        for mine, theirs in zip(one.logits, other.logits, strict=True):
            np.testing.assert_array_equal(mine.start, theirs.start)
            np.testing.assert_array_equal(mine.end, theirs.end)


def test_a_stream_without_end_is_read_as_far_as_wanted():
    reader, _ = rule_reader()
    asked = 0

    def endless():
        nonlocal asked
        for pair in pairs_of(None):
            asked += 1
            yield pair

    found = list(itertools.islice(reader.readings(endless()), 300))
    assert [r.question.id for r in found] == [f"q{i}" for i in range(300)]
    ahead = module.FIRST_LOOK_AHEAD_CHARS * 4 // min(len(c) for _, c in pairs_of(20))
    assert asked < 300 + ahead
    assert asked < 3000


def test_a_hundred_thousand_pairs_are_read_in_flat_memory():
    reader, _ = rule_reader()
    texts = ("the gene", "the gene binds the drug", "")
    asked = 0

    def source():
        nonlocal asked
        for asked in range(100_000):
            yield Question("which gene", str(asked)), texts[asked % 3]

    stream = reader.readings(source())
    alive = weakref.WeakSet()
    most_alive = furthest = 0
    for given_out in range(90_000):
        alive.add(next(stream))
        most_alive, furthest = max(most_alive, len(alive)), max(furthest, asked - given_out)
    assert most_alive <= 2
    assert furthest < 15_000
    # Tracing is slow, so it watches the last ten thousand: held, they would be 10 MB and more.
    tracemalloc.start()
    try:
        for _ in range(1000):
            next(stream)
        early, _ = tracemalloc.get_traced_memory()
        last = [reading.question.id for reading in stream][-1]
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert last == "99999"
    assert now < early + 1e6, f"{early / 1e6:.1f} MB, then {now / 1e6:.1f} MB"
    assert peak < 30e6, f"{peak / 1e6:.1f} MB"


def test_the_first_answer_needs_one_batch_and_full_look_ahead_follows():
    reader, engine = rule_reader()
    stream = reader.readings(pairs_of(None))
    next(stream)
    assert sum(map(sum, engine.batches)) <= 2 * BATCH_POSITIONS
    for _ in range(2000):
        next(stream)
    # Windows of like length run together: little of a batch is padding.
    padded = sum(max(lengths) * len(lengths) for lengths in engine.batches)
    assert sum(map(sum, engine.batches)) > 0.9 * padded


@pytest.mark.parametrize("number", [1, 3])
def test_stop_ends_the_stream_after_the_batch_in_hand(number):
    stop = threading.Event()
    reader, engine = rule_reader(at_batch=lambda n: n == number and stop.set())
    found = list(reader.readings(pairs_of(None), stop=stop))
    assert len(engine.batches) == number
    assert [r.question.id for r in found] == [f"q{i}" for i in range(len(found))]
    assert list(reader.predictions(pairs_of(None), stop=stop)) == []
    assert len(engine.batches) == number


def test_stop_ends_within_a_batch_of_one_long_text():
    stop = threading.Event()
    reader, engine = rule_reader(at_batch=lambda n: n == 2 and stop.set())
    assert list(reader.readings([(QUESTION, "gene " * 20_000)], stop=stop)) == []
    assert len(engine.batches) == 2


def test_a_source_that_waits_is_not_asked_again_once_stopped():
    stop = threading.Event()
    asked = []

    def source():
        for i, pair in enumerate(pairs_of(None)):
            asked.append(i)
            if i == 5:
                stop.set()
            yield pair

    assert list(rule_reader()[0].readings(source(), stop=stop)) == []
    assert asked[-1] == 5


def test_progress_counts_windows_batch_by_batch(tiny_checkpoint):
    reader, engine = rule_reader()
    seen = []
    found = list(reader.readings(pairs_of(2000), progress=seen.append))
    assert seen == list(itertools.accumulate(len(lengths) for lengths in engine.batches))
    assert seen[-1] == sum(len(r.windows) for r in found)


def test_what_came_before_an_empty_question_is_read_first():
    reader, _ = rule_reader()
    given_pairs = [*itertools.islice(pairs_of(None), 3), (Question(" \n"), "the gene"), *pairs_of(2)]
    found = []
    with pytest.raises(InputError, match="Type a question"):
        found.extend(iter(reader.readings(given_pairs)))
    assert [r.question.id for r in found] == ["q0", "q1", "q2"]


def test_what_came_before_a_source_that_fails_is_read_first():
    reader, _ = rule_reader()

    def failing():
        yield from pairs_of(4)
        raise OSError("the line is cut")

    found = []
    with pytest.raises(OSError, match="the line is cut"):
        found.extend(iter(reader.readings(failing())))
    assert [r.question.id for r in found] == ["q0", "q1", "q2", "q3"]


def test_threads_share_a_reader():
    # A tokenizer saved with padding and truncation: taking them away while another thread encodes fails.
    reader, _ = rule_reader()
    reader.tokenizer.backend_tokenizer.enable_truncation(4)
    reader.tokenizer.backend_tokenizer.enable_padding(length=64)
    expected = [spans.decode(r) for r in rule_reader()[0].readings(pairs_of(100))]
    wrong = []

    def read():
        try:
            for _ in range(3):
                found = list(reader.predictions(pairs_of(100)))
                assert found == expected
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# Batches and decoding.


def test_batches_hold_every_index_once_longest_first_and_stay_small():
    lengths = [512, 3, 90, 512, 512, 400, 512, 512, 512, 512, 512, 512, 17]
    batches = list(_batches(lengths, module.BATCH_POSITIONS))
    flat = [index for batch in batches for index in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[i] for i in flat] == sorted(lengths, reverse=True)
    assert all(lengths[batch[0]] * len(batch) <= BATCH_POSITIONS for batch in batches)


@given(st.lists(st.integers(4, 512), max_size=300))
def test_little_of_the_batches_is_padding(lengths):
    batches = list(_batches(lengths, module.BATCH_POSITIONS))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = lengths[batch[0]]
        held = 0
        for index in batch:
            # Either it is nearly as long as the longest, or the batch was still too small to be quick.
            assert lengths[index] >= 0.9 * longest or held < 512
            held += longest
        assert len(batch) == 1 or held <= BATCH_POSITIONS


def test_run_squad_decoding_is_chosen_by_the_decoding():
    context = "the gene binds the drug " * 12
    for decoding, decode in (
        (Decoding(), spans.decode),
        (
            Decoding(run_squad=True, n_best=9, max_answer_length=4),
            partial(spans.decode_run_squad, tokenizer=wordpiece_tokenizer()),
        ),
    ):
        reader, _ = rule_reader(decoding)
        (reading,) = reader.readings([(QUESTION, context)])
        (found,) = answers(reader, context)
        assert found == decode(reading, max_answer_length=decoding.max_answer_length, n_best=decoding.n_best)
        assert found.answers


def test_positions_bound_the_window():
    reader, engine = rule_reader(Decoding(max_seq_length=4096))
    assert reader.max_seq_length == 512
    assert answers(reader, "gene " * 2000)
    assert max(max(lengths) for lengths in engine.batches) == 512


# What was read before.


def cached_reader(most_bytes=1 << 20):
    engine = RuleEngine()
    return Reader(engine, wordpiece_tokenizer(), cache=LogitsCache(most_bytes)), engine


LONG = " ".join(f"the gene {i} binds the drug" for i in range(400))


def same(one, other):
    return all(
        np.array_equal(a.start, b.start) and np.array_equal(a.end, b.end)
        for a, b in zip(one.logits, other.logits, strict=True)
    )


def test_what_was_read_before_is_not_read_again_and_a_changed_text_in_part():
    reader, engine = cached_reader()
    (first,) = reader.readings([(QUESTION, LONG)])
    windows = len(first.windows)
    assert (first.known, sum(map(len, engine.batches))) == (0, windows)
    (again,) = reader.readings([(QUESTION, LONG)])
    assert (again.known, sum(map(len, engine.batches))) == (windows, windows)
    assert same(first, again)
    (changed,) = reader.readings([(QUESTION, LONG + " and the virus")])
    assert 0 < changed.known < len(changed.windows)
    assert sum(map(len, engine.batches)) == windows + len(changed.windows) - changed.known
    (plain,) = rule_reader()[0].readings([(QUESTION, LONG + " and the virus")])
    assert same(plain, changed)
    (other,) = reader.readings([(Question("which virus is it?"), LONG)])
    assert other.known == 0


def test_known_and_unknown_pairs_come_in_their_order():
    reader, _ = cached_reader()
    pairs = [(Question(f"which gene {i}"), f"the gene binds the drug {i}") for i in range(20)]
    list(reader.readings(pairs[::2]))
    readings = list(reader.readings(pairs))
    assert [reading.question for reading in readings] == [question for question, _ in pairs]
    assert [reading.known for reading in readings] == [1, 0] * 10
    told = []
    list(reader.readings(pairs, progress=told.append))
    assert told == [20]


def test_the_same_tokens_with_another_border_of_question_and_text_are_read():
    cache = LogitsCache()
    one, other = (
        Window(np.arange(6, dtype=np.int32), np.zeros((6, 2), np.int32), 0, start, 6) for start in (3, 4)
    )
    logits = SpanLogits(np.zeros(6, np.float32), np.zeros(6, np.float32))
    cache.put(one, logits)
    assert cache.get(one) is logits
    assert cache.get(other) is None


@given(sizes=st.lists(st.integers(3, 60), max_size=60), most=st.integers(0, 6_000))
@settings(max_examples=60, deadline=None)
def test_a_cache_holds_no_more_than_its_bytes_and_the_last_used_stay(sizes, most):
    cache = LogitsCache(most)
    used = []
    for number, size in enumerate(sizes):
        window = Window(np.full(size, number, np.int32), np.zeros((size, 2), np.int32), 0, 1, size)
        cache.put(window, SpanLogits(np.zeros(size, np.float32), np.zeros(size, np.float32)))
        used.append(window)
        if number % 3 == 0 and cache.get(used[0]) is not None:
            used.append(used.pop(0))
        assert cache.bytes_held <= most
    kept = [cache.get(window) is not None for window in used]
    assert kept == sorted(kept)  # of those used in turn, the last ones
    assert sum(kept) == len(cache)


def test_without_a_cache_nothing_is_kept():
    reader, engine = rule_reader()
    for _ in range(2):
        (reading,) = reader.readings([(QUESTION, LONG)])
        assert reading.known == 0
    assert sum(map(len, engine.batches)) == 2 * len(reading.windows)


def test_a_reader_of_another_decoding_shares_engine_and_caches(tiny_checkpoint):
    reader = Reader.load(tiny_checkpoint, cache=LogitsCache(), pieces=PiecesCache())
    text = "the gene binds the drug " * 400
    other = reader.decoding_as(Decoding(window_step_tokens=256))
    (fine,) = reader.readings([(QUESTION, text)])
    (coarse,) = other.readings([(QUESTION, text)])
    assert (other.engine, other.cache) == (reader.engine, reader.cache)
    assert len(coarse.windows) < len(fine.windows)
    assert coarse.known >= len(coarse.windows) - 1  # every second one of the other's, but for the end's
    assert reader.decoding == Decoding()


def test_a_reading_tells_how_its_text_was_cut(tiny_checkpoint):
    reader = Reader.load(tiny_checkpoint)
    text = "the gene binds the drug " * 400
    for decoding in (Decoding(), READING):
        (reading,) = reader.decoding_as(decoding).readings([(QUESTION, text)])
        assert len(reading.windows) > 1
        assert decoding_of(reading) == decoding
        (reading,) = reader.decoding_as(decoding).readings([(QUESTION, "the gene binds the drug")])
        assert decoding_of(reading) == READING  # no other windows either way
    regions = [CharSpan(0, 30), CharSpan(5_000, 5_030)]  # only the app leaves parts unread
    steps = reader.decoding_as(READING).steps([(QUESTION, text)], batch_positions=4096, regions=regions)
    (reading,) = [reading for step in steps for reading in step.readings]
    assert reading.gaps
    assert decoding_of(reading) == READING


def test_readers_of_one_vocabulary_tokenise_a_text_once(tmp_path, monkeypatch):
    pieces, seen = PiecesCache(), []
    real = windows.tokenize
    monkeypatch.setattr(
        windows, "tokenize", lambda tokenizer, texts: seen.extend(texts) or real(tokenizer, texts)
    )
    for name in ("electra", "bert"):
        reader = Reader.load(save_tiny(name, tmp_path / name), pieces=pieces)
        (found,) = answers(reader, "the gene binds the drug")
        assert found.answers
    assert seen.count("the gene binds the drug") == 1
