"""Rules of Compose files: services that are fit for production; pure but for the files that they name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from phasegate.base.facts import Message
from phasegate.base.secret_shapes import secrets_in_command, secrets_in_variable
from phasegate.kinds.dockerfile.compose import (
    Compose,
    Service,
    interpolate,
    items,
    mapping,
    variables,
    why_healthcheck_proves_nothing,
)
from phasegate.kinds.dockerfile.look import ERROR, INFO, WARNING, Family, Hit, Hits, Subjects
from phasegate.kinds.dockerfile.references import is_pinned

_CAPABILITIES = frozenset(
    (
        *("ALL", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "NET_ADMIN", "PERFMON", "SYS_ADMIN"),
        *("SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYSLOG"),
    )
)
"""Those by which a container gets at its host."""
_YES = frozenset({"true", "1", "t", "y", "yes", "on"})
_NAMESPACES = ("network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup")
_SOCKETS = re.compile(
    r"(?:/var)?/run/(?:.*/)?(?:podman|containerd|crio|buildkitd)\.sock|.*/docker\.sock(?:\.raw)?|.*docker_engine"
)
_FOLDERS = re.compile(
    r"/+|/var|(?:/var)?/run(?:/(?:podman|containerd|crio|buildkit|docker|k3s(?:/containerd)?|user(?:/[^/]+(?:/podman)?)?))?"
    r"|/var/lib(?:/(?:docker|containerd))?|.*/\.docker/(?:run|desktop)"
)
"""Folders of a host that hold the socket of an engine, or all that an engine has."""
_KEYS = frozenset(
    {"services", "include", "volumes", "networks", "configs", "secrets", "models", "name", "version"}
)

rule = Family[Compose]("compose", "https://docs.docker.com/reference/compose-file/")


def _hit(service: Service, file: Compose, *path: str | int, details: tuple[Message | int, ...] = ()) -> Hit:
    place = "/".join(map(str, (*service.path, *path)))
    return Hit(file.line(*service.path, *path), place, (service.name, *details))


def _images(file: Compose) -> Iterator[tuple[Service, str]]:
    """Services that run an image which nothing here builds."""
    for one in file.services:
        image = one.tree.get("image")
        if isinstance(image, str) and image and not one.tree.get("build"):
            yield one, image


FILE: Subjects[Compose] = "file", lambda file: (file.document.tree,)
SERVICES: Subjects[Compose] = "service", lambda file: file.services
IMAGES: Subjects[Compose] = "image", _images
NAMED: Subjects[Compose] = "secret or config", lambda file: file.named_files
HEALTHCHECKS: Subjects[Compose] = (
    "healthcheck",
    lambda file: (one for one in file.services if mapping(one.tree, "healthcheck").get("test")),
)


@rule("compose-structure", ERROR, FILE, "services/")
def _structure(tree: Any, file: Compose) -> Hits:
    """The file has services, each of them a mapping."""
    services = tree.get("services") if isinstance(tree, Mapping) else None
    if not isinstance(tree, Mapping) or _KEYS.isdisjoint(tree):
        yield Hit(file.line(), "")
    elif services is not None and not isinstance(services, Mapping):
        yield Hit(file.line("services"), "services")
    for name, one in mapping(services).items():
        if not isinstance(one, Mapping) and not str(name).startswith("x-"):
            yield Hit(file.line("services", name), f"services/{name}")


@rule("compose-no-healthcheck", WARNING, SERVICES, "services/#healthcheck")
def _no_healthcheck(service: Service, file: Compose) -> Hits:
    """Each service that goes on has a healthcheck, or another file or its image gives it one."""
    if file.has_no_healthcheck(service):
        yield _hit(service, file, *(("healthcheck",) if "healthcheck" in service.tree else ()))


@rule("compose-healthcheck-cannot-fail", ERROR, HEALTHCHECKS, "services/#healthcheck")
def _fake_healthcheck(service: Service, file: Compose) -> Hits:
    """Each healthcheck can fail."""
    why = why_healthcheck_proves_nothing(service)
    if why is not None:
        yield _hit(service, file, "healthcheck", "test", details=(why,))


@rule("compose-privileged", ERROR, SERVICES, "services/#privileged")
def _privileged(service: Service, file: Compose) -> Hits:
    """No service is privileged."""
    if file.value_of(service.tree.get("privileged")).lower() in _YES:
        yield _hit(service, file, "privileged")


@rule("compose-capabilities", ERROR, SERVICES, "services/#cap_add")
def _capabilities(service: Service, file: Compose) -> Hits:
    """No service adds a capability by which it gets at the host."""
    for number, written in enumerate(items(service.tree, "cap_add")):
        name = file.value_of(written).upper().removeprefix("CAP_")
        if name in _CAPABILITIES:
            yield _hit(service, file, "cap_add", number, details=(name,))


@rule("compose-host-namespaces", ERROR, SERVICES, "services/#network_mode")
def _namespaces(service: Service, file: Compose) -> Hits:
    """No service is in a namespace of the host: network, processes, IPC, UTS, users or cgroups."""
    for key in _NAMESPACES:
        if file.value_of(service.tree.get(key)) == "host":
            yield _hit(service, file, key, details=(key,))


@rule("compose-engine-socket", ERROR, SERVICES, "services/#volumes")
def _socket(service: Service, file: Compose) -> Hits:
    """No service has the engine's socket, or a folder of the host with it: whoever has it has the host."""
    if file.value_of(service.tree.get("use_api_socket")).lower() in _YES:
        yield _hit(service, file, "use_api_socket", details=("use_api_socket",))
    for number, written in enumerate(items(service.tree, "volumes")):
        source, target = _mount(written, file)
        known = _on_host(source, file)
        inside = "$" in source and _SOCKETS.fullmatch(target)
        if inside or _SOCKETS.fullmatch(known) or _FOLDERS.fullmatch(known):
            yield _hit(service, file, "volumes", number, details=(target if inside else source,))


