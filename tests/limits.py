"""The limits a visitor can meet, in the words of the README's table, out of the code's own constants.

python -m tests.limits      # the table
"""

from __future__ import annotations

from biom_demo.analysis.attribution import MAX_REWORDINGS
from biom_demo.analysis.benchmark import ROWS_A_PAGE
from biom_demo.analysis.comparison import MAX_SIDES
from biom_demo.analysis.literature import MAX_ABSTRACTS, MAX_QUERY_CHARS
from biom_demo.analysis.passage import MAX_QUESTION_CHARS
from biom_demo.analysis.uploaded_rows import MAX_PAGE_ROWS
from biom_demo.qa.datasets.uploads import MAX_SECONDS, MAX_UPLOAD_BYTES, MAX_UPLOAD_QUESTIONS
from biom_demo.settings import Settings
from biom_demo.ui.benchmark_tab import READINGS_KEPT_BYTES
from biom_demo.ui.run import HISTORY_CHARS, HISTORY_KEPT
from biom_demo.ui.sessions import IDLE_S, MOST_BYTES, MOST_SESSIONS
from biom_demo.ui.site import PROGRAMS_NAMING_AT_ONCE, PUBMED_AT_ONCE, PUBMED_WAITING
from biom_demo.ui.why_panel import MAX_EXPLAINED_CHARS

DEFAULT = Settings()
ROWS = (
    ("a text", f"{DEFAULT.max_context_chars:,} characters (`BIOM_MAX_CONTEXT_CHARS`)"),
    ("a question", f"{MAX_QUESTION_CHARS:,} characters"),
    ("a PubMed query", f"{MAX_QUERY_CHARS:,} characters"),
    ("reading for one question", f"{DEFAULT.reading_budget_s:,.0f} s (`BIOM_READING_BUDGET`)"),
    ("asking PubMed for one question", f"{DEFAULT.pubmed_budget_s:,.0f} s (`BIOM_PUBMED_BUDGET`)"),
    ("abstracts of one search", f"{MAX_ABSTRACTS}"),
    ("models side by side", f"{MAX_SIDES}"),
    ("a text explained by “Why”", f"{MAX_EXPLAINED_CHARS:,} characters"),
    ("a question in other words", f"{MAX_REWORDINGS} wordings"),
    (
        "an uploaded file",
        f"{MAX_UPLOAD_BYTES / 1e6:.0f} MB unpacked, {MAX_UPLOAD_QUESTIONS:,} questions, {MAX_SECONDS} s",
    ),
    (
        "a file of rows on the Batch tab",
        f"{MAX_UPLOAD_BYTES / 1e6:.0f} MB, {MAX_PAGE_ROWS:,} rows, {MAX_SECONDS} s",
    ),
    ("rows of the benchmark’s table", f"{ROWS_A_PAGE} at a time"),
    ("readings of a file, for its rows to open unread", f"{READINGS_KEPT_BYTES / 1e6:.0f} MB"),
    ("a session's history", f"{HISTORY_KEPT} questions, {HISTORY_CHARS:,} characters"),
    (
        "all sessions",
        f"{MOST_SESSIONS:,} at one time, {MOST_BYTES / 1e6:.0f} MB; "
        f"forgotten after {IDLE_S // 60} idle minutes",
    ),
    ("visitors that wait", f"{DEFAULT.queue_size} (`BIOM_QUEUE`)"),
    ("visitors that ask PubMed", f"{PUBMED_AT_ONCE} at one time, {PUBMED_WAITING} more wait"),
    ("programs that name a record as their text", f"{PROGRAMS_NAMING_AT_ONCE} at one time"),
)


def table() -> str:
    """The table in Markdown."""
    lines = ["| what | most, by default |", "|---|---|", *(f"| {what} | {most} |" for what, most in ROWS)]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
