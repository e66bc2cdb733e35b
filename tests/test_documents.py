"""SECURITY, CONTRIBUTING, CHANGELOG, CITATION and docs say what the code does."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import date
from pathlib import Path
from urllib.parse import urlparse

import pytest
import yaml

import biom_demo
from biom_demo.counters import Counters
from biom_demo.settings import Settings
from biom_demo.ui.metrics import families
from biom_demo.ui.serve import WARM_AGAIN_S, State
from tests.conftest import ROOT
from tests.limits import table

DOCUMENTS = [
    "SECURITY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "README.md",
    "docs/operating.md",
    "docs/scale.md",
]
VARIABLES = {item.metadata["env"] for item in fields(Settings)}


def text_of(name):
    return (ROOT / name).read_text("utf-8")


def test_the_readmes_limits_are_the_codes():
    assert table() in text_of("README.md"), f"python -m tests.limits:\n{table()}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_and_variables_are_settings(name):
    text = text_of(name)
    for link in re.findall(r"\]\((?!http|#)([^)#]+)\)", text):
        assert (ROOT / name).parent.joinpath(link).resolve().exists(), link
    for variable in re.findall(r"\b(?:BIOM|NCBI|GRADIO)_[A-Z_]*[A-Z]\b", text):
        assert variable in VARIABLES | {"BIOM_DEMO"}, variable


@pytest.mark.parametrize("name", DOCUMENTS)
def test_make_targets_exist(name):
    targets = set(re.findall(r"(?m)^([a-z]+):", text_of("Makefile")))
    assert set(re.findall(r"(?m)(?:^|`)make ([a-z]+)", text_of(name))) <= targets


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tests_and_modules_that_are_named_exist(name):
    for path in re.findall(r"`((?:tests|show|ui|qa)/[\w/]+\.py)`", text_of(name)):
        assert (ROOT / path).exists() or (ROOT / "biom_demo" / path).exists(), path


def test_the_changelog_is_in_the_form_it_names():
    text = text_of("CHANGELOG.md")
    versions = re.findall(r"(?m)^## \[([^\]]+)\](?: - (\S+))?$", text)
    assert len(versions) == text.count("\n## ")
    assert versions[0] == ("Unreleased", "")
    dates = [date.fromisoformat(day) for _, day in versions[1:]]
    assert dates == sorted(dates, reverse=True)
    assert biom_demo.__version__ in dict(versions)
    kinds = re.findall(r"(?m)^### (.*)$", text)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    for section in re.split(r"(?m)^## ", text)[1:]:
        named = re.findall(r"(?m)^### (.*)$", section)
        assert named
        assert len(set(named)) == len(named)
        for part in re.split(r"(?m)^### ", section)[1:]:
            assert part.split("\n\n", 1)[1].startswith("- ")


CFF = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
# The keys that the Citation File Format 1.2.0 requires and knows, as far as they are used here.
CFF_REQUIRED = {"cff-version", "message", "title", "authors"}
CFF_KEYS = CFF_REQUIRED | {
    "abstract", "date-released", "doi", "identifiers", "keywords", "license", "preferred-citation",
    "references", "repository-code", "type", "url", "version",
}  # fmt: skip
REFERENCE_REQUIRED = {"authors", "title", "type"}
REFERENCE_KEYS = REFERENCE_REQUIRED | {
    "collection-title", "conference", "doi", "end", "pages", "publisher", "start", "url", "year",
}  # fmt: skip
ENTITY = {"name"}
PERSON = {"family-names", "given-names"}


def test_the_citation_file_is_valid():
    assert CFF["cff-version"] == "1.2.0"
    assert set(CFF) >= CFF_REQUIRED
    assert set(CFF) <= CFF_KEYS
    assert CFF["type"] == "software"
    assert date.fromisoformat(CFF["date-released"])
    assert CFF["version"] == biom_demo.__version__
    assert all(isinstance(word, str) for word in CFF["keywords"])
    assert len(set(CFF["keywords"])) == len(CFF["keywords"]) > 0
    for author in CFF["authors"]:
        assert set(author) in (ENTITY, PERSON)


def test_the_citation_is_of_the_licences_authors():
    (author,) = CFF["authors"]
    licence = text_of("LICENSE")
    assert author["name"] in licence
    assert licence.startswith(f"{CFF['license']} License")


def test_the_papers_reference_is_the_readmes():
    (paper,) = CFF["references"]
    assert set(paper) >= REFERENCE_REQUIRED
    assert set(paper) <= REFERENCE_KEYS
    assert paper["type"] == "conference-paper"
    assert paper["doi"].endswith("2021.bionlp-1.24")
    assert "2021.bionlp-1.24" in urlparse(paper["url"]).path
    readme = text_of("README.md")
    bare = readme.replace("{", "").replace("}", "")
    assert paper["title"] in bare
    assert paper["collection-title"] in bare
    assert f"pages = {paper['start']}--{paper['end']}" in re.sub(r"\s+", " ", bare)
    assert [f"{a['family-names']}, {a['given-names']}" for a in paper["authors"]] == re.search(
        r"author\s+= (.*),\n", bare
    )[1].split(" and ")


def test_operators_are_told_every_state_and_when_it_is_tried_again():
    text = text_of("docs/operating.md")
    for state in State:
        if state is not State.READY:
            assert f"`{state.value}`" in text, state
    assert f"every {WARM_AGAIN_S:.0f} seconds" in text


def test_operators_are_told_every_metric_with_its_labels():
    pytest.importorskip("prometheus_client")
    text = text_of("docs/operating.md")
    listed = dict(re.findall(r"(?m)^\| `(biom_\w+)` \| (.*?) ?\|$", text))
    for family in families(Counters().counts()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = sorted({label for sample in family.samples for label in sample.labels if label != "le"})
        expected = "histogram" if family.type == "histogram" else ", ".join(f"`{label}`" for label in labels)
        assert sorted(listed.pop(name).split(", ")) == sorted(expected.split(", ")), name
    assert set(listed) == {"biom_sessions", "biom_readers_loaded"}


def test_no_document_names_a_machine():
    for name in [*DOCUMENTS, "CITATION.cff", "Dockerfile", ".dockerignore"]:
        assert not re.search(r"/(?:root|home|work)/|/Users/", text_of(name)), name


def test_the_readme_stays_short():
    assert len(text_of("README.md").splitlines()) < 400
    assert Path(ROOT / "docs" / "operating.md").is_file()
