"""Each rule of Compose files trips where one thing is wrong, and is silent where it is right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from phasegate.base.yaml import COMPOSE, parse
from phasegate.inspection.finding import Inspection
from phasegate.kinds.dockerfile.compose import Compose, interpolate
from phasegate.kinds.dockerfile.compose_rules import rule
from phasegate.render.rules import rule_texts
from phasegate.render.sentences import sentence

SOUND = """\
x-ask: &ask
  healthcheck: {test: [CMD, ask], interval: 5s}
  restart: unless-stopped
  mem_limit: 64m
services:
  web:
    <<: *ask
    image: "shop/web:${TAG:-1.4}"
    ports: ["127.0.0.1:8080:80"]
    env_file: [there.env, {path: gone.env, required: false}]
    environment: {DB_PASSWORD_FILE: /run/secrets/db, API_KEY: "${API_KEY}", MODE: fast}
    secrets: [db]
    cap_add: [NET_BIND_SERVICE]
    command: ["--password-file", /run/secrets/db]
    volumes: ["data:/data", {type: bind, source: ./web, target: /web}]
  job:
    image: shop/job:1
    deploy: {resources: {limits: {memory: 64m}}}
  db:
    <<: *ask
    build: .
    depends_on: {job: {condition: service_completed_successfully}}
secrets:
  db: {file: there.env}
  more: {external: true}
configs:
  web: {content: a}
