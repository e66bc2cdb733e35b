"""Ask PubMed on behalf of one question: one budget, one key and one stop for all that it takes.

    with pubmed.session(api_key=theirs, cancelled=stop) as session:
        found = session.search("cystic fibrosis", limit=20)
        fetched = session.fetch(found.pmids)

What PubMed cannot be asked for in time is taken from the cache however old it is, and what is missing even
there is named: each result says in its ``notices`` what its reader must know.

Source: NCBI E-utilities usage guidelines (200 ids a call, 9,999 results a search).
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

import httpx

from biom_demo.counters import Counters
from biom_demo.errors import InputError, PubMedCancelled, PubMedError, RecordError, RefusedError
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.cache import Cache, Stored
from biom_demo.pubmed.flight import Flight, Flights, in_thread
from biom_demo.pubmed.identify import Name, Scheme
from biom_demo.pubmed.pace import Pace
from biom_demo.pubmed.parse import SearchResult, parse_articles, parse_idconv, parse_search
from biom_demo.pubmed.request import Requests
from biom_demo.pubmed.transport import Transport, UnknownIdsError
from biom_demo.settings import Settings

MAX_RESULTS = 9_999  # esearch gives no more
FETCH_SIZE = 200
DISK_S = 0.8  # for a look into the cache that nothing hangs on
MIN_SAID_AGE_S = 60.0
# Goes up when ``parse`` makes something else of a record: those kept from before are then fetched again.
RECORD_VERSION = 2
_KEY = re.compile(r"[\w.-]{1,64}", re.ASCII)

Made = TypeVar("Made")
Item = TypeVar("Item", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Searched(SearchResult):
    """An answer of esearch, when PubMed gave it (seconds since 1970), and what to say beside it."""

    asked: float = 0.0
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records in the order asked for, and what became of the other PMIDs.

    ``missing`` are those PubMed does not have, ``unasked`` those it could not be asked for. ``seen`` has,
    for each record served from the cache past its time, when it was fetched (seconds since 1970).
    ``notices`` say all this in words.
    """

    records: tuple[Abstract, ...]
    missing: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    seen: tuple[tuple[str, float], ...] = ()
    notices: tuple[str, ...] = ()

    def of(self, pmids: Sequence[str]) -> Fetched:
        """What was fetched of some of the PMIDs, in their order, with what is to be said of those alone.

        Not for PMIDs that could not be asked for.
        """
        wanted = list(dict.fromkeys(pmids))
        records = {record.pmid: record for record in self.records}
        stale, absent = dict(self.seen), set(self.missing)
        missing = [pmid for pmid in wanted if pmid in absent]
        seen = {pmid: stale[pmid] for pmid in wanted if pmid in stale}
        notices = _notices("", missing, ())
        if seen:
            notices.append(_copies(seen, len(wanted)))
        return Fetched(
            tuple(records[pmid] for pmid in wanted if pmid in records),
            tuple(missing),
            (),
            tuple(seen.items()),
            tuple(notices),
        )


@dataclass(frozen=True, slots=True)
class Resolved:
    """The PMID of each name that PubMed knows, the names it does not, and those it could not be asked for."""

    pmids: Mapping[Name, str]
    unknown: tuple[Name, ...] = ()
    unasked: tuple[Name, ...] = ()
    notices: tuple[str, ...] = ()


Said = TypeVar("Said", Searched, Fetched, Resolved)


class Asking(Protocol):
    """What a look-up needs of a ``Session``."""

    def search(self, query: str, *, limit: int, newest_first: bool = False) -> Searched:
        """As ``Session.search``."""
        ...

    def fetch(self, pmids: Sequence[str]) -> Fetched:
        """As ``Session.fetch``."""
        ...

    def resolve(self, names: Sequence[Name]) -> Resolved:
        """As ``Session.resolve``."""
        ...


