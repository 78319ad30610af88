"""Secrets that are not set, wherever a plan uses one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.base.errors import PlanError
from phasegate.kinds import KINDS
from phasegate.plan.loader import LoadedPlan, load
from phasegate.plan.reading.lacking import missing_in, variables_of_compose
from phasegate.render.sentences import sentence
from tests.examples import examples

FILES = {
    "suite.yaml": """\
        suite: 1
        flows:
          - id: f
            requests: [{id: r, url: "http://b:1/", headers: {A: "Bearer ${env.NAME}"}, expect: {status: 200}}]
        """,
    "at-locked.yaml": """\
        suite: 1
        flows: [{id: f, requests: [{id: r, url: "${target.locked.url}/", expect: {status: 200}}]}]
        """,
    "reads.js": "export default function () { return __ENV.NAME }\n",
    "run.sh": 'curl -H "Authorization: $NAME" http://b:1\n',
    "plain.js": "export default function () { return 'NAME' }\n",
    "included.yaml": """\
        steps: [{id: included, checks: [{id: inner, kind: health, url: "http://b:1/${env.NAME}"}]}]
        """,
}
TARGET = """\
target:
  default: open
  processes:
    open: {command: [serve, "${self.port}"], ready: {tcp: true}}
    closed: {command: [serve, "${self.port}"], env: {T: "${env.NAME}"}, ready: {tcp: true}}
    shown: {command: [serve, "${self.port}"], ready: {url: "/?key=${env.NAME}"}}
    behind: {command: [serve, "${target.closed.url}"], ready: {tcp: true}}
  external:
    locked: {url: "http://locked:1", headers: {A: "${env.NAME}"}}
    hidden: {url: "${env.NAME}"}
    signed: {url: "https://signed", tls: {ca: "${env.NAME}"}}
    plain: {url: "http://plain:1"}
