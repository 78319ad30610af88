"""Compilers of the machine, as far as tests need them to work together."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache


@cache
def why_no_cargo() -> str:
    """Why Cargo cannot build here; empty where it can. A machine may have it from one release and `rustc`
    from an older one, which it cannot drive."""
    for program in ("cargo", "rustc"):
        if shutil.which(program) is None:
            return f"{program} is not on PATH"
    cargo, rustc = (_release(program) for program in ("cargo", "rustc"))
    return "" if cargo == rustc else f"cargo {cargo} cannot drive rustc {rustc}"


def _release(program: str) -> str:
    """`1.75` of `cargo 1.75.0 (...)`."""
    words = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.split()
    return ".".join(words[1].split(".")[:2]) if len(words) > 1 else "unknown"
