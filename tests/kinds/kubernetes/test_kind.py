"""`kind: kubernetes`: files, what Kustomize and Helm make of them, and what a check of them says."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.kinds.kubernetes import findings
from phasegate.kinds.kubernetes.facts import TABLE, versions
from phasegate.kinds.kubernetes.kind import KubernetesKind
from phasegate.kinds.kubernetes.params import Family, KubernetesParams
from phasegate.kinds.kubernetes.rules import POLICIES
from phasegate.model.observation import CaseStatus, Observation
from phasegate.targets.processes.local import LocalProcesses
from tests.observed import number
from tests.telling import in_english, raises
from tests.worlds import world_at

HERE = Path(__file__).parent
PASSED, FAILED, SKIPPED, LOST = CaseStatus
SMALL = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: two
"""
SETTINGS = "apiVersion: v1, kind: ConfigMap, metadata: {name: a}"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'NAME'}\n"


@pytest.fixture
def look(tmp_path: Path):  # type: ignore[no-untyped-def]
    async def look(
        contents: dict[str, str | bytes] | None = None,
        environment: dict[str, str] | None = None,
        **params: Any,
    ) -> Observation:
        for name, content in (contents or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if not params.keys() & {"files", "kustomize", "helm"}:
            params["files"] = "**/*.yaml"
        environment = {**os.environ, **(environment or {})}
        settings = {"environment": environment, "processes": LocalProcesses(environment, grace=1.0)}
        wanted = KubernetesParams.model_validate(params)
        async with world_at("http://127.0.0.1:9", tmp_path, **settings) as world:
            return in_english(await KubernetesKind().observe(wanted, world))

    return look


def failed(seen: Observation) -> list[str]:
    return [case.id for case in seen.cases if case.status is FAILED]


async def test_a_finding_is_a_case_named_by_rule_file_object_and_field(look: Any) -> None:
    seen = await look({"k8s/web.yaml": SMALL})
    (case,) = [case for case in seen.cases if case.id.startswith("wrong-type/")]
    assert case.id == "wrong-type/k8s/web.yaml#Deployment/shop/web/spec.replicas"
    assert (case.status, case.file, case.line, case.part) == (FAILED, "k8s/web.yaml", 6, "schema")
    assert case.message == "string stands here; it must be integer"
    assert number(seen, "findings_error") == len(failed(seen))
    assert (number(seen, "files"), number(seen, "objects")) == (1, 1)


async def test_faulty_files_between_them_trip_every_rule(look: Any) -> None:
    files = {path.name: path.read_bytes() for path in (HERE / "faulty").glob("*.yaml")}
    found = set[str]()
    for version in (versions()[-1], "1.26"):
        seen = await look(files, version=version)
        found |= {case.tags[0] for case in seen.cases if "/" in case.id}
        assert failed(seen)
    assert sorted({rule.id for rule in KubernetesParams.rules} - found) == []


async def test_no_value_of_a_secret_is_in_what_is_said(look: Any) -> None:
    files = {path.name: path.read_bytes() for path in (HERE / "faulty").glob("*.yaml")}
    assert "hunter2" not in repr(await look(files))


async def test_a_sound_set_passes_with_what_each_rule_looked_at(look: Any) -> None:
    seen = await look({name: (HERE / name).read_text() for name in ("sound.yaml", "crd.yaml")})
    assert number(seen, "findings_error") == 0
    assert {case.status for case in seen.cases} == {PASSED}
    (case,) = [case for case in seen.cases if case.id == "memory-limit"]
    assert case.message == "4 containers looked at, nothing found"


async def test_what_cannot_be_parsed_fails_and_the_rest_is_looked_at(look: Any) -> None:
    seen = await look({"bad.yaml": CONFIG + "data: {a: [}\n", "web.yaml": SMALL})
    (case,) = [case for case in seen.cases if case.id == "yaml-valid/bad.yaml"]
    assert (case.status, case.line) == (FAILED, 4)
    assert [id for id in failed(seen) if "web.yaml" in id]


@pytest.mark.parametrize(
    "content", [{}, {"empty.yaml": "# nothing\n---\n"}, {"list.yaml": "kind: List\nitems: []\n"}]
)
async def test_nothing_to_look_at_is_no_pass(look: Any, content: dict[str, str]) -> None:
    with raises(ObservationError, match=r"\*\*/\*\.yaml"):
        await look(content)


async def test_objects_of_lists_are_looked_at_each_with_its_line(look: Any) -> None:
    of_b = "- metadata: {name: b}\n  dta: {}\n"
    text = f"apiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {{name: a}}\n{of_b}"
    seen = await look({"list.yaml": text})
    assert number(seen, "objects") == 2
    assert failed(seen) == ["unknown-field/list.yaml#ConfigMap/b/dta"]
    assert next(case.line for case in seen.cases) == 6


async def test_what_is_no_object_in_a_list_is_not_passed_over(look: Any) -> None:
    seen = await look({"a.yaml": f"apiVersion: v1\nkind: List\nitems: [null, text, {{{SETTINGS}}}]\n"})
    assert [case.line for case in seen.cases if case.status is FAILED] == [3, 3]


async def test_yes_and_no_are_booleans_as_kubernetes_reads_them(look: Any) -> None:
    seen = await look({"a.yaml": CONFIG.replace("NAME", "a") + "immutable: yes\ndata: {a: no}\n"})
    assert failed(seen) == ["wrong-type/a.yaml#ConfigMap/a/data.a"]


async def test_variables_of_the_plan_are_put_in_and_others_stay(look: Any) -> None:
    text = CONFIG.replace("NAME", "${NAME}") + "data: {a: '${OTHER}'}\n"
    seen = await look({"a.yaml": text}, variables={"NAME": "shop"})
    assert failed(seen) == []
    assert failed(await look({"a.yaml": text})) == ["object-name/a.yaml#ConfigMap/${NAME}/metadata.name"]


async def test_files_of_kustomize_are_left_out_by_name(look: Any) -> None:
    seen = await look({"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": CONFIG.replace("NAME", "a")})
    assert failed(seen) == []
    assert any("kustomization.yaml" in note for note in seen.notes)


async def test_crds_may_be_elsewhere(look: Any) -> None:
    crd, _, custom = (HERE / "crd.yaml").read_text().partition("---\n")
    files = {"crds/crontab.yaml": crd, "k8s/nightly.yaml": custom.replace("replicas: 1", "replicas: one")}
    seen = await look(files, files="k8s/*.yaml", crds="crds/*.yaml")
    assert failed(seen) == ["wrong-type/k8s/nightly.yaml#CronTab/nightly/spec.replicas"]
    seen = await look(files, files="k8s/*.yaml")
    assert (failed(seen), number(seen, "findings_warning")) == ([], 1)


async def test_a_crd_that_cannot_be_parsed_is_a_finding(look: Any) -> None:
    files = {"crds/a.yaml": "{", "k8s/a.yaml": CONFIG.replace("NAME", "a")}
    assert failed(await look(files, files="k8s/*.yaml", crds="crds/*.yaml")) == ["yaml-valid/crds/a.yaml"]


@pytest.mark.parametrize("family", get_args(Family))
async def test_a_family_that_is_ignored_is_not_looked_at_and_the_record_says_so(
    look: Any, family: str
) -> None:
    files = {path.name: path.read_bytes() for path in (HERE / "faulty").glob("*.yaml")}
    seen = await look(files, ignore=[family])
    assert family not in {case.part for case in seen.cases}
    assert any(family in note for note in seen.notes)


async def test_baseline_leaves_the_controls_of_restricted_out(look: Any) -> None:
    files = {
        "sound.yaml": (HERE / "sound.yaml").read_text().replace("runAsNonRoot: true", "runAsNonRoot: false")
    }
    assert {case.part for case in (await look(files)).cases if case.status is FAILED} == {"restricted"}
    assert failed(await look(files, policy="baseline")) == []


async def test_what_exists_elsewhere_is_named(look: Any) -> None:
    files = {
        "sound.yaml": (HERE / "sound.yaml")
        .read_text()
        .replace("configMap: {name: settings,", "configMap: {name: a,")
    }
    assert [id.partition("/")[0] for id in failed(await look(files))] == ["config-map-exists"]
    assert failed(await look(files, external=["ConfigMap/a"])) == []


def test_every_family_can_be_left_out() -> None:
    assert {policy.rule.family for policy in POLICIES} == set(get_args(Family))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"version": "1.12"}, "1.12 is not known; write a version from 1.25 to"),
        ({"files": []}, "name at least one file"),
        ({"external": ["tls"]}, "write its kind and name"),
        ({"rules": [{"id": "replicas", "cel": "true", "message": "m"}]}, "another rule has the id"),
        (
            {"rules": [{"id": "a", "cel": "quantity('1') > 1", "message": "m"}]},
            "quantity is of Kubernetes' own",
        ),
        (
            {"rules": [{"id": "a", "cel": "oldObject.a == 1", "message": "m"}]},
            "oldObject is of Kubernetes' own",
        ),
        ({"rules": [{"id": "a", "cel": "1 +", "message": "m"}]}, "Failed to parse expression '1 +'"),
        ({"lower": {"repliicas": {"to": "info", "because": "b"}}}, "repliicas"),
    ],
)
def test_what_makes_no_sense_is_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        KubernetesParams.model_validate({"files": "*.yaml", **params})
    assert message in str(raised.value)


