"""The wheel: what is in it, and that it works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email import message_from_bytes

import pytest

import biom_demo
from tests.conftest import ROOT

pytestmark = pytest.mark.wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The built wheel; no network, as the build backend is one of requirements-dev.txt."""
    pytest.importorskip("hatchling", reason="needs hatchling: pip install -r requirements-dev.txt")
    pytest.importorskip(
        "hatch_requirements_txt", reason="needs its plugin: pip install -r requirements-dev.txt"
    )
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    (path,) = out.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_the_assets_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    information = f"biom_demo-{biom_demo.__version__}.dist-info/"
    ours = {name for name in names if not name.startswith(information)}
    tracked = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("biom_demo/**/*.py")}
    tracked.add("biom_demo/py.typed")
    for path in ROOT.glob("assets/**/*"):
        relative = path.relative_to(ROOT)
        if path.is_file() and relative.parts[1] != "screenshots":
            tracked.add(f"biom_demo/{relative.as_posix()}")
    assert ours == tracked
    assert any(name.endswith("/model.safetensors") for name in ours)


def test_name_version_requirements_and_command_are_those_of_the_checkout(wheel):
    archive = zipfile.ZipFile(wheel)
    information = f"biom_demo-{biom_demo.__version__}.dist-info/"
    metadata = message_from_bytes(archive.read(information + "METADATA"))
    assert (metadata["Name"], metadata["Version"]) == ("biom-demo", biom_demo.__version__)
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pins = {line.strip().replace("_", "-") for line in lines if line.strip() and not line.startswith("#")}
    extras = {
        f"{(ROOT / f'requirements-{name}.txt').read_text('utf-8').splitlines()[-1]}; extra == '{name}'"
        for name in ("metrics", "mcp", "parquet", "ray")
    }
    assert set(metadata.get_all("Requires-Dist")) == pins | {extra.replace("_", "-") for extra in extras}
    assert "biom-demo = biom_demo.cli:main" in archive.read(information + "entry_points.txt").decode()


def test_the_installed_package_finds_its_assets_and_commands_elsewhere(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import biom_demo.settings, biom_demo.cli\n"
        "assert (biom_demo.settings.ASSETS / 'examples.json').is_file()\n"
        "print(biom_demo.settings.ASSETS)\n"
        "biom_demo.cli.main(['--help'])"
    )
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    first, *rest = ended.stdout.splitlines()
    assert first == str(site / "biom_demo" / "assets")
    assert "usage: biom-demo" in rest[0]
