"""Which version serves what, and the table that says it."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from phasegate.kinds.kubernetes.facts import TABLE, Facts, versions
from tests.kinds.kubernetes.make_table import main, pack, table_of


def test_at_least_the_newest_three_versions_are_known() -> None:
    assert len(versions()) >= 3
    assert [tuple(map(int, one.split("."))) for one in versions()] == sorted(
        tuple(map(int, one.split("."))) for one in versions()
    )


@pytest.mark.parametrize("version", versions())
def test_every_kind_of_a_version_has_a_schema_that_can_be_compiled(version: str) -> None:
    from jsonschema_rs import Draft202012Validator

    facts = Facts(version)
    for kind in facts.kinds:
        api_version, _, name = kind.rpartition("/")
        Draft202012Validator(facts.schema(facts.definition(api_version, name)))


@pytest.mark.parametrize(
    ("version", "api_version", "kind", "removed", "added"),
    [
        ("1.25", "autoscaling/v2beta2", "HorizontalPodAutoscaler", "", ""),
        ("1.26", "autoscaling/v2beta2", "HorizontalPodAutoscaler", "1.26", ""),
        ("1.37", "autoscaling/v2beta2", "HorizontalPodAutoscaler", "1.26", ""),
        ("1.37", "extensions/v1beta1", "Ingress", "1.22", ""),
        ("1.37", "apps/v1beta2", "StatefulSet", "1.16", ""),
        ("1.37", "policy/v1beta1", "PodSecurityPolicy", "1.25", ""),
        ("1.25", "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "", "1.30"),
        ("1.37", "apps/v1", "Deployment", "", ""),
        ("1.37", "apps/v1", "Deploymnt", "", ""),
    ],
)
def test_what_was_removed_and_added_is_known_by_version(
    version: str, api_version: str, kind: str, removed: str, added: str
) -> None:
    facts = Facts(version)
    assert (facts.removed_in(api_version, kind), facts.added_in(api_version, kind)) == (removed, added)


def test_the_versions_that_serve_a_kind_are_found() -> None:
    assert Facts("1.37").serving("HorizontalPodAutoscaler") == ("autoscaling/v1", "autoscaling/v2")
    assert Facts("1.37").serving("Pod") == ("v1",)


def schema(*kinds: dict[str, str], **facts: Any) -> dict[str, Any]:
    own = {"x-kubernetes-group-version-kind": list(kinds)} if kinds else {}
    return {"description": "words", "type": "object", "additionalProperties": False, **own, **facts}


def write(folder: Path, version: str, definitions: dict[str, Any]) -> None:
    place = folder / "kubernetes_validate" / "kubernetes-json-schema" / f"v{version}-local-strict"
    place.mkdir(parents=True)
    (place / "_definitions.json").write_text(json.dumps({"$defs": definitions}))


THING = {"group": "a.k8s.io", "version": "v1", "kind": "Thing"}


def test_a_table_has_what_changes_once_and_no_descriptions(tmp_path: Path) -> None:
    thing = schema(
        THING,
        properties={
            "metadata": {"$ref": "#/$defs/meta", "description": "words"},
            "sizes": {"type": "array", "items": {"type": "integer", "format": "int32"}},
        },
        required=["sizes"],
    )
    gone = schema({**THING, "kind": "Gone"}, properties={"metadata": {}})
    write(tmp_path, "1.9.0", {"thing": thing, "meta": schema(), "gone": gone})
    write(tmp_path, "1.10.2", {"thing": thing, "meta": schema(properties={"name": {"type": "string"}})})
    table = table_of(tmp_path)
    assert table["versions"] == ["1.9", "1.10"]
    assert table["kinds"] == {"a.k8s.io/v1/Thing": ["thing", 0, 1], "a.k8s.io/v1/Gone": ["gone", 0, 0]}
    assert [index for index, _ in table["definitions"]["thing"]] == [0]
    assert [index for index, _ in table["definitions"]["meta"]] == [0, 1]
    assert table["definitions"]["gone"][-1] == [1, None]
    assert "words" not in json.dumps(table)
    assert json.loads(lzma.decompress(pack(table))) == table


def test_the_table_is_written_where_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "1.40.0", {})
    monkeypatch.setattr("tests.kinds.kubernetes.make_table.TABLE", tmp_path / TABLE.name)
    main(tmp_path)
    assert json.loads(lzma.decompress((tmp_path / TABLE.name).read_bytes()))["versions"] == ["1.40"]
