"""Pairs to learn from, with or without gold, as JSON lines: what a teacher labels and a student reads.

    {"id": "q1_000", "question": "...", "context": "...", "answers": [{"text": "...", "answer_start": 3}]}

``answers`` is empty where the context is known to hold none. The key is left out where nobody has
said: such a pair is learned from a teacher's labels alone.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from biom_demo.errors import DataError
from biom_demo.qa.datasets import BioAsqQuestion, factoid_golds
from biom_demo.qa.records import CharSpan, Example, Question
from biom_demo.qa.sentences import split_sentences
from train.held_out import Excluded

MAX_PASSAGE_CHARS = 900  # about 200 tokens, so that a question and its passage are one window


@dataclass(frozen=True, slots=True)
class Pair:
    """An example, and whether its gold is known (``False``: a teacher alone can say)."""

    example: Example
    has_gold: bool

    @property
    def key(self) -> bytes:
        """16 bytes that name the pair by its texts."""
        return pair_key(self.example.question.text, self.example.context)


def pair_key(question: str, context: str) -> bytes:
    """16 bytes that name a question and a context by their texts alone."""
    whole = f"{question}\x00{context}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(whole, digest_size=16).digest()


def write_pairs(pairs: Iterable[Pair], path: Path) -> int:
    """How many pairs were written to the file, whole or not at all."""
    partial = path.with_name(path.name + ".part")
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as file:
            for pair in pairs:
                file.write(json.dumps(_as_json(pair), ensure_ascii=False) + "\n")
                count += 1
        partial.replace(path)
    except (OSError, UnicodeEncodeError) as error:
        partial.unlink(missing_ok=True)
        raise DataError(f"{path} cannot be written: {error}.") from error
    return count


def _as_json(pair: Pair) -> dict[str, object]:
    example = pair.example
    row: dict[str, object] = {
        "id": example.question.id,
        "question": example.question.text,
        "context": example.context,
    }
    if pair.has_gold:
        row["answers"] = [
            {"text": text, "answer_start": span.start}
            for text, span in zip(example.gold_texts, example.gold_spans, strict=True)
        ]
    return row


def read_pairs(files: Iterable[Path]) -> Iterator[Pair]:
    """The pairs of the files in order, streamed. Raises ``DataError`` with the line that is none."""
    for path in files:
        try:
            with path.open(encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    try:
                        yield _pair(json.loads(line))
                    except (ValueError, KeyError, TypeError) as error:
                        raise DataError(
                            f"{path}, line {number}, is no pair ({error}). Make the file with train gather."
                        ) from None
        except FileNotFoundError:
            raise DataError(f"There is no file {path}. Check the path.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read: {error}.") from error


def _pair(row: dict[str, object]) -> Pair:
    answers = row.get("answers")
    golds = [(str(a["text"]), int(a["answer_start"])) for a in answers] if isinstance(answers, list) else []
    example = Example(
        question=Question(id=str(row["id"]), text=str(row["question"])),
        context=str(row["context"]),
        gold_texts=tuple(text for text, _ in golds),
        gold_spans=tuple(CharSpan(start, start + len(text)) for text, start in golds),
    )
    return Pair(example, answers is not None)


def snippet_pairs(questions: Sequence[BioAsqQuestion], *, ideal_answers: bool) -> Iterator[Pair]:
    """Each question with each of its distinct snippets, and with its ideal answers where asked for.

    Questions of all types; gold is known where a factoid question's answer occurs, as in ``wide``.
    Ideal answers of yes/no and summary questions are left out: their questions ask for no span, and
    snippets show that often enough.
    """
    for question in questions:
        texts = [snippet.text for snippet in question.snippets]
        if ideal_answers and question.type in ("factoid", "list"):
            texts += question.ideal_answers
        known = dict.fromkeys(text for text in texts if text.strip())
        for count, text in enumerate(known):
            spans = factoid_golds(question, text)
            example = Example(
                question=Question(id=f"{question.id}_{count:03d}", text=question.body),
                context=text,
                gold_texts=tuple(span.of(text) for span in spans),
                gold_spans=tuple(spans),
            )
            yield Pair(example, bool(spans))


def retrieved_pairs(
    questions: Sequence[Question],
    passages: Iterable[str],
    *,
    per_question: int,
    excluded: Excluded,
    min_chars: int = 0,
) -> Iterator[Pair]:
    """Each question with the ``per_question`` passages that BM25 ranks first for it, no gold known.

    Passages are cut at sentences into pieces of at most ``MAX_PASSAGE_CHARS`` characters (one longer
    sentence is left out; so are pieces under ``min_chars``), and a piece is read once, by the question
    that ranks it first. All pieces are held in memory (some 500 bytes each), with an index of about
    their size.

    Source: Robertson & Zaragoza 2009 (BM25), in the library bm25s.
    """
    import bm25s  # a training requirement

    pieces = [
        piece
        for passage in passages
        for piece in pieces_of(passage)
        if len(piece) >= min_chars and excluded.admits_passage(piece)
    ]
    if not pieces:
        raise DataError("No passage is left to retrieve from. Check the files, --exclude and --min-chars.")
    index = bm25s.BM25()
    index.index(bm25s.tokenize(pieces, stopwords="en", show_progress=False), show_progress=False)
    taken: set[int] = set()
    wanted = min(4 * per_question, len(pieces))
    for first in range(0, len(questions), 256):
        asked = questions[first : first + 256]
        tokens = bm25s.tokenize(
            [q.text for q in asked], stopwords="en", return_ids=False, show_progress=False
        )
        ranked, scores = index.retrieve(tokens, k=wanted, show_progress=False)
        for question, row, row_scores in zip(asked, ranked.tolist(), scores.tolist(), strict=True):
            found = [i for i, score in zip(row, row_scores, strict=True) if score > 0 and i not in taken][
                :per_question
            ]
            taken.update(found)
            for count, i in enumerate(found):
                identity = Question(id=f"{question.id}_r{count:02d}", text=question.text)
                yield Pair(Example(identity, pieces[i]), has_gold=False)


def pieces_of(passage: str) -> Iterator[str]:
    """The passage as runs of whole sentences, each as long as fits ``MAX_PASSAGE_CHARS``."""
    if len(passage) <= MAX_PASSAGE_CHARS:
        yield passage
        return
    start = end = None
    for sentence in split_sentences(passage):
        if start is not None and end is not None and sentence.end - start > MAX_PASSAGE_CHARS:
            yield passage[start:end]
            start = None
        if len(sentence) > MAX_PASSAGE_CHARS:
            continue
        start = sentence.start if start is None else start
        end = sentence.end
    if start is not None and end is not None:
        yield passage[start:end]


def drawn(pairs: Sequence[Pair], count: int | None, seed: int) -> list[Pair]:
    """``count`` of the pairs, drawn by ``seed``, in their order; all where there are no more."""
    if count is None or count >= len(pairs):
        return list(pairs)
    chosen = sorted(random.Random(seed).sample(range(len(pairs)), count))
    return [pairs[i] for i in chosen]
