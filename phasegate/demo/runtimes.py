"""Node.js, Python and Rust: how a script of each language becomes a result.

A script defines `run(context, params)` and returns what JSON can say; harness/ has one small program for each
language that calls it. In Rust it is `fn run(context: &Value, params: &Value) -> Result<Value, String>`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phasegate.demo.execution import Ended, execute
from phasegate.demo.failures import ApiError, broken, late

LANGUAGES = ("nodejs", "python", "rust")
COMPILE_LIMIT = 60.0
MAX_RESULT = 1024 * 1024
"""Bytes of JSON that a script may return."""
_HARNESS = Path(__file__).parent / "harness"
_PASSED_ON = ("HOME", "PATH", "LANG", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One execution; `request` is the JSON text `{"context": ..., "params": ...}`."""

    language: str
    script: str
    request: str
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What `run` returned, and the seconds its process took (compiling not included)."""

    result: Any
    seconds: float


class Runtimes:
    """Runs scripts below `folder`, a few at a time; compiled programs stay there as long as it does."""

    def __init__(self, folder: Path) -> None:
        self._work = folder / "work"
        self._binaries = folder / "binaries"
        self._work.mkdir()
        self._binaries.mkdir()
        self._slots = asyncio.Semaphore(max(2, os.cpu_count() or 2))
        self._compiling: dict[str, asyncio.Lock] = {}

    async def run(self, job: Job) -> Outcome:
        """Run a script in its language's runtime.

        Errors: ApiError 500 `runtime_missing`, `compile_error`, `script_error`; 504 `compile_timeout`,
        `script_timeout`.
        """
        command = await self._command(job)
        async with self._slots, self._folder() as folder:
            (folder / "script").write_text(job.script, encoding="utf-8")
            (folder / "input.json").write_text(job.request, encoding="utf-8")
            try:
                ended = await execute(
                    [*command, str(folder)], folder=folder, environment=_environment(folder), limit=job.limit
                )
            except TimeoutError:
                raise late("script_timeout", f"the script ran longer than {job.limit:g} s") from None
            return _outcome(folder / "outcome.json", ended)

    async def _command(self, job: Job) -> list[str]:
        match job.language:
            case "nodejs":
                return [program(job.language), "--max-old-space-size=256", str(_HARNESS / "harness.js")]
            case "python":
                return [program(job.language), "-I", "-S", "-B", str(_HARNESS / "harness.py")]
            case "rust":
                return [str(await self._compiled(job.script))]
        raise ValueError(f"no runtime for {job.language}")

    async def _compiled(self, script: str) -> Path:
        """The program made of a Rust script; the same script is compiled once, however many ask for it."""
        digest = hashlib.sha256(script.encode()).hexdigest()
        binary = self._binaries / digest
        async with self._compiling.setdefault(digest, asyncio.Lock()):
            if not binary.exists():
                await self._compile(script, binary)
        return binary

    async def _compile(self, script: str, binary: Path) -> None:
        rustc = program("rust")
        source = (_HARNESS / "harness.rs").read_text(encoding="utf-8").replace("// SCRIPT", script)
        async with self._slots, self._folder() as folder:
            (folder / "script.rs").write_text(source, encoding="utf-8")
            command = [rustc, "--edition=2021", "-Cdebuginfo=0", "-Copt-level=0", "-oprogram", "script.rs"]
            environment = _environment(folder)
            try:
                ended = await execute(
                    command, folder=folder, environment=environment, limit=COMPILE_LIMIT, blocks="unlimited"
                )
            except TimeoutError:
                message = f"compiling took longer than {COMPILE_LIMIT:g} s"
                raise late("compile_timeout", message) from None
            if ended.exit_code != 0:
                raise _compile_failure(ended)
            (folder / "program").replace(binary)

    @asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        folder = Path(tempfile.mkdtemp(dir=self._work))
        try:
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def program(language: str) -> str:
    """What runs a language's scripts, or compiles them. Errors: ApiError 500 `runtime_missing`."""
    if language == "python":
        return sys.executable
    name, runtime = {"nodejs": ("node", "Node.js"), "rust": ("rustc", "Rust")}[language]
    path = shutil.which(name)
    if path is None:
        raise broken("runtime_missing", f"the {runtime} runtime is missing: {name} is not on PATH")
    return path


def _environment(folder: Path) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed_on, "TMPDIR": str(folder)}


def _outcome(path: Path, ended: Ended) -> Outcome:
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_RESULT + 1)
    except FileNotFoundError:
        raise broken("script_error", f"the script ended without a result ({ended.manner})") from None
    if len(text) > MAX_RESULT:
        raise broken("script_error", f"the result is larger than {MAX_RESULT} bytes")
    try:
        outcome = json.loads(text)
    except (ValueError, RecursionError):
        raise broken("script_error", f"the result is not JSON ({ended.manner})") from None
    if "error" in outcome:
        raise broken("script_error", str(outcome["error"])[:2000])
    return Outcome(result=outcome.get("result"), seconds=ended.seconds)


def _compile_failure(ended: Ended) -> ApiError:
    if "linker `cc` not found" in ended.output:
        return broken("runtime_missing", "the Rust runtime is missing: rustc needs the C linker cc on PATH")
    errors = [line for line in ended.output.splitlines() if line.startswith("error")]
    return broken("compile_error", errors[0] if errors else ended.output[-500:] or ended.manner)
