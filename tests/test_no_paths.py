"""Where files lie on a server is told to nobody: by no page, config, answer, error or file to keep."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from biom_demo.analysis.comparison import View
from biom_demo.analysis.difference import difference_of
from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import CATALOGUE, ModelPair, given, resolve_pair
from biom_demo.models.download import fetch
from biom_demo.models.store import Models
from biom_demo.qa.calibration import CALIBRATION_FILE
from biom_demo.settings import ASSETS
from biom_demo.show.about import about_html
from biom_demo.show.difference import difference_html
from biom_demo.show.export import comparison_csv, comparison_document, comparison_json, markdown
from biom_demo.ui import compare_tab
from biom_demo.ui.run import Run, drawn
from biom_demo.ui.site import Site
from tests.browser.conftest import running_app
from tests.conftest import ROOT
from tests.readings import comparison_of, pointing_at
from tests.site import TEXT, WordModels, inquiry, last, site_of

PLACE = "telling-place"
# The bundled pair's folders, too, are somebody's.
NOT_TOLD = (PLACE, str(ASSETS), str(ROOT), str(Path.home()) + "/")


def assert_told_nowhere(text):
    for place in NOT_TOLD:
        assert place not in text, text[max(0, text.index(place) - 200) :][:400]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A checkpoint that can be read, and one whose weights were cut off."""
    from tests.tiny import save_tiny

    place = tmp_path_factory.mktemp(PLACE)
    whole = save_tiny("electra", place / "whole")
    cut = shutil.copytree(whole, place / "cut")
    (cut / "model.safetensors").write_bytes((whole / "model.safetensors").read_bytes()[:-100])
    return whole, cut


@pytest.fixture(scope="module")
def address(folders, tmp_path_factory):
    whole, cut = folders
    place = whole.parent
    environment = {"BIOM_MODEL": str(whole), "VANILLA_MODEL": str(cut), "HF_HOME": str(place / "home")}
    environment |= {"BIOM_CACHE": str(place / "cache"), "GRADIO_TEMP_DIR": str(place / "temp")}
    with running_app(tmp_path_factory.mktemp("log") / "log", **environment) as address:
        yield address


