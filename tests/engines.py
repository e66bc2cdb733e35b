"""Processors with chosen features, and costs of engines that were never measured."""

from __future__ import annotations

from biom_demo.analysis.engine_costs import Engines
from biom_demo.qa.engines import processor


def processor_with(monkeypatch, *flags):
    """A processor that has these features and no others."""
    monkeypatch.setattr(processor, "_flags", lambda: frozenset(flags))


def engines_measured(label="M", *, file="dev.json", digest="", size=1, exact=60.0, quick=59.5):
    """One model, measured in float32 and bfloat16 on one file."""
    figures = [
        {"file": file, "precision": precision, "pairs": 475, "exact_match": em, "f1": em + 10.0}
        for precision, em in (("float32", exact), ("bfloat16", quick))
    ]
    speed = {"float32": {"ratio": 1.0}, "bfloat16": {"ratio": 1.94}}
    model = {"label": label, "digest": digest, "bytes": size, "speed": speed, "figures": figures}
    return Engines((model,))
