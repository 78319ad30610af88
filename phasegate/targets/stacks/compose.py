"""Compose: which one is here, what it makes of a file, and the file freed of what two runs would share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import TargetError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.secret_shapes import arguments_without_secrets, is_secret, without_secrets
from phasegate.plan.asked.services import ComposeStack
from phasegate.plan.reading.compose_file import ports_in
from phasegate.world import Command, Completed, Processes

INSTALL = fact(
    Code.ONE_OF_WAYS,
    parts=("apt-get install docker-compose", "https://docs.docker.com/compose/install/"),
)
OLDER = ("docker-compose",)
_ASKED_WITHIN = 60.0
"""Seconds that Compose gets to say what it is, or what it makes of a file."""
_HIDDEN = "[not kept]"
_SETTINGS = frozenset({"environment", "args", "labels", "options", "driver_opts", "annotations"})
"""Mappings of a service, a volume or a network whose keys are names that people choose."""
_FAILED_SERVICE = re.compile(
    r"Service '([^']+)' failed to build|target ([^\s:]+): failed to solve|^ > \[(\S+) ", re.M
)
_OF_BUILDER = re.compile(
    r"\s*(time=.*level=warning|WARNING:|WARN\[|DEPRECATED: |Install the buildx|https://docs\.docker\.com/go/"
    r"|(Building|Sending build context|Step|Successfully|Removing intermediate container) |--->|-{4,}$"
    r"|#\d+ |> \[|Service '.*' failed to build)"
)
"""What a builder says that is not why it failed."""
_BEFORE = 3
"""Lines before the last that are shown: what a command of the build printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose:
    """A Compose that is here."""

    argv: tuple[str, ...]
    """`docker compose`, or `docker-compose`."""

    def command(
        self, stack: ComposeStack, project: str, *arguments: str, file: Path | None = None
    ) -> tuple[str, ...]:
        """A command line on a file of the stack; `file` is read in place of the one the plan names."""
        options = ["--ansi", "never", "--file", str(file or stack.file)]
        options += ["--project-directory", str(stack.file.parent), "--project-name", project]
        if stack.env_file is not None:
            options += ["--env-file", str(stack.env_file)]
        for profile in stack.profiles:
            options += ["--profile", profile]
        return (*self.argv, *options, *arguments)

    def down(self, project: str, file: str) -> str:
        """What a person types to take a project down."""
        return f"{' '.join(self.argv)} -f {file} -p {project} down --volumes --remove-orphans"


async def find_compose(processes: Processes) -> Compose:
    """Compose v2 where it is, else the older one, which says for itself when it is not here either: it takes
    a second to start."""
    argv = ("docker", "compose")
    done = await processes.run(Command(argv=(*argv, "version"), cwd=Path("/"), limit=_ASKED_WITHIN))
    return Compose(argv=argv if done.exit_code == 0 else OLDER)


async def resolve_file(
    compose: Compose, stack: ComposeStack, project: str, processes: Processes, env: Mapping[str, str]
) -> dict[str, Any]:
    """The file with everything that it includes and refers to put in, paths absolute.

    Errors: TargetError with what Compose says of it.
    """
    # Compose v2 leaves services out whose profile is not on, but for those that are asked for.
    asked = () if compose.argv == OLDER else stack.services
    argv = compose.command(stack, project, "config", *asked)
    done = await processes.run(
        Command(argv=argv, cwd=stack.file.parent, env=env, limit=_ASKED_WITHIN, keep=16 << 20)
    )
    if done.error and compose.argv == OLDER:
        raise TargetError(fact(Code.NO_COMPOSE, why=done.error), help=INSTALL)
    file = str(stack.file)
    if done.exit_code != 0:
        raise of_compose(fact(Code.COMPOSE_FILE_UNUSABLE, path=file, why=trouble_of(done)))
    if done.stdout_left_out:
        raise of_compose(fact(Code.COMPOSE_FILE_TOO_LARGE, path=file))
    try:
        found = yaml.safe_load(done.stdout)
    except yaml.YAMLError as error:
        command, why = " ".join(compose.argv), " ".join(str(error).split())
        raise of_compose(fact(Code.NO_YAML_PRINTED, command=command, path=file, why=why)) from None
    if not isinstance(found, dict) or not isinstance(found.get("services"), dict) or not found["services"]:
        raise of_compose(fact(Code.COMPOSE_FILE_EMPTY, path=file))
    unknown = tuple(name for name in stack.services if name not in found["services"])
    if unknown:
        help = fact(Code.ITS_SERVICES_ARE, names=tuple(map(str, found["services"])))
        raise of_compose(fact(Code.NO_SERVICE_IN_FILE, path=file, names=unknown), help=help)
    return found


