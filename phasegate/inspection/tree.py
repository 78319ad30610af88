"""The files that a check looks at: found by globs, left out in the open, read within limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError, PlanError, Problem
from phasegate.base.facts import Code, Message, fact, with_texts
from phasegate.base.files import find_files, read_file
from phasegate.base.secret_shapes import is_secret
from phasegate.base.yaml import Dialect, Document, decode_utf8, parse_stream
from phasegate.inspection.finding import Finding, Rule, some_files
from phasegate.inspection.rules import READABLE, YAML

FILES = 20_000
"""Files that are looked at."""
SIZE = 4 << 20
"""Bytes of one."""
TOTAL = 256 << 20
"""Bytes of all of them."""
_ALWAYS_LEFT_OUT = ".git/**"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Files below a folder."""

    root: Path
    names: tuple[str, ...]
    """Relative to the root, with forward slashes, in order; each is there once."""
    findings: tuple[Finding, ...] = ()
    """What matches and cannot be looked at."""
    notes: tuple[Message, ...] = ()
    """What was left out, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A file as text."""

    name: str
    content: str


def walk(root: Path, patterns: Iterable[str], exclude: Sequence[str] = ()) -> Tree:
    """The files that paths and globs stand for; `.git` is always left out, links lead to nothing outside.

    Errors: ObservationError where nothing is left to look at, or a path without wildcards is not there:
    nothing matched, nothing passed.
    """
    patterns = tuple(patterns)
    names: set[str] = set()
    links: set[str] = set()
    findings: list[Finding] = []
    for pattern in patterns:
        found = find_files(root, pattern, FILES)
        if found.literal and not (found.files or found.problems):
            raise ObservationError(fact(Code.NO_FILE_MATCHES, names=(pattern,), n=0, left=()))
        links.update(_name(path, root) for path in found.links)
        names.update(_name(path, root) for path in found.files)
        findings += (_unreadable("", why) for why in found.problems)
        if found.total > FILES:
            why = fact(Code.FILES_OVER_LIMIT, n=found.total, pattern=pattern, most=FILES)
            findings.append(_unreadable("", why))
    left_out = _matcher((*exclude, _ALWAYS_LEFT_OUT))
    kept = sorted(name for name in names if not left_out.fullmatch(name))
    if not kept and not findings:
        raise ObservationError(fact(Code.NO_FILE_MATCHES, names=patterns, n=len(names), left=tuple(exclude)))
    gone = sorted({*names.difference(kept), *(f"{name}/" for name in links)})
    notes = (some_files(Code.FILES_LEFT_OUT, gone, n=len(gone)),) if gone else ()
    return Tree(root=root, names=tuple(kept), findings=tuple(findings), notes=notes)


def read_texts(tree: Tree) -> Iterator[Text | Finding]:
    """The files of a tree one after the other; a finding for what cannot be read."""
    left = TOTAL
    for name in tree.names:
        try:
            content = read_file(tree.root / name, name, min(SIZE, left))
            yield Text(name=name, content=decode_utf8(content, name))
            left -= len(content)
        except ObservationError as error:
            yield _unreadable(name, error.message)
        except PlanError as error:
            yield problem_finding(READABLE, error.problems[0], name)


def read_yaml(texts: Iterable[Text], dialect: Dialect) -> Iterator[Document | Finding]:
    """The documents of YAML files, and what keeps them from being read, each with its line."""
    for text in texts:
        documents, problems = parse_stream(text.content, text.name, dialect)
        yield from documents
        yield from (problem_finding(YAML, problem, text.name) for problem in problems)


def problem_finding(rule: Rule, problem: Problem, name: str) -> Finding:
    """What a parser complains of; a value that a secret has there is not quoted."""
    line = problem.at.line if problem.at else None
    key, _, value = (problem.line_text or "").strip(" -").partition(":")
    secret = is_secret(key.strip("\"' "), value.strip())
    words = sorted(re.findall(r"[^\s*&!'\"]+", value), key=len, reverse=True) if secret else []

    def hidden(text: str) -> str:
        for word in words:
            text = text.replace(word, "***") if len(word) > 2 else text
        return text

    return rule.finding(with_texts(problem.message, hidden), file=name, line=line)


def _unreadable(name: str, why: Message) -> Finding:
    return READABLE.finding(why, file=name)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _matcher(patterns: Iterable[str]) -> re.Pattern[str]:
    """What one of the globs matches whole; `**/` stands for any folders, also none."""
    return re.compile("|".join(f"(?:{_expression(pattern)})" for pattern in patterns))


_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _expression(pattern: str) -> str:
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(_WILDCARDS.get(piece, re.escape(piece)) for piece in pieces)
