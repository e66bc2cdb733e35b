"""How the page is served and ended: its address, whether it is up and ready, and what a signal does.

``/healthz`` answers as soon as the page is up, ``/readyz`` with 200 once the default pair has read something;
until then, and from the signal that ends the process on, with 503 and why.
"""

from __future__ import annotations

import logging
import threading
from datetime import date
from enum import StrEnum
from functools import cache

import gradio as gr
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from biom_demo import __version__
from biom_demo.analysis.comparison import Comparison, View
from biom_demo.analysis.difference import difference_of
from biom_demo.errors import BioMError
from biom_demo.qa.datasets.uploads import MAX_UPLOAD_BYTES
from biom_demo.qa.records import Question
from biom_demo.settings import ASSETS, Switch
from biom_demo.show.share_card import share_card
from biom_demo.ui import guard, mcp, metrics, shell
from biom_demo.ui.ending import Requests, Signals, Streams, cut_short
from biom_demo.ui.run import Run, drawn, head_of
from biom_demo.ui.sessions import MOST_SESSIONS
from biom_demo.ui.site import PUBMED_AT_ONCE, PUBMED_WAITING, Site, missing
from biom_demo.ui.wiring import PROGRAMS_READING_AT_ONCE, READING_AT_ONCE

# The reader's own fonts: nothing to load, nothing to ask a font server for.
FONTS = ("system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
# Whoever waits for PubMed or the worker keeps a thread; as many as Gradio has by default are left for others.
THREADS = PUBMED_AT_ONCE + PUBMED_WAITING + READING_AT_ONCE + PROGRAMS_READING_AT_ONCE + 40
WARM_AGAIN_S = 10.0  # after which models that were not there, or not to be read, are looked for again
CLOSE_S = 2.0  # for the last words of streams, and Gradio's own end

log = logging.getLogger(__name__)


class State(StrEnum):
    """Whether the default pair can be asked, and if not, why not."""

    LOADING = "loading"
    READY = "ready"
    MISSING = "missing"
    FAILED = "failed"
    GOING_DOWN = "going down"


REASONS = {
    State.LOADING: "The models are being loaded.",
    State.MISSING: "The models are not on this machine: fetch them on the page, or set BIOM_PAIR.",
    State.FAILED: "The models cannot be read; the log says why.",
    State.GOING_DOWN: "The server is going down.",
}


class Readiness:
    """What ``/readyz`` says. Nothing changes it any more once the server goes down."""

    def __init__(self) -> None:
        self._state = State.LOADING
        self._going_down = threading.Event()

    @property
    def state(self) -> State:
        """The state of this moment."""
        return State.GOING_DOWN if self._going_down.is_set() else self._state

    def now(self, state: State) -> None:
        """Set the state."""
        self._state = state

    def go_down(self) -> None:
        """Not ready from now on."""
        self._going_down.set()

    def going_down_within(self, seconds: float) -> bool:
        """Wait so long, or until the server goes down; whether it does."""
        return self._going_down.wait(seconds)


def routes(site: Site, readiness: Readiness) -> list[Route]:
    """``/healthz``, ``/readyz``, and the picture that sites show of a link to the page.

    The first two are answered by the event loop itself: also where all threads are taken.
    """

    async def healthz(_request: Request) -> JSONResponse:
        return JSONResponse(
            {"status": "ok", "version": __version__, "pair": site.pair.name},
            headers={"Cache-Control": "no-store"},
        )

    async def readyz(_request: Request) -> JSONResponse:
        state = readiness.state
        body = {"status": state.value, "pair": site.pair.name}
        if state in REASONS:
            body["reason"] = REASONS[state]
        return JSONResponse(
            body, status_code=200 if state is State.READY else 503, headers={"Cache-Control": "no-store"}
        )

    @cache
    def drawn(answered: Comparison) -> bytes:
        host = site.settings.space_host
        link = f"https://{host}" if host else ""
        return share_card(difference_of(answered, View()), link=link, day=date.today())

    def card(_request: Request) -> Response:
        answered = site.opening.comparison
        if answered is None:
            return Response("No example is stored for these models.", 404, media_type="text/plain")
        return Response(drawn(answered), media_type="image/png", headers={"Cache-Control": "max-age=3600"})

    # Of Starlette's, which answer HEAD where they answer GET.
    return [Route("/healthz", healthz), Route("/readyz", readyz), Route(shell.CARD, card)]


def warm_up(site: Site, readiness: Readiness) -> None:
    """Load the default pair and read the opening example, so that the first visitor does not wait for it.

    Where that fails it is tried again: somebody may have fetched the models, or made room for them.
    """
    said, absent = "", []
    while True:
        try:
            absent = missing(site.pair.checkpoints)
            for checkpoint in site.pair.checkpoints:
                site.models.visit().read(checkpoint, [(Question("What is read?"), "Nothing yet is read.")])
            site.opening.read(site.models, site.pair)
            readiness.now(State.READY)
            return
        except Exception as error:
            readiness.now(State.MISSING if absent else State.FAILED)
            # The page says the same when someone asks; here it is for whoever runs the server.
            if str(error) != said:
                said = str(error)
                log.warning("%s", said, exc_info=None if isinstance(error, BioMError) else error)
        if readiness.going_down_within(WARM_AGAIN_S):
            return


def launch(page: gr.Blocks, site: Site, signals: Signals) -> int:
    """Serve the page until a signal; the exit status: 0 where all who had asked were answered or told.

    What runs is stopped, and its visitors are told, within ``settings.grace_s`` seconds; a second signal
    ends the process at once.
    """
    readiness, requests = Readiness(), Requests()
    opening = Run.of_opening(site.opening, site.pair.name)
    example = {"head": head_of(opening), **drawn(opening, View())} if opening else None
    shell.put_up(site.settings.space_host, example)
    with_tools = mcp.is_on(site.settings)
    if with_tools:
        mcp.put_up()
    page.launch(
        server_name=site.settings.host,
        server_port=site.settings.port,
        root_path=site.settings.root_path,
        share=site.settings.share is Switch.ON,
        css_paths=[ASSETS / "style.css"],
        # Gradio's own shade of the main button is a hair below WCAG AA.
        theme=gr.themes.Default(primary_hue="indigo", font=FONTS).set(
            button_primary_background_fill="*primary_600", button_primary_background_fill_hover="*primary_700"
        ),
        app_kwargs={
            "routes": [*routes(site, readiness), *metrics.routes(site, requests)],
            # The outermost first: it counts what the guard refuses.
            "middleware": [
                Middleware(Streams, requests=requests, counters=site.counters),
                *guard.middleware(site.settings),
            ],
        },
        footer_links=["api"],
        max_file_size=MAX_UPLOAD_BYTES,
        state_session_capacity=MOST_SESSIONS,
        enable_monitoring=False,
        max_threads=THREADS,
        run_history=False,
        ssr_mode=False,
        mcp_server=with_tools,
        prevent_thread_lock=True,  # the main thread waits for signals
    )
    # Not before: Gradio gives up where its page does not answer at once, and to import torch takes seconds.
    threading.Thread(target=warm_up, args=(site, readiness), daemon=True, name="warm-up").start()
    page.server.config.encoded_headers = []  # which server this is, uvicorn would tell
    number = signals.wait(page.server.thread.is_alive)
    if number is None:
        log.error("The server ended by itself.")
        return 1
    log.warning("Going down.")
    readiness.go_down()
    site.models.worker.close(timeout_s=0)
    site.stops.stop_all()
    told = requests.answered_within(site.settings.grace_s)
    requests.end()
    page.server.should_exit = True
    page.server.thread.join(CLOSE_S)
    return 0 if told else cut_short(number)
