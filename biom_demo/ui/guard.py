"""What stands before the page: who is answered, how much is taken, and what every answer carries.

    client -> Guard -> Gradio's own middleware (CORS, compression) -> Gradio's routes

The guard answers for itself what it refuses, in JSON and one sentence, and lets streams through as they
come. Which routes there are is listed here: one that Gradio has, or gets, and the page does not need is
not found.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import re
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware

from biom_demo.qa.datasets.uploads import MAX_UPLOAD_BYTES
from biom_demo.settings import Settings, Switch
from biom_demo.ui.logs import kind_of, of_request

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)

MAX_HEADERS = 100
MAX_HEADER_BYTES = 48_000  # a permalink with its text is 20 kB, and comes a second time as the referrer
BESIDE_TEXT_BYTES = 256_000  # of a JSON body: everything but the text
BYTES_OF_CHAR = 6  # as JSON may write one: \uXXXX
BODY_S = 60.0  # for a whole JSON body
UPLOAD_S = 180.0
AROUND_FILE_BYTES = 16_384  # boundaries and headers of a form
UPLOADED_BYTES = 4 * MAX_UPLOAD_BYTES  # of all visitors, on disk at one time
UPLOADS_KEPT_S = 600  # a file is read at once; it need not be there for longer than a slow queue

# For programs, beside the sentence.
REFUSED_CODES = {
    403: "other_site", 404: "not_found", 405: "wrong_method", 408: "too_slow", 413: "too_long",
    421: "wrong_host", 431: "too_many_headers", 503: "busy",
}  # fmt: skip

SESSION = r"[0-9A-Za-z_-]{1,64}"
NAME = r"[0-9A-Za-z_.-]{1,100}"
# The routes that the page, Gradio's own scripts and clients of the API use.
OPEN = re.compile(
    r"/(?:config/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|healthz|readyz|metrics|card\.png)?"
    r"|/(?:assets|static|svelte)/.+"
    r"|/gradio_api/(?:info/?|openapi\.json|app_id/?|user/?|login_check/?|startup-events|theme\.css"
    rf"|heartbeat/{SESSION}|queue/(?:join|data|status)|run/{NAME}/?|call/(?:v2/)?{NAME}(?:/{SESSION})?/?"
    r"|cancel|reset/?|upload|upload_progress)"
)
# Of agents, where the operator serves them. They send one message at a time, and are answered in a stream.
TOOLS = re.compile(r"/gradio_api/mcp(?:/http)?/?")
# Those whose JSON body names an event of the page.
EVENTS = re.compile(r"/gradio_api/(?:queue/join|run/.+|call/.+|cancel)")
UPLOAD = "/gradio_api/upload"
_SESSION = re.compile(SESSION)

# Gradio starts from a script in the page and makes functions of text; all else is of this site.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    )
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    # A permalink holds the question: no other site is told of it.
    b"referrer-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
    b"cross-origin-resource-policy": b"same-origin",
}
# Never sent, whatever put them in: banners, and leave for scripts of other sites to read answers.
WITHHELD = re.compile(rb"server|x-powered-by|access-control-.+")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered: an HTTP status, and a sentence that says what to do.

    ``cause`` is for the log: what was raised.
    """

    status: int
    words: str
    cause: str = ""


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Hosts:
    """Which names of this server are answered to.

    A page of another site may have its own name lead to this machine (DNS rebinding), and read what
    this server answers as its own; but the name stays in the request. Addresses in numbers cannot be
    led anywhere, so a server on the open net answers to them: health checks ask so. ``names`` are
    whole, or ``*.example.org``; where there are none, ``anything`` is answered to.
    """

    names: frozenset[str] = frozenset()
    anything: bool = False
    numbers: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Hosts:
        """The names that the settings ask for."""
        named = {name.strip().lower() for name in (settings.hosts or "").split(",") if name.strip()}
        if settings.on_spaces:
            named |= {"*.hf.space", *filter(None, [(settings.space_host or "").lower()])}
        public = not settings.on_loopback
        own = {settings.host.strip("[]").lower()} if public and named else set()
        return cls(frozenset(named | own), anything=public and not named, numbers=public)

    def named(self, host: str) -> bool:
        """Whether the settings name the host of a ``Host`` header, or a name it ends with."""
        name = _name_of(host)
        return name in self.names or any(
            pattern.startswith("*.") and name.endswith(pattern[1:]) for pattern in self.names
        )

    def answer(self, host: str) -> bool:
        """Whether a ``Host`` header's host is answered to."""
        name = _name_of(host)
        if not name:
            return False
        return (
            self.anything
            or name in ("localhost", "127.0.0.1", "::1")
            or self.named(host)
            or (self.numbers and _is_number(name))
        )


