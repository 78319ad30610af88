"""The inputs by kind: files written to a folder, and the command line that reads them."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from phasegate.kinds import KINDS
from phasegate.model.codec import event_to_json, result_to_json
from phasegate.model.events import RunFinished, RunStarted
from tests import samples
from tests.fuzz.mutation import as_text, mutated, spoilt
from tests.model import test_fold
from tests.plan.test_any_plan import COMPOSE, PLAN

_ROOT = Path(__file__).parents[2]
_DOCUMENTS = _ROOT / "tests/cli/markdown_starter/documents"
_SERVICES = {
    "name": "shop",
    "x-common": {"restart": "always"},
    "services": {
        "controller": COMPOSE["services"]["shop"]
        | {"healthcheck": {"test": ["CMD", "curl", "http://localhost:80/"]}},
        "postgres": {"image": "p", "ports": ["5432"], "environment": {"A": "${B:-c}"}, "env_file": [".env"]},
        "queue": COMPOSE["services"]["queue"]
        | {"network_mode": "service:controller", "links": ["controller:x"]},
        "migrate": {"build": {"context": "."}, "command": ["true"], "depends_on": ["postgres"]},
    },
    "volumes": {"data": {}},
}
_FILES: dict[str, bytes] = {
    "suite.yaml": b"""suite: 1
base: /api
headers: {A: b}
setup:
  - {id: s, url: /, expect: {status: 200}}
flows:
  - id: a
    tags: [t]
    requests:
      - id: open
        method: POST
        url: "/v"
        headers: {B: "w"}
        json: {a: 1, b: [2.50, null]}
        expect: {status: 200, schema: schema.json, json: {$.a: {gte: 1}, "$..b[?@.c]": {exists: false}}}
        capture: {t: $.t}
      - {id: read, url: "/${t}", expect: {status: 2xx, body: {matches: "^a+$"}, headers: {C: {contains: d}}}}
      - {id: rows, url: "/${r}", each: [{r: 1}, {r: x}], form: {a: "${r}"}, expect: {status: 200}}
teardown:
  - {id: e, method: DELETE, url: /, expect: {status: 204}}
""",
    "compose.yaml": yaml.safe_dump(_SERVICES).encode(),
    "schema.json": b'{"type": "object", "properties": {"a": {"type": "integer", "pattern": "^a"}}}',
    "rows.csv": b"user,password\nann,1\nbob,2\n",
    "rows.jsonl": b'{"user": "ann"}\n{"user": "bob"}\n',
    "waivers.yaml": b"""waivers: 1
entries:
  - id: late
    covers: [steady.latency.p95, {pattern: "a/*", max: 2}]
    owner: team
    approver: manager
    reason: known
    ticket: T-1
    expires: 2027-01-05
""",
    "policy.yaml": b"""policy: 1
title: t
confidence: 90%
waiver_days: 30
require: [health]
protected: [web]
allow_confidence_none: false
distinct_approver: true
""",
    "included.yaml": b"""steps:
  - id: more
    checks: [{id: m, kind: health, url: "http://127.0.0.1:1/"}]
