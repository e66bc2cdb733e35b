"""What models compute in, from the choice on: readers, page, links, files, programs."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

import biom_demo
from biom_demo.analysis.benchmark import Gold
from biom_demo.analysis.comparison import View
from biom_demo.analysis.difference import difference_of
from biom_demo.analysis.stored import comparison_of, document_of
from biom_demo.cli import main
from biom_demo.errors import CheckpointError, InputError
from biom_demo.models import store
from biom_demo.models.catalogue import given
from biom_demo.models.store import Models
from biom_demo.qa.records import CharSpan, Example, Question
from biom_demo.settings import Precision, Settings
from biom_demo.show.batch import OutputForm, Written
from biom_demo.show.batch import head_of as head_of_file
from biom_demo.show.export import Link, comparison_csv, link_query, markdown, read_link
from biom_demo.ui import api, batch_tab, benchmark_tab, compare_tab, keep_panel, pubmed_tab
from biom_demo.ui.examples import Opening
from biom_demo.ui.gold_table import GoldFile
from biom_demo.ui.run import History, Run, head_of
from biom_demo.ui.site import Site
from tests.engines import engines_measured, processor_with
from tests.readings import comparison_of as compared_sides
from tests.readings import pointing_at
from tests.site import MINI, TEXT, BlockedPubMed, WordModels, inquiry, last, site_of
from tests.tiny import save_tiny

QUICK, EXACT, INT8 = Precision.BFLOAT16, Precision.FLOAT32, Precision.INT8
QUESTION = "Which gene causes cystic fibrosis?"


@pytest.fixture
def site(monkeypatch):
    """A page on a processor with bfloat16, whose cost was measured."""
    processor_with(monkeypatch, "avx512_bf16")
    models = WordModels({MINI.biom: "CFTR", MINI.vanilla: "BRCA1"})
    return Site(Settings(), MINI, models, BlockedPubMed(), engines=engines_measured())


@pytest.fixture
def quick():
    """A comparison that was computed in bfloat16."""
    sides = [
        pointing_at(TEXT, "CFTR", precision=QUICK),
        pointing_at(TEXT, "BRCA1", label="V", precision=QUICK),
    ]
    return compared_sides(*sides)


def ran(site, **rest):
    """The run that a click brings, and all that is left on the page."""
    asked = inquiry(**rest)
    prepared = last(compare_tab.prepare(site, asked, "me"))
    left = prepared | last(compare_tab.answer(site, prepared["prepared"], View(), History(), "me"))
    return left.get("run"), left


# Readers


def test_each_precision_has_a_reader_and_a_cache_of_its_own(tmp_path):
    checkpoint = given(str(save_tiny("electra", tmp_path / "m")))
    models = Models(threads=1)
    exact = models.reader(checkpoint)
    assert models.reader(checkpoint, EXACT) is exact
    if processor_refuses_bfloat16():
        with pytest.raises(CheckpointError, match="bfloat16"):
            models.reader(checkpoint, QUICK)
        return
    quick = models.reader(checkpoint, QUICK)
    assert quick is not exact
    assert quick.cache is not exact.cache
    asked = [(Question("which gene"), "the gene binds the drug of the virus")]
    for _ in range(2):  # what was read in one precision is known in that one alone
        one, other = (models.visit(precision=p).read(checkpoint, asked)[0] for p in (EXACT, QUICK))
        assert (one.precision, other.precision) == (EXACT, QUICK)
        assert not np.array_equal(one.logits[0].start, other.logits[0].start)
    assert (one.known, other.known) == (1, 1)
    assert models.loaded == 2


def processor_refuses_bfloat16():
    from biom_demo.qa.engines.processor import refusal

    return bool(refusal(QUICK))


def test_the_least_used_readers_make_room_but_not_for_what_never_fits(tmp_path, monkeypatch):
    first, second = (given(str(save_tiny("electra", tmp_path / name))) for name in "ab")
    models = Models(threads=1)
    kept = models.reader(first)
    size = store.weights_of(tmp_path / "a").bytes_read
    # So little is left that the second does not fit beside the first.
    short = {"by": lambda needed: "needs more" if needed and models.loaded else ""}
    monkeypatch.setattr(store, "shortage", lambda needed: short["by"](needed))
    models.reader(second)
    assert models.loaded == 1
    assert models.reader(second) is not kept
    short["by"] = lambda needed: "needs more"
    models._make_room(tmp_path / "a")
    assert models.loaded == 1
    assert size > 0


# The page


def test_a_choice_is_what_models_compute_in_and_the_page_says_so(site):
    run, left = ran(site, precision=QUICK)
    assert run.comparison.precision is QUICK
    assert "in bfloat16" in left["head"]
    for side in ("biom", "vanilla"):
        assert "s in bfloat16</span>" in left[side]
    exact, left = ran(site)
    assert exact.comparison.precision is EXACT
    assert "bfloat16" not in left["head"] + left["biom"]
    # Another choice than that of what is shown: it is of the previous question.
    assert "previous" in head_of(exact, inquiry(precision=QUICK))
    assert "previous" not in head_of(run, inquiry(precision=QUICK))


def test_what_is_not_on_offer_is_refused_with_the_reason(site):
    for precision in ("int8", INT8):
        with pytest.raises(InputError, match=r"Choose float32 or bfloat16\. This processor has no instr"):
            site.precision_named(precision)
    for name in ("", "int4", None, 3, ["float32"]):
        with pytest.raises(InputError, match=r"Choose float32 or bfloat16\.$"):
            site.precision_named(name)
    _, left = ran(site, precision=INT8)
    assert "no instructions for int8" in left["status"]
    assert left["prepared"] is None


def test_the_setting_is_on_offer_also_where_its_cost_is_not_known(monkeypatch):
    processor_with(monkeypatch, "avx512_vnni")
    site = site_of(settings=Settings(precision=INT8))
    assert site.precision is INT8
    assert INT8 in site.precisions
    with site.reading(api.Work.API, "me") as visit:
        assert visit.precision is INT8


def test_an_earlier_run_puts_its_engine_back(site):
    run, left = ran(site, precision=QUICK)
    assert keep_panel.go_back(0, left["history"], View())["engine"] == "bfloat16"
    assert run.asked.precision is QUICK


def test_ask_pubmed_and_batch_take_the_same_choice(site):
    asked = pubmed_tab.asked_of(QUESTION, "", "mini", 5, "", "built-in", engine="bfloat16")
    found = last(pubmed_tab.find_abstracts(site, asked, None, api_key="", session="me"))
    left = last(pubmed_tab.read_found(site, found["to_read"], View(), (), "me"))
    assert {one.precision for one in left["read"].comparisons} == {QUICK}
    assert "in bfloat16" in left["found-head"]
    key = left["read"].comparisons[0].passage.records[0].key
    opened = left["read"].opened(key)
    assert (opened.asked.precision, opened.comparison.precision) == (QUICK, QUICK)
    assert "engine=bfloat16" in pubmed_tab.link_of(site, left["read"], View())["search_query"]
    linked = pubmed_tab.open_link(site, {"tab": "ask", "q": "Which?", "engine": "bfloat16"})
    assert linked["engine"] == "bfloat16"


def test_a_batch_in_another_precision_is_another_run(site, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f'question,text\n{QUESTION},"{TEXT}"\n')
    file = batch_tab.load(str(path))["upload"]
    left = last(batch_tab.read_batch(site, file, "", "mini", None, "me", "bfloat16"))
    answered = left["answered"]
    assert answered.complete
    assert "read in bfloat16" in left["results"]
    how = Written(OutputForm.CSV)
    row = next(csv.DictReader(io.StringIO(head_of_file(how) + answered.lines(how))))
    assert row["precision"] == "bfloat16"
    assert answered.wanted != batch_tab.wanted_of(file, "", "mini")


def test_the_benchmark_scores_in_it_and_forgets_what_another_engine_read(site):
    spans = (CharSpan(TEXT.index("CFTR"), TEXT.index("CFTR") + 4),)
    file = GoldFile.of(Gold("a.json", (Example(Question(QUESTION, "1"), TEXT, ("CFTR",), spans),)))
    left = last(benchmark_tab.score_all(site, file, (), "mini", "me", "bfloat16"))
    assert "of reading, in bfloat16." in left["benchmark_status"]
    opened = benchmark_tab.open_row(
        site, 0, file, left["read"], benchmark_tab.Look(), "mini", History(), View(), blind=False
    )
    assert opened["engine"] == "bfloat16"
    assert opened["run"].comparison.precision is QUICK
    changed = benchmark_tab.change_engine(site, file, benchmark_tab.Look(), "mini", "me", blind=False)
    assert (changed["read"], changed["scored"], changed["totals"]) == ((), None, "")
    assert "nothing is read in it yet" in changed["benchmark_status"]
    refused = last(benchmark_tab.score_all(site, file, (), "mini", "me", "int8"))
    assert "no instructions for int8" in refused["benchmark_status"]


# Links and files


def test_a_link_has_the_engine_only_where_it_must():
    assert link_query(Link(question="Q?")) == "?q=Q%3F"
    assert read_link({"q": "Q?"}).precision is None
    query = link_query(Link(question="Q?", precision=QUICK))
    assert query == "?q=Q%3F&engine=bfloat16"
    assert read_link({"q": "Q?", "engine": "bfloat16"}).precision is QUICK
    assert read_link({"q": "Q?", "engine": "int4"}).precision is None


def test_a_link_opens_in_its_engine_or_says_that_it_cannot(site, monkeypatch):
    run, _ = ran(site, precision=QUICK)
    link, _ = keep_panel.link_of(site, run, View(), with_text=True)
    assert link.precision is QUICK
    exact, _ = ran(site)
    assert keep_panel.link_of(site, exact, View(), with_text=True)[0].precision is None
    opened = keep_panel.open_link(site, {"q": "Q?", "text": TEXT, "engine": "bfloat16"})
    assert opened["engine"] == "bfloat16"
    # One without: in the server's own, whatever was chosen meanwhile.
    assert keep_panel.open_link(site, {"q": "Q?", "text": TEXT})["engine"] == "float32"
    processor_with(monkeypatch)
    opened = keep_panel.open_link(site, {"q": "Q?", "text": TEXT, "engine": "bfloat16"})
    assert opened["engine"] == "float32"
    assert "not on offer here; float32 is used" in opened["status"]


def test_a_link_from_a_server_that_is_quick_by_setting_says_what_is_exact(monkeypatch):
    processor_with(monkeypatch, "avx512_bf16")
    site = site_of(settings=Settings(precision=QUICK))
    assert site.linked(EXACT) is EXACT
    assert site.linked(QUICK) is QUICK


def test_files_say_what_was_computed_in(quick):
    found = difference_of(quick, View())
    assert "**Computed in:** bfloat16\n" in markdown(found)
    rows = list(csv.DictReader(io.StringIO(comparison_csv(found))))
    assert {row["precision"] for row in rows} == {"bfloat16"}


def test_a_stored_comparison_keeps_it_and_older_files_are_exact(quick):
    made = compared_sides(*(pointing_at(TEXT, word, precision=QUICK) for word in ("CFTR", "BRCA1")))
    sides = [type(side)(c, side.reading) for c, side in zip(MINI.checkpoints, made.sides, strict=True)]
    document = json.loads(json.dumps(document_of(compared_sides(*sides))))
    again = comparison_of(document, MINI.checkpoints)
    assert again.precision is QUICK
    for side in document["sides"]:
        del side["precision"]
    assert comparison_of(document, MINI.checkpoints).precision is EXACT
    assert Run.of_opening(Opening(again), "mini").asked.precision is QUICK


# Programs


def test_the_api_computes_in_what_is_asked_for_and_says_so(site):
    assert api.answer(site, TEXT, QUESTION, "mini")["precision"] == "float32"
    found = api.compare(site, TEXT, QUESTION, "mini", precision="bfloat16")
    assert found["precision"] == "bfloat16"
    for wrong in ("int8", "fast", 3, None, ["bfloat16"]):
        with pytest.raises(InputError, match="Choose float32 or bfloat16"):
            api.compare(site, TEXT, QUESTION, "mini", precision=wrong)
        with pytest.raises(InputError, match="Choose float32 or bfloat16"):
            api.ask_pubmed(site, QUESTION, "", 5, "mini", wrong)
        with pytest.raises(InputError, match="Choose float32 or bfloat16"):
            api.evaluate_file(site, {"path": "x"}, "mini", wrong)


def test_the_command_line_overrides_the_variable(tmp_path, monkeypatch, capsys):
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    asked = ["ask", QUESTION, "--text", str(text), "--pair", "mini", "--json"]
    monkeypatch.setenv("BIOM_ENGINE", "bfloat16")
    assert main([*asked, "--precision", "float32"]) == 0
    assert json.loads(capsys.readouterr().out)["precision"] == "float32"
    processor_with(monkeypatch)
    for command in (asked, ["batch", str(text), "--out", str(tmp_path / "o.csv")], ["evaluate", str(text)]):
        assert main([*command, "--precision", "int8"]) == 2
        assert "--precision int8 cannot be used here. This processor has no" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*asked, "--precision", "int4"])


def test_the_library_takes_it_by_name(tmp_path):
    folders = [str(save_tiny("electra", tmp_path / name)) for name in "ab"]
    settings = Settings(pubmed_cache="off", threads=1, precision=QUICK)
    pair = biom_demo.load_pair(biom=folders[0], vanilla=folders[1], precision="float32", settings=settings)
    assert (
        biom_demo.ask("which gene", "the gene binds the drug", pair, exactly=True).to_json()["precision"]
        == "float32"
    )
    with pytest.raises(InputError, match=r"no precision 'int4'\. Choose float32, bfloat16 or int8"):
        biom_demo.load_pair("mini", precision="int4")
