"""What `validate`, `plan` and `guard` neither show nor read of a stranger's plan; what nobody opens."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from string import ascii_letters, digits

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phasegate.cli.app import run_command_line
from tests.cli.conftest import CommandLine
from tests.examples import examples

HEAD = "phasegate: 1\nphase: p\ntitle: t\n"
TARGET = "target: {external: {a: {url: 'http://127.0.0.1:1'}}}\n"
STEP = "steps:\n  - id: one\n    checks:\n      - {id: fine, kind: health, url: /}\n"
RUNE = "RUNE"
USE = f"${{env.{RUNE}}}"

PLACES = {
    "phase": f"phasegate: 1\nphase: '{USE}'\ntitle: t\n{TARGET}{STEP}",
    "title": f"phasegate: 1\nphase: p\ntitle: 't {USE}'\n{TARGET}{STEP}",
    "confidence": f"{HEAD}confidence: '{USE}'\n{TARGET}{STEP}",
    "root": f"{HEAD}root: '{USE}'\n{TARGET}{STEP}",
    "variable": f"{HEAD}variables: {{v: 'a{USE}'}}\n{TARGET}{STEP}"
    f"      - {{id: c, kind: health, url: '/${{v}}'}}\n",
    "variable as a number": f"{HEAD}variables: {{v: '{USE}'}}\n{TARGET}{STEP}"
    "      - {id: c, kind: health, url: /, probes: '${v}'}\n",
    "secret": f"{HEAD}secrets: [{RUNE}]\n{TARGET}{STEP}      - {{id: c, kind: health, url: '/{USE}'}}\n",
    "secret as a rate": f"{HEAD}secrets: [{RUNE}]\n{TARGET}{STEP}"
    f"      - {{id: c, kind: load, url: /, rate: '{USE}', duration: 1s}}\n",
    "url": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: health, url: '/{USE}'}}\n",
    "url of a stranger": f"{HEAD}{TARGET}{STEP}"
    f"      - {{id: c, kind: load, url: 'http://{USE}/', rate: 1/s}}\n",
    "external": f"{HEAD}target: {{external: {{a: {{url: '{USE}'}}}}}}\n{STEP}",
    "host of an external": f"{HEAD}target: {{external: {{a: {{url: 'http://{USE}:1'}}}}}}\n{STEP}",
    "port of an external": f"{HEAD}target: {{external: {{a: {{url: 'http://h:{USE}'}}}}}}\n{STEP}",
    "header": f"{HEAD}target: {{external: {{a: {{url: 'http://h', headers: {{x: '{USE}'}}}}}}}}\n{STEP}",
    "certificate": f"{HEAD}target: {{external: {{a: {{url: 'https://h', tls: {{ca: '{USE}'}}}}}}}}\n{STEP}",
    "default entry": f"{HEAD}target: {{default: '{USE}', external: {{a: {{url: 'http://h'}}}}}}\n{STEP}",
    "probes": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: health, url: /, probes: '{USE}'}}\n",
    "duration": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: load, url: /, rate: 1/s, duration: '{USE}'}}\n",
    "kind": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: '{USE}', url: /}}\n",
    "id": f"{HEAD}{TARGET}{STEP}      - {{id: '{USE}', kind: health, url: /}}\n",
    "during": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: health, url: /, during: '{USE}'}}\n",
    "schema": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: health, url: /, expect: {{schema: '{USE}'}}}}\n",
    "json path": f"{HEAD}{TARGET}{STEP}"
    f"      - {{id: c, kind: health, url: /, expect: {{json: {{$.a: {{matches: '{USE}('}}}}}}}}\n",
    "latency": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: health, url: /, expect: {{latency: '{USE}'}}}}\n",
    "command": f"{HEAD}{STEP.replace('health, url: /', 'command, command: [true]')}"
    f"      - {{id: c, kind: command, command: ['{USE}'], cwd: '{USE}'}}\n",
    "requires": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: health, url: /, requires: ['{USE}']}}\n",
    "suite": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: api, suite: '{USE}'}}\n",
    "criterion": f"{HEAD}{TARGET}{STEP}    criteria: ['fine.latency.p95 < {USE}']\n",
    "subject": f"{HEAD}{TARGET}{STEP}    criteria: ['{USE}.latency.p95 < 1s']\n",
    "why": f"{HEAD}{TARGET}{STEP}    criteria: [{{criterion: fine.latency.p95 < 1s, why: '{USE}'}}]\n",
    "needs": f"{HEAD}{TARGET}{STEP}"
    f"  - {{id: two, needs: ['{USE}'], checks: [{{id: c, kind: health, url: /}}]}}\n",
    "limit": f"{HEAD}{TARGET}{STEP}gate: {{limit: '{USE}'}}\n",
    "role": f"{HEAD}{TARGET}{STEP}gate: {{approvals: [{{role: '{USE}', within: '{USE}'}}]}}\n",
    "waivers": f"{HEAD}waivers: '{USE}'\n{TARGET}{STEP}",
    "include": f"{HEAD}include: ['{USE}']\n{TARGET}{STEP}",
    "each": f"{HEAD}{TARGET}{STEP}"
    f"      - {{id: c, kind: health, each: {{x: '{USE}'}}, url: '${{each}}', probes: '${{each}}'}}\n",
    "compose": f"{HEAD}target: {{compose: {{file: '{USE}', services: ['{USE}']}}}}\n{STEP}",
    "fault": f"{HEAD}target: {{processes: {{a: {{command: ['{USE}'], ready: {{within: '{USE}'}}}}}}}}\n{STEP}"
    f"    faults: [{{id: f, act: '{USE}', target: a, during: fine, at: '{USE}', probe: {{url: '{USE}'}}}}]\n",
    "environment": f"{HEAD}variables: {{v: a}}\nenvironments: {{e: {{variables: {{v:"
    f" '{USE}'}}}}}}\n{TARGET}{STEP}"
    "",
}
COMMANDS = (
    ("validate", "plan.yaml"),
    ("plan", "plan.yaml"),
    ("plan", "--json", "plan.yaml"),
    ("guard", "base.yaml", "plan.yaml"),
    ("guard", "--json", "plan.yaml", "base.yaml"),
    ("waivers", "list", "plan.yaml"),
)


def output(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code, and everything that was printed, of a command in a folder."""
    told, before = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True), Path.cwd()
    os.chdir(folder)
    try:
        with redirect_stdout(told), redirect_stderr(told):
            code = run_command_line(arguments)
    finally:
        os.chdir(before)
    told.seek(0)
    return code, told.read()


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