def of_compose(why: Message, help: Message | None = None) -> TargetError:
    """What is wrong with `target.compose`."""
    return TargetError(fact(Code.OF_PART, part="target.compose", why=why), help=help)


def trouble_of(done: Completed) -> Message:
    """What Compose said of its trouble, on one line of bounded length."""
    if done.error:
        return done.error
    if done.timed_out:
        return fact(Code.TOOK_TOO_LONG)
    printed = done.stderr.decode(errors="replace").splitlines()
    if any(line.startswith("Traceback (most recent call last)") for line in printed):
        # A defect of docker-compose 1.29: the last line at the margin says of what; the others show its code,
        # or say that it did not run.
        printed = [line for line in printed if re.match(r"[^\s\[]", line)][-1:]
    lines = [
        re.sub(r"^(ERROR|Error):?\s+", "", line.strip())
        for line in printed
        # What is a warning, or tells how it goes on, is not a reason.
        if line.strip()
        and not re.match(r"\s*(time=.*level=warning|WARNING:|WARN\[|Creating |Starting )", line)
    ]
    text = "; ".join(dict.fromkeys(filter(None, lines[-8:]))).replace(":; ", ": ")
    return text[:600] or fact(Code.PROGRAM_ENDED, exit_code=done.exit_code)


def failed_build(done: Completed, services: Sequence[str]) -> Fact:
    """Which image could not be built, and why: the builder's last word first, then what came before it."""
    if done.error or done.timed_out:
        return fact(Code.IMAGES_NOT_BUILT, names=tuple(services), why=trouble_of(done))
    printed = done.stderr.decode(errors="replace")
    named = [
        name
        for found in _FAILED_SERVICE.finditer(printed)
        if (name := found[found.lastindex or 0]) in services
    ]
    lines = [line.strip() for line in printed.splitlines() if line.strip() and not _OF_BUILDER.match(line)]
    why: Message = fact(Code.PROGRAM_ENDED, exit_code=done.exit_code)
    if lines:
        *before, last = lines
        why = "; ".join(dict.fromkeys((re.sub(r"^(ERROR|Error):?\s+", "", last), *before[-_BEFORE:])))[:600]
    if named:
        return fact(Code.IMAGE_NOT_BUILT, service=named[0], why=why)
    return fact(Code.IMAGES_NOT_BUILT, names=tuple(services), why=why)


def with_profiles_named(config: Mapping[str, Any], stack: ComposeStack) -> ComposeStack:
    """The stack with the profiles of its file in place of `*`, which docker-compose 1.29 does not know."""
    if "*" not in stack.profiles:
        return stack
    named = (name for service in config["services"].values() for name in service.get("profiles") or ())
    return replace(stack, profiles=tuple(dict.fromkeys(named)))


def tcp_ports(written: Any) -> list[int]:
    """The tcp ports in the `ports` or `expose` of a service, as numbered in its container."""
    return [number for number, protocol in ports_in(written)[0] if protocol == "tcp"]


def ports_to_await(
    config: Mapping[str, Any], stack: ComposeStack, names: Iterable[str]
) -> dict[str, tuple[int, ...]]:
    """The tcp ports of each service that must accept connections before it is ready."""
    found: dict[str, tuple[int, ...]] = {}
    for name in names:
        ports = tcp_ports(config["services"][name].get("ports"))
        ports += [entry.port for entry in stack.entries if entry.id == name and entry.port is not None]
        found[name] = tuple(dict.fromkeys(ports))
    return found


