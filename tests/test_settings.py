"""Settings: defaults, every variable, clear refusals."""

from __future__ import annotations

from dataclasses import fields

import pytest

from biom_demo.errors import InputError
from biom_demo.settings import Precision, Settings, Switch
from biom_demo.ui.site import FORWARDED, Site
from tests.conftest import ROOT
from tests.engines import processor_with
from tests.site import site_of


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


@pytest.mark.parametrize(
    ("raw", "switch"),
    [("on", Switch.ON), ("TRUE", Switch.ON), ("1", Switch.ON), ("off", Switch.OFF), ("no", Switch.OFF),
     ("0", Switch.OFF), ("Auto", Switch.AUTO), ("", Switch.AUTO)],
)  # fmt: skip
def test_a_switch_is_written_in_many_ways(raw, switch):
    assert Settings.from_environment({"BIOM_OWN_MODELS": raw}).own_models is switch


@pytest.mark.parametrize("variable", ["BIOM_PUBLIC", "BIOM_OWN_MODELS", "BIOM_FETCH", "GRADIO_SHARE"])
def test_what_is_no_switch_is_refused_by_name(variable):
    with pytest.raises(InputError, match=f"{variable}='maybe' .*auto, on or off"):
        Settings.from_environment({variable: "maybe"})


@pytest.mark.parametrize(
    ("environment", "public"),
    [
        ({}, False),
        ({"GRADIO_SERVER_NAME": "localhost"}, False),
        ({"GRADIO_SERVER_NAME": "LOCALHOST."}, False),
        ({"GRADIO_SERVER_NAME": "127.0.0.2"}, False),
        ({"GRADIO_SERVER_NAME": "[::1]"}, False),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, True),
        ({"GRADIO_SERVER_NAME": "::"}, True),
        ({"GRADIO_SERVER_NAME": "192.168.1.5"}, True),
        ({"GRADIO_SERVER_NAME": "localhost.example.org"}, True),
        ({"GRADIO_SERVER_NAME": "127.0.0.1.example.org"}, True),
        ({"SPACE_ID": "me/demo"}, True),
        ({"SPACE_ID": "me/demo", "GRADIO_SERVER_NAME": "127.0.0.1"}, True),
        ({"GRADIO_SHARE": "True"}, True),
        ({"GRADIO_SHARE": "false"}, False),
        ({"GRADIO_ROOT_PATH": "/demo"}, True),
        ({"BIOM_PUBLIC": "on"}, True),
        ({"BIOM_PUBLIC": "off", "GRADIO_SERVER_NAME": "0.0.0.0"}, False),
    ],
)
def test_who_reaches_the_page(environment, public):
    settings = Settings.from_environment(environment)
    assert settings.is_public is public
    site = site_of(settings=settings)
    assert site.own_models is site.may_fetch is not public
    assert set(site.pairs) == ({"mini"} if public else {"mini", "base", "large", "albert"})


def test_each_switch_wins_over_who_reaches_the_page():
    for public in ("on", "off"):
        for value in ("on", "off"):
            site = site_of(
                settings=Settings.from_environment(
                    {
                        "BIOM_PUBLIC": public,
                        "BIOM_OWN_MODELS": value,
                        "BIOM_FETCH": value,
                        "BIOM_PAIRS": "all",
                    }
                )
            )
            assert site.own_models is site.may_fetch is (value == "on")
            assert len(site.pairs) == 4


def test_pairs_on_offer_may_be_named_and_only_those_that_exist():
    site = site_of(settings=Settings.from_environment({"BIOM_PAIRS": "Base, large"}))
    assert list(site.pairs) == ["mini", "base", "large"]  # the default one always
    with pytest.raises(InputError, match="no pair of that name"):
        site.checkpoints("albert")
    for value in ("huge", "mini,,base", "mini;base"):
        with pytest.raises(InputError, match="BIOM_PAIRS="):
            Site.from_settings(Settings.from_environment({"BIOM_PAIRS": value, "BIOM_CACHE": "off"}))


@pytest.mark.parametrize("header", FORWARDED)
def test_what_a_proxy_passed_on_counts_as_from_anyone(header):
    site = site_of()
    assert site.seen_by({"host": "localhost:7860"}) is site
    seen = site.seen_by({"host": "localhost:7860", header: ""})
    assert not seen.own_models
    assert not seen.may_fetch
    assert set(seen.pairs) == {"mini"}
    with pytest.raises(InputError, match="Only the models of the list"):
        seen.checkpoints("mini", ["/etc"])
    assert site.own_models  # for those who come directly
    trusted = site_of(settings=Settings.from_environment({"BIOM_PUBLIC": "off"}))
    assert trusted.seen_by({header: "x"}).own_models


def test_what_models_compute_in_is_set_and_told_where_it_is_not_used(monkeypatch):
    assert Settings.from_environment({}).precision is Precision.FLOAT32
    quick = Settings.from_environment({"BIOM_ENGINE": "BFloat16", "BIOM_PAIR": "mini", "BIOM_CACHE": "off"})
    assert quick.precision is Precision.BFLOAT16
    processor_with(monkeypatch, "avx512_bf16")
    site = Site.from_settings(quick)
    assert (site.precision, site.models.precision, site.notices) == (*[Precision.BFLOAT16] * 2, ())
    processor_with(monkeypatch)
    site = Site.from_settings(quick)
    assert (site.precision, site.models.precision) == (Precision.FLOAT32,) * 2
    (notice,) = site.notices
    assert "bfloat16 is not used, but float32" in notice
    assert "no instructions" in notice
    with pytest.raises(InputError, match="Set it to float32, bfloat16 or int8"):
        Settings.from_environment({"BIOM_ENGINE": "int4"})
