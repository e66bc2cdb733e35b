"""The ablation table: means and spread over seeds, and the committed one agrees with itself."""

from __future__ import annotations

import json
import re

import pytest

from biom_demo.errors import DataError
from biom_demo.qa.datasets import write_json
from tests.conftest import ROOT
from train.ablation import ablation, markdown


def result(em, against):
    def one(value):
        pooled = {"strict_accuracy": value / 200, "lenient_accuracy": 0.5, "mrr": 0.4}
        return {"exact_match": value, "f1": value + 10, "bioasq": pooled}

    difference = {
        "exact_match": {"mean": em - against, "low": -1.0, "high": 9.0, "p_value": 0.04},
        "mcnemar": {"p_value": 0.5},
    }
    return one(em) | {"against": one(against), "difference": difference}


def test_means_spread_and_differences(tmp_path):
    for name, em, against in (
        ("before", 50, 48),
        ("1", 60, 56),
        ("2", 62, 56),
        ("3", 64, 56),
        ("mean", 63, 57),
    ):
        write_json(result(em, against), tmp_path / f"result-{name}.json")
    on_squad = {"exact_match": 70.0, "f1": 75.0, "with_null": {"exact_match": 60.0, "f1": 61.0}}
    write_json(on_squad | {"against": on_squad | {"f1": 76.0}}, tmp_path / "squad-test-mean.json")
    document = ablation(tmp_path)
    rows = {(row["model"], row["stage"]): row for row in document["rows"]}
    tuned = rows["BioM-ELECTRA-Mini", "+ BioASQ"]
    assert tuned["seeds"] == [1, 2, 3]
    assert (tuned["figures"]["EM"], tuned["spread"]["EM"]) == (62.0, 2.0)
    assert tuned["figures"]["strict"] == pytest.approx(31.0)
    assert rows["ELECTRA-Mini", "before BioASQ"]["figures"]["EM"] == 48
    assert rows["ELECTRA-Mini", "before BioASQ"]["spread"] == {}
    assert len(rows) == 6
    assert document["differences"]["2"]["exact_match"]["mean"] == 6
    assert [(row["model"], row["figures"]["F1"]) for row in document["squad_test"]] == [
        ("ELECTRA-Mini", 76.0), ("BioM-ELECTRA-Mini", 75.0),
    ]  # fmt: skip
    text = markdown(document)
    assert (
        "| BioM-ELECTRA-Mini | + BioASQ, mean of the seeds' weights | 70.00 | 75.00 | 60.00 | 61.00 |" in text
    )
    assert "| BioM-ELECTRA-Mini | + BioASQ | 62.00 ± 2.00 | 72.00 ± 2.00 |" in text
    assert "| 2 | +6.00 | [-1.00, +9.00] | 0.040 | 0.500 |" in text


def test_an_unfinished_chain_is_told(tmp_path):
    with pytest.raises(DataError, match="to its end"):
        ablation(tmp_path)


def test_the_committed_table_is_the_one_of_the_file():
    document = json.loads((ROOT / "assets" / "ablation.json").read_text("utf-8"))
    readme = (ROOT / "train" / "README.md").read_text("utf-8")
    table = re.search(r"<!-- tables:.*?-->\n(.*?)<!-- end -->", readme, re.DOTALL)
    assert table is not None
    assert table[1].strip() == markdown(document)
    # The row of the shipped weights is what their own evaluation files say.
    shipped = document["rows"][-1]["stage"]
    for row in document["rows"]:
        if row["stage"] == shipped:
            folder = ROOT / "assets" / f"{row['model']}-SQuAD-BioASQ8B"
            results = json.loads((folder / "evaluation.json").read_text("utf-8"))["results"]
            (pairs,) = [r for r in results if r["n"] == 475]
            assert (row["figures"]["EM"], row["figures"]["F1"]) == (pairs["exact_match"], pairs["f1"])
