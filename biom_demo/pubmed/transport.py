"""One request to NCBI, within bounds. The only file that imports Bio, and the HTTP client.

Biopython speaks the E-utilities; what it sends with is put in here, at one seam: ``_open`` of a copy of
``Bio.Entrez`` of our own, so that nothing changes for anyone else who uses it. (Its own has no timeout,
sleeps on the wall clock and retries at once.) Everything here can be cancelled at any ``await``; how long
it may take is its caller's to say.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import logging
import re
import ssl
import time
import urllib.request
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from Bio import Entrez

from biom_demo.errors import InputError, PubMedError, RefusedError
from biom_demo.pubmed.flight import LATE

log = logging.getLogger(__name__)

TOOL = "biom_demo"
E_UTILITIES = "https://eutils.ncbi.nlm.nih.gov"
PMC = "https://pmc.ncbi.nlm.nih.gov"
ID_CONVERTER = f"{PMC}/tools/idconv/api/v1/articles/"
EXCHANGE_S = 15.0  # after which an exchange is given up, to try again
ERROR_BODY_S = 1.0
MAX_REDIRECTS = 5
MAX_BODY_BYTES = 32_000_000  # after decompression
MAX_ERROR_BYTES = 4_000

Turn = Callable[[str], Awaitable[None]]  # to "connect", then to "send"
_turn: ContextVar[Turn | None] = ContextVar("_turn", default=None)


class Failure(PubMedError):
    """Why a request came to nothing.

    ``passing`` says whether another try may fare better, ``wait_s`` how long the server wants it put off.
    """

    def __init__(self, words: str, *, passing: bool = True, wait_s: float = 0.0) -> None:
        super().__init__(words)
        self.passing = passing
        self.wait_s = wait_s


class UnknownIdsError(PubMedError):
    """NCBI says that it knows none of the ids."""


class Transport:
    """Sends requests to NCBI, or to the server at ``base_url`` in its place (see ``local_server``).

    ``server`` is the address it speaks to, in normal form. ``http`` is what httpx sends with, for tests.
    Raises ``InputError`` for a ``base_url`` that is no address.
    """

    def __init__(self, base_url: str | None = None, *, http: httpx.AsyncBaseTransport | None = None) -> None:
        self._base = _base(base_url) if base_url and base_url.strip() else None
        self.server = _without_login(self._base) if self._base else E_UTILITIES
        self._http = http
        self._entrez = _own_entrez()
        self._entrez._open = self._exchange

    async def send(self, service: str, parameters: Mapping[str, str], turn: Turn) -> bytes:
        """The body of one answer; ``service`` is esearch, efetch or idconv.

        ``turn`` is awaited before each connection and again when its request leaves, as connecting may take
        any time; redirected ones too. Raises ``Failure``, ``RefusedError`` for what is no use to ask again,
        ``UnknownIdsError``; none of them holds on to the request, which may have a key in it.
        """
        _turn.set(turn)
        given = {"email": "", **parameters}  # Biopython warns where there is none
        begun = time.monotonic()
        try:
            if service == "idconv":
                request = urllib.request.Request(f"{ID_CONVERTER}?{urlencode(given)}", method="GET")
                body = await self._exchange(request)
            else:
                speak: Callable[..., Awaitable[bytes]] = getattr(self._entrez, service)
                body = await speak(**given)
            log.debug("%s: %d bytes in %.1f s", service, len(body), time.monotonic() - begun)
            return body
        except PubMedError:
            raise
        except (httpx.HTTPError, httpx.InvalidURL, zlib.error, OSError, ValueError) as error:
            failure = _failure(error)
        raise failure  # out here, where the error with the request in it is forgotten

    async def _exchange(self, request: urllib.request.Request) -> bytes:
        """The body that answers a request of Biopython's making, redirects followed."""
        turn = _turn.get()
        assert turn is not None

        async def trace(event: str, _info: Any) -> None:
            if event == "http11.send_request_headers.started":
                await turn("send")

        url = httpx.URL(self._at_server(request.full_url))
        headers = {"User-Agent": TOOL, "Accept-Encoding": "gzip"}
        body = request.data if isinstance(request.data, bytes) else None
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with self._client(headers) as client:
            for _ in range(MAX_REDIRECTS + 1):
                await turn("connect")
                exchange = client.stream(request.get_method(), url, content=body, extensions={"trace": trace})
                async with asyncio.timeout(EXCHANGE_S), exchange as response:
                    if response.has_redirect_location:
                        target = self._redirected(url, response.headers["Location"])
                        if target.host != url.host:
                            # Another host, though of NCBI too, is not who the key was given for.
                            target, body = _without_key(target, body)
                        url = target
                        continue
                    if response.status_code != 200:
                        _refuse(response, await _error_text(response))
                    return _checked(await _body(response, MAX_BODY_BYTES))
        raise Failure("PubMed's address leads in a circle. Try again in some minutes.", passing=False)

    def _client(self, headers: Mapping[str, str]) -> httpx.AsyncClient:
        """One for an exchange: at three a second a kept connection gains little, and none is found stale."""
        with suppress(ImportError, ValueError, httpx.InvalidURL):
            return httpx.AsyncClient(
                transport=self._http, verify=_trusted_certificates(), timeout=None, headers=headers
            )
        raise Failure(NO_PROXY, passing=False)  # what else could be wrong comes of our own hand

    def _at_server(self, url: str) -> str:
        if self._base is None:
            return url
        for real in (E_UTILITIES, PMC):
            if url.startswith(real):
                return str(self._base).rstrip("/") + url.removeprefix(real)
        return url

    def _redirected(self, url: httpx.URL, location: str) -> httpx.URL:
        """Where a redirect leads. Raises ``Failure`` where that is not the server that was asked."""
        target = url.join(location)
        port = target.port or _PORTS.get(target.scheme)
        if self._base is None:
            ours = re.fullmatch(r"([a-z0-9-]+\.)*ncbi\.nlm\.nih\.gov", target.host) and port == 443
        else:
            own_port = self._base.port or _PORTS.get(self._base.scheme)
            secured = (self._base.scheme, target.scheme, port) == ("http", "https", 443)
            ours = target.host == self._base.host and (port == own_port or secured)
        if not ours or target.userinfo or target.scheme not in {url.scheme, "https"}:
            raise Failure(
                f"The network leads requests for PubMed to another address ({target.host[:80]}), and there "
                "they are not sent. Log in to the network, if it has a log-in page, and try again.",
                passing=False,
            )
        return target


