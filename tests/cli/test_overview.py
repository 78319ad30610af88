from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import CommandLine

PLAN = """\
phasegate: 1
phase: try
title: Try it
target:
  default: docs
  external: {docs: {url: "https://docs.example"}}
  processes: {side: {command: [serve, it], ready: {tcp: true}}}
  compose:
    file: deploy/compose.yaml
    services: {web: {port: 80, protected: true}}
    profiles: [debug]
    project: shop
  containers: {label: [a, b=c], services: [old], allow_faults: true}
steps: [{id: one, checks: [{id: up, kind: health, url: "${target.web.url}/"}]}]
"""


def test_the_overview_shows_what_is_brought_up_and_what_is_there(
    phasegate: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "compose.yaml").write_text(
        "services: {web: {image: w, ports: [80], depends_on: [db]}, db: {image: d}, z: {image: z}}"
    )
    (tmp_path / "plan.yaml").write_text(PLAN)
    code, _, err = phasegate("plan", "plan.yaml")
    assert code == 0
    lines = err.splitlines()
    start = lines.index("target")
    assert lines[start : start + 8] == [
        "target",
        "  side             starts serve it",
        "  docs             is at https://docs.example",
        "  compose          brings up deploy/compose.yaml with web, profiles debug as project shop",
        "    web            service, port 80, protected",
        "    db             service",
        "  containers       looks at what is up with a, b=c; faults allowed",
        "    old            service",
    ]
    code, out, _ = phasegate("plan", "plan.yaml", "--json")
    data = json.loads(out)
    assert data["target"] == ["side", "docs", "web", "db", "old"]
    assert data["stacks"] == {
        "compose": {
            "file": "deploy/compose.yaml",
            "services": ["web", "db"],
            "profiles": ["debug"],
            "project": "shop",
        },
        "containers": {"labels": ["a", "b=c"], "services": ["old"], "allow_faults": True},
    }