def _mount(written: Any, file: Compose) -> tuple[str, str]:
    """What a service mounts and where; of a volume that stands for a folder of the host, that folder."""
    if isinstance(written, Mapping):
        source, target = file.value_of(written.get("source")), file.value_of(written.get("target"))
    else:
        source, colon, rest = re.sub(r"\$\{[^}]*\}", "$", file.value_of(written)).partition(":")
        source, target = (source if colon else ""), rest.partition(":")[0]
    device = mapping(file.document.tree, "volumes", source, "driver_opts").get("device")
    return (source if device is None else file.value_of(device)), target


def _on_host(source: str, file: Compose) -> str:
    """A path of the host, absolute; a name of a volume as it is."""
    path = source.replace("\\", "/")
    if path.startswith("."):
        path = f"{file.folder.absolute()}/{path}"
    return re.sub("^/+", "/", posixpath.normpath(path)) if path.startswith("/") else path


@rule("compose-reference", ERROR, SERVICES, "services/#extends")
def _reference(service: Service, file: Compose) -> Hits:
    """A service that another one extends is there."""
    for one, base in file.not_there:
        if one is service:
            yield _hit(service, file, "extends", details=(base,))


@rule("compose-image-unpinned", ERROR, IMAGES, "services/#image")
def _unpinned(pair: tuple[Service, str], file: Compose) -> Hits:
    """Each image that is not built here has a digest, or a tag other than latest."""
    service, image = pair
    known = interpolate(image, file.values)
    if known is not None and not is_pinned(known):
        yield _hit(service, file, "image", details=(known,))


@rule("compose-image-not-known", ERROR, IMAGES, "interpolation/")
def _not_known(pair: tuple[Service, str], file: Compose) -> Hits:
    """Each image is known: its variables have defaults, or values in `.env` or the plan."""
    service, image = pair
    if interpolate(image, file.values) is None:
        yield _hit(service, file, "image", details=(image,))


@rule("compose-secret-in-environment", ERROR, SERVICES, "secrets/")
def _secret(service: Service, file: Compose) -> Hits:
    """No secret stands in environment or build arguments, also as a default; NAME_FILE names its file."""
    for path in (("environment",), ("build", "args")):
        tree = mapping(service.tree, *path[:-1]) if path[:-1] else service.tree
        for step, name, written in variables(tree, path[-1]):
            value = interpolate(written)
            if any(secrets_in_variable(name, written if value is None else value)):
                hit = _hit(service, file, *path, step, details=(name,))
                yield hit._replace(place="/".join(("services", service.name, *path, name)))


@rule("compose-secret-in-command", ERROR, SERVICES, "secrets/")
def _secret_in_command(service: Service, file: Compose) -> Hits:
    """No secret stands in a command, an entrypoint or a healthcheck: every list of processes shows it."""
    for path in (("command",), ("entrypoint",), ("healthcheck", "test")):
        tree = mapping(service.tree, *path[:-1]) if path[:-1] else service.tree
        line = " ".join(str(word) for word in items(tree, path[-1]))
        found = next(secrets_in_command(line.replace("$$", "$")), None)
        if found is not None:
            yield _hit(service, file, *path, details=(path[0], found.what))


@rule("compose-secret-file", ERROR, NAMED, "secrets/")
def _secret_file(named: tuple[str, str, str], file: Compose) -> Hits:
    """The file of each secret and config is there."""
    kind, name, path = named
    if file.lacks(path):
        yield Hit(file.line(kind, name, "file"), f"{kind}/{name}", (name, path))


@rule("compose-env-file", ERROR, SERVICES, "services/#env_file")
def _env_file(service: Service, file: Compose) -> Hits:
    """Each env_file is there, unless it is not required."""
    for number, written in enumerate(items(service.tree, "env_file")):
        path = written.get("path") if isinstance(written, Mapping) else written
        needed = mapping(written).get("required", True)
        if isinstance(path, str) and needed and file.lacks(path):
            yield _hit(service, file, "env_file", number, details=(path,))


@rule("compose-port-on-all-addresses", INFO, SERVICES, "services/#ports")
def _port(service: Service, file: Compose) -> Hits:
    """Ports are published on the addresses that are meant; without one, on all of the host."""
    for number, written in enumerate(items(service.tree, "ports")):
        if isinstance(written, Mapping):
            everywhere = written.get("host_ip") in (None, "", "0.0.0.0", "::")
        else:
            text = re.sub(r"\$\{[^}]*\}", "1", str(written))
            everywhere = text.count(":") < 2 or text.startswith(("0.0.0.0:", "[::]:"))
        if everywhere:
            shown = written.get("target") if isinstance(written, Mapping) else written
            yield _hit(service, file, "ports", number, details=(str(shown),))


@rule("compose-no-restart", INFO, SERVICES, "services/#restart")
def _restart(service: Service, file: Compose) -> Hits:
    """Each service that goes on has a restart policy."""
    said = "restart" in service.tree or mapping(service.tree, "deploy", "restart_policy")
    if service.is_whole and service.name not in file.jobs and not said:
        yield _hit(service, file)


@rule("compose-no-memory-limit", INFO, SERVICES, "deploy/#resources")
def _limits(service: Service, file: Compose) -> Hits:
    """Each service has a limit of memory."""
    limits = mapping(service.tree, "deploy", "resources", "limits")
    if service.is_whole and "mem_limit" not in service.tree and "memory" not in limits:
        yield _hit(service, file)
