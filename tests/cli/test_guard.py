"""`phasegate guard` as people use it: two files, or one and a git ref; what it prints, its exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.rules import Rule, rules

Files = Mapping[str, str]
HEAD = """\
phasegate: 1
phase: shop
title: The shop
target: {external: {shop: {url: "http://shop.example"}}}
"""
STEPS = """\
steps:
  - id: one
    checks:
      - {id: up, kind: health, url: /health, probes: 300, expect: {status: 200, json: {$.a: 1}}}
      - {id: steady, kind: load, url: /, rate: 200/s, duration: 30s}
      - {id: api, kind: api, suite: suite.yaml}
      - {id: e2e, kind: e2e, path: tests}
      - {id: early, kind: health, url: /, probes: 9000, until: decided, criteria: [success_rate >= 99%]}
    criteria:
      - {criterion: steady.latency.p95 < 100ms, over: 10s}
  - {id: two, checks: [{id: more, kind: health, url: /more}]}
"""
PLAN = f"{HEAD}gate: {{require: [load]}}\nflaky: 1%\n{STEPS}"
SUITE = """\
suite: 1
flows:
  - id: f
    requests:
      - {id: a, url: /a, expect: {status: 200, json: {$.n: 3}}}
      - {id: b, url: /b, expect: {status: 200}}
  - {id: g, requests: [{id: c, url: /c, expect: {status: 200}}]}
"""
BESIDE = {"suite.yaml": SUITE, "tests/unit/test_a.py": "", "k6.js": "1"}
TODAY = datetime.now(UTC).date()


def waivers(covers: str, days: int) -> str:
    return (
        f"waivers: 1\nentries:\n  - {{id: w, covers: [{covers}], expires: {TODAY + timedelta(days=days)}, "
        "owner: a, approver: b, reason: r, ticket: t}\n"
    )


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What changes in the plan or beside it, as (old, new) texts, and how guard is called."""

    changed: tuple[tuple[str, str], ...] = ()
    plan: str = PLAN
    suite: tuple[str, str] = ("", "")
    before: Files = field(default_factory=dict)
    after: Files = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    line: str = ""
    """Part of what is printed."""


def one(old: str, new: str, line: str = "", **more: object) -> Scene:
    return Scene(changed=((old, new),), line=line, **more)  # type: ignore[arg-type]


def suite(old: str, new: str, line: str) -> Scene:
    return Scene(suite=(old, new), line=line)


