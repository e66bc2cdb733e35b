"""What PubMed said, on disk: repeats cost no request, and a dead network still shows what was seen.

One SQLite file, shared by processes; SQLite's journal survives a crash. Values are JSON. It never fails
a request: what cannot be read is not there, and what cannot be written is not kept. Only a file that is
no database any more is begun anew.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

log = logging.getLogger(__name__)

Outcome = TypeVar("Outcome")

FILE_NAME = "pubmed.sqlite3"
WAIT_S = 0.5  # for a lock of another process
REST_S = 5.0  # after a lock that was not given up in that time, the cache is done without
CLOCK_SLACK_S = 300.0
MAX_TIME = 1e11  # seconds since 1970: later has no date
# ``used`` counts up, so that a clock that jumps mixes up nothing; the index spares reading the values.
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value TEXT NOT NULL, bytes INTEGER NOT NULL, "
    "stored REAL NOT NULL, used REAL NOT NULL)",
    "CREATE INDEX IF NOT EXISTS entry_by_use ON entry (used, bytes)",
)
_NEXT_USE = "(SELECT COALESCE(MAX(used), 0) + 1 FROM entry)"


@dataclass(frozen=True, slots=True)
class Stored:
    """A value, when it was fetched (seconds since 1970), how long ago, and whether it is still fresh."""

    value: Any
    stored: float
    age_s: float
    fresh: bool


class Cache:
    """Values by key; the least used go when it grows over ``max_bytes``.

    An entry older than ``max_age_s`` is no longer fresh, but kept for when PubMed cannot be reached. So
    is one of the future, which a clock that was wrong has left.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        max_bytes: int,
        max_age_s: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = Path(os.path.expanduser(folder)).absolute() / FILE_NAME
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._now = now
        self._writing = threading.Lock()  # threads wait here in turn, and not on SQLite's lock by chance
        self._rests_until = 0.0
        self._said: set[str] = set()

    def get(self, keys: Iterable[str], *, max_age_s: float | None = None) -> dict[str, Stored]:
        """The entries that are there, fresh or not; ``max_age_s`` in place of the cache's own."""
        wanted = {_column(key): key for key in keys}
        now = self._now()
        max_age_s = self._max_age_s if max_age_s is None else max_age_s
        found: dict[str, Stored] = {}

        def read(connection: sqlite3.Connection) -> None:
            for column, key in wanted.items():
                row = connection.execute(
                    "SELECT value, stored FROM entry WHERE key = ?", (column,)
                ).fetchone()
                # What anyone else may have left there is no reason to fail, nor to lose the rest.
                with suppress(ValueError, TypeError, RecursionError):
                    if row and 0 <= row[1] < MAX_TIME:
                        age_s = now - row[1]
                        found[key] = Stored(
                            json.loads(row[0]), row[1], age_s, -CLOCK_SLACK_S <= age_s <= max_age_s
                        )

        def touch(connection: sqlite3.Connection) -> None:
            connection.executemany(
                f"UPDATE entry SET used = {_NEXT_USE} WHERE key = ?", [(_column(key),) for key in found]
            )

        if wanted:
            self._guarded(lambda: self._read(read))
        if found:
            with suppress(sqlite3.Error, OSError):  # read-only, full or busy: an order less, no more
                self._write(touch, wait_s=0.0)
        return found

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep the values under their keys, and drop the least used ones if it grows too large.

        A value that is no JSON, or leaves no room for another, is not kept.
        """
        now = self._now()
        rows = []
        for key, value in values.items():
            with suppress(ValueError, TypeError, RecursionError):
                text = json.dumps(value)  # in ASCII: a lone surrogate has no UTF-8
                size = len(text) + len(_column(key))
                if size <= 0.9 * self._max_bytes:
                    rows.append((_column(key), text, size, now))

        def write(connection: sqlite3.Connection) -> None:
            for row in rows:
                connection.execute(
                    "INSERT OR REPLACE INTO entry (key, value, bytes, stored, used) "
                    f"VALUES (?, ?, ?, ?, {_NEXT_USE})",
                    row,
                )
            (total,) = connection.execute("SELECT TOTAL(bytes) FROM entry").fetchone()
            if total > self._max_bytes:
                # A tenth more than needed, so that not every request has to make room.
                excess = total - 0.9 * self._max_bytes
                least_used = connection.execute(
                    "SELECT rowid, CAST(bytes AS REAL) FROM entry ORDER BY used, rowid"
                )
                for row_id, size in least_used.fetchall():
                    if excess <= 0:
                        break
                    connection.execute("DELETE FROM entry WHERE rowid = ?", (row_id,))
                    excess -= size

        if rows:
            with self._writing:
                self._guarded(lambda: self._write(write, wait_s=WAIT_S))

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do ``work``, if the file lets us; one that is no database, or of other columns, is begun anew."""
        if time.monotonic() < self._rests_until:
            return
        try:
            try:
                work()
            except sqlite3.Error as error:
                self._mend(error)
                work()
        except (sqlite3.Error, OSError) as error:
            if _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                self._rests_until = time.monotonic() + REST_S
            self._say(f"the PubMed cache cannot be used now: {_words(error)}")

    def _mend(self, error: sqlite3.Error) -> None:
        """Make room for a new file or table; raises the error where that is not what it takes."""
        if _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        elif _code(error) == sqlite3.SQLITE_ERROR:
            with closing(self._connect("mode=rw", WAIT_S)) as connection, connection:
                connection.execute("DROP TABLE IF EXISTS entry")
        else:
            raise error
        self._say(f"the PubMed cache was damaged and is begun anew: {_words(error)}")

    def _say(self, words: str) -> None:
        """Log it, once: a full disk is full at every request."""
        if words not in self._said:
            self._said.add(words)
            log.warning("%s", words)

    def _read(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do ``work`` on a file that may be missing, of another shape, or in a folder nobody may write to."""
        if not self._path.exists():
            return
        try:
            try:
                with closing(self._connect("mode=ro", WAIT_S)) as connection:
                    work(connection)
            except sqlite3.OperationalError as error:
                if _code(error) not in _NO_JOURNAL:
                    raise
                # Without room for the journal it can be read as one that nobody writes.
                with closing(self._connect("mode=ro&immutable=1", WAIT_S)) as connection:
                    work(connection)
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_ERROR:  # no table yet, or not ours, is as good as empty
                raise

    def _write(self, work: Callable[[sqlite3.Connection], None], *, wait_s: float) -> None:
        """Run ``work`` in one transaction."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._connect("mode=rwc", wait_s)) as connection:
            with suppress(sqlite3.OperationalError):  # another process is just beginning the file
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            with connection:
                for statement in _SCHEMA:
                    connection.execute(statement)
                work(connection)

    def _connect(self, mode: str, wait_s: float) -> sqlite3.Connection:
        # A connection a call: they are not shared between threads, and forks do no harm.
        connection = sqlite3.connect(f"{self._path.as_uri()}?{mode}", uri=True, timeout=wait_s)
        connection.text_factory = bytes  # JSON is checked when it is read, not text before it
        return connection


_NO_JOURNAL = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_PERM,
}


def _code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _words(error: Exception) -> str:
    """Without the path that an ``OSError`` carries."""
    return str(error.strerror) if isinstance(error, OSError) else str(error)


def _column(key: str) -> str:
    """The key in ASCII, as text that a person typed may hold what has no UTF-8."""
    return json.dumps(key)[1:-1]
