"""The endpoints for programs: what they give, what they take for what it is, and errors with a code."""

from __future__ import annotations

import json
from functools import partial

import pytest

from biom_demo import __version__, errors
from biom_demo.analysis import literature
from biom_demo.analysis.cascade import Budget, most_promising
from biom_demo.analysis.comparison import compared
from biom_demo.analysis.literature import MAX_ABSTRACTS
from biom_demo.analysis.stored import digest_of
from biom_demo.models.worker import Ended
from biom_demo.pubmed.pace import Pace
from biom_demo.pubmed.session import PubMed
from biom_demo.qa.datasets import BioAsqQuestion, Snippet, write_bioasq, write_squad
from biom_demo.qa.datasets.uploads import read_upload
from biom_demo.qa.records import CharSpan, Example, Question
from biom_demo.settings import Extent, Settings
from biom_demo.ui import api
from tests.entrez_server import PLAY, entrez_server
from tests.site import MINI, TEXT, site_of

QUESTION = "Which gene causes cystic fibrosis?"
PMID = PLAY[0]["pmid"]


@pytest.fixture
def local_pubmed():
    with entrez_server() as server:
        yield PubMed(base_url=server.url, pace=Pace())


def test_an_answer_has_offsets_ids_digests_and_the_version():
    found = api.answer(site_of(), TEXT, QUESTION, "mini")
    json.dumps(found, allow_nan=False)
    best = found["biom"]["answer"]
    assert (best["text"], TEXT[best["start"] : best["end"]]) == ("CFTR", "CFTR")
    assert found["version"] == __version__
    assert [one["label"] for one in found["checkpoints"]] == [c.label for c in MINI.checkpoints]
    for one, checkpoint in zip(found["checkpoints"], MINI.checkpoints, strict=True):
        assert one["id"] == checkpoint.name
        assert one["digest"] == digest_of(api.locate(checkpoint))


def test_a_pmid_is_taken_for_what_it_is(local_pubmed):
    site = site_of(pubmed=local_pubmed)
    found = api.answer(site, f"PMID: {PMID}", QUESTION, "mini")
    assert found["pmids"] == [PMID]
    assert found["text"] != f"PMID: {PMID}"
    (record,) = found["records"]
    assert record["url"].endswith(f"/{PMID}/")
    assert record["citation"].endswith(f"PMID {PMID}.")
    assert record["title"] in record["citation"]
    with pytest.raises(errors.InputError):
        api.answer(site, "PMID: 99999999", QUESTION, "mini")


def test_a_short_text_does_not_leave_for_pubmed_on_a_guess():
    for text in ("The gene is CFTR.", "CFTR", "CFTR[ti] AND mice", "Mutations of CFTR in cystic fibrosis"):
        found = api.answer(site_of(), text, QUESTION, "mini")
        assert (found["text"], found["pmids"]) == (text, [])
    with pytest.raises(errors.InputError, match="PubMed"):
        api.answer(site_of(), "https://example.org/an-article", QUESTION, "mini")


def test_a_text_can_be_said_to_be_one():
    site = site_of()  # whose PubMed nobody may ask
    found = api.compare(site, PMID, QUESTION, "mini", exactly=True)
    assert (found["text"], found["pmids"]) == (PMID, [])
    with pytest.raises(errors.InputError, match="exactly"):
        api.compare(site, PMID, QUESTION, "mini", exactly="yes")


def test_programs_that_name_records_leave_places_to_those_with_texts(local_pubmed):
    site = site_of(pubmed=local_pubmed)
    with site.names_gate.passed(within_s=1):
        for _ in range(100):  # each place is given back
            api.answer(site, PMID, QUESTION, "mini")
            break
    held = [site.names_gate.passed(within_s=1) for _ in range(8)]
    for one in held:
        one.__enter__()
    try:
        with pytest.raises(errors.BusyError):
            api.answer(site, PMID, QUESTION, "mini")
        assert api.answer(site, TEXT, QUESTION, "mini")["biom"]["answer"]["text"] == "CFTR"
    finally:
        for one in held:
            one.__exit__(None, None, None)
    assert api.answer(site, PMID, QUESTION, "mini")["pmids"] == [PMID]


def test_a_comparison_has_what_the_page_shows_under_its_settings():
    site = site_of()
    found = api.compare(site, TEXT, QUESTION, "mini")
    assert [model["answer"]["text"] for model in found["models"]] == ["CFTR", "BRCA1"]
    assert found["agreement"] == "disagree"
    assert len(found["cross_scores"]) == 4
    abstaining = api.compare(site, TEXT, QUESTION, "mini", settings={"null_threshold": -10, "shown": 2.0})
    assert [model["answer"] for model in abstaining["models"]] == [None, None]
    assert abstaining["settings"]["shown"] == 2
    for settings in (
        {"shown": 0},
        {"shown": "2"},
        {"max_answer_length": 61},
        {"null_threshold": float("nan")},
    ):
        with pytest.raises(errors.InputError, match=next(iter(settings))):
            api.compare(site, TEXT, QUESTION, "mini", settings=settings)
    for further in ("a", ["a"] * 3, [5]):
        with pytest.raises(errors.InputError, match="further"):
            api.compare(site, TEXT, QUESTION, "mini", further)


