"""A question becomes PubMed queries, from strict to loose; one table of questions, reviewed line by line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biom_demo.pubmed.query import MAX_TERMS, enough, hint, queries, title_queries, with_abstracts
from biom_demo.pubmed.question import concepts_of, with_names_quoted
from biom_demo.pubmed.words import words

TABLE = Path(__file__).parent / "data" / "questions.txt"


def rows():
    """(question, rounds, why) of each block of the table."""
    for block in TABLE.read_text("utf-8").split("\n\n")[1:]:
        question, why, *rounds = block.splitlines()
        yield pytest.param(question, [line.strip() for line in rounds], why.strip(" :"), id=question)


ROWS = [*rows()]
QUESTIONS = [row.values[0] for row in ROWS]


@pytest.mark.parametrize(("question", "rounds", "why"), ROWS)
def test_rounds(question, rounds, why):
    assert queries(question) == rounds, why


def test_the_table_is_of_a_size_to_judge_by():
    assert len(ROWS) >= 60


@pytest.mark.parametrize(
    ("question", "must", "never"),
    [
        ("Is serum IgA raised in IgA nephropathy?", ["(IgA nephropathy)"], ["Is"]),
        ("Which drug?", ["drug"], []),
        ("Does drug A or drug B help?", ["(drug A"], []),
        ("Is complex I deficient in Parkinson disease?", ["(complex I) AND", "(Parkinson disease)"], []),
        ("Should I take vitamin D?", ["(vitamin D)"], ["take", " I"]),
        ("Is group A streptococcus penicillin sensitive?", ["group A"], []),
        ("Do drug(s) or toxin(s) cause it?", ["toxin"], ["(s)"]),
        ("List the drug interactions of zornin", ["(drug interactions) AND zornin"], ["List"]),
        (
            'Is "hand eczema" (dermatitis of the hands) contagious?',
            ['"hand eczema"', "dermatitis"],
            ["of the"],
        ),
        ("What, e.g., raises uric acid?", ["(uric acid)"], ["e.g"]),
        (
            "Give PMIDs. Does zornin cure gout? Answer in one word, in English.",
            ["zornin"],
            ["word", "English"],
        ),
        ("Is zornin (in children) safe?", ["zornin AND children"], ["OR children"]),
        ("Is zornin ((nested) twice) safe?", ["zornin"], ["(("]),
        ("Does p53 bind MDM2&nbsp;in vivo?", ["p53 AND MDM2"], ["nbsp"]),
        ("Does dobu-\ntamine raise cAMP?", ["dobutamine"], ["dobu-"]),
        ("What is 5 alpha reductase?", ["(5 alpha reductase)"], []),
        ("Is grade 3 or 4 neutropenia common?", ["neutropenia"], ["OR 4"]),
    ],
)
def test_what_is_asked_for(question, must, never):
    found = queries(question)
    assert all(any(part in query for query in found) for part in must), found
    assert not any(part in query for part in never for query in found), found


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Quel gène est muté dans la mucoviscidose ?", "French"),
        ("Was ist die Ursache von Mukoviszidose?", "German"),
        ("Quale gene è mutato nella fibrosi cistica?", "Italian"),
        ("Qual é o tratamento da malária?", "Portuguese"),
        ("Welk gen is gemuteerd bij taaislijmziekte?", "Dutch"),
        ("Hvilket gen er muteret ved cystisk fibrose?", "Danish"),
        ("Hvad er årsagen til malaria?", "Danish"),
        ("Hvordan behandles astma hos børn?", "Danish"),
        ("Hva er årsaken til malaria?", "Norwegian"),
        ("Hvilket gen er det?", "Danish or Norwegian"),
        ("Vilken gen är muterad vid cystisk fibros?", "Swedish"),
        ("Mikä geeni aiheuttaa kystisen fibroosin?", "Finnish"),
        ("Jaká je léčba malárie?", "Czech"),
        ("Jaki gen jest zmutowany w mukowiscydozie?", "Polish"),
        ("Melyik gén okozza a betegséget?", "Hungarian"),
        ("Ce este boala Crohn?", "Romanian"),
        ("Какой ген мутирован при муковисцидозе?", "Cyrillic"),
        ("嚢胞性線維症の原因遺伝子は何ですか?", "Japanese"),
        ("낭포성 섬유증의 원인 유전자는?", "Korean"),
        ("ما هو الجين المسبب للتليف الكيسي؟", "Arabic"),
    ],
)
def test_other_languages_get_a_hint_and_no_guess(question, language):
    assert queries(question) == []
    assert language in hint(question)
    assert queries(f"{question} CFTR") == ["CFTR"]


def test_english_gets_no_hint_and_neither_do_its_borrowings():
    for question in (
        *QUESTIONS[:-4],
        "Is a de novo variant of the la gene de facto rare?",
        "β2-microglobulin?",
    ):
        assert hint(question) == "", question
    assert "no word to search for" in hint("What is it used for?")


def alternatives(query):
    """The names and words a query asks for, each with what stands in quotation marks or brackets."""
    return re.findall(
        r'"[^"]*"|[^\s()]+(?: (?!AND\b|OR\b)[^\s()]+)*', re.sub(r"\s(?:AND|OR)\s", " ) ", query)
    )


@pytest.mark.parametrize("question", QUESTIONS)
def test_nothing_is_asked_for_that_says_nothing_alone(question):
    for query in queries(question):
        for term in alternatives(query):
            assert not re.fullmatch(r"[0-9]+|[^\W\d_]", term), query
            assert term.lower() not in words("greek_names"), query


@pytest.mark.shared
def test_real_questions_all_have_a_query(shared_data):
    """BioASQ's, years 1 to 7: no bare digit, letter or small word is asked for."""
    asked = {
        question["body"]
        for file in (shared_data / "bioasq").glob("[1-7]B*_golden.json")
        for question in json.loads(file.read_text("utf-8"))["questions"]
    }
    assert len(asked) > 2_500
    for question in asked:
        found = queries(question)
        assert found, question
        assert not any(re.fullmatch(r"[0-9]+|[a-z]|the|of|is", t) for q in found for t in alternatives(q)), (
            question
        )


