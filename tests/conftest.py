"""What many tests share: the data folder, a tokenizer and tiny random checkpoints."""

from __future__ import annotations

import os
from pathlib import Path

# One thread: tiny models gain nothing from more, and tests often share a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
from hypothesis import settings

# Tests often share a busy machine: how long an example takes says nothing.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the checkout; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the data folder beside the checkout (../shared/data)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def tokenizer():
    """A lower-casing WordPiece tokenizer over a small vocabulary."""
    from tests.tiny import wordpiece_tokenizer

    return wordpiece_tokenizer()


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory) -> Path:
    """A folder with a tiny random ELECTRA that answers questions (badly)."""
    from tests.tiny import save_tiny

    return save_tiny("electra", tmp_path_factory.mktemp("tiny-electra"))


@pytest.fixture(scope="session")
def served_page(tmp_path_factory):
    """A page served on loopback, with models that need no torch (``tests.served``)."""
    from tests.served import served

    with served(tmp_path_factory.mktemp("served")) as page:
        yield page
