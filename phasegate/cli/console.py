"""Where output goes: people read stderr, stdout carries only what was asked for."""

from __future__ import annotations

import os
import sys
from enum import StrEnum

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
    return Console(
        stderr=True,
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=_force(color),
        no_color=True if _plain(color) else None,
        force_interactive=live,
        width=CI_WIDTH if not sys.stderr.isatty() and not os.environ.get("COLUMNS") else None,
    )


def _plain(color: Color) -> bool:
    return color is Color.NEVER or (color is Color.AUTO and bool(os.environ.get("NO_COLOR")))


def _force(color: Color) -> bool | None:
    match color:
        case Color.ALWAYS:
            return True
        case Color.NEVER:
            return False
        case Color.AUTO:
            return None
