"""The model card's command: flags, what they become, files of run_squad's names and shapes."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from biom_demo.qa.datasets import write_squad
from biom_demo.qa.records import CharSpan, Example, Question, Reading, SpanLogits, Window
from biom_demo.qa.spans import ScoredSpan
from train import run_squad
from train.__main__ import main as train_main
from train.initialize import initialize_smoke

# The flags on the card of sultan/BioM-ELECTRA-Large-SQuAD2-BioASQ8B, its paths apart.
CARD = [
    *("--do_lower_case", "--do_train", "--do_eval", "--threads", "20", "--version_2_with_negative"),
    *("--num_train_epochs", "3", "--learning_rate", "5e-5", "--max_seq_length", "512", "--doc_stride", "128"),
    *("--per_gpu_train_batch_size", "8", "--gradient_accumulation_steps", "2"),
    *("--per_gpu_eval_batch_size", "128", "--logging_steps", "50", "--save_steps", "5000", "--fp16"),
    *("--fp16_opt_level", "O1", "--overwrite_output_dir", "--overwrite_cache"),
]


def examples(count=6):
    made = []
    for i in range(count):
        context = f"the drug can bind gene{i} in a cell"
        span = CharSpan(18, 23)
        gold = ((span.of(context),), (span,)) if i % 3 else ((), ())
        made.append(Example(Question("which gene?", f"q{i}"), context, *gold))
    return made


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return initialize_smoke(tmp_path_factory.mktemp("start"), seed=1)


@pytest.fixture
def base(start, tmp_path):
    write_squad(examples(), tmp_path / "data.json", title="t")
    return [
        *("run_squad", "--model_type", "electra", "--model_name_or_path", str(start)),
        *("--train_file", str(tmp_path / "data.json"), "--predict_file", str(tmp_path / "data.json")),
        *("--output_dir", str(tmp_path / "out")),
    ]


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    run_squad.add_flags(parser)
    return parser.parse_args(arguments)


def test_the_cards_command_trains_and_writes_the_scripts_files(base, tmp_path, capsys):
    assert (
        train_main([*base, *CARD, "--max_seq_length", "64", "--doc_stride", "16", "--max_query_length", "9"])
        == 0
    )
    out = tmp_path / "out"
    said = capsys.readouterr().out
    for flag in ("threads", "fp16_opt_level", "do_lower_case", "overwrite_cache", "logging_steps"):
        assert f"--{flag} has no effect" in said
    assert "--fp16 has" not in said
    answers = json.loads((out / "predictions_.json").read_text())
    lists = json.loads((out / "nbest_predictions_.json").read_text())
    odds = json.loads((out / "null_odds_.json").read_text())
    assert answers.keys() == lists.keys() == odds.keys() == {f"q{i}" for i in range(6)}
    for key, entries in lists.items():
        assert list(entries[0]) == ["text", "probability", "start_logit", "end_logit"]
        assert sum(entry["probability"] for entry in entries) == pytest.approx(1)
        assert [e["text"] for e in entries].count("") == 1
        null = next(e for e in entries if not e["text"])
        best = next(e for e in entries if e["text"])
        gap = null["start_logit"] + null["end_logit"] - best["start_logit"] - best["end_logit"]
        assert odds[key] == pytest.approx(gap, abs=1e-4)
        assert answers[key] == ("" if gap > 0 else best["text"])
    assert "data.json" not in said or "EM" in said
    assert len((out / "loss.jsonl").read_text().splitlines()) == 3  # 6 pairs are one batch of 16
    # A finished folder is trained over only when the flag says so.
    plain = [flag for flag in CARD if flag != "--overwrite_output_dir"]
    assert (
        train_main([*base, *plain, "--max_seq_length", "64", "--doc_stride", "16", "--max_query_length", "9"])
        == 2
    )
    assert "--overwrite_output_dir" in capsys.readouterr().err


def test_without_the_second_version_nothing_is_blank_and_no_odds_are_written(base, start, tmp_path):
    assert (
        train_main(
            [
                *base,
                "--do_train",
                "--max_seq_length",
                "64",
                "--doc_stride",
                "16",
                "--max_steps",
                "2",
                "--max_query_length",
                "9",
            ]
        )
        == 0
    )
    assert len((tmp_path / "out" / "loss.jsonl").read_text().splitlines()) == 2
    evaluate = [
        "--do_eval",
        "--model_name_or_path",
        str(tmp_path / "out"),
        "--output_dir",
        str(tmp_path / "e"),
    ]
    assert train_main([*base, *evaluate, "--n_best_size", "3"]) == 0
    answers = json.loads((tmp_path / "e" / "predictions_.json").read_text())
    lists = json.loads((tmp_path / "e" / "nbest_predictions_.json").read_text())
    assert all(answers.values())
    assert all(1 <= len(entries) <= 3 for entries in lists.values())  # of the 3 best starts and ends
    assert not (tmp_path / "e" / "null_odds_.json").exists()


def test_nothing_is_learned_from_questions_without_gold(base, tmp_path, capsys, monkeypatch):
    bare = [Example(Question("which gene?", f"n{i}"), f"text {i}", labelled=False) for i in range(3)]
    learned = []
    monkeypatch.setattr(run_squad, "_train", lambda flags, pairs: learned.extend(pairs))
    write_squad([*bare, *examples()], tmp_path / "data.json", title="t")
    assert train_main([*base, "--do_train"]) == 0
    assert learned == examples()  # "no answer" is gold too
    assert "3 questions without gold answers are not learned from" in capsys.readouterr().out
    write_squad(bare, tmp_path / "data.json", title="t")
    assert train_main([*base, "--do_train"]) == 2
    assert "to learn from" in capsys.readouterr().err


def test_flags_become_the_stage_they_name(start):
    flags = parsed(
        *("--model_type", "electra", "--model_name_or_path", str(start), "--output_dir", "out"),
        *CARD,
        *(
            "--warmup_steps",
            "30",
            "--weight_decay",
            "0.1",
            "--max_grad_norm",
            "0.5",
            "--adam_epsilon",
            "1e-6",
        ),
    )
    stage = run_squad.stage_of(flags, processes=2, features=320)
    assert (stage.batch_size, stage.micro_batch_size, stage.epochs, stage.max_steps) == (32, 8, 3, 0)
    assert (stage.max_seq_length, stage.window_step_tokens, stage.max_question_tokens) == (512, 128, 64)
    assert (stage.learning_rate, stage.weight_decay, stage.clip_norm) == (5e-5, 0.1, 0.5)
    assert (stage.adam_eps, stage.precision, stage.dropout, stage.layer_decay) == (1e-6, "bfloat16", 0.1, 1.0)
    assert stage.warmup_fraction == pytest.approx(30 / 30)  # 10 updates an epoch, three epochs
    assert stage.short_context_fraction == stage.unanswerable_fraction == 0


def test_defaults_are_the_scripts():
    flags = parsed("--model_type", "electra", "--model_name_or_path", "x", "--output_dir", "out")
    assert (flags.max_seq_length, flags.doc_stride, flags.max_query_length) == (384, 128, 64)
    assert (flags.per_gpu_train_batch_size, flags.gradient_accumulation_steps) == (8, 1)
    assert (flags.learning_rate, flags.num_train_epochs, flags.adam_epsilon) == (5e-5, 3.0, 1e-8)
    assert (flags.n_best_size, flags.max_answer_length, flags.seed, flags.warmup_steps) == (20, 30, 42, 0)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--model_type", "bert", "--do_eval"], "is of type electra"),
        ([], "nothing to do"),
        (["--do_eval", "--doc_stride", "400"], "--doc_stride"),
        (["--do_eval", "--tokenizer_name", "other"], "--tokenizer_name"),
        (["--do_eval", "--model_name_or_path", "no/such"], "hf download no/such"),
        (["--do_train", "--num_train_epochs", "0.5", "--doc_stride", "100"], "--num_train_epochs"),
    ],
)
def test_what_cannot_be_met_is_refused_with_the_reason(base, capsys, extra, message):
    assert train_main([*base, *extra]) == 2
    assert message in capsys.readouterr().err


def test_unknown_and_cut_flags_are_refused(base):
    for flag in ("--no_such_flag", "--do_tra"):
        with pytest.raises(SystemExit):
            train_main([*base, "--do_eval", flag])


def test_the_null_entry_stands_at_its_rank_and_last_where_it_is_cut():
    context = "alpha\n beta"
    window = Window(
        np.arange(6, dtype=np.int32),
        np.array([[0, 0], [0, 0], [0, 0], [0, 5], [7, 11], [0, 0]], np.int32),
        0,
        3,
        2,
    )
    start = np.array([1.0, 0, 0, 3.0, 0.5, 0], np.float32)
    end = np.array([1.5, 0, 0, 2.0, 0.25, 0], np.float32)
    reading = Reading(Question("q", "id"), context, (window,), (SpanLogits(start, end),))
    spans = [
        ScoredSpan(CharSpan(low, high), first, last)
        for low, high, first, last in ((0, 5, 3.0, 2.0), (0, 11, 3.0, 0.25), (7, 11, 0.5, 0.25))
    ]

    def texts(n_best, *, with_null=True, of=spans):
        made = run_squad.n_best_list(reading, of, with_null=with_null, n_best=n_best)
        assert sum(entry["probability"] for entry in made) == pytest.approx(1)
        return [entry["text"] for entry in made]

    made = run_squad.n_best_list(reading, spans, with_null=True, n_best=4)
    assert [(e["start_logit"], e["end_logit"]) for e in made] == [(3, 2), (3, 0.25), (1, 1.5), (0.5, 0.25)]
    assert texts(4) == ["alpha", "alpha beta", "", "beta"]  # white space between words is one space
    assert texts(2) == ["alpha", "alpha beta", ""]
    assert texts(4, with_null=False) == ["alpha", "alpha beta", "beta"]
    # As the script has it: an answer stands first, were it a made-up one.
    assert texts(4, with_null=False, of=[]) == ["empty"]
    assert texts(4, of=[]) == ["empty", ""]
    assert texts(1, of=spans[2:]) == ["empty", ""]
