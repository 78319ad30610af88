"""A Dockerfile as instructions with their lines, read as BuildKit reads it; pure.

Source: https://docs.docker.com/reference/dockerfile/. Nothing is left out in silence: what BuildKit would
refuse is a problem with its line, and the rest of the file is read all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, fact

NAMES = frozenset(
    (
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
        *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    )
)
_LEAST = {"ADD": 2, "COPY": 2} | dict.fromkeys(NAMES - {"ADD", "COPY", "CMD", "ENTRYPOINT", "RUN"}, 1)
_EXEC = frozenset({"ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"})
"""Those that take a JSON list in place of words."""
_DOCUMENTS = frozenset({"ADD", "COPY", "RUN"})
_NO_TRIGGERS = frozenset({"FROM", "MAINTAINER", "ONBUILD"})
_MOST_STAGES = 1_000
_SPACES = re.compile(r"[ \t\v\f\r]+")
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+)")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_FLAG = re.compile(r"\s*(--(?:[^\s\"']|\"[^\"]*\"|'[^']*')++)(?=\s|$)")
_WORD = re.compile(r"(?:\\.|\"(?:\\.|[^\"\\])*\"?|'[^']*'?|[^\s\"'\\]+|\\)++", re.S)
_QUOTED = re.compile(r"\\.|\"((?:\\.|[^\"\\])*+)\"?|'([^']*+)'?", re.S)
_HEREDOC = re.compile(r"\d*<<(-?)\s*([^<]+)")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction, with the lines that belong to it."""

    name: str
    """In capitals."""
    line: int
    """Its first line, from 1."""
    end: int
    """Its last one, that of its last here-document included."""
    flags: tuple[str, ...] = ()
    """`--from=build`."""
    text: str = ""
    """What comes behind the flags, on one line."""
    heredocs: tuple[str, ...] = ()
    """The contents of its here-documents."""
    words: tuple[str, ...] | None = None
    """What a JSON list holds; None where there is none, so that a shell reads the text."""
    trigger: Instruction | None = None
    """What ONBUILD holds back."""

    def flag(self, name: str) -> str | None:
        """The value of the first flag of a name; None without."""
        return next(iter(self.flags_of(name)), None)

    def flags_of(self, name: str) -> list[str]:
        """The values of all flags of a name."""
        split = (flag.removeprefix("--").partition("=") for flag in self.flags)
        return [value for found, _, value in split if found == name]

    @property
    def pairs(self) -> list[tuple[str, str | None]]:
        """The names and values of ARG, ENV and LABEL, without quotes; None where there is no value."""
        found = split_words(self.text)
        if self.name != "ARG" and found and "=" not in found[0]:  # ENV name value
            return [(found[0], unquote(self.text[len(found[0]) :].strip()))]
        split = (word.partition("=") for word in found)
        return [(unquote(name), unquote(value) if equals else None) for name, equals, value in split]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What BuildKit would refuse."""

    line: int
    message: Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A Dockerfile as it is written."""

    instructions: tuple[Instruction, ...]
    mistakes: tuple[Mistake, ...] = ()


def read_dockerfile(text: str) -> Script:
    """All instructions, and what is wrong with them."""
    reader = _Reader(text)
    instructions = tuple(reader.instructions())
    mistakes = [*reader.mistakes, *_misplaced(instructions)]
    stages = [number for number, one in enumerate(instructions) if one.name == "FROM"]
    if len(stages) > _MOST_STAGES:
        end = stages[_MOST_STAGES]
        mistakes.append(_mistake(instructions[end].line, "stages", f"{_MOST_STAGES:,}"))
        instructions = instructions[:end]
    return Script(
        instructions=instructions, mistakes=tuple(sorted(mistakes, key=lambda mistake: mistake.line))
    )


def split_words(text: str) -> list[str]:
    """Words as written, quotes included."""
    return _WORD.findall(text)


def unquote(text: str) -> str:
    """A word without its quotes."""
    return _QUOTED.sub(lambda match: match[0] if match[0][0] == "\\" else match[1] or match[2] or "", text)


