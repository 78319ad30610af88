"""Probes: there where a container is meant to go on, able to fail, and aimed at what it offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from phasegate.kinds.healthchecks.healthcheck import why_it_proves_nothing
from phasegate.kinds.kubernetes.objects import Cluster, Container, at, items, mapping, number, text
from phasegate.kinds.kubernetes.rules.policy import ERROR, INFO, PROBED, SERVING, WARNING, Family, Hit, Hits
from phasegate.model.containers import Healthcheck

_PAGE = "tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"
_REFERENCE = "reference/kubernetes-api/workload-resources/pod-v1/#Probe"
_HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_SLOW = 60.0
"""Seconds to wait before the first probe that only a slow start needs."""


policy = Family("probes", _PAGE)


def _lacks(name: str) -> Callable[[Container, Cluster], Iterator[Hit]]:
    def find(container: Container, cluster: Cluster) -> Hits:
        if not isinstance(container.tree.get(name), dict):
            yield Hit((*container.path, name), (container.name,))

    return find


policy(
    "readiness-probe",
    ERROR,
    SERVING,
    about="Each container that is meant to go on says when it can be sent requests.",
)(_lacks("readinessProbe"))
policy(
    "liveness-probe",
    WARNING,
    SERVING,
    about="Each container that is meant to go on says when it has to be started anew.",
)(_lacks("livenessProbe"))


def _probes(container: Container) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in _PROBES:
        if isinstance(probe := container.tree.get(name), dict):
            yield name, probe


@policy("startup-probe", INFO, SERVING)
def _startup(container: Container, cluster: Cluster) -> Hits:
    """A container that takes long to start has a startup probe instead of a long wait."""
    wait = number(at(container.tree, "livenessProbe", "initialDelaySeconds")) or 0
    if wait >= _SLOW and not mapping(container.tree.get("startupProbe")):
        yield Hit((*container.path, "livenessProbe", "initialDelaySeconds"), (container.name, wait))


@policy("probe-handler", ERROR, PROBED, _REFERENCE)
def _handler(container: Container, cluster: Cluster) -> Hits:
    """Each probe asks in exactly one way."""
    for name, probe in _probes(container):
        found = [handler for handler in _HANDLERS if probe.get(handler) is not None]
        if found == ["exec"] and not at(probe, "exec", "command"):
            found = []
        if len(found) != 1:
            yield Hit((*container.path, name), (container.name, name, len(found)))


@policy("probe-port", ERROR, PROBED)
def _port(container: Container, cluster: Cluster) -> Hits:
    """Each probe that names a port names one that its container has."""
    # Errors of Kubernetes: names that no port has, and numbers that are none.
    for name, path, port in _aims(container):
        unknown = isinstance(port, str) and all(port != one.get("name") for one in container.ports)
        if unknown or (number(port) is not None and not 0 < port < 65536):
            yield Hit(path, (container.name, name, port))


@policy("probe-port-declared", WARNING, PROBED)
def _undeclared(container: Container, cluster: Cluster) -> Hits:
    """Each probe goes to one of the ports that its container declares, where it declares some."""
    declared = {number(one.get("containerPort")) for one in container.ports}
    for name, path, port in _aims(container):
        if number(port) is not None and declared and port not in declared and 0 < port < 65536:
            yield Hit(path, (container.name, name, port))


def _aims(container: Container) -> Iterator[tuple[str, tuple[str | int, ...], Any]]:
    for name, probe in _probes(container):
        for handler in ("httpGet", "tcpSocket", "grpc"):
            if (port := at(probe, handler, "port")) is not None:
                yield name, (*container.path, name, handler, "port"), port


@policy("probes-alike", WARNING, PROBED)
def _alike(container: Container, cluster: Cluster) -> Hits:
    """Liveness asks for less than readiness, or is more patient: a slow answer must not become a restart."""
    live, ready = container.tree.get("livenessProbe"), container.tree.get("readinessProbe")
    if not isinstance(live, dict) or not isinstance(ready, dict):
        return
    same = all(live.get(handler) == ready.get(handler) for handler in _HANDLERS)
    if same and _patience(live) <= _patience(ready):
        yield Hit((*container.path, "livenessProbe"), (container.name,))


def _patience(probe: Mapping[str, Any]) -> float:
    """Seconds of failing until it acts."""
    threshold, period = number(probe.get("failureThreshold")), number(probe.get("periodSeconds"))
    return (3 if threshold is None else threshold) * (10 if period is None else period)


@policy("probe-proves-nothing", ERROR, PROBED)
def _proves_nothing(container: Container, cluster: Cluster) -> Hits:
    """The command of each probe can fail."""
    for name, probe in _probes(container):
        command = items(at(probe, "exec", "command"))
        check = Healthcheck(test=("CMD", *map(text, command))) if command else None
        if check is not None and why_it_proves_nothing(check) is not None:
            yield Hit((*container.path, name, "exec"), (container.name, name))


@policy("probe-threshold", ERROR, PROBED, _REFERENCE)
def _threshold(container: Container, cluster: Cluster) -> Hits:
    """Liveness and startup probes succeed with one success; Kubernetes refuses anything else."""
    for name in ("livenessProbe", "startupProbe"):
        needed = number(at(container.tree, name, "successThreshold"))
        if needed is not None and needed != 1:
            yield Hit((*container.path, name, "successThreshold"), (container.name, name, needed))
