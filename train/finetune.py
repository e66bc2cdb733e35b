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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from tqdm import tqdm

from biom_demo.errors import TrainingError
from biom_demo.qa.reader import Reader, pad
from biom_demo.qa.records import CharSpan, Example, Question, Window
from biom_demo.qa.sentences import split_sentences
from biom_demo.qa.windows import build_windows, label, tokenizer_fingerprint
from train.checkpoint import (
    WEIGHTS_FILE,
    load_state,
    require_space,
    restore_rng,
    rng_states,
    run_identity,
    save_state,
    whole_checkpoint,
)
from train.distributed import World
from train.label import Labels, SoftTarget
from train.optim import adamw, learning_rate_factor, set_learning_rate
from train.recipes import Stage

if TYPE_CHECKING:
    from transformers.modeling_outputs import QuestionAnsweringModelOutput

STATE_FILE = "training_state.pt"
LOG_FILE = "loss.jsonl"


class Feature(NamedTuple):
    """A window, the (first, last) positions of its answer ((0, 0) for none), and what a teacher says.

    Without ``has_gold`` the positions mean nothing and the teacher alone is learned from.
    """

    window: Window
    start: int
    end: int
    soft: SoftTarget | None = None
    has_gold: bool = True


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
                identity = Question(f"{example.question.id}-unanswerable", example.question.text)
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
    reader: Reader,
    examples: Sequence[Example],
    stage: Stage,
    *,
    labels: Labels | None = None,
    has_gold: bool = True,
) -> list[Feature]:
    """One feature for each window of each example, labelled with its first gold span and by ``labels``.

    Raises ``TrainingError`` for an example with neither.
    """
    features: list[Feature] = []
    for example in tqdm(examples, desc="windows", unit="pair", leave=False):
        gold = example.gold_spans[0] if example.gold_spans else None
        (made,) = build_windows(
            reader.tokenizer,
            example.question.text,
            [example.context],
            max_seq_length=stage.max_seq_length,
            window_step_tokens=stage.window_step_tokens,
        )
        question = example.question.text
        for window in made.windows:
            soft = labels.target(question, example.context, window) if labels else None
            if soft is None and not has_gold:
                raise TrainingError(
                    f"The pair {example.question.id} has neither gold nor a teacher's label. "
                    "Label its file (train label) and give the folder to --teacher-labels."
                )
            features.append(Feature(window, *label(window, gold), soft, has_gold))
    return features


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
    targets: Sequence[SoftTarget | None],
    temperature: float,
) -> torch.Tensor:
    """Mean of the start and end divergences KL(teacher || student), for each row (B,); 0 without target.

    Both sides are softened by ``temperature`` and the result is multiplied by its square, so that
    gradients keep their size (Hinton et al. 2015, section 2). The teacher's kept positions count as
    all there is; the student answers for every real position.
    """
    hidden = ~mask.bool()  # (B, T)
    total = torch.zeros(len(targets), device=start_logits.device)
    for side, logits in enumerate((start_logits, end_logits)):
        low = torch.finfo(logits.dtype).min
        student = torch.log_softmax(logits.masked_fill(hidden, low) / temperature, dim=-1)  # (B, T)
        scores = torch.full(logits.shape, -torch.inf)
        for row, target in enumerate(targets):
            if target is None:
                scores[row, 0] = 0.0
            else:
                positions, values = target[2 * side : 2 * side + 2]
                scores[row, torch.from_numpy(positions)] = torch.from_numpy(values)
        teacher = torch.log_softmax(scores / temperature, dim=-1).to(logits.device)  # -inf where not kept
        kept = teacher.isfinite()
        gap = torch.where(kept, teacher, 0.0) - torch.where(kept, student, 0.0)
        total = total + (teacher.exp() * gap).sum(-1)
    present = torch.tensor([target is not None for target in targets], device=total.device)
    return total / 2 * temperature**2 * present


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
    reader = Reader.load(start, allow_new_head=True)
    model = reader.model
    set_dropout(model, stage.dropout)
    world = World()
    device = world.device
    if device.type == "cpu":
        # On a CPU the backward pass of the fused attention takes longer than the plain one's.
        model.set_attn_implementation("eager")
    model.to(device)
    forward = torch.compile(model, dynamic=True) if compile_model else model
    require_space(out, 4 * sum(p.numel() for p in model.parameters()) * 4)

    prepared = with_short_contexts(examples, stage.short_context_fraction, seed)
    prepared = with_unanswerable(prepared, stage.unanswerable_fraction, seed)
    features = build_features(reader, prepared, stage, labels=labels)
    features += build_features(reader, unjudged, stage, labels=labels, has_gold=False)
    lengths = [len(feature.window) for feature in features]
    steps_per_epoch = -(-len(features) // stage.batch_size)
    total_steps = steps_per_epoch * stage.epochs
    optimizer = adamw(model, stage, layers=model.config.num_hidden_layers)
    weights_digest = run_identity(*(p.detach().cpu().numpy().tobytes() for p in model.parameters()))
    identity = run_identity(
        asdict(stage),
        seed,
        weights_digest,
        tokenizer_fingerprint(reader.tokenizer),
        [(f.window, f.start, f.end, f.has_gold, f.soft is None) for f in features],
        labels.identity if labels else "",
    )

    step = 0
    state = load_state(out / STATE_FILE, identity)
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        restore_rng(state["rng"])
        step = state["step"]
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
    begun, seen, smooth = time.perf_counter(), 0, None
    with tqdm(total=total_steps, initial=step, desc="fine-tune", unit="step", disable=not world.leads) as bar:
        for batch in remaining_batches(lengths, stage, seed, step, steps_per_epoch):
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
                inputs = pad([row.window for row in rows], reader.tokenizer.pad_token_id or 0)  # (B, T)
                # MPNet, RoBERTa and others know no token types.
                known = reader.tokenizer.model_input_names
                inputs = {key: value.to(device) for key, value in inputs.items() if key in known}
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
        model.eval().cpu()
        with whole_checkpoint(out) as folder:
            reader.save(folder)
        (out / STATE_FILE).unlink(missing_ok=True)
    world.wait()
    return out


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
    if all(row.soft is None for row in rows):
        return gold
    taught = teacher_losses(*logits, mask, [row.soft for row in rows], stage.teacher_temperature)
    shares = [0.0 if row.soft is None else stage.teacher_weight if row.has_gold else 1.0 for row in rows]
    share = torch.tensor(shares, device=device)
    return share * taught + (1 - share) * gold


def remaining_batches(
    lengths: Sequence[int], stage: Stage, seed: int, step: int, steps_per_epoch: int
) -> Iterator[list[int]]:
    """The batches from update number ``step`` on; each epoch's order hangs on seed and epoch alone."""
    for epoch in range(step // steps_per_epoch, stage.epochs):
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
