"""requirements.lock: everything the image installs, at the pins, with hashes, and nothing of this machine."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

LOCK = (ROOT / "requirements.lock").read_text("utf-8")
IMAGES = (  # where the image runs
    {"sys_platform": "linux", "platform_machine": "x86_64"},
    {"sys_platform": "linux", "platform_machine": "aarch64"},
)
PYTHON = {"python_version": "3.11", "python_full_version": "3.11.14", "platform_system": "Linux"}


def entries(text=LOCK):
    """Each requirement of a lock, and its hashes."""
    statements = text.replace("\\\n", " ").splitlines()
    found = []
    for statement in statements:
        if statement.strip() and not statement.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=", statement.strip())
            found.append((Requirement(requirement), hashes))
    return found


def pinned(environment):
    """The versions that the lock gives to an environment, by canonical name."""
    return {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
        for requirement, _ in entries()
        if requirement.marker is None or requirement.marker.evaluate(PYTHON | environment)
    }


def wanted(name="requirements.txt"):
    """The requirements of a file of ours."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


@pytest.mark.parametrize("environment", IMAGES, ids=lambda made: made["platform_machine"])
@pytest.mark.parametrize("name", ["requirements.txt", "requirements-metrics.txt"])
def test_every_requirement_is_locked_at_a_version_that_satisfies_it(name, environment):
    locked = pinned(environment)
    for requirement in wanted(name):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_every_version_is_exact_and_every_entry_has_hashes():
    for requirement, hashes in entries():
        assert re.fullmatch(r"==[\w.!+]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), requirement
        assert len(set(hashes)) == len(hashes), requirement


@pytest.mark.parametrize("environment", IMAGES, ids=lambda made: made["platform_machine"])
def test_everything_that_is_needed_on_the_way_is_locked(environment):
    """Followed over what is installed here, as the image's platform would ask for it."""
    locked, seen = pinned(environment), set()
    todo = [(canonicalize_name(requirement.name), requirement.extras) for requirement in wanted()]
    while todo:
        name, extras = todo.pop()
        if (name, frozenset(extras)) in seen:
            continue
        seen.add((name, frozenset(extras)))
        assert name in locked, f"{name} is not locked: make lock"
        try:
            needed = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue  # of another platform
        for requirement in needed:
            if is_cuda(requirement.name):
                continue
            for extra in {"", *extras}:
                if requirement.marker is None or requirement.marker.evaluate(
                    PYTHON | environment | {"extra": extra}
                ):
                    todo.append((canonicalize_name(requirement.name), requirement.extras))
    assert len(seen) > 40


def is_cuda(name):
    return re.match(r"(nvidia-|cuda-|triton$)", name) is not None


def test_no_build_for_a_gpu_is_locked():
    assert not [requirement.name for requirement, _ in entries() if is_cuda(requirement.name)]


def test_the_lock_names_no_machine_and_no_index():
    for line in LOCK.splitlines():
        assert re.fullmatch(r"#.*|[\w.-]+==\S+( ; [^#]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), (
            line
        )
    assert "://" not in LOCK
    assert not re.search(r"--(extra-)?index|--find-links|\bfile:", LOCK)
    assert not [word for word in LOCK.split() if PurePosixPath(word).is_absolute()]


def test_gradios_pin_is_the_spaces_version():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"sdk_version: {pinned(IMAGES[0])['gradio']}\n" in readme


def test_a_target_renews_it():
    recipe = (ROOT / "Makefile").read_text("utf-8").split("\nlock:")[1].split("\n\n")[0]
    for option in (
        "--generate-hashes",
        "--no-emit-index-url",
        "--universal",
        "--output-file requirements.lock",
    ):
        assert option in recipe
    assert all(f" {name}" in recipe for name in ("requirements.txt", "requirements-metrics.txt"))


def test_a_lock_with_a_hole_would_be_noticed():
    text = "a==1 ; sys_platform == 'win32' \\\n    --hash=sha256:00\nb==2\n"
    assert [(str(requirement), hashes) for requirement, hashes in entries(text)] == [
        ('a==1; sys_platform == "win32"', ["sha256:00"]),
        ("b==2", []),
    ]
