"""Processes as a plan has them: what is said of one that is asked where it may not listen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phasegate.render.sentences import sentence
from tests.plan.conftest import Load, load_text

__all__ = ["load_text"]

WARNING = (
    "target web: its command and env do not name ${self.port} or ${self.url}, "
    "so it may not listen where checks ask it"
)
ELSEWHERE = {"url": "http://127.0.0.1:8123/health"}


def warnings(load_text: Load, **entry: Any) -> list[str]:
    check = {"id": "up", "kind": "probe", "url": "/health"}
    plan = {
        "phasegate": 1,
        "phase": "p",
        "title": "t",
        "target": {"processes": {"web": entry}},
        "steps": [{"id": "s", "checks": [check]}],
    }
    return [sentence(one.message) for one in load_text(json.dumps(plan)).warnings]


def test_a_process_that_is_up_elsewhere_and_never_learns_its_port_is_warned_of(load_text: Load) -> None:
    assert warnings(load_text, command=["serve"], ready=ELSEWHERE) == [WARNING]


@pytest.mark.parametrize(
    "entry",
    [
        {"command": ["serve", "--port", "${self.port}"], "ready": ELSEWHERE},
        {"command": ["serve"], "env": {"BASE": "at ${self.url}/"}, "ready": ELSEWHERE},
        {"command": ["work"], "ready": {"log": "up"}},
    ],
)
def test_one_that_learns_it_or_serves_nothing_is_not(load_text: Load, entry: dict[str, Any]) -> None:
    assert warnings(load_text, **entry) == []
