"""Healthchecks that cannot fail: the health they tell of proves nothing."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from phasegate.base.facts import Code, Fact, fact
from phasegate.kinds.healthchecks.shell.commands import ANY, SHELLS, shell_line
from phasegate.kinds.healthchecks.shell.status import Reading, read_line, read_program
from phasegate.model.containers import Healthcheck

SHOWN = 120
"""Characters of a healthcheck that a message shows."""


def why_it_proves_nothing(check: Healthcheck | None) -> Fact | None:
    """Why a container counts as healthy whatever it does; None where its check can fail.

    Only what is certain from the text counts: a check that asks too little, such as `curl` without `-f`,
    can fail and is not found here.
    """
    if check is None:
        return fact(Code.NO_HEALTHCHECK)
    how, *words = check.test
    match how:
        case "CMD-SHELL":
            reading = _read_line(check.shell, " ".join(words))
        case "CMD" if words:
            reading = read_program(words)
        case "CMD":
            return None  # an engine finds no program to start
        case _:
            return fact(Code.HEALTHCHECK_UNKNOWN, kind=how)
    if not reading.always_good:
        return None
    asked = clip_line(reading.asks[0]) if reading.asks else ""
    return fact(Code.HEALTHCHECK_CANNOT_FAIL, line=check_line(check), asked=asked)


def _read_line(shell: Sequence[str], line: str) -> Reading:
    """How a line can end in the shell of an image, which may have options such as `-eo pipefail`."""
    name = shell[0].rpartition("/")[2] if shell else "sh"
    if not shell or shell_line([*shell, line]) == line:
        return read_line(line, shell=name)
    known = name in SHELLS and shell[-1].startswith("-") and shell[-1].endswith("c")
    return read_line(line, strict=True, shell=name) if known else Reading(ANY, (line,))


def check_line(check: Healthcheck) -> str:
    """The check on one line, as a person would type it."""
    how, *words = check.test
    return clip_line(" ".join(words) if how == "CMD-SHELL" else shlex.join(words))


def clip_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."
