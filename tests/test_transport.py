"""One exchange: Biopython left as it is, where requests may go, what may come back, in which words."""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
import ssl
import subprocess
import sys
import time
import tracemalloc
import urllib.request
import zlib
from email.message import Message
from functools import partial

import httpx
import pytest
from Bio import Entrez

from biom_demo.errors import InputError, PubMedError, RefusedError
from biom_demo.pubmed import transport as transport_module
from biom_demo.pubmed.transport import Failure, Transport, UnknownIdsError, retry_after_s
from tests.entrez_server import chain, dripping, ends_within, entrez_server, good, page, raw_server, status

KEY = "0123456789abcdef0123456789abcdef0123"
QUERY = {"db": "pubmed", "term": "gene", "api_key": KEY}


def send(transport, service="esearch", parameters=QUERY, *, turns=None):
    """One request; ``turns`` has what was waited for."""

    async def turn(step):
        if turns is not None:
            turns.append(step)

    return asyncio.run(transport.send(service, parameters, turn))


def failing(transport, service="esearch", parameters=QUERY):
    """The error a request ends with; nothing of it may hold the key."""
    with pytest.raises(PubMedError) as caught:
        send(transport, service, parameters)
    for error in chain(caught.value):
        assert isinstance(error, PubMedError)
        assert KEY not in repr(error)
    return caught.value


def reply(code=200, body=b"", **headers):
    """An answer that is read as it comes, as from a network."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(code, headers=named, stream=httpx.ByteStream(body))


def answering(*responses):
    """A transport to NCBI whose answers are given, and the requests it was sent."""
    requests = []
    left = list(responses)

    def answer(request):
        requests.append(request)
        made = left.pop(0)
        if isinstance(made, Exception):
            raise made
        return made

    return Transport(http=httpx.MockTransport(answer)), requests


# Biopython


class Opener(urllib.request.OpenerDirector):
    def __init__(self):
        super().__init__()
        self.asked = []

    def open(self, request, data=None, timeout=None):
        self.asked.append(request)
        made = io.BytesIO(b"<eSearchResult/>")
        made.headers = Message()
        made.headers["Content-Type"] = "text/xml"
        made.url = request.full_url
        return made


def test_another_librarys_entrez_works_untouched_beside_ours(monkeypatch):
    opener = Opener()
    monkeypatch.setattr(urllib.request, "_opener", opener)
    with entrez_server() as server:
        assert b"<Count>" in send(Transport(server.url))
        handle = Entrez.esearch(db="pubmed", term="theirs", email="they@example.org")
    assert handle.read() == b"<eSearchResult/>"
    assert [request.host for request in opener.asked] == ["eutils.ncbi.nlm.nih.gov"]
    assert "term=theirs" in opener.asked[0].full_url
    assert [call["term"] for call in server.calls("esearch")] == ["gene"]


def test_nothing_of_biopythons_is_changed_by_our_import_or_use():
    program = """
from Bio import Entrez
before = dict(vars(Entrez))
import tests.test_transport as t
with t.entrez_server() as server:
    t.send(t.Transport(server.url))
assert dict(vars(Entrez)) == before
assert Entrez.max_tries == 3 and Entrez.tool == "biopython"
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_what_another_library_sets_is_not_sent_with_ours(monkeypatch):
    monkeypatch.setattr(Entrez, "api_key", "theirs")
    monkeypatch.setattr(Entrez, "email", "they@example.org")
    monkeypatch.setattr(Entrez, "tool", "other")
    with entrez_server() as server:
        send(Transport(server.url), parameters={"db": "pubmed", "term": "gene", "tool": "biom_demo"})
    (call,) = server.calls("esearch")
    assert ("api_key" in call, call["tool"]) == (False, "biom_demo")
    assert "they" not in str(call)