LIMIT = "      - {criterion: steady.latency.p95 < 100ms, over: 10s}\n"
WAIVED = f"{PLAN}waivers: w.yaml\n"
ACCEPTED = (
    "accepted: [{item: check up probes, from: %s, to: 100, approver: ann, reason: slow, ticket: T-1}]\n"
)
PROBED = (
    PLAN.replace("probes: 300", 'probes: "${n}"')
    + "variables: {n: 300}\nenvironments: {test: {variables: {n: 300}}, prod: {}}\n"
)
INCLUDED = "steps:\n  - {id: three, checks: [{id: in, kind: health, url: /, probes: %s}]}\n"
SCRIPT = (
    PLAN + "  - {id: k, checks: [{id: k6, kind: load, engine: k6, script: k6.js, vus: 1, duration: 1s}]}\n"
)
COMPOSE = "services:\n  web: {image: 'a:1', ports: [80]}\n  queue: {image: q}\n"
STACK = (
    HEAD.replace("}}}", "}}, default: shop, compose: {file: compose.yaml, services: [web, queue]}}") + STEPS
)
FAULTED = """\
phasegate: 1
phase: shop
title: The shop
target:
  default: shop
  processes:
    shop: {command: [shop], ready: {tcp: true}}
    till: {command: [till], ready: {tcp: true}}
steps:
  - id: one
    checks: [{id: steady, kind: load, url: /, rate: 200/s, duration: 30s}]
    faults:
      - {id: crash, kill: shop, during: steady, at: 5s, for: 3s, probe: {url: /, every: 50ms}}
    criteria:
      - steady.success_rate >= 99%
      - crash.recovery_time < 10s
"""
CRASH = "      - {id: crash, kill: shop, during: steady, at: 5s, for: 3s, probe: {url: /, every: 50ms}}\n"
ROLLED = FAULTED.replace(
    "kill: shop, during: steady, at: 5s, for: 3s",
    "rollout: [shop, till], env: {V: two}, during: steady, at: 5s, for: 3s, hold: 2s, within: 20s",
).replace("recovery_time", "rollout_time")
PLANS: dict[str, Scene] = {
    "a rollout is of fewer entries": one(
        "[shop, till]", "[shop]", "fault crash target: shop, till -> shop", plan=ROLLED
    ),
    "a rollout watches each instance for less long": one(
        "hold: 2s", "hold: 1s", "fault crash hold: 2 s -> 1 s", plan=ROLLED
    ),
    "an instance of a rollout may take longer": one(
        "within: 20s", "within: 40s", "fault crash within: 20 s -> 40 s", plan=ROLLED
    ),
    "a rollout is not rolled back any more": one(
        " for: 3s,", "", "fault crash for: 3 s -> none", plan=ROLLED
    ),
    "a rollout is of another version": one(
        "V: two", "V: three", "fault crash env: V=two -> V=three", plan=ROLLED
    ),
    "a fault is removed": Scene(
        plan=FAULTED,
        changed=((CRASH, ""), ("    faults:\n", ""), ("      - crash.recovery_time < 10s\n", "")),
        line="fault crash: kill shop at 5 s for 3 s -> removed",
    ),
    "a fault lasts less long": one("for: 3s", "for: 1s", "fault crash for: 3 s -> 1 s", plan=FAULTED),
    "a fault is a gentler one": one(
        "kill: shop", "stop: shop", "fault crash act: kill -> stop", plan=FAULTED
    ),
    "a fault is probed less often": one(
        "every: 50ms", "every: 1s", "fault crash probe every: 50 ms -> 1 s", plan=FAULTED
    ),
    "a criterion on a fault is removed": one(
        "      - crash.recovery_time < 10s\n",
        "",
        "criterion crash.recovery_time: recovery_time < 10s -> removed",
        plan=FAULTED,
    ),
    "a fault is new": Scene(
        plan=FAULTED,
        changed=((CRASH, CRASH + CRASH.replace("id: crash", "id: again").replace("at: 5s", "at: 20s")),),
        line="1 stronger",
    ),
    "a fault is done to another entry": one(
        "kill: shop", "kill: till", "fault crash target: shop -> till", plan=FAULTED
    ),
    "the plans are the same": Scene(),
    "only titles, reasons and order of keys changed": Scene(
        changed=(
            ("title: The shop", "title: A shop\nowner: us"),
            ("{id: up, kind: health, url: /health,", "{kind: health, id: up, title: Up, url: /health,"),
            ("over: 10s}", "over: 10s, why: because}"),
        )
    ),
    "a threshold is tighter and a check is new": Scene(
        changed=(("< 100ms", "< 50ms"), ("/more}", "/more}, {id: new, kind: health, url: /}")),
        line="2 stronger",
    ),
    "a threshold is looser": one("< 100ms", "< 200ms", "steady.latency.p95 threshold: < 100ms -> < 200ms"),
    "the confidence is lower": one("flaky:", "confidence: 90%\nflaky:", "confidence: 95% -> 90%"),
    "the confidence is none": one("over: 10s", "over: 10s, confidence: none", "-> observed values only"),
    "there are fewer probes": one("probes: 300", "probes: 100", "check up probes: 300 -> 100"),
    "the duration is shorter": one("duration: 30s", "duration: 20s", "check steady duration: 30 s -> 20 s"),
    "the rate is lower": one("rate: 200/s", "rate: 100/s", "check steady rate: 200/s -> 100/s"),
    "a step is removed": one(STEPS.splitlines()[-1], "", "step two: with more -> removed"),
    "a check is removed": one("      - {id: api, kind: api, suite: suite.yaml}\n", "", "check api: api: "),
    "a criterion is removed": one(
        f"    criteria:\n{LIMIT}", "", "criterion steady.latency.p95: latency.p95 < 100ms -> removed"
    ),
    "a criterion is removed and another on the same value asks for more": one(
        LIMIT,
        "      - {criterion: steady.latency.p99 < 90ms, over: 10s, id: other}\n",
    ),
    "an expectation of a check is removed": one(
        ", json: {$.a: 1}", "", "check up expect json $.a: 1 -> removed"
    ),
    "a status is widened": one("status: 200", "status: 2xx", "check up expect status: 200 -> 2xx"),
    "a flow of a suite is removed": suite(
        SUITE.splitlines()[-1], "", "check api flow g: 1 request -> removed"
    ),
    "a request of a suite is removed": suite(
        "      - {id: b, url: /b, expect: {status: 200}}\n", "", "check api request f/b: GET /b -> removed"
    ),
    "a matcher in a suite is looser": suite(
        "$.n: 3", "$.n: {gte: 2}", 'check api request f/a expect json $.n: 3 -> {"gte": 2}'
    ),
    "a required kind is removed": one("gate: {require: [load]}\n", "", "criterion require:load"),
    "block is turned to warn": one("over: 10s", "over: 10s, level: warn", "level: block -> warn"),
    "a bound is replaced by a statement": one(
        "success_rate >= 99%, latency.p95 < 1s",
        "success_rate == 100%, latency.p95 < 1s",
        "-> a statement about what was seen",
        plan=PLAN.replace("success_rate >= 99%", "success_rate >= 99%, latency.p95 < 1s"),
    ),
    "a default criterion is replaced by a weaker one": one(
        LIMIT,
        f"{LIMIT}      - steady.success_rate >= 50%\n",
        "steady.success_rate threshold: >= 99% (default) -> >= 50%",
    ),
    "over is shortened": one("over: 10s", "over: 5s", "over: 10 s -> 5 s"),
    "an absolute limit is replaced by a baseline": one(
        "< 100ms", "< baseline * 1.1", "threshold: < 100ms -> < baseline * 1.1"
    ),
    "a waiver is new": one(
        "flaky:", "waivers: w.yaml\nflaky:", "waiver w: not there -> ", after={"w.yaml": waivers("e2e/a", 9)}
    ),
    "a waiver covers more cases": Scene(
        plan=WAIVED,
        before={"w.yaml": waivers("{pattern: e2e/a*, max: 2}", 9)},
        after={"w.yaml": waivers("{pattern: e2e/a*, max: 9}", 9)},
        line="waiver w covers pattern e2e/a*: at most 2 -> at most 9",
    ),
    "a waiver lasts longer": Scene(
        plan=WAIVED,
        before={"w.yaml": waivers("e2e/a", 9)},
        after={"w.yaml": waivers("e2e/a", 10)},
        line="waiver w expires: ",
    ),
    "a waiver ends earlier": Scene(
        plan=WAIVED, before={"w.yaml": waivers("e2e/a", 9)}, after={"w.yaml": waivers("e2e/a", 8)}
    ),
    "a failure is tried again": one(
        "probes: 300", "probes: 300, retry: {attempts: 2, on: [error, fail]}", "attempts on failure: 1 -> 2"
    ),
    "more cases may be skipped": one("path: tests", "path: tests, allow_skipped: 2", "allow_skipped: 0 -> 2"),
    "a flaky budget is raised": one("flaky: 1%", "flaky: 2%", "flaky budget of run: 1% (fail) -> 2% (fail)"),
    "a flaky budget only warns": one(
        "flaky: 1%", "flaky: {max: 1%, policy: warn}", "flaky budget of run: 1% (fail) -> 1% (warn)"
    ),
    "the cap of until decided is lower": one("probes: 9000", "probes: 4000", "probes: 9,000 -> 4,000"),
    "e2e runs part of its folder only": one("path: tests", "path: tests/unit", "path: tests -> tests/unit"),
    "e2e deselects more": one(
        "path: tests",
        "path: tests, args: [--deselect, tests/unit/test_a.py]",
        "args --deselect: not there -> ",
    ),
    "redirects are followed": one("probes: 300", "probes: 300, follow: true", "follow: false -> true"),
    "only an included file is looser": Scene(
        plan=f"{PLAN}include: [in.yaml]\n",
        before={"in.yaml": INCLUDED % 9},
        after={"in.yaml": INCLUDED % 3},
        line="in.yaml:2: check in probes: 9 -> 3",
    ),
    "only one environment asks less of the target": one(
        "test: {variables: {n: 300}}",
        "test: {variables: {n: 100}}",
        "check up probes: 300 -> 100 [only in test]",
        plan=PROBED,
    ),
    "a URL is another one": one("url: /health", "url: /other", "check up url: /health -> /other"),
    "a URL is another one, with --strict": one("url: /health", "url: /other", flags=("--strict",)),
    "a script has other content": Scene(plan=SCRIPT, after={"k6.js": "2"}, line="check k6 script content: "),
    "an approval is not asked for any more": one(
        "approvals: [{role: qa}]",
        "approvals: []",
        "approval of qa: asked for -> removed",
        plan=PLAN.replace("require: [load]", "require: [load], approvals: [{role: qa}]"),
    ),
    "the compose file has other content": Scene(
        plan=STACK,
        before={"compose.yaml": COMPOSE},
        after={"compose.yaml": COMPOSE.replace("a:1", "a:2")},
        line="target.compose file: compose.yaml (sha256 ",
    ),
    "the stack comes up without one of its services": one(
        "services: [web, queue]",
        "services: [web]",
        "target queue: service queue -> removed",
        plan=STACK,
        before={"compose.yaml": COMPOSE},
    ),
    "a service goes from the compose file": Scene(
        plan=STACK.replace(", services: [web, queue]", ""),
        before={"compose.yaml": COMPOSE},
        after={"compose.yaml": COMPOSE.replace("  queue: {image: q}\n", "")},
        line="target queue: service queue -> removed",
    ),
    "a service is not protected any more": one(
        "services: {web: {protected: true}}",
        "services: {web: {}}",
        "target web protected: true -> false",
        plan=STACK.replace("services: [web, queue]", "services: {web: {protected: true}}"),
        before={"compose.yaml": COMPOSE},
    ),
    "faults in containers that are up are allowed": one(
        "label: stack=shop",
        "label: stack=shop, allow_faults: true",
        "target.containers allow_faults: false -> true",
        plan=HEAD.replace("}}}", "}}, containers: {label: stack=shop}}") + STEPS,
    ),
    "what is weaker is accepted": Scene(
        changed=(("probes: 300", "probes: 100"), ("flaky:", f"{ACCEPTED % 300}flaky:")),
        line="check up probes: 300 -> 100 (ann, T-1: slow)",
    ),
    "something else is accepted": Scene(
        changed=(("probes: 300", "probes: 100"), ("flaky:", f"{ACCEPTED % 500}flaky:")),
        line="accepted, but not there:",
    ),
}


