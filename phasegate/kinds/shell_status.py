"""How a line for a POSIX shell can end, as far as that is certain from its text alone.

A line is read into commands; each gives the ends it may have, and `;`, `&&`, `||`, `|`, `!`, `&`, groups and
`if` put them together as a shell does. What is not read for certain (loops, functions, here-documents,
options of the shell such as `set -e`, files that a redirection may not find) may end in every way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DEPTH = 20
"""How deep groups and shells in shells are followed."""
LONGEST = 20_000
"""Characters of a line that is read."""


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
ANY: Ends = EITHER | {End(True, leaves=True), End(False, leaves=True)}

_TOKEN = re.compile(
    r"""
      (?P<blank> (?: [ \t] | \\\n )+ )
    | (?P<comment> \# [^\n]* )
    | (?P<redirect> \d* (?: >> | >\| | >& | <& | > | < (?! [<>(] ) ) )
    | (?P<operator> && | \|\| | ; (?! ; ) | \| (?! & ) | & (?! > ) | \( (?! \( ) | \) | \n )
    | (?P<word> (?: [^\s'"\\`$&|;<>()] | '[^']*' | \\[^\n]
        | " (?: [^"\\`$] | \\. | \$\([^()'"`]*\) | `[^`"]*` | \$\{[^{}'"`$]*\} | \$(?![({]) )* "
        | \$\([^()'"`]*\) | `[^`]*` | \$\{[^{}'"`$]*\} | \$(?![({'"]) )+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_SETTINGS = ("set", "shopt", "trap", "eval", "alias", "unset", "readonly", "source", ".")
_JUMPS = ("return", "break", "continue")
_KEYWORDS = (
    *("function", "for", "while", "until", "case", "select", "do", "done", "esac", "coproc", "time", "[["),
    *("then", "elif", "else", "fi", "}"),
)
_UNCERTAIN = frozenset((*_SETTINGS, *_JUMPS, *_KEYWORDS))
"""Words that, as a command, change what the rest of a line means, or begin what is not read here."""
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_HARMLESS = {
    "cat": re.compile(r"-[nu]?"),
    "head": re.compile(r"-\d+|-[nc]\d*|\d+"),
    "tail": re.compile(r"-\d+|-[nc]\d*|\d+"),
    "wc": re.compile(r"-[lcw]"),
    "tee": re.compile(r"/dev/null"),
}
"""Filters that end well on whatever they read, and the arguments with which they still do."""
_PLACES = re.compile(r"(?:/usr)?/s?bin/([^/]+)")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


class _UnreadError(Exception):
    """Not a line that is understood for certain."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line does."""

    ends: Ends
    asks: tuple[str, ...] = ()
    """The commands in it that may fail, as written."""

    @property
    def always_good(self) -> bool:
        return all(end.ok for end in self.ends)


def read_line(line: str, *, depth: int = 0) -> Reading:
    """How a line given to `sh -c` can end."""
    try:
        if len(line) > LONGEST or depth > DEPTH:
            raise _UnreadError
        parser = _Parser(list(_tokens(line)), depth)
        ends = parser.whole()
    except _UnreadError:
        return Reading(ANY, (line,))
    return Reading(ends, tuple(parser.asks))


def read_program(argv: Sequence[str], *, depth: int = 0) -> Reading:
    """How a program that is started without a shell can end."""
    line = shell_line(argv)
    if line is not None:
        reading = read_line(line, depth=depth + 1)
        return Reading(_own_shell(reading.ends), reading.asks)
    ends = _program(argv, depth)
    return Reading(ends, () if ends == GOOD else (" ".join(argv),))


def _tokens(line: str) -> Iterator[_Token]:
    at = 0
    while at < len(line):
        match = _TOKEN.match(line, at)
        if match is None or match.lastgroup is None:
            raise _UnreadError
        at = match.end()
        if match.lastgroup not in ("blank", "comment"):
            yield _Token(match.lastgroup, match[0])


class _Parser:
    """Recursive descent over the tokens of one line.

    list     = and_or { ( ";" | "&" | newline ) and_or }
    and_or   = pipeline { ( "&&" | "||" ) pipeline }
    pipeline = [ "!" ] command { "|" command }
    command  = words with redirections | "(" list ")" | "{" list "}" | "if" ...
    """

    def __init__(self, tokens: list[_Token], depth: int) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = depth
        self.asks: list[str] = []

    def whole(self) -> Ends:
        ends = self._list(until=())
        if self._at < len(self._tokens):
            raise _UnreadError
        return ends

    def _next_is(self, *texts: str, kind: str = "operator") -> bool:
        token = self._peek()
        return token is not None and token.kind == kind and token.text in texts

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, *texts: str, kind: str = "operator") -> bool:
        if self._next_is(*texts, kind=kind):
            self._at += 1
            return True
        return False

    def _list(self, until: tuple[str, ...]) -> Ends:
        """A list ends at the end of the line, at `)`, or at a word of `until` where a command may begin.

        An empty line ends well; an empty list in a group is an error of syntax.
        """
        ends, commands = GOOD, 0
        while True:
            self._newlines()
            if self._peek() is None or self._next_is(")") or self._next_is(*until, kind="word"):
                if until and not commands:
                    raise _UnreadError
                return ends
            following = self._and_or()
            commands += 1
            if self._take("&"):
                following = GOOD
            elif not self._take(";") and not self._next_is("\n", ")") and self._peek() is not None:
                raise _UnreadError
            ends = _then(ends, following)

    def _newlines(self) -> None:
        while self._take("\n"):
            pass

    def _and_or(self) -> Ends:
        ends = self._pipeline()
        while self._next_is("&&", "||"):
            both = self._next_is("&&")
            self._take("&&", "||")
            self._newlines()
            following = self._pipeline()
            ends = _branch(ends, following, BAD) if both else _branch(ends, GOOD, following)
        return ends

    def _pipeline(self) -> Ends:
        inverted = self._take("!", kind="word")
        ends, several = self._command(), False
        while self._take("|"):
            self._newlines()
            ends, several = self._command(), True
        if several:
            ends = _own_shell(ends)
        return frozenset(map(_inverted, ends)) if inverted else ends

    def _command(self) -> Ends:
        self._depth += 1
        if self._depth > DEPTH:
            raise _UnreadError
        try:
            if self._take("("):
                return self._redirected(_own_shell(self._group(")", "operator")))
            if self._take("{", kind="word"):
                return self._redirected(self._group("}", "word"))
            if self._take("if", kind="word"):
                return self._redirected(self._if())
            return self._simple()
        finally:
            self._depth -= 1

    def _group(self, end: str, kind: str) -> Ends:
        ends = self._list(until=(end,))
        if not self._take(end, kind=kind):
            raise _UnreadError
        return ends

    def _if(self) -> Ends:
        condition = self._list(until=("then",))
        if not self._take("then", kind="word"):
            raise _UnreadError
        body = self._list(until=("elif", "else", "fi"))
        otherwise = GOOD
        if self._take("elif", kind="word"):
            otherwise = self._if()
        elif self._take("else", kind="word"):
            otherwise = self._group("fi", "word")
        elif not self._take("fi", kind="word"):
            raise _UnreadError
        return _branch(condition, body, otherwise)

    def _redirected(self, ends: Ends) -> Ends:
        while (token := self._peek()) is not None and token.kind == "redirect":
            ends = ends if self._redirection() else ANY
        return ends

    def _redirection(self) -> bool:
        """Take one; whether it cannot fail."""
        operator, target = self._tokens[self._at], self._tokens[self._at + 1 : self._at + 2]
        if not target or target[0].kind != "word":
            raise _UnreadError
        self._at += 2
        where = target[0].text
        if operator.text.endswith("&"):
            return where in ("1", "2", "-")
        return where == "/dev/null"

    def _simple(self) -> Ends:
        words: list[str] = []
        certain, begun = True, self._at
        while (token := self._peek()) is not None and token.kind in ("word", "redirect"):
            if token.kind == "redirect":
                certain = self._redirection() and certain
            else:
                words.append(token.text)
                self._at += 1
        if self._next_is("(") or self._at == begun:
            raise _UnreadError  # a function, or nothing where a command belongs
        ends = _simple(words, self._depth) if certain else ANY
        if any(not end.ok for end in ends) and words and words[0] not in ("exit", "false", "!"):
            self.asks.append(" ".join(words))
        return ends


def _inverted(end: End) -> End:
    """`!` turns what a command says, not what the whole shell ends with."""
    return end if end.leaves else End(not end.ok)


def _then(first: Ends, second: Ends) -> Ends:
    """`first; second`."""
    left = frozenset(end for end in first if end.leaves)
    return left | second if left != first else left


def _branch(condition: Ends, good: Ends, bad: Ends) -> Ends:
    found: set[End] = {end for end in condition if end.leaves}
    if End(True) in condition:
        found |= good
    if End(False) in condition:
        found |= bad
    return frozenset(found)


def _own_shell(ends: Ends) -> Ends:
    """In a shell of its own, `exit` ends no more than that."""
    return frozenset(End(end.ok) for end in ends)


def _simple(words: Sequence[str], depth: int) -> Ends:
    """A command of a shell, its words as written."""
    if any("${" in word and ("?" in word or "=" in word) for word in words):
        return ANY  # ${name:?message} ends the shell
    at = 0
    while at < len(words) and _ASSIGNMENT.match(words[at]):
        at += 1
    if at == len(words):
        plain = all(_value(word) is not None for word in words)
        return GOOD if plain else EITHER
    name = _value(words[at])
    if name is None:
        return ANY
    if name in _UNCERTAIN or (name == "exec" and len(words) == at + 1):
        raise _UnreadError
    arguments = words[at + 1 :]
    values = [_value(word) for word in arguments]
    match name:
        case ":" | "true" | "echo":
            return GOOD
        case "false":
            return BAD
        case "exit":
            return _exit(values)
        case "exec":
            return frozenset(End(end.ok, leaves=True) for end in _simple(arguments, depth))
        case "command" if values and values[0] is not None and not values[0].startswith("-"):
            return _simple(arguments, depth)
        case _:
            return _program([name, *(value if value is not None else "$" for value in values)], depth)


def _exit(values: Sequence[str | None]) -> Ends:
    if len(values) != 1 or values[0] is None or not values[0].isdecimal() or int(values[0]) > 255:
        return frozenset({End(True, leaves=True), End(False, leaves=True)})
    return frozenset({End(int(values[0]) == 0, leaves=True)})


def _program(argv: Sequence[str], depth: int) -> Ends:
    """A program; `$` stands for a word that only the shell knows."""
    name, arguments = _named(argv)
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
            return EITHER if line is None else _own_shell(read_line(line, depth=depth + 1).ends)


def shell_line(argv: Sequence[str]) -> str | None:
    """The line that `sh -c LINE` gives to a shell; None for any other program."""
    name, arguments = _named(argv)
    plain = name in _SHELLS and len(arguments) >= 2 and arguments[0] == "-c"
    return arguments[1] if plain and arguments[1] != "$" else None


def _named(argv: Sequence[str]) -> tuple[str, Sequence[str]]:
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
    if not arguments or arguments[0].startswith("-") or "$" in arguments[0]:
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
