"""Hints: which questions the models cannot take, and which pastes are files."""

from __future__ import annotations

import base64
import json

import pytest

from biom_demo.analysis.hints import file_in, paste_hint, question_hint
from tests.conftest import ROOT

YES_NO = ["Is CFTR mutated?", "does aspirin help", "In mice, do they live?", "CFTR causes it, right?",
          "Is it true that p53 is a kinase?", "Hasn’t it been tried?", "Aspirin helps, doesn't it?",
          "Has “RNA interference” been awarded?", "Can we find it?"]  # fmt: skip
LISTS = ["List the symptoms.", "Which genes cause it?", "What are the side effects?", "Name three drugs.",
         "Can you list all genes of it?", "Please, enumerate them."]  # fmt: skip
SEVERAL = ["Which gene? Which drug?", "What is the dose and which drug is given?",
           "1. Which gene\n2. Which drug",
           "What is it, and how many have it?"]  # fmt: skip
FOREIGN = ["¿Qué gen causa la fibrosis quística?", "Welches Gen verursacht die Krankheit?", "哪个基因？",
           "أي جين يسبب التليف الكيسي؟", "איזה גן גורם למחלה?", "Какой ген вызывает болезнь?"]  # fmt: skip
EXPLANATIONS = ["Why does it help?", "Explain the mechanism.", "What is the difference between them?"]
TAKEN = ["Which gene causes cystic fibrosis?", "Can you tell me which gene causes it?",
         "How is it inherited?",
         "Do we know what causes it?", "Which virus do bats carry?", "What is May-Hegglin anomaly?",
         "Which protein is encoded by WAS?", "What is the gene which causes it and which is on 7?",
         "Which basis does it have?", "How many patients died?", "When was β-catenin found?", "p53",
         "Will Rogers phenomenon: what is it?", "", "?", "Name the gene."]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "word"),
    [
        *((question, "yes or no") for question in YES_NO),
        *((question, "several things") for question in LISTS),
        *((question, "several questions") for question in SEVERAL),
        *((question, "ask in English") for question in FOREIGN),
        *((question, "explanation") for question in EXPLANATIONS),
    ],
)
def test_a_question_the_models_cannot_take_gets_its_hint(question, word):
    assert word in question_hint(question)


@pytest.mark.parametrize("question", TAKEN)
def test_a_question_they_can_take_gets_none(question):
    assert question_hint(question) == ""


def test_the_page_s_own_examples_get_none():
    examples = json.loads((ROOT / "assets" / "examples.json").read_text("utf-8"))
    assert {question_hint(example["question"]) for example in examples} == {""}
    assert {paste_hint(example["context"]) for example in examples} == {""}


def as_pasted(data):
    """A file's bytes as a text editor that takes them for UTF-8 puts them on the clipboard."""
    return data.decode("utf-8", errors="replace")


def in_lines(data, width=76):
    text = base64.b64encode(data).decode()
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4
ZIP = b"PK\x03\x04\x14\0\x06\0[Content_Types].xml" + bytes(range(256)) * 4


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (as_pasted(PDF), "a PDF file"),
        (PDF.decode("latin-1"), "a PDF file"),
        ("\ufeff\n %PDF-1.4 of", "a PDF file"),
        (as_pasted(PNG), "a PNG picture"),
        (PNG.decode("latin-1"), "a PNG picture"),
        (as_pasted(ZIP), "a Word, Excel or ZIP file"),
        (as_pasted(b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1" + bytes(200)), "a JPEG picture"),
        (r"{\rtf1\ansi The gene.}", "an RTF document"),
        (as_pasted(b"\xd0\xcf\x11\xe0" + bytes(200)), "an old Word or Excel file"),
        (as_pasted("The gene.".encode("utf-16-le")), "text in another encoding (UTF-16)"),
        (as_pasted(bytes(range(256)) * 4), "a binary file"),
        (in_lines(PDF * 9), "a PDF file in base64"),
        (in_lines(PNG), "a PNG picture in base64"),
        ("data:image/png;base64," + base64.b64encode(PNG).decode(), "a PNG picture in base64"),
        (in_lines(bytes(range(256)) * 4), "a file in base64"),
    ],
)
def test_a_file_pasted_in_place_of_its_words_is_named(text, kind):
    assert file_in(text) == kind
    assert f"looks like {kind}, not text" in paste_hint(text)
    assert "paste those" in paste_hint(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The gene is CFTR.",
        "%PDF is a format; GIF89a another, PK a pharmacokinetic study, MZ twins.",
        "ACGT" * 500,  # a sequence
        "MKTAYIAKQRQISFVKSHFSRQ" * 20,
        "See https://example.org/" + "aB3/" * 60,
        "In β-Zellen \ufffd stands once, in a text of some length that is otherwise quite clean.",
        "العربية نص عادي",
    ],
)
def test_a_text_is_not_taken_for_a_file(text):
    assert paste_hint(text) == ""
