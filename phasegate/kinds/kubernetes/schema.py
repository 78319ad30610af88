"""Whether an object is one that a version of Kubernetes takes: its kind, its fields and their types; pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from phasegate.base.tree import value_at
from phasegate.inspection.finding import Rule
from phasegate.kinds.kubernetes.facts import Facts
from phasegate.kinds.kubernetes.objects import KubeObject, at, items, mapping, text
from phasegate.kinds.kubernetes.rules.policy import ERROR, WARNING, Hit

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

_PAGE = "https://kubernetes.io/docs/concepts/overview/working-with-objects/"
_REMOVALS = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"
RULES = tuple(
    Rule(id=id, severity=severity, about=about, source=source, family="schema")
    for id, severity, about, source in (
        ("object-kind", ERROR, "Each document is an object with an API version and a kind.", _PAGE),
        ("object-unnamed", ERROR, "Each object has a name.", _PAGE + "names/"),
        ("object-name", ERROR, "Each name is one that Kubernetes takes.", _PAGE + "names/"),
        (
            "duplicate-object",
            WARNING,
            "No two objects have the same kind, namespace and name.",
            _PAGE + "names/",
        ),
        ("unknown-kind", ERROR, "Each kind of Kubernetes is one that there is.", _PAGE),
        ("kind-without-schema", WARNING, "Each kind of others is described by a CRD in the files.", _PAGE),
        ("crd-schema", ERROR, "The schema of each CRD is one that can be used.", _PAGE),
        ("api-version-removed", ERROR, "Each API version is still served.", _REMOVALS),
        ("api-version-not-served", ERROR, "Each API version is one that its CRD serves.", _REMOVALS),
        ("api-version-too-new", ERROR, "Each API version is served already.", _REMOVALS),
        ("unknown-field", ERROR, "Each field is one that its object has.", _PAGE),
        ("missing-field", ERROR, "Each field that an object needs is there.", _PAGE),
        ("wrong-type", ERROR, "Each field has the type that it must have.", _PAGE),
        ("wrong-value", ERROR, "Each value has the form and the size that it must have.", _PAGE),
    )
)
_QUANTITY = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?")
_NAMES = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_FREELY_NAMED = re.compile(r"rbac\.authorization\.k8s\.io/")
_LONGEST_NAME = 253
_SHOWN = 120
_NAMED = 8
"""Fields that a sentence names."""


class _Compiled(NamedTuple):
    schema: dict[str, Any]
    validator: Draft202012Validator


class Schemas:
    """The schemas of a version, and those of CustomResourceDefinitions; each is compiled once."""

    def __init__(self, facts: Facts, crds: Iterable[Mapping[str, Any]] = ()) -> None:
        self._facts = facts
        self._known: dict[str, _Compiled] = {}
        self._custom = {kind: found for crd in crds for kind, found in _served_by(crd)}

    def problems(self, one: KubeObject) -> Iterator[tuple[str, Hit]]:
        """What is wrong with an object: the id of a rule, and where."""
        if not one.kind or not one.api_version:
            missing = [name for name in ("apiVersion", "kind") if not text(one.tree.get(name))]
            yield "object-kind", Hit((missing[0],), (", ".join(missing),))
            return
        if wrong := _wrong_name(one):
            yield wrong, Hit(("metadata", "name"), (one.name[:_SHOWN],))
        definition = self._facts.definition(one.api_version, one.kind)
        key = f"{one.api_version}/{one.kind}"
        if definition:
            yield from self._invalid(one, definition, lambda: self._facts.schema(definition))
        elif key not in self._custom:
            yield self._unknown(one)
        elif (custom := self._custom[key]) is None:
            yield "api-version-not-served", Hit(("apiVersion",), (one.api_version, one.kind))
        else:
            yield from self._invalid(one, key, lambda: _custom_schema(custom))

    def _unknown(self, one: KubeObject) -> tuple[str, Hit]:
        version, kind = one.api_version, one.kind
        right = ", ".join(self._facts.serving(kind)) or "-"
        if removed := self._facts.removed_in(version, kind):
            return "api-version-removed", Hit(("apiVersion",), (version, kind, removed, right))
        if added := self._facts.added_in(version, kind):
            return "api-version-too-new", Hit(("apiVersion",), (version, kind, added))
        # Others have groups below k8s.io as well: gateway.networking.k8s.io.
        if not one.is_custom and (self._facts.has_group(one.group) or right != "-"):
            beside = [name for name in self._facts.kinds if name.startswith(f"{version}/")]
            near = get_close_matches(f"{version}/{kind}", beside, 1) or [right]
            return "unknown-kind", Hit(("kind",), (version, kind, self._facts.version, near[0]))
        return "kind-without-schema", Hit(("kind",), (version, kind))

    def _compiled(self, name: str, make: Callable[[], dict[str, Any]]) -> _Compiled:
        if name not in self._known:
            from jsonschema_rs import Draft202012Validator, RegexOptions

            schema = make()
            validator = Draft202012Validator(
                schema,
                formats={"byte": _is_base64, "quantity": _is_quantity},
                validate_formats=True,
                pattern_options=RegexOptions(),
                offline=True,
            )
            self._known[name] = _Compiled(schema, validator)
        return self._known[name]

    def _invalid(
        self, one: KubeObject, name: str, make: Callable[[], dict[str, Any]]
    ) -> Iterator[tuple[str, Hit]]:
        """`name`: of the definition, or of the custom kind."""
        try:
            compiled = self._compiled(name, make)
        except (ValueError, TypeError) as error:
            yield "crd-schema", Hit(("kind",), (one.kind, str(error).splitlines()[0][:_SHOWN]))
            return
        try:
            for found in compiled.validator.iter_errors(one.tree):
                yield from _explain(found, compiled.schema)
        except (ValueError, UnicodeError) as error:
            yield "wrong-value", Hit((), (str(error)[:_SHOWN],))


def _explain(error: ValidationError, schema: dict[str, Any]) -> Iterator[tuple[str, Hit]]:
    path = tuple(error.instance_path)
    match error.kind.as_dict():
        case {"unexpected": list(unexpected)}:
            known = value_at(schema, tuple(error.schema_path[:-1])).get("properties", {})
            for name in unexpected:
                near = get_close_matches(name, known, 1) or sorted(known)[:_NAMED]
                yield "unknown-field", Hit((*path, name), (name, ", ".join(near)))
        case {"property": name}:
            yield "missing-field", Hit(path, (str(name),))
        case {"types": list(types)}:
            wanted = " or ".join(sorted(name for name in types if name != "null"))
            yield "wrong-type", Hit(path, (_type(error.instance), wanted))
        case facts:
            limit = next((_shown(value) for value in facts.values() if not _is_nested(value)), "")
            yield "wrong-value", Hit(path, (f"{error.kind.name} {limit}".strip()[:_SHOWN],))


def _is_nested(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, list) for item in value)


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _type(value: Any) -> str:
    """The type of a value, in the words of JSON Schema."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _is_base64(value: Any) -> bool:
    if not isinstance(value, str):
        return True
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_quantity(value: Any) -> bool:
    return not isinstance(value, str) or _QUANTITY.fullmatch(value) is not None


