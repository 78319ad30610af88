"""JSON Schema (draft 2020-12) of plans and suites, for editors.

It says what the loader says as far as a schema can: keys, types, units as text, the parameters of each kind.
A scalar may be `${name}` wherever it stands; a whole list or mapping put in is for the loader alone to judge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from phasegate.base.fields import NamedDocument, add_docs, field_docs
from phasegate.http.suites.suite import Suite
from phasegate.kinds.base import Kind
from phasegate.kinds.foreign import blame
from phasegate.model.faults import Act
from phasegate.plan.environments import EnvironmentWritten
from phasegate.plan.include import IncludedGateWritten, IncludedWritten
from phasegate.plan.people.policy import PolicyWritten
from phasegate.plan.people.waivers import PatternWritten, WaiversFile, WaiversNamed, WaiverWritten
from phasegate.plan.targets.kind import ID_KEY, target_kinds, target_model
from phasegate.plan.text.annotations import alternatives_of, field_types
from phasegate.plan.written.faults import FaultWritten, ProbeParams
from phasegate.plan.written.plan import (
    AcceptedWritten,
    ApprovalWritten,
    CheckCommon,
    CriterionWritten,
    GateWritten,
    PlanWritten,
    StepWritten,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FORMAT = 1
"""The version of all these formats, and so of their schemas."""
_TITLES = {
    "plan": f"phasegate plan, format {FORMAT}",
    "include": f"phasegate included file, format {FORMAT}",
    "policy": f"phasegate policy, format {FORMAT}",
    "suite": f"phasegate API suite, format {FORMAT}",
    "waivers": f"phasegate waivers, format {FORMAT}",
}
_TEMPLATE = {"type": "string", "pattern": r"\$\{[^{}]*\}", "description": "a value put in: ${name}"}
_FILE = {"type": "string", "description": "a YAML file, relative to the plan's root"}
_SUFFIX = re.compile(r"(Written|Params)$")
_WORD = re.compile(r"[A-Z][a-z0-9]+")
"""Names of models are titles here, which editors show above the descriptions of their keys."""


class _Written(GenerateJsonSchema):
    """As pydantic has it, with what the source says of each field; `${name}` may stand for a value."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        whole = super().model_schema(schema)
        add_docs(whole, schema["cls"])
        for part in (whole, *whole.get("anyOf", ())):
            if "title" in part:
                part["title"] = " ".join(_WORD.findall(_SUFFIX.sub("", part["title"]))).lower()
            if "properties" in part and "description" in part:
                part["description"] = part["description"].partition("\n\n")[0]
        return whole

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # an editor shows the key anyway

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        # Defaults are held in base units, so an editor would propose what the loader refuses.
        return self.generate_inner(schema["schema"])


def plan_schema(kinds: Mapping[str, Kind[Any]]) -> dict[str, Any]:
    """The schema of a plan whose checks are of these kinds."""
    definitions: dict[str, Any] = {}
    plan = _model(PlanWritten, definitions)
    steps, gate = _contents(kinds, GateWritten, definitions)
    _put(gate, approvals={"type": "array", "items": _model(ApprovalWritten, definitions)})
    _put(plan, steps=steps, gate=gate, target=_target(definitions))
    # Steps may all come from included files.
    plan["required"].remove("steps")
    plan["anyOf"] = [{"required": ["steps"]}, {"required": ["include"]}]
    environment = _model(EnvironmentWritten, definitions)
    _put(environment, target=_with_gaps(plan["properties"]["target"]))
    environments = {
        "type": "object",
        "patternProperties": {ID_KEY: environment, "^x-": True},
        "additionalProperties": False,
    }
    waivers = {"anyOf": [{"type": "string"}, _model(WaiversNamed, definitions)]}
    accepted = {"type": "array", "items": _model(AcceptedWritten, definitions)}
    _put(plan, environments=environments, waivers=waivers, accepted=accepted)
    return _whole(plan, definitions, "plan")


