"""A question in plain language -> PubMed queries, from strict to loose.

Terms carry no field tag: PubMed then maps each to MeSH by itself (automatic term mapping).
"""

from __future__ import annotations

import re

from nltk.tokenize import NLTKWordTokenizer

MAX_TERMS = 12
_CLITICS = frozenset(("s", "re", "ve", "ll", "n't", "nt"))

# Question words, auxiliaries, articles, prepositions, and verbs that only ask.
STOP_WORDS = frozenset(
    word
    for line in (
        "a about after all also am an and any are as at be because been before being between both but by can",
        "could did do does doing done during each for from further had has have having he her here him his",
        "how i if in into is it its itself just may me might more most must my no nor not of off on once",
        "only or other our out over own per same shall she should so some such than that the their them then",
        "there these they this those through to too under until up upon us very via was we were what when",
        "where which while who whom whose why will with within without would you your",
        "please tell list name describe explain give show know known define",
    )
    for word in line.split()
)
# Words nearly every biomedical text has: the first to go when nothing is found.
GENERIC_WORDS = frozenset(
    word
    for line in (
        "associated association cause caused causes causing common commonly condition conditions defect",
        "defective different disease diseases disorder disorders drug drugs effect effects encode encoded",
        "encodes factor factors found function functions gene genes human humans indicated indication",
        "involved main mechanism molecule mutated mutation mutations name patient patients play protein",
        "proteins rate related responsible result results role roles study syndrome target targeted targets",
        "therapy treat treated treatment type types typical typically use used uses using",
    )
    for word in line.split()
)


def queries(question: str) -> list[str]:
    """PubMed queries for the question, the strictest first, each looser than the one before.

    1. every phrase (words that stand together), all required;
    2. every word, all required;
    3. without the generic words;
    4. any of the phrases, for PubMed to rank by relevance.

    An empty list for a question without a word to search for.
    """
    phrases = _phrases(question)[:MAX_TERMS]
    if not phrases:
        return []
    words = list(dict.fromkeys(word for phrase in phrases for word in _split(phrase)))
    specific = [word for word in words if word.lower() not in GENERIC_WORDS] or words
    any_of = [p for p in phrases if any(w.lower() not in GENERIC_WORDS for w in _split(p))] or phrases
    rounds = [
        " AND ".join(_grouped(phrase) for phrase in phrases),
        " AND ".join(words[:MAX_TERMS]),
        " AND ".join(specific[:MAX_TERMS]),
        " OR ".join(_grouped(phrase) for phrase in any_of),
    ]
    return list(dict.fromkeys(rounds))


def _phrases(question: str) -> list[str]:
    """Runs of content words in order, each once; what the user put in quotes stays quoted."""
    phrases: list[str] = []
    rest = question.replace("“", '"').replace("”", '"')
    for index, piece in enumerate(rest.split('"')):
        if index % 2 and len(rest.split('"')) % 2 and piece.strip():
            phrases.append(f'"{_safe(piece)}"')
        else:
            phrases += _runs(piece)
    distinct: dict[str, str] = {}
    for phrase in phrases:
        if phrase.strip('"'):
            distinct.setdefault(phrase.lower(), phrase)
    return list(distinct.values())


def _runs(text: str) -> list[str]:
    """Words that stand together with no stop word or punctuation between; generic words stand alone."""
    runs: list[list[str]] = [[]]
    for piece in re.split(r"[,;:()?!]", text):
        for raw in NLTKWordTokenizer().tokenize(_safe(piece)):
            word = raw.strip(".'`")
            if not word or word.lower() in STOP_WORDS or word in _CLITICS:
                runs.append([])
            elif word.lower() in GENERIC_WORDS:
                runs += [[word], []]  # in a phrase it would make it too narrow
            else:
                runs[-1].append(word)
        runs.append([])
    return [" ".join(run) for run in runs if run]


def _safe(text: str) -> str:
    """Without the characters that are PubMed's own syntax."""
    return re.sub(r"\s+", " ", re.sub(r"[\[\](){}*?:;!,\"<>|\\^~=]", " ", text)).strip()


def _split(phrase: str) -> list[str]:
    return [phrase] if phrase.startswith('"') else phrase.split()


def _grouped(phrase: str) -> str:
    return f"({phrase})" if " " in phrase and not phrase.startswith('"') else phrase
