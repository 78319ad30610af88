"""Problems as they are found, in any order, from any file; handed out in file order at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from itertools import islice

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PlanError, Position, Problem
from phasegate.base.facts import Message, with_texts
from phasegate.base.remember import has_left
from phasegate.base.tree import TreePath
from phasegate.base.yaml import MOST, Document
from phasegate.plan.text.odd_words import odd_words

_MOST_WORDS = 1_000
"""Known words among which the nearest is looked for."""
_MOST_COMPARED = 50_000
"""Known words among which it is looked for in one load: many mistakes may have many of them."""
_LONGEST_WORD = 100
_LISTED = 20


@dataclass(frozen=True, slots=True)
class Unread:
    """What was left out, as it uses values that this command does not read."""

    name: str
    text: str
    """All that it says, for comparison."""


class Findings:
    """Collects problems and warnings of one load."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._noted: set[tuple[str, TreePath]] = set()
        self._found: dict[tuple[str, int, int, Message], Problem] = {}
        self._secrets: dict[str, str] = {}
        self._errors = 0
        self.unread: list[Unread] = []

    def hide(self, secrets: Mapping[str, str]) -> None:
        """Let no problem show the value of a secret, but its name."""
        self._secrets = {value: f"${{{name}}}" for name, value in secrets.items() if value}

    def document(self, document: Document, *, within: TreePath = ()) -> None:
        """Take note of a file that was read, and of what was wrong with it as YAML.

        `within`: where it stands, as if it were a part of the plan.
        """
        if (document.file, within) in self._noted:
            return
        self._noted.add((document.file, within))
        self._files.setdefault(document.file, len(self._files))
        self.extend(document.problems)
        for path, message, help in odd_words(document, within):
            self.add(document, path, message, help=help)

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            place = problem.at or Position(file="", line=0)
            # A file that two checks name is read for each of them, and wrong only once.
            self._found.setdefault((place.file, place.line, place.column, problem.message), problem)
            self._errors += not problem.warning
        if self._errors > MOST:
            help = "what comes behind them was not looked at"
            raise PlanError(
                [*self.problems[:MOST], Problem(message=f"more than {MOST:,} problems", help=help)]
            )

    def add(
        self,
        document: Document,
        path: TreePath,
        message: Message,
        *,
        help: Message | None = None,
        key: bool = False,
        warning: bool = False,
        within: tuple[str, int, int] | None = None,
    ) -> None:
        """`within` is (text, offset, width): which words of a text are wrong."""
        document, path = document.find(path)
        at = document.key_at(path) if key else document.value_at(path)
        if within is not None:
            at = _narrow(document.line(at.line), at, *within)
        self.extend([document.problem(message, at, help=help, warning=warning)])

    def absorb(self, found: Findings, *, other: str = "") -> None:
        """Take over what a reading of the plan found, each problem once whoever had it first.

        `other`: how problems of a reading that is not the one asked for begin; its warnings are left out.
        """
        self._secrets |= found._secrets
        self.unread += () if other else found.unread
        for file in found._files:
            self._files.setdefault(file, len(self._files))
        for key, problem in found._found.items():
            if not (other and problem.warning):
                message = f"{other}{problem.message}" if other else problem.message
                self._found.setdefault(key, replace(problem, message=message))

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self._in_order() if not problem.warning)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self._in_order() if problem.warning)

    def _in_order(self) -> list[Problem]:
        def place(problem: Problem) -> tuple[int, int, int]:
            if problem.at is None:
                return -1, 0, 0
            return self._files.get(problem.at.file, len(self._files)), problem.at.line, problem.at.column

        return [self._without_secrets(problem) for problem in sorted(self._found.values(), key=place)]

    def _without_secrets(self, problem: Problem) -> Problem:
        if not self._secrets:
            return problem

        def hide(text: str) -> str:
            for value, name in self._secrets.items():
                for form in (value, repr(value)[1:-1]):
                    text = text.replace(form, name)
            return text

        return replace(
            problem, message=with_texts(problem.message, hide), help=with_texts(problem.help, hide)
        )


def where(at: Position, *, beside: str) -> str:
    """A place in words, for who reads the file `beside`: `on line 7`, `on line 7 of checks/more.yaml`."""
    return f"on line {at.line}" + ("" if at.file == beside else f" of {at.file}")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    words = list(islice(known, _MOST_WORDS + 1))
    if len(words) > _MOST_WORDS or len(word) > _LONGEST_WORD:
        return None
    if not has_left("words", len(words), _MOST_COMPARED):
        return None
    short = (other for other in words if len(other) <= _LONGEST_WORD)
    return next(iter(get_close_matches(word, short, n=1, cutoff=0.6)), None)


def did_you_mean(word: str, known: Iterable[str], what: str) -> str:
    """A line of help: the nearest known word, or the known words themselves."""
    words = list(islice(known, _MOST_WORDS + 1))
    near = nearest(word, words)
    if near is not None:
        return f"did you mean {near!r}?"
    if not words:
        return f"there are no {what}"
    return f"known {what}: {listed(words)}"


def listed(words: Iterable[str]) -> str:
    """The first of some words; those behind them would make a message nobody reads."""
    first = list(islice(words, _LISTED + 1))
    return ", ".join(first[:_LISTED]) + (", ..." if len(first) > _LISTED else "")


def _narrow(line: str, at: Position, text: str, offset: int, width: int) -> Position:
    """The place of words inside a text; the whole text where it does not stand as it reads."""
    start = at.column - 1
    if line[start : start + 1] in ("'", '"'):
        start += 1
    if not text or not line.startswith(text, start):
        return at
    return replace(at, column=start + offset + 1, width=max(1, width))