@pytest.mark.parametrize("cel", ["object.spec.split == 'url(' && object.url == 1", "has(object.params)"])
def test_fields_and_texts_of_these_names_are_no_functions(cel: str) -> None:
    KubernetesParams.model_validate({"files": "a", "rules": [{"id": "a", "cel": cel, "message": "m"}]})


def test_a_patch_version_is_its_minor_one() -> None:
    assert KubernetesParams.model_validate({"files": "a", "version": "v1.33.2"}).version == "1.33"


OWN = {"id": "team", "message": "nobody owns it"}


@pytest.mark.parametrize(
    ("cel", "told"),
    [
        ("has(object.metadata.labels) && has(object.metadata.labels.team)", "nobody owns it: false"),
        ("object.metadata.labels.team == 'a'", "nobody owns it: KeyError"),
        ("object.metadata.name", "nobody owns it: no boolean: str"),
        ("nothing(object)", "nobody owns it: RuntimeError"),
        ("object.metadata.name == 'a'", ""),
    ],
)
async def test_a_rule_of_the_plan_that_is_not_true_is_a_finding(look: Any, cel: str, told: str) -> None:
    seen = await look({"a.yaml": CONFIG.replace("NAME", "a")}, rules=[{**OWN, "cel": cel}])
    messages = [case.message for case in seen.cases if case.tags == ("team",)]
    if told:
        assert failed(seen) == ["team/a.yaml#ConfigMap/a"]
        assert messages[0].startswith(told)
    else:
        assert messages == ["1 object looked at, nothing found"]


