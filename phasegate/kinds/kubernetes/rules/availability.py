"""What stays up while a node is drained, or gone."""

from __future__ import annotations

from collections.abc import Iterator

from phasegate.kinds.kubernetes.objects import Cluster, KubeObject, at, items, mapping, number, selects, text
from phasegate.kinds.kubernetes.rules.policy import ERROR, WARNING, Family, Hit, Hits, of_kinds

_DISRUPTIONS = "concepts/workloads/pods/disruptions/"
_WORKLOADS = of_kinds("Deployment", "StatefulSet")


policy = Family("availability", "tasks/run-application/configure-pdb/")


def _autoscaler(workload: KubeObject, cluster: Cluster) -> KubeObject | None:
    for hpa in cluster.of("HorizontalPodAutoscaler"):
        target = mapping(at(hpa.tree, "spec", "scaleTargetRef"))
        same = target.get("kind") == workload.kind and target.get("name") == workload.name
        if same and hpa.is_near(workload):
            return hpa
    return None


def _least(workload: KubeObject, cluster: Cluster) -> float:
    """Replicas that there are at least."""
    hpa = _autoscaler(workload, cluster)
    written = at(workload.tree, "spec", "replicas") if hpa is None else at(hpa.tree, "spec", "minReplicas")
    least = number(written)
    return 1 if least is None else least


@policy("replicas", WARNING, _WORKLOADS, _DISRUPTIONS)
def _replicas(workload: KubeObject, cluster: Cluster) -> Hits:
    """Each Deployment and StatefulSet has two replicas or more, itself or by its autoscaler."""
    if (least := _least(workload, cluster)) < 2:
        yield Hit(("spec", "replicas"), (workload.kind, least))


def _budgets(workload: KubeObject, cluster: Cluster) -> Iterator[KubeObject]:
    for budget in cluster.of("PodDisruptionBudget"):
        selector = at(budget.tree, "spec", "selector")
        labels = workload.pod.labels if workload.pod is not None and budget.is_near(workload) else None
        if isinstance(selector, dict) and labels is not None and selects(selector, labels):
            yield budget


@policy("disruption-budget", WARNING, _WORKLOADS)
def _no_budget(workload: KubeObject, cluster: Cluster) -> Hits:
    """Each workload of several replicas has a PodDisruptionBudget."""
    if _least(workload, cluster) >= 2 and not any(True for _ in _budgets(workload, cluster)):
        yield Hit(("spec",), (workload.kind,))


@policy("disruption-budget-blocks", WARNING, of_kinds("PodDisruptionBudget"))
def _blocks(budget: KubeObject, cluster: Cluster) -> Hits:
    """Each PodDisruptionBudget lets at least one pod go, so that a node can be drained."""
    most, needed = (at(budget.tree, "spec", name) for name in ("maxUnavailable", "minAvailable"))
    share = text(needed).removesuffix("%")
    all_of_them = text(needed).endswith("%") and share.isdecimal() and int(share) >= 100
    if all_of_them or (most in (0, "0", "0%") and most is not False):
        yield Hit(("spec",), (budget.name,))
    elif number(needed) is not None:
        for workload in cluster.of("Deployment", "StatefulSet"):
            if any(one is budget for one in _budgets(workload, cluster)) and needed >= _least(
                workload, cluster
            ):
                yield Hit(("spec", "minAvailable"), (budget.name,))
                break


@policy("disruption-budget-selector", ERROR, of_kinds("PodDisruptionBudget"))
def _budget_selector(budget: KubeObject, cluster: Cluster) -> Hits:
    """Each PodDisruptionBudget selects pods that are there."""
    selector = at(budget.tree, "spec", "selector")
    if isinstance(selector, dict) and not cluster.may_have_pods(selector, budget):
        yield Hit(("spec", "selector"))


@policy("spread", WARNING, _WORKLOADS, "concepts/scheduling-eviction/topology-spread-constraints/")
def _spread(workload: KubeObject, cluster: Cluster) -> Hits:
    """The replicas of each workload are spread over nodes or zones."""
    pod = workload.pod
    if pod is None or _least(workload, cluster) < 2:
        return
    apart = mapping(at(pod.spec, "affinity", "podAntiAffinity"))
    kinds = (
        "requiredDuringSchedulingIgnoredDuringExecution",
        "preferredDuringSchedulingIgnoredDuringExecution",
    )
    spread = items(pod.spec.get("topologySpreadConstraints"))
    if not spread and not any(items(apart.get(kind)) for kind in kinds):
        yield Hit((*pod.spec_path, "topologySpreadConstraints"), (workload.kind,))


@policy(
    "autoscaler-range",
    ERROR,
    of_kinds("HorizontalPodAutoscaler"),
    "tasks/run-application/horizontal-pod-autoscale/",
)
def _range(hpa: KubeObject, cluster: Cluster) -> Hits:
    """Each HorizontalPodAutoscaler has room between its least and its most replicas."""
    least, most = (number(at(hpa.tree, "spec", name)) for name in ("minReplicas", "maxReplicas"))
    if most is not None and (1 if least is None else least) >= most:
        yield Hit(("spec", "maxReplicas"), (1 if least is None else least, most))
