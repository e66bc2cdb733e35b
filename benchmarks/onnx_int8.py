"""int8 by ONNX Runtime, beside ours: what others would take. No part of the app.

pip install -r requirements-bench.txt
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from biom_demo.errors import CheckpointError
from biom_demo.qa.engines.processor import refusal
from biom_demo.qa.engines.pytorch import PyTorchEngine
from biom_demo.qa.records import SpanLogits, Window
from biom_demo.settings import Precision

NAME = "ONNX Runtime int8"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OPSET = 17
EXTERNAL_FROM = 200_000_000  # weights; more are kept in a file beside the graph


class OnnxInt8:
    """A model exported, its matrix products quantised per channel, and run by ONNX Runtime.

    Raises ``CheckpointError`` where onnx or onnxruntime is not installed.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        try:
            import onnx  # noqa: F401
            import onnxruntime  # noqa: F401
            from onnxruntime.quantization import QuantType, quantize_dynamic
        except ImportError as error:
            raise CheckpointError(
                f"{error.name} is not installed: pip install -r requirements-bench.txt"
            ) from error
        self._pads = PyTorchEngine(model, tokenizer)
        self.max_positions = self._pads.max_positions
        # Gone with this object. An exported Large does not fit into a protobuf file, which ends at 2 GB.
        self._folder = tempfile.TemporaryDirectory()
        exported, self._quantised = (Path(self._folder.name) / name for name in ("model.onnx", "int8.onnx"))
        _export(model, exported)
        with _quietly():  # it asks for a step that fuses nothing here
            quantize_dynamic(
                exported,
                self._quantised,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                # Without VNNI sums of two products saturate.
                reduce_range=bool(refusal(Precision.INT8)),
                weight_type=QuantType.QInt8,
                use_external_data_format=sum(p.numel() for p in model.parameters()) > EXTERNAL_FROM,
            )
        exported.unlink()
        self._pads.model = None  # padding needs no weights
        self._threads = 0
        self._session: Any = None

    def logits(self, windows: Sequence[Window]) -> list[SpanLogits]:
        """As ``qa.engines.Engine`` has it; on as many threads as torch has."""
        if self._threads != torch.get_num_threads():
            self._threads = torch.get_num_threads()
            self._session = self._opened(self._threads)
        made = {name: rows.numpy() for name, rows in self._pads.pad(windows).items()}
        starts, ends = self._session.run(None, made)
        return [SpanLogits(starts[i, : len(w)], ends[i, : len(w)]) for i, w in enumerate(windows)]

    def _opened(self, threads: int) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(self._quantised), options, providers=["CPUExecutionProvider"])


@contextmanager
def _quietly() -> Iterator[None]:
    """Within, what is logged as a warning or less is not."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _export(model: Any, path: Path) -> None:
    example = torch.ones(1, 16, dtype=torch.int64)
    axes = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is the old one: the new one fuses no attention either
        torch.onnx.export(
            _Positional(model),
            (example, example, example),
            str(path),
            input_names=list(INPUTS),
            output_names=["start_logits", "end_logits"],
            dynamic_axes=dict.fromkeys((*INPUTS, "start_logits", "end_logits"), axes),
            opset_version=OPSET,
            dynamo=False,
        )
    model.eval()  # the exporter leaves it in training mode


class _Positional(torch.nn.Module):
    """The model with its three inputs in ``INPUTS``' order and its two outputs as a tuple."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return found.start_logits, found.end_logits
