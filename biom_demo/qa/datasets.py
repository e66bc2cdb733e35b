"""SQuAD and BioASQ JSON -> records and back, and BioASQ factoid questions -> SQuAD pairs.

Source: the SQuAD v1.1/v2.0 and BioASQ task B file formats; the ``card`` conversion was worked out
from the four EM values of the model card of sultan/BioM-ELECTRA-Large-SQuAD2-BioASQ8B, which fit
475 pairs and no other count below 900.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from biom_demo.errors import DataError
from biom_demo.qa.records import CharSpan, Example, Question

Mode = Literal["card", "wide"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A passage cited by a BioASQ question, and the document (a PubMed URL) it is from."""

    text: str
    document: str


@dataclass(frozen=True, slots=True)
class BioAsqQuestion:
    """A BioASQ task B question.

    ``exact_answer`` is one tuple of synonyms for each answer entity, whatever shape the file had
    (a string, a list, a list of lists); empty where the file gives none, as all of year 1.
    ``ideal_answers`` are the answers in sentences.
    """

    id: str
    body: str
    type: str
    exact_answer: tuple[tuple[str, ...], ...]
    snippets: tuple[Snippet, ...]
    documents: tuple[str, ...] = ()
    ideal_answers: tuple[str, ...] = ()

    @property
    def synonyms(self) -> tuple[str, ...]:
        """All acceptable strings in the order listed, without repeats."""
        return tuple(dict.fromkeys(text for entity in self.exact_answer for text in entity))


@dataclass(frozen=True, slots=True)
class Conversion:
    """SQuAD-style pairs made of factoid questions, with how many questions they came from."""

    examples: tuple[Example, ...]
    converted_questions: int
    total_questions: int


def read_json(path: Path | str) -> Any:
    """The JSON value in a UTF-8 file. Raises ``DataError`` with what to do where it cannot be read."""
    path = Path(path)
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"There is no file {path}. Check the path.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text. Give a JSON file saved as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path} is not valid JSON (line {error.lineno}, column {error.colno}: {error.msg}). "
            "It may be cut off: download it again."
        ) from None
    except RecursionError:
        raise DataError(f"{path} is nested too deeply to be a SQuAD or BioASQ file.") from None


def write_json(value: Any, path: Path | str) -> None:
    """Write ``value`` as UTF-8 JSON, whole or not at all."""
    path = Path(path)
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(f"{path} cannot be written: {error.strerror}.") from error


def read_squad(
    path: Path | str, *, only_articles: Collection[str] = (), without_articles: Collection[str] = ()
) -> list[Example]:
    """The examples of a SQuAD v1.1 or v2.0 file, in file order.

    Articles are chosen by title: those of ``only_articles`` if any are named, none of
    ``without_articles``. An ``answer_start`` that does not point at its text is moved to the nearest
    place where the text stands. Raises ``DataError``, naming the question, where the text stands
    nowhere in the context, where an id is missing or repeated, or where the file is no SQuAD file.
    """
    examples: list[Example] = []
    seen: set[str] = set()
    for title, context, qa in _squad_questions(read_json(path), path):
        if title in without_articles or (only_articles and title not in only_articles):
            continue
        identity, text = qa.get("id"), qa.get("question")
        if not isinstance(identity, str) or not isinstance(text, str):
            raise DataError(f'{path}: a question has no "id" or no "question" string.')
        if identity in seen:
            raise DataError(f"{path}: the id {identity} occurs twice; give every question its own.")
        seen.add(identity)
        golds: dict[tuple[str, CharSpan], None] = {}
        answers = [] if qa.get("is_impossible") else qa.get("answers") or []
        for answer in answers:
            golds[_locate_gold(context, answer, f"{path}: {identity}")] = None
        examples.append(
            Example(Question(text, identity), context, tuple(t for t, _ in golds), tuple(s for _, s in golds))
        )
    return examples


def _squad_questions(document: Any, path: Path | str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    try:
        for article in document["data"]:
            title = str(article.get("title", ""))
            for paragraph in article["paragraphs"]:
                context = paragraph["context"]
                if not isinstance(context, str):
                    raise TypeError("context")
                for qa in paragraph["qas"]:
                    if not isinstance(qa, dict):
                        raise TypeError("qas")
                    yield title, context, qa
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is not a SQuAD file (trouble at {error}): it needs "
            'data -> paragraphs -> {"context", "qas": [{"id", "question", "answers"}]}.'
        ) from None


