"""An evidence table -> HTML: each model's claims, which of them the models share, and a row a paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import shorten

from markupsafe import Markup

from biom_demo.analysis.claims import LEAST_PROBABILITY, Claim, EvidenceTable, Paper, Said
from biom_demo.analysis.difference import short_names
from biom_demo.analysis.literature import Evidence
from biom_demo.pubmed.abstract import Abstract
from biom_demo.qa.records import Answer, CharSpan
from biom_demo.show.cards import Persona
from biom_demo.show.pubmed import name_html, names_html, status_of_record_html, warnings_html
from biom_demo.show.words import AGREEMENT_WORDS, chosen_words, counted, listed, ordinal, percent

SHOWN_QUOTES = 20
NAMED_CLAIMS = 3
SHOWN_BEGINNING = 80  # characters


def introduction_html() -> Markup:
    """What the tab does, in two sentences."""
    return Markup(
        '<p class="introduction">Ask PubMed in your own words. Both models read the abstracts that it finds; '
        "each answer is listed with the abstracts that say so, those that say something else, and those that "
        "are silent. Words of the question go to NCBI, unless you give the abstracts yourself.</p>"
    )


def builtin_html(records: Sequence[Abstract]) -> Markup:
    """What the built-in records are, and their titles."""
    titles = Markup().join(Markup("<li>{}</li>").format(record.title) for record in records)
    return Markup(
        '<div class="builtin"><p>{count} of our own writing, published nowhere, come with the app to '
        "try it out. Nothing is sent to NCBI. They are about:</p><ul>{titles}</ul></div>"
    ).format(count=counted(len(records), "record"), titles=titles)


def claims_html(table: EvidenceTable, model: int, persona: Persona, *, shown: int) -> Markup:
    """One model's first ``shown`` claims, each with its support, its best quote and what is against it."""
    claims = table.models[model].claims
    rows = Markup().join(_claim_html(table, model, claim) for claim in claims[:shown])
    body = (
        Markup('<ol class="findings">{}</ol>').format(rows)
        if rows
        else Markup('<p class="empty">This model finds no answer in any of these abstracts.</p>')
    )
    return Markup(
        '<section class="card wide {accent}" aria-label="Claims of {label}"><header><h3>{label}</h3>'
        '<span class="time">{counts}</span></header>{body}{rest}</section>'
    ).format(
        accent=persona.accent,
        label=persona.label,
        counts=_counts_words(len(table.papers), len(table.silent(model))),
        body=body,
        rest=_rest_html(len(claims) - shown, table.models[model].dropped),
    )


def _counts_words(read: int, silent: int) -> str:
    if not silent:
        return f"{counted(read, 'abstract')} read, an answer in {'it' if read == 1 else 'each'}"
    return f"{counted(read, 'abstract')} read, silent in {silent:,}"


def _rest_html(further: int, dropped: int) -> Markup:
    """What is not listed: claims beyond those shown, and answers too unlikely to be one."""
    words = []
    if further > 0:
        words.append(f"{counted(further, 'more claim')}: raise “Claims shown” to see {_them(further)}.")
    if dropped:
        words.append(
            f"{counted(dropped, 'answer')} left out: below {LEAST_PROBABILITY:.0%} in every abstract, or a "
            "better one cut otherwise."
        )
    return Markup('<p class="left-out">{}</p>').format(" ".join(words)) if words else Markup()


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


def _claim_html(table: EvidenceTable, model: int, claim: Claim) -> Markup:
    quoted = claim.quoted
    return Markup(
        '<li><h4 class="finding" dir="auto">{text}</h4><p class="support">{support}{shared}</p>{wordings}'
        '{doubted}<blockquote dir="auto">{quote}</blockquote><p class="cite">{cite}</p>{more}{against}</li>'
    ).format(
        text=claim.text,
        support=support_words(claim, len(table.papers)),
        shared=_shared_html(table, model, claim),
        wordings=Markup('<p class="wordings">also written {}</p>').format(
            listed([f"“{wording}”" for wording in claim.wordings])
        )
        if claim.wordings
        else "",
        doubted=Markup().join(warnings_html((record,), named=True) for record in claim.doubted),
        quote=_quote_html(quoted.record, quoted.around, quoted.answer),
        cite=_cite_html(quoted),
        more=_more_html(claim),
        against=_against_html(table, model, claim),
    )


def support_words(claim: Claim, read: int) -> str:
    """How many abstracts support a claim, of which years: "supported by 6 of 20 abstracts, 2003–2015"."""
    of = counted(read, "abstract")
    if claim.supports:
        words = f"supported by {len(claim.supports):,} of {of}"
    else:
        words = f"no abstract’s first answer; a lower one in {len(claim.mentions):,} of {of}"
    if claim.years is None:
        return words
    first, last = claim.years
    return f"{words}, {first}" if first == last else f"{words}, {first}–{last}"


