"""What an input is taken for: one table of inputs, what each was taken for, and why."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biom_demo.pubmed.identify import MAX_NAMES, Kind, Name, Scheme, identify, same_title
from biom_demo.pubmed.prose import LOOKED_AT

PMID, PMCID, DOI = Scheme.PMID, Scheme.PMCID, Scheme.DOI
TABLE = Path(__file__).parent / "data" / "identify.txt"


def rows():
    """(typed, taken for, why) of each line of the table."""
    for line in TABLE.read_text("utf-8").splitlines():
        if line and not line.startswith(("# ", "## ")):
            typed, expected, why = line.split(" | ")
            written_out = re.sub(r"\\(n|t|u[0-9a-f]{4})", lambda m: ast.literal_eval(f'"{m[0]}"'), typed)
            yield pytest.param(written_out, expected, why, id=why)


def taken_for(found):
    """The outcome as the table writes it."""
    if found.kind is Kind.RECORDS:
        words = ", ".join(f"{n.scheme} {n.value}{f' v{n.version}' * bool(n.version)}" for n in found.names)
    else:
        words = f"query {found.query}" if found.kind is Kind.QUERY else str(found.kind)
    return f"{words} or {found.alternative.kind}" if found.alternative else words


@pytest.mark.parametrize(("typed", "expected", "why"), [*rows()])
def test_what_it_is_taken_for(typed, expected, why):
    found = identify(typed)
    assert taken_for(found) == expected.replace("…", found.query), why


def test_a_record_s_words_name_it():
    assert identify("PMC12").explanation == "PMCID PMC12."
    assert identify("24681357.2").explanation == "PMID 24681357, version 2."
    # A version is no other record: the client finds both under one key.
    assert Name(PMID, "24681357", 2) == Name(PMID, "24681357")
    assert len({Name(PMID, "24681357", 2), Name(PMID, "24681357")}) == 1


def test_several_records_in_any_mix_each_once():
    found = identify("12345, PMID: 678;\n10.1234/x PMC9\n12345")
    assert found.names == (
        Name(PMID, "12345"),
        Name(PMID, "678"),
        Name(DOI, "10.1234/x"),
        Name(PMCID, "PMC9"),
    )
    assert found.explanation == "2 PMIDs and 1 PMCID and 1 DOI, read as one text."
    many = identify(" ".join(str(i) for i in range(1, MAX_NAMES + 50)))
    assert f"Only the first {MAX_NAMES}" in many.explanation


def test_other_addresses_say_what_is_taken():
    for typed in (
        "https://example.org/paper.pdf",
        "doi.org/nothing",
        "https://pubmed.ncbi.nlm.nih.gov/help/",
    ):
        assert "PMID or DOI" in identify(typed).explanation
    dropped = identify("https://pubmed.ncbi.nlm.nih.gov/?term=copper&filter=zorn.9&filter=lang.german")
    assert dropped.query == "(copper) AND german[la]"
    assert "zorn.9 are left out" in dropped.explanation
    dated = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils/esearch.fcgi?term=copper&mindate=2001&maxdate=2003"
    assert identify(dated).query == "(copper) AND 2001:2003[dp]"


def test_a_title_is_asked_for_word_by_word_and_then_anywhere():
    found = identify("Copper in Wilson's disease: the liver's β-thionein.")
    assert found.kind is Kind.TITLE
    # No possessive, no Greek letter, no stop word: PubMed indexes those in ways of its own.
    assert (
        found.query
        == "copper[ti] AND disease[ti] AND liver's[ti]".replace(" AND liver's[ti]", "") + " AND thionein[ti]"
    )
    assert found.looser == ("copper AND disease AND thionein",)
    assert found.title == "Copper in Wilson's disease: the liver's β-thionein."
    assert same_title(found.title, "Copper in Wilson’s Disease - the liver's β-Thionein")
    assert same_title("Copper in the liver of mice", "Copper in the liver of mice: a study.")
    assert not same_title("Copper in the liver of mice", "Zinc in the liver of mice")
    assert not same_title("Copper", "Copper in the liver of mice")
    assert not same_title("", "Copper")


def test_a_question_goes_on_to_looser_queries():
    found = identify("Which gene is mutated in Wilson disease?")
    assert found.query == "gene AND mutated AND (Wilson disease)"
    assert found.looser == ("(Wilson disease)",)
    assert found.query in found.explanation


def test_the_other_way_has_words_for_its_button():
    assert identify("Insulin lowers glucose in most patients.").alternative.offer == "Look it up as a title"
    assert identify("Copper in the liver of obese mice.").alternative.offer == "Read it as text"
    assert identify("Copper in the liver of obese mice").alternative.offer == "Search PubMed for it"
    mentioned = identify("The trial (PMID: 12345678) showed that copper was harmless.")
    assert mentioned.alternative.offer == "Fetch PMID 12345678"
    several = identify("The trials PMID 1234567, 2345678, 3456789, 4567890 were small. They were old.")
    assert several.alternative.offer == "Fetch 4 records"
    assert identify("12345").offer == "Fetch PMID 12345"
    assert identify("PMC12").offer == "Fetch PMC12"
    assert identify("").offer == ""


# Sentences as abstracts have them, with what made a query of one: capitals, brackets, tags, operators.
SENTENCES = (
    "PATIENTS AND METHODS: We enrolled 39 men with mild asthma.",
    "BACKGROUND AND AIMS: Copper is an old remedy.",
    "Mortality did NOT rise in either arm.",
    "Pain was present at rest OR on walking in 12 of them.",
    "The hazard ratio [HR] was 1.31 [95% CI 1.02 to 1.67].",
    "Insulin resistance [IR] and plasma glucose [PG] were high.",
    "The dose [corrected] was 5 mg/kg.",
    "Here [Formula: see text] is the flux of copper.",
    "Serum thyroxine [TT] fell by 12%.",
    "Was it the drug?",
    "Zinc levels (n = 12) were lower than expected (p < 0.05).",
    "See www.example.org or doi:10.5555/xyz for the protocol.",
    "This trial is registered as NCT01234567.",
    "Cells were grown in RPMI [Gibco, PA] AND counted.",
    "Conclusions: copper does NOT harm.",
)


@given(st.lists(st.sampled_from(SENTENCES), min_size=3, max_size=12), st.integers(0, 60))
def test_a_pasted_abstract_is_never_a_query(sentences, cut):
    """Whole, or from anywhere on, as long as it has the length of a text."""
    tokens = " ".join(sentences).split()[cut:]
    if len(tokens) >= 25:
        assert identify(" ".join(tokens)).kind is Kind.TEXT


@pytest.mark.shared
def test_snippets_of_real_abstracts_are_text(shared_data):
    """BioASQ's of 60 words and more; 2.7% of them were taken for queries once."""
    texts = [
        snippet["text"]
        for file in sorted((shared_data / "bioasq").glob("[1-7]B*_golden.json"))
        for question in json.loads(file.read_text("utf-8"))["questions"]
        for snippet in question.get("snippets", ())
        if len(snippet["text"].split()) >= 60
    ]
    assert len(texts) > 3_000
    assert {identify(text).kind for text in texts} == {Kind.TEXT}


