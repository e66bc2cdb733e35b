"""RIS and BibTeX are read back by small readers of the formats, whatever stands in a record."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biom_demo.pubmed.abstract import Abstract, Note, NoteKind
from biom_demo.pubmed.local_server import article_xml
from biom_demo.pubmed.parse import parse_articles
from biom_demo.show.citations import bibtex, citation_keys, latex, ris
from tests.entrez_server import PLAY
from tests.references import plain, read_bibtex, read_ris


def record_of(pmid="1", title="A title.", **rest):
    return Abstract(pmid, title, title, (), has_abstract=False, **rest)


@pytest.fixture(scope="module")
def records():
    xml = "".join(map(article_xml, PLAY))
    return parse_articles(f"<PubmedArticleSet>{xml}</PubmedArticleSet>".encode())


def test_ris_of_known_records(records):
    first, *_ = read_ris(ris(records))
    assert first == [
        ("TY", "JOUR"),
        ("AU", "Hart, A. L."),
        ("AU", "Okoye, N."),
        ("TI", "A deletion in CFTR and the chloride channel of epithelial cells"),
        ("T2", "Notes of an Invented Journal"),
        ("PY", "2015"),
        ("DO", "10.5555/play.1"),
        ("AN", "90000001"),
        ("C2", "PMC9900001"),
        ("DB", "PubMed"),
        ("UR", "https://pubmed.ncbi.nlm.nih.gov/90000001/"),
        ("KW", "Cystic Fibrosis"),
        ("KW", "Cystic Fibrosis Transmembrane Conductance Regulator"),
        ("ER", ""),
    ]
    assert len(read_ris(ris(records))) == len(records)
    (withdrawn,) = [made for made in read_ris(ris(records)) if ("AN", "90000006") in made]
    assert any(tag == "N1" and "was retracted" in value for tag, value in withdrawn)
    assert ris([]) == bibtex([]) == ""


def test_bibtex_of_known_records(records):
    kind, key, fields = read_bibtex(bibtex(records))[0]
    assert (kind, key) == ("article", "Hart2015")
    assert fields == {
        "author": "Hart, A. L. and Okoye, N.",
        "title": "A deletion in {CFTR} and the chloride channel of epithelial cells",
        "journal": "Notes of an Invented Journal",
        "year": "2015",
        "doi": "10.5555/play.1",
        "pmid": "90000001",
        "pmcid": "PMC9900001",
        "url": "https://pubmed.ncbi.nlm.nih.gov/90000001/",
    }


def test_people_and_groups_are_named_as_each_format_has_them():
    names = ("van der Berg JP", "Smith JA Jr", "Suharto", "Heart and Lung Group", "Ångström Ö")
    (made,) = read_ris(ris([record_of(authors=names)]))
    assert [value for tag, value in made if tag == "AU"] == [
        "van der Berg, J. P.", "Smith, J. A., Jr", "Suharto", "Heart and Lung Group", "Ångström, Ö.",
    ]  # fmt: skip
    ((_, key, fields),) = read_bibtex(bibtex([record_of(authors=names)]))
    assert fields["author"] == (
        "van der Berg, J. P. and Smith, Jr, J. A. and {Suharto} and {Heart and Lung Group} and Ångström, Ö."
    )
    assert key == "vanderBerg"


def test_a_chapter_of_a_book_is_one():
    chapter = record_of(authors=("Moreau C",), editors=("Sato K",), journal="StatPearls")
    assert read_ris(ris([chapter]))[0][:3] == [("TY", "CHAP"), ("AU", "Moreau, C."), ("ED", "Sato, K.")]
    ((kind, _, fields),) = read_bibtex(bibtex([chapter]))
    assert (kind, fields["booktitle"], fields["editor"]) == ("incollection", "StatPearls", "Sato, K.")
    assert "journal" not in fields


def test_keys_are_all_different():
    same = [record_of(str(n), authors=("Hart A",), year=2015) for n in range(30)]
    other = [
        record_of("90", authors=("HART B",), year=2015),
        record_of("91"),
        record_of("92", authors=("佐藤 K",), year=2015),
        record_of("93", authors=("Żółć B",), year=2015),
    ]
    keys = citation_keys([*same, *other])
    assert keys[:2] == ["Hart2015a", "Hart2015b"]
    assert keys[26] == "Hart2015aa"
    assert keys[-3:] == ["PMID91", "PMID922015", "Zoc2015"]
    assert len({key.lower() for key in keys}) == len(keys)
    assert all(re.fullmatch(r"[A-Za-z0-9]+", key) for key in keys)


def test_what_latex_takes_for_a_command_is_a_character():
    text = r"50% of $x_1^2$ & {a} #1 \ ~ <b> " + '"q"'
    assert plain(latex(text)) == text
    assert latex("TGF-β in Müller cells") == "TGF-β in Müller cells"


def test_names_in_a_title_keep_their_capitals():
    ((_, _, fields),) = read_bibtex(bibtex([record_of(title="The mRNA of TP53 in Crohn's disease & ATP7B")]))
    assert fields["title"] == r"The {mRNA} of {TP53} in {Crohn's} disease \& {ATP7B}"


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
made_up = st.builds(
    lambda title, names, journal, doi, detail: record_of(
        title=title,
        authors=tuple(names),
        journal=journal,
        doi=doi,
        mesh=(detail,),
        notes=(Note(NoteKind.RETRACTED_BY, "", detail),),
    ),
    texts,
    st.lists(texts, max_size=3),
    texts,
    texts,
    texts,
)


def seen(text):
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@given(st.lists(made_up, max_size=3))
def test_any_record_is_read_back(given_records):
    made = read_ris(ris(given_records))
    assert [dict(one).get("TI", "") for one in made] == [seen(record.title) for record in given_records]
    assert [dict(one).get("DO", "") for one in made] == [seen(record.doi) for record in given_records]
    entries = read_bibtex(bibtex(given_records))
    assert len({key.lower() for _, key, _ in entries}) == len(given_records)
    for record, (_, _, fields) in zip(given_records, entries, strict=True):
        assert plain(fields.get("title", "")) == seen(record.title)
        assert plain(fields.get("journal", "")) == seen(record.journal)
