"""Schemas of OpenAPI as JSON Schema 2020-12, with everything that they refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.http.expectations.json_schema import BodySchema, known_formats
from phasegate.kinds.openapi.document import Contract, listing, lookup, mapping

_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_INNER = (
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
)
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems")
_LEFT_OUT = ("example", "examples", "xml", "externalDocs", "discriminator", "$schema", "$id", "nullable")
_BOUNDS = (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))


def body_schema(written: Any, contract: Contract) -> BodySchema | None:
    """What an answer's body must be; None where its schema allows everything.

    Errors: UnresolvedError; ValueError where it is no schema.
    """
    converter = _Converter(contract)
    schema = converter.schema(written)
    if not isinstance(schema, Mapping):
        schema = {} if schema is True else {"not": {}}
    defs: dict[str, Any] = {}
    while converter.wanted:
        reference = converter.wanted.pop()
        defs[converter.names[reference]] = converter.schema(lookup(reference, contract.tree))
    if not schema:
        return None
    return BodySchema.compile({**schema, "$defs": defs} if defs else schema)


class _Converter:
    def __init__(self, contract: Contract) -> None:
        self._old = contract.version == "3.0"
        self._tree = contract.tree
        self._formats = known_formats()
        self.names: dict[str, str] = {}
        """What references are called among the definitions."""
        self.wanted: list[str] = []
        """References that are not converted yet."""

    def schema(self, written: Any) -> Any:
        if not isinstance(written, Mapping):
            return written is not False
        target = written.get("$ref")
        if isinstance(target, str):
            found: dict[str, Any] = {"$ref": self._reference(target)}
            # In 3.0 what stands beside a reference means nothing.
            return found if self._old or len(written) == 1 else found | self._members(written)
        found = self._members(written)
        if self._old and written.get("nullable") is True:
            return {"anyOf": [found, {"type": "null"}]}
        return found

    def _reference(self, target: str) -> str:
        if target not in self.names:
            self.names[target] = str(len(self.names))
            self.wanted.append(target)
        return f"#/$defs/{self.names[target]}"

    def _members(self, written: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in written.items():
            if key in _LEFT_OUT or key == "$ref" or key.startswith("x-"):
                continue
            # Formats are open in OpenAPI: one that nobody here knows is a note for people.
            if key == "format" and (not isinstance(value, str) or value not in self._formats):
                continue
            found[key] = self._member(key, value)
        if self._old:
            _bounds(found)
        if "required" in found:
            found["required"] = self._sent(found["required"], mapping(written.get("properties")))
        return found

    def _member(self, key: str, value: Any) -> Any:
        if key in _NAMED and isinstance(value, Mapping):
            return {name: self.schema(one) for name, one in value.items()}
        if key in _INNER:
            return self.schema(value)
        if key in _LISTED and isinstance(value, list):
            return [self.schema(one) for one in value]
        return value

    def _sent(self, required: Any, properties: Mapping[str, Any]) -> Any:
        """Those of the required members that answers have: `writeOnly` ones go only into requests."""
        hidden = {name for name, one in properties.items() if mapping(one).get("writeOnly") is True}
        return [name for name in required if name not in hidden] if listing(required) and hidden else required


def _bounds(found: dict[str, Any]) -> None:
    """In 3.0 an exclusive bound is a switch."""
    for bound, exclusive in _BOUNDS:
        if isinstance(found.get(exclusive), bool) and found.pop(exclusive) and bound in found:
            found[exclusive] = found.pop(bound)
