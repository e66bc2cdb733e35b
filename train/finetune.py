"""Fine-tune an extractive QA model on SQuAD-style pairs, one stage at a time.

    python -m train finetune --stage squad --recipe mini --start runs/minilm --out runs/squad \\
        --squad train-v1.1.json more.json
    python -m train finetune --stage bioasq --recipe mini --start runs/squad --out runs/bioasq \\
        --bioasq 2B*_golden.json 3B*_golden.json

Killed at any step, the same command goes on where the last saved state left off and ends with the
weights an uninterrupted run has. Several devices: ``accelerate launch -m train finetune ...`` (see
``train.distributed``).
"""

from __future__ import annotations

import json
import math
import random
import re
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from biom_demo.errors import TrainingError
from biom_demo.qa.engines.pytorch import WEIGHTS_FILE, PyTorchEngine
from biom_demo.qa.records import CharSpan, Example, Question
from biom_demo.qa.sentences import split_sentences
from biom_demo.qa.windows import build_windows, label, tokenizer_fingerprint
from train.checkpoint import (
    arrays_digest,
    load_state,
    require_space,
    restore_rng,
    rng_states,
    run_identity,
    save_state,
)
from train.distributed import World
from train.label import Labels, SoftTarget, no_target, stacked
from train.optim import adamw, learning_rate_factor, set_learning_rate
from train.recipes import Stage

if TYPE_CHECKING:
    from transformers.modeling_outputs import QuestionAnsweringModelOutput

STATE_FILE = "training_state.pt"
LOG_FILE = "loss.jsonl"
EXAMPLES_AT_ONCE = 256  # tokenised together
PLAIN_ATTENTION_TOKENS = 192


class Feature(NamedTuple):
    """A window to learn from: its tokens, int32 (T,), and the position its context starts at.

    ``start`` and ``end`` are the (first, last) positions of its answer, (0, 0) for none; without
    ``has_gold`` they mean nothing and the teacher alone is learned from.
    """

    ids: NDArray[np.int32]
    context_start: int
    start: int
    end: int
    has_gold: bool
    soft: SoftTarget


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """N windows to learn from, as arrays: they take four bytes a token and 20 a window.

    ``ids`` has the tokens of all, int32; window i ends before ``ends[i]``, int64 (N,). ``labels``
    has context_start, start, end and has_gold of each, int32 (N, 4); ``soft`` what a teacher says,
    (N, 2, K), where K is 0 without one.
    """

    ids: NDArray[np.int32]
    ends: NDArray[np.int64]
    labels: NDArray[np.int32]
    soft: SoftTarget

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> Feature:
        first = int(self.ends[index - 1]) if index else 0
        context_start, start, end, has_gold = self.labels[index].tolist()
        ids = self.ids[first : int(self.ends[index])]
        soft = SoftTarget(self.soft.positions[index], self.soft.scores[index])
        return Feature(ids, context_start, start, end, bool(has_gold), soft)

    def lengths(self) -> list[int]:
        """The number of tokens of each window."""
        return [int(length) for length in np.diff(self.ends, prepend=0)]

    def digest(self) -> str:
        """A hex digest; features of one digest are the same."""
        return arrays_digest((self.ids, self.ends, self.labels, *self.soft))


def with_short_contexts(examples: Sequence[Example], fraction: float, seed: int) -> list[Example]:
    """The examples, ``fraction`` of them cut to one to four sentences of their context.

    An answer's sentence stands anywhere among them. An unanswerable question keeps the sentence that
    shares most words with it, the one that tempts to answer; were these contexts left whole, their
    length would give them away. Source: BioASQ snippets are sentences.
    """
    draw = random.Random(seed)
    made: list[Example] = []
    for example in examples:
        if draw.random() >= fraction:
            made.append(example)
            continue
        sentences = split_sentences(example.context)
        gold = example.gold_spans[0] if example.answerable else _most_alike(example, sentences)
        touched = [i for i, sentence in enumerate(sentences) if sentence.overlaps(gold)]
        width = draw.randint(1, 4)
        first = max(0, min(touched, default=0) - draw.randrange(width))
        last = min(len(sentences), max(max(touched, default=0) + 1, first + width))
        start = min(sentences[first].start, gold.start) if sentences else 0
        end = max(sentences[last - 1].end, gold.end) if sentences else len(example.context)
        kept = [
            (text, CharSpan(span.start - start, span.end - start))
            for text, span in zip(example.gold_texts, example.gold_spans, strict=True)
            if start <= span.start and span.end <= end
        ]
        made.append(
            Example(
                example.question,
                example.context[start:end],
                tuple(text for text, _ in kept),
                tuple(span for _, span in kept),
            )
        )
    return made


