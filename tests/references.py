"""Small readers of RIS and BibTeX, as strict as the formats."""

from __future__ import annotations

import re

UNESCAPED = {
    r"\textbackslash{}": "\\", r"\textbraceleft{}": "{", r"\textbraceright{}": "}",
    r"\$": "$", r"\&": "&", r"\#": "#", r"\%": "%",
    r"\_": "_", r"\textasciicircum{}": "^", r"\textasciitilde{}": "~", r"\textless{}": "<",
    r"\textgreater{}": ">",
}  # fmt: skip
COMMAND = re.compile(r"\\(?:[a-z]+\{\}|.)")


def read_ris(text):
    """The records as lists of (tag, value)."""
    assert "\n" not in text.replace("\r\n", "")
    records, current = [], None
    for line in text.split("\r\n"):
        if not line:
            continue
        tag, value = re.fullmatch(r"([A-Z][A-Z0-9])  - (.*)", line).groups()
        if tag == "TY":
            assert current is None
            current = []
        current.append((tag, value))
        if tag == "ER":
            records.append(current)
            current = None
    assert current is None
    return records


def read_bibtex(text):
    """The entries as (type, key, fields): braces are counted as BibTeX does, those behind a backslash too."""
    entries, at = [], 0
    while (at := text.find("@", at)) >= 0:
        kind, key = re.compile(r"@(\w+)\{([^,\s]+),\n").match(text, at).groups()
        at = text.index("\n", at) + 1
        fields = {}
        while not text.startswith("}", at):
            name = re.compile(r"  (\w+) = \{").match(text, at)
            depth, end = 1, name.end()
            while depth:
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            value = text[name.end() : end - 1]
            fields[name[1]] = value
            assert text[end] == ","
            at = end + 2
        entries.append((kind, key, fields))
        at += 1
    return entries


def plain(value):
    """The text of a field's LaTeX."""
    parts, at = [], 0
    for command in COMMAND.finditer(value):
        parts += [re.sub("[{}]", "", value[at : command.start()]), UNESCAPED[command[0]]]
        at = command.end()
    return "".join([*parts, re.sub("[{}]", "", value[at:])])