def _wrong_name(one: KubeObject) -> str:
    """The rule that its name breaks; empty for none."""
    metadata = at(one.tree, "metadata")
    name = at(metadata, "name")
    if one.kind.endswith(("List", "Review")) or (name is None and text(at(metadata, "generateName"))):
        return ""
    if name is None:
        return "object-unnamed"
    return "object-name" if isinstance(name, str) and not _is_name(one, name) else ""


def _is_name(one: KubeObject, name: str) -> bool:
    if _FREELY_NAMED.match(one.api_version):
        return bool(name) and name not in (".", "..") and not set(name) & set("/%")
    return len(name) <= _LONGEST_NAME and _NAMES.fullmatch(name) is not None


def _served_by(crd: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """What a CRD defines: `group/version/kind` with its schema; None where it does not serve it."""
    spec = mapping(crd.get("spec"))
    group, kind = text(spec.get("group")), text(at(spec, "names", "kind"))
    old = {"name": spec.get("version"), "served": True} if isinstance(spec.get("version"), str) else None
    for version in (*items(spec.get("versions")), *([old] if old else ())):
        name = text(at(version, "name"))
        found = at(version, "schema", "openAPIV3Schema") or at(spec, "validation", "openAPIV3Schema")
        if group and kind and name:
            yield f"{group}/{name}/{kind}", mapping(found) if at(version, "served") is not False else None


_KEPT = frozenset(
    (
        *("enum", "exclusiveMaximum", "exclusiveMinimum", "format", "maxItems", "maxLength", "maxProperties"),
        *(
            "maximum",
            "minItems",
            "minLength",
            "minProperties",
            "minimum",
            "multipleOf",
            "pattern",
            "required",
        ),
        *("type", "uniqueItems"),
    )
)
_ANYTHING = "x-kubernetes-preserve-unknown-fields"


def _custom_schema(found: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of what a CRD describes."""
    made = _json_schema(found)
    if "properties" in made:
        own: dict[str, Any] = dict.fromkeys(("apiVersion", "kind", "metadata"), True)
        made["properties"] = {**made["properties"], **own}
    return made


def _json_schema(tree: Any, *, closed: bool = True) -> dict[str, Any]:
    """A schema as Kubernetes writes it, as JSON Schema: null is let through, unknown fields are not.

    `closed`: not below `anyOf` and the like, which only add to the fields beside them.
    """
    tree = mapping(tree)
    made = {key: value for key, value in tree.items() if key in _KEPT}
    for key, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(key), bool):
            made.pop(key)
            if tree[key] and limit in made:
                made[key] = made.pop(limit)
    if isinstance(kind := made.get("type"), str):
        made["type"] = [kind, "null"]
    if isinstance(made.get("enum"), list):
        made["enum"] = [*made["enum"], None]
    if tree.get("x-kubernetes-int-or-string") is True:
        made["type"] = ["integer", "string", "null"]
        return made
    if isinstance(tree.get("properties"), dict):
        made["properties"] = {
            name: _json_schema(one, closed=closed) for name, one in tree["properties"].items()
        }
        if closed and tree.get(_ANYTHING) is not True and "additionalProperties" not in tree:
            made["additionalProperties"] = False
        if tree.get("x-kubernetes-embedded-resource") is True:
            made["properties"] = {"apiVersion": True, "kind": True, "metadata": True} | made["properties"]
    if isinstance(tree.get("additionalProperties"), dict):
        made["additionalProperties"] = _json_schema(tree["additionalProperties"], closed=closed)
    if isinstance(tree.get("items"), dict):
        made["items"] = _json_schema(tree["items"], closed=closed)
    for key in ("allOf", "anyOf", "oneOf"):
        if isinstance(tree.get(key), list):
            made[key] = [_json_schema(one, closed=False) for one in tree[key]]
    if isinstance(tree.get("not"), dict):
        made["not"] = _json_schema(tree["not"], closed=False)
    return made
