"""The program: signals and streams first, `--version` at once, everything else through the commands."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType
from typing import Any

from phasegate import __version__

_USAGE, _INCONCLUSIVE, _DEFECT, _INTERRUPTED = 2, 3, 70, 130
"""See `phasegate.base.errors.ExitCode`, which may be what cannot be imported."""


def _interrupt(_number: int, frame: FrameType | None) -> None:
    """Ctrl-C as Python has it; while a module is imported, where it would be told as an error, the end."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os._exit(_INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt


def _not_yet(_number: int, _frame: FrameType | None) -> None:
    """Nothing is running of which anything could be told; by default SIGUSR1 ends a program."""


if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _interrupt)
if hasattr(signal, "SIGUSR1") and signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:  # Windows has none
    signal.signal(signal.SIGUSR1, _not_yet)


def main() -> int:
    """Run one command line and give its exit code, which is none that Python itself gives."""
    sys.unraisablehook = _report_unraisable
    gc.set_threshold(20_000)  # what is imported stays, and looking through it takes a tenth of the time
    try:
        if not _open_streams():
            return _USAGE
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except SystemExit as error:
        code = 0 if error.code in (0, None) else _USAGE
    except BaseException as error:
        code = _report_escape(error)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said and done; what is left bounds itself
    gc.freeze()  # and is not looked through for garbage
    return _flush_output(code)


def _run(arguments: list[str]) -> int:
    if arguments in (["--version"], ["-V"]):
        # Answered before anything heavy is imported, since scripts ask for it often.
        print(f"phasegate {__version__}")
        return 0
    # A run holds on to nearly all that it makes: looking through it for garbage again and again is in vain.
    gc.set_threshold(200_000, 20, 100)
    from phasegate.cli.app import run_command_line

    return run_command_line(arguments)


def _report_escape(error: BaseException) -> int:
    """What the commands could not tell: no memory for that, or the program is not whole."""
    lacking = isinstance(error, MemoryError | OSError | ImportError)
    said = "phasegate cannot go on" if lacking else f"a defect in phasegate {__version__}"
    _tell(f"error: {said}: {type(error).__name__}: {error}")
    if not lacking:
        return _DEFECT
    return _INCONCLUSIVE if "phasegate.pipeline.under_way" in sys.modules else _USAGE


def _report_unraisable(unraisable: Any) -> None:
    """What went wrong while something was thrown away, which changes nothing: one line, no traceback."""
    _tell(f"warning: {unraisable.err_msg or 'while something was cleaned up'}: {unraisable.exc_value!r}")


def _tell(text: str) -> None:
    try:  # noqa: SIM105  contextlib may be what there is no memory for
        os.write(2, f"{' '.join(text.split())[:400]}\n".encode(errors="backslashreplace"))
    except OSError:
        pass


def _open_streams() -> bool:
    """Put something in the place of each standard stream that is closed, so that no file takes its number.

    Writing to it fails as before. Without standard error nothing could be said, so False.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
        if getattr(sys, name) is None and number:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115
            if number == 2:
                return False
    return True


def _flush_output(code: int) -> int:
    """Write what is still held back: Python would end with a code of its own where that fails."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            if stream is sys.stdout and code == 0 and not isinstance(error, BrokenPipeError):
                code = _INCONCLUSIVE
    return code


if __name__ == "__main__":
    sys.exit(main())
