"""JSON for events and results: the lines of `events.jsonl` and the document `result.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, cast, get_args, get_type_hints

from phasegate.base.dataclass_json import reader, to_text
from phasegate.model import events
from phasegate.model.events import Event
from phasegate.model.fact_json import FACT_SCHEMA
from phasegate.model.result import SCHEMA, RunResult


def result_to_json(run: RunResult) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(to_text(run)))


def result_from_json(data: str | bytes) -> RunResult:
    """Errors: ValueError when it is not a result of this format."""
    return cast("RunResult", _read(RunResult, data))


def event_to_json(event: Event) -> bytes:
    """One line, `event` naming the type, without the line's end.

    Errors: ValueError for text that is not Unicode; see `writable`.
    """
    return f'{{"event":"{type(event).__name__}",{to_text(event)[1:]}'.encode()


def writable(event: Event) -> Event:
    """The event with each lone surrogate, which no file can hold as UTF-8, written out as `\\udXXX`.

    JSON from a target may carry one as an escape, and so may a file name.
    """
    return cast("Event", _writable(event))


def _writable(value: Any) -> Any:
    match value:
        case Enum():
            return value
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case Mapping():
            return {_writable(key): _writable(item) for key, item in value.items()}
        case tuple() | list():
            return type(value)(_writable(item) for item in value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{one.name: _writable(getattr(value, one.name)) for one in fields(value)})
        case _:
            return value


def event_from_json(data: Mapping[str, Any]) -> Event:
    """Errors: ValueError for an unknown event or a malformed one."""
    name = data.get("event") if isinstance(data, Mapping) else None
    if not isinstance(name, str) or name not in _EVENTS:
        raise ValueError(f"unknown event {name!r}")
    return cast("Event", _read(_EVENTS[name], data))


def _read(kind: type, data: str | bytes | Mapping[str, Any]) -> Any:
    """An object of a class from its JSON, read already or not. Errors: ValueError."""
    try:
        return reader(kind)(json.loads(data) if isinstance(data, str | bytes) else data)
    except RecursionError as error:
        raise ValueError(str(error)) from error


_AUTHORS = {
    "Approval": ("role",),
    "Line": ("text",),
    "People": ("goal", "owner", "approver", "created", "updated", "due"),
    "PlanCheck": ("title",),
    "PlanCriterion": ("title", "why", "ref"),
    "PlanFault": ("title", "command", "env"),
    "PlanStep": ("title", "purpose", "owner", "priority", "estimate"),
    "PolicyRecord": ("name",),
    "Risk": ("title", "impact", "likelihood"),
    "RunResult": ("title", "phase", "command"),
    "Waiver": ("owner", "approver", "reason", "ticket"),
}
"""Texts that the author of a plan, or who ran it, wrote; by type and field."""
_TARGETS = {
    "Case": ("name", "message"),
    "CaseAttempt": ("message",),
    "TargetRecord": ("command", "error", "log_tail"),
    "AttemptResult": ("reason",),
    "CheckResult": ("reason", "help"),
    "FaultResult": ("reason", "notes"),
    "Observation": ("error", "notes"),
    "PlanCheck": ("summary",),
    "PlanFault": ("probe",),
    "RunResult": ("reason", "interrupted", "warnings", "environment"),
    "StepResult": ("reason",),
    "WaiverResult": ("message",),
    "Chart": ("title", "note", "column"),
}
"""Texts of the target, of programs, libraries and systems, and of kinds of other packages."""


def result_schema() -> dict[str, Any]:
    """JSON Schema of `result.json`. `x-text` says of each string whose it is: `author`, `target`, or
    `identifier`; what phasegate itself has to say is objects with a `code`."""
    from pydantic import TypeAdapter  # which takes a fifth of a second, and no other command needs it here

    from phasegate.base.fields import add_docs

    schema: dict[str, Any] = _share_facts(TypeAdapter(RunResult).json_schema(mode="serialization"))
    schema["$defs"]["Fact"] = FACT_SCHEMA
    owners = _dataclasses_in(RunResult)
    for name, part in {**schema["$defs"], "RunResult": schema}.items():
        if name in owners:
            add_docs(part, owners[name])
        for field, written in part.get("properties", {}).items():
            for origin, names in (("author", _AUTHORS), ("target", _TARGETS), ("identifier", None)):
                if names is None or field in names.get(name, ()):
                    _mark_texts(written, origin)
                    break
    version = SCHEMA.rpartition("/")[2]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:phasegate:schema:result:{version}",
    }
    return head | schema | {"title": f"phasegate result, format {version}"}


def _dataclasses_in(kind: Any) -> dict[str, type]:
    """The dataclasses that a type is made of, by name."""
    found: dict[str, type] = {}
    waiting = [kind]
    while waiting:
        one = waiting.pop()
        waiting += get_args(one)
        if is_dataclass(one) and isinstance(one, type) and one.__name__ not in found:
            found[one.__name__] = one
            waiting += get_type_hints(one).values()
    return found


def _share_facts(schema: Any) -> Any:
    """A schema in which facts, with all their codes, are described once."""
    if isinstance(schema, list):
        return [_share_facts(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.items() >= FACT_SCHEMA.items():
        return {key: one for key, one in schema.items() if key not in FACT_SCHEMA} | {"$ref": "#/$defs/Fact"}
    return {key: _share_facts(one) for key, one in schema.items()}


def _mark_texts(schema: Any, origin: str) -> None:
    """Say of every string in a schema whose it is."""
    if isinstance(schema, list):
        for one in schema:
            _mark_texts(one, origin)
    elif isinstance(schema, dict):
        if schema.get("type") == "string" and not schema.keys() & {"enum", "const", "format"}:
            schema["x-text"] = origin
        for one in schema.values():
            _mark_texts(one, origin)


_EVENTS: dict[str, type] = {
    name: kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}