_PORTS = {"http": 80, "https": 443}


def _without_key(url: httpx.URL, body: bytes | None) -> tuple[httpx.URL, bytes | None]:
    """An address and a form without the API key in them."""
    if "api_key" in url.params:
        url = url.copy_remove_param("api_key")
    if body and b"api_key=" in body:
        kept = [(name, value) for name, value in parse_qsl(body.decode(), True) if name != "api_key"]
        body = urlencode(kept).encode()
    return url, body


def _own_entrez() -> Any:
    spec = Entrez.__spec__
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _base(given: str) -> httpx.URL:
    """The address of a server as people write it; without a scheme it is http on this machine, else https."""
    text = given.strip()
    if "://" not in text:
        text = text.lstrip("/")
        here = re.match(r"(localhost|127\.[\d.]+|\[::1\])(?=[:/]|$)", text)
        text = f"{'http' if here else 'https'}://{text}"
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not re.fullmatch(r"[\w.:-]+", url.host) or ":/" in text[6:]:
        raise InputError(
            "The address of the server in NCBI's place cannot be used. Set BIOM_ENTREZ_URL to one such as "
            "http://127.0.0.1:8765."
        )
    return url.copy_with(path=url.path.rstrip("/"), query=None, fragment=None)


def _without_login(url: httpx.URL) -> str:
    return str(url.copy_with(userinfo=b"")).rstrip("/")


@functools.cache
def _trusted_certificates() -> ssl.SSLContext:
    """certifi's and the system's: a hospital's proxy is known to the system alone."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


# httpx logs addresses, which hold what a user asked and maybe a key: not those of our requests.
for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks"):
    logging.getLogger(_name).addFilter(lambda _record: _turn.get() is None)


async def _body(response: httpx.Response, most_bytes: int) -> bytes:
    """The whole body, decompressed, as long as it has at most ``most_bytes``. Raises ``Failure``."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise Failure("PubMed's answer is packed in a way that was not asked for. Try again in a minute.")
    inflate = zlib.decompressobj(wbits=47) if encoding not in {"", "identity"} else None
    body = bytearray()
    async for part in response.aiter_raw():
        while part:
            # Never more than the room that is left: a few bytes can unpack to gigabytes.
            body += inflate.decompress(part, most_bytes - len(body) + 1) if inflate else part
            if len(body) > most_bytes:
                raise Failure(TOO_LARGE, passing=False)
            part = inflate.unconsumed_tail if inflate else b""
    if inflate and not inflate.eof:
        raise Failure(BROKEN_OFF)
    return bytes(body)


async def _error_text(response: httpx.Response) -> str:
    """The beginning of what a server says beside an error status; it is not waited for long."""
    text = b""
    with suppress(TimeoutError, httpx.HTTPError, zlib.error):
        async with asyncio.timeout(ERROR_BODY_S):
            unpack = zlib.decompressobj(wbits=47) if "Content-Encoding" in response.headers else None
            async for part in response.aiter_raw():
                text += unpack.decompress(part, MAX_ERROR_BYTES) if unpack else part
                if len(text) >= MAX_ERROR_BYTES:
                    break
    return text[:MAX_ERROR_BYTES].decode("utf-8", "replace")


