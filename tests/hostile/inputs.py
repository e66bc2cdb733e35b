"""Texts, names, arguments and files made of hostile pieces; the same random numbers make the same input."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.costs import PIECES
from tests.hostile.payloads import FORMULAS, VALUES, XSS

EVERY = (*XSS, *FORMULAS)
PAYLOADS_IN_TEXT = 12
LONG_CHARS = 100_000
FILLER = (
    "Cystic fibrosis is caused by mutations of the CFTR gene on chromosome 7.",
    "BACKGROUND: Mice without it live; p < 0.05, 95% CI 1.2–3.4.",
    "Aspirin irreversibly inhibits COX-1 & COX-2 in platelets (n = 12).",
    "Was haben die Mäuse? Ως εκ τούτου, 細胞 и клетки.",
)
NAMES = (
    "{n}", "PMID: {n}", "PMC{n}", "10.5555/{x}", "doi:10.5555/{n}.{x}", "https://doi.org/10.5555/{x}",
    "https://pubmed.ncbi.nlm.nih.gov/{n}/?{x}", "https://pubmed.ncbi.nlm.nih.gov/?term={x}", "{n}, {n}\n{n}",
    "Smith AB, {x}. Nature. 2019;1(2):3-4. doi:10.5555/{x}", "{x}[ti] AND {x}[au]", "({x} OR (", '"{x}',
    "https://evil.example/?url=https://doi.org/10.5555/{x}", "https://127.0.0.1/{x}", "file:///etc/{x}",
)  # fmt: skip


def payload(random: Random, number: int | None = None) -> str:
    """Text that wants to be markup or a formula; each of them in turn where they are counted through."""
    if number is not None and number < len(EVERY):
        return EVERY[number]
    made = random.choice(EVERY)
    if random.random() < 0.2:  # as another piece of software may have passed it on
        made = random.choice((str.upper, str.swapcase, lambda s: s * 3, lambda s: s[: len(s) // 2], repr))(
            made
        )
    return made


def text(random: Random, *, most: int = 3_000, number: int | None = None) -> str:
    """A text to be read, in which payloads stand at word edges, inside words and at its ends."""
    if number is not None and number * PAYLOADS_IN_TEXT < len(EVERY):
        counted = range(number * PAYLOADS_IN_TEXT, (number + 1) * PAYLOADS_IN_TEXT)
        return " ".join(f"{random.choice(FILLER)} {payload(random, n)}" for n in counted)
    kind = random.random()
    if kind < 0.1:
        piece = random.choice(PIECES)
        return (piece * (most // len(piece) + 1))[: random.randrange(1, most)]
    if kind < 0.2:
        return "".join(map(chr, random.choices(range(0x110000), k=random.randrange(1, 200))))
    if kind < 0.25:
        return random.choice(("", " ", "\n", "\x00", "\ud800", "\u202e", "a", "?"))
    parts = [part for _ in range(random.randrange(1, 6)) for part in (random.choice(FILLER), payload(random))]
    return random.choice((" ", "", "\n", "\t")).join(parts)[:most]


def long_text(random: Random) -> str:
    """A text of one hostile piece over and over, as long as a visitor may send."""
    piece = random.choice((*PIECES, "\f", "\v", "\x85", "\u2028", "ABC:\n", "http://[", "<", "&", "\\", "\t"))
    return (piece * (LONG_CHARS // len(piece) + 1))[:LONG_CHARS]


def question(random: Random, number: int | None = None) -> str:
    """A question, with a payload in it or instead of it."""
    made = payload(random, number)
    return random.choice((made, f"Which gene causes {made}?", f"{made} Which gene?", f"Which\n{made}\ngene?"))


def name(random: Random) -> str:
    """What may be taken for the name of a record, an address or a query."""
    pattern = random.choice(NAMES)
    return pattern.replace("{n}", str(random.randrange(1, 10**8))).replace("{x}", payload(random))


def value(random: Random) -> Any:
    """A JSON value of any type."""
    return random.choice(
        (random.choice(VALUES), text(random, most=500), random.uniform(-1e6, 1e6), payload(random))
    )


def fitting(random: Random, component: dict[str, Any]) -> Any:
    """A value of the type that a part of the page takes, with hostile content."""
    props = component["props"]
    kind = component["type"]
    if kind == "slider":
        return random.uniform(props["minimum"], props["maximum"])
    if kind == "checkbox":
        return random.random() < 0.5
    if kind in ("dropdown", "radio"):
        offered = [choice[1] for choice in props.get("choices") or ()] or [0]
        return (
            random.sample(offered, min(2, len(offered)))
            if props.get("multiselect")
            else random.choice(offered)
        )
    if kind == "dataset":
        return random.randrange(0, 3)
    if kind == "uploadbutton":
        return {"path": payload(random), "meta": {"_type": "gradio.FileData"}, "orig_name": payload(random)}
    if kind == "state":
        return None
    if random.random() < 0.03:
        return long_text(random)
    return random.choice((text, question, name))(random)


def bent(random: Random, values: list[Any]) -> list[Any]:
    """A list of arguments made wrong: in length, in type, or in both."""
    made = list(values)
    for _ in range(random.randrange(1, 3)):
        way = random.random()
        if way < 0.25 and made:
            del made[random.randrange(len(made))]
        elif way < 0.4:
            made.insert(random.randrange(len(made) + 1), value(random))
        elif way < 0.5:
            made = []
        elif made:
            made[random.randrange(len(made))] = value(random)
    return made
