"""What an engine says of containers and images, as frozen data; the shapes are those of the Engine API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from phasegate.model.containers import (
    Container,
    ContainerState,
    Health,
    Healthcheck,
    Image,
    ImageStep,
    Limits,
    Port,
)

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_PORT = re.compile(r"(?P<first>\d{1,5})(?:-(?P<last>\d{1,5}))?(?:/(?P<protocol>\w+))?")
_NANO = 1e9
_HEALTHS = frozenset(Health)
_STATES = frozenset(ContainerState)
_LINE = 200
"""Characters of what a healthcheck printed."""


def container_of(told: Mapping[str, Any]) -> Container:
    """From `GET /containers/<id>/json`."""
    config, state, host = told["Config"], told["State"], told["HostConfig"]
    stands = ContainerState(state["Status"]) if state["Status"] in _STATES else ContainerState.UNKNOWN
    labels = config.get("Labels") or {}
    name = told["Name"].removeprefix("/")
    log = host.get("LogConfig") or {}
    running = stands in (ContainerState.RUNNING, ContainerState.PAUSED)
    return Container(
        id=told["Id"],
        name=name,
        service=labels.get(SERVICE) or name,
        number=int(number) if (number := labels.get(NUMBER, "1")).isdecimal() else 1,
        project=labels.get(PROJECT, ""),
        one_off=labels.get(ONE_OFF, "False").lower() == "true",
        image=config.get("Image", ""),
        image_id=told["Image"],
        state=stands,
        health=_health(state),
        healthcheck=healthcheck_of(config.get("Healthcheck"), config.get("Shell")),
        health_output=_health_output(state),
        exit_code=None if running else state.get("ExitCode"),
        oom_killed=bool(state.get("OOMKilled")),
        restarts=int(told.get("RestartCount") or 0),
        error=state.get("Error") or "",
        created=moment(told["Created"]) or datetime.fromtimestamp(0, UTC),
        started=moment(state.get("StartedAt")),
        finished=moment(state.get("FinishedAt")),
        pid=int(state.get("Pid") or 0),
        user=config.get("User") or "",
        command=(*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())),
        ports=_ports(told.get("NetworkSettings", {}).get("Ports"), config.get("ExposedPorts")),
        addresses={
            network: settings["IPAddress"]
            for network, settings in (told.get("NetworkSettings", {}).get("Networks") or {}).items()
            if settings and settings.get("IPAddress")
        },
        network_mode=host.get("NetworkMode") or "",
        limits=_limits(host),
        restart_policy=(host.get("RestartPolicy") or {}).get("Name") or "no",
        labels=labels,
        log_driver=log.get("Type") or "",
        log_options=log.get("Config") or {},
    )


def image_of(told: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> Image:
    """From `GET /images/<name>/json` and `GET /images/<name>/history`, which begins with the newest step."""
    config = told.get("Config") or {}
    return Image(
        id=told["Id"],
        tags=tuple(told.get("RepoTags") or ()),
        digests=tuple(told.get("RepoDigests") or ()),
        created=moment(told.get("Created")),
        size=int(told.get("Size") or 0),
        architecture=told.get("Architecture", ""),
        os=told.get("Os", ""),
        user=config.get("User") or "",
        healthcheck=healthcheck_of(config.get("Healthcheck"), config.get("Shell")),
        exposed=_exposed_ports(config.get("ExposedPorts")),
        environment=tuple(config.get("Env") or ()),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        labels=config.get("Labels") or {},
        layers=tuple((told.get("RootFS") or {}).get("Layers") or ()),
        history=tuple(
            ImageStep(created_by=step.get("CreatedBy") or "", size=int(step.get("Size") or 0))
            for step in reversed(history)
        ),
        volumes=tuple(config.get("Volumes") or ()),
        stop_signal=config.get("StopSignal") or "SIGTERM",
    )


def healthcheck_of(told: Mapping[str, Any] | None, shell: Sequence[str] | None = None) -> Healthcheck | None:
    """None where there is none, or where it is switched off; times come in nanoseconds, 0 for the default."""
    test = tuple((told or {}).get("Test") or ())
    if told is None or not test or test[0] == "NONE":
        return None
    return Healthcheck(
        test=test,
        shell=tuple(shell or ()),
        interval=(told.get("Interval") or 30 * _NANO) / _NANO,
        timeout=(told.get("Timeout") or 30 * _NANO) / _NANO,
        retries=told.get("Retries") or 3,
    )


def moment(text: str | None) -> datetime | None:
    """A time of the engine, which writes nanoseconds, and the year 1 for what has not happened."""
    match = _MOMENT.fullmatch(text or "")
    if match is None or match[1].startswith("0001-"):
        return None
    micros = (match[2] or "")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{match[1]}.{micros}{match[3].replace('Z', '+00:00')}")


def _health(state: Mapping[str, Any]) -> Health:
    """Words that are not Docker's prove nothing."""
    word = (state.get("Health") or {}).get("Status") or "none"
    return Health(word) if word in _HEALTHS else Health.NONE


def _health_output(state: Mapping[str, Any]) -> str:
    log = (state.get("Health") or {}).get("Log") or ()
    printed = (log[-1].get("Output") or "").split("\n") if log else ()
    lines = [line.strip()[:_LINE] for line in printed if line.strip()]
    if not lines:
        return ""
    # Python says last what went wrong, others first.
    return lines[-1] if lines[0].startswith("Traceback (most recent call last)") else lines[0]


def _ports(published: Mapping[str, Any] | None, exposed: Mapping[str, Any] | None) -> tuple[Port, ...]:
    ports: list[Port] = []
    for name, places in {**dict.fromkeys(exposed or {}), **(published or {})}.items():
        open = [place for place in places or () if place.get("HostPort")]
        for number, protocol in _numbers(name):
            if not open:
                ports.append(Port(number=number, protocol=protocol))
            ports += [
                Port(number=number, protocol=protocol, host=place["HostIp"], host_port=int(place["HostPort"]))
                for place in open
            ]
    return tuple(sorted(ports, key=lambda port: (port.number, port.protocol, port.host)))


def _exposed_ports(exposed: Iterable[str] | None) -> tuple[Port, ...]:
    numbers = sorted(number for name in exposed or () for number in _numbers(name))
    return tuple(Port(number=number, protocol=protocol) for number, protocol in numbers)


def _numbers(name: str) -> list[tuple[int, str]]:
    """Of `5432/tcp`, or of a range, as other programs write it into images; none of what is neither."""
    match = _PORT.fullmatch(name)
    if match is None:
        return []
    first = int(match["first"])
    return [(number, match["protocol"] or "tcp") for number in range(first, int(match["last"] or first) + 1)]


def _limits(host: Mapping[str, Any]) -> Limits:
    quota, period = host.get("CpuQuota") or 0, host.get("CpuPeriod") or 100_000
    cpus = (host.get("NanoCpus") or 0) / _NANO or max(quota, 0) / period
    pids = host.get("PidsLimit") or 0
    return Limits(memory=host.get("Memory") or None, cpus=cpus or None, pids=int(pids) if pids > 0 else None)
