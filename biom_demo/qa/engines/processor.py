"""What this processor has instructions for; known without importing a library that takes seconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from biom_demo.settings import Precision

CPUINFO = Path("/proc/cpuinfo")
# As Linux names them, x86 and ARM; one of a line's is enough.
_INSTRUCTIONS = {
    Precision.BFLOAT16: ("avx512_bf16", "amx_bf16", "bf16"),
    Precision.INT8: ("avx512_vnni", "avx_vnni", "amx_int8"),
}


def refusal(precision: Precision) -> str:
    """Why this processor should not compute in that precision, a sentence; "" where it should.

    Without instructions of its own for it a processor is slower than in float32, or (for int8) wrong:
    sums of two products saturate.
    """
    wanted = _INSTRUCTIONS.get(precision, ())
    if not wanted or _flags() & set(wanted):
        return ""
    return f"This processor has no instructions for {precision}, and would be slower with it than in float32."


@cache
def _flags() -> frozenset[str]:
    """The processor's features; none where nobody says."""
    try:
        lines = CPUINFO.read_text("utf-8", errors="replace").splitlines()
    except OSError:  # another system than Linux
        return frozenset()
    named = (line.partition(":") for line in lines)
    found = (words for name, _, words in named if name.strip().lower() in ("flags", "features"))
    return frozenset(next(found, "").split())