class PubMed:
    """What sessions share: the way to the server, its pace, the cache, and the requests under way.

    Safe to share between threads. ``http`` is what httpx sends with, for tests. Raises ``InputError`` for a
    ``base_url`` that is no address or an ``api_key`` that cannot be one.
    """

    def __init__(
        self,
        *,
        email: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        budget_s: float = 30.0,
        cache: Cache | None = None,
        max_search_age_s: float = 43_200.0,
        max_newest_age_s: float = 600.0,
        pace: Pace | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        counters: Counters | None = None,
    ) -> None:
        transport = Transport(base_url, http=http)
        key = _checked_key(api_key, "NCBI_API_KEY holds no NCBI API key. Correct it, or unset it.")
        self._server = transport.server
        self._requests = Requests(
            transport, pace or Pace(), email=email or "", api_key=key, counters=counters
        )
        self._budget_s = budget_s
        self._cache = cache
        self._max_search_age_s = max_search_age_s
        self._max_newest_age_s = max_newest_age_s
        self._flights = Flights()

    @classmethod
    def from_settings(cls, settings: Settings, counters: Counters | None = None) -> PubMed:
        """The client that the settings ask for, with its cache; ``counters`` are told of its requests."""
        cache, folder = None, None
        if settings.pubmed_cache.lower() not in {"off", "none", "0"}:
            folder = Path(settings.pubmed_cache)
            cache = Cache(
                folder,
                max_bytes=settings.pubmed_cache_mb * 1_000_000,
                max_age_s=settings.pubmed_cache_days * 86_400,
            )
        return cls(
            email=settings.ncbi_email,
            api_key=settings.ncbi_api_key,
            base_url=settings.entrez_url,
            budget_s=settings.pubmed_budget_s,
            cache=cache,
            max_search_age_s=settings.pubmed_search_hours * 3600,
            max_newest_age_s=settings.pubmed_newest_minutes * 60,
            pace=Pace(folder),
            counters=counters,
        )

    def session(self, *, api_key: str = "", cancelled: threading.Event | None = None) -> Session:
        """A session whose budget begins now; ``api_key`` is a visitor's own and is forgotten at its end.

        Raises ``InputError`` for a key that cannot be one.
        """
        return Session(self, api_key, cancelled)

    def search(
        self,
        query: str,
        *,
        limit: int,
        newest_first: bool = False,
        api_key: str = "",
        cancelled: threading.Event | None = None,
    ) -> Searched:
        """``Session.search`` in a session of its own."""
        with self.session(api_key=api_key, cancelled=cancelled) as session:
            return session.search(query, limit=limit, newest_first=newest_first)

    def fetch(
        self,
        pmids: Sequence[str],
        *,
        api_key: str = "",
        cancelled: threading.Event | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Fetched:
        """``Session.fetch`` in a session of its own."""
        with self.session(api_key=api_key, cancelled=cancelled) as session:
            return session.fetch(pmids, progress=progress)

    def resolve(
        self, names: Sequence[Name], *, api_key: str = "", cancelled: threading.Event | None = None
    ) -> Resolved:
        """``Session.resolve`` in a session of its own."""
        with self.session(api_key=api_key, cancelled=cancelled) as session:
            return session.resolve(names)

    # What the cache holds, by the server that said it: it is no answer of another.

    def _key(self, kind: str, name: str) -> str:
        return f"{self._server} {kind} {name}"

    def _record_key(self, pmid: str) -> str:
        return self._key(f"record {RECORD_VERSION}", pmid)

    def _kept(self, keys: Iterable[str], *, max_age_s: float | None = None) -> dict[str, Stored]:
        return self._cache.get(keys, max_age_s=max_age_s) if self._cache else {}

    def _kept_search(self, key: str, max_age_s: float) -> tuple[SearchResult, Stored] | None:
        entry = self._kept([key], max_age_s=max_age_s).get(key)
        found = _decoded(entry, lambda xml: parse_search(xml.encode("utf-8", "surrogateescape")))
        return (found, entry) if found and entry else None

    def _kept_records(self, pmids: Iterable[str]) -> dict[str, tuple[Abstract, Stored]]:
        keys = {self._record_key(pmid): pmid for pmid in pmids}
        records = {}
        for key, entry in self._kept(keys).items():
            record = _decoded(entry, Abstract.from_json)
            if record and record.pmid == keys[key] and isinstance(record.text, str):
                records[record.pmid] = record, entry
        return records

    def _kept_names(self, names: Iterable[Name]) -> dict[Name, tuple[str, Stored]]:
        keys = {self._key("name", name.value): name for name in names}
        return {
            keys[key]: (entry.value, entry)
            for key, entry in self._kept(keys).items()
            if isinstance(entry.value, str) and entry.value.isdecimal()
        }

    async def _keep(self, values: Mapping[str, Any]) -> None:
        if self._cache and values:
            await _of_disk(partial(self._cache.put, values))


class Session:
    """All that one question of a user asks PubMed, within the client's ``budget_s`` from its beginning.

    Every call ends at that deadline, or a moment after ``cancelled`` is set, with ``PubMedCancelled``.
    ``notices`` has those of all results so far, each once. For one thread.
    """

    def __init__(self, client: PubMed, api_key: str, cancelled: threading.Event | None) -> None:
        self._client = client
        self._api_key = _checked_key(
            api_key, "This is no NCBI API key; those have 36 letters and digits. Correct it, or leave it out."
        )
        self._stop = cancelled or threading.Event()
        self._deadline = time.monotonic() + client._budget_s
        self.notices: tuple[str, ...] = ()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._api_key = ""

    def search(self, query: str, *, limit: int, newest_first: bool = False) -> Searched:
        """The first ``limit`` records that match, most relevant (or newest) first, and how many match.

        An answer of a while ago costs no request and says its age; an older one is given where PubMed
        cannot be asked. Raises ``PubMedError`` where there is none, ``RefusedError`` for a query that
        PubMed refuses.
        """
        client = self._client
        limit = max(1, min(limit, MAX_RESULTS))
        order = "pub_date" if newest_first else "relevance"
        key = client._key(f"search {order} {limit}", query)
        look = partial(
            client._kept_search, key, client._max_newest_age_s if newest_first else client._max_search_age_s
        )
        parameters = {"db": "pubmed", "term": query, "retmax": str(limit), "sort": order, "retmode": "xml"}
        ask = partial(
            client._requests.ask,
            service="esearch",
            parameters=parameters,
            parse=lambda body: (_listing(body), body),
            api_key=self._api_key,
        )

        async def search(flight: Flight) -> Searched:
            # Another thread may have asked since this one looked.
            if (again := await _of_disk(look)) and again[1].fresh:
                return _searched(again[0], limit, again[1])
            found, body = await ask(flight)
            answer = _searched(found, limit)
            if answer.pmids and not answer.notices:  # not where nothing was found, or numbers differ
                await client._keep({key: body.decode("utf-8", "surrogateescape")})
            return answer

        kept = self._at_hand(look)
        if kept and kept[1].fresh:
            return self._saying(_searched(kept[0], limit, kept[1]))
        try:
            return self._saying(self._join(key, search))
        except (PubMedCancelled, RefusedError):
            raise
        except PubMedError as error:
            if kept is None:
                raise
            trouble = str(error)
        return self._saying(_searched(kept[0], limit, kept[1], trouble))

    def fetch(self, pmids: Sequence[str], *, progress: Callable[[int, int], None] | None = None) -> Fetched:
        """The records of the PMIDs, in their order; ``progress`` gets (have, wanted).

        A record seen before costs no request while it is fresh. Where PubMed cannot be asked for all of
        them, or in time, what is at hand is given, old copies too, and the rest is named. Raises
        ``PubMedError`` where that is nothing.
        """
        client, api_key = self._client, self._api_key
        wanted = list(dict.fromkeys(pmids))

        async def fetch(chunk: tuple[str, ...], flight: Flight) -> dict[str, Abstract]:
            again = await _of_disk(partial(client._kept_records, chunk)) or {}
            got = {pmid: record for pmid, (record, entry) in again.items() if entry.fresh}
            if not (rest := [pmid for pmid in chunk if pmid not in got]):
                return got
            parameters = {"db": "pubmed", "id": ",".join(rest), "retmode": "xml"}
            try:
                records = await client._requests.ask(
                    flight, "efetch", parameters, parse_articles, api_key=api_key
                )
            except UnknownIdsError:
                records = []
            # What was not asked for is not taken, and the first of two is the record.
            new = {record.pmid: record for record in reversed(records) if record.pmid in rest}
            await client._keep({client._record_key(pmid): record.as_json() for pmid, record in new.items()})
            return got | new

        kept = self._at_hand(partial(client._kept_records, wanted)) or {}
        have, old = _fresh_and_old(kept)
        chunks = _chunked([pmid for pmid in wanted if pmid not in have])
        stale, unasked, trouble = self._gather(chunks, fetch, have, old, progress)
        others = {*have, *unasked}
        missing = [pmid for pmid in wanted if pmid not in others]
        seen = {pmid: kept[pmid][1].stored for pmid in stale}
        notices = _notices(trouble, missing, unasked)
        if seen:
            notices.append(_copies(seen, len(wanted)))
        return self._saying(
            Fetched(
                tuple(have[pmid] for pmid in wanted if pmid in have),
                tuple(missing),
                tuple(unasked),
                tuple(seen.items()),
                tuple(notices),
            )
        )

    def resolve(self, names: Sequence[Name]) -> Resolved:
        """The PMID of each name; PMCIDs go through the ID Converter, DOIs through a search of article ids.

        Where PubMed cannot be asked for all, what is at hand is given, old answers too. Raises
        ``PubMedError`` where that is nothing.
        """
        client, api_key = self._client, self._api_key
        wanted = list(dict.fromkeys(names))

        async def resolve(chunk: tuple[Name, ...], flight: Flight) -> dict[Name, str]:
            if chunk[0].scheme is Scheme.PMCID:
                parameters = {"ids": ",".join(name.value for name in chunk), "format": "json"}
                known = await client._requests.ask(flight, "idconv", parameters, parse_idconv)
                new = {name: known[name.value] for name in chunk if name.value in known}
            else:
                (name,) = chunk
                term = '"{}"[doi]'.format(name.value.replace('"', " "))
                parameters = {"db": "pubmed", "term": term, "retmax": "2", "retmode": "xml"}
                answer = await client._requests.ask(flight, "esearch", parameters, _listing, api_key=api_key)
                new = {name: answer.pmids[0]} if answer.count == len(answer.pmids) == 1 else {}
            await client._keep({client._key("name", name.value): pmid for name, pmid in new.items()})
            return new

        have = {name: name.value for name in wanted if name.scheme is Scheme.PMID}
        others = [name for name in wanted if name not in have]
        kept = self._at_hand(partial(client._kept_names, others)) or {}
        fresh, old = _fresh_and_old(kept)
        have |= fresh
        todo = [name for name in others if name not in have]
        chunks = _chunked([name for name in todo if name.scheme is Scheme.PMCID])
        chunks += [(name,) for name in todo if name.scheme is Scheme.DOI]
        stale, unasked, trouble = self._gather(chunks, resolve, have, old)
        known_or_unasked = {*have, *unasked}
        unknown = [name for name in wanted if name not in known_or_unasked]
        notices = _notices(trouble, [n.value for n in unknown], [n.value for n in unasked])
        if stale:
            day = _day(min(kept[name][1].stored for name in stale))
            notices.append(f"What {named([n.value for n in stale])} stands for was asked on {day}.")
        pmids = {name: have[name] for name in wanted if name in have}
        return self._saying(Resolved(pmids, tuple(unknown), tuple(unasked), tuple(notices)))

    def _gather(
        self,
        chunks: Sequence[tuple[Item, ...]],
        ask: Callable[[tuple[Item, ...], Flight], Coroutine[Any, Any, dict[Item, Value]]],
        have: dict[Item, Value],
        old: Mapping[Item, Value],
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[list[Item], list[Item], str]:
        """Whose old value had to do, what was not asked for, and why; ``have`` gets all there is.

        Raises ``PubMedError`` where there is neither.
        """
        unasked = [item for chunk in chunks for item in chunk]
        wanted = len(have) + len(unasked)
        trouble = ""
        for chunk in chunks:
            if progress:
                progress(len(have), wanted)
            try:
                have |= self._join((chunk, self._api_key), partial(ask, chunk))
            except PubMedCancelled:
                raise
            except PubMedError as error:
                if not have and not old:
                    raise
                trouble = str(error)
                break
            del unasked[: len(chunk)]
        # Never over what came just now: only where nothing did.
        stale = [item for chunk in chunks for item in chunk if item in old and item not in have]
        have |= {item: old[item] for item in stale}
        if progress:
            progress(len(have), wanted)
        return stale, [item for item in unasked if item not in have], trouble

    def _join(self, key: Hashable, ask: Callable[[Flight], Coroutine[Any, Any, Made]]) -> Made:
        return self._client._flights.join((key, self._api_key), ask, deadline=self._deadline, stop=self._stop)

    def _at_hand(self, look: Callable[[], Made]) -> Made | None:
        """What the cache has, even when the budget is used up."""
        within_s = max(DISK_S, (self._deadline - time.monotonic()) / 2)
        return self._client._flights.join(
            object(),
            lambda _: _of_disk(look, within_s),
            deadline=time.monotonic() + within_s + DISK_S,
            stop=self._stop,
        )

    def _saying(self, result: Said) -> Said:
        self.notices = tuple(dict.fromkeys((*self.notices, *result.notices)))
        return result


def _checked_key(api_key: str | None, words: str) -> str:
    key = (api_key or "").strip()
    if key and not _KEY.fullmatch(key):
        raise InputError(words)
    return key


async def _of_disk(work: Callable[[], Made], within_s: float = DISK_S) -> Made | None:
    """What ``work`` gives, or ``None`` where the disk takes too long: no answer waits for a cache."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            return await in_thread(work)
    return None


def _decoded(entry: Stored | None, decode: Callable[[Any], Made]) -> Made | None:
    """What was stored, or ``None`` where it is of another shape than what is stored today."""
    if entry is not None:
        with suppress(RecordError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return decode(entry.value)
    return None


def _fresh_and_old(kept: Mapping[Item, tuple[Value, Stored]]) -> tuple[dict[Item, Value], dict[Item, Value]]:
    fresh = {item: value for item, (value, entry) in kept.items() if entry.fresh}
    return fresh, {item: value for item, (value, _) in kept.items() if item not in fresh}


def _chunked(items: Sequence[Item]) -> list[tuple[Item, ...]]:
    return [tuple(items[first : first + FETCH_SIZE]) for first in range(0, len(items), FETCH_SIZE)]


def _listing(body: bytes) -> SearchResult:
    """An esearch answer. One that counts records and lists none is a fault of the moment: ``RecordError``."""
    found = parse_search(body)
    if found.count and not found.pmids:
        raise RecordError(f"PubMed counts {found.count:,} records, but lists none. Try again in a minute.")
    return found


def _searched(found: SearchResult, limit: int, entry: Stored | None = None, trouble: str = "") -> Searched:
    """The answer with what is to be said: of its age, where it was stored, and where its numbers differ."""
    pmids = tuple(dict.fromkeys(found.pmids))[:limit]
    notices = []
    if not min(found.count, limit) == len(pmids) == len(found.pmids):
        notices.append(
            f"PubMed counts {found.count:,} records and lists {len(found.pmids):,}: do not rely on it."
        )
    if trouble and entry:
        notices.append(
            f"{trouble} Shown is PubMed's answer of {_day(entry.stored)}; newer records are not in it."
        )
    elif entry and entry.age_s >= MIN_SAID_AGE_S:
        notices.append(f"PubMed gave this list of records {_ago(entry.age_s)} ago.")
    whole = replace(found, count=max(found.count, len(pmids)), pmids=pmids)
    return Searched(
        **{field.name: getattr(whole, field.name) for field in fields(whole)},
        asked=entry.stored if entry else time.time(),
        notices=tuple(notices),
    )


def _notices(trouble: str, missing: Sequence[str], unasked: Sequence[str]) -> list[str]:
    notices = [trouble] if trouble else []
    if missing:
        notices.append(f"PubMed does not know {named(missing)}.")
    if unasked:
        notices.append(f"PubMed could not be asked for {named(unasked)}.")
    return notices


def _copies(seen: Mapping[str, float], wanted: int) -> str:
    day = _day(min(seen.values()))
    if len(seen) == wanted:
        return f"Shown is the copy of {day}{' or later' if wanted > 1 else ''}; it may be out of date."
    return f"Shown is the copy of {day} or later, maybe out of date, of {named(list(seen))}."


def named(values: Sequence[str]) -> str:
    """The first five of the values, and how many more there are."""
    shown = ", ".join(values[:5])
    return f"{shown} and {len(values) - 5:,} more" if len(values) > 5 else shown


def _day(stored: float) -> str:
    return datetime.fromtimestamp(stored, UTC).strftime("%Y-%m-%d")


def _ago(age_s: float) -> str:
    for unit, size_s in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if age_s >= size_s:
            count = int(age_s // size_s)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"
