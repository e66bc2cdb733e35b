"""``run_squad.py`` as its users type it: its flags, mapped to this package's stages.

    python -m train run_squad --model_type electra --model_name_or_path sultan/BioM-ELECTRA-Large-SQuAD2 \\
        --train_file train.json --predict_file dev.json --do_lower_case --do_train --do_eval \\
        --version_2_with_negative --num_train_epochs 3 --learning_rate 5e-5 --max_seq_length 512 \\
        --doc_stride 128 --per_gpu_train_batch_size 8 --gradient_accumulation_steps 2 --fp16 --output_dir out

transformers no longer ships the script. Flags mean what they meant there and have its defaults; those
in ``WITHOUT_EFFECT`` are taken and said to do nothing here, others are refused. Training goes through
``finetune`` (so the same command goes on after a kill), prediction through the ``run_squad`` decoding,
and the files written have the script's names and shapes.

Source: transformers 4 ``examples/legacy/question-answering/run_squad.py``, ``squad_metrics.py``.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biom_demo.errors import TrainingError
from biom_demo.qa.datasets import read_squad, write_json
from biom_demo.qa.reader import Decoding, Progress, Reader
from biom_demo.qa.records import Example, Prediction, Reading
from biom_demo.qa.run_squad_text import joined_words
from biom_demo.qa.spans import ScoredSpan, prediction_of, run_squad_n_best
from train.recipes import Stage

WITHOUT_EFFECT = {
    "threads": "windows are made in one process",
    "fp16_opt_level": "--fp16 is bfloat16 autocast over float32 weights here",
    "do_lower_case": "the checkpoint's tokenizer says whether it lower-cases",
    "overwrite_cache": "nothing is cached",
    "cache_dir": "the Hub's own cache is read (HF_HOME)",
    "per_gpu_eval_batch_size": "prediction batches are made by length",
    "logging_steps": "every step's loss is in loss.jsonl",
    "evaluate_during_training": "the test file is read once, at the end",
    "eval_all_checkpoints": "there is one checkpoint, the last",
    "verbose_logging": "there is nothing more to say",
    "lang_id": "no model of several languages is trained here",
    "local_rank": "accelerate launch says who is who",
    "server_ip": "there is no remote debugger",
    "server_port": "there is no remote debugger",
}
SWITCHES = [
    "version_2_with_negative",
    "do_train",
    "do_eval",
    "fp16",
    "no_cuda",
    "overwrite_output_dir",
    "do_lower_case",
    "overwrite_cache",
    "evaluate_during_training",
    "eval_all_checkpoints",
    "verbose_logging",
]
# With a value: its type and the script's default.
VALUES: dict[str, tuple[type, Any]] = {
    "model_type": (str, None),
    "model_name_or_path": (str, None),
    "output_dir": (Path, None),
    "data_dir": (Path, None),
    "train_file": (Path, None),
    "predict_file": (Path, None),
    "config_name": (str, ""),
    "tokenizer_name": (str, ""),
    "null_score_diff_threshold": (float, 0.0),
    "max_seq_length": (int, 384),
    "doc_stride": (int, 128),
    "max_query_length": (int, 64),
    "per_gpu_train_batch_size": (int, 8),
    "gradient_accumulation_steps": (int, 1),
    "learning_rate": (float, 5e-5),
    "weight_decay": (float, 0.0),
    "adam_epsilon": (float, 1e-8),
    "max_grad_norm": (float, 1.0),
    "num_train_epochs": (float, 3.0),
    "max_steps": (int, -1),
    "warmup_steps": (int, 0),
    "n_best_size": (int, 20),
    "max_answer_length": (int, 30),
    "save_steps": (int, 500),
    "seed": (int, 42),
    # Without effect: None tells whether it was given.
    "threads": (int, None),
    "fp16_opt_level": (str, None),
    "cache_dir": (str, None),
    "per_gpu_eval_batch_size": (int, None),
    "logging_steps": (int, None),
    "lang_id": (int, None),
    "local_rank": (int, None),
    "server_ip": (str, None),
    "server_port": (str, None),
}
REQUIRED = ("model_type", "model_name_or_path", "output_dir")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give the parser the script's flags; one without effect says so in its help."""
    for name in SWITCHES:
        parser.add_argument(f"--{name}", action="store_true", help=_help(name))
    for name, (kind, default) in VALUES.items():
        required = name in REQUIRED
        parser.add_argument(f"--{name}", type=kind, default=default, required=required, help=_help(name))


def _help(name: str) -> str:
    return f"without effect: {WITHOUT_EFFECT[name]}" if name in WITHOUT_EFFECT else "as in run_squad.py"


