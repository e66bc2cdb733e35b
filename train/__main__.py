"""The command line of ``train``: ``python -m train STAGE --help``."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from biom_demo.errors import BioMError, DataError, TrainingError
from biom_demo.qa import datasets
from biom_demo.qa.records import Example, Question
from train import run_squad
from train.held_out import SQUAD_TEST_ARTICLES, Excluded, is_held_out
from train.recipes import RECIPES

STRICT_HELP = "refuse files in which anything is to be mended or left out"
HOLD_OUT_HELP = "leave out the BioASQ questions kept for choosing"
EXCLUDE_HELP = "test sets (SQuAD or BioASQ files): their questions and texts are never trained on"


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 2 after a message on what went wrong and what to do."""
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    stages = parser.add_subparsers(dest="stage_command", required=True, metavar="STAGE")

    convert = stages.add_parser("convert", help="BioASQ factoid questions -> a SQuAD file")
    convert.add_argument("files", nargs="+", type=Path, help="BioASQ golden files")
    convert.add_argument("--mode", choices=datasets.MODES, required=True)
    convert.add_argument("--held-out", action="store_true", help="only questions kept for choosing")
    convert.add_argument("--unique-pairs", action="store_true", help="a question meets each snippet once")
    convert.add_argument("--strict", action="store_true", help=STRICT_HELP)
    convert.add_argument("--out", type=Path, required=True)
    convert.set_defaults(run=run_convert)

    select = stages.add_parser(
        "select", help="SQuAD files -> one, without the test articles (or of the test articles alone)"
    )
    select.add_argument("files", nargs="+", type=Path, help="SQuAD v1.1 or v2.0 files")
    select.add_argument("--test-articles", action="store_true", help="these alone: the SQuAD test set")
    select.add_argument("--exclude", nargs="*", type=Path, default=[], help=EXCLUDE_HELP)
    select.add_argument("--max-per-file", type=int, help="at most so many pairs of a file, drawn by --seed")
    select.add_argument("--seed", type=int, default=42)
    select.add_argument("--out", type=Path, required=True)
    select.set_defaults(run=run_select)

    cloze = stages.add_parser("cloze", help="text -> cloze questions over recurring spans (a SQuAD file)")
    cloze.add_argument("files", nargs="+", type=Path, help=".txt or .xz, one passage a line")
    cloze.add_argument("--count", type=int, required=True, help="so many questions")
    cloze.add_argument("--seed", type=int, default=42)
    cloze.add_argument("--out", type=Path, required=True)
    cloze.set_defaults(run=run_cloze)

    pretrain = stages.add_parser("pretrain", help="replaced-token detection on text; resumes")
    pretrain.add_argument("files", nargs="+", type=Path, help=".txt or .xz, one passage a line")
    pretrain.add_argument("--recipe", choices=RECIPES, required=True)
    pretrain.add_argument("--start", type=Path, required=True, help="checkpoint folder to start from")
    pretrain.add_argument("--out", type=Path, required=True)
    pretrain.add_argument("--steps", type=int, help="instead of the recipe's")
    pretrain.add_argument("--seed", type=int, default=42)
    pretrain.add_argument("--threads", type=int, default=1)
    pretrain.add_argument("--compile", action="store_true", help="torch.compile (for GPUs)")
    pretrain.add_argument("--peak-tflops", type=float, help="the device's peak: utilisation is shown")
    pretrain.set_defaults(run=run_pretrain)

    cost = stages.add_parser("cost", help="what the stages of a recipe will take, before they start")
    cost.add_argument("--recipe", choices=RECIPES, required=True)
    cost.add_argument("--squad", nargs="+", type=Path, default=[])
    cost.add_argument("--bioasq", nargs="+", type=Path, default=[])
    cost.add_argument("--exclude", nargs="+", type=Path, default=[], help=EXCLUDE_HELP)
    cost.set_defaults(run=run_cost)

    smoke_data = stages.add_parser("smoke-data", help="made-up data for the smoke recipe")
    smoke_data.add_argument("--seed", type=int, default=42)
    smoke_data.add_argument("--out", type=Path, required=True)
    smoke_data.set_defaults(run=run_smoke_data)

    initialize = stages.add_parser("initialize", help="start weights: published or random ones")
    initialize.add_argument("--text", nargs="+", type=Path, default=[], help="small: its vocabulary's text")
    initialize.add_argument("--recipe", choices=RECIPES, required=True)
    initialize.add_argument(
        "--random", action="store_true", help="random weights in the published layout (smoke, base, large)"
    )
    initialize.add_argument("--seed", type=int, default=42)
    initialize.add_argument("--out", type=Path, required=True)
    initialize.set_defaults(run=run_initialize)

    finetune = stages.add_parser("finetune", help="fine-tune on SQuAD-style or BioASQ pairs; resumes")
    finetune.add_argument("--recipe", choices=RECIPES, required=True)
    finetune.add_argument("--stage", choices=("cloze", "squad", "bioasq"), required=True)
    finetune.add_argument("--start", required=True, help="checkpoint folder, or Hub id in the local cache")
    finetune.add_argument("--out", type=Path, required=True)
    finetune.add_argument("--squad", nargs="+", type=Path, default=[], help="SQuAD v1.1 or v2.0 files")
    finetune.add_argument("--bioasq", nargs="+", type=Path, default=[], help="BioASQ golden files (wide)")
    finetune.add_argument("--exclude", nargs="*", type=Path, default=[], help=EXCLUDE_HELP)
    finetune.add_argument("--seed", type=int, default=42)
    finetune.add_argument("--threads", type=int, default=1)
    finetune.add_argument("--learning-rate", type=float, help="instead of the recipe's")
    finetune.add_argument("--epochs", type=int, help="instead of the recipe's")
    finetune.add_argument("--max-steps", type=int, help="so many updates, within or beyond the epochs")
    finetune.add_argument("--save-every", type=int, help="updates between saved states, not the recipe's")
    finetune.add_argument(
        "--list-questions",
        action="store_true",
        help="of --bioasq also list questions with one item a snippet",
    )
    finetune.add_argument("--compile", action="store_true", help="torch.compile (for GPUs)")
    finetune.add_argument("--max-per-file", type=int, help="at most so many pairs of a file, drawn by --seed")
    finetune.set_defaults(run=run_finetune)

    finetune.add_argument(
        "--pairs", nargs="+", type=Path, default=[], help="files of train gather, read as they are"
    )
    finetune.add_argument("--teacher-labels", nargs="+", type=Path, default=[], help="folders of train label")
    finetune.add_argument("--replay", nargs="+", type=Path, default=[], help="more such files, a part of")
    finetune.add_argument("--replay-pairs", type=int, default=4000, help="so many of --replay, by --seed")
    finetune.add_argument("--teacher-weight", type=float, help="instead of the recipe's")
    finetune.add_argument("--teacher-temperature", type=float, help="instead of the recipe's")
    finetune.add_argument("--hold-out", action="store_true", help=HOLD_OUT_HELP)

    gather = stages.add_parser("gather", help="pairs for a teacher to label, with gold where there is any")
    gather.add_argument("--squad", nargs="+", type=Path, default=[], help="pairs of SQuAD files")
    gather.add_argument("--cut", type=float, default=0.0, help="of --squad: this share in short contexts")
    gather.add_argument("--unanswerable", type=float, default=0.0, help="of --squad: add such a share")
    gather.add_argument(
        "--snippets", nargs="+", type=Path, default=[], help="BioASQ files: all questions with all snippets"
    )
    gather.add_argument("--ideal-answers", action="store_true", help="of --snippets: contexts too")
    gather.add_argument(
        "--questions", nargs="+", type=Path, default=[], help="SQuAD or BioASQ files: asked of --passages"
    )
    gather.add_argument("--max-questions", type=int, help="at most so many of --questions, drawn by --seed")
    gather.add_argument(
        "--passages", nargs="+", type=Path, default=[], help=".txt or .xz, one a line, or SQuAD files"
    )
    gather.add_argument("--passage-share", type=float, default=1.0, help="of the lines, drawn by --seed")
    gather.add_argument("--per-question", type=int, default=4, help="passages that BM25 finds for each")
    gather.add_argument("--min-chars", type=int, default=0, help="of a passage; shorter ones are left out")
    gather.add_argument("--max-per-file", type=int, help="at most so many pairs of a --squad file")
    gather.add_argument("--count", type=int, help="at most so many pairs in all, drawn by --seed")
    gather.add_argument("--exclude", nargs="*", type=Path, default=[], help=EXCLUDE_HELP)
    gather.add_argument("--hold-out", action="store_true", help=HOLD_OUT_HELP)
    gather.add_argument("--seed", type=int, default=42)
    gather.add_argument("--out", type=Path, required=True)
    gather.set_defaults(run=run_gather)

    teach = stages.add_parser("teach", help="a teacher: the general stage, then BioASQ; resumes")
    teach.add_argument("--recipe", choices=RECIPES, default="teacher")
    teach.add_argument("--start", required=True, help="checkpoint folder, or Hub id in the local cache")
    teach.add_argument("--squad", nargs="+", type=Path, required=True, help="SQuAD v1.1 or v2.0 files")
    teach.add_argument("--bioasq", nargs="+", type=Path, required=True, help="BioASQ golden files (wide)")
    teach.add_argument("--replay", type=int, default=2000, help="pairs of --squad in the BioASQ stage too")
    teach.add_argument("--exclude", nargs="*", type=Path, default=[], help=EXCLUDE_HELP)
    teach.add_argument("--hold-out", action="store_true", help=HOLD_OUT_HELP)
    teach.add_argument("--seed", type=int, default=42)
    teach.add_argument("--threads", type=int, default=1)
    teach.add_argument("--out", type=Path, required=True, help="gets general/ and bioasq/")
    teach.set_defaults(run=run_teach)

    label = stages.add_parser("label", help="a teacher's distributions over pairs; resumes")
    label.add_argument("files", nargs="+", type=Path, help="pairs of train gather")
    label.add_argument("--model", type=Path, required=True, help="the teacher's checkpoint folder")
    label.add_argument("--top-k", type=int, default=12, help="starts and ends kept of a pair")
    label.add_argument("--threads", type=int, default=1)
    label.add_argument("--out", type=Path, required=True)
    label.set_defaults(run=run_label)

    average = stages.add_parser("average", help="the mean of checkpoints that share their start")
    average.add_argument("models", nargs="+", type=Path, help="fine-tuned checkpoint folders")
    average.add_argument("--out", type=Path, required=True)
    average.set_defaults(run=run_average)

    evaluate = stages.add_parser("evaluate", help="figures of a checkpoint, beside another and the card's")
    evaluate.add_argument("file", type=Path, help="SQuAD file, such as dev.json of train convert")
    evaluate.add_argument("--model", required=True, help="checkpoint folder, or Hub id in the local cache")
    evaluate.add_argument("--against", help="a second checkpoint: adds the difference and its significance")
    evaluate.add_argument(
        "--bioasq", nargs="+", type=Path, default=[], help="golden files: pooled answers too"
    )
    evaluate.add_argument("--strict", action="store_true", help=STRICT_HELP)
    evaluate.add_argument("--submission", type=Path, help="write pooled answers of --model, BioASQ format")
    evaluate.add_argument("--run-squad", action="store_true", help="decode as run_squad.py did")
    evaluate.add_argument("--threads", type=int, default=0, help="0: torch's choice")
    evaluate.add_argument("--json", type=Path, dest="json_out", help="write the result here as well")
    evaluate.set_defaults(run=run_evaluate)

    calibrate = stages.add_parser(
        "calibrate", help="a checkpoint's temperature and null bias, into its folder"
    )
    calibrate.add_argument("--model", type=Path, required=True, help="a fine-tuned checkpoint folder")
    calibrate.add_argument(
        "--bioasq",
        nargs="+",
        type=Path,
        required=True,
        help="golden files: their held-out questions are used",
    )
    calibrate.add_argument(
        "--measure", nargs="*", default=[], metavar="NAME=FILE", help="SQuAD files: how it turns out there"
    )
    calibrate.add_argument("--threads", type=int, default=0, help="0: torch's choice")
    calibrate.set_defaults(run=run_calibrate)

    squad_script = stages.add_parser(
        "run_squad", help="the model card's command: run_squad.py's own flags", allow_abbrev=False
    )
    run_squad.add_flags(squad_script)
    squad_script.set_defaults(run=run_squad.run)

    rehearse = stages.add_parser(
        "rehearse", help="a recipe at its true size on random weights: memory, seconds, a kill, the app"
    )
    rehearse.add_argument("--recipe", choices=RECIPES, required=True)
    rehearse.add_argument("--updates", type=int, default=2)
    rehearse.add_argument("--seed", type=int, default=42)
    rehearse.add_argument("--threads", type=int, default=0, help="0: all processors")
    rehearse.add_argument(
        "--out", type=Path, required=True, help="a new folder; it may be deleted afterwards"
    )
    rehearse.set_defaults(run=run_rehearse)

    ablation = stages.add_parser("ablation", help="the table of run.sh's results")
    ablation.add_argument("runs", type=Path, help="the folder run.sh wrote to")
    ablation.add_argument("--out", type=Path, help="write the table as JSON here")
    ablation.set_defaults(run=run_ablation)

    publish = stages.add_parser("publish", help="a float16 checkpoint folder with its model card")
    publish.add_argument("--model", type=Path, required=True, help="a fine-tuned checkpoint folder")
    publish.add_argument("--out", type=Path, required=True)
    publish.add_argument("--card", type=Path, required=True, help="JSON facts of the model card")
    publish.add_argument(
        "--evaluation", nargs="*", type=Path, default=[], help="results of train evaluate --json"
    )
    publish.add_argument("--log", nargs="*", type=Path, default=[], help="loss.jsonl of the stages: a plot")
    publish.add_argument(
        "--push", metavar="OWNER/NAME", help="upload the folder to the Hub (hf auth login first)"
    )
    publish.set_defaults(run=run_publish)

    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except BioMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from the last saved state", file=sys.stderr)
        return 130
    return 0


