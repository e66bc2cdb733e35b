"""The endpoints as tools of an MCP server: a client over HTTP, and nothing of it unless asked for."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import re
from contextlib import asynccontextmanager

import httpx
import pytest

from biom_demo import __version__
from biom_demo.errors import InputError
from biom_demo.settings import Settings, Switch
from biom_demo.ui import mcp as tools
from tests.conftest import ROOT
from tests.served import QUESTION, served
from tests.site import TEXT

README = (ROOT / "README.md").read_text("utf-8")
SIDES = ("biom", "vanilla")
TOOLS = {"answer", "compare", "search_pubmed", "ask_pubmed", "evaluate_file"}
needs_mcp = pytest.mark.skipif(
    importlib.util.find_spec("mcp") is None, reason="needs the extra mcp: pip install -r requirements-mcp.txt"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with served(tmp_path_factory.mktemp("mcp"), BIOM_MCP="on") as running:
        yield running


def address_of(page):
    return f"{page.address}/gradio_api/mcp/"


@asynccontextmanager
async def session_with(page):
    """A session of the MCP project's own client."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async with (
        streamable_http_client(address_of(page)) as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        yield session


def of_session(page, work):
    """What ``work`` gives with a session."""

    async def run():
        async with session_with(page) as session:
            return await work(session)

    return asyncio.run(run())


def told(result):
    """The JSON that a tool gives."""
    (content,) = result.content
    return json.loads(content.text)


@needs_mcp
def test_the_endpoints_are_tools_with_described_parameters(page):
    listed = of_session(page, lambda session: session.list_tools())
    assert {tool.name for tool in listed.tools} == TOOLS
    for tool in listed.tools:
        assert len(tool.description) > 40
        for name, parameter in tool.inputSchema["properties"].items():
            assert parameter["description"], f"{tool.name}: {name}"
    (answer,) = (tool for tool in listed.tools if tool.name == "answer")
    assert answer.inputSchema["required"] == ["text", "question"]


@needs_mcp
def test_a_tool_gives_what_the_endpoint_gives(page):
    asked = {"text": TEXT, "question": QUESTION}
    given = told(of_session(page, lambda session: session.call_tool("answer", asked)))
    document = page.call("answer", [TEXT, QUESTION, "mini"])

    def timeless(found):
        return {name: {**value, "seconds": None} if name in SIDES else value for name, value in found.items()}

    assert timeless(given) == timeless(document)


