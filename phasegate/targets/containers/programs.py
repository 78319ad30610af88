"""Which programs there are inside a container, told without running anything in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from posixpath import dirname, join
from typing import Any

from phasegate.model.containers import Container
from phasegate.targets.containers.engine.client import TIMEOUT, Engine

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where an engine looks for programs in a container that has no PATH."""
_LINKS = 8
"""Symbolic links that are followed one after the other."""
_EXECUTABLE = 0o111
_FOLDER = 1 << 31
"""The bit of a folder in the mode that an engine tells, which is Go's."""


async def lacking(engine: Engine, container: Container, tools: Iterable[str]) -> tuple[str, ...]:
    """The tools, by name or absolute path, that a container does not have. Errors: EngineError."""
    return await engine.call(_lacking, engine.api, container.id, tuple(tools))


def _lacking(api: Any, container: str, tools: tuple[str, ...]) -> tuple[str, ...]:
    environment = api.inspect_container(container)["Config"].get("Env") or ()
    path = next((line[5:] for line in environment if line.startswith("PATH=")), _PATH)
    return tuple(tool for tool in tools if not any(_runs(api, container, at) for at in _places(tool, path)))


def _places(tool: str, path: str) -> list[str]:
    return [tool] if "/" in tool else [join(folder, tool) for folder in path.split(":") if folder]


def _runs(api: Any, container: str, place: str) -> bool:
    """Whether a file that can be executed is at a place, at the end of symbolic links or without."""
    for _ in range(_LINKS):
        url = api._url("/containers/{0}/archive", container)
        answer = api.head(url, params={"path": place}, timeout=TIMEOUT)
        if answer.status_code != 200:
            return False
        told = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
        if not told.get("linkTarget") or told["linkTarget"] == place:
            return bool(told["mode"] & _EXECUTABLE) and not told["mode"] & _FOLDER
        place = join(dirname(place), told["linkTarget"])
    return False
