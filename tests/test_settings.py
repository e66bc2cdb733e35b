"""Settings: defaults, every variable, clear refusals."""

from __future__ import annotations

from dataclasses import fields

import pytest

from biom_demo.errors import InputError
from biom_demo.settings import Settings
from tests.conftest import ROOT


def test_defaults_and_empty_variables():
    assert Settings.from_environment({}) == Settings() == Settings.from_environment({"BIOM_PAIR": " "})


def test_every_variable_is_read():
    read = Settings.from_environment(
        {"BIOM_PAIR": "base", "BIOM_MODEL": "a/b", "BIOM_THREADS": "2", "GRADIO_SERVER_PORT": "99",
         "BIOM_FETCH_TIMEOUT": "2.5", "BIOM_QUEUE": "4"}
    )  # fmt: skip
    assert (read.pair, read.biom_model, read.threads, read.port) == ("base", "a/b", 2, 99)
    assert (read.fetch_timeout_s, read.queue_size) == (2.5, 4)


def test_a_space_listens_at_its_containers_address_unless_told_otherwise():
    assert Settings.from_environment({"SPACE_ID": "me/demo"}).host == "0.0.0.0"
    assert Settings.from_environment({"SPACE_ID": "me/demo", "GRADIO_SERVER_NAME": "::1"}).host == "::1"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BIOM_THREADS", "two"),
        ("GRADIO_SERVER_PORT", "0"),
        ("BIOM_FETCH_TIMEOUT", "nan"),
        ("BIOM_QUEUE", "-1"),
    ],
)
def test_a_bad_value_is_refused_by_name(variable, value):
    with pytest.raises(InputError, match=f"{variable}=.*Set it to a.*number of at least"):
        Settings.from_environment({variable: value})


def test_the_readme_lists_every_variable_with_its_default():
    readme = (ROOT / "README.md").read_text("utf-8")
    for item in fields(Settings):
        # By identity: 0 equals False, and is shown.
        default = "" if item.default is None or item.default is False else f"`{item.default}`"
        assert f"| `{item.metadata['env']}` | {default} | {item.metadata['help']} |" in readme
