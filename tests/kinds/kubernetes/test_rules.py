"""Each rule trips where one thing is wrong in a sound set of objects, and nowhere else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from phasegate.inspection.finding import Inspection
from phasegate.inspection.rules import COMMON
from phasegate.inspection.tree import Text
from phasegate.kinds.kubernetes.facts import Facts, versions
from phasegate.kinds.kubernetes.findings import inspect_objects
from phasegate.kinds.kubernetes.manifests import Manifests, read_manifests
from phasegate.kinds.kubernetes.objects import Cluster, KubeObject
from phasegate.kinds.kubernetes.params import KubernetesParams
from phasegate.kinds.kubernetes.rules import POLICIES
from phasegate.kinds.kubernetes.schema import Schemas
from phasegate.render.rules import rule_texts
from phasegate.render.sentences import sentence

HERE = Path(__file__).parent
GONE = object()
RULES = [rule.id for rule in KubernetesParams.rules if rule not in COMMON]
Trees = dict[str, Any]
Edit = Callable[[Trees], None]


def parse(*names: str) -> Manifests:
    return read_manifests((Text(name=name, content=(HERE / name).read_text()) for name in names), {})


SOUND = parse("sound.yaml", "crd.yaml")
# Where objects of other programs are, pods may be theirs; so these two are looked at apart.
PLAIN = parse("sound.yaml")


def inspect(manifests: Manifests, version: str = versions()[-1]) -> Inspection:
    major, minor = map(int, version.split("."))
    cluster = Cluster(objects=manifests.objects, version=(major, minor))
    crds = [one.tree for one in cluster.of("CustomResourceDefinition")]
    return inspect_objects(manifests, cluster, Schemas(Facts(version), crds), POLICIES)


def changed(manifests: Manifests, edit: Edit) -> Manifests:
    """The same, with an edit of copies of the objects by `Kind/name`, or `Kind` where there is one."""
    objects = [KubeObject(tree=copy.deepcopy(one.tree), origin=one.origin) for one in manifests.objects]
    trees: dict[str, Any] = {f"{one.kind}/{one.name}": one.tree for one in objects}
    trees |= {one.kind: one.tree for one in objects}
    edit(trees)
    kept = tuple(KubeObject(tree=one.tree, origin=one.origin) for one in objects if one.tree)
    return Manifests(objects=kept, findings=(), strays=())


def put(name: str, path: str, value: Any) -> Edit:
    """Put a value at a place of an object; `GONE` takes away what is there."""

    def edit(trees: Trees) -> None:
        tree, steps = trees[name], [int(step) if step.isdecimal() else step for step in path.split("/")]
        for step in steps[:-1]:
            tree = tree[step] if isinstance(step, int) else tree.setdefault(step, {})
        if value is GONE:
            del tree[steps[-1]]
        elif isinstance(tree, list) and steps[-1] == len(tree):
            tree.append(value)
        else:
            tree[steps[-1]] = value

    return edit


def drop(name: str) -> Edit:
    return lambda trees: trees[name].clear()


WEB = "spec/template/spec"
MAIN = f"{WEB}/containers/0"
INIT = f"{WEB}/initContainers/0"
CONTEXT = f"{MAIN}/securityContext"
DEPLOYMENT, STORE = "Deployment/web", "StatefulSet/store"
SPEC = "spec/versions/0/schema/openAPIV3Schema/properties/spec/properties"
TRIPS: Mapping[str, tuple[Edit, ...]] = {
    "object-kind": (put(DEPLOYMENT, "kind", GONE), put(DEPLOYMENT, "apiVersion", 1)),
    "object-unnamed": (put("Job", "metadata/generateName", GONE),),
    "object-name": (put(DEPLOYMENT, "metadata/name", "Web_1"), put(DEPLOYMENT, "metadata/name", "a" * 254)),
    "duplicate-object": (put("Service/store", "metadata/name", "web"),),
    "unknown-kind": (
        put(DEPLOYMENT, "kind", "Deploymnt"),
        put(DEPLOYMENT, "apiVersion", "apps/v9"),
        put(DEPLOYMENT, "apiVersion", "app.k8s.io/v1"),
    ),
    "kind-without-schema": (
        put("CronTab", "apiVersion", "other.example.com/v1"),
        put("CronTab", "apiVersion", "gateway.networking.k8s.io/v1"),
    ),
    "crd-schema": (
        put("CustomResourceDefinition", f"{SPEC}/schedule/pattern", "("),
        put("CustomResourceDefinition", f"{SPEC}/replicas/minimum", "one"),
    ),
    "api-version-removed": (
        put("PodDisruptionBudget/web", "apiVersion", "policy/v1beta1"),
        put("HorizontalPodAutoscaler", "apiVersion", "autoscaling/v2beta2"),
        put(DEPLOYMENT, "apiVersion", "extensions/v1beta1"),
    ),
    "api-version-not-served": (put("CronTab", "apiVersion", "stable.example.com/v1beta1"),),
    "api-version-too-new": (),  # see test_a_kind_of_a_later_version_is_too_new
    "unknown-field": (
        put(DEPLOYMENT, f"{MAIN}/livenesProbe", {}),
        put("CronTab", "spec/sheduel", 1),
        put("ConfigMap", "spec", {}),
    ),
    "missing-field": (
        put(DEPLOYMENT, f"{MAIN}/name", GONE),
        put("CronTab", "spec/schedule", GONE),
        put("CronTab", "spec", GONE),
    ),
    "wrong-type": (
        put(DEPLOYMENT, "spec/replicas", "two"),
        put(DEPLOYMENT, "metadata/labels/app", 1),
        put("CronTab", "spec/labels", {"a": 1}),
        put("CronTab", "spec/port", [1]),
    ),
    "wrong-value": (
        put(DEPLOYMENT, f"{MAIN}/resources/limits/memory", "1Gb"),
        put(DEPLOYMENT, "spec/replicas", 2**31),
        put("Secret", "data", {"a": "%"}),
        put("CronTab", "spec/schedule", "daily"),
        put("CronTab", "spec/replicas", 0),
        put("CronTab", "spec/labels", {}),
        put(DEPLOYMENT, "metadata/creationTimestamp", "yesterday"),
    ),
    "memory-request": (put("Job", f"{MAIN}/resources/limits/memory", GONE),),
    "memory-limit": (
        put(DEPLOYMENT, f"{MAIN}/resources/limits/memory", GONE),
        put(DEPLOYMENT, f"{INIT}/resources", GONE),
    ),
    "cpu-request": (put("Job", f"{MAIN}/resources/limits/cpu", GONE),),
    "cpu-limit": (put(DEPLOYMENT, f"{MAIN}/resources/limits/cpu", GONE),),
    "request-above-limit": (
        put(DEPLOYMENT, f"{MAIN}/resources/requests/memory", "1Gi"),
        put(DEPLOYMENT, f"{MAIN}/resources/requests/cpu", 1.5),
    ),
    "resource-of-nothing": (
        put(DEPLOYMENT, f"{MAIN}/resources/limits/memory", "0"),
        put(DEPLOYMENT, f"{MAIN}/resources/requests/cpu", 0),
    ),
    "resource-quota": (put("ResourceQuota", "metadata/namespace", "other"),),
    "readiness-probe": (put(DEPLOYMENT, f"{MAIN}/readinessProbe", GONE),),
    "liveness-probe": (put(STORE, f"{MAIN}/livenessProbe", None),),
    "startup-probe": (put(DEPLOYMENT, f"{MAIN}/livenessProbe/initialDelaySeconds", 90),),
    "probe-handler": (
        put(DEPLOYMENT, f"{MAIN}/livenessProbe/httpGet", GONE),
        put(DEPLOYMENT, f"{MAIN}/livenessProbe/tcpSocket", {"port": 8080}),
        put(DEPLOYMENT, f"{MAIN}/livenessProbe", {"exec": {}}),
    ),
    "probe-port": (
        put(DEPLOYMENT, f"{MAIN}/livenessProbe/httpGet/port", "https"),
        put(DEPLOYMENT, f"{MAIN}/livenessProbe/httpGet/port", 70_000),
    ),
    "probe-port-declared": (put(DEPLOYMENT, f"{MAIN}/livenessProbe/httpGet/port", 9090),),
    "probes-alike": (
        put(STORE, f"{MAIN}/livenessProbe", {"tcpSocket": {"port": 5432}}),
        put(STORE, f"{MAIN}/readinessProbe", {"tcpSocket": {"port": "db"}, "failureThreshold": 10}),
    ),
    "probe-proves-nothing": (
        put(DEPLOYMENT, f"{MAIN}/readinessProbe/exec/command", ["sh", "-c", "check || true"]),
    ),
    "probe-threshold": (put(DEPLOYMENT, f"{MAIN}/livenessProbe/successThreshold", 2),),
    "host-process": (
        put(DEPLOYMENT, f"{CONTEXT}/windowsOptions", {"hostProcess": True}),
        put(DEPLOYMENT, f"{WEB}/securityContext/windowsOptions", {"hostProcess": True}),
    ),
    "host-namespaces": tuple(
        put(DEPLOYMENT, f"{WEB}/{name}", True) for name in ("hostNetwork", "hostPID", "hostIPC")
    ),
    "privileged-containers": (
        put(DEPLOYMENT, f"{CONTEXT}/privileged", True),
        put(
            DEPLOYMENT, f"{WEB}/ephemeralContainers", [{"name": "a", "securityContext": {"privileged": True}}]
        ),
    ),
    "capabilities-baseline": (put(DEPLOYMENT, f"{CONTEXT}/capabilities/add", ["SYS_ADMIN"]),),
    "host-path-volumes": (put(DEPLOYMENT, f"{WEB}/volumes/0", {"name": "tmp", "hostPath": {"path": "/"}}),),
    "host-ports": (put(DEPLOYMENT, f"{MAIN}/ports/0/hostPort", 80),),
    "host-probes": (
        put(DEPLOYMENT, f"{MAIN}/livenessProbe/httpGet/host", "10.0.0.1"),
        put(DEPLOYMENT, f"{MAIN}/lifecycle", {"preStop": {"tcpSocket": {"host": "a", "port": 1}}}),
    ),
    "apparmor": (
        put(DEPLOYMENT, f"{CONTEXT}/appArmorProfile", {"type": "Unconfined"}),
        put(
            DEPLOYMENT,
            "spec/template/metadata/annotations",
            {"container.apparmor.security.beta.kubernetes.io/main": "unconfined"},
        ),
    ),
    "selinux": (
        put(DEPLOYMENT, f"{CONTEXT}/seLinuxOptions", {"type": "spc_t"}),
        put(DEPLOYMENT, f"{WEB}/securityContext/seLinuxOptions", {"user": "a"}),
        put(DEPLOYMENT, f"{CONTEXT}/seLinuxOptions", {"role": "a"}),
    ),
    "proc-mount-type": (put(DEPLOYMENT, f"{CONTEXT}/procMount", "Unmasked"),),
    "seccomp-baseline": (put(DEPLOYMENT, f"{CONTEXT}/seccompProfile", {"type": "Unconfined"}),),
    "sysctls": (put(DEPLOYMENT, f"{WEB}/securityContext/sysctls/0/name", "kernel.msgmax"),),
    "volume-types": (
        put(DEPLOYMENT, f"{WEB}/volumes/0", {"name": "tmp", "nfs": {"server": "a", "path": "/"}}),
    ),
    "privilege-escalation": (
        put(DEPLOYMENT, f"{CONTEXT}/allowPrivilegeEscalation", GONE),
        put(DEPLOYMENT, f"{CONTEXT}/allowPrivilegeEscalation", True),
    ),
    "running-as-non-root": (
        put(DEPLOYMENT, f"{WEB}/securityContext/runAsNonRoot", GONE),
        put(DEPLOYMENT, f"{CONTEXT}/runAsNonRoot", False),
    ),
    "running-as-non-root-user": (put(DEPLOYMENT, f"{CONTEXT}/runAsUser", 0),),
    "seccomp-restricted": (put(DEPLOYMENT, f"{WEB}/securityContext/seccompProfile", GONE),),
    "capabilities-dropped": (
        put(DEPLOYMENT, f"{CONTEXT}/capabilities/drop", ["NET_RAW"]),
        put(DEPLOYMENT, f"{CONTEXT}/capabilities", GONE),
    ),
    "capabilities-added": (put(DEPLOYMENT, f"{CONTEXT}/capabilities/add", ["CHOWN"]),),
    "proc-mount-type-restricted": (
        lambda trees: (
            put(DEPLOYMENT, f"{CONTEXT}/procMount", "Unmasked")(trees),
            put(DEPLOYMENT, f"{WEB}/hostUsers", False)(trees),
        )[0],
    ),
    "writable-root": (put(DEPLOYMENT, f"{CONTEXT}/readOnlyRootFilesystem", False),),
    "service-account-token": (put(STORE, f"{WEB}/automountServiceAccountToken", GONE),),
    "image-missing": (put(DEPLOYMENT, f"{MAIN}/image", GONE), put(DEPLOYMENT, f"{MAIN}/image", " ")),
    "image-unpinned": tuple(
        put(DEPLOYMENT, f"{MAIN}/image", image)
        for image in ("nginx", "nginx:latest", "shop.example:5000/web", "shop.example:5000/web:latest")
    ),
    "image-digest": (put(DEPLOYMENT, f"{MAIN}/image", "shop.example:5000/web:1.2"),),
    "secret-in-environment": (
        put(DEPLOYMENT, f"{MAIN}/env/2", {"name": "DB_PASSWORD", "value": "hunter2"}),
        put(DEPLOYMENT, f"{MAIN}/env/2", {"name": "DB", "value": "postgres://shop:hunter2@db/shop"}),
    ),
    "secret-in-command": (
        put(DEPLOYMENT, f"{INIT}/command", ["prepare", "--password=hunter2"]),
        put(DEPLOYMENT, f"{MAIN}/args", ["--dsn=postgres://shop:hunter2@db/shop"]),
        put(DEPLOYMENT, f"{MAIN}/args", ["serve", "--password", "hunter2"]),
    ),
    "secret-in-config-map": (
        put("ConfigMap", "data/db.password", "hunter2"),
        put("ConfigMap", "data/key.pem", "-----BEGIN PRIVATE KEY-----\nabc\n"),
    ),
    "secret-in-file": (
        put("Secret", "type", "Opaque"),
        lambda trees: trees["Secret"].update(type="Opaque", stringData={"a": "b"}),
    )[1:],
    "selector-labels": (put(DEPLOYMENT, "spec/selector/matchLabels/app", "wep"),),
    "service-selector": (put("Service/web", "spec/selector/app", "wep"),),
    "service-target-port": (put("Service/web", "spec/ports/0/targetPort", "https"),),
    "ingress-backend": (put("Ingress", "spec/defaultBackend/service/name", "wep"),),
    "ingress-port": (
        put("Ingress", "spec/defaultBackend/service/port", {"name": "https"}),
        put("Ingress", "spec/rules/0/http/paths/0/backend/service/port/number", 8080),
    ),
    "config-map-exists": (
        drop("ConfigMap"),
        put(DEPLOYMENT, f"{MAIN}/envFrom/0", {"configMapRef": {"name": "x"}}),
    ),
    "secret-exists": (drop("Secret"), put(DEPLOYMENT, f"{WEB}/imagePullSecrets", [{"name": "x"}])),
    "claim-exists": (drop("PersistentVolumeClaim"),),
    "key-exists": (
        put("ConfigMap", "data/LEVEL", GONE),
        put(DEPLOYMENT, f"{WEB}/volumes/2/configMap/items/0/key", "modt"),
    ),
    "service-account-exists": (drop("ServiceAccount"),),
    "autoscaler-target": (put("HorizontalPodAutoscaler", "spec/scaleTargetRef/name", "wep"),),
    "volume-mounts": (put(DEPLOYMENT, f"{MAIN}/volumeMounts/0/name", "temp"),),
    "governing-service": (put(STORE, "spec/serviceName", "stores"),),
    "restart-policy": (
        put("Job", f"{WEB}/restartPolicy", "Always"),
        put("Job", f"{WEB}/restartPolicy", GONE),
        put(DEPLOYMENT, f"{WEB}/restartPolicy", "Never"),
    ),
    "replicas": (
        put(STORE, "spec/replicas", 1),
        put(STORE, "spec/replicas", GONE),
        put("HorizontalPodAutoscaler", "spec/minReplicas", GONE),
    ),
    "disruption-budget": (drop("PodDisruptionBudget/web"),),
    "disruption-budget-blocks": (
        put("PodDisruptionBudget/web", "spec/maxUnavailable", 0),
        put("PodDisruptionBudget/web", "spec/maxUnavailable", "0%"),
        put("PodDisruptionBudget/store", "spec/minAvailable", "100%"),
        put("PodDisruptionBudget/store", "spec/minAvailable", 3),
    ),
    "disruption-budget-selector": (put("PodDisruptionBudget/web", "spec/selector/matchLabels/app", "wep"),),
    "spread": (
        put(DEPLOYMENT, f"{WEB}/topologySpreadConstraints", []),
        put(STORE, f"{WEB}/affinity", {}),
    ),
    "autoscaler-range": (put("HorizontalPodAutoscaler", "spec/maxReplicas", 2),),
}
CASES = [
    pytest.param(rule, edit, id=f"{rule}-{number}")
    for rule, edits in TRIPS.items()
    for number, edit in enumerate(edits)
]


def test_every_rule_has_something_that_trips_it() -> None:
    assert sorted(TRIPS) == sorted(RULES)
    assert [rule for rule, edits in TRIPS.items() if not edits] == ["api-version-too-new"]


def test_nothing_is_found_in_a_sound_set_and_every_rule_looks_at_something() -> None:
    for manifests in (SOUND, PLAIN):
        seen = inspect(manifests)
        assert [(one.rule, one.place, sentence(one.message)) for one in seen.findings] == []
        assert {rule: seen.looked[rule].n for rule in RULES if seen.looked[rule].n == 0} == {}


@pytest.mark.parametrize(("rule", "edit"), CASES)
def test_a_rule_trips_where_one_thing_is_wrong(rule: str, edit: Edit) -> None:
    try:
        seen = inspect(changed(PLAIN, edit))
    except KeyError:
        seen = inspect(changed(SOUND, edit))
    found = [one for one in seen.findings if one.rule == rule]
    assert found, [one.rule for one in seen.findings]
    for one in found:
        assert one.line
        assert "{" not in sentence(one.message)


def test_a_kind_of_a_later_version_is_too_new() -> None:
    tree = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy"}
    schemas = Schemas(Facts("1.26"))
    found = list(schemas.problems(KubeObject(tree={**tree, "metadata": {"name": "a"}})))
    assert [(rule, hit.values[-1]) for rule, hit in found] == [("api-version-too-new", "1.30")]


@pytest.mark.parametrize("rule", RULES)
def test_the_sentence_of_a_rule_says_what_is_wrong_and_what_would_be_right(rule: str) -> None:
    wrong, right = rule_texts(rule)
    assert wrong
    assert right
