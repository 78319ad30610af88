"""Schemas of OpenAPI as JSON Schema 2020-12, with everything that they refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.http.expectations.json_schema import BodySchema, known_formats
from phasegate.kinds.openapi.document import Contract, listing, lookup, mapping

_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_VALUES = ("enum", "const", "default", "dependentRequired")
_LEFT_OUT = ("example", "examples", "xml", "externalDocs", "discriminator", "$schema", "$id", "nullable")


def body_schema(written: Any, contract: Contract) -> BodySchema | None:
    """What an answer's body must be; None where its schema allows everything.

    Errors: UnresolvedError; ValueError where it is no schema.
    """
    if written is True or written == {}:
        return None
    converter = _Converter(contract)
    schema = {"allOf": [converter.schema(written)]}
    defs: dict[str, Any] = {}
    while converter.wanted:
        reference = converter.wanted.pop()
        defs[converter.names[reference]] = converter.schema(lookup(reference, contract.tree))
    return BodySchema.compile({**schema, "$defs": defs})


class _Converter:
    def __init__(self, contract: Contract) -> None:
        self._old = contract.old
        self._formats = known_formats()
        self.names: dict[str, str] = {}
        """What references are called among the definitions."""
        self.wanted: list[str] = []
        """References that are not converted yet."""

    def schema(self, written: Any) -> Any:
        if not isinstance(written, Mapping):
            return written
        target = written.get("$ref")
        if isinstance(target, str) and self._old:  # what stands beside a reference means nothing there
            return {"$ref": self._reference(target)}
        found = {
            key: self._member(key, value)
            for key, value in written.items()
            if key not in _LEFT_OUT and not key.startswith("x-") and not self._is_note(key, value)
        }
        if isinstance(target, str):
            found["$ref"] = self._reference(target)
        if listing(found.get("required")):
            # Members that are `writeOnly` go only into requests.
            hidden = {k for k, v in mapping(written.get("properties")).items() if mapping(v).get("writeOnly")}
            found["required"] = [name for name in found["required"] if name not in hidden]
        return self._as_new(found, written) if self._old else found

    def _reference(self, target: str) -> str:
        if target not in self.names:
            self.names[target] = str(len(self.names))
            self.wanted.append(target)
        return f"#/$defs/{self.names[target]}"

    def _member(self, key: str, value: Any) -> Any:
        if key in _VALUES:
            return value
        if key in _NAMED and isinstance(value, Mapping):
            return {name: self.schema(one) for name, one in value.items()}
        return [self.schema(one) for one in value] if isinstance(value, list) else self.schema(value)

    def _is_note(self, key: str, value: Any) -> bool:
        """Formats are open in OpenAPI: one that nobody here knows is a note for people."""
        return key == "format" and not (isinstance(value, str) and value in self._formats)

    def _as_new(self, found: dict[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
        """In 3.0 an exclusive bound is a switch, and so is null."""
        for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if isinstance(found.get(exclusive), bool) and found.pop(exclusive) and bound in found:
                found[exclusive] = found.pop(bound)
        return {"anyOf": [found, {"type": "null"}]} if written.get("nullable") is True else found
