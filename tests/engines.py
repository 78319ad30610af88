"""A real container engine for tests: whether one is there, images made on the spot, nothing left behind.

pytestmark = list(ENGINE)                   # the whole module; without an engine it is skipped, by name

def test_...(nothing_left: None) -> None:   # what it made on the engine is gone when it is over
    image = busybox()
    name = own("web")                       # a name that no other program gives to anything

Others may use the engine meanwhile. What these tests made is told by a label that their images hand on to
containers; networks and volumes belong to who made the containers of the same project, or that use them.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import importlib.util
import io
import os
import socket
import tarfile
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BUSYBOX = Path("/bin/busybox")
LABEL = "phasegate.test"
"""Carried by every image that tests build."""
_SESSION = uuid.uuid4().hex[:12]
OWN_LABEL = f"{LABEL}.session={_SESSION}"
"""Carried by every container whose image this process built, and by no other."""
_PROJECT = "com.docker.compose.project"


@functools.cache
def why_not() -> str:
    """Why tests with containers cannot run here; empty when they can."""
    if importlib.util.find_spec("docker") is None:
        return "the docker SDK is not installed"
    if not BUSYBOX.is_file():
        return "there is no /bin/busybox to make images of (apt-get install busybox-static)"
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect("/var/run/docker.sock")
    except OSError:
        return "no container engine answers at /var/run/docker.sock (dockerd)"
    return ""


ENGINE = (
    pytest.mark.engine,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "-"),
)
"""For `pytestmark = list(ENGINE)`."""


@functools.cache
def client() -> Any:
    import docker

    found = docker.from_env(timeout=30)
    atexit.register(found.close)
    return found


def own(name: str) -> str:
    """A name for something on the engine that no other process of tests gives."""
    return f"phasegate-t-{name}-{_SESSION}"


def build(dockerfile: str, files: Mapping[str, bytes] | None = None) -> str:
    """The tag of an image that hands `OWN_LABEL` on; what is below it is built only where the engine does
    not have it yet."""
    everything = {**(files or {}), "Dockerfile": f"{dockerfile}\nLABEL {LABEL}=1\n".encode()}
    digest = hashlib.sha256(repr(sorted(everything.items())).encode()).hexdigest()[:16]
    shared = f"phasegate-test:{digest}"
    _have(shared, everything)
    if _SESSION in dockerfile:
        atexit.register(_forget, shared)
    return _labelled(shared)


@functools.cache
def _labelled(shared: str) -> str:
    tag = f"{shared}-{_SESSION}"
    _have(tag, {"Dockerfile": f"FROM {shared}\nLABEL {OWN_LABEL}\n".encode()})
    atexit.register(_forget, tag)
    return tag


def _have(tag: str, files: Mapping[str, bytes]) -> None:
    import docker.errors

    try:
        client().images.get(tag)
    except docker.errors.ImageNotFound:
        client().images.build(fileobj=_archive(files), custom_context=True, tag=tag, rm=True)


def _forget(tag: str) -> None:
    import docker.errors

    with contextlib.suppress(docker.errors.APIError):
        client().images.remove(tag, noprune=True)


def busybox(*lines: str, files: Mapping[str, bytes] | None = None) -> str:
    """An image with busybox and its commands, and further lines of a Dockerfile."""
    base = ("FROM scratch", "COPY busybox /bin/busybox", 'RUN ["/bin/busybox", "--install", "-s", "/bin"]')
    return build("\n".join((*base, *lines)), {**(files or {}), "busybox": BUSYBOX.read_bytes()})


@dataclass
class _Owned:
    """What containers with `OWN_LABEL` ever were part of, or used, as the engine tells."""

    containers: set[str] = field(default_factory=set)
    projects: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    """Networks, by name, and volumes."""

    def follow(self, events: Iterable[Mapping[str, Any]]) -> None:
        for event in events:
            about = event["Actor"]["Attributes"]
            if event["Type"] == "container" and about.get(f"{LABEL}.session") == _SESSION:
                self.containers.add(event["Actor"]["ID"])
                self.projects.add(about.get(_PROJECT, ""))
            elif about.get("container") in self.containers and about.get("name") not in _NETWORKS:
                self.joined.add(event["Actor"]["ID"] if event["Type"] == "volume" else about["name"])

    def has(self, name: str, labels: Mapping[str, str] | None) -> bool:
        return name in self.joined or (labels or {}).get(_PROJECT, "-") in self.projects


_NETWORKS = ("bridge", "host", "none")
"""Which an engine always has."""


@functools.cache
def _owned() -> _Owned:
    import docker

    owned = _Owned()
    # Without a time limit, for an engine with nothing to tell is silent for long.
    watching = docker.from_env(timeout=None)
    events = watching.events(decode=True, filters={"type": ["container", "network", "volume"]})
    threading.Thread(target=owned.follow, args=(events,), daemon=True).start()
    return owned


def listing() -> dict[str, set[str]]:
    """The names of what is on the engine and was made by this process, or a program that it started."""
    api, owned = client().api, _owned()
    containers = api.containers(all=True, filters={"label": OWN_LABEL})
    return {
        "containers": {name for one in containers for name in one["Names"]},
        "networks": {one["Name"] for one in api.networks() if owned.has(one["Name"], one["Labels"])},
        "volumes": {
            one["Name"] for one in api.volumes()["Volumes"] or () if owned.has(one["Name"], one["Labels"])
        },
    }


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """`docker ps -a`, `docker network ls` and `docker volume ls` show nothing of the test after it."""
    before = listing()
    yield
    after = listing()
    assert not any(after[kind] - before[kind] for kind in after), (before, after)


def _archive(files: Mapping[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def without_engine() -> dict[str, str]:
    """An environment in which no engine is found."""
    return {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"}
