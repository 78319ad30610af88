from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from phasegate.base import yaml
from phasegate.cli.schema import Document
from phasegate.cli.schema import schema_of as make_schema
from phasegate.plan.schema import include_schema, plan_schema, policy_schema
from tests.plan.conftest import HEAD, REGISTRY

ROOT = Path(__file__).parents[2]
SHIPPED_PLANS = sorted((ROOT / "plans").glob("*.yaml"))
SHIPPED_SUITES = sorted((ROOT / "checks/api").glob("*.yaml"))


@pytest.fixture(scope="module")
def plans() -> Draft202012Validator:
    return Draft202012Validator(plan_schema(REGISTRY))


schema_of = cache(make_schema)
"""Made once, as nobody here changes one."""


def problems(validator: Draft202012Validator, text: str) -> list[str]:
    return [error.message for error in validator.iter_errors(yaml.parse(text, "p.yaml").tree)]


@pytest.mark.parametrize("document", Document)
def test_the_schemas_are_json_schema(document: Document) -> None:
    Draft202012Validator.check_schema(schema_of(document))


WITH_STACKS = """target:
  processes: {web: {command: [serve], ready: {tcp: true}}}
  compose:
    file: c.yaml
    services: {web: {port: 80, scheme: https, headers: {a: 1}, tls: {ca: ca.pem}, protected: true}, db: }
    profiles: [a]
    env_file: .env
    env: {A: "${v}"}
    project: shop
    within: 2m
  containers: {label: [a, b=c], services: {other: {port: 80}}, within: 3s, allow_faults: true}
  setup: [{in: web, command: [ls]}]
"""
FULL = (
    HEAD.replace("target: {processes: {web: {command: [serve], ready: {tcp: true}}}}\n", WITH_STACKS)
    + """\
x-note: 1
due: 2025-07-18
variables: {v: 1}
secrets: [TOKEN]
defaults: {timeout: 5s, retry: {attempts: 2, wait: 500ms}}
confidence: none
risks: [{title: Complex, impact: high, measures: [go slowly]}]
steps:
  - id: one
    x-note: 1
    priority: high
    requires: [node, {program: jq}, {in: web, tools: [jq]}]
    setup: [[make, 1], {command: [make], limit: 3s}]
    checks:
      - id: a
        kind: probe
        url: /
        timeout: 3s
        probes: "${v}"
        expect: {status: [200, 2xx], json: {$.a: 1}, x-note: 1}
        retry: {attempts: "${v}", on: [error, fail]}
        criteria: [success_rate == 100%, {criterion: latency.p95 < 1s, title: fast, level: warn}]
      - {id: b, kind: suite, suite: suite.yaml}
      - {id: c, kind: burst, url: "${each}", each: {x: /x}, rate: 10/s}
gate:
  checks: [{id: d, kind: probe, url: /, during: run}]
  limit: 10m
include: [more.yaml]
environments:
  x-note: 1
  staging:
    target: {default: web, external: {web: {url: "https://staging.example"}}}
    variables: {v: 2}
  attached:
    target: {compose: , processes: , containers: {label: a=b, services: [web]}}
"""
)


def test_what_the_loader_takes_is_valid(plans: Draft202012Validator) -> None:
    assert problems(plans, FULL) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: A phase", "titel: A phase"),
        ("phasegate: 1", "phasegate: 2"),
        ("kind: suite", "kind: siute"),
        ("suite: suite.yaml", "suite: {suite: 1}"),
        ('probes: "${v}"', "probes: many"),
        ("timeout: 3s", "timeout: 3"),
        ("rate: 10/s", "rate: 10"),
        ("rate: 10/s", "rates: 10/s"),
        ("priority: high", "priority: highest"),
        ("level: warn", "level: warning"),
        ("id: one", "id: One"),
        ("ready: {tcp: true}", "ready: {tcp: maybe}"),
        ("command: [serve]", "comand: [serve]"),
        ("during: run", "dering: run"),
        ("project: shop", "project: Shop"),
        ("within: 2m", "within: 2"),
        ("port: 80,", "port: 0,"),
        ("db: }", "db: {ports: [80]}}"),
        ("env: {A:", "envs: {A:"),
        ("label: [a, b=c], ", ""),
        ("allow_faults: true", "allow_faults: perhaps"),
        ("services: [web]", "services: [[web]]"),
        ("limit: 10m", "limit: 10"),
        ("include: [more.yaml]", "include: more.yaml"),
        ("    variables: {v: 2}", "    confidence: 90%"),
        ('{url: "https://staging.example"}', '{urls: "https://staging.example"}'),
    ],
)
def test_what_the_loader_refuses_by_shape_is_invalid(plans: Draft202012Validator, old: str, new: str) -> None:
    assert old in FULL
    assert problems(plans, FULL.replace(old, new, 1))


