"""How single commands can end, as far as that is certain from their words alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class End:
    """One way a command can end."""

    ok: bool
    leaves: bool = False
    """Whether the shell ends with it, as with `exit`."""


Ends = frozenset[End]
GOOD: Ends = frozenset({End(True)})
BAD: Ends = frozenset({End(False)})
EITHER = GOOD | BAD
LEAVES: Ends = frozenset({End(True, leaves=True), End(False, leaves=True)})
ANY: Ends = EITHER | LEAVES

ReadLine = Callable[[str], Ends]
"""How a line can end that is given to a shell within the shell."""

_SETTINGS = ("set", "shopt", "trap", "eval", "alias", "unset", "readonly", "source", ".")
_JUMPS = ("return", "break", "continue")
_KEYWORDS = (
    *("function", "for", "while", "until", "case", "select", "do", "done", "esac", "coproc", "time", "[["),
    *("then", "elif", "else", "fi", "}", "!"),
)
_UNCERTAIN = frozenset((*_SETTINGS, *_JUMPS, *_KEYWORDS))
"""Words that, as a command, change what the rest of a line means, or begin what is not read here."""
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_HARMLESS = {
    "cat": re.compile(r"-[nu]?"),
    "head": re.compile(r"-\d+|-[nc]\d*|\d+"),
    "tail": re.compile(r"-\d+|-[nc]\d*|\d+"),
    "wc": re.compile(r"-[lcw]"),
    "tee": re.compile(r"/dev/null"),
}
"""Filters that end well on whatever they read, and the arguments with which they still do."""
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)\+?=")
_PLACES = re.compile(r"(?:/usr)?/s?bin/([^/]+)")
_QUOTED = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)", re.DOTALL)
_UNKNOWN = "$"
"""Stands for a word that only the shell knows."""


class UnreadError(Exception):
    """Not a line that is understood for certain."""


def own_shell(ends: Ends) -> Ends:
    """In a shell of its own, `exit` ends no more than that."""
    return frozenset(End(end.ok) for end in ends)


def command(words: Sequence[str], read: ReadLine) -> Ends:
    """How a command of a shell can end, its words as written.

    Errors: UnreadError where it changes what the rest of the line means.
    """
    if any("${" in word and ("?" in word or "=" in word) for word in words):
        return ANY  # ${name:?message} ends the shell
    at = 0
    while at < len(words) and (assigned := _ASSIGNMENT.match(words[at])):
        if assigned[1] == "PATH":
            raise UnreadError  # from here on a name may mean another program, or none
        at += 1
    if at == len(words):
        return GOOD if all(_value(word) is not None for word in words) else EITHER
    name = _value(words[at])
    return ANY if name is None else _named_command(name, words[at + 1 :], read)


def _named_command(name: str, arguments: Sequence[str], read: ReadLine) -> Ends:
    values = [_value(word) for word in arguments]
    if name in _UNCERTAIN or (name == "exec" and not values):
        raise UnreadError
    match name:
        case ":":
            return GOOD
        case "exit":
            return _exit(values)
        case "exec":
            return frozenset(End(end.ok, leaves=True) for end in command(arguments, read))
        case "command" if values and values[0] is not None and not values[0].startswith("-"):
            return command(arguments, read)
        case _:
            return program([name, *(_UNKNOWN if value is None else value for value in values)], read)


def _exit(values: Sequence[str | None]) -> Ends:
    if len(values) != 1 or values[0] is None or not values[0].isdecimal() or int(values[0]) > 255:
        return LEAVES
    return frozenset({End(int(values[0]) == 0, leaves=True)})


def program(argv: Sequence[str], read: ReadLine) -> Ends:
    """How a program can end that is found where programs usually are."""
    name, arguments = _found(argv)
    match name:
        case "true" | "echo":
            return GOOD
        case "false":
            return BAD
        case "date":
            return EITHER if arguments else GOOD
        case "printf":
            return GOOD if _prints(arguments) else EITHER
        case _ if name in _HARMLESS:
            return GOOD if _reads_only(name, arguments) else EITHER
        case _:
            line = shell_line(argv)
            return EITHER if line is None else own_shell(read(line))


def shell_line(argv: Sequence[str]) -> str | None:
    """The line that `sh -c LINE` gives to a shell; None for any other program."""
    name, arguments = _found(argv)
    plain = name in SHELLS and len(arguments) >= 2 and arguments[0] == "-c"
    return arguments[1] if plain and arguments[1] != _UNKNOWN else None


def _found(argv: Sequence[str]) -> tuple[str, Sequence[str]]:
    """A program by its name, and its arguments."""
    place = _PLACES.fullmatch(argv[0])
    name, arguments = place[1] if place else argv[0], argv[1:]
    return (arguments[0], arguments[1:]) if name == "busybox" and arguments else (name, arguments)


def _reads_only(name: str, arguments: Sequence[str]) -> bool:
    """Whether a filter is given options that it knows, and no file."""
    counts = sum(one.isdecimal() for one in arguments)
    asked = sum(one in ("-n", "-c") for one in arguments) if name in ("head", "tail") else 0
    return counts == asked and all(_HARMLESS[name].fullmatch(one) for one in arguments)


def _prints(arguments: Sequence[str]) -> bool:
    """A format of plain text and `%s` is printed whatever the rest is."""
    if not arguments or arguments[0].startswith("-") or _UNKNOWN in arguments[0]:
        return False
    return re.fullmatch(r"(?:[^%\\]|%%|%s|\\[nrt\\])*", arguments[0]) is not None


def _value(word: str) -> str | None:
    """A word without its quotes; None where only the shell knows what it comes to."""
    plain = _QUOTED.sub(lambda match: "" if match[1] is not None else match[0], word)
    if "$" in plain or "`" in plain:
        return None
    return _QUOTED.sub(_unquoted, word)


def _unquoted(match: re.Match[str]) -> str:
    single, double, escaped = match.groups()
    if single is not None:
        return str(single)
    if double is not None:
        return re.sub(r"\\([\"\\`$])", r"\1", double)
    return str(escaped)
