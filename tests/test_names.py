"""Names, addresses and citations one by one; what a whole input is taken for is in test_identify."""

from __future__ import annotations

import pytest

from biom_demo.pubmed.addresses import Address, is_address, read_address
from biom_demo.pubmed.citations import cited, cited_title
from biom_demo.pubmed.names import Name, Scheme, name_of, plain_signs, without_signs_behind
from biom_demo.pubmed.prose import is_field_tag


def test_signs_behind_go_and_brackets_of_its_own_stay():
    assert without_signs_behind("10.5555/x(1)).,”") == "10.5555/x(1)"
    assert without_signs_behind("a[0001:XX]2.0.CO;2") == "a[0001:XX]2.0.CO;2"
    assert without_signs_behind(")))") == ""
    assert without_signs_behind("https://example.org/x/") == "https://example.org/x"


@pytest.mark.parametrize(
    ("word", "scheme", "name"),
    [
        ("12345", None, Name(Scheme.PMID, "12345")),
        ("12345", Scheme.PMCID, Name(Scheme.PMCID, "PMC12345")),
        ("12345", Scheme.DOI, None),
        ("7", Scheme.PMID, Name(Scheme.PMID, "7")),
        ("7.", None, None),
        ("7.2", None, None),
        ("7.2", Scheme.PMID, Name(Scheme.PMID, "7", 2)),
        ("PMC7.", Scheme.PMID, Name(Scheme.PMCID, "PMC7")),
        ("10.5555/X", Scheme.PMID, Name(Scheme.DOI, "10.5555/x")),
        ("copper", None, None),
        ("", None, None),
    ],
)
def test_a_word_is_a_name_under_its_label(word, scheme, name):
    assert name_of(word, scheme) == name


def test_addresses_of_others_and_what_is_none():
    assert read_address("https://example.org/a") == Address()
    assert read_address("copper") is None
    assert read_address("") is None
    assert not is_address("e.g.")
    assert not is_address("10.5555/abc.de/f")
    assert is_address("pubmed.gov/1")


def test_a_citation_by_one_name_each_and_a_title_without():
    found = cited(
        "1. Alm A. Copper. J Met. 2012;4:1. PMID: 12345678, doi:10.5555/a.\n2. PMCID: PMC77, doi:10.5555/b"
    )
    assert found.names == (Name(Scheme.PMID, "12345678"), Name(Scheme.PMCID, "PMC77"))
    assert (found.entries, found.authors, found.export) == (2, True, False)
    assert "PMID" not in found.rest
    assert cited("Copper was given.").names == ()
    assert (
        cited_title("Alm A. Copper in the liver of mice. J Met. 2012;4(2):1-9.")
        == "Copper in the liver of mice"
    )
    assert cited_title("Copper in the liver of mice. It was found in 2012; 4 died.") == ""


def test_full_width_and_foreign_signs_become_plain():
    assert plain_signs("ＰＭＩＤ：１２３\u00a0٤") == "PMID:123 4"
    assert plain_signs("β-catenin é") == "β-catenin é"


def test_field_tags_are_pubmed_s_own():
    for tag in (
        "ti",
        "TIAB",
        "Title/Abstract",
        "mesh terms",
        "MeSH Terms:noexp",
        "tiab:~3",
        "pdat",
        "1au",
        "sb",
    ):
        assert is_field_tag(tag), tag
    for tag in ("HR", "corrected", "Formula: see text", "95% CI 1 to 2", "18F", "sic", ""):
        assert not is_field_tag(tag), tag