async def test_a_rule_of_the_plan_has_its_severity_and_its_kinds(look: Any) -> None:
    own = {**OWN, "cel": "false", "severity": "warning"}
    files = {"a.yaml": CONFIG.replace("NAME", "a")}
    assert number(await look(files, rules=[{**own, "kinds": "ConfigMap"}]), "findings_warning") == 1
    assert number(await look(files, rules=[{**own, "kinds": "Secret"}]), "findings_warning") == 0


async def test_findings_of_a_rule_are_listed_up_to_a_limit_and_the_report_says_so(
    look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "MOST", 2)
    files = {f"{name}.yaml": CONFIG.replace("NAME", name) for name in "abc"}
    seen = await look(files, rules=[{**OWN, "cel": "false"}])
    assert len(failed(seen)) == 2
    assert "rule team finds more than 2 things; the first 2 are listed" in seen.notes


async def test_names_of_any_length_are_cut(look: Any) -> None:
    long = "x" * 100_000
    text = f"apiVersion: v1\nkind: {long}\nmetadata: {{name: {long}}}\n---\n{long}: 1\n"
    seen = await look({"a.yaml": text})
    assert len(failed(seen)) == 3
    assert max(len(case.id) + len(case.message) for case in seen.cases) < 2_500


def test_the_table_is_small() -> None:
    assert TABLE.stat().st_size < 150_000


