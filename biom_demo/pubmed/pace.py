"""Turns to ask: no faster than NCBI allows, over all threads and all processes that share a folder.

A turn is taken the moment it is due and not before, so one that is waited for and given up costs
nobody anything. Times are of the monotonic clock, which all processes of a machine share and no one
can set back; after a restart of the machine older ones lie ahead, and do not count.

Source: NCBI E-utilities usage guidelines (3 requests a second of an address, 10 of a key).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import struct
import time
from pathlib import Path

from filelock import lock_descriptor

log = logging.getLogger(__name__)

FILE_NAME = "pubmed.pace"
# A little wider than the limits, so that network jitter cannot push two requests too close.
PAUSE_S = 0.36
PAUSE_WITH_KEY_S = 0.11
# Senders are told apart by a few bits of a digest: no key is kept, and two that fall together only share
# a pace.
SENDERS = 1024
LOCK_PAUSE_S = 0.01
MAX_LOCK_TRIES = 100
_TIME = struct.Struct("<d")

_sent: dict[int, float] = {}  # by sender, when this process last sent; the limit is for the whole process


class Pace:
    """Lets requests through one after the other; first come, first served within a process.

    ``folder`` is where processes meet. One that cannot be written leaves each process its own pace.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self._file = Path(os.path.expanduser(folder)) / FILE_NAME if folder is not None else None
        self._queues: dict[int, asyncio.Lock] = {}

    async def turn(self, sender: str, *, with_key: bool) -> None:
        """Nothing, as soon as ``sender`` may send; call right before each request."""
        slot = int.from_bytes(hashlib.sha256(sender.encode("utf-8", "replace")).digest()[:8]) % SENDERS
        pause_s = PAUSE_WITH_KEY_S if with_key else PAUSE_S
        async with self._queues.setdefault(slot, asyncio.Lock()):
            tries = 0
            while True:
                wait_s = _wait_s(_sent.get(slot, 0.0), time.monotonic(), pause_s)
                if not wait_s and self._file:
                    try:
                        wait_s = _take_shared(self._file, slot, pause_s)
                    except BlockingIOError:
                        # Held for a moment by each in turn; by one that hangs, not for ever.
                        tries += 1
                        wait_s = LOCK_PAUSE_S if tries < MAX_LOCK_TRIES else 0.0
                    except OSError as error:
                        log.debug("NCBI's pace is kept for this process alone: %s", error.strerror)
                if not wait_s:
                    _sent[slot] = time.monotonic()
                    return
                await asyncio.sleep(wait_s)


def _wait_s(last: float, now: float, pause_s: float) -> float:
    """Seconds until the next turn, 0 where it is due; a time ahead of ``now`` is none of this clock."""
    return last + pause_s - now if last <= now < last + pause_s else 0.0


def _take_shared(file: Path, slot: int, pause_s: float) -> float:
    """0 where the turn was due and is now taken for all processes, else the seconds until it is.

    Raises ``BlockingIOError`` where another process is just looking, ``OSError`` for a file of no use.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(
        file, "r+b", buffering=0, opener=lambda at, flags: os.open(at, flags | os.O_CREAT, 0o600)
    ) as opened:
        if not lock_descriptor(opened.fileno(), blocking=False):
            raise BlockingIOError
        # Asked for under the lock, so that no other process's time can lie ahead of it.
        now = time.monotonic()
        opened.seek(slot * _TIME.size)
        kept = opened.read(_TIME.size) or b""
        last = _TIME.unpack(kept)[0] if len(kept) == _TIME.size else 0.0
        wait_s = _wait_s(last, now, pause_s)
        if not wait_s:
            opened.seek(slot * _TIME.size)
            opened.write(_TIME.pack(now))
        return wait_s