def write(folder: Path, files: Files) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def changed(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def git(folder: Path, *arguments: str) -> None:
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True)


def repository(folder: Path, text: str = PLAN, name: str = "plans/plan.yaml") -> Path:
    """A repository with the plan on `main`, its root one folder up, as shipped plans have it."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    write(folder, {**BESIDE, name: f"root: ..\n{text}"})
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def base_asks_for_more(folder: Path) -> tuple[str, ...]:
    plan = repository(folder / "repo") / "plans" / "plan.yaml"
    plan.write_text(changed(plan.read_text(), (("probes: 300", "probes: 100"),)))
    return "--base-ref", "main", str(plan)


def other_phase(folder: Path) -> tuple[str, ...]:
    write(folder, {**BESIDE, "a.yaml": PLAN, "b.yaml": PLAN.replace("phase: shop", "phase: other")})
    return "a.yaml", "b.yaml"


def broken(folder: Path) -> tuple[str, ...]:
    write(folder, {**BESIDE, "a.yaml": PLAN.replace("kind: load", "kind: lode"), "b.yaml": PLAN})
    return "a.yaml", "b.yaml"


def absent(folder: Path) -> tuple[str, ...]:
    write(folder, {**BESIDE, "b.yaml": PLAN})
    return "a.yaml", "b.yaml"


def no_ref(folder: Path) -> tuple[str, ...]:
    return "--base-ref", "nowhere", str(repository(folder / "repo") / "plans" / "plan.yaml")


def new_plan(folder: Path) -> tuple[str, ...]:
    repository(folder / "repo")
    write(folder / "repo", {"plans/new.yaml": PLAN})
    return "--base-ref", "main", str(folder / "repo" / "plans" / "new.yaml")


def no_repository(folder: Path) -> tuple[str, ...]:
    write(folder, {**BESIDE, "b.yaml": PLAN})
    return "--base-ref", "main", "b.yaml"


CALLS: dict[str, tuple[Callable[[Path], tuple[str, ...]], str]] = {
    "the base in git asks for more": (base_asks_for_more, "plan.yaml:11: check up probes: 300 -> 100"),
    "the plans are of different phases": (other_phase, "cannot compare a plan of phase 'shop' with one"),
    "a plan does not load": (broken, "unknown kind 'lode'"),
    "a plan is not there": (absent, "a.yaml"),
    "git has no such ref": (no_ref, "--base-ref 'nowhere': git knows no such commit"),
    "the ref does not have the plan": (
        new_plan,
        "--base-ref 'main': there is no plan 'plans/new.yaml' in it",
    ),
    "the plan is in no git repository": (no_repository, "'b.yaml' is in no git repository"),
}


def call(rule: Rule, folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of guard for a situation, its files written, and what it should print."""
    if rule.situation in CALLS:
        make, line = CALLS[rule.situation]
        return make(folder), line
    scene = PLANS[rule.situation]
    after = {**BESIDE, "suite.yaml": changed(SUITE, (scene.suite,)), **scene.before, **scene.after}
    write(folder / "a", {**BESIDE, **scene.before, "plan.yaml": scene.plan})
    write(folder / "b", {**after, "plan.yaml": changed(scene.plan, scene.changed)})
    return (*scene.flags, "a/plan.yaml", "b/plan.yaml"), scene.line


