"""A checkpoint -> ``Reader``: batched forward passes -> ``SpanLogits`` -> ``Prediction``.

The only file that imports torch and transformers. Works with any extractive QA architecture that
has a fast tokenizer (BERT, ALBERT, ELECTRA, ...).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from biom_demo.errors import CheckpointError
from biom_demo.qa import spans, windows
from biom_demo.qa.records import Prediction, Question, Reading, SpanLogits, Window

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# Attention is quadratic and batches share memory, so a batch is bounded by positions, not rows.
BATCH_POSITIONS = 4096


@dataclass(frozen=True, slots=True)
class Decoding:
    """How windows are cut and spans chosen; the defaults are the app's and ``evaluate``'s.

    With ``run_squad`` the published table's decoding is used (20 x 20 shortlist, max-context rule).
    """

    max_seq_length: int = windows.MAX_SEQ_LENGTH
    window_step_tokens: int = windows.WINDOW_STEP_TOKENS
    max_answer_length: int = spans.MAX_ANSWER_LENGTH
    n_best: int = 20
    run_squad: bool = False


class Reader:
    """A tokenizer and an extractive QA model on the CPU, in float32."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, decoding: Decoding | None = None
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.decoding = decoding or Decoding()
        # A checkpoint of shorter positions (ELECTRA pre-trained at 128, say) bounds the window.
        self.max_seq_length = min(self.decoding.max_seq_length, model.config.max_position_embeddings)

    @classmethod
    def load(
        cls, source: str | Path, *, decoding: Decoding | None = None, allow_new_head: bool = False
    ) -> Reader:
        """A reader of a checkpoint folder, or of a Hub id whose files lie in the local cache.

        Never touches the network. Weights of any dtype are read as float32; a pickled
        ``pytorch_model.bin`` is unpickled with weights only. ``allow_new_head`` accepts an encoder
        without a QA head and draws one from torch's RNG (for training).

        Raises ``CheckpointError`` where files are missing, damaged, unsafe or not of a QA model.
        """
        # Imported here: transformers takes seconds, and most modules that import this one need none.
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer

        name = str(source)
        if isinstance(source, Path) and not source.is_dir():
            raise CheckpointError(f"There is no checkpoint folder {source}. Check the path.")
        tokenizer = _reading(name, lambda: AutoTokenizer.from_pretrained(name, local_files_only=True))
        if not getattr(tokenizer, "is_fast", False):
            raise CheckpointError(f"{name} has no fast tokenizer, which exact offsets need.")
        model, info = _reading(
            name,
            lambda: AutoModelForQuestionAnswering.from_pretrained(
                name, local_files_only=True, dtype=torch.float32, output_loading_info=True
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
        if len(tokenizer) > model.config.vocab_size:
            raise CheckpointError(
                f"{name}: the tokenizer knows {len(tokenizer)} tokens, the model {model.config.vocab_size}. "
                "They are from different checkpoints."
            )
        return cls(model.eval(), tokenizer, decoding)

    def save(self, folder: Path) -> None:
        """Write config, tokenizer and float32 safetensors so that ``load`` finds them."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def logits(
        self, items: Sequence[Window], *, progress: Callable[[int], None] | None = None
    ) -> list[SpanLogits]:
        """Start and end logits of each window, in order; float32 (T,) with T the window's length.

        Windows run longest first in batches padded to their longest only; ``progress`` is called
        with the number of windows done.
        """
        results: list[SpanLogits | None] = [None] * len(items)
        done = 0
        for batch in _batches([len(item) for item in items]):
            inputs = pad([items[i] for i in batch], self.tokenizer.pad_token_id or 0)  # (B, T)
            with torch.inference_mode():
                output = self.model(**inputs)
            starts = output.start_logits.float().numpy()
            ends = output.end_logits.float().numpy()
            for row, index in enumerate(batch):
                length = len(items[index])
                results[index] = SpanLogits(starts[row, :length].copy(), ends[row, :length].copy())
            done += len(batch)
            if progress:
                progress(done)
        return [result for result in results if result is not None]

    def read(self, question: Question, contexts: Sequence[str]) -> list[Prediction]:
        """The ranked answers to one question in each context, in order."""
        return self.read_pairs([(question, context) for context in contexts])

    def read_pairs(
        self, pairs: Iterable[tuple[Question, str]], *, progress: Callable[[int], None] | None = None
    ) -> list[Prediction]:
        """A prediction for each (question, context) pair, in order; ``context_index`` counts the pairs.

        Windows of all pairs are batched together. Raises ``InputError`` for an empty question.
        """
        decode = spans.decode_run_squad if self.decoding.run_squad else spans.decode
        return [
            decode(
                reading.question,
                reading.context,
                reading.context_index,
                reading.windows,
                reading.logits,
                max_answer_length=self.decoding.max_answer_length,
                n_best=self.decoding.n_best,
                notices=reading.notices,
            )
            for reading in self.readings(pairs, progress=progress)
        ]

    def readings(
        self, pairs: Iterable[tuple[Question, str]], *, progress: Callable[[int], None] | None = None
    ) -> list[Reading]:
        """The undecoded logits for each (question, context) pair, in order, as ``read_pairs`` has them."""
        pairs = list(pairs)
        cut = [
            windows.build_windows(
                self.tokenizer,
                question.text,
                [context],
                max_seq_length=self.max_seq_length,
                window_step_tokens=self.decoding.window_step_tokens,
            )[0]
            for question, context in pairs
        ]
        flat = [window for made in cut for window in made.windows]
        logits = self.logits(flat, progress=progress)
        results: list[Reading] = []
        first = 0
        for index, ((question, context), made) in enumerate(zip(pairs, cut, strict=True)):
            last = first + len(made.windows)
            results.append(
                Reading(question, context, index, made.windows, tuple(logits[first:last]), made.notices)
            )
            first = last
        return results


def pad(items: Sequence[Window], pad_token_id: int) -> dict[str, torch.Tensor]:
    """``input_ids``, ``token_type_ids`` and ``attention_mask`` of a batch, int64 (B, T of the longest)."""
    width = max(len(item) for item in items)
    ids = np.full((len(items), width), pad_token_id, dtype=np.int64)
    types = np.zeros_like(ids)
    mask = np.zeros_like(ids)
    for row, item in enumerate(items):
        ids[row, : len(item)] = item.input_ids
        types[row, : len(item)] = item.token_type_ids
        mask[row, : len(item)] = 1
    return {
        "input_ids": torch.from_numpy(ids),
        "token_type_ids": torch.from_numpy(types),
        "attention_mask": torch.from_numpy(mask),
    }


def _batches(lengths: Sequence[int]) -> Iterable[list[int]]:
    """Indices by batch, longest first, each batch at most ``BATCH_POSITIONS`` padded positions."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    batch: list[int] = []
    for index in order:
        if batch and lengths[batch[0]] * (len(batch) + 1) > BATCH_POSITIONS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _reading(name: str, load: Callable[[], Any]) -> Any:
    """What ``load`` returns; what goes wrong in transformers becomes a ``CheckpointError``."""
    try:
        return load()
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{name}: pytorch_model.bin holds more than weights, or is damaged, and was not opened. "
            "Get the checkpoint again from its author, best as safetensors."
        ) from error
    except Exception as error:  # safetensors, tokenizers and transformers raise many kinds
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{name} cannot be loaded as a checkpoint ({reason}). Check that config.json, the tokenizer "
            "and the weights are there and whole."
        ) from error
