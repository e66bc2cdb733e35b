"""The image: what its Dockerfile says, what goes into it, and that the page runs as it will run there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from biom_demo.settings import Settings
from tests.browser.conftest import api_answer
from tests.conftest import ROOT
from tests.test_lock import IMAGES, pinned
from tests.test_serve import served

KNOWN = {
    "ARG", "FROM", "RUN", "COPY", "WORKDIR", "ENV", "VOLUME", "EXPOSE", "USER", "STOPSIGNAL", "HEALTHCHECK",
    "CMD",
}  # fmt: skip


def instructions(text):
    """Each instruction of a Dockerfile and the rest of its line, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def ignored(patterns, path):
    """Whether .dockerignore keeps a file out: the last pattern that meets it or a folder of it decides."""
    out = False
    ways = [path, *map(str, Path(path).parents)][:-1] if "/" in path else [path]
    for pattern in patterns:
        bare = pattern.removeprefix("!").strip("/")
        wild = bare.removeprefix("**/")
        met = any(
            fnmatchcase(way, bare)
            if bare == wild
            else any(fnmatchcase(part, wild) for part in way.split("/"))
            for way in ways
            if bare != wild or way.count("/") == bare.count("/")
        )
        if met:
            out = not pattern.startswith("!")
    return out


TEXT = (ROOT / "Dockerfile").read_text("utf-8")
STEPS = instructions(TEXT)
LAST = STEPS[max(i for i, step in enumerate(STEPS) if step[0] == "FROM") :]
IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


def one(name, steps=LAST):
    (found,) = (rest for word, rest in steps if word == name)
    return found


def environment():
    return dict(pair.split("=", 1) for pair in shlex.split(one("ENV")))


def test_the_parser_joins_lines_and_leaves_comments_out():
    text = 'FROM a AS b\n# CMD no\nRUN x \\\n# between\n    && y\nCMD ["z"]\n'
    assert instructions(text) == [("FROM", "a AS b"), ("RUN", "x && y"), ("CMD", '["z"]')]


def test_every_instruction_is_one_that_is_understood_here():
    assert {word for word, _ in STEPS} == KNOWN


def test_every_stage_stands_on_one_pinned_base():
    default = dict(rest.split("=", 1) for word, rest in STEPS if word == "ARG")["BASE"]
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", default)
    assert [rest.split()[0] for word, rest in STEPS if word == "FROM"] == ["${BASE}", "${BASE}"]


def test_process_1_is_python_itself_and_is_told_to_end_by_sigterm():
    assert json.loads(one("CMD")) == ["python", "app.py"]
    assert one("STOPSIGNAL") == "SIGTERM"
    assert "ENTRYPOINT" not in {word for word, _ in STEPS}
    assert environment()["PATH"].startswith("/venv/bin:")


def test_it_runs_as_a_user_without_rights_who_may_write_in_volumes_only():
    user = re.fullmatch(r"(\d+):(\d+)", one("USER"))
    assert user
    assert "0" not in user.groups()
    places = [word for word, _ in LAST]
    assert places.index("USER") > max(i for i, word in enumerate(places) if word in {"RUN", "COPY"})
    volumes = json.loads(one("VOLUME"))
    variables = environment()
    for name in ("HOME", "HF_HOME", "BIOM_CACHE", "GRADIO_TEMP_DIR"):
        assert any(Path(variables[name]).is_relative_to(volume) for volume in volumes), name
    assert variables["PYTHONDONTWRITEBYTECODE"] == "1"


def test_address_and_port_are_those_of_a_space_and_of_the_health_check():
    settings = Settings.from_environment(environment())
    assert (settings.host, settings.port) == ("0.0.0.0", int(one("EXPOSE"))) == ("0.0.0.0", 7860)


@pytest.mark.parametrize(("status", "ended"), [(200, 0), (503, 1), (None, 1)])
def test_the_health_check_is_a_command_that_tells_up_from_down(status, ended, status_server):
    options, command = one("HEALTHCHECK").split(" CMD ")
    assert {option.split("=")[0] for option in options.split()} == {
        "--interval", "--timeout", "--start-period", "--retries",
    }  # fmt: skip
    _, *arguments = json.loads(command)
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "GRADIO_SERVER_PORT": str(status_server(status))},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == ended
    assert status is None or not done.stderr