class Reading:
    """A query as PubMed reads it at its strictest: words in brackets without an operator stand together."""

    def __init__(self, query):
        self.tokens = re.findall(r'"[^"]*"|[()]|[^\s()"]+', query)
        self.at = 0

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def either(self):
        parts = [self.all()]
        while self.at < len(self.tokens) and self.tokens[self.at] == "OR":
            self.take()
            parts.append(self.all())
        return lambda text: any(part(text) for part in parts)

    def all(self):
        parts = [self.one()]
        while self.at < len(self.tokens) and self.tokens[self.at] == "AND":
            self.take()
            parts.append(self.one())
        return lambda text: all(part(text) for part in parts)

    def one(self):
        if self.tokens[self.at] != "(":
            phrase = self.take()
            while self.at < len(self.tokens) and self.tokens[self.at] not in ("AND", "OR", "(", ")"):
                phrase += " " + self.take()
            wanted = f" {normal(phrase)} "
            return lambda text: wanted in text
        self.take()
        inner = self.either()
        assert self.take() == ")"
        return inner


def normal(text):
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


@given(st.data())
def test_each_round_is_looser_than_the_one_before(data):
    """Whatever a record says, what one round finds each later one does too."""
    rounds = queries(data.draw(st.sampled_from(QUESTIONS)))
    terms = sorted({term for query in rounds for term in alternatives(query)})
    if not terms:
        return
    said = data.draw(st.lists(st.sampled_from(terms), max_size=12))
    text = f" {normal(' '.join(said))} "
    found = [Reading(query).either()(text) for query in rounds]
    assert found == sorted(found), (text, rounds)


def test_the_strictest_round_finds_what_holds_it_all():
    """The reading above is not vacuous."""
    strict, *_, loose = queries("Is warfarin or apixaban safer in atrial fibrillation?")
    assert Reading(strict).either()(" apixaban is safer in atrial fibrillation ")
    assert not Reading(strict).either()(" apixaban in fibrillation ")
    assert Reading(loose).either()(" apixaban in fibrillation ")


@given(st.text(max_size=300))
def test_no_question_smuggles_in_syntax(question):
    for query in queries(question):
        bare = re.sub(r'"[^"]*"', "", query)
        assert not re.search(r"[\[\]:;?!*|~<>]", bare), query
        assert bare.count("(") == bare.count(")"), query
        assert query.count('"') % 2 == 0, query
        assert len(re.findall(r" (?:AND|OR) ", query)) < 8 * MAX_TERMS, query


def test_a_question_s_concepts_come_with_all_their_names():
    found = concepts_of("Which receptor of zornin (ZRN, cuprin) is lost in MG?", limit=MAX_TERMS)
    named = [concept.render() for concept in found if not concept.generic]
    assert named == ["receptor", "(zornin OR ZRN OR cuprin)", "(MG OR (myasthenia gravis))"]
    assert [concept.render() for concept in found if concept.generic] == ["lost"]
    assert len(concepts_of("zinc, copper, iron, lead, gold and tin", limit=3)) == 3


def test_about_as_many_as_were_asked_for_are_enough():
    assert [enough(found, 20) for found in (0, 1, 15, 16, 20)] == [False, False, False, True, True]
    assert enough(1, 1)
    assert not enough(0, 1)


def test_key_words_keep_their_names_whole():
    assert with_names_quoted("t(9;22) leukemia") == '"t(9;22)" leukemia'
    assert with_names_quoted("copper (liver) zinc") == "copper (liver) zinc"


def test_titles():
    asked = title_queries("Effects of a low-copper diet on TNF-α in 12 mice: the 2nd ZORN trial")
    assert asked[0] == (
        "effects[ti] AND low[ti] AND copper[ti] AND diet[ti] AND tnf[ti] AND mice[ti] AND 2nd[ti] "
        "AND zorn[ti] AND trial[ti]"
    )
    assert asked[1] == asked[0].replace("[ti]", "")
    assert title_queries("The 12 of it?") == []


def test_abstracts_are_asked_for_where_they_are_wanted():
    assert with_abstracts("copper OR zinc") == "(copper OR zinc) AND hasabstract"
    assert with_abstracts("copper AND hasabstract") == "copper AND hasabstract"
