"""``make bench``: what is timed is what is said to be, and its figures and tables follow from the seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import ElectraConfig, ElectraForQuestionAnswering

from benchmarks import bench, gpu, render, report, server, sizes, start_up, tasks, texts
from benchmarks.baseline import PlainLoop
from benchmarks.floor import Operations, _kernels, by_precision, floor_s, operations, operations_of, peaks
from benchmarks.rounds import Spread, interleaved, ratios
from benchmarks.sizes import Size, Subject, bundled_tokenizer
from biom_demo.errors import CheckpointError
from biom_demo.qa.reader import READING, Reader
from biom_demo.qa.records import Question
from biom_demo.qa.windows import build_windows
from biom_demo.settings import Precision
from tests.conftest import ROOT

TINY = Size("tiny", 2, 32, 2, rounds=2, texts=3, questions=3, long_chars=4_000)


@pytest.fixture(scope="module")
def real_tokenizer():
    """The bundled pair's."""
    return bundled_tokenizer()


@pytest.fixture(autouse=True)
def one_thread():
    """Whatever a benchmark sets, the tests after it have the threads that they had."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


# Rounds and ratios


def test_rounds_are_interleaved_and_the_first_does_not_count():
    order = []
    ticks = count()
    variants = {name: lambda n=name: order.append(n) for name in "abc"}
    seconds = interleaved(variants, 2, warm_up=1, clock=lambda: float(next(ticks)))
    assert order == ["a", "b", "c"] * 3
    assert seconds == {"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [1.0, 1.0]}


def test_a_ratio_is_of_two_times_of_one_round():
    assert ratios([2.0, 9.0, 4.0], [1.0, 3.0, 4.0]) == Spread(2.0, 1.0, 3.0)
    assert ratios([2.0, 9.0], [1.0, 3.0]).text() == "2.50 (2.00 to 3.00)"
    with pytest.raises(ValueError, match="argument"):
        ratios([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="no figures"):
        Spread.of([])


# Operations and the floor


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("embedding", [16, 32])
def test_operations_are_those_that_torch_counts(attention, embedding):
    config = ElectraConfig(
        vocab_size=60, embedding_size=embedding, hidden_size=32, num_hidden_layers=3,
        num_attention_heads=4, intermediate_size=80,
    )  # fmt: skip
    model = ElectraForQuestionAnswering._from_config(config, attn_implementation=attention).eval()
    ids = torch.ones(1, 21, dtype=torch.int64)
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        model(input_ids=ids, attention_mask=ids)
    done, found = operations(config, 21), counted.get_flop_counts()["Global"]
    linear = sum(found.pop(kind, 0) for kind in (torch.ops.aten.addmm, torch.ops.aten.mm))
    assert linear == done.linear
    if attention == "eager":  # the counter may not know the processor's fused attention
        assert sum(found.values()) == done.attention
    assert operations_of(config, [21, 21]) == done + done


def test_the_floor_is_each_part_at_its_best_rate():
    done, rates = Operations(600.0, 40.0), {"float32": 10.0, "bfloat16": 20.0, "int8": 60.0}
    assert floor_s(done, rates, "float32") == 64.0
    assert floor_s(done, rates, "bfloat16") == 32.0
    assert floor_s(done, rates, "int8") == 10.0 + 2.0
    assert floor_s(done, {"float32": 10.0}, "int8") is None


def test_the_best_rate_of_a_precision_is_over_kernels_and_times():
    first = {"float32 linear": {"rate": 5.0}, "float32 oneDNN": {"rate": 4.0}}
    assert by_precision([first, {"float32 oneDNN": {"rate": 7.0}, "int8 oneDNN": {"rate": 1.0}}]) == {
        "float32": 7.0,
        "int8": 1.0,
    }


def test_peaks_of_small_products(monkeypatch):
    monkeypatch.setattr("benchmarks.floor.SHAPES", ((8, 16, 32), (4, 4, 4)))
    monkeypatch.setattr("benchmarks.floor.LEAST_S", 0.0)
    found = peaks(1)
    assert {"float32 linear"} <= set(found)
    assert all(one["rate"] > 0 for one in found.values())


def test_every_kernel_multiplies():
    made = _kernels(24, 64, 48)
    exact = made["float32 linear"]()
    for kernel, run in made.items():
        off = float((run().float() - exact).norm() / exact.norm())
        assert off < (1e-5 if kernel.startswith("float32") else 0.03), kernel


# Texts


@pytest.mark.parametrize("tokens", [64, 128, 256, 384, 512])
@pytest.mark.parametrize("question", [texts.questions(1)[0], texts.questions(20)[-1]])
def test_a_window_has_exactly_the_tokens_that_were_asked_for(real_tokenizer, tokens, question):
    text = texts.text_of_tokens(real_tokenizer, question, tokens, seed=tokens)
    (made,) = build_windows(real_tokenizer, [(question.text, text)])
    assert [len(window) for window in made.windows] == [tokens]


def test_a_window_that_cannot_be_is_refused(real_tokenizer):
    with pytest.raises(ValueError, match="leave no room"):
        texts.text_of_tokens(real_tokenizer, Question("Which gene is it?"), 8)
    with pytest.raises(ValueError, match="not 600"):
        texts.text_of_tokens(real_tokenizer, Question("Which gene is it?"), 600)


def test_texts_differ_and_those_of_one_seed_do_not():
    assert len(texts.text_of_chars(50_000)) == 50_000
    assert texts.text_of_chars(5_000, 1) == texts.text_of_chars(5_000, 1) != texts.text_of_chars(5_000, 2)
    assert len({question.text for question in texts.questions(20)}) == 20


def test_abstracts_are_windows_of_their_own(real_tokenizer):
    (question,) = texts.questions(1)
    made = texts.abstracts(real_tokenizer, question, 12)
    assert made[:4] == texts.abstracts(real_tokenizer, question, 4)
    assert len(set(made)) == 12
    cut = build_windows(real_tokenizer, [(question.text, text) for text in made])
    lengths = [len(window) for one in cut for window in one.windows]
    assert len(lengths) == 12
    assert all(texts.ABSTRACT_TOKENS[0] <= n <= texts.ABSTRACT_TOKENS[1] for n in lengths)


# The baseline and the engines


def test_the_baseline_cuts_the_windows_that_run_squad_did_and_reads_them_padded(real_tokenizer):
    model = sizes.model_of(TINY, real_tokenizer, attention="eager")
    plain, question, text = PlainLoop(model, real_tokenizer), "Which gene is it?", texts.text_of_chars(6_000)
    (ours,) = build_windows(real_tokenizer, [(question, text)], window_step_tokens=tasks.PUBLISHED_STEP)
    theirs = plain.windows(question, text)
    assert theirs["input_ids"].shape == (len(ours.windows), 512)
    for row, window in zip(theirs["input_ids"].numpy(), ours.windows, strict=True):
        assert np.array_equal(row[: len(window)], window.ids)
        assert not row[len(window) :].any()
    assert len(plain.read(question, text, most=2)) == 2


def test_what_is_timed_reads_the_same_in_every_variant(real_tokenizer):
    subject = Subject(TINY, real_tokenizer)
    off = tasks.deviations(subject)
    assert off["float32"] < 1e-4
    assert all(share < 0.3 for share in off.values())
    assert set(off) | set(subject.refused) == {str(precision) for precision in Precision}


def test_an_engine_that_is_refused_is_left_out_with_the_reason(real_tokenizer, monkeypatch):
    refused = "This processor has none."
    monkeypatch.setattr(sizes, "refusal", lambda p: "" if p is Precision.FLOAT32 else refused)

    def missing(_model):
        raise CheckpointError("It is not installed.")

    subject = Subject(TINY, real_tokenizer, {"other": missing})
    assert list(subject.engines) == ["float32"]
    assert subject.refused == {"bfloat16": refused, "int8": refused, "other": "It is not installed."}


def test_one_seed_gives_the_same_weights(real_tokenizer):
    first, again, other = (sizes.model_of(TINY, real_tokenizer, attention="sdpa", seed=s) for s in (0, 0, 1))
    weights = [model.qa_outputs.weight for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_engine_for_another_device_gives_what_ours_gives(real_tokenizer):
    model = sizes.model_of(TINY, real_tokenizer, attention="sdpa")
    pairs = [(q, texts.text_of_chars(300 + 400 * n, n)) for n, q in enumerate(texts.questions(3))]
    ours = Reader(sizes.engine_of(TINY, real_tokenizer, Precision.FLOAT32), real_tokenizer).readings(pairs)
    engine = gpu.DeviceEngine(model, real_tokenizer, "cpu", torch.float32)
    for one, other in zip(ours, Reader(engine, real_tokenizer).readings(pairs), strict=True):
        for a, b in zip(one.logits, other.logits, strict=True):
            assert np.allclose(a.start, b.start, atol=1e-5)
            assert np.allclose(a.end, b.end, atol=1e-5)


def test_a_gpu_s_rows_have_every_length_and_variant(real_tokenizer):
    rows = gpu.timed(TINY, real_tokenizer, lengths=(40, 60), rounds=2, device="cpu")
    keys = [(row["task"], row["variant"]) for row in rows]
    assert keys == [(f"{n} tokens", v) for n in (40, 60) for v in ("A", "float32", "bfloat16")]
    assert all(len(row["seconds"]) == 2 for row in rows)


@pytest.mark.filterwarnings("ignore")
def test_onnx_runtime_reads_nearly_the_same(real_tokenizer):
    pytest.importorskip("onnx", reason="needs onnx: pip install -r requirements-bench.txt")
    pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install -r requirements-bench.txt")
    from benchmarks.onnx_int8 import NAME, OnnxInt8

    subject = Subject(TINY, real_tokenizer, {NAME: lambda model: OnnxInt8(model, real_tokenizer)})
    assert tasks.deviations(subject)[NAME] < 0.3


# Tasks


def test_tasks_read_part_and_say_so(real_tokenizer):
    subject = Subject(TINY, real_tokenizer)
    made = {task.name: task for task in tasks.tasks_of_many_windows(subject)}
    many, each = made["1 question, 50 abstracts"], made["20 questions, 1 abstract"]
    assert (len(many.pairs), len(many.read)) == (50, 3)
    assert (len(each.pairs), len(each.read)) == (20, 3)
    assert len({question.text for question, _ in each.pairs}) == 20
    assert len({text for _, text in each.pairs}) == 1
    (question, text), *_ = each.pairs
    (cut,) = build_windows(real_tokenizer, [(question.text, text)])
    assert [len(window) for window in cut.windows] == [384]
    long = made["a text of 50,000 characters"]
    assert [len(text) for _, text in (*long.pairs, *long.read)] == [50_000, 4_000]
    published = made.get("a text of 50,000 characters, step 128")
    assert (published is None) == (READING.window_step_tokens == 128)
    assert published is None or published.decoding.window_step_tokens == 128


def test_seconds_of_a_part_are_reckoned_for_the_whole(real_tokenizer, monkeypatch):
    """Each call of a variant takes one second on this clock."""
    subject = Subject(TINY, real_tokenizer)
    monkeypatch.setattr(
        tasks, "interleaved", lambda runs, rounds, warm_up: {name: [1.0] * rounds for name in runs}
    )
    (one, *_) = texts.questions(1)
    pairs = [(one, texts.text_of_tokens(real_tokenizer, one, 100))] * 4
    task = tasks.Task("four", pairs, pairs[:1], variants=("float32",))
    plain, ours = tasks.timed(subject, [task], threads=1, rounds=2, warm_up=0)
    assert plain["seconds"] == ours["seconds"] == [4.0, 4.0]
    assert (plain["windows"], plain["windows_timed"]) == (ours["windows"], ours["windows_timed"]) == (4, 1)
    assert report.reckoned(ours) == "1 of 4 windows timed"
    whole = operations_of(subject.config, [100] * 4)
    assert ours["operations"] == {"linear": whole.linear, "attention": whole.attention}


def test_singly_each_pair_is_handed_over_for_itself(real_tokenizer):
    class Counting(Reader):
        calls = ()

        def readings(self, pairs):
            self.calls += (len(pairs),)
            return super().readings(pairs)

    reader = Counting(sizes.engine_of(TINY, real_tokenizer, Precision.FLOAT32), real_tokenizer)
    pairs = [(question, "It is a gene.") for question in texts.questions(3)]
    tasks.Task("x", pairs, pairs).run(reader)
    tasks.Task("x", pairs, pairs, singly=True).run(reader)
    assert reader.calls == (3, 1, 1, 1)


# The server and its start


def test_the_server_reads_nothing_again():
    rows = server.timed(rounds=1, long_chars=3_000)
    assert [row["characters"] for row in rows][1] == 3_000
    for row in rows:
        assert 0 < row["read_anew"] <= row["windows"]
        assert len(row["again"]) == len(row["slider"]) == 1
    assert rows[1]["read_anew"] < rows[1]["windows"]


IMPORTTIME = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   encodings.aliases
import time:       200 |        300 | encodings
import time:        50 |         50 |   typing
import time:       150 |        200 | biom_demo
import time:        70 |         70 |     biom_demo.errors
import time:      1000 |       5070 | biom_demo.library
"""