def _shared_html(table: EvidenceTable, model: int, claim: Claim) -> Markup:
    """That the other of the first two models has the claim, and at which place."""
    if model > 1 or len(table.models) < 2:
        return Markup()
    rank = table.rank(1 - model, claim.key)
    if rank is None:
        return Markup()
    return Markup(
        ' <span class="shared" title="{title}"><span aria-hidden="true">=</span> both models</span>'
    ).format(title=f"The {ordinal(rank)} claim of {_names(table)[1 - model]}")


def _names(table: EvidenceTable) -> list[str]:
    return short_names([model.checkpoint.label for model in table.models])


def _quote_html(record: Abstract, around: CharSpan, answer: Answer) -> Markup:
    text, span = record.text, answer.span
    return Markup("{}<mark>{}</mark>{}").format(
        text[around.start : span.start], span.of(text), text[span.end : around.end]
    )


def _cite_html(found: Evidence) -> Markup:
    record = found.record
    parts = [name_html(record)]
    parts += [Markup.escape(word) for word in (record.year or "", record.journal) if word]
    parts.append(Markup.escape(f"confidence {percent(found.answer.probability)}"))
    if record.notes:
        parts.append(status_of_record_html(record))
    parts.append(open_html(record, "open in Compare"))
    return Markup(" · ").join(parts)


def open_html(record: Abstract, words: str) -> Markup:
    """A button that opens an abstract in Compare, from what was read."""
    return Markup(
        '<button type="button" class="open-abstract" data-record="{key}" '
        'aria-label="Open {name} in Compare">{words}</button>'
    ).format(key=record.key, name=record.name, words=words)


def _more_html(claim: Claim) -> Markup:
    """The other abstracts behind a claim, with their sentences; and those where it is a lower answer."""
    further = [found for found in claim.evidence if found is not claim.quoted]
    lower = claim.mentions if claim.supports else ()
    return _quotes_html(further, f"{counted(len(further), 'more abstract')}") + _quotes_html(
        lower, f"a lower answer in {counted(len(lower), 'abstract')}"
    )


def _quotes_html(found: Sequence[Evidence], summary: str) -> Markup:
    if not found:
        return Markup()
    rows = Markup().join(
        Markup('<li>{quote} <span class="cite">{cite}</span></li>').format(
            quote=_quote_html(e.record, e.around, e.answer), cite=_cite_html(e)
        )
        for e in found[:SHOWN_QUOTES]
    )
    if len(found) > SHOWN_QUOTES:
        rest = names_html([e.record for e in found[SHOWN_QUOTES:]])
        rows += Markup('<li class="cite">and {}</li>').format(rest)
    return Markup("<details><summary>{}</summary><ul>{}</ul></details>").format(summary, rows)


def _against_html(table: EvidenceTable, model: int, claim: Claim) -> Markup:
    """The abstracts that speak for another claim, by that claim, and those that are silent."""
    otherwise, silent = table.otherwise(model, claim), table.silent(model)
    count = sum(map(len, otherwise.values()))
    words = []
    if count:
        words.append(f"{counted(count, 'abstract')} {'answers' if count == 1 else 'answer'} otherwise")
    if silent:
        noun = "" if count else f" {'abstract' if len(silent) == 1 else 'abstracts'}"
        words.append(f"{len(silent):,}{noun} {'is' if len(silent) == 1 else 'are'} silent")
    if not words:
        return Markup()
    rows = [
        Markup("<li>“{}”: {}</li>").format(text, _names_html(papers)) for text, papers in otherwise.items()
    ]
    if silent:
        rows.append(Markup("<li>no answer: {}</li>").format(_names_html(silent)))
    return Markup('<details class="against"><summary>{}</summary><ul>{}</ul></details>').format(
        ", ".join(words), Markup().join(rows)
    )


def _names_html(papers: Iterable[Paper]) -> Markup:
    return names_html([paper.record for paper in papers])


def shared_html(table: EvidenceTable, *, shown: int) -> Markup:
    """One strip that says which claims the first two models share; nothing where there is none to share."""
    words = shared_words(table, shown=shown)
    if not words:
        return Markup()
    return Markup('<p class="verdict shared-claims" role="status"><span class="words">{}</span></p>').format(
        words
    )


