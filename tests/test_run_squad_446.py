"""``train run_squad``'s files against what transformers 4.46's own code wrote (``run_squad_446.py``).

Windows, decoding and files are ours; the logits are the same function of a window's token ids. All
of every n-best list is compared, to the letter.
"""

from __future__ import annotations

import json

import pytest

from biom_demo.qa.datasets import read_squad
from biom_demo.qa.reader import Decoding, Reader
from biom_demo.qa.records import SpanLogits
from tests.conftest import ROOT
from tests.run_squad_446 import DEFAULTS, SETTINGS, SHORT_CHARS, TOKENIZER, digest, logits_of, vocabulary
from train.__main__ import main as train_main
from train.run_squad import write_predictions

DATA = ROOT / "tests" / "data"


class DrawnLogits:
    """An engine of no weights: ``logits_of`` the ids. It counts the windows."""

    max_positions = 512

    def __init__(self):
        self.windows = 0

    def logits(self, windows):
        self.windows += len(windows)
        return [SpanLogits(*logits_of(window.ids)) for window in windows]


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(TOKENIZER.parent, trust_remote_code=False, local_files_only=True)


def stored(name):
    document = json.loads((DATA / name).read_text("utf-8"))
    assert document["vocabulary"] == digest(*vocabulary()), (
        "The bundled tokenizer's vocabulary is another: make the answers again (tests/run_squad_446.py)."
    )
    return document["settings"]


def written(tokenizer, examples, setting, folder):
    """Our predictions, n-best lists and null odds as the files have them, and the number of windows."""
    setting = DEFAULTS | SETTINGS[setting]
    engine = DrawnLogits()
    decoding = Decoding(
        max_seq_length=setting["max_seq_length"],
        window_step_tokens=setting["doc_stride"],
        max_question_tokens=setting["max_query_length"],
        max_answer_length=setting["max_answer_length"],
        n_best=setting["n_best_size"],
        run_squad=True,
    )
    made = write_predictions(
        Reader(engine, tokenizer, decoding),
        examples,
        folder,
        with_null=setting["with_null"],
        null_threshold=setting["null_score_diff_threshold"],
    )
    names = ["predictions_.json", "nbest_predictions_.json", "null_odds_.json"]
    files = [json.loads(p.read_text("utf-8")) if (p := folder / n).exists() else {} for n in names]
    return made, *files, engine.windows


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_files_are_those_of_transformers_446(tokenizer, tmp_path, setting):
    expected = stored("run_squad_446.json")[setting]
    examples = read_squad(DATA / "run_squad_contexts.json").examples
    made, predictions, lists, odds, windows = written(tokenizer, examples, setting, tmp_path)
    assert windows == sum(row["windows"] for row in expected.values())
    assert list(predictions) == list(expected)
    for key, row in expected.items():
        assert predictions[key] == row["prediction"], key
        assert [e["text"] for e in lists[key]] == [text for text, *_ in row["n_best"]], key
        for entry, (_, *numbers) in zip(lists[key], row["n_best"], strict=True):
            found = [entry["start_logit"], entry["end_logit"], entry["probability"]]
            assert found == pytest.approx(numbers, abs=1e-5)
        assert (key in odds) == ("null_odds" in row)
        assert odds.get(key, 0) == pytest.approx(row.get("null_odds", 0), abs=1e-4)
    # The records stay honest: a span cuts out its text, whatever the files have.
    for example, prediction in zip(examples, made, strict=True):
        assert all(answer.span.of(example.context) == answer.text for answer in prediction.answers)


@pytest.mark.shared
@pytest.mark.parametrize("setting", SETTINGS)
def test_the_475_pairs_are_answered_as_by_transformers_446(shared_data, tokenizer, tmp_path, setting):
    expected = stored("run_squad_446_8b.json")[setting]
    files = sorted(str(p) for p in (shared_data / "bioasq").glob("8B*_golden.json"))
    assert train_main(["convert", *files, "--mode", "card", "--out", str(tmp_path / "dev.json")]) == 0
    examples = read_squad(tmp_path / "dev.json").examples
    _, predictions, lists, _, windows = written(tokenizer, examples, setting, tmp_path)
    assert len(expected) == len(predictions) == 475
    assert windows == sum(row["windows"] for row in expected.values())
    for key, row in expected.items():
        predicted = predictions[key]
        name = "prediction" if len(predicted) <= SHORT_CHARS else "digest"
        assert row.get(name) == (predicted if name == "prediction" else digest(predicted)), key
        assert row["n_best"] == digest(*(entry["text"] for entry in lists[key])), key
