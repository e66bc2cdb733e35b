"""A checkpoint run by PyTorch on the CPU: any extractive QA architecture of transformers.

The only file outside ``train/`` that imports torch and transformers.
"""

from __future__ import annotations

import inspect
import os
import pickle
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch

from biom_demo.errors import CheckpointError
from biom_demo.qa.checkpoint_files import FREE_NUMBERS, Weights, check_checkpoint
from biom_demo.qa.engines.linear import use_kernels
from biom_demo.qa.engines.processor import refusal
from biom_demo.qa.records import SpanLogits, Window
from biom_demo.qa.windows import Layout, build_windows
from biom_demo.settings import Precision

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from biom_demo.qa.records import Ids

T = TypeVar("T")
WEIGHTS_FILE = "model.safetensors"
# A config may name another, fetched from the Hub; these two are torch's and transformers' own.
ATTENTION, PLAIN_ATTENTION = "sdpa", "eager"
PORTION_POSITIONS = 512  # plain attention over more leaves the processor's caches, and is slower
MAX_MODULES = 20_000  # 24 layers have some 500


class ModelInput(Protocol):
    """What ``pad`` needs of a window."""

    @property
    def ids(self) -> Ids:
        """The tokens, int32 (T,)."""
        ...

    @property
    def context_start(self) -> int:
        """The first position that shows context."""
        ...


def set_threads(threads: int) -> None:
    """Let a forward pass use that many CPU threads, in this process from now on."""
    torch.set_num_threads(threads)


class PyTorchEngine:
    """A QA model and its tokenizer; it sends the model only what the model's ``forward`` declares."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        precision: Precision = Precision.FLOAT32,
    ) -> None:
        """``precision`` is what a forward pass computes in; ``model`` becomes a model of that precision.

        In float32 it stays what it was, to be trained and saved; in others its layers are replaced.

        Raises ``CheckpointError`` where the two do not fit, or are of a kind that cannot be read, and where
        the processor has no instructions for the precision.
        """
        why_not = refusal(precision)
        if why_not:
            raise CheckpointError(f"{why_not} Choose float32.")
        self.precision = precision
        self.model = model
        self.tokenizer = tokenizer
        self.max_positions = _max_positions(model)
        self.layout = Layout.of(tokenizer)
        declared = inspect.signature(model.forward).parameters
        if "attention_mask" not in declared:
            raise CheckpointError(
                "Its architecture cannot tell padding from text. Choose another checkpoint."
            )
        # RoBERTa takes types, but has one of them only: a second is an index out of range.
        self._sends_types = "token_type_ids" in declared and getattr(model.config, "type_vocab_size", 0) > 1
        if len(tokenizer) > model.config.vocab_size:
            raise CheckpointError(
                f"The tokenizer knows {len(tokenizer)} tokens, the model {model.config.vocab_size}. "
                "They are from different checkpoints."
            )
        use_kernels(model, precision)
        if precision is not Precision.FLOAT32:
            # torch's fused kernel is no quicker in bfloat16 than in float32; matrix products are.
            model.set_attn_implementation(PLAIN_ATTENTION)

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        name: str | None = None,
        allow_new_head: bool = False,
        precision: Precision = Precision.FLOAT32,
    ) -> PyTorchEngine:
        """The engine of a checkpoint folder, or of a Hub id whose files lie in the local cache.

        Never touches the network and never runs code that comes with a checkpoint. Weights of any
        dtype are read as float32; a pickled ``pytorch_model.bin`` is unpickled with weights only.
        ``name`` is what messages call it, in place of ``source``. ``allow_new_head`` accepts an encoder
        without a QA head and draws one from torch's RNG (for training).

        Raises ``CheckpointError``, with the reason, where files are missing, damaged, unsafe or not
        of a QA model, and where the model cannot read a question and a text.
        """
        # Imported here: transformers takes seconds, and most modules that import this one need none.
        from transformers import AutoModelForQuestionAnswering

        name = str(source) if name is None else name
        folder = checkpoint_folder(source, name=name)
        weights = checked(folder, name=name)
        tokenizer = load_tokenizer(folder, name=name)
        config = load_config(folder, name=name)
        _require_fit(config, weights, name)
        model, info = _reading(
            name,
            folder,
            lambda: AutoModelForQuestionAnswering.from_pretrained(
                folder,
                config=config,
                attn_implementation=_attention(config),
                trust_remote_code=False,
                local_files_only=True,
                dtype=torch.float32,
                output_loading_info=True,
            ),
        )
        missing = sorted(info["missing_keys"])
        mismatched = sorted(str(key) for key in info.get("mismatched_keys", ()))
        headless = bool(missing) and all(key.startswith("qa_outputs") for key in missing)
        if mismatched or (missing and not (headless and allow_new_head)):
            what = (
                "no question answering head" if headless else f"no weights for {(missing + mismatched)[:3]}"
            )
            raise CheckpointError(
                f"{name} has {what}. Choose a checkpoint fine-tuned for extractive question answering."
            )
        try:
            engine = cls(model.eval(), tokenizer, precision)
        except CheckpointError as error:
            raise CheckpointError(f"{name} cannot be read. {error}") from error
        engine._try_out(name)
        return engine

    def _try_out(self, name: str) -> None:
        """Read one sentence: a model of a kind that cannot be read is refused now, not at a question."""
        try:
            (made,) = build_windows(
                self.tokenizer,
                [("Which gene?", "It is a gene.")],
                max_seq_length=min(self.max_positions, 32),
            )
            self.logits(made.windows)
        except Exception as error:  # whatever an architecture that wants other inputs raises
            raise CheckpointError(
                f"{name} cannot read a question and a text ({_reason(error)}). "
                "Choose a checkpoint of the kind of BERT, ALBERT, ELECTRA or RoBERTa."
            ) from error

    def save(self, folder: Path) -> None:
        """Write config, tokenizer and float32 safetensors, whole, so that ``load`` finds them."""
        with whole_checkpoint(folder) as partial:
            self.model.save_pretrained(partial)
            self.tokenizer.save_pretrained(partial)

    def logits(self, windows: Sequence[Window]) -> list[SpanLogits]:
        """Start and end logits of each window, in order; float32 (T,) with T the window's length.

        All run as one batch, padded to its longest; in fewer bits some at a time.
        """
        if self.precision is Precision.FLOAT32:
            return self._batch(windows)
        return [one for portion in _portions(windows) for one in self._batch(portion)]

    def _batch(self, windows: Sequence[Window]) -> list[SpanLogits]:
        # What is left beside the layers: attention in bfloat16, sums and norms in float32.
        half = torch.autocast("cpu", torch.bfloat16, enabled=self.precision is not Precision.FLOAT32)
        with torch.inference_mode(), half:
            output = self.model(**self.pad(windows))
        starts = output.start_logits.float().numpy()  # (B, T)
        ends = output.end_logits.float().numpy()
        return [
            SpanLogits(starts[row, : len(window)].copy(), ends[row, : len(window)].copy())
            for row, window in enumerate(windows)
        ]

    def pad(self, windows: Sequence[ModelInput]) -> dict[str, torch.Tensor]:
        """The model's inputs for a batch: each int64 (B, T of the longest)."""
        width = max(len(window.ids) for window in windows)
        ids = np.full((len(windows), width), self.tokenizer.pad_token_id or 0, dtype=np.int64)
        types = np.zeros_like(ids)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            length = len(window.ids)
            ids[row, :length] = window.ids
            types[row, :length] = self.layout.token_types(length, window.context_start)
            mask[row, :length] = 1
        inputs = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        if self._sends_types:
            inputs["token_type_ids"] = torch.from_numpy(types)
        return inputs


