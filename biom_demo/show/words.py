"""Results in words: percents, counts, agreements, how and where two models differ.

Plain text: whatever draws it escapes it. What is told of a record is in ``pubmed.abstract``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from biom_demo.analysis.comparison import Agreement, Verdict
from biom_demo.analysis.difference import Difference, ViewedSide
from biom_demo.analysis.literature import Search
from biom_demo.pubmed.abstract import Abstract
from biom_demo.qa.calibration import Bin
from biom_demo.settings import Precision


def percent(value: float) -> str:
    """A probability as a percent; never a rounded 0% or 100% that it is not."""
    if 0 < value < 0.001:
        return "< 0.1%"
    if 0.999 < value < 1:
        return "> 99.9%"
    return f"{value:.1%}"


def whole_percent(share: float) -> str:
    """A share of a few counted things as a whole percent; never a rounded 0% or 100% that it is not."""
    if 0 < share < 0.01:
        return "< 1%"
    if 0.99 < share < 1:
        return "> 99%"
    return f"{share:.0%}"


def steps(one: Bin) -> str:
    """From which confidence to which a bin goes: "60–70%"."""
    return f"{100 * one.low:.0f}–{100 * one.high:.0f}%"


def as_sure_words(measured_on: str, alike: Bin) -> str:
    """How often answers about as sure were right on a data set, in a sentence."""
    return (
        f"Of {counted(alike.n, 'answer')} about this sure ({steps(alike)}), "
        f"{whole_percent(alike.accuracy)} were right on {measured_on}."
    )


def ordinal(rank: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, ..."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(rank % 10 if rank % 100 not in (11, 12, 13) else 0, "th")
    return f"{rank:,}{ending}"


def less_likely(one: float, other: float) -> str:
    """How much less likely than ``one`` the ``other`` is, to be followed by what the one is.

    "about 30 times less likely than"; two probabilities, the one the greater.
    """
    times = one / other if other > 0 else float("inf")
    if times < 1.25:
        return "about as likely as"
    if times < 10:
        return f"{times:.1f} times less likely than"
    if times >= 1e6:
        return "more than a million times less likely than"
    rounded = round(times, 1 - len(str(int(times))) + 1)
    return f"about {rounded:,.0f} times less likely than"


def counted(count: int, noun: str) -> str:
    """A number of things: "1 abstract", "2 abstracts"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(things: Sequence[str], last: str = "and") -> str:
    """Things one after the other: "a", "a and b", "a, b and c"."""
    return f" {last} ".join(part for part in (", ".join(things[:-1]), *things[-1:]) if part)


def in_precision(precision: Precision) -> str:
    """What models computed in, to stand behind their names; "" for float32, which is exact."""
    return "" if precision is Precision.FLOAT32 else f"in {precision}"