def run_convert(arguments: argparse.Namespace) -> None:
    file = datasets.read_bioasq_files(arguments.files, strict=arguments.strict)
    tell(file.notes)
    questions = [q for q in file if not arguments.held_out or is_held_out(q.id)]
    made = datasets.convert(questions, mode=arguments.mode, unique_pairs=arguments.unique_pairs)
    if not made.examples:
        raise DataError(
            f"No pair could be made of {made.total_questions} factoid questions: none has an exact "
            "answer in its snippets (year 1 has no exact answers)."
        )
    datasets.write_squad(made.examples, arguments.out, title=f"BioASQ factoid, {arguments.mode}")
    print(f"{len(made.examples)} pairs from {made.converted_questions} of {made.total_questions} questions")


def run_select(arguments: argparse.Namespace) -> None:
    if arguments.test_articles:
        pairs = [
            example
            for path in arguments.files
            for example in datasets.read_squad(path, only_articles=SQUAD_TEST_ARTICLES)
        ]
    else:
        pairs = training_pairs(arguments.files, arguments.max_per_file, arguments.seed)
        pairs = admitted(pairs, arguments.exclude)
    if not pairs:
        raise DataError("No question is left of the files. Check their articles' titles and --exclude.")
    datasets.write_squad(pairs, arguments.out, title="selected")
    answerable = sum(pair.answerable for pair in pairs)
    print(f"{len(pairs)} pairs, {answerable} answerable")


