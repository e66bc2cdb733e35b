"""Ask PubMed: search, fetch, resolve. The only file that imports Bio.

Biopython builds and sends the requests; pace, timeouts, retries and the time budget are ours, since
its own pace is not safe with threads and it has no timeout.

Source: NCBI E-utilities usage guidelines (3 requests a second, 10 with a key; tool and email).
"""

from __future__ import annotations

import http.client
import random
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

from Bio import Entrez

from biom_demo.errors import PubMedCancelled, PubMedError, RecordError, RefusedError
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.cache import Cache
from biom_demo.pubmed.identify import Name, Scheme
from biom_demo.pubmed.parse import SearchResult, parse_articles, parse_idconv, parse_search
from biom_demo.settings import Settings

Answer = TypeVar("Answer")

TOOL = "biom_demo"
E_UTILITIES = "https://eutils.ncbi.nlm.nih.gov"
ID_CONVERTER = "https://pmc.ncbi.nlm.nih.gov/tools/idconv/api/v1/articles/"
MAX_RESULTS = 9_999  # esearch gives no more
FETCH_SIZE = 200
MAX_ATTEMPTS = 4
FIRST_PAUSE_S = 0.5
CALL_TIMEOUT_S = 15.0
MAX_RESPONSE_BYTES = 64_000_000
# A little wider than the limits, so that network jitter cannot push two calls into one slot.
PAUSE_S = 0.36
PAUSE_WITH_KEY_S = 0.11


class Transport(Protocol):
    """Sends one request and gives the whole answer; the seam for tests."""

    def __call__(
        self, service: str, parameters: Mapping[str, str], deadline: float, pace: Callable[[], None]
    ) -> bytes:
        """The body. ``service`` is esearch, efetch or idconv; ``deadline`` is on ``time.monotonic``.

        ``pace`` waits for the process's turn and is called right before the request leaves.
        Raises ``OSError`` (``HTTPError``, ``URLError``, ``TimeoutError``, ...) or ``HTTPException``.
        """
        ...


class Pace:
    """Lets requests of this process through no faster than allowed, whatever thread they are of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def slot(self, api_key: str) -> float:
        """When (on ``time.monotonic``) the caller may send; each call takes a slot of its own."""
        with self._lock:
            at = max(time.monotonic(), self._next.get(api_key, 0.0))
            self._next[api_key] = at + (PAUSE_WITH_KEY_S if api_key else PAUSE_S)
            return at


PACE = Pace()  # the limit is for the whole process


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records in the order asked for, the PMIDs PubMed does not have, and notes for the user.

    ``seen`` has, for each record served from the cache past its time because PubMed could not be
    asked, when it was fetched (seconds since 1970).
    """

    records: tuple[Abstract, ...]
    missing: tuple[str, ...] = ()
    seen: tuple[tuple[str, float], ...] = ()


