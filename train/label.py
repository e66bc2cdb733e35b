"""A teacher's start and end distributions for any pairs, in characters, for ``finetune`` to learn from.

    python -m train label pairs.jsonl --model runs/teacher/bioasq --out runs/labels/pairs
    python -m train finetune --pairs pairs.jsonl --teacher-labels runs/labels/pairs ...

Positions are characters of the context, so that a student with another tokenizer can use them. Kept
are the likeliest ``top_k`` starts and ends of a pair and always "no answer", as log probabilities.
The folder has a shard of arrays for every ``SHARD_PAIRS`` pairs; killed at any pair, the same command
goes on behind the last whole shard.

Source: Hinton et al. 2015 (distillation).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from biom_demo.errors import TrainingError
from biom_demo.qa.datasets import read_json, write_json
from biom_demo.qa.engines.pytorch import PyTorchEngine
from biom_demo.qa.records import SpanLogits, Window
from biom_demo.qa.windows import build_windows, tokenizer_fingerprint
from train.checkpoint import arrays_digest, file_digest, run_identity
from train.pairs import Pair, pair_key, read_pairs

Chars = NDArray[np.integer[Any]]

SHARD_PAIRS = 2048
TOP_K = 12
META_FILE = "labels.json"
NULL = -1  # the character position that stands for "no answer"
UNUSED = -2  # fills rows with fewer than top_k positions
MAX_SEQ_LENGTH = 384
WINDOW_STEP_TOKENS = 192
BATCH_POSITIONS = 4096


class SoftTarget(NamedTuple):
    """A teacher's distributions in a student's window, starts in row 0 and ends in row 1.

    ``positions`` of the window, int32 (2, K), -1 where a row has fewer (a pair without label has none
    at all), and their log probabilities ``scores``, float16 (2, K). Of N windows: (N, 2, K).
    """

    positions: NDArray[np.int32]
    scores: NDArray[np.float16]


def no_target(top_k: int) -> SoftTarget:
    """The target of a window of a pair without label."""
    return SoftTarget(np.full((2, top_k), -1, np.int32), np.full((2, top_k), -np.inf, np.float16))


def stacked(targets: Sequence[SoftTarget]) -> SoftTarget:
    """The targets of N windows as one, (N, 2, K)."""
    return SoftTarget(np.stack([t.positions for t in targets]), np.stack([t.scores for t in targets]))


class Row(NamedTuple):
    """A pair's label: first characters (K,) of likely starts and ends past the last one of likely ends."""

    starts: NDArray[np.int32]
    start_scores: NDArray[np.float16]
    ends: NDArray[np.int32]
    end_scores: NDArray[np.float16]


