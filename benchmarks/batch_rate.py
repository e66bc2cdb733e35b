"""How many abstracts a second ``biom-demo batch`` reads, from PubMed's own XML as NCBI's bulk files have it.

    python benchmarks/batch_rate.py [--rows 1000] [--characters 1500] [--pair mini] [--out answers.csv]

Makes a gzipped file of records of about so many characters out of the sentences of the examples, asks one
question of each on the command line, and prints rate, size of what came out, and the process's memory. The
rate leaves out the first chunk, with which the models are loaded.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from biom_demo.pubmed.local_server import article_xml

ROOT = Path(__file__).parent.parent
QUESTION = "Which gene is mutated in the disease?"


def abstract(sentences: list[str], characters: int) -> str:
    """Sentences in any order, about so many characters of them: half as many to half as many more."""
    wanted = characters * random.uniform(0.5, 1.5)
    made: list[str] = []
    while sum(len(sentence) + 1 for sentence in made) < wanted:
        made.append(random.choice(sentences))
    return " ".join(made)


def write_records(path: Path, rows: int, characters: int) -> int:
    """A bulk file of ``rows`` records; how many characters their abstracts have."""
    examples = json.loads((ROOT / "assets" / "examples.json").read_text("utf-8"))
    sentences = [s for one in examples for s in re.split(r"(?<=[.!?]) +", one["context"])]
    total = 0
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("<?xml version='1.0'?>\n<PubmedArticleSet>\n")
        for number in range(1, rows + 1):
            text = abstract(sentences, characters)
            total += len(text)
            escaped = text.replace("&", "&amp;").replace("<", "&lt;")
            file.write(article_xml({"pmid": number, "title": "A title.", "sections": [["", escaped]]}) + "\n")
        file.write("</PubmedArticleSet>\n")
    return total


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--characters", type=int, default=1_500)
    parser.add_argument("--pair", default="mini")
    parser.add_argument("--out", default="answers.csv", help="its suffix is the form that is measured")
    arguments = parser.parse_args()
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        records, out = Path(folder) / "records.xml.gz", Path(folder) / Path(arguments.out).name
        characters = write_records(records, arguments.rows, arguments.characters)
        command = [sys.executable, "-m", "biom_demo", "batch", str(records), "--out", str(out)]
        command += ["--question", QUESTION, "--pair", arguments.pair, "--overwrite"]
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        journal, first = Path(f"{out}.run.json"), None
        for _ in count():
            if process.poll() is not None:
                break
            if first is None and journal.exists():
                rows = json.loads(journal.read_text("utf-8"))["state"]["rows"]
                first = (time.perf_counter(), rows) if rows else None
            time.sleep(0.02)
        ended = time.perf_counter()
        if process.returncode or first is None:
            sys.exit(f"the batch ended with {process.returncode}")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        rate = (arguments.rows - first[1]) / (ended - first[0])
        print(
            f"{arguments.pair}: {arguments.rows:,} records of {characters / arguments.rows:,.0f} characters, "
            f"both models, to {out.suffix}"
        )
        print(f"{rate:.1f} records a second; {ended - started:.1f} s in all, with loading")
        print(f"processor seconds a record: {(used.ru_utime + used.ru_stime) / arguments.rows:.3f}")
        print(f"out: {out.stat().st_size / arguments.rows:,.0f} bytes a record")
        print(f"memory of the process at its largest: {used.ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
