from __future__ import annotations

from pathlib import Path

import pytest

from phasegate.base.errors import PlanError
from phasegate.plan.reading.compose_file import ComposeFile, read_compose_file, try_compose_file
from phasegate.plan.text.named import Files

SHOP = """\
version: "3.8"
x-common: &common
  restart: unless-stopped
  init: yes
x-common-again: &common {restart: "no", tty: off}
networks: {inner: !reset null}
services:
  x-notes: text
  web:
    <<: *common
    image: web
    ports:
      - 8080
      - "127.0.0.1:${WEB_PORT:-9000}:9000/tcp"
      - "7000-7001:6000-6001"
      - {target: 5000, published: "50", protocol: udp}
    expose: [4000, "4001/udp"]
    depends_on: {db: {condition: service_healthy}}
  db:
    <<: [*common]
    image: db
    ports: !reset []
    volumes_from: ["files:ro"]
    network_mode: "service:pod"
  files: {image: files}
  pod: {image: pod, links: ["mail:post"]}
  mail: {image: mail, profiles: [mail]}
  tools: {image: tools, profiles: [debug, more]}
  open: {image: open, ports: ["8000:${PORT}"], expose: [1]}
  Big.One: {image: big}
"""


def read(folder: Path, text: str) -> ComposeFile:
    (folder / "compose.yaml").write_text(text)
    file, wrong = read_compose_file(Files(folder, ""), "compose.yaml")
    assert wrong.problems == ()
    assert file is not None
    return file


def mistakes(folder: Path, text: str) -> list[str]:
    (folder / "compose.yaml").write_text(text)
    try:
        _, wrong = read_compose_file(Files(folder, ""), "compose.yaml")
    except PlanError as error:
        return [f"{problem.at}: {problem.message}" for problem in error.problems]
    return [f"{problem.at}: {problem.message}" for problem in wrong.problems]


def test_what_compose_allows_is_read(tmp_path: Path) -> None:
    file = read(tmp_path, SHOP)
    assert list(file.services) == ["web", "db", "files", "pod", "mail", "tools", "open", "Big.One"]
    assert not file.includes
    at = file.document.key_at(("services", "db"))
    assert (at.file, at.line, at.column) == ("compose.yaml", 19, 3)


def test_ports_are_those_in_the_container_where_the_file_tells(tmp_path: Path) -> None:
    services = read(tmp_path, SHOP).services
    assert services["web"].published == (8080, 9000, 6000, 6001, 5000)
    assert services["web"].ports == (8080, 9000, 6000, 6001, 5000, 4000, 4001)
    assert services["web"].streams == (8080, 9000, 6000, 6001)
    assert services["db"].ports == ()
    # A variable stands for a port that nobody knows here.
    assert services["open"].ports == ()


def test_all_services_without_a_profile_come_up(tmp_path: Path) -> None:
    file = read(tmp_path, SHOP)
    assert list(file.up((), ())) == ["web", "db", "files", "pod", "open", "Big.One"]
    assert list(file.up((), ["more"])) == ["web", "db", "files", "pod", "tools", "open", "Big.One"]
    assert len(file.up((), ["*"])) == 8


def test_named_services_come_up_with_all_that_they_need(tmp_path: Path) -> None:
    file = read(tmp_path, SHOP)
    assert list(file.up(["web"], ())) == ["web", "db", "files", "pod", "mail"]
    assert list(file.up(["tools", "files"], ())) == ["files", "tools"]
    absent = file.absent(file.up(["files"], ()), ())
    assert absent["web"] == "the stack is brought up without 'web': add it to target.compose.services"
    assert absent["tools"] == "'tools' needs a profile under target.compose.profiles: debug, more"


@pytest.mark.parametrize("rest", ["    extends: {file: other.yaml, service: a}\n", "include: [other.yaml]\n"])
def test_where_needs_stand_elsewhere_nothing_is_taken_to_be_left_out(tmp_path: Path, rest: str) -> None:
    text = "services:\n  b: {image: b}\n  c: {image: c, profiles: [p]}\n  a:\n    image: a\n    expose: [1]\n"
    file = read(tmp_path, text + rest)
    assert list(file.up(["a"], ())) == ["b", "a"]
    assert file.services["a"].ports == (() if "extends" in rest else (1,))


def test_a_file_that_includes_others_may_have_no_service_of_its_own(tmp_path: Path) -> None:
    file = read(tmp_path, "include: [other.yaml]\n")
    assert (file.includes, dict(file.services)) == (True, {})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- a\n", "compose.yaml:1:1: a compose file is a mapping with 'services'"),
        ("web: {image: a}\n", "compose.yaml:1:1: the compose file has no 'services'"),
        ("services: {}\n", "compose.yaml:1:1: the compose file has no service"),
        ("services: [web]\n", "compose.yaml:1:11: 'services' must be a mapping of names to services"),
        ("services:\n", "compose.yaml:1:10: 'services' must be a mapping of names to services"),
        (
            "services: {a: {image: a}, web: }\n",
            "compose.yaml:1:27: service 'web' must be a mapping with image or build",
        ),
        ("services: {a: {image: a}, a: {image: b}}\n", "compose.yaml:1:27: duplicate key 'a'"),
        ("services: {web: [a}\n", "compose.yaml:1:19: a list in [ ] is not closed"),
        (
            "services: {a: !!python/name:os.system {}}\n",
            "compose.yaml:1:15: tag '!!python/name:os.system' has no meaning here",
        ),
        ("", "compose.yaml:1:1: the file is empty"),
    ],
)
def test_what_is_no_compose_file_is_said_where_it_stands(tmp_path: Path, text: str, wanted: str) -> None:
    assert mistakes(tmp_path, text) == [wanted]


def test_a_file_with_mistakes_is_not_seen_before_they_are_said(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("services: [\n")
    assert try_compose_file(Files(tmp_path, ""), "bad.yaml") is None
    assert try_compose_file(Files(tmp_path, ""), "nowhere.yaml") is None