@pytest.fixture
def status_server():
    """Starts a server whose ``/healthz`` has this status, and gives its port; ``None``: no server."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    from tests.browser.conftest import free_port

    servers = []

    def start(status):
        if status is None:
            return free_port()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status if self.path == "/healthz" else 404)
                self.end_headers()

            def log_message(self, *_): ...

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return server.server_port

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_is_installed_is_locked():
    pips = [rest for word, rest in STEPS if word == "RUN" and "pip --python" in rest]
    assert len(pips) == 2
    torch, others = pips
    assert f"torch=={pinned(IMAGES[0])['torch']}" in torch.split()
    assert "--no-deps" in torch
    assert "${TORCH_INDEX}" in torch
    assert {"--require-hashes", "--only-binary"} <= set(others.split())
    assert "--no-deps" not in others  # pip finds what the lock leaves out
    assert all("--no-cache-dir" in pip for pip in pips)
    assert not re.search(r"apt-get|apk |gcc|build-essential", TEXT)


def test_what_is_copied_exists_and_is_not_ignored():
    for word, rest in STEPS:
        if word == "COPY" and not rest.startswith("--from="):
            *sources, _ = rest.split()
            for source in sources:
                path = ROOT / source
                assert path.exists(), source
                assert not ignored(IGNORED, source), source
                assert path.is_file() or any(
                    not ignored(IGNORED, f"{source}/{p.name}") for p in path.iterdir()
                )


def test_all_that_the_page_needs_goes_in_and_nothing_else():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not tracked:
        pytest.skip("needs a git checkout")
    sent = [path for path in tracked if not ignored(IGNORED, path)]
    needed = [
        path
        for path in tracked
        if path.startswith(("biom_demo/", "assets/")) and not path.startswith("assets/screenshots/")
    ]
    assert sorted(sent) == sorted([*needed, "LICENSE", "app.py", "requirements.lock"])


@pytest.mark.parametrize(
    "path",
    [".git/config", ".venv/bin/python", "runs/mini/model.safetensors", "node_modules/a/b.js", ".env",
     "tests/test_app.py", "train/run.sh", "biom_demo/ui/__pycache__/page.pyc", "assets/screenshots/a.png",
     "README.md", "dev.json", ".gradio/certificate.pem"],
)  # fmt: skip
def test_nothing_private_heavy_or_idle_goes_in(path):
    assert ignored(IGNORED, path)


@pytest.mark.parametrize("path", ["app.py", "biom_demo/ui/page.py", "assets/style.css", "assets/js/page.js"])
def test_what_the_page_is_made_of_goes_in(path):
    assert not ignored(IGNORED, path)


# What the image grants: no right to write but in one folder, and no home. The capability only lets another
# user read a checkout, and a Python, that belong to root.
AS_IN_THE_IMAGE = """
set -e
mount -o remount,bind,ro /
mount --bind "$CHECKOUT" "$CHECKOUT"
mount -o remount,bind,ro "$CHECKOUT"
mount -t tmpfs -o mode=1777 tmpfs "$VOLUME"
drop="setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all,+dac_read_search \
  --ambient-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search --no-new-privs"
for place in "$CHECKOUT" / /tmp /var/tmp "$HOME"; do
  if $drop touch "$place/written" 2>/dev/null; then echo "could write in $place"; exit 3; fi
done
exec $drop "$@"
"""


def test_the_page_answers_for_another_user_with_nothing_to_write_in_but_a_volume(tmp_path):
    apart = ["unshare", "--mount", "--propagation", "private", "sh", "-c", AS_IN_THE_IMAGE, "sh"]
    volume = tmp_path / "volume"
    volume.mkdir()
    places = {
        "CHECKOUT": str(ROOT),
        "VOLUME": str(volume),
        "HOME": "/nonexistent",
        "TMPDIR": str(volume),
        "HF_HOME": f"{volume}/huggingface",
        "BIOM_CACHE": f"{volume}/pubmed",
        "GRADIO_TEMP_DIR": f"{volume}/gradio",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if not (shutil.which("unshare") and shutil.which("setpriv")):
        pytest.skip("needs unshare and setpriv (util-linux)")
    tried = subprocess.run(
        [*apart, "true"], env={**os.environ, **places}, capture_output=True, text=True, check=False
    )
    if tried.returncode not in (0, 3):
        pytest.skip(f"needs the right to mount (root): {tried.stderr.strip()[-200:]}")
    assert tried.returncode == 0, tried.stdout
    with served(tmp_path, *apart, **places) as app:
        status = Path(f"/proc/{app.process.pid}/status").read_text()
        assert re.search(r"(?m)^Uid:\t1000\t1000\t1000", status)
        found = api_answer(app.address, "The CFTR gene is mutated.", "Which gene is mutated?")
        assert "CFTR" in found["biom"]["answer"]["text"]
        with urllib.request.urlopen(f"{app.address}/theme.css", timeout=30) as response:
            assert response.status == 200
        app.process.terminate()
        assert app.ended() == 0
        assert "Traceback" not in app.log.read_text()


@pytest.mark.engine
def test_the_image_is_built_and_gets_healthy(tmp_path):
    engine = shutil.which("docker") or shutil.which("podman")
    if engine is None or subprocess.run([engine, "info"], capture_output=True, check=False).returncode:
        pytest.skip("needs a container engine that runs")
    pulled = subprocess.run(
        [engine, "build", "-q", "."], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if pulled.returncode and re.search(r"pull|resolve|lookup|registry|timeout", pulled.stderr):
        pytest.skip("needs a registry that has the base image")
    assert pulled.returncode == 0, pulled.stderr
    image = pulled.stdout.strip().splitlines()[-1]
    container = subprocess.check_output(
        [engine, "run", "-d", "--read-only", "--network=none", image], text=True
    )
    container = container.strip()
    try:
        check = json.loads(one("HEALTHCHECK").split(" CMD ")[1])
        for _ in range(60):
            asked = subprocess.run([engine, "exec", container, *check], capture_output=True, check=False)
            if asked.returncode == 0:
                break
            subprocess.run(["sleep", "2"], check=True)
        else:
            raise AssertionError(subprocess.check_output([engine, "logs", container], text=True))
        subprocess.run([engine, "stop", "--time", "20", container], check=True, capture_output=True)
        ended = subprocess.check_output(
            [engine, "inspect", "-f", "{{.State.ExitCode}}", container], text=True
        )
        assert ended.strip() == "0"
    finally:
        subprocess.run([engine, "rm", "-f", container], capture_output=True, check=False)
