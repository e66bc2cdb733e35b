"""A file that grows by whole pieces, and can be gone on with after its process was killed at any moment.

Beside ``OUT`` stand ``OUT.run.json``, which says what it is made of and how far it is, and ``OUT.bad.jsonl``
with what could not be read. A piece counts once ``OUT.run.json`` says so: what was written after that, half a
line perhaps, is cut off when it is gone on with. What is made of something else is never gone on with.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from biom_demo.errors import InputError

# What is said where one of the things that an output is made of is another one now.
_OTHER = {
    "version": "it was begun by version {then} of this program",
    "input": "{input} is not the file it was begun with",
    "models": "it was begun with other models",
    "options": "it was begun with other options ({options})",
}


@dataclass(slots=True)
class State:
    """How far a file is: pieces, rows in them, those that were bad, and the bytes of both files."""

    pieces: int = 0
    rows: int = 0
    bad: int = 0
    bytes: int = 0
    bad_bytes: int = 0
    complete: bool = False


class Growing:
    """The file at ``lines`` as it grows, for the output ``out``: the same, or made of it at the end.

    ``made_of`` has a ``version``, the ``input``'s digest, the ``models``' digests and the ``options``.
    Used as a context: no other process may write the same output meanwhile. Raises ``InputError`` where
    the output is there and is not this one's beginning.
    """

    def __init__(
        self, out: Path, lines: Path, made_of: Mapping[str, Any], *, name: str, head: str, anew: bool = False
    ) -> None:
        self.out = out
        self.lines = lines
        self.bad = Path(f"{out}.bad.jsonl")
        self._journal = Path(f"{out}.run.json")
        self._lock = FileLock(f"{out}.lock")
        self._made_of = json.loads(json.dumps(made_of))
        self._name = name
        self._head = head.encode()
        self._anew = anew
        self._files: list[BinaryIO] = []
        self.state = State()

    def __enter__(self) -> Growing:
        try:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            try:
                self._begin()
            except BaseException:
                self._end()
                raise
        except Timeout:
            raise InputError(f"{self.out} is being written by another process. Wait for it.") from None
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            raise InputError(
                f"{self.out} cannot be written: {error.strerror}. Choose another place."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.state.complete and not self.state.bad:
            self.bad.unlink(missing_ok=True)
        self._end()

    def _end(self) -> None:
        for file in self._files:
            file.close()
        Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()

    def _begin(self) -> None:
        if self._anew:
            for path in (self._journal, self.out, self.lines, self.bad):
                path.unlink(missing_ok=True)
        if self._journal.exists():
            self._go_on()
        elif self.out.exists() or self.lines.exists():
            raise InputError(
                f"{self.out} is there already, and is not the beginning of this run. Choose another name, or "
                "overwrite it with --overwrite."
            )
        else:
            self._save()  # first of all: what is there from now on is this run's beginning
        if self.state.complete:
            return
        for path, size in ((self.lines, self.state.bytes), (self.bad, self.state.bad_bytes)):
            path.touch()
            file = path.open("r+b")
            self._files.append(file)
            file.truncate(size)
            file.seek(size)
        if not self.state.bytes and self._head:
            self._files[0].write(self._head)
            self._files[0].flush()
            self.state.bytes = len(self._head)
            self._save()

    def _go_on(self) -> None:
        try:
            kept = json.loads(self._journal.read_text("utf-8"))
            made_of, self.state = kept["made_of"], State(**kept["state"])
        except (ValueError, LookupError, TypeError):
            raise InputError(
                f"{self._journal} cannot be read, so {self.out} cannot be gone on with. "
                "Begin anew with --overwrite."
            ) from None
        for what, words in _OTHER.items():
            if made_of.get(what) != self._made_of.get(what):
                now, then = self._made_of.get(what) or {}, made_of.get(what) or {}
                options = "" if what != "options" else ", ".join(
                    key.replace("_", " ") for key in sorted({*now, *then}) if now.get(key) != then.get(key)
                )  # fmt: skip
                said = words.format(then=then, input=self._name, options=options)
                raise InputError(
                    f"{self.out} cannot be gone on with: {said}. Choose another name, or begin anew "
                    "with --overwrite."
                )
        short = [
            path
            for path, size in ((self.lines, self.state.bytes), (self.bad, self.state.bad_bytes))
            if not self.state.complete and (path.stat().st_size if path.exists() else 0) < size
        ]
        if short:
            raise InputError(f"{short[0]} was shortened since it was written. Begin anew with --overwrite.")

    def append(self, text: str, bad: str, *, rows: int, bad_rows: int) -> None:
        """One more piece: its lines, those of its bad rows, and how many rows it stands for."""
        for file, added in zip(self._files, (text, bad), strict=True):
            if added:
                file.write(added.encode("utf-8", "replace"))
                file.flush()
                os.fsync(file.fileno())
        state = self.state
        state.bytes, state.bad_bytes = (file.tell() for file in self._files)
        state.pieces, state.rows, state.bad = state.pieces + 1, state.rows + rows, state.bad + bad_rows
        self._save()

    def complete(self) -> None:
        """All has been written."""
        self.state.complete = True
        self._save()
        if self.lines != self.out:
            self.lines.unlink(missing_ok=True)

    def _save(self) -> None:
        partial = self._journal.with_name(self._journal.name + ".part")
        text = json.dumps(
            {"made_of": self._made_of, "state": asdict(self.state)}, ensure_ascii=False, indent=1
        )
        with partial.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._journal)