def _portions(windows: Sequence[Window]) -> Iterator[Sequence[Window]]:
    """The windows in order, a portion at most ``PORTION_POSITIONS`` padded ones, or one window."""
    first, longest = 0, 0
    for place, window in enumerate(windows):
        longest = max(longest, len(window))
        if place > first and longest * (place - first + 1) > PORTION_POSITIONS:
            yield windows[first:place]
            first, longest = place, len(window)
    if windows:
        yield windows[first:]


@contextmanager
def whole_checkpoint(out: Path) -> Iterator[Path]:
    """A folder to write a checkpoint into, whose files are then moved to ``out``, the weights last.

    So a folder with ``model.safetensors`` is a whole checkpoint, whenever the process was killed.
    What is in ``out`` under other names (a training state, a log) stays.
    """
    partial = out / "checkpoint.part"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    for path in partial.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())  # what made it (a training state) may be deleted next
    (out / WEIGHTS_FILE).unlink(missing_ok=True)  # of another checkpoint: not with this one's tokenizer
    for path in sorted(partial.iterdir(), key=lambda path: (path.name == WEIGHTS_FILE, path.name)):
        path.replace(out / path.name)
    partial.rmdir()


def _max_positions(model: PreTrainedModel) -> int:
    """The longest input the model has positions for."""
    declared = getattr(model.config, "max_position_embeddings", None)
    if declared is None or declared < 1:  # positions that are relative, or computed
        return int(np.iinfo(np.int32).max)
    # RoBERTa and its kin count positions from the padding's on: 514 of them serve 512 tokens.
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return int(declared) - int(module.padding_idx) - 1
    return int(declared)


class _Bars:
    """Whose loads are running, and the hook that transformers had before the first of them."""

    lock = threading.Lock()
    loads = 0
    hook: Any = None


