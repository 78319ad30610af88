from __future__ import annotations

import pytest

from phasegate.render.sentences import sentence
from tests.plan.conftest import Load

COMPOSE = """\
services:
  web: {image: "w:${VERSION}", ports: [80, 81], profiles: [], healthcheck: &ask {test: ask}}
  db: {image: "d:$TAG", expose: [5432], healthcheck: *ask}
  silent: {image: s, profiles: [debug], environment: [BY_NAME], healthcheck: *ask}
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


WEAK = """\
services:
  web: {image: w, ports: [80], healthcheck: {test: "exit 0"}, secrets: [key, {source: there}, other]}
  db: {image: d, depends_on: {job: {condition: service_completed_successfully}}}
  off: {image: d, healthcheck: {disable: true}}
  alone:
    image: d
    depends_on: {db: &well {condition: service_healthy}, off: *well, elsewhere: *well, web: *well}
  job: {image: j}
  elsewhere: {extends: web}
  later: {image: l, profiles: [debug], healthcheck: {test: "true"}, secrets: [unused]}
secrets:
  key: {file: secrets/key.txt}
  there: {file: c.yaml}
  other: {file: "${SECRETS}/other.txt"}
  unused: {file: secrets/unused.txt}
"""


def test_what_proves_nothing_and_what_is_missing_is_said_of_services_that_come_up(load_text: Load) -> None:
    assert warnings(load_text, "default: web, compose: {file: c.yaml}", WEAK) == [
        "service 'web' has a healthcheck that cannot fail: `exit 0`; let it ask the program",
        (
            "others wait until these are healthy, and they have no healthcheck here: db, off; "
            "Compose refuses to wait for a service without one; give it one, unless its image has one"
        ),
        (
            "the file of the secret 'key' is missing: secrets/key.txt; "
            "make it, or correct the path, which starts at the folder of the compose file"
        ),
    ]


def test_no_more_than_a_few_lines_are_said_of_a_stack(load_text: Load) -> None:
    compose = "services:\n" + "".join(
        f"  s{number}: {{image: i, ports: [80], healthcheck: {{test: [CMD, 'true']}}}}\n"
        for number in range(9)
    )
    assert len(warnings(load_text, "default: s0, compose: {file: c.yaml}", compose)) == 3
