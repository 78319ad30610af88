"""Pieces of plans and suites that the documents show, put where they belong, so that they can be loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phasegate.base.yaml import read
from phasegate.gate.criterion import parse_criterion
from phasegate.http.suites.suite import Request, Suite
from phasegate.plan.written.plan import PlanWritten, StepWritten
from tests.docs.pages import ROOT, Block

PROCESS = {"command": ["python", "shop.py", "${self.port}"], "ready": {"url": "/health"}}
TARGET = {
    "default": "shop",
    "processes": {"shop": PROCESS, "nodejs": PROCESS},
    "compose": {"file": "compose.yaml"},
}
CHECKS: Mapping[str, Mapping[str, Any]] = {
    "up": {"kind": "health", "url": "/health", "probes": 10_000},
    "api": {"kind": "api", "suite": "api.yaml"},
    "steady": {"kind": "load", "url": "/items", "rate": "200/s", "duration": "30s"},
    "res": {"kind": "resources", "duration": "10s"},
    "e2e": {"kind": "e2e", "path": "e2e"},
    "unit": {"kind": "command", "command": ["python", "-m", "unittest"], "results": "unit.xml"},
}
"""Checks that a piece may speak of, added where it does."""
VARIABLES = {"version": "1.4.0", "limit": "100ms", "staging_url": "https://staging.example"}
SECRETS = {"API_TOKEN": "twelve-letters", "STAGING_PASSWORD": "twelve-letters", "HOME": "/home/ann"}
FILES = {
    "compose.yaml": """\
services:
  web: {image: "shop:1", ports: ["8080"]}
  db: {image: "db:1", ports: ["5432"]}
  worker: {image: "worker:1"}
  migrate: {image: "shop:1"}
""",
    "users.csv": "user,password\nann,one\n",
    "logins.jsonl": '{"user": "ann", "password": "one"}\n',
    "e2e/test_shop.py": "def test_one(): pass\n",
    "order.schema.json": "{}",
    "checks/slo/api.yaml": (ROOT / "checks/slo/api.yaml").read_text(encoding="utf-8"),
    "waivers.yaml": "waivers: 1\nentries: []\n",
    "gates/payments.yaml": """\
steps:
  - id: payments
    checks: [{id: pay, kind: health, url: /items, criteria: [success_rate == 100%]}]
""",
    **{f"checks/builds/{tool}/paging.txt": "" for tool in ("cargo", "go", "jest", "maven")},
    **dict.fromkeys(("load.js", "locustfile.py", "ca.pem", "client.pem", "client.key", "picture.png"), ""),
}
"""Files that pieces name."""


def plan_around(block: Block, folder: Path) -> dict[str, Any] | None:
    """A plan with a piece in it; None for criteria that stand alone, which are parsed.

    Errors: AssertionError for what is no piece of a plan or a suite.
    """
    file = folder / "piece.yaml"
    file.write_text(block.text, encoding="utf-8")
    tree: Any = read(file).tree
    items = tree if isinstance(tree, list) else [tree]
    keys = {key for item in items if isinstance(item, Mapping) for key in item}
    if not keys:
        for item in items:
            parse_criterion(item)
        return None
    return _complete(_place(block, tree, items, keys, folder), block)


def _place(block: Block, tree: Any, items: list[Any], keys: set[str], folder: Path) -> dict[str, Any]:
    if isinstance(tree, Mapping) and tree.get("suite") == 1:
        return {"steps": [{"checks": [{"id": "suite", "kind": "api", "suite": "piece.yaml"}]}]}
    if "criterion" in keys:
        return {"steps": [{"criteria": items}]}
    if "kind" in keys:
        return {"steps": [{"checks": items}]}
    if isinstance(tree, list) and "checks" in keys:
        return {"steps": items}
    if keys <= _keys(Request):
        return {
            "steps": [{"checks": [_suite({"flows": [{"id": "f", "requests": _requests(items)}]}, folder)]}]
        }
    if keys <= _keys(Suite):
        return {"steps": [{"checks": [_suite(tree, folder)]}]}
    if keys <= _keys(StepWritten):
        return {"steps": [tree]}
    assert keys <= _keys(PlanWritten), f"{block} is no piece of a plan or a suite: {sorted(keys)}"
    return {"steps": [{}], **tree}


def _keys(model: Any) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def _suite(suite: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    (folder / "suite.yaml").write_text(json.dumps({"suite": 1, **suite}), encoding="utf-8")
    return {"id": "suite", "kind": "api", "suite": "suite.yaml"}


def _requests(items: list[Any]) -> list[Any]:
    """Requests with what a piece leaves out: an id, an address, an expectation, and captures before it."""
    own = {name for item in items for name in item.get("capture", {})}
    captures = {name: "$.x" for name in ("token", "order", "job") if name not in own}
    first = {"id": "before", "url": "/", "expect": {"status": 200}, "capture": captures}
    whole = [
        {"id": f"r{number}", "url": "/", "expect": {"status": 200}, **item}
        for number, item in enumerate(items)
    ]
    return [first, *whole]


def _complete(plan: dict[str, Any], block: Block) -> dict[str, Any]:
    """The plan with a head, a target, and the checks that its piece speaks of."""
    plan = {"phasegate": 1, "phase": "piece", "title": "A piece", "target": TARGET, **plan}
    plan["variables"] = {**VARIABLES, **plan.get("variables", {})}
    if "target" not in block.text.split("\n", 1)[0] and "target" not in plan:
        plan["target"] = TARGET
    plan["target"] = _with_shop(plan["target"])
    last = plan["steps"][-1] = {"id": "piece", **plan["steps"][-1]}
    given = re.findall(r"\bid: ([a-z][\w-]*)", block.text)
    wanted = [{"id": id, **check} for id, check in CHECKS.items() if id not in given and _names(block, id)]
    last["checks"] = [*(last.get("checks") or ()), *(wanted or [{"id": "other", **CHECKS["up"]}])]
    return plan


def _names(block: Block, check: str) -> bool:
    return re.search(rf"\b{check}(?=[./\"']|$)|during: {check}\b", block.text, re.MULTILINE) is not None


def _with_shop(target: Mapping[str, Any]) -> dict[str, Any]:
    """A target with the default entry that checks are on."""
    if "default" in target or "shop" in {**target.get("processes", {}), **target.get("external", {})}:
        return {"default": "shop", **target}
    external = {"shop": {"url": "http://localhost:1"}, **target.get("external", {})}
    return {"default": "shop", **target, "external": external}