def tell(notes: Iterable[str]) -> None:
    """Print notes where they do not mix with results."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def admitted(pairs: Sequence[Example], files: Sequence[Path]) -> list[Example]:
    """The pairs that share no question and no text with the excluded files; the others are named."""
    excluded = Excluded.of(files)
    kept: list[Example] = []
    shared: dict[str, None] = {}
    for pair in pairs:
        if excluded.admits(pair):
            kept.append(pair)
        else:
            shared[datasets.question_of_pair(pair.question.id)] = None
    if shared:
        names = ", ".join(list(shared)[:10]) + (", …" if len(shared) > 10 else "")
        tell(
            [
                f"{len(pairs) - len(kept):,} pairs of {len(shared):,} questions are left out of training, as "
                f"the excluded files have the question or its text: {names}."
            ]
        )
    return kept


def run_cloze(arguments: argparse.Namespace) -> None:
    from train.cloze import cloze_examples
    from train.corpus import read_passages

    made = cloze_examples(read_passages(arguments.files), count=arguments.count, seed=arguments.seed)
    if not made:
        raise DataError("No passage repeats a span, so no cloze question could be made of the text.")
    datasets.write_squad(made, arguments.out, title="recurring spans")
    print(f"{len(made)} cloze questions")


def run_pretrain(arguments: argparse.Namespace) -> None:
    from train.pretrain import pretrain

    recipe = RECIPES[arguments.recipe]
    if recipe.pretraining is None:
        raise TrainingError(f"The recipe {recipe.name} has no pre-training; take mini, small or smoke.")
    settings = recipe.pretraining
    if arguments.steps:
        settings = replace(settings, steps=arguments.steps)
    pretrain(
        start=arguments.start,
        out=arguments.out,
        files=arguments.files,
        settings=settings,
        seed=arguments.seed,
        save_every_steps=recipe.save_every_steps,
        threads=arguments.threads,
        peak_flops=arguments.peak_tflops * 1e12 if arguments.peak_tflops else None,
        compile_model=arguments.compile,
    )


def run_initialize(arguments: argparse.Namespace) -> None:
    from train.initialize import (
        initialize_minilm,
        initialize_random,
        initialize_small,
        initialize_smoke,
        initialize_teacher,
    )

    if arguments.random:
        initialize_random(arguments.out, recipe=arguments.recipe, seed=arguments.seed)
    elif arguments.recipe == "smoke":
        initialize_smoke(arguments.out, seed=arguments.seed)
    elif arguments.recipe == "mini":
        initialize_minilm(arguments.out)
    elif arguments.recipe == "teacher":
        initialize_teacher(arguments.out)
    elif arguments.recipe == "small":
        initialize_small(arguments.out, files=arguments.text, seed=arguments.seed)
    else:
        raise TrainingError(
            f"The recipe {arguments.recipe} starts from published weights: give finetune their Hub id, or "
            "--random here for a rehearsal."
        )


def run_average(arguments: argparse.Namespace) -> None:
    from train.average import average

    average(arguments.models, arguments.out)


def run_cost(arguments: argparse.Namespace) -> None:
    from train.recipes import cost

    recipe = RECIPES[arguments.recipe]
    for name, stage, pairs in (
        ("squad", recipe.squad, training_pairs(arguments.squad, None, 0)),
        ("bioasq", recipe.bioasq, bioasq_pairs(arguments.bioasq)),
    ):
        pairs = admitted(pairs, arguments.exclude)
        if not pairs:
            raise DataError(f"The {name} stage has no training pair. Check the files and their conversion.")
        print(f"{name}: {cost(recipe, stage, pairs)}")


def run_smoke_data(arguments: argparse.Namespace) -> None:
    from train.smoke_data import write_smoke_data

    write_smoke_data(arguments.out, seed=arguments.seed)


def training_pairs(files: Sequence[Path], limit: int | None, seed: int) -> list[Example]:
    """The pairs of SQuAD files, at most ``limit`` of each, drawn by ``seed``, no test article's.

    A question of an earlier file is not taken again: SQuAD v1.1 and v2.0 share theirs.
    """
    pairs: list[Example] = []
    known: set[str] = set()
    for path in files:
        read = datasets.read_squad(path, without_articles=SQUAD_TEST_ARTICLES)
        tell(f"{path.name}: {note}" for note in read.notes)
        # Nothing can be learned from a question whose answer is not known.
        found = [example for example in read if example.labelled and example.question.id not in known]
        known.update(example.question.id for example in found)
        pairs += random.Random(seed).sample(found, limit) if limit and limit < len(found) else found
    return pairs


def bioasq_questions(files: Sequence[Path], *, hold_out: bool) -> list[datasets.BioAsqQuestion]:
    """The questions of BioASQ files, each id once; with ``hold_out`` without those kept for choosing."""
    questions = datasets.read_bioasq_files(files)
    tell(questions.notes)
    return [q for q in questions if not (hold_out and is_held_out(q.id))]


def bioasq_pairs(
    files: Sequence[Path], *, list_questions: bool = False, hold_out: bool = False
) -> list[Example]:
    """The ``wide`` pairs of the factoid questions in BioASQ files, each pair once; list ones if asked."""
    questions = bioasq_questions(files, hold_out=hold_out)
    factoid = datasets.convert(questions, mode="wide", unique_pairs=True).examples
    return [*factoid, *(datasets.list_pairs(questions) if list_questions else ())]


def run_finetune(arguments: argparse.Namespace) -> None:
    from train.finetune import finetune, with_overrides
    from train.label import Labels
    from train.pairs import drawn, read_pairs

    examples = training_pairs(arguments.squad, arguments.max_per_file, arguments.seed)
    examples += bioasq_pairs(
        arguments.bioasq, list_questions=arguments.list_questions, hold_out=arguments.hold_out
    )
    gathered = list(read_pairs(arguments.pairs))
    gathered += drawn(list(read_pairs(arguments.replay)), arguments.replay_pairs, arguments.seed)
    examples += [pair.example for pair in gathered if pair.has_gold]
    recipe = RECIPES[arguments.recipe]
    stage = with_overrides(
        recipe.stage(arguments.stage),
        learning_rate=arguments.learning_rate,
        epochs=arguments.epochs,
        max_steps=arguments.max_steps,
        teacher_weight=arguments.teacher_weight,
        teacher_temperature=arguments.teacher_temperature,
        # Gathered pairs are cut and mixed already, and a label belongs to the text as it is.
        short_context_fraction=0.0 if gathered else None,
        unanswerable_fraction=0.0 if gathered else None,
    )
    finetune(
        start=Path(arguments.start) if Path(arguments.start).is_dir() else arguments.start,
        out=arguments.out,
        examples=admitted(examples, arguments.exclude),
        unjudged=admitted([p.example for p in gathered if not p.has_gold], arguments.exclude),
        labels=Labels.load(arguments.teacher_labels) if arguments.teacher_labels else None,
        stage=stage,
        seed=arguments.seed,
        save_every_steps=arguments.save_every or recipe.save_every_steps,
        threads=arguments.threads,
        compile_model=arguments.compile,
    )


def run_gather(arguments: argparse.Namespace) -> None:
    from train.corpus import drawn_passages
    from train.finetune import with_short_contexts, with_unanswerable
    from train.pairs import Pair, drawn, retrieved_pairs, snippet_pairs, write_pairs

    excluded = Excluded.of(arguments.exclude)
    examples = training_pairs(arguments.squad, arguments.max_per_file, arguments.seed)
    examples = with_short_contexts(examples, arguments.cut, arguments.seed)
    examples = with_unanswerable(examples, arguments.unanswerable, arguments.seed)
    pairs = [Pair(example, has_gold=True) for example in examples]
    pairs += snippet_pairs(
        bioasq_questions(arguments.snippets, hold_out=arguments.hold_out),
        ideal_answers=arguments.ideal_answers,
    )
    pairs = [pair for pair in pairs if excluded.admits(pair.example)]
    if arguments.questions:
        asked = asked_questions(arguments.questions, hold_out=arguments.hold_out)
        asked = [question for question in asked if excluded.admits_question(question.id, question.text)]
        if arguments.max_questions and arguments.max_questions < len(asked):
            asked = random.Random(arguments.seed).sample(asked, arguments.max_questions)
        passages = drawn_passages(arguments.passages, arguments.passage_share, arguments.seed)
        pairs += retrieved_pairs(
            asked,
            passages,
            per_question=arguments.per_question,
            excluded=excluded,
            min_chars=arguments.min_chars,
        )
    pairs = drawn(pairs, arguments.count, arguments.seed)
    if not pairs:
        raise DataError("No pair is left. Check the files, --hold-out and --exclude.")
    write_pairs(pairs, arguments.out)
    characters = sum(len(pair.example.context) for pair in pairs) // len(pairs)
    print(
        f"{len(pairs)} pairs, {sum(pair.has_gold for pair in pairs)} with gold, of them "
        f"{sum(pair.example.answerable for pair in pairs)} answerable; {characters} characters a context"
    )


def asked_questions(files: Sequence[Path], *, hold_out: bool) -> list[Question]:
    """The questions of SQuAD and BioASQ files, each text once, no SQuAD test article's."""
    found: dict[str, Question] = {}
    for path in files:
        document = datasets.read_json(path)
        if isinstance(document, dict) and "questions" in document:
            asked = [Question(id=q.id, text=q.body) for q in bioasq_questions([path], hold_out=hold_out)]
        else:
            asked = [example.question for example in training_pairs([path], None, 0)]
        for question in asked:
            found.setdefault(question.text, question)
    return list(found.values())


