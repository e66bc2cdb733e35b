"""No text costs more than in proportion to its length: every function that takes one is driven.

The functions are found by inspection, so that a new one cannot be forgotten: it is driven as it stands, or
through a line of ``DRIVEN``, or named with a reason in ``NOT_DRIVEN``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from contextlib import suppress
from dataclasses import replace
from functools import partial
from html import escape
from unittest import mock

import pytest

import biom_demo
from biom_demo.analysis import attribution, benchmark, cascade, passage
from biom_demo.analysis.claims import evidence_table
from biom_demo.analysis.comparison import View
from biom_demo.analysis.difference import difference_of, short_names
from biom_demo.analysis.passage import Passage, passage_of_records
from biom_demo.errors import BioMError
from biom_demo.pubmed import identify, names, parse, prose, question
from biom_demo.pubmed.abstract import Abstract, Note, NoteKind, Section, joined
from biom_demo.pubmed.exports import medline_records, ris_records
from biom_demo.qa import metrics, pooling, run_squad_text, sentences
from biom_demo.qa.datasets import convert, list_pairs, pairs
from biom_demo.qa.datasets.bioasq import questions_of
from biom_demo.qa.datasets.matching import Context, Words
from biom_demo.qa.datasets.squad import examples_of
from biom_demo.qa.records import Answer, CharSpan, Example, Prediction, Question
from biom_demo.qa.short_forms import short_forms
from biom_demo.show import benchmark as shown_benchmark
from biom_demo.show import cards, citations, export, words
from biom_demo.show import claims as claims_shown
from biom_demo.show import difference as drawn
from biom_demo.show import pubmed as records_shown
from tests.costs import MAX_RATIO, PIECES, SHAPES, costliest, hostile, ratio_of, seconds
from tests.readings import comparison_of, pointing_at

ROOMS = ("qa", "pubmed", "analysis", "show")
PROSE = "Wilson disease is caused by mutations in ATP7B. METHODS: We read (n = 12) of them.\n"
LEAST_CHARS, MOST_CHARS = 8_000, 100_000
SECONDS_A_TEXT = 0.002  # a slow function is driven with shorter texts, so that all of them take a minute


def public_callables():
    """(name, callable) of every function and method that the rooms offer."""
    for found in pkgutil.walk_packages(biom_demo.__path__, "biom_demo."):
        room = found.name.split(".")[1]
        if room not in ROOMS or found.name.startswith("biom_demo.qa.engines."):  # the engines take windows
            continue
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != found.name:
                continue
            qualified = f"{found.name.removeprefix('biom_demo.')}.{name}"
            if inspect.isclass(value):
                for method in vars(value):
                    member = getattr(value, method)
                    if not method.startswith("_") and inspect.isroutine(member):
                        yield f"{qualified}.{method}", member
            elif callable(value):
                yield qualified, value


def takes_a_text(function):
    parameters = inspect.signature(function).parameters.values()
    return any(re.search(r"\bstr\b", str(parameter.annotation)) for parameter in parameters)


def takes_one_text_alone(function):
    """Whether it can be called with a text and nothing else."""
    first, *others = inspect.signature(function).parameters.values()
    return str(first.annotation) in ("str", "str | None") and all(
        other.default is not inspect.Parameter.empty for other in others
    )


TEXT_FUNCTIONS = {name: function for name, function in public_callables() if takes_a_text(function)}


def article(text):
    """A record of PubMed with the text in each of its fields, as XML."""
    text = escape(re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd]", " ", text))
    return (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article>"
        f"<Journal><Title>{text}</Title></Journal><ArticleTitle>{text}</ArticleTitle>"
        f'<Abstract><AbstractText Label="{text[:200]}">{text}</AbstractText></Abstract>'
        f"<VernacularTitle>{text}</VernacularTitle></Article>"
        f"<CommentsCorrectionsList><CommentsCorrections><RefSource>{text}</RefSource></CommentsCorrections>"
        "</CommentsCorrectionsList></MedlineCitation>"
        f"<PubmedData><ArticleIdList><ArticleId IdType='doi'>{text}</ArticleId></ArticleIdList></PubmedData>"
        "</PubmedArticle></PubmedArticleSet>"
    ).encode()


def record(text, *, title="A title"):
    """A record whose abstract is the text."""
    body = Section("", len(title) + 1, len(title) + 1 + len(text))
    note = Note(NoteKind.RETRACTED_BY, source=text)
    return Abstract(
        "1", title, f"{title}\n{text}", (Section("TITLE", 0, len(title)), body), True, notes=(note,)
    )


def compared(text):
    """A comparison of two models that read the text behind a word, and point at the word."""
    text = f"ATP7B {text}"
    sides = [pointing_at(text, "ATP7B", label=label) for label in ("BioM", "Vanilla")]
    return difference_of(comparison_of(*sides, passage=Passage(text)), View())


def shown(found):
    """All that is drawn and kept of a comparison."""
    side, persona = found.sides[0], cards.personas(found.comparison.checkpoints)[0]
    return [
        cards.card_html(persona, found.comparison.passage, side.side, found.view, gold=[found.text]),
        drawn.difference_html(found),
        export.markdown(found),
        export.comparison_document(found),
        export.comparison_csv(found),
    ]


def evidence(text):
    """The evidence table of one record of that text, and titled so, that both models point at."""
    text = f"ATP7B {text}"
    notes = (Note(NoteKind.RETRACTED_BY, source=text),)
    one = Abstract("1", text, text, (), True, authors=(text,), journal=text, notes=notes)
    sides = [pointing_at(text, "ATP7B", label=label) for label in ("BioM", "Vanilla")]
    read = comparison_of(*sides, passage=passage_of_records((one,)))
    return evidence_table(text, [read], read.checkpoints, View(), unread=(one,), chosen_by="BM25")


def exported(text, number, read):
    """The text as a whole export, in each field of a record, and as the lines of one field."""
    lines = text.splitlines(keepends=True)
    fields = [
        f"{tag:4}- {' '.join(lines)}\n" for tag in ("TI", "AB", "LID", "DO", "UR", "DP", "RIN", "T1", "N2")
    ]
    whole = [
        "TY  - JOUR\n",
        f"{number:4}- 1\n",
        "DB  - PubMed\n",
        *fields,
        *(f"      {line}" for line in lines),
    ]
    return [list(read(lines)), list(read(whole))]


def factoid(names, snippets):
    raw = {
        "id": "1", "body": "?", "type": "factoid", "exact_answer": [names],
        "snippets": [{"text": text, "document": ""} for text in snippets],
    }  # fmt: skip
    return questions_of({"questions": [raw]}, "file", strict=False).questions


def marked(text):
    """A text drawn with its sections' labels, and a section looked up."""
    given = Passage(text)
    given.section_at(len(text) // 2)
    passage.place_of(given, CharSpan(len(text) // 2, len(text) // 2))
    return cards.text_html(text, given.labels, [], "biom")


def effects(text):
    """Each sentence of a text and each word of a question, as if left out without effect."""
    parts = attribution.parts_of(text), attribution.question_words(text)
    return tuple(tuple(attribution.Effect(part, 0.5, "a", False, True) for part in some) for some in parts)


def prediction(text, count):
    """A prediction of that many answers of one size that cover the text."""
    size = max(1, len(text) // count)
    spans = [CharSpan(at, at + size) for at in range(0, len(text) - size + 1, size)]
    answers = tuple(Answer(span, span.of(text), 1.0, 1 / (2 + i)) for i, span in enumerate(spans))
    return Prediction(Question("?"), answers, 0.0, 0.1)


def benchmarked(text):
    """A file of one pair that two models answer unlike, with all figures, in every form."""
    span = CharSpan(0, 1)
    pair = Example(Question(text, text), f"a {text}", ("a",), (span,))
    gold = benchmark.Gold(text, (pair,))
    answers = [(Answer(CharSpan(0, n), pair.context[:n], 1.0, 0.5),) for n in (1, len(text))]
    found = [
        benchmark.Found("m", [Prediction(pair.question, given, null_score=0.0, null_probability=0.1)])
        for given in answers
    ]
    with mock.patch.object(benchmark.scores, "SAMPLES", 5):  # they cost the same whatever the text
        made = benchmark.benchmark(gold, benchmark.plan_of(gold), found)
    shown_benchmark.benchmark_html(made, cards.BLIND)
    predictions = tuple(tuple(one.predictions) for one in found)
    stretch = benchmark.Stretch(0, predictions, ((None,), (None,)))
    rows = list(benchmark.rows_of(gold, {0: [0]}, stretch))
    return [
        shown_benchmark.questions_html(
            shown_benchmark.Shown(rows, 1, 1, benchmark.Look(find=text)), cards.BLIND
        ),
        benchmark.arranged(rows, benchmark.Look(find=text[:200], column="question")),
        benchmark.readable(made),
        benchmark.benchmark_json(made),
        list(benchmark.prediction_rows(made)),
    ]


# How a function that takes more than a text is driven, and what is drawn of records that hold one.
DRIVEN = {
    "analysis.cascade.bm25": lambda text: cascade.bm25(text, [text, *text.split()]),
    "analysis.cascade.support": lambda text: cascade.support([text], [prediction(text, 3)]),
    "analysis.attribution.cost": lambda text: attribution.cost(text, text),
    "analysis.difference.short_names": lambda text: short_names([text, f"{text}a"]),
    "analysis.passage.check_input": lambda text: passage.check_input(f"a{text}", "a", max_chars=10**9),
    "analysis.passage.passage_of_records": lambda text: passage_of_records((record(text),), named=text),
    "analysis.claims.evidence_table": evidence,
    "pubmed.abstract.Abstract": lambda text: record(text, title=text).as_json(),
    "pubmed.abstract.Abstract.from_json": lambda text: Abstract.from_json(record(text).as_json()),
    "pubmed.abstract.joined": lambda text: joined(text, [(text[:200], text)] * 3),
    "pubmed.exports.medline_records": lambda text: exported(text, "PMID", medline_records),
    "pubmed.exports.ris_records": lambda text: exported(text, "AN", ris_records),
    "pubmed.identify.same_title": lambda text: identify.same_title(text, f"{text}a"),
    "pubmed.names.name_of": lambda text: [names.name_of(text, scheme) for scheme in names.Scheme],
    "pubmed.parse.parse_articles": lambda text: parse.parse_articles(article(text)),
    "pubmed.prose.is_short_form": lambda text: [
        prose.is_short_form(text, match) for match in prose.BRACKETED.finditer(text)
    ],
    "pubmed.question.concepts_of": lambda text: question.concepts_of(text, limit=20),
    "qa.datasets.matching.Context.place": lambda text: [
        Context(text).place(answer, 5) for answer in (text[1:200] + "x", text[: len(text) // 2] + "x")
    ],
    "qa.datasets.matching.Words.find": lambda text: [Words(text).find(text[:size]) for size in (1, 5, 300)],
    "qa.datasets.pairs.factoid_golds": lambda text: [
        pairs.factoid_golds(made, text) for made in factoid([text[:20], "Word"], ["a"])
    ],
    "qa.metrics.bioasq_factoid": lambda text: metrics.bioasq_factoid({"1": [text]}, {"1": [f"{text}a"]}),
    "qa.metrics.bioasq_factoid_each": lambda text: metrics.bioasq_factoid_each(
        {"1": [text]}, {"1": [f"{text}a"]}
    ),
    "qa.metrics.squad_v1_each": lambda text: metrics.squad_v1_each({"1": text}, {"1": [f"{text}a"]}),
    "qa.metrics.squad_v2_each": lambda text: metrics.squad_v2_each({"1": text}, {"1": [f"{text}a"]}),
    "analysis.benchmark.rows.arranged": lambda text: benchmarked(text),
    "qa.metrics.squad_exact_match": lambda text: metrics.squad_exact_match(text, f"{text}a"),
    "qa.metrics.squad_f1": lambda text: metrics.squad_f1(text, f"{text}a"),
    "qa.metrics.squad_v1": lambda text: metrics.squad_v1({"1": text}, {"1": [f"{text}a"]}),
    "qa.metrics.squad_v2": lambda text: metrics.squad_v2({"1": text}, {"1": [f"{text}a"]}),
    "qa.pooling.folding": lambda text: pooling.folding([text])(text),
    "qa.pooling.pool": lambda text: pooling.pool([(text, prediction(text, 3))]),
    "qa.run_squad_text.basic_tokens": lambda text: run_squad_text.basic_tokens(text, lower_case=True),
    "qa.sentences.sentence_around": lambda text: sentences.sentence_around(text, CharSpan(0, 1)),
    "qa.short_forms.short_forms": lambda text: short_forms([text]),
    "show.cards.head_html": lambda text: cards.head_html(text, text, text, stale=False),
    "show.cards.text_html": marked,
    "show.export.as_download": lambda text: export.as_download("name", "text/plain", text),
    "show.export.comparison_csv": lambda text: export.comparison_csv(compared(text), gold=[text]),
    "show.export.csv_text": lambda text: export.csv_text([{"a": text, "b": text}]),
    "show.export.evidence_csv": lambda text: [
        export.evidence_csv(evidence(text), query=text),
        citations.ris(evidence(text).cited(5)),
        citations.bibtex(evidence(text).cited(5)),
    ],
    "show.export.evidence_markdown": lambda text: [
        export.evidence_markdown(evidence(text), query=text, shown=5),
        claims_shown.papers_html(evidence(text)),
        claims_shown.unread_html(evidence(text)),
        claims_shown.claims_html(evidence(text), 0, cards.BLIND[0], shown=5),
    ],
    "show.export.markdown": lambda text: export.markdown(compared(text), gold=[text]),
    "show.export.read_link": lambda text: export.read_link({"q": text[: export.MAX_LINK_VALUE_CHARS]}),
    "show.difference.attribution_html": lambda text: drawn.attribution_html(
        attribution.Attribution(Answer(CharSpan(0, 1), text[:1], 1.0, 0.5), *effects(text)),
        cards.BLIND[0],
        Passage(text),
        text,
    ),
    "show.words.listed": lambda text: words.listed([text, text, text]),
    "show.pubmed.record_html": lambda text: records_shown.record_html(record(text, title=text)),
    "show.words.translation_words": lambda text: words.translation_words(text, f"{text}a"),
}

NOT_DRIVEN = {
    "it reads or writes a file; what a file holds is driven below": """
        qa.datasets.read_dataset qa.datasets.bioasq.read_bioasq qa.datasets.bioasq.read_bioasq_files
        qa.datasets.bioasq.questions_of qa.datasets.bioasq.write_bioasq qa.datasets.files.read_json
        qa.datasets.files.document_of qa.datasets.files.write_json qa.datasets.files.identity_of
        qa.datasets.files.Notes.form qa.datasets.files.Notes.fault qa.datasets.squad.read_squad
        qa.datasets.squad.examples_of qa.datasets.squad.write_squad qa.datasets.uploads.read_upload
        qa.datasets.uploads.read_in_child analysis.own_abstracts.abstracts_of_file
        analysis.own_abstracts.main qa.datasets.uploads.main qa.reader.Reader.load
        qa.checkpoint_files.check_config qa.checkpoint_files.check_tokenizer_config
        qa.checkpoint_files.check_tables analysis.benchmark.evaluation.score
        analysis.benchmark.report.progress_line
        analysis.benchmark.report.submission analysis.benchmark.scores.measured
        analysis.benchmark.scores.benchmark show.reliability.measured_html
        analysis.benchmark.gold.read_gold analysis.stored.comparison_of
        analysis.rows.open_rows analysis.rows.opens_json show.growing.Growing.append
        analysis.uploaded_rows.read_rows analysis.uploaded_rows.main qa.datasets.uploads.read_in_child
        qa.datasets.uploads.write_as_child analysis.benchmark.gold.uploaded_gold
        """,
    "it passes a bounded text on to a model, to PubMed or to its cache": """
        analysis.attribution.reworded analysis.cascade.most_promising
        analysis.cascade.promising_regions analysis.comparison.Readers.read
        analysis.literature.search
        analysis.literature.retrieve analysis.passage.passage_of_names pubmed.cache.Cache.get
        pubmed.cache.Cache.put pubmed.pace.Pace.turn pubmed.request.Requests.ask pubmed.session.PubMed.session
        pubmed.session.PubMed.search pubmed.session.PubMed.fetch pubmed.session.PubMed.resolve
        pubmed.session.Session.search pubmed.session.Session.fetch pubmed.session.named
        pubmed.session.Asking.search pubmed.session.Asking.fetch pubmed.session.Fetched.of
        pubmed.transport.Transport.send qa.windows.tokenize qa.windows.build_windows
        qa.windows.PiecesCache.tokenize
        """,
    "the text is a name or a word of our own": """
        pubmed.names.scheme_of pubmed.words.words pubmed.words.phrases qa.calibration.reliability
        qa.metrics.paired_bootstrap qa.metrics.resampled_means qa.metrics.sign_test
        analysis.benchmark.scores.Benchmark.figure show.difference.rewordings_html show.pubmed.pmid_link
        analysis.cascade.extent_of show.words.chosen_words
        show.words.as_sure_words show.words.counted show.cards.chips_html show.claims.open_html
        """,
    "it draws what there is room for, which test_share_card.py shows": "show.share_card.share_card",
    "it looks at a few fields of a checkpoint's own files": """
        qa.checkpoint_files.check_config qa.checkpoint_files.check_tables
        qa.checkpoint_files.check_tokenizer_config
        """,
    "it serves no visitor: a server to play and to test with": """
        pubmed.local_server.article_xml pubmed.local_server.Library.answer pubmed.local_server.serve
        pubmed.local_server.main
        """,
    "it is one slice, or a line around functions that are driven": """
        qa.records.CharSpan.of analysis.uploaded_rows.UploadedRows.asked
        qa.reader.size_of analysis.passage.passage_of_input show.batch.submitted
        show.batch.predictions show.batch_table.answers_html show.votes.known_words
        analysis.literature.queries_to_try
        analysis.literature.findings analysis.claims.EvidenceTable.rank show.cards.card_html
        show.export.comparison_document show.difference.attributions_html
        show.difference.rewordings_html show.words.verdict_words show.meanwhile.meanwhile_html
        """,
}
EXCUSED = {name for several in NOT_DRIVEN.values() for name in several.split()}
ALONE = {name: f for name, f in TEXT_FUNCTIONS.items() if takes_one_text_alone(f) and name not in EXCUSED}
TO_DRIVE = ALONE | DRIVEN


def test_every_function_that_takes_a_text_is_driven_or_excused():
    offered = dict(public_callables())
    assert set(TEXT_FUNCTIONS) - set(TO_DRIVE) == EXCUSED, "drive it in DRIVEN, or say in NOT_DRIVEN why not"
    assert set(DRIVEN) <= set(offered) | {"pubmed.abstract.Abstract"}, "it is no longer there"


def length_for(function):
    """How long a text the function can be given, so that ``SECONDS_A_TEXT`` is about what it takes."""
    prose = (PROSE * (LEAST_CHARS // len(PROSE) + 1))[:LEAST_CHARS]
    function(prose)  # what is loaded once
    cost = max(seconds(function, prose), 1e-6)
    return max(LEAST_CHARS, min(MOST_CHARS, int(LEAST_CHARS * SECONDS_A_TEXT / cost)))


def unless_refused(function):
    """The function, where what it refuses in words counts as done."""

    def driven(text):
        with suppress(BioMError):
            return function(text)
        return None

    return driven


@pytest.mark.parametrize("name", TO_DRIVE)
def test_the_cost_grows_with_the_text(name):
    function = unless_refused(TO_DRIVE[name])
    chars = length_for(function)
    # Of the slow ones the harder shape, and every other piece: what they are made of is driven by itself.
    slow = chars == LEAST_CHARS
    shapes, pieces = (SHAPES[1:], PIECES[::2]) if slow else (SHAPES, PIECES)
    ratio, piece, shape = costliest(function, chars=chars, shapes=shapes, pieces=pieces)
    assert ratio < MAX_RATIO, f"{name}: {shape} of {piece!r}"


def test_a_key_stroke_costs_no_more_behind_the_head_of_a_name():
    ratio, piece, shape = costliest(
        identify.identify, before="https://doi.org/10.5555/x", chars=12_000, shapes=SHAPES[:1]
    )
    assert ratio < MAX_RATIO, f"{shape} of {piece!r}"


def test_a_comparison_is_drawn_and_kept_in_proportion_to_its_text():
    ratio, piece, shape = costliest(lambda text: shown(compared(text)), chars=4_000, shapes=SHAPES[1:])
    assert ratio < MAX_RATIO, f"{shape} of {piece!r}"


def test_an_address_in_an_address_in_an_address_is_read_without_end_or_error():
    nested = "https://pubmed.ncbi.nlm.nih.gov/?term=" * 3_000
    assert identify.identify(nested).kind in identify.Kind


# --- records and files -------------------------------------------------------------------------------

FILES = {
    "letters of a list": lambda n: factoid(["A"], ["A, " * (20 * n)]),
    "many names, many snippets": lambda n: factoid([f"{i} ab" for i in range(n)], ["a"] * n),
    "long names, many snippets": lambda n: factoid([f"{i} " + "ab " * 90 for i in range(100)], ["a"] * n),
    "names that nearly occur": lambda n: factoid(["c d " * 60 + f"{i}" for i in range(100)], ["c d " * n]),
    "names over a gap": lambda n: factoid(["a " * i + "b" for i in range(90)], ["a " * 99 + " " * n + "b"]),
}
ROWS = {
    "answers that stand nowhere": lambda n: ("ab " * n, ["ab x"] * n),
    "answers at the far end": lambda n: ("ab " * n + "z", ["z"] * n),
    "long answers that stand nowhere": lambda n: ("a" * 30 * n, ["a" * n + "b"] * 20),
    "answers over a gap": lambda n: ("a" + " " * 30 * n + "b", ["a b"] * n),
    "answers over many gaps": lambda n: (("a" + " " * 60 + "b") * n, ["a b"] * n),
    "marks": lambda n: ("e\u0301\u0301\u0301" * n, ["é\u0301\u0301"] * n),
    "marks without a letter": lambda n: ("\u0301" * 10 * n, ["e\u0301"] * n),
}


def converted(questions):
    convert(questions, mode="wide")
    convert(questions, mode="card")
    list_pairs([replace(question, type="list") for question in questions])


@pytest.mark.parametrize("kind", FILES)
def test_a_bioasq_file_costs_in_proportion_to_its_size(kind):
    short, long = (FILES[kind](size) for size in (250, 1_000))
    assert ratio_of(converted, short, long) < MAX_RATIO


@pytest.mark.parametrize("kind", ROWS)
def test_a_squad_file_costs_in_proportion_to_its_size(kind):
    def document(size):
        context, answers = ROWS[kind](size)
        rows = [
            {"id": str(i), "question": "?", "answers": [{"text": text, "answer_start": 7 * i}]}
            for i, text in enumerate([context[:1], *answers])
        ]
        return {"data": [{"paragraphs": [{"context": context, "qas": rows}]}]}

    def read(document):
        return examples_of(document, "file", strict=False)

    assert ratio_of(read, document(500), document(2_000)) < MAX_RATIO


def test_many_questions_of_one_id_cost_in_proportion_to_their_number():
    def document(size):
        return [{"context": "a b", "id": "x", "question": f"{i}?"} for i in range(size)]

    read = partial(examples_of, path="file", strict=False)
    assert ratio_of(read, document(2_000), document(8_000)) < MAX_RATIO


@pytest.mark.parametrize("label", ["", "METHODS"])
def test_a_record_of_many_sections_is_drawn_in_proportion_to_their_number(label):
    def many(size):
        body = f"{label}: word\n" if label else "word\n"
        at = len(body) - len("word\n")
        sections = (Section(label, len(body) * i + at, len(body) * (i + 1)) for i in range(size))
        return passage_of_records((Abstract("1", "", body * size, tuple(sections), True),))

    def draw(given):
        places = [given.section_at(at) for at in range(0, len(given.text), len(given.text) // 50)]
        return places, cards.text_html(given.text, given.labels, [], "biom")

    assert ratio_of(draw, many(1_000), many(4_000)) < MAX_RATIO


@pytest.mark.parametrize("piece", ["tumor factor (TF) ", "a (B) ", "(", "ab cd (", "A (A1) "])
def test_pooling_many_abstracts_costs_in_proportion_to_their_number(piece):
    def abstracts(size):
        texts = [hostile(f"{i} {piece}", 1_500) for i in range(size)]
        return [(text, prediction(text, 20)) for text in texts]

    assert ratio_of(pooling.pool, abstracts(50), abstracts(200)) < MAX_RATIO