def with_containers(config: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Those of some services that are to have a container at all."""
    return [name for name in names if _replicas(config["services"][name]) > 0]


def free_config(
    config: Mapping[str, Any],
    *,
    project: str,
    ports: Mapping[str, Iterable[int]],
    take: Callable[[int], int],
) -> dict[str, Any]:
    """The configuration without anything that another run of the same file would have too.

    Names of containers, networks and volumes go, so that Compose makes them up from the project's; what is
    external keeps its name. Ports are published on loopback, each at one that `take` gives, or at as many in
    a row as there are containers, of which it gives the first: one that the engine chooses among all would
    change when a container is started again. `ports` are published too, by service.
    """
    found = {key: value for key, value in config.items() if key != "name"}
    for group in ("networks", "volumes"):
        found[group] = {name: _drop_name(item) for name, item in (config.get(group) or {}).items()}
    services = config["services"]
    to_publish: dict[str, dict[tuple[int, str], None]] = {name: {} for name in services}
    for name, service in services.items():
        more = ((number, "tcp") for number in ports.get(name, ()))
        to_publish[network_home(services, name)] |= dict.fromkeys((*ports_in(service.get("ports"))[0], *more))
    found["services"] = {
        name: _free_service(service, f"{project}-{name}".lower(), to_publish[name], take)
        for name, service in services.items()
    }
    return {key: value for key, value in found.items() if value}


def network_home(services: Mapping[str, Any], name: str) -> str:
    """The service in whose network one is: mostly its own, but what `network_mode: service:NAME` borrows is
    published where it is."""
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        kind, _, owner = str(services[name].get("network_mode") or "").partition(":")
        if kind == "service" and owner in services:
            name = owner
    return name


def _drop_name(item: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not item or item.get("external"):
        return None if item is None else dict(item)
    return {key: value for key, value in item.items() if key != "name"}


def _free_service(
    service: Mapping[str, Any], image: str, ports: Iterable[tuple[int, str]], take: Callable[[int], int]
) -> dict[str, Any]:
    found = {key: value for key, value in service.items() if key not in ("container_name", "ports")}
    if "build" in found and "image" not in found:
        found["image"] = image
    # In the network of the host or of another container there is nothing to publish.
    if not service.get("network_mode") or service["network_mode"] in ("bridge", "default"):
        wanted = max(_replicas(service), 1)
        found["ports"] = [
            f"127.0.0.1:{_row(take(wanted), wanted)}:{number}/{protocol}" for number, protocol in ports
        ]
    return {key: value for key, value in found.items() if key != "ports" or value}


def _row(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first}-{first + count - 1}"


def _replicas(service: Mapping[str, Any]) -> int:
    said = service.get("scale", (service.get("deploy") or {}).get("replicas", 1))
    return int(said) if str(said).isdigit() else 1


def redact_config(config: Mapping[str, Any]) -> str:
    """The configuration for the record, without what looks like a secret."""
    return yaml.safe_dump(_without_secrets(config), sort_keys=False, allow_unicode=True)


def _without_secrets(tree: Any, within: str = "", name: str = "") -> Any:
    """`within`: the mapping that it is in; `name`: of the setting that it is."""
    match tree:
        case Mapping():
            return {
                _without_secrets(key): _without_secrets(
                    item, str(key), str(key) if within in _SETTINGS else ""
                )
                for key, item in tree.items()
            }
        case list():
            if all(isinstance(item, str) for item in tree):
                return arguments_without_secrets(tree, put=_HIDDEN)
            return [_without_secrets(item, within) for item in tree]
        case str():
            return without_secrets(tree, put=_HIDDEN, name=name)
        case int() | float() if name and not isinstance(tree, bool) and is_secret(name, str(tree)):
            return _HIDDEN
        case _:
            return tree


def dump_config(config: Mapping[str, Any]) -> str:
    """The configuration as Compose reads it."""
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
