"""The page as Gradio serves it, with what Gradio leaves open: every event passes here, the API's too."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import BlocksConfig

from biom_demo.errors import BioMError, InputError
from biom_demo.ui import arguments
from biom_demo.ui.api import code_of
from biom_demo.ui.logs import kind_of, of_request
from biom_demo.ui.sessions import Sessions
from biom_demo.ui.site import OUR_FAULT

PACKAGE = Path(__file__).parent.parent

UNUSABLE = (
    "These arguments cannot be used. Give each as the endpoint describes it; a file must be one that was "
    "uploaded here (/gradio_api/upload)."
)

log = logging.getLogger(__name__)


class Page(gr.Blocks):  # type: ignore[misc]
    """A ``gr.Blocks`` whose events are given nothing unchecked, leave no trace of what they were given,
    and hold no more than ``sessions`` allows.

    ``longest`` has how many characters each text box takes (``arguments.check``).
    """

    def __init__(self, *, longest: Mapping[str, int], **options: Any) -> None:
        super().__init__(**options)
        self.default_config = _PageConfig(self)
        self.longest = longest
        self.sessions = Sessions(lambda: self.state_holder, forgotten=self._forget_messages)
        self._next_sweep: asyncio.TimerHandle | None = None

    async def process_api(self, block_fn: Any, inputs: list[Any], **given: Any) -> dict[str, Any]:
        """What an event gives, as Gradio sends it. Raises ``gr.Error``, with words for a visitor alone."""
        function = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        name, state = given.get("session_hash"), given.get("state")
        of_it = _state_of(given.get("request"))
        with of_request(of_it.get("request_id", "-")):
            try:
                if given.get("iterator") is None:
                    if name:
                        (self.sessions.left if _is_unload(function) else self.sessions.came)(name)
                    arguments.check(_boxes(function, state), inputs, longest=self.longest)
                done: dict[str, Any] = await super().process_api(block_fn, inputs, **given)
                return done
            except BioMError as error:
                of_it["refused"] = True
                title = code_of(error) if function.api_visibility == "public" else "Error"
                raise gr.Error(str(error), title=title, print_exception=False) from None
            except gr.Error as error:
                of_it["refused"] = True
                error.print_exception = False
                raise
            except Exception as error:
                # Where the page's own code is not to blame, it is what was sent: that is no news.
                ours = _is_of_page(error)
                of_it["refused"] = not ours
                words = (
                    "an event failed"
                    if ours
                    else f"an event could not take what it was given: {kind_of(error)}"
                )
                log.log(logging.ERROR if ours else logging.WARNING, words, exc_info=error if ours else None)
                if function.api_visibility == "public":
                    code = code_of(error if ours else InputError())
                    raise gr.Error(
                        OUR_FAULT if ours else UNUSABLE, title=code, print_exception=False
                    ) from None
                raise gr.Error(OUR_FAULT, print_exception=False) from None
            finally:
                if name:
                    self._settle(name, once=name == given.get("event_id"))

    def _settle(self, name: str, *, once: bool) -> None:
        if once:  # a call of the API, which Gradio makes a session for
            self.state_holder.session_data.pop(name, None)
            self.sessions.left(name)
        else:
            self.sessions.settle(name)
        self._sweep()

    def _sweep(self) -> None:
        """Drop who left long enough ago; again in a while, as long as there are others who left."""
        self.sessions.sweep()
        if self.sessions.leaving and self._next_sweep is None:
            loop = asyncio.get_running_loop()
            self._next_sweep = loop.call_later(self.sessions.grace_s + 1, self._sweep_again)

    def _sweep_again(self) -> None:
        self._next_sweep = None
        self._sweep()

    def _forget_messages(self, name: str) -> None:
        """Answers that nobody has fetched."""
        self._queue.pending_event_ids_session.pop(name, None)
        if name in self._queue.pending_messages_per_session:
            del self._queue.pending_messages_per_session[name]


class _PageConfig(BlocksConfig):  # type: ignore[misc]
    """The page's parts; each session has a copy, in which it keeps what an event has changed of them."""

    def __copy__(self) -> BlocksConfig:
        made = _SessionConfig(self.root_block)
        made.blocks, made.fns = copy(self.blocks), copy(self.fns)
        made.fn_id, made.renderables = self.fn_id, copy(self.renderables)
        return made


class _SessionConfig(BlocksConfig):  # type: ignore[misc]
    """A session's copy of the page's parts.

    For deep links, which this page has not, Gradio would describe each part anew for each visitor (a
    third of a second), and keep in that what was last typed into it and shown by it.
    """

    @staticmethod
    def config_for_block(*_given: Any, **_more: Any) -> dict[str, Any]:
        """Nothing."""
        return {}


def _boxes(function: Any, state: Any) -> list[Any]:
    """The boxes of an event's inputs as they are in the session: what a list offers changes."""
    return [
        box if box.stateful or state is None or box._id not in state else state[box._id]
        for box in function.inputs
    ]


def _is_unload(function: Any) -> bool:
    return any(event == "unload" for _, event in function.targets)


def _is_of_page(error: BaseException) -> bool:
    """Whether an error was raised in the page's own code, or below it."""
    trace = error.__traceback__
    while trace is not None:
        place = Path(trace.tb_frame.f_code.co_filename)
        if place.is_relative_to(PACKAGE) and place != Path(__file__):
            return True
        trace = trace.tb_next
    return False


def _state_of(request: Any) -> dict[str, Any]:
    """What is noted of the request that set an event off; it leads back to ``guard.Guard``."""
    scope = getattr(getattr(request, "request", None), "scope", None) or {}
    noted: dict[str, Any] = scope.get("state", {})
    return noted
