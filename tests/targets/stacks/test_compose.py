"""What is made of a configuration that Compose resolved: pure, so without an engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from phasegate.plan.asked.services import ComposeStack
from phasegate.plan.reading.compose_file import coming_up, ports_in
from phasegate.render.sentences import sentence
from phasegate.targets.stacks.compose import (
    Compose,
    failed_build,
    free_config,
    redact_config,
    tcp_ports,
    trouble_of,
    with_profiles_named,
)
from phasegate.world import Completed

CONFIG = yaml.safe_load(
    """
    name: shop
    services:
      web:
        container_name: web
        image: shop/web
        depends_on: {db: {condition: service_healthy}}
        environment: {API_TOKEN: hunter2, PORT: "80", DB_PASSWORD: null}
        ports: [{target: 80, published: "8080", protocol: tcp, mode: ingress}, "127.0.0.1:9000:9000/udp"]
      db: {build: {context: /srv/db, args: {KEY: hunter2}}, links: ["cache:c"]}
      cache: {image: cache, scale: 3, ports: ["6379"]}
      debug: {image: debug, profiles: [debug], network_mode: host, ports: ["1:1"]}
    networks:
      front: {name: fixed, driver: bridge}
      back: null
      theirs: {external: true, name: theirs}
    volumes: {data: {name: fixed_data}}
    secrets: {}
    """
)
STACK = ComposeStack(file=Path("/srv/compose.yaml"))


class Row:
    """Ports in a row, from 20001 on."""

    def __init__(self) -> None:
        self._next = 20001

    def take(self, count: int) -> int:
        first, self._next = self._next, self._next + count
        return first


def free(config: Mapping[str, Any] = CONFIG, **ports: tuple[int, ...]) -> dict[str, Any]:
    return free_config(config, project="phasegate-1", ports=ports, take=Row().take)


def test_nothing_is_left_that_two_runs_would_share() -> None:
    found = free(web=(81, 80), db=(5432,))
    assert found["services"]["web"]["ports"] == [
        "127.0.0.1:20001:80/tcp", "127.0.0.1:20002:9000/udp", "127.0.0.1:20003:81/tcp",
    ]  # fmt: skip
    assert "container_name" not in found["services"]["web"]
    assert found["services"]["db"]["ports"] == ["127.0.0.1:20004:5432/tcp"]
    assert found["networks"] == {
        "front": {"driver": "bridge"}, "back": None, "theirs": {"external": True, "name": "theirs"},
    }  # fmt: skip
    assert found["volumes"] == {"data": {}}
    assert "name" not in found


def test_several_containers_of_a_service_get_ports_in_a_row() -> None:
    assert free()["services"]["cache"]["ports"] == ["127.0.0.1:20003-20005:6379/tcp"]


def test_the_network_of_the_host_publishes_nothing() -> None:
    assert "ports" not in free()["services"]["debug"]


def test_what_is_in_the_network_of_another_service_is_published_there() -> None:
    config = {
        "services": {
            "app": {"network_mode": "service:proxy", "ports": ["8080:80"]},
            "proxy": {"network_mode": "service:front"},
            "front": {"ports": ["443"]},
        }
    }
    services = free(config, app=(81, 443))["services"]
    assert services["front"]["ports"] == [
        "127.0.0.1:20001:80/tcp", "127.0.0.1:20002:81/tcp", "127.0.0.1:20003:443/tcp",
    ]  # fmt: skip
    assert "ports" not in services["app"]
    assert "ports" not in services["proxy"]


def test_an_image_that_is_built_has_a_name_of_the_run() -> None:
    services = free()["services"]
    assert services["db"]["image"] == "phasegate-1-db"
    assert services["web"]["image"] == "shop/web"


def test_what_is_freed_is_a_copy() -> None:
    before = yaml.safe_dump(CONFIG)
    free(web=(81,))
    assert yaml.safe_dump(CONFIG) == before


@pytest.mark.parametrize(
    ("written", "ports"),
    [
        ("8080:80", ((80, "tcp"),)),
        ("80", ((80, "tcp"),)),
        (80, ((80, "tcp"),)),
        ("127.0.0.1:8080:80/udp", ((80, "udp"),)),
        ("[::1]:8080:80", ((80, "tcp"),)),
        ("8000-8002:9000-9002", ((9000, "tcp"), (9001, "tcp"), (9002, "tcp"))),
        ({"target": 80, "published": 8080}, ((80, "tcp"),)),
        ({"target": 53, "protocol": "udp", "mode": "host"}, ((53, "udp"),)),
        ("${PORT}:x", ()),
    ],
)
def test_ports_are_read_in_every_shape(written: Any, ports: tuple[tuple[int, str], ...]) -> None:
    assert ports_in([written]) == (ports, bool(ports))


def test_exposed_ports_are_those_of_tcp() -> None:
    assert tcp_ports(["5432", 80, "53/udp", "9000-9001"]) == [5432, 80, 9000, 9001]
    assert tcp_ports(None) == []


@pytest.mark.parametrize(
    ("services", "profiles", "names"),
    [
        ((), (), ("web", "db", "cache")),
        ((), ("debug",), ("web", "db", "cache", "debug")),
        (("web",), (), ("web", "db", "cache")),
        (("cache",), (), ("cache",)),
        (("debug",), (), ("debug",)),
    ],
)
def test_services_come_up_with_what_they_need(
    services: tuple[str, ...], profiles: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert coming_up(CONFIG["services"], services, profiles) == names


def test_every_profile_is_named() -> None:
    services = {"a": {"profiles": ["x", "y"]}, "b": {}, "c": {"profiles": ["x", "z"]}}
    stack = ComposeStack(file=Path("/srv/compose.yaml"), profiles=("*",))
    found = with_profiles_named({"services": services}, stack)
    assert found.profiles == ("x", "y", "z")
    assert coming_up(services, (), found.profiles) == ("a", "b", "c")
    assert with_profiles_named({"services": services}, STACK) is STACK


@pytest.mark.parametrize(
    "needs",
    [
        {"depends_on": ["db"]},
        {"depends_on": {"db": {"condition": "service_healthy"}}},
        {"links": ["db:database"]},
        {"volumes_from": ["db:ro", "container:cache"]},
        {"volumes_from": ["service:db:ro"]},
        {"network_mode": "service:db"},
        {"ipc": "service:db", "network_mode": "host"},
        {"pid": "service:db"},
    ],
    ids=lambda needs: next(iter(needs)),
)
def test_a_service_needs_those_it_names_and_those_whose_it_shares(needs: dict[str, Any]) -> None:
    assert coming_up({"web": needs, "db": {}, "cache": {}}, ("web",), ()) == ("web", "db")


def test_what_looks_like_a_secret_is_not_kept() -> None:
    text = redact_config(CONFIG)
    assert "hunter2" not in text
    kept = yaml.safe_load(text)["services"]
    assert kept["web"]["environment"] == {"API_TOKEN": "[not kept]", "PORT": "80", "DB_PASSWORD": None}
    assert kept["db"]["build"]["args"] == {"KEY": "[not kept]"}


def test_the_command_line_names_file_project_and_profiles() -> None:
    stack = ComposeStack(file=Path("/srv/compose.yaml"), profiles=("a", "b"), env_file=Path("/srv/.env"))
    line = Compose(argv=("docker", "compose")).command(stack, "shop", "up", file=Path("/tmp/x"))
    assert line == (
        "docker", "compose", "--ansi", "never", "--file", "/tmp/x", "--project-directory", "/srv",
        "--project-name", "shop", "--env-file", "/srv/.env", "--profile", "a", "--profile", "b", "up",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (Completed(exit_code=1, stderr=b"Creating a ...\nERROR: for a  no\nERROR: for a  no\n"), "for a  no"),
        (Completed(exit_code=1, stderr=b"WARNING: X is not set.\nService x is odd\n"), "Service x is odd"),
        (
            Completed(exit_code=1, stderr=b"Traceback (most recent call last):\n  File x\nKeyError: 'a'\n"),
            "KeyError: 'a'",
        ),
        (
            Completed(
                exit_code=255,
                stderr=b"Traceback (most recent call last):\n  File x\nKeyError: 'a'\n"
                b"[70] Failed to execute script docker-compose\n\n",
            ),
            "KeyError: 'a'",
        ),
        (Completed(exit_code=17), "it ended with exit code 17"),
        (Completed(exit_code=None, error="it is not on PATH"), "it is not on PATH"),
    ],
)  # fmt: skip
def test_the_words_of_compose_become_one_line(done: Completed, words: str) -> None:
    assert sentence(trouble_of(done)) == words


BUILDKIT = b"""#5 [bad 2/2] COPY missing /x
#5 ERROR: failed to calculate checksum of ref x: "/missing": not found
------
 > [bad 2/2] COPY missing /x:
------
failed to solve: failed to compute cache key: "/missing": not found
"""


LEGACY = b"""Building bad
make: no rule
The command 'make' returned a non-zero code: 2
Service 'bad' failed to build : Build failed
"""


@pytest.mark.parametrize(
    ("stderr", "says"),
    [
        (
            BUILDKIT,
            (
                "the image of bad cannot be built: "
                'failed to solve: failed to compute cache key: "/missing": not found'
            ),
        ),
        (b"", "the images of good, bad cannot be built: it ended with exit code 1"),
        (
            LEGACY,
            "the image of bad cannot be built: The command 'make' returned a non-zero code: 2; make: no rule",
        ),
    ],
)
def test_a_build_that_failed_says_which_and_the_last_word_first(stderr: bytes, says: str) -> None:
    done = Completed(exit_code=1, stdout=b"", stderr=stderr, duration=1.0)
    assert sentence(failed_build(done, ["good", "bad"])) == says
