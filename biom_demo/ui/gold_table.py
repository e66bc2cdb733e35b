"""A file with known answers as the Benchmark tab has it: what is read of it, its rows, what is saved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from biom_demo.analysis.benchmark import (
    COLUMNS,
    FILTERS,
    MAX_FIND_CHARS,
    ROWS_A_PAGE,
    Benchmark,
    Gold,
    Look,
    Plan,
    ScoredRow,
    Stretch,
    arranged,
    left_to_read,
    plan_of,
    prediction_rows,
    rows_of,
    submission,
    uploaded_gold,
)
from biom_demo.analysis.comparison import Comparison, Side
from biom_demo.analysis.passage import passage_of_text, readable
from biom_demo.models.catalogue import Checkpoint
from biom_demo.show.benchmark import Shown
from biom_demo.show.export import as_download, csv_text
from biom_demo.show.words import counted
from biom_demo.ui.run import Inquiry, Placed, Run


@dataclass(frozen=True, slots=True, eq=False)
class GoldFile:
    """An uploaded file with known answers; ``key`` tells uploads of one name apart.

    ``unread`` has a row for each of its pairs, ``examples_at`` the pairs of each place of the plan.
    """

    key: str
    gold: Gold
    plan: Plan
    unread: tuple[ScoredRow, ...]
    examples_at: dict[int, list[int]]

    @classmethod
    def of(cls, gold: Gold) -> GoldFile:
        """The file with what is to be read for it."""
        plan = plan_of(gold)
        examples_at: dict[int, list[int]] = {}
        for number, place in enumerate(plan.of_examples):
            examples_at.setdefault(place, []).append(number)
        unread = tuple(ScoredRow(number, example) for number, example in enumerate(gold.examples))
        return cls(uuid4().hex, gold, plan, unread, examples_at)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What a pair of models has read of a file: a stretch, and the rows that it fills."""

    key: str
    pair: str
    stretch: Stretch
    rows: tuple[ScoredRow, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """All figures of a pair of models over what it has read of a file."""

    key: str
    pair: str
    found: Benchmark


def read_file(path: str) -> GoldFile:
    """An uploaded file as gold. Raises as ``read_upload`` does."""
    return GoldFile.of(uploaded_gold(path, path.replace("\\", "/").rsplit("/", 1)[-1]))


def parts_of(file: GoldFile, pair: str, read: Sequence[Part]) -> tuple[Part, ...]:
    """The parts that the pair has read of the file."""
    return tuple(part for part in read if (part.key, part.pair) == (file.key, pair))


def part_of(file: GoldFile, pair: str, stretch: Stretch) -> Part:
    """A stretch with the rows that it fills."""
    return Part(file.key, pair, stretch, tuple(rows_of(file.gold, file.examples_at, stretch)))


def left_of(file: GoldFile, parts: Sequence[Part]) -> int:
    """How many texts of the file are not read yet."""
    return sum(stop - start for start, stop in left_to_read(file.plan, [part.stretch for part in parts]))


def rows_now(file: GoldFile, parts: Sequence[Part]) -> list[ScoredRow]:
    """All rows of the file, in its order, as far as they are read."""
    rows = list(file.unread)
    for part in parts:
        for row in part.rows:
            rows[row.number] = row
    return rows


def page_of(rows: Sequence[ScoredRow], look: Look, *, hidden: bool = False) -> Shown:
    """The page of the table that the look is at, the nearest where there is none of its number."""
    found = arranged(rows, look)
    last = max(0, -(-len(found) // ROWS_A_PAGE) - 1)
    look = replace(look, page=min(max(look.page, 0), last))
    first = look.page * ROWS_A_PAGE
    return Shown(found[first : first + ROWS_A_PAGE], len(found), len(rows), look, hidden)


def looked(look: Look, wanted: str | None, *, show: str, find: str | None) -> Look:
    """The look after a click in the table, "sort KEY ..." or "page NUMBER ...", under filter and search."""
    find = readable(find)[:MAX_FIND_CHARS].strip()
    if (show, find) != (look.show, look.find):
        look = replace(look, show=show if show in FILTERS else "all", find=find, page=0)
    verb, value, *_ = [*(wanted or "").split(" ")[:3], "", ""]
    if verb == "sort" and value in COLUMNS:
        descending = look.column == value and not look.descending
        return replace(look, column=value, descending=descending, page=0)
    if verb == "page" and value.isascii() and value.isdecimal() and len(value) < 7:
        return replace(look, page=int(value))
    return look


def number_of(wanted: str | None, file: GoldFile) -> int | None:
    """The row that "NUMBER ..." names, ``None`` where the file has none of that number."""
    value = (wanted or "").partition(" ")[0]
    if not (value.isascii() and value.isdecimal() and len(value) < 7):
        return None
    return int(value) if int(value) < len(file.gold.examples) else None


def asked_of(file: GoldFile, number: int, pair: str, *, blind: bool) -> Inquiry:
    """The question of a row, as Compare asks it."""
    example = file.gold.examples[number]
    gold = example.gold_texts if example.labelled else None
    placed = Placed(example.context, example.question.text, gold, file.key, number)
    return Inquiry(example.context, example.question.text, pair, blind=blind, placed=placed)


def run_of(
    file: GoldFile,
    number: int,
    pair: str,
    checkpoints: Sequence[Checkpoint],
    parts: Sequence[Part],
    *,
    blind: bool,
) -> Run | None:
    """The run of Compare over a row, of what was read; ``None`` where its readings are not kept."""
    place, example = file.plan.of_examples[number], file.gold.examples[number]
    stretch = next((p.stretch for p in parts if p.stretch.start <= place < p.stretch.stop), None)
    readings = [model[place - stretch.start] for model in stretch.readings] if stretch else []
    sides = tuple(
        Side(one, reading) for one, reading in zip(checkpoints, readings, strict=False) if reading is not None
    )
    if not sides or len(sides) < len(checkpoints):
        return None
    passage = passage_of_text(example.context, exactly=True)
    comparison = Comparison(example.question, passage, tuple(checkpoints), sides)
    asked = asked_of(file, number, pair, blind=blind)
    return Run.begin(replace(asked, precision=comparison.precision), comparison)


# What each button saves: the file's name, its type, and what its button says.
FILES = {
    "csv": ("predictions.csv", "text/csv", "Answers (CSV)"),
    "json": ("predictions.json", "application/json", "Answers (JSON)"),
    "first": ("submission.json", "application/json", "BioASQ submission of the first model"),
    "second": ("submission.json", "application/json", "BioASQ submission of the second model"),
}


def saved(kind: str, file: GoldFile, found: Benchmark) -> str:
    """A file to save of all that was read; "" for a submission where the file asks no BioASQ question."""
    name, media_type, _ = FILES[kind]
    if kind == "csv":
        return as_download(name, media_type, csv_text(list(prediction_rows(found))))
    if kind == "json":
        return as_download(name, media_type, _json(list(prediction_rows(found))))
    if not file.gold.questions:
        return ""
    pooled = found.models[0 if kind == "first" else 1].pooled
    return as_download(name, media_type, _json(submission(file.gold.questions, pooled)))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def about_words(file: GoldFile) -> str:
    """What a file holds, and what was mended in it."""
    gold = file.gold
    words = [f"{gold.file}: {counted(len(gold.examples), 'pair')} of a question and a text"]
    if gold.questions:
        asked = len({row.example.question.text for row in file.unread})
        words[0] += (
            f", of {counted(asked, 'question')}; strict, lenient and MRR are over the "
            f"{counted(len(gold.factoids), 'factoid question')} of {counted(len(gold.questions), 'question')}"
        )
    return " ".join([f"{words[0]}. {counted(len(file.plan.pairs), 'text')} to read.", *gold.notes])