def duration(seconds: float) -> str:
    """A time to wait, as exact as it can be foreseen: "3 s", "2 min"."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


MAX_TRANSLATION_CHARS = 500


@dataclass(frozen=True, slots=True)
class AgreementWords:
    """How one kind of agreement is told: by a sign, in a word or two, and in a sentence.

    ``lead`` opens the sentence. ``rest`` has fields for what differs: ``biom`` and ``vanilla`` (the
    models' names), ``biom_text`` and ``vanilla_text`` (their answers).
    """

    icon: str
    short: str
    lead: str
    rest: str


# The one place for the words of each agreement: cards, tables and the command line take them from here.
AGREEMENT_WORDS: dict[Agreement, AgreementWords] = {
    Agreement.AGREE: AgreementWords("=", "agree", "Agree.", "Both models answer “{biom_text}”."),
    Agreement.ELSEWHERE: AgreementWords(
        "=", "agree", "Agree,", "but each points at another mention of “{biom_text}”."
    ),
    Agreement.OVERLAP: AgreementWords(
        "≈",
        "overlap",
        "Overlap:",
        "{biom} answers “{biom_text}”, {vanilla} “{vanilla_text}”.",
    ),
    Agreement.DISAGREE: AgreementWords(
        "≠", "disagree", "Disagree:", "{biom} answers “{biom_text}”, {vanilla} “{vanilla_text}”."
    ),
    Agreement.BIOM_ABSTAINS: AgreementWords(
        "½", "BioM abstains", "One abstains:", "{vanilla} answers “{vanilla_text}”, {biom} finds no answer."
    ),
    Agreement.VANILLA_ABSTAINS: AgreementWords(
        "½", "vanilla abstains", "One abstains:", "{biom} answers “{biom_text}”, {vanilla} finds no answer."
    ),
    Agreement.BOTH_ABSTAIN: AgreementWords(
        "∅", "both abstain", "Both abstain:", "neither model finds an answer in this text."
    ),
}


def verdict_words(verdict: Verdict, biom: str, vanilla: str) -> str:
    """How the two answers relate, in a sentence; ``biom`` and ``vanilla`` are the models' names."""
    told = AGREEMENT_WORDS[verdict.agreement]
    rest = told.rest.format(
        biom=biom,
        vanilla=vanilla,
        biom_text=verdict.biom.text if verdict.biom else "",
        vanilla_text=verdict.vanilla.text if verdict.vanilla else "",
    )
    return f"{told.lead} {rest}"


def in_words(found: Difference) -> list[str]:
    """How and where the first two models differ: one to three sentences."""
    first, second = found.sides[:2]
    match found.verdict.agreement:
        case Agreement.AGREE:
            return [f"Both point at the same place, {first.place}.", *_confidence_gap(first, second)]
        case Agreement.ELSEWHERE:
            return [
                "The answer is the same, its place is not: "
                f"{first.name} points at {first.place}, {second.name} at {second.place}.",
                *_preferences(found),
            ]
        case Agreement.OVERLAP:
            return [
                f"Both look at {first.place} and cut the answer differently: {first.name} takes "
                f"“{_text(first)}”, {second.name} “{_text(second)}”.",
                *_preferences(found),
            ]
        case Agreement.DISAGREE:
            return [
                f"{first.name} looks at {first.place} (“{_text(first)}”), {second.name} at "
                f"{second.place} (“{_text(second)}”).",
                *_preferences(found),
            ]
        case Agreement.BIOM_ABSTAINS:
            return [_abstains(first), f"{second.name} answers “{_text(second)}” in {second.place}."]
        case Agreement.VANILLA_ABSTAINS:
            return [f"{first.name} answers “{_text(first)}” in {first.place}.", _abstains(second)]
        case Agreement.BOTH_ABSTAIN:
            return [_abstains(first), _abstains(second)]


def _text(side: ViewedSide) -> str:
    return side.top.text if side.top else ""


def _confidence_gap(first: ViewedSide, second: ViewedSide) -> list[str]:
    if not first.top or not second.top:
        return []
    return [
        f"{first.name} is {percent(first.top.probability)} sure of it, {second.name} "
        f"{percent(second.top.probability)}."
    ]


def _preferences(found: Difference) -> list[str]:
    """What each of the first two makes of the other's answer."""
    made = []
    for own, other in ((0, 1), (1, 0)):
        side, rival = found.sides[own], found.sides[other]
        score = found.cross[other][own]
        if score is None:
            made.append(f"{side.name} cannot point at exactly {rival.name}’s answer.")
        else:
            own_best = side.top.probability if side.top else 0.0
            made.append(
                f"{side.name} ranks {rival.name}’s answer {ordinal(score.rank)}, "
                f"{less_likely(own_best, score.probability)} its own."
            )
    return made


def _abstains(side: ViewedSide) -> str:
    if side.top is None:
        return f"{side.name} finds nothing to point at."
    return f"{side.name} finds no answer; if it had to, it would point at “{side.top.text}” in {side.place}."


def named(records: Sequence[Abstract], *, shown: int | None = None) -> str:
    """The first records by name, with what warns of them: "PMID 1, 2 (retracted), Abstract 3"."""
    ordered = sorted(records, key=lambda record: not record.pmid)
    words = [
        (record.pmid or record.name) + (f" ({record.status})" if record.warnings else "")
        for record in ordered[:shown]
    ]
    rest = len(ordered) - len(words)
    more = f" and {rest:,} more" if rest else ""
    return f"{'PMID ' if ordered and ordered[0].pmid else ''}{', '.join(words)}{more}"


def chosen_words(read: int, unread: int, chosen_by: str) -> str:
    """How many of several abstracts were read, and why not the others, in a sentence; "" where all were."""
    if not unread:
        return ""
    why = f"look less promising to {chosen_by}" if chosen_by else "were not reached"
    return f"{read:,} of {counted(read + unread, 'abstract')} were read; the others {why}."


def search_words(search: Search, read: int, *, chosen_of: int = 0) -> str:
    """What was asked of PubMed and how much it found, in a sentence; ``read`` abstracts were taken.

    They are the first, or with ``chosen_of`` those chosen of so many.
    """
    first, *looser = [made for made in search.rounds if made.found.pmids] or [search.telling]
    words = f"{counted(first.found.count, 'record')} match “{first.query}”"
    words += "".join(f"; {made.found.count:,} match the looser “{made.query}”" for made in looser)
    taken = f"{read:,} of the first {chosen_of:,}" if chosen_of else f"the first {read:,}"
    return f"{words}; read: {taken}.{translation_words(first.query, first.found.translation)}"


def translation_words(query: str, translation: str) -> str:
    """What PubMed made of a query, as one more sentence; "" where that is the query itself."""
    if not translation or translation.casefold() == query.casefold():
        return ""
    return f" PubMed read the query as: {translation[:MAX_TRANSLATION_CHARS]}"
