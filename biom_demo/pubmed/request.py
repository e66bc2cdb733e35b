"""A request until it is answered: its turn, its attempts, the reading of its answer.

The retries are a loop of their own and no library's: when to give up depends on the most patient of those
who wait (``flight``), how long to pause on what the server says, and tenacity would need both, and a sleep
that can be cancelled, written beside it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from biom_demo.counters import Counters, Outcome
from biom_demo.errors import PubMedError, RecordError, RefusedError
from biom_demo.pubmed.flight import LATE, Flight, in_thread
from biom_demo.pubmed.pace import Pace
from biom_demo.pubmed.transport import BAD_KEY, TOOL, Failure, Transport, UnknownIdsError

log = logging.getLogger(__name__)

Parsed = TypeVar("Parsed")

MAX_ATTEMPTS = 4
FIRST_PAUSE_S = 0.5
BUSY = "Too many ask PubMed from here at this moment. Try again in a minute, or give your own NCBI key."
_parsing = threading.Lock()  # a large answer takes much room as a tree: one at a time


class Requests:
    """Asks one server, in the operator's name (``email``, ``api_key``) or with a visitor's key."""

    def __init__(
        self,
        transport: Transport,
        pace: Pace,
        *,
        email: str,
        api_key: str,
        counters: Counters | None = None,
    ) -> None:
        self._transport = transport
        self._pace = pace
        self._email = email
        self._api_key = api_key
        self._counters = counters or Counters()

    async def ask(
        self,
        flight: Flight,
        service: str,
        parameters: Mapping[str, str],
        parse: Callable[[bytes], Parsed],
        *,
        api_key: str = "",
    ) -> Parsed:
        """The parsed answer, after as many attempts as are of use before the flight's deadline.

        Without ``api_key`` the operator's is sent. Raises ``PubMedError``, which holds no key.
        """
        key = api_key or self._api_key
        if service == "idconv":  # takes no key, so its pace is that of all who have none
            key = ""
        whole = {**parameters, "tool": TOOL, "email": self._email, "api_key": key}
        whole = {k: v.encode("utf-8", "replace").decode() for k, v in whole.items() if v or k == "email"}

        async def turn(step: str) -> None:
            flight.trouble = BUSY
            await self._pace.turn(f"{self._transport.server} {step} {key}", with_key=bool(key))
            flight.trouble = LATE

        async def attempt() -> Parsed | RecordError:
            outcome = Outcome.STOPPED
            try:
                body = await self._transport.send(service, whole, turn)
                answer = await in_thread(lambda: _parsed(parse, body))
                outcome = Outcome.FAILED if isinstance(answer, RecordError) else Outcome.ANSWERED
                return answer
            except UnknownIdsError:
                outcome = Outcome.ANSWERED
                raise
            except RefusedError:
                outcome = Outcome.REFUSED
                raise
            except PubMedError:
                outcome = Outcome.FAILED
                raise
            finally:
                self._counters.asked_pubmed(outcome)

        for number in range(1, MAX_ATTEMPTS + 1):
            try:
                answer = await attempt()
            except PubMedError as error:
                failure = _bare(error, key)
            else:
                if not isinstance(answer, RecordError):
                    return answer
                failure = _bare(answer, key)
            pause_s = random.uniform(0.5, 1.0) * FIRST_PAUSE_S * 2 ** (number - 1)
            passing = not isinstance(failure, RefusedError | UnknownIdsError)
            if isinstance(failure, Failure):
                passing, pause_s = failure.passing, max(pause_s, failure.wait_s)
            if not passing or number == MAX_ATTEMPTS or time.monotonic() + pause_s >= flight.deadline:
                break
            flight.trouble = str(failure)
            await asyncio.sleep(pause_s)
        if key and not api_key and str(failure) == BAD_KEY:
            log.error("NCBI does not accept the key in NCBI_API_KEY")
            failure = RefusedError(
                "NCBI does not accept this demo's own key. Give yours, or tell who runs it."
            )
        raise failure


def _parsed(parse: Callable[[bytes], Parsed], body: bytes) -> Parsed | RecordError:
    """What ``parse`` makes of the body. A failure is returned: raised, it would hold on to body and tree."""
    try:
        with _parsing:
            return parse(body)
    except RecordError as error:
        return RecordError(str(error))
    except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        log.warning("an answer of PubMed could not be read: %s", type(error).__name__)
    return RecordError("PubMed's answer cannot be read. Try again in a minute.")


def _bare(error: PubMedError, key: str) -> PubMedError:
    """The error without what led to it, and without a key that the server said back."""
    words = re.sub(re.escape(key), "…", str(error), flags=re.IGNORECASE) if key else str(error)
    if isinstance(error, Failure):
        return Failure(words, passing=error.passing, wait_s=error.wait_s)
    return type(error)(words)
