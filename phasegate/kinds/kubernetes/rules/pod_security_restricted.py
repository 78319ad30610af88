"""The controls that the Pod Security Standard `restricted` adds, each by the name that it has there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from phasegate.kinds.kubernetes.objects import Cluster, Container, Pod, at, items
from phasegate.kinds.kubernetes.rules.pod_security import STANDARD, settings, shown
from phasegate.kinds.kubernetes.rules.policy import CONTAINERS, ERROR, PODS, Family, Hit, Hits, subject_name

_VOLUMES = frozenset(
    (
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim"),
        *("projected", "secret"),
    )
)
_PROFILES = ("RuntimeDefault", "Localhost")


policy = Family("restricted", STANDARD + "#restricted")


@policy("volume-types", ERROR, PODS)
def _volumes(pod: Pod, cluster: Cluster) -> Hits:
    """Volume Types: only those that stay in the cluster."""
    for path, volume in pod.volumes:
        kinds = [str(kind) for kind, source in volume.items() if kind != "name" and source is not None]
        if kinds and not set(kinds) & _VOLUMES:  # without any, it is an emptyDir
            yield Hit(path, (shown(volume.get("name")), ", ".join(kinds[:3])))


@policy("privilege-escalation", ERROR, CONTAINERS)
def _escalation(container: Container, cluster: Cluster) -> Hits:
    """Privilege Escalation: no process can gain more rights than its parent."""
    allowed = at(container.tree, "securityContext", "allowPrivilegeEscalation")
    if allowed is not False and not container.pod.is_windows:
        yield Hit((*container.path, "securityContext", "allowPrivilegeEscalation"), (container.name,))


@policy("running-as-non-root", ERROR, PODS)
def _non_root(pod: Pod, cluster: Cluster) -> Hits:
    """Running as Non-root: each container must run as another user than root."""
    if not _is_relaxed(pod, cluster):
        yield from _unset(pod, "runAsNonRoot", lambda value: value is True)


@policy("running-as-non-root-user", ERROR, PODS)
def _non_root_user(pod: Pod, cluster: Cluster) -> Hits:
    """Running as Non-root user: no user is set to 0."""
    if not _is_relaxed(pod, cluster):
        for subject, path, value in settings(pod, "runAsUser"):
            if value == 0 and value is not False:
                yield Hit(path, (subject_name(subject),))


def _is_relaxed(pod: Pod, cluster: Cluster) -> bool:
    return cluster.version >= (1, 35) and pod.is_confined


@policy("seccomp-restricted", ERROR, PODS)
def _seccomp(pod: Pod, cluster: Cluster) -> Hits:
    """Seccomp: each container has a profile."""
    if not pod.is_windows:
        yield from _unset(pod, "seccompProfile", lambda value: at(value, "type") in _PROFILES)


def _unset(pod: Pod, name: str, is_right: Callable[[Any], bool]) -> Iterator[Hit]:
    """Where a setting is wrong, and containers that neither have it nor get it from their pod."""
    of_pod = at(pod.spec, "securityContext", name)
    if of_pod is not None and not is_right(of_pod):
        yield Hit((*pod.spec_path, "securityContext", name), ("pod",))
    covered = of_pod is not None and is_right(of_pod)
    for one in pod.containers:
        own = at(one.tree, "securityContext", name)
        if not is_right(own) if own is not None else not covered:
            yield Hit((*one.path, "securityContext", name), (subject_name(one),))


@policy("capabilities-dropped", ERROR, CONTAINERS)
def _dropped(container: Container, cluster: Cluster) -> Hits:
    """Capabilities: each container drops ALL."""
    dropped = items(at(container.tree, "securityContext", "capabilities", "drop"))
    if "ALL" not in dropped and not container.pod.is_windows:
        yield Hit((*container.path, "securityContext", "capabilities", "drop"), (container.name,))


@policy("capabilities-added", ERROR, CONTAINERS)
def _added(container: Container, cluster: Cluster) -> Hits:
    """Capabilities: no container adds more than NET_BIND_SERVICE."""
    for index, name in enumerate(items(at(container.tree, "securityContext", "capabilities", "add"))):
        if name != "NET_BIND_SERVICE" and not container.pod.is_windows:
            path = (*container.path, "securityContext", "capabilities", "add", index)
            yield Hit(path, (container.name, shown(name)))


@policy("proc-mount-type-restricted", ERROR, CONTAINERS)
def _proc_mount(container: Container, cluster: Cluster) -> Hits:
    """/proc Mount Type: /proc is masked as usual, also in a user namespace."""
    found = at(container.tree, "securityContext", "procMount")
    # Without a user namespace, and before 1.35, `baseline` finds it.
    if found not in (None, "Default") and cluster.version >= (1, 35) and container.pod.is_confined:
        yield Hit((*container.path, "securityContext", "procMount"), (container.name, shown(found)))
