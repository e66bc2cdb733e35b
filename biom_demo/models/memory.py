"""How much memory this process may still take, and whether a model fits into it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from biom_demo.errors import CheckpointError
from biom_demo.qa.checkpoint_files import weights_of

WORKING_BYTES = 500_000_000  # torch itself, and what a batch needs
PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """The bytes that can still be taken without swapping or being ended; ``None`` where nobody says.

    The least of what the machine, the container (cgroup 1 and 2) and the process's own limit leave.
    """
    found = [bytes_ for bytes_ in (_machine(), _cgroup(), _limit()) if bytes_ is not None]
    return max(0, min(found)) if found else None


def shortage(weights_bytes: int) -> str:
    """That weights of so many bytes do not fit into the memory left: "needs about ..."; "" where they do."""
    need, left = weights_bytes + WORKING_BYTES, available_bytes()
    if left is None or need <= left:
        return ""
    return f"needs about {need / 1e9:.1f} GB of memory, and {left / 1e9:.1f} GB are free"


def require_memory(folder: Path, name: str) -> None:
    """Raise ``CheckpointError`` where a folder's weights are cut, or do not fit into the memory left."""
    try:
        short = shortage(weights_of(folder).bytes_read)
    except CheckpointError as error:
        raise CheckpointError(f"{name} cannot be loaded. {error}") from None
    if short:
        raise CheckpointError(
            f"{name} {short} here. Choose a smaller pair, such as mini, or try again when less is running."
        )


def _machine() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in (PROC / "meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return None


def _cgroup() -> int | None:
    """What the container leaves; cached files count as free, as the kernel gives them up first."""
    with suppress(OSError, ValueError):
        path = "/"
        for line in (PROC / "self/cgroup").read_text("ascii").splitlines():
            if line.startswith("0::"):
                path = line.removeprefix("0::")
        places = (
            (CGROUP / path.strip("/"), "memory.max", "memory.current", "inactive_file"),
            (CGROUP, "memory.max", "memory.current", "inactive_file"),
            (CGROUP / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        )
        for folder, limit, used, cached in places:
            if (folder / limit).is_file():
                most = (folder / limit).read_text("ascii").strip()
                if most == "max":
                    return None
                left = int(most) - int((folder / used).read_text("ascii"))
                stat = (folder / "memory.stat").read_text("ascii").split()
                return left + int(dict(zip(stat[::2], stat[1::2], strict=True)).get(cached, 0))
    return None


def _limit() -> int | None:
    """What ``ulimit -v`` leaves."""
    with suppress(ImportError, OSError, ValueError, IndexError):
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            pages = int((PROC / "self/statm").read_text("ascii").split()[0])
            return most - pages * os.sysconf("SC_PAGE_SIZE")
    return None
