"""Compiled templates kept beside their sources, as Python keeps its modules: compiling them takes longer
than anything else in a short run."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.util import cache_from_source
from pathlib import Path

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class CompiledTemplates(BytecodeCache):
    """In `__pycache__`, by the rules of Python: where nothing may be written nothing is, and
    PYTHONDONTWRITEBYTECODE and PYTHONPYCACHEPREFIX hold.

    Jinja takes nothing that another version of it or of Python has compiled, or from another source.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        return name

    def load_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError), self._path(bucket).open("rb") as kept:
            bucket.load_bytecode(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        path = self._path(bucket)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, bucket.bytecode_to_string())

    def _path(self, bucket: Bucket) -> Path:
        return Path(cache_from_source(str(self._folder / bucket.key))).with_suffix(".jinja")


def _write_whole(path: Path, content: bytes) -> None:
    """Never half a file for somebody who reads at the same time. Errors: OSError."""
    own = path.with_suffix(f".{os.getpid()}")
    try:
        own.write_bytes(content)
        own.replace(path)
    except OSError:
        own.unlink(missing_ok=True)
        raise