def _checked(body: bytes) -> bytes:
    start = body[:500].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise Failure(WEB_PAGE)
    return body


TOO_LARGE = "PubMed's answer is too large to be one of ours. Ask for fewer records."
BROKEN_OFF = "PubMed broke off its answer. Try again."
WEB_PAGE = (
    "A web page came in place of PubMed's answer: the network asks for a log-in, or PubMed is closed. "
    "Open any page in a browser, log in if asked, or try again later."
)
UNREACHABLE = "PubMed cannot be reached. Check the network, or paste the abstract's text."
UNTRUSTED = (
    "The connection to PubMed cannot be trusted: its certificate is not NCBI's. Check this machine's clock, "
    "and whether a proxy or a log-in page is in between."
)
NOT_SECURE = "No secure connection to PubMed could be made. Check for a proxy or a log-in page in between."
NO_PROXY = "PubMed cannot be reached through this machine's proxy. Check its settings (HTTPS_PROXY)."
FORBIDDEN = (
    "PubMed, or a firewall on the way, lets nothing from here in (HTTP 403). Ask who runs the network, or "
    "paste the abstract's text."
)
TOO_MANY = "PubMed gets too many requests from here. Wait a minute, or give your own NCBI key."
BAD_KEY = "NCBI does not accept the API key. Check it, or leave it out."

_UNKNOWN_IDS = re.compile(
    r"id list is empty|no correct ids?\b|(un(known|recognized)|invalid|nonexistent) (u?ids?|pmids?)\b"
    r"|\b(u?ids?|pmids?)\b.{0,40}\b(not found|do(es)? not exist|unknown|invalid)|cannot get document",
    re.IGNORECASE,
)
_TOO_FAST = re.compile(r"rate limit exceeded|too many requests", re.IGNORECASE)
_KEY_REFUSED = re.compile(
    r"api[ _-]?key\b.{0,60}\b(invalid|not valid|unknown|wrong|disabled|expired|not accepted)"
    r"|(invalid|unknown|wrong|bad|expired) api[ _-]?key",
    re.IGNORECASE | re.DOTALL,
)


def _refuse(response: httpx.Response, text: str) -> None:
    """Raises what the status of an answer, and the words that came with it, mean for the user."""
    status = response.status_code
    wait_s = retry_after_s(response.headers.get("Retry-After", ""), response.headers.get("Date", ""))
    if status == 429 or _TOO_FAST.search(text):
        raise Failure(TOO_MANY, wait_s=wait_s)
    if status == 511:  # Network Authentication Required
        raise Failure(WEB_PAGE, passing=False)
    if status >= 500 or status in {408, 425} or status < 400:
        raise Failure(f"PubMed has trouble (HTTP {status}). Try again in a minute.", wait_s=wait_s)
    if _KEY_REFUSED.search(text):
        raise RefusedError(BAD_KEY)
    if status == 400 and _UNKNOWN_IDS.search(text):
        raise UnknownIdsError("PubMed does not know these ids.")
    if status == 403:
        raise Failure(FORBIDDEN, passing=False)
    if status == 407:
        raise Failure(NO_PROXY, passing=False)
    raise RefusedError(f"PubMed refuses the request (HTTP {status}). Check the query or the PMID.")


def retry_after_s(given: str, date: str = "") -> float:
    """Seconds that a Retry-After header asks to wait: a number or a date; 0 for anything else.

    A date is taken from the server's own ``Date``, where it gives one, as this machine's clock may be wrong.
    """
    try:
        seconds = float(given)
    except ValueError:
        until, now = _moment(given), _moment(date)
        seconds = until - (time.time() if now is None else now) if until is not None else 0.0
    return seconds if seconds > 0 else 0.0  # "nan" is a number, too, and not above 0


def _moment(date: str) -> float | None:
    """Seconds since 1970 of an HTTP date, ``None`` for what is none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _failure(error: Exception) -> Failure:
    """In words, what kept a request from being answered."""
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Failure(UNTRUSTED, passing=False)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Failure(NOT_SECURE)
    if isinstance(error, httpx.ProxyError):
        return Failure(NO_PROXY)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return Failure(LATE)
    if isinstance(error, httpx.ReadError | httpx.RemoteProtocolError | httpx.WriteError | zlib.error):
        return Failure(BROKEN_OFF)
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return Failure("PubMed's address leads nowhere. Try again in some minutes.", passing=False)
    return Failure(UNREACHABLE)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or at.__context__
