"""What the cascade misses, and what it saves: BioASQ questions with their snippets among distractors.

    python -m benchmarks.cascade --bioasq 2B1_golden.json ... --held-out --first FOLDER \
        --abstracts pubmed_abstracts.txt.xz --readings /tmp/readings

Of each factoid question up to 25 snippets and abstracts of the corpus make 50 texts. "hidden": each
snippet stands in the middle of an abstract of the corpus; "plain": alone. Distractors are those that BM25
ranks best for the question ("hard") or drawn at random ("random"). The reference is what the bundled
models answer, each over all 50 texts; the cascade's answers are what they answer over those that the
first stage leaves to them. ``--first`` is the checkpoint whose reading is the first stage, beside BM25 and
the pair's other side: a model that is not the one whose answers count. Every text is read once by every
model (``--readings`` keeps it), all budgets are decoded from that. ``--long N`` makes one text of N
characters of them, in the app's windows, and reads regions of it.

Cost ratios are of useful floating-point operations, of the bundled model before the pair of Large models
(``flops``). Choose on ``--held-out`` questions (years 2 to 7, train/held_out.py).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from biom_demo.analysis.cascade import REGION_CHARS, Budget, bm25, promise, regions_of, stems, support
from biom_demo.models.catalogue import CATALOGUE
from biom_demo.pubmed.words import words
from biom_demo.qa import spans
from biom_demo.qa.datasets import read_bioasq
from biom_demo.qa.metrics import bioasq_factoid
from biom_demo.qa.pooling import normalized, pool
from biom_demo.qa.reader import READING, Reader
from biom_demo.qa.records import Answer, CharSpan, Prediction, Question
from biom_demo.qa.sentences import split_sentences
from biom_demo.settings import Precision
from train.corpus import read_passages
from train.held_out import is_held_out

TEXTS, MOST_SNIPPETS = 50, 25
MINI = CATALOGUE[0].checkpoints
# (layers, width, feed-forward width, positions the token costs at once) of ELECTRA's sizes.
SIZES = {"mini": (6, 384, 1536), "base": (12, 768, 3072), "large": (24, 1024, 4096)}


def flops(size: str, tokens: int) -> float:
    """Useful floating-point operations of one model over one window of so many tokens.

    Two a weight and token in the four projections of attention and the two of the feed-forward part, and
    two products of attention of T x T x width.
    """
    layers, width, inner = SIZES[size]
    return layers * (2 * tokens * (4 * width * width + 2 * width * inner) + 4 * tokens * tokens * width)


class Corpus:
    """Abstracts, and where the words of some questions stand in them, for BM25 over all of them."""

    def __init__(self, texts: Sequence[str], questions: Iterable[str]) -> None:
        self.texts = texts
        self.lengths = np.zeros(len(texts))
        wanted = {word for question in questions for word in stems(question)}
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)
        stem_of: dict[str, str] = {}
        for place, text in enumerate(texts):
            counts = Counter(text.lower().split())
            self.lengths[place] = counts.total()
            stemmed: Counter[str] = Counter()
            for word, count in counts.items():
                if word not in stem_of:
                    stem_of[word] = " ".join(set(stems(word)) & wanted)
                for stem in stem_of[word].split():
                    stemmed[stem] += count
            for stem, count in stemmed.items():
                found[stem].append((place, count))
        self._found = {word: np.array(places) for word, places in found.items()}

    def best(self, question: str, count: int) -> list[int]:
        """The abstracts that BM25 ranks best."""
        scores = np.zeros(len(self.texts))
        norm = 1.2 * (0.25 + 0.75 * self.lengths / self.lengths.mean())
        for word in set(stems(question)) - words("question_stops"):
            if word in self._found:
                places, counts = self._found[word].T
                rarity = np.log(1 + (len(self.texts) - len(places) + 0.5) / (len(places) + 0.5))
                scores[places] += rarity * counts * 2.2 / (counts + norm[places])
        return np.argsort(-scores, kind="stable")[:count].tolist()


@dataclass(frozen=True)
class Asked:
    """A question, its known answers and its texts."""

    question: Question
    synonyms: Sequence[str]
    texts: Sequence[str]


def hidden(snippet: str, host: str) -> str:
    """The snippet in the middle of an abstract, in place of as many of its characters."""
    sentences = [span.of(host) for span in split_sentences(host)]
    middle = len(sentences) // 2
    before, after = sentences[:middle], sentences[middle:]
    while after and len(snippet) > 0 and sum(map(len, before + after)) + len(snippet) > len(host):
        (before if len(before) > len(after) else after).pop()
    return " ".join([*before, snippet, *after])


def made(files: Iterable[Path], corpus: Corpus, kind: str, *, held_out: bool, most: int) -> list[Asked]:
    """The questions with their texts; the same each time."""
    asked = []
    for path in files:
        for q in read_bioasq(path):
            if q.type != "factoid" or not q.synonyms or (held_out and not is_held_out(q.id)):
                continue
            draw = random.Random(q.id)
            snippets = [s for s in dict.fromkeys(s.text for s in q.snippets) if s.strip()][:MOST_SNIPPETS]
            hosts = [corpus.texts[i] for i in draw.sample(range(len(corpus.texts)), TEXTS)]
            if "hidden" in kind:
                snippets = [hidden(s, host) for s, host in zip(snippets, hosts, strict=False)]
            left = TEXTS - len(snippets)
            if "hard" in kind:
                distractors = [corpus.texts[i] for i in corpus.best(q.body, left)]
            else:
                distractors = [corpus.texts[i] for i in draw.sample(range(len(corpus.texts)), left + TEXTS)][
                    -left:
                ]
            texts = [*snippets, *distractors]
            draw.shuffle(texts)
            asked.append(Asked(Question(q.body, q.id), q.synonyms, texts))
    return asked[:most] if most else asked


class Readings:
    """What a model made of (question, text), each read once and kept in a file.

    ``until`` ends the process's reading, to be gone on with by the next.
    """

    def __init__(self, model: str, folder: Path, precision: Precision, until: float) -> None:
        self.model, self.precision, self.until = model, precision, until
        digest = hashlib.sha256(str(model).encode()).hexdigest()[:8]
        self._file = folder / f"{Path(model).name}-{digest}-{precision}.jsonl"
        self._kept: dict[str, tuple[Prediction, int]] = {}
        if self._file.exists():
            for line in self._file.read_text("utf-8").splitlines():
                key, tokens, null, null_p, answers = json.loads(line)
                made = tuple(Answer(CharSpan(a, b), t, s, p) for a, b, t, s, p in answers)
                self._kept[key] = Prediction(Question(""), made, null, null_p), tokens

    @staticmethod
    def key(question: Question, text: str) -> str:
        return hashlib.sha256(f"{question.text}\0{text}".encode()).hexdigest()[:24]

    def read(self, pairs: Iterable[tuple[Question, str]]) -> bool:
        """Read what is not kept; whether all is."""
        todo = {self.key(*pair): pair for pair in pairs}
        todo = {key: pair for key, pair in todo.items() if key not in self._kept}
        if not todo:
            return True
        reader = Reader.load(self.model, precision=self.precision)
        readings = reader.readings(list(todo.values()))
        with self._file.open("a", encoding="utf-8") as file:
            for done, (key, reading) in enumerate(zip(todo, readings, strict=False)):
                p = spans.decode(reading)
                tokens = sum(map(len, reading.windows))
                answers = [(a.span.start, a.span.end, a.text, a.score, a.probability) for a in p.answers]
                file.write(json.dumps([key, tokens, p.null_score, p.null_probability, answers]) + "\n")
                self._kept[key] = p, tokens
                if time.time() > self.until:
                    print(f"{self.model}: {done + 1} of {len(todo)} read; run it again", flush=True)
                    return False
        return True

    def of(self, asked: Asked) -> list[tuple[Prediction, int]]:
        """The predictions for the question's texts, and the tokens read for each."""
        return [self._kept[self.key(asked.question, text)] for text in asked.texts]