@settings(max_examples=examples(60))
@given(
    place=st.sampled_from(sorted(PLACES)),
    command=st.sampled_from(COMMANDS),
    value=st.text(ascii_letters + digits, min_size=8, max_size=40),
    around=st.sampled_from(["{}", "http://{}", "{}ms", "../{}", "{}\n", "'{}", "${{{}}}", "[{}", "{} x"]),
)
def test_no_command_that_runs_nothing_prints_a_value_of_the_environment(
    tmp_path_factory: pytest.TempPathFactory, place: str, command: tuple[str, ...], value: str, around: str
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    (folder / "plan.yaml").write_text(PLACES[place])
    (folder / "base.yaml").write_text(f"{HEAD}{TARGET}{STEP}")
    with environment(RUNE, around.format(value)):
        code, told = output(folder, *command)
        # It is the same whatever the value: nothing of it is there, not even a piece.
        os.environ[RUNE] = "something else"
        assert (code, told) == output(folder, *command)
    assert value not in told
    assert code in (0, 1, 2)
    assert code == 2 or "error:" not in told


def test_a_plan_with_variables_of_the_environment_is_shown_with_their_names(
    phasegate: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNE, "hunter2-hunter2")
    (tmp_path / "plan.yaml").write_text(PLACES["url"].replace("title: t", f"title: t {USE}"))
    code, _, err = phasegate("plan", "plan.yaml")
    assert code == 0
    assert f"for p: t {USE}" in err
    assert f"GET /{USE}" in err


def test_what_cannot_be_read_without_the_environment_is_left_out_and_named(
    phasegate: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNE, "100")
    (tmp_path / "plan.yaml").write_text(PLACES["probes"])
    code, _, err = phasegate("validate", "plan.yaml")
    assert code == 0
    assert "check 'c' is left out: it uses values of the environment" in err
    assert "1 step, 1 check" in err


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("probes: '${env.RUNE}'", "probes: '${env.RUNE}', expect: {status: 500}"),
        ("probes: '${env.RUNE}', allow_skipped: 0", "probes: '${env.RUNE}', retry: {attempts: 9}"),
        ("probes: '${env.RUNE}', timeout: '${t}'", "probes: '${env.RUNE}', timeout: 9s"),
    ],
)
def test_guard_calls_it_weaker_when_what_it_cannot_read_reads_otherwise(
    phasegate: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    monkeypatch.setenv(RUNE, "100")
    plan = f"{HEAD}variables: {{t: 1s}}\n{TARGET}{STEP}      - {{id: c, kind: health, url: /, %s}}\n"
    (tmp_path / "a.yaml").write_text(plan % before)
    (tmp_path / "b.yaml").write_text(plan % after)
    assert phasegate("guard", "a.yaml", "a.yaml")[0] == 0
    code, out, _ = phasegate("guard", "a.yaml", "b.yaml")
    assert code == 1
    assert "check 'c'" in out


def test_guard_holds_criteria_on_a_check_that_it_cannot_read_to_what_they_say(
    phasegate: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNE, "100")
    plan = f"{PLACES['probes']}    criteria: [c.latency.p95 < %s]\n"
    (tmp_path / "a.yaml").write_text(plan % "1s")
    (tmp_path / "b.yaml").write_text(plan % "9s")
    assert phasegate("guard", "a.yaml", "b.yaml")[0] == 1


LINE = "hunter2-hunter2"
NAMING: dict[str, str] = {
    "suite": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: api, suite: %s}}\n",
    "suite's rows": "each: {csv: %s}",
    "suite's lines": "each: {jsonl: %s}",
    "suite's part": "method: POST, multipart: {a: {file: %s}}",
    "schema": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: health, url: /, expect: {{schema: %s}}}}\n",
    "csv": f"{HEAD}{TARGET}{STEP}"
    "      - {id: c, kind: load, url: '/${a}', rate: 1/s, duration: 1s, data: {csv: %s}}\n",
    "jsonl": f"{HEAD}{TARGET}{STEP}"
    "      - {id: c, kind: load, url: '/${a}', rate: 1/s, duration: 1s, data: {jsonl: %s}}\n",
    "body": f"{HEAD}{TARGET}{STEP}"
    "      - {id: c, kind: load, method: POST, url: /, rate: 1/s, duration: 1s, body: {file: %s}}\n",
    "flow": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: load, flow: '%s#f', rate: 1/s, duration: 1s}}\n",
    "script": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: load, engine: k6, script: %s}}\n",
    "tests": f"{HEAD}{TARGET}{STEP}      - {{id: c, kind: e2e, path: %s}}\n",
    "certificate": f"{HEAD}target: {{external: {{a: {{url: 'https://h', tls: {{ca: %s}}}}}}}}\n{STEP}",
    "compose": f"{HEAD}target: {{compose: {{file: %s}}}}\n{STEP}",
    "compose's variables": f"{HEAD}target: {{compose: {{file: compose.yaml, env_file: %s}}}}\n{STEP}",
    "waivers": f"{HEAD}waivers: %s\n{TARGET}{STEP}",
    "include": f"{HEAD}include: [%s]\n{TARGET}{STEP}",
}


