"""One of the two plans, and how what it says reads: the same whatever folder it lies in."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import Position
from phasegate.plan.asked.faults import Fault
from phasegate.plan.asked.plan import Check, Plan
from phasegate.plan.text.findings import Unread

_LONGEST = 120
"""Characters of a value that are shown; a hash tells longer ones apart."""
_PLACES = frozenset({"at", "missing_secrets"})


@dataclass(frozen=True, kw_only=True)
class Side:
    """A loaded plan and where it came from."""

    plan: Plan
    unread: tuple[Unread, ...] = ()
    """What of it could not be read without values of the environment."""
    folder: str = ""
    """The path of a temporary folder it was read in, a slash at its end, which nobody wants to see."""
    label: str = ""
    """What stands for that folder: `main:`."""

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 of the files it names, by absolute path."""
        return {_absolute(Path(file.path)): file.sha256 for file in self.plan.record.files}

    @cached_property
    def checks(self) -> Mapping[str, Check]:
        """Its checks by id."""
        return {check.id: check for check in self.plan.checks()}

    @cached_property
    def faults(self) -> Mapping[str, Fault]:
        """Its faults by id."""
        return {fault.id: fault for fault in self.plan.faults()}

    def place(self, at: Position | None) -> str:
        return "" if at is None else self.shown(f"{at.file}:{at.line}")

    def shown(self, text: str) -> str:
        """A text without the temporary folder."""
        return text.replace(self.folder, self.label) if self.folder else text

    @property
    def name_of_plan(self) -> str:
        return self.shown(self.plan.record.path)

    def name(self, path: Path) -> str:
        """A path as it would be written in the plan."""
        return Path(os.path.relpath(path, self.plan.root)).as_posix()

    def digest(self, path: Path) -> str:
        return self.hashes.get(_absolute(path), "")[:12]

    def plain(self, value: Any) -> Any:
        """A value as JSON would have it, defaults left out; a file is its name and its content's hash."""
        match value:
            case BaseModel():
                return {
                    info.alias or name: self.plain(getattr(value, name))
                    for name, info in type(value).model_fields.items()
                    if getattr(value, name) != info.get_default(call_default_factory=True)
                }
            case Path():
                digest = self.digest(value)
                return f"{self.name(value)} (sha256 {digest})" if digest else self.name(value)
            case Mapping():
                return {str(key): self.plain(item) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.plain(item) for item in value]
            case _ if is_dataclass(value):
                return {
                    field.name: self.plain(getattr(value, field.name))
                    for field in fields(value)
                    if field.name not in _PLACES
                }
            case _:
                return value

    def said(self, value: Any) -> str:
        """A value in a line, the same text for the same value and another for another."""
        return plain_text(self.plain(value))


def _absolute(path: Path) -> str:
    return os.path.normpath(path.absolute())


def plain_text(plain: Any) -> str:
    """A plain value in a line."""
    match plain:
        case None:
            text = "none"
        case str() if plain and plain.isprintable():
            text = plain
        case _:
            text = json.dumps(plain, ensure_ascii=False, sort_keys=True, default=str)
    if len(text) <= _LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{text[:_LONGEST]}… ({len(text):,} characters, sha256 {digest})"
