"""Chunks of rows read by actors of a Ray cluster, or of this machine: ``batch --engine ray``.

A Ray Data pipeline of two steps: one task reads the file and cuts it into the same chunks as ``LocalEngine``
has, and actors, each with the pair in memory, read them. Blocks stream, so memory is flat here too. Ray takes
a lost actor's chunk to another; what comes back is in the order of the file, and the same as here.

Every machine needs the file and the models under the same path, and this package. Ray is an optional
extra (``requirements-ray.txt``) and imported only when an engine begins.
"""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from types import TracebackType
from typing import Any, TypeVar

from biom_demo.analysis.batch import Chunk, Chunks, Make, Reads, read_chunk
from biom_demo.errors import BioMError, InputError
from biom_demo.models.store import Models
from biom_demo.pubmed.session import PubMed
from biom_demo.settings import Settings

BLOCK_BYTES = 1 << 16  # about a chunk: larger blocks would keep a chunk waiting for others
# Of the task that reads the file: it waits for the actors nearly all the time, who may have all CPUs.
CUTTING_CPUS = 0

T = TypeVar("T")


class RayEngine:
    """Reads with ``workers`` actors of one CPU each. Used as a context, it begins Ray where none runs.

    ``RAY_ADDRESS`` names a cluster; without it Ray runs on this machine. Raises ``InputError`` where Ray is
    not installed or there are no workers.
    """

    def __init__(self, reads: Reads, settings: Settings, *, workers: int) -> None:
        if find_spec("ray") is None:
            raise InputError(
                "Ray is not installed. Run: pip install -r requirements-ray.txt, or use --engine local."
            )
        if workers < 1:
            raise InputError(f"--workers {workers} cannot be used. Give a number of at least 1.")
        self._reads = replace(reads, pubmed=None)  # each actor has its own way to PubMed
        self._settings = settings
        self._workers = workers
        self._begun = False

    def __enter__(self) -> RayEngine:
        import ray

        if not ray.is_initialized():
            ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=False)
            self._begun = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import ray

        if self._begun:
            ray.shutdown()  # ends all actors, in the middle of a chunk too

    def read(self, chunks: Chunks, make: Make[T]) -> Iterator[tuple[T, float]]:
        """See ``batch.Engine.read``. ``make`` and what it makes travel to the actors and back."""
        import ray.data

        logging.getLogger("ray.data").setLevel(logging.ERROR)  # our own line tells how far it is
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.target_max_block_size = BLOCK_BYTES
        context.enable_progress_bars = False
        cut = ray.data.from_items([{"file": 0}], override_num_blocks=1).map_batches(
            _cut, fn_kwargs={"chunks": pickle.dumps(chunks)}, batch_size=None, num_cpus=CUTTING_CPUS
        )
        done = cut.map_batches(
            Actor,
            fn_constructor_args=(self._reads, self._settings, pickle.dumps(make)),
            batch_size=1,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(size=self._workers),
        )
        for row in done.iter_rows():
            found = _opened(row["done"])
            if isinstance(found, BioMError):
                raise found
            yield found


class Actor:
    """A pair in memory, and the chunks that Ray brings it."""

    def __init__(self, reads: Reads, settings: Settings, make: bytes) -> None:
        self._reads = replace(reads, pubmed=PubMed.from_settings(settings))
        self._visit = Models(
            threads=settings.threads, precision=settings.precision, remembering=False
        ).visit()
        self._make: Make[Any] = _opened(make)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """For each pickled chunk of ``chunk``, what was made of it, or the error that ends the run."""
        return {"done": [pickle.dumps(self._done(_opened(chunk))) for chunk in batch["chunk"]]}

    def _done(self, chunk: Chunk | BioMError) -> Any:
        if isinstance(chunk, BioMError):
            return chunk
        try:
            found = read_chunk(chunk, self._reads, self._visit, threading.Event())
        except BioMError as error:  # Ray would try again, and wrap it
            return error
        assert found is not None, "nothing stops an actor's reading"
        return self._make(found), chunk.share


def _cut(_: dict[str, Any], chunks: bytes) -> Iterator[dict[str, Any]]:
    """The file's chunks one by one, and behind them what was wrong with the file."""
    try:
        for chunk in _opened(chunks):
            yield {"chunk": [pickle.dumps(chunk)]}
    except BioMError as error:
        yield {"chunk": [pickle.dumps(error)]}


def _opened(pickled: bytes) -> Any:
    return pickle.loads(pickled)  # noqa: S301 - of our own making, from one process of a run to another
