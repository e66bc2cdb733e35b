"""Atomic save and resume of a training run.

A state is one ``.pt`` file with weights, optimiser, RNG, step and the run's identity (recipe, data
and start weights, hashed). It is written beside the old one and renamed over it, so a kill at any
moment leaves a whole state, the old or the new.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from biom_demo.errors import DataError, TrainingError


def run_identity(*parts: object) -> str:
    """A hex digest of what a run depends on; a state of another identity is never resumed."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode("utf-8", "surrogatepass"))
        digest.update(b"\x00")
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes, read in pieces. Raises ``DataError`` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check the path.") from None


def arrays_digest(arrays: Iterable[NDArray[Any]]) -> str:
    """A hex digest of arrays' types, shapes and values, taken without a copy of them."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def rng_states() -> dict[str, torch.Tensor]:
    """The states of torch's random generators, as a training state keeps them."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_rng(states: dict[str, torch.Tensor]) -> None:
    """Set torch's random generators to what ``rng_states`` returned."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def require_space(folder: Path, wanted: int) -> None:
    """Raise ``TrainingError`` where the disk of ``folder`` has fewer than ``wanted`` bytes free."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < wanted:
        raise TrainingError(
            f"{folder} needs {wanted / 1e9:.1f} GB for the training state and the checkpoint, and its disk "
            f"has {free / 1e9:.1f} GB free. Free some space or give --out a folder elsewhere."
        )


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state, whole or not at all. Raises ``TrainingError`` where the disk refuses."""
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise TrainingError(
            f"The training state cannot be written to {path}: {error}. Free some space; "
            "the run goes on from the last saved state when started again."
        ) from error


def load_state(path: Path, identity: str) -> dict[str, Any] | None:
    """The saved state, or ``None`` where there is none.

    Raises ``TrainingError`` for a damaged file or the state of a run with another recipe, other
    data or other start weights.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        found = state["identity"]
    except (
        RuntimeError,
        pickle.UnpicklingError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        OSError,
    ) as error:
        raise TrainingError(
            f"{path} is damaged or no training state ({type(error).__name__}). Delete it to start anew."
        ) from error
    if found != identity:
        raise TrainingError(
            f"{path} belongs to a run with another recipe, other data or other start weights. "
            "Give --out another folder, or delete the file to start anew."
        )
    return state