def run_teach(arguments: argparse.Namespace) -> None:
    from train.finetune import finetune, is_finished

    recipe = RECIPES[arguments.recipe]
    general = admitted(training_pairs(arguments.squad, None, arguments.seed), arguments.exclude)
    replay = random.Random(arguments.seed).sample(general, min(arguments.replay, len(general)))
    bioasq = admitted(bioasq_pairs(arguments.bioasq, hold_out=arguments.hold_out), arguments.exclude)
    start = Path(arguments.start) if Path(arguments.start).is_dir() else arguments.start
    for name, stage, examples in (
        ("general", recipe.squad, general),
        ("bioasq", recipe.bioasq, [*bioasq, *replay]),
    ):
        out = arguments.out / name
        if not is_finished(out):
            finetune(
                start=start,
                out=out,
                examples=examples,
                stage=stage,
                seed=arguments.seed,
                save_every_steps=recipe.save_every_steps,
                threads=arguments.threads,
            )
        start = out


def run_label(arguments: argparse.Namespace) -> None:
    from train.label import label_pairs

    label_pairs(
        model=arguments.model,
        files=arguments.files,
        out=arguments.out,
        top_k=arguments.top_k,
        threads=arguments.threads,
    )


def run_evaluate(arguments: argparse.Namespace) -> None:
    import torch

    from biom_demo.analysis.benchmark import Gold, readable, submission
    from train.evaluate import document, evaluate

    # All files are read before hours of model time are spent.
    file = datasets.read_squad(arguments.file, strict=arguments.strict)
    if not file.examples:
        raise DataError(f"{arguments.file} holds no question.")
    golden = datasets.read_bioasq_files(arguments.bioasq, strict=arguments.strict)
    gold = Gold(arguments.file.name, file.examples, golden.questions, (*file.notes, *golden.notes))
    tell(gold.notes)
    if arguments.submission and not gold.questions:
        raise DataError("A submission needs the questions: give --bioasq files.")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    names = [arguments.model, *([arguments.against] if arguments.against else [])]
    found = evaluate(names, gold, run_squad=arguments.run_squad)
    # Written before anything is printed, which a closed pipe could end.
    if arguments.submission:
        datasets.write_json(submission(gold.questions, found.models[0].pooled), arguments.submission)
    if arguments.json_out:
        datasets.write_json(document(found), arguments.json_out)
    print(readable(found))


