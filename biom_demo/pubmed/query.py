"""A question in plain language -> PubMed queries, from strict to loose. Pure.

Terms carry no field tag and, where PubMed's grammar allows, no quotation marks: PubMed then maps each
to MeSH by itself (automatic term mapping). Source: PubMed User Guide, "Automatic Term Mapping".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from biom_demo.pubmed.language import language_of
from biom_demo.pubmed.paste import readable_text
from biom_demo.pubmed.question import MAX_QUESTION_CHARS, Concept, Term, Unit, concepts_of
from biom_demo.pubmed.words import words

MAX_TERMS = 12
MAX_PAIRED = 4
MAX_TITLE_TERMS = 16
ENOUGH_SHARE = 0.8


def queries(question: str) -> list[str]:
    """PubMed queries for the question, the strictest first, each looser than the one before.

    1. every concept, and the words that say what is asked of it (gene, mutated, treatment);
    2. every concept, as a phrase where it has several words;
    3. their specific words, which need not stand together: without "disease" and the like, compounds
       taken apart; names of several words ("type 2 diabetes") stay whole;
    4. any two of the concepts;
    5. any of them, for PubMed to rank by relevance.

    Equal ones are left out. A caller that wants N abstracts asks one after the other, keeps what each
    finds in that order, and stops when there are ``enough``. An empty list for a question without a
    word to search for, and for one in another language that holds no name (``hint`` says so).
    """
    concepts = _symbols_with_kind(concepts_of(question, limit=MAX_TERMS))
    specific = [concept for concept in concepts if not concept.generic]
    asked = [concept for concept in concepts if concept.generic]
    if not specific:
        rounds = [_all(asked), _any(asked)] if len(asked) > 1 else [_all(asked)]
        return [query for query in dict.fromkeys(rounds) if query]
    loose = [concept.loosened() for concept in specific]
    rounds = [_all(concepts), _all(specific), _all_words(loose)]
    parts = loose if len(loose) > 1 else loose[0].parts()
    telling = sorted((part for part in parts if not part.broad), key=lambda part: not part.is_name)
    if len(parts) > 2:
        rounds.append(_pairs((telling + [part for part in parts if part.broad])[:MAX_PAIRED]))
    if len(loose) == 1:
        telling = [part for part in telling if part.is_name]
    rounds.append(_any(telling))
    return [query for query in dict.fromkeys(rounds) if query]


def _symbols_with_kind(concepts: list[Concept]) -> list[Concept]:
    """The concepts, a symbol that is a word too with what it is: CAT and "gene" are (CAT gene)."""
    kinds = [c for c in concepts if c.generic and c.render().lower() in words("kinds_of_symbols")]
    if not kinds:
        return concepts
    kind = kinds[0].render().lower().removesuffix("s")
    made = [
        Concept((Term((Unit(f"{c.render()} {kind}"),)),))
        if c.render().isupper() and c.render().lower() in words("word_symbols")
        else c
        for c in concepts
    ]
    return made if made == concepts else [c for c in made if c is not kinds[0]]


def title_queries(title: str) -> list[str]:
    """PubMed queries for the record that has this title: its words in the title, then anywhere.

    No phrase is asked for: PubMed finds those of its phrase index alone. An empty list for a title
    without a word to search for.
    """
    plain = readable_text(title[:MAX_QUESTION_CHARS]).text
    found = [word for word in re.findall(r"[^\W_]+(?:['’][^\W_]+)?", plain) if _tells_titles_apart(word)]
    chosen = list(dict.fromkeys(word.lower() for word in found))[:MAX_TITLE_TERMS]
    if not chosen:
        return []
    return [" AND ".join(f"{word}[ti]" for word in chosen), " AND ".join(chosen)]


def _tells_titles_apart(word: str) -> bool:
    return (
        len(word) > 1
        and any(c.isalpha() for c in word)
        and not set("'’") & set(word)  # PubMed's index cuts these in ways of its own
        and word.lower() not in words("function_words") | words("pubmed_stops")
    )


def with_abstracts(query: str) -> str:
    """The query for records that have an abstract."""
    if "hasabstract" in query:
        return query
    return f"({query}) AND hasabstract" if " OR " in query else f"{query} AND hasabstract"


def enough(found: int, wanted: int) -> bool:
    """Whether about as many abstracts are at hand as were asked for, so that no looser round is due."""
    return found >= ENOUGH_SHARE * wanted


def hint(question: str) -> str:
    """What to tell the user about a question that makes no good query, or "".

    It is in another language, or holds no word to search for.
    """
    language = language_of(readable_text(question[:MAX_QUESTION_CHARS]).text)
    if language:
        return (
            f"The question seems to be in {language}. PubMed is searched in English: ask in English, or "
            "write the query yourself."
        )
    if not concepts_of(question, limit=MAX_TERMS):
        return "The question has no word to search for. Name a disease, gene or drug, or write a query."
    return ""


def _all(concepts: Sequence[Concept]) -> str:
    return " AND ".join(dict.fromkeys(part for concept in concepts for part in concept.phrases()))


def _all_words(concepts: Sequence[Concept]) -> str:
    return " AND ".join(dict.fromkeys(word for concept in concepts for word in concept.words()))


def _pairs(concepts: Sequence[Concept]) -> str:
    """Any two of them, but for two broad ones where others are at hand."""
    pairs = list(combinations(concepts, 2))
    telling = [pair for pair in pairs if not all(concept.broad for concept in pair)]
    return " OR ".join(f"({_all_words(pair)})" for pair in telling or pairs)


def _any(concepts: Sequence[Concept]) -> str:
    names = [term for concept in concepts for term in concept.terms]
    each = [Concept((term,)).words() for term in names]
    return " OR ".join(dict.fromkeys(w[0] if len(w) == 1 else f"({' AND '.join(w)})" for w in each))
