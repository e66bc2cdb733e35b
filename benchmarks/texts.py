"""Texts to read, made of the sentences of the page's examples: of so many tokens, or so many characters."""

from __future__ import annotations

import random
import re
from typing import Any

from biom_demo.qa.records import Question
from biom_demo.qa.windows import build_windows, tokenize
from biom_demo.ui.examples import EXAMPLES

SENTENCES = [s for example in EXAMPLES for s in re.split(r"(?<=[.!?])\s+", example["context"])]
QUESTIONS = [example["question"] for example in EXAMPLES]
ABSTRACT_TOKENS = (150, 450)  # of most abstracts of PubMed, with the question


def questions(count: int) -> list[Question]:
    """So many different questions: the examples', and then those of other papers' kind."""
    asked = [*QUESTIONS, *(f"According to this study, {q[0].lower()}{q[1:]}" for q in QUESTIONS)]
    asked += [f"{q} ({number})" for number, q in enumerate(asked)]
    if count > len(asked):
        raise ValueError(f"there are {len(asked)} questions, not {count}")
    return [Question(text) for text in asked[:count]]


def text_of_chars(chars: int, seed: int = 0) -> str:
    """Exactly so many characters of sentences in an order of the seed's."""
    draw, made = random.Random(seed), ""
    while len(made) < chars:
        made += " ".join(draw.sample(SENTENCES, len(SENTENCES))) + " "
    return made[:chars]


def text_of_tokens(tokenizer: Any, question: Question, tokens: int, seed: int = 0) -> str:
    """A text that with the question, and all special tokens, is one window of exactly so many tokens.

    Raises ``ValueError`` where there is none.
    """
    (empty,) = build_windows(tokenizer, [(question.text, "")])
    wanted = tokens - len(empty.windows[0])
    if wanted < 1:
        raise ValueError(f"{tokens} tokens leave no room beside {question.text!r}")
    text = text_of_chars(12 * wanted, seed)  # a token of English has some five
    (pieces,) = tokenize(tokenizer, [text])
    if len(pieces.ids) < wanted:
        raise ValueError(f"{len(text)} characters have {len(pieces.ids)} tokens, not {wanted}")
    # WordPiece takes the longest piece first, so a text cut after a token keeps the tokens before.
    text = text[: int(pieces.offsets[wanted - 1, 1])]
    (made,) = build_windows(tokenizer, [(question.text, text)])
    if [len(window) for window in made.windows] != [tokens]:
        raise ValueError(f"made {[len(window) for window in made.windows]} tokens, not {tokens}")
    return text


def abstracts(tokenizer: Any, question: Question, count: int, seed: int = 0) -> list[str]:
    """So many texts of lengths as abstracts have; of a seed the first ones are the same for any count."""
    draw = random.Random(seed)
    return [
        text_of_tokens(tokenizer, question, draw.randint(*ABSTRACT_TOKENS), seed + number)
        for number in range(count)
    ]