def test_many_ids_go_as_a_form():
    transport, requests = answering(reply(200, b"<PubmedArticleSet/>"))
    send(transport, "efetch", {"db": "pubmed", "id": ",".join(map(str, range(300)))})
    assert requests[0].method == "POST"
    assert requests[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert b"299" in requests[0].content


# Addresses


@pytest.mark.parametrize(
    ("given", "server"),
    [
        (None, "https://eutils.ncbi.nlm.nih.gov"),
        ("  ", "https://eutils.ncbi.nlm.nih.gov"),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
        (" http://127.0.0.1:8765/ ", "http://127.0.0.1:8765"),
        ("127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("localhost:8765/", "http://localhost:8765"),
        ("//localhost:8765", "http://localhost:8765"),
        ("[::1]:8765", "http://[::1]:8765"),
        ("Mirror.Example.org/eutils/", "https://mirror.example.org/eutils"),
        ("http://me:secret@mirror.example.org?x=1#y", "http://mirror.example.org"),
        ("localhost.example.org", "https://localhost.example.org"),
    ],
)
def test_addresses_as_people_write_them(given, server):
    assert Transport(given).server == server


@pytest.mark.parametrize(
    "given",
    ["ftp://host", "http://", "http://[::1", "http:/127.0.0.1:8", "host:port", "http://a b", "://x", "\x00"],
)
def test_what_is_no_address_is_refused_by_the_name_of_its_setting(given):
    with pytest.raises(InputError, match="BIOM_ENTREZ_URL"):
        Transport(given)


def test_a_server_below_a_path_is_asked_there():
    requests = []

    def answer(request):
        requests.append(str(request.url))
        return reply(200, b"{}")

    transport = Transport("mirror.example.org/ncbi", http=httpx.MockTransport(answer))
    send(transport)
    send(transport, "idconv", {"ids": "PMC1"})
    assert requests[0].startswith("https://mirror.example.org/ncbi/entrez/eutils/esearch.fcgi?")
    assert requests[1].startswith("https://mirror.example.org/ncbi/tools/idconv/api/v1/articles/?")


# Redirects


def test_redirects_to_the_same_server_are_followed_each_in_its_turn():
    turns = []
    with entrez_server() as server:
        server.faults = [status(301, Location="/entrez/eutils/esearch.fcgi?term=cystic"), good]
        body = send(Transport(server.url), turns=turns)
    assert b"<Count>2</Count>" in body
    assert turns == ["connect", "send"] * 2


def test_a_form_stays_a_form_when_redirected():
    transport, requests = answering(
        reply(307, Location="https://efetch.ncbi.nlm.nih.gov/x"),
        reply(302, Location="//www.ncbi.nlm.nih.gov/y"),
        reply(200, b"<PubmedArticleSet/>"),
    )
    send(transport, "efetch", {"db": "pubmed", "id": ",".join(map(str, range(300)))})
    assert [(r.method, r.url.host, len(r.content)) for r in requests] == [
        ("POST", host, len(requests[0].content))
        for host in ("eutils.ncbi.nlm.nih.gov", "efetch.ncbi.nlm.nih.gov", "www.ncbi.nlm.nih.gov")
    ]


@pytest.mark.parametrize(
    "target",
    [
        "https://login.hotel.example/?next=pubmed",
        "http://eutils.ncbi.nlm.nih.gov/insecure",
        "https://eutils.ncbi.nlm.nih.gov.evil.example/",
        "https://evil-ncbi.nlm.nih.gov.example/",
        "https://notncbi.nlm.nih.gov/",
        "https://eutils.ncbi.nlm.nih.gov:8443/",
        "https://me:x@eutils.ncbi.nlm.nih.gov/",
        "https://eutils.ncbi.nlm.nih.gov@evil.example/",
        "http://169.254.169.254/latest/meta-data",
        "//10.0.0.1/",
        "ftp://ftp.ncbi.nlm.nih.gov/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://eutils.ncbi.nlm.nih.gov:80/",
        "https://eutils.ncbi.nlm.nih.gov./",
        "https://evil.example/.ncbi.nlm.nih.gov",
        "https://evil.example?.ncbi.nlm.nih.gov",
        "https://evil.example#.ncbi.nlm.nih.gov",
        "https://evil.example\\.ncbi.nlm.nih.gov/",
        "https:\\\\evil.example/",
        "https://evil.example%2f.ncbi.nlm.nih.gov/",
        "https://evil example.ncbi.nlm.nih.gov/",
        "https://eutils.ncbi.nlm.nih.gov@evil.example:443/",
        "https://eutils.ncbi.nlm.nih.gov:x@evil.example/",
        "https://[::ffff:127.0.0.1]/",
        "ws://eutils.ncbi.nlm.nih.gov/",
        "data:text/xml,<x/>",
    ],
)
def test_ncbi_redirects_nowhere_else(target):
    transport, requests = answering(reply(302, Location=target))
    error = failing(transport)
    assert "another address" in str(error) or "leads nowhere" in str(error)
    assert not error.passing
    assert len(requests) == 1


def test_a_given_server_redirects_nowhere_else_either():
    for location in ("http://127.0.0.1:9/", "https://eutils.ncbi.nlm.nih.gov/", "http://localhost/"):
        with entrez_server() as server:
            server.faults = [status(307, Location=location)]
            assert "another address" in str(failing(Transport(server.url)))


@pytest.mark.parametrize("many", [1, 300])
def test_a_key_goes_to_the_host_it_was_given_for_alone(many):
    ids = {"db": "pubmed", "api_key": KEY, "id": ",".join(map(str, range(many)))}
    same, other = (
        f"https://eutils.ncbi.nlm.nih.gov/x?api_key={KEY}",
        f"https://www.ncbi.nlm.nih.gov/y?api_key={KEY}&z=1",
    )
    transport, requests = answering(
        reply(307, Location=same), reply(307, Location=other), reply(200, b"<PubmedArticleSet/>")
    )
    send(transport, "efetch", ids)
    sent = [str(request.url) + request.content.decode() for request in requests]
    assert [KEY in one for one in sent] == [True, True, False]
    assert str(requests[-1].url) == "https://www.ncbi.nlm.nih.gov/y?z=1"
    assert ("id=0%2C1%2C2" in sent[-1]) == (many == 300)  # what else was in the form still is


@pytest.mark.parametrize(
    ("location", "followed"),
    [
        ("https://mirror.example/x", True), ("http://mirror.example:8080/x", True), ("/x", True),
        ("http://mirror.example/x", False), ("https://mirror.example:8443/x", False),
        ("http://mirror.example:8081/x", False), ("http://sub.mirror.example:8080/x", False),
        ("http://me@mirror.example:8080/x", False),
    ],
)  # fmt: skip
def test_a_given_server_leads_within_its_own_origin_and_to_its_secure_one(location, followed):
    requests = []

    def answer(request):
        requests.append(request)
        return reply(302, Location=location) if len(requests) == 1 else reply(200, b"<eSearchResult/>")

    transport = Transport("http://mirror.example:8080", http=httpx.MockTransport(answer))
    if followed:
        send(transport)
    else:
        assert "another address" in str(failing(transport))
    assert len(requests) == 1 + followed


@pytest.mark.parametrize("location", ["http://[", "http://host:port/", "\x7f", "x" * 70_000])
def test_a_broken_redirect_ends_in_words(location):
    with entrez_server() as server:
        server.faults = [status(302, Location=location)]
        failing(Transport(server.url))


def test_a_circle_of_redirects_ends():
    with entrez_server() as server:
        server.faults = [status(302, Location="/entrez/eutils/esearch.fcgi")] * 100
        assert "circle" in str(failing(Transport(server.url)))
        assert len(server.requests) == transport_module.MAX_REDIRECTS + 1


# Refusals in words

NO_IDS = b"<eFetchResult><ERROR>ID list is empty! Possibly it has no correct IDs.</ERROR></eFetchResult>"


@pytest.mark.parametrize(
    ("code", "body", "kind", "passing", "words"),
    [
        (400, NO_IDS, UnknownIdsError, None, "does not know"),
        (400, b'{"error": "Invalid uid 99999999999"}', UnknownIdsError, None, "does not know"),
        (400, b"UID 4 not found in database pubmed", UnknownIdsError, None, "does not know"),
        (400, b"", RefusedError, None, "HTTP 400"),
        (400, b"Bad Request: header too long", RefusedError, None, "HTTP 400"),
        (
            400,
            b'{"error":"API key invalid","api-key":"x"}',
            RefusedError,
            None,
            "does not accept the API key",
        ),
        (400, b'{"error":"API rate limit exceeded","api-key":"1.2.3.4"}', Failure, True, "too many requests"),
        (429, b'{"error":"API rate limit exceeded","api-key":"1.2.3.4"}', Failure, True, "too many requests"),
        (403, b"Forbidden", Failure, False, "lets nothing from here in"),
        (404, b"", RefusedError, None, "HTTP 404"),
        (407, b"", Failure, False, "proxy"),
        (408, b"", Failure, True, "has trouble"),
        (414, b"", RefusedError, None, "HTTP 414"),
        (500, NO_IDS, Failure, True, "has trouble"),
        (503, b"\xff\xfe", Failure, True, "has trouble"),
        (511, b"<html>", Failure, False, "asks for a log-in"),
        (204, b"", Failure, True, "has trouble"),
        (304, b"", Failure, True, "has trouble"),
        (599, b"", Failure, True, "has trouble"),
    ],
)
def test_each_refusal_has_its_words(code, body, kind, passing, words):
    with entrez_server() as server:
        server.faults = [status(code, body)]
        error = failing(Transport(server.url), "efetch", {"db": "pubmed", "id": "4"})
    assert words in str(error)
    assert isinstance(error, kind)
    assert getattr(error, "passing", None) is passing


def test_an_error_that_is_packed_is_read_too():
    body = gzip.compress(NO_IDS, mtime=0)
    transport, _ = answering(reply(400, body, Content_Encoding="gzip"))
    assert isinstance(failing(transport, "efetch"), UnknownIdsError)


def test_a_web_page_in_place_of_an_answer_is_told_apart():
    with entrez_server() as server:
        server.faults = [page, status(200, b"\xef\xbb\xbf \n<HTML><p>Accept our terms</p></HTML>")]
        for _ in range(2):
            assert "asks for a log-in" in str(failing(Transport(server.url)))


def test_a_connection_that_is_not_secure_is_told_apart():
    with entrez_server() as server:  # speaks no TLS
        assert "secure connection" in str(failing(Transport(server.url.replace("http:", "https:"))))
    error = httpx.ConnectError("certificate verify failed")
    error.__cause__ = ssl.SSLCertVerificationError(1, "self-signed certificate")
    transport, _ = answering(error)
    assert "cannot be trusted" in str(failed := failing(transport))
    assert not failed.passing


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (httpx.ConnectError("Name or service not known"), "cannot be reached"),
        (httpx.ConnectTimeout("slow"), "in time"),
        (httpx.ProxyError("407"), "proxy"),
        (httpx.RemoteProtocolError("peer closed"), "broke off"),
        (httpx.ReadError("reset"), "broke off"),
        (httpx.LocalProtocolError("bad"), "leads nowhere"),
        (OSError(24, "Too many open files"), "cannot be reached"),
        (UnicodeError("label too long"), "cannot be reached"),
    ],
)
def test_each_fault_of_the_network_has_its_words(raised, words):
    transport, _ = answering(raised)
    assert words in str(failing(transport))