def test_included_files_and_policies_have_schemas_of_their_own() -> None:
    included = Draft202012Validator(include_schema(REGISTRY))
    steps = "steps: [{id: one, checks: [{id: a, kind: probe, url: /}]}]\n"
    assert problems(included, steps + "gate: {criteria: [a.latency.p95 < 1s]}\n") == []
    assert problems(included, steps + "gate: {limit: 3s}\n")
    assert problems(included, steps + "title: no\n")
    policy = Draft202012Validator(policy_schema())
    floors = "policy: 1\nconfidence: 95%\nwaiver_days: 60\nrequire: [load]\nprotected: [prod]\nx-note: 1\n"
    assert problems(policy, floors + "distinct_approver: true\nallow_confidence_none: false\n") == []
    assert problems(policy, "policy: 1\nwaiver_days: many\n")
    assert problems(policy, "policy: 1\nconfidance: 95%\n")


def test_an_editor_hears_of_the_kind_that_was_chosen_only(plans: Draft202012Validator) -> None:
    said = problems(plans, FULL.replace("rate: 10/s", "rates: 10/s"))
    assert sorted(said) == [
        "'rate' is a required property",
        "'rates' does not match any of the regexes: '^x-'",
    ]


@pytest.mark.parametrize("path", SHIPPED_PLANS, ids=lambda path: path.name)
def test_shipped_plans_are_valid(path: Path) -> None:
    validator = Draft202012Validator(schema_of(Document.PLAN))
    assert list(validator.iter_errors(yaml.read(path).tree)) == []


@pytest.mark.parametrize("path", SHIPPED_SUITES, ids=lambda path: path.name)
def test_shipped_suites_are_valid(path: Path) -> None:
    validator = Draft202012Validator(schema_of(Document.SUITE))
    assert list(validator.iter_errors(yaml.read(path).tree)) == []


def test_no_default_is_proposed_in_base_units() -> None:
    documents = (Document.PLAN, Document.SUITE, Document.INCLUDE, Document.POLICY)
    assert not [found for document in documents for found in _with_default(schema_of(document))]


def test_everything_referred_to_is_defined() -> None:
    for schema in (schema_of(Document.PLAN), schema_of(Document.SUITE)):
        names = {f"#/$defs/{name}" for name in schema["$defs"]}
        assert set(_references(schema)) <= names


def _with_default(schema: Any) -> Iterator[Any]:
    for part in _parts(schema):
        if "default" in part and ("type" in part or "anyOf" in part):
            yield part


def _references(schema: Any) -> Iterator[str]:
    for part in _parts(schema):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from _parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _parts(value)


def undescribed(schema: Any) -> list[str]:
    """Where a property has no description of its own, through definitions, unions and conditional parts.

    What stands under `if` and `not` is a question, not something that can be written.
    """
    return [where for where, one in _properties(schema, "") if not str(one.get("description", "")).strip()]


def _properties(schema: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    match schema:
        case dict():
            for name, one in schema.get("properties", {}).items():
                yield f"{where}/{name}", one
                yield from _properties(one, f"{where}/{name}")
            for key, one in schema.items():
                if key not in ("properties", "if", "not"):
                    yield from _properties(one, f"{where}/{key}")
        case list():
            for number, one in enumerate(schema):
                yield from _properties(one, f"{where}/{number}")


@pytest.mark.parametrize("document", Document)
def test_every_property_of_every_schema_has_a_description(document: Document) -> None:
    assert undescribed(schema_of(document)) == []


def test_a_property_without_a_description_is_found_wherever_it_stands() -> None:
    bare: dict[str, Any] = {"properties": {"key": {"type": "string"}}}
    said = {"description": "It is said.", "type": "string"}
    assert undescribed({"properties": {"key": said}}) == []
    for schema in (bare, {"$defs": {"One": bare}}, {"anyOf": [said, bare]}, {"items": bare}):
        assert [where.rpartition("/")[2] for where in undescribed(schema)] == ["key"]
    assert undescribed({"allOf": [{"if": bare, "then": bare}]}) == ["/allOf/0/then/key"]
    assert undescribed({"properties": {"outer": {**said, **bare}}}) == ["/outer/key"]
    assert undescribed({"properties": {"key": {"description": " "}}}) == ["/key"]


@pytest.mark.parametrize(
    ("document", "version"), [(one, 2 if one is Document.RESULT else 1) for one in Document]
)
def test_the_id_of_a_schema_has_the_version_of_its_format(document: Document, version: int) -> None:
    assert schema_of(document)["$id"] == f"urn:phasegate:schema:{document}:{version}"
