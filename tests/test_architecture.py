"""The one-way order of imports, and who alone may import what (DESIGN: layout)."""

from __future__ import annotations

import ast

import pytest

from tests.conftest import ROOT

SOURCES = sorted([*ROOT.glob("biom_demo/**/*.py"), *ROOT.glob("train/*.py"), ROOT / "app.py"])
ORDER = [
    {"errors", "qa.records"},
    {
        "qa.windows",
        "qa.metrics",
        "qa.datasets",
        "qa.spans",
        "qa.pooling",
        "qa.short_forms",
        "settings",
        "sentences",
    },
    {"qa.reader", "checkpoints", "pubmed"},
    {"compare", "evaluation"},
    {"literature", "difference"},
    {"attribution", "share"},
    {"render"},
    {"render_pubmed", "render_difference"},
    {"ui"},
    {"__main__"},
]
ONLY = {
    "torch": ("biom_demo/qa/reader.py", "biom_demo/__main__.py", "biom_demo/ui/models.py", "train/"),
    "transformers": ("biom_demo/qa/reader.py", "train/"),
    "gradio": ("biom_demo/ui/", "app.py"),
    "nltk": ("biom_demo/sentences.py", "biom_demo/pubmed/question.py"),
    "Bio": ("biom_demo/pubmed/client.py",),
    "defusedxml": ("biom_demo/pubmed/parse.py",),
    "sqlite3": ("biom_demo/pubmed/cache.py",),
    "huggingface_hub": ("biom_demo/checkpoints.py", "train/publish.py"),
    "matplotlib": ("train/publish.py",),
}


def imports_of(path, *, at_run_time_only=True):
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if at_run_time_only and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rank(module):
    name = module.removeprefix("biom_demo.")
    return next(
        (i for i, level in enumerate(ORDER) for m in level if name == m or name.startswith(m + ".")), None
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    relative = path.relative_to(ROOT).as_posix()
    if relative.startswith("biom_demo/"):
        assert not any(name.split(".")[0] in {"train", "app"} for name in imports_of(path)), relative
        own = rank(relative.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        for name in imports_of(path):
            if own is not None and name.startswith("biom_demo."):
                found = rank(name)
                assert found is None or found <= own, f"{relative} imports {name}"
    for library, owners in ONLY.items():
        if any(name.split(".")[0] == library for name in imports_of(path)):
            assert relative.startswith(owners), f"{relative} imports {library}"


def test_every_module_has_a_place_in_the_order():
    for path in ROOT.glob("biom_demo/**/*.py"):
        name = path.relative_to(ROOT / "biom_demo").as_posix().removesuffix(".py").removesuffix("/__init__")
        if name not in {"__init__", "qa"}:
            assert rank(name.replace("/", ".")) is not None, name
