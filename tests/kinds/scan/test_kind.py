"""`kind: scan`: reports of earlier jobs and of commands, and presets run with the real scanners."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.kinds.scan.kind import ScanKind
from phasegate.kinds.scan.params import ScanParams
from phasegate.model.measures import Number
from phasegate.model.observation import CaseStatus, Observation
from phasegate.targets.processes.local import LocalProcesses
from tests.telling import in_english, raises
from tests.worlds import TestWorld, world_at

PASSED, FAILED, LOST = CaseStatus.PASSED, CaseStatus.FAILED, CaseStatus.LOST
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TestWorld]:
    processes = LocalProcesses(dict(os.environ), grace=1.0)
    async with world_at("http://127.0.0.1:9", tmp_path, processes=processes) as world:
        yield world


async def scan(world: TestWorld, **params: Any) -> Observation:
    return in_english(await ScanKind().observe(ScanParams.model_validate(params), world))


def statuses(seen: Observation) -> dict[str, CaseStatus]:
    return {case.id: case.status for case in seen.cases}


def messages(seen: Observation) -> dict[str, str]:
    return {case.id: str(case.message) for case in seen.cases}


def errors(seen: Observation) -> tuple[float | None, bool]:
    measure = seen.measures["findings_error"]
    assert isinstance(measure, Number)
    return measure.value, measure.partial


def sarif(*levels: str, ended: datetime | None = None, **run: Any) -> str:
    driver = {"name": run.pop("name", "trivy"), "version": run.pop("version", "0.70.1")}
    results = [
        {"ruleId": f"R{n}", "level": level, "message": {"text": "wrong"}} for n, level in enumerate(levels)
    ]
    when = ended or datetime.now(UTC)
    invocation = {"executionSuccessful": True, "endTimeUtc": when.isoformat()}
    one = {"tool": {"driver": driver}, "results": results, "invocations": [invocation], **run}
    return json.dumps({"version": "2.1.0", "runs": [one]})


def write(world: TestWorld, name: str, content: str) -> None:
    (world.root / name).parent.mkdir(parents=True, exist_ok=True)
    (world.root / name).write_text(content, encoding="utf-8")


async def test_errors_of_a_report_are_counted_and_warnings_noted(world: TestWorld) -> None:
    write(world, "out/a.sarif", sarif("error", "warning", "note"))
    seen = await scan(world, results="out/*.sarif")
    assert errors(seen) == (1, False)
    assert statuses(seen) == {"trivy.R0": FAILED, "trivy.R1": PASSED, "trivy.R2": PASSED, "trivy": PASSED}
    assert seen.notes == ("1 warning and 1 for information: trivy.R1, trivy.R2",)


async def test_a_report_without_findings_is_one_case_that_names_the_tool(world: TestWorld) -> None:
    write(world, "a.sarif", sarif())
    assert messages(await scan(world, results="a.sarif")) == {"trivy": "1 report looked at by trivy 0.70.1"}


async def test_no_report_is_an_error(world: TestWorld) -> None:
    with raises(ObservationError, match="no results file matches"):
        await scan(world, results="out/*.sarif")


async def test_an_old_report_says_nothing_of_now(world: TestWorld) -> None:
    write(world, "a.sarif", sarif(ended=datetime.now(UTC) - timedelta(hours=30)))
    seen = await scan(world, results="a.sarif")
    assert errors(seen) == (0, True)
    assert "1d 6h" in messages(seen)["a.sarif"] or "30h" in messages(seen)["a.sarif"]
    assert errors(await scan(world, results="a.sarif", not_older_than="40h")) == (0, False)


async def test_a_file_without_a_date_inside_is_as_old_as_the_file(world: TestWorld) -> None:
    write(world, "a.sarif", sarif(invocations=[]))
    assert errors(await scan(world, results="a.sarif")) == (0, False)
    os.utime(world.root / "a.sarif", (0, 0))
    assert errors(await scan(world, results="a.sarif")) == (0, True)


async def test_a_report_from_the_future_has_no_age(world: TestWorld) -> None:
    future = datetime.now(UTC) + timedelta(hours=1)
    write(world, "a.sarif", sarif(invocations=[]))
    os.utime(world.root / "a.sarif", (future.timestamp(), future.timestamp()))
    assert "nobody can say how old" in messages(await scan(world, results="a.sarif"))["a.sarif"]


@pytest.mark.parametrize(
    ("revision", "asked", "why"),
    [
        (COMMIT, COMMIT, None),
        (COMMIT, COMMIT[:8], None),
        (COMMIT[:7].upper(), COMMIT, None),
        (COMMIT, COMMIT[:6], "is for commit 0123456789ab, not 012345"),
        ("f" * 40, COMMIT, "is for commit ffffffffffff, not 0123456789ab"),
        (None, COMMIT, "does not say for which commit it is"),
    ],
)
async def test_a_report_must_be_for_the_commit(
    world: TestWorld, revision: str | None, asked: str, why: str | None
) -> None:
    provenance = {"versionControlProvenance": [{"revisionId": revision}]} if revision else {}
    write(world, "a.sarif", sarif(**provenance))
    seen = await scan(world, results="a.sarif", commit=asked)
    assert errors(seen) == (0, why is not None)
    assert why is None or why in messages(seen)["a.sarif"]


@pytest.mark.parametrize(
    ("least", "why"),
    [
        ("0.70", None),
        ("0.70.1", None),
        ("0.70.1.0", None),
        ("0.71", "trivy is version 0.70.1; at least 0.71 is required"),
        ("1", "trivy is version 0.70.1; at least 1 is required"),
    ],
)
async def test_a_tool_must_have_a_version(world: TestWorld, least: str, why: str | None) -> None:
    write(world, "a.sarif", sarif())
    seen = await scan(world, results="a.sarif", tools={"Trivy": least})
    assert errors(seen) == (0, why is not None)
    assert why is None or why.lower() in messages(seen)["Trivy"].lower()


async def test_a_tool_that_did_not_report_is_not_verified(world: TestWorld) -> None:
    write(world, "a.sarif", sarif())
    seen = await scan(world, results="a.sarif", tools={"grype": "0"})
    assert messages(seen)["grype"] == "not verified: no report is of grype; there are those of trivy"


async def test_files_must_have_been_looked_at(world: TestWorld) -> None:
    write(world, "src/a.py", "")
    write(world, "src/b.py", "")
    write(world, "a.sarif", sarif(artifacts=[{"location": {"uri": "src/a.py"}}]))
    seen = await scan(world, results="a.sarif", files="src/*.py")
    assert messages(seen)["file/src/b.py"] == "not verified: no scanner says that it looked at src/b.py"
    assert errors(seen) == (0, True)
    write(world, "a.sarif", sarif())
    silent = await scan(world, results="a.sarif", files="src/*.py")
    assert messages(silent)["trivy/files"] == "not verified: trivy does not say which files it looked at"


async def test_a_file_that_cannot_be_looked_at_is_not_verified(world: TestWorld) -> None:
    write(world, "src/a.py", "")
    (world.root / "src/b.py").symlink_to("/etc/hostname")
    write(world, "a.sarif", sarif(artifacts=[{"location": {"uri": "src/a.py"}}]))
    assert "file~1" in messages(await scan(world, results="a.sarif", files="src/*.py"))


async def test_a_command_reports_on_its_output_whatever_it_returns(world: TestWorld) -> None:
    write(world, "scanner.py", f"import sys; print({sarif('error')!r}); sys.exit(5)")
    seen = await scan(world, command=[sys.executable, "scanner.py"])
    assert errors(seen) == (1, False)


async def test_a_command_that_reports_nothing_is_an_error(world: TestWorld) -> None:
    with raises(ObservationError, match="is not a report: it is empty"):
        await scan(world, command=[sys.executable, "-c", "pass"])


async def test_a_report_that_the_command_did_not_write_is_old(world: TestWorld) -> None:
    write(world, "a.sarif", sarif())
    with raises(ObservationError, match=r"a\.sarif"):
        await scan(world, command=[sys.executable, "-c", "pass"], results="a.sarif")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "name exactly one of preset, command and results"),
        ({"preset": "bandit", "command": ["x"]}, "name exactly one of preset, command and results"),
        ({"preset": "bandit", "format": "sarif"}, "format goes with command or results"),
        ({"results": "a", "paths": "src"}, "paths goes with preset"),
        ({"command": ["x"], "not_older_than": "1h"}, "not_older_than is about results"),
        ({"preset": "semgrep"}, "semgrep comes without rules"),
        ({"preset": "bandit", "config": "x"}, "config goes with preset: semgrep"),
        ({"preset": "bandit", "history": True}, "history goes with preset: gitleaks"),
        ({"preset": "gitleaks", "paths": ["a", "b"]}, "gitleaks looks at one path at a time"),
        ({"preset": "bandit", "paths": "--exit-zero"}, "is an option"),
        ({"results": "a", "tools": {"x": "latest"}}, "'latest' is not a version"),
        (
            {"results": "a", "lower": {"nothing": {"to": "info", "because": "x"}}},
            "there is no rule 'nothing'",
        ),
        ({"results": "a", "lower": {"trivy.R1": {"to": "info", "because": " "}}}, "say why"),
    ],
)
def test_parameters_that_do_not_fit_together(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ScanParams.model_validate(params)


async def test_a_rule_of_a_tool_is_lowered_with_a_reason(world: TestWorld) -> None:
    write(world, "a.sarif", sarif("error", "error"))
    reason = {"to": "warning", "because": "no fix yet"}
    seen = await scan(world, results="a.sarif", lower={"trivy.R0": reason})
    assert errors(seen) == (1, False)
    assert "the plan makes rule trivy.R0 warning: no fix yet" in seen.notes


async def test_a_preset_without_its_program_is_not_verified(world: TestWorld) -> None:
    world.environment = {"PATH": ""}
    seen = await scan(world, preset="npm-audit")
    assert errors(seen) == (0, True)
    assert messages(seen)["npm-audit"].startswith("not verified: npm is not installed; install")


@pytest.mark.slow
async def test_bandit_finds_ignores_comments_and_names_what_it_could_not_parse(world: TestWorld) -> None:
    write(world, "src/a.py", "import subprocess\nsubprocess.call('x', shell=True)  # nosec\n")
    write(world, "src/bad.py", "def broken(:\n")
    write(world, ".bandit", "[bandit]\nskips: B602,B404,B607\n")
    seen = await scan(world, preset="bandit", paths="src")
    assert statuses(seen)["bandit.B602/src/a.py"] is PASSED  # low, so for information
    assert statuses(seen)["bandit/src/bad.py"] is LOST
    assert any(note.startswith(".bandit would configure bandit and is not used") for note in seen.notes)
    quiet = await scan(world, preset="bandit", paths="src", use_repository_config=True)
    assert "bandit.B602/src/a.py" not in statuses(quiet)
    assert any(note.startswith("bandit is configured by the repository") for note in quiet.notes)


def _key() -> str:
    return "AKIA" + "Z7QW3ERT5YUI2OPA"


@pytest.mark.slow
async def test_gitleaks_is_not_switched_off_by_the_repository(world: TestWorld) -> None:
    write(world, "conf/app.env", f"AWS_ACCESS_KEY_ID={_key()}\n")
    write(world, ".gitleaks.toml", "[allowlist]\npaths = ['.*']\n")
    seen = await scan(world, preset="gitleaks", paths="conf")
    assert statuses(seen)["gitleaks.aws-access-token/conf/app.env"] is FAILED
    assert not any(_key() in text for text in messages(seen).values())
    assert ".gitleaks.toml would configure gitleaks and is not used" in seen.notes[0]


@pytest.mark.slow
async def test_gitleaks_of_a_folder_that_is_not_there_looked_at_nothing(world: TestWorld) -> None:
    seen = await scan(world, preset="gitleaks", paths="nowhere")
    assert messages(seen) == {"gitleaks": "not verified: gitleaks looked at nothing"}


def _git(root: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@example.invalid", *words], cwd=root, check=True
    )


@pytest.mark.slow
async def test_gitleaks_finds_what_history_still_holds(world: TestWorld) -> None:
    _git(world.root, "init", "-q")
    write(world, "app.env", f"AWS_ACCESS_KEY_ID={_key()}\n")
    _git(world.root, "add", "app.env")
    _git(world.root, "commit", "-qm", "one")
    write(world, "app.env", "nothing\n")
    _git(world.root, "commit", "-qam", "two")
    assert errors(await scan(world, preset="gitleaks"))[0] == 0
    seen = await scan(world, preset="gitleaks", history=True)
    assert errors(seen) == (1, False)
    (world.root / ".git" / "shallow").write_text("")
    shallow = await scan(world, preset="gitleaks", history=True)
    assert "the clone is shallow" in messages(shallow)["gitleaks"]


class _Osv(BaseHTTPRequestHandler):
    """Answers as OSV does: flask 0.12 has one vulnerability, nothing else has any."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = asked["package"]["name"] == "flask"
        vulnerability = {
            "id": "PYSEC-2018-66",
            "summary": "memory",
            "affected": [
                {
                    "package": {"name": "flask", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0.12.3"}]}],
                }
            ],
            "modified": "2026-01-01T00:00:00Z",
        }
        body = json.dumps({"vulns": [vulnerability]} if known else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def osv() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Osv)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
async def test_pip_audit_with_data_finds_and_passes(world: TestWorld, osv: str) -> None:
    service = ["--no-deps", "--disable-pip", "--vulnerability-service", "osv", "--osv-url", osv]
    write(world, "requirements.txt", "flask==0.12\n")
    seen = await scan(world, preset="pip-audit", arguments=service)
    assert statuses(seen)["pip-audit.PYSEC-2018-66#flask@0.12"] is FAILED
    write(world, "requirements.txt", "idna==3.10\n")
    clean = await scan(world, preset="pip-audit", arguments=service)
    assert errors(clean) == (0, False)
    assert messages(clean)["pip-audit"].startswith("1 package looked at by pip-audit")


@pytest.mark.slow
async def test_pip_audit_without_data_is_not_verified(world: TestWorld) -> None:
    nowhere = [
        "--no-deps",
        "--disable-pip",
        "--vulnerability-service",
        "osv",
        "--osv-url",
        "http://127.0.0.1:9/",
    ]
    write(world, "requirements.txt", "flask==0.12\n")
    seen = await scan(world, preset="pip-audit", arguments=nowhere)
    assert errors(seen) == (0, True)
    assert messages(seen)["pip-audit"].startswith("not verified: pip-audit gave no report")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
async def test_npm_without_advisories_is_not_verified(world: TestWorld) -> None:
    write(world, "app/package.json", '{"name": "x", "version": "1.0.0"}')
    write(world, "app/.npmrc", "registry=http://127.0.0.1:9/\nfetch-retries=0\n")
    seen = await scan(world, preset="npm-audit", paths="app")
    assert errors(seen) == (0, True)
