"""What transformers 4.46's own run_squad code answers, for the test of our ``decode_run_squad``.

Development only; the answers are stored in ``tests/data``. To make them again (Python 3.9 to 3.12):

    python3 -m venv /tmp/venv446 && /tmp/venv446/bin/pip install "transformers==4.46.3" "numpy<2"
    /tmp/venv446/bin/python -m tests.run_squad_446 tests/data/run_squad_contexts.json \\
        --out tests/data/run_squad_446.json

and, where the BioASQ 8B files are at hand, those of its 475 pairs (the passages are not stored, and
of what is answered the digest alone unless it is short):

    python -m train convert 8B*_golden.json --mode card --out dev.json
    /tmp/venv446/bin/python -m tests.run_squad_446 dev.json --digests --out tests/data/run_squad_446_8b.json

There are no weights: logits are drawn from the token ids of a window (``logits_of``), so the windows
must be the same to the token for the answers to be. Positions of padding, which our windows have
none of, are given the lowest ones. The features are made by ``squad_convert_examples_to_features``
with the slow tokenizer, as the script made them, and decoded by ``compute_predictions_logits``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
TOKENIZER = ROOT / "assets" / "BioM-ELECTRA-Mini-SQuAD-BioASQ8B" / "tokenizer.json"
# The card's lengths, the script's defaults, and short windows with short lists.
SETTINGS = {
    "card": {"max_seq_length": 512, "doc_stride": 128, "max_query_length": 64, "with_null": True},
    "defaults": {"max_seq_length": 384, "doc_stride": 128, "max_query_length": 64, "with_null": False},
    "short": {"max_seq_length": 64, "doc_stride": 32, "max_query_length": 24, "with_null": True},
    "shortlist": {
        "max_seq_length": 96, "doc_stride": 24, "max_query_length": 40, "with_null": True,
        "n_best_size": 5, "max_answer_length": 8, "null_score_diff_threshold": -6.0,
    },
}  # fmt: skip
DEFAULTS = {"n_best_size": 20, "max_answer_length": 30, "null_score_diff_threshold": 0.0}
SHORT_CHARS = 25  # an answer, not a piece of a passage
LOWEST = -1e4


def logits_of(ids) -> tuple[np.ndarray, np.ndarray]:
    """Start and end logits of a window's tokens (no padding), float32 (T,): -10 to 10, no two alike."""
    count = len(ids)
    drawn = hashlib.shake_256(np.asarray(ids, "<i4").tobytes()).digest(8 * count)
    values = np.frombuffer(drawn, "<u4").astype(np.float64) / 2**32 * 20 - 10
    start, end = values.reshape(2, count).astype(np.float32)
    return start, end


def vocabulary() -> list[str]:
    """The bundled tokenizer's tokens, in the order of their ids."""
    found = json.loads(TOKENIZER.read_text("utf-8"))["model"]["vocab"]
    return sorted(found, key=found.__getitem__)


def digest(*texts: str) -> str:
    """A short digest of texts, each to the letter."""
    return hashlib.sha256("\x00".join(texts).encode()).hexdigest()[:16]


def answered(path: Path, setting: dict, folder: Path) -> tuple[dict, dict, dict, dict]:
    """The script's predictions, n-best lists and null odds, and the number of windows of each question."""
    import transformers
    from transformers import ElectraTokenizer, SquadV2Processor, squad_convert_examples_to_features
    from transformers.data.metrics.squad_metrics import compute_predictions_logits
    from transformers.data.processors.squad import SquadResult

    assert transformers.__version__ == "4.46.3", transformers.__version__
    setting = DEFAULTS | setting
    (folder / "vocab.txt").write_text("\n".join(vocabulary()) + "\n", "utf-8")
    tokenizer = ElectraTokenizer(str(folder / "vocab.txt"), do_lower_case=True, model_max_length=512)
    examples = SquadV2Processor().get_dev_examples(str(path.parent), filename=path.name)
    features = squad_convert_examples_to_features(
        examples=examples, tokenizer=tokenizer, max_seq_length=setting["max_seq_length"],
        doc_stride=setting["doc_stride"], max_query_length=setting["max_query_length"],
        is_training=False, tqdm_enabled=False,
    )  # fmt: skip
    results = []
    for feature in features:
        ids = feature.input_ids[: sum(feature.attention_mask)]
        padding = [LOWEST] * (len(feature.input_ids) - len(ids))
        start, end = (row.tolist() + padding for row in logits_of(ids))
        results.append(SquadResult(feature.unique_id, start, end))
    files = [folder / name for name in ("predictions.json", "nbest.json", "null_odds.json")]
    compute_predictions_logits(
        examples, features, results, setting["n_best_size"], setting["max_answer_length"], True,
        *map(str, files), False, setting["with_null"], setting["null_score_diff_threshold"], tokenizer,
    )  # fmt: skip
    windows = Counter(feature.qas_id for feature in features)
    predictions, lists, odds = (json.loads(f.read_text()) if f.exists() else {} for f in files)
    return predictions, lists, odds, windows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="a SQuAD file")
    parser.add_argument("--digests", action="store_true", help="no text but short answers")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    document = {"transformers": "4.46.3", "vocabulary": digest(*vocabulary()), "settings": {}}
    for name, setting in SETTINGS.items():
        with tempfile.TemporaryDirectory() as folder:
            predictions, lists, odds, windows = answered(arguments.file, setting, Path(folder))
        questions = {}
        for key, predicted in predictions.items():
            entries = lists[key]
            row = {"windows": windows[key]}
            if arguments.digests:
                row["n_best"] = digest(*(entry["text"] for entry in entries))
                row["prediction" if len(predicted) <= SHORT_CHARS else "digest"] = (
                    predicted if len(predicted) <= SHORT_CHARS else digest(predicted)
                )
            else:
                row["prediction"] = predicted
                row["n_best"] = [
                    [
                        e["text"],
                        round(e["start_logit"], 5),
                        round(e["end_logit"], 5),
                        round(e["probability"], 7),
                    ]
                    for e in entries
                ]
                if key in odds:
                    row["null_odds"] = round(odds[key], 5)
            questions[key] = row
        document["settings"][name] = questions
    arguments.out.write_text(lines_of(document), "utf-8")


def lines_of(document: dict) -> str:
    """The document as JSON with a question a line, so that a difference can be read."""
    settings = []
    for name, questions in document.pop("settings").items():
        rows = [
            f"{json.dumps(key)}:{json.dumps(row, separators=(',', ':'))}" for key, row in questions.items()
        ]
        settings.append(f"{json.dumps(name)}:{{\n" + ",\n".join(rows) + "\n}")
    return json.dumps(document)[:-1] + ', "settings": {\n' + ",\n".join(settings) + "\n}}\n"


if __name__ == "__main__":
    main()
