"""What a parameter may be, in a few words, from its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_WORDS = {
    "array": "list",
    "boolean": "true | false",
    "integer": "whole number",
    "number": "number",
    "object": "mapping",
    "string": "text",
}


def shape(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """`whole number | list of text`; nothing is said of what a mapping holds."""
    match schema:
        case {"$ref": str(ref)}:
            return shape(definitions[ref.rpartition("/")[2]], definitions)
        case {"const": value}:
            return str(value)
        case {"enum": list(values)}:
            return " | ".join(map(str, values))
        case {"anyOf": list(parts)}:
            shapes = (shape(part, definitions) for part in parts if part.get("type") != "null")
            return " | ".join(dict.fromkeys(shapes))
        case {"type": "array", "items": dict(items)}:
            inner = shape(items, definitions)
            return "list" if " | " in inner else f"list of {'mappings' if inner == 'mapping' else inner}"
        case {"type": "string", "description": str(text)}:
            return _noun(text)
        case {"type": list(types)}:
            return "text" if "string" in types else " | ".join(_WORDS[one] for one in types)
        case {"type": str(one)}:
            return _WORDS[one]
        case _:
            return "anything"


def _noun(description: str) -> str:
    """`time` of `a time, such as 5s`."""
    noun = re.split(r"[,:]| such as", description, maxsplit=1)[0]
    return noun.removeprefix("a ").removeprefix("an ")