def test_less_of_a_long_text_is_read_where_that_is_asked_for(monkeypatch):
    """Its readers are words': they read all, and note what they are asked to read."""
    asked = []
    monkeypatch.setattr(api, "compared", lambda *given: asked.append(given[-1]) or compared(*given))
    site = site_of(settings=Settings(read=Extent.PROMISING))
    api.compare(site, TEXT, QUESTION, "mini", read="all")
    api.compare(site, TEXT, QUESTION, "mini")
    api.answer(site, TEXT, QUESTION, "mini")
    assert asked == [Extent.ALL, Extent.PROMISING, Extent.PROMISING]
    for wrong in ("some", 5):
        with pytest.raises(errors.InputError, match="read must be"):
            api.compare(site, TEXT, QUESTION, "mini", read=wrong)


def test_less_of_many_abstracts_is_read_where_that_is_asked_for(local_pubmed, monkeypatch):
    monkeypatch.setattr(literature, "most_promising", partial(most_promising, budget=Budget(0.0, 1)))
    site = site_of(pubmed=local_pubmed)
    found = api.ask_pubmed(site, QUESTION, "", 5, "mini", read="promising")
    assert found["read"] == len(found["abstracts"]) == 1
    assert found["chosen_by"] == "BM25"
    whole = api.ask_pubmed(site, QUESTION, "", 5, "mini")
    assert whole["not_read"] == []
    assert whole["chosen_by"] == ""
    pmids = {record["pmid"] for record in [*found["not_read"], *found["abstracts"]]}
    assert pmids == {record["pmid"] for record in whole["abstracts"]}


def test_a_search_gives_texts_to_quote_and_no_model_reads(local_pubmed):
    site = site_of(pubmed=local_pubmed)
    found = api.search_pubmed(site, QUESTION, "", 5)
    assert site.models.calls == []
    assert 1 <= len(found["records"]) <= 5
    for record in found["records"]:
        assert record["title"] in record["text"]
        assert record["pmid"] in record["citation"]
        for section in record["sections"]:
            assert record["text"][section["start"] : section["end"]].strip()
    asked = api.ask_pubmed(site, QUESTION, "", 5, "mini")
    assert [a["pmid"] for a in asked["abstracts"]] == [r["pmid"] for r in found["records"]]
    assert asked["query"] == found["query"]
    assert all(a["citation"] for a in asked["abstracts"])
    for abstracts in (0, MAX_ABSTRACTS + 1, "5", True):
        with pytest.raises(errors.InputError, match="abstracts"):
            api.search_pubmed(site, QUESTION, "", abstracts)


# --- files ---------------------------------------------------------------------------------------------


