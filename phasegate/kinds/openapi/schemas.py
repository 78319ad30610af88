"""Schemas of OpenAPI as JSON Schema 2020-12, with everything that they refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.http.expectations.json_schema import BodySchema, known_formats
from phasegate.kinds.openapi.document import Contract, listing, lookup, mapping

_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_VALUES = ("enum", "const", "default", "dependentRequired")
_LEFT_OUT = ("example", "examples", "xml", "externalDocs", "discriminator", "$schema", "$id", "nullable")


class Schemas:
    """Schemas of a contract; what they refer to is compiled once for all of them."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._formats = known_formats()
        self._names: dict[str, str] = {}
        """What references are called among the definitions."""
        self._definitions: dict[str, Any] = {}
        self._links: dict[str, list[str]] = {}
        """By reference, those that its schema has."""
        self._found: list[str] = []
        """References of the schema that is converted."""

    def compile(self, written: Any) -> BodySchema | None:
        """What a body must be; None where its schema allows everything.

        Errors: UnresolvedError; ValueError where it, or what it refers to, is no schema.
        """
        if written is True or written == {}:
            return None
        root, wanted = self._convert(written)
        seen: set[str] = set()
        while wanted:
            reference = wanted.pop()
            if reference not in self._links:
                schema, links = self._convert(lookup(reference, self._contract.tree))
                self._definitions[self._names[reference]] = BodySchema.compile(schema).validator.schema
                self._links[reference] = links
            wanted += [link for link in self._links[reference] if link not in seen]
            seen.add(reference)
        return BodySchema.compile(root, self._definitions)

    def _convert(self, written: Any) -> tuple[dict[str, Any], list[str]]:
        """A schema, and the references that it has."""
        self._found = []
        return {"allOf": [self._schema(written)]}, self._found

    def _schema(self, written: Any) -> Any:
        if not isinstance(written, Mapping):
            return written
        target = written.get("$ref")
        if isinstance(target, str) and self._contract.old:  # what stands beside it means nothing
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
            hidden = [k for k, v in mapping(written.get("properties")).items() if mapping(v).get("writeOnly")]
            found["required"] = [name for name in found["required"] if name not in hidden]
        return self._as_new(found, written) if self._contract.old else found

    def _reference(self, target: str) -> str:
        self._found.append(target)
        return f"#/$defs/{self._names.setdefault(target, str(len(self._names)))}"

    def _member(self, key: str, value: Any) -> Any:
        if key in _VALUES:
            return value
        if key in _NAMED and isinstance(value, Mapping):
            return {name: self._schema(one) for name, one in value.items()}
        return [self._schema(one) for one in value] if isinstance(value, list) else self._schema(value)

    def _is_note(self, key: str, value: Any) -> bool:
        """Formats are open in OpenAPI: one that nobody here knows is a note for people."""
        return key == "format" and not (isinstance(value, str) and value in self._formats)

    def _as_new(self, found: dict[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
        """In 3.0 an exclusive bound is a switch, and so is null."""
        for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if isinstance(found.get(exclusive), bool) and found.pop(exclusive) and bound in found:
                found[exclusive] = found.pop(bound)
        return {"anyOf": [found, {"type": "null"}]} if written.get("nullable") is True else found
