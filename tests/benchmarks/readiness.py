"""Verdicts of the kind `kubernetes` beside those that public fixtures have in their names, and its speed.

    python -m tests.benchmarks.readiness FOLDER [-v]
    python -m tests.benchmarks.readiness

FOLDER holds checkouts, each under the name of its repository; those that are not there are left out:
kubernetes/pod-security-admission, yannh/kubeconform, FairwindsOps/polaris, stackrox/kube-linter,
kyverno/policies, GoogleCloudPlatform/microservices-demo, prometheus-operator/kube-prometheus,
madhuakula/kubernetes-goat.
"""

from __future__ import annotations

import re
import resource
import sys
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import yaml

from phasegate.inspection.finding import Finding, Inspection
from phasegate.inspection.tree import Tree, walk
from phasegate.kinds.kubernetes.facts import versions
from phasegate.kinds.kubernetes.kind import look_at
from phasegate.kinds.kubernetes.params import KubernetesParams


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a fixture says of itself."""

    name: str
    file: str
    """Below the repository."""
    rules: frozenset[str] = frozenset()
    """Those that are meant; empty for all of `families`."""
    families: frozenset[str] = frozenset()
    bad: bool
    only: tuple[str, str] | None = None
    """The kind and name of the object that is meant; None for all of the file."""
    params: dict[str, Any] = field(default_factory=dict)


def of_pod_security(root: Path) -> Iterator[Expected]:
    for policy in ("baseline", "restricted"):
        for version in versions():
            for verdict in ("pass", "fail"):
                for file in sorted(
                    (root / "test/testdata" / policy / f"v{version}" / verdict).glob("*.yaml")
                ):
                    yield Expected(
                        name=f"{policy} {version} {file.stem}",
                        file=str(file.relative_to(root)),
                        families=frozenset(
                            {"baseline"} | ({"restricted"} if policy == "restricted" else set())
                        ),
                        bad=verdict == "fail",
                        params={"version": version, "policy": policy},
                    )


_KUBECONFORM = {
    "valid": False, "invalid": True, "list_invalid": True, "list_valid": False, "list_empty_valid": False,
    "extra_property": True, "duplicate_property": True, "int_or_string": False, "null_string": False,
    "null_array": False, "quantity": False, "valid_version": False, "comment": False, "blank": False,
    "missing_kind": True, "missing_apiversion": True, "missing_kind_value": True, "multi_valid": False,
    "multi_invalid": True, "multi_invalid_resources": True, "multi_valid_source": False,
    "multi_with_list": False, "generate_name": False, "full_domain_group": False,
    "folder/valid": False, "folder/multi_valid": False, "unconventional_keys": False,
    "same-object-different-namespace": False, "same-kind-different-api": False,
    "duplicates": True, "duplicates-with-namespace": True, "duplicates-non-namespaced": True,
}  # fmt: skip


def of_kubeconform(root: Path) -> Iterator[Expected]:
    for name, bad in _KUBECONFORM.items():
        yield Expected(
            name=name, file=f"fixtures/{name}.yaml", bad=bad, families=frozenset({"schema", "files"})
        )


_POLARIS = {
    "automountServiceAccountToken": "service-account-token", "cpuLimitsMissing": "cpu-limit",
    "cpuRequestsMissing": "cpu-request", "dangerousCapabilities": "capabilities-baseline",
    "deploymentMissingReplicas": "replicas", "hostIPCSet": "host-namespaces",
    "hostNetworkSet": "host-namespaces", "hostPIDSet": "host-namespaces", "hostPathSet": "host-path-volumes",
    "hostPortSet": "host-ports", "hostProcess": "host-process",
    "insecureCapabilities": "capabilities-dropped", "livenessProbeMissing": "liveness-probe",
    "memoryLimitsMissing": "memory-limit", "memoryRequestsMissing": "memory-request",
    "missingPodDisruptionBudget": "disruption-budget", "notReadOnlyRootFilesystem": "writable-root",
    "pdbDisruptionsIsZero": "disruption-budget-blocks",
    "pdbMinAvailableGreaterThanHPAMinReplicas": "disruption-budget-blocks",
    "privilegeEscalationAllowed": "privilege-escalation", "procMount": "proc-mount-type",
    "readinessProbeMissing": "readiness-probe", "runAsPrivileged": "privileged-containers",
    "runAsRootAllowed": "running-as-non-root", "sensitiveConfigmapContent": "secret-in-config-map",
    "sensitiveContainerEnvVar": "secret-in-environment", "tagNotSpecified": "image-unpinned",
    "topologySpreadConstraint": "spread",
}  # fmt: skip


def of_polaris(root: Path) -> Iterator[Expected]:
    for check, rule in _POLARIS.items():
        for file in sorted((root / "test/checks" / check).glob("*.yaml")):
            if file.name.startswith(("success", "failure")):
                yield Expected(
                    name=f"{check} {file.stem}",
                    file=str(file.relative_to(root)),
                    rules=frozenset({rule}),
                    bad=file.name.startswith("failure"),
                )


_KYVERNO = {
    "disallow-capabilities": "capabilities-baseline", "disallow-host-namespaces": "host-namespaces",
    "disallow-host-path": "host-path-volumes", "disallow-host-ports": "host-ports",
    "disallow-host-process": "host-process", "disallow-privileged-containers": "privileged-containers",
    "disallow-proc-mount": "proc-mount-type", "disallow-selinux": "selinux",
    "restrict-apparmor-profiles": "apparmor", "restrict-seccomp": "seccomp-baseline",
    "restrict-sysctls": "sysctls", "require-drop-all": "capabilities-dropped",
    "adding-capabilities-strict": "capabilities-added",
    "disallow-privilege-escalation": "privilege-escalation",
    "require-run-as-non-root-user": "running-as-non-root-user",
    "require-run-as-nonroot": "running-as-non-root", "restrict-seccomp-strict": "seccomp-restricted",
    "restrict-volume-types": "volume-types", "require-probes": "readiness-probe liveness-probe",
    "disallow-latest-tag": "image-unpinned", "require-ro-rootfs": "writable-root",
}  # fmt: skip


def of_kyverno(root: Path) -> Iterator[Expected]:
    for file in sorted(root.glob("*/**/.kyverno-test/kyverno-test.yaml")):
        if file.relative_to(root).parts[0] not in ("pod-security", "best-practices"):
            continue
        test = yaml.safe_load(file.read_text())
        verdicts: dict[tuple[str, str, str], set[bool]] = defaultdict(set)
        for result in test["results"]:
            policy = _KYVERNO.get(result.get("rule", "")) or _KYVERNO.get(file.parent.parent.name)
            for name in result.get("resources", ()) if policy else ():
                key = policy or "", result.get("kind", ""), name.rpartition("/")[2]
                verdicts[key].add(result["result"] == "fail")
        for below in test["resources"]:
            path = (file.parent / below).resolve()
            there = {(one.get("kind"), one["metadata"]["name"]) for one in _objects(path)}
            for (rules, kind, name), bad in verdicts.items():
                if (kind, name) in there:
                    yield Expected(
                        name=f"{file.parent.parent.name} {kind}/{name}",
                        file=str(path.relative_to(root)),
                        rules=frozenset(rules.split()),
                        bad=any(bad),
                        only=(kind, name),
                    )


def _objects(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text()) if isinstance(one, dict)]


_KUBE_LINTER = {
    "dangling-hpa": "autoscaler-target", "dangling-ingress": "ingress-backend",
    "dangling-service": "service-selector", "host-ipc": "host-namespaces", "host-network": "host-namespaces",
    "host-pid": "host-namespaces", "invalid-target-ports": "", "latest-tag": "image-unpinned",
    "liveness-port": "probe-port probe-port-declared", "readiness-port": "probe-port probe-port-declared",
    "startup-port": "probe-port probe-port-declared", "mismatching-selector": "selector-labels",
    "no-extensions-v1beta": "api-version-removed", "no-liveness-probe": "liveness-probe",
    "no-read-only-root-fs": "writable-root", "no-readiness-probe": "readiness-probe",
    "non-existent-service-account": "service-account-exists", "privilege-escalation-container": "",
    "privileged-container": "privileged-containers", "run-as-non-root": "running-as-non-root",
    "env-var-secret": "secret-in-environment", "unsafe-proc-mount": "proc-mount-type",
    "pdb-max-unavailable": "disruption-budget-blocks", "pdb-min-available": "disruption-budget-blocks",
    "unset-cpu-requirements": "cpu-request cpu-limit",
    "unset-memory-requirements": "memory-request memory-limit", "sensitive-host-mounts": "host-path-volumes",
}  # fmt: skip


def of_kube_linter(root: Path) -> Iterator[Expected]:
    """Each file has objects whose names say which of them are found: `fire...` and `dont-fire...`."""
    for check, rules in _KUBE_LINTER.items():
        for file in (root / "tests/checks").glob(f"{check}.y*ml"):
            for one in _objects(file) if rules else ():
                name = one.get("metadata", {}).get("name", "")
                if re.match(r"(?:dont-|do-not-)?fire", name):
                    yield Expected(
                        name=f"{check} {one['kind']}/{name}",
                        file=str(file.relative_to(root)),
                        rules=frozenset(rules.split()),
                        bad=name.startswith("fire"),
                        only=(one["kind"], name),
                    )


_SOUND = frozenset({"schema", "files"})
_READINESS = (
    ("microservices-demo", "kubernetes-manifests/frontend.yaml", "image-unpinned", True),
    *(("microservices-demo", "kubernetes-manifests/frontend.yaml", rule, False)
      for rule in ("readiness-probe", "liveness-probe", "memory-limit", "cpu-limit", "running-as-non-root",
                   "capabilities-dropped")),
    *(("microservices-demo", "kubernetes-manifests/loadgenerator.yaml", rule, True)
      for rule in ("readiness-probe", "liveness-probe", "memory-limit", "memory-request", "cpu-limit",
                   "cpu-request", "image-unpinned")),
    *(("kube-prometheus", "manifests/prometheusAdapter-deployment.yaml", rule, False)
      for rule in ("readiness-probe", "liveness-probe", "memory-limit", "cpu-limit", "running-as-non-root",
                   "capabilities-dropped", "image-unpinned", "seccomp-restricted", "writable-root")),
    *(("kube-prometheus", "manifests/nodeExporter-daemonset.yaml", rule, True)
      for rule in ("host-namespaces", "host-path-volumes", "readiness-probe", "liveness-probe")),
    *(("kubernetes-goat", "scenarios/system-monitor/deployment.yaml", rule, True)
      for rule in ("host-namespaces", "host-path-volumes", "privileged-containers", "running-as-non-root",
                   "capabilities-dropped", "readiness-probe", "liveness-probe", "memory-request",
                   "image-unpinned")),
    *(("kubernetes-goat", "scenarios/hidden-in-layers/deployment.yaml", rule, bad)
      for rule, bad in (("readiness-probe", False), ("liveness-probe", False), ("running-as-non-root", True),
                        ("image-unpinned", True))),
)  # fmt: skip
_TREES = {
    "microservices-demo": ("kubernetes-manifests/*.yaml",),
    "kube-prometheus": ("manifests/**/*.yaml",),
    "kubernetes-goat": ("scenarios/*/*.yaml",),
}
"""What is valid as a whole: no finding of the schema, but for kinds that nobody describes."""


def of_table(repository: str) -> Any:
    def cases(root: Path) -> Iterator[Expected]:
        for name, file, rule, bad in _READINESS:
            if name == repository:
                yield Expected(name=f"{file} {rule}", file=file, rules=frozenset({rule}), bad=bad)
        for pattern in _TREES[repository]:
            for path in sorted(root.glob(pattern)):
                if path.name not in ("kustomization.yaml", "Chart.yaml", "values.yaml"):
                    file = str(path.relative_to(root))
                    yield Expected(name=f"{file} valid", file=file, families=_SOUND, bad=False)

    return cases


CORPORA = {
    "pod-security-admission": of_pod_security,
    "kubeconform": of_kubeconform,
    "polaris": of_polaris,
    "kube-linter": of_kube_linter,
    "policies": of_kyverno,
    **{name: of_table(name) for name in _TREES},
}


def look(root: Path, one: Expected) -> Inspection:
    params = KubernetesParams(files=(one.file,), **one.params)
    return look_at(params, Tree(root=root, names=(one.file,)), ())


def meant(one: Expected, findings: Iterable[Finding]) -> list[Finding]:
    place = (
        None if one.only is None else re.compile(rf"{one.only[0]}/(?:[^/]+/)?{re.escape(one.only[1])}(?:/|$)")
    )
    return [
        finding
        for finding in findings
        if (finding.rule in one.rules or finding.family in one.families)
        and finding.rule not in ("kind-without-schema",)
        and (place is None or place.match(finding.place))
    ]


def main(folder: Path, verbose: bool) -> int:
    total: Counter[str] = Counter()
    columns = ("files", "objects", "cases", "right", "missed", "false", "crash")
    print(f"{'corpus':24}", *(f"{column:>8}" for column in columns))
    for name, cases in CORPORA.items():
        if not (folder / name).is_dir():
            continue
        tally: Counter[str] = Counter()
        seen: dict[tuple[str, str], Inspection | None] = {}
        for one in cases(folder / name):
            key = one.file, repr(one.params)
            if key not in seen:
                try:
                    seen[key] = look(folder / name, one)
                except Exception:
                    seen[key] = None
                    tally["crash"] += 1
                    traceback.print_exc()
                else:
                    tally["files"] += 1
                    tally["objects"] += seen[key].objects or 0  # type: ignore[union-attr]
            inspection = seen[key]
            tally["cases"] += 1
            found = meant(one, inspection.findings) if inspection else []
            outcome = "right" if bool(found) == one.bad else "missed" if one.bad else "false"
            tally[outcome] += 1
            if verbose and outcome != "right":
                rules = sorted({f"{finding.rule} {finding.details}" for finding in found})
                print(f"  {outcome:6} {one.name} ({one.file}) {rules[:3]}")
        print(f"{name:24}", *(f"{tally[column]:8,}" for column in columns))
        total += tally
    print(f"{total['right']:,} of {total['cases']:,}: {total['right'] / max(1, total['cases']):.2%}")
    return 0


def speed() -> int:
    """Processor time and memory of 400 files with 1,200 objects, files that are read included."""
    with TemporaryDirectory() as folder:
        for number in range(400):
            text = "---\n".join(_MANIFEST.replace("NAME", f"{kind}-{number}") for kind in "abc")
            (Path(folder) / f"{number}.yaml").write_text(text)
        params = KubernetesParams(files=("*.yaml",))
        begun = process_time()
        seen = look_at(params, walk(Path(folder), params.files), ())
        cases = seen.cases()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"{seen.files} files, {seen.objects:,} objects, {len(cases):,} cases: ", end="")
        print(f"{process_time() - begun:.2f} s of processor time, {memory} MiB")
    return 0


_MANIFEST = (Path(__file__).parent.parent / "kinds/kubernetes/sound.yaml").read_text().split("---\n")[6]
_MANIFEST = _MANIFEST.replace("{name: web,", "{name: NAME,")


if __name__ == "__main__":
    paths = [word for word in sys.argv[1:] if word != "-v"]
    sys.exit(main(Path(paths[0]), "-v" in sys.argv) if paths else speed())
