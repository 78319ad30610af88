"""What a plan may say of a command."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.kinds.command.params import CommandParams


def sh(script: str, **params: Any) -> CommandParams:
    return CommandParams.model_validate({"command": ["sh", "-c", script], **params})


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"command": "make test"}, 'a command is a list, not a line for a shell: ["make", "test"]'),
        ({"command": 'echo "'}, "a command is a list"),
        ({"command": []}, "at least 1 item"),
        ({"command": ["x"], "expect": {}}, "expects nothing"),
        ({"command": ["x"], "expect": {"output": {"like": "x"}}}, "unknown operator 'like'"),
        ({"command": ["x"], "measures": {"a": {}}}, "exactly one of regex and json"),
        ({"command": ["x"], "measures": {"a": {"regex": "("}}}, "is not a regular expression"),
        ({"command": ["x"], "measures": {"a": {"json": "a"}}}, "is not a JSONPath"),
        ({"command": ["x"], "measures": {"a": {"json": "$.a[*]"}}}, "a measure is one number"),
        ({"command": ["x"], "measures": {"a": {"json": "$.a", "unit": "kg"}}}, "unknown unit 'kg'"),
        ({"command": ["x"], "measures": {"exit_code": {"regex": "x"}}}, "is measured already"),
        ({"command": ["x"], "measures": {"p95": {"regex": "x"}}}, "is not a name for a measure"),
        ({"command": ["x"], "measures": {"A-b": {"regex": "x"}}}, "is not a name for a measure"),
        ({"command": ["x"], "shell": True}, "Extra inputs are not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(params: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CommandParams.model_validate(params)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "expect",
    [
        {"exit_code": {"gte": 0}},
        {"exit_code": {"exists": True}},
        {"exit_code": {"type": "integer"}},
        {"exit_code": {"ne": 256}},
        {"output": {"matches": ""}},
        {"output": {"exists": True}},
    ],
)
def test_expectation_that_every_program_meets_is_refused(expect: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="says nothing"):
        sh("exit 1", expect=expect)