def verdict(code: int, out: str) -> str:
    if code == 2:
        return "cannot compare"
    last = out.splitlines()[-1]
    if "nothing is weaker" in last:
        return "changed" if code else "nothing is weaker"
    return "weaker"


@pytest.mark.parametrize("rule", rules("guard"), ids=str)
def test_guard_judges_by_the_table_of_the_docs(
    rule: Rule, phasegate: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    arguments, line = call(rule, tmp_path)
    code, out, err = phasegate("guard", *arguments)
    assert (verdict(code, out), code) == (rule.verdict, rule.exit_code), out + err
    assert line in (err if code == 2 else out)
    assert (out == "") is (code == 2)


def test_table_of_the_docs_has_every_situation() -> None:
    assert {rule.situation for rule in rules("guard")} == {*PLANS, *CALLS}


def test_json_has_all_of_it_on_standard_output(phasegate: CommandLine, tmp_path: Path) -> None:
    write(tmp_path, {**BESIDE, "a.yaml": PLAN})
    write(tmp_path, {"b.yaml": changed(PLAN, (("probes: 300", "probes: 100"), ("30s", "60s")))})
    code, out, _ = phasegate("guard", "--json", "a.yaml", "b.yaml")
    data = json.loads(out)
    assert (code, data["exit_code"], data["schema"]) == (1, 1, "phasegate.guard/1")
    assert data["weaker"] == [
        {
            "item": "check up probes",
            "from": "300",
            "to": "100",
            "source": "b.yaml:10",
            "environments": [],
        }
    ]
    assert [one["item"] for one in data["stronger"]] == ["check steady duration"]


def test_what_was_there_in_git_is_named_by_its_ref(phasegate: CommandLine, tmp_path: Path) -> None:
    folder = repository(tmp_path / "repo")
    plan = folder / "plans" / "plan.yaml"
    plan.write_text(changed(plan.read_text(), ((STEPS.splitlines()[-1], ""),)))
    code, out, _ = phasegate("guard", "--base-ref", "main", str(plan))
    assert code == 1
    assert "main:plans/plan.yaml:18: step two: with more -> removed" in out
    assert "phasegate-guard" not in out


def test_a_base_that_does_not_load_is_named_by_its_ref(phasegate: CommandLine, tmp_path: Path) -> None:
    folder = repository(tmp_path / "repo", PLAN.replace("kind: load", "kind: lode"))
    plan = folder / "plans" / "plan.yaml"
    plan.write_text(f"root: ..\n{PLAN}")
    code, out, err = phasegate("guard", "--base-ref", "main", str(plan))
    assert (code, out) == (2, "")
    assert "--> main:plans/plan.yaml:12:" in err
    assert "phasegate-guard" not in err


def test_reading_out_of_git_changes_nothing_and_takes_what_an_archive_leaves_out(
    phasegate: CommandLine, tmp_path: Path
) -> None:
    folder = repository(tmp_path / "repo")
    write(folder, {".gitattributes": "suite.yaml export-ignore\n", "loose.txt": "not committed"})
    git(folder, "add", ".gitattributes")
    git(folder, "commit", "-q", "-m", "two")
    before = {path: path.read_bytes() for path in (folder / ".git").rglob("*") if path.is_file()}
    code, out, err = phasegate("guard", "--base-ref", "HEAD", str(folder / "plans" / "plan.yaml"))
    assert (code, out, err) == (0, "nothing is weaker\n", "")
    assert before == {path: path.read_bytes() for path in (folder / ".git").rglob("*") if path.is_file()}


def test_a_name_that_looks_like_a_flag_of_git_is_none(phasegate: CommandLine, tmp_path: Path) -> None:
    plan = repository(tmp_path / "repo") / "plans" / "plan.yaml"
    code, _, err = phasegate("guard", "--base-ref=--all", str(plan))
    assert code == 2
    assert "--base-ref '--all': git knows no such commit" in err


def test_without_git_that_is_said(
    phasegate: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {**BESIDE, "a.yaml": PLAN})
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("git") is None
    code, _, err = phasegate("guard", "--base-ref", "main", "a.yaml")
    assert code == 2
    assert "--base-ref needs git, and there is none" in err


@pytest.mark.parametrize("arguments", [("a.yaml",), ("--base-ref", "main", "a.yaml", "b.yaml")])
def test_one_plan_and_no_ref_is_wrong_usage_and_so_is_a_ref_with_two(
    phasegate: CommandLine, arguments: tuple[str, ...]
) -> None:
    code, out, err = phasegate("guard", *arguments)
    assert (code, out) == (2, "")
    assert "guard --base-ref main PLAN" in err


def test_secrets_are_not_told(
    phasegate: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "hunter2-hunter2")
    text = f"{HEAD}secrets: [API_TOKEN]\nsteps:\n  - id: one\n    checks:\n"
    check = '      - {id: up, kind: health, url: "/?t=${env.API_TOKEN}%s"}\n'
    write(tmp_path, {"a.yaml": text + check % "", "b.yaml": text + check % "&x"})
    for flags in ((), ("--json",), ("--format", "markdown")):
        _, out, err = phasegate("guard", *flags, "a.yaml", "b.yaml")
        assert "up url" in out
        assert "hunter2" not in out + err
