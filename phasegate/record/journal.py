"""`events.jsonl`: the run as it happened, appended and flushed event by event, redacted first."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from phasegate.errors import ExitCode, PhasegateError, UsageError
from phasegate.files import read_regular, write_whole
from phasegate.model.codec import event_from_json, event_to_json, writable
from phasegate.model.events import Event, Progressed, RunStarted

EVENTS = "events.jsonl"
RESULT = "result.json"


class RecordError(PhasegateError):
    """The record cannot be written or read, for example because the disk is full."""

    exit_code = ExitCode.INCONCLUSIVE


class Redacts(Protocol):
    def redact_tree(self, value: Any) -> Any: ...


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
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._redactor = redactor
        self._broken = False

    def write(self, event: Event) -> Event:
        """Append one event; progress is passed through but not kept.

        Errors: RecordError, once, when the disk does not take it; later events are then only passed on.
        """
        try:
            line = event_to_json(event)
        except ValueError:
            event = writable(event)
            line = event_to_json(event)
        tree = json.loads(line)
        redacted = self._redactor.redact_tree(tree)
        if redacted != tree:
            event = event_from_json(redacted)
            line = event_to_json(event)
        if isinstance(event, Progressed) or self._broken:
            return event
        try:
            self._append(line + b"\n")
        except OSError as error:
            self._broken = True
            raise _unwritable(error) from error
        return event

    def _append(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) :]

    def close(self) -> None:
        self._file.close()


def is_being_written(folder: Path) -> bool:
    """Whether a run still writes this record, or that cannot be known."""
    try:
        with (folder / EVENTS).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def _unwritable(error: OSError) -> RecordError:
    return RecordError(
        f"cannot write {EVENTS}: {(error.strerror or str(error)).lower()}",
        help="free space for the output folder and run again",
    )


def write_report(path: Path, data: bytes, *, named: bool) -> None:
    """Write a file whole, never through a link. Errors: RecordError.

    `named`: somebody asked for this path. What is there and no plain file, such as a pipe or a device, is
    then written to as it is.
    """
    try:
        if named and path.exists() and not path.is_file():
            # A pipe that nobody reads is an error, and holds nobody up.
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            os.set_blocking(handle, True)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
        else:
            write_whole(path, data)
    except OSError as error:
        raise RecordError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error


def read_events(folder: Path) -> Iterator[Event]:
    """The events of a record; a last line that was cut off in writing is left out.

    Errors: UsageError when there is no record, it has no beginning, or a line in the middle is broken.
    """
    path = folder / EVENTS
    try:
        lines = read_regular(path).split(b"\n")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no record at {path}: {(getattr(error, 'strerror', None) or str(error)).lower()}",
            help="name the folder that a run wrote",
        ) from error
    # A crash in the middle of a write leaves half a line at the end, which tells nothing.
    if len(lines) < 2:
        raise UsageError(f"{path} holds no whole event", help="the run ended before it wrote anything")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            event = event_from_json(json.loads(line))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(f"{path}:{number}: not an event of this format") from error
        if (number == 1) is not isinstance(event, RunStarted):
            raise UsageError(f"{path}:{number}: a record begins with the start of a run, and has one")
        yield event
