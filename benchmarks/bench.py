"""Seconds and ratios of all that reads, in one run: the plain transformers loop, and each engine of ours.

    python -m benchmarks.bench                   about 25 minutes on two cores; nothing else should run
    python -m benchmarks.bench --quick           the bundled pair's size alone, two rounds
    python -m benchmarks.bench --only lengths/large schedule --resume

Baseline A is eager attention, every window padded to 512, one at a time. The parts of a run are written to
the JSON file one by one; a run that was broken off is gone on with by ``--resume``. ``python -m
benchmarks.render`` makes the tables of README and docs/measurements.md, and the plot, of that file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from benchmarks import floor, gpu, machine, report, schedule, server, start_up, tasks
from benchmarks.onnx_int8 import NAME as ONNX_INT8
from benchmarks.onnx_int8 import OnnxInt8
from benchmarks.sizes import BASE, LARGE, MINI, Size, Subject, bundled, bundled_tokenizer

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how often."""

    sizes: tuple[Size, ...]
    lengths: tuple[int, ...] = (128, 256, 384, 512)
    threads: tuple[int, ...] = (1, 2)
    rounds: int | None = None  # of the single abstracts, in place of the sizes' own
    task_rounds: int = 3
    schedule_rounds: int = 3
    server_rounds: int = 15
    server_chars: int = server.LONG_CHARS
    imports: int = 5
    starts: int = 3
    onnx: bool = True

    def to_json(self) -> dict[str, Any]:
        """Without folders, which are a machine's own."""
        made = json.loads(json.dumps(asdict(self), default=lambda _: True))
        for size in made["sizes"]:
            size["folder"] = bool(size["folder"])
        return dict(made)


def full() -> Plan:
    """What the published figures are of."""
    return Plan((bundled(), MINI, BASE, LARGE))


def quick() -> Plan:
    """Whether everything runs, and roughly how; the bundled pair's size alone."""
    return Plan(
        (bundled(), MINI),
        lengths=(128, 384),
        rounds=2,
        task_rounds=1,
        schedule_rounds=2,
        server_rounds=3,
        server_chars=10_000,
        imports=1,
        starts=1,
        onnx=False,
    )


Part = tuple[str, Callable[[], dict[str, Any]]]


class Bench:
    """The parts of a plan, in order; the models of one size at a time are in memory."""

    def __init__(self, plan: Plan, tokenizer: Any) -> None:
        self.plan = plan
        self.tokenizer = tokenizer
        self._subject: Subject | None = None

    def parts(self) -> Iterator[Part]:
        """Each with its name, by which it is chosen and kept."""
        plan, most = self.plan, max(self.plan.threads)
        yield "peaks/start", self._peaks
        for size in plan.sizes:
            for threads in sorted(plan.threads, reverse=True):
                yield f"lengths/{size.name}/{threads}", partial(self._lengths, size, threads)
            if size.tasks:
                yield f"tasks/{size.name}", partial(self._tasks, size, most)
        yield "peaks/middle", self._peaks
        for size in plan.sizes:
            if size.tasks:
                yield f"schedule/{size.name}", partial(self._schedule, size, most)
        if plan.server_rounds:
            yield "server", partial(self._server, most)
        if plan.starts:
            yield "start-up", self._start_up
        for size in plan.sizes:
            yield f"gpu/{size.name}", partial(self._gpu, size)
        yield "peaks/end", self._peaks

    def _subject_of(self, size: Size) -> Subject:
        if self._subject is None or self._subject.size != size:
            self._subject = None  # before the next takes as much
            further = {ONNX_INT8: lambda model: OnnxInt8(model, self.tokenizer)} if self.plan.onnx else {}
            self._subject = Subject(size, self.tokenizer, further)
        return self._subject

    def _peaks(self) -> dict[str, Any]:
        self._subject = None
        return {"kernels": {str(threads): floor.peaks(threads) for threads in self.plan.threads}}

    def _lengths(self, size: Size, threads: int) -> dict[str, Any]:
        subject = self._subject_of(size)
        made = [tasks.abstract(subject, tokens) for tokens in self.plan.lengths]
        rounds = self.plan.rounds or size.rounds
        return {
            "rows": tasks.timed(subject, made, threads=threads, rounds=rounds, warm_up=1),
            "off_the_baseline": tasks.deviations(subject),
            "refused": subject.refused,
        }

    def _tasks(self, size: Size, threads: int) -> dict[str, Any]:
        """Without a round to warm up: the same models have just read single abstracts."""
        subject = self._subject_of(size)
        made = tasks.tasks_of_many_windows(subject)
        return {"rows": tasks.timed(subject, made, threads=threads, rounds=self.plan.task_rounds, warm_up=0)}

    def _schedule(self, size: Size, threads: int) -> dict[str, Any]:
        self._subject = None
        rounds = self.plan.schedule_rounds
        return {"rows": schedule.timed(size, self.tokenizer, threads=threads, rounds=rounds)}

    def _server(self, threads: int) -> dict[str, Any]:
        self._subject = None
        torch.set_num_threads(threads)
        return {"rows": server.timed(rounds=self.plan.server_rounds, long_chars=self.plan.server_chars)}

    def _start_up(self) -> dict[str, Any]:
        return start_up.imports(self.plan.imports) | start_up.page(self.plan.starts)

    def _gpu(self, size: Size) -> dict[str, Any]:
        self._subject = None
        if not torch.cuda.is_available():
            return {"refused": {"GPU": "There is no GPU that torch knows."}}
        rounds = self.plan.rounds or max(size.rounds, 5)
        return {"rows": gpu.timed(size, self.tokenizer, lengths=self.plan.lengths, rounds=rounds)}


