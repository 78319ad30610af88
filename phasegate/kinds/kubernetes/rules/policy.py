"""What a policy is: a rule, what it looks at, and a function that finds what is wrong; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from phasegate.base.dataclass import dataclass
from phasegate.base.tree import TreePath
from phasegate.inspection.finding import Rule, Severity
from phasegate.kinds.kubernetes.objects import Cluster, Container, KubeObject, Pod

DOCS = "https://kubernetes.io/docs/"


class Hit(NamedTuple):
    """Something wrong: where in the object, and the values of its sentence."""

    path: TreePath
    values: tuple[str | int | float, ...] = ()


Hits = Iterator[Hit]
Find = Callable[[Any, Cluster], Hits]
Subjects = tuple[str, Callable[[Cluster], Iterable[Any]]]
"""What a policy looks at: its name in the singular, and all that there are."""
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A rule with all that is needed to hold objects to it."""

    rule: Rule
    of: str
    """What it looks at, in the singular: `container`."""
    subjects: Callable[[Cluster], Iterable[Any]]
    find: Find
    tool: str = ""
    """What evaluates a policy of the plan, whose values are its message; empty for those of phasegate."""


class Family:
    """Policies that belong together; called, it makes one of the function below it."""

    def __init__(self, name: str, page: str) -> None:
        """`page`: of the documentation, where a policy names no other."""
        self.name = name
        self._page = page
        self.policies: list[Policy] = []

    def __call__(
        self, id: str, severity: Severity, subjects: Subjects, page: str = "", about: str = ""
    ) -> Callable[[Find], Find]:
        """`about`: the documentation of the rule, where it is not that of the function."""

        def register(find: Find) -> Find:
            rule = Rule(
                id=id,
                severity=severity,
                about=about or find.__doc__ or "",
                source=DOCS + (page or self._page),
                family=self.name,
            )
            self.policies.append(Policy(rule=rule, of=subjects[0], subjects=subjects[1], find=find))
            return find

        return register


def object_of(subject: KubeObject | Pod | Container) -> KubeObject:
    return subject if isinstance(subject, KubeObject) else subject.object


PODS = "pod", lambda cluster: cluster.pods
CONTAINERS = "container", lambda cluster: cluster.containers
"""All of them: init and ephemeral ones too."""
RESOURCED = (
    "container",
    lambda cluster: (one for one in cluster.containers if one.role != "ephemeralContainers"),
)
"""Those that can ask for resources."""
SERVING = (
    "container",
    lambda cluster: (one for one in cluster.containers if one.is_main and not one.pod.is_job),
)
"""Those that are meant to go on."""
PROBED = (
    "container",
    lambda cluster: (one for one in cluster.containers if one.is_main or one.is_sidecar),
)
"""Those that can have probes."""


def of_kinds(*kinds: str) -> Subjects:
    return kinds[0] if len(kinds) == 1 else "workload", lambda cluster: cluster.of(*kinds)


def subject_name(subject: Pod | Container) -> str:
    """What a sentence calls it: a container by its name, a pod as such."""
    return subject.name if isinstance(subject, Container) else "pod"
