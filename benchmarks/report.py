"""A run's document -> figures, and the tables they stand in; all are worked out here, of seconds alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.floor import Operations, by_precision, floor_s
from benchmarks.rounds import Spread, ratios

BASELINE = "A"
SINGLY = ", singly"  # after a task's name: pair by pair
REFERENCE_TOKENS = 384
NAMES = {"bundled": "bundled pair", "mini": "Mini, random", "base": "Base, random", "large": "Large, random"}
LIKE_ANOTHER = ("mini",)  # the bundled pair's size again
Document = Mapping[str, Any]
Row = Mapping[str, Any]


def peaks_of(document: Document, threads: int) -> dict[str, float]:
    """The most operations a second by precision, over all times that it was measured in the run."""
    return by_precision(
        part["kernels"][str(threads)]
        for name, part in document["parts"].items()
        if name.startswith("peaks/") and str(threads) in part["kernels"]
    )


def rows_of(document: Document, kind: str) -> list[Row]:
    """The rows of all parts of a kind ("lengths", "tasks", "schedule", "gpu", "server")."""
    parts = document["parts"].items()
    return [row for name, part in parts if name.split("/")[0] == kind for row in part.get("rows", ())]


def baseline_of(rows: Iterable[Row], row: Row) -> Row:
    """Baseline A's row of the same subject, threads and task."""
    keys = ("subject", "threads", "task")
    return next(
        one for one in rows if one["variant"] == BASELINE and all(one.get(k) == row.get(k) for k in keys)
    )


def ratio_of(rows: Sequence[Row], row: Row) -> Spread:
    """How many times as fast as baseline A, round by round."""
    return ratios(baseline_of(rows, row)["seconds"], row["seconds"])


def share_of_floor(document: Document, row: Row) -> float | None:
    """The least time the machine could take over the time it took; ``None`` where its peak is not known."""
    if "operations" not in row:
        return None
    done = Operations(row["operations"]["linear"], row["operations"]["attention"])
    precision = "int8" if row["variant"].endswith("int8") else row["variant"]
    least = floor_s(done, peaks_of(document, row["threads"]), precision)
    return None if least is None else least / Spread.of(row["seconds"]).median


# Text


def seconds_text(seconds: float) -> str:
    """ "2.43 s", "81 ms"."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f}%"


def reckoned(row: Row) -> str:
    """ "4 of 89 windows timed" where not all were."""
    timed, all_of = row["windows_timed"], row["windows"]
    return "" if timed >= all_of else f"{timed} of {all_of} windows timed"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table's lines."""
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)]


def lines_of(document: Document, part_name: str) -> Iterator[str]:
    """What a part of a run found, for a terminal."""
    part, kind = document["parts"][part_name], part_name.split("/")[0]
    rows = part.get("rows", ())
    if kind == "peaks":
        for threads, kernels in part["kernels"].items():
            rates = (f"{name} {one['rate'] / 1e9:,.0f}" for name, one in kernels.items())
            yield f"{_counted(int(threads), 'thread')}, GFLOP/s: {', '.join(rates)}"
    elif kind in ("lengths", "tasks", "gpu"):
        for row in rows:
            told = f"{row['task']}: {row['variant']} {seconds_text(Spread.of(row['seconds']).median)}"
            if row["variant"] != BASELINE:
                told += f", {ratio_of(rows, row).text()} times A"
                if share := percent(share_of_floor(document, row)):
                    told += f", {share} of the floor"
            yield told + (f" ({reckoned(row)})" if "windows" in row and reckoned(row) else "")
        for name, share in part.get("off_the_baseline", {}).items():
            yield f"{name}: start logits {100 * share:.2g}% off A's"
    elif kind == "schedule":
        for row in rows:
            first, both = (seconds_text(Spread.of(row[what]).median) for what in ("first", "both"))
            yield f"{row['variant']}, {row['schedule']}: first answer {first}, both {both}"
    elif kind == "server":
        for row in rows:
            yield (
                f"{row['text']}: " + ", ".join(f"{k} {seconds_text(s)}" for k, s in _server(row)) + "; "
                f"{row['read_anew']} of {row['windows']} windows read anew after a change at the end"
            )
    else:
        for name, seconds in part.items():
            if isinstance(seconds, list) and name != "load_before":
                yield f"{name}: {seconds_text(Spread.of(seconds).median)}"
    for name, why in part.get("refused", {}).items():
        yield f"{name} was left out: {why}"


def _server(row: Row) -> Iterator[tuple[str, float]]:
    for kind in ("read", "again", "slider", "longest answer"):
        yield kind, Spread.of(row[kind]).median


