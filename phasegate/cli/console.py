"""Where output goes: people read stderr, stdout carries only what was asked for."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO, cast

from phasegate.base.ci_commands import disarm, line_begun
from phasegate.base.errors import RecordError

if TYPE_CHECKING:
    from rich.console import Console

CI_WIDTH = 120


class Color(StrEnum):
    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class ProgressStyle(StrEnum):
    AUTO = "auto"
    LIVE = "live"
    LINES = "lines"
    NONE = "none"


def in_ci() -> bool:
    return any(os.environ.get(name) for name in ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS", "GITLAB_CI"))


def is_live(style: ProgressStyle) -> bool:
    """Whether to redraw: rich alone would animate in a pipe as soon as FORCE_COLOR is set."""
    if style is ProgressStyle.AUTO:
        return sys.stderr.isatty() and not in_ci() and os.environ.get("TERM") != "dumb"
    return style is ProgressStyle.LIVE


def make_console(color: Color = Color.AUTO, *, live: bool = False) -> Console:
    """A console on stderr that never interprets markup, emoji codes or highlights in what it prints."""
    from rich.console import Console

    plain = _plain(color)
    return Console(
        file=cast("TextIO", _Lasting(sys.stderr)),
        markup=False,
        emoji=False,
        highlight=False,
        # Without a colour system there is no style at all, while a live view may still move the cursor.
        color_system=None if plain else "auto",
        no_color=plain,
        force_terminal=sys.stderr.isatty() if plain else True if color is Color.ALWAYS else None,
        force_interactive=live,
        width=None if is_wrapped() or os.environ.get("COLUMNS") else CI_WIDTH,
    )


def is_wrapped() -> bool:
    """Whether long lines are laid out for a screen; in a log every statement stays on its line."""
    return sys.stderr.isatty()


def put(text: str) -> None:
    """Write what was asked for to standard output, as UTF-8 whatever the locale, and so that no CI system
    obeys it.

    A reader that has gone away wants nothing more. Errors: RecordError where the output cannot be written.
    """
    try:
        sys.stdout.buffer.write(disarm(text).encode("utf-8", "backslashreplace"))
        sys.stdout.flush()
    except OSError as error:
        _drop(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise RecordError(f"cannot write standard output: {(error.strerror or '').lower()}") from error


class _Lasting(io.TextIOBase):
    """Standard error that goes on silently when its terminal or its reader is gone: a run outlives those.

    Nothing on it is a command to a CI system.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._line = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def write(self, text: str) -> int:
        shown = disarm(text, self._line)
        self._line = line_begun(shown, self._line)
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        except OSError:
            _drop(self._stream)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            _drop(self._stream)

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def _drop(stream: TextIO) -> None:
    """Let what is still buffered, and all that follows, go nowhere, so that nothing raises at exit."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    with contextlib.suppress(OSError, ValueError):
        stream.flush()


def _plain(color: Color) -> bool:
    return color is Color.NEVER or (color is Color.AUTO and bool(os.environ.get("NO_COLOR")))