def test_import_times_are_those_of_the_module_and_its_package():
    assert start_up.import_seconds(IMPORTTIME, "biom_demo") == pytest.approx(0.0002)
    assert start_up.import_seconds(IMPORTTIME, "biom_demo.library") == pytest.approx(0.00527)
    with pytest.raises(ValueError, match="does not name"):
        start_up.import_seconds(IMPORTTIME, "torch")


def test_importing_is_timed_in_a_process_of_its_own():
    assert start_up._import_s("biom_demo") > 0


# A whole run, and what is made of it


@pytest.fixture(scope="module")
def measured(tmp_path_factory, real_tokenizer):
    """A run over a tiny model, without what needs a server; and its file."""
    plan = replace(bench.quick(), sizes=(TINY,), lengths=(40, 60), threads=(1, 2), server_rounds=0, starts=0)
    out = tmp_path_factory.mktemp("bench") / "bench.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.floor.SHAPES", ((16, 32, 32),))
        patch.setattr("benchmarks.floor.LEAST_S", 0.0)
        threads = torch.get_num_threads()
        document = bench.run(plan, real_tokenizer, out, command="python -m benchmarks.bench --quick")
        torch.set_num_threads(threads)
    return plan, document, out


def test_a_run_has_every_part_and_is_written(measured):
    plan, document, out = measured
    assert json.loads(out.read_text("utf-8")) == document
    assert list(document["parts"]) == [name for name, _ in bench.Bench(plan, None).parts()]
    rows = report.rows_of(document, "lengths")
    engines = {row["variant"] for row in rows} - {report.BASELINE}
    refused = document["parts"]["lengths/tiny/1"]["refused"]
    assert engines | set(refused) == {str(precision) for precision in Precision}
    assert len(rows) == 2 * 2 * (1 + len(engines))
    assert all(len(row["seconds"]) == 2 and min(row["seconds"]) > 0 for row in rows)
    names = {row["schedule"] for row in report.rows_of(document, "schedule")}
    assert names == {"one after the other", "both at once"}
    assert str(ROOT) not in out.read_text("utf-8")


