"""The API's endpoints as tools of an MCP server, where the operator wants them (``BIOM_MCP=on``).

Gradio has the server: it calls the endpoints over the page's own queue, so that agents have the limits and
turns of other programs. What tools give is made JSON here; Gradio writes it as Python does.
"""

from __future__ import annotations

import importlib.util
import json
import logging
from typing import Any

import gradio.mcp

from biom_demo.errors import InputError
from biom_demo.settings import Settings, Switch
from biom_demo.ui.api import CODES

_CODES = frozenset(code for _, code in CODES)


def is_on(settings: Settings) -> bool:
    """Whether agents are served. Raises ``InputError`` where they are to be and the extra is not there."""
    if settings.mcp is not Switch.ON:
        return False
    if importlib.util.find_spec("mcp") is None:
        raise InputError(
            "BIOM_MCP=on needs the extra mcp. Run: pip install -r requirements-mcp.txt, or set BIOM_MCP=off."
        )
    return True


def put_up() -> None:
    """Have Gradio make its server of ours, which speaks JSON; the log has nothing of what agents send."""
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    gradio.mcp.GradioMCPServer = JsonServer


class JsonServer(gradio.mcp.GradioMCPServer):  # type: ignore[misc]
    """Gradio's server, but what a tool gives is JSON, and so is an error: its code and its sentence."""

    def postprocess_output_data(self, data: Any, _root_url: str) -> list[Any]:
        """Each value that an endpoint gives as JSON in a text."""
        return [self.types.TextContent(type="text", text=json.dumps(one, ensure_ascii=False)) for one in data]

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        try:
            found: list[Any] = await super()._execute_tool_without_progress(job)
        except Exception as error:
            raise _as_json(error) from None
        return found

    async def _execute_tool_with_progress(self, job: Any, progress_token: str | int) -> Any:
        try:
            return await super()._execute_tool_with_progress(job, progress_token)
        except Exception as error:
            raise _as_json(error) from None


def _as_json(error: Exception) -> Exception:
    """An endpoint's error, whose text is JSON: MCP passes on the text alone."""
    code, words = getattr(error, "title", ""), getattr(error, "message", "")
    if not code:  # told on the way with progress as "code: sentence"
        code, _, words = str(error).partition(": ")
    if code not in _CODES:
        code, words = "internal_error", str(error)
    return RuntimeError(json.dumps({"error": {"code": code, "message": words}}, ensure_ascii=False))
