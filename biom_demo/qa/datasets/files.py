"""Data files: JSON in and out, whole or packed or a value a line, and notes on what was mended."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

from biom_demo.errors import DataError

MAX_FILE_BYTES = 2**30  # also of what a .gz file unpacks to

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Notes:
    """What is mended and left out while a file is read, by kind, with the questions concerned."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self._counts: Counter[str] = Counter()
        self._first: dict[str, list[str]] = {}
        self._faults: set[str] = set()

    def form(self, what: str, where: str) -> None:
        """Something is written in another form; nothing about it is in doubt."""
        self._counts[what] += 1
        named = self._first.setdefault(what, [])
        if len(named) < 3:
            named.append("".join(c if c.isprintable() else " " for c in where[:80]))

    def fault(self, what: str, where: str) -> None:
        """Something was mended or left out that ``strict`` does not let pass."""
        self._faults.add(what)
        self.form(what, where)

    def sentences(self, *, strict: bool) -> tuple[str, ...]:
        """One sentence a kind. Raises ``DataError`` for a fault if ``strict``."""
        if strict and self._faults:
            raise DataError(f"{self.path}: {self.first_fault()} Mend the file, or read it without --strict.")
        return tuple(self._sentence(what) for what in self._counts)

    def first_fault(self) -> str:
        """The sentence on the first fault, "" if there is none."""
        return next((self._sentence(what) for what in self._counts if what in self._faults), "")

    def _sentence(self, what: str) -> str:
        count, named = self._counts[what], self._first[what]
        return f"{what}: {count:,} ({', '.join(named)}{', …' if count > len(named) else ''})."


def read_json(path: Path | str) -> Any:
    """The JSON value in a UTF-8 file, also a gzipped one.

    Raises ``DataError`` with what to do where it cannot be read.
    """
    return _parsed(_text_of(path), path)


def _text_of(path: Path | str, max_bytes: int = MAX_FILE_BYTES) -> str:
    """The text of a file, unpacked; UTF-8 unless its first characters say UTF-16 or UTF-32."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
        if data.startswith(b"\x1f\x8b"):
            with gzip.open(BytesIO(data)) as unpacked:
                data = unpacked.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise DataError(f"{path} holds more than {max_bytes / 2**20:,.0f} MB. Give it in parts.")
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    except FileNotFoundError:
        raise DataError(f"There is no file {path}. Check the path.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{path} is a damaged .gz file. Download it again.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text. Give a JSON file saved as UTF-8.") from None


def _parsed(text: str, path: Path | str, line: int | None = None) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path} is not valid JSON (line {line or error.lineno}, column {error.colno}: {error.msg}). "
            "It may be cut off: download it again."
        ) from None
    except RecursionError:
        raise DataError(f"{path} is nested too deeply to be a SQuAD or BioASQ file.") from None
    except ValueError:  # a number of more digits than Python reads
        raise DataError(f"{path} holds a number that cannot be read. Download it again.") from None


def document_of(path: Path | str, *, max_bytes: int = MAX_FILE_BYTES) -> Any:
    """The JSON value of a file; of a file of JSON lines the list of them. Raises as ``read_json``."""
    text = _text_of(path, max_bytes)
    try:
        return _parsed(text, path)
    except DataError:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        try:
            json.loads(lines[0][1])
        except (IndexError, ValueError, RecursionError):
            lines = []
        if len(lines) < 2:
            raise
    return [_parsed(line, path, number) for number, line in lines]


def write_json(value: Any, path: Path | str) -> None:
    """Write ``value`` as UTF-8 JSON, whole or not at all."""
    path = Path(path)
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(f"{path} cannot be written: {error.strerror}.") from error


def identity_of(value: Any, place: str, notes: Notes) -> str:
    """An id as text; where there is none the question's place in its file."""
    if isinstance(value, str) and value.strip():
        return whole(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        notes.form("ids that are numbers, read as text", str(value))
        return str(value)
    notes.fault("questions without an id, named by their place", place)
    return place


def whole(text: str) -> str:
    """The text without halves of characters, which no file can hold and no tokenizer reads."""
    return _LONE_SURROGATE.sub("\ufffd", text)
