from __future__ import annotations

from pathlib import Path

import pytest

from tests.comparison.plans import changes, health, plan, said

FILE = """\
services:
  web: {image: w, ports: [80], depends_on: [db]}
  db: {image: d, expose: [5432]}
  Mail: {image: m}
"""
SHOP = 'target: {external: {shop: {url: "http://shop.example"}}}'


def stack(rest: str = "", more: str = "") -> str:
    target = f"target: {{default: web, compose: {{file: c.yaml{', ' if rest else ''}{rest}}}{more}}}"
    return plan(health()).replace(SHOP, target)


def attached(rest: str) -> str:
    return plan(health()).replace(
        SHOP, f"target: {{containers: {{label: a=b, services: {{web: {{}}}}{rest}}}}}"
    )


def found(folder: Path, before: str, after: str, file: str = FILE) -> list[str]:
    return said(changes(folder, before, after, {"c.yaml": FILE}, {"c.yaml": file}))


def test_the_same_stack_in_two_folders_has_no_changes(tmp_path: Path) -> None:
    assert found(tmp_path, stack("services: [web]"), stack("services: [web]")) == []
    assert found(tmp_path, stack(), stack()) == []


def test_a_stack_with_fewer_services_is_weaker_and_one_with_more_is_not(tmp_path: Path) -> None:
    fewer, more = stack("services: [web]"), stack("services: [web, Mail]")
    assert found(tmp_path, more, fewer) == ["weaker: target.compose service Mail: brought up -> removed"]
    assert found(tmp_path, fewer, more) == []
    without = FILE.replace("  db: {image: d, expose: [5432]}\n", "").replace(", depends_on: [db]", "")
    gone, file = found(tmp_path, stack(), stack(), without)
    assert gone == "weaker: target db: service db -> removed"
    assert file.startswith("changed: target.compose file: c.yaml (sha256 ")


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("profiles: [a]", "profiles: [b]", 'target.compose profiles: ["a"] -> ["b"]'),
        ("project: one", "project: two", "target.compose project: one -> two"),
        ("env: {A: 1}", "env: {A: 2}", 'target.compose env: {"A": "1"} -> {"A": "2"}'),
        ("within: 1m", "within: 2m", "target.compose within: 60.0 -> 120.0"),
        ("services: {web: {port: 80}}", "services: {web: {}}", "target web port: 80 -> none"),
    ],
)
def test_what_has_no_order_is_to_be_looked_at(before: str, after: str, wanted: str, tmp_path: Path) -> None:
    assert found(tmp_path, stack(before), stack(after)) == [f"changed: {wanted}"]


def test_faults_that_become_allowed_are_weaker(tmp_path: Path) -> None:
    plain, allowed = attached(""), attached(", allow_faults: true")
    assert found(tmp_path, plain, allowed) == ["weaker: target.containers allow_faults: false -> true"]
    assert found(tmp_path, allowed, plain) == ["stronger: target.containers allow_faults: true -> false"]
    assert "weaker: target.containers allow_faults: false -> true" in found(tmp_path, stack(), allowed)


def test_a_stack_for_what_was_external_is_to_be_looked_at(tmp_path: Path) -> None:
    lines = found(tmp_path, plan(health()), attached(""))
    assert lines == [
        "changed: target shop: http://shop.example -> removed",
        "changed: target web: not there -> service web",
        "changed: target.containers: not there -> a=b",
        "changed: target default: shop -> web",
    ]
