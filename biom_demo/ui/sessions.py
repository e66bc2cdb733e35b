"""What the sessions of all visitors hold, within bounds: how much, how many, how long.

Gradio keeps a session's states, by the session's name, until ten thousand others have come. Here they go
when the visitor has left, or has done nothing for long; and where all of them together hold too much,
the oldest thing that anyone holds goes first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import count
from typing import Any

from biom_demo.ui.run import History

MOST_SESSIONS = 1_000
MOST_BYTES = 256_000_000  # of readings, files and texts, in all sessions
IDLE_S = 3_600
# A phone that changes networks, or sleeps, has left for a moment.
GRACE_S = 300


@dataclass(frozen=True, slots=True)
class _Piece:
    value: Any  # referred to, so that its identity is no other's
    size: int
    since: int


@dataclass(slots=True)
class _Session:
    pieces: dict[int, _Piece] = field(default_factory=dict)
    left_at: float | None = None


class Sessions:
    """The bounds over what a page's sessions hold. All calls are of the thread that serves the page.

    ``holder`` gives Gradio's ``StateHolder``; ``forgotten`` is called with the name of each session that
    is dropped.
    """

    def __init__(
        self,
        holder: Callable[[], Any],
        *,
        forgotten: Callable[[str], None] = lambda _name: None,
        most_bytes: int = MOST_BYTES,
        idle_s: float = IDLE_S,
        grace_s: float = GRACE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.grace_s = grace_s
        self._holder, self._forgotten = holder, forgotten
        self._most_bytes, self._idle_s, self._clock = most_bytes, idle_s, clock
        self._sessions: dict[str, _Session] = {}  # those used last are last
        self._used_at: dict[str, float] = {}
        self._turn = count()

    @property
    def bytes_held(self) -> int:
        """What the states of all sessions weigh."""
        return sum(piece.size for session in self._sessions.values() for piece in session.pieces.values())

    @property
    def leaving(self) -> bool:
        """Whether there are sessions to be dropped in a while."""
        return any(session.left_at is not None for session in self._sessions.values())

    def __len__(self) -> int:
        return len(self._sessions)

    def came(self, name: str) -> None:
        """A visitor has done something, who may have left before."""
        session = self._sessions.pop(name, None) or _Session()
        session.left_at = None
        self._sessions[name] = session
        self._used_at[name] = self._clock()
        state = self._holder().session_data.get(name)
        if state is not None:
            state.is_closed = False

    def left(self, name: str) -> None:
        """A visitor has left: what the session holds is dropped, unless the visitor comes back soon."""
        session = self._sessions.setdefault(name, _Session())
        session.left_at = self._clock()

    def settle(self, name: str) -> None:
        """Weigh what the session holds now, and drop the oldest of anyone's until all is within bounds."""
        session, state = self._sessions.get(name), self._holder().session_data.get(name)
        if session is None or state is None:
            return
        held = {id(piece): piece for value in state.state_data.values() for piece in _pieces(value)}
        session.pieces = {
            key: session.pieces.get(key) or _Piece(piece, weight(piece), next(self._turn))
            for key, piece in held.items()
        }
        while self.bytes_held > self._most_bytes and self._drop_oldest():
            pass

    def sweep(self) -> None:
        """Drop the sessions that left, or did nothing, long enough ago."""
        now = self._clock()
        for name, session in list(self._sessions.items()):
            gone = session.left_at is not None and now - session.left_at >= self.grace_s
            if gone or now - self._used_at.get(name, now) >= self._idle_s:
                self.drop(name)
        for name in set(self._sessions) - set(self._holder().session_data):
            if self._sessions[name].left_at is None:  # Gradio has dropped it for a newer one
                self.drop(name)

    def drop(self, name: str) -> None:
        """Forget a session and all that it holds."""
        self._sessions.pop(name, None)
        self._used_at.pop(name, None)
        holder = self._holder()
        holder.session_data.pop(name, None)
        holder.time_last_used.pop(name, None)
        self._forgotten(name)

    def _drop_oldest(self) -> bool:
        oldest = min(
            (
                (piece.since, name, key)
                for name, session in self._sessions.items()
                for key, piece in session.pieces.items()
                if piece.size
            ),
            default=None,
        )
        if oldest is None:
            return False
        _, name, key = oldest
        dropped = self._sessions[name].pieces.pop(key).value
        state = self._holder().session_data.get(name)
        if state is not None:
            for part, value in state.state_data.items():
                if any(piece is dropped for piece in _pieces(value)):
                    state.state_data[part] = _without(value, dropped, state.blocks_config.blocks[part])
        return True


def _pieces(value: Any) -> Iterable[Any]:
    """What can be dropped of a state's value by itself: each run of a history, else all of it."""
    if isinstance(value, History):
        return value.runs
    return value if isinstance(value, tuple) else (value,)


def _without(value: Any, dropped: Any, state: Any) -> Any:
    if isinstance(value, History):
        return value.without(dropped)
    if isinstance(value, tuple):
        return tuple(piece for piece in value if piece is not dropped)
    return state.value  # as it is at first


def weight(value: Any) -> int:
    """About how many bytes of memory a record holds, with all that it refers to; each thing counts once."""
    seen: set[int] = set()
    waiting = [value]
    total = 0
    while waiting:
        thing = waiting.pop()
        if thing is None or isinstance(thing, type) or id(thing) in seen:
            continue
        seen.add(id(thing))
        total += int(thing.nbytes) if hasattr(thing, "nbytes") else sys.getsizeof(thing)
        if is_dataclass(thing):
            waiting += [getattr(thing, item.name) for item in fields(thing)]
        elif isinstance(thing, tuple | list | set | frozenset):
            waiting += thing
        elif isinstance(thing, dict):
            waiting += [*thing, *thing.values()]
    return total