@pytest.fixture
def uploads(tmp_path, monkeypatch):
    """The folder of uploads, as Gradio is told of it."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "uploads").mkdir()
    return tmp_path / "uploads"


def gene(key, answer):
    at = TEXT.index(answer)
    return Example(Question("Which gene?", key), TEXT, (answer,), (CharSpan(at, at + len(answer)),))


def test_a_file_is_evaluated(uploads):
    write_squad([gene("a", "CFTR"), gene("b", "BRCA1"), gene("c", "CFTR")], uploads / "d.json", title="t")
    found = api.evaluate_file(site_of(), {"path": str(uploads / "d.json"), "orig_name": "mine.json"}, "mini")
    json.dumps(found, allow_nan=False)
    assert found["file"] == "mine.json"
    assert [round(model["exact_match"]) for model in found["models"]] == [67, 33]
    assert found["notices"] == []
    assert found["version"] == __version__


def test_a_bioasq_file_is_read_as_gold_with_all_its_questions(uploads):
    asked = [
        BioAsqQuestion(
            "1", "Which gene?", "factoid", (("CFTR", "ABCC7"),), (Snippet(TEXT, ""), Snippet("No.", ""))
        ),
        BioAsqQuestion("2", "Is it?", "yesno", (("yes",),), (Snippet(TEXT, ""),)),
        BioAsqQuestion("3", "Which?", "factoid", (), (Snippet(TEXT, ""),)),
    ]
    write_bioasq(asked, uploads / "b.json")
    read = read_upload(uploads / "b.json", mode="card")
    assert list(read.questions) == asked
    assert [e.question.id for e in read.examples] == ["1_000"]
    assert read_upload(uploads / "b.json").questions == ()
    found = api.evaluate_file(site_of(), {"path": str(uploads / "b.json")}, "mini")
    assert found["texts"] == 3  # each question and text once, those of its factoids alone
    assert found["models"][0]["bioasq"]["n"] == 1
    assert set(found["models"][0]["pooled"]) == {"1", "3"}


@pytest.mark.parametrize(
    "file",
    [None, "d.json", {}, {"path": 5}, {"path": ""}, {"path": "/etc/passwd"}, {"path": "https://example.org/d.json"},
     {"path": "UPLOADS/../secret.json"}, {"path": "UPLOADS"}, {"path": "UPLOADS/link.json"}, {"path": "a\0"},
     {"path": "UPLOADS/d.json", "orig_name": "x" * 300}, {"path": "UPLOADS/" + "x" * 5_000}],
)  # fmt: skip
def test_only_what_was_uploaded_is_opened(file, uploads):
    write_squad([gene("a", "CFTR")], uploads / "d.json", title="t")
    write_squad([gene("a", "CFTR")], uploads.parent / "secret.json", title="t")
    (uploads / "link.json").symlink_to(uploads.parent / "secret.json")
    if isinstance(file, dict) and isinstance(file.get("path"), str):
        file = {**file, "path": file["path"].replace("UPLOADS", str(uploads))}
    with pytest.raises(errors.DataError, match="uploaded here"):
        api.evaluate_file(site_of(), file, "mini")


# --- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InputError(), "unusable_input"),
        (errors.DataError(), "unusable_file"),
        (errors.BusyError(), "busy"),
        (errors.OutOfTimeError(), "out_of_time"),
        (errors.CheckpointError(), "models_unavailable"),
        (errors.RefusedError(), "pubmed_refuses"),
        (errors.PubMedError(), "pubmed_unavailable"),
        (KeyError("x"), "internal_error"),
    ],
)
def test_each_error_has_a_code(error, code):
    assert api.code_of(error) == code


def test_reading_that_takes_too_long_says_so_with_its_code():
    site = site_of()
    with site.reading(api.Work.API, "v") as visit:
        visit.budget_s = 1.0
        for ended, kind in ((Ended.BUDGET, errors.OutOfTimeError), (Ended.CLOSED, errors.BusyError)):
            visit.ended = ended
            assert type(api._ended(visit)) is kind


def test_errors_are_json_with_a_code_and_a_sentence(served_page):
    with served_page.client() as client:

        def error_of(name, values):
            joined = client.post(f"/gradio_api/call/{name}", json={"data": values})
            answer = client.get(f"/gradio_api/call/{name}/{joined.json()['event_id']}").text
            kind, data = answer.split("event: ")[-1].split("\ndata: ")
            assert kind == "error"
            found = json.loads(data)
            return found["title"], found["error"]

        assert error_of("answer", [TEXT, "", "mini"])[0] == "unusable_input"
        assert error_of("answer", [5, QUESTION, "mini"]) == ("unusable_input", "text must be a string.")
        code, words = error_of(
            "evaluate_file",
            [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "mini", "float32"],
        )
        assert code == "unusable_input"  # Gradio has looked at it first
        assert "uploaded here" in words
        given = [TEXT, QUESTION, "mini", None, 99, 5, 30, 0.5, False, "float32", "auto"]
        assert error_of("compare", given) == (
            "unusable_input",
            "null_threshold must be a number from -10 to 10.",
        )
        refused = client.post("/gradio_api/call/answer", content=b"{")
        assert refused.json()["code"] == "bad_request"
        assert client.get("/gradio_api/mcp/").json()["code"] == "not_found"  # off unless switched on


def test_every_parameter_is_described(served_page):
    with served_page.client() as client:
        listed = client.get("/gradio_api/info").json()["named_endpoints"]
    assert len(listed) == 5
    for name, endpoint in listed.items():
        assert len(endpoint["description"]) > 40, name
        for parameter in endpoint["parameters"]:
            assert parameter["parameter_name"] != "request"
            assert parameter["label"] == parameter["parameter_name"]
            assert len(parameter["python_type"]["description"]) > 10, (name, parameter["parameter_name"])
    # Where Gradio's pages of the API and of tools take the words from.
    from gradio.utils import get_function_description

    from biom_demo.ui.page import build_page
    from tests.site import built

    with built(lambda: build_page(site_of())) as page:
        public = [f for f in page.fns.values() if f.api_visibility == "public"]
        assert {f.api_name for f in public} == {name.strip("/") for name in listed}
        for function in public:
            description, parameters, returns = get_function_description(function.fn)
            described = {name for name, words in parameters.items() if words}
            assert described == set(parameters) - {"request"}, function.api_name
            assert description
            assert returns


def test_gradios_client_uploads_a_file_and_has_its_figures(served_page, tmp_path):
    from gradio_client import Client, handle_file

    write_squad([gene("a", "CFTR"), gene("b", "BRCA1")], tmp_path / "mine.json", title="t")
    client = Client(served_page.address, verbose=False)
    found = client.predict(handle_file(str(tmp_path / "mine.json")), api_name="/evaluate_file")
    assert found["file"] == "mine.json"
    assert [model["exact_match"] for model in found["models"]] == [50, 50]
    compared = client.predict(TEXT, QUESTION, shown=2, api_name="/compare")
    assert compared["settings"]["shown"] == 2
