"""Objects of Kubernetes as plain trees, and the pods and containers in them.

A tree may hold anything in any place: whatever is not of the shape that is asked for counts as not there.
What is wrong with the shape is for the schema to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.tree import TreePath

_TEMPLATES: Mapping[str, TreePath] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(
        (*("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController"), "StatefulSet"),
        ("spec", "template"),
    ),
}
"""Where a kind describes pods."""
_GROUPS = frozenset({"", "apps", "batch", "extensions"})
"""Those in which these kinds are, or were."""
CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_NONE: Mapping[str, Any] = {}


def mapping(tree: Any) -> Mapping[str, Any]:
    return tree if isinstance(tree, dict) else _NONE


def items(tree: Any) -> Sequence[Any]:
    return tree if isinstance(tree, list) else ()


def text(value: Any) -> str:
    """Text as it is; empty for anything else."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def at(tree: Any, *steps: str) -> Any:
    """What stands there; None where nothing does."""
    for step in steps:
        if not isinstance(tree, dict) or (tree := tree.get(step)) is None:
            return None
    return tree


def strings(tree: Any) -> dict[str, str]:
    """A mapping of text to text, such as labels; other values are left out."""
    return {key: value for key, value in mapping(tree).items() if isinstance(value, str)}


@dataclass(frozen=True)
class KubeObject:
    """One object."""

    tree: Mapping[str, Any]
    origin: Any = field(default=None, compare=False)
    """Whatever says where it was read."""

    @cached_property
    def kind(self) -> str:
        return text(self.tree.get("kind"))

    @cached_property
    def api_version(self) -> str:
        return text(self.tree.get("apiVersion"))

    @cached_property
    def group(self) -> str:
        group, slash, _ = self.api_version.partition("/")
        return group if slash else ""

    @cached_property
    def name(self) -> str:
        return text(at(self.tree, "metadata", "name")) or text(at(self.tree, "metadata", "generateName"))

    @cached_property
    def namespace(self) -> str:
        return text(at(self.tree, "metadata", "namespace"))

    @cached_property
    def labels(self) -> Mapping[str, str]:
        return strings(at(self.tree, "metadata", "labels"))

    @cached_property
    def pod(self) -> Pod | None:
        """The pod that it is or makes."""
        path = _TEMPLATES.get(self.kind) if self.group in _GROUPS else None
        return None if path is None else Pod(self, path, at(self.tree, *map(str, path)))

    @property
    def is_custom(self) -> bool:
        """Whether it is of another program, which may make pods and more of it."""
        return "." in self.group and not self.group.endswith(".k8s.io")

    def is_near(self, other: KubeObject) -> bool:
        """Whether both may be in one namespace: one that names none goes wherever it is put."""
        return not self.namespace or not other.namespace or self.namespace == other.namespace


@dataclass(frozen=True)
class Pod:
    """A pod, or the template of pods, in an object."""

    object: KubeObject
    path: TreePath
    """Of the pod in its object."""
    tree: Any

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        return mapping(at(self.tree, "spec"))

    @property
    def spec_path(self) -> TreePath:
        return (*self.path, "spec")

    @cached_property
    def labels(self) -> Mapping[str, str]:
        return strings(at(self.tree, "metadata", "labels"))

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """All of them: init, main, ephemeral."""
        return tuple(
            Container(self, role, index, tree)
            for role in CONTAINERS
            for index, tree in enumerate(items(self.spec.get(role)))
            if isinstance(tree, dict)
        )

    @property
    def is_job(self) -> bool:
        return self.object.kind in ("Job", "CronJob")

    @property
    def is_windows(self) -> bool:
        return text(at(self.spec, "os", "name")) == "windows"

    @property
    def is_confined(self) -> bool:
        """Whether it has its own user namespace, so that its root is nobody on the host."""
        return self.spec.get("hostUsers") is False

    @cached_property
    def volumes(self) -> tuple[tuple[TreePath, Mapping[str, Any]], ...]:
        return tuple(
            ((*self.spec_path, "volumes", index), volume)
            for index, volume in enumerate(items(self.spec.get("volumes")))
            if isinstance(volume, dict)
        )


