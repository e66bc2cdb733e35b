"""Fetching checkpoints from the page: progress a few times a second, and a way to stop."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator

from biom_demo.checkpoints import Checkpoint, FetchProgress, fetch

PROGRESS_EVERY_S = 0.2


def fetching(checkpoint: Checkpoint, cancelled: threading.Event, timeout_s: float) -> Iterator[FetchProgress]:
    """The progress of one download, a few times a second, until it is complete.

    Raises what ``fetch`` raises.
    """
    reports: queue.SimpleQueue[FetchProgress | BaseException | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            fetch(checkpoint, progress=reports.put, cancelled=cancelled, timeout_s=timeout_s)
            reports.put(None)
        except BaseException as error:
            reports.put(error)

    threading.Thread(target=work, daemon=True, name=f"fetch {checkpoint.label}").start()
    try:
        while True:
            report = reports.get()
            while isinstance(report, FetchProgress) and not reports.empty():
                report = reports.get()  # only the newest is worth showing
            if report is None:
                return
            if isinstance(report, BaseException):
                raise report
            yield report
            time.sleep(PROGRESS_EVERY_S)
    except GeneratorExit:
        # A visitor who leaves closes this generator; nobody would see the rest arrive.
        cancelled.set()
        raise


def progress_words(checkpoint: Checkpoint, progress: FetchProgress) -> str:
    """How much of a checkpoint has arrived, in words."""
    done, total = progress.done_bytes / 1e6, progress.total_bytes / 1e6
    return f"Fetching {checkpoint.label}: {done:,.0f} of {total:,.0f} MB"
