"""A recipe rehearsed at its true size on random weights and made-up data: does it run here, and for what?

    python -m train rehearse --recipe large --out runs/rehearsal-large

Start weights in the published layout behind a local Hub cache; two updates of the BioASQ stage, killed
with SIGKILL once a state is saved, and resumed; an evaluation; publication; the app's answer to a
question with the result beside the start weights. Each step is the command that a person would type,
in a process of its own, whose peak memory the system reports when it ends. ``large`` writes 12 GB.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from biom_demo.errors import TrainingError
from biom_demo.qa.datasets import write_json, write_squad
from biom_demo.qa.records import CharSpan, Example, Question
from train.recipes import PUBLISHED_DATA, Recipe, cost_of
from train.smoke_data import made_up_passages

ROOT = Path(__file__).parent.parent
REVISION = "0" * 40
STATE_FILE = "training_state.pt"  # of train.finetune, which imports torch: this process stays small
CARD = {
    "title": "A rehearsal, not a model",
    "license": "mit",
    "summary": "Random weights after a few updates on made-up text.",
    "start": "Random.",
    "data": [],
    "commands": ["python -m train rehearse"],
    "limits": ["It knows nothing."],
}


@dataclass(frozen=True, slots=True)
class Step:
    """What a step took: seconds of wall time, its process's peak resident bytes, bytes of what it left."""

    name: str
    seconds: float
    peak_bytes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What was measured, in order; ``update`` is ``finetune``'s own line on the resumed run."""

    recipe: Recipe
    steps: tuple[Step, ...]
    update: str
    answer: str

    def table(self) -> str:
        """The figures as a Markdown table, and by arithmetic what full runs of the recipe take."""
        lines = ["| step | seconds | peak memory, GB | on disk, GB |", "|---|---|---|---|"]
        for step in self.steps:
            memory, disk = step.peak_bytes / 1e9, step.disk_bytes / 1e9
            lines.append(f"| {step.name} | {step.seconds:.1f} | {memory:.2f} | {disk:.2f} |")
        lines += ["", f"resumed: {self.update}", f"the app answers: {self.answer!r}", ""]
        for name, (pairs, tokens) in PUBLISHED_DATA.items():
            line = cost_of(self.recipe, self.recipe.stage(name), pairs=pairs, tokens=pairs * tokens)
            lines.append(f"a full {name} stage: {line}")
        return "\n".join(lines)


def rehearse(recipe: Recipe, out: Path, *, updates: int = 2, seed: int = 42, threads: int = 0) -> Rehearsal:
    """The rehearsal of a recipe in a new folder ``out``.

    ``updates`` of the BioASQ stage are made in all (at least 2), with its accumulation and lengths.
    Raises ``TrainingError`` where a step fails, with what it said, and where ``out`` is not empty.
    """
    if sys.platform == "win32":
        raise TrainingError("The rehearsal kills and measures processes as Linux and macOS do. Run it there.")
    if updates < 2:
        raise TrainingError("A rehearsal needs two updates or more: one before the kill and one after.")
    if out.exists() and any(out.iterdir()):
        raise TrainingError(f"{out} is not empty. Give a new folder, which can be deleted afterwards.")
    out = out.absolute()
    (out / "logs").mkdir(parents=True, exist_ok=True)
    threads = threads or os.cpu_count() or 1
    name = f"rehearsal/electra-{recipe.name}"
    repository = out / "hub" / f"models--{name.replace('/', '--')}"
    start, tuned, published = repository / "snapshots" / REVISION, out / "tuned", out / "published"
    examples = made_up_pairs(seed)
    write_squad(examples, out / "train.json", title="rehearsal")
    write_squad(examples[:2], out / "dev.json", title="rehearsal")
    write_json(CARD, out / "card.json")
    (out / "text.txt").write_text(examples[0].context, encoding="utf-8")
    runner = _Runner(out, {"HF_HUB_CACHE": str(out / "hub"), "BIOM_THREADS": str(threads)})

    def train(step: str, *arguments: object, wrote: Path, kill_when: Callable[[], bool] | None = None) -> str:
        return runner.run(step, ["train", *map(str, arguments)], wrote=wrote, kill_when=kill_when)

    begin = ("initialize", "--recipe", recipe.name, "--random", "--seed", seed, "--out", start)
    train("random start weights, published layout", *begin, wrote=start)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(REVISION, encoding="utf-8")
    tune = ["finetune", "--recipe", recipe.name, "--stage", "bioasq", "--start", name, "--out", tuned]
    tune += ["--squad", out / "train.json", "--max-steps", updates, "--save-every", 1]
    tune += ["--seed", seed, "--threads", threads]
    state = tuned / STATE_FILE
    train("fine-tuning, killed when a state was saved", *tune, wrote=tuned, kill_when=state.exists)
    if not state.exists() or (tuned / "model.safetensors").exists():
        raise TrainingError("The run ended before it could be killed. Give more --updates.")
    before = _rows(tuned / "loss.jsonl")
    said = train("fine-tuning, resumed to its end", *tune, wrote=tuned)
    if state.exists() or not before < _rows(tuned / "loss.jsonl") == updates:
        raise TrainingError(f"The killed run did not go on to {updates} updates; see {out / 'logs'}.")
    evaluate = ("evaluate", out / "dev.json", "--model", tuned, "--threads", threads)
    train("evaluation of 2 pairs", *evaluate, "--json", out / "figures.json", wrote=out / "figures.json")
    publish = ("publish", "--model", tuned, "--out", published, "--card", out / "card.json")
    evidence = ("--evaluation", out / "figures.json", "--log", tuned / "loss.jsonl")
    train("publication", *publish, *evidence, wrote=published)
    runner.environment |= {"BIOM_MODEL": str(published), "VANILLA_MODEL": name}
    ask = ["biom_demo", "ask", examples[0].question.text, "--text", str(out / "text.txt"), "--json"]
    answered = json.loads(runner.run("the app, one question to both", ask, wrote=None))
    found = re.search(r"\d+ updates in .* each.*", said)
    if not found:
        raise TrainingError(f"The resumed run did not say what an update took; see {out / 'logs'}.")
    best = answered["biom"]["n_best"][0]["text"]
    return Rehearsal(recipe, tuple(runner.steps), found[0], best)


