"""What objects say of each other: selectors, ports, and names of what has to be there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from phasegate.base.tree import TreePath
from phasegate.kinds.kubernetes.objects import (
    Cluster,
    Container,
    KubeObject,
    Pod,
    at,
    items,
    mapping,
    number,
    selects,
    text,
)
from phasegate.kinds.kubernetes.rules.policy import (
    CONTAINERS,
    ERROR,
    PODS,
    WARNING,
    Family,
    Hit,
    Hits,
    of_kinds,
)

_SELECTORS = "concepts/overview/working-with-objects/labels/"
_SERVICES = "concepts/services-networking/service/"
_INGRESS = "concepts/services-networking/ingress/"
_AUTOMATIC = frozenset({"kube-root-ca.crt"})
"""ConfigMaps that Kubernetes puts into every namespace."""


policy = Family("references", _SERVICES)


@policy(
    "selector-labels", ERROR, of_kinds("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), _SELECTORS
)
def _own_selector(workload: KubeObject, cluster: Cluster) -> Hits:
    """The selector of a workload matches the labels of its own pods; Kubernetes refuses it otherwise."""
    selector, pod = at(workload.tree, "spec", "selector"), workload.pod
    if isinstance(selector, dict) and pod is not None and not selects(selector, pod.labels):
        yield Hit(("spec", "selector"), (workload.kind,))


@policy("service-selector", ERROR, of_kinds("Service"))
def _service_selector(service: KubeObject, cluster: Cluster) -> Hits:
    """Each Service selects pods that are there."""
    selector = mapping(at(service.tree, "spec", "selector"))
    external = f"Service/{service.name}" in cluster.external
    if selector and not external and not cluster.may_have_pods(selector, service):
        labels = ", ".join(f"{key}={value}" for key, value in selector.items())
        yield Hit(("spec", "selector"), (labels[:200],))


@policy("service-target-port", ERROR, of_kinds("Service"))
def _service_port(service: KubeObject, cluster: Cluster) -> Hits:
    """Each port of a Service that goes to a port by its name finds it in the pods."""
    selector = mapping(at(service.tree, "spec", "selector"))
    pods = list(cluster.pods_of(selector, service)) if selector else []
    for index, port in enumerate(items(at(service.tree, "spec", "ports")) if pods else ()):
        target = at(port, "targetPort")
        named = isinstance(target, str) and not target.isdecimal()
        if named and not any(target in _port_names(pod) for pod in pods):
            yield Hit(("spec", "ports", index, "targetPort"), (target,))


def _port_names(pod: Pod) -> set[str]:
    return {text(port.get("name")) for one in pod.containers for port in one.ports}


def _ingress_backends(ingress: KubeObject) -> Iterator[tuple[TreePath, Any]]:
    for name in ("defaultBackend", "backend"):
        yield ("spec", name), at(ingress.tree, "spec", name)
    for number_, rule in enumerate(items(at(ingress.tree, "spec", "rules"))):
        for index, path in enumerate(items(at(rule, "http", "paths"))):
            yield ("spec", "rules", number_, "http", "paths", index, "backend"), at(path, "backend")


def _backends(ingress: KubeObject, cluster: Cluster) -> Iterator[tuple[TreePath, str, Any]]:
    """The Services that it sends requests to, with what says so; those of elsewhere are left out."""
    for path, backend in _ingress_backends(ingress):
        name = text(at(backend, "service", "name")) or text(at(backend, "serviceName"))
        if name and f"Service/{name}" not in cluster.external:
            yield path, name, backend


@policy("ingress-backend", ERROR, of_kinds("Ingress"), _INGRESS)
def _ingress(ingress: KubeObject, cluster: Cluster) -> Hits:
    """Each backend of an Ingress is a Service."""
    for path, name, _ in _backends(ingress, cluster):
        if cluster.find("Service", name, ingress) is None:
            yield Hit(path, (name,))


@policy("ingress-port", ERROR, of_kinds("Ingress"), _INGRESS)
def _ingress_port(ingress: KubeObject, cluster: Cluster) -> Hits:
    """Each backend of an Ingress has that port."""
    for path, name, backend in _backends(ingress, cluster):
        service, port = cluster.find("Service", name, ingress), _backend_port(backend)
        if service is not None and port is not None and port not in _service_ports(service):
            yield Hit(path, (name, port))


def _backend_port(backend: Any) -> str | int | float | None:
    old = at(backend, "servicePort")
    name = text(at(backend, "service", "port", "name")) or text(old)
    return name or number(at(backend, "service", "port", "number")) or number(old)


def _service_ports(service: KubeObject) -> list[Any]:
    ports = items(at(service.tree, "spec", "ports"))
    return [value for port in ports for value in (at(port, "name"), at(port, "port"))]


class _Reference(NamedTuple):
    path: TreePath
    kind: str
    name: str
    keys: tuple[tuple[TreePath, str], ...] = ()


def _references(pod: Pod) -> Iterator[_Reference]:
    """ConfigMaps, Secrets and claims that a pod cannot do without."""
    for path, volume in pod.volumes:
        yield from _of_source(path, volume)
        for index, source in enumerate(items(at(volume, "projected", "sources"))):
            yield from _of_source((*path, "projected", "sources", index), source)
        if claim := text(at(volume, "persistentVolumeClaim", "claimName")):
            yield _Reference((*path, "persistentVolumeClaim"), "PersistentVolumeClaim", claim)
    for index, secret in enumerate(items(pod.spec.get("imagePullSecrets"))):
        if name := text(at(secret, "name")):
            yield _Reference((*pod.spec_path, "imagePullSecrets", index), "Secret", name)
    for container in pod.containers:
        yield from _of_environment(container)


def _of_source(path: TreePath, source: Any) -> Iterator[_Reference]:
    for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        found = mapping(at(source, field))
        name = text(found.get("name")) or text(found.get("secretName"))
        if name and found.get("optional") is not True:
            keys = tuple(
                ((*path, field, "items", index, "key"), key)
                for index, item in enumerate(items(found.get("items")))
                if (key := text(at(item, "key")))
            )
            yield _Reference((*path, field), kind, name, keys)


def _of_environment(container: Container) -> Iterator[_Reference]:
    for index, one in container.env:
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            found = mapping(at(one, "valueFrom", field))
            if (name := text(found.get("name"))) and found.get("optional") is not True:
                path = (*container.path, "env", index, "valueFrom", field)
                key = text(found.get("key"))
                yield _Reference(path, kind, name, (((*path, "key"), key),) if key else ())
    for index, one in enumerate(items(container.tree.get("envFrom"))):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            found = mapping(at(one, field))
            if (name := text(found.get("name"))) and found.get("optional") is not True:
                yield _Reference((*container.path, "envFrom", index, field), kind, name)


def _missing(*kinds: str) -> Any:
    def find(pod: Pod, cluster: Cluster) -> Hits:
        claims = {
            f"{text(at(one, 'metadata', 'name'))}"
            for one in items(at(pod.object.tree, "spec", "volumeClaimTemplates"))
        }
        for one in _references(pod):
            known = one.kind not in kinds or one.name in _AUTOMATIC or one.name in claims
            if not known and not cluster.has(one.kind, one.name, pod.object):
                yield Hit(one.path, (one.kind, one.name))

    return find


policy(
    "config-map-exists",
    ERROR,
    PODS,
    "concepts/configuration/configmap/",
    about="Each ConfigMap that a pod needs is there.",
)(_missing("ConfigMap"))
policy(
    "secret-exists",
    WARNING,
    PODS,
    "concepts/configuration/secret/",
    about="Each Secret that a pod needs is there; many are made elsewhere.",
)(_missing("Secret"))
policy(
    "claim-exists",
    WARNING,
    PODS,
    "concepts/storage/persistent-volumes/",
    about="Each claim of a volume that a pod needs is there.",
)(_missing("PersistentVolumeClaim"))


@policy("key-exists", ERROR, PODS, "concepts/configuration/configmap/")
def _missing_key(pod: Pod, cluster: Cluster) -> Hits:
    """Each key that a pod takes from a ConfigMap or Secret of the files is in it."""
    for one in _references(pod):
        found = cluster.find(one.kind, one.name, pod.object)
        if found is None or f"{one.kind}/{one.name}" in cluster.external:
            continue
        there = {
            key for field in ("data", "stringData", "binaryData") for key in mapping(found.tree.get(field))
        }
        for path, key in one.keys:
            if key not in there:
                yield Hit(path, (one.kind, one.name, key))


@policy("service-account-exists", WARNING, PODS, "concepts/security/service-accounts/")
def _account(pod: Pod, cluster: Cluster) -> Hits:
    """Each service account that a pod names is there."""
    name = text(pod.spec.get("serviceAccountName"))
    if name and name != "default" and not cluster.has("ServiceAccount", name, pod.object):
        yield Hit((*pod.spec_path, "serviceAccountName"), (name,))


@policy(
    "autoscaler-target",
    ERROR,
    of_kinds("HorizontalPodAutoscaler"),
    "tasks/run-application/horizontal-pod-autoscale/",
)
def _hpa(hpa: KubeObject, cluster: Cluster) -> Hits:
    """Each HorizontalPodAutoscaler scales something that is there."""
    kind = text(at(hpa.tree, "spec", "scaleTargetRef", "kind"))
    name = text(at(hpa.tree, "spec", "scaleTargetRef", "name"))
    if kind and name and not cluster.has(kind, name, hpa):
        yield Hit(("spec", "scaleTargetRef"), (kind, name))


@policy("volume-mounts", ERROR, CONTAINERS, "concepts/storage/volumes/")
def _mounts(container: Container, cluster: Cluster) -> Hits:
    """Each mount of a container is of a volume of its pod; Kubernetes refuses it otherwise."""
    declared = {text(volume.get("name")) for _, volume in container.pod.volumes}
    declared |= {
        text(at(one, "metadata", "name"))
        for one in items(at(container.object.tree, "spec", "volumeClaimTemplates"))
    }
    for field in ("volumeMounts", "volumeDevices"):
        for index, mount in enumerate(items(container.tree.get(field))):
            if (name := text(at(mount, "name"))) and name not in declared:
                yield Hit((*container.path, field, index, "name"), (container.name, name))


@policy("governing-service", WARNING, of_kinds("StatefulSet"), "concepts/workloads/controllers/statefulset/")
def _governing_service(workload: KubeObject, cluster: Cluster) -> Hits:
    """The Service that names the pods of a StatefulSet is there."""
    name = text(at(workload.tree, "spec", "serviceName"))
    if name and not cluster.has("Service", name, workload):
        yield Hit(("spec", "serviceName"), (name,))


@policy("restart-policy", ERROR, PODS, "concepts/workloads/pods/pod-lifecycle/")
def _restart_policy(pod: Pod, cluster: Cluster) -> Hits:
    """Jobs restart on failure or never, everything else always; Kubernetes refuses it otherwise."""
    policy = pod.spec.get("restartPolicy")
    if pod.is_job and policy not in ("Never", "OnFailure"):
        yield Hit((*pod.spec_path, "restartPolicy"), (pod.object.kind, "Never, OnFailure"))
    elif pod.object.kind not in ("Job", "CronJob", "Pod", "PodTemplate") and policy not in (None, "Always"):
        yield Hit((*pod.spec_path, "restartPolicy"), (pod.object.kind, "Always"))
