"""The one-way order of imports, and who alone may import what (DESIGN: layout)."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter

import pytest

from tests.conftest import ROOT

PACKAGE = sorted(ROOT.glob("biom_demo/**/*.py"))
SOURCES = [*PACKAGE, *sorted(ROOT.glob("train/*.py")), ROOT / "app.py"]
# The rooms from the ground floor up. A module imports from its own room and from rooms listed here.
MAY_IMPORT = {
    "errors": set(),
    "counters": set(),
    "settings": {"errors"},
    "qa": {"errors", "settings"},
    "models": {"errors", "counters", "settings", "qa"},
    "pubmed": {"errors", "counters", "settings"},
    "analysis": {"errors", "settings", "qa", "models", "pubmed"},
    "show": {"errors", "settings", "qa", "models", "pubmed", "analysis"},
    "ui": {"", "errors", "counters", "settings", "qa", "models", "pubmed", "analysis", "show"},
    # The ui of ``serve`` alone, as the test below has it.
    "cli": {"", "errors", "settings", "qa", "models", "pubmed", "analysis", "show", "ui"},
    "__main__": {"cli"},
    "library": {"errors", "settings", "qa", "models", "pubmed", "analysis", "show"},
    "": {"library"},  # its face
}
TRAIN_MAY_IMPORT = re.compile(r"biom_demo\.(errors|settings|qa|models\.catalogue|analysis\.benchmark)(\.|$)")
ONLY = {
    "torch": ("biom_demo/qa/engines/", "train/"),
    "transformers": ("biom_demo/qa/engines/", "train/"),
    "gradio": ("biom_demo/ui/",),
    "nltk": ("biom_demo/qa/sentences.py",),
    "Bio": ("biom_demo/pubmed/transport.py",),
    "defusedxml": ("biom_demo/pubmed/parse.py",),
    "sqlite3": ("biom_demo/pubmed/cache.py",),
    "huggingface_hub": ("biom_demo/models/", "train/publish.py"),
    "matplotlib": ("train/publish.py",),
    "markupsafe": ("biom_demo/show/",),
    "PIL": ("biom_demo/show/share_card.py",),
    "prometheus_client": ("biom_demo/ui/metrics.py",),
}


def imports_of(path):
    """The modules a file imports at run time, and for ``from a import b`` both ``a`` and ``a.b``."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path):
    name = path.relative_to(ROOT).as_posix().removesuffix(".py").removesuffix("/__init__")
    return name.replace("/", ".")


MODULES = {module_of(path) for path in SOURCES}


def room_of(module):
    return module.split(".")[1] if "." in module else ""


def imported_modules(path):
    """The modules of this project that a file imports; of ``from room import file`` the file."""
    found = {name for name in imports_of(path) if name in MODULES}
    return {a for a in found if not any(b.startswith(a + ".") for b in found)}


@pytest.mark.parametrize("path", PACKAGE, ids=module_of)
def test_rooms_import_one_way(path):
    room = room_of(module_of(path))
    assert room in MAY_IMPORT, f"{room} has no place in the order"
    for name in imported_modules(path):
        assert not name.startswith(("train", "app")), name
        other = room_of(name)
        assert other == room or other in MAY_IMPORT[room], f"{room} may not import {name}"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_each_library_has_its_files(path):
    relative = path.relative_to(ROOT).as_posix()
    for name in imports_of(path):
        owners = ONLY.get(name.split(".")[0])
        assert owners is None or relative.startswith(owners), f"{relative} imports {name}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("biom_demo/cli/*.py")), ids=module_of)
def test_of_the_commands_serve_alone_knows_the_page(path):
    rooms = {room_of(name) for name in imported_modules(path)}
    assert ("ui" in rooms) == (path.name == "serve.py")


@pytest.mark.parametrize("path", sorted(ROOT.glob("train/*.py")), ids=module_of)
def test_train_knows_the_ground_floor_only(path):
    for name in imported_modules(path):
        assert name.startswith("train") or TRAIN_MAY_IMPORT.match(name), f"{path.name} imports {name}"


def test_no_import_goes_in_a_circle():
    TopologicalSorter({module_of(path): imported_modules(path) for path in PACKAGE}).prepare()


def strings_of(path):
    """The string constants of a file, docstrings left out."""
    tree = ast.parse(path.read_text("utf-8"))
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


def test_html_is_made_in_one_room():
    tag = re.compile(r"(?<!\?P)</?(p|span|div|section|table|tr|td|th|ul|li|mark|b|article|h[1-6])\b[^>]*>")
    for path in PACKAGE:
        if room_of(module_of(path)) != "show":
            found = [text for text in strings_of(path) if tag.search(text)]
            assert not found, f"{path.relative_to(ROOT)} makes HTML: {found[0][:60]}"


def test_javascript_is_in_the_assets():
    script = re.compile(r"\bdocument\.\w+\(|\bwindow\.\w+[.(]|[\w)] ?=> ?[\w({]")
    for path in PACKAGE:
        found = [text for text in strings_of(path) if script.search(text)]
        assert not found, f"{path.relative_to(ROOT)} holds JavaScript: {found[0][:60]}"