def run(flags: argparse.Namespace) -> None:
    """Train, predict or both, as the flags say. Raises ``TrainingError`` for flags that cannot be met."""
    for name, reason in WITHOUT_EFFECT.items():
        if getattr(flags, name) not in (None, False):
            print(f"--{name} has no effect: {reason}.")
    for name in ("config_name", "tokenizer_name"):
        if getattr(flags, name) not in ("", flags.model_name_or_path):
            raise TrainingError(f"--{name} must be the checkpoint itself: its own files are read.")
    if not (flags.do_train or flags.do_eval):
        raise TrainingError("There is nothing to do: give --do_train, --do_eval or both.")
    if flags.doc_stride >= flags.max_seq_length - flags.max_query_length:
        raise TrainingError(
            "--doc_stride, the step from window to window, must be smaller than --max_seq_length minus "
            "--max_query_length, or tokens between two windows are never read."
        )
    # Both files are read before hours of model time are spent.
    training = _training(_data_file(flags, "train")) if flags.do_train else ()
    test = read_squad(_data_file(flags, "predict")).examples if flags.do_eval else ()
    _require_model_type(flags)
    if flags.no_cuda:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if flags.do_train:
        _train(flags, training)
    if flags.do_eval:
        _predict(flags, test, flags.output_dir if flags.do_train else _checkpoint(flags))


def _training(path: Path) -> list[Example]:
    """The pairs of a file to learn from: those whose gold is known, also where it is that there is none."""
    read = read_squad(path)
    labelled = [example for example in read if example.labelled]
    if not labelled:
        raise TrainingError(f'{path} has no question with "answers" to learn from. Give a file with gold.')
    if len(labelled) < len(read):
        print(f"{path}: {len(read) - len(labelled)} questions without gold answers are not learned from.")
    return labelled


def _data_file(flags: argparse.Namespace, name: str) -> Path:
    """The file given, in --data_dir where there is one; without a name SQuAD's own in it."""
    given: Path | None = getattr(flags, f"{name}_file")
    folder: Path | None = flags.data_dir
    if given is None and folder is None:
        raise TrainingError(f"Give --{name}_file (or --data_dir with SQuAD's own files).")
    version = "v2.0" if flags.version_2_with_negative else "v1.1"
    given = given or Path(f"{'train' if name == 'train' else 'dev'}-{version}.json")
    return folder / given if folder else given


def _checkpoint(flags: argparse.Namespace) -> Path | str:
    name: str = flags.model_name_or_path
    return Path(name) if Path(name).is_dir() else name


