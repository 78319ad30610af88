"""Commands that documents show: which of them run something of the repository that is not there.

A command is looked for in the folder that the ones before it lead to. What nobody can tell (a folder that
a variable names, what is cloned, built or downloaded first) is not missing.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from phasegate.base.errors import ObservationError
from phasegate.base.files import is_folder, is_there, read_file
from phasegate.kinds.documents.markdown import Document, Piece

_SIZE = 1 << 20
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_TARGETS = re.compile(r"^([A-Za-z0-9_./ -]+?)\s*:(?!=)", re.MULTILINE)
_MORE_TARGETS = re.compile(r"include |%|\$\((?:eval|foreach)\b|^\$[({]", re.MULTILINE)
_UNKNOWN = re.compile(r"[<>$*{}\[\]?]|^[~/]|\.\.\.")
"""What makes a path one that only the reader knows."""
_MADE = frozenset(
    (
        *("bin", "build", "dist", "node_modules", "obj", "out", "target", "tmp", "vendor"),
        *(".venv", "venv", "env", "_build", ".build", "cmake-build-debug"),
    )
)
"""Folders that commands make."""
_INTERPRETERS = frozenset({"bash", "sh", "zsh", "python", "python3", "node", "ruby", "perl"})
_RUNNERS = {
    "npm": ("--prefix", "-C"),
    "pnpm": ("--dir", "-C", "--prefix"),
    "yarn": ("--cwd",),
}
"""Programs that run scripts of a package, and their options for its folder."""
_OF_WORKSPACES = re.compile(r"-w|-r|-F|--workspaces?(?:=.*)?|--filter(?:=.*)?|--recursive|-ws")
_MAKE_VALUES = frozenset({"-C", "-f", "-o", "-W", "-I", "--directory", "--file", "--makefile"})

Folders = tuple[str, ...] | None
"""Where a command may be run, relative to the root; None where nobody can tell."""


def missing_commands(document: Document, repository: Repository) -> Iterator[tuple[Piece, str]]:
    """What commands of a document run and is not there, each with its line."""
    base = tuple(dict.fromkeys(("", posixpath.dirname(document.name))))
    made: set[str] = set()
    before: Folders = base
    for block in document.blocks:
        session = _Session(
            repository, base if before is None else tuple(dict.fromkeys((*base, *before))), made
        )
        for piece in block:
            yield from ((piece, one) for one in session.missing_in(piece.text))
        before = session.folders


@lru_cache(maxsize=1_000)
def _tokens(line: str) -> tuple[str, ...]:
    """Words and operators; none of a line that no shell reads."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return tuple(lexer)
    except ValueError:
        return ()