"""
TRIPS: Mapping[str, tuple[str, ...]] = {
    "compose-structure": ("a: 1", "[a]", "text", "services: [web]", "services: {web: text}"),
    "compose-no-healthcheck": (
        "web: {image: 'a:1'}",
        "web: {build: .}",
        "web: {image: 'a:1', healthcheck: {disable: true}}",
        "web: {image: 'a:1', healthcheck: {test: [NONE]}}",
        "web: {image: 'a:1', healthcheck: !reset null}",
    ),
    "compose-healthcheck-cannot-fail": (
        "web: {healthcheck: {test: exit 0}}",
        "web: {healthcheck: {test: [CMD, 'true']}}",
        "web: {healthcheck: {test: [CMD-SHELL, 'curl localhost || true']}}",
        "web: {healthcheck: {test: 'X=1; [ $$X = 1 ]'}}",
        "web: {healthcheck: {test: !override [CMD, 'true']}}",
    ),
    "compose-privileged": (
        "web: {privileged: '${P:-true}'}",
        "web: {privileged: yes}",
        "web: {privileged: true}",
        "web: {privileged: 'true'}",
    ),
    "compose-capabilities": (
        "web: {cap_add: ['${C:-SYS_ADMIN}']}",
        "web: {cap_add: [SYS_ADMIN]}",
        "web: {cap_add: [NET_RAW, CAP_NET_ADMIN]}",
        "web: {cap_add: [all]}",
    ),
    "compose-host-namespaces": (
        "web: {network_mode: '${N:-host}'}",
        "web: {network_mode: host}",
        "web: {pid: host}",
        "web: {ipc: host}",
        "web: {userns_mode: host}",
        "web: {cgroup: host}",
    ),
    "compose-engine-socket": (
        "web: {use_api_socket: true}",
        "web: {volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']}",
        "web: {volumes: [{type: bind, source: /run/docker.sock, target: /s}]}",
        "web: {volumes: ['${SOCKET:-/var/run/docker.sock}:/s']}",
        "web: {volumes: ['/run/podman/podman.sock:/s']}",
        "web: {volumes: ['/var/run:/var/run']}",
        "web: {volumes: ['/run/:/host/run:ro']}",
        "web: {volumes: ['/:/host:ro']}",
        "web: {volumes: ['//var//run/../run:/x']}",
        "web: {volumes: [{type: bind, source: /var, target: /v}]}",
        "web: {volumes: ['/var/lib/docker:/d']}",
        "web: {volumes: ['../../../../../../../../../../../../run:/r']}",
        "web: {volumes: ['${SOCKET}:/var/run/docker.sock']}",
        "services: {web: {volumes: ['sock:/s']}}\nvolumes: {sock: {driver_opts: {device: /var/run}}}",
    ),
    "compose-reference": ("web: {image: 'a:1', extends: base}", "web: {extends: {service: gone}}"),
    "compose-image-unpinned": (
        "web: {image: nginx, build: null}",
        "web: {image: nginx}",
        "web: {image: 'nginx:latest'}",
        "web: {image: 'nginx:${TAG:-latest}'}",
        "web: {image: 'localhost:5000/nginx'}",
    ),
    "compose-image-not-known": ("web: {image: 'nginx:$TAG'}", "web: {image: '${IMAGE:?}'}"),
    "compose-secret-in-environment": (
        "web: {environment: {DB_PASSWORD: hunter2}}",
        "web: {environment: [DB_PASSWORD=hunter2]}",
        "web: {environment: {DB_PASSWORD: '${DB_PASSWORD:-hunter2}'}}",
        "web: {environment: {URL: 'postgres://shop:hunter2@db/shop'}}",
        "web: {build: {args: {NPM_TOKEN: hunter2}}}",
    ),
    "compose-secret-in-command": (
        "web: {command: redis-server --requirepass x --password hunter2}",
        "web: {command: [serve, --password=hunter2]}",
        "web: {entrypoint: 'DB_PASSWORD=hunter2 serve'}",
        "web: {healthcheck: {test: mysqladmin ping -uroot -phunter2}}",
    ),
    "compose-secret-file": (
        "services: {}\nsecrets: {db: {file: gone.txt}}",
        "services: {}\nconfigs: {web: {file: ./sub/gone.conf}}",
    ),
    "compose-env-file": (
        "web: {env_file: gone.env}",
        "web: {env_file: [there.env, gone.env]}",
        "web: {env_file: [{path: gone.env}]}",
    ),
    "compose-port-on-all-addresses": (
        "web: {ports: ['8080:80']}",
        "web: {ports: [80]}",
        "web: {ports: ['0.0.0.0:80:80']}",
        "web: {ports: [{target: 80, published: 8080}]}",
        "web: {ports: ['${PORT:-80}:80']}",
    ),
    "compose-no-restart": ("web: {image: 'a:1'}",),
    "compose-no-memory-limit": (
        "web: {image: 'a:1'}",
        "web: {image: 'a:1', deploy: {resources: {limits: {}}}}",
    ),
}
SILENT: Mapping[str, tuple[str, ...]] = {
    "compose-structure": ("include: [a.yaml]", "services: {x-more: text}", "services: !reset null"),
    "compose-no-healthcheck": (
        "web: {environment: {A: 1}}",
        "web: {image: 'a:1', extends: {service: base, file: b.yaml}}",
        "web: {image: 'a:1', healthcheck: {interval: 5s}}",
        "job: {image: 'a:1'}\n  web: {depends_on: {job: {condition: service_completed_successfully}}}",
    ),
    "compose-healthcheck-cannot-fail": (
        "web: {healthcheck: {test: 'curl -f localhost || exit 1'}}",
        "web: {healthcheck: {test: [NONE]}}",
        "web: {healthcheck: {test: '${ASK}'}}",
    ),
    "compose-privileged": ("web: {privileged: false}",),
    "compose-capabilities": ("web: {cap_add: [NET_BIND_SERVICE, CHOWN], cap_drop: [ALL]}",),
    "compose-host-namespaces": ("web: {network_mode: bridge, pid: 'service:db', ipc: shareable}",),
    "compose-engine-socket": (
        "web: {volumes: ['./docker.sock.md:/a', 'data:/var/run/docker.sock', './run:/run', '/var/log:/l']}",
        "web: {volumes: [/run]}",
        "web: {volumes: ['/var/lib/shop:/s', '/run/shop:/s', '/etc/localtime:/etc/localtime:ro']}",
    ),
    "compose-reference": (
        "web: {extends: base}\n  base: {image: 'a:1'}",
        "web: {extends: {file: other.yaml, service: base}}",
    ),
    "compose-image-unpinned": (
        "web: {image: shop/web, build: .}",
        "web: {image: 'nginx:1.29'}",
        f"web: {{image: 'nginx@sha256:{'0' * 64}'}}",
        "web: {image: 'nginx:$TAG'}",
    ),
    "compose-image-not-known": (
        "web: {image: 'nginx:${TAG:-1}'}",
        "web: {image: '$IMAGE', build: .}",
        "web: {image: 'nginx:$FROM_ENV_FILE'}",
        "web: {image: 'nginx:$GIVEN'}",
    ),
    "compose-secret-in-environment": (
        "web: {environment: {DB_PASSWORD_FILE: /run/secrets/db}}",
        "web: {environment: {DB_PASSWORD: '${DB_PASSWORD}', API_KEY: null}}",
        "web: {environment: [API_KEY, MODE=fast]}",
        "web: {environment: {API_KEY: '${API_KEY:?set it}'}}",
    ),
    "compose-secret-in-command": ("web: {command: 'serve --password $$PASSWORD'}", "web: {command: serve}"),
    "compose-secret-file": (
        "services: {}\nsecrets: {db: {file: there.env}, a: {environment: A}, b: {file: '${D}/b'}}",
    ),
    "compose-env-file": ("web: {env_file: [there.env, {path: gone.env, required: false}]}",),
    "compose-port-on-all-addresses": (
        "web: {ports: ['127.0.0.1:80:80', '[::1]:80:80', {target: 80, host_ip: 127.0.0.1}], expose: [80]}",
    ),
    "compose-no-restart": (
        "web: {image: 'a:1', restart: always}",
        "web: {image: 'a:1', deploy: {restart_policy: {condition: any}}}",
        "web: {environment: {A: 1}}",
    ),
    "compose-no-memory-limit": (
        "web: {image: 'a:1', mem_limit: 1g}",
        "web: {image: 'a:1', deploy: {resources: {limits: {memory: 1g}}}}",
    ),
}


def inspect(text: str, folder: Path) -> Inspection:
    """A service alone is put below `services`."""
    (folder / "there.env").touch()
    (folder / ".env").write_text("# tags\nexport FROM_ENV_FILE='1.2' # web\n")
    text = text if not text.startswith(("web:", "job:")) else f"services:\n  {text}\n"
    document = parse(text, "c.yaml", COMPOSE)
    return rule.inspect(Compose(document=document, folder=folder, given={"GIVEN": "1"}), "c.yaml")


def cases(table: Mapping[str, tuple[str, ...]]) -> list[object]:
    return [
        pytest.param(rule, text, id=f"{rule}-{n}") for rule in table for n, text in enumerate(table[rule])
    ]


def test_every_rule_has_something_that_trips_it_and_something_that_does_not() -> None:
    rules = [one.id for one in rule.rules]
    assert list(TRIPS) == list(SILENT) == rules
    assert all(TRIPS.values())
    assert all(SILENT.values())


def test_a_sound_file_has_no_finding_and_every_rule_looks_at_something(tmp_path: Path) -> None:
    seen = inspect(SOUND, tmp_path)
    assert [(one.rule, sentence(one.message)) for one in seen.findings] == []
    assert {id: one.n for id, one in seen.looked.items() if not one.n} == {}


@pytest.mark.parametrize(("id", "text"), cases(TRIPS))
def test_a_rule_trips_where_one_thing_is_wrong(id: str, text: str, tmp_path: Path) -> None:
    found = [one for one in inspect(text, tmp_path).findings if one.rule == id]
    assert found
    for one in found:
        assert one.line
        assert not re.search(r"\{\d\}", sentence(one.message))
        assert "hunter2" not in sentence(one.message)


@pytest.mark.parametrize(("id", "text"), cases(SILENT))
def test_a_rule_is_silent_where_that_is_right(id: str, text: str, tmp_path: Path) -> None:
    assert [sentence(one.message) for one in inspect(text, tmp_path).findings if one.rule == id] == []


@pytest.mark.parametrize("id", [one.id for one in rule.rules])
def test_the_sentence_of_a_rule_says_what_is_wrong_and_what_would_be_right(id: str) -> None:
    assert all(rule_texts(id))


def test_findings_are_where_the_thing_stands_and_what_is_merged_counts_where_it_was_written(
    tmp_path: Path,
) -> None:
    text = (
        "x-all: &all\n  privileged: true\nservices:\n  web:\n    <<: *all\n"
        "    volumes:\n      - a:/a\n      - /run/docker.sock:/s\n"
    )
    found = {one.rule: (one.line, one.place) for one in inspect(text, tmp_path).findings}
    assert found["compose-engine-socket"] == (8, "services/web/volumes/1")
    assert found["compose-privileged"] == (2, "services/web/privileged")


@pytest.mark.parametrize(
    ("text", "value"),
    [("a$$b", "a$b"), ("$A", None), ("${A:-x}$$${B-y}", "x$y"), ("$$$A", None), ("plain", "plain")],
)
def test_variables_have_their_defaults_and_two_dollars_are_one(text: str, value: str | None) -> None:
    assert interpolate(text) == value


@pytest.mark.parametrize(
    ("build", "checked"),
    [
        (".", True),
        ("{context: ./web, dockerfile: ../Dockerfile}", True),
        ("{context: ., target: early}", False),
        ("{dockerfile_inline: 'FROM a'}", False),
        ("{context: gone}", False),
        ("https://example.com/web.git", False),
    ],
)
def test_the_healthcheck_of_a_dockerfile_that_is_there_counts(
    build: str, checked: bool, tmp_path: Path
) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "Dockerfile").write_text("FROM a:1 AS early\nFROM early\nHEALTHCHECK CMD ask\n")
    seen = inspect(f"services: {{web: {{build: {build}}}}}", tmp_path)
    found = {one.rule for one in seen.findings}
    assert ("compose-no-healthcheck" not in found) is checked
