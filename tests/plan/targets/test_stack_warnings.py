from __future__ import annotations

import pytest

from phasegate.render.sentences import sentence
from tests.plan.conftest import Load

COMPOSE = """\
services:
  web: {image: "w:${VERSION}", ports: [80, 81], profiles: []}
  db: {image: "d:$TAG", expose: [5432]}
  silent: {image: s, profiles: [debug], environment: [BY_NAME]}
"""


def warnings(load_text: Load, rest: str, compose: str = COMPOSE) -> list[str]:
    text = (
        f"phasegate: 1\nphase: p\ntitle: t\ntarget: {{{rest}}}\n"
        "steps: [{id: one, checks: [{id: a, kind: probe, url: http://x/}]}]\n"
    )
    loaded = load_text(text, files={"c.yaml": compose})
    return [f"{sentence(one.message)}; {one.help}" for one in loaded.warnings]


@pytest.mark.parametrize(
    "rest",
    [
        "compose: {file: c.yaml}",
        "default: db, compose: {file: c.yaml, env: {VERSION: 1, TAG: 2, BY_NAME: 3, COMPOSE_X: 1}}",
        "default: web, compose: {file: c.yaml, services: {web: {port: 81}}, profiles: [debug]}",
        "default: web, compose: {file: c.yaml, services: {web: {port: 81}}, profiles: ['*']}",
    ],
)
def test_a_stack_that_says_all_is_left_in_peace(load_text: Load, rest: str) -> None:
    assert warnings(load_text, rest) == []


def test_variables_and_profiles_that_nothing_uses_are_said(load_text: Load) -> None:
    stack = "file: c.yaml, env: {VERSOIN: 1, OTHER: 2}, profiles: [debgu]"
    assert warnings(load_text, f"compose: {{{stack}}}") == [
        "the compose file does not use the variable 'VERSOIN'; did you mean 'VERSION'?",
        "the compose file does not use the variable 'OTHER'; known variables: VERSION, TAG",
        "no service of the compose file has the profile 'debgu'; did you mean 'debug'?",
    ]
    # What other files use is not seen.
    assert warnings(load_text, f"compose: {{{stack}}}", "include: [more.yaml]\n" + COMPOSE) == []


def test_a_default_entry_says_on_which_port_it_is_asked(load_text: Load) -> None:
    help = "say which one its url speaks of: services: {%s: {port: ...}}"
    assert warnings(load_text, "default: web, compose: {file: c.yaml}") == [
        "the default entry 'web' has several ports (80, 81), and the plan does not say which; " + help % "web"
    ]
    assert warnings(load_text, "compose: {file: c.yaml, services: [silent]}") == [
        "the default entry 'silent' neither publishes nor exposes a port in the compose file; "
        + help % "silent"
    ]