def _most_alike(example: Example, sentences: Sequence[CharSpan]) -> CharSpan:
    """The sentence of the context that shares most words with the question; empty where there is none."""

    def shared(sentence: CharSpan) -> int:
        return len(asked.intersection(re.findall(r"\w+", sentence.of(example.context).lower())))

    asked = set(re.findall(r"\w+", example.question.text.lower()))
    return max(sentences, key=shared, default=CharSpan(0, 0))


def with_unanswerable(examples: Sequence[Example], fraction: float, seed: int) -> list[Example]:
    """The examples, and ``fraction`` of them again with a context that holds none of their answers.

    Half of them read other sentences of the same context (on the topic, hard), half the context of
    another question. One that contains a gold text (in any letter case) is passed over. Needs no
    labels, so false negatives by paraphrase are possible, and rare.
    """
    draw = random.Random(seed)
    answerable = [example for example in examples if example.answerable]
    made: list[Example] = []
    for index, example in enumerate(draw.sample(answerable, int(len(answerable) * fraction))):
        own = _sentences_without_answer(example) if index % 2 else ""
        for _ in range(10):
            context = own or draw.choice(answerable).context
            lowered = context.lower()
            if context != example.context and not any(g.lower() in lowered for g in example.gold_texts):
                identity = Question(example.question.text, f"{example.question.id}-unanswerable")
                made.append(Example(identity, context))
                break
            own = ""
    return [*examples, *made]


def _sentences_without_answer(example: Example) -> str:
    """The longest run of sentences of the example's context without a gold text, or ""."""
    runs: list[list[CharSpan]] = [[]]
    for sentence in split_sentences(example.context):
        lowered = sentence.of(example.context).lower()
        if any(gold.lower() in lowered for gold in example.gold_texts):
            runs.append([])
        else:
            runs[-1].append(sentence)
    longest = max(runs, key=len)
    return example.context[longest[0].start : longest[-1].end] if longest else ""


def build_features(
    engine: PyTorchEngine,
    examples: Iterable[Example],
    stage: Stage,
    *,
    unjudged: Iterable[Example] = (),
    taught: Labels | None = None,
) -> Features:
    """One feature for each window of each example, labelled with its first gold span and as ``taught``.

    ``unjudged`` are examples whose gold is not known. Raises ``TrainingError`` where one of them has
    no label either.
    """
    ids, ends, labels = array("i"), array("q"), array("i")
    soft: list[SoftTarget] = []
    none = no_target(taught.top_k if taught else 0)
    pairs = chain(((example, True) for example in examples), ((example, False) for example in unjudged))
    pairs = iter(tqdm(pairs, desc="windows", unit="pair", leave=False))
    while chunk := list(islice(pairs, EXAMPLES_AT_ONCE)):
        made = build_windows(
            engine.tokenizer,
            [(example.question.text, example.context) for example, _ in chunk],
            max_seq_length=min(stage.max_seq_length, engine.max_positions),
            window_step_tokens=stage.window_step_tokens,
            max_question_tokens=stage.max_question_tokens,
        )
        for (example, has_gold), cut in zip(chunk, made, strict=True):
            gold = example.gold_spans[0] if example.gold_spans else None
            for window in cut.windows:
                target = taught.target(example.question.text, example.context, window) if taught else None
                if target is None and not has_gold:
                    raise TrainingError(
                        f"The pair {example.question.id} has neither gold nor a teacher's label. "
                        "Label its file (train label) and give the folder to --teacher-labels."
                    )
                ids.frombytes(window.ids.tobytes())
                ends.append(len(ids))
                labels.extend((window.context_start, *label(window, gold), has_gold))
                soft.append(target or none)
    return Features(
        np.frombuffer(ids, np.int32),
        np.frombuffer(ends, np.int64),
        np.frombuffer(labels, np.int32).reshape(-1, 4),
        stacked(soft or [none]),
    )


