"""The `evidence/` folder of a run: safe names, redacted content, bounded sizes, an inventory at the end."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from phasegate.base.errors import ObservationError, RecordError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.files import new_file, open_file, printable, write_whole
from phasegate.model.result import EvidenceFile
from phasegate.record.journal import cannot_write
from phasegate.record.names import needs_safe_name, safe_name
from phasegate.record.redaction import Redactor
from phasegate.record.sweep import Sweep

EVIDENCE = "evidence"
FILE_LIMIT = 16 << 20
LOG_LIMIT = 64 << 20
RUN_LIMIT = 1 << 30
"""Bytes of one file, of the log of one part of the target, and of a whole run."""
LOG_TAIL = 1 << 20
"""Bytes of the end of a log that are kept when it outgrows its limit."""
TARGET = "target"
_CHUNK = 1 << 20
_NOTICE = 200
"""Bytes that stay free for saying what was left out."""
_FLUSH_TAIL = 64 << 10
_MARGIN = 64 << 10
"""Bytes around what is left out of a file that are searched for secrets all the same."""


class EvidenceStore:
    """Everything the checks and the target of one run leave behind."""

    def __init__(
        self,
        run_folder: Path,
        redactor: Redactor,
        *,
        file_limit: int = FILE_LIMIT,
        log_limit: int = LOG_LIMIT,
        run_limit: int = RUN_LIMIT,
    ) -> None:
        self.run_folder = run_folder.absolute()
        self.path = self.run_folder / EVIDENCE
        self.redactor = redactor
        self.file_limit = file_limit
        self._log_limit = log_limit
        self._left = run_limit
        self._clean: dict[Path, tuple[int, tuple[int, ...]]] = {}
        """Files written here, the generation of secrets they were freed of, and their stamp."""
        self._logs: dict[Path, EvidenceLog] = {}
        self.problems: list[Message] = []
        """What `inventory` could not keep, one line each."""
        self.notes: list[Message] = []
        """What programs left that is beyond what is kept of it, one line each."""

    def folder(self, check: str, attempt: int) -> AttemptFolder:
        """The folder of one attempt, `evidence/<check>/<attempt>/`, made when it is first used."""
        return AttemptFolder(check, attempt, self)

    def log(self, name: str) -> EvidenceLog:
        """A log of the target, `evidence/target/<name>.log`, made empty. Errors: RecordError."""
        path = self.path / TARGET / f"{safe_name(name)}.log"
        with _recording(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            log = EvidenceLog(path, self, limit=self._log_limit)
        self._logs[path] = log
        return log

    def keep_of_target(self, name: str, content: str) -> str:
        """Keep a file of the target, `evidence/target/<name>`; its path as the record names it.

        Errors: RecordError.
        """
        path = self.path / TARGET / safe_name(name)
        with _recording(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        self.write(path, content.encode("utf-8", "surrogatepass"))
        return self.shown(path)

    def shown(self, path: Path) -> str:
        """A path below the run's folder, as the record names it."""
        return path.relative_to(self.run_folder).as_posix()

    def grant(self, wanted: int) -> int:
        """Take bytes from what the run may still write; fewer when it runs out."""
        given = max(min(wanted, self._left), 0)
        self._left -= given
        return given

    def give_back(self, size: int) -> None:
        self._left += size

    def wrote(self, path: Path, generation: int) -> None:
        """A file is free of every secret that was known at a generation of the redactor."""
        self._clean[path] = (generation, _stamp(path))

    def write(self, path: Path, content: bytes) -> None:
        """Write redacted content, bounded. Errors: RecordError."""
        with _recording(path):
            write_whole(path, self._bounded(self.redactor.redact_bytes(content)), below=self.run_folder)
        self.wrote(path, self.redactor.generation)

    def take_in(self, source: Path, path: Path, *, limit: int | None = None) -> None:
        """Copy a file, redacted and bounded; `source` may be `path` itself.

        Errors: ObservationError when it cannot be read or is not a file; RecordError.
        """
        with open_file(source, _label(source)) as file:
            # A name that nobody can know: whatever a program left under it would be opened instead.
            temporary = path.with_name(f".{secrets.token_hex(12)}.part")
            try:
                with _recording(path), temporary.open("xb") as copy:
                    self._copy(file, copy, source, self.file_limit if limit is None else limit)
                with _recording(path):
                    temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        self.wrote(path, self.redactor.generation)

    def inventory(self) -> tuple[EvidenceFile, ...]:
        """Every file of evidence with its hash, sorted by path; ends the logs.

        What a program wrote into its folder on its own is redacted and bounded first, and so is what was
        written before a secret was known; a file for which the disk has no room is removed, since it may
        hold secrets, and named in `problems`. A name with a secret in it, or with what cannot be printed, is
        made safe. Links and what is neither file nor folder are removed: they would lead out of the record.
        So are empty folders, and files beyond `LEFT_FILES` and `DEEPEST`, as `notes` says. Errors:
        RecordError when the folder is gone.
        """
        for log in self._logs.values():
            try:
                log.close()
            except RecordError as error:
                self.problems.append(error.message)
        found: list[EvidenceFile] = []
        with _recording(self.path):
            for path in Sweep(self.path, self.redactor, known=self._clean, notes=self.notes).files():
                if self._clean.get(path) != (self.redactor.generation, _stamp(path)):
                    self._clean_again(path)
                if not path.exists():
                    continue
                found.append(_entry(path, self.shown(path)))
        return tuple(sorted(found, key=lambda entry: entry.path))

    def _clean_again(self, path: Path) -> None:
        if path in self._clean:
            self.give_back(path.stat().st_size)
        try:
            self.take_in(path, path, limit=self._log_limit if path in self._logs else None)
        except (RecordError, ObservationError) as error:
            self.problems.append(fact(Code.REMOVED_UNREDACTED, path=self.shown(path), why=error.message))
            path.unlink(missing_ok=True)

    def _bounded(self, content: bytes) -> bytes:
        allowed = self.grant(min(len(content), self.file_limit))
        if allowed >= len(content):
            return content
        head, tail = _halves(allowed - _NOTICE)
        left_out = len(content) - head - tail
        self.give_back(max(allowed - head - tail - _NOTICE, 0))
        return content[:head] + _left_out_note(left_out) + (content[-tail:] if tail else b"")

    def _copy(self, file: BinaryIO, copy: BinaryIO, source: Path, limit: int) -> None:
        """Of a file that is larger than what may be kept, only the two ends are read."""
        size = os.fstat(file.fileno()).st_size
        granted = self.grant(min(size + _NOTICE, limit))
        head, tail = _halves(granted - _NOTICE)
        if size <= granted + 4 * _MARGIN:
            bounded = _Bounded(copy.write, granted)
            for piece in self._redact_part(file, source, 0, size):
                bounded.write(piece)
            bounded.close()
            return
        first = b"".join(self._redact_part(file, source, 0, head + _MARGIN, cut=True))[:head]
        rest = b"".join(self._redact_part(file, source, size - tail - _MARGIN, tail + _MARGIN))
        # It may begin in the middle of a secret.
        last = rest[_MARGIN // 2 :][-tail:] if tail else b""
        copy.write(first + _left_out_note(size - len(first) - len(last)) + last)

    def _redact_part(
        self, file: BinaryIO, source: Path, start: int, length: int, *, cut: bool = False
    ) -> Iterator[bytes]:
        """A part of a file, no more than was there when it was opened; `cut` where it ends in the middle."""
        stream = self.redactor.stream()
        with _reading(source):
            file.seek(start)
        while length > 0:
            with _reading(source):
                chunk = file.read(min(_CHUNK, length))
            if not chunk:
                break
            length -= len(chunk)
            yield stream.feed(chunk)
        if not cut:
            yield stream.flush()


class AttemptFolder:
    """See `phasegate.world.EvidenceFolder`."""

    def __init__(self, check: str, attempt: int, store: EvidenceStore) -> None:
        self._check = check
        self._attempt = attempt
        self._made = False
        self._store = store
        self._given: set[str] = set()
        self._last: dict[str, int] = {}
        """The number that each wanted name was last given with."""

    @cached_property
    def _path(self) -> Path:
        # `target` is not an id a check can have.
        return self._store.path / safe_name(self._check) / str(self._attempt)

    @property
    def path(self) -> Path:
        """Absolute, and there. Errors: RecordError."""
        if not self._made or not self._path.is_dir():  # a program may remove what it was given
            with _recording(self._path):
                self._path.mkdir(parents=True, exist_ok=True)
            self._made = True
        return self._path

    def write(self, name: str, content: str | bytes) -> str:
        """Keep content; a name with secrets in it is redacted as well. Errors: RecordError."""
        path = self._free(name)
        data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        self._store.write(path, data)
        return self._store.shown(path)

    def adopt(self, path: Path) -> str:
        """Take in a file; one inside the folder is redacted where it lies, unless its name needs a safe one.

        Errors: ObservationError when it cannot be read or is not a file; RecordError.
        """
        inside = not path.is_symlink() and path.resolve().is_relative_to(self.path.resolve())
        names = path.resolve().relative_to(self.path.resolve()).parts if inside else ()
        stays = inside and not any(needs_safe_name(name, self._store.redactor) for name in names)
        goal = path.absolute() if stays else self._free(path.name)
        self._store.take_in(path, goal)
        if inside and not stays:
            with _recording(path):
                path.unlink(missing_ok=True)
        return self._store.shown(goal)

    def _free(self, name: str) -> Path:
        """A name that nothing in the folder has, also where upper and lower case are one."""
        wanted = safe_name(self._store.redactor.redact_name(name))
        stem, dot, suffix = wanted.rpartition(".")
        stem, suffix = (stem, dot + suffix) if stem else (wanted, "")
        number = self._last.get(wanted.casefold(), 0)
        while True:
            number += 1
            free = wanted if number == 1 else f"{stem}-{number}{suffix}"
            # A name may be there although it was not given out: a program wrote it.
            if free.casefold() not in self._given and not os.path.lexists(self.path / free):
                break
        self._last[wanted.casefold()] = number
        self._given.add(free.casefold())
        return self.path / free


class EvidenceLog:
    """A log that is written as it comes: redacted across the borders of its pieces, bounded.

    Past its limit the beginning is kept, and of the rest the end.
    """

    def __init__(self, path: Path, store: EvidenceStore, *, limit: int) -> None:
        self.path = store.shown(path)
        """Below the run's folder."""
        self._store = store
        self.place = path
        self._file = new_file(path, below=store.run_folder)
        self._stream = store.redactor.stream()
        self._bounded = _Bounded(self._append, limit, tail=min(LOG_TAIL, limit // 4))
        self._end = bytearray()
        self._closed = False
        self._broken = False
        self._generation = store.redactor.generation

    def write(self, data: bytes) -> None:
        """Add output; what may still turn out to be a secret waits. No effect once closed.

        Errors: RecordError, once; what comes later is then only kept for `tail`.
        """
        if not self._closed:
            self._put(self._stream.feed(data))

    def tail(self, lines: int = 20) -> tuple[str, ...]:
        """The last lines, redacted; lines beyond 1,000 characters are cut."""
        if not self._closed:
            self._put(self._stream.flush())
        text = bytes(self._end[-_FLUSH_TAIL:]).decode("utf-8", "replace")
        return tuple(line[:1000] for line in text.splitlines()[-lines:])

    def close(self) -> None:
        """Write what waited; may be called twice. Errors: RecordError, unless `write` raised it already."""
        if self._closed:
            return
        self._closed = True
        try:
            self._put(self._stream.flush())
            with self._once():
                self._bounded.close()
        finally:
            self._file.close()
        self._store.wrote(self.place, self._generation)

    def _put(self, data: bytes) -> None:
        if not data:
            return
        self._end += data
        if len(self._end) > 2 * _FLUSH_TAIL:
            del self._end[:-_FLUSH_TAIL]
        with self._once():
            self._bounded.write(data)

    @contextmanager
    def _once(self) -> Iterator[None]:
        try:
            with _recording(self.place):
                yield
        except RecordError:
            self._broken = True
            raise

    def _append(self, data: bytes) -> None:
        data = data[: self._store.grant(len(data))]
        while data and not self._broken:
            data = data[self._file.write(data) :]


class _Bounded:
    """Passes on the beginning of what is written and, at the end, a notice and the last of the rest."""

    def __init__(self, write: Callable[[bytes], object], limit: int, *, tail: int | None = None) -> None:
        head, half = _halves(limit - _NOTICE)
        self._tail_size = half if tail is None else tail
        self._room = head + half - self._tail_size
        self._write = write
        self._tail: deque[bytes] = deque()
        self._kept = 0
        self._left_out = 0

    def write(self, data: bytes) -> None:
        if self._room > 0:
            self._write(data[: self._room])
            self._room, data = self._room - min(len(data), self._room), data[self._room :]
        if data:
            self._tail.append(data)
            self._kept += len(data)
            while self._tail and self._kept - len(self._tail[0]) >= self._tail_size:
                first = self._tail.popleft()
                self._kept -= len(first)
                self._left_out += len(first)

    def close(self) -> None:
        end = b"".join(self._tail)
        excess = len(end) - self._tail_size
        if excess > 0:
            self._left_out += excess
            end = end[excess:]
        if self._left_out:
            self._write(_left_out_note(self._left_out))
        self._write(end)


def _halves(size: int) -> tuple[int, int]:
    size = max(size, 0)
    return size - size // 2, size // 2


def _left_out_note(count: int) -> bytes:
    return f"\n[phasegate: {count:,} bytes left out here, the limit for evidence is reached]\n".encode()


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file does; empty when there is none."""
    try:
        status = path.lstat()
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _entry(path: Path, shown: str) -> EvidenceFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return EvidenceFile(path=shown, sha256=digest, bytes=os.fstat(file.fileno()).st_size)


@contextmanager
def _recording(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into the error that ends a run in order."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise cannot_write(path, error, help=fact(Code.FREE_SPACE) if full else None) from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ObservationError(fact(Code.FILE_UNREADABLE, path=_label(path), why=why)) from error


def _label(path: Path) -> Fact:
    return fact(Code.EVIDENCE_FILE, path=printable(str(path)))
