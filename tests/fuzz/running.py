"""One command line in this process, as the program runs it, and what must hold of how it ends."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from phasegate.cli.app import run_command_line
from tests.fuzz.inputs import Input

LONGEST = 10.0
"""Seconds of processor time that one input may take."""


class TooLongError(BaseException):
    """Not to be caught by anything but who looks for it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str
    seconds: float
    fault: str = ""
    """What must not be, in one line that is the same for faults of the same kind."""


def run(given: Input, folder: Path) -> Ended:
    """Run one command line in a folder."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    begun = time.process_time()
    code, fault = -1, ""
    with _streams(out, err), contextlib.chdir(folder), _limited():
        try:
            code = run_command_line(given.arguments)
        except TooLongError as error:
            fault = f"no end after {LONGEST:.0f} s at {_place(error)}"
        except BaseException as error:
            fault = f"{type(error).__name__} escaped at {_place(error)}"
    texts = [stream.buffer.getvalue().decode(errors="replace") for stream in (out, err)]  # type: ignore[attr-defined]
    taken = time.process_time() - begun
    return Ended(code, *texts, taken, fault or _fault(given, code, texts[1]))


def _fault(given: Input, code: int, err: str) -> str:
    lines = err.strip().splitlines()
    if "Traceback (most recent call last)" in err:
        raised = next(
            (line for line in reversed(lines) if line and not line.startswith((" ", "error: "))), ""
        )
        places = [
            line.strip() for line in lines if line.lstrip().startswith("File ") and "/phasegate/" in line
        ]
        return f"traceback: {raised.split(':')[0]} at {places[-1] if places else '?'}"
    if "error: a defect in phasegate" in err:
        return next(line for line in lines if line.startswith("error: a defect in phasegate"))
    if code not in given.codes:
        return f"{given.arguments[0]} ended with {code}: {lines[-1][:150] if lines else ''}"
    if code == 2 and not err.strip():
        return f"{given.arguments[0]} ended with 2 and said nothing"
    return ""


def _place(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/phasegate/" in frame.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {frames[-1].name}" if frames else "?"


@contextlib.contextmanager
def _streams(out: io.TextIOWrapper, err: io.TextIOWrapper) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        out.flush()
        err.flush()


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def clean_environment(remove: Callable[[str, bool], None]) -> None:
    """What a machine happens to have must not decide what is found; `remove` takes a name, and False."""
    for name in ("CI", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "PHASEGATE_POLICY", "TOKEN"):
        remove(name, False)
