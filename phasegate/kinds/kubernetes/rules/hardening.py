"""What a container can do once somebody else runs in it."""

from __future__ import annotations

from phasegate.kinds.kubernetes.objects import Cluster, Container, Pod, at, text
from phasegate.kinds.kubernetes.rules.policy import PODS, RESOURCED, WARNING, Family, Hit, Hits

_ACCOUNTS = "tasks/configure-pod-container/configure-service-account/"


policy = Family("hardening", "tasks/configure-pod-container/security-context/")


@policy("writable-root", WARNING, RESOURCED)
def _writable_root(container: Container, cluster: Cluster) -> Hits:
    """The root file system of each container is read-only."""
    read_only = at(container.tree, "securityContext", "readOnlyRootFilesystem")
    if read_only is not True and not container.pod.is_windows:
        yield Hit((*container.path, "securityContext", "readOnlyRootFilesystem"), (container.name,))


def _account(pod: Pod) -> str:
    return text(pod.spec.get("serviceAccountName")) or text(pod.spec.get("serviceAccount")) or "default"


@policy("service-account-token", WARNING, PODS, _ACCOUNTS + "#opt-out-of-api-credential-automounting")
def _token(pod: Pod, cluster: Cluster) -> Hits:
    """A pod of the default service account gets no token for the API of Kubernetes."""
    mounted = pod.spec.get("automountServiceAccountToken")
    if mounted is None:
        account = cluster.find("ServiceAccount", _account(pod), pod.object)
        mounted = None if account is None else account.tree.get("automountServiceAccountToken")
    # Who has an account of its own asks Kubernetes for something, and needs the token.
    if mounted is not False and _account(pod) == "default":
        yield Hit((*pod.spec_path, "automountServiceAccountToken"))
