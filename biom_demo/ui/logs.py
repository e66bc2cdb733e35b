"""The log: one line a happening, with the request it belongs to, and nothing of what a visitor sent.

A line says what failed and where in the code. The words of an exception are left out: they may quote
a question, a key or a file's content.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType

FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request)s] %(message)s"

# Events of the page run in threads of their own; each has a copy of the context of what called it.
_request: ContextVar[str] = ContextVar("request", default="-")


@contextmanager
def of_request(name: str) -> Iterator[None]:
    """Inside, each line of the log is of the request of that name."""
    before = _request.set(name)
    try:
        yield
    finally:
        _request.reset(before)


def kind_of(error: BaseException) -> str:
    """An exception's type, and those of its causes, without their words."""
    names = [type(error).__name__]
    seen = {id(error)}
    while (cause := error.__cause__ or error.__context__) is not None and id(cause) not in seen:
        names.append(type(cause).__name__)
        seen.add(id(cause))
        error = cause
    return " from ".join(names)


class _WithRequest(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request = _request.get()
        return True


class _WithoutWords(logging.Formatter):
    """Formats an exception as its type and where it was raised."""

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        if ei[1] is None:
            return ""
        frames = traceback.extract_tb(ei[2])
        places = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        return "\n".join([kind_of(ei[1]), *places])


def set_up() -> None:
    """Send the log of this process, warnings and worse, to standard error in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(_WithoutWords(FORMAT))
    handler.addFilter(_WithRequest())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