def shared_words(table: EvidenceTable, *, shown: int) -> str:
    """Which of the first ``shown`` claims of the first two models both have, in a sentence."""
    if len(table.models) < 2 or not all(model.claims for model in table.models[:2]):
        return ""
    names = _names(table)
    own = [table.models[model].claims[:shown] for model in (0, 1)]
    both = [claim for claim in own[0] if table.rank(1, claim.key)]
    both += [
        claim for claim in own[1] if table.rank(0, claim.key) and claim.key not in {one.key for one in both}
    ]
    alone = [[c for c in own[model] if table.rank(1 - model, c.key) is None] for model in (0, 1)]
    words = []
    if not both:
        words.append("The two models share none of these claims")
    elif not any(alone):
        words.append(f"Both models make {_the_same(both)}")
    else:
        words.append(f"Both models claim {_quoted(both)}")
    words += [f"{names[model]} alone {_quoted(alone[model])}" for model in (0, 1) if alone[model]]
    return f"{'; '.join(words)}."


def _the_same(claims: Sequence[Claim]) -> str:
    return (
        f"the same {counted(len(claims), 'claim')}, {_quoted(claims)}"
        if len(claims) > 1
        else (f"the same claim, {_quoted(claims)}")
    )


def _quoted(claims: Sequence[Claim]) -> str:
    named = [f"“{claim.text}”" for claim in claims[:NAMED_CLAIMS]]
    further = len(claims) - len(named)
    return listed([*named, f"{further} more"] if further else named)


def papers_html(table: EvidenceTable) -> Markup:
    """A row a paper: what it is, its year, what each model answers, how the first two relate.

    The buttons in the head sort the rows by what their cells carry as ``data-value``.
    """
    if not table.papers:
        return Markup()
    heads: list[tuple[str, str, str]] = [("abstract", "", ""), ("year", "number", "")]
    for name, accent in zip(_names(table), ("biom", "vanilla", "third", "fourth"), strict=False):
        heads += [(name, "text", accent), ("confidence", "number", accent)]
    heads.append(("the two models", "text", ""))
    head = Markup().join(_head_html(place, *one) for place, one in enumerate(heads))
    labels = [name for name, _, _ in heads]
    return Markup(
        '<h3 class="table-title">What each abstract says</h3>'
        '<div class="table-scroll" tabindex="0" role="region" aria-label="What each abstract says">'
        '<table class="abstracts"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(head, Markup().join(_row_html(paper, labels) for paper in table.papers))


def unread_html(table: EvidenceTable) -> Markup:
    """The abstracts that were not read and why, on demand; nothing where all were."""
    if not table.unread:
        return Markup()
    rows = Markup().join(
        Markup('<li>{title} <span class="cite">{link}</span> {status}</li>').format(
            title=record.title or _beginning(record),
            link=name_html(record),
            status=status_of_record_html(record),
        )
        for record in table.unread
    )
    return Markup(
        '<div class="unread-abstracts" role="note"><p>{words} What they say is not among the claims.</p>'
        "<details><summary>Not read: {count}</summary><ul>{rows}</ul></details></div>"
    ).format(
        words=chosen_words(len(table.papers), len(table.unread), table.chosen_by),
        count=counted(len(table.unread), "abstract"),
        rows=rows,
    )


def _head_html(place: int, name: str, kind: str, accent: str) -> Markup:
    if not kind:
        return Markup('<th scope="col">{}</th>').format(name)
    return Markup(
        '<th scope="col" class="{accent}" aria-sort="none"><button type="button" class="sort-rows" '
        'data-column="{place}" data-kind="{kind}">{name}</button></th>'
    ).format(accent=accent or "plain", place=place, kind=kind, name=name)


def _row_html(paper: Paper, labels: Sequence[str]) -> Markup:
    record, told = paper.record, AGREEMENT_WORDS[paper.agreement]
    cells = [
        Markup('<td>{open} <span class="cite">{link}</span> {status}</td>').format(
            open=open_html(record, record.title or _beginning(record)),
            link=name_html(record),
            status=status_of_record_html(record),
        ),
        _cell(labels[1], str(record.year) if record.year else "", value=str(record.year or "")),
    ]
    for place, said in enumerate(paper.said):
        cells += _said_html(said, labels[2 + 2 * place], labels[3 + 2 * place])
    cells.append(_cell(labels[-1], f"{told.icon} {told.short}", value=told.short))
    return Markup("<tr>{}</tr>").format(Markup().join(cells))


def _beginning(record: Abstract) -> str:
    """The first words of a text that has no title."""
    return shorten(record.text[: 4 * SHOWN_BEGINNING], SHOWN_BEGINNING, placeholder=" …") or record.name


def _said_html(said: Said, model: str, confidence: str) -> list[Markup]:
    if said.answer is None:
        none = Markup('<span class="none">no answer</span>')
        return [_cell(model, none, value=""), _cell(confidence, "", value="")]
    probability = said.answer.probability
    return [
        _cell(model, said.answer.text, value=said.key),
        _cell(confidence, percent(probability), value=f"{probability:.6f}"),
    ]


def _cell(label: str, content: str, *, value: str) -> Markup:
    return Markup('<td data-label="{}" data-value="{}">{}</td>').format(label, value, content)
