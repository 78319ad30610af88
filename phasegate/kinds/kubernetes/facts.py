"""Which version of Kubernetes serves which kinds, and what their fields are.

The table is made by `tests/kinds/kubernetes/make_table.py`; `facts.md` beside it says from what.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("facts.json.xz")
_INT32 = {"minimum": -(2**31), "maximum": 2**31 - 1}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(lzma.decompress(TABLE.read_bytes()))
    return table


def versions() -> tuple[str, ...]:
    """The versions that are known, oldest first: `1.37`."""
    return tuple(_table()["versions"])


class Facts:
    """What one version of Kubernetes serves."""

    def __init__(self, version: str) -> None:
        """`version`: one of `versions`."""
        self.version = version
        self._index = versions().index(version)

    def definition(self, api_version: str, kind: str) -> str:
        """The name of the definition of a kind; empty where this version does not serve it."""
        entry = _table()["kinds"].get(f"{api_version}/{kind}")
        return str(entry[0]) if entry is not None and entry[1] <= self._index <= entry[2] else ""

    def removed_in(self, api_version: str, kind: str) -> str:
        """The version, up to this one, that stopped to serve a kind; empty where none did."""
        name = f"{api_version}/{kind}"
        entry = _table()["kinds"].get(name)
        if entry is not None and entry[2] < self._index:
            return str(versions()[entry[2] + 1])
        return str(_table()["removed"].get(name, ""))

    def added_in(self, api_version: str, kind: str) -> str:
        """The version, after this one, that begins to serve a kind; empty where none does."""
        entry = _table()["kinds"].get(f"{api_version}/{kind}")
        return versions()[entry[1]] if entry is not None and entry[1] > self._index else ""

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """All that is served: `apps/v1/Deployment`."""
        kinds = _table()["kinds"].items()
        return tuple(name for name, (_, first, last) in kinds if first <= self._index <= last)

    def has_group(self, group: str) -> bool:
        """Whether Kubernetes itself has a group of any version; the core group is empty."""
        names = (name.split("/") for name in _table()["kinds"])
        return any((parts[0] if len(parts) == 3 else "") == group for parts in names)

    def serving(self, kind: str) -> tuple[str, ...]:
        """The API versions that serve kinds of a name."""
        return tuple(name.rpartition("/")[0] for name in self.kinds if name.endswith(f"/{kind}"))

    def schema(self, name: str) -> dict[str, Any]:
        """The JSON Schema of a definition."""
        needed, todo = dict[str, Any](), [name]
        while todo:
            if (one := todo.pop()) not in needed:
                needed[one] = _schema(self._definitions[one])
                todo.extend(_references(self._definitions[one]))
        return {"$ref": f"#/$defs/{name}", "$defs": needed}

    @cached_property
    def _definitions(self) -> Mapping[str, Any]:
        found = {
            name: next((facts for index, facts in reversed(changes) if index <= self._index), None)
            for name, changes in _table()["definitions"].items()
        }
        return {name: facts for name, facts in found.items() if facts is not None}


def _schema(facts: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in facts:
        return {"$ref": f"#/$defs/{facts['$ref']}"}
    schema = dict(facts)
    if "properties" in facts:
        schema["properties"] = {name: _schema(below) for name, below in facts["properties"].items()}
        schema["additionalProperties"] = False
    if "additionalProperties" in facts:
        schema["additionalProperties"] = _schema(facts["additionalProperties"])
    if "items" in facts:
        schema["items"] = _schema(facts["items"])
    return schema | _INT32 if facts.get("format") == "int32" else schema


def _references(facts: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in facts:
        yield facts["$ref"]
    for below in (
        *facts.get("properties", {}).values(),
        facts.get("items"),
        facts.get("additionalProperties"),
    ):
        if below:
            yield from _references(below)