KUSTOMIZED = {
    "base/kustomization.yaml": "resources: [web.yaml]\nnamespace: shop\n",
    "base/web.yaml": CONFIG.replace("NAME", "web"),
}


@pytest.mark.skipif(not (shutil.which("kubectl") or shutil.which("kustomize")), reason="needs Kustomize")
async def test_what_kustomize_makes_is_looked_at(look: Any) -> None:
    seen = await look(
        KUSTOMIZED, kustomize="base", rules=[{**OWN, "cel": "object.metadata.namespace == 'a'"}]
    )
    assert failed(seen) == ["team/base#ConfigMap/shop/web"]
    assert [note for note in seen.notes if "base is what ku" in note]
    assert number(seen, "objects") == 1


async def test_what_is_not_installed_is_not_verified(look: Any) -> None:
    seen = await look(KUSTOMIZED, {"PATH": "/nonexistent"}, kustomize="base", helm=[{"chart": "charts/shop"}])
    assert {case.id: case.status for case in seen.cases if case.status is not PASSED} == {
        "base": LOST,
        "charts/shop": LOST,
    }
    assert all("is not installed" in case.message for case in seen.cases if case.status is LOST)


@pytest.mark.skipif(not (shutil.which("kubectl") or shutil.which("kustomize")), reason="needs Kustomize")
async def test_what_kustomize_cannot_make_is_not_verified(look: Any) -> None:
    seen = await look({"base/kustomization.yaml": "resources: [nowhere.yaml]\n"}, kustomize="base")
    (case,) = [case for case in seen.cases if case.status is LOST]
    assert "nowhere.yaml" in case.message


@pytest.mark.skipif(not (shutil.which("kubectl") or shutil.which("kustomize")), reason="needs Kustomize")
async def test_a_folder_that_makes_nothing_is_not_verified(look: Any) -> None:
    empty = {"empty/kustomization.yaml": "resources: []\ngeneratorOptions: {labels: {a: b}}\n"}
    seen = await look({**KUSTOMIZED, **empty}, kustomize=["base", "empty"])
    (case,) = [case for case in seen.cases if case.status is LOST]
    assert case.id == "empty"


HELM = """#!/bin/sh
case "$1" in
version) echo 'v3.16.1' ;;
template) echo 'apiVersion: v1'; echo 'kind: ConfigMap'; echo "metadata: {name: $2}"
echo "data: {args: '$*'}" ;;
esac
"""


CHART = {
    "charts/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
    "charts/shop/values.yaml": "team: none\n",
    "charts/shop/templates/a.yaml": CONFIG.replace("NAME", "{{ .Release.Name }}")
    + "data: {team: {{ .Values.team }}}\n",
    "prod.yaml": "team: shop\n",
}


@pytest.mark.skipif(not shutil.which("helm"), reason="needs Helm")
async def test_helm_itself_renders_a_chart(look: Any) -> None:
    own = {**OWN, "cel": "object.metadata.name == 'web' && object.data.team == 'shop'"}
    seen = await look(
        CHART, helm=[{"chart": "charts/shop", "values": "prod.yaml", "release": "web"}], rules=[own]
    )
    assert failed(seen) == []
    assert number(seen, "objects") == 1


async def test_helm_renders_a_chart_with_the_values_of_the_plan(look: Any, tmp_path: Path) -> None:
    """By a program of that name that shows what it is asked for."""
    program = tmp_path / "bin" / "helm"
    program.parent.mkdir()
    program.write_text(HELM)
    program.chmod(0o755)
    chart = {"chart": "charts/shop", "values": ["a.yaml", "b.yaml"], "release": "shop", "namespace": "prod"}
    options = "--namespace prod --include-crds --skip-tests"
    wanted = f"template shop charts/shop {options} --values a.yaml --values b.yaml"
    seen = await look(
        environment={"PATH": f"{program.parent}:{os.environ['PATH']}"},
        helm=[chart],
        rules=[{**OWN, "cel": f"object.data.args == '{wanted}'"}],
    )
    assert failed(seen) == []
    assert number(seen, "objects") == 1
