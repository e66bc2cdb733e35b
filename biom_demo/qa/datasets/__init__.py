"""SQuAD and BioASQ files -> records and back, and BioASQ questions -> SQuAD pairs.

Files are read in every form in which they go around; what had to be mended or left out on the way is
said in notes, and ``strict`` refuses a file in which anything was.
"""

from __future__ import annotations

from pathlib import Path

from biom_demo.qa.datasets.bioasq import (
    BioAsqFile,
    BioAsqQuestion,
    Snippet,
    is_bioasq,
    question_of_pair,
    questions_of,
    read_bioasq,
    read_bioasq_files,
    write_bioasq,
)
from biom_demo.qa.datasets.files import MAX_FILE_BYTES, document_of, read_json, write_json
from biom_demo.qa.datasets.pairs import MODES, Conversion, Mode, convert, factoid_golds, list_pairs
from biom_demo.qa.datasets.squad import SquadFile, examples_of, read_squad, write_squad

__all__ = [
    "MODES",
    "BioAsqFile",
    "BioAsqQuestion",
    "Conversion",
    "Mode",
    "Snippet",
    "SquadFile",
    "convert",
    "factoid_golds",
    "list_pairs",
    "question_of_pair",
    "read_bioasq",
    "read_bioasq_files",
    "read_dataset",
    "read_json",
    "read_squad",
    "write_bioasq",
    "write_json",
    "write_squad",
]


def read_dataset(
    path: Path | str, *, strict: bool = False, max_bytes: int = MAX_FILE_BYTES
) -> SquadFile | BioAsqFile:
    """What ``read_squad`` or ``read_bioasq`` makes of a file, whichever it is.

    Raises as they do, and ``DataError`` for a file that has, or unpacks to, more than ``max_bytes``.
    """
    document = document_of(path, max_bytes=max_bytes)
    return (questions_of if is_bioasq(document) else examples_of)(document, path, strict=strict)
