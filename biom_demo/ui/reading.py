"""How an event follows what it has read: progress while it waits, and an end when its visitor has left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

from gradio.context import LocalContext

from biom_demo.models.store import Visit
from biom_demo.models.worker import Ended
from biom_demo.show.cards import status_html
from biom_demo.show.words import counted, duration
from biom_demo.ui.ending import RESTARTING

TOLD_EVERY_S = 0.4

T = TypeVar("T")


_OVER: Any = object()


def followed(work: Iterable[T], visit: Visit) -> Iterator[T | None]:
    """What ``work`` gives, and ``None`` every now and then while it reads: time to tell how far it is.

    Work and ``visit`` are one request's. Its reading is stopped within a batch when the visitor has
    left or whoever takes this ends it. Raises what the work raises.
    """
    visit.left = _visitor_left()
    steps = iter(work)
    # A thread of its own: the work waits for the worker, and could tell nothing meanwhile.
    thread = ThreadPoolExecutor(1, "followed")
    try:
        while True:
            step = thread.submit(next, steps, _OVER)
            while not wait([step], TOLD_EVERY_S).done:
                if visit.left():
                    visit.stop.set()
                yield None
            if step.result() is _OVER:
                return
            yield step.result()
    except GeneratorExit:
        visit.left = lambda: True
        visit.stop.set()
        raise
    finally:
        thread.shutdown(wait=False)


def result_of(work: Callable[[], T], visit: Visit) -> T:
    """What ``work`` returns; it ends early when the visitor of the event that calls has left."""

    def once() -> Iterator[T]:
        yield work()

    (result,) = (made for made in followed(once(), visit) if made is not None)
    return result


def reading_words(visit: Visit) -> str:
    """How far the model in hand is, in a sentence for its visitor."""
    progress = visit.progress
    if progress.ahead:
        return f"{counted(progress.ahead, 'visitor')} before you …"
    if not progress.share:
        return f"{visit.reads} reads …" if visit.reads else "Reading …"
    left = f", about {duration(progress.left_s)} left" if progress.left_s else ""
    return f"{visit.reads} has read {progress.share:.0%}{left} …"


def reading_html(visit: Visit) -> str:
    """The same as a status line with a bar."""
    return status_html(reading_words(visit), progress=visit.progress.share)


def ended_words(visit: Visit) -> str:
    """Why reading ended early, and that what was read is kept; "" where it did not."""
    if visit.ended is None:
        return ""
    if visit.ended is Ended.BUDGET:
        return (
            f"Stopped: one question may take {visit.budget_s:,.0f} s of reading here, and they are used up. "
            "What was read is kept; ask over less text for the rest."
        )
    if visit.ended is Ended.CLOSED:
        return RESTARTING
    return "Stopped; what was read is kept."


def _visitor_left() -> Callable[[], bool]:
    """Tells whether the visitor of the event that runs has closed its stream.

    Gradio marks the event and would drop the next value; a function that gives none for minutes would
    go on for nobody. Outside of an event nobody leaves.
    """
    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    event = blocks._queue.event_ids_to_events.get(event_id) if blocks and event_id else None
    return lambda: event is not None and not event.alive
