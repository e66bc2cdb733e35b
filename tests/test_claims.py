"""An evidence table of what was read: claims, what supports them, what is against, what is shared."""

from __future__ import annotations

from biom_demo.analysis.claims import evidence_table
from biom_demo.analysis.comparison import Agreement, View
from biom_demo.analysis.passage import passage_of_records
from biom_demo.pubmed.abstract import Abstract
from tests.readings import comparison_of, pointing_at, side_of

BIOM, VANILLA = 0, 1


def record_of(pmid, text, *, year=0, **rest):
    return Abstract(pmid, "", text, (), has_abstract=True, year=year, **rest)


def saying(text, answer, **side):
    """A model's side that answers this, or is silent where that is ""."""
    return pointing_at(text, answer, **side) if answer else side_of(text, null=20.0, **side)


def read_of(*papers):
    """(record, BioM's answer, the vanilla one's) -> comparisons."""
    return [
        comparison_of(
            saying(record.text, biom, label="B"),
            saying(record.text, vanilla, label="V"),
            passage=passage_of_records((record,)),
        )
        for record, biom, vanilla in papers
    ]


def table_of(*papers, view=None):
    read = read_of(*papers)
    return evidence_table("Which?", read, read[0].checkpoints, view or View())


def claims_of(table, model):
    return {claim.text: claim for claim in table.models[model].claims if claim.supports}


def pmids(evidence):
    return [found.record.pmid for found in evidence]


LONG = record_of("1", "Tumor necrosis factor alpha (TNF-alpha) is the target of it.", year=2001)
SHORT = record_of("2", "It binds TNF-alpha in joints.", year=2008)
OTHER = record_of("3", "It binds insulin here.", year=2005)
SILENT = record_of("4", "Nothing is known of it.")
PAPERS = (
    (LONG, "Tumor necrosis factor alpha", "TNF-alpha"),
    (SHORT, "TNF-alpha", "joints"),
    (OTHER, "insulin", "insulin"),
    (SILENT, "", ""),
)


def test_ways_of_writing_an_answer_are_one_claim_with_its_years():
    claims = claims_of(table_of(*PAPERS), BIOM)
    first = next(iter(claims.values()))
    assert set(pmids(first.supports)) == {"1", "2"}
    assert first.years == (2001, 2008)
    assert {first.text, *first.wordings} >= {"Tumor necrosis factor alpha", "TNF-alpha"}
    assert len(claims) == 2


def test_each_paper_supports_one_claim_or_speaks_for_another_or_is_silent():
    table = table_of(*PAPERS)
    for model in (BIOM, VANILLA):
        for claim in table.models[model].claims:
            against = sum(map(len, table.otherwise(model, claim).values()))
            assert len(claim.supports) + against + len(table.silent(model)) == len(PAPERS)
    first = table.models[BIOM].claims[0]
    assert {text: [p.record.pmid for p in found] for text, found in table.otherwise(BIOM, first).items()} == {
        "insulin": ["3"]
    }
    assert [paper.record.pmid for paper in table.silent(BIOM)] == ["4"]


def test_a_claim_of_both_models_has_one_key_although_only_one_text_defines_the_short_form():
    """The vanilla model never sees the long form among its own answers."""
    table = table_of(*PAPERS)
    biom, vanilla = claims_of(table, BIOM), claims_of(table, VANILLA)
    assert next(iter(biom.values())).key == vanilla["TNF-alpha"].key
    assert table.rank(VANILLA, vanilla["TNF-alpha"].key) is not None
    assert table.rank(BIOM, vanilla["joints"].key) is None or not claims_of(table, BIOM).get("joints")
    assert table.papers[0].agreement is Agreement.AGREE  # the same claim in other words
    assert table.papers[1].agreement is Agreement.DISAGREE
    assert table.papers[3].agreement is Agreement.BOTH_ABSTAIN


def test_what_is_below_one_percent_is_no_claim_and_is_counted():
    table = table_of(*PAPERS)
    for model in table.models:
        assert model.dropped > 0
        for claim in model.claims:
            assert all(found.answer.probability >= 0.01 for found in claim.mentions)
            assert claim.supports or claim.mentions


def test_a_lower_answer_is_a_mention_and_supports_nothing():
    text = "CFTR or BRCA1 may be it."
    record = record_of("1", text, year=2000)
    unsure = side_of(text, {0: 9.0, 2: 8.0}, {0: 9.0, 2: 8.0}, label="B")
    comparison = comparison_of(unsure, saying(text, "", label="V"), passage=passage_of_records((record,)))
    table = evidence_table("?", [comparison], comparison.checkpoints, View())
    by_text = {claim.text: claim for claim in table.models[BIOM].claims}
    assert pmids(by_text["CFTR"].supports) == ["1"]
    assert by_text["BRCA1"].supports == ()
    assert pmids(by_text["BRCA1"].mentions) == pmids(by_text["BRCA1"].evidence) == ["1"]
    assert by_text["BRCA1"].years == (2000, 2000)
    assert not [text for text in by_text if text != "CFTR" and "CFTR" in text]  # the best one, cut otherwise


def test_the_quote_is_of_a_paper_that_nothing_warns_of_where_there_is_one():
    withdrawn = record_of("9", "It is CFTR.", publication_types=("Retracted Publication",))
    sound = record_of("8", "Perhaps CFTR is the gene behind it, or so some think.")
    both = claims_of(table_of((withdrawn, "CFTR", ""), (sound, "CFTR", "")), BIOM)["CFTR"]
    assert pmids(both.evidence)[0] == "9"  # the surest
    assert both.quoted.record.pmid == "8"
    assert [record.pmid for record in both.doubted] == ["9"]
    alone = claims_of(table_of((withdrawn, "CFTR", "")), BIOM)["CFTR"]
    assert alone.quoted.record.pmid == "9"


def test_the_threshold_of_the_view_decides_who_is_silent():
    strict = table_of(*PAPERS, view=View(null_threshold=-99.0))
    assert [model.claims for model in strict.models] == [(), ()]
    assert len(strict.silent(BIOM)) == len(PAPERS)
    loose = table_of(*PAPERS, view=View(null_threshold=99.0))
    assert loose.silent(BIOM) == ()


def test_cited_are_the_records_behind_the_claims_shown_in_the_order_they_were_read_in():
    table = table_of(*PAPERS)
    assert [record.pmid for record in table.cited(10)] == ["1", "2", "3"]
    assert {"1", "2"} <= {record.pmid for record in table.cited(1)}
    assert table.cited(0) == ()
    assert evidence_table("?", [], (), View()).cited(5) == ()


def test_answers_that_are_no_claim_still_speak_against_one():
    """One too long to be pooled is an answer all the same: its paper is not silent."""
    words = "very " * 25 + "long answer"
    record = record_of("7", f"It is the {words}.")
    table = table_of((record, words, ""), (SHORT, "TNF-alpha", ""))
    claim = claims_of(table, BIOM)["TNF-alpha"]
    assert list(table.otherwise(BIOM, claim)) == [words]