def label_pairs(
    *,
    model: Path,
    files: Sequence[Path],
    out: Path,
    top_k: int = TOP_K,
    threads: int = 1,
    precision: str = "bfloat16",
    stop_after_shards: int | None = None,
) -> Path:
    """The folder ``out`` with a label for every pair of the files, in their order.

    Raises ``TrainingError`` where ``out`` has the labels of another teacher or of other pairs,
    ``CheckpointError`` and ``DataError`` as loading does.
    """
    torch.set_num_threads(threads)
    engine = PyTorchEngine.load(model)
    settings = {"top_k": top_k, "max_seq_length": MAX_SEQ_LENGTH, "window_step_tokens": WINDOW_STEP_TOKENS}
    identity = run_identity(
        settings,
        tokenizer_fingerprint(engine.tokenizer),
        arrays_digest(p.detach().cpu().numpy() for p in engine.model.parameters()),
        [file_digest(path) for path in files],
    )
    meta_path = out / META_FILE
    if meta_path.exists() and read_json(meta_path).get("identity") != identity:
        raise TrainingError(f"{out} has the labels of another teacher or of other pairs. Give another --out.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    engine.model.to(device).eval()
    write_json(
        {"identity": identity, "teacher": model.name, "files": [p.name for p in files], **settings}, meta_path
    )
    pairs = read_pairs(files)
    held: list[NDArray[Any]] = []
    with tqdm(desc="label", unit="pair") as bar:
        for number, shard in enumerate(iter(lambda: list(islice(pairs, SHARD_PAIRS)), [])):
            if stop_after_shards is not None and number >= stop_after_shards:
                return out
            path = out / f"shard-{number:05d}.npz"
            if not path.exists():
                _write_shard(path, shard, label_shard(engine, shard, top_k, device, precision))
            with np.load(path) as arrays:
                held += [arrays["start_held"], arrays["end_held"]]
            bar.update(len(shard))
            bar.set_postfix(mass_held=f"{np.concatenate(held).mean():.3f}")
    if not held:
        raise TrainingError("There is no pair in the files. Check what train gather wrote.")
    mean = round(float(np.concatenate(held).mean()), 4)
    write_json(read_json(meta_path) | {"finished": True, "mass_held": mean}, meta_path)
    return out


def label_shard(
    engine: PyTorchEngine, pairs: Sequence[Pair], top_k: int, device: torch.device, precision: str
) -> list[tuple[Row, float, float]]:
    """The label of each pair, with the mass its kept starts and ends hold."""
    made = build_windows(
        engine.tokenizer,
        [(pair.example.question.text, pair.example.context) for pair in pairs],
        max_seq_length=min(MAX_SEQ_LENGTH, engine.max_positions),
        window_step_tokens=WINDOW_STEP_TOKENS,
    )
    cut = [windows.windows for windows in made]
    flat = [window for windows in cut for window in windows]
    logits = iter(_logits(engine, flat, device, precision))
    return [pair_label(windows, list(islice(logits, len(windows))), top_k) for windows in cut]


def _logits(
    engine: PyTorchEngine, items: Sequence[Window], device: torch.device, precision: str
) -> list[SpanLogits]:
    """Logits of each window in order; batches of like length, bounded by positions."""
    results: dict[int, SpanLogits] = {}
    order = sorted(range(len(items)), key=lambda i: len(items[i]))
    first = 0
    while first < len(order):
        last = first + 1
        while last < len(order) and (last + 1 - first) * len(items[order[last]]) <= BATCH_POSITIONS:
            last += 1
        batch = order[first:last]
        inputs = engine.pad([items[i] for i in batch])  # (B, T)
        with (
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"),
        ):
            output = engine.model(**{key: value.to(device) for key, value in inputs.items()})
        starts, ends = output.start_logits.float().cpu().numpy(), output.end_logits.float().cpu().numpy()
        for row, i in enumerate(batch):
            length = len(items[i])
            results[i] = SpanLogits(starts[row, :length].copy(), ends[row, :length].copy())
        first = last
    return [results[i] for i in range(len(items))]


def context_positions(window: Window) -> tuple[Chars, Chars, Chars]:
    """Positions (N,) of a window that show characters of the context, and where each begins and ends."""
    starts, ends = window.offsets[:, 0], window.offsets[:, 1]
    positions = np.flatnonzero(starts < ends)
    return positions, starts[positions], ends[positions]


def pair_label(
    windows: Sequence[Window], logits: Sequence[SpanLogits], top_k: int
) -> tuple[Row, float, float]:
    """A pair's label of its windows' logits, and the mass that its starts and its ends hold.

    A character that several windows show keeps its highest logit, "no answer" its lowest (as
    run_squad's null score); the softmax is over the context's tokens and "no answer".
    """
    shown = [context_positions(window) for window in windows]
    starts = np.concatenate([begins for _, begins, _ in shown])
    ends = np.concatenate([ends for _, _, ends in shown])
    start_logits = np.concatenate([o.start[p] for o, (p, _, _) in zip(logits, shown, strict=True)])
    end_logits = np.concatenate([o.end[p] for o, (p, _, _) in zip(logits, shown, strict=True)])
    start_null = min(float(o.start[0]) for o in logits)
    end_null = min(float(o.end[0]) for o in logits)
    first, first_scores, first_held = _top(starts, start_logits, start_null, top_k)
    last, last_scores, last_held = _top(ends, end_logits, end_null, top_k)
    return Row(first, first_scores, last, last_scores), first_held, last_held


def _top(
    chars: NDArray[Any], logits: NDArray[Any], null: float, top_k: int
) -> tuple[NDArray[Any], NDArray[Any], float]:
    """The likeliest characters and "no answer" (K,), their log probabilities and the mass they hold."""
    distinct, where = np.unique(chars, return_inverse=True)
    best = np.full(len(distinct), -np.inf)
    np.maximum.at(best, where, logits.astype(np.float64))
    chars, scores = np.append(distinct, NULL), np.append(best, null)
    scores -= np.logaddexp.reduce(scores)
    kept = np.argsort(-scores[:-1], kind="stable")[: top_k - 1]
    kept = np.append(kept, len(scores) - 1)
    found = np.full(top_k, UNUSED, dtype=np.int32)
    found_scores = np.full(top_k, -np.inf, dtype=np.float16)
    found[: len(kept)] = chars[kept]
    found_scores[: len(kept)] = np.maximum(scores[kept], -60000)
    return found, found_scores, float(np.exp(scores[kept]).sum())


def _write_shard(path: Path, pairs: Sequence[Pair], labels: Sequence[tuple[Row, float, float]]) -> None:
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb") as file:
            arrays = {name: np.stack([getattr(row, name) for row, _, _ in labels]) for name in Row._fields}
            arrays["keys"] = np.frombuffer(b"".join(pair.key for pair in pairs), np.uint8).reshape(-1, 16)
            arrays["start_held"] = np.array([held for _, held, _ in labels], dtype=np.float32)
            arrays["end_held"] = np.array([held for _, _, held in labels], dtype=np.float32)
            np.savez_compressed(file, allow_pickle=False, **arrays)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise TrainingError(f"{path} cannot be written: {error}. Free some space.") from error


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The labels of one or several folders, found by a pair's texts."""

    rows: dict[bytes, int]
    arrays: Row  # each (N, K)
    identity: str

    @classmethod
    def load(cls, folders: Iterable[Path]) -> Labels:
        """All labels of the folders; of a pair in two of them the later's.

        Raises ``TrainingError`` for a folder that is unfinished, damaged or no label folder.
        """
        keys: list[bytes] = []
        parts: list[list[NDArray[Any]]] = [[] for _ in Row._fields]
        identities: list[str] = []
        for folder in folders:
            meta = read_json(folder / META_FILE)
            if not isinstance(meta, dict) or not meta.get("finished"):
                raise TrainingError(f"The labels in {folder} are not finished. Run train label again.")
            identities.append(str(meta["identity"]))
            try:
                for path in sorted(folder.glob("shard-*.npz")):
                    with np.load(path) as arrays:
                        keys += [row.tobytes() for row in arrays["keys"]]
                        for part, name in zip(parts, Row._fields, strict=True):
                            part.append(arrays[name])
            except (OSError, ValueError, KeyError) as error:
                raise TrainingError(f"{path} is damaged ({error}). Delete it and label again.") from error
        if not keys:
            raise TrainingError("There is no label in the folders of --teacher-labels.")
        width = max(array.shape[1] for array in parts[0])
        whole = Row(*(np.concatenate([_widened(array, width) for array in part]) for part in parts))
        return cls({key: i for i, key in enumerate(keys)}, whole, run_identity(identities))

    @property
    def top_k(self) -> int:
        """How many starts and ends a label has at most."""
        return int(self.arrays.starts.shape[1])

    def target(self, question: str, context: str, window: Window) -> SoftTarget | None:
        """The teacher's distributions in a window of the pair; ``None`` where it has no label.

        A character belongs to the token that shows it. What the window does not show is left out, so
        that a window without the likely answers leans to "no answer".
        """
        i = self.rows.get(pair_key(question, context))
        if i is None:
            return None
        shown = context_positions(window)
        row = Row(*(array[i] for array in self.arrays))
        target = no_target(self.top_k)
        # An end is past its last character.
        for side, chars, scores in ((0, row.starts, row.start_scores), (1, row.ends - 1, row.end_scores)):
            null = (row.starts, row.ends)[side] == NULL
            best: dict[int, float] = {}
            for position, score in _in_window(chars, scores, null, shown):
                best[position] = max(score, best.get(position, -np.inf))
            target.positions[side, : len(best)] = list(best)
            target.scores[side, : len(best)] = list(best.values())
        return target


def _widened(array: NDArray[Any], width: int) -> NDArray[Any]:
    missing = width - array.shape[1]
    fill = -np.inf if array.dtype == np.float16 else UNUSED
    return np.pad(array, ((0, 0), (0, missing)), constant_values=fill) if missing else array


def _in_window(
    chars: Chars, scores: NDArray[np.float16], null: NDArray[np.bool_], shown: tuple[Chars, Chars, Chars]
) -> Iterator[tuple[int, float]]:
    """The window's position of each character it shows, and its score; [CLS] for "no answer"."""
    positions, starts, ends = shown
    for score in scores[null]:
        yield 0, float(score)
    real = ~null & (chars >= 0)
    if len(positions):
        at = np.searchsorted(starts, chars[real], side="right") - 1
        inside = (at >= 0) & (chars[real] < ends[at])
        for position, score in zip(positions[at[inside]], scores[real][inside], strict=True):
            yield int(position), float(score)
