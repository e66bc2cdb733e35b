"""Gold files of every shape, what is read of them, and figures counted by hand and by other programs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from biom_demo.analysis import benchmark as bench
from biom_demo.analysis.benchmark import Found, Gold, plan_of, read_gold, score, scores, submission
from biom_demo.analysis.benchmark.gold import part_read
from biom_demo.cli import main
from biom_demo.errors import DataError
from biom_demo.models.catalogue import PUBLISHED_SCORES
from biom_demo.qa.datasets import BioAsqQuestion, Snippet, read_squad, write_bioasq, write_squad
from biom_demo.qa.metrics import bioasq_factoid, paired_bootstrap, resampled_means, sign_test
from biom_demo.qa.records import Answer, CharSpan, Example, Prediction, Question
from biom_demo.qa.spans import decode
from biom_demo.show.benchmark import Shown, benchmark_html, questions_html
from biom_demo.show.cards import Persona
from tests.conftest import ROOT
from tests.markup import Page
from tests.readings import reading_of
from train.__main__ import main as train_main

TEXT = "In 1921 BRCA1 binds insulin in about 40 mice, it is said."


def example(key, question, *golds, text=TEXT):
    spans = tuple(CharSpan(text.index(gold), text.index(gold) + len(gold)) for gold in golds)
    return Example(Question(question, key), text, golds, spans)


def prediction(*texts, margin=-1.0, sure=0.6, text=TEXT):
    """Ranked answers, the first ``margin`` below null."""
    answers = tuple(
        Answer(CharSpan(text.index(one), text.index(one) + len(one)), one, -margin - rank, sure / (rank + 1))
        for rank, one in enumerate(texts)
    )
    return Prediction(Question("?"), answers, null_score=0.0, null_probability=1 - sure)


EXAMPLES = (
    example("a_000", "Which gene binds insulin?", "BRCA1"),
    example("a_001", "Which gene binds insulin?", "BRCA1", text=TEXT + " Yes."),
    example("b_000", "When was it said?", "1921"),
    example("c_000", "How many mice?", "40"),
    example("d_000", "Who won?"),
)
FIRST = [
    prediction("BRCA1", "insulin", sure=0.9),
    prediction("BRCA1", text=TEXT + " Yes."),
    prediction("In 1921"),  # not exact, but two of the words
    prediction("about 40"),
    prediction("insulin", margin=2.0),  # abstains, rightly
]
SECOND = [
    prediction("insulin", "BRCA1"),
    prediction("insulin", "BRCA1", text=TEXT + " Yes."),
    prediction("1921"),
    prediction("40", margin=0.5),  # right, but it abstains
    prediction("insulin"),
]


@pytest.fixture(scope="module")
def found():
    gold = Gold("f.json", EXAMPLES)
    return bench.benchmark(gold, plan_of(gold), [Found("one", FIRST), Found("two", SECOND)])


def test_figures_by_hand(found):
    exact = found.figure("exact_match", bench.ANSWERABLE)
    assert (exact.n, exact.questions) == (4, 3)
    assert [m.mean for m in exact.models] == [50, 50]
    assert exact.difference.mean == 0
    assert (exact.sign_test.for_first, exact.sign_test.for_second) == (1, 2)  # by question, not by pair
    assert exact.sign_test.p_value == 1
    f1 = found.figure("f1", bench.ANSWERABLE)
    assert [m.mean for m in f1.models] == pytest.approx([100 * (2 + 2 / 3 + 2 / 3) / 4, 50])
    abstaining = found.figure("exact_match", bench.LABELLED)
    assert (abstaining.n, [m.mean for m in abstaining.models]) == (5, [60, 20])
    ranked = {
        name: [m.mean for m in found.figure(name, bench.QUESTIONS).models]
        for name in ("strict_accuracy", "lenient_accuracy", "mrr")
    }
    assert ranked["strict_accuracy"] == pytest.approx([1 / 3, 2 / 3])
    assert ranked["lenient_accuracy"] == pytest.approx([1 / 3, 1])
    assert ranked["mrr"] == pytest.approx([1 / 3, (1 / 2 + 1 + 1) / 3])
    for figure in found.figures:
        assert all(m.low <= m.mean <= m.high for m in figure.models)
        assert figure.difference.low <= figure.difference.mean <= figure.difference.high


def test_each_model_has_the_figures_that_it_has_alone(found):
    gold = Gold("f.json", EXAMPLES)
    alone = bench.benchmark(gold, plan_of(gold), [Found("two", SECOND)])
    assert alone.models[0] == found.models[1]
    assert [f.models[0] for f in alone.figures] == [f.models[1] for f in found.figures]
    assert all(figure.difference is figure.sign_test is None for figure in alone.figures)
    assert alone.disagreements == ()
    for made, model in ((found.figures, found.models[0]), (alone.figures, alone.models[0])):
        by_name = {(f.measure, f.over): f.models[0].mean for f in made}
        assert by_name["exact_match", bench.ANSWERABLE] == model.evaluation.exact_match
        assert by_name["f1", bench.ANSWERABLE] == pytest.approx(model.evaluation.f1)
        assert by_name["f1", bench.LABELLED] == pytest.approx(model.evaluation.with_null.f1)
        assert by_name["mrr", bench.QUESTIONS] == model.factoid.mrr
    with pytest.raises(ValueError, match="one or two"):
        bench.benchmark(gold, plan_of(gold), [])


def test_pairs_are_told_apart_in_four_ways(found):
    kinds = {title: {row.kind: row for row in rows} for title, rows in found.kinds.items()}
    assert {kind: row.n for kind, row in kinds["question word"].items()} == {"which": 2, "when": 1, "how": 1}
    assert kinds["question word"]["which"].questions == 1
    assert kinds["question word"]["which"].exact_match == (100, 0)
    assert set(kinds["form of the answer"]) == {"symbol", "date", "number"}
    assert {title: sum(row.n for row in rows) for title, rows in found.kinds.items()} == dict.fromkeys(
        kinds, 4
    )


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        ("BRCA1", "symbol"),
        ("TNF-α", "symbol"),
        ("miR-21", "symbol"),
        ("5-HT", "symbol"),
        ("p53", "symbol"),
        ("NF-kappaB", "symbol"),
        ("1921", "date"),
        ("in 2001-05", "date"),
        ("12 March 1999", "date"),
        ("May", "date"),
        ("about 40", "number"),
        ("three", "number"),
        ("~2.5%", "number"),
        ("twenty-one", "number"),
        ("40 mg/kg", "number"),
        ("about face", "words"),
        ("Wilson disease", "name"),
        ("Insulin", "name"),
        ("insulin", "words"),
        ("the large subunit of it", "words"),
        ("one-carbon metabolism", "number"),  # by its letters alone
        ("", "words"),
    ],
)
def test_forms_of_answers(answer, form):
    assert bench.answer_form(answer) == form


@pytest.mark.parametrize(("words", "name"), [(1, "1"), (2, "2"), (3, "3-4"), (8, "5-8"), (9, "9+")])
def test_answer_lengths(words, name):
    assert bench.answer_length("w " * words) == name


def test_unlike_answers_are_those_given_where_models_may_abstain(found):
    rows = {row.example.question.id: row for row in found.disagreements}
    assert list(rows) == ["a_000", "a_001", "b_000", "c_000", "d_000"]
    assert [row.number for row in found.disagreements] == [0, 1, 2, 3, 4]
    assert rows["a_000"].right == (True, False)
    assert rows["c_000"].answers[1] is None
    assert rows["c_000"].right == (False, False)
    assert rows["d_000"].answers[0] is None
    assert rows["d_000"].right == (True, False)
    same = bench.benchmark(Gold("f", EXAMPLES), plan_of(Gold("f", EXAMPLES)), [Found("x", FIRST)] * 2)
    assert same.disagreements == ()


def test_confidence_is_held_against_truth(found):
    calibration = found.models[0].calibration
    assert (calibration.n, calibration.measured_on) == (4, "f.json")  # the answerable pairs
    assert calibration.ece == pytest.approx((0.1 + 3 * abs(0.6 - 1 / 3)) / 4)


def test_rows_json_and_text_say_the_same(found):
    rows = list(bench.prediction_rows(found))
    assert [(row["id"], row["model"]) for row in rows[:3]] == [
        ("a_000", "one"),
        ("a_000", "two"),
        ("a_001", "one"),
    ]
    by_key = {(row["id"], row["model"]): row for row in rows}
    row = by_key["c_000", "two"]
    assert (row["answer"], row["abstains"], row["exact_match"], row["right"]) == ("40", True, 1.0, False)
    assert TEXT[row["start"] : row["end"]] == "40"
    assert by_key["d_000", "one"]["exact_match"] is None
    document = json.loads(json.dumps(bench.benchmark_json(found), allow_nan=False))
    assert [model["label"] for model in document["models"]] == ["one", "two"]
    assert document["by"]["question word"][0] == {
        "kind": "which", "n": 2, "questions": 1, "exact_match": [100, 0], "f1": [100, 0],
    }  # fmt: skip
    assert document["published"] == []
    assert document["disagreements"][3]["answers"][1] is None
    text = bench.readable(found)
    assert "answerable pairs, made to answer: 4 of 3 questions" in text
    assert "only the first is right on 3, only the second on 1" in text
    assert "published" not in text


def test_the_published_table_stands_beside_its_own_475_pairs_and_is_told_apart():
    examples = tuple(replace(EXAMPLES[0], question=Question("Which?", f"q_{i:03d}")) for i in range(475))
    gold = Gold("dev.json", examples)
    plan = plan_of(gold)
    assert len(plan.pairs) == 1  # one question and text, however often
    found = bench.benchmark(gold, plan, [Found("m", [FIRST[0]])])
    assert found.published == PUBLISHED_SCORES
    assert {row["status"] for row in bench.benchmark_json(found)["published"]} == {"published, not measured"}
    assert "published, not measured" in bench.readable(found)
    assert "published, not measured" in benchmark_html(found, [Persona("biom", "m", "")])


def test_html_is_escaped_and_well_formed():
    pairs = (example("<i>", "<b>Who?", "BRCA1"), example("&", "?", "1921"))
    gold = Gold("<f>", pairs)
    found = bench.benchmark(gold, plan_of(gold), [Found("<m>", FIRST[:2]), Found("n", SECOND[:2])])
    personas = [Persona("biom", "<m>", ""), Persona("vanilla", "n", "")]
    stretch = bench.Stretch(0, (FIRST[:2], SECOND[:2]), ((None, None), (None, None)))
    rows = list(bench.rows_of(gold, {0: [0], 1: [1]}, stretch))
    shown = Shown(rows, 2, 2, bench.Look())
    html = benchmark_html(found, personas) + questions_html(shown, personas)
    page = Page(str(html))
    assert "<b>" not in str(html)
    assert "<b>Who?" in page.text
    assert 'data-number="0"' in str(html)
    # The filter "unlike" shows what the figures count as such.
    unlike = bench.arranged(rows, bench.Look(show="unlike"))
    assert [row.number for row in unlike] == [row.number for row in found.disagreements]
    assert [row.right for row in rows] == list(
        zip(*([p.right for p in m.pairs] for m in found.models), strict=True)
    )


def test_figures_are_those_of_transformers_446(monkeypatch):
    monkeypatch.setattr(scores, "SAMPLES", 10)  # intervals are not theirs
    stored = json.loads((ROOT / "tests" / "data" / "squad_evaluate_446.json").read_text("utf-8"))["sets"]
    assert len(stored) == 12
    for one in stored:
        questions, theirs = one["questions"], one["figures"]
        examples, predictions = [], []
        for key, asked in questions.items():
            context = "|".join([*asked["golds"], asked["prediction"]])
            golds = tuple(
                CharSpan(context.index(text), context.index(text) + len(text)) for text in asked["golds"]
            )
            examples.append(Example(Question("?", key), context, tuple(asked["golds"]), golds))
            text = asked["prediction"]
            answers = ()
            if text:
                span = CharSpan(context.rindex(text), context.rindex(text) + len(text))
                answers = (Answer(span, text, -asked["null_odds"], 0.5),)
            predictions.append(Prediction(Question("?", key), answers, 0.0, 0.5))
        gold = Gold("f", tuple(examples))
        found = bench.benchmark(gold, plan_of(gold), [Found("m", predictions)])
        ours = found.models[0].evaluation.with_null
        assert ours.n == theirs["total"]
        for mine, name in ((ours, ""), (ours.has_answer, "HasAns_"), (ours.no_answer, "NoAns_")):
            if mine is None:
                assert f"{name}total" not in theirs
                continue
            assert mine.exact_match == pytest.approx(theirs[f"{name}exact"])
            if name != "NoAns_":
                assert mine.f1 == pytest.approx(theirs[f"{name}f1"])
        assert found.figure("exact_match", bench.LABELLED).models[0].mean == pytest.approx(theirs["exact"])
        assert found.figure("f1", bench.LABELLED).models[0].mean == pytest.approx(theirs["f1"])


# --- BioASQ -------------------------------------------------------------------------------------------

SNIPPETS = (Snippet("BRCA1 binds insulin.", "d1"), Snippet("It is said that BRCA1 binds.", "d2"))
QUESTIONS = (
    BioAsqQuestion("f1", "Which gene binds?", "factoid", (("BRCA1", "breast cancer 1"),), SNIPPETS),
    BioAsqQuestion("f2", "What binds?", "factoid", (("zinc",),), SNIPPETS[:1]),
    BioAsqQuestion("f3", "Which?", "factoid", (("zinc",),), ()),
    BioAsqQuestion("y1", "Does it bind?", "yesno", (("yes",),), SNIPPETS),
    BioAsqQuestion("l1", "Which genes?", "list", (("BRCA1",), ("ATP7B",)), SNIPPETS),
    BioAsqQuestion("s1", "What is it?", "summary", (), SNIPPETS),
)


@pytest.fixture
def bioasq_file(tmp_path):
    write_bioasq(QUESTIONS, tmp_path / "golden.json")
    return tmp_path / "golden.json"


def test_the_vector_of_the_official_program_is_scored_as_there():
    golds = {"1": ["BRCA1", "Breast cancer 1"], "2": ["IL-6"], "3": ["TP53"], "4": ["ALK"]}
    # The third answer's second name does not count: since 5b a list has one.
    answers = {"1": ["brca1"], "2": ["IL6", "il-6 ", "x", "IL-6"], "3": ["x"], "4": [*"abcde", "ALK"]}
    questions = [BioAsqQuestion(k, "?", "factoid", (tuple(v),), ()) for k, v in golds.items()]
    rows = submission(questions, answers)["questions"]
    sent = {row["id"]: [one for (one,) in row["exact_answer"]] for row in rows}
    assert max(map(len, sent.values())) == 5
    found = bioasq_factoid(sent, golds)
    assert (found.strict_accuracy, found.lenient_accuracy, found.mrr) == (0.25, 0.5, 0.3125)


def test_a_bioasq_file_is_read_once_a_text_and_pooled_over_all_its_snippets(bioasq_file):
    gold = read_gold([bioasq_file])
    assert [e.question.id for e in gold.examples] == ["f1_000", "f1_001"]
    plan = plan_of(gold)
    assert plan.of_questions == {"f1": (0, 1), "f2": (2,)}
    assert plan.of_examples == (0, 1)
    texts = [text for _, text in plan.pairs]
    found = bench.benchmark(
        gold, plan, [Found("m", [prediction(text.split()[-1], text=text) for text in texts])]
    )
    (model,) = found.models
    assert model.evaluation.n == 2
    assert model.pooled == {"f1": ["binds", "insulin"], "f2": ["insulin"]}
    assert model.factoid.n == 3  # also the one without a snippet, which scores nothing
    assert model.factoid.lenient_accuracy == 0
    part, some = part_read(gold, plan, 2)
    assert [q.id for q in part.questions] == ["f1", "f3", "y1", "l1", "s1"]
    assert (some.of_examples, list(some.of_questions)) == ((0, 1), ["f1"])
    assert len(part_read(gold, plan, 1)[0].examples) == 1


def test_a_submission_has_every_question_of_the_file_in_the_form_of_its_type():
    rows = submission(QUESTIONS, {"f1": [*"abcdefg"], "f2": []})["questions"]
    assert [row["id"] for row in rows] == [question.id for question in QUESTIONS]
    exact = {row["id"]: row.get("exact_answer", "none at all") for row in rows}
    assert exact == {
        "f1": [["a"], ["b"], ["c"], ["d"], ["e"]], "f2": [], "f3": [],
        "y1": "", "l1": [], "s1": "none at all",
    }  # fmt: skip
    assert {type(row["ideal_answer"]) for row in rows} == {str}


def test_files_that_cannot_be_asked_are_refused(bioasq_file, tmp_path):
    write_squad(EXAMPLES, tmp_path / "squad.json", title="t")
    assert len(read_gold([tmp_path / "squad.json"]).examples) == 5
    with pytest.raises(DataError, match="Give it alone"):
        read_gold([tmp_path / "squad.json", bioasq_file])
    with pytest.raises(DataError, match="not a BioASQ file"):
        read_gold([bioasq_file, tmp_path / "squad.json"])
    write_bioasq(QUESTIONS[2:], tmp_path / "nothing.json")
    with pytest.raises(DataError, match="no question that can be asked"):
        read_gold([tmp_path / "nothing.json"])
    both = read_gold([bioasq_file, bioasq_file])
    assert (both.file, len(both.questions)) == ("golden.json, golden.json", len(QUESTIONS))


def test_a_test_set_without_answers_is_answered_and_not_scored(tmp_path, tiny_checkpoint, capsys):
    unanswered = [replace(question, exact_answer=()) for question in QUESTIONS]
    write_bioasq(unanswered, tmp_path / "test.json")
    out = tmp_path / "s.json"
    command = [
        "evaluate",
        str(tmp_path / "test.json"),
        "--model",
        str(tiny_checkpoint),
        "--submission",
        str(out),
    ]
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["figures"] == []
    assert document["model"]["bioasq"] is None
    rows = json.loads(out.read_text("utf-8"))["questions"]
    assert [row["id"] for row in rows] == [question.id for question in QUESTIONS]
    assert rows[0]["exact_answer"] == [[text] for text in document["model"]["pooled"]["f1"]]
    assert rows[0]["exact_answer"]


def test_the_command_writes_answers_and_refuses_what_it_cannot_write(
    bioasq_file, tiny_checkpoint, tmp_path, capsys
):
    command = ["evaluate", str(bioasq_file), "--model", str(tiny_checkpoint)]
    assert main([*command, "--predictions", str(tmp_path / "a.txt")]) == 2
    assert ".csv or .json" in capsys.readouterr().err
    assert main([*command, "--predictions", str(tmp_path / "a.csv")]) == 0
    assert main([*command, "--predictions", str(tmp_path / "a.json")]) == 0
    rows = json.loads((tmp_path / "a.json").read_text("utf-8"))
    lines = (tmp_path / "a.csv").read_text("utf-8").splitlines()
    assert len(lines) == len(rows) + 1 == 3
    assert lines[0].startswith('"id","question_id"')
    write_squad(EXAMPLES, tmp_path / "squad.json", title="t")
    command[1] = str(tmp_path / "squad.json")
    assert main([*command, "--submission", str(tmp_path / "s.json")]) == 2
    assert "give their file" in capsys.readouterr().err
    assert not (tmp_path / "s.json").exists()


# --- reading in turns, as the page does ----------------------------------------------------------------


class Turns:
    """Readers that point at a word each, and are kept from reading on after some pairs."""

    def __init__(self, most):
        self.left = most

    def read(self, checkpoint, pairs):
        word = 0 if checkpoint.label == "one" else 1
        taken = pairs[: self.left]
        self.left -= len(taken)
        return [reading_of(text, {word: 9.0}, {word: 9.0}, question=question) for question, text in taken]


def models(*labels):
    from biom_demo.models.catalogue import Checkpoint

    return [Checkpoint(label, label, "") for label in labels]


def test_models_read_in_turns_and_an_early_end_leaves_what_both_have_read():
    texts = [f"gene{i} binds it" for i in range(70)]
    gold = Gold("f", tuple(example(f"q{i}", "Which?", f"gene{i}", text=text) for i, text in enumerate(texts)))
    *steps, (done, total, whole) = bench.benchmark_steps(gold, models("one", "two"), Turns(1_000))
    assert [step[0] for step in steps] == [32, 64, 70]
    assert (done, total, whole.read, whole.pairs) == (70, 70, 70, 70)
    assert [m.evaluation.exact_match for m in whole.models] == [100, 0]
    predictions = [
        [decode(reading) for reading in Turns(1_000).read(one, plan_of(gold).pairs)]
        for one in models("one", "two")
    ]
    alike = score(predictions[1], gold.examples, label="two", file="f", decoding="exhaustive", seconds=0.0)
    assert whole.models[1].evaluation == alike
    *_, (done, total, part) = bench.benchmark_steps(gold, models("one", "two"), Turns(32 + 32 + 32 + 5))
    assert (done, total, part.read) == (37, 70, 37)
    assert part.models[0].evaluation.n == part.models[1].evaluation.n == 37
    assert "ended early: over the 37 of 70" in bench.readable(part)
    *_, (done, total, nothing) = bench.benchmark_steps(gold, models("one", "two"), Turns(3))
    assert (done, total, nothing) == (0, 70, None)


# --- significance ---------------------------------------------------------------------------------------


def test_columns_are_resampled_alike():
    import numpy as np

    first, second = [1, 0, 1, 1, 0, 1], [0, 0, 1, 0, 1, 1]
    clusters = ["a", "a", "b", "c", "c", "d"]
    means = resampled_means(np.array([first, second], float).T, clusters, samples=500, seed=3)
    alone = paired_bootstrap(first, second, clusters, samples=500, seed=3)
    low, high = np.percentile(means[:, 0] - means[:, 1], [2.5, 97.5])
    assert (alone.low, alone.high) == pytest.approx((low, high))
    with pytest.raises(ValueError, match="one length"):
        resampled_means(np.zeros((0, 1)), [])


def test_a_question_has_one_verdict():
    found = sign_test([1, 1, 0, 0.5], [0, 0, 1, 0.5], ["a", "a", "b", "c"])
    assert (found.for_first, found.for_second, found.p_value) == (1, 1, 1.0)
    tied = sign_test([0.1 + 0.2, 0], [0, 0.3], ["a", "a"])
    assert (tied.for_first, tied.for_second) == (0, 0)


# --- the 475 pairs --------------------------------------------------------------------------------------


@pytest.mark.shared
def test_the_475_pairs_have_the_same_figures_in_both_commands_and_from_the_golden_files(
    shared_data, tiny_checkpoint, tmp_path, capsys
):
    files = sorted(str(path) for path in (shared_data / "bioasq").glob("8B*_golden.json"))
    data = tmp_path / "dev.json"
    assert train_main(["convert", *files, "--mode", "card", "--out", str(data)]) == 0
    model = ["--model", str(tiny_checkpoint), "--json"]
    assert main(["evaluate", str(data), *model, str(tmp_path / "demo.json")]) == 0
    assert train_main(["evaluate", str(data), *model, str(tmp_path / "train.json")]) == 0
    assert main(["evaluate", *files, *model, str(tmp_path / "golden.json")]) == 0
    assert "published, not measured" in capsys.readouterr().out
    demo, golden = (json.loads((tmp_path / f"{name}.json").read_text("utf-8")) for name in ("demo", "golden"))
    trained = json.loads((tmp_path / "train.json").read_text("utf-8"))
    assert len(read_squad(data)) == demo["model"]["n"] == 475
    same = ("n", "n_questions", "exact_match", "f1", "with_null", "predictions", "bioasq")
    assert {name: demo["model"][name] for name in same} == {name: trained[name] for name in same}
    same = ("n", "n_questions", "exact_match", "f1", "predictions")
    assert {name: golden["model"][name] for name in same} == {name: trained[name] for name in same}
    assert golden["model"]["bioasq"]["n"] == 151
    assert demo["model"]["bioasq"]["n"] == 96
