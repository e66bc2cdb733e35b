"""A visitor's file costs the server nothing, whatever it holds, and every refusal says what to do."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import pytest

from biom_demo.errors import DataError, InputError
from biom_demo.qa.datasets import read_dataset, uploads
from biom_demo.qa.datasets.uploads import MAX_UPLOAD_BYTES, MAX_UPLOAD_QUESTIONS, limits_in_words, read_upload
from biom_demo.qa.records import CharSpan
from tests.conftest import ROOT

SQUAD = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": "Wilson disease: ATP7B. “α”",
                    "qas": [
                        {"id": "1", "question": "Gene?", "answers": [{"text": "ATP7B", "answer_start": 16}]},
                        {"id": "2", "question": "Cure?", "answers": [], "is_impossible": True},
                        {"id": "3", "question": "Who?"},
                    ],
                }
            ]
        }
    ]
}
BIOASQ = {
    "questions": [
        {
            "id": "q",
            "body": "Gene?",
            "type": "factoid",
            "exact_answer": [["ATP7B", "ATP-7B"]],
            "snippets": [{"text": "It is atp7b.", "document": "d"}, {"text": "No.", "document": "d"}],
        }
    ]
}


def file_of(folder, content, name="given.json"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_the_questions_are_those_read_in_process(tmp_path, encoding):
    path = file_of(tmp_path, json.dumps(SQUAD, ensure_ascii=False).encode(encoding))
    found, known = read_upload(path), read_dataset(path)
    assert (found.examples, found.notes) == (known.examples, known.notes)
    assert len(found.examples) == 3
    assert found.notes == ("questions without gold answers, which are answered and not scored: 1 (3).",)


def test_a_bioasq_file_gives_its_factoids_with_each_snippet_that_has_an_answer(tmp_path):
    (example,) = read_upload(file_of(tmp_path, BIOASQ)).examples
    assert (example.question.id, example.context) == ("q_000", "It is atp7b.")
    assert example.gold_spans == (CharSpan(6, 11),)


def test_one_context_is_held_once(tmp_path):
    contexts = [example.context for example in read_upload(file_of(tmp_path, SQUAD)).examples]
    assert all(context is contexts[0] for context in contexts)


def test_a_file_too_large_is_refused_before_it_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "_answer_of_child", lambda *_: pytest.fail("it was opened"))
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(MAX_UPLOAD_BYTES + 1)
    with pytest.raises(DataError, match=r"^large\.json has 8\.0 MB; a file may have at most 8 MB and 15,000"):
        read_upload(path)


def test_the_limits_are_told_in_words():
    assert limits_in_words() == "at most 8 MB and 15,000 questions"


def test_a_file_of_too_many_questions_is_refused(tmp_path):
    rows = [{"context": "a", "question": "b"}] * (MAX_UPLOAD_QUESTIONS + 1)
    rows = [row | {"id": str(number)} for number, row in enumerate(rows)]
    with pytest.raises(DataError, match=r"holds 15,001 questions; a file may have .* Give .* in parts"):
        read_upload(file_of(tmp_path, rows))


HOSTILE = {
    "deep": (b"[" * 1_000_000, "nested too deeply"),
    "deep within": (b'{"data":' * 1_000_000, "nested too deeply"),
    "a number of many digits": (b'{"data": ' + b"9" * 1_000_000 + b"}", "number that cannot be read"),
    "a packed bomb": (gzip.compress(bytes(20_000_000), mtime=0), "more than 8 MB"),
    "cut off": (b'{"data": [', "not valid JSON"),
    "damaged packing": (gzip.compress(b"{}" * 99)[:-9], "damaged .gz"),
    "no text": (bytes(range(256)), "not UTF-8"),
    "empty": (b"", "not valid JSON"),
    "null": (b"null", "not a SQuAD file"),
    "another document": (b'{"a": 1}', "not a SQuAD file"),
    "brackets": (b"[" + b"[]," * 10_000 + b"[]]", "Nothing of given.json can be used"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_data_file_is_refused_in_words_that_name_the_file_alone(tmp_path, kind):
    content, words = HOSTILE[kind]
    with pytest.raises(DataError, match=words) as caught:
        read_upload(file_of(tmp_path, content))
    assert "given.json" in str(caught.value)
    assert "/" not in str(caught.value)


def test_odd_numbers_and_keys_given_twice_are_read_as_python_reads_them(tmp_path):
    content = (
        b'{"data": 1, "data": [{"context": "a b", "question": "c", "id": 1e999999,'
        b' "answers": {"text": ["b"], "answer_start": [NaN]}}]}'
    )
    (example,) = read_upload(file_of(tmp_path, content)).examples
    assert (example.question.id, example.gold_texts) == ("inf", ("b",))


def test_a_file_without_a_question_to_ask_is_refused(tmp_path):
    no_answer = {"questions": [BIOASQ["questions"][0] | {"exact_answer": [["none such"]]}]}
    with pytest.raises(InputError, match="holds no factoid question with an answer"):
        read_upload(file_of(tmp_path, no_answer))
    with pytest.raises(DataError, match="has not arrived"):
        read_upload(tmp_path / "gone.json")


def test_a_small_file_of_overlapping_answers_does_not_become_a_large_set(tmp_path):
    gap = "a " * 100 + " " * 100_000 + "b"
    question = BIOASQ["questions"][0] | {
        "exact_answer": [["a " * count + "b" for count in range(1, 90)]],
        "snippets": [{"text": gap, "document": ""}],
    }
    with pytest.raises(DataError, match="more memory to read than there is for it"):
        read_upload(file_of(tmp_path, {"questions": [question]}))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
def test_a_child_that_needs_too_much_memory_says_so_or_is_ended(tmp_path):
    path = file_of(tmp_path, SQUAD)
    greedy = (
        "import runpy, sys, biom_demo.qa.datasets as datasets\n"
        "datasets.read_dataset = lambda *args, **kwargs: bytearray(2**30)\n"
        f"sys.argv = ['', {str(path)!r}]\n"
        "runpy.run_module('biom_demo.qa.datasets.uploads', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", greedy], cwd=ROOT, capture_output=True, check=True)
    assert json.loads(done.stdout) == {"limit": "memory"}


def test_a_child_that_was_ended_by_the_system_is_taken_for_one_that_needed_too_much(tmp_path, monkeypatch):
    ended = subprocess.CompletedProcess([], -9, b"", b"")
    monkeypatch.setattr(uploads.subprocess, "run", lambda *args, **kwargs: ended)
    with pytest.raises(DataError, match="takes more memory to read"):
        read_upload(file_of(tmp_path, SQUAD))


def test_a_child_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_SECONDS", 0.01)
    with pytest.raises(DataError, match="takes more time to read than there is for it"):
        read_upload(file_of(tmp_path, SQUAD))


def test_more_files_than_are_read_at_a_time_wait_and_are_then_sent_away(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_SECONDS", 0.01)
    for _ in range(uploads.READ_AT_A_TIME):
        uploads._TURNS.acquire()
    try:
        with pytest.raises(InputError, match="again in a minute"):
            read_upload(file_of(tmp_path, SQUAD))
    finally:
        for _ in range(uploads.READ_AT_A_TIME):
            uploads._TURNS.release()
