"""Pre-train an ELECTRA by replaced-token detection, from given weights or from scratch.

    python -m train pretrain pubmed.txt.xz --recipe mini --start runs/minilm --out runs/rtd

``--start`` is a checkpoint folder: trained weights are continued, a random one (see ``train
initialize``) is trained from scratch. Killed at any step, the same command goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import ElectraForPreTraining, PreTrainedTokenizerFast

from biom_demo.errors import TrainingError
from biom_demo.qa.engines.pytorch import checked, load_tokenizer, whole_checkpoint
from biom_demo.qa.windows import tokenizer_fingerprint
from train.checkpoint import (
    arrays_digest,
    file_digest,
    load_state,
    require_space,
    restore_rng,
    rng_states,
    run_identity,
    save_state,
)
from train.corpus import read_passages, shuffled, token_blocks
from train.electra import Electra
from train.finetune import LOG_FILE, STATE_FILE, append_log, drop_log_after, is_finished, set_dropout
from train.optim import adamw, learning_rate_factor, set_learning_rate
from train.recipes import Pretraining

SHUFFLE_BUFFER_BLOCKS = 2000


def pretrain(
    *,
    start: Path,
    out: Path,
    files: Sequence[Path],
    settings: Pretraining,
    seed: int,
    save_every_steps: int,
    threads: int = 1,
    peak_flops: float | None = None,
    compile_model: bool = False,
    stop_after_steps: int | None = None,
) -> Path:
    """The folder ``out`` with the discriminator's encoder (float32) and its tokenizer.

    The text is read again from its beginning when it ends before the steps do. ``peak_flops`` of
    the device (FLOP/s) adds the utilisation to the progress line. ``compile_model`` runs both
    encoders through ``torch.compile``: worth its minutes on a GPU, not on a CPU.

    Raises ``TrainingError`` for a foreign state or a finished ``out``, ``DataError`` for bad text,
    ``CheckpointError`` for a ``start`` that cannot be read.
    """
    if is_finished(out):
        raise TrainingError(f"{out} holds a finished checkpoint already. Give --out another folder.")
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    checked(start, name=str(start))
    tokenizer = load_tokenizer(start, name=str(start))
    discriminator = ElectraForPreTraining.from_pretrained(
        start,
        trust_remote_code=False,
        local_files_only=True,
        dtype=torch.float32,
        attn_implementation="eager",
    )
    model = Electra(discriminator, settings.generator_size)
    set_dropout(model, 0.0)
    model.to(device).train()
    if compile_model:  # in place, so that the names of the weights stay
        model.generator.electra.compile()
        model.discriminator.electra.compile()
    require_space(out, 4 * sum(p.numel() for p in model.parameters()) * 4)
    optimizer = adamw(model, settings, layers=discriminator.config.num_hidden_layers)
    generator = torch.Generator().manual_seed(seed)
    identity = run_identity(
        asdict(settings),
        seed,
        tokenizer_fingerprint(tokenizer),
        [file_digest(path) for path in files],
        arrays_digest(p.detach().cpu().numpy() for p in model.parameters()),
    )
    step = 0
    state = load_state(out / STATE_FILE, identity)
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        restore_rng(state["rng"])
        generator.set_state(state["generator"])
        step = state["step"]
    out.mkdir(parents=True, exist_ok=True)
    drop_log_after(out / LOG_FILE, step)

    def save() -> None:
        save_state(
            out / STATE_FILE,
            {
                "identity": identity,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "rng": rng_states(),
                "generator": generator.get_state(),
                "step": step,
            },
        )

    special = torch.tensor(tokenizer.all_special_ids, device=device)
    blocks = _endless_blocks(tokenizer, files, settings.block_tokens, seed)
    next(islice(blocks, step * settings.batch_size, step * settings.batch_size), None)  # already seen
    micro = settings.micro_batch_size
    sizes = [min(micro, settings.batch_size - i) for i in range(0, settings.batch_size, micro)]
    begun, first = time.perf_counter(), step
    with tqdm(total=settings.steps, initial=step, desc="pre-train", unit="step") as bar:
        while step < settings.steps:
            factor = learning_rate_factor(
                step, total_steps=settings.steps, warmup_fraction=settings.warmup_fraction
            )
            set_learning_rate(optimizer, settings.learning_rate * factor)
            row: dict[str, float] = {"step": step + 1, "mlm": 0.0, "rtd": 0.0, "rtd_recall": 0.0}
            for size in sizes:
                share = size / settings.batch_size  # every block counts alike, in a small last piece too
                ids = torch.tensor(list(islice(blocks, size)), device=device)  # (B, T)
                with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
                    losses = model(
                        ids,
                        special_ids=special,
                        mask_token_id=tokenizer.mask_token_id,
                        mask_fraction=settings.mask_fraction,
                        rtd_weight=settings.rtd_weight,
                        generator=generator,
                    )
                torch.autograd.backward(losses.total * share)
                for key in ("mlm", "rtd", "rtd_recall"):
                    row[key] = round(row[key] + getattr(losses, key) * share, 5)
            if not torch.isfinite(losses.total):
                raise TrainingError(f"The loss is no number at step {step}. Lower the learning rate.")
            torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            append_log(out / LOG_FILE, row)
            tokens_per_s = (
                (step - first) * settings.batch_size * settings.block_tokens / (time.perf_counter() - begun)
            )
            shown = {"mlm": f"{row['mlm']:.2f}", "rtd": f"{row['rtd']:.3f}", "tok_s": f"{tokens_per_s:.0f}"}
            if peak_flops:
                shown["mfu"] = f"{tokens_per_s * flops_per_token(model, settings) / peak_flops:.1%}"
            bar.set_postfix(shown)
            bar.update()
            if stop_after_steps and step >= stop_after_steps:
                save()
                return out
            if step % save_every_steps == 0 and step < settings.steps:
                save()
    model.eval().cpu()
    with whole_checkpoint(out) as folder:
        discriminator.electra.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    (out / STATE_FILE).unlink(missing_ok=True)
    return out


def flops_per_token(model: Electra, settings: Pretraining) -> float:
    """Model FLOPs of one token, forward and backward: 6 a weight of a matrix that it goes through.

    Embedding look-ups cost nothing; the generator's output layer is met by masked tokens only;
    attention adds 12 * layers * width * block_tokens.

    Source: Kaplan et al. 2020; Chowdhery et al. 2022, appendix B.
    """
    total = 0.0
    for network in (model.generator.electra, model.discriminator.electra):
        config = network.config
        total += 6.0 * sum(p.numel() for p in network.encoder.parameters() if p.ndim == 2)
        total += 12.0 * config.num_hidden_layers * config.hidden_size * settings.block_tokens
    vocabulary: int = model.generator.generator_lm_head.weight.numel()
    return total + 6.0 * settings.mask_fraction * vocabulary


def _endless_blocks(
    tokenizer: PreTrainedTokenizerFast, files: Sequence[Path], block_tokens: int, seed: int
) -> Iterator[list[int]]:
    """Shuffled blocks, pass after pass. Raises ``TrainingError`` where the text fills no block."""
    passes = 0
    while True:
        blocks = token_blocks(tokenizer, read_passages(files), block_tokens)
        found = False
        for block in shuffled(blocks, buffer=SHUFFLE_BUFFER_BLOCKS, seed=seed + passes):
            found = True
            yield block
        if not found:
            raise TrainingError(f"The text is shorter than one block of {block_tokens} tokens.")
        passes += 1