def write_naming(folder: Path, kind: str, name: str) -> None:
    """A plan that names a file as one of a kind."""
    quoted = "'" + name.replace("'", "''") + "'"
    (folder / "compose.yaml").write_text("services: {a: {image: x}}\n")
    template = NAMING[kind].replace("'%s#f'", "%s")
    if template.startswith(HEAD):
        (folder / "plan.yaml").write_text(template % quoted)
        return
    request = f"{{id: r, url: '/', {template % quoted}, expect: {{status: 200}}}}"
    (folder / "suite.yaml").write_text(f"suite: 1\nflows: [{{id: f, requests: [{request}]}}]\n")
    (folder / "plan.yaml").write_text(NAMING["suite"] % "suite.yaml")


def outside(folder: Path) -> dict[str, str]:
    """Ways to name a file beside the folder of the plan, by what they are."""
    victim = folder.parent / "victim"
    victim.write_text(f"{LINE}: [\n{LINE},{LINE}\n")
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(victim)
    (folder / "link-to-a-link").symlink_to("link")
    (folder / "sub" / "up").symlink_to(folder.parent)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text(victim.read_text())
    return {
        "dots": "../victim",
        "dots inside": "sub/../../victim",
        "absolute": str(victim),
        "two slashes": f"/{victim}",
        "a link": "link",
        "a link to a link": "link-to-a-link",
        "a folder that is a link": "sub/up/victim",
        "a trailing slash": "../victim/",
        "the system's": "/etc/passwd",
        "git's own": ".git/config",
        "git's own in another case": ".GIT/config",
        "git's own by dots": "sub/../.git/config",
        "a folder": "..",
        "a file that is not there": "../nothing",
    }


@pytest.mark.parametrize("kind", NAMING)
@pytest.mark.parametrize("command", ["validate", "run"])
def test_nothing_of_a_file_outside_of_the_repository_is_shown(
    tmp_path: Path, kind: str, command: str
) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    for how, name in outside(folder).items():
        write_naming(folder, kind, name)
        code, told = output(
            folder, command, *(["-o", "out", "--check", "nothing"] if command == "run" else []), "plan.yaml"
        )
        assert code == 2, (how, told)
        assert LINE not in told, how
        assert "root:x" not in told, how
        if command == "validate" and how != "git's own in another case":
            assert "outside of" in told or "git's own" in told, (how, told)