def pooled(asked: Asked, read: Sequence[tuple[Prediction, int]], places: Sequence[int]) -> list:
    """The question's answers over the texts at these places, as Ask PubMed pools them."""
    speak = [i for i in places if read[i][0].best(null_threshold=0.0)]
    return pool([(asked.texts[i], read[i][0]) for i in speak])


FirstStage = Callable[[Asked, int], Sequence[float]]  # the question and which side's answers count


def first_stages(side_readings: Sequence[Readings], first: Readings | None) -> dict[str, FirstStage]:
    """What ranks the texts, by its name. No side is ranked by what it has read itself."""

    def by_bm25(asked: Asked, side: int) -> list[float]:
        return bm25(asked.question.text, asked.texts)

    def by(readings: Callable[[int], Readings], *, pooled: bool) -> FirstStage:
        def scores(asked: Asked, side: int) -> list[float]:
            predictions = [p for p, _ in readings(side).of(asked)]
            return support(asked.texts, predictions) if pooled else [promise(p) for p in predictions]

        return scores

    made: dict[str, FirstStage] = {"BM25": by_bm25}
    models: dict[str, Callable[[int], Readings]] = {"other side": lambda side: side_readings[1 - side]}
    if first is not None:
        models["first model"] = lambda side: first
    for name, readings in models.items():
        made[f"{name}, p(answer)"] = by(readings, pooled=False)
        made[f"{name}, support"] = by(readings, pooled=True)
    return made