@pytest.mark.parametrize(
    "said",
    [
        b"", b"\x16\x03\x01", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad header\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http_ends_in_words(said):
    with raw_server(lambda: iter([said])) as server:
        failing(Transport(server.url))


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://127.0.0.1:9", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_told_apart(monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert "proxy" in str(failing(Transport()))


# Retry-After


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7", 7), (" 7 ", 7), ("1.5", 1.5), ("0", 0), ("-3", 0), ("", 0), ("soon", 0), ("nan", 0), ("٣", 3),
        ("7 seconds", 0), ("1e3", 1000), ("inf", float("inf")), ("9" * 5000, float("inf")),
        ("Wed, 25 Nov 2026 10:00:30 GMT", 30), ("Wed, 25 Nov 2026 09:00:00 GMT", 0),
        ("Wednesday, 25-Nov-26 10:00:30 GMT", 30), ("Wed, 99 Nov 2026 10:00:30 GMT", 0), ("2026-11-25", 0),
        ("Wed, 25 Nov 99999999999 10:00:30 GMT", 0),
    ],
)  # fmt: skip
def test_retry_after_in_any_form(given, seconds):
    assert retry_after_s(given, "Wed, 25 Nov 2026 10:00:00 GMT") == seconds


def test_retry_after_a_date_without_the_servers_own_goes_by_this_clock(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_795_600_800.0)  # 2026-11-25 10:00:00
    for date in ("", "nonsense"):
        assert retry_after_s("Wed, 25 Nov 2026 10:00:09 GMT", date) == 9.0