@pytest.mark.parametrize("command", ["validate", "plan", "guard"])
def test_the_root_of_a_plan_widens_nothing_and_the_flag_does(
    phasegate: CommandLine, tmp_path: Path, command: str
) -> None:
    folder = tmp_path / "plans"
    folder.mkdir()
    (tmp_path / "suite.yaml").write_text(
        "suite: 1\nflows: [{id: f, requests: [{id: r, url: /, expect: {status: 200}}]}]\n"
    )
    write_naming(folder, "suite", "suite.yaml")
    plan = folder / "plan.yaml"
    plan.write_text(f"root: ..\n{plan.read_text()}")
    arguments = (command, *[str(plan)] * (2 if command == "guard" else 1))
    code, _, err = phasegate(*arguments)
    assert code == 2
    assert f"suite.yaml' is outside of {folder}" in err
    assert phasegate(*arguments, "--root", str(tmp_path))[0] == 0
    (tmp_path / ".git").mkdir()
    assert phasegate(*arguments)[0] == 0
    assert phasegate(*arguments, "--root", "nowhere")[0] == 2


def test_the_plan_itself_may_be_no_link_out_of_the_repository(phasegate: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "plan.yaml").write_text(f"{LINE}: 1\n")
    (folder / "plan.yaml").symlink_to(tmp_path / "victim" / "plan.yaml")
    (folder / "plans").symlink_to(tmp_path / "victim")
    for name in ("plan.yaml", "plans/plan.yaml"):
        code, _, err = phasegate("validate", str(folder / name))
        assert code == 2
        assert "outside of" in err
        assert LINE not in err


parts = st.sampled_from(
    ["..", ".", "sub", "up", "link", "deep", "", "~", "in.yaml", "x" * 255, "x" * 300, "a\0b", "SUB"]
)


@settings(max_examples=examples(60))
@given(st.lists(parts, min_size=1, max_size=6), st.booleans())
@example(["sub", "up", "victim"], False)
@example(["deep", "link"], False)
def test_whatever_a_path_is_made_of_it_leads_nowhere_outside(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], absolute: bool
) -> None:
    base = tmp_path_factory.mktemp("base")
    folder = base / "repository"
    (folder / "sub").mkdir(parents=True)
    (base / "victim").write_text(f"{LINE}: 1\n")
    (base / "in.yaml").write_text(f"{LINE}: 1\n")
    (folder / "sub" / "up").symlink_to(base)
    (folder / "link").symlink_to("sub/up/victim")
    (folder / "deep").symlink_to("sub/up/repository/sub/up")
    name = "/".join(names)
    write_naming(folder, "suite", f"{folder}/{name}" if absolute else name)
    code, told = output(folder, "validate", "plan.yaml")
    assert code == 2
    assert LINE not in told


def make_fifo(place: Path) -> None:
    os.mkfifo(place)


def make_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        before = Path.cwd()
        os.chdir(place.parent)  # a socket's path is short
        try:
            one.bind(place.name)
        finally:
            os.chdir(before)


def make_link_to_fifo(place: Path) -> None:
    os.mkfifo(place.with_name("pipe"))
    place.symlink_to("pipe")


def link_to(there: str) -> Callable[[Path], None]:
    return lambda place: place.symlink_to(there)


NO_FILES = {
    "a FIFO": make_fifo,
    "a socket": make_socket,
    "a link to a FIFO": make_link_to_fifo,
    "zeros without end": link_to("/dev/zero"),
    "the terminal": link_to("/dev/tty"),
    "memory": link_to("/proc/self/mem"),
    "the environment": link_to("/proc/self/environ"),
    "the kernel's messages": link_to("/proc/kmsg"),
    "a loop": link_to("it"),
}


@pytest.mark.parametrize("no_file", NO_FILES)
@pytest.mark.parametrize("command", ["validate", "run"])
def test_what_is_no_file_is_refused_at_once_wherever_it_is_named(
    tmp_path: Path, no_file: str, command: str
) -> None:
    if no_file not in ("a FIFO", "a socket", "a link to a FIFO", "a loop") and sys.platform != "linux":
        pytest.skip("only Linux has it")
    NO_FILES[no_file](tmp_path / "it")
    for kind in NAMING:
        write_naming(tmp_path, kind, "it")
        code, told = output(tmp_path, command, "plan.yaml")
        assert code == 2, (kind, told)
        assert "--> " in told, (kind, told)
        assert "Traceback" not in told
    (tmp_path / "plan.yaml").write_text(f"{HEAD}{TARGET}{STEP}")
    assert output(tmp_path, command, "it")[0] == 2
    assert output(tmp_path, command, "plan.yaml", "--vars", "it")[0] == 2
    assert output(tmp_path, command, "plan.yaml", "--policy", "it")[0] == 2


