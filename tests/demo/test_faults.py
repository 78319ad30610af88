"""Each fault that the demo can be told to have is found by the criteria that are for it, and by no other."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from phasegate.demo.deployment import EditError, apply, copy, main
from phasegate.demo.faults import FAULTS, OF_FILES, OF_SERVICE, Edit
from phasegate.model.criterion import Level
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.result import RunResult
from phasegate.pipeline.request import RunRequest
from phasegate.pipeline.run import execute
from phasegate.render.sentences import sentence
from tests.demo.bases import DEPLOY
from tests.demo.conftest import start_refused

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "plans/phase4.yaml"
STEP = (
    *("manifests", "dockerfiles", "rust-dockerfile", "pipelines", "monitoring", "logs", "audit", "contract"),
    *("database", "manuals"),
)
"""Checks of the step that need nothing but the extra `demo`."""
FOUND = {
    "alert-missing": ({"monitoring-config", "slos"}, "monitoring/slo.yaml:9", "from 6h and a shorter one"),
    "alert-unrouted": (
        {"monitoring-config", "routing"},
        "monitoring/rules.yml:55",
        "severity page reach nobody",
    ),
    "dead-runbook": ({"monitoring-config", "alerts"}, "monitoring/rules.yml:99", "RUNBOOK.md#latency"),
    "fake-healthcheck": ({"docker", "docker-healthchecks"}, "controller.Dockerfile:22", "cannot fail"),
    "leaky-errors": (
        {"audit-passes", "leaks"},
        "web-stack-trace#/phasegate-no-such-page",
        "internals of Python",
    ),
    "lost-logs": ({"log-lines"}, "arrival", "did not arrive within 5 s"),
    "no-limits": (
        {"k8s", "k8s-limits"},
        "kubernetes/base/controller.yaml:49",
        "controller has no limit of memory",
    ),
    "no-rollback": ({"pipeline", "pipeline-rollback"}, "pipeline/github.yml:42", "no job rolls back"),
    "old-tls": ({"audit-passes", "tls"}, "TLS 1.0", "the server takes TLS 1.0"),
    "root-image": ({"docker", "docker-not-root"}, "controller.Dockerfile:20", "USER root"),
    "schema-drift": ({"schema"}, "sessions", "indexes are missing: sessions_by_expiry"),
    "ungated-deploy": ({"pipeline", "pipeline-gate"}, "pipeline/github.yml:42", "no test runs before it"),
}
"""By fault: the criteria that are not met, the place of a case that failed, and a piece of what it says."""


@pytest.fixture
def work() -> Iterator[str]:
    """A folder in the repository, as the plan has it, of this test alone."""
    name = f"build/test-{uuid.uuid4().hex}"
    yield name
    shutil.rmtree(ROOT / name, ignore_errors=True)


def run(folder: Path, work: str, fault: str, *checks: str) -> RunResult:
    overrides = {"fault": fault, "work": work}
    request = RunRequest(plan=PLAN, output=folder / "out", checks=checks, overrides=overrides)
    return execute(request, None).result


def of(result: RunResult, verdict: CriterionVerdict, *checks: str) -> set[str]:
    return {
        one.id
        for one in result.criteria
        if one.verdict is verdict and (one.subject in checks or one.subject.partition("/")[0] in checks)
    }


def failures(result: RunResult) -> list[tuple[str, str]]:
    return [
        (f"{case.file}:{case.line}" if case.file else case.id, sentence(case.message))
        for check in result.checks()
        if check.seen is not None
        for case in check.seen.cases
        if case.status == "failed"
    ]


@pytest.mark.slow
def test_without_a_fault_every_criterion_of_the_step_is_met(tmp_path: Path, work: str) -> None:
    result = run(tmp_path, work, "", *STEP)
    judged = [one for one in result.criteria if one.asked.step == "production" and one.level is Level.BLOCK]
    assert {one.id for one in judged if one.verdict is not CriterionVerdict.MET} == set()
    assert len(judged) > 30
    assert failures(result) == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", FOUND)
def test_a_fault_fails_its_own_criteria_and_shows_where_it_is(fault: str, tmp_path: Path, work: str) -> None:
    criteria, place, text = FOUND[fault]
    result = run(tmp_path, work, fault, *STEP)
    assert result.exit_code == 1, sentence(result.reason)
    assert of(result, CriterionVerdict.NOT_MET, *STEP) == criteria
    assert of(result, CriterionVerdict.UNPROVEN, *STEP) == set()
    assert any(where.endswith(place) and text in said for where, said in failures(result)), failures(result)


@pytest.mark.slow
def test_the_incident_of_july_fails_the_suite_and_is_in_the_log(tmp_path: Path, work: str) -> None:
    checks = ("api", "log", "uptime", "database", "logs")
    result = run(tmp_path, work, "app-data", *checks)
    missed = of(result, CriterionVerdict.NOT_MET, *checks)
    assert {"api/functions/initialize.pass_rate", "api/functions/list.pass_rate", "log-errors"} <= missed
    assert {one.partition("/")[0].partition(".")[0] for one in missed} == {"api", "log-errors"}
    assert any("application_data_not_configured" in said or "500" in said for _, said in failures(result))


@pytest.mark.slow
def test_a_drift_of_the_schema_fails_the_suite_on_it_too(tmp_path: Path, work: str) -> None:
    result = run(tmp_path, work, "schema-drift", "api", "database")
    assert of(result, CriterionVerdict.NOT_MET, "api", "database") == {
        "api/schema.pass_rate",
        "api.pass_rate",
        "schema",
    }


def test_every_fault_is_tried() -> None:
    assert {"", "app-data", *FOUND} == set(FAULTS)


@pytest.mark.parametrize("fault", OF_FILES)
def test_a_fault_of_files_changes_one_file_of_the_copy(fault: str, tmp_path: Path) -> None:
    copy(DEPLOY, tmp_path / "copy", fault)
    originals = {path.relative_to(DEPLOY): path.read_bytes() for path in DEPLOY.rglob("*") if path.is_file()}
    copies = {path: (tmp_path / "copy" / path).read_bytes() for path in originals}
    assert [str(path) for path in originals if copies[path] != originals[path]] == [OF_FILES[fault].file]


@pytest.mark.parametrize("fault", ["", *OF_SERVICE])
def test_a_fault_of_the_service_changes_no_file(fault: str, tmp_path: Path) -> None:
    copy(DEPLOY, tmp_path / "copy", fault)
    assert all(
        (tmp_path / "copy" / path.relative_to(DEPLOY)).read_bytes() == path.read_bytes()
        for path in DEPLOY.rglob("*")
        if path.is_file()
    )


def test_an_edit_of_a_text_that_is_not_there_once_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a a b")
    for old, times in (("a", 2), ("c", 0)):
        with pytest.raises(EditError, match=f"expected '{old}' once, found it {times} times"):
            apply(Edit(file="file", old=old), tmp_path)
    assert (tmp_path / "file").read_text() == "a a b"


def test_a_copy_takes_the_place_of_an_earlier_one_and_of_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "copy"
    assert main(["--into", str(target), "--fault", "root-image"]) == 0
    assert "USER root" in (target / "controller.Dockerfile").read_text()
    assert main(["--into", str(target)]) == 0
    assert "USER root" not in (target / "controller.Dockerfile").read_text()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("of somebody")
    assert main(["--into", str(tmp_path / "mine")]) == 1
    assert "is no earlier copy" in capsys.readouterr().err
    assert (tmp_path / "mine/notes.txt").exists()


def test_an_unknown_fault_is_refused_by_what_copies_and_by_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--into", str(tmp_path / "copy"), "--fault", "nope"])
    assert ended.value.code == 2
    assert "invalid choice: 'nope'" in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()
    refused = start_refused(["--port", "0", "--fault", "nope"])
    assert refused.returncode == 2
    assert "invalid choice: 'nope'" in refused.stderr
