"""CPU and memory: what containers ask for, and what they may use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from phasegate.kinds.kubernetes.objects import Cluster, Container, KubeObject, at, items, mapping
from phasegate.kinds.kubernetes.rules.policy import ERROR, RESOURCED, WARNING, Family, Hit, Hits, of_kinds

_PAGE = "concepts/configuration/manage-resources-containers/"
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|([numkMGTPE]i?|Ki))?")
_SUFFIX = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    **{letter: 1000.0**power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)},
}


policy = Family("resources", _PAGE)


def quantity(value: Any) -> float | None:
    """A quantity of Kubernetes in its base unit; None for what is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) and len(value) < 64 else None
    if match is None or (match[3] or "") not in _SUFFIX:
        return None
    return float(match[1] + (match[2] or "")) * _SUFFIX[match[3] or ""]


def _defaults(container: Container, cluster: Cluster, field: str, name: str) -> bool:
    """Whether a LimitRange of its namespace, or the pod as a whole, says it."""
    if at(container.pod.spec, "resources", field, name) is not None:
        return True
    key = "default" if field == "limits" else "defaultRequest"
    return any(
        at(limit, "type") == "Container" and (at(limit, key, name) or at(limit, "default", name)) is not None
        for range in cluster.of("LimitRange")
        if range.is_near(container.object)
        for limit in items(at(range.tree, "spec", "limits"))
    )


def _lacks(field: str, name: str) -> Callable[[Container, Cluster], Iterator[Hit]]:
    def find(container: Container, cluster: Cluster) -> Hits:
        found = mapping(container.tree.get("resources"))
        # A container with a limit and without a request requests what its limit is.
        fields = (field, "limits") if field == "requests" else (field,)
        if any(at(found, one, name) is not None for one in fields):
            return
        if not _defaults(container, cluster, field, name):
            yield Hit((*container.path, "resources", field, name), (container.name,))

    return find


policy(
    "memory-request",
    ERROR,
    RESOURCED,
    about="Each container asks for memory, so that it is put where there is some.",
)(_lacks("requests", "memory"))
policy(
    "memory-limit",
    ERROR,
    RESOURCED,
    about="Each container has a limit of memory, so that it cannot take that of others.",
)(_lacks("limits", "memory"))
policy(
    "cpu-request",
    ERROR,
    RESOURCED,
    about="Each container asks for CPU, so that it gets its share where others want all.",
)(_lacks("requests", "cpu"))
policy("cpu-limit", WARNING, RESOURCED, about="Each container has a limit of CPU.")(_lacks("limits", "cpu"))


@policy("request-above-limit", ERROR, RESOURCED)
def _above(container: Container, cluster: Cluster) -> Hits:
    """No container asks for more than its limit; Kubernetes refuses it."""
    limits = mapping(at(container.tree, "resources", "limits"))
    for name, request in mapping(at(container.tree, "resources", "requests")).items():
        asked, most = quantity(request), quantity(limits.get(name))
        if asked is not None and most is not None and asked > most:
            values = (container.name, str(name), str(request), str(limits[name]))
            yield Hit((*container.path, "resources", "requests", name), values)


@policy("resource-of-nothing", ERROR, RESOURCED)
def _zero(container: Container, cluster: Cluster) -> Hits:
    """No request or limit of CPU or memory is zero, which means none."""
    for field in ("limits", "requests"):
        for name, value in mapping(at(container.tree, "resources", field)).items():
            if name in ("cpu", "memory") and (amount := quantity(value)) is not None and amount <= 0:
                path = (*container.path, "resources", field, name)
                yield Hit(path, (container.name, str(name), field, str(value)))


@policy("resource-quota", WARNING, of_kinds("Namespace"), "concepts/policy/resource-quotas/")
def _quota(namespace: KubeObject, cluster: Cluster) -> Hits:
    """Each namespace of the files has a ResourceQuota."""
    if not any(quota.namespace == namespace.name for quota in cluster.of("ResourceQuota")):
        yield Hit(("metadata", "name"), (namespace.name,))
