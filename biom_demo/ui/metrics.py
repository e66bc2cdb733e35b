"""``/metrics``: the site's counters in Prometheus' text form, where the operator wants them.

Needs the extra ``metrics`` (prometheus_client), and on a public page ``BIOM_METRICS=on``. Without them the
address does not exist; what is counted is counted all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from biom_demo.counters import WAIT_BOUNDS_S, Counts
from biom_demo.settings import Switch
from biom_demo.ui.ending import Requests
from biom_demo.ui.site import Site

log = logging.getLogger(__name__)


def routes(site: Site, requests: Requests) -> list[Route]:
    """``/metrics``, or nothing where it is not wanted or cannot be had."""
    settings = site.settings
    if not settings.metrics.holds(otherwise=not settings.is_public):
        return []
    try:
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
    except ImportError:
        if settings.metrics is Switch.ON:
            log.warning("BIOM_METRICS=on needs prometheus_client: pip install -r requirements-metrics.txt")
        return []
    registry = CollectorRegistry()
    registry.register(_Collector(site, requests))

    async def metrics(_request: Request) -> Response:
        return Response(
            generate_latest(registry), media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
        )

    return [Route("/metrics", metrics)]


class _Collector:
    """What prometheus_client asks for the numbers of the moment."""

    def __init__(self, site: Site, requests: Requests) -> None:
        self._site = site
        self._requests = requests

    def collect(self) -> Iterable[Any]:
        """The metrics, in the library's own form."""
        from prometheus_client.core import GaugeMetricFamily

        yield from families(self._site.counters.counts())
        yield GaugeMetricFamily("biom_sessions", "Pages open in browsers.", value=self._requests.sessions)
        yield GaugeMetricFamily("biom_readers_loaded", "Models in memory.", value=self._site.models.loaded)


def families(counts: Counts) -> Iterable[Any]:
    """The counts as metrics of prometheus_client."""
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    runs = CounterMetricFamily("biom_runs", "Runs that have ended.", labels=["work", "end"])
    for (work, end), number in counts.runs.items():
        runs.add_metric([work.value, end.value], number)
    yield runs
    yield CounterMetricFamily("biom_read_seconds", "Seconds in which models read.", value=counts.read_s)
    bounds = [*map(str, WAIT_BOUNDS_S), "+Inf"]
    yield HistogramMetricFamily(
        "biom_wait_seconds",
        "Seconds from a question to its first turn of the models.",
        buckets=list(zip(bounds, accumulate(counts.waits), strict=True)),
        sum_value=counts.waited_s,
    )
    refusals = CounterMetricFamily("biom_refusals", "Visitors turned away before any work.", labels=["why"])
    for why, number in counts.refusals.items():
        refusals.add_metric([why.value], number)
    yield refusals
    pubmed = CounterMetricFamily("biom_pubmed_requests", "Requests to PubMed.", labels=["outcome"])
    for outcome, number in counts.pubmed_requests.items():
        pubmed.add_metric([outcome.value], number)
    yield pubmed