# Markdown


def readme_table(document: Document) -> str:
    """The block of the README: one abstract of the reference length, with all threads."""
    rows = _reference_rows(document)
    variants = _variants(rows)
    about = rows[0]
    pace = f"{document['environment']['processor']}, {_counted(about['threads'], 'thread')}"
    head = [f"{pace}; {about['task']}", "plain loop", *variants]
    body = []
    for subject in _in_order(row["subject"] for row in rows if row["subject"] not in LIKE_ANOTHER):
        of = {row["variant"]: row for row in rows if row["subject"] == subject}
        plain = seconds_text(Spread.of(of[BASELINE]["seconds"]).median)
        times = [_times(document, rows, of.get(name)) for name in variants]
        body.append([NAMES.get(subject, subject), plain, *times])
    return "\n".join(table(head, body))


def measurements(document: Document, plot: str) -> str:
    """The block of docs/measurements.md: all that was measured; ``plot`` is the picture's path from there."""
    made = [_about(document), f"![Times as fast as the plain loop, by tokens and engine]({plot})"]
    made += ["\n".join(_peaks_table(document))]
    lengths = rows_of(document, "lengths")
    for threads in sorted({row["threads"] for row in lengths}, reverse=True):
        rows = [row for row in lengths if row["threads"] == threads]
        made += [f"One abstract, {_counted(threads, 'thread')}:", "\n".join(_rows_table(document, rows))]
    if rows := rows_of(document, "tasks"):
        made += [
            f"Many windows, {_counted(rows[0]['threads'], 'thread')} (where not all were timed, the seconds "
            "are reckoned for the whole by its operations, A's by its windows, which all cost the same):",
            "\n".join(_rows_table(document, rows)),
        ]
        if told := _together(rows):
            made.append(told)
    if rows := rows_of(document, "schedule"):
        made += ["Two models over one abstract of 384 tokens:", "\n".join(_schedule_table(rows))]
    if rows := rows_of(document, "server"):
        made += [
            "The server with the bundled pair, both models, with all that is drawn:",
            "\n".join(_server_table(rows)),
        ]
    if "start-up" in document["parts"]:
        made.append(_start_up(document["parts"]["start-up"]))
    if rows := rows_of(document, "gpu"):
        made += [f"On a GPU ({document['environment']['gpu']}):", "\n".join(_rows_table(document, rows))]
    if left := _left_out(document):
        made.append(left)
    return "\n\n".join(made)


def _about(document: Document) -> str:
    parts = document["parts"].values()
    versions = ", ".join(f"{k} {v}" for k, v in document["environment"]["packages"].items())
    days = sorted({part["at"][:10] for part in parts})
    loads = [part["load_before"][0] for part in parts if part["load_before"]]
    flags = " ".join(document["environment"]["flags"])
    when = " to ".join(dict.fromkeys((days[0], days[-1])))
    return (
        f"`{document['command']}` on {_machine(document)} ({flags}; {versions}; commit "
        f"{document['commit'] or 'unknown'}; {when}; load average before each part up to "
        f"{max(loads, default=0):.1f}). A is the plain transformers loop: eager attention, windows padded to "
        "512, one at a time. Seconds are medians. *Times A* has the least and the most of the rounds in "
        "brackets: all variants of a round run in turn, and a ratio is of two times of one round. *Floor* is "
        "the share that the operations of the unpadded windows would take at the machine's best rate in that "
        "precision."
    )


def _machine(document: Document) -> str:
    environment = document["environment"]
    return f"{environment['processor']}, {_counted(environment['cores'], 'core')}"


def _peaks_table(document: Document) -> list[str]:
    parts = [(n.split("/")[1], p) for n, p in document["parts"].items() if n.startswith("peaks/")]
    keys = _in_order((kernel, t) for _, p in parts for t, found in p["kernels"].items() for kernel in found)
    body = []
    for kernel, threads in keys:
        rates = [p["kernels"].get(threads, {}).get(kernel) for _, p in parts]
        told = [f"{one['rate'] / 1e9:,.0f}" if one else "" for one in rates]
        body.append([f"{kernel}, {_counted(int(threads), 'thread')}", *told])
    return table(["matrix products, GFLOP/s", *(when for when, _ in parts)], body)