def cost_share(read: Sequence[tuple[Prediction, int]], places: Sequence[int], *, reads: bool) -> float:
    """What a cascade costs, as a share of the Large pair's reading everything."""
    large = [2 * flops("large", tokens) for _, tokens in read]
    mini = sum(flops("mini", tokens) for _, tokens in read) if reads else 0.0
    return (sum(large[i] for i in places) + mini) / sum(large)


def report(asked: Sequence[Asked], sides: Sequence[Readings], first: Readings | None, kind: str) -> None:
    golds = {one.question.id: one.synonyms for one in asked}
    print(f"\n## {kind}: {len(asked)} questions, {len(asked[0].texts)} texts each")
    print(
        "| first stage | budget | same top answer (BioM, vanilla) | texts | tokens | cheaper "
        "| strict, lenient, MRR (BioM) | (vanilla) |"
    )
    print("|---|---|---|---|---|---|---|---|")
    whole = [{a.question.id: pooled(a, side.of(a), range(len(a.texts))) for a in asked} for side in sides]

    def scores(answers: dict[str, list]) -> str:
        found = {key: [answer.text for answer in given] for key, given in answers.items()}
        s = bioasq_factoid(found, golds)
        return f"{s.strict_accuracy:.3f} / {s.lenient_accuracy:.3f} / {s.mrr:.3f}"

    print(
        f"| none | everything | | {len(asked[0].texts)} | 100% | 1.0 | "
        + " | ".join(map(scores, whole))
        + " |"
    )
    for name, stage in first_stages(sides, first).items():
        for budget in BUDGETS:
            same, answers, texts, tokens, costs = [0, 0], [{}, {}], [], [], []
            for one in asked:
                for s, side in enumerate(sides):
                    read = side.of(one)
                    places = budget.chosen(stage(one, s), [t for _, t in read])
                    got = pooled(one, read, places)
                    want = whole[s][one.question.id]
                    same[s] += (got[0].key if got else "") == (want[0].key if want else "")
                    answers[s][one.question.id] = got
                    texts.append(len(places))
                    tokens.append(sum(read[i][1] for i in places) / sum(t for _, t in read))
                    costs.append(cost_share(read, places, reads=name != "BM25"))
            print(
                f"| {name} | {budget.share:.2f}, {budget.at_least} | "
                f"{same[0] / len(asked):.1%}, {same[1] / len(asked):.1%} | {np.mean(texts):.1f} | "
                f"{np.mean(tokens):.1%} | {1 / np.mean(costs):.1f} | "
                + " | ".join(map(scores, answers))
                + " |"
            )


BUDGETS = [Budget(share, 1) for share in (0.08, 0.12, 1 / 6, 0.25, 0.35, 0.5)]


def long_text(asked: Asked, chars: int) -> str:
    """The question's texts one after the other, the snippets among them, up to so many characters."""
    return "\n\n".join(asked.texts)[:chars]


