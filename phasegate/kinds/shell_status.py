"""How a line for a POSIX shell can end, as far as that is certain from its text alone.

A line is read into commands; each gives the ends it may have, and `;`, `&&`, `||`, `|`, `!`, `&`, groups and
`if` put them together as a shell does. What is not read for certain (loops, functions, here-documents,
options of the shell such as `set -e`, files that a redirection may not find) may end in every way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from phasegate.kinds.shell_commands import (
    ANY,
    BAD,
    GOOD,
    End,
    Ends,
    UnreadError,
    command,
    own_shell,
    program,
    shell_line,
)

DEPTH = 20
"""How deep groups and shells in shells are followed."""
LONGEST = 20_000
"""Characters of a line that is read."""

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


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line does."""

    ends: Ends
    asks: tuple[str, ...] = ()
    """The commands in it that may fail, as written."""

    @property
    def always_good(self) -> bool:
        return all(end.ok for end in self.ends)


def read_line(line: str, *, strict: bool = False, depth: int = 0) -> Reading:
    """How a line can end that is given to `sh -c`; `strict`: to a shell that may have any options set."""
    try:
        if len(line) > LONGEST or depth > DEPTH:
            raise UnreadError
        parser = _Parser(list(_tokens(line)), strict, depth)
        ends = parser.whole()
    except UnreadError:
        return Reading(ANY, (line,))
    return Reading(ends, tuple(parser.asks))


def read_program(argv: Sequence[str]) -> Reading:
    """How a program can end that is started without a shell."""
    line = shell_line(argv)
    if line is not None:
        reading = read_line(line)
        return Reading(own_shell(reading.ends), reading.asks)
    ends = program(argv, _ends_of)
    return Reading(ends, () if ends == GOOD else (" ".join(argv),))


def _ends_of(line: str) -> Ends:
    return read_line(line).ends


def _tokens(line: str) -> Iterator[_Token]:
    at = 0
    while at < len(line):
        match = _TOKEN.match(line, at)
        if match is None or match.lastgroup is None:
            raise UnreadError
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

    def __init__(self, tokens: list[_Token], strict: bool, depth: int) -> None:
        self._tokens = tokens
        self._at = 0
        self._strict = strict
        self._depth = depth
        self.asks: list[str] = []

    def whole(self) -> Ends:
        ends = self._list(until=())
        if self._at < len(self._tokens):
            raise UnreadError
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
                    raise UnreadError
                return ends
            following = self._and_or()
            commands += 1
            if self._take("&"):
                following = GOOD
            elif not self._take(";") and not self._next_is("\n", ")") and self._peek() is not None:
                raise UnreadError
            ends = _then(ends, following, self._strict)

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
        ends = self._command()
        while self._take("|"):
            self._newlines()
            before, ends = ends, own_shell(self._command())
            if self._strict:  # as with pipefail
                ends |= {End(False) for end in before if not end.ok}
        return frozenset(map(_inverted, ends)) if inverted else ends

    def _command(self) -> Ends:
        self._depth += 1
        if self._depth > DEPTH:
            raise UnreadError
        try:
            if self._take("("):
                return self._redirected(own_shell(self._group(")", "operator")))
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
            raise UnreadError
        return ends

    def _if(self) -> Ends:
        condition = self._list(until=("then",))
        if not self._take("then", kind="word"):
            raise UnreadError
        body = self._list(until=("elif", "else", "fi"))
        otherwise = GOOD
        if self._take("elif", kind="word"):
            otherwise = self._if()
        elif self._take("else", kind="word"):
            otherwise = self._group("fi", "word")
        elif not self._take("fi", kind="word"):
            raise UnreadError
        return _branch(condition, body, otherwise)

    def _redirected(self, ends: Ends) -> Ends:
        while (token := self._peek()) is not None and token.kind == "redirect":
            ends = ends if self._redirection() else ANY
        return ends

    def _redirection(self) -> bool:
        """Take one; whether it cannot fail."""
        operator, target = self._tokens[self._at], self._tokens[self._at + 1 : self._at + 2]
        if not target or target[0].kind != "word":
            raise UnreadError
        self._at += 2
        where = target[0].text
        if operator.text.endswith("&"):
            return where in ("1", "2")
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
            raise UnreadError  # a function, or nothing where a command belongs
        if not certain or (self._strict and any("$" in word for word in words)):
            ends = ANY
        else:
            ends = command(words, self._within)
        if any(not end.ok for end in ends) and words and words[0] not in ("exit", "false"):
            self.asks.append(" ".join(words))
        return ends

    def _within(self, line: str) -> Ends:
        return read_line(line, depth=self._depth + 1).ends


def _inverted(end: End) -> End:
    """`!` turns what a command says, not what the whole shell ends with."""
    return end if end.leaves else End(not end.ok)


def _then(first: Ends, second: Ends, strict: bool) -> Ends:
    """`first; second`; a strict shell may leave where the first does not end well, as with `set -e`."""
    left = frozenset(end for end in first if end.leaves)
    if left == first:
        return left
    fatal = {End(False, leaves=True)} if strict and End(False) in first else set()
    return left | second | fatal


def _branch(condition: Ends, good: Ends, bad: Ends) -> Ends:
    found: set[End] = {end for end in condition if end.leaves}
    if End(True) in condition:
        found |= good
    if End(False) in condition:
        found |= bad
    return frozenset(found)
