"""How the page's events are wired: parts by name, what queues an event goes through, the scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import gradio as gr

from biom_demo.settings import ASSETS
from biom_demo.show.cards import status_html
from biom_demo.ui.site import Stops, Update

# Events of the page's own that ask nothing of a model. In the queue they would wait for a place; but
# outside of it a changed state sets off nothing.
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
QUIET_IN_QUEUE: dict[str, Any] = QUIET | {"queue": True, "concurrency_limit": None}
# Whoever reads is let through to the worker, where visitors take turns; beyond so many they wait in Gradio's
# queue. Events that share an id take the lowest limit of them all, so all of them say it.
READING_AT_ONCE = 32
PROGRAMS_READING_AT_ONCE = 16
READS: dict[str, Any] = {
    "concurrency_id": "model",
    "concurrency_limit": READING_AT_ONCE,
    "show_progress": "minimal",
    "api_visibility": "private",
}
# What may wait for PubMed has a bound of its own, ``Site.pubmed_gate``: who asks nothing of PubMed
# waits for nobody who does.
MAY_ASK_PUBMED: dict[str, Any] = {
    "concurrency_limit": None,
    "show_progress": "minimal",
    "api_visibility": "private",
}


STATE_KEPT_S = 3_600


def kept(value: Any) -> gr.State:
    """A state of the page, the same value in each session at first; forgotten after an hour unchanged."""
    return gr.State(value, time_to_live=STATE_KEPT_S)


class Parts(dict[str, Any]):
    """The components of the page, or of a part of it, by name."""

    def joined(self, others: Mapping[str, Any]) -> Parts:
        """These parts and others. Raises ``ValueError`` for a name of both, which would hide one of them."""
        if twice := self.keys() & others.keys():
            raise ValueError(f"two parts have one name: {', '.join(sorted(twice))}")
        return Parts({**self, **others})

    def of(self, *names: str) -> list[Any]:
        """The components of those names."""
        return [self[name] for name in names]

    def changed(self, update: Update) -> dict[Any, Any]:
        """An update as Gradio takes it."""
        # Escaped text goes out as plain text: outside of show/ it is not to be built upon.
        return {self[name]: str(value) if isinstance(value, str) else value for name, value in update.items()}

    def streamed(self, updates: Iterable[Update], *outputs: str) -> Iterator[dict[Any, Any]]:
        """Updates as a Gradio event over ``outputs`` gives them, one after the other.

        An event that gives nothing at all would leave its outputs blank; here they stay as they are.
        """
        given = False
        for update in updates:
            given = True
            yield self.changed(update)
        if not given:
            yield {self[name]: gr.skip() for name in outputs}


def script(name: str) -> str:
    """The function in ``assets/js/NAME.js``, as Gradio's ``js`` takes it."""
    return (ASSETS / "js" / f"{name}.js").read_text("utf-8")


def stop_at(button: gr.Button, stops: Stops, kind: str, status: gr.HTML) -> None:
    """Stop what the visitor's session runs of a kind at a click of the button.

    The browser says "Stopping …" by itself, and the server answers nothing: its answer could come after
    the last words of the run, which say what has become of it, and stand for good.
    """

    def on_stop(request: gr.Request) -> None:
        stops.stop(request.session_hash or "", kind)

    stopping = json.dumps(str(status_html("Stopping …")))
    button.click(None, None, [status], js=f"() => {stopping}", api_visibility="private")
    button.click(on_stop, None, None, **QUIET)
