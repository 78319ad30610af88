"""JSON for events and results: the lines of `events.jsonl` and the document `result.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from typing import Any, cast

from pydantic import TypeAdapter

from phasegate.model import events
from phasegate.model.events import Event
from phasegate.model.fact_json import FACT_SCHEMA
from phasegate.model.result import RunResult


def result_to_json(run: RunResult) -> dict[str, Any]:
    return cast("dict[str, Any]", _result_adapter().dump_python(run, mode="json"))


def result_from_json(data: str | bytes) -> RunResult:
    """Errors: ValueError when it is not a result of this format."""
    with _decoding():
        return _result_adapter().validate_json(data)


def event_to_json(event: Event) -> bytes:
    """One line, `event` naming the type, without the line's end.

    Errors: ValueError for text that is not Unicode; see `writable`.
    """
    return (
        _event_adapter(type(event).__name__)
        .dump_json(event)
        .replace(b"{", b'{"event":"' + type(event).__name__.encode() + b'",', 1)
    )


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
    with _decoding():
        name = data.get("event")
        if name not in _EVENTS:
            raise ValueError(f"unknown event {name!r}")
        fields = {key: value for key, value in data.items() if key != "event"}
        return cast("Event", _event_adapter(str(name)).validate_python(fields))


@contextmanager
def _decoding() -> Iterator[None]:
    """What decodes measures takes their form for granted; where it is another, that shows in many ways."""
    try:
        yield
    except (TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


_AUTHORS = {
    "Approval": ("role",),
    "People": ("goal", "owner", "approver", "due"),
    "PlanCheck": ("title",),
    "PlanCriterion": ("title", "why", "ref"),
    "PlanFault": ("title",),
    "PlanStep": ("title", "purpose", "work", "outcomes", "owner", "priority", "estimate"),
    "PolicyRecord": ("name",),
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
    schema: dict[str, Any] = _share_facts(_result_adapter().json_schema(mode="serialization"))
    schema["$defs"]["Fact"] = FACT_SCHEMA
    for name, part in {**schema["$defs"], "RunResult": schema}.items():
        for field, written in part.get("properties", {}).items():
            for origin, names in (("author", _AUTHORS), ("target", _TARGETS), ("identifier", None)):
                if names is None or field in names.get(name, ()):
                    _mark_texts(written, origin)
                    break
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "phasegate result"} | schema


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


@cache
def _result_adapter() -> TypeAdapter[RunResult]:
    return TypeAdapter(RunResult)


@cache
def _event_adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_EVENTS[name])