def got(address, path, data=None, **headers):
    """All that a server says to a request, its headers too."""
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(address + path, body, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return f"{response.headers}\n{response.read().decode()}"
    except urllib.error.HTTPError as error:
        return f"{error.headers}\n{error.read().decode()}"


def answered(address, *data, endpoint="answer", **headers):
    """The whole stream of an endpoint's answer."""
    said = got(address, f"/gradio_api/call/{endpoint}", {"data": list(data)}, **headers)
    event = json.loads(said.split("\n")[-1])["event_id"]
    return got(address, f"/gradio_api/call/{endpoint}/{event}", **headers)


def test_the_page_its_config_and_what_the_api_says_of_itself(address):
    config = got(address, "/config")
    assert '"whole"' in config  # the folder's own name is the key and label
    for path in ("/", "/gradio_api/info", "/gradio_api/openapi.json", "/gradio_api/startup-events",
                 "/healthz", "/none", "/gradio_api/file=/etc/passwd"):  # fmt: skip
        assert_told_nowhere(got(address, path))
    assert_told_nowhere(config)


def test_answers_and_refusals_of_the_api(address):
    read = answered(address, TEXT, "Which gene?", "mini")
    assert '"probability"' in read
    cut = answered(address, TEXT, "Which gene?", "custom")
    assert "ends early" in cut
    assert "cut cannot be loaded" in cut
    refused = answered(address, TEXT, "Which gene?", "huge")
    for said in (read, cut, refused, answered(address, TEXT), answered(address, 1, None, {})):
        assert_told_nowhere(said)


def test_a_request_that_a_proxy_passed_on_has_the_default_pair_and_mini(address):
    for headers in ({"X-Forwarded-For": "203.0.113.7"}, {"Forwarded": "for=203.0.113.7"}, {"Via": "1.1 x"}):
        assert "There is no pair of that name" in answered(address, TEXT, "Q?", "large", **headers)
    assert "not on this machine" in answered(address, TEXT, "Q?", "large")
    assert '"probability"' in answered(
        address, TEXT, "Which gene?", "mini", **{"X-Forwarded-For": "203.0.113.7"}
    )


def site_with(folders):
    pair = ModelPair("custom", *map(given, map(str, folders)))
    return Site(site_of().settings, pair, WordModels({pair.biom: "CFTR", pair.vanilla: "BRCA1"}), None)


def test_models_are_named_by_keys_that_lead_to_them(folders):
    site = site_with(folders)
    for key, checkpoint in site.catalogue.items():
        assert_told_nowhere(key)
        assert checkpoint in site.checkpoints("base", [key])
    twice = ModelPair("custom", given(str(folders[0])), given(str(folders[1].parent / "other" / "whole")))
    keys = Site(site.settings, twice, None, None).catalogue
    assert (keys["whole"], keys["whole (2)"]) == (twice.biom, twice.vanilla)


def test_what_the_compare_tab_says(folders):
    site = site_with(folders)
    absent = given(str(folders[0].parent / "absent"))
    for pair in (site.pair, ModelPair("custom", absent, absent)):
        asked = Site(site.settings, pair, Models(), None)
        said = [*compare_tab.prepare(asked, inquiry(), "s"), *compare_tab.download(asked, "custom", (), "s")]
        said += [compare_tab.choose(asked, "custom", ()), compare_tab.offer(asked, seen=replace(asked))]
        for update in said:
            update.pop("prepared", None)
            assert_told_nowhere(str(update))
    prepared = last(compare_tab.prepare(site, inquiry(), "s"))
    assert_told_nowhere(str(about_html(site.pair)))
    assert_told_nowhere(str(about_html(resolve_pair("mini"))))
    assert prepared


def test_files_to_keep(folders):
    first = pointing_at(TEXT, "CFTR", label="x")
    comparison = comparison_of(first, pointing_at(TEXT, "gene", label="y"))
    checkpoints = tuple(map(given, map(str, folders)))
    sides = tuple(
        type(side)(checkpoint, side.reading, 0.1)
        for side, checkpoint in zip(comparison.sides, checkpoints, strict=True)
    )
    made = type(comparison)(comparison.question, comparison.passage, checkpoints, sides)
    found = difference_of(made, View())
    for kept in (
        markdown(found),
        comparison_csv(found),
        json.dumps(comparison_document(found)),
        json.dumps(comparison_json(made)),
        str(difference_html(found)),
        str(drawn(Run.begin(inquiry(), made), View())),
    ):
        assert_told_nowhere(kept)


def damage(folder, name, content):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{"), ("config.json", b'{"model_type": "none"}'), ("config.json", b"{}"),
        ("config.json", None), ("model.safetensors", b""), ("model.safetensors", None),
        ("model.safetensors", b"\x02" + bytes(7) + b"{}"), ("tokenizer.json", b"{"),
        ("tokenizer.json", b"{}"),
        ("tokenizer_config.json", b"["), ("tokenizer_config.json", b'{"auto_map": {"AutoTokenizer": "x.y"}}'),
        ("tokenizer_config.json", b'{"tokenizer_class": "os.system"}'),
        (CALIBRATION_FILE, b"{}"), (CALIBRATION_FILE, b'{"temperature": 1e999}'),
        (CALIBRATION_FILE, b"[" * 9999),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_read_is_called_by_its_name(folders, tmp_path, name, content):
    folder = shutil.copytree(folders[0], tmp_path / PLACE / "reader")
    damage(folder, name, content)
    with pytest.raises(CheckpointError) as caught:
        Models().reader(given(str(folder)))
    assert_told_nowhere(str(caught.value))
    assert "reader" in str(caught.value) or "this checkpoint" in str(caught.value)


def test_a_folder_that_is_gone_is_called_by_its_name(tmp_path):
    for use in (Models().reader, fetch):
        with pytest.raises(CheckpointError) as caught:
            use(given(str(tmp_path / PLACE / "gone")))
        assert_told_nowhere(str(caught.value))
        assert "gone" in str(caught.value)


def test_a_hub_id_is_told_as_it_is():
    large = next(pair for pair in CATALOGUE if pair.name == "large")
    assert large.biom.name == large.biom.source