@given(st.text(max_size=300))
def test_any_input_is_understood_somehow(typed):
    found = identify(typed)
    assert bool(found.names) == (found.kind is Kind.RECORDS)
    assert bool(found.query) == (found.kind in (Kind.QUERY, Kind.TITLE))
    assert bool(found.title) == (found.kind is Kind.TITLE)
    assert bool(found.explanation) or found.kind is Kind.EMPTY
    assert found.alternative is None or (found.alternative.offer and found.alternative.kind is not found.kind)


@given(st.integers(1, 99_999_999))
def test_every_way_to_write_a_pmid_is_the_same_record(number):
    ways = [f"{number}", f"PMID:{number}", f"PMID = {number}.", f"pubmed.ncbi.nlm.nih.gov/{number}/"]
    if number > 999:  # "1." and "(1)" may number a list
        ways += [f"1. {number}", f"({number})", f"{number}."]
    assert {identify(way).names for way in ways} == {(Name(PMID, str(number)),)}


@given(st.from_regex(r"10\.[1-9][0-9]{3,4}/[a-z0-9]([a-z0-9.;:()<>\[\]-]{0,20}[a-z0-9])?", fullmatch=True))
def test_every_way_to_write_a_doi_is_the_same_record(doi):
    if any(doi.count(a) != doi.count(b) for a, b in ("()", "[]", "<>")):
        return  # an unopened bracket is taken for one around the DOI
    ways = [doi, f"doi:{doi}", f"<{doi}>", f"“{doi}”.", f"https://doi.org/{doi}", f"doi: {doi},"]
    assert {identify(way).names for way in ways} == {(Name(DOI, doi),)}


def test_a_long_paste_costs_a_key_stroke_no_more_than_its_first_stretch():
    """What is looked at is bounded; only the words are counted to the end."""
    text = "The patients were given copper, and they did well. " * 4_000
    found = identify(text)
    assert (found.kind, found.explanation) == (Kind.TEXT, "Pasted text, 36,000 words.")
    numbers = "\n".join(str(10_000_000 + i) for i in range(20_000))
    names = identify(numbers).names
    assert MAX_NAMES < len(names) <= LOOKED_AT // 9
    assert names[-1].value == str(10_000_000 + len(names) - 1)  # none cut within its digits
    nested = identify("https://pubmed.ncbi.nlm.nih.gov/?term=" * 5_000)
    assert nested.kind in (Kind.QUERY, Kind.FOREIGN_ADDRESS)
