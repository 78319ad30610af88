"""What should be said of a compose stack although nothing in it is wrong."""

from __future__ import annotations

import re

from phasegate.base.facts import Code, Fact, fact
from phasegate.base.tree import TreePath
from phasegate.plan.asked.services import ComposeStack
from phasegate.plan.reading.compose_file import ALL_PROFILES, ComposeFile
from phasegate.plan.reading.context import Context
from phasegate.plan.text.findings import did_you_mean

_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")

_WORD = re.compile(r"\w+")


def warn_of(context: Context, at: TreePath, stack: ComposeStack, file: ComposeFile, default: object) -> None:
    """Warn of what has no effect, and of a default entry of which it is open what is asked."""
    _warn_of_port(context, at, stack, file, default)
    from phasegate.plan.targets.weak_spots import weak_spots  # with a reader of shells, for a stack only

    up = file.up(stack.services, stack.profiles)
    context.findings.extend(weak_spots(file, stack.file.parent, up))
    elsewhere = file.includes or any("extends" in one.tree for one in file.services.values())
    if elsewhere:
        return
    known = dict.fromkeys(name for one in file.services.values() for name in one.profiles)
    for index, profile in enumerate(stack.profiles):
        if profile not in known and profile != ALL_PROFILES:
            message = fact(Code.NO_SUCH_PROFILE, name=profile)
            help = did_you_mean(profile, known, "profiles")
            _warn(context, (*at, "profiles", index), message, help)
    used = dict.fromkeys(_VARIABLE.findall(file.document.text))
    words = frozenset(_WORD.findall(file.document.text)) if stack.env else frozenset()
    for name in stack.env:
        # A service may take a variable over by its name alone, and names that begin so are Compose's own.
        if name not in words and not name.startswith(("COMPOSE_", "DOCKER_")):
            message = fact(Code.VARIABLE_UNUSED, name=name)
            help = did_you_mean(name, used, "variables")
            _warn(context, (*at, "env", name), message, help, key=True)


def _warn_of_port(
    context: Context, at: TreePath, stack: ComposeStack, file: ComposeFile, default: object
) -> None:
    entries = {entry.id: entry for entry in stack.entries}
    if default is None and len(entries) == 1:
        default = next(iter(entries))
    entry = entries.get(default) if isinstance(default, str) else None
    service = None if entry is None else file.services.get(entry.id)
    if entry is None or service is None or entry.port is not None or not service.whole:
        return
    ports, say = service.published or service.exposed, f"services: {{{entry.id}: {{port: ...}}}}"
    if len(ports) == 1:
        return
    if ports:
        message = fact(Code.SEVERAL_PORTS, entry=entry.id, ports=tuple(str(port) for port in ports))
    else:
        message = fact(Code.NO_PORT, entry=entry.id)
    _warn(context, (*at, "file"), message, f"say which one its url speaks of: {say}")


def _warn(context: Context, path: TreePath, message: Fact, help: str | None, *, key: bool = False) -> None:
    context.findings.add(context.document, path, message, help=help, key=key, warning=True)