# Bodies


def packed(*layers, content=b"<eSearchResult><Count>0</Count></eSearchResult>"):
    for layer in layers:
        content = {"gzip": partial(gzip.compress, mtime=0), "deflate": zlib.compress}[layer](content)
    return content


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "GZIP"])
def test_a_packed_body_is_unpacked(encoding):
    body = packed("deflate" if encoding == "deflate" else "gzip")
    transport, requests = answering(reply(200, body, Content_Encoding=encoding))
    assert b"<Count>0" in send(transport)
    assert requests[0].headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [
        ("gzip", packed("gzip")[:-9], "broke off"),
        ("gzip", b"", "broke off"),
        ("gzip", b"<eSearchResult/>", "broke off"),
        ("gzip, gzip", packed("gzip", "gzip"), "not asked for"),
        ("br", b"x", "not asked for"),
    ],
)
def test_a_body_packed_badly_ends_in_words(encoding, body, words):
    with entrez_server() as server:
        server.faults = [status(200, body, Content_Encoding=encoding)]
        assert words in str(failing(Transport(server.url)))


def bomb(size):
    """Gzip of ``size`` spaces, made without them."""
    squeeze = zlib.compressobj(1, wbits=31)
    piece = b" " * 1_000_000
    return b"".join(squeeze.compress(piece) for _ in range(size // len(piece))) + squeeze.flush()


def test_no_body_takes_more_room_than_it_may(monkeypatch):
    monkeypatch.setattr(transport_module, "MAX_BODY_BYTES", 2_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    unpacks = bomb(300_000_000)
    replies = {
        "endless": dripping(head + b"\r\n", b" " * 0x10000),
        "endless chunks": dripping(head + b"Transfer-Encoding: chunked\r\n\r\n", chunk),
        "gzip bomb": lambda: iter([head + b"Content-Encoding: gzip\r\n\r\n" + unpacks]),
        "said to be huge": dripping(head + b"Content-Length: 99999999999\r\n\r\n", b" " * 0x10000),
    }
    for name, reply in replies.items():
        with raw_server(reply) as server, ends_within(1):
            tracemalloc.start()
            error = failing(Transport(server.url))
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert "too large" in str(error), name
        assert not error.passing, name  # it would be as large again
        assert peak < 20e6, name


# Logs


def test_no_address_is_logged_of_ours_and_others_log_as_before(caplog):
    caplog.set_level(logging.DEBUG)
    with entrez_server() as server:
        server.faults = [status(302, Location=f"/entrez/eutils/esearch.fcgi?echo={KEY}"), good]
        send(Transport(server.url))
        assert "gene" not in caplog.text
        assert KEY not in caplog.text
        assert "esearch" in caplog.text  # that there was one, and how large, may be known
        httpx.get(f"{server.url}/theirs")
        assert "/theirs" in caplog.text