def include_schema(kinds: Mapping[str, Kind[Any]]) -> dict[str, Any]:
    """The schema of a file that a plan includes."""
    definitions: dict[str, Any] = {}
    included = _model(IncludedWritten, definitions)
    steps, gate = _contents(kinds, IncludedGateWritten, definitions)
    _put(included, steps=steps, gate=gate)
    return _whole(included, definitions, "include")


def policy_schema() -> dict[str, Any]:
    """The schema of a policy, in which no value is put in."""
    schema = PolicyWritten.model_json_schema(schema_generator=_Written)
    return {**_head("policy"), **schema, "patternProperties": {"^x-": True}, "title": _TITLES["policy"]}


def suite_schema() -> dict[str, Any]:
    """The schema of an API suite file."""
    definitions: dict[str, Any] = {}
    return _whole(_model(Suite, definitions), definitions, "suite")


def _contents(
    kinds: Mapping[str, Kind[Any]], gate_model: type[BaseModel], definitions: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schemas of a list of steps and of the gate."""
    steps, gate = _model(StepWritten, definitions), _model(gate_model, definitions)
    checks = [
        _check(name, variant, definitions)
        for name, kind in kinds.items()
        for variant in (kind, *kind.variants.values())
    ]
    definitions["criterion"] = {"anyOf": [{"type": "string"}, _model(CriterionWritten, definitions)]}
    definitions["check"] = _by_kind(checks)
    for owner in (steps, gate):
        _put(owner, checks=_list_of("check"), criteria=_list_of("criterion"))
    steps["properties"]["checks"]["minItems"] = 1
    definitions["fault"] = _fault(definitions)
    _put(steps, faults=_list_of("fault"))
    steps["required"] = ["id", "checks"]
    return {"type": "array", "minItems": 1, "items": steps}, gate


def _fault(definitions: dict[str, Any]) -> dict[str, Any]:
    fault = _model(FaultWritten, definitions)
    _put(fault, probe=_model(ProbeParams, definitions))
    fault["oneOf"] = [{"required": [act.value]} for act in Act]
    return fault


def waivers_schema() -> dict[str, Any]:
    """The schema of a waivers file."""
    definitions: dict[str, Any] = {}
    file = _model(WaiversFile, definitions)
    waiver = _model(WaiverWritten, definitions)
    covered = {"anyOf": [{"type": "string"}, _model(PatternWritten, definitions)]}
    waiver["properties"]["covers"] |= {"items": covered}
    _put(file, entries={"type": "array", "items": waiver})
    return _whole(file, definitions, "waivers")


def _target(definitions: dict[str, Any]) -> dict[str, Any]:
    kinds = target_kinds()
    target = _model(target_model(*kinds.values()), definitions)
    schemas = {key: kind.schema(lambda model: _model(model, definitions)) for key, kind in kinds.items()}
    _put(target, **schemas)
    return target


def _with_gaps(target: dict[str, Any]) -> dict[str, Any]:
    """The target of an environment, in which a group that is empty takes that of the plan away."""
    groups = {key: {"anyOf": [target["properties"][key], {"type": "null"}]} for key in target_kinds()}
    gapped = {**target, "properties": dict(target["properties"])}
    _put(gapped, **groups)
    return gapped


def _check(
    name: str, kind: Kind[Any], definitions: dict[str, Any]
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The name of the kind, when the schema is meant, and the schema."""
    with blame(kind, what="schema"):
        return _schema_of(name, kind, definitions)


def _schema_of(
    name: str, kind: Kind[Any], definitions: dict[str, Any]
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    prefix = f"{name}.{kind.variant}." if kind.variant and not kind.variants else f"{name}."
    common, own = _model(CheckCommon, definitions), _model(kind.Params, definitions, prefix=prefix)
    for key, annotation in field_types(kind.Params).items():
        if any(isinstance(mark, NamedDocument) for _, mark in alternatives_of(annotation)):
            _put(own, **{key: dict(_FILE)})
    properties = {**common["properties"], **own["properties"]}
    properties["kind"] = {"const": name, "description": kind.about}
    required = [*common.get("required", ()), *own.get("required", ())]
    schema = {
        **common,
        "title": name,
        "description": kind.about,
        "properties": properties,
        "required": required,
    }
    _put(schema, criteria=_list_of("criterion"))
    return name, _variant_schema(name, kind), schema


def _variant_schema(name: str, kind: Kind[Any]) -> dict[str, Any]:
    condition: dict[str, Any] = {"properties": {"kind": {"const": name}}, "required": ["kind"]}
    if kind.variants:
        others = {"properties": {kind.chooser: {"enum": list(kind.variants)}}, "required": [kind.chooser]}
        condition["not"] = others
        return condition
    if kind.variant:
        condition["properties"][kind.chooser] = {"const": kind.variant}
        condition["required"].append(kind.chooser)
    return condition


def _by_kind(checks: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """One schema for each kind, chosen by `kind` and, where it has them, by the variant, so that an editor
    speaks of the right one only."""
    return {
        "type": "object",
        "properties": {
            "kind": {
                "enum": list(dict.fromkeys(name for name, _, _ in checks)),
                "description": field_docs(CheckCommon)["kind"],
            }
        },
        "required": ["id", "kind"],
        "allOf": [{"if": condition, "then": schema} for _, condition, schema in checks],
    }


def _model(model: type[BaseModel], definitions: dict[str, Any], *, prefix: str = "") -> dict[str, Any]:
    """A model's schema; what it refers to is added to the definitions."""
    schema = model.model_json_schema(
        by_alias=True, ref_template=f"#/$defs/{prefix}{{model}}", schema_generator=_Written
    )
    for name, definition in schema.pop("$defs", {}).items():
        definitions[prefix + name] = _open_schema(definition)
    opened: dict[str, Any] = _open_schema(schema)
    return opened


def _open_schema(schema: Any) -> Any:
    """`x-*` keys where keys are closed, and `${name}` where a scalar is wanted that is not text."""
    match schema:
        case dict():
            # A union told apart by its content is `oneOf` to pydantic, and a short mapping may fit two.
            opened = {
                "anyOf" if key == "oneOf" else key: _open_schema(value) for key, value in schema.items()
            }
            if opened.get("additionalProperties") is False and "properties" in opened:
                opened["properties"] = {name: _or_template(one) for name, one in opened["properties"].items()}
                opened.setdefault("patternProperties", {"^x-": True})
            return opened
        case list():
            return [_open_schema(item) for item in schema]
        case _:
            return schema


def _or_template(schema: dict[str, Any]) -> dict[str, Any]:
    """A scalar, or a text with `${name}` in it that becomes one."""
    if schema.get("type") not in ("integer", "number", "boolean") and "enum" not in schema:
        return schema
    about = {key: text for key, text in schema.items() if key == "description"}
    scalar = {key: value for key, value in schema.items() if key != "description"}
    return {**about, "anyOf": [scalar, {"$ref": "#/$defs/template"}]}


def _put(owner: dict[str, Any], **properties: dict[str, Any]) -> None:
    """Say more closely what properties are; what they are for stays as the model has it."""
    known = owner["properties"]
    for key, schema in properties.items():
        about = {name: text for name, text in known[key].items() if name == "description"}
        known[key] = {**schema, **about}


def _list_of(name: str) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}


def _head(document: str) -> dict[str, Any]:
    return {"$schema": DIALECT, "$id": f"urn:phasegate:schema:{document}:{FORMAT}"}


def _whole(schema: dict[str, Any], definitions: dict[str, Any], document: str) -> dict[str, Any]:
    definitions["template"] = _TEMPLATE
    title = _TITLES[document]
    whole = {**_head(document), **schema, "title": title, "$defs": dict(sorted(definitions.items()))}
    copied: dict[str, Any] = json.loads(json.dumps(whole))
    return copied
