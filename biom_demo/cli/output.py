"""What commands print: JSON in any encoding, and a record with all that must be told of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from biom_demo.pubmed.abstract import Abstract


def print_json(document: Any) -> None:
    """Print JSON that is JSON in any encoding: ASCII alone where the output's is not UTF-8."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    is_utf8 = encoding.lower().replace("-", "") == "utf8"
    print(json.dumps(document, ensure_ascii=not is_utf8, indent=1))


def record_lines(record: Abstract) -> Iterator[str]:
    """Lines that name a record and tell what is known of it: "!" before a retraction or concern."""
    yield " ".join(filter(None, (f"PMID {record.pmid} ", record.title, record.journal, record.date)))
    for note in record.notes:
        yield f"  {'!' if note.serious else '-'} {note.sentence}{f' {note.url}' if note.url else ''}"
    for remark in record.remarks:
        yield f"  - {remark}"
