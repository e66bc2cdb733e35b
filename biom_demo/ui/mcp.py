"""The API's endpoints as tools of an MCP server, where the operator wants them (``BIOM_MCP=on``).

Gradio has the server: it calls the endpoints over the page's own queue, so that agents have the limits and
turns of other programs. What tools give is made JSON here; Gradio writes it as Python does.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import re
from typing import Any

import gradio.mcp

from biom_demo.errors import BioMError, DataError, InputError
from biom_demo.settings import Settings, Switch
from biom_demo.ui.api import CODES, code_of

FILE_FORMAT = "data:application/json;base64,CONTENT"
DATA = re.compile(r"data:[\w.+-]{1,40}/[\w.+-]{1,40};base64,")
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

    # Words on files, for agents: Gradio's own name a tool and addresses that are not here.
    _file_data_tool_description = " Give the file's content as a data: address (base64)."

    def simplify_filedata_schema(
        self, schema: dict[str, Any]
    ) -> tuple[dict[str, Any], list[list[str | int]]]:
        """The schema in which files are texts, and where they stand in it."""
        made, places = super().simplify_filedata_schema(schema)
        for (name,) in places:
            made["properties"][name]["format"] = FILE_FORMAT
        return made, places

    def convert_strings_to_filedata(self, value: Any, filedata_positions: list[list[str | int]]) -> Any:
        """The arguments with each file that came as text written to where uploads are, and are swept.

        Raises an error for agents where a file is anything else: nothing is fetched for them.
        """
        for (name,) in filedata_positions:
            given = value.get(name)
            if given is not None and not (isinstance(given, str) and DATA.match(given)):
                raise _as_json(DataError(f"{name} must be a data: address, {FILE_FORMAT}."))
        try:
            made = super().convert_strings_to_filedata(value, filedata_positions)
        except ValueError:
            raise _as_json(DataError(f"A file's base64 cannot be read. Give it as {FILE_FORMAT}.")) from None
        for (name,) in filedata_positions:
            if isinstance(made.get(name), dict):
                self.blocks.upload_file_set.add(made[name]["path"])
        return made

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
    if isinstance(error, BioMError):
        code, words = code_of(error), str(error)
    else:
        code, words = getattr(error, "title", ""), getattr(error, "message", "")
    if not code:  # told on the way with progress as "code: sentence"
        code, _, words = str(error).partition(": ")
    if code not in _CODES:
        code, words = "internal_error", str(error)
    return RuntimeError(json.dumps({"error": {"code": code, "message": words}}, ensure_ascii=False))