def _name_of(host: str) -> str:
    """The host without its port, "" where it is none."""
    match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([0-9a-z_.-]+?)\.?)(?::\d{1,5})?", host.lower())
    return (match[1] or match[2]) if match else ""


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class Disk:
    """How much was uploaded in the last while, which is as long as uploads are kept."""

    uploads: deque[tuple[float, int]] = field(default_factory=deque)
    size: int = 0

    def take(self, size: int, now: float) -> bool:
        """Whether there is room for ``size`` more bytes; they count from ``now`` on if so."""
        while self.uploads and now - self.uploads[0][0] > UPLOADS_KEPT_S:
            self.size -= self.uploads.popleft()[1]
        if self.size + size > UPLOADED_BYTES:
            return False
        self.uploads.append((now, size))
        self.size += size
        return True


class Guard:
    """The middleware; ``middleware`` says how to put it in.

    Gradio puts its own middleware around what it is given, and that allows scripts of any site to read
    answers. So the guard, once the server starts, takes its place around all of it.
    """

    def __init__(self, app: App, settings: Settings, *, body_s: float = BODY_S) -> None:
        self.app = app
        self.settings = settings
        self.hosts = Hosts.of(settings)
        self.max_json_bytes = BYTES_OF_CHAR * settings.max_context_chars + BESIDE_TEXT_BYTES
        self.body_s = body_s
        self.disk = Disk()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            inside = scope.get("app")
            if inside is not None:
                inside.middleware_stack = Guard(inside.middleware_stack, self.settings, body_s=self.body_s)
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif "answer" in scope:
            await _without_trace(self.app, scope, receive, send, scope["answer"])
        else:
            noted = scope.setdefault("state", {})
            noted["request_id"] = secrets.token_hex(8)
            answer = scope["answer"] = _Answer(send, noted)
            with of_request(noted["request_id"]):
                await self._answer(scope, receive, answer)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            self._check_head(scope)
            _strip(scope, self.hosts)
            receive = await self._take_body(scope, receive, answer)
            await _without_trace(self.app, scope, receive, answer.send, answer)
        except _Refused as refused:
            answer.refusal = refused.refusal
        except _Left:
            return
        if answer.refusal is not None:
            # The address is not in the log: it may hold what a visitor typed.
            level = logging.INFO if answer.refusal.status == 404 else logging.WARNING
            cause = f": {answer.refusal.cause}" if answer.refusal.cause else ""
            log.log(level, "refused a %s with %s%s", scope["method"], answer.refusal.status, cause)
            await answer.refuse()

    def _check_head(self, scope: Scope) -> None:
        """Nothing, where the request may be answered. Raises ``_Refused``."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(headers) > MAX_HEADERS or sum(len(n) + len(v) for n, v in headers) > MAX_HEADER_BYTES:
            raise _Refused(Refusal(431, "The request has too many headers. Leave some out."))
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        if len(hosts) != 1:
            raise _Refused(Refusal(400, "The request names no host. Send one Host header."))
        if not self.hosts.answer(hosts[0]):
            words = "This server does not go by that name. Open it by its own address"
            words += ", or add the name to BIOM_HOSTS if you run it."
            raise _Refused(Refusal(421, words))
        tools = self.settings.mcp is Switch.ON and TOOLS.fullmatch(scope["path"])
        if not OPEN.fullmatch(scope["path"]) and not tools:
            raise _Refused(Refusal(404, "There is nothing here. The page is at the site's root."))
        if tools and scope["method"] != "POST":  # a GET would hold a stream open in which nothing comes
            raise _Refused(Refusal(405, "Agents are answered here. Send a message of MCP by POST."))
        given = dict(headers)
        if scope["method"] == "POST" and given.get(b"sec-fetch-site") == b"cross-site":
            raise _Refused(Refusal(403, "Another site's page asked for this. Open the page itself."))
        session = re.search(rb"(?:^|&)session_hash=([^&]*)", scope["query_string"])
        if session and not _SESSION.fullmatch(session[1].decode("latin-1")):
            raise _Refused(Refusal(400, "This is no session of the page. Load it anew."))

    async def _take_body(self, scope: Scope, receive: Receive, answer: _Answer) -> Receive:
        """How the body is received from here on. Raises ``_Refused``, ``_Left``."""
        said = dict(scope["headers"]).get(b"content-length", b"0")
        length = int(said) if said.isdigit() and len(said) < 20 else 0
        if scope["path"] == UPLOAD and scope["method"] == "POST":
            most = MAX_UPLOAD_BYTES + AROUND_FILE_BYTES
            if length > most:
                raise _Refused(_too_long(most))
            return _Upload(receive, answer, self.disk, most=most).receive
        body = await _whole(receive, length, most=self.max_json_bytes, within_s=self.body_s)
        if scope["method"] == "POST" and EVENTS.fullmatch(scope["path"]):
            _check_event(body)
        elif TOOLS.fullmatch(scope["path"]):
            _check_message(body)
        return _replayed(body, receive)


def middleware(settings: Settings) -> list[Middleware]:
    """The guard, as ``launch(app_kwargs={"middleware": ...})`` takes it."""
    if Hosts.of(settings).anything:
        log.warning("any Host header is answered; name those of this server in BIOM_HOSTS")
    return [Middleware(Guard, settings=settings)]


class _Left(Exception):
    """The client has gone."""


class _Answer:
    """One answer on its way out: its headers made safe, and replaced by a refusal where there is one.

    ``noted`` is what is noted of the request: its ``request_id``, and whether an event ``refused`` what it
    was given (``events.Page``), which Gradio answers as a fault of the server.
    """

    def __init__(self, send: Send, noted: MutableMapping[str, Any]) -> None:
        self._send, self._noted = send, noted
        self.begun = self.is_stream = False
        self.refusal: Refusal | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self.refusal is not None:
                return
            self.begun = True
            kept = [
                (name, value)
                for name, value in message.get("headers", [])
                if not WITHHELD.fullmatch(name.lower()) and name.lower() not in HEADERS
            ]
            self.is_stream = any(value.startswith(b"text/event-stream") for _, value in kept)
            own = [*HEADERS.items(), (b"x-request-id", self._noted["request_id"].encode())]
            refused = message["status"] == 500 and self._noted.get("refused")
            message = {**message, "status": 400 if refused else message["status"], "headers": [*kept, *own]}
        if self.begun:
            await self._send(message)

    async def refuse(self) -> None:
        """Send the refusal, where nothing was sent as yet."""
        refusal, self.refusal = self.refusal, None
        if refusal is None or self.begun:
            return
        # Gradio's clients show one or the other.
        code = REFUSED_CODES.get(refusal.status, "bad_request")
        body = json.dumps({"detail": refusal.words, "error": refusal.words, "code": code}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if refusal.status in (408, 413):
            headers.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


async def _without_trace(app: App, scope: Scope, receive: Receive, send: Send, answer: _Answer) -> None:
    """Have the app answer; what it raises becomes one line of the log and, where it can be, a refusal.

    What comes out of Gradio's routes is what they make of a request that they cannot take: the page's
    own events raise nothing there (``events.Page``).
    """
    try:
        await app(scope, receive, send)
    except Exception as error:
        if not answer.begun:
            words = "This request cannot be used. Load the page anew."
            answer.refusal = answer.refusal or Refusal(400, words, kind_of(error))
            return
        log.warning("an answer broke off: %s", kind_of(error))
        if answer.is_stream:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _strip(scope: Scope, hosts: Hosts) -> None:
    """Take out what Gradio would believe, or tell to others, and nobody has checked.

    Of ``X-Forwarded-Host`` it makes the addresses in the page; ``Origin`` it gives leave to read the
    answer; with ``all_endpoints`` it lists what is for the page alone.
    """
    given = scope["headers"]
    scope["headers"] = [
        (name, value)
        for name, value in given
        if name not in (b"origin", b"x-gradio-server", b"x-forwarded-host")
        or (name == b"x-forwarded-host" and hosts.named(value.decode("latin-1").split(",")[0].strip()))
    ]
    if any(name == b"x-forwarded-host" for name, _ in given):
        scope["headers"].append((b"via", b"1.1 -"))  # ``Site.seen_by`` is to know of the proxy all the same
    query = scope["query_string"].split(b"&")
    hidden = (b"all_endpoints", b"deep_link")
    scope["query_string"] = b"&".join(part for part in query if part.split(b"=")[0] not in hidden)


async def _whole(receive: Receive, length: int, *, most: int, within_s: float) -> bytes:
    """The body of ``length`` bytes as far as is said (0: not said). Raises ``_Refused``, ``_Left``."""
    # A browser reads the answer when it has sent everything: a body a little too long is read to its
    # end, and forgotten.
    if length > 4 * most:
        raise _Refused(_too_long(most))
    taken, size = [], 0
    try:
        async with asyncio.timeout(within_s):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Left
                chunk = message.get("body", b"")
                more = message.get("more_body", False)
                size += len(chunk)
                if size <= most:
                    taken.append(chunk)
                elif not length or size > 4 * most:
                    raise _Refused(_too_long(most))
    except TimeoutError:
        raise _Refused(Refusal(408, "The request took too long to arrive. Send it again.")) from None
    if size > most:
        raise _Refused(_too_long(most))
    return b"".join(taken)


def _too_long(most: int) -> Refusal:
    return Refusal(
        413, f"This is too much: at most {most:,} bytes are taken. Send only the part in question."
    )


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _check_event(body: bytes) -> None:
    """Nothing, where a body may be one of Gradio's. Raises ``_Refused``.

    Gradio keeps a place for each session it is told of, under that name.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise _Refused(Refusal(400, "The request is not JSON. Send an object with the key data.")) from None
    if not isinstance(given, dict):
        raise _Refused(Refusal(400, "The request is no JSON object. Send one with the key data."))
    for name, kinds in (("session_hash", str), ("event_id", str), ("fn_index", int), ("trigger_id", int)):
        value = given.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise _Refused(Refusal(400, f"{name} is not of the right type. Load the page anew."))
        if isinstance(value, str) and not _SESSION.fullmatch(value):
            raise _Refused(Refusal(400, f"{name} is none of the page's. Load it anew."))
    # Gradio would make a list of the request, which belongs to one visitor.
    if given.get("batched"):
        raise _Refused(Refusal(400, "No event takes batches. Send one call at a time."))


