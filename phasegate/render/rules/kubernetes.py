"""Rules of manifests of Kubernetes."""

TEXTS = {
    # Schema: what Kubernetes would refuse.
    "object-kind": ("it is not an object of Kubernetes: {0} missing", "write apiVersion and kind"),
    "object-unnamed": ("the object has no name", "set metadata.name"),
    "object-name": (
        "{0!r} is not a name that Kubernetes takes",
        "use lower-case letters, digits, '-' and '.'",
    ),
    "duplicate-object": ("{0} {1} is in {2} as well", "keep one"),
    "unknown-kind": ("Kubernetes {2} has no kind {1} in {0}", "write the nearest one: {3}"),
    "kind-without-schema": (
        "{1} of {0} could not be checked: no CRD describes it",
        "name its CRD under crds",
    ),
    "crd-schema": ("the CRD of {0} has no schema that can be used: {1}", "correct openAPIV3Schema"),
    "api-version-removed": ("Kubernetes {2} removed {1} in {0}", "use an API version with this kind: {3}"),
    "api-version-not-served": ("its CRD does not serve {1} in {0}", "use a version that it serves"),
    "api-version-too-new": ("{1} in {0} is served from Kubernetes {2} on only", "use an older API version"),
    "unknown-field": ("there is no field {0} here", "write one of {1}"),
    "missing-field": ("the field {0} is missing", "write it"),
    "wrong-type": ("{0} stands here", "it must be {1}"),
    "wrong-value": ("the value breaks {0}", "look up what the field takes"),
    # Resources.
    "memory-request": ("{0} asks for no memory", "set resources.requests.memory"),
    "memory-limit": ("{0} has no limit of memory", "set resources.limits.memory"),
    "cpu-request": ("{0} asks for no CPU", "set resources.requests.cpu"),
    "cpu-limit": ("{0} has no limit of CPU", "set resources.limits.cpu"),
    "request-above-limit": (
        "{0} asks for {2} of {1}, its limit is {3}",
        "ask for as much as the limit at most",
    ),
    "resource-of-nothing": ("{0} has {3} of {1} under {2}", "write what it needs, or leave it out"),
    "resource-quota": ("namespace {0} has no ResourceQuota", "add one to the namespace"),
    # Probes.
    "readiness-probe": ("{0} has no readiness probe", "set readinessProbe"),
    "liveness-probe": ("{0} has no liveness probe", "set livenessProbe"),
    "startup-probe": ("{0} waits {1} s before its first liveness probe", "set startupProbe instead"),
    "probe-handler": ("{1} of {0} asks in {2} ways", "write exactly one of exec, grpc, httpGet, tcpSocket"),
    "probe-port": (
        "{1} of {0} goes to port {2}, which there is not",
        "write a name or number from its ports",
    ),
    "probe-port-declared": (
        "{1} of {0} goes to port {2}, which it does not declare",
        "declare it under ports",
    ),
    "probes-alike": (
        "liveness of {0} asks the same as readiness and gives up as early",
        "ask for less, or set a higher failureThreshold",
    ),
    "probe-proves-nothing": ("the command of {1} of {0} cannot fail", "run one that asks the program"),
    "probe-threshold": ("{1} of {0} has successThreshold {2}", "write 1, or leave it out"),
    # Pod Security Standard: baseline.
    "host-process": ("{0} runs as a process of the Windows host", "leave hostProcess out"),
    "host-namespaces": ("the pod has {0}", "leave it out"),
    "privileged-containers": ("{0} is privileged", "leave privileged out"),
    "capabilities-baseline": ("{0} adds the capability {1}", "leave it out"),
    "host-path-volumes": ("volume {0} is {1} of the host", "use another kind of volume"),
    "host-ports": ("{0} takes port {1} of the host", "leave hostPort out, and use a Service"),
    "host-probes": ("{1} of {0} goes to host {2}", "leave host out"),
    "apparmor": ("{0} has the AppArmor profile {1}", "use RuntimeDefault or Localhost"),
    "selinux": ("{0} sets seLinuxOptions.{1} to {2}", "leave it out"),
    "proc-mount-type": ("{0} has procMount {1}", "use Default"),
    "seccomp-baseline": ("{0} has the seccomp profile {1}", "use RuntimeDefault or Localhost"),
    "sysctls": ("the pod sets {0}", "leave it out, or set it on the nodes"),
    # Pod Security Standard: restricted.
    "volume-types": (
        "volume {0} is of {1}",
        "use a type that stays in the cluster, such as persistentVolumeClaim",
    ),
    "privilege-escalation": ("{0} may gain more rights", "set allowPrivilegeEscalation: false"),
    "running-as-non-root": ("{0} may run as root", "set runAsNonRoot: true"),
    "running-as-non-root-user": ("{0} runs as user 0", "set another runAsUser"),
    "seccomp-restricted": ("{0} has no seccomp profile that confines it", "set RuntimeDefault or Localhost"),
    "capabilities-dropped": ("{0} does not drop all capabilities", "write drop: [ALL]"),
    "capabilities-added": ("{0} adds the capability {1}", "add NET_BIND_SERVICE at most"),
    "proc-mount-type-restricted": ("{0} has procMount {1}", "use Default"),
    # Hardening.
    "writable-root": ("{0} can write to its root file system", "set readOnlyRootFilesystem: true"),
    "service-account-token": (
        "the pod gets a token of the default service account",
        "set automountServiceAccountToken: false, or give it an account of its own",
    ),
    # Images.
    "image-missing": ("{0} has no image", "write its image"),
    "image-unpinned": ("{0} runs {1}, which may be another one tomorrow", "write a tag other than latest"),
    "image-digest": ("{0} runs {1} by its tag", "add its digest: @sha256:..."),
    # Secrets.
    "secret-in-environment": (
        "{0} has a secret in its environment: {1}",
        "take it from a Secret by secretKeyRef",
    ),
    "secret-in-command": ("{0} has a secret in its {1}: {2}", "take it from a Secret"),
    "secret-in-config-map": ("a secret in {0}: {1}", "put it into a Secret"),
    "secret-in-file": ("the value of {0} stands in the file", "make the Secret elsewhere, or seal it"),
    # References.
    "selector-labels": (
        "the selector of this {0} does not match its own pods",
        "select the labels of its template",
    ),
    "service-selector": ("no pod has the labels {0}", "select the labels of the pods it is for"),
    "service-target-port": (
        "no pod that it selects has a port named {0}",
        "use the name of a port of its pods",
    ),
    "ingress-backend": ("Service {0} is not in the files", "add it, or name it under external"),
    "ingress-port": ("Service {0} has no port {1}", "use one of its ports"),
    "config-map-exists": ("{0} {1} is not in the files", "add it, or name it under external"),
    "secret-exists": ("{0} {1} is not in the files", "add it, or name it under external"),
    "claim-exists": ("{0} {1} is not in the files", "add it, or name it under external"),
    "key-exists": ("{0} {1} has no key {2}", "use one of its keys"),
    "service-account-exists": (
        "service account {0} is not in the files",
        "add it, or name it under external",
    ),
    "autoscaler-target": ("{0} {1} is not in the files", "use the kind and name of a workload"),
    "volume-mounts": ("{0} mounts {1}, which its pod does not have", "use a name from volumes"),
    "governing-service": ("Service {0} is not in the files", "add it, or name it under external"),
    "restart-policy": ("pods of this {0} cannot have this restartPolicy", "write {1}"),
    # Availability.
    "replicas": ("this {0} has replicas: {1}", "run two or more"),
    "disruption-budget": ("no PodDisruptionBudget is for this {0}", "add one"),
    "disruption-budget-blocks": ("{0} lets no pod go", "write maxUnavailable: 1"),
    "disruption-budget-selector": (
        "no pod has the labels that it selects",
        "select the labels of the pods it is for",
    ),
    "spread": ("the replicas of this {0} may all be on one node", "set topologySpreadConstraints"),
    "autoscaler-range": (
        "at least {0} and at most {1} replicas leave no room",
        "set maxReplicas above minReplicas",
    ),
}
