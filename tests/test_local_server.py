"""The local server's search: enough of PubMed's to play with the queries the page makes."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import urllib.request

import pytest

from biom_demo.pubmed.local_server import RECORDS_FILE, Library, serve
from biom_demo.pubmed.parse import parse_search
from tests.conftest import ROOT

RECORDS = [
    {
        "pmid": "1",
        "title": "CFTR in cystic fibrosis",
        "sections": [["", "Tumor necrosis factor alpha."]],
        "year": 1,
    },
    {"pmid": "2", "title": "Cystic kidneys", "sections": [["", "TNF and factor X."]], "year": 3},
    {"pmid": "3", "title": "Fibrosis, TNF", "year": 2, "doi": "10.5555/three"},
]


def found(term, **parameters):
    _, _, body = Library(RECORDS).answer("esearch", {"term": term, **parameters})
    return parse_search(body)


@pytest.mark.parametrize(
    ("term", "pmids"),
    [
        ("cystic", "12"),
        ("cystic fibrosis", "1"),
        ("cystic AND fibrosis[ti]", "1"),
        ("cystic OR fibrosis", "123"),
        ("fibrosis NOT cystic", "3"),
        ("cystic NOT tnf OR fibrosis", "13"),
        ('"cystic fibrosis"', "1"),
        ('"fibrosis cystic"', ""),
        ('("tumor necrosis factor alpha" OR TNF) AND fibrosis', "13"),
        ('fibrosis AND ("tumor necrosis factor alpha"[tiab] OR TNF[tiab]) AND hasabstract', "1"),
        ("fibros* AND hasabstract[text]", "1"),
        ('"10.5555/THREE"[doi]', "3"),
        ("((cystic", "12"),
        ("cystic))", "12"),
        ("OR OR", ""),
        ("[ti]", ""),
        ("", ""),
        ("(" * 50_000 + "cystic", "12"),
    ],
)
def test_queries_are_understood_as_pubmed_does(term, pmids):
    assert "".join(sorted(found(term).pmids)) == pmids


def test_what_occurs_nowhere_is_said():
    answer = found("cystic xyzzy")
    assert (answer.count, answer.pmids) == (0, ())
    assert "xyzzy" in " ".join(answer.warnings)


def test_the_newest_come_first_where_asked_for():
    assert found("cystic OR fibrosis", sort="pub_date").pmids == ("2", "3", "1")
    assert found("cystic OR fibrosis", retmax="1", sort="relevance").count == 3
    assert len(found("cystic OR fibrosis", retmax="nonsense").pmids) == 3


def reset(connection):
    """Close at once, so that what is sent to it is refused."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("sent", [b"", b"GET /esea", b"GET /esearch.fcgi HTTP/1.0\r\n\r\n"])
def test_a_client_that_leaves_early_is_passed_over_in_silence(capfd, sent):
    left, told = threading.Event(), threading.Event()

    def answer(service, parameters):
        if service == "esearch":
            left.wait(5)
        return 200, {}, b"x" * 10_000_000 if service == "esearch" else b"here"

    with serve(answer) as server:
        handled = server.shutdown_request
        server.shutdown_request = lambda request: (handled(request), told.set())
        running = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        running.start()
        client = socket.create_connection(server.server_address)
        client.sendall(sent)
        reset(client)
        left.set()
        assert told.wait(5)
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/efetch.fcgi") as reply:
            assert reply.read() == b"here"
        server.shutdown()
        running.join()
    assert capfd.readouterr().err == ""


def test_a_fault_of_the_server_itself_is_shown(capfd):
    def answer(service, parameters):
        raise KeyError("broken")

    with serve(answer) as server, socket.create_connection(server.server_address) as client:
        client.sendall(b"GET /esearch.fcgi HTTP/1.0\r\n\r\n")
        server.handle_request()
        assert client.recv(1) == b""
    assert "broken" in capfd.readouterr().err


def test_the_readme_names_the_records_there_are_and_asks_for_one_of_them():
    readme = (ROOT / "README.md").read_text("utf-8")
    there = {record["pmid"] for record in json.loads(RECORDS_FILE.read_text("utf-8"))}
    assert set(re.findall(r"\b9\d{7}\b", readme)) == there
    assert set(re.findall(r"--pmid (\d+)", readme)) <= there
