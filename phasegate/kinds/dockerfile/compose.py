"""A Compose file as it is written, each document on its own; pure but for the files that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Fact
from phasegate.base.files import is_file, read_regular
from phasegate.base.tree import TreePath
from phasegate.base.yaml import Document
from phasegate.kinds.dockerfile.reader import read_dockerfile
from phasegate.kinds.dockerfile.stages import NOTHING, dockerfile_of, expand
from phasegate.kinds.healthchecks.healthcheck import why_it_proves_nothing
from phasegate.model.containers import Healthcheck

_LARGEST = 1 << 20
"""Bytes of a Dockerfile that a service is built from, and of an `.env`."""
_VARIABLE = re.compile(
    r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>\"[^\"]*\"|'[^']*'|[^#\s]*)(?:\s.*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service, with everything that was merged into it by YAML."""

    name: str
    tree: Mapping[str, Any]

    @property
    def path(self) -> TreePath:
        return ("services", self.name)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it stands in another file: it has what it runs, and is no extension."""
        return bool(self.tree.get("image") or self.tree.get("build")) and "extends" not in self.tree

    @property
    def secrets(self) -> Iterator[str]:
        """The names of those that it is given."""
        for one in items(self.tree, "secrets"):
            yield str(one.get("source") if isinstance(one, Mapping) else one)


@dataclass(frozen=True, kw_only=True)
class Compose:
    """A file of services, and the folder that its paths start from."""

    document: Document
    folder: Path
    given: Mapping[str, str] = field(default_factory=dict)
    """Values of variables that the plan gives, where the file gives none."""

    @cached_property
    def values(self) -> Mapping[str, str]:
        """Values of variables: those of `.env` beside the file, as Compose reads it, before the plan's."""
        try:
            text = read_regular(self.folder / ".env", _LARGEST).decode()
        except (OSError, ValueError):
            return self.given
        found = (_VARIABLE.fullmatch(line.strip()) for line in text.splitlines())
        return {**self.given, **{one["name"]: one["value"].strip("\"'") for one in found if one}}

    def value_of(self, written: Any) -> str:
        """A value as text, with what Compose puts in for its variables; as written where that is unknown."""
        text = str(written)
        known = interpolate(text, self.values)
        return text if known is None else known

    @property
    def parts(self) -> Iterator[tuple[TreePath, str]]:
        """Other files that it takes in or extends: where it says so, and their paths as written."""
        for number, one in enumerate(items(self.document.tree, "include")):
            for path in items(one, "path") if isinstance(one, Mapping) else [one]:
                yield ("include", number), str(path)
        for service in self.services:
            file = mapping(service.tree, "extends").get("file")
            if file is not None:
                yield (*service.path, "extends"), str(file)

    @property
    def not_there(self) -> Iterator[tuple[Service, str]]:
        """Services that extend one of this file that it does not have, and its name."""
        names = {one.name for one in self.services}
        for service in self.services:
            extends = service.tree.get("extends")
            base = extends if isinstance(extends, str) else mapping(extends).get("service")
            if base is not None and not mapping(extends).get("file") and str(base) not in names:
                yield service, str(base)

    @cached_property
    def services(self) -> tuple[Service, ...]:
        found = mapping(self.document.tree, "services")
        return tuple(
            Service(name=str(name), tree=tree) for name, tree in found.items() if isinstance(tree, Mapping)
        )

    @cached_property
    def jobs(self) -> frozenset[str]:
        """Services that another one waits for until they have ended."""
        return self.waited_for("service_completed_successfully")

    def waited_for(self, condition: str) -> frozenset[str]:
        """Services that another one waits for."""
        return frozenset(
            str(name)
            for service in self.services
            for name, how in mapping(service.tree, "depends_on").items()
            if mapping(how).get("condition") == condition
        )

    @property
    def named_files(self) -> Iterator[tuple[str, str, str]]:
        """`secrets` or `configs`, the name of one that is a file, and its path."""
        for kind in ("secrets", "configs"):
            for name, one in mapping(self.document.tree, kind).items():
                path = mapping(one).get("file")
                if isinstance(path, str):
                    yield kind, str(name), path

    def has_no_healthcheck(self, service: Service) -> bool:
        """Whether a service that goes on has none here, and nothing tells that another file gives it one."""
        if not service.is_whole or service.name in self.jobs:
            return False
        check = mapping(service.tree, "healthcheck")
        if check.get("disable") or items(check, "test")[:1] == ["NONE"]:
            return True
        return not check and not self._is_checked_by_its_image(service)

    def _is_checked_by_its_image(self, service: Service) -> bool:
        """Whether the Dockerfile of a service, where it can be read here, has a HEALTHCHECK."""
        build = service.tree.get("build")
        build = {"context": build} if isinstance(build, str) else mapping(build)
        text = build.get("dockerfile_inline")
        try:
            if not isinstance(text, str):
                name = build.get("dockerfile") or "Dockerfile"
                path = self.folder / str(build.get("context") or ".") / str(name)
                text = read_regular(path, _LARGEST).decode() if build else ""
        except (OSError, ValueError):
            return False
        target = build.get("target")
        final = dockerfile_of(read_dockerfile(text), target=str(target) if target else None).final
        one = final.last("HEALTHCHECK") if final else None
        return one is not None and one.text.upper() != "NONE"

    def line(self, *path: str | int) -> int:
        return self.document.key_at(path).line

    def lacks(self, name: str) -> bool:
        """Whether a file that it names by a path without variables is not there."""
        if "$" in name or "\0" in name or name.startswith("~"):
            return False
        path = self.folder / name
        try:
            return not (is_file(path) or path.exists())
        except OSError:
            return True


def why_healthcheck_proves_nothing(service: Service) -> Fact | None:
    """Why the healthcheck that a service has here cannot fail; None where it can, or there is none."""
    test = mapping(service.tree, "healthcheck").get("test")
    written = test if isinstance(test, list) else ["CMD-SHELL", test]
    words = [str(word).replace("$$", "$") for word in written]
    if test is None or words[:1] not in (["CMD"], ["CMD-SHELL"]):
        return None
    return why_it_proves_nothing(Healthcheck(test=tuple(words)))


def mapping(tree: Any, *keys: str) -> Mapping[Any, Any]:
    """The mapping below keys; an empty one where there is none."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree if isinstance(tree, Mapping) else {}


def items(tree: Any, key: str) -> list[Any]:
    """The list below a key, one value as a list of it."""
    value = tree.get(key) if isinstance(tree, Mapping) else None
    return value if isinstance(value, list) else [] if value is None else [value]


def variables(tree: Any, key: str) -> Iterator[tuple[str | int, str, str]]:
    """`NAME=value` in a list, or a mapping of the same: the step to each, its name and its value. Those that
    only have a name take their value from elsewhere, and are left out."""
    written = tree.get(key) if isinstance(tree, Mapping) else None
    if isinstance(written, Mapping):
        for name, value in written.items():
            if value is not None and not isinstance(value, Mapping | list):
                yield str(name), str(name), str(value)
    for number, one in enumerate(written if isinstance(written, list) else ()):
        name, equals, value = str(one).partition("=")
        if equals:
            yield number, name, value


def interpolate(text: str, values: Mapping[str, str] = NOTHING) -> str | None:
    """A text with the values of variables, or those that Compose takes where none is set; None where one has
    none."""
    if "$$" in text:
        parts = [interpolate(part, values) for part in text.split("$$")]
        return None if None in parts else "$".join(part or "" for part in parts)
    return expand(text, values)
