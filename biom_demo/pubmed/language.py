"""The language of a question, guessed from its letters and small words. Pure."""

from __future__ import annotations

import re

from biom_demo.pubmed.words import words

_SCRIPTS = {
    "Chinese": "\u4e00-\u9fff", "Japanese": "\u3040-\u30ff", "Korean": "\uac00-\ud7af",
    "Arabic": "\u0600-\u06ff", "Hebrew": "\u0590-\u05ff", "Hindi": "\u0900-\u097f",
    "Thai": "\u0e00-\u0e7f", "a language in Cyrillic letters": "\u0400-\u04ff",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
}  # fmt: skip
_LANGUAGES = {
    "es": "Spanish", "fr": "French", "de": "German", "it": "Italian", "pt": "Portuguese", "nl": "Dutch",
    "pl": "Polish", "tr": "Turkish", "sv": "Swedish", "id": "Indonesian",
    "da": "Danish", "no": "Norwegian", "fi": "Finnish", "cs": "Czech", "hu": "Hungarian", "ro": "Romanian",
}  # fmt: skip
MAX_NAMED = 3
MIN_FOREIGN_SHARE = 0.3  # of the letters; names in Greek letters stay below


def language_of(text: str) -> str:
    """The language the question is in where it is not English, or "". A guess by letters and small words.

    "Danish or Norwegian" where its words are those of several alike.
    """
    letters = sum(c.isalpha() for c in text)
    shares = {
        name: len(re.findall(f"[{signs}]", text)) / letters for name, signs in _SCRIPTS.items() if letters
    }
    if shares.get("Japanese", 0) > 0.1:
        return "Japanese"
    script = max(shares, key=lambda name: shares[name], default="")
    if script and shares[script] > MIN_FOREIGN_SHARE:
        return script
    written = re.findall(r"[^\W\d_]+", text)
    found = [word.lower() for word in written if not (word.isupper() and len(word) > 1)]  # EST is a library
    english = words("question_stops")
    counts = {
        code: sum(word in words(f"stops_{code}") and word not in english for word in found)
        for code in _LANGUAGES
    }
    best = max(counts, key=lambda code: counts[code])
    own = words(f"stops_{best}")
    in_english = sum(word in english and word not in own for word in found)
    asks = not in_english and any(word in words("foreign_question_words") for word in found)
    is_foreign = counts[best] > max(1, in_english) or (counts[best] and (asks or set("¿¡") & set(text)))
    # Of neighbours a short question may be either: Danish or Norwegian.
    likely = [name for code, name in _LANGUAGES.items() if counts[code] == counts[best]]
    return " or ".join(likely[:MAX_NAMED]) if is_foreign else ""
