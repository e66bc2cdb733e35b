"""Settings of a running demo, and where its bundled files are.

The environment is read here and nowhere else.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from biom_demo.errors import InputError

# The bundled files: at the top of a checkout, inside the package where it is installed (pyproject.toml).
_INSTALLED = Path(__file__).parent / "assets"
ASSETS = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent / "assets"


class Precision(StrEnum):
    """What a model computes in: exact, or shorter numbers and quicker where the processor has them."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"


class Extent(StrEnum):
    """How much of many abstracts or of a long text models read."""

    AUTO = "auto"  # what is promising of many abstracts where models are big, else all
    ALL = "all"
    PROMISING = "promising"


class Switch(StrEnum):
    """A setting that follows from whether the page is public, unless it is set."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"

    def holds(self, *, otherwise: bool) -> bool:
        """Whether it is on; where it is ``auto``, what it is ``otherwise``."""
        return otherwise if self is Switch.AUTO else self is Switch.ON


def _setting(
    default: Any, variable: str, explanation: str, *, at_least: float | None = None, secret: bool = False
) -> Any:
    metadata = {"env": variable, "help": explanation, "at_least": at_least}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set from outside; each field's metadata has its variable and meaning."""

    pair: str = _setting("auto", "BIOM_PAIR", "Model pair: auto, mini, base, large or albert.")
    biom_model: str | None = _setting(None, "BIOM_MODEL", "Folder or Hub id instead of the pair's BioM side.")
    vanilla_model: str | None = _setting(
        None, "VANILLA_MODEL", "Folder or Hub id instead of the pair's vanilla side."
    )
    public: Switch = _setting(
        Switch.AUTO,
        "BIOM_PUBLIC",
        "Whether strangers reach the page: on, off, or auto (see above). Set it to on behind a proxy.",
    )
    own_models: Switch = _setting(
        Switch.AUTO,
        "BIOM_OWN_MODELS",
        "Whether visitors may name any folder or Hub id; auto: not on a public page.",
    )
    fetch: Switch = _setting(
        Switch.AUTO, "BIOM_FETCH", "Whether visitors may have models fetched; auto: not on a public page."
    )
    pairs: str = _setting(
        "auto",
        "BIOM_PAIRS",
        "Pairs on offer beside the default one: all, or names such as mini,base; auto: all, on a public "
        "page mini.",
    )
    precision: Precision = _setting(
        Precision.FLOAT32,
        "BIOM_ENGINE",
        "What models compute in: float32, exact; bfloat16 or int8, quicker where the processor has it.",
    )
    read: Extent = _setting(
        Extent.AUTO,
        "BIOM_READ",
        "What is read of many abstracts or a long text: all, promising (the places that look so to a "
        "quicker first stage), or auto: of many abstracts a third, where the models are big, else all.",
    )
    threads: int = _setting(0, "BIOM_THREADS", "CPU threads of a model; 0 is torch's choice.", at_least=0)
    host: str = _setting(
        "127.0.0.1", "GRADIO_SERVER_NAME", "Address to listen at; on Spaces 0.0.0.0 unless set."
    )
    hosts: str | None = _setting(
        None,
        "BIOM_HOSTS",
        "Names this server goes by, with commas between (`*.example.org` for all below one); requests "
        "for other names are refused. Unset: on loopback its own names alone, else any.",
    )
    port: int = _setting(7860, "GRADIO_SERVER_PORT", "Port to listen at.", at_least=1)
    root_path: str | None = _setting(
        None, "GRADIO_ROOT_PATH", "Path or address under which a proxy serves the page."
    )
    share: Switch = _setting(
        Switch.OFF, "GRADIO_SHARE", "Whether Gradio opens a tunnel to the page from the web: on or off."
    )
    max_context_chars: int = _setting(
        400_000, "BIOM_MAX_CONTEXT_CHARS", "Longest text read, in characters.", at_least=1
    )
    queue_size: int = _setting(
        32, "BIOM_QUEUE", "Visitors that may wait; more are told to come back.", at_least=1
    )
    reading_budget_s: float = _setting(
        300.0, "BIOM_READING_BUDGET", "Seconds of reading one question may take; 0: any number.", at_least=0
    )
    grace_s: float = _setting(
        5.0, "BIOM_GRACE", "Seconds to tell those who have asked, when the server is to end.", at_least=0
    )
    fetch_timeout_s: float = _setting(
        10.0, "BIOM_FETCH_TIMEOUT", "Seconds of silence before a download gives up.", at_least=0.1
    )
    ncbi_email: str | None = _setting(
        None, "NCBI_EMAIL", "Your address, sent to NCBI with each request, as it asks."
    )
    ncbi_api_key: str | None = _setting(
        None, "NCBI_API_KEY", "NCBI API key: 10 requests a second instead of 3.", secret=True
    )
    entrez_url: str | None = _setting(
        None, "BIOM_ENTREZ_URL", "Another server in NCBI's place, such as the local one."
    )
    pubmed_budget_s: float = _setting(
        30.0,
        "BIOM_PUBMED_BUDGET",
        "Seconds one question may ask PubMed: all its searches, fetches, retries and pauses.",
        at_least=1,
    )
    pubmed_cache: str = _setting(
        "~/.cache/biom_demo", "BIOM_CACHE", "Folder of fetched records; off keeps none."
    )
    pubmed_cache_mb: int = _setting(
        200, "BIOM_CACHE_MB", "Most megabytes of fetched records kept.", at_least=1
    )
    pubmed_cache_days: float = _setting(
        30.0, "BIOM_CACHE_DAYS", "Days after which a record is fetched again.", at_least=0
    )
    pubmed_search_hours: float = _setting(
        12.0, "BIOM_SEARCH_HOURS", "Hours after which a search by relevance is made again.", at_least=0
    )
    pubmed_newest_minutes: float = _setting(
        10.0, "BIOM_NEWEST_MINUTES", "Minutes after which a search for the newest is made again.", at_least=0
    )
    metrics: Switch = _setting(
        Switch.AUTO,
        "BIOM_METRICS",
        "Whether /metrics tells what was done, with the extra metrics; auto: not on a public page.",
    )
    mcp: Switch = _setting(
        Switch.OFF,
        "BIOM_MCP",
        "Whether agents can use the API as tools of an MCP server, with the extra mcp: on or off.",
    )
    on_spaces: bool = _setting(False, "SPACE_ID", "Set by Hugging Face Spaces.")
    space_host: str | None = _setting(None, "SPACE_HOST", "Set by Hugging Face Spaces: the Space's own name.")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the page, unless something passes requests on to it."""
        return _is_loopback(self.host)

    @property
    def is_public(self) -> bool:
        """Whether strangers reach the page.

        On a Space, at an address that is not this machine's own, through a tunnel (``share``) or under a
        proxy's path they do; a proxy that leaves no trace here is for ``public`` to say.
        """
        passed_on = self.share is not Switch.OFF or self.root_path is not None
        return self.public.holds(otherwise=self.on_spaces or passed_on or not self.on_loopback)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings of an environment (this process's by default); empty variables count as unset.

        Raises ``InputError`` that names the variable and what it may hold.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for item in fields(cls):
            raw = environment.get(item.metadata["env"], "").strip()
            if raw:
                values[item.name] = _parsed(raw, str(item.type), item.metadata)
        if values.get("on_spaces") and "host" not in values:
            values["host"] = "0.0.0.0"  # a Space is reached through its container's address
        return cls(**values)


def _is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address; a name is looked up nowhere."""
    host = host.strip().strip("[]").rstrip(".").lower()
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_SWITCHES = {
    **dict.fromkeys(("on", "true", "yes", "1"), Switch.ON),
    **dict.fromkeys(("off", "false", "no", "0"), Switch.OFF),
    "auto": Switch.AUTO,
}
_PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": (bool, "anything"),
    "Extent": (lambda raw: Extent(raw.lower()), "auto, all or promising"),
    "Precision": (lambda raw: Precision(raw.lower()), "float32, bfloat16 or int8"),
    "Switch": (lambda raw: _SWITCHES[raw.lower()], "auto, on or off"),
}


def _parsed(raw: str, kind: str, metadata: Mapping[str, Any]) -> Any:
    if kind not in _PARSERS:
        return raw
    parse, words = _PARSERS[kind]
    least = metadata["at_least"]
    limit = f" of at least {least:g}" if least is not None else ""
    try:
        value = parse(raw)
    except (ValueError, KeyError):
        value = None
    if value is None or (least is not None and not value >= least):
        raise InputError(f"{metadata['env']}={raw!r} cannot be used. Set it to {words}{limit}.")
    return value
