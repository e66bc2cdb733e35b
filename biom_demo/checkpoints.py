"""The catalogue of model pairs, and where their weights come from.

Looking something up never touches the network; only ``fetch`` does, when a user asks for it.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biom_demo.errors import CheckpointError, FetchCancelled, FetchError, InputError

ASSETS = Path(__file__).parent.parent / "assets"

WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first that exists is used
VOCABULARIES = ("tokenizer.json", "vocab.txt", "spiece.model")  # at least one must exist
CHUNK_BYTES = 1 << 16
OPTIONAL = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model: a folder or a Hub id, its name for people, what it was trained on, its download size."""

    source: str
    label: str
    trained_on: str
    download_mb: int | None = None


@dataclass(frozen=True, slots=True)
class ModelPair:
    """A biomedical model and the general one it is compared with."""

    name: str
    biom: Checkpoint
    vanilla: Checkpoint


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How much of a checkpoint has arrived, in bytes; both only grow."""

    done_bytes: int
    total_bytes: int


_ELECTRA_LARGE = Checkpoint(
    "ahotrod/electra_large_discriminator_squad2_512",
    "ELECTRA-Large-SQuAD2",
    "General text, then SQuAD2.0. No BioASQ.",
    1340,
)

CATALOGUE: tuple[ModelPair, ...] = (
    ModelPair(
        "mini",
        Checkpoint(
            str(ASSETS / "BioM-ELECTRA-Mini-SQuAD-BioASQ8B"),
            "BioM-ELECTRA-Mini-SQuAD-BioASQ8B",
            "MiniLM-L6 weights, then general SQuAD-style questions, then PubMed abstracts, then BioASQ "
            "factoid questions of years 2 to 7.",
        ),
        Checkpoint(
            str(ASSETS / "ELECTRA-Mini-SQuAD-BioASQ8B"),
            "ELECTRA-Mini-SQuAD-BioASQ8B",
            "MiniLM-L6 weights, then the same general SQuAD-style questions, then the same BioASQ "
            "questions. No PubMed abstracts.",
        ),
    ),
    ModelPair(
        "base",
        Checkpoint(
            "sultan/BioM-ELECTRA-Base-SQuAD2-BioASQ8B",
            "BioM-ELECTRA-Base-SQuAD2-BioASQ8B",
            "PubMed abstracts, then SQuAD2.0, then BioASQ factoid questions.",
            440,
        ),
        Checkpoint(
            "deepset/electra-base-squad2",
            "ELECTRA-Base-SQuAD2",
            "General text, then SQuAD2.0. No BioASQ.",
            440,
        ),
    ),
    ModelPair(
        "large",
        Checkpoint(
            "sultan/BioM-ELECTRA-Large-SQuAD2-BioASQ8B",
            "BioM-ELECTRA-Large-SQuAD2-BioASQ8B",
            "PubMed abstracts, then SQuAD2.0, then BioASQ factoid questions.",
            1340,
        ),
        _ELECTRA_LARGE,
    ),
    ModelPair(
        "albert",
        Checkpoint(
            "sultan/BioM-ALBERT-xxlarge-SQuAD2",
            "BioM-ALBERT-xxlarge-SQuAD2",
            "PubMed abstracts, then SQuAD2.0. No BioASQ.",
            890,
        ),
        _ELECTRA_LARGE,
    ),
)


def resolve_pair(name: str, *, biom: str | None = None, vanilla: str | None = None) -> ModelPair:
    """The pair of that name, with either side replaced by a folder or Hub id if given.

    ``auto`` is ``large``, else ``base``, if both sides already lie on this machine, else ``mini``.
    Raises ``InputError`` for an unknown name.
    """
    by_name = {pair.name: pair for pair in CATALOGUE}
    if name == "auto":
        ready = (pair for pair in (by_name["large"], by_name["base"]) if _on_disk(pair))
        pair = next(ready, by_name["mini"])
    elif name in by_name:
        pair = by_name[name]
    else:
        raise InputError(f"There is no model pair {name!r}. Choose one of: auto, {', '.join(by_name)}.")
    if not (biom or vanilla):
        return pair
    return ModelPair(
        "custom",
        given(biom) if biom else pair.biom,
        given(vanilla) if vanilla else pair.vanilla,
    )


def _on_disk(pair: ModelPair) -> bool:
    return locate(pair.biom) is not None and locate(pair.vanilla) is not None


def given(source: str) -> Checkpoint:
    """A checkpoint that is not in the catalogue, by its folder or Hub id."""
    # The folder's place on a server is nobody's business on a public page.
    said = f"Given as {source}." if _is_hub_id(source) and not Path(source).is_dir() else "Given as a folder."
    return Checkpoint(source, source.rstrip("/").rsplit("/", 1)[-1], said)


def locate(checkpoint: Checkpoint) -> Path | None:
    """The folder that holds the checkpoint's files, ``None`` if it is not on this machine.

    A folder is taken as it is, a Hub id is looked up in the local Hub cache.
    """
    folder = Path(checkpoint.source).expanduser()
    if not folder.is_dir():
        if not _is_hub_id(checkpoint.source):
            return None
        from huggingface_hub import constants, try_to_load_from_cache

        found = try_to_load_from_cache(checkpoint.source, "config.json", cache_dir=constants.HF_HUB_CACHE)
        if not isinstance(found, str):
            return None
        folder = Path(found).parent
    has = {name for name in ("config.json", *WEIGHTS, *VOCABULARIES) if (folder / name).is_file()}
    complete = "config.json" in has and has.intersection(WEIGHTS) and has.intersection(VOCABULARIES)
    return folder if complete else None


def _is_hub_id(source: str) -> bool:
    return re.fullmatch(r"[\w.-]+/[\w.-]+", source) is not None


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
    if not _is_hub_id(checkpoint.source):
        raise CheckpointError(
            f"{checkpoint.source} is neither a folder with a checkpoint nor a Hub id like owner/name."
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
