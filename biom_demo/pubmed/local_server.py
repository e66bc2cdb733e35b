"""A server on this machine that speaks enough of the E-utilities to play and to test without NCBI.

    python -m biom_demo.pubmed.local_server --port 8765
    BIOM_ENTREZ_URL=http://127.0.0.1:8765 make demo

It serves a handful of records of our own writing (``assets/play_records.json``): true facts in our
words under PMIDs that do not exist. Searching is plain: words and "phrases" must occur, AND, OR and NOT
are taken from left to right as PubMed does, with brackets; ``hasabstract`` and ``[doi]`` are known, and all
other field tags are ignored.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape, quoteattr

from biom_demo.settings import ASSETS

RECORDS_FILE = ASSETS / "play_records.json"
MAX_REQUEST_BYTES = 1_000_000
DOCTYPE = (
    '<?xml version="1.0" ?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January '
    '2026//EN" "https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_260101.dtd">\n'
)
Parameters = Mapping[str, str]
# (status, headers, body) of an answer
Reply = tuple[int, dict[str, str], bytes]


def article_xml(record: Mapping[str, Any]) -> str:
    """One record of the records file as PubMed's XML; texts may hold PubMed's inline markup."""
    sections = "".join(
        f"<AbstractText{f' Label={quoteattr(label)}' if label else ''}>{text}</AbstractText>"
        for label, text in record.get("sections", ())
    )
    authors = "".join(
        f"<Author><LastName>{escape(last)}</LastName><Initials>{escape(initials)}</Initials></Author>"
        for last, initials in record.get("authors", ())
    )
    types = "".join(
        f"<PublicationType>{escape(t)}</PublicationType>" for t in record.get("types", ("Journal Article",))
    )
    notes = "".join(
        f"<CommentsCorrections RefType={quoteattr(kind)}><RefSource>{escape(source)}</RefSource>"
        f"<PMID Version='1'>{pmid}</PMID></CommentsCorrections>"
        for kind, pmid, source in record.get("notes", ())
    )
    mesh = "".join(
        f"<MeshHeading><DescriptorName>{escape(name)}</DescriptorName></MeshHeading>"
        for name in record.get("mesh", ())
    )
    doi, pmcid = record.get("doi", ""), record.get("pmcid", "")
    ids = (f'<ArticleId IdType="doi">{escape(doi)}</ArticleId>' if doi else "") + (
        f'<ArticleId IdType="pmc">{escape(pmcid)}</ArticleId>' if pmcid else ""
    )
    return (
        f"<PubmedArticle><MedlineCitation><PMID Version='1'>{record['pmid']}</PMID><Article>"
        f"<Journal><JournalIssue><PubDate><Year>{record.get('year', 2020)}</Year></PubDate></JournalIssue>"
        f"<Title>{escape(record.get('journal', ''))}</Title></Journal>"
        f"<ArticleTitle>{record.get('title', '')}</ArticleTitle>"
        f"{f'<Abstract>{sections}</Abstract>' if sections else ''}"
        f"<AuthorList>{authors}</AuthorList><PublicationTypeList>{types}</PublicationTypeList></Article>"
        f"<MeshHeadingList>{mesh}</MeshHeadingList>"
        f"<CommentsCorrectionsList>{notes}</CommentsCorrectionsList></MedlineCitation>"
        f"<PubmedData><ArticleIdList><ArticleId IdType='pubmed'>{record['pmid']}</ArticleId>{ids}"
        f"</ArticleIdList></PubmedData></PubmedArticle>"
    )


class Library:
    """The records by PMID and what the services say about them."""

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self.records = {str(record["pmid"]): record for record in records}
        self._words = {
            pmid: re.sub(
                r"<[^>]*>",
                "",
                " ".join(
                    [
                        record.get("title", ""),
                        *(t for _, t in record.get("sections", ())),
                        *record.get("mesh", ()),
                    ]
                ),
            ).lower()
            for pmid, record in self.records.items()
        }

    def answer(self, service: str, parameters: Parameters) -> Reply:
        """What NCBI would answer."""
        if service == "esearch":
            return 200, {"Content-Type": "text/xml"}, self._search(parameters).encode()
        if service == "efetch":
            wanted = [pmid for pmid in parameters.get("id", "").split(",") if pmid in self.records]
            body = "".join(article_xml(self.records[pmid]) for pmid in wanted)
            xml = f"{DOCTYPE}<PubmedArticleSet>{body}</PubmedArticleSet>"
            return 200, {"Content-Type": "text/xml; charset=UTF-8"}, xml.encode()
        if service == "idconv":
            by_pmcid = {r["pmcid"]: pmid for pmid, r in self.records.items() if r.get("pmcid")}
            rows = [
                {"pmcid": i, "pmid": int(by_pmcid[i])} if i in by_pmcid else {"pmcid": i, "status": "error"}
                for i in parameters.get("ids", "").split(",")
            ]
            return 200, {"Content-Type": "application/json"}, json.dumps({"records": rows}).encode()
        return 404, {"Content-Type": "text/plain"}, b"no such service"

    def _search(self, parameters: Parameters) -> str:
        term = parameters.get("term", "")
        unknown: list[str] = []
        if doi := re.fullmatch(r'"(.+)"\[doi\]', term):
            hits = [p for p, r in self.records.items() if r.get("doi", "").lower() == doi[1].lower()]
        else:
            found, terms = self._matching(term)
            unknown = [name for name, pmids in terms.items() if not pmids]
            score = {pmid: sum(pmid in pmids for pmids in terms.values()) for pmid in found}
            newest = parameters.get("sort") == "pub_date"
            year = {pmid: self.records[pmid].get("year", 2020) if newest else 0 for pmid in found}
            hits = sorted(found, key=lambda p: (-year[p], -score[p], p))
        limit = int(given) if (given := parameters.get("retmax", "20")).isdecimal() else 20
        ids = "".join(f"<Id>{pmid}</Id>" for pmid in hits[:limit])
        errors = "".join(f"<PhraseNotFound>{escape(name)}</PhraseNotFound>" for name in unknown)
        return (
            f"<?xml version='1.0'?><eSearchResult><Count>{len(hits)}</Count><RetMax>{limit}</RetMax>"
            f"<RetStart>0</RetStart><IdList>{ids}</IdList>"
            f"<QueryTranslation>{escape(term)}</QueryTranslation>"
            f"{f'<ErrorList>{errors}</ErrorList>' if errors else ''}</eSearchResult>"
        )

    def _matching(self, query: str) -> tuple[set[str], dict[str, set[str]]]:
        """The PMIDs that match, and those of each term."""
        terms: dict[str, set[str]] = {}
        found: set[str] | None = None
        operator = "AND"
        outer: list[tuple[set[str] | None, str]] = []
        for token in re.findall(r'"[^"]*"?|[()]|\[[^\]]*\]?|[^\s()\[\]"]+', query):
            if token in {"AND", "OR", "NOT"}:
                operator = token
                continue
            if token == "(":
                outer.append((found, operator))
                found, operator = None, "AND"
                continue
            if token == ")":
                if not outer:
                    continue
                inner = found
                found, operator = outer.pop()
            elif token.startswith("["):
                continue
            else:
                inner = terms[token] = self._with(token.strip('"*').lower())
            if inner is not None:
                found = inner if found is None else _COMBINE[operator](found, inner)
            operator = "AND"
        while outer:  # brackets that nobody closed
            inner = found
            found, operator = outer.pop()
            if inner is not None:
                found = inner if found is None else _COMBINE[operator](found, inner)
        return found or set(), terms

    def _with(self, words: str) -> set[str]:
        if words == "hasabstract":
            return {pmid for pmid, record in self.records.items() if record.get("sections")}
        return {pmid for pmid, text in self._words.items() if words and words in text}


_COMBINE: dict[str, Callable[[set[str], set[str]], set[str]]] = {
    "AND": set.intersection,
    "OR": set.union,
    "NOT": set.difference,
}


def serve(
    answer: Callable[[str, Parameters], Reply], *, port: int = 0, host: str = "127.0.0.1"
) -> ThreadingHTTPServer:
    """A server, bound but not yet running, whose services answer with ``answer``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(urlsplit(self.path).query)

        def do_POST(self) -> None:
            given = self.headers.get("Content-Length") or ""
            length = min(int(given), MAX_REQUEST_BYTES) if given.isdecimal() else 0
            self._reply(self.rfile.read(length).decode())

        def _reply(self, query: str) -> None:
            path = urlsplit(self.path).path
            service = "idconv" if "idconv" in path else path.rpartition("/")[2].removesuffix(".fcgi")
            parameters = {key: values[0] for key, values in parse_qs(query).items()}
            status, headers, body = answer(service, parameters)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: a log of requests would hold visitors' keys."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that left before its answer came is no fault of the server's."""
            if not isinstance(sys.exception(), ConnectionError | TimeoutError):
                super().handle_error(request, client_address)

    return Server((host, port), Handler)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m biom_demo.pubmed.local_server", description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--records", type=Path, default=RECORDS_FILE)
    arguments = parser.parse_args(argv)
    library = Library(json.loads(arguments.records.read_text("utf-8")))
    with serve(library.answer, port=arguments.port) as server:
        print(f"{len(library.records)} records. Start the page with", flush=True)
        print(f"  BIOM_ENTREZ_URL=http://127.0.0.1:{server.server_port} make demo", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("stopped")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
