"""Dockerfiles and Compose files: is what they make and start fit for production?"""

from __future__ import annotations

import asyncio
import glob
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.files import is_file
from phasegate.base.tree import path_text
from phasegate.base.yaml import COMPOSE
from phasegate.inspection.finding import Finding, Inspection, Looked, merge
from phasegate.inspection.tree import Tree, read_texts, read_yaml, walk
from phasegate.kinds.base import CheckParams
from phasegate.kinds.dockerfile import compose_rules, dockerfile_rules
from phasegate.kinds.dockerfile.compose import Compose, mapping
from phasegate.kinds.dockerfile.hadolint import lint
from phasegate.kinds.dockerfile.params import DockerfileParams
from phasegate.kinds.dockerfile.reader import read_dockerfile
from phasegate.kinds.dockerfile.stages import dockerfile_of
from phasegate.kinds.inspection import InspectionKind
from phasegate.world import World

IGNORE_FILE = ".dockerignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    inspection: Inspection
    dockerfiles: tuple[str, ...]
    unreadable: frozenset[str]
    """Dockerfiles that BuildKit would refuse."""


class DockerfileKind(InspectionKind[DockerfileParams]):
    name: ClassVar[str] = "dockerfile"
    Params: ClassVar[type[CheckParams]] = DockerfileParams
    example: ClassVar[Mapping[str, Any]] = {
        "files": ["**/Dockerfile", "compose.yaml"],
        "exclude": ["vendor/**"],
        "tools": ["hadolint"],
        "raise": {"no-healthcheck": {"to": "error", "because": "nothing else asks these images"}},
    }
    objects: ClassVar[str] = "stages and services"

    async def find(self, params: DockerfileParams, world: World) -> Inspection:
        exclude = (*params.exclude, f"**/*{IGNORE_FILE}")
        tree = await asyncio.to_thread(walk, world.root, params.files, exclude)
        return await self.inspect(params, tree, world)

    async def inspect(self, params: DockerfileParams, tree: Tree, world: World) -> Inspection:
        seen = await asyncio.to_thread(look_at, params, tree)
        if "hadolint" not in params.tools or not seen.dockerfiles:
            return seen.inspection
        linted = await lint(seen.dockerfiles, seen.unreadable, world, use_own=params.use_repository_config)
        return merge((seen.inspection, linted), files=seen.inspection.files, objects=seen.inspection.objects)


def look_at(params: DockerfileParams, tree: Tree) -> _Seen:
    """What our own rules say. Errors: ObservationError where no file has a stage or a service."""
    parts: list[Inspection] = []
    dockerfiles: list[str] = []
    unreadable: set[str] = set()
    objects = 0
    findings = list(tree.findings)
    elsewhere: dict[str, Message] = {}
    names, taken_in = set(tree.names), set[str]()
    texts = read_texts(tree)
    while (text := next(texts, None)) is not None:
        if isinstance(text, Finding):
            findings.append(text)
        elif text.name.endswith((".yaml", ".yml")) or text.name in taken_in:
            for one in read_yaml((text,), COMPOSE):
                if isinstance(one, Finding):
                    findings.append(one)
                    continue
                compose = Compose(document=one, folder=(tree.root / text.name).parent, given=params.variables)
                objects += len(compose.services)
                parts.append(compose_rules.rule.inspect(compose, text.name))
                parts += _within(compose, params)
                found, missing = _named_by(compose, tree.root)
                elsewhere |= missing
                texts = chain(texts, read_texts(replace(tree, names=tuple(sorted(found - names)))))
                names |= found
                taken_in |= found
        else:
            file = dockerfile_of(
                read_dockerfile(text.content),
                target=params.target,
                ignore_file=_has_ignore_file(tree, text.name),
                not_root=params.non_root,
                given=params.variables,
            )
            dockerfiles.append(text.name)
            unreadable |= {text.name} if file.script.mistakes else set()
            objects += len(file.stages)
            parts.append(dockerfile_rules.rule.inspect(file, text.name))
    if not (objects or findings or elsewhere) and not any(part.findings for part in parts):
        raise ObservationError(fact(Code.NO_STAGE_OR_SERVICE, names=params.files))
    whole = merge(parts, files=len(names), objects=objects)
    inspection = Inspection(
        files=whole.files,
        objects=objects,
        findings=(*findings, *whole.findings),
        looked=_summed(parts),
        unproven=elsewhere,
        notes=tree.notes,
    )
    return _Seen(inspection=inspection, dockerfiles=tuple(dockerfiles), unreadable=frozenset(unreadable))


def _within(compose: Compose, params: DockerfileParams) -> Iterator[Inspection]:
    """What is wrong in the Dockerfiles that stand in a Compose file."""
    for service in compose.services:
        path = (*service.path, "build", "dockerfile_inline")
        written = mapping(service.tree, "build").get("dockerfile_inline")
        if isinstance(written, str):
            script = read_dockerfile(written.replace("$$", "$"))
            file = dockerfile_of(script, not_root=params.non_root, given=params.variables)
            seen = dockerfile_rules.rule.inspect(file, compose.document.file)
            findings = (
                replace(
                    one, line=compose.line(*path), place=f"services/{service.name}/{one.place}".rstrip("/")
                )
                for one in seen.findings
            )
            yield replace(seen, findings=tuple(findings))


def _named_by(compose: Compose, root: Path) -> tuple[set[str], dict[str, Message]]:
    """The files that a Compose file takes in or extends, and why one is not read."""
    found: set[str] = set()
    missing: dict[str, Message] = {}
    for path, written in compose.parts:
        name = posixpath.relpath(posixpath.join(compose.folder, compose.value_of(written)), root)
        if "://" not in written and "$" not in name and not name.startswith("../"):
            with suppress(ObservationError):
                if names := walk(root, (glob.escape(name),)).names:
                    found.update(names)
                    continue
        place = f"{compose.document.file}#{path_text(path)}"
        missing[place] = fact(Code.COMPOSE_ELSEWHERE, name=written)
    return found, missing


def _summed(parts: Iterable[Inspection]) -> dict[str, Looked]:
    """What each rule looked at in all files."""
    found: dict[str, Looked] = {}
    for rule, one in ((rule, one) for part in parts for rule, one in part.looked.items()):
        before = found[rule].n if rule in found else 0
        found[rule] = Looked(n=before + one.n, of=one.of, family=one.family)
    return found


def _has_ignore_file(tree: Tree, name: str) -> bool:
    """Whether there is one for the Dockerfile alone, or in a folder that may be the context: its own or one
    around it."""
    return any(is_file(tree.root / place) for place in _ignore_files(PurePosixPath(name)))


def _ignore_files(name: PurePosixPath) -> Iterator[PurePosixPath]:
    yield name.with_name(f"{name.name}{IGNORE_FILE}")
    for folder in name.parents:
        yield folder / IGNORE_FILE