def run_rehearse(arguments: argparse.Namespace) -> None:
    from train.rehearse import rehearse

    done = rehearse(
        RECIPES[arguments.recipe],
        arguments.out,
        updates=arguments.updates,
        seed=arguments.seed,
        threads=arguments.threads,
    )
    print(f"\n{done.table()}")


def run_calibrate(arguments: argparse.Namespace) -> None:
    import torch

    from train.calibrate import calibrate

    named = [entry.partition("=") for entry in arguments.measure]
    if not all(name and file for name, _, file in named):
        raise DataError('--measure takes names with files, such as "BioASQ 8B=dev.json".')
    measure = [(name, datasets.read_squad(file).examples) for name, _, file in named]
    golden = datasets.read_bioasq_files(arguments.bioasq)
    tell(golden.notes)
    questions = [question for question in golden.questions if is_held_out(question.id)]
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    found = calibrate(arguments.model, questions, measure)
    print(f"temperature {found.temperature:.3f}  null bias {found.null_bias:+.3f}  ({found.fitted_on})")
    for one in found.measured:
        name, n = one.after.measured_on, one.after.n
        print(f"  {name}: ECE {one.before.ece:.3f} -> {one.after.ece:.3f} ({n} pairs)")


def run_ablation(arguments: argparse.Namespace) -> None:
    from train.ablation import ablation, markdown

    document = ablation(arguments.runs)
    print(markdown(document))
    if arguments.out:
        datasets.write_json(document, arguments.out)


def run_publish(arguments: argparse.Namespace) -> None:
    from train.publish import publish, push

    publish(
        model=arguments.model,
        out=arguments.out,
        card=datasets.read_json(arguments.card),
        evaluations=[datasets.read_json(path) for path in arguments.evaluation],
        logs=arguments.log,
    )
    if arguments.push:
        print(push(arguments.out, arguments.push))


if __name__ == "__main__":
    sys.exit(main())
