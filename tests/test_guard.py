"""What stands before the page: hosts, bodies, headers, routes, logs, on raw sockets where it matters."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import time

import pytest

from biom_demo.qa.datasets.uploads import MAX_UPLOAD_BYTES
from biom_demo.settings import Settings
from biom_demo.ui import guard, logs
from biom_demo.ui.guard import HEADERS, MAX_HEADERS, UPLOADED_BYTES, Disk, Guard, Hosts
from tests.served import QUESTION, wait_for
from tests.site import TEXT

SECRET = "a question nobody else should read"
JSON_LIMIT = Guard(None, Settings()).max_json_bytes


# Hosts

LOOPBACK = Hosts.of(Settings())
NAMED = Hosts.of(Settings(host="0.0.0.0", hosts="qa.example.org, *.lab.example"))
SPACE = Hosts.of(Settings(host="0.0.0.0", on_spaces=True, space_host="me-demo.hf.space"))
ANY = Hosts.of(Settings(host="0.0.0.0"))
BEHIND_A_PROXY = Hosts.of(Settings(hosts="qa.example.org"))


@pytest.mark.parametrize(
    ("hosts", "answered", "refused"),
    [
        (
            LOOPBACK,
            ["localhost", "localhost:7860", "127.0.0.1:1", "[::1]:7860", "[::1]", "LOCALHOST", "localhost."],
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "0.0.0.0",
             "", " ", "localhost:port", "localhost@evil.example", "[::1].evil.example", "evil/localhost"],
        ),
        (
            NAMED,
            ["qa.example.org", "QA.example.org:443", "a.lab.example", "10.0.0.7:7860", "localhost:7860"],
            ["example.org", "lab.example", "evillab.example", "qa.example.org.evil.example", "a b", ""],
        ),
        (
            SPACE,
            ["me-demo.hf.space", "other--x.hf.space:443", "10.20.30.40:7860"],
            ["huggingface.co", "evil.example", "hf.space.evil.example", ""],
        ),
        (ANY, ["anything.example", "10.0.0.1"], ["", "a b", "a/b", "a:b:c"]),
        (BEHIND_A_PROXY, ["qa.example.org", "127.0.0.1:7860"], ["evil.example", "10.0.0.1"]),
    ],
    ids=["loopback", "named", "space", "any", "behind a proxy"],
)  # fmt: skip
def test_who_is_answered(hosts, answered, refused):
    assert [host for host in answered if not hosts.answer(host)] == []
    assert [host for host in refused if hosts.answer(host)] == []


def test_a_server_that_answers_to_any_name_says_so(caplog):
    guard.middleware(Settings(host="0.0.0.0"))
    assert "BIOM_HOSTS" in caplog.text
    caplog.clear()
    guard.middleware(Settings())
    guard.middleware(Settings(host="0.0.0.0", hosts="qa.example.org"))
    assert caplog.text == ""


def raw(page, head, body=b"", *, wait_s=20.0):
    """The status and body of what a request, as bytes, is answered with."""
    with socket.create_connection(("127.0.0.1", page.port), timeout=wait_s) as connection:
        connection.sendall(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)
        received = b""
        while chunk := _received(connection):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else None), body


def _received(connection):
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


def test_other_names_and_none_are_refused_in_a_sentence(served_page):
    status, body = raw(served_page, b"GET /config HTTP/1.1\nHost: evil.example\nConnection: close")
    assert status == 421
    assert "does not go by that name" in json.loads(body)["detail"]
    assert raw(served_page, b"GET / HTTP/1.0")[0] == 400
    assert raw(served_page, b"GET / HTTP/1.1\nHost: localhost\nHost: evil.example")[0] == 400
    assert raw(served_page, b"GET /healthz HTTP/1.1\nHost: [::1]:7860\nConnection: close")[0] == 200


# Headers


def test_every_answer_carries_the_headers(served_page):
    with served_page.client() as client:
        answers = [
            client.get("/"),
            client.get("/config"),
            client.get("/healthz"),
            client.get("/nothing"),
            client.get("/", headers={"Host": "evil.example"}),
            client.post("/gradio_api/queue/join", content=b"{"),
            client.get("/static/img/logo.svg"),
            client.request("TRACE", "/"),
        ]
        with client.stream("GET", "/gradio_api/heartbeat/one") as stream:
            answers.append(stream)
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name.decode()] == value.decode(), answer.url
        assert "x-powered-by" not in answer.headers
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_no_answer_says_which_server_it_is_of(served_page):
    with served_page.client() as client:
        # From the second on in which the server started.
        wait_for(lambda: "server" not in client.get("/healthz").headers)


def test_the_name_of_a_request_is_never_the_clients(served_page):
    with served_page.client() as client:
        answer = client.get("/healthz", headers={"X-Request-ID": "mine"})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1", "null", "http://127.0.0.1"])
def test_no_script_of_another_site_may_read_an_answer(served_page, origin):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    with served_page.client() as client:
        answers = [
            client.get("/config", headers={"Origin": origin}),
            client.options("/gradio_api/queue/join", headers=asked),
            client.get("/nothing", headers={"Origin": origin}),
        ]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_another_sites_page_cannot_send_anything(served_page):
    with served_page.client(headers={"Sec-Fetch-Site": "cross-site"}) as client:
        assert client.post("/gradio_api/upload", files={"files": b"x"}).status_code == 403
        assert client.post("/gradio_api/queue/join", json={"data": []}).status_code == 403
        assert client.get("/").status_code == 200  # a link


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Gradio-Server"])
def test_no_forwarded_host_is_believed(served_page, name):
    forwarded = {name: "http://evil.example" if "Server" in name else "evil.example"}
    with served_page.client(headers=forwarded) as client:
        for path in ("/config", "/", "/gradio_api/info", "/gradio_api/openapi.json", "/logout", "/login"):
            answer = client.get(path)
            assert "evil.example" not in answer.text + str(answer.headers), path


def test_a_forwarded_host_that_the_settings_name_is_believed():
    scope = {"headers": [(b"x-forwarded-host", b"qa.example.org, inner")], "query_string": b""}
    guard._strip(scope, NAMED)
    assert (b"x-forwarded-host", b"qa.example.org, inner") in scope["headers"]
    guard._strip(scope, ANY)
    assert {name for name, _ in scope["headers"]} == {b"via"}  # that there is a proxy is not forgotten
    direct = {"headers": [(b"host", b"localhost")], "query_string": b""}
    guard._strip(direct, ANY)
    assert direct["headers"] == [(b"host", b"localhost")]


def test_too_many_or_too_long_headers_are_refused(served_page):
    many = b"".join(b"X-%d: a\n" % number for number in range(MAX_HEADERS + 1))
    head = b"GET / HTTP/1.1\nHost: localhost\nConnection: close\n"
    assert raw(served_page, head + many.strip())[0] == 431
    assert raw(served_page, head + b"X-Long: " + b"a" * 50_000)[0] == 431
    assert raw(served_page, head + b"X-Longer: " + b"a" * 200_000)[0] in (400, 431, None)


# Bodies

POST = (
    b"POST /gradio_api/queue/join HTTP/1.1\nHost: localhost\nConnection: close\n"
    b"Content-Type: application/json\n"
)


def test_a_body_that_says_it_is_too_long_is_refused_at_once(served_page):
    status, body = raw(served_page, POST + b"Content-Length: 200000000")
    assert status == 413
    assert f"at most {JSON_LIMIT:,} bytes" in json.loads(body)["detail"]


def test_a_body_a_little_too_long_is_read_to_its_end(served_page):
    """A browser reads no answer before; what is sent is forgotten."""
    size = JSON_LIMIT + 500_000
    assert raw(served_page, POST + b"Content-Length: %d" % size, b"a" * size)[0] == 413


def test_a_body_in_pieces_is_counted(served_page):
    piece = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    pieces = piece * (JSON_LIMIT // 0x10000 + 2)
    assert raw(served_page, POST + b"Transfer-Encoding: chunked", pieces + b"0\r\n\r\n")[0] in (413, None)


def test_the_longest_text_that_is_read_is_taken(served_page):
    number = served_page.event("context", None, "pair")
    text = "é" * Settings().max_context_chars
    assert served_page.run(number, [text, None, "mini"], session="long").status_code == 200


def _form(content):
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.json"\r\n\r\n'
    return head + content + b"\r\n--x--\r\n"


UPLOAD = (
    b"POST /gradio_api/upload HTTP/1.1\nHost: localhost\nConnection: close\n"
    b"Content-Type: multipart/form-data; boundary=x\n"
)


def files_of(page):
    folder = page.log_file.parent / "uploads"
    return {path for path in folder.rglob("*") if path.is_file()} if folder.is_dir() else set()


def test_a_file_too_large_is_refused_and_nothing_of_it_stays(served_page):
    before = files_of(served_page)
    length = MAX_UPLOAD_BYTES + 100_000
    assert raw(served_page, UPLOAD + b"Content-Length: %d" % length)[0] == 413
    assert files_of(served_page) == before


def test_a_file_whose_sender_leaves_does_not_stay(served_page):
    before = files_of(served_page)
    with socket.create_connection(("127.0.0.1", served_page.port)) as connection:
        head = UPLOAD.replace(b"\n", b"\r\n") + b"Content-Length: 500000\r\n\r\n"
        connection.sendall(head + _form(b"a" * 300_000)[:-10])
        time.sleep(0.3)
    for _ in range(100):
        if files_of(served_page) == before:
            break
        time.sleep(0.05)
    assert files_of(served_page) == before


@pytest.mark.parametrize(
    "name",
    [
        "../../a.json",
        "..\\..\\a.json",
        "/etc/a.json",
        "a/../../b.json",
        "....//a.json",
        "%2e%2e%2fa.json",
        ".",
    ],
)
def test_a_files_name_leads_nowhere(served_page, name):
    with served_page.client() as client:
        answer = client.post("/gradio_api/upload", files={"files": (name, b"{}")})
    root = (served_page.log_file.parent / "uploads").resolve()
    if answer.status_code == 200:
        assert all(str(root) in path and ".." not in path.split("/") for path in answer.json())
    else:
        assert answer.status_code == 400
    assert not (root.parent / "a.json").exists()


def test_no_more_is_taken_than_there_is_room_for():
    disk = Disk()
    assert disk.take(UPLOADED_BYTES, now=0.0)
    assert not disk.take(1, now=1.0)
    assert disk.take(1, now=guard.UPLOADS_KEPT_S + 2.0)


def guarded(app, scope, *messages, body_s=5.0):
    """What an app under the guard sends for a request, whose messages come and then nothing more."""
    sent, waiting = [], list(messages)

    async def receive():
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(60)
        raise AssertionError("it waited for too long")

    async def send(message):
        sent.append(message)

    usual = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(Guard(app, Settings(), body_s=body_s)({**usual, **scope}, receive, send))
    return sent


EMPTY = {"type": "http.request", "body": b"", "more_body": False}


def test_a_body_that_never_ends_is_given_up():
    async def never(_scope, _receive, _send):
        raise AssertionError("it was answered")

    begun = {"type": "http.request", "body": b"{", "more_body": True}
    sent = guarded(never, {"method": "POST"}, begun, body_s=0.05)
    assert sent[0]["status"] == 408


def test_a_stream_is_passed_on_as_it_comes():
    async def streaming(_scope, receive, send):
        assert await receive() == EMPTY
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(3):
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    sent = guarded(streaming, {}, EMPTY)
    assert [message.get("body") for message in sent] == [None, b"0", b"1", b"2", b""]


def test_what_an_app_raises_is_one_line_and_a_sentence(caplog):
    async def failing(_scope, _receive, _send):
        raise KeyError(SECRET)

    sent = guarded(failing, {}, EMPTY)
    assert sent[0]["status"] == 400
    assert "Load the page anew" in json.loads(sent[1]["body"])["detail"]
    assert len(caplog.records) == 1
    assert "KeyError" in caplog.text
    assert SECRET not in caplog.text


def test_a_stream_that_breaks_off_is_ended(caplog):
    async def failing(_scope, _receive, send):
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        raise RuntimeError(SECRET)

    sent = guarded(failing, {}, EMPTY)
    assert not sent[-1].get("more_body")
    assert len(caplog.records) == 1
    assert SECRET not in caplog.text


def test_banners_and_leave_for_other_sites_are_withheld():
    async def boasting(_scope, _receive, send):
        told = [(b"Server", b"x"), (b"X-Powered-By", b"y"), (b"access-control-allow-origin", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": told})
        await send({"type": "http.response.body", "body": b""})

    names = {name.lower() for name, _ in guarded(boasting, {}, EMPTY)[0]["headers"]}
    assert names == {*HEADERS, b"x-request-id"}


def test_no_other_protocol_is_spoken():
    sent = guarded(None, {"type": "websocket"})
    assert sent == [{"type": "websocket.close", "code": 1008}]


# Routes

CLOSED = [
    "/gradio_api/file=/etc/passwd", "/gradio_api/file=app.py", "/gradio_api/file=../app.py",
    "/gradio_api/file=http://127.0.0.1:1/", "/gradio_api/file/etc/passwd", "/gradio_api/file=file:///etc/passwd",
    "/gradio_api/file=%2Fetc%2Fpasswd", "/file=/etc/passwd", "/file/etc/passwd",
    "/gradio_api/proxy=http://169.254.169.254/", "/gradio_api/proxy=https://a.hf.space/", "/proxy=http://a/",
    "/gradio_api/stream/a/b/1/playlist.m3u8", "/gradio_api/stream/a", "/gradio_api/component_server",
    "/gradio_api/custom_component/a/client/b/c", "/gradio_api/deep_link?session_hash=a", "/gradio_api/runs",
    "/gradio_api/token", "/gradio_api/dev/reload", "/gradio_api/vibe-code", "/gradio_api/process_recording",
    "/gradio_api/api/answer", "/monitoring", "/monitoring/summary", "/monitoring/x", "/login", "/logout",
    "/docs", "/redoc", "/openapi.json", "/gradio_api/mcp/", "/gradio_api/profiling/traces", "/.env",
    "/app.py", "//etc/passwd", "/../app.py", "/gradio_api/../app.py", "/gradio_api/upload/../../x",
    "/pwa_icon/99999",
]  # fmt: skip


@pytest.mark.parametrize("path", CLOSED)
def test_what_the_page_does_not_need_is_not_there(served_page, path):
    for method in (b"GET", b"POST", b"HEAD"):
        head = (
            method
            + b" "
            + path.encode()
            + b" HTTP/1.1\nHost: localhost\nConnection: close\nContent-Length: 0"
        )
        status, body = raw(served_page, head)
        assert status == 404, method
        assert b"root:" not in body


@pytest.mark.parametrize("folder", ["static", "assets", "svelte"])
@pytest.mark.parametrize(
    "rest",
    ["../app.py", "..%2f..%2fapp.py", "%2e%2e/%2e%2e/routes.py", "....//routes.py", "..\\..\\routes.py",
     "/etc/passwd", "%2fetc%2fpasswd", "..%00/routes.py", "a%00", "%5c..%5croutes.py", "..;/routes.py",
     "img/../../../routes.py", "%252e%252e%252froutes.py", "a" * 3_000, "~root", "CON", "."],
)  # fmt: skip
def test_nothing_outside_the_assets_is_served(served_page, folder, rest):
    before = len(served_page.log)
    head = f"GET /{folder}/{rest} HTTP/1.1\nHost: localhost\nConnection: close".encode()
    status, body = raw(served_page, head)
    assert status in (400, 403, 404)
    assert len(body) < 500
    assert b"site-packages" not in body
    assert "Traceback" not in served_page.log[before:]


def test_private_endpoints_are_not_listed_and_public_ones_are(served_page):
    with served_page.client() as client:
        for path in ("/gradio_api/info", "/gradio_api/info?all_endpoints=true", "/gradio_api/openapi.json"):
            text = client.get(path).text
            assert "on_ask" not in text
            assert "answer" in text
        listed = client.get("/gradio_api/info?a=b&all_endpoints=1").json()
    assert set(listed["named_endpoints"]) == {
        "/answer", "/compare", "/search_pubmed", "/ask_pubmed", "/evaluate_file",
    }  # fmt: skip
    assert listed["unnamed_endpoints"] == {}


def test_nobody_goes_around_the_queue(served_page):
    with served_page.client() as client:
        for name in ("answer", "compare", "ask_pubmed", "evaluate_file", "on_ask", "on_prepared"):
            answer = client.post(f"/gradio_api/run/{name}", json={"data": [TEXT, QUESTION, "mini"]})
            assert answer.status_code == 404, name
        number = served_page.event(
            "context", "question", "pair", "further", "blind", None, None, "engine", "extent", queued=True
        )
        body = {
            "data": [TEXT, QUESTION, "mini", [], False, None, "", "float32", "auto"],
            "fn_index": number,
            "session_hash": "a",
        }
        assert client.post("/gradio_api/run/predict", json=body).status_code == 404


def test_gradios_own_client_works(served_page):
    from gradio_client import Client

    client = Client(served_page.address, verbose=False)
    answer = client.predict(TEXT, QUESTION, api_name="/answer")
    assert answer["biom"]["answer"]["text"] == "CFTR"
    with pytest.raises(Exception, match="must be a string"):
        client.predict(5, QUESTION, api_name="/answer")


# Hostile input

HOSTILE = [
    b"", b"{", b"null", b"[]", b'"a"', b"5", b"{}", b"\xff\xfe", b"\0" * 100, b"[" * 100_000,
    b'{"a":' * 5_000, b'{"data": null}', b'{"data": {}}', b'{"data": [], "fn_index": 99999}',
    b'{"data": [], "fn_index": -1}',
    b'{"data": [], "fn_index": "0"}', b'{"data": [], "fn_index": true}', b'{"data": [], "fn_index": 1e400}',
    b'{"data": [], "fn_index": 0, "session_hash": ""}',
    b'{"data": [], "fn_index": 0, "session_hash": "../a"}',
    b'{"data": [], "fn_index": 0, "session_hash": 5}', b'{"data": [], "fn_index": 0, "session_hash": {}}',
    b'{"data": [], "fn_index": 2, "session_hash": "' + b"a" * 100_000 + b'"}',
    b'{"data": [NaN], "fn_index": 2, "session_hash": "h"}',
    b'{"data": [[]], "fn_index": 2, "session_hash": "h"}',
    b'{"data": [{"path": "/etc/passwd"}], "fn_index": 2, "session_hash": "h"}',
    b'{"data": ["a"], "fn_index": 2, "session_hash": "h", "event_data": {"path": "/etc/passwd"}}',
    b'{"data": ["a"], "fn_index": 2, "session_hash": "h", "trigger_id": 999999}',
    b'{"data": ["a"], "fn_index": 2, "session_hash": "h", "event_id": "\\u0000"}',
    b'{"data": ["a"], "fn_index": 2, "session_hash": "h", "batched": true}',
    b'{"data": ["a"], "fn_index": 2, "session_hash": "h", "simple_format": "x"}',
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bodies_are_answered_without_a_trace(served_page, body):
    before = len(served_page.log)
    paths = (
        "run/predict",
        "queue/join",
        "call/answer",
        "call/v2/answer",
        "cancel",
        "run/nothing",
        "call/nothing",
    )
    with served_page.client(headers={"Content-Type": "application/json"}) as client:
        for path in paths:
            answer = client.post(f"/gradio_api/{path}", content=body)
            assert answer.status_code < 500, path
            assert "Traceback" not in answer.text
            assert "site-packages" not in answer.text
    written = served_page.log[before:]
    assert "Traceback" not in written
    assert len(written.splitlines()) <= 2 * len(paths)


def test_unknown_sessions_and_events_are_answered_without_a_trace(served_page):
    before = len(served_page.log)
    with served_page.client() as client:
        assert client.get("/gradio_api/queue/data?session_hash=unknown").status_code in (200, 404)
        assert client.get("/gradio_api/queue/data?session_hash=../..").status_code == 400
        assert client.get("/gradio_api/queue/data").status_code == 422
        assert client.get("/gradio_api/call/answer/unknown").status_code in (200, 404)
        assert client.get("/gradio_api/heartbeat/" + "a" * 100).status_code == 404
        assert client.get("/gradio_api/upload_progress?upload_id=unknown").status_code == 404
        assert client.post("/gradio_api/upload", content=b"x").status_code == 400
    assert "Traceback" not in served_page.log[before:]


# Logs


def test_the_log_holds_nothing_that_was_sent(served_page):
    number = served_page.event("context", None, "pair")
    with served_page.client() as client:
        client.get("/", params={"q": SECRET, "id": "36990001"})
        client.get(f"/gradio_api/file={SECRET}")
        client.get("/", headers={"Host": SECRET.replace(" ", "-")})
        client.post(
            "/gradio_api/queue/join", json={"data": [SECRET], "fn_index": 99_999, "session_hash": "a"}
        )
        client.post(
            "/gradio_api/run/predict", params={"q": SECRET}, json={"data": [SECRET] * 5, "fn_index": number}
        )
    served_page.call("answer", [TEXT, SECRET, SECRET])
    written = served_page.log
    assert SECRET not in written
    assert SECRET.replace(" ", "-") not in written
    assert re.search(
        r"WARNING biom_demo\.ui\.guard \[[0-9a-f]{16}\] refused a POST with 400: KeyError", written
    )


def test_a_fault_is_logged_with_its_place_and_request_and_without_its_words():
    def fail():
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise RuntimeError(SECRET) from error

    handler = logging.StreamHandler()
    handler.setFormatter(logs._WithoutWords(logs.FORMAT))
    handler.addFilter(logs._WithRequest())
    with logs.of_request("0123"):
        try:
            fail()
        except RuntimeError as error:
            info = (type(error), error, error.__traceback__)
            record = logging.LogRecord("site", logging.ERROR, __file__, 1, "reading failed", (), info)
        handler.filter(record)
        written = handler.format(record)
    assert "[0123] reading failed" in written
    assert "RuntimeError from ValueError" in written
    assert "test_guard.py" in written
    assert SECRET not in written