@dataclass(frozen=True)
class Container:
    pod: Pod
    role: str
    """One of `CONTAINERS`."""
    index: int
    tree: Mapping[str, Any]

    @property
    def object(self) -> KubeObject:
        return self.pod.object

    @property
    def path(self) -> TreePath:
        return (*self.pod.spec_path, self.role, self.index)

    @cached_property
    def name(self) -> str:
        return text(self.tree.get("name")) or f"{self.role}[{self.index}]"

    @property
    def is_main(self) -> bool:
        return self.role == "containers"

    @property
    def is_sidecar(self) -> bool:
        """Whether it is an init container that goes on beside the others."""
        return self.role == "initContainers" and self.tree.get("restartPolicy") == "Always"

    @cached_property
    def ports(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(port for port in items(self.tree.get("ports")) if isinstance(port, dict))

    @cached_property
    def env(self) -> tuple[tuple[int, Mapping[str, Any]], ...]:
        return tuple((n, one) for n, one in enumerate(items(self.tree.get("env"))) if isinstance(one, dict))


@dataclass(frozen=True)
class Cluster:
    """All objects that are meant to be in one cluster, and what the plan says of it."""

    objects: tuple[KubeObject, ...]
    version: tuple[int, int]
    """Major and minor."""
    external: frozenset[str] = frozenset()
    """What exists without being among the objects: `Secret/tls`."""

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        return tuple(one.pod for one in self.objects if one.pod is not None)

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        return tuple(container for pod in self.pods for container in pod.containers)

    @cached_property
    def _by_kind(self) -> Mapping[str, tuple[KubeObject, ...]]:
        found: dict[str, list[KubeObject]] = {}
        for one in self.objects:
            found.setdefault(one.kind, []).append(one)
        return {kind: tuple(objects) for kind, objects in found.items()}

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], tuple[KubeObject, ...]]:
        found: dict[tuple[str, str], list[KubeObject]] = {}
        for one in self.objects:
            found.setdefault((one.kind, one.name), []).append(one)
        return {key: tuple(objects) for key, objects in found.items()}

    def of(self, *kinds: str) -> tuple[KubeObject, ...]:
        return tuple(one for kind in kinds for one in self._by_kind.get(kind, ()))

    def find(self, kind: str, name: str, near: KubeObject) -> KubeObject | None:
        """The object of a name that may be in the namespace of another."""
        return next((one for one in self._by_name.get((kind, name), ()) if one.is_near(near)), None)

    def has(self, kind: str, name: str, near: KubeObject) -> bool:
        return f"{kind}/{name}" in self.external or self.find(kind, name, near) is not None

    def may_have_pods(self, selector: Mapping[str, Any], near: KubeObject) -> bool:
        """Whether a selector finds pods, or may find those that another program makes."""
        if any(True for _ in self.pods_of(selector, near)):
            return True
        return any(one.is_near(near) for one in self._custom)

    @cached_property
    def _custom(self) -> tuple[KubeObject, ...]:
        return tuple(one for one in self.objects if one.is_custom)

    def pods_of(self, selector: Mapping[str, Any], near: KubeObject) -> Iterator[Pod]:
        """Pods with the labels of a selector: plain labels, or `matchLabels` with `matchExpressions`."""
        wanted = next(_needs(selector), None)
        pods = self.pods if wanted is None else self._by_label.get(wanted, ())
        return (pod for pod in pods if pod.object.is_near(near) and selects(selector, pod.labels))

    @cached_property
    def _by_label(self) -> Mapping[tuple[str, str | None], Sequence[Pod]]:
        """Pods by each of their labels, and by the name of each."""
        found: dict[tuple[str, str | None], list[Pod]] = {}
        for pod in self.pods:
            for key, value in pod.labels.items():
                found.setdefault((key, value), []).append(pod)
                found.setdefault((key, None), []).append(pod)
        return found


_EXPRESSIONS = ("matchLabels", "matchExpressions")


def _plain(selector: Mapping[str, Any]) -> Mapping[str, Any]:
    """The labels of a selector that are given as they must be."""
    has_parts = any(key in selector for key in _EXPRESSIONS)
    return mapping(selector.get("matchLabels") if has_parts else selector)


def _needs(selector: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Labels that pods must have to be selected; None for any value."""
    yield from strings(_plain(selector)).items()
    for one in items(selector.get("matchExpressions")):
        if at(one, "operator") in ("In", "Exists"):
            yield text(at(one, "key")), None


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector matches; an expression that is none matches nothing."""
    return all(labels.get(key) == value for key, value in _plain(selector).items()) and all(
        _holds(one, labels) for one in items(selector.get("matchExpressions"))
    )


def _holds(expression: Any, labels: Mapping[str, str]) -> bool:
    key, values = text(at(expression, "key")), items(at(expression, "values"))
    match at(expression, "operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False
