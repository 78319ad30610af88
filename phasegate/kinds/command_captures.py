"""Numbers that a program printed, or wrote to a file."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from phasegate.errors import ObservationError
from phasegate.http.json_path import JsonPath
from phasegate.http.matcher import ABSENT, compile_pattern
from phasegate.junit import ResultFiles
from phasegate.kinds.command_params import MeasureCapture
from phasegate.units import parse_as, parse_quantity
from phasegate.world import Completed


def captured(
    name: str, capture: MeasureCapture, completed: Completed, files: ResultFiles
) -> tuple[float | None, str]:
    """The value in the base unit, or None and a note that says why there is none."""
    try:
        if capture.file is not None:
            text = files.text(capture.file)
        else:
            stdout = completed.stdout.decode(errors="replace")
            text = stdout if capture.json_ is not None else output_of(completed)
        found = (
            _searched(capture.regex, text) if capture.regex is not None else _selected_value(capture, text)
        )
        return _quantity(found, capture), ""
    except (ValueError, ObservationError) as error:
        return None, f"{name} was not measured: {error}"


def _searched(pattern: str, text: str) -> str:
    matches = deque(compile_pattern(pattern).finditer(text), maxlen=1)
    found = next((match[1] if match.re.groups else match[0] for match in matches), None)
    if found is None:
        raise ValueError(f"nothing matches {pattern!r}")
    return found


def _selected_value(capture: MeasureCapture, text: str) -> Any:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{capture.file or 'the standard output'} is not JSON") from None
    value = JsonPath.compile(capture.json_ or "$").value(document)
    if value is ABSENT:
        raise ValueError(f"there is no {capture.json_}")
    return value


def _quantity(found: Any, capture: MeasureCapture) -> float:
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise ValueError(f"{json.dumps(found)[:80]} is not a number")
    text = str(found).strip()
    try:
        return parse_quantity(f"{text}{capture.unit}").value
    except ValueError:
        return parse_as(text, capture.dimension).value  # it came with a unit


def output_of(completed: Completed) -> str:
    """Standard output followed by standard error, without blank ends."""
    streams = (completed.stdout, completed.stderr)
    return "\n".join(filter(None, (stream.decode(errors="replace").strip() for stream in streams)))
