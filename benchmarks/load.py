"""Whether visitors keep each other waiting: a long text, leaving in mid-run, and a crowd, over HTTP.

    python benchmarks/load.py [--seconds 300] [--clients 50] [--only beside leaving crowd] [--json FILE]

Starts the app on a free port of this machine with the bundled pair and no cache of PubMed, and a local
server in PubMed's place. Page visitors do over HTTP what the page does in a browser: they open a heartbeat,
send each event and those that follow it, and read the answers' streams; programs use ``/answer`` and
``/ask_pubmed``. Clients and server share the processor. Prints three tables:

- *beside a long text*: from the click to both models' answers, for short questions one after the other,
  alone and while another visitor has a text of the greatest length read;
- *leaving*: visitors begin to read such texts and go, half of them by a connection reset; what the next
  visitor's question takes then, and after how long the server is at rest;
- *a crowd*: per kind of request how many were answered, and percentiles of their waiting; what was refused
  (queue full) and what failed, by message; the server's memory, threads and file descriptors.

Seconds are of wall time. Exits with 1 where anything failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from visitors import FailedError, Program, RefusedError, Visitor, ended, visiting

ROOT = Path(__file__).parent.parent
EXAMPLES = json.loads((ROOT / "assets" / "examples.json").read_text("utf-8"))
SENTENCES = [s for e in EXAMPLES for s in re.split(r"(?<=\.)\s+", e["context"])]
QUESTIONS = [e["question"] for e in EXAMPLES]
# The local server knows papers on these.
TOPICS = ("cystic fibrosis", "ivacaftor", "imatinib", "infliximab", "rheumatoid arthritis", "metformin")
LONG_CHARS, SHORT_CHARS = 400_000, 1_500  # the longest that is read by default; an abstract
SHORT_QUESTIONS, LEAVERS, LEAVINGS = 20, 20, 5
AT_REST = 0.1  # of one core
THINKS_S = (1.0, 5.0)  # a client of the crowd, between two questions
PARTS = ("beside", "leaving", "crowd")
QUESTIONS_A_VISIT = 5  # then another visitor comes in its place


def text_of(chars: int, draw: random.Random) -> str:
    """About ``chars`` characters of the examples' sentences, at most those."""
    made = ""
    while len(made) < chars:
        made += " ".join(draw.choices(SENTENCES, k=min(1000, chars // 100 + 1))) + " "
    return made[:chars].strip()


# The server


@dataclass(frozen=True)
class Server:
    """The running app: its address and its process."""

    address: str
    pid: int

    def gauges(self) -> dict[str, int]:
        """Resident memory in MB, threads, file descriptors; nothing where there is no /proc."""
        process = Path(f"/proc/{self.pid}")
        if not process.is_dir():
            return {}
        status = dict(re.findall(r"(\w+):\s+(\d+)", (process / "status").read_text()))
        return {
            "memory_mb": int(status["VmRSS"]) // 1024,
            "threads": int(status["Threads"]),
            "descriptors": len(list((process / "fd").iterdir())),
        }

    def cpu_s(self) -> float:
        """Processor seconds it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def rest(self) -> None:
        """Return once it has used next to no processor time for half a second."""
        if not Path("/proc").is_dir():
            return
        while True:
            before = self.cpu_s()
            await asyncio.sleep(0.5)
            if self.cpu_s() - before < AT_REST * 0.5:
                return


@contextmanager
def process(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as log:
        started = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log
        )
        try:
            yield started
        finally:
            started.terminate()
            started.wait(30)
            log.seek(0)
            if found := re.findall(rb"^(?:Traceback|ERROR|\w*Error:).*", log.read(), re.MULTILINE):
                print(f"{command[-1]} wrote {len(found)} lines on errors, such as:", found[-1].decode())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served() -> Iterator[Server]:
    """The app with the local server in PubMed's place, once both models have read."""
    port, pubmed = free_port(), free_port()
    settings = {
        "GRADIO_SERVER_PORT": str(port),
        "BIOM_PAIR": "mini",
        "BIOM_CACHE": "off",
        "BIOM_ENTREZ_URL": f"http://127.0.0.1:{pubmed}",
    }
    address = f"http://127.0.0.1:{port}"
    with (
        process("-m", "biom_demo.pubmed.local_server", "--port", str(pubmed)),
        process("app.py", **settings) as app,
    ):
        while app.poll() is None:
            with suppress(httpx.TransportError):
                if httpx.get(f"{address}/readyz").is_success:
                    break
            time.sleep(0.2)
        else:
            raise SystemExit("the app did not start; run python app.py to see why")
        yield Server(address, app.pid)


# What is measured

Row = dict[str, Any]


def seconds_row(seconds: Sequence[float]) -> Row:
    """Median, 95th percentile (nearest rank) and worst."""
    if not seconds:
        return {"median_s": None, "p95_s": None, "worst_s": None}
    ranked = sorted(seconds)
    p95 = ranked[math.ceil(0.95 * len(ranked)) - 1]
    return {
        "median_s": round(statistics.median(ranked), 2),
        "p95_s": round(p95, 2),
        "worst_s": round(ranked[-1], 2),
    }


async def short_questions(visitor: Visitor, count: int, draw: random.Random) -> list[float]:
    """Seconds of each of so many short questions, one after the other."""
    return [
        await visitor.ask(text_of(SHORT_CHARS, draw), QUESTIONS[i % len(QUESTIONS)]) for i in range(count)
    ]


async def long_run(visitor: Visitor, draw: random.Random) -> asyncio.Task[float]:
    """A visitor's question about a text of the greatest length, as soon as some of it has been read."""
    visitor.reads.clear()
    run = asyncio.create_task(visitor.ask(text_of(LONG_CHARS, draw), QUESTIONS[0]))
    begun = asyncio.create_task(visitor.reads.wait())
    await asyncio.wait([run, begun], return_when=asyncio.FIRST_COMPLETED)
    await ended(begun)
    if run.done():
        raise FailedError(f"a long text was not read: {run.exception() or run.result()}")
    return run


async def beside_a_long_text(server: Server) -> list[Row]:
    draw = random.Random(1)
    async with visiting(server.address) as short, visiting(server.address) as long:
        await short_questions(short, 2, draw)  # warm
        alone = await short_questions(short, SHORT_QUESTIONS, draw)
        run = await long_run(long, draw)
        beside = await short_questions(short, SHORT_QUESTIONS, draw)
        if run.done():
            raise FailedError("the long text was read before the short questions were asked")
        await ended(run)
    rows = {"alone": alone, f"beside {LONG_CHARS:,} characters": beside}
    return [{"short questions": name, "asked": len(s), **seconds_row(s)} for name, s in rows.items()]


async def leaving(server: Server) -> list[Row]:
    rows = []
    draw = random.Random(2)
    for repetition in range(1, LEAVINGS + 1):
        async with visiting(server.address) as next_one:
            await begin_and_leave(server, draw)
            left = time.perf_counter()
            (seconds,) = await short_questions(next_one, 1, draw)
            await server.rest()
            rest = time.perf_counter() - left
        row = {"repetition": repetition, "visitors who left": LEAVERS}
        rows.append(row | {"next answer_s": round(seconds, 2), "at rest after_s": round(rest, 2)})
    return rows


async def begin_and_leave(server: Server, draw: random.Random) -> None:
    """Visitors have long texts read, and go once each has been read some of."""

    async def visit(number: int, all_read: asyncio.Barrier) -> None:
        async with visiting(server.address) as visitor:
            run = await long_run(visitor, random.Random(number))
            await all_read.wait()
            if number % 2:
                visitor.reset_connections()
            await ended(run)

    barrier = asyncio.Barrier(LEAVERS)
    await asyncio.gather(*(visit(draw.randrange(10**6) * 2 + n % 2, barrier) for n in range(LEAVERS)))


@dataclass
class Crowd:
    """What a crowd has met with, by kind of request."""

    server: Server
    until: float
    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    async def request(self, kind: str, asked: Coroutine[Any, Any, Any]) -> bool:
        """Note what comes of a request; whether it was answered."""
        started = time.perf_counter()
        try:
            found = await asked
        except RefusedError:
            self.refused[kind] += 1
            return False
        except (FailedError, httpx.HTTPError) as error:
            self.failed[f"{kind}: {error or type(error).__name__}"] += 1
            return False
        self.seconds[kind].append(found if isinstance(found, float) else time.perf_counter() - started)
        return True

    async def member(self, number: int) -> None:
        """One client after the other: of ten, six compare on the page, two ask PubMed, two are programs."""
        draw = random.Random(number)
        await asyncio.sleep(draw.uniform(0, THINKS_S[1]))  # not all at one moment
        visit = self.program if number % 10 >= 8 else self.searcher if number % 10 >= 6 else self.reader
        while time.perf_counter() < self.until:
            await visit(draw)

    async def turns(self, draw: random.Random) -> AsyncIterator[str]:
        """The questions of one visit, with time to think after each."""
        for question in draw.choices(QUESTIONS, k=QUESTIONS_A_VISIT):
            if time.perf_counter() < self.until:
                yield question
                await asyncio.sleep(draw.uniform(*THINKS_S))

    async def reader(self, draw: random.Random) -> None:
        async with visiting(self.server.address) as visitor:
            async for question in self.turns(draw):
                text = text_of(abstract_chars(draw), draw)
                if not await self.request("Compare", visitor.ask(text, question)):
                    continue
                for threshold in range(draw.choice([0, 0, 3])):
                    await self.request("slider", visitor.fill(null_threshold=threshold - 2.0))
                if len(text) < SHORT_CHARS and draw.random() < 0.1:
                    await self.request("Why", visitor.why())

    async def searcher(self, draw: random.Random) -> None:
        async with visiting(self.server.address) as visitor:
            async for _ in self.turns(draw):
                await self.request("Ask PubMed", visitor.ask_pubmed(about(draw)))

    async def program(self, draw: random.Random) -> None:
        async with httpx.AsyncClient(timeout=None) as http:
            caller = Program(self.server.address, http)
            async for question in self.turns(draw):
                if draw.random() < 0.2:
                    await self.request("/ask_pubmed", caller.ask_pubmed(about(draw)))
                else:
                    await self.request("/answer", caller.ask(text_of(abstract_chars(draw), draw), question))

    def rows(self) -> list[Row]:
        return [
            {"request": kind, "answered": len(s), "refused": self.refused[kind], **seconds_row(s)}
            for kind, s in sorted({**{kind: [] for kind in self.refused}, **self.seconds}.items())
        ]


def about(draw: random.Random) -> str:
    return f"Which gene or target is known of {draw.choice(TOPICS)}?"


def abstract_chars(draw: random.Random) -> int:
    """From a sentence to a full text, most of them abstracts."""
    return int(min(30_000, draw.lognormvariate(math.log(SHORT_CHARS), 0.8)))


async def crowd(server: Server, *, clients: int, seconds: float) -> tuple[Crowd, list[Row]]:
    """What ``clients`` meet with in so many seconds, and the server's gauges each minute and after."""
    made = Crowd(server, time.perf_counter() + seconds)
    gauges: list[Row] = [{"at": "before", **server.gauges()}]

    async def watch() -> None:
        for minute in range(1, int(seconds // 60) + 1):
            await asyncio.sleep(60)
            gauges.append({"at": f"minute {minute}", **server.gauges()})

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(made.member(number) for number in range(clients)))
    await ended(watching)
    await server.rest()
    gauges.append({"at": "after", **server.gauges()})
    return made, gauges


def table(rows: Sequence[Row]) -> str:
    """Rows of the same columns in Markdown."""
    if not rows:
        return ""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(
        "| " + " | ".join("" if cell is None else str(cell) for cell in line) + " |\n" for line in lines
    )


async def measured(server: Server, only: Sequence[str], *, clients: int, seconds: float) -> Row:
    """The rows of all tables by title, and what failed by message."""
    found: Row = {"failed": {}}
    if "beside" in only:
        found["Beside a long text"] = await beside_a_long_text(server)
    if "leaving" in only:
        found["Leaving"] = await leaving(server)
    if "crowd" in only:
        met, gauges = await crowd(server, clients=clients, seconds=seconds)
        found[f"{clients} clients for {seconds:g} s"] = met.rows()
        found["The server"] = gauges
        found["failed"] = dict(met.failed)
    return found


def main() -> int:
    """Print the tables; 1 where anything failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=300, help="of the crowd")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=Path, dest="json_out", metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    with served() as server:
        found = asyncio.run(
            measured(server, arguments.only, clients=arguments.clients, seconds=arguments.seconds)
        )
    for title, rows in found.items():
        if title != "failed":
            print(f"### {title}\n\n{table(rows)}")
    for message, count in found["failed"].items():
        print(f"FAILED {count} times: {message}")
    if arguments.json_out:
        arguments.json_out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return 1 if found["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
