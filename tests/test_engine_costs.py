"""What an engine costs: of which checkpoints that is known, what is on offer, and how it is told."""

from __future__ import annotations

import json
import re

import pytest

from biom_demo.analysis import engine_costs
from biom_demo.analysis.engine_costs import ENGINES, Engines
from biom_demo.analysis.stored import digest_of
from biom_demo.models.catalogue import Checkpoint, locate
from biom_demo.qa.checkpoint_files import weights_of
from biom_demo.settings import Precision
from biom_demo.show.engines import engines_html
from tests.engines import engines_measured, processor_with
from tests.site import MINI

QUICK, INT8 = Precision.BFLOAT16, Precision.INT8


def words(html):
    return re.sub("<[^>]*>", "", str(html))


def measured_of_mini(**rest):
    """As if the BioM side of the bundled pair alone had been measured."""
    folder = locate(MINI.biom)
    size = weights_of(folder).path.stat().st_size
    return engines_measured(MINI.biom.label, digest=digest_of(folder), size=size, **rest)


def test_a_cost_holds_for_the_files_it_was_measured_on():
    engines = measured_of_mini()
    cost = engines.of(MINI.biom, QUICK)
    (change,) = cost.changes
    assert (cost.speed, change.pairs, change.exact_match, change.f1) == (1.94, 475, -0.5, -0.5)
    assert engines.of(MINI.biom, INT8) is None
    # The other side has weights of the same size, and is another model.
    assert engines.of(MINI.vanilla, QUICK) is None
    assert engines.of(Checkpoint("owner/absent", "A", ""), QUICK) is None


def test_only_weights_of_a_measured_size_are_hashed(monkeypatch, tmp_path):
    for name in ("config.json", "vocab.txt"):
        (tmp_path / name).write_text("{}")
    text = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    monkeypatch.setattr(engine_costs, "known_digest_of", lambda folder: pytest.fail("hashed"))
    assert engines_measured(size=5).of(Checkpoint(str(tmp_path), "C", ""), QUICK) is None


def test_on_offer_is_what_the_processor_has_and_was_measured(monkeypatch):
    processor_with(monkeypatch, "avx512_bf16", "avx512_vnni")
    engines = engines_measured()
    assert engines.offered == (Precision.FLOAT32, QUICK)
    assert engines.why_not(INT8) == "What it costs was not measured."
    assert Engines().offered == (Precision.FLOAT32,)
    processor_with(monkeypatch)
    assert engines.offered == (Precision.FLOAT32,)
    assert "no instructions for bfloat16" in engines.why_not(QUICK)


def test_the_page_says_what_an_engine_costs_or_why_it_is_not_there(monkeypatch):
    processor_with(monkeypatch, "avx512_bf16")
    engines = measured_of_mini()
    told = words(engines_html(engines, [MINI.biom]))
    assert "bfloat16: about 1.9 times as fast. Exact match (F1), in points of 100: " in told
    assert "−0.5 (−0.5) on 475 pairs of BioASQ 8B." in told
    assert "int8: not available here. This processor has no instructions for int8" in told
    both = words(engines_html(engines, MINI.checkpoints))
    assert f"bfloat16: cost not measured for {MINI.vanilla.label}. Of the bundled pair: about 1.9" in both
    gained = words(engines_html(measured_of_mini(quick=60.04), [MINI.biom]))
    assert "±0 (±0)" in gained


@pytest.mark.parametrize("spoilt", [None, "{", "[]", '{"models": [{}]}', '{"models": 3}'])
def test_without_a_file_that_can_be_used_nothing_else_is_on_offer(tmp_path, spoilt, monkeypatch):
    processor_with(monkeypatch, "avx512_bf16", "avx512_vnni")
    path = tmp_path / "engines.json"
    if spoilt is not None:
        path.write_text(spoilt)
    assert Engines.of_file(path).offered == (Precision.FLOAT32,)


def test_the_bundled_file_is_of_the_bundled_pair():
    engines = Engines.of_file()
    for checkpoint in MINI.checkpoints:
        cost = engines.of(checkpoint, QUICK)
        assert cost is not None, f"{ENGINES.name} is stale: run python -m benchmarks.engine_cost"
        assert cost.speed > 0
        assert ("dev.json", 475) in {(change.file, change.pairs) for change in cost.changes}
