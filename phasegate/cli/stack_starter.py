"""The starter plan for a compose stack: checks from what its file tells of services, ports, healthchecks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.substitution import escape
from phasegate.plan.reading.compose_file import ComposeFile, ComposeService
from phasegate.plan.written.plan import is_id

_HEAD = """\
phasegate: 1
phase: first
title: {title}

target:
{default}  compose:
    file: {file}
{note}
steps:
  - id: answers
    title: The stack is up, and what it publishes answers
    checks:
      - {{id: stack, kind: containers{expect}}}
{checks}"""
_HEALTH = """\
      - id: {id}-up
        kind: health
        url: {url}
        probes: 100
        criteria:
          - success_rate == 100%          # of the probes of this run
          - latency.p95 < 500ms           # 59 good answers are the least that can show a p95
"""
_LOAD = """\

  - id: load
    title: The stack keeps answering under load
    checks:
      - {{id: steady, kind: load, url: {url}, rate: 50/s, duration: 10s}}
    criteria:
      - steady.success_rate >= 99%
      - steady.latency.p95 < 500ms
"""
_GATE = """\

gate:
  checks:
    - {id: usage, kind: resources, during: run}       # criteria: usage/SERVICE.memory.max < 256MiB
"""
_NO_HTTP = {
    22: "SSH", 25: "SMTP", 53: "DNS", 389: "LDAP", 1433: "SQL Server", 1521: "Oracle", 1883: "MQTT",
    2181: "ZooKeeper", 3306: "MySQL", 4222: "NATS", 5432: "PostgreSQL", 5672: "AMQP", 6379: "Redis",
    9042: "Cassandra", 9092: "Kafka", 11211: "memcached", 27017: "MongoDB",
}  # fmt: skip
_URL = re.compile(r"(https?)://([\w.-]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?(/[^\s\"'`|;&<>(){}$\\]*)?")
_HERE = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "[::1]"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthEndpoint:
    """The address at which the health of a service is checked from outside."""

    service: str
    scheme: str
    port: int
    path: str
    only: bool
    """Whether it has no other port, so that its `url` speaks of this one."""

    def url(self, default: str) -> str:
        """As the plan writes it; a path alone on the entry that is the default."""
        if not self.only or self.scheme != "http":
            entry = f"target.{self.service}"
            return f"{self.scheme}://${{{entry}.host}}:${{{entry}.port.{self.port}}}{self.path}"
        return self.path if self.service == default else f"${{target.{self.service}.url}}{self.path}"


def plan_for(file: ComposeFile, name: str) -> str:
    """The plan for what comes up of a file without any profile; `name` is where the file is, seen from it."""
    up = file.up((), ())
    endpoints = [endpoint for one in up.values() if (endpoint := health_endpoint_of(one)) is not None]
    default = next(
        (endpoint.service for endpoint in endpoints if endpoint.only and endpoint.scheme == "http"), ""
    )
    notes = "".join(f"    # {line}\n" for line in _notes(file, up, endpoints))
    text = _HEAD.format(
        title=json.dumps(escape(f"First gate for {name}"), ensure_ascii=False),
        default=f"  default: {default}\n" if default else "",
        file=json.dumps(escape(name), ensure_ascii=False),
        note=notes,
        expect=(f", expect: {len(up)}" if not file.includes else "") + _jobs(file, up),
        checks="".join(
            _HEALTH.format(id=endpoint.service, url=json.dumps(endpoint.url(default)))
            for endpoint in endpoints
        ),
    )
    load = _LOAD.format(url=json.dumps(endpoints[0].url(default))) if endpoints else ""
    return text + load + _GATE


def _jobs(file: ComposeFile, up: Mapping[str, Any]) -> str:
    """`exit_codes` of the check: services that do their work and end."""
    codes = {name: 0 for name in file.jobs if name in up}
    return f", exit_codes: {json.dumps(codes, ensure_ascii=False)}" if codes else ""


def health_endpoint_of(service: ComposeService) -> HealthEndpoint | None:
    """None for a service that publishes nothing that HTTP could be spoken on, or that cannot be addressed."""
    ports = service.streams
    if not is_id(service.name) or not service.whole:
        return None
    scheme, port, path = next(
        (found for found in _health_urls(service) if found[1] in ports), ("http", 0, "/")
    )
    port = port or next((one for one in ports if one not in _NO_HTTP), 0)
    if not port:
        return None
    return HealthEndpoint(
        service=service.name,
        scheme="https" if port in (443, 8443) else scheme,
        port=port,
        path=path,
        only=len(service.ports) == 1,
    )


def _health_urls(service: ComposeService) -> Iterator[tuple[str, int, str]]:
    """Scheme, port and path of what its healthcheck asks for in its own container."""
    healthcheck = service.tree.get("healthcheck")
    test = healthcheck.get("test") if isinstance(healthcheck, Mapping) else None
    text = " ".join(map(str, test)) if isinstance(test, list) else str(test or "")
    for scheme, host, port, path in _URL.findall(text):
        if host in _HERE or host == service.name:
            yield scheme, int(port or (443 if scheme == "https" else 80)), path or "/"


def _notes(file: ComposeFile, up: Mapping[str, Any], endpoints: list[HealthEndpoint]) -> Iterator[str]:
    """What is left out, and why."""
    asked = {endpoint.service for endpoint in endpoints}
    for name, service in up.items():
        spoken = [f"{_NO_HTTP[port]} ({port})" for port in service.streams if port in _NO_HTTP]
        if service.published and name not in asked and not is_id(name):
            yield f"{name} has a name that is not an id, so no address of it can be written here"
        elif spoken and name not in asked:
            yield f"{name} publishes {', '.join(spoken)}, which health checks do not speak"
    left = [name for name in file.services if name not in up]
    if left:
        yield f"left out, as they need profiles: [...]: {', '.join(left)}"