def _config(flags: argparse.Namespace) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(
            flags.model_name_or_path, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise TrainingError(
            f"{flags.model_name_or_path} is no checkpoint folder and not in the Hub's cache ({reason}). "
            f"Fetch it with: hf download {flags.model_name_or_path}"
        ) from error


def _require_model_type(flags: argparse.Namespace) -> None:
    found = str(_config(flags).model_type)
    if found != flags.model_type.lower():
        raise TrainingError(f"--model_type is {flags.model_type}, but the checkpoint is of type {found}.")


def stage_of(flags: argparse.Namespace, *, processes: int, features: int) -> Stage:
    """The flags as a stage. A batch is that of all ``processes``, as the script's was of all GPUs.

    ``features`` is the number of windows: --warmup_steps is counted in steps and ours is a share.
    """
    micro: int = flags.per_gpu_train_batch_size
    batch = micro * flags.gradient_accumulation_steps * processes
    if micro < 1 or batch < 1:
        raise TrainingError("--per_gpu_train_batch_size and --gradient_accumulation_steps must be 1 or more.")
    per_epoch = -(-features // batch)
    steps = flags.max_steps if flags.max_steps > 0 else per_epoch * int(flags.num_train_epochs)
    if steps < 1:
        raise TrainingError("--num_train_epochs must be 1 or more; parts of an epoch are not run.")
    return Stage(
        learning_rate=flags.learning_rate,
        layer_decay=1.0,
        epochs=max(int(flags.num_train_epochs), 1),
        batch_size=batch,
        micro_batch_size=micro,
        max_seq_length=flags.max_seq_length,
        window_step_tokens=flags.doc_stride,
        warmup_fraction=min(flags.warmup_steps / steps, 1.0),
        weight_decay=flags.weight_decay,
        adam_eps=flags.adam_epsilon,
        clip_norm=flags.max_grad_norm,
        dropout=float(getattr(_config(flags), "hidden_dropout_prob", 0.1)),
        short_context_fraction=0.0,
        unanswerable_fraction=0.0,
        precision="bfloat16" if flags.fp16 else "float32",
        max_question_tokens=flags.max_query_length,
        max_steps=max(flags.max_steps, 0),
    )


def _train(flags: argparse.Namespace, examples: Sequence[Example]) -> None:
    from biom_demo.qa.engines.pytorch import WEIGHTS_FILE, PyTorchEngine
    from biom_demo.qa.windows import build_windows
    from train.finetune import finetune, is_finished

    if is_finished(flags.output_dir):
        if not flags.overwrite_output_dir:
            raise TrainingError(
                f"{flags.output_dir} holds a finished checkpoint already. "
                "Give --overwrite_output_dir to train over it, or another --output_dir."
            )
        (flags.output_dir / WEIGHTS_FILE).unlink()
    engine = PyTorchEngine.load(_checkpoint(flags), allow_new_head=True)
    made = build_windows(
        engine.tokenizer,
        [(example.question.text, example.context) for example in examples],
        max_seq_length=min(flags.max_seq_length, engine.max_positions),
        window_step_tokens=flags.doc_stride,
        max_question_tokens=flags.max_query_length,
    )
    features = sum(len(windows.windows) for windows in made)
    finetune(
        start=_checkpoint(flags),
        out=flags.output_dir,
        examples=examples,
        stage=stage_of(flags, processes=int(os.environ.get("WORLD_SIZE", "1")), features=features),
        seed=flags.seed,
        save_every_steps=flags.save_steps,
        threads=os.cpu_count() or 1,
    )


def _predict(flags: argparse.Namespace, examples: Sequence[Example], model: Path | str) -> None:
    """Write run_squad's files and print the figures."""
    from biom_demo.analysis.benchmark import progress_line, score, table

    reader = Reader.load(model, decoding=decoding_of(flags))
    with progress_line("windows read") as progress:
        found = write_predictions(
            reader,
            examples,
            flags.output_dir,
            with_null=flags.version_2_with_negative,
            null_threshold=flags.null_score_diff_threshold,
            progress=progress,
        )
    path = _data_file(flags, "predict")
    figures = score(found, examples, label=str(model), file=path.name, decoding="run_squad", seconds=0.0)
    print(table([figures]))


def decoding_of(flags: argparse.Namespace) -> Decoding:
    """The flags as the reader's settings."""
    return Decoding(
        max_seq_length=flags.max_seq_length,
        window_step_tokens=flags.doc_stride,
        max_question_tokens=flags.max_query_length,
        max_answer_length=flags.max_answer_length,
        n_best=flags.n_best_size,
        run_squad=True,
    )


def write_predictions(
    reader: Reader,
    examples: Sequence[Example],
    folder: Path,
    *,
    with_null: bool,
    null_threshold: float = 0.0,
    progress: Progress | None = None,
) -> list[Prediction]:
    """The predictions, which are written to ``folder`` too, in the script's files.

    ``predictions_.json`` and ``nbest_predictions_.json`` and, ``with_null``, ``null_odds_.json``: how far
    the null score lies above the best answer's. Their texts are the script's, with one space between
    words; the predictions' own are cut from the contexts. A file has one entry an id, the last one's.
    """
    decoding = reader.decoding
    found: list[Prediction] = []
    lists: dict[str, list[dict[str, Any]]] = {}
    answers: dict[str, str] = {}
    odds: dict[str, float] = {}
    pairs = [(example.question, example.context) for example in examples]
    for reading in reader.readings(pairs, progress=progress):
        identity = reading.question.id
        spans = run_squad_n_best(
            reading,
            tokenizer=reader.tokenizer,
            max_answer_length=decoding.max_answer_length,
            n_best=decoding.n_best,
        )
        found.append(prediction_of(reading, spans))
        entries = n_best_list(reading, spans, with_null=with_null, n_best=decoding.n_best)
        best = next(entry for entry in entries if entry["text"])
        lists[identity] = entries
        answers[identity] = best["text"]
        if with_null:
            null = null_entry(reading)
            odds[identity] = null["start_logit"] + null["end_logit"] - best["start_logit"] - best["end_logit"]
            if odds[identity] > null_threshold:
                answers[identity] = ""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(answers, folder / "predictions_.json")
    write_json(lists, folder / "nbest_predictions_.json")
    if with_null:
        write_json(odds, folder / "null_odds_.json")
    return found


def n_best_list(
    reading: Reading, spans: Sequence[ScoredSpan], *, with_null: bool, n_best: int
) -> list[dict[str, Any]]:
    """The entries of a question in ``nbest_predictions_.json``: best first, probabilities of the list.

    With ``with_null`` "" stands at its rank, or last where it is not among the ``n_best``. As in the
    script, an answer "empty" of logits 0 stands first where there is no other.
    """
    entries: list[dict[str, Any]] = [
        {
            "text": joined_words(found.span.of(reading.context)),
            "start_logit": found.start_logit,
            "end_logit": found.end_logit,
        }
        for found in spans
    ]
    if with_null:
        null = null_entry(reading)
        score = null["start_logit"] + null["end_logit"]
        rank = sum(found.score >= score for found in spans)
        entries = [*entries[:rank], null, *entries[rank:]][:n_best]
        if null not in entries:
            entries.append(null)
    if not any(entry["text"] for entry in entries):
        entries.insert(0, {"text": "empty", "start_logit": 0.0, "end_logit": 0.0})
    shares = _softmax([entry["start_logit"] + entry["end_logit"] for entry in entries])
    return [
        {"text": entry["text"], "probability": share} | entry
        for entry, share in zip(entries, shares, strict=True)
    ]


def null_entry(reading: Reading) -> dict[str, Any]:
    """ "" with the logits of [CLS] in the window where they are least."""
    both = ((float(logit.start[0]), float(logit.end[0])) for logit in reading.logits)
    start, end = min(both, key=sum)
    return {"text": "", "start_logit": start, "end_logit": end}


def _softmax(scores: Sequence[float]) -> list[float]:
    top = max(scores)
    shares = [math.exp(score - top) for score in scores]
    total = sum(shares)
    return [share / total for share in shares]