def _check_message(body: bytes) -> None:
    """Nothing, where a body may be a message of MCP. Raises ``_Refused``."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise _Refused(Refusal(400, "The request is no JSON object. Send a message of MCP."))


class _Upload:
    """Receives a file: no more than it may be, no longer than it may take, no more than there is room for.

    Gradio writes it to disk as it comes, and only a form's own error has it deleted again.
    """

    def __init__(self, receive: Receive, answer: _Answer, disk: Disk, *, most: int) -> None:
        self._receive, self._answer, self._disk, self._most = receive, answer, disk, most
        self._size = 0
        self._until = time.monotonic() + UPLOAD_S
        self._done = False

    async def receive(self) -> Message:
        if self._done:
            return await self._receive()
        try:
            async with asyncio.timeout(self._until - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            self._stop(Refusal(408, "The file took too long to arrive. Upload it again."))
        if message["type"] == "http.disconnect":
            self._stop(None)
        chunk = message.get("body", b"")
        self._size += len(chunk)
        if self._size > self._most:
            self._stop(_too_long(self._most))
        if not self._disk.take(len(chunk), time.monotonic()):
            self._stop(Refusal(503, "Many files were uploaded just now. Try again in some minutes."))
        self._done = not message.get("more_body", False)
        return message

    def _stop(self, refusal: Refusal | None) -> None:
        self._answer.refusal = refusal
        self._done = True
        raise MultiPartException("The upload ended early.")