def batches_of_epoch(lengths: Sequence[int], batch_size: int, generator: torch.Generator) -> list[list[int]]:
    """Feature indices by batch: shuffled, alike in length within a batch, batches in random order.

    Lengths are sorted only within pools of 50 batches, so padding is small and batches still
    differ from epoch to epoch.
    """
    order = torch.randperm(len(lengths), generator=generator).tolist()
    pool = batch_size * 50
    batches: list[list[int]] = []
    for first in range(0, len(order), pool):
        chunk = sorted(order[first : first + pool], key=lengths.__getitem__)
        batches += [chunk[i : i + batch_size] for i in range(0, len(chunk), batch_size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def span_losses(
    start_logits: torch.Tensor,
    end_logits: torch.Tensor,
    mask: torch.Tensor,
    starts: torch.Tensor,
    ends: torch.Tensor,
) -> torch.Tensor:
    """Mean of the start and end cross-entropies over real positions, for each row (B,).

    run_squad also spreads probability over padding; here padding is masked out, so that the loss
    does not depend on how a batch was padded.
    """
    hidden = ~mask.bool()  # (B, T)
    low = torch.finfo(start_logits.dtype).min
    cross_entropy = torch.nn.functional.cross_entropy
    start_loss = cross_entropy(start_logits.masked_fill(hidden, low), starts, reduction="none")
    end_loss = cross_entropy(end_logits.masked_fill(hidden, low), ends, reduction="none")
    return (start_loss + end_loss) / 2


def teacher_losses(
    start_logits: torch.Tensor,
    end_logits: torch.Tensor,
    mask: torch.Tensor,
    soft: SoftTarget,
    temperature: float,
) -> torch.Tensor:
    """Mean of the start and end divergences KL(teacher || student), for each row (B,); 0 without target.

    ``soft`` is of the whole batch, (B, 2, K). Both sides are softened by ``temperature`` and the
    result is multiplied by its square, so that gradients keep their size (Hinton et al. 2015, section
    2). The teacher's kept positions count as all there is; the student answers for every real one.
    """
    logits = torch.stack((start_logits, end_logits), 1)  # (B, 2, T)
    low = torch.finfo(logits.dtype).min
    student = torch.log_softmax(logits.masked_fill(~mask.bool()[:, None], low) / temperature, dim=-1)
    positions = torch.from_numpy(soft.positions).long().to(logits.device)  # (B, 2, K)
    scores = torch.from_numpy(soft.scores).float().to(logits.device)
    kept = positions >= 0
    present = kept.any(-1)  # (B, 2)
    scores = torch.where(kept, scores / temperature, -torch.inf)
    teacher = torch.log_softmax(torch.where(present[..., None], scores, 0.0), dim=-1)
    gap = torch.where(kept, teacher - student.gather(-1, positions.clamp(min=0)), 0.0)
    return (torch.where(kept, teacher.exp(), 0.0) * gap).sum(-1).mean(-1) * temperature**2


def finetune(
    *,
    start: Path | str,
    out: Path,
    examples: Sequence[Example],
    stage: Stage,
    seed: int,
    save_every_steps: int,
    threads: int = 1,
    compile_model: bool = False,
    stop_after_steps: int | None = None,
    unjudged: Sequence[Example] = (),
    labels: Labels | None = None,
) -> Path:
    """The folder ``out`` with the fine-tuned checkpoint (float32 safetensors, tokenizer, config).

    ``start`` is a checkpoint folder or a Hub id in the local cache (its QA head may be missing: it is
    then drawn from ``seed``).
    ``compile_model`` runs it through ``torch.compile``: worth its minutes on a GPU, not on a CPU.
    ``labels`` are a teacher's; pairs it has none for learn from gold alone, and ``unjudged`` ones,
    whose gold nobody knows, from the teacher alone. ``stop_after_steps`` ends the process's share
    early with the state saved, as a kill would.

    Raises ``TrainingError`` if nothing can be learned from the examples, if ``out`` holds a finished
    checkpoint, or on a foreign state.
    """
    if not unjudged and not any(example.answerable for example in examples):
        raise TrainingError("No training pair holds an answer. Check the data files and the conversion.")
    if is_finished(out):
        raise TrainingError(f"{out} holds a finished checkpoint already. Give --out another folder.")
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    engine = PyTorchEngine.load(start, allow_new_head=True)
    model = engine.model
    set_dropout(model, stage.dropout)
    world = World()
    device = world.device
    fused = model.config._attn_implementation  # what transformers chose: sdpa where the model has it
    model.to(device)
    forward = torch.compile(model, dynamic=True) if compile_model else model
    require_space(out, 4 * sum(p.numel() for p in model.parameters()) * 4)

    prepared = with_short_contexts(examples, stage.short_context_fraction, seed)
    prepared = with_unanswerable(prepared, stage.unanswerable_fraction, seed)
    features = build_features(engine, prepared, stage, unjudged=unjudged, taught=labels)
    lengths = features.lengths()
    steps_per_epoch = -(-len(features) // stage.batch_size)
    total_steps = stage.max_steps or steps_per_epoch * stage.epochs
    optimizer = adamw(model, stage, layers=model.config.num_hidden_layers)
    weights_digest = arrays_digest(p.detach().cpu().numpy() for p in model.parameters())
    identity = run_identity(
        asdict(stage),
        seed,
        weights_digest,
        tokenizer_fingerprint(engine.tokenizer),
        features.digest(),
    )

    step = 0
    state = load_state(out / STATE_FILE, identity)
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        restore_rng(state["rng"])
        step = state["step"]
    del state  # a copy of the weights
    world.wait()  # all have read the state and the log before one writes to them
    if world.leads:
        out.mkdir(parents=True, exist_ok=True)
        drop_log_after(out / LOG_FILE, step)

    def save() -> None:
        if not world.leads:
            return
        save_state(
            out / STATE_FILE,
            {
                "identity": identity,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "rng": rng_states(),
                "step": step,
            },
        )

    model.train()
    begun, seen, smooth, resumed_at = time.perf_counter(), 0, None, step
    with tqdm(total=total_steps, initial=step, desc="fine-tune", unit="step", disable=not world.leads) as bar:
        batches = remaining_batches(lengths, stage, seed, step, steps_per_epoch)
        for batch in islice(batches, total_steps - step):
            factor = learning_rate_factor(
                step, total_steps=total_steps, warmup_fraction=stage.warmup_fraction
            )
            learning_rate = stage.learning_rate * factor
            set_learning_rate(optimizer, learning_rate)
            pieces = [
                batch[i : i + stage.micro_batch_size] for i in range(0, len(batch), stage.micro_batch_size)
            ]
            total = 0.0
            for piece in pieces[world.rank :: world.size]:
                rows = [features[i] for i in piece]
                inputs = engine.pad(rows)  # (B, T)
                inputs = {key: value.to(device) for key, value in inputs.items()}
                if device.type == "cpu":
                    tokens = inputs["input_ids"].shape[1]
                    model.set_attn_implementation(cpu_attention(tokens, fused, dropout=stage.dropout))
                with torch.autocast(device.type, torch.bfloat16, enabled=stage.precision == "bfloat16"):
                    output = forward(**inputs)
                # Every pair counts alike, in a small last piece too.
                loss = row_losses(output, inputs["attention_mask"], rows, stage).sum() / len(batch)
                torch.autograd.backward(loss)
                total += loss.item()
            total = world.sum(total)
            if not math.isfinite(total):
                raise TrainingError(f"The loss is {total} at step {step}. Lower the learning rate.")
            world.sum_gradients(model.parameters())
            torch.nn.utils.clip_grad_norm_(model.parameters(), stage.clip_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            seen += len(batch)
            smooth = total if smooth is None else 0.98 * smooth + 0.02 * total
            if world.leads:
                append_log(out / LOG_FILE, {"step": step, "loss": round(total, 5), "lr": learning_rate})
            bar.set_postfix(loss=f"{smooth:.3f}", ex_s=f"{seen / (time.perf_counter() - begun):.1f}")
            bar.update()
            if stop_after_steps and step >= stop_after_steps:
                save()
                return out
            if step % save_every_steps == 0 and step < total_steps:
                save()
    if world.leads:
        print(took(step - resumed_at, time.perf_counter() - begun, device))
        model.eval().cpu()
        engine.save(out)
        (out / STATE_FILE).unlink(missing_ok=True)
    world.wait()
    return out


def took(updates: int, seconds: float, device: torch.device) -> str:
    """One line on what a run's last process took: ``rehearse`` reads it."""
    peak = (
        f", {torch.cuda.max_memory_allocated(device) / 1e9:.2f} GB of the GPU"
        if device.type == "cuda"
        else ""
    )
    return f"{updates} updates in {seconds:.2f} s, {seconds / max(updates, 1):.2f} s each{peak}"


def is_finished(folder: Path) -> bool:
    """Whether a run into the folder has ended: with a state beside its weights it was cut and goes on."""
    return (folder / WEIGHTS_FILE).exists() and not (folder / STATE_FILE).exists()


def row_losses(
    output: QuestionAnsweringModelOutput, mask: torch.Tensor, rows: Sequence[Feature], stage: Stage
) -> torch.Tensor:
    """The loss of each row (B,): of gold, of the teacher, or the stage's mix of the two."""
    logits = output.start_logits.float(), output.end_logits.float()
    device = mask.device
    gold = span_losses(
        *logits,
        mask,
        torch.tensor([row.start for row in rows], device=device),
        torch.tensor([row.end for row in rows], device=device),
    )
    taught_rows = [bool((row.soft.positions >= 0).any()) for row in rows]
    if not any(taught_rows):
        return gold
    taught = teacher_losses(*logits, mask, stacked([row.soft for row in rows]), stage.teacher_temperature)
    shares = [
        0.0 if not has_teacher else stage.teacher_weight if row.has_gold else 1.0
        for row, has_teacher in zip(rows, taught_rows, strict=True)
    ]
    share = torch.tensor(shares, device=device)
    return share * taught + (1 - share) * gold


def cpu_attention(tokens: int, fused: str, *, dropout: float) -> str:
    """The implementation of attention to train windows of that length with on a CPU.

    Up to 192 tokens plain attention is the quicker of the two; above they are alike, but the plain
    one keeps T x T values a head, layer and window until the backward pass: 32 windows of 384
    tokens then take 5.5 GB in a model of 6 layers and 12 heads, where fused takes 2.6 GB. With
    dropout, a CPU has no fused one.
    """
    return "eager" if tokens <= PLAIN_ATTENTION_TOKENS or dropout else fused


def remaining_batches(
    lengths: Sequence[int], stage: Stage, seed: int, step: int, steps_per_epoch: int
) -> Iterator[list[int]]:
    """The batches from update number ``step`` on; each epoch's order hangs on seed and epoch alone."""
    epochs = -(-stage.max_steps // steps_per_epoch) or stage.epochs
    for epoch in range(step // steps_per_epoch, epochs):
        generator = torch.Generator().manual_seed(seed * 1000 + epoch)
        batches = batches_of_epoch(lengths, stage.batch_size, generator)
        yield from batches[max(step - epoch * steps_per_epoch, 0) :]


def set_dropout(model: torch.nn.Module, probability: float) -> None:
    """Set every dropout of the model, the attention's too."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = probability


def append_log(path: Path, row: dict[str, float]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def drop_log_after(path: Path, step: int) -> None:
    """Keep the log's first ``step`` rows: what came after the saved state will be run again.

    The log has a row a step, and a kill can leave its last row cut.
    """
    if path.exists():
        rows = path.read_text("utf-8").splitlines()[:step]
        path.write_text("".join(row + "\n" for row in rows), encoding="utf-8")


def with_overrides(stage: Stage, **changes: float | int | None) -> Stage:
    """The stage with the given fields changed; ``None`` keeps the recipe's value."""
    return replace(stage, **{name: value for name, value in changes.items() if value is not None})  # type: ignore[arg-type]
