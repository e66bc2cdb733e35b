"""Biomedical extractive question answering: two models, one abstract, side by side.

The library is ``load_pair``, ``ask`` and ``ask_pubmed`` (``biom_demo.library`` has the rest); errors are
those of ``biom_demo.errors``. Nothing is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from biom_demo.library import (
        AnsweredComparison,
        AnsweredLiterature,
        LoadedPair,
        View,
        ask,
        ask_pubmed,
        load_pair,
    )

__version__ = "0.1.0"
__all__ = [
    "AnsweredComparison",
    "AnsweredLiterature",
    "LoadedPair",
    "View",
    "__version__",
    "ask",
    "ask_pubmed",
    "load_pair",
]

if not TYPE_CHECKING:  # to a type checker, a name that does not exist is an error

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from biom_demo import library

        return getattr(library, name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