def long_report(asked: Sequence[Asked], arguments: argparse.Namespace, kept: Path, until: float) -> bool:
    """Texts of ``arguments.long`` characters read whole and in part; whether all were read in the time."""
    done: dict[str, list] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    load = partial(Reader.load, decoding=READING, precision=arguments.precision)
    sides = [load(c.source) for c in MINI]
    first = load(arguments.first) if arguments.first else None

    def read(reader: Reader, question: Question, text: str, regions: Sequence[CharSpan] = ()) -> list:
        started = time.perf_counter()
        steps = reader.steps([(question, text)], batch_positions=512, regions=regions)
        (reading,) = [reading for step in steps for reading in step.readings]
        best = spans.decode(reading).best(null_threshold=0.0)
        tokens = [len(window) for window in reading.windows]
        seconds = time.perf_counter() - started
        return [normalized(best.text) if best else "", best.span.start if best else -1, tokens, seconds]

    def promises(reader: Reader, question: Question, parts: Sequence[str]) -> tuple[list[float], float]:
        started = time.perf_counter()
        found = [promise(p) for p in reader.predictions([(question, part) for part in parts])]
        return found, time.perf_counter() - started

    for one in asked:
        if one.question.id in done:
            continue
        text = long_text(one, arguments.long)
        regions = regions_of(text)
        parts = [region.of(text) for region in regions]
        # By name: what each side's regions are ranked by, and the seconds that took. No side by itself.
        by_side = [promises(side, one.question, parts) for side in sides]
        ranked = {"BM25": [(bm25(one.question.text, parts), 0.0)] * 2, "other side": by_side[::-1]}
        if first is not None:
            ranked["first model"] = [promises(first, one.question, parts)] * 2
        made = {"everything": [read(side, one.question, text) for side in sides]}
        for name, scores in ranked.items():
            for share in LONG_SHARES:
                found = []
                for side, (scored, first_s) in zip(sides, scores, strict=True):
                    places = Budget(share, 1).chosen(scored, list(map(len, parts)))
                    found.append(read(side, one.question, text, [regions[place] for place in places]))
                    found[-1][3] += first_s / 2
                made[f"{name}, {share:.2f}"] = found
        done[one.question.id] = made
        kept.write_text(json.dumps(done), "utf-8")
        if time.time() > until:
            print(f"{len(done)} of {len(asked)} long texts read; run it again", flush=True)
            return False
    found = [done[one.question.id] for one in asked]
    print(f"\n## {len(found)} texts of up to {arguments.long:,} characters")
    golds = [{normalized(text) for text in one.synonyms} for one in asked]
    print(
        "| first stage, share | same answer (BioM, vanilla) | same place | right (BioM, vanilla) | tokens "
        "| cheaper (Large) | s |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in found[0]:
        same, right, place, tokens, costs, seconds = [0, 0], [0, 0], 0, [], [], []
        for gold, made in zip(golds, found, strict=True):
            whole, part = made["everything"], made[name]
            mini = sum(flops("mini", REGION_CHARS // 4) for _ in range(arguments.long // REGION_CHARS))
            mini = 0.0 if name == "everything" or name.startswith("BM25") else mini
            for s in range(2):
                same[s] += part[s][0] == whole[s][0]
                right[s] += part[s][0] in gold
                place += part[s][1] == whole[s][1]
            tokens.append(sum(part[0][2]) / sum(whole[0][2]))
            large = [2 * sum(flops("large", t) for t in one[0][2]) for one in (part, whole)]
            costs.append((large[0] + mini) / large[1])
            seconds.append(part[0][3] + part[1][3])
        print(
            f"| {name} | {same[0] / len(found):.0%}, {same[1] / len(found):.0%} | "
            f"{place / 2 / len(found):.0%} | {right[0]}, {right[1]} | {np.mean(tokens):.1%} | "
            f"{1 / np.mean(costs):.1f} | {np.mean(seconds):.1f} |"
        )
    return True


LONG_SHARES = (1 / 6, 1 / 3, 1 / 2)


def kept_questions(arguments: argparse.Namespace, corpus: Callable[[], Corpus], kind: str) -> list[Asked]:
    """The questions with their texts, kept in a file: to index the corpus takes a minute."""
    which = f"{sorted(map(str, arguments.bioasq))} {arguments.held_out} {arguments.most} {kind}"
    file = arguments.readings / f"texts-{hashlib.sha256(which.encode()).hexdigest()[:12]}.json"
    if not file.exists():
        found = made(arguments.bioasq, corpus(), kind, held_out=arguments.held_out, most=arguments.most)
        document = [(one.question.id, one.question.text, one.synonyms, one.texts) for one in found]
        file.write_text(json.dumps(document), "utf-8")
    return [Asked(Question(q, i), s, t) for i, q, s, t in json.loads(file.read_text("utf-8"))]


def main() -> None:
    """Read what is not read yet, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bioasq", nargs="+", type=Path, required=True)
    parser.add_argument("--abstracts", type=Path, required=True)
    parser.add_argument("--readings", type=Path, required=True)
    parser.add_argument("--first", default="")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--kinds", nargs="+", default=["hidden hard", "plain hard", "hidden random"])
    parser.add_argument("--no-report", action="store_true", help="read only; a report is quick later")
    parser.add_argument("--long", type=int, default=0, help="make one text of so many characters of them")
    parser.add_argument("--most", type=int, default=0, help="questions; 0: all")
    parser.add_argument("--minutes", type=float, default=1e6, help="of reading, then end")
    parser.add_argument("--precision", type=Precision, default=Precision.FLOAT32)
    arguments = parser.parse_args()
    arguments.readings.mkdir(parents=True, exist_ok=True)
    until = time.time() + 60 * arguments.minutes
    bodies = [q.body for path in arguments.bioasq for q in read_bioasq(path)]
    corpus = cache(
        lambda: Corpus([text for text in read_passages([arguments.abstracts]) if len(text) < 4000], bodies)
    )
    models = [c.source for c in MINI] + ([arguments.first] if arguments.first else [])
    readings = [Readings(m, arguments.readings, arguments.precision, until) for m in models]
    for kind in arguments.kinds:
        asked = kept_questions(arguments, corpus, kind)
        if arguments.long:
            what = f"{arguments.long}-{kind.replace(' ', '-')}-{arguments.held_out}-{len(asked)}"
            kept = arguments.readings / f"long-{what}.json"
            if not long_report(asked, arguments, kept, until):
                sys.exit(75)
            continue
        pairs = [(a.question, text) for a in asked for text in a.texts]
        if not all(one.read(pairs) for one in readings):
            sys.exit(75)
        if arguments.no_report:
            continue
        report(asked, readings[:2], readings[2] if arguments.first else None, kind)


if __name__ == "__main__":
    main()