def _locate_gold(context: str, answer: Any, where: str) -> tuple[str, CharSpan]:
    try:
        text, start = answer["text"], int(answer["answer_start"])
    except (KeyError, TypeError, ValueError):
        raise DataError(f'{where}: an answer needs "text" and "answer_start".') from None
    if not isinstance(text, str) or not text:
        raise DataError(f"{where}: an answer is empty. Leave it out, or mark the question is_impossible.")
    if start < 0 or context[start : start + len(text)] != text:
        places = [m.start() for m in re.finditer(re.escape(text), context)]
        if not places:
            raise DataError(f"{where}: the answer {text[:60]!r} does not occur in its context.")
        start = min(places, key=lambda place: abs(place - start))
    return text, CharSpan(start, start + len(text))


def write_squad(examples: Iterable[Example], path: Path | str, *, title: str, version: str = "v2.0") -> None:
    """Write examples as a SQuAD file: one entry named ``title``, one paragraph an example."""
    paragraphs = [
        {
            "context": example.context,
            "qas": [
                {
                    "id": example.question.id,
                    "question": example.question.text,
                    "answers": [
                        {"text": text, "answer_start": span.start}
                        for text, span in zip(example.gold_texts, example.gold_spans, strict=True)
                    ],
                    "is_impossible": not example.answerable,
                }
            ],
        }
        for example in examples
    ]
    write_json({"version": version, "data": [{"title": title, "paragraphs": paragraphs}]}, path)


def read_bioasq(path: Path | str) -> list[BioAsqQuestion]:
    """All questions of a BioASQ task B file, of every type. Raises ``DataError`` if it is not one."""
    document = read_json(path)
    try:
        return [_bioasq_question(raw) for raw in document["questions"]]
    except (KeyError, TypeError) as error:
        raise DataError(
            f'{path} is not a BioASQ file (trouble at {error}): it needs "questions", each with '
            '"id", "body" and "type".'
        ) from None


def _bioasq_question(raw: dict[str, Any]) -> BioAsqQuestion:
    return BioAsqQuestion(
        id=str(raw["id"]),
        body=str(raw["body"]),
        type=str(raw["type"]),
        exact_answer=_entities(raw.get("exact_answer"), str(raw["type"])),
        snippets=tuple(
            Snippet(str(snippet["text"]), str(snippet.get("document", "")))
            for snippet in raw.get("snippets") or ()
        ),
        documents=tuple(str(document) for document in raw.get("documents") or ()),
        ideal_answers=tuple(str(text) for text in _listed(raw.get("ideal_answer"))),
    )


