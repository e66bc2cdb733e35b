"""Visits to the page as a browser makes them, with hostile texts, records, links and files."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
import zlib
from html import escape
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from tests.hostile import inputs
from tests.hostile.payloads import TRAVERSAL
from tests.hostile.visitor import QUIET_S, Site, Visitor
from tests.hostile.wire import exchange, request_bytes

SLIDERS = ("null_threshold", "shown", "max_answer_length", "near_duplicate_threshold")


def ask_about_text(site: Site, random: Random, number: int, sent: list[Any]) -> None:
    """A question about a pasted text, and everything that can be done with the answer."""
    visitor = Visitor(site, random, sent)
    asked = inputs.long_text(random) if number % 50 == 49 else inputs.text(random, number=number)
    visitor.fill(context=asked, question=inputs.question(random, number))
    visitor.fill(blind=number % 4 == 1, link_text=random.random() < 0.5)
    visitor.click("context", "change")
    visitor.click("ask")
    if visitor.value("blind"):
        vote(visitor, random)
    use_answer(visitor, random)


def ask_about_record(site: Site, random: Random, number: int, sent: list[Any]) -> None:
    """A question about a record of PubMed, or about what PubMed finds for it."""
    visitor = Visitor(site, random, sent)
    if number % 4 == 3:
        visitor.fill(pubmed_question=inputs.question(random, number), count=5)
        visitor.fill(pubmed_query=inputs.name(random) if random.random() < 0.5 else "")
        visitor.fill(order=random.choice(("newest", "most relevant")))
        give_abstracts(visitor, random, number)
        visitor.click("ask-pubmed")
        visitor.fill(top=random.randrange(1, 11))
        visitor.click("top", "change")
        for kind in random.sample(("csv", "markdown", "ris", "bibtex"), 2):
            visitor.click(f"evidence-{kind}")
        keys = (inputs.name(random), f"{random.randrange(1, 10**8)} 1", "Abstract-1 1", "Abstract-2 2")
        visitor.fill(opened=random.choice(keys))
        visitor.click("opened", "change")
        return
    broken = f"{random.randrange(1000, 9999)}99" if random.random() < 0.2 else ""
    named = broken or (str(random.randrange(1, 10**8)) if random.random() < 0.7 else inputs.name(random))
    visitor.fill(context=named, question=inputs.question(random, number))
    visitor.click("context", "change")
    if random.random() < 0.2:
        visitor.click("take-otherwise")
    visitor.click("ask")
    use_answer(visitor, random)


def give_abstracts(visitor: Visitor, random: Random, number: int) -> None:
    """Now and then abstracts of one's own, or the built-in ones, in the place of PubMed's."""
    visitor.fill(read_from=random.choice(("pubmed", "own", "own", "own", "built-in")))
    paragraphs = [inputs.text(random, number=number, most=400) for _ in range(random.randrange(1, 5))]
    exported = "\n\n".join(f"PMID- {inputs.name(random)}\nTI  - {one}\nAB  - {one}" for one in paragraphs)
    visitor.fill(own_abstracts=random.choice(("\n\n".join(paragraphs), exported, "")))
    if random.random() < 0.3:
        upload(visitor, random, "own-file", table(random), file_name(random, "csv"))
        if random.random() < 0.2:
            visitor.click("drop-file")
    visitor.click("read-from", "change")


def table(random: Random) -> bytes:
    """A file of abstracts, or of something else."""
    cells = [[f'"{inputs.text(random, most=200)}"' for _ in range(3)] for _ in range(3)]
    rows = ["title,abstract,pmid", *(",".join(row) for row in cells)]
    ris = f"TY  - JOUR\nTI  - {inputs.payload(random)}\nAB  - {inputs.text(random, most=200)}\nER  - \n"
    written = random.choice(("\n".join(rows), ris, ris * 3)).encode("utf-8", "surrogatepass")
    return random.choice((written, written, bomb(random), foreign(random)))


def use_answer(visitor: Visitor, random: Random) -> None:
    """What a visitor does with an answer, in any order."""
    steps = [
        lambda: visitor.click("as-json"),
        lambda: visitor.click("as-csv"),
        lambda: vote(visitor, random),
        lambda: visitor.click("link-text", "change"),
        lambda: visitor.click("explain"),
        lambda: (visitor.fill(wordings=inputs.text(random, most=300)), visitor.click("reask")),
        lambda: (visitor.fill(history=0), visitor.click("history", "input")),
        lambda: visitor.click(random.choice(SLIDERS).replace("_", "-"), "change"),
        lambda: visitor.click("halt"),
    ]
    for step in random.sample(steps, 4):
        step()


def vote(visitor: Visitor, random: Random) -> None:
    """A vote, which counts where the answers are blind, and all votes as a file."""
    visitor.click(f"vote-{random.choice(('A', 'B', 'tie', 'none'))}")
    visitor.click("export-votes")


def open_link(site: Site, random: Random, number: int, sent: list[Any]) -> None:
    """A permalink that anyone may have written, opened and, where it says so, asked at once."""
    values = {
        name: random.choice(
            (inputs.payload(random, number), inputs.text(random, most=400), inputs.name(random))
        )
        for name in ("id", "text", "q", "pair", "as", "theme", "__theme", "deep_link", "view", "x")
        if random.random() < 0.4
    }
    values |= {
        name: random.choice(("1e999", "nan", "-inf", "5", "0x10", "٣", "1_0", "", inputs.payload(random)))
        for name in ("null", "top", "length", "dup")
        if random.random() < 0.4
    }
    query = "?" + urlencode(values, errors="replace")
    if random.random() < 0.1:
        query += random.choice(
            ("&q=%ff%fe", "&q", "&=x", "&&&&", "&q[]=x", ";q=x", "&q=" + "x" * 30_000, "&q=%")
        )
    sent.append({"query": query})
    reply = exchange(site.served.port, request_bytes("GET", f"/{query}", site.served.port), within_s=QUIET_S)
    site.check_page(site.check(reply, within_s=QUIET_S))
    visitor = Visitor(site, random, sent)
    visitor.open(query)
    if visitor.value("linked") == "ask":
        visitor.click("ask")


def upload_file(site: Site, random: Random, number: int, sent: list[Any]) -> None:
    """A file of any format under any name, loaded, scored, looked through, opened and saved."""
    visitor = Visitor(site, random, sent)
    upload(visitor, random, "gold-file", FORMATS[number % len(FORMATS)](random), file_name(random))
    look_through(visitor, random)
    if not visitor.value("benchmark-table"):
        return
    visitor.click("score-all")
    look_through(visitor, random)
    visitor.fill(row_wanted=f"{random.choice((0, 1, 7))} {random.random()}")
    visitor.click("row-wanted", "change")
    if visitor.value("row-ready") == "ask":
        visitor.click("ask")
    for button in ("next-row", "previous-row"):
        visitor.click(button)
    use_answer(visitor, random)
    for kind in ("csv", "json", "first", "second"):
        visitor.click(f"save-{kind}")


def upload_rows(site: Site, random: Random, number: int, sent: list[Any]) -> None:
    """A file of rows of any format under any name: its columns chosen, its rows read, its files saved."""
    suffix = random.choice((".csv", ".tsv", ".jsonl", ".nbib", ".ris", ".xml", ".json", ".txt", ".gz"))
    name = file_name(random).replace(".json", suffix)
    make = ROW_FORMATS[number % len(ROW_FORMATS)]
    visitor = Visitor(site, random, sent)
    content = make(random)
    visitor.fill(batch_own_question=inputs.question(random, number))
    upload(visitor, random, "batch-file", content, name, as_it_is=number < 6)
    visitor.click("batch-own-question", "change")
    if random.random() < 0.3:
        what = random.choice(("question", "pmids", "query", "id"))
        columns = visitor.value(f"batch-{what}"), "", "text", inputs.payload(random)
        visitor.fill(**{f"batch_{what}": random.choice(columns)})
        visitor.click(f"batch-{what}", "input")
    if random.random() < 0.2:
        visitor.fill(batch_context=[inputs.payload(random)] * random.randrange(6))
        visitor.click("batch-context", "input")
    visitor.click("start-batch")
    for kind in random.sample(("csv", "jsonl", "biom", "vanilla", "bad"), 3):
        visitor.click(f"batch-{kind}")
    visitor.click("stop-batch")


def upload(
    visitor: Visitor, random: Random, part: str, content: bytes, name: str, *, as_it_is: bool = False
) -> None:
    """Load a file, packed in some way, with an upload button; now and then a file that was never uploaded."""
    site = visitor.site
    content = content if as_it_is else packed(random, content)
    visitor.sent.append({"file": name, "bytes": len(content), "begins": repr(content[:300])})
    boundary = "----qzx7"
    quoted = (
        name.encode("utf-8", "replace").replace(b'"', b"%22").replace(b"\r", b"%0D").replace(b"\n", b"%0A")
    )
    head = b'Content-Disposition: form-data; name="files"; filename="' + quoted + b'"\r\n'
    kind = random.choice((b"application/json", b"text/html", b"image/svg+xml", b"", b"x" * 500))
    body = b"--%s\r\n%sContent-Type: %s\r\n\r\n%s\r\n--%s--\r\n" % (
        boundary.encode(), head, kind, content, boundary.encode(),
    )  # fmt: skip
    if random.random() < 0.1:
        body = body[: random.randrange(len(body))]
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    target = f"/gradio_api/upload?upload_id={visitor.session}"
    reply = exchange(
        site.served.port, request_bytes("POST", target, site.served.port, headers, body), within_s=QUIET_S
    )
    site.check(reply, within_s=QUIET_S)
    given = reply.json()
    path = given[0] if isinstance(given, list) and given else ""
    if path:
        assert path.startswith(site.served.uploads), f"written outside of the folder of uploads: {path}"
    if random.random() < 0.15:  # a file that was never uploaded
        path = random.choice(TRAVERSAL).replace("{secret}", str(site.served.secret))
    file = {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}, "size": len(content)}
    visitor.fill(**{part.replace("-", "_"): [file] if random.random() < 0.05 else file})
    visitor.click(part, "upload")


WANTED = (
    "sort question 1",
    "sort first-sure 2",
    "sort nothing 3",
    "page 1 4",
    "page -1",
    "page " + "9" * 400,
    "",
)


def look_through(visitor: Visitor, random: Random) -> None:
    """The table in another order, on another page, of other rows; and what is no such choice."""
    wanted = random.choice((*WANTED, inputs.payload(random)))
    visitor.fill(rows_wanted=wanted, rows_found=random.choice(("", "gene", inputs.payload(random))))
    visitor.click("rows-wanted", "change")
    visitor.fill(rows_shown=random.choice(("all", "unlike", "unread", inputs.payload(random), None)))
    visitor.click("rows-shown", "input")
    visitor.fill(rows_shown="all", rows_found="")
    visitor.click("rows-found", "submit")


def file_name(random: Random, ending: str = "json") -> str:
    """A name of a file that may lead elsewhere, be markup, or be no name."""
    if random.random() < 0.4:
        return f"a.{ending}"
    return random.choice(
        ("a.json", "a.json.gz", "a", "", ".", "..", "a" * 300 + ".json", "con.json", "a.html", "a\x00.json",
         "\u202enosj.a",
         quote(inputs.payload(random), errors="replace") + ".json", inputs.payload(random) + ".json",
         random.choice(TRAVERSAL) + ".json", "../../../../tmp/qzx7.json", "..\\..\\qzx7.json")
    )  # fmt: skip


def packed(random: Random, content: bytes) -> bytes:
    """The content in another encoding or package, or cut."""
    way = random.random()
    if way < 0.1:
        return gzip.compress(content)
    if way < 0.15:
        return gzip.compress(content)[: random.randrange(20)]
    if way < 0.2:
        return content[: random.randrange(len(content) + 1)]
    if way < 0.3:
        encoding = random.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "latin-1", "utf-8-sig"))
        return content.decode("utf-8", "replace").encode(encoding, "replace")
    if way < 0.35 and content:
        place = random.randrange(len(content))
        return content[:place] + random.randbytes(3) + content[place + 1 :]
    return content


def squad(random: Random) -> bytes:
    """A SQuAD file of hostile texts, some of its values of the wrong type."""

    def asked(context: str) -> dict[str, Any]:
        start = random.randrange(max(1, len(context)))
        answers = [{"text": context[start : start + 30], "answer_start": start}]
        made = {
            "id": random.choice((inputs.payload(random), 7, None)),
            "question": inputs.question(random),
            "answers": [wrong(random, answer) for answer in answers],
            "is_impossible": False,
        }
        return wrong(random, made)

    def paragraph() -> dict[str, Any]:
        context = inputs.text(random, most=800)
        return wrong(
            random, {"context": context, "qas": [asked(context) for _ in range(random.randrange(4))]}
        )

    paragraphs = [paragraph() for _ in range(random.randrange(1, 4))]
    articles = [{"title": inputs.payload(random), "paragraphs": paragraphs}]
    return dumped(random, {"version": inputs.payload(random), "data": articles})


def bioasq(random: Random) -> bytes:
    """A BioASQ file of hostile texts, some of its values of the wrong type."""

    def asked() -> dict[str, Any]:
        answer = inputs.payload(random)
        snippet = {"text": f"{inputs.text(random, most=400)} {answer}", "document": inputs.name(random),
                   "offsetInBeginSection": random.choice((0, -1, 10**30, "x"))}  # fmt: skip
        made = {
            "id": inputs.payload(random),
            "body": inputs.question(random),
            "type": random.choice(("factoid", "factoid", "factoid", "list", "yesno", inputs.payload(random))),
            "exact_answer": random.choice(([[answer]], [answer], answer, [[[answer]]], {}, None)),
            "snippets": [wrong(random, snippet)],
        }
        return wrong(random, made)

    return dumped(random, {"questions": [asked() for _ in range(random.randrange(1, 6))]})


def wrong(random: Random, made: dict[str, Any]) -> dict[str, Any]:
    """The object, now and then with a value of another type or one missing."""
    if random.random() < 0.1:
        made[random.choice(list(made))] = inputs.value(random)
    if random.random() < 0.05:
        made.pop(random.choice(list(made)))
    return made


def dumped(random: Random, document: Any) -> bytes:
    """A document as JSON, as JSON lines, or with a value twice."""
    text = json.dumps(document, ensure_ascii=random.random() < 0.7)
    return (text * random.choice((1, 1, 1, 2)) + random.choice(("", "\n", "\x00"))).encode(
        "utf-8", "surrogatepass"
    )


def bomb(random: Random) -> bytes:
    """JSON that is small as a file, and deep, wide, long or large once read."""
    n = random.choice((1_000, 30_000, 200_000))
    return random.choice(
        (
            b"[" * n, b'{"data":' * n, b"[" * n + b"]" * n, b'{"a":' * 900 + b"1" + b"}" * 900, b"9" * n,
            b'{"data": ' + b"9" * n + b"}", b'{"data": 1e' + b"9" * 1_000 + b"}",
            b'"' + b"\\u0000" * n + b'"',
            b'{"data": [' + b"{}," * n + b"{}]}", b"{" + b",".join(b'"%d":[]' % i for i in range(n)) + b"}",
            b'{"questions": [' + b"null," * n + b"null]}", b"\n" * n, b"{}\n" * n, b" " * n, b'{"data": NaN}',
            gzip.compress(b" " * (n * 200)), gzip.compress(b"[" * n), gzip.compress(gzip.compress(b"[" * n)),
        )
    )  # fmt: skip


def foreign(random: Random) -> bytes:
    """A file of another kind than is asked for."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("../../qzx7.json", b"[" * 100_000)
    return random.choice(
        (
            b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(qzx7)>>>>endobj", archive.getvalue(), b"",
            b"\x00" * 1_000, b"<html><script>qzx7(1)</script></html>", b"\x80\x04c__builtin__\neval\n.",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='qzx7(1)'/>", b"id,question\n=1+1,x\n",
            b"\x89PNG\r\n\x1a\n" + random.randbytes(100), b"\x1f\x8b" + random.randbytes(50),
            zlib.compress(b"{}"), random.randbytes(500), b"\xff\xfe" + random.randbytes(101),
        )
    )  # fmt: skip


FORMATS = (squad, bioasq, squad, bioasq, bomb, foreign)


def table_of_rows(random: Random) -> bytes:
    """A table with hostile names and cells, under names that are expected."""
    names = ["id", "question", random.choice(("text", "abstract", "pmid", "query")), inputs.payload(random)]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=random.choice(",;\t"))
    writer.writerow(names)
    for _ in range(random.randrange(1, 6)):
        cells = [inputs.payload(random), inputs.question(random), inputs.text(random, most=400)]
        writer.writerow([cell.replace("\x00", "") for cell in cells] + ["x"] * random.randrange(3))
    return out.getvalue().encode("utf-8", "replace")