HOSTILE = {
    "core.fsmonitor": "{run}",
    "core.hooksPath": "{folder}/hooks",
    "core.sshCommand": "{run}",
    "core.pager": "{run}",
    "core.editor": "{run}",
    "core.worktree": "{folder}",
    "core.attributesFile": "{folder}/attributes",
    "core.alternateRefsCommand": "{run}",
    "filter.bad.smudge": "{run}",
    "filter.bad.clean": "{run}",
    "filter.bad.process": "{run}",
    "diff.external": "{run}",
    "diff.bad.textconv": "{run}",
    "diff.bad.command": "{run}",
    "alias.rev-parse": "!{run}",
    "alias.read-tree": "!{run}",
    "include.path": "{folder}/included",
    "uploadpack.packObjectsHook": "{run}",
    "credential.helper": "!{run}",
    "remote.origin.uploadpack": "{run}",
    "remote.origin.url": "ext::{run}",
    "protocol.ext.allow": "always",
    "remote.origin.promisor": "true",
    "extensions.partialClone": "origin",
    "safe.directory": "*",
}
HOOKS = ("post-checkout", "post-index-change", "fsmonitor-watchman", "reference-transaction", "pre-auto-gc")


def git(folder: Path, *arguments: str) -> None:
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A repository with a plan; `ran` beside it is made by whatever it has run."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "plan.yaml").write_text(f"{HEAD}{TARGET}{STEP}")
    (folder / ".gitattributes").write_text("* filter=bad diff=bad\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\ncat\n")
    program.chmod(0o755)
    (tmp_path / "attributes").write_text("* filter=bad\n")
    (tmp_path / "included").write_text(
        f'[core]\n\tfsmonitor = {program}\n[filter "bad"]\n\tsmudge = {program}\n'
    )
    for place in (tmp_path / "hooks", folder / ".git" / "hooks"):
        place.mkdir(exist_ok=True)
        for hook in HOOKS:
            (place / hook).write_text(program.read_text())
            (place / hook).chmod(0o755)
    return folder


@pytest.mark.parametrize("setting", [*HOSTILE, "all"])
def test_guard_runs_nothing_that_the_settings_of_a_repository_name(
    phasegate: CommandLine, hostile: Path, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    around = hostile.parent
    for name, value in HOSTILE.items():
        if setting in (name, "all"):
            text = value.format(run=around / "program", folder=around)
            if name.startswith("filter"):
                git(hostile, "config", "filter.bad.required", "true")
            git(hostile, "config", name, text)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "filter.bad.smudge")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(around / "program"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(around / "program"))
    monkeypatch.setenv("GIT_SSH_COMMAND", str(around / "program"))
    code, out, err = phasegate("guard", "--base-ref", "main", str(hostile / "plan.yaml"))
    assert (code, out, err) == (0, "nothing is weaker\n", "")
    assert not (around / "ran").exists()


def test_guard_fetches_nothing_that_a_partial_clone_lacks(phasegate: CommandLine, hostile: Path) -> None:
    for name in (
        "remote.origin.url",
        "protocol.ext.allow",
        "remote.origin.promisor",
        "extensions.partialClone",
    ):
        git(hostile, "config", name, HOSTILE[name].format(run=hostile.parent / "program"))
    git(hostile, "config", "core.repositoryformatversion", "1")
    for thing in (hostile / ".git" / "objects").glob("??/*"):
        thing.chmod(0o644)
    blob = subprocess.run(
        ["git", "rev-parse", "HEAD:.gitattributes"], cwd=hostile, check=True, capture_output=True, text=True
    ).stdout.strip()
    (hostile / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    code, _, err = phasegate("guard", "--base-ref", "main", str(hostile / "plan.yaml"))
    assert code == 2
    assert "cannot check it out" in err
    assert not (hostile.parent / "ran").exists()


def test_plan_starts_no_program_to_see_whether_it_works(phasegate: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "pytest.py").write_text("open('ran', 'w')\n")
    write_naming(tmp_path, "tests", "tests")
    assert phasegate("plan", "plan.yaml")[0] == 0
    assert not (tmp_path / "ran").exists()
