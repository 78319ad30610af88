"""How facts stand in the models of the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from phasegate.base.dataclass_json import Form
from phasegate.base.facts import Code, Fact, Figure, Message, decode, encode
from phasegate.base.units import Dimension


def _decode_fact(value: Any) -> Any:
    found = value if isinstance(value, Fact) else decode(value)
    if not isinstance(found, Fact):
        raise ValueError("not a fact")
    return found


def _decode_text(value: Any) -> Any:
    return value if isinstance(value, str) else _decode_fact(value)


FACT_SCHEMA = {
    "type": "object",
    "required": ["code"],
    "properties": {
        "code": {
            "enum": [code.value for code in Code],
            "description": "what is said; the other keys are its values",
        }
    },
    "description": "what phasegate says, as facts; texts in it are identifiers or other people's words",
}
JsonFact = Annotated[Fact, Form(encode, _decode_fact, FACT_SCHEMA)]
JsonMessage = Annotated[str | Fact, Form(encode, _decode_text, {"anyOf": [{"type": "string"}, FACT_SCHEMA]})]


def _decode_figure(value: Any) -> Any:
    found = value if isinstance(value, Figure) else decode(value)
    if not isinstance(found, Figure):
        raise ValueError("not a figure")
    return found


JsonFigure = Annotated[
    Figure,
    Form(
        encode,
        _decode_figure,
        {
            "type": "object",
            "required": ["value", "dimension"],
            "properties": {
                "value": {
                    "type": ["number", "string"],
                    "description": "in the base unit of its dimension; text where it is not finite",
                },
                "dimension": {
                    "enum": [dimension.value for dimension in Dimension],
                    "description": "what it measures",
                },
                "against": {
                    "type": "number",
                    "description": "what it is shown beside, so that rounding does not make them look equal",
                },
            },
        },
    ),
]


def _encode_causes(causes: Mapping[Message, int]) -> list[Any]:
    return [[encode(cause), times] for cause, times in causes.items()]


def _decode_causes(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {decode(cause): times for cause, times in value}


JsonCauses = Annotated[
    Mapping[Message, int],
    Form(_encode_causes, _decode_causes, {"type": "array", "description": "cause of failures, how many"}),
]