def made_up_pairs(seed: int) -> list[Example]:
    """Pairs of made-up text, each with its answer and longer than any window."""
    passages = made_up_passages(seed=seed, count=24)
    pairs: list[Example] = []
    for index, passage in enumerate(passages):
        # Whole turns of the passages, so that contexts differ and the answer stands anywhere in them.
        context = " ".join(p.text for p in (*passages[index // 2 :], *passages[: index // 2]))
        at = context.index(passage.drug, context.index(passage.text))
        span = CharSpan(at, at + len(passage.drug))
        question = Question(f"Which drug can bind {passage.gene}?", f"rehearsal{index}")
        pairs.append(Example(question, context, (passage.drug,), (span,)))
    return pairs


def _rows(log: Path) -> int:
    return len(log.read_text("utf-8").splitlines()) if log.exists() else 0


class _Runner:
    """Runs modules as child processes and keeps what each took."""

    def __init__(self, out: Path, environment: dict[str, str]) -> None:
        self.out = out
        self.environment = environment
        self.steps: list[Step] = []

    def run(
        self,
        name: str,
        module: Sequence[str],
        *,
        wrote: Path | None,
        kill_when: Callable[[], bool] | None = None,
    ) -> str:
        """What ``python -m module`` printed; it is killed as soon as ``kill_when`` holds.

        Raises ``TrainingError`` with its last words where it fails.
        """
        print(f"{name} …", flush=True)
        log = self.out / "logs" / f"{len(self.steps) + 1}-{module[1]}"
        environment = (
            os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"} | self.environment
        )
        begun = time.perf_counter()
        with log.with_suffix(".out").open("wb") as output, log.with_suffix(".err").open("wb") as errors:
            child = subprocess.Popen(
                [sys.executable, "-m", *module], cwd=ROOT, env=environment, stdout=output, stderr=errors
            )
            try:
                status, usage, killed = _end_of(child, kill_when)
            except BaseException:
                child.kill()
                raise
        child.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        self.steps.append(Step(name, time.perf_counter() - begun, peak, _size(wrote)))
        if child.returncode != (-signal.SIGKILL if killed else 0):
            words = " ".join(log.with_suffix(".err").read_text("utf-8", "replace").split())[-500:]
            raise TrainingError(
                f"The step “{name}” ended with {child.returncode}: {words} (all in {log.parent})"
            )
        return log.with_suffix(".out").read_text("utf-8")


def _end_of(
    child: subprocess.Popen[bytes], kill_when: Callable[[], bool] | None
) -> tuple[int, resource.struct_rusage, bool]:
    """The child's status, what it used, and whether it was killed because ``kill_when`` held."""
    # Only wait4 tells what this child used and no other; Popen's own ways would reap it first.
    while kill_when is not None:
        ended, status, usage = os.wait4(child.pid, os.WNOHANG)
        if ended:
            return status, usage, False
        if kill_when():
            os.kill(child.pid, signal.SIGKILL)
            break
        time.sleep(0.001)
    _, status, usage = os.wait4(child.pid, 0)
    return status, usage, kill_when is not None


def _size(path: Path | None) -> int:
    if path is None or not path.exists():
        return 0
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