def _rows_table(document: Document, rows: Sequence[Row]) -> list[str]:
    variants = _variants(rows)
    body = []
    for subject, task in _in_order((row["subject"], row["task"]) for row in rows):
        of = {row["variant"]: row for row in rows if (row["subject"], row["task"]) == (subject, task)}
        plain = of[BASELINE]
        ours = next((row for name, row in of.items() if name != BASELINE), plain)
        timed = [(who, reckoned(row)) for who, row in (("A", plain), ("ours", ours)) if "windows" in row]
        body.append(
            [
                NAMES.get(subject, subject),
                task,
                seconds_text(Spread.of(plain["seconds"]).median),
                *(_cell(document, rows, of.get(name)) for name in variants),
                "; ".join(f"{who}: {text}" for who, text in timed if text),
            ]
        )
    head = ["model", "task", "A", *(f"{name}: times A, floor" for name in variants), "reckoned"]
    if not any(line[-1] for line in body):
        head, body = head[:-1], [line[:-1] for line in body]
    return table(head, body)


def _cell(document: Document, rows: Sequence[Row], row: Row | None) -> str:
    """ "1.05 s: 2.31 (2.28 to 2.40), 85%"."""
    if row is None:
        return ""
    share = percent(share_of_floor(document, row))
    told = f"{seconds_text(Spread.of(row['seconds']).median)}: {ratio_of(rows, row).text()}"
    return f"{told}, {share}" if share else told


def _times(document: Document, rows: Sequence[Row], row: Row | None) -> str:
    if row is None:
        return "not here"
    share = percent(share_of_floor(document, row))
    return f"{ratio_of(rows, row).median:.1f}" + (f" ({share})" if share else "")


def _together(rows: Sequence[Row]) -> str:
    """What questions over one text cost together, against one by one in the same rounds."""
    told = []
    for row in rows:
        for one in rows:
            same = all(one[key] == row[key] for key in ("subject", "threads", "variant"))
            if same and row["variant"] != BASELINE and one["task"] == row["task"] + SINGLY:
                gain = ratios(one["seconds"], row["seconds"]).text()
                told.append(f"{NAMES.get(row['subject'], row['subject'])} in {row['variant']} {gain}")
    return f"Questions over one abstract, together against one by one: {'; '.join(told)}." if told else ""


def _schedule_table(rows: Sequence[Row]) -> list[str]:
    body = [
        [
            NAMES.get(row["subject"], row["subject"]),
            row["variant"],
            f"{row['schedule']}, {_counted(row['threads'], 'thread')}",
            *(_spread_s(row[what]) for what in ("first", "both")),
        ]
        for row in rows
    ]
    return table(["models", "engine", "schedule", "to the first answer", "to both"], body)


def _server_table(rows: Sequence[Row]) -> list[str]:
    body = [
        [
            row["text"],
            *(_spread_s(row[kind]) for kind, _ in _server(row)),
            f"{row['read_anew']} of {row['windows']}",
        ]
        for row in rows
    ]
    head = ["text", "read and drawn", "asked again", "a slider", "longest answer"]
    return table([*head, "windows read anew after a change at the end"], body)


def _start_up(part: Mapping[str, Any]) -> str:
    return (
        f"`import biom_demo` takes {_spread_s(part['biom_demo'])}, its library "
        f"{_spread_s(part['biom_demo.library'])} (`-X importtime`); from `python app.py` to the page "
        f"{_spread_s(part['page'])}, to models that have read {_spread_s(part['ready'])}."
    )


def _left_out(document: Document) -> str:
    why: dict[str, None] = {}
    for part in document["parts"].values():
        why |= {f"{name}: {reason}": None for name, reason in part.get("refused", {}).items()}
    return f"Left out on this machine. {' '.join(why)}" if why else ""


def _reference_rows(document: Document) -> list[Row]:
    """One abstract of the reference length, else of the longest, with the most threads."""
    rows = rows_of(document, "lengths")
    most = max(row["threads"] for row in rows)
    tasks = _in_order(row["task"] for row in rows)
    wanted = f"{REFERENCE_TOKENS} tokens"
    task = wanted if wanted in tasks else max(tasks, key=lambda name: int(name.split()[0]))
    return [row for row in rows if row["threads"] == most and row["task"] == task]


def _variants(rows: Iterable[Row]) -> list[str]:
    return [name for name in _in_order(row["variant"] for row in rows) if name != BASELINE]


def _in_order(items: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(items))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _spread_s(seconds: Sequence[float]) -> str:
    """ "81 ms (78 ms to 85 ms)"; a single figure alone."""
    spread = Spread.of(seconds)
    if len(seconds) == 1:
        return seconds_text(spread.median)
    return f"{seconds_text(spread.median)} ({seconds_text(spread.least)} to {seconds_text(spread.most)})"
