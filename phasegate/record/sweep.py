"""What programs left in the folder of the record: what is kept of it, under which name, and what is not."""

from __future__ import annotations

import contextlib
import errno
import heapq
import itertools
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from phasegate.base.facts import Code, Message, fact
from phasegate.base.files import FOLDER_FLAGS, printable
from phasegate.record.names import needs_safe_name, safe_name
from phasegate.record.redaction import Redactor

LEFT_FILES = 10_000
"""Files and folders of a run that programs wrote into their folders on their own."""
DEEPEST = 32
"""Folders inside each other that a program may leave."""
_OURS = 2
"""Folders on the way to that of an attempt, which programs do not name."""


class Sweep:
    """Walks the folder of the evidence once, and leaves in it only what can be kept.

    `known` are the files that phasegate wrote itself: all of them are kept. `notes` takes a line for each
    limit that was met.
    """

    def __init__(
        self,
        folder: Path,
        redactor: Redactor,
        *,
        known: Collection[Path],
        notes: list[Message],
        limit: int = LEFT_FILES,
    ) -> None:
        self._folder = folder
        self._redactor = redactor
        self._known = known
        self._notes = notes
        self._limit = limit
        self._left = limit
        self._beyond = 0
        self._special = 0
        self._stuck = 0

    def files(self) -> Iterator[Path]:
        """The files that are kept. Links, special files, and folders that hold nothing are removed."""
        if not self._folder.is_dir():
            return
        folders: list[Path] = []
        waiting = [(self._folder, 0)]
        while waiting:
            folder, depth = waiting.pop()
            folders.append(folder)
            for path in self._kept(folder, depth):
                if path.is_dir():
                    waiting.append((path, depth + 1))
                else:
                    yield path
        for folder in reversed(folders):
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()
        if self._beyond:
            limits = {"most": self._limit, "depth": DEEPEST}
            self._notes.append(fact(Code.EVIDENCE_REMOVED, n=self._beyond, **limits))
        if self._special:
            self._notes.append(fact(Code.SPECIAL_FILES_REMOVED, n=self._special))

    def _kept(self, folder: Path, depth: int) -> list[Path]:
        """The files and folders of one folder, under names that can be kept; everything else is removed."""
        _open_up(folder)
        names = heapq.nsmallest(self._left + len(self._known) + 1, _names(folder))
        keep: dict[str, Path] = {}
        for name in names:
            path = folder / name
            mode = path.lstat().st_mode
            ours = path in self._known or (stat.S_ISDIR(mode) and depth < _OURS)
            if (ours or self._left > 0) and (
                stat.S_ISREG(mode) or (stat.S_ISDIR(mode) and depth < DEEPEST + _OURS)
            ):
                self._left -= not ours
                keep[name] = path
        done = set(keep)
        # A folder from which names are removed may leave some out while it is read.
        while rest := list(itertools.islice((name for name in _names(folder) if name not in done), 10_000)):
            done.update(name for name in rest if not self._removes(folder / name))
        return [self._safely_named(path) if depth >= _OURS else path for path in keep.values()]

    def _removes(self, path: Path) -> bool:
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            self._beyond += 1
        else:
            self._special += 1
        try:
            if stat.S_ISDIR(mode):
                remove_tree(path)
            else:
                path.unlink()
        except OSError as error:
            self._stuck += 1
            if self._stuck == 1:
                name = printable(path.name)[:60]
                self._notes.append(fact(Code.NOT_REMOVED, path=name, why=error.strerror))
            return False
        return True

    def _safely_named(self, path: Path) -> Path:
        if not needs_safe_name(path.name, self._redactor):
            return path
        wanted = safe_name(self._redactor.redact_name(path.name))
        free = path.with_name(wanted)
        number = 1
        while os.path.lexists(free):
            number += 1
            free = path.with_name(f"{number}-{wanted}")
        return path.rename(free)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, however deep, by one handle at a time. Errors: OSError."""
    place = os.open(folder, FOLDER_FLAGS)
    above: list[tuple[str, int]] = []
    """The names on the way down, and which folder each is in."""
    try:
        while True:
            inner = _empty(place)
            if inner is not None:
                above.append((inner, os.fstat(place).st_ino))
                place = _reopen(place, inner)
            elif above:
                name, number = above.pop()
                place = _reopen(place, "..")
                if os.fstat(place).st_ino != number:
                    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
                os.rmdir(name, dir_fd=place)
            else:
                break
    finally:
        os.close(place)
    folder.rmdir()


def _empty(place: int) -> str | None:
    """Remove everything that is not a folder; the name of a folder that is left."""
    os.fchmod(place, 0o700)
    inner = None
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inner = entry.name
            else:
                os.unlink(entry.name, dir_fd=place)
    return inner


def _reopen(place: int, name: str) -> int:
    other = os.open(name, FOLDER_FLAGS, dir_fd=place)
    os.close(place)
    return other


def _names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name


def _open_up(folder: Path) -> None:
    """A program may have taken away the right to look into what it left."""
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        with contextlib.suppress(OSError):
            folder.chmod(0o700)
