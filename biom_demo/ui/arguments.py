"""What an event of the page may be given, checked before anything is done with it.

A page in a browser sends what its boxes allow; anyone else may send anything. ``check`` knows each kind
of box; values of states are never among what is sent, Gradio takes them from the session.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components.api_component import Api

from biom_demo.analysis.comparison import MAX_SIDES
from biom_demo.errors import InputError

# Far more than can be used: what is a little too long is told so where it is used, beside its box.
MAX_LINE_CHARS = 20_000
MAX_CHOICE_CHARS = 1_000  # a folder's path, a Hub id
MAX_FILE_NAME_CHARS = 255
MAX_PATH_CHARS = 4_096
MAX_KEY_CHARS = 64
KEY = re.compile(rf"\s{{0,20}}[\w.-]{{0,{MAX_KEY_CHARS}}}\s{{0,20}}", re.ASCII)


def text_of(value: object, name: str, *, most: int) -> str:
    """The value. Raises ``InputError`` where it is no string, or longer than ``most`` characters."""
    if not isinstance(value, str):
        raise InputError(f"{name} must be a string.")
    if len(value) > most:
        raise InputError(f"{name} has {len(value):,} characters; at most {most:,} are taken.")
    return value


def number_of(value: object, name: str, *, least: float, most: float) -> float:
    """The value. Raises ``InputError`` where it is no number, or not from ``least`` to ``most``."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not least <= value <= most  # NaN neither
    ):
        raise InputError(f"{name} must be a number from {least:g} to {most:g}.")
    return value


def key_of(value: object) -> str:
    """A visitor's NCBI key. Raises ``InputError``, which does not repeat it, where it cannot be one."""
    if not isinstance(value, str) or not KEY.fullmatch(value):
        raise InputError(
            "This is no NCBI API key; those have 36 letters and digits. Correct it, or leave it out."
        )
    return value.strip()


def check(boxes: Sequence[Any], values: Sequence[Any], *, longest: Mapping[str, int]) -> None:
    """Nothing, where an event over ``boxes`` can be given ``values``.

    ``longest`` has how many characters a text box takes, by its ``elem_id``, where that is not
    ``MAX_LINE_CHARS``. Raises ``InputError``, a sentence that names the box.
    """
    if len(values) != len(boxes):
        raise InputError(f"This takes {len(boxes)} values; {len(values)} were given.")
    for box, value in zip(boxes, values, strict=True):
        # The API's endpoints check their own arguments (``api``).
        if not box.stateful and not isinstance(box, Api):
            checked = next((_CHECKS[kind] for kind in _CHECKS if isinstance(box, kind)), _nothing)
            checked(box, value, longest)


def _textbox(box: Any, value: Any, longest: Mapping[str, int]) -> None:
    if value is None:
        return
    if box.type == "password":
        key_of(value)
    else:
        text_of(value, _name(box), most=longest.get(box.elem_id, MAX_LINE_CHARS))


def _slider(box: Any, value: Any, _longest: Mapping[str, int]) -> None:
    number_of(value, _name(box), least=box.minimum, most=box.maximum)


def _checkbox(box: Any, value: Any, _longest: Mapping[str, int]) -> None:
    if value is not None and not isinstance(value, bool):
        raise InputError(f"{_name(box)} must be true or false.")


def _choice(box: Any, value: Any, _longest: Mapping[str, int]) -> None:
    if value is None:
        return
    given = value if getattr(box, "multiselect", False) else [value]
    if not isinstance(given, list) or len(given) > MAX_SIDES:
        raise InputError(f"{_name(box)}: choose at most {MAX_SIDES} of the list.")
    offered = [choice for _, choice in box.choices]
    for one in given:
        if isinstance(one, str) and len(one) > MAX_CHOICE_CHARS:
            raise InputError(f"{_name(box)} takes at most {MAX_CHOICE_CHARS:,} characters.")
        named = getattr(box, "allow_custom_value", False) and isinstance(one, str)
        if not named and not any(type(one) is type(choice) and one == choice for choice in offered):
            raise InputError(f"{_name(box)}: choose one of the list.")


def _file(box: Any, value: Any, _longest: Mapping[str, int]) -> None:
    if value is None:
        return
    path = value.get("path") if isinstance(value, dict) else None
    name = value.get("orig_name") if isinstance(value, dict) else None
    if not isinstance(path, str) or len(path) > MAX_PATH_CHARS or "://" in path or "\0" in path:
        raise InputError(f"{_name(box)}: upload the file with the page's button.")
    if name is not None and (not isinstance(name, str) or len(name) > MAX_FILE_NAME_CHARS):
        raise InputError("The file's name is too long. Give it a shorter one, and upload it again.")


def _number_of_a_row(box: Any, value: Any, _longest: Mapping[str, int]) -> None:
    if type(value) is not int or not 0 <= value < len(box.samples):
        raise InputError("Choose one of the rows.")


def _nothing(box: Any, _value: Any, _longest: Mapping[str, int]) -> None:
    raise InputError(f"{_name(box)} takes nothing from outside.")


def _name(box: Any) -> str:
    return (box.label or "This box").split(":")[0].split(" (")[0]


_CHECKS: dict[type, Callable[[Any, Any, Mapping[str, int]], None]] = {
    gr.Textbox: _textbox,
    gr.Slider: _slider,
    gr.Checkbox: _checkbox,
    gr.Dropdown: _choice,
    gr.Radio: _choice,
    gr.UploadButton: _file,
    gr.Dataset: _number_of_a_row,
}