@contextmanager
def _without_bars() -> Iterator[None]:
    """Within, transformers draws no progress bars; then again as before. Loads may run side by side."""
    from transformers.utils import logging

    def no_bar(factory: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return logging.EmptyTqdm(*args, **kwargs)

    with _Bars.lock:
        if not _Bars.loads:
            _Bars.hook = logging.set_tqdm_hook(no_bar)
        _Bars.loads += 1
    try:
        yield
    finally:
        with _Bars.lock:
            _Bars.loads -= 1
            if not _Bars.loads:
                logging.set_tqdm_hook(_Bars.hook)
                _Bars.hook = None


def checkpoint_folder(source: str | Path, *, name: str) -> Path:
    """The folder of a checkpoint that is a folder, or a Hub id whose files lie in the local cache.

    Raises ``CheckpointError`` where there is none.
    """
    if Path(source).is_dir():
        return Path(source)
    if isinstance(source, Path):
        raise CheckpointError(f"There is no checkpoint folder {name}. Check the path.")
    from transformers.utils import cached_file

    found = _reading(name, None, lambda: cached_file(source, "config.json", local_files_only=True))
    return Path(str(found)).parent


def checked(folder: Path, *, name: str) -> Weights:
    """The weights of a folder that may be handed to transformers. Raises ``CheckpointError``."""
    try:
        return check_checkpoint(folder)
    except CheckpointError as error:
        raise CheckpointError(f"{name} cannot be loaded. {error}") from None


def load_tokenizer(folder: Path, *, name: str) -> Any:
    """The fast tokenizer of a checked folder. Raises ``CheckpointError`` where it has none."""
    from transformers import AutoTokenizer

    tokenizer = _reading(
        name,
        folder,
        lambda: AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True),
    )
    if not getattr(tokenizer, "is_fast", False):
        raise CheckpointError(f"{name} has no fast tokenizer, which exact offsets need.")
    if len(tokenizer) <= len(tokenizer.all_special_ids):  # transformers makes one up without files
        raise CheckpointError(
            f"{name} has no vocabulary: tokenizer.json, vocab.txt or the like is missing. Fetch it again."
        )
    return tokenizer


def load_config(folder: Path, *, name: str) -> Any:
    """The config of a checked folder. Raises ``CheckpointError`` where transformers knows no such model."""
    from transformers import AutoConfig

    return _reading(
        name,
        folder,
        lambda: AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True),
    )


def _attention(config: Any) -> str:
    """The faster of the two kinds of attention, where the architecture has it."""
    from transformers import AutoModelForQuestionAnswering

    architecture = AutoModelForQuestionAnswering._model_mapping.get(type(config), None)
    return ATTENTION if getattr(architecture, "_supports_sdpa", False) else PLAIN_ATTENTION


class _TooManyModules(Exception):
    """Ends the building of a model from inside."""


@contextmanager
def _bounded_building() -> Iterator[None]:
    """Within, this thread may build a model of at most ``MAX_MODULES``."""
    built, builder = 0, threading.get_ident()

    def count(*_: object) -> None:
        nonlocal built
        if threading.get_ident() == builder:
            built += 1
            if built > MAX_MODULES:
                raise _TooManyModules

    handle = torch.nn.modules.module.register_module_module_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


def _require_fit(config: Any, weights: Weights, name: str) -> None:
    """Raise ``CheckpointError`` where a model of this config needs more numbers than its weights hold.

    It is built without memory for its numbers. Whatever name a config has for a size: none makes this
    take long, nor passes with sizes that the weights are not of.
    """
    from transformers import AutoModelForQuestionAnswering

    def build() -> Any:
        with _bounded_building(), torch.device("meta"):
            return AutoModelForQuestionAnswering.from_config(
                config, attn_implementation=_attention(config), trust_remote_code=False
            )

    other = "of another size than its weights. Choose another checkpoint."
    try:
        model = _reading(name, weights.path.parent, build)
    except CheckpointError as error:
        if isinstance(error.__cause__, _TooManyModules):
            raise CheckpointError(f"{name} cannot be loaded. Its config describes a model {other}") from None
        raise
    parameters = sum(parameter.numel() for parameter in model.parameters())
    buffers = sum(buffer.numel() for buffer in model.buffers())
    if max(parameters, buffers) > weights.most_numbers + FREE_NUMBERS:
        raise CheckpointError(f"{name} cannot be loaded. Its config describes a model {other}")


def _reason(error: Exception, folder: Path | None = None) -> str:
    """The first line of an error's words, without the folder's place on this machine."""
    text = str(error).strip()
    if not text:
        return type(error).__name__
    line = text.splitlines()[0]
    if folder is not None:
        for place in (str(folder), str(folder.absolute()), str(folder.resolve())):
            line = line.replace(place, "its folder")
    return _PATH.sub("…", line)[:200]


# Two steps down from a root, as in "/root/.cache"; "and/or" has none.
_PATH = re.compile(r"(?<![\w/.])(?:~|[A-Za-z]:)?(?:[/\\]+[\w.@+-]+){2,}[/\\]?")


def _reading(name: str, folder: Path | None, load: Callable[[], T]) -> T:
    """What ``load`` returns; what goes wrong in transformers becomes a ``CheckpointError``."""
    try:
        with _without_bars():
            return load()
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{name}: pytorch_model.bin holds more than weights, or is damaged, and was not opened. "
            "Get the checkpoint again from its author, best as safetensors."
        ) from error
    except Exception as error:  # safetensors, tokenizers and transformers raise many kinds
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            raise CheckpointError(
                f"{name} does not fit into this machine's free memory. Choose the mini pair, or close other "
                "programs."
            ) from error
        raise CheckpointError(
            f"{name} cannot be loaded as a checkpoint ({_reason(error, folder)}). Check that config.json, "
            "the tokenizer and the weights are there and whole."
        ) from error
