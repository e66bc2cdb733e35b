"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parent.parent
# Instructions that decide the pace of a matrix product, as Linux names them.
FLAGS = (
    "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8",
    "asimddp", "i8mm", "bf16", "sve",
)  # fmt: skip
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "onnxruntime")


def environment() -> dict[str, Any]:
    """Processor, its cores and instructions, memory, and versions."""
    return {
        "processor": processor(),
        "flags": [flag for flag in FLAGS if flag in _words("flags") | _words("Features")],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def load_average() -> list[float]:
    """Of the last 1, 5 and 15 minutes; nothing where the system does not say."""
    try:
        return [round(one, 2) for one in os.getloadavg()]
    except OSError:
        return []


def commit() -> str:
    """The checkout's commit, "+" after it where files were changed since; "" outside of one."""
    try:
        described = ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
        ended = subprocess.run(described, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return ended.stdout.strip()


def processor() -> str:
    """Its name as the system has it."""
    return " ".join(sorted(_values("model name"))) or platform.processor() or platform.machine()


def memory_gb() -> int | None:
    """Of the machine; ``None`` where the system does not say."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError):
        return None


def _values(name: str) -> set[str]:
    """The different values of a line of /proc/cpuinfo; none on another system than Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    named = (line.partition(":") for line in lines)
    return {value.strip() for key, _, value in named if key.strip() == name}


def _words(name: str) -> set[str]:
    return {word for value in _values(name) for word in value.split()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
