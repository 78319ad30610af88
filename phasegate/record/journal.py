"""`events.jsonl`: the run as it happened, appended and flushed event by event, redacted first."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from phasegate.base.errors import ObservationError, RecordError, UsageError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.files import flags_of, open_file, write_whole
from phasegate.model.codec import event_from_json, event_to_json, writable
from phasegate.model.events import Event, Progressed, RunStarted

EVENTS = "events.jsonl"
RESULT = "result.json"
LONGEST_LINE = 1 << 28
"""Bytes of one event that are read: the cases of one attempt stand in one line."""
_NAME_A_RUN = "name the folder that a run wrote"


class Redacts(Protocol):
    def redact_tree(self, value: Any) -> Any: ...
    def is_clean(self, line: bytes) -> bool: ...


class Journal:
    """Writes events and gives back what was written, so that every listener sees the redacted form."""

    def __init__(self, folder: Path, redactor: Redacts) -> None:
        """Errors: UsageError when another run took the folder meanwhile; RecordError."""
        try:
            self._file = (folder / EVENTS).open("xb", buffering=0)
        except FileExistsError:
            raise UsageError(
                f"the output folder {folder} holds a run already", help="name another with -o"
            ) from None
        except OSError as error:
            raise _unwritable(error) from error
        with suppress(OSError):  # a file system without locks
            import fcntl  # not there on Windows, where nothing runs

            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._redactor = redactor
        self._folder = folder
        self._size = 0
        self._broken = False

    def write(self, event: Event) -> Event:
        """Append one event. Errors: RecordError, as of `append`."""
        (event,), lines = self.redact((event,))
        self.append(lines)
        return event

    def redact(self, events: Sequence[Event]) -> tuple[list[Event], bytes]:
        """Events as everybody may see them, and their lines; progress has none, for it is not kept."""
        encoded = [_encode(event) for event in events]
        if not self._redactor.is_clean(b"\n".join([line for _, line in encoded])):
            encoded = [self._redact(event, line) for event, line in encoded]
        kept = [line + b"\n" for event, line in encoded if not isinstance(event, Progressed)]
        return [event for event, _ in encoded], b"".join(kept)

    def append(self, lines: bytes) -> None:
        """Hand lines to the system, which keeps them whatever becomes of this process.

        Errors: RecordError, once, when the disk does not take them; later ones are then left out.
        """
        if self._broken:
            return
        try:
            self._append(lines)
        except OSError as error:
            self._broken = True
            raise _unwritable(error) from error

    def _redact(self, event: Event, line: bytes) -> tuple[Event, bytes]:
        if self._redactor.is_clean(line):
            return event, line
        tree = json.loads(line)
        redacted = self._redactor.redact_tree(tree)
        if redacted == tree:
            return event, line
        event = event_from_json(redacted)
        return event, event_to_json(event)

    def _append(self, data: bytes) -> None:
        while data:
            count = self._file.write(data)
            self._size += count
            data = data[count:]

    def lost(self) -> Message:
        """Why what was written is not in the record folder any more; empty when it is."""
        try:
            there, written = (self._folder / EVENTS).lstat(), os.fstat(self._file.fileno())
        except OSError as error:
            return fact(Code.FILE_LOST, path=EVENTS, why=(error.strerror or str(error)).lower())
        same = (there.st_dev, there.st_ino, there.st_size) == (written.st_dev, written.st_ino, self._size)
        return "" if same else fact(Code.FILE_LOST, path=EVENTS, why=fact(Code.REPLACED_OR_CUT))

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()


def _encode(event: Event) -> tuple[Event, bytes]:
    try:
        return event, event_to_json(event)
    except ValueError:
        event = writable(event)
        return event, event_to_json(event)


def is_being_written(folder: Path) -> bool:
    """Whether a run still writes this record, or that cannot be known."""
    try:
        import fcntl

        with (folder / EVENTS).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return True
    return False


def _unwritable(error: OSError) -> RecordError:
    return cannot_write(EVENTS, error, help=fact(Code.FREE_SPACE))


def cannot_write(name: object, error: OSError, *, help: Message | None = None) -> RecordError:
    """What the system says against writing a file."""
    why = (error.strerror or str(error)).lower()
    return RecordError(fact(Code.CANNOT_WRITE, path=str(name), why=why), help=help)


def write_report(path: Path, data: bytes, *, named: bool) -> None:
    """Write a file whole, never through a link. Errors: RecordError.

    `named`: somebody asked for this path. What is there and no plain file, such as a pipe or a device, is
    then written to as it is.
    """
    try:
        if named and path.exists() and not path.is_file():
            # A pipe that nobody reads is an error, and holds nobody up.
            handle = os.open(path, flags_of("O_WRONLY", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC"))
            if hasattr(os, "O_NONBLOCK"):
                os.set_blocking(handle, True)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
        else:
            write_whole(path, data)
    except OSError as error:
        raise cannot_write(path, error) from error


class NoBeginningError(UsageError):
    """There is a record in which nothing stands yet."""


def read_events(folder: Path) -> Iterator[Event]:
    """The events of a record; a last line that was cut off in writing is left out.

    Errors: UsageError when there is no record, it has no beginning, or a line in the middle is broken.
    """
    path = folder / EVENTS
    first = True
    try:
        with open_file(path, EVENTS) as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), start=1):
                # A crash in the middle of a write leaves half a line at the end, which tells nothing.
                if not line.endswith(b"\n"):
                    if len(line) > LONGEST_LINE:
                        raise UsageError(f"{path}:{number}: longer than any event is")
                    break
                yield _event(line, first, f"{path}:{number}")
                first = False
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError(f"no record at {path}: {why}", help=_NAME_A_RUN) from error
    except ObservationError as error:
        raise UsageError(fact(Code.NO_RECORD, path=str(path), why=error.message), help=_NAME_A_RUN) from error
    if first:
        help = "there is nothing to see of it; run again"
        raise NoBeginningError(f"{path} has no first event: the run was ended before it began", help=help)


def _event(line: bytes, first: bool, where: str) -> Event:
    """Errors: UsageError."""
    try:
        event = event_from_json(json.loads(line))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: not an event of this format") from error
    if first is not isinstance(event, RunStarted):
        raise UsageError(f"{where}: a record begins with the start of a run, and has one")
    return event