class _Session:
    """The commands of one block, one after the other."""

    def __init__(self, repository: Repository, folders: tuple[str, ...], made: set[str]) -> None:
        self._repository = repository
        self._root = repository.root
        self.folders: Folders = folders
        self._made = made
        self._stack: list[Folders] = []

    def missing_in(self, line: str) -> Iterator[str]:
        words: list[str] = []
        skip = False
        for token in (*_tokens(line), ";"):
            if skip:
                skip = False
                self._made.add(posixpath.basename(token))
            elif token and not set(token) - set("<>&") and set(token) & set("<>"):
                skip = True
                words = words[:-1] if words and words[-1].isdecimal() else words
            elif token and not set(token) - set("();|&"):
                yield from self._run(words)
                words = []
                for mark in token:
                    if mark == "(":
                        self._stack.append(self.folders)
                    elif mark == ")" and self._stack:
                        self.folders = self._stack.pop()
            else:
                words.append(token)

    def _run(self, words: Sequence[str]) -> Iterator[str]:
        while words and (
            re.fullmatch(r"[A-Za-z_]\w*=.*", words[0], re.DOTALL) or words[0] in ("sudo", "time")
        ):
            words = words[1:]
        if not words:
            return
        program, *arguments = words
        if program in ("cd", "pushd"):
            if program == "pushd":
                self._stack.append(self.folders)
            self.folders = self._within(arguments[0] if arguments else "~")
        elif program == "popd":
            self.folders = self._stack.pop() if self._stack else None
        elif program == "make":
            yield from self._make(arguments)
        elif program in _RUNNERS:
            yield from self._package(program, arguments)
        else:
            self._note_made(program, arguments)
            yield from self._script(program, arguments)

    def _within(self, written: str) -> Folders:
        """The folders that a path leads to; None where it is not one of the repository."""
        if self.folders is None or _UNKNOWN.search(written) or written == "-":
            return None
        paths = (posixpath.normpath(posixpath.join(folder, written)) for folder in self.folders)
        found = tuple(
            path for path in paths if path.partition("/")[0] != ".." and is_folder(self._root / path)
        )
        return found or None

    def _note_made(self, program: str, arguments: Sequence[str]) -> None:
        """Names that a command may give to files that it makes."""
        if program in (
            "curl",
            "wget",
            "cp",
            "mv",
            "ln",
            "tee",
            "touch",
            "git",
            "tar",
            "unzip",
            "go",
            "gcc",
            "cc",
        ):
            self._made.update(posixpath.basename(word.rstrip("/")) for word in arguments)

    def _is_missing(self, path: str) -> bool:
        if self.folders is None or _UNKNOWN.search(path):
            return False
        parts = posixpath.normpath(path).split("/")
        if parts[-1] in self._made or parts[0] in self._made or parts[0] in _MADE:
            return False
        return not any(is_there(self._root / folder / path) for folder in self.folders)

    def _script(self, program: str, arguments: Sequence[str]) -> Iterator[str]:
        script = arguments[0] if program in _INTERPRETERS and arguments else program
        of_repository = script.startswith("./") or (script is not program and not script.startswith("-"))
        if of_repository and self._is_missing(script):
            yield script

    def _make(self, arguments: Sequence[str]) -> Iterator[str]:
        folders, file, wanted = self.folders, "", list[str]()
        words = iter(arguments)
        for word in words:
            name, equals, value = word.partition("=")
            if word.startswith("-C") and len(word) > 2:
                name, value = "-C", word[2:]
            elif name in _MAKE_VALUES and not equals:
                value = next(words, "")
            if name in ("-C", "--directory"):
                folders = self._within(value)
            elif name in ("-f", "--file", "--makefile"):
                file = value
            elif re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", word):
                wanted.append(word)
        if folders is None or _UNKNOWN.search(file):
            return
        for target in wanted:
            if self._repository.lacks_target(target, folders, file):
                yield f"make {target}"

    def _package(self, program: str, arguments: Sequence[str]) -> Iterator[str]:
        folders, rest = self.folders, list[str]()
        words = iter(arguments)
        for word in words:
            name, equals, value = word.partition("=")
            if word == "--":
                break
            if name in _RUNNERS[program]:
                folders = self._within(value if equals else next(words, ""))
            elif _OF_WORKSPACES.fullmatch(word):
                return
            elif not word.startswith("-"):
                rest.append(word)
        if rest[:1] not in (["run"], ["run-script"]) or len(rest) < 2 or folders is None:
            return
        if not _UNKNOWN.search(rest[1]) and self._repository.lacks_script(rest[1], folders):
            yield f"{program} run {rest[1]}"


class Repository:
    """What commands find in a repository."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._targets: dict[tuple[str, str], frozenset[str] | None] = {}
        self._scripts: dict[str, frozenset[str] | None] = {}

    def lacks_target(self, target: str, folders: Sequence[str], file: str) -> bool:
        """Whether Makefiles are there, and none of them can make a target."""
        for folder in folders:
            if (folder, file) not in self._targets:
                self._targets[folder, file] = _targets(self.root / folder, file)
        return _lacks(target, [self._targets[folder, file] for folder in folders])

    def lacks_script(self, script: str, folders: Sequence[str]) -> bool:
        """Whether packages are there, and none of them has a script."""
        for folder in folders:
            if folder not in self._scripts:
                self._scripts[folder] = _scripts(self.root / folder)
        return _lacks(script, [self._scripts[folder] for folder in folders])


_ANY = frozenset({"*"})
"""Names that cannot be told."""


def _lacks(name: str, known: Sequence[frozenset[str] | None]) -> bool:
    there = [names for names in known if names is not None]
    return bool(there) and not any(name in names or names is _ANY for names in there)


def _targets(folder: Path, file: str) -> frozenset[str] | None:
    """Targets of a Makefile; None where there is none. Patterns, variables and includes may make any."""
    for name in (file,) if file else _MAKEFILES:
        try:
            text = read_file(folder / name, name, _SIZE).decode(errors="replace")
        except ObservationError:
            continue
        if _MORE_TARGETS.search(text):
            return _ANY
        return frozenset(name for found in _TARGETS.findall(text) for name in found.split())
    return None


def _scripts(folder: Path) -> frozenset[str] | None:
    """The scripts of a package; None where there is none."""
    try:
        document = json.loads(read_file(folder / "package.json", "package.json", _SIZE))
    except (ObservationError, ValueError, RecursionError):
        return None
    scripts = document.get("scripts") if isinstance(document, Mapping) else None
    return frozenset(scripts) if isinstance(scripts, Mapping) else frozenset()