gate: {criteria: [m.success_rate >= 1%], checks: []}
""",
    "vars.yaml": b"v: 2\nw: [1, 2]\n",
    "script.js": b"export default function () {}\n",
    "locustfile.py": b"from locust import User\n",
    ".env": b"A=1\n",
}
_SUITE_OF = {"kind": "api", "suite": "suite.yaml"}
_HEAD: dict[str, Any] = {"phasegate": 1, "phase": "p", "title": "t"}
_WEB = {"default": "web", "external": {"web": {"url": "http://127.0.0.1:1"}}}


def _of_kind(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    named = {"suite": "suite.yaml", "script": "script.js", "locustfile": "locustfile.py", "path": "checks"}
    written = {key: named.get(key, value) for key, value in params.items()}
    if name == "query":  # which has no criterion of its own
        written["criteria"] = ["error_rate.max < 1%"]
    target: dict[str, Any] = {**_WEB, "compose": {"file": "compose.yaml"}}
    return {
        **_HEAD,
        "target": target if name in ("containers", "image", "resources") else _WEB,
        "steps": [{"id": "one", "checks": [{"id": "a", "kind": name, **written}]}],
    }


@cache
def plans() -> tuple[dict[str, Any], ...]:
    """Small plans that have all there is between them."""
    kinds = [_of_kind(name, kind.example) for name, kind in KINDS.items()]
    variants = [_of_kind("load", one.example) for one in (KINDS["load"].variants or {}).values()]
    rich = {
        **_HEAD,
        "include": ["included.yaml"],
        "variables": {"v": 1, "w": "${v}"},
        "environments": {"staging": {"variables": {"v": 2}, "target": _WEB}},
        "waivers": {"file": "waivers.yaml", "days": 60},
        "accepted": [{"item": "x", "from": 3, "to": 1, "approver": "ann", "reason": "r", "ticket": "T-1"}],
        "secrets": ["TOKEN"],
        "target": {
            **_WEB,
            "processes": {
                "app": {"command": ["x", "${self.port}"], "ready": {"log": "up|ready", "within": "2s"}}
            },
        },
        "steps": [
            {
                "id": "one",
                "checks": [
                    {"id": "a", **_SUITE_OF},
                    {
                        "id": "steady",
                        "kind": "load",
                        "url": "/?u=${user}",
                        "rate": "10/s",
                        "duration": "5s",
                        "data": {"csv": "rows.csv"},
                        "criteria": ["latency.p95 < 1s", "success_rate >= 99%"],
                    },
                    {"id": "rows", "kind": "load", "url": "/${user}", "connections": 2, "duration": "5s"}
                    | {"data": {"jsonl": "rows.jsonl"}},
                    {
                        "id": "cmd",
                        "kind": "command",
                        "command": ["make"],
                        "results": "*.xml",
                        "expect": {"output": {"matches": "a+"}},
                        "measures": {"n": {"regex": "(\\d+)", "unit": "%"}},
                        "env": {"A": "b"},
                    },
                ],
            }
        ],
        "gate": {
            "checks": [{"id": "up", "kind": "health", "url": "/", "during": "run", "every": "1s"}],
            "criteria": ["up.success_rate >= 50%", "steady.latency.p50 <= baseline * 1.2"],
            "approvals": [{"role": "manager", "within": "5d"}],
            "limit": "1h",
        },
    }
    stack = {
        **_HEAD,
        "title": "${v}",
        "risks": [{"title": "t", "impact": "high", "measures": ["a"]}],
        "variables": {"v": 1},
        "confidence": "95%",
        "defaults": {"timeout": "5s", "retry": {"attempts": 2, "wait": "1s"}},
        "target": {
            **PLAN["target"],
            "compose": {
                "file": "compose.yaml",
                "services": {"controller": {"port": 80, "headers": {"A": "b"}, "tls": {}}, "queue": {}},
                "profiles": ["more"],
                "env": {"V": "${v}"},
                "within": "1m",
            },
            "setup": [["make"], {"in": "controller", "command": ["ls"], "limit": "3s"}],
        },
        "steps": [
            {
                "id": "one",
                "needs": [],
                "requires": ["node", {"in": "queue", "tools": ["jq"]}],
                "tags": ["t"],
                "setup": [["make"]],
                "checks": [
                    {"id": "a", "kind": "health", "url": "/", "probes": 3, "expect": {"json": {"$.a": 1}}},
                    {"id": "b", "kind": "health", "url": "${each}", "each": {"x": "${target.web.url}/x"}},
                    {"id": "d", "kind": "command", "command": ["x", "${out}"], "in": "controller"},
                ],
                "criteria": [{"criterion": "a.latency.p50 < 1s", "id": "fast", "why": "x", "level": "warn"}],
            },
            {"id": "two", "after": ["one"], "parallel": True, "checks": [{"id": "e", "kind": "containers"}]},
        ],
        "gate": {"checks": [{"id": "r", "kind": "resources", "during": "run"}], "criteria": []},
    }
    return (rich, stack, *kinds, *variants)


@cache
def shipped() -> tuple[bytes, ...]:
    files = (*(_ROOT / "plans").glob("*.yaml"), *(_ROOT / "checks" / "api").glob("*.yaml"))
    return tuple(path.read_bytes() for path in sorted(files) if path.stat().st_size < 6_000)


@cache
def records() -> tuple[dict[str, bytes], ...]:
    """Records as they lie on the disk."""
    found = []
    for run in samples.all_runs().values():
        if run.finished is None:
            continue
        ended = RunFinished(
            at=run.finished,
            verdict=run.verdict,
            exit_code=run.exit_code,
            reason=run.reason,
            evidence=run.evidence,
        )
        lines = [event_to_json(RunStarted(at=run.started, skeleton=run)), event_to_json(ended)]
        result = json.dumps(result_to_json(run)).encode()
        found.append({"events.jsonl": b"\n".join(lines) + b"\n", "result.json": result})
    return tuple(sorted(found, key=lambda one: len(one["events.jsonl"]))[:4])


@cache
def lived() -> tuple[bytes, ...]:
    """Events of runs that went step by step."""
    events = [value for value in vars(test_fold).values() if isinstance(value, list | tuple)]
    return tuple(
        b"\n".join(map(event_to_json, some)) + b"\n"
        for some in events
        if some and isinstance(some[0], RunStarted)
    )


@dataclass(frozen=True, slots=True)
class Input:
    """A command line, ready in its folder, and the exit codes that it may have."""

    arguments: list[str]
    codes: frozenset[int]


_LOADS = frozenset({0, 2})
_COMPARES = frozenset({0, 1, 2})
_VERDICTS = frozenset({0, 1, 2, 3, 70, 75, 130, 143})
"""A record has the exit code of its run, that of a defect too."""


def make(kind: str, random: Random, folder: Path) -> Input:
    """Write one input to an empty folder."""
    _clear(folder)
    return KINDS_OF_INPUT[kind](random, folder)


def _plan(random: Random, folder: Path) -> Input:
    _lay(folder)
    tree = mutated(random.choice(plans()), random, random.choice((1, 1, 1, 2, 4)), plans())
    (folder / "plan.yaml").write_bytes(_written(tree, random))
    return _reading(random, folder)


def _text_of_plan(random: Random, folder: Path) -> Input:
    _lay(folder)
    tree: Any = random.choice(plans())
    data = yaml.safe_dump(tree, sort_keys=False).encode()
    if random.random() < 0.05:
        data = random.choice(shipped())
    (folder / "plan.yaml").write_bytes(spoilt(data, random, shipped()))
    return _reading(random, folder)


def _named(*names: str) -> Callable[[Random, Path], Input]:
    """A good plan, and a file that it names or is given that is not."""

    def lay(random: Random, folder: Path) -> Input:
        _lay(folder)
        name = random.choice(names)
        tree = yaml.safe_load(_FILES[name]) if name.endswith(".yaml") else None
        if tree is not None and random.random() < 0.6:
            data = _written(mutated(tree, random, random.choice((1, 1, 2, 3)), (tree,)), random)
        elif name.endswith(".json"):
            changed = mutated(json.loads(_FILES[name]), random, 2, (json.loads(_FILES[name]),))
            data = as_text(changed).encode("utf-8", "surrogatepass")
        else:
            data = spoilt(_FILES[name], random, tuple(_FILES.values()))
        (folder / name).write_bytes(data)
        (folder / "plan.yaml").write_text(as_text(plans()[0] if name == "policy.yaml" else _naming(name)))
        if name == "compose.yaml" and random.random() < 0.2:
            return Input(["init", str(folder / name), "-o", str(folder / "new.yaml")], _LOADS)
        return _reading(random, folder)

    return lay


@cache
def _naming(name: str) -> dict[str, Any]:
    """The smallest plan in which a file matters."""
    health = {"id": "steady", "kind": "health", "url": "/${v}", "criteria": ["latency.p50 < 1s"]}
    data = {"csv": "rows.csv"} if name == "rows.csv" else {"jsonl": "rows.jsonl"}
    load = {"id": "a", "kind": "load", "url": "/?u=${user}", "connections": 2, "duration": "5s", "data": data}
    plan = {**_HEAD, "variables": {"v": 1, "w": [1]}, "target": _WEB}
    match name:
        case "compose.yaml" | ".env":
            return _of_kind("containers", KINDS["containers"].example)
        case "suite.yaml" | "schema.json":
            return _of_kind("api", KINDS["api"].example)
        case "rows.csv" | "rows.jsonl":
            return {**plan, "steps": [{"id": "one", "checks": [load]}]}
        case "waivers.yaml":
            return {
                **plan,
                "waivers": {"file": name, "days": 60},
                "steps": [{"id": "one", "checks": [health]}],
            }
        case _:
            return {**plan, "include": ["included.yaml"], "steps": [{"id": "one", "checks": [health]}]}


def _record(random: Random, folder: Path) -> Input:
    record = dict(random.choice(records()))
    if lived() and random.random() < 0.3:
        record = {"events.jsonl": random.choice(lived())}
    which = random.choice(list(record))
    if random.random() < 0.7:
        lines = record[which].splitlines()
        at = random.randrange(len(lines))
        trees = tuple(map(json.loads, lines))
        changed = mutated(trees[at], random, random.choice((1, 1, 2)), trees)
        lines[at] = as_text(changed).encode("utf-8", "surrogatepass").replace(b"\n", b" ")
        record[which] = b"\n".join(lines) + b"\n"
    else:
        record[which] = spoilt(record[which], random, tuple(record.values()))
    for name, data in record.items():
        (folder / name).write_bytes(data)
    return _looking(random, folder)


_SIGN_OFF = {
    "schema": "phasegate.signoff/1",
    "at": "2026-01-01T00:00:00Z",
    "by": "ann",
    "role": "manager",
    "decision": "approve",
    "reason": "fine",
    "result_sha256": "0" * 64,
    "run": "x",
    "tool_version": "0.1.0",
}


def _sign_offs(random: Random, folder: Path) -> Input:
    for name, data in records()[0].items():
        (folder / name).write_bytes(data)
    line = as_text(mutated(_SIGN_OFF, random, random.choice((0, 1, 2)), (_SIGN_OFF,)))
    data = line.encode("utf-8", "surrogatepass") + b"\n"
    (folder / "signoffs.jsonl").write_bytes(spoilt(data * 2, random) if random.random() < 0.5 else data)
    return _looking(random, folder)


def _looking(random: Random, folder: Path) -> Input:
    match random.randrange(4):
        case 0:
            said = ["--by", "ann", "--role", "manager", "--decision", "approve", "--reason", "fine"]
            return Input(["signoff", str(folder), *said], frozenset({0, 2, 3}))
        case 1:
            return Input(["verify", str(folder), *random.choice(([], ["--json"]))], _VERDICTS)
        case _:
            reports = random.choice(("json=-", "html=-", "junit=-", "junit-strict=-", "json=again.json"))
            return Input(["report", str(folder), "--report", reports], _VERDICTS)


def _baseline(random: Random, folder: Path) -> Input:
    _record(random, folder)
    _lay(folder)
    (folder / "plan.yaml").write_text(as_text(plans()[0]))
    given = ["--baseline", str(folder), "-o", str(folder / "events.jsonl" / "out")]
    return Input(["run", str(folder / "plan.yaml"), *given], frozenset({2}))


def _clear(folder: Path) -> None:
    for name in list(folder.iterdir()):
        shutil.rmtree(name) if name.is_dir() else name.unlink()


def lay_out(folder: Path) -> None:
    """Every file that the plans name, in a folder that has nothing else then."""
    _clear(folder)
    _lay(folder)


def _lay(folder: Path) -> None:
    for name, data in _FILES.items():
        (folder / name).write_bytes(data)
    (folder / "checks").mkdir()


def _written(tree: Any, random: Random) -> bytes:
    text = as_text(tree)
    if random.random() < 0.2:
        with contextlib.suppress(ValueError, RecursionError, yaml.YAMLError):  # it may have something raw
            text = yaml.safe_dump(json.loads(text), allow_unicode=random.random() < 0.5, sort_keys=False)
    data = text.encode("utf-8", "surrogatepass")
    return spoilt(data, random) if random.random() < 0.1 else data


def _reading(random: Random, folder: Path) -> Input:
    plan = str(folder / "plan.yaml")
    match random.randrange(16):
        case 0:
            return Input(["plan", plan], _LOADS)
        case 1:
            return Input(["plan", plan, "--json"], _LOADS)
        case 2:
            return Input(["waivers", "list", plan], _LOADS)
        case 3:
            return Input(["waivers", "check", plan], _COMPARES)
        case 4:
            good = folder / "good.yaml"
            good.write_text(as_text(random.choice(plans())))
            both = [plan, str(good)]
            random.shuffle(both)
            return Input(
                ["guard", *both, *random.choice(([], ["--json"], ["--format", "markdown"]))], _COMPARES
            )
        case 5 | 6:
            return Input(["validate", plan, "--policy", str(folder / "policy.yaml")], _LOADS)
        case 7:
            return Input(["validate", plan, "--vars", str(folder / "vars.yaml")], _LOADS)
        case 8:
            return Input(["validate", plan, "--env", random.choice(("staging", "x", "a" * 300))], _LOADS)
        case _:
            return Input(["validate", plan], _LOADS)


def _document(random: Random, folder: Path) -> Input:
    """A plan in Markdown."""
    documents = tuple(file.read_bytes() for file in sorted(_DOCUMENTS.glob("*.md")))
    (folder / "plan.md").write_bytes(spoilt(random.choice(documents), random, documents))
    return Input(["init", str(folder / "plan.md"), "-o", str(folder / "new.yaml")], _LOADS)


KINDS_OF_INPUT: Mapping[str, Callable[[Random, Path], Input]] = {
    "plan": _plan,
    "text of a plan": _text_of_plan,
    "suite": _named("suite.yaml"),
    "compose": _named("compose.yaml", ".env"),
    "waivers": _named("waivers.yaml"),
    "policy": _named("policy.yaml"),
    "included": _named("included.yaml"),
    "variables": _named("vars.yaml"),
    "data": _named("rows.csv", "rows.jsonl", "schema.json"),
    "document": _document,
    "record": _record,
    "sign-offs": _sign_offs,
    "baseline": _baseline,
}