def test_a_run_that_was_broken_off_is_gone_on_with(measured, real_tokenizer, tmp_path, monkeypatch, capsys):
    plan, document, _ = measured
    out = tmp_path / "bench.json"
    parts = dict(document["parts"])
    gone = parts.pop("schedule/tiny")
    out.write_text(json.dumps({**document, "parts": parts}))
    monkeypatch.setattr(bench.Bench, "_lengths", lambda *_: pytest.fail("it is there already"))
    found = bench.run(plan, real_tokenizer, out, only=("schedule",), resume=True)
    assert set(found["parts"]) == set(document["parts"])
    assert found["parts"]["schedule/tiny"]["rows"][0]["subject"] == gone["rows"][0]["subject"]
    with pytest.raises(ValueError, match="another plan"):
        bench.run(replace(plan, task_rounds=7), real_tokenizer, out, resume=True)
    assert "first answer" in capsys.readouterr().out


def test_a_part_that_fails_leaves_those_before_it(measured, real_tokenizer, tmp_path, monkeypatch):
    plan, document, _ = measured
    out = tmp_path / "bench.json"
    out.write_text(json.dumps({**document, "parts": {}}))

    def fails(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(bench.Bench, "_lengths", fails)
    monkeypatch.setattr(bench.Bench, "_peaks", lambda _: {"kernels": {}})
    with pytest.raises(RuntimeError, match="broken"):
        bench.run(plan, real_tokenizer, out)
    assert list(json.loads(out.read_text("utf-8"))["parts"]) == ["peaks/start"]


def test_the_full_plan_has_what_the_issue_of_it_asks_for():
    plan = bench.full()
    assert plan.lengths == (128, 256, 384, 512)
    assert plan.threads == (1, 2)
    assert [size.name for size in plan.sizes] == ["bundled", "mini", "base", "large"]
    large = plan.sizes[-1]
    assert (large.layers, large.hidden, large.heads) == (24, 1024, 16)
    assert [name for name, _ in bench.Bench(plan, None).parts() if name.startswith("tasks/")] == [
        "tasks/bundled",
        "tasks/base",
        "tasks/large",
    ]


def row(variant, seconds, task="384 tokens", subject="large", **more):
    about = {"subject": subject, "threads": 2, "task": task, "variant": variant, "seconds": seconds}
    return about | {"windows": 1, "windows_timed": 1} | more


DOCUMENT = {
    "command": "python -m benchmarks.bench",
    "commit": "abc",
    "environment": {
        "processor": "Some CPU", "flags": ["avx2"], "cores": 2, "packages": {"torch": "2"}, "gpu": "Some GPU",
    },
    "parts": {
        "peaks/start": {
            "at": "2026-11-30T10:00:00+00:00", "load_before": [0.1, 0, 0],
            "kernels": {"2": {"float32 linear": {"rate": 100e9, "shape": [1, 1, 1]}}},
        },
        "lengths/large/2": {
            "at": "2026-11-30T10:01:00+00:00", "load_before": [0.5, 0, 0],
            "rows": [
                row("A", [2.0, 4.0]),
                row("float32", [1.0, 1.0], operations={"linear": 70e9, "attention": 10e9}),
                row("int8", [0.5, 0.5], operations={"linear": 70e9, "attention": 10e9}),
            ],
            "refused": {"bfloat16": "It has no instructions for it."},
        },
        "tasks/large": {
            "at": "2026-12-01T10:01:00+00:00", "load_before": [],
            "rows": [
                row("A", [10.0], "long", windows=10),
                row("float32", [5.0], "long", windows=4, windows_timed=2,
                    operations={"linear": 400e9, "attention": 0.0}),
                row("float32", [7.5], "long, singly", windows=4, windows_timed=2,
                    operations={"linear": 400e9, "attention": 0.0}),
                row("A", [10.0], "long, singly", windows=10),
            ],
        },
        "schedule/large": {
            "at": "2026-12-01T10:01:00+00:00", "load_before": [],
            "rows": [{"subject": "large", "threads": 2, "variant": "float32", "schedule": "both at once",
                      "first": [1.5, 2.5], "both": [2.0, 3.0]}],
        },
        "server": {
            "at": "2026-12-01T10:01:00+00:00", "load_before": [],
            "rows": [{"text": "one abstract", "read": [0.2], "again": [0.01], "slider": [0.002],
                      "longest answer": [0.004], "windows": 8, "read_anew": 2}],
        },
        "start-up": {
            "at": "2026-12-01T10:01:00+00:00", "load_before": [],
            "biom_demo": [0.01], "biom_demo.library": [0.2], "page": [3.0, 4.0, 5.0], "ready": [6.0],
        },
        "gpu/large": {
            "at": "2026-12-01T10:01:00+00:00", "load_before": [],
            "rows": [{"subject": "large", "task": "384 tokens", "variant": name, "seconds": [s]}
                     for name, s in (("A", 0.03), ("bfloat16", 0.01))],
        },
    },
}  # fmt: skip


def test_the_readme_s_table_is_worked_out_of_the_seconds():
    assert report.readme_table(DOCUMENT).splitlines() == [
        "| Some CPU, 2 threads; 384 tokens | plain loop | float32 | int8 |",
        "| --- | --- | --- | --- |",
        "| Large, random | 3.00 s | 3.0 (80%) | 6.0 |",
    ]


def test_the_measurements_have_every_part():
    made = report.measurements(DOCUMENT, "bench.png")
    assert "2026-11-30 to 2026-12-01; load average before each part up to 0.5" in made
    assert "| float32 linear, 2 threads | 100 |" in made
    assert (
        "| Large, random | 384 tokens | 3.00 s | 1.00 s: 3.00 (2.00 to 4.00), 80% "
        "| 500 ms: 6.00 (4.00 to 8.00) |" in made
    )
    assert (
        "| long | 10.00 s | 5.00 s: 2.00 (2.00 to 2.00), 80% | A: 1 of 10 windows timed; ours: 2 of 4" in made
    )
    assert "together against one by one: Large, random in float32 1.50 (1.50 to 1.50)." in made
    assert "both at once, 2 threads | 2.00 s (1.50 s to 2.50 s) | 2.50 s (2.00 s to 3.00 s) |" in made
    assert "| one abstract | 200 ms | 10 ms | 2 ms | 4 ms | 2 of 8 |" in made
    assert "to the page 4.00 s (3.00 s to 5.00 s), to models that have read 6.00 s." in made
    assert "On a GPU (Some GPU):" in made
    assert "| Large, random | 384 tokens | 30 ms | 10 ms: 3.00 (3.00 to 3.00) |" in made
    assert "bfloat16: It has no instructions for it." in made


def test_every_part_is_told_on_the_terminal():
    for name in DOCUMENT["parts"]:
        assert list(report.lines_of(DOCUMENT, name)), name
    told = list(report.lines_of(DOCUMENT, "lengths/large/2"))
    assert "384 tokens: float32 1.00 s, 3.00 (2.00 to 4.00) times A, 80% of the floor" in told


def test_the_plot_is_a_picture_of_the_same_bytes_each_time(measured, tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install -r requirements-bench.txt")
    from benchmarks.plot import drawn

    assert drawn(measured[1], tmp_path / "a.png")
    assert drawn(measured[1], tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_block_stands_between_its_marks_once():
    text = f"before\n{render.START}\nold\n{render.END}\nafter\n"
    made = render.with_block(text, "new")
    assert made == f"before\n{render.START}\nnew\n{render.END}\nafter\n"
    assert render.with_block(made, "new") == made
    for wrong in ("none", f"{render.END}{render.START}", text + text):
        with pytest.raises(ValueError, match="once"):
            render.with_block(wrong, "new")


@pytest.mark.parametrize("name", ["README.md", "docs/measurements.md"])
def test_documents_have_what_the_measured_file_says(name):
    document = json.loads(render.RESULT.read_text("utf-8"))
    text = (ROOT / name).read_text("utf-8")
    assert render.with_block(text, render.blocks(document)[name]) == text, "python -m benchmarks.render"
    assert (ROOT / "docs" / "bench.png").is_file()