def json_rows(random: Random) -> bytes:
    """JSON lines of hostile values under names that are expected, some of the wrong type."""
    rows = [
        wrong(random, {"id": inputs.payload(random), "question": inputs.question(random),
                       "context": inputs.text(random, most=400)})
        for _ in range(random.randrange(1, 6))
    ]  # fmt: skip
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def export(random: Random) -> bytes:
    """A MEDLINE or RIS export, or PubMed's XML, with hostile fields."""
    title, text = (inputs.text(random, most=300).replace("\n", " ") for _ in range(2))
    xml = (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID><Article><ArticleTitle>"
        f"{random.choice((title, escape(title)))}</ArticleTitle><Abstract><AbstractText>{escape(text)}"
        "</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    entity = '<!DOCTYPE x [<!ENTITY a "qzx7"><!ENTITY b "&a;&a;&a;">]>'
    made = random.choice(
        (
            f"PMID- {random.randrange(10**7)}\nTI  - {title}\nAB  - {text}\nLID - {title} [doi]\n",
            f"TY  - JOUR\nTI  - {title}\nAB  - {text}\nDO  - {inputs.name(random)}\nER  - \n",
            xml, entity + xml.replace("7</PMID>", "&b;</PMID>"),
        )
    )  # fmt: skip
    return made.encode("utf-8", "replace")


ROW_FORMATS = (table_of_rows, json_rows, export, table_of_rows, squad, bioasq, bomb, foreign)
