"""What PubMed said, on disk: repeats cost no request, and a dead network still shows what was seen.

One SQLite file, shared by processes; SQLite's journal survives a crash. Values are JSON. A damaged
file is begun anew, and a disk that refuses switches the cache off: it never fails a request.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

FILE_NAME = "pubmed.sqlite3"
BUSY_TIMEOUT_S = 5.0
_TABLE = """CREATE TABLE IF NOT EXISTS entry (
  key TEXT PRIMARY KEY, value TEXT NOT NULL, bytes INTEGER NOT NULL, stored REAL NOT NULL, used REAL NOT NULL
)"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A value, when it was fetched (seconds since 1970), and whether it is still fresh."""

    value: Any
    stored: float
    fresh: bool


class Cache:
    """Values by key; the least used go when it grows over ``max_bytes``.

    An entry older than ``max_age_s`` is no longer fresh, but kept for when PubMed cannot be reached.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        max_bytes: int,
        max_age_s: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = Path(folder).expanduser() / FILE_NAME
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._now = now
        self._lock = threading.Lock()
        self._broken = False

    def get(self, keys: Iterable[str]) -> dict[str, Stored]:
        """The entries that are there, fresh or not."""
        wanted = list(dict.fromkeys(keys))
        now = self._now()

        def read(connection: sqlite3.Connection) -> dict[str, Stored]:
            found = {}
            for key in wanted:
                row = connection.execute("SELECT value, stored FROM entry WHERE key = ?", (key,)).fetchone()
                if row:
                    connection.execute("UPDATE entry SET used = ? WHERE key = ?", (now, key))
                    found[key] = Stored(json.loads(row[0]), row[1], now - row[1] <= self._max_age_s)
            return found

        return self._do(read) or {}

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep the values under their keys, and drop the least used ones if it grows too large."""
        now = self._now()

        def write(connection: sqlite3.Connection) -> None:
            for key, value in values.items():
                text = json.dumps(value, ensure_ascii=False)
                size = len(text.encode("utf-8", "surrogatepass")) + len(key)
                connection.execute(
                    "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?)", (key, text, size, now, now)
                )
            (total,) = connection.execute("SELECT COALESCE(SUM(bytes), 0) FROM entry").fetchone()
            if total > self._max_bytes:
                # A tenth more than needed, so that not every request has to make room.
                excess = total - 0.9 * self._max_bytes
                rows = connection.execute("SELECT key, bytes FROM entry ORDER BY used, key").fetchall()
                for key, size in rows:
                    if excess <= 0:
                        break
                    connection.execute("DELETE FROM entry WHERE key = ?", (key,))
                    excess -= size

        if values:
            self._do(write)

    def _do(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Run ``work`` in one transaction; ``None`` where the file cannot be used."""
        with self._lock:
            for attempt in range(2):
                if self._broken:
                    return None
                try:
                    return self._transact(work)
                except sqlite3.OperationalError as error:  # locked too long, read-only, disk full
                    log.warning("the PubMed cache cannot be used now: %s", error)
                    return None
                except (sqlite3.DatabaseError, ValueError) as error:
                    if attempt == 0 and self._begin_anew():
                        log.warning("the PubMed cache was damaged (%s) and is begun anew", error)
                        continue
                    self._broken = True
                except OSError as error:
                    log.warning("the PubMed cache is off: %s", error)
                    self._broken = True
        return None

    def _transact(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # A connection a call: they are not shared between threads, and forks do no harm.
        with closing(sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_TABLE)
            with connection:
                return work(connection)

    def _begin_anew(self) -> bool:
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError:
            return False
        return True
