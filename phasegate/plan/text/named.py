"""What a plan names, found by the types of the parameters; its files are looked for, read and hashed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from phasegate.base.errors import PlanError
from phasegate.base.fields import NamedAddress, NamedDocument
from phasegate.base.files import (
    LARGEST,
    OutsideError,
    about,
    digest_regular,
    open_regular,
    read_regular,
    refuse_outside,
)
from phasegate.base.tree import TreePath
from phasegate.base.units import Dimension, format_value
from phasegate.base.yaml import PLAN, Dialect, Document, read
from phasegate.model.result import EvidenceFile
from phasegate.plan.text.annotations import Mark, alternatives_of, is_model, naming_fields

_LONGEST_SCRIPT = 1 << 20
"""Bytes of a file that is looked into for the variables that it reads."""
_MOST_FILES = 10_000
_LEAVES = frozenset({str, int, float, bool, type(None)})
_CACHES = frozenset({"__pycache__", "node_modules"})


class NamedPlace(NamedTuple):
    """A place in a tree where a file or an address is named."""

    path: TreePath
    mark: Mark
    value: Any
    """Text, or for documents what was written in its place."""
    kind: Any
    """The type of what stands there once it is read."""


def find_named(kind: Any, tree: Any) -> Iterator[NamedPlace]:
    """Every place in a tree, of a type, where a file is named."""
    return (place for place in places_in(kind, tree) if not isinstance(place.mark, NamedAddress))


def addresses_in(kind: Any, tree: Any) -> Iterator[tuple[TreePath, str]]:
    """Every address in a tree, of a type, with its place."""
    for place in places_in(kind, tree):
        if isinstance(place.mark, NamedAddress):
            yield place.path, place.value


def places_in(kind: Any, tree: Any) -> Iterator[NamedPlace]:
    """Both."""
    return _named_by(alternatives_of(kind), tree, ())


def _named_by(
    alternatives: Iterable[tuple[Any, Mark | None]], tree: Any, path: TreePath
) -> Iterator[NamedPlace]:
    for candidate, mark in alternatives:
        if mark is None:
            yield from _find_named_inside(candidate, tree, path)
        elif isinstance(tree, str) or isinstance(mark, NamedDocument):
            yield NamedPlace(path, mark, tree, candidate)


def _find_named_inside(candidate: Any, tree: Any, path: TreePath) -> Iterator[NamedPlace]:
    if type(tree) in _LEAVES:  # as most values are
        return
    arguments = get_args(candidate)
    match tree:
        case dict() | Mapping() if is_model(candidate):
            for key, alternatives in naming_fields(candidate).items():
                if key in tree:
                    yield from _named_by(alternatives, tree[key], (*path, key))
        case dict() | Mapping() if len(arguments) == 2:
            alternatives = tuple(alternatives_of(arguments[1]))
            for key, item in tree.items():
                yield from _named_by(alternatives, item, (*path, key))
        case list() if arguments:
            alternatives = tuple(alternatives_of(arguments[0]))
            for index, item in enumerate(tree):
                yield from _named_by(alternatives, item, (*path, index))
        case _:
            return


class Files:
    """The files of one load: read and hashed once each."""

    def __init__(self, root: Path, shown_root: str) -> None:
        self.root = root
        self._shown_root = shown_root
        self._documents: dict[Path, Document | PlanError] = {}
        self._hashed: dict[Path, EvidenceFile] = {}
        self._texts: dict[str, str] = {}
        self._located: dict[str, Path] = {}
        self._wrong: dict[tuple[str, bool], str | None] = {}

    def locate(self, name: str) -> Path:
        if name not in self._located:
            self._located[name] = (self.root / name).absolute()
        return self._located[name]

    def shown(self, name: str) -> str:
        """A file's name for people: from where they stand, not from the root."""
        return name if Path(name).is_absolute() else os.path.normpath(Path(self._shown_root) / name)

    def document(self, name: str, dialect: Dialect = PLAN) -> Document:
        """Errors: PlanError."""
        path = self.locate(name)
        if path not in self._documents:
            try:
                self._documents[path] = read(path, self.shown(name), dialect)
            except PlanError as error:
                self._documents[path] = error
        known = self._documents[path]
        if isinstance(known, PlanError):
            raise known
        if path not in self._hashed:
            digest = hashlib.sha256(known.content).hexdigest()
            self._hashed[path] = EvidenceFile(path=self.shown(name), sha256=digest, bytes=len(known.content))
        return known

    def wrong_with(self, name: str, *, folder_allowed: bool = True) -> str | None:
        """Why a named path is of no use."""
        key = name, folder_allowed
        if key not in self._wrong:
            self._wrong[key] = self._wrong_with(name, folder_allowed=folder_allowed)
        return self._wrong[key]

    def _wrong_with(self, name: str, *, folder_allowed: bool) -> str | None:
        try:
            path = self.locate(name)
            refuse_outside(path)
            if path.is_dir():
                return None if folder_allowed else f"{name!r} is a folder, not a file"
            if not os.path.lexists(path):
                return f"there is no {'file or folder' if folder_allowed else 'file'} {name!r}"
            with open_regular(path):
                return None
        except (OSError, ValueError) as error:
            return about(repr(name), error)

    def is_missing(self, name: str) -> bool:
        """Whether nothing is at a path, and nothing else is wrong with it."""
        try:
            refuse_outside(self.locate(name))
            return not os.path.lexists(self.locate(name))
        except (OSError, ValueError):
            return False

    def texts(self, names: Iterable[str]) -> Iterator[str]:
        """The content of those names that are files, such as scripts; long ones are left out."""
        for name in dict.fromkeys(names):
            if name not in self._texts:
                try:
                    content = read_regular(self.locate(name), _LONGEST_SCRIPT).decode("utf-8", "replace")
                except (OSError, ValueError):
                    content = ""
                self._texts[name] = content
            yield self._texts[name]

    def hash(self, name: str) -> EvidenceFile:
        """Hash a file, or everything in a folder but caches and hidden files. Errors: OSError, ValueError."""
        path = self.locate(name)
        if path not in self._hashed:
            self._hashed[path] = (
                _hash_folder(path, self.shown(name)) if path.is_dir() else _hash_file(path, self.shown(name))
            )
        return self._hashed[path]

    @property
    def hashed(self) -> tuple[EvidenceFile, ...]:
        return tuple(sorted(self._hashed.values(), key=lambda file: file.path))


def _hash_file(path: Path, shown: str) -> EvidenceFile:
    digest, size = digest_regular(path)
    return EvidenceFile(path=shown, sha256=digest, bytes=size)


def _hash_folder(folder: Path, shown: str) -> EvidenceFile:
    """A folder's hash: over the sorted names and hashes of its files.

    A link to what may not be read stands for where it leads.
    """
    total, size = hashlib.sha256(), 0
    for path in _files_below(folder):
        try:
            digest, more = digest_regular(path)
        except OutsideError:
            digest, more = f"link to {path.readlink()}", 0
        name = path.relative_to(folder).as_posix()
        total.update(f"{digest}  {name}\n".encode("utf-8", "surrogateescape"))
        size += more
        if size > LARGEST:
            raise ValueError(f"it is larger than {format_value(LARGEST, Dimension.SIZE)}")
    return EvidenceFile(path=shown + "/", sha256=total.hexdigest(), bytes=size)


def _files_below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _CACHES)
        for name in sorted(files):
            path = Path(parent) / name
            if not name.startswith(".") and path.is_file() and os.access(path, os.R_OK):
                found.append(path)
        if len(found) >= _MOST_FILES:
            break
    return found[:_MOST_FILES]
