"""A record as it lies on the disk, held against itself: events, result, evidence."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import UsageError
from phasegate.base.files import about, digest_regular, read_regular
from phasegate.gate.settling import settle
from phasegate.model.codec import result_from_json, result_to_json
from phasegate.model.fold import fold
from phasegate.model.result import EvidenceFile, RunResult
from phasegate.record.evidence import EVIDENCE
from phasegate.record.journal import EVENTS, RESULT, read_events

LARGEST = 1 << 30
"""Bytes; a `result.json` beyond that is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the events of a record add up to, and the `result.json` beside them."""

    run: RunResult
    """The fold of the events."""
    data: bytes = b""
    """The bytes of `result.json`; empty when it cannot be read."""
    changed: str = ""
    """How `result.json` differs from the events; empty when it says the same."""

    @property
    def result_sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def read_record(folder: Path) -> Recorded:
    """Errors: UsageError when the events are missing or broken."""
    run = fold_events(folder)
    try:
        data = read_regular(folder / RESULT, LARGEST)
    except (OSError, ValueError) as error:
        return Recorded(run=run, changed=about(RESULT, error))
    return Recorded(run=run, data=data, changed=_difference(data, run))


def fold_events(folder: Path) -> RunResult:
    """What the events of a record add up to. Errors: UsageError when they are missing or broken."""
    with refuse_impossible(folder):
        try:
            return settle(fold(read_events(folder)))
        except KeyError as error:
            message = f"{folder}: the record speaks of {error}, which its run does not have"
            raise UsageError(message) from None


@contextmanager
def refuse_impossible(folder: Path) -> Iterator[None]:
    """Whatever can be made of a record that no run writes: values of the right types that cannot be together.

    Errors: UsageError in place of what Python raises then.
    """
    try:
        yield
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise UsageError(
            f"{folder}: the record holds what no run writes: {type(error).__name__}: {error}",
            help="name the folder of a run as it was left",
        ) from error


def _difference(data: bytes, run: RunResult) -> str:
    """Where the bytes of a result say something else than the events do; empty when nowhere.

    What the bytes lack may be at its default: an older version did not know it.
    """
    try:
        found, same = json.loads(data), result_from_json(data) == run
    except (ValueError, RecursionError):
        return f"{RESULT} is not a result of this format"
    for place, was, now in _differences(result_to_json(run), found, ""):
        return (
            f"{RESULT} was changed: {place} is {_quote(now)}, and the events in {EVENTS} give {_quote(was)}"
        )
    return "" if same else f"{RESULT} was changed: it lacks what the events in {EVENTS} say"


_ABSENT = object()


def _differences(was: Any, now: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key, value in now.items():
            yield from _differences(was.get(key, _ABSENT), value, f"{place}.{key}" if place else str(key))
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for index, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _differences(one, other, f"{place}[{_name(other, index)}]")
    elif type(was) is not type(now) or was != now:
        yield place, was, now


def _name(item: Any, index: int) -> str:
    """The id of an entry, where it has one, and its place in the list otherwise."""
    named = item.get("asked", item) if isinstance(item, Mapping) else ()
    return str(named["id"]) if isinstance(named, Mapping) and "id" in named else str(index)


def _quote(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"


def evidence_problems(folder: Path, listed: tuple[EvidenceFile, ...]) -> Iterator[str]:
    """What is not as the record lists it: files that are gone, changed, or were not there. Links are not
    followed."""
    known = {entry.path for entry in listed}
    for entry in listed:
        if problem := _problem(folder, entry):
            yield problem
    for path in sorted(_below(folder / EVIDENCE)):
        shown = path.relative_to(folder).as_posix()
        if shown not in known:
            yield f"{shown} is not in the record"


def _problem(folder: Path, entry: EvidenceFile) -> str:
    path = folder / entry.path
    parts = Path(entry.path).parts
    if Path(entry.path).is_absolute() or parts[:1] != (EVIDENCE,) or ".." in parts or "\0" in entry.path:
        return f"{entry.path} is not below {EVIDENCE}/"
    try:
        if any((folder / Path(*parts[:count])).is_symlink() for count in range(1, len(parts) + 1)):
            return f"{entry.path} is reached through a link, and was a file"
        if not stat.S_ISREG(path.lstat().st_mode):
            return f"{entry.path} is not a file any more"
        digest, size = digest_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return f"{entry.path} is gone"
    except (OSError, ValueError) as error:
        return about(entry.path, error)
    if size != entry.bytes:
        return f"{entry.path} was changed: {size:,} bytes, and the record has {entry.bytes:,}"
    return (
        "" if digest == entry.sha256 else f"{entry.path} was changed: its SHA-256 is not that of the record"
    )


def _below(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is not a folder."""
    for root, folders, names in os.walk(folder):
        here = Path(root)
        yield from (here / name for name in names)
        yield from (here / name for name in folders if (here / name).is_symlink())
