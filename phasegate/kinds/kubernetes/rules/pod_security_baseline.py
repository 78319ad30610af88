"""The controls of the Pod Security Standard `baseline`, each by the name that it has there."""

from __future__ import annotations

from phasegate.kinds.kubernetes.objects import Cluster, Container, Pod, at, items, strings
from phasegate.kinds.kubernetes.rules.pod_security import STANDARD, settings, shown
from phasegate.kinds.kubernetes.rules.policy import CONTAINERS, ERROR, PODS, Family, Hit, Hits, subject_name

_CAPABILITIES = frozenset(
    (
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    )
)
_PROFILES = ("RuntimeDefault", "Localhost")
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t")
_SYSCTLS = {
    "kernel.shm_rmid_forced": (1, 0),
    "net.ipv4.ip_local_port_range": (1, 0),
    "net.ipv4.tcp_syncookies": (1, 0),
    "net.ipv4.ping_group_range": (1, 0),
    "net.ipv4.ip_unprivileged_port_start": (1, 0),
    "net.ipv4.ip_local_reserved_ports": (1, 27),
    "net.ipv4.tcp_keepalive_time": (1, 29),
    "net.ipv4.tcp_fin_timeout": (1, 29),
    "net.ipv4.tcp_keepalive_intvl": (1, 29),
    "net.ipv4.tcp_keepalive_probes": (1, 29),
    "net.ipv4.tcp_rmem": (1, 32),
    "net.ipv4.tcp_wmem": (1, 32),
    "net.ipv4.tcp_slow_start_after_idle": (1, 37),
    "net.ipv4.tcp_notsent_lowat": (1, 37),
}
"""Those that are safe, from the version on that says so."""


policy = Family("baseline", STANDARD + "#baseline")


@policy("host-process", ERROR, PODS)
def _host_process(pod: Pod, cluster: Cluster) -> Hits:
    """HostProcess: no container of Windows runs on its host."""
    for subject, path, value in settings(pod, "windowsOptions", "hostProcess"):
        if value is True:
            yield Hit(path, (subject_name(subject),))


@policy("host-namespaces", ERROR, PODS)
def _host_namespaces(pod: Pod, cluster: Cluster) -> Hits:
    """Host Namespaces: no pod shares the network, the processes or the IPC of its host."""
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(name) is True:
            yield Hit((*pod.spec_path, name), (name,))


@policy("privileged-containers", ERROR, CONTAINERS)
def _privileged(container: Container, cluster: Cluster) -> Hits:
    """Privileged Containers: no container is privileged."""
    if at(container.tree, "securityContext", "privileged") is True:
        yield Hit((*container.path, "securityContext", "privileged"), (container.name,))


@policy("capabilities-baseline", ERROR, CONTAINERS)
def _capabilities(container: Container, cluster: Cluster) -> Hits:
    """Capabilities: no container adds capabilities beyond the usual ones."""
    for index, name in enumerate(items(at(container.tree, "securityContext", "capabilities", "add"))):
        if not isinstance(name, str) or name not in _CAPABILITIES:
            path = (*container.path, "securityContext", "capabilities", "add", index)
            yield Hit(path, (container.name, shown(name)))


@policy("host-path-volumes", ERROR, PODS)
def _host_path(pod: Pod, cluster: Cluster) -> Hits:
    """HostPath Volumes: no pod mounts a path of its host."""
    for path, volume in pod.volumes:
        if volume.get("hostPath") is not None:
            yield Hit((*path, "hostPath"), (shown(volume.get("name")), shown(at(volume, "hostPath", "path"))))


@policy("host-ports", ERROR, CONTAINERS)
def _host_ports(container: Container, cluster: Cluster) -> Hits:
    """Host Ports: no container takes a port of its host."""
    for index, port in enumerate(items(container.tree.get("ports"))):
        if taken := at(port, "hostPort"):
            yield Hit((*container.path, "ports", index, "hostPort"), (container.name, shown(taken)))


@policy("host-probes", ERROR, CONTAINERS)
def _host_probes(container: Container, cluster: Cluster) -> Hits:
    """Host Probes / Lifecycle Hooks: probes and hooks go to their own pod (from 1.34 on)."""
    if cluster.version < (1, 34):
        return
    places = (
        *(("livenessProbe",), ("readinessProbe",), ("startupProbe",)),
        *(("lifecycle", "postStart"), ("lifecycle", "preStop")),
    )
    for place in places:
        for handler in ("httpGet", "tcpSocket"):
            if host := at(container.tree, *place, handler, "host"):
                path = (*container.path, *place, handler, "host")
                yield Hit(path, (container.name, place[-1], shown(host)))


@policy("apparmor", ERROR, PODS)
def _apparmor(pod: Pod, cluster: Cluster) -> Hits:
    """AppArmor: no profile is taken away."""
    for subject, path, value in settings(pod, "appArmorProfile"):
        if at(value, "type") not in _PROFILES:
            yield Hit((*path, "type"), (subject_name(subject), shown(at(value, "type"))))
    for key, value in strings(at(pod.tree, "metadata", "annotations")).items():
        allowed = value in ("", "runtime/default") or value.startswith("localhost/")
        if key.startswith(_APPARMOR) and not allowed:
            path = (*pod.path, "metadata", "annotations", key)
            yield Hit(path, (key.removeprefix(_APPARMOR), value))


@policy("selinux", ERROR, PODS)
def _selinux(pod: Pod, cluster: Cluster) -> Hits:
    """SELinux: no type, user or role of its own."""
    types = (*_SELINUX_TYPES, "container_engine_t") if cluster.version >= (1, 31) else _SELINUX_TYPES
    for subject, path, value in settings(pod, "seLinuxOptions"):
        for field in ("type", "user", "role"):
            found = at(value, field)
            if found and (field != "type" or found not in types):
                yield Hit((*path, field), (subject_name(subject), field, shown(found)))


@policy("proc-mount-type", ERROR, CONTAINERS)
def _proc_mount(container: Container, cluster: Cluster) -> Hits:
    """/proc Mount Type: /proc is masked as usual."""
    found = at(container.tree, "securityContext", "procMount")
    relaxed = cluster.version >= (1, 35) and container.pod.is_confined
    if found is not None and found != "Default" and not relaxed:
        yield Hit((*container.path, "securityContext", "procMount"), (container.name, shown(found)))


@policy("seccomp-baseline", ERROR, PODS)
def _seccomp(pod: Pod, cluster: Cluster) -> Hits:
    """Seccomp: no profile is taken away."""
    for subject, path, value in settings(pod, "seccompProfile"):
        if at(value, "type") not in _PROFILES:
            yield Hit((*path, "type"), (subject_name(subject), shown(at(value, "type"))))


@policy("sysctls", ERROR, PODS)
def _sysctls(pod: Pod, cluster: Cluster) -> Hits:
    """Sysctls: only those that concern nobody else are set."""
    for index, one in enumerate(items(at(pod.spec, "securityContext", "sysctls"))):
        name = at(one, "name")
        since = _SYSCTLS.get(name) if isinstance(name, str) else None
        if since is None or cluster.version < since:
            path = (*pod.spec_path, "securityContext", "sysctls", index, "name")
            yield Hit(path, (shown(name),))
