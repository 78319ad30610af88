"""How programs can end, as far as that is certain from their words alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum

from phasegate.base.dataclass import dataclass
from phasegate.kinds.healthchecks.shell.constants import evaluate_test, expression
from phasegate.kinds.healthchecks.shell.syntax import KillsError


class Dialect(StrEnum):
    """Families of shells, by what else than POSIX they know."""

    DASH = "dash"
    BUSYBOX = "busybox"
    """Also `[[`, `==` and `let`."""
    BASH = "bash"
    """These and `((`."""


class Leaves(StrEnum):
    """What a command puts an end to."""

    NOTHING = ""
    LOOP = "loop"
    TURN = "turn"
    FUNCTION = "function"
    SHELL = "shell"
    KILLED = "killed"
    """It never ends by itself, so an engine ends it, which is a failure."""


@dataclass(frozen=True, slots=True)
class End:
    """One way a command can end."""

    ok: bool
    leaves: Leaves = Leaves.NOTHING


Ends = frozenset[End]
GOOD: Ends = frozenset({End(True)})
BAD: Ends = frozenset({End(False)})
EITHER = GOOD | BAD
LEAVES: Ends = frozenset({End(True, Leaves.SHELL), End(False, Leaves.SHELL)})
ANY: Ends = EITHER | LEAVES

ReadLine = Callable[[str, str], Ends]
"""How a line can end that is given to a shell, by that shell's name."""

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_HARMLESS = {
    "cat": re.compile(r"-[nu]?"),
    "head": re.compile(r"-\d+|-[nc]\d*|\d+"),
    "tail": re.compile(r"-\d+|-[nc]\d*|\d+"),
    "wc": re.compile(r"-[lcw]"),
    "tee": re.compile(r"/dev/null"),
}
"""Filters that end well on whatever they read, and the arguments with which they still do."""
_TELLS = frozenset({"date", "pwd", "uname", "id", "env", "printenv"})
"""Programs that end well where they are asked for nothing in particular."""
_KILLS = frozenset({"kill", "pkill", "killall", "reboot", "poweroff", "halt", "shutdown", "init"})
_PLACES = re.compile(r"(?:/usr)?/s?bin/([^/]+)")
_SECONDS = re.compile(r"\d+(?:\.\d+)?[smhd]?")
UNKNOWN = "$"
"""Stands for a word that only the shell knows."""


def own_shell(ends: Ends) -> Ends:
    """In a shell of its own, what leaves it ends no more than that."""
    return frozenset(end if end.leaves is Leaves.KILLED else End(end.ok) for end in ends)


def ends_of(good: bool | None) -> Ends:
    return EITHER if good is None else GOOD if good else BAD


def program(argv: Sequence[str], read: ReadLine, *, dialect: Dialect) -> Ends:
    """How a program can end that is found where programs usually are.

    Errors: KillsError where it may end the shell that asks, by a signal.
    """
    name, arguments = _find_program(argv)
    match name:
        case "true" | "echo":
            return GOOD
        case "false":
            return BAD
        case "printf":
            return GOOD if _prints(arguments) else EITHER
        case "sleep":
            return GOOD if arguments and all(map(_SECONDS.fullmatch, arguments)) else EITHER
        case "test" | "[":
            return _test(name, arguments, dialect)
        case "expr":
            return EITHER if UNKNOWN in arguments else ends_of(expression(arguments))
        case _ if name in _KILLS:
            if arguments[:1] == ["-0"] or arguments[:2] == ["-s", "0"]:
                return EITHER
            raise KillsError
        case "timeout" | "nohup" | "nice" | "env" if wrapped := _unwrap(name, arguments):
            inner = program(wrapped, read, dialect=dialect)
            late = name == "timeout" and _find_program(wrapped)[0] == "sleep"
            return inner if inner == GOOD and not late else inner | BAD
        case _ if name in _TELLS:
            return EITHER if arguments else GOOD
        case _ if name in _HARMLESS:
            return GOOD if _reads_only(name, arguments) else EITHER
        case _:
            line = shell_line(argv)
            return EITHER if line is None else own_shell(read(line, name))


def shell_line(argv: Sequence[str]) -> str | None:
    """The line that `sh -c LINE` gives to a shell; None for any other program."""
    name, arguments = _find_program(argv)
    plain = name in SHELLS and len(arguments) >= 2 and arguments[0] == "-c"
    return arguments[1] if plain and arguments[1] != UNKNOWN else None


def dialects_of(shell: str) -> tuple[Dialect, ...]:
    """What a shell may be; `sh` is any of them."""
    name = shell.rpartition("/")[2]
    known = {"dash": Dialect.DASH, "ash": Dialect.BUSYBOX, "busybox": Dialect.BUSYBOX}
    return tuple(Dialect) if name == "sh" else (known.get(name, Dialect.BASH),)


def _find_program(argv: Sequence[str]) -> tuple[str, Sequence[str]]:
    """A program by its name, and its arguments."""
    place = _PLACES.fullmatch(argv[0])
    name, arguments = place[1] if place else argv[0], list(argv[1:])
    return (arguments[0], arguments[1:]) if name == "busybox" and arguments else (name, arguments)


def _test(name: str, arguments: Sequence[str], dialect: Dialect) -> Ends:
    if name == "[":
        if not arguments or arguments[-1] != "]":
            return EITHER if arguments and arguments[-1] == UNKNOWN else BAD
        arguments = arguments[:-1]
    if any(UNKNOWN in one for one in arguments):
        return EITHER
    return ends_of(evaluate_test(arguments, doubled=dialect is not Dialect.DASH))


def _unwrap(name: str, arguments: Sequence[str]) -> Sequence[str]:
    """The program that one runs which runs another; nothing where it is asked for more than that."""
    if name == "timeout":
        plain = len(arguments) > 1 and _SECONDS.fullmatch(arguments[0]) and not arguments[1].startswith("-")
        return arguments[1:] if plain else ()
    if name == "env":
        while arguments and re.match(r"[A-Za-z_]\w*=", arguments[0]) and not arguments[0].startswith("PATH="):
            arguments = arguments[1:]
    plain = bool(arguments) and not arguments[0].startswith("-") and "=" not in arguments[0]
    return arguments if plain and UNKNOWN not in arguments[0] else ()


def _reads_only(name: str, arguments: Sequence[str]) -> bool:
    """Whether a filter is given options that it knows, and no file."""
    counts = sum(one.isdecimal() for one in arguments)
    asked = sum(one in ("-n", "-c") for one in arguments) if name in ("head", "tail") else 0
    return counts == asked and all(_HARMLESS[name].fullmatch(one) for one in arguments)


def _prints(arguments: Sequence[str]) -> bool:
    """A format of plain text and `%s` is printed whatever the rest is."""
    if not arguments or arguments[0].startswith("-") or UNKNOWN in arguments[0]:
        return False
    return re.fullmatch(r"(?:[^%\\]|%%|%s|\\[nrt\\])*", arguments[0]) is not None