def run(
    plan: Plan,
    tokenizer: Any,
    out: Path,
    *,
    command: str = "",
    only: Sequence[str] = (),
    resume: bool = False,
) -> dict[str, Any]:
    """The document of all that was measured, which stands in ``out``, written anew after each part.

    ``only``: the parts whose names begin so. Raises ``ValueError`` where ``out`` cannot be gone on with.
    """
    document: dict[str, Any] = {
        "command": command,
        "plan": plan.to_json(),
        "commit": machine.commit(),
        "environment": machine.environment(),
        "parts": {},
    }
    if resume and out.exists():
        before = json.loads(out.read_text("utf-8"))
        for name in ("plan", "environment"):
            if before[name] != document[name]:
                raise ValueError(f"{out.name} is of another {name}. Leave --resume out to measure anew.")
        document["parts"] = before["parts"]
    for name, measured in Bench(plan, tokenizer).parts():
        if name in document["parts"] or (only and not name.startswith(tuple(only))):
            continue
        load, started = machine.load_average(), time.perf_counter()
        about: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "load_before": load}
        found = measured()
        about["took_s"] = round(time.perf_counter() - started, 1)
        document["parts"][name] = about | found
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = out.with_suffix(".part")
        partial.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
        partial.replace(out)
        print(f"\n{name} ({about['took_s']:.0f} s, load average before: {load[:1]})")
        print("\n".join(f"  {line}" for line in report.lines_of(document, name)), flush=True)
    return document


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and say where the figures are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the bundled pair's size alone, two rounds")
    parser.add_argument("--out", type=Path, help="JSON file; results/bench.json, or quick.json for --quick")
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="parts whose names begin so")
    parser.add_argument("--resume", action="store_true", help="keep the parts that the file has")
    parser.add_argument("--no-onnx", action="store_true", help="leave ONNX Runtime out")
    arguments = parser.parse_args(argv)
    plan = quick() if arguments.quick else full()
    if arguments.no_onnx:
        plan = replace(plan, onnx=False)
    out = arguments.out or RESULTS / ("quick.json" if arguments.quick else "bench.json")
    logging.disable_progress_bar()  # of loading weights
    command = "python -m benchmarks.bench" + " --quick" * arguments.quick + " --no-onnx" * arguments.no_onnx
    try:
        run(plan, bundled_tokenizer(), out, command=command, only=arguments.only, resume=arguments.resume)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\n{out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