class PubMed:
    """Search and fetch. Safe to share between threads.

    Every public call ends within ``budget_s`` seconds, retries and pauses included, and stops when
    its ``cancelled`` event is set. ``api_key`` of a call is a visitor's own and is used for it alone.
    """

    def __init__(
        self,
        *,
        email: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        budget_s: float = 30.0,
        cache: Cache | None = None,
        transport: Transport | None = None,
        pace: Pace = PACE,
    ) -> None:
        self._email = email or ""
        self._api_key = api_key or ""
        self._budget_s = budget_s
        self._cache = cache
        self._transport: Transport = transport or EntrezTransport(base_url)
        self._pace = pace

    @classmethod
    def from_settings(cls, settings: Settings) -> PubMed:
        """The client that the settings ask for, with its cache."""
        cache = None
        if settings.pubmed_cache.lower() not in {"off", "none", "0"}:
            # Another server's records are kept apart: its PMIDs may not be PubMed's.
            folder = Path(settings.pubmed_cache)
            cache = Cache(
                folder / "other_server" if settings.entrez_url else folder,
                max_bytes=settings.pubmed_cache_mb * 1_000_000,
                max_age_s=settings.pubmed_cache_days * 86_400,
            )
        return cls(
            email=settings.ncbi_email,
            api_key=settings.ncbi_api_key,
            base_url=settings.entrez_url,
            budget_s=settings.pubmed_budget_s,
            cache=cache,
        )

    def search(
        self,
        query: str,
        *,
        limit: int,
        newest_first: bool = False,
        api_key: str = "",
        cancelled: threading.Event | None = None,
    ) -> SearchResult:
        """The first ``limit`` records that match, most relevant (or newest) first, and how many match.

        Raises ``PubMedError`` where PubMed cannot be asked, ``RefusedError`` for a query it refuses.
        """
        limit = min(limit, MAX_RESULTS)
        order = "pub_date" if newest_first else "relevance"
        key = f"search {order} {limit} {query}"
        stored = self._cache.get([key]).get(key) if self._cache else None
        if stored and stored.fresh:
            return _found(stored.value)
        call = _Call(self, api_key, cancelled)
        parameters = {"db": "pubmed", "term": query, "retmax": str(limit), "sort": order, "retmode": "xml"}
        try:
            found = call.ask("esearch", parameters, parse_search)
        except (PubMedCancelled, RefusedError):
            raise
        except PubMedError:
            if stored:
                return _found(stored.value)
            raise
        if self._cache:
            self._cache.put({key: [found.count, found.pmids, found.translation, found.warnings]})
        return found

    def fetch(
        self,
        pmids: Sequence[str],
        *,
        api_key: str = "",
        cancelled: threading.Event | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Fetched:
        """The records of the PMIDs, in their order; ``progress`` gets (have, wanted).

        A record seen before costs no request while it is fresh. Where PubMed cannot be asked, older
        ones are served and named in ``seen``. Raises ``PubMedError`` where nothing can be served.
        """
        wanted = list(dict.fromkeys(pmids))
        stored = self._cache.get(f"record {pmid}" for pmid in wanted) if self._cache else {}
        have: dict[str, Abstract] = {}
        old: dict[str, tuple[Abstract, float]] = {}
        for pmid in wanted:
            if entry := stored.get(f"record {pmid}"):
                try:
                    record = Abstract.from_json(entry.value)
                except RecordError:
                    continue
                if entry.fresh:
                    have[pmid] = record
                else:
                    old[pmid] = (record, entry.stored)
        call = _Call(self, api_key, cancelled)
        seen: dict[str, float] = {}
        todo = [pmid for pmid in wanted if pmid not in have]
        for first in range(0, len(todo), FETCH_SIZE):
            chunk = todo[first : first + FETCH_SIZE]
            if progress:
                progress(len(have), len(wanted))
            try:
                records = call.ask("efetch", _fetch_parameters(chunk), parse_articles)
            except (PubMedCancelled, RefusedError):
                raise
            except PubMedError:
                kept = [pmid for pmid in todo if pmid in old]
                if not kept and not have:
                    raise
                if len(have) + len(kept) < len(wanted) and not kept:
                    raise
                for pmid in kept:
                    have[pmid], seen[pmid] = old[pmid]
                if len(have) < len(wanted):
                    raise
                break
            new = {record.pmid: record for record in records}
            have |= new
            if self._cache:
                self._cache.put({f"record {pmid}": record.as_json() for pmid, record in new.items()})
        if progress:
            progress(len(have), len(wanted))
        return Fetched(
            tuple(have[pmid] for pmid in wanted if pmid in have),
            tuple(pmid for pmid in wanted if pmid not in have),
            tuple(seen.items()),
        )

    def resolve(
        self, names: Sequence[Name], *, api_key: str = "", cancelled: threading.Event | None = None
    ) -> dict[Name, str]:
        """The PMID of each name; those PubMed does not know are left out.

        PMCIDs go through the ID Converter, DOIs through a search of PubMed's article ids.
        Raises ``PubMedError``.
        """
        found = {name: name.value for name in names if name.scheme is Scheme.PMID}
        others = [name for name in dict.fromkeys(names) if name.scheme is not Scheme.PMID]
        if self._cache:
            stored = self._cache.get(f"name {name.value}" for name in others)
            # What a name stands for does not change, so age does not matter.
            found |= {
                name: str(stored[f"name {name.value}"].value)
                for name in others
                if f"name {name.value}" in stored
            }
        call = _Call(self, api_key, cancelled)
        pmcids = [n for n in others if n.scheme is Scheme.PMCID and n not in found]
        new: dict[Name, str] = {}
        for first in range(0, len(pmcids), FETCH_SIZE):
            chunk = pmcids[first : first + FETCH_SIZE]
            parameters = {"ids": ",".join(name.value for name in chunk), "format": "json"}
            known = call.ask("idconv", parameters, parse_idconv)
            new |= {name: known[name.value] for name in chunk if name.value in known}
        for name in others:
            if name.scheme is Scheme.DOI and name not in found:
                parameters = {"db": "pubmed", "term": f'"{name.value}"[doi]', "retmax": "2", "retmode": "xml"}
                answer = call.ask("esearch", parameters, parse_search)
                if answer.count == 1 and len(answer.pmids) == 1:
                    new[name] = answer.pmids[0]
        if self._cache:
            self._cache.put({f"name {name.value}": pmid for name, pmid in new.items()})
        return found | new


def _fetch_parameters(pmids: Sequence[str]) -> dict[str, str]:
    return {"db": "pubmed", "id": ",".join(pmids), "retmode": "xml"}


def _found(value: Any) -> SearchResult:
    count, pmids, translation, warnings = value
    return SearchResult(int(count), tuple(pmids), str(translation), tuple(warnings))


class _Call:
    """One public call: its deadline, its key, its cancellation."""

    def __init__(self, client: PubMed, api_key: str, cancelled: threading.Event | None) -> None:
        self._client = client
        self._api_key = api_key or client._api_key
        self._cancelled = cancelled or threading.Event()
        self._deadline = time.monotonic() + client._budget_s

    def ask(self, service: str, parameters: Mapping[str, str], parse: Callable[[bytes], Answer]) -> Answer:
        """The parsed answer, after as many attempts as the budget allows."""
        whole = {**parameters, "tool": TOOL}
        if self._client._email:
            whole["email"] = self._client._email
        if self._api_key and service != "idconv":
            whole["api_key"] = self._api_key
        for attempt in range(1, MAX_ATTEMPTS + 1):
            pause = random.uniform(0.5, 1.0) * FIRST_PAUSE_S * 2 ** (attempt - 1)
            try:
                deadline = min(self._deadline, time.monotonic() + CALL_TIMEOUT_S)
                return parse(self._client._transport(service, whole, deadline, self._turn))
            except HTTPError as error:
                failure = _refusal(error, service)
                if failure is None:  # efetch of PMIDs that do not exist
                    return parse(b"<PubmedArticleSet/>")
                if isinstance(failure, RefusedError):
                    raise failure from None
                pause = max(pause, _retry_after_s(error))
            except RecordError as error:
                failure = error
            except (OSError, http.client.HTTPException) as error:
                failure = PubMedError(_words_of(error))
            if attempt == MAX_ATTEMPTS or time.monotonic() + pause >= self._deadline:
                raise failure
            self._sleep_until(time.monotonic() + pause)
        raise AssertionError("the loop returns or raises")

    def _turn(self) -> None:
        self._sleep_until(self._client._pace.slot(self._api_key))

    def _sleep_until(self, at: float) -> None:
        if at >= self._deadline:
            raise PubMedError("PubMed is busy and the request was given up. Try again in a minute.")
        if self._cancelled.wait(max(0.0, at - time.monotonic())):
            raise PubMedCancelled("Stopped.")


def _refusal(error: HTTPError, service: str) -> PubMedError | None:
    """What an HTTP error means for the user; ``None`` for "no such record"."""
    try:
        body = error.read(2000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        body = ""
    if error.code == 429:
        return PubMedError(
            "PubMed gets too many requests from here. Wait a minute, or give your own NCBI key."
        )
    if error.code >= 500:
        return PubMedError(f"PubMed has trouble (HTTP {error.code}). Try again in a minute.")
    if "api key" in body.lower() or "api_key" in body.lower():
        return RefusedError("NCBI does not accept the API key. Check it, or leave it out.")
    if service == "efetch" and error.code == 400:
        return None
    return RefusedError(f"PubMed refuses the request (HTTP {error.code}). Check the query or the PMID.")


def _retry_after_s(error: HTTPError) -> float:
    """Seconds the server asks to wait, 0 if it does not say."""
    given = (error.headers.get("Retry-After") or "").strip() if error.headers else ""
    if given.isdigit():
        return float(given)
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0


def _words_of(error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return "PubMed did not answer in time. Try again, or paste the abstract's text."
    if isinstance(reason, http.client.HTTPException):
        return "PubMed broke off its answer. Try again."
    return "PubMed cannot be reached. Check the network, or paste the abstract's text."


class EntrezTransport:
    """Requests through ``Bio.Entrez``, with a timeout and a deadline it does not have itself.

    ``base_url`` puts another server in NCBI's place (see ``local_server``).
    """

    def __init__(self, base_url: str | None = None) -> None:
        self._base_url = (base_url or "").rstrip("/")

    def __call__(
        self, service: str, parameters: Mapping[str, str], deadline: float, pace: Callable[[], None]
    ) -> bytes:
        """See ``Transport``."""
        _sending.deadline, _sending.base_url, _sending.pace = deadline, self._base_url, pace
        given = dict(parameters)
        given.setdefault("email", "")  # Biopython warns where it is not set
        if service == "idconv":
            request = urllib.request.Request(f"{ID_CONVERTER}?{urlencode(given)}")
            return _read(_open(request), deadline)
        function = {"esearch": Entrez.esearch, "efetch": Entrez.efetch}[service]
        answer: bytes = _read(function(**given), deadline)
        return answer


_sending = threading.local()


def _open(request: urllib.request.Request, *_args: Any, **_options: Any) -> Any:
    """``urlopen`` with the calling thread's timeout and server."""
    if _sending.base_url:
        for real in (E_UTILITIES, "https://pmc.ncbi.nlm.nih.gov"):
            request.full_url = request.full_url.replace(real, _sending.base_url, 1)
    # Here and not earlier: Biopython has a pause of its own, which would bunch the turns up again.
    _sending.pace()
    left = _sending.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time left")
    return urllib.request.urlopen(request, timeout=left)


def _read(handle: Any, deadline: float) -> bytes:
    """The whole body; a server that sends a byte now and then is cut off at the deadline."""
    raw = getattr(handle, "buffer", handle)  # Biopython wraps text/plain
    parts: list[bytes] = []
    total = 0
    with handle:
        while part := raw.read1(65_536):
            parts.append(part)
            total += len(part)
            if total > MAX_RESPONSE_BYTES:
                raise RecordError("PubMed's answer is too large to be one of ours. Ask for fewer records.")
            if time.monotonic() > deadline:
                raise TimeoutError("the answer took too long")
        length = getattr(raw, "headers", {}).get("Content-Length")
        if length and length.isdigit() and total < int(length):
            raise http.client.IncompleteRead(b"", int(length) - total)
    return b"".join(parts)


# Biopython's own retries come at once and know no Retry-After: one try, ours around it.
Entrez.max_tries = 1
Entrez.sleep_between_tries = 0
Entrez.tool = TOOL
setattr(Entrez, "urlopen", _open)  # noqa: B010  # not among its typed names
