"""`phasegate init compose.yaml`: a plan for a stack that has no problem, whatever the file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from phasegate.kinds import KINDS
from phasegate.plan.asked.services import ComposeStack
from phasegate.plan.loader import LoadedPlan, load
from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.skipif(
    not {"containers", "resources"} <= set(KINDS), reason="the kinds of a starter plan are not all there"
)
STACK = """\
services:
  web:
    image: web
    ports: ["8080:80"]
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost/healthz?full=1"]}
  api:
    image: api
    ports: [9000, "9443:9443", "53:53/udp"]
    healthcheck: {test: "wget -qO- http://api:9443/ready || exit 1"}
  db: {image: db, ports: ["5432:5432"], healthcheck: {test: [CMD, pg_isready, -h, localhost]}}
  quiet: {image: quiet, expose: [7000]}
  migrate: {image: migrate, depends_on: {db: {condition: service_healthy}}}
  worker: {image: w, depends_on: {migrate: {condition: service_completed_successfully}}}
  Big.One: {image: big, ports: [80]}
  debugger: {image: debugger, ports: [9229], profiles: [debug]}
"""


def written(phasegate: CommandLine, folder: Path, text: str, *flags: str) -> LoadedPlan:
    (folder / "deploy").mkdir(exist_ok=True)
    (folder / "deploy" / "compose.yaml").write_text(text)
    code, out, err = phasegate("init", "deploy/compose.yaml", *flags)
    assert (code, out) == (0, ""), err
    plan = folder / (flags[-1] if flags else "phasegate.yaml")
    assert f"next: phasegate run {plan.relative_to(folder)}" in err
    return load(plan, kinds=KINDS, env={})


def test_the_plan_for_a_stack_has_no_problem_and_asks_what_the_file_tells(
    phasegate: CommandLine, tmp_path: Path
) -> None:
    loaded = written(phasegate, tmp_path, STACK)
    assert loaded.warnings == ()
    plan = loaded.plan
    stack = plan.target.group("compose")
    assert isinstance(stack, ComposeStack)
    assert stack.file == tmp_path / "deploy" / "compose.yaml"
    assert plan.target.default == "web"
    checks = {check.id: check for check in plan.checks()}
    assert list(checks) == ["stack", "web-up", "api-up", "steady", "usage"]
    assert checks["stack"].parts[0].params.expect == 7  # type: ignore[attr-defined]
    assert checks["stack"].parts[0].params.exit_codes == {"migrate": (0,)}  # type: ignore[attr-defined]
    assert checks["web-up"].parts[0].params.url == "/healthz?full=1"  # type: ignore[attr-defined]
    assert checks["api-up"].parts[0].params.url == "http://api:9443/ready"  # type: ignore[attr-defined]
    assert checks["steady"].parts[0].params.url == "/healthz?full=1"  # type: ignore[attr-defined]
    assert (checks["usage"].kind.name, checks["usage"].asked.during) == ("resources", "run")
    text = (tmp_path / "phasegate.yaml").read_text()
    assert "# db publishes PostgreSQL (5432), which health checks do not speak" in text
    assert "# Big.One has a name that is not an id" in text
    assert "# left out, as they need profiles: [...]: debugger" in text


@pytest.mark.parametrize(
    "text",
    [
        "services: {worker: {image: w}}\n",
        "services: {steady: {image: a, ports: [80]}, load: {image: b, ports: [443]}, env: {image: c}}\n",
        "include: [other.yaml]\nservices: {web: {image: w, ports: ['${PORT}:80']}}\n",
        "services: {web: {image: w, ports: ['80:${PORT}'], healthcheck: {test: 'curl $$HOST http://web/$$A'}}}\n",
        "services: {web: {extends: {file: o.yaml, service: w}, ports: [80]}}\n",
    ],
)
def test_the_plan_for_any_stack_has_no_problem(phasegate: CommandLine, tmp_path: Path, text: str) -> None:
    loaded = written(phasegate, tmp_path, text)
    assert loaded.plan.checks()[0].kind.name == "containers"


def test_the_file_is_named_from_where_the_plan_is(phasegate: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    loaded = written(phasegate, tmp_path, STACK, "-o", "plans/first.yaml")
    assert 'file: "../deploy/compose.yaml"' in (tmp_path / "plans" / "first.yaml").read_text()
    assert loaded.plan.target.group("compose") is not None


def test_what_proves_nothing_in_the_file_is_warned_of_and_the_plan_is_written(
    phasegate: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services:\n  web: {image: w, ports: [80], healthcheck: {test: exit 0}, secrets: [key]}\n"
        "secrets:\n  key: {file: key.txt}\n"
    )
    code, _, err = phasegate("init", "compose.yaml")
    assert code == 0
    assert "warning: service 'web' has a healthcheck that cannot fail: `exit 0`" in err
    assert "warning: the file of the secret 'key' is missing: key.txt" in err
    assert (tmp_path / "phasegate.yaml").is_file()


def test_what_is_no_compose_file_is_said_and_nothing_written(phasegate: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("phasegate: 1\n")
    for name, message in (
        ("other.yaml", "the compose file has no 'services'"),
        ("nowhere.yml", "there is no file 'nowhere.yml'"),
    ):
        code, _, err = phasegate("init", name)
        assert code == 2
        assert message in err
    assert not (tmp_path / "phasegate.yaml").exists()