def _listed(value: Any) -> list[Any]:
    """A list as it is, one thing as a list of it, nothing as an empty one."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def _entities(exact_answer: Any, question_type: str) -> tuple[tuple[str, ...], ...]:
    """Any shape of ``exact_answer`` as entities with their synonyms.

    A flat list is one factoid's synonyms, but a list question's separate items.
    """
    if exact_answer is None:
        return ()
    if not isinstance(exact_answer, list):
        exact_answer = [str(exact_answer)]
    if question_type != "list" and all(not isinstance(item, list) for item in exact_answer):
        exact_answer = [exact_answer]
    entities = (
        tuple(str(text) for text in (item if isinstance(item, list) else [item]) if str(text).strip())
        for item in exact_answer
    )
    return tuple(entity for entity in entities if entity)


def write_bioasq(questions: Iterable[BioAsqQuestion], path: Path | str) -> None:
    """Write questions as a BioASQ task B file, ``exact_answer`` as lists of synonyms (yes/no: a string)."""
    write_json(
        {
            "questions": [
                {
                    "id": question.id,
                    "type": question.type,
                    "body": question.body,
                    "documents": list(question.documents),
                    "snippets": [{"text": s.text, "document": s.document} for s in question.snippets],
                }
                | ({"ideal_answer": list(question.ideal_answers)} if question.ideal_answers else {})
                | _exact_answer_field(question)
                for question in questions
            ]
        },
        path,
    )


def _exact_answer_field(question: BioAsqQuestion) -> dict[str, Any]:
    if not question.exact_answer:
        return {}
    if question.type == "yesno":
        return {"exact_answer": question.exact_answer[0][0]}
    return {"exact_answer": [list(entity) for entity in question.exact_answer]}


def convert(questions: Sequence[BioAsqQuestion], *, mode: Mode, unique_pairs: bool = False) -> Conversion:
    """SQuAD-style pairs of the factoid questions: one for each question and snippet with its answer.

    - ``card``: the *first* listed answer must occur *case-sensitively*; its first occurrence is the
      gold span. Repeated snippets stay. This gives the published table's 475 pairs of 8B.
    - ``wide``: any synonym may occur in any letter case; each that does is a gold text as the
      snippet writes it, at its first occurrence as a word of its own if it has one, else at its
      first occurrence. Better for training.

    With ``unique_pairs`` a question meets the same snippet text once. Ids are the question's id,
    ``_`` and a three-digit count from 000 on, as in the files of dmis-lab.
    """
    factoids = [question for question in questions if question.type == "factoid"]
    examples: list[Example] = []
    converted = 0
    for question in factoids:
        golds_of = _card_golds if mode == "card" else _wide_golds
        texts = [snippet.text for snippet in question.snippets]
        found = [
            (text, golds_of(question, text)) for text in (dict.fromkeys(texts) if unique_pairs else texts)
        ]
        kept = [(text, golds) for text, golds in found if golds]
        converted += bool(kept)
        for count, (text, spans) in enumerate(kept):
            identity = Question(question.body, f"{question.id}_{count:03d}")
            examples.append(Example(identity, text, tuple(span.of(text) for span in spans), tuple(spans)))
    return Conversion(tuple(examples), converted, len(factoids))


def list_pairs(questions: Sequence[BioAsqQuestion]) -> list[Example]:
    """Pairs of the *list* questions: each distinct snippet that names exactly one of the items.

    A snippet that names several has no single right span and is left out. Golds are found as in
    ``wide``; ids are made as ``convert`` makes them.
    """
    examples: list[Example] = []
    for question in questions:
        if question.type != "list":
            continue
        kept: list[tuple[str, list[CharSpan]]] = []
        for text in dict.fromkeys(snippet.text for snippet in question.snippets):
            found = [spans for names in question.exact_answer if (spans := _spans_of(names, text))]
            if len(found) == 1:
                kept.append((text, found[0]))
        for count, (text, spans) in enumerate(kept):
            identity = Question(question.body, f"{question.id}_{count:03d}")
            examples.append(Example(identity, text, tuple(span.of(text) for span in spans), tuple(spans)))
    return examples


def _card_golds(question: BioAsqQuestion, snippet: str) -> list[CharSpan]:
    if not question.synonyms:
        return []
    answer = question.synonyms[0]
    start = snippet.find(answer)
    return [] if start < 0 else [CharSpan(start, start + len(answer))]


def _wide_golds(question: BioAsqQuestion, snippet: str) -> list[CharSpan]:
    return _spans_of(question.synonyms, snippet)


def factoid_golds(question: BioAsqQuestion, context: str) -> list[CharSpan]:
    """Where the answers of a factoid question stand in any text, as ``wide`` finds them; else empty."""
    return _wide_golds(question, context) if question.type == "factoid" else []


def _spans_of(names: Sequence[str], snippet: str) -> list[CharSpan]:
    """Where each name stands in any letter case, as a word of its own if it can; repeats once."""
    spans: dict[CharSpan, None] = {}
    for answer in names:
        # A pattern that ignores case keeps offsets true, where lower() can change a text's length.
        pattern = re.escape(answer.strip())
        whole_word = re.search(rf"(?<!\w){pattern}(?!\w)", snippet, re.IGNORECASE)
        if match := whole_word or re.search(pattern, snippet, re.IGNORECASE):
            spans[CharSpan(match.start(), match.end())] = None
    return list(spans)


def question_of_pair(pair_id: str) -> str:
    """The BioASQ question's id of a pair's id (``qid_007`` -> ``qid``); other ids as they are."""
    head, _, tail = pair_id.rpartition("_")
    return head if head and tail.isdecimal() else pair_id