class _Reader:
    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._at = 0
        self.mistakes: list[Mistake] = []
        self._continues = re.compile(r"(?:^|[^\\])(\\)[ \t\r]*$")

    def instructions(self) -> Iterator[Instruction]:
        self._directives()
        while self._at < len(self._lines):
            first = self._at + 1
            line = self._logical_line()
            if not line.strip():
                continue
            yield self._instruction(line, first)

    def _directives(self) -> None:
        seen: set[str] = set()
        for number, line in enumerate(self._lines, 1):
            match = _DIRECTIVE.fullmatch(line)
            name, value = (match[1].lower(), match[2].strip()) if match else ("", "")
            if match is None or name not in _DIRECTIVES:
                return
            if name in seen:
                self._mistake(number, "directive-twice", name)
            elif name == "escape" and value not in ("\\", "`"):
                self._mistake(number, "escape", value[:40])
            elif name == "escape":
                mark = re.escape(value)
                self._continues = re.compile(rf"(?:^|[^{mark}])({mark})[ \t\r]*$")
            seen.add(name)

    def _logical_line(self) -> str:
        """The next line with those that go on with it; comments and empty lines between them are left out."""
        pieces: list[str] = []
        while self._at < len(self._lines):
            line = self._lines[self._at].rstrip("\r")
            self._at += 1
            bare = line.lstrip()
            if bare.startswith("#") or (pieces and not bare):
                if pieces:
                    continue
                return ""
            more = self._continues.search(line)
            pieces.append(line[: more.start(1)] if more else line)
            if not more:
                break
        return "".join(pieces)

    def _instruction(self, line: str, first: int) -> Instruction:
        name, *rest = _SPACES.split(line.strip(), maxsplit=1)
        name, text = name.upper(), "".join(rest)
        flags: list[str] = []
        at = 0
        while flag := _FLAG.match(text, at):
            flags.append(unquote(flag[1]))
            at = flag.end()
        text = text[at:].strip()
        trigger, words = None, None
        heredocs: tuple[str, ...] = ()
        if name == "ONBUILD":
            trigger = self._trigger(text, first)
        elif name in _EXEC or name == "HEALTHCHECK":
            words = self._list(text if name in _EXEC else re.sub(r"(?i)^cmd\s+", "", text), name, first)
        if name in _DOCUMENTS and words is None:
            heredocs = self._heredocs(text, first)
        one = Instruction(
            name=name,
            line=first,
            end=self._at,
            flags=tuple(flags),
            text=text,
            heredocs=heredocs,
            words=words,
            trigger=trigger,
        )
        self._check(one)
        return one

    def _trigger(self, text: str, first: int) -> Instruction | None:
        name = text.partition(" ")[0].upper()
        if name in _NO_TRIGGERS:
            self._mistake(first, "trigger", name)
        return self._instruction(text, first) if name and name not in _NO_TRIGGERS else None

    def _list(self, text: str, name: str, first: int) -> tuple[str, ...] | None:
        """The texts of a JSON list; None where there is none."""
        if not text.startswith("["):
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, list):
            return None
        if not all(isinstance(one, str) for one in found):
            self._mistake(first, "not-texts", name)
        return tuple(one if isinstance(one, str) else "" for one in found)

    def _heredocs(self, text: str, first: int) -> tuple[str, ...]:
        """The here-documents that begin in a line, each up to the line that is its end."""
        found = []
        words = split_words(text) if "<<" in text else []
        for word in words:
            match = _HEREDOC.fullmatch(word)
            name = unquote(match[2]).replace("\\", "") if match else ""
            if match is None or not name:
                continue
            content: list[str] = []
            while self._at < len(self._lines):
                line = self._lines[self._at].rstrip("\r")
                self._at += 1
                if (line.lstrip("\t") if match[1] else line) == name:
                    break
                content.append(line)
            else:
                self._mistake(first, "heredoc", name)
                break
            found.append("\n".join(content))
        return tuple(found)

    def _check(self, one: Instruction) -> None:
        name = one.name
        n = len(split_words(one.text)) if one.words is None else len(one.words)
        if name not in NAMES:
            self._mistake(one.line, "unknown", name[:40])
        elif n < _LEAST.get(name, 0):
            self._mistake(one.line, "arguments", name)
        elif name == "ENV" and (None in dict(one.pairs).values() or ("=" not in one.text and n < 2)):
            self._mistake(one.line, "pairs", name)
        elif name == "SHELL" and one.words is None:
            self._mistake(one.line, "shell", name)
        elif name == "HEALTHCHECK" and not re.match(r"(?i)none\s*$|cmd\s+\S", one.text):
            self._mistake(one.line, "healthcheck", name)
        elif name == "FROM" and not _is_from(split_words(one.text)):
            self._mistake(one.line, "from", name)

    def _mistake(self, line: int, what: str, of: str) -> None:
        self.mistakes.append(_mistake(line, what, of))


def _mistake(line: int, what: str, of: str) -> Mistake:
    return Mistake(line=line, message=fact(Code.DOCKERFILE_MISTAKE, what=what, of=of))


def _is_from(words: Sequence[str]) -> bool:
    if len(words) != 3:
        return len(words) == 1
    return words[1].upper() == "AS" and _STAGE_NAME.fullmatch(words[2].lower()) is not None


def _misplaced(instructions: Sequence[Instruction]) -> Iterator[Mistake]:
    """What stands before the first stage; nothing but ARG may."""
    for one in instructions:
        if one.name == "FROM":
            return
        if one.name in NAMES and one.name != "ARG":
            yield _mistake(one.line, "before", one.name)
    yield _mistake(1, "no-stage", "FROM")
