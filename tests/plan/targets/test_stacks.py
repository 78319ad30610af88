"""Stacks in containers as a plan has them; what is wrong with one is in `bad/stacks*.yaml`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from textwrap import dedent

import pytest

from phasegate.base.errors import PlanError
from phasegate.kinds import KINDS
from phasegate.plan.asked.entries import Target
from phasegate.plan.asked.services import AttachedStack, ComposeStack
from phasegate.plan.loader import load
from tests.plan.conftest import Load

COMPOSE = """\
services:
  controller: {image: c, ports: ["8080:8080", "9090:9090"], depends_on: [postgres]}
  postgres: {image: p, expose: [5432]}
  nodejs: {image: n}
  Odd.One: {image: o}
  debugger: {image: d, profiles: [debug]}
"""
HEAD = "phasegate: 1\nphase: phase4\ntitle: A phase\n"
STEPS = "steps: [{id: postgres, checks: [{id: controller, kind: probe, url: '%s'}]}]\n"
FILES = {"deploy/compose.yaml": COMPOSE}


def plan(target: str, url: str = "${target.controller.url}/", rest: str = "") -> str:
    lines = dedent(target).strip().splitlines()
    return f"{HEAD}{rest}target:\n" + "".join(f"  {line}\n" for line in lines) + STEPS % url


def compose(target: Target) -> ComposeStack:
    stack = target.group("compose")
    assert isinstance(stack, ComposeStack)
    return stack


def attached(target: Target) -> AttachedStack:
    stack = target.group("containers")
    assert isinstance(stack, AttachedStack)
    return stack


def messages(load_text: Load, text: str, files: dict[str, str] = FILES) -> list[str]:
    with pytest.raises(PlanError) as raised:
        load_text(text, files=files)
    return [f"{Path(str(one.at)).name}: {one.message}" for one in raised.value.problems]


def test_every_service_of_the_file_is_an_entry(load_text: Load, tmp_path: Path) -> None:
    target = load_text(
        plan("default: controller\ncompose: {file: deploy/compose.yaml}"), files=FILES
    ).plan.target
    stack = compose(target)
    assert stack.file == tmp_path / "deploy" / "compose.yaml"
    assert (stack.services, stack.profiles, stack.env_file, stack.project) == ((), (), None, "")
    assert (stack.within, dict(stack.env)) == (120.0, {})
    # A name that is not an id cannot be addressed; a profile that is not chosen brings nothing up.
    assert [entry.id for entry in stack.entries] == ["controller", "postgres", "nodejs"]
    assert tuple(target) == stack.entries
    at = stack.entries[1].at
    assert at is not None
    assert (at.file.endswith("deploy/compose.yaml"), at.line) == (True, 3)


def test_what_is_said_of_stack_and_services_arrives(load_text: Load, tmp_path: Path) -> None:
    target = """\
        default: controller
        compose:
          file: deploy/${where}.yaml
          services:
            controller:
              {port: 8080, headers: {x-v: "${version}"}, tls: {ca: deploy/ca.pem}, protected: true}
            debugger:
            Odd.One: {}
          profiles: ["${profile}"]
          env_file: deploy/.env
          env: {VERSION: "${version}", PLAIN: 3, DOLLAR: "$${x}"}
          project: shop
          within: 3m
    """
    variables = "variables: {where: compose, version: '1.0', profile: more}\n"
    files = {**FILES, "deploy/.env": "A=1\n", "deploy/ca.pem": ""}
    loaded = load_text(plan(target, rest=variables), files=files).plan
    stack = compose(loaded.target)
    assert stack.services == ("controller", "debugger", "Odd.One")
    assert (stack.profiles, stack.project, stack.within) == (("more",), "shop", 180.0)
    assert stack.env == {"VERSION": "1.0", "PLAIN": "3", "DOLLAR": "${x}"}
    assert stack.env_file == tmp_path / "deploy" / ".env"
    entries = {entry.id: entry for entry in stack.entries}
    # A service that is asked for comes up whatever its profile, and with what it depends on.
    assert list(entries) == ["controller", "postgres", "debugger"]
    web = entries["controller"]
    assert (web.port, web.scheme, web.headers, web.protected) == (8080, "https", (("x-v", "1.0"),), True)
    assert web.tls.ca == tmp_path / "deploy" / "ca.pem"
    assert (entries["postgres"].port, entries["postgres"].scheme) == (None, "http")
    named = {Path(file.path).name: file.sha256 for file in loaded.record.files}
    assert named["compose.yaml"] == hashlib.sha256(COMPOSE.encode()).hexdigest()
    assert named[".env"] == hashlib.sha256(b"A=1\n").hexdigest()


def test_addresses_of_services_are_known_by_name_until_they_are_up(load_text: Load) -> None:
    url = "http://${target.postgres.host}:${target.postgres.port.5432}/${target.nodejs.port.3000}"
    loaded = load_text(plan("compose: {file: deploy/compose.yaml}", url), files=FILES).plan
    part = loaded.check("controller").parts[0]
    assert part.params.url == "http://postgres:5432/3000"  # type: ignore[attr-defined]
    values = {
        "target.postgres.host": "10.0.0.2",
        "target.postgres.port.5432": "1",
        "target.nodejs.port.3000": "2",
    }
    assert part.bind(values).url == "http://10.0.0.2:1/2"  # type: ignore[attr-defined]


def test_load_may_go_to_any_port_of_a_service_and_to_nothing_beside(load_text: Load) -> None:
    load = "steps: [{id: a, checks: [{id: l, kind: burst, rate: 1/s, url: '%s'}]}]\n"
    text = f"{HEAD}target: {{compose: {{file: deploy/compose.yaml}}}}\n"
    for url in ("${target.controller.url}/", "http://${target.nodejs.host}:${target.nodejs.port.99}/"):
        assert load_text(text + load % url, files=FILES).plan.check("l")
    assert messages(load_text, text + load % "http://redis:99/") == [
        "plan.yaml:5:63: check 'l': 'http://redis:99/' is not on the target, and load is sent nowhere else"
    ]


def test_secrets_of_a_stack_are_secrets_and_missed_by_every_check(load_text: Load) -> None:
    target = 'compose: {file: deploy/compose.yaml, env: {TOKEN: "${env.TOKEN}"}}'
    text = plan(target, "/", rest="secrets: [TOKEN]\n").replace("compose:", "default: controller\n  compose:")
    without = load_text(text, files=FILES).plan
    assert without.check("controller").missing_secrets == ("TOKEN",)
    assert {entry.missing_secrets for entry in without.target} == {("TOKEN",)}
    there = load_text(text, files=FILES, env={"TOKEN": "0123456789"}).plan
    assert there.check("controller").missing_secrets == ()
    assert compose(there.target).env == {"TOKEN": "0123456789"}
    assert [secret.name for secret in there.secrets] == ["TOKEN"]


def test_containers_that_are_up_are_found_by_label(load_text: Load) -> None:
    target = """\
        containers:
          label: com.docker.compose.project=shop
          services: {controller: {port: 8080, protected: true}}
          allow_faults: true
    """
    loaded = load_text(plan(target, "/")).plan
    stack = attached(loaded.target)
    assert (stack.labels, stack.within, stack.allow_faults) == (
        ("com.docker.compose.project=shop",),
        30.0,
        True,
    )
    assert [(entry.id, entry.port, entry.protected) for entry in stack.entries] == [
        ("controller", 8080, True)
    ]
    assert loaded.target.default == "controller"
    bare = attached(load_text(plan("containers: {label: [a, b=c]}", "http://x/")).plan.target)
    assert (bare.labels, bare.allow_faults, bare.entries) == (("a", "b=c"), False, ())


def test_services_that_a_file_includes_are_taken_to_be_there(load_text: Load) -> None:
    files = {"deploy/compose.yaml": "include: [more.yaml]\n" + COMPOSE}
    target = "default: controller\ncompose: {file: deploy/compose.yaml, services: [controller, mail]}"
    loaded = load_text(plan(target, "${target.redis.url}/${target.mail.port.25}"), files=files).plan
    ids = [entry.id for entry in compose(loaded.target).entries]
    assert ids == ["controller", "postgres", "nodejs", "mail", "redis"]
    assert compose(loaded.target).services == ("controller", "mail")


def test_ids_of_services_are_free_for_steps_and_checks(load_text: Load) -> None:
    loaded = load_text(plan("compose: {file: deploy/compose.yaml}"), files=FILES).plan
    assert {"postgres", "controller"} < {entry.id for entry in loaded.target}
    assert [step.id for step in loaded.steps] == ["postgres"]


def test_commands_and_requirements_say_in_which_service_they_are_meant(load_text: Load) -> None:
    target = """\
        default: controller
        compose: {file: deploy/compose.yaml}
        setup: [{in: Odd.One, command: [ls]}, [make], {in: postgres, command: [ls]}]
    """
    step = "requires: [{in: controller, tools: [jq, curl]}, git], teardown: [{in: nodejs, command: [a]}]"
    text = plan(target).replace("id: postgres,", f"id: postgres, {step},")
    loaded = load_text(text, files=FILES).plan
    assert [(one.inside, one.argv) for one in loaded.target.setup] == [
        ("Odd.One", ("ls",)),
        ("", ("make",)),
        ("postgres", ("ls",)),
    ]
    assert [one.inside for one in loaded.steps[0].teardown] == ["nodejs"]
    inside, here = loaded.check("controller").requirements
    assert (inside.inside, inside.tools, inside.program) == ("controller", ("jq", "curl"), "")
    assert (here.inside, here.tools, here.program) == ("", (), "git")


@pytest.mark.parametrize(
    ("compose_file", "wanted"),
    [
        (None, "plan.yaml:5:19: target.compose: there is no file 'FOLDER/deploy/compose.yaml'"),
        ("services: [\n", "compose.yaml:2:1: a value is missing here"),
        ("web: {image: a}\n", "compose.yaml:1:1: the compose file has no 'services'"),
    ],
)
def test_a_file_that_is_none_is_said_once_and_hides_nothing_else(
    load_text: Load, tmp_path: Path, compose_file: str | None, wanted: str
) -> None:
    wanted = wanted.replace("FOLDER", str(tmp_path))
    files = {} if compose_file is None else {"deploy/compose.yaml": compose_file}
    text = plan("compose: {file: deploy/compose.yaml}", "${target.contrller.url}").replace("probe,", "prob,")
    assert messages(load_text, text, files) == [
        *([wanted] if wanted.startswith("plan") else []),
        "plan.yaml:6:56: check 'controller': unknown kind 'prob'",
        *([wanted] if wanted.startswith("compose") else []),
    ]


def test_environments_replace_and_take_away_stacks(load_text: Load) -> None:
    target = """\
        default: controller
        compose: {file: deploy/compose.yaml, project: one}
    """
    environments = dedent("""\
        environments:
          attached:
            target: {compose: , containers: {label: a=b, services: [controller]}}
          other: {target: {compose: {file: deploy/other.yaml}}}
          local: {target: {compose: null, processes: {controller: {command: [a], ready: {tcp: true}}}}}
    """)
    text = plan(target, "/", rest=environments).replace("{id: controller", "{id: up")
    files = {**FILES, "deploy/other.yaml": "services: {controller: {image: a}}\n"}
    found = {
        name: load_text(text, files=files, environment=name).plan.target
        for name in ("", "attached", "other", "local")
    }
    assert compose(found[""]).project == "one"
    assert found["attached"].group("compose") is None
    assert attached(found["attached"]).labels == ("a=b",)
    assert (compose(found["other"]).project, len(compose(found["other"]).entries)) == ("", 1)
    assert [(group.key, [entry.id for entry in group.entries]) for group in found["local"].groups] == [
        ("processes", ["controller"])
    ]


def test_a_policy_protects_services_too(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("policy: 1\ntitle: P\nprotected: [postgres, mail]\n")
    target = (
        "default: controller\ncompose: {file: deploy/compose.yaml}\ncontainers: {label: a, services: [mail]}"
    )
    loaded = load_text(plan(target, "/"), files=FILES, policy=tmp_path / "policy.yaml").plan
    assert [entry.id for entry in loaded.target if entry.protected] == ["postgres", "mail"]


@pytest.mark.parametrize("kind", ["containers", "resources"])
def test_a_look_at_containers_wants_a_target_that_has_some(tmp_path: Path, kind: str) -> None:
    written = tmp_path / "plan.yaml"
    target = "target: {external: {web: {url: 'http://web.example'}}}"
    checks = f"steps: [{{id: one, checks: [{{id: look, kind: {kind}}}]}}]"
    written.write_text(f"{HEAD}{target}\n{checks}\n")
    with pytest.raises(PlanError) as raised:
        load(written, kinds=KINDS, env={})
    (problem,) = raised.value.problems
    assert problem.message == "check 'look': nothing of the target runs in containers"
    assert problem.help == (
        "bring a stack up with target.compose, or name one that is up with target.containers"
    )
