"""Which characters of a context ``run_squad.py`` takes an answer's text from.

run_squad knows no offsets. It splits a context into words at five characters, tokenises each, and
looks for the predicted tokens in a normalised copy of the words that they came from; where it does
not find them, the text is those words whole. So its texts differ from what offsets cut out:

- Tokens that begin inside a word, or that the vocabulary lacks, give their words whole: of
  "ruxolitinib)," the piece "ib" gives "ruxolitinib),".
- So do all tokens of words that normalising makes longer or shorter: those with a no-break or thin
  space in them (which ends no word), with a soft hyphen, with an accent that is a character of its own.
- What stands in the words more than once is taken where it stands first: of "Acta-a" the last "a"
  gives "A".
- Words are joined by one space, whatever stood between them.

All but the last still name one span of the context. So an answer's span and text stay exact here,
and ``joined_words`` makes of it what the script wrote.

What remains: characters that Unicode got after version 8 are other tokens to the script's tokenizer
than to ours; a position of padding could take one of the places in the script's shortlist, and our
windows have none. For tokenizers other than WordPiece the text is that of their decoder.

Source: transformers 4.46 ``data/processors/squad.py`` and ``data/metrics/squad_metrics.py``, and the
basic tokenizer of BERT (Devlin et al. 2019); ``tests/run_squad_446.py`` runs them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from tokenizers.models import WordPiece

from biom_demo.qa.records import CharSpan, Window

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

WORD = re.compile(r"[^ \t\r\n\u202f]+")
CONTINUES = "##"
CJK = re.compile(
    "([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f\U0002b820-\U0002ceaf\U0002f800-\U0002fa1f])"
)


def joined_words(text: str) -> str:
    """The text as run_squad writes it: its words, at space, tab, CR, LF and U+202F, joined by a space."""
    return " ".join(WORD.findall(text))


class WordAligner:
    """From tokens back to characters of one context, as run_squad finds them."""

    def __init__(self, context: str, tokenizer: PreTrainedTokenizerFast) -> None:
        words = [match.span() for match in WORD.finditer(context)]
        self._context = context
        self._tokenizer = tokenizer
        self._unknown = str(tokenizer.unk_token)
        self._words = np.array(words, np.int64).reshape(-1, 2)  # (W, 2)
        # Letters (characters of words) before each word, and in all.
        self._letters = np.concatenate([[0], np.cumsum(self._words[:, 1] - self._words[:, 0])])  # (W + 1,)
        backend = tokenizer.backend_tokenizer
        self._is_wordpiece = isinstance(backend.model, WordPiece)
        self._lower_case = bool(backend.normalizer) and "a" in backend.normalizer.normalize_str("A")
        # Per aligner, as they hold on to the context's text.
        self._basic_word = lru_cache(maxsize=1 << 16)(self._basic_word_of)
        self._basic_text = lru_cache(maxsize=16)(self._basic_text_of)

    def span(self, window: Window, first: int, last: int) -> CharSpan | None:
        """What run_squad's text of the tokens at ``first`` to ``last`` (inclusive) is made of.

        ``None`` in a context without a word.
        """
        if not len(self._words):
            return None
        low, high = self._word_at(window.offsets[first, 0]), self._word_at(window.offsets[last, 0])
        predicted = self._detokenized(window.ids[first : last + 1].tolist())
        found = self._found(low, high, predicted)
        if found is None:
            return CharSpan(int(self._words[low, 0]), int(self._words[high, 1]))
        return CharSpan(self._character(low, found[0]), self._character(low, found[1]) + 1)

    def _word_at(self, character: int) -> int:
        """The word that a token starting there belongs to; one that starts with white space, the next."""
        return min(int(np.searchsorted(self._words[:, 1], character, "right")), len(self._words) - 1)

    def _detokenized(self, ids: list[int]) -> str:
        tokens = self._tokenizer.convert_ids_to_tokens(ids)
        if self._is_wordpiece:
            text = " ".join(tokens).replace(f" {CONTINUES}", "")
        else:
            text = self._tokenizer.convert_tokens_to_string(tokens)
        return " ".join(text.split())

    def _found(self, low: int, high: int, predicted: str) -> tuple[int, int] | None:
        """The first and last letter of ``predicted`` among those of the words ``low`` to ``high``."""
        # The basic tokenizer splits at punctuation, so neither of these is ever found: a short way.
        if not predicted or predicted.startswith(CONTINUES) or self._unknown in predicted:
            return None
        text, letters = self._basic_text(low, high)
        if letters != self._letters[high + 1] - self._letters[low]:
            return None
        at = text.find(predicted)
        if at < 0:
            return None
        first = at - text.count(" ", 0, at)
        return first, first + len(predicted) - predicted.count(" ") - 1

    def _character(self, word: int, letter: int) -> int:
        """Where in the context that letter stands, counted from 0 at the start of the word."""
        rank = int(self._letters[word]) + letter
        inside = int(np.searchsorted(self._letters, rank, "right")) - 1
        return int(self._words[inside, 0]) + rank - int(self._letters[inside])

    def _basic_text_of(self, low: int, high: int) -> tuple[str, int]:
        """The basic tokens of the words, joined by spaces, and how many characters they have."""
        words = [self._basic_word(word) for word in range(low, high + 1)]
        text = " ".join(filter(None, words))
        return text, len(text) - text.count(" ")

    def _basic_word_of(self, word: int) -> str:
        start, end = self._words[word]
        return " ".join(basic_tokens(self._context[start:end], lower_case=self._lower_case))


def basic_tokens(text: str, *, lower_case: bool) -> list[str]:
    """The words and punctuation marks of a text as BERT's basic tokenizer splits and normalises them.

    Control and format characters are dropped; CJK ideographs stand alone; ``lower_case`` also takes
    accents off.
    """
    kept = (" " if _is_space(c) else c for c in text if not _is_dropped(c))
    spaced = CJK.sub(r" \1 ", "".join(kept))
    words = unicodedata.normalize("NFC", spaced).split()
    if lower_case:
        plain = (unicodedata.normalize("NFD", word.lower()) for word in words)
        words = ["".join(c for c in word if unicodedata.category(c) != "Mn") for word in plain]
    split = "".join(f" {c} " if _is_punctuation(c) else c for c in " ".join(words))
    return split.split()


def _is_space(character: str) -> bool:
    return character in "\t\n\r" or unicodedata.category(character) == "Zs"


def _is_dropped(character: str) -> bool:
    return character == "\ufffd" or (character not in "\t\n\r" and unicodedata.category(character)[0] == "C")


def _is_punctuation(character: str) -> bool:
    """Unicode's punctuation, and every ASCII character that is no letter, digit, space or control."""
    ascii_mark = "!" <= character <= "~" and not character.isalnum()
    return ascii_mark or unicodedata.category(character)[0] == "P"