@needs_mcp
def test_the_readmes_configuration_leads_there(page):
    (configuration,) = re.findall(r"^```json\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    (server,) = json.loads(configuration)["mcpServers"].values()
    assert server["type"] == "http"
    assert server["url"].replace("http://127.0.0.1:7860", page.address) == address_of(page)
    assert Settings().port == 7860


@needs_mcp
def test_what_agents_ask_is_not_in_the_log(page):
    given = {"text": f"{TEXT} hushhush", "question": "Which hushhush gene?"}
    assert told(of_session(page, lambda session: session.call_tool("answer", given)))["text"] == given["text"]
    of_session(page, lambda session: session.call_tool("answer", {**given, "pair": "hushhush"}))
    of_session(page, lambda session: session.call_tool("hushhush", given))
    assert "hushhush" not in page.log


@needs_mcp
def test_a_tool_gives_the_json_of_the_endpoint(page):
    result = of_session(
        page, lambda session: session.call_tool("answer", {"text": TEXT, "question": QUESTION})
    )
    assert not result.isError
    found = told(result)
    direct = page.call("answer", [TEXT, QUESTION, "mini"])
    for document in (found, direct):
        for side in ("biom", "vanilla"):
            document[side].pop("seconds")
    assert found == direct
    best = found["biom"]["answer"]
    assert TEXT[best["start"] : best["end"]] == best["text"] == "CFTR"
    assert found["version"] == __version__


@needs_mcp
@pytest.mark.parametrize("with_progress", [False, True])
def test_an_error_is_json_with_a_code_and_a_sentence(page, with_progress):
    async def progress(*_told):
        return None

    async def work(session):
        given = {"text": TEXT, "question": " "}
        return await session.call_tool("answer", given, progress_callback=progress if with_progress else None)

    result = of_session(page, work)
    assert result.isError
    error = told(result)["error"]
    assert error["code"] == "unusable_input"
    assert "no question yet" in error["message"]


def as_address(content):
    return f"data:application/json;base64,{base64.b64encode(content).decode()}"


@needs_mcp
def test_a_file_comes_as_a_data_address(page):
    answers = [{"text": "CFTR", "answer_start": TEXT.index("CFTR")}]
    asked = [{"id": "1", "question": QUESTION, "answers": answers}]
    content = json.dumps({"data": [{"paragraphs": [{"context": TEXT, "qas": asked}]}]}).encode()
    result = of_session(
        page, lambda session: session.call_tool("evaluate_file", {"file": as_address(content)})
    )
    assert not result.isError
    assert [model["exact_match"] for model in told(result)["models"]] == [100, 0]
    (tool,) = (
        tool
        for tool in of_session(page, lambda session: session.list_tools()).tools
        if tool.name == "evaluate_file"
    )
    assert tool.inputSchema["properties"]["file"]["format"] == tools.FILE_FORMAT
    assert "upload_file_to_gradio" not in tool.description


@needs_mcp
def test_no_file_or_address_of_an_agents_choice_is_opened(page, tmp_path):
    (tmp_path / "secret.json").write_text('{"data": []}')
    files = [
        str(tmp_path / "secret.json"), "http://127.0.0.1:9/d.json", "file:///etc/passwd", "", "data:,a",
        "data:a/b;base64,!", as_address(b"{"), as_address(b""),
    ]  # fmt: skip

    async def work(session):
        return [await session.call_tool("evaluate_file", {"file": file}) for file in files]

    for file, result in zip(files, of_session(page, work), strict=True):
        assert result.isError
        error = told(result)["error"]
        assert error["code"] == "unusable_file", (file, error)
        assert str(tmp_path) not in error["message"]


@needs_mcp
def test_agents_meet_the_same_guard_and_limits(page):
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with page.client() as client:
        accepts = {"Accept": "application/json, text/event-stream"}

        def sent(**headers):
            return client.post("/gradio_api/mcp/", json=message, headers={**accepts, **headers})

        answer = sent()
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
        assert sent(Host="evil.example").status_code == 421
        assert sent(**{"Sec-Fetch-Site": "cross-site"}).status_code == 403
        # Streams without an end, and transports that keep one, are not there.
        assert client.get("/gradio_api/mcp/", headers=accepts).status_code == 405
        assert client.delete("/gradio_api/mcp/").status_code == 405
        for path in ("sse", "messages/", "messages/?session_id=a", "schema"):
            assert client.get(f"/gradio_api/mcp/{path}").status_code == 404
        too_long = {**message, "params": {"x": "a" * 3_000_000}}
        assert client.post("/gradio_api/mcp/", json=too_long, headers=accepts).status_code == 413
        for body in (b"", b"{", b"[]", b"5", b'{"jsonrpc": "2.0"}', b"\xff", b'{"a":' * 50_000):
            headers = {**accepts, "Content-Type": "application/json"}
            assert 400 <= client.post("/gradio_api/mcp/", content=body, headers=headers).status_code < 500
    assert "Traceback" not in page.log


def test_without_the_switch_there_is_nothing(served_page):
    assert httpx.post(f"{served_page.address}/gradio_api/mcp/", json={}).status_code == 404
    assert Settings().mcp is Switch.OFF
    assert tools.is_on(Settings()) is tools.is_on(Settings(mcp=Switch.AUTO)) is False


def test_without_the_extra_the_server_says_what_to_install(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        tools.importlib.util, "find_spec", lambda name, *more: None if name == "mcp" else find(name, *more)
    )
    with pytest.raises(InputError, match=r"pip install -r requirements-mcp\.txt"):
        tools.is_on(Settings(mcp=Switch.ON))
