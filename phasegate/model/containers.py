"""Containers and images as an engine tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from phasegate.base.dataclass import dataclass


class ContainerState(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """A word that is not Docker's: it proves nothing, so least of all that the container runs."""


class Health(StrEnum):
    NONE = "none"
    """Nobody asks: there is no healthcheck, or it is switched off."""
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """How an engine asks a container for its health; times are seconds."""

    test: tuple[str, ...]
    """`CMD`, program and arguments, or `CMD-SHELL` and a line for a shell. Never `NONE`: no check."""
    shell: tuple[str, ...] = ()
    """What such a line is given to, where the image says so; `/bin/sh -c` otherwise."""
    interval: float = 30.0
    timeout: float = 30.0
    retries: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of a container, and where it is published."""

    number: int
    protocol: str = "tcp"
    host: str = ""
    """An address of this machine; empty where the port is exposed only."""
    host_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a container may use at most; None where there is no limit."""

    memory: int | None = None
    """Bytes."""
    cpus: float | None = None
    """Cores."""
    pids: int | None = None


@dataclass(frozen=True, slots=True)
class LogPiece:
    """A line of a log, or a piece of one that is too long to be held whole."""

    text: str
    begins: bool = True
    """Whether it is the beginning of its line."""
    ends: bool = True
    stream: int = 0
    """Pieces of a line have one number; between them may be lines of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container at one moment."""

    id: str
    """The whole id."""
    name: str
    service: str
    """Its service in a compose stack; its name where it belongs to none."""
    number: int = 1
    """Which of several containers of its service."""
    project: str = ""
    one_off: bool = False
    """Made by `compose run`, so no part of the stack."""
    image: str
    """As it was asked for."""
    image_id: str
    """The digest of the image's configuration: what really runs, whatever its tag means by now."""
    state: ContainerState
    health: Health = Health.NONE
    healthcheck: Healthcheck | None = None
    health_output: str = ""
    """What the last look at its health printed, one line."""
    exit_code: int | None = None
    """None while it runs."""
    oom_killed: bool = False
    restarts: int = 0
    error: str = ""
    """Why the engine could not start it, in its own words."""
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    pid: int = 0
    """Of its first process, as this machine numbers it; 0 while it does not run."""
    user: str = ""
    command: tuple[str, ...] = ()
    """Entrypoint and arguments."""
    ports: tuple[Port, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Its address in each of its networks, by the network's name."""
    network_mode: str = ""
    """The engine's word: `host` for that of the machine, `container:<id>` for that of another container."""
    limits: Limits = Limits()
    restart_policy: str = "no"
    labels: Mapping[str, str] = field(default_factory=dict)
    log_driver: str = ""
    log_options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStep:
    """One line of an image's history, the newest last."""

    created_by: str
    size: int = 0
    """Bytes of its layer; 0 for a step that only changes the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    """As registries name it; empty for one that was built here."""
    created: datetime | None = None
    """None where it was built without a date."""
    size: int
    """Bytes, layers that other images share included."""
    architecture: str = ""
    os: str = ""
    user: str = ""
    healthcheck: Healthcheck | None = None
    exposed: tuple[Port, ...] = ()
    environment: tuple[str, ...] = ()
    """`NAME=value`."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    """Digests, the base first."""
    history: tuple[ImageStep, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """A file in an image, its layers put together."""

    path: str
    """Absolute."""
    mode: int
    """Permission bits, setuid, setgid and sticky included."""
    uid: int
    gid: int
    size: int
    folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerUsage:
    """What a container has used up to one moment; counters begin with the container. None: not to be had."""

    cpu: float | None = None
    """Seconds of processor time."""
    throttled: float | None = None
    """Seconds that it was held back by its limit."""
    memory: int | None = None
    """Bytes of the working set: what the kernel cannot take back at once."""
    network_in: int | None = None
    network_out: int | None = None
    """Bytes over all interfaces but loopback."""
    block_read: int | None = None
    block_written: int | None = None
    """Bytes."""
    pids: int | None = None
