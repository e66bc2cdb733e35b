"""Checkpoints from the Hugging Face Hub into its local cache, with progress, when a user asks for it."""

from __future__ import annotations

import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biom_demo.errors import CheckpointError, FetchCancelled, FetchError
from biom_demo.models.catalogue import Checkpoint, is_hub_id, locate
from biom_demo.qa.calibration import CALIBRATION_FILE
from biom_demo.qa.checkpoint_files import VOCABULARIES, WEIGHTS

CHUNK_BYTES = 1 << 16
OPTIONAL = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", CALIBRATION_FILE)
PROGRESS_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How much of a checkpoint has arrived, in bytes; both only grow."""

    done_bytes: int
    total_bytes: int


def needed_files(available: set[str], source: str) -> list[str]:
    """The files of a Hub repository that reading it takes: config, tokenizer and one form of weights.

    Raises ``CheckpointError`` where a kind is missing.
    """
    weights = [name for name in WEIGHTS if name in available][:1]
    vocabularies = [name for name in VOCABULARIES if name in available]
    if "config.json" not in available or not weights or not vocabularies:
        raise CheckpointError(
            f"{source} has no single-file weights, config and tokenizer, so it cannot be read here. "
            "Choose another checkpoint."
        )
    return ["config.json", *vocabularies, *(n for n in OPTIONAL if n in available), *weights]


def fetch(
    checkpoint: Checkpoint,
    *,
    progress: Callable[[FetchProgress], None] | None = None,
    cancelled: threading.Event | None = None,
    timeout_s: float = 10.0,
) -> Path:
    """The folder of a Hub checkpoint in the local Hub cache, its needed files downloaded if missing.

    ``progress`` is called as bytes arrive. A broken connection is resumed; what has arrived stays
    for the next try, and no file is taken for whole before it is. Blocks until done; returns within
    a second of ``cancelled`` being set.

    Raises ``FetchCancelled``; ``FetchError`` where the Hub does not answer for ``timeout_s``, goes
    silent or refuses, or where the disk is too small; ``CheckpointError`` where the repository holds
    no readable checkpoint.
    """
    if (folder := locate(checkpoint)) is not None:
        return folder
    if not is_hub_id(checkpoint.source):
        raise CheckpointError(
            f"{checkpoint.label} is neither a folder with a checkpoint nor a Hub id like owner/name."
        )
    cancelled = cancelled or threading.Event()
    job = _Download(checkpoint.source, timeout_s, progress)
    worker = threading.Thread(target=job.run, daemon=True, name=f"download {checkpoint.source}")
    worker.start()
    # The library retries and waits in its own ways; this loop alone decides how long that may last.
    while not job.finished.wait(0.1):
        if cancelled.is_set():
            job.abandoned.set()
            raise FetchCancelled(f"Fetching {checkpoint.source} was stopped.")
        if time.monotonic() - job.last_sign > 3 * timeout_s:
            job.abandoned.set()
            raise FetchError(
                f"The Hub sent nothing of {checkpoint.source} for {3 * timeout_s:.0f} s. Try again later; "
                "what has arrived is kept."
            )
    if job.error is not None:
        raise job.error
    folder = locate(checkpoint)
    if folder is None:
        raise FetchError(f"{checkpoint.source} was fetched but its files are not in the cache. Try again.")
    return folder


class _Abandoned(Exception):
    """Ends the worker's download from inside."""


class _Download:
    """One checkpoint's download in a worker thread, and what it reports."""

    def __init__(
        self, source: str, timeout_s: float, progress: Callable[[FetchProgress], None] | None
    ) -> None:
        self.source = source
        self.timeout_s = timeout_s
        self.progress = progress
        self.finished = threading.Event()
        self.abandoned = threading.Event()
        self.error: Exception | None = None
        self.last_sign = time.monotonic()
        self._done = self._reported = self._total = 0

    def run(self) -> None:
        try:
            self._fetch_all()
        except _Abandoned:
            pass
        except CheckpointError as error:
            self.error = error
        except Exception as error:  # the library and what it stands on raise many kinds
            self.error = FetchError(self._reason(error))
        finally:
            self.finished.set()

    def _fetch_all(self) -> None:
        from huggingface_hub import HfApi, constants, hf_hub_download

        # Its own transfer protocol reports no bytes to us and cannot be stopped.
        constants.HF_HUB_DISABLE_XET = True
        # Ten megabytes at a time would look like silence on a slow line.
        constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
        api = HfApi(endpoint=constants.ENDPOINT)
        info = api.model_info(self.source, files_metadata=True, timeout=self.timeout_s)
        sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
        names = needed_files(set(sizes), self.source)
        self._total = sum(sizes[name] for name in names)
        self._check_disk(Path(constants.HF_HUB_CACHE))
        finished = 0
        for name in names:
            self._set_done(finished)
            hf_hub_download(
                self.source,
                name,
                revision=info.sha,
                cache_dir=constants.HF_HUB_CACHE,
                endpoint=constants.ENDPOINT,
                etag_timeout=self.timeout_s,
                tqdm_class=self._bar_class(finished),
            )
            finished += sizes[name]
        self._set_done(finished)
        # The commit is fetched by its hash, so that all files are of one version; the branch name
        # must point at it for a later look-up to find it.
        reference = Path(constants.HF_HUB_CACHE, f"models--{self.source.replace('/', '--')}", "refs", "main")
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(str(info.sha), encoding="utf-8")

    def _check_disk(self, cache: Path) -> None:
        existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
        free = shutil.disk_usage(existing).free
        if free < self._total * 1.05:
            raise FetchError(
                f"{self.source} needs {self._total / 1e6:,.0f} MB and the disk has {free / 1e6:,.0f} MB. "
                "Free some space, or set HF_HOME to another disk."
            )

    def _set_done(self, done: int) -> None:
        if self.abandoned.is_set():
            raise _Abandoned
        self.last_sign = time.monotonic()
        self._done = done
        # A retry may count bytes again; what people see only grows.
        if self.progress and done >= self._reported:
            self._reported = done
            self.progress(FetchProgress(min(done, self._total), self._total))

    def _bar_class(self, before: int) -> Any:
        """A progress bar class that draws nothing and counts bytes from ``before`` on."""
        from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

        job = self

        class Count(tqdm):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                kwargs["disable"] = True
                super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
                self.arrived = int(kwargs.get("initial") or 0)
                job._set_done(before + self.arrived)

            def update(self, n: float | None = 1) -> bool | None:
                self.arrived += int(n or 0)
                job._set_done(before + self.arrived)
                return None

        return Count

    def _reason(self, error: Exception) -> str:
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

        if isinstance(error, GatedRepoError):
            return f"{self.source} needs its authors' permission: accept the terms on its Hub page first."
        if isinstance(error, RepositoryNotFoundError):
            return f"The Hub has no public model {self.source}. Check the name."
        if isinstance(error, HfHubHTTPError) and error.response is not None:
            return f"The Hub answered {error.response.status_code} for {self.source}. Try again later."
        if isinstance(error, OSError) and error.errno == 28:
            return f"The disk is full; {self.source} could not be stored. Free some space and fetch again."
        return (
            f"The Hub could not be reached, or the connection broke ({type(error).__name__}). Check the "
            "network and fetch again; what has arrived is kept."
        )


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
