"""Parts of the page by name."""

from __future__ import annotations

import pytest

from biom_demo.ui.wiring import Parts


def test_parts_are_joined_and_none_hides_another():
    assert Parts(a=1).joined({"b": 2}).of("b", "a") == [2, 1]
    with pytest.raises(ValueError, match="one name: a"):
        Parts(a=1).joined({"a": 2})