"""


@dataclass(frozen=True)
class Place:
    """A check by its parameters, and whether it needs the secret."""

    written: str
    needs: bool


PLACES = (
    Place('kind: health, url: "/${env.NAME}"', True),
    Place('kind: health, url: "${env.NAME}/x"', True),
    Place('kind: health, url: /, headers: {A: "Bearer ${env.NAME}"}', True),
    Place('kind: health, url: /, expect: {body: {contains: "${env.NAME}"}}', True),
    Place('kind: health, url: "http://b:1/${each}", each: {one: "${env.NAME}", two: x}', True),
    Place('kind: health, url: "${target.closed.url}/"', True),
    Place('kind: health, url: "${target.shown.url}/"', True),
    Place('kind: health, url: "${target.behind.url}/"', True),
    Place('kind: health, url: "${target.locked.url}/"', True),
    Place('kind: health, url: "http://locked:1/x"', True),
    Place('kind: health, url: "${target.hidden.url}/"', True),
    Place('kind: health, url: "${target.signed.url}/"', True),
    Place("kind: api, suite: suite.yaml", True),
    Place("kind: api, suite: at-locked.yaml", True),
    Place('kind: command, command: [login, "${env.NAME}"]', True),
    Place('kind: command, command: [sh, -c, "login $NAME"]', True),
    Place("kind: command, command: [sh, -c, 'login $${NAME}']", True),
    Place('kind: command, command: [sh, -c, "curl $PHASEGATE_TARGET_CLOSED_URL"]', True),
    Place('kind: command, command: [login], env: {TOKEN: "${env.NAME}"}', True),
    Place('kind: load, rate: 1/s, duration: 1s, url: /, headers: {A: "${env.NAME}"}', True),
    Place("kind: load, engine: k6, script: reads.js", True),
    Place('kind: load, engine: k6, script: plain.js, env: {KEY: "${env.NAME}"}', True),
    Place("kind: command, command: [bash, run.sh]", True),
    Place("kind: command, command: [./run.sh]", True),
    Place("kind: command, command: [bash, run.sh], env: {NAME: other}", False),
    Place("kind: command, command: [bash, gone.sh]", False),
    Place("kind: health, url: /", False),
    Place('kind: health, url: "${target.plain.url}/"', False),
    Place('kind: health, url: "http://b:1/NAME"', False),
    Place("kind: command, command: [echo, NAME]", False),
    Place("kind: command, command: [sh, -c, 'login $NAMELESS']", False),
    Place("kind: command, command: [sh, -c, 'login $NAME'], env: {NAME: other}", False),
    Place("kind: load, engine: k6, script: plain.js", False),
    Place("kind: load, engine: k6, script: reads.js, env: {NAME: other}", False),
    Place("kind: load, rate: 1/s, duration: 1s, url: /", False),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lacking")


def loaded(
    folder: Path, body: str, name: str = "API_TOKEN", env: Mapping[str, str] | None = None
) -> LoadedPlan:
    for file, text in FILES.items():
        (folder / file).write_text(dedent(text).replace("NAME", name))
    head = f"phasegate: 1\nphase: p\ntitle: t\nsecrets: [{name}]\n"
    (folder / "plan.yaml").write_text(head + body.replace("NAME", name))
    return load(folder / "plan.yaml", kinds=KINDS, env=env or {})


def step(*checks: str, more: str = "", id: str = "one") -> str:
    lines = "".join(f"      - {{id: {id}{number}, {text}}}\n" for number, text in enumerate(checks))
    return f"  - id: {id}\n{more}    checks:\n{lines}"


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(st.sampled_from(PLACES), min_size=1, max_size=6, unique=True).filter(
        lambda places: any(place.needs for place in places)
    ),
    st.booleans(),
    st.sampled_from(["API_TOKEN", "T1", "password"]),
)
def test_what_uses_a_secret_that_is_not_set_misses_it_and_nothing_else_does(
    folder: Path, places: list[Place], empty: bool, name: str
) -> None:
    body = TARGET + "steps:\n" + step(*(place.written for place in places))
    plan = loaded(folder, body, name, dict.fromkeys([name] if empty else [], ""))
    missing = [bool(check.missing_secrets) for check in plan.plan.checks()]
    assert missing == [place.needs for place in places]
    (warning,) = (one for one in plan.warnings if "is not set" in sentence(one.message))
    named = [check.id for check in plan.plan.checks() if check.missing_secrets]
    assert f"the secret {name} is not set; what needs it is not run: {', '.join(named[:5])}" in sentence(
        warning.message
    )


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.written)
def test_each_place_by_itself(folder: Path, place: Place) -> None:
    plan = loaded(folder, TARGET + "steps:\n" + step(place.written)).plan
    assert plan.check("one0").missing_secrets == (("API_TOKEN",) if place.needs else ())


REST = {
    "setup of the target": ('  setup: [[login, "${env.NAME}"]]\n', ""),
    "setup of the step": ("", '    setup: [[login, "${env.NAME}"]]\n'),
    "teardown of the step": ("", '    teardown: [{command: [logout], env: {T: "${env.NAME}"}}]\n'),
    "setup of the step that talks to the entry": ("", '    setup: [[login, "${target.locked.url}"]]\n'),
    "setup of the step that reads it": ("", "    setup: [[sh, -c, 'login $NAME']]\n"),
}


@pytest.mark.parametrize("place", REST)
def test_what_is_around_checks_is_needed_by_all_of_them(folder: Path, place: str) -> None:
    of_target, of_step = REST[place]
    body = TARGET + of_target + "steps:\n" + step("kind: health, url: /", more=of_step)
    plan = loaded(folder, body + step("kind: health, url: /", id="two")).plan
    assert plan.check("one0").missing_secrets == ("API_TOKEN",)
    assert bool(plan.check("two0").missing_secrets) is bool(of_target)


def test_a_fault_that_cannot_be_watched_is_not_done(folder: Path) -> None:
    fault = (
        '{id: gone, stop: open, at: 1s, for: 1s, during: one0, probe: {url: /, headers: {A: "${env.NAME}"}}}'
    )
    slow = "kind: health, url: /, probes: 50, every: 100ms"
    plan = loaded(folder, TARGET + "steps:\n" + step(slow, slow, more=f"    faults: [{fault}]\n")).plan
    assert plan.check("one0").missing_secrets == ("API_TOKEN",)
    assert plan.check("one1").missing_secrets == ()


def test_included_files_are_part_of_the_plan(folder: Path) -> None:
    plan = loaded(
        folder, "include: [included.yaml]\nsteps:\n" + step("kind: health, url: 'http://b:1/'")
    ).plan
    assert plan.check("inner").missing_secrets == ("API_TOKEN",)
    assert plan.check("one0").missing_secrets == ()


def test_only_the_environment_that_was_chosen_is_warned_of(folder: Path) -> None:
    body = (
        "environments: {prod: {target: {external: {b: {url: 'http://b:1', headers: {A: '${env.NAME}'}}}}}}\n"
    )
    body += "target: {external: {b: {url: 'http://b:1'}}}\nsteps:\n" + step("kind: health, url: /")
    assert [sentence(one.message) for one in loaded(folder, body).warnings] == [
        "the secret API_TOKEN is not set; nothing needs it"
    ]
    chosen = load(folder / "plan.yaml", kinds=KINDS, env={}, environment="prod")
    assert chosen.plan.check("one0").missing_secrets == ("API_TOKEN",)


def test_a_variable_never_holds_a_secret(folder: Path) -> None:
    with pytest.raises(PlanError, match="1 problem"):
        loaded(folder, "variables: {a: '${env.NAME}'}\nsteps:\n" + step("kind: health, url: 'http://${a}/'"))


def test_a_target_comes_up_without_what_lacks_a_secret(folder: Path) -> None:
    plan = loaded(folder, TARGET + "steps:\n" + step("kind: health, url: /")).plan
    assert [entry.id for entry in plan.target.without_lacking()] == ["open", "plain"]


@pytest.mark.parametrize(
    ("service", "rest", "taken"),
    [
        ({"environment": {"A": "${T}"}}, {}, True),
        ({"environment": {"A": "$T"}}, {}, True),
        ({"environment": {"A": "${T:?say it}"}}, {}, True),
        ({"command": ["serve", "--token=$T"]}, {}, True),
        ({"environment": ["T"]}, {}, True),
        ({"environment": {"T": None}}, {}, True),
        ({}, {"secrets": {"s": {"environment": "T"}}}, True),
        ({"environment": {"A": "$$$T"}}, {}, True),
        ({"environment": {"A": "${T:-none}"}}, {}, False),
        ({"environment": {"A": "${T-none}"}}, {}, False),
        ({"environment": {"A": "$$T"}}, {}, False),
        ({"environment": {"T": "x"}}, {}, False),
        ({"environment": ["T=x"]}, {}, False),
        ({"environment": {"A": "$TT"}}, {}, False),
    ],
)
def test_what_compose_takes_from_the_environment(
    service: Mapping[str, object], rest: Mapping[str, object], taken: bool
) -> None:
    assert variables_of_compose([service], rest, ["T", "U"]) == ({"T"} if taken else set())


@pytest.mark.parametrize("given", ["", "env", "env_file", ".env"])
def test_a_stack_whose_file_takes_a_secret_is_not_brought_up(tmp_path: Path, given: str) -> None:
    text = "services: {web: {image: i, ports: ['80'], environment: {A: '${API_TOKEN}'}}}\n"
    (tmp_path / "compose.yaml").write_text(text)
    (tmp_path / ".env").write_text("API_TOKEN=x\n" if given == ".env" else "API_TOKEN=\n")
    (tmp_path / "own.env").write_text("export API_TOKEN=x\n")
    more = {"env": ", env: {API_TOKEN: x}", "env_file": ", env_file: own.env"}.get(given, "")
    body = f"target: {{compose: {{file: compose.yaml{more}}}}}\nsteps:\n"
    plan = loaded(tmp_path, body + step("kind: health, url: '${target.web.url}/'")).plan
    assert plan.check("one0").missing_secrets == (() if given else ("API_TOKEN",))


@pytest.mark.parametrize(
    "line",
    [
        "echo $T",
        'echo "${T}"',
        "__ENV.T",
        "__ENV['T']",
        "process.env.T",
        'os.environ["T"]',
        'os.environ.get("T")',
        "os.getenv('T')",
        "ENV['T']",
        "%T%",
    ],
)
def test_programs_read_their_environment_in_many_ways(line: str) -> None:
    assert missing_in([line], {"T": 0, "U": 1}) == ("T",)
    assert missing_in([line.replace("T", "TT")], {"T": 0}) == ()
