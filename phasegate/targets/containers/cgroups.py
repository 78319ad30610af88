"""What containers use: from their control groups, v1 and v2, or from the engine where it is elsewhere."""

from __future__ import annotations

import asyncio
import functools
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from phasegate.base.dataclass import dataclass
from phasegate.model.containers import Container, ContainerUsage
from phasegate.targets.containers.engine.client import Engine, NotThereError
from phasegate.targets.containers.engine.stats import usage_in_stats

PROC = Path("/proc")
UNIFIED = ""
"""Stands for all controllers of version 2."""
_CONTROLLERS = frozenset({"cpuacct", "cpu", "memory", "blkio", "pids"})
_READ = 1 << 16
"""Bytes of one file; these have a few thousand."""
_WHOLE = 2048
"""The kernel hands such files out by the page: what is shorter than half of one is all there is."""
_ESCAPED = re.compile(r"\\([0-7]{3})")
_NANO, _MICRO = 1e9, 1e6

Read = Callable[[str, str], str | None]
"""The text of a file of a controller; None where there is no such controller, or file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Where the control groups of some controllers are seen."""

    controllers: frozenset[str]
    root: str
    """The group that is seen at the top."""
    at: Path


async def usage_of(
    engine: Engine, containers: Sequence[Container], *, proc: Path = PROC
) -> Mapping[str, ContainerUsage]:
    """See `phasegate.world.Containers`.

    Files are read in a thread, as 50 containers take some milliseconds in which requests would wait. Where
    they cannot be read (an engine on another machine, or in a virtual one) the engine is asked.
    """
    used = await asyncio.to_thread(_from_files, containers, proc)
    elsewhere = [container for container in containers if container.id not in used]
    for container, told in zip(
        elsewhere, await asyncio.gather(*(_from_engine(engine, one) for one in elsewhere)), strict=True
    ):
        if told is not None:
            used[container.id] = told
    return used


def _from_files(containers: Iterable[Container], proc: Path) -> dict[str, ContainerUsage]:
    mounts = mounts_seen(proc)
    return {
        container.id: used
        for container in containers
        if (used := usage_on_this_machine(container, mounts, proc)) is not None
    }


async def memory_kills_of(
    engine: Engine, containers: Sequence[Container], *, proc: Path = PROC
) -> Mapping[str, int]:
    """See `phasegate.world.Containers`. Where its control group cannot be read here, the container is asked
    for it by its own `cat`."""
    found = await asyncio.to_thread(_kills_here, containers, proc)
    elsewhere = [container for container in containers if container.id not in found]
    told = await asyncio.gather(*(engine.call(_kills_inside, engine, one.id) for one in elsewhere))
    more = {one.id: kills for one, kills in zip(elsewhere, told, strict=True) if kills is not None}
    return {**found, **more}


def _kills_here(containers: Iterable[Container], proc: Path) -> dict[str, int]:
    mounts = mounts_seen(proc)
    return {
        one.id: kills
        for one in containers
        if (read := _reader(one, mounts, proc)) is not None and (kills := kills_in(read)) is not None
    }


def kills_in(read: Read) -> int | None:
    """Processes of a control group, and of those below it, that the kernel killed for lack of memory.

    Source: as `usage_in`; version 1 tells since Linux 4.13.
    """
    kills = _field(read("memory", "memory.oom_control"), "oom_kill")
    return _field(read(UNIFIED, "memory.events"), "oom_kill") if kills is None else kills


def _kills_inside(engine: Engine, id: str) -> int | None:
    from docker.errors import APIError

    files = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
    for file in files:
        try:
            made = engine.api.exec_create(id, ["cat", file], stderr=False)
            printed: bytes = engine.api.exec_start(made["Id"])
        except APIError:
            return None  # it has ended, or has no such program
        kills = _field(printed.decode(errors="replace"), "oom_kill")
        if kills is not None:
            return kills
    return None


async def _from_engine(engine: Engine, container: Container) -> ContainerUsage | None:
    try:
        told = await engine.call(_ask, engine, container.id)
    except NotThereError:
        return None
    return usage_in_stats(told, network=_has_own_network(container))


def _ask(engine: Engine, id: str) -> Mapping[str, object]:
    from docker.utils import version_gte

    # Without one-shot (before 20.10) the engine looks twice, and takes a second or two over it.
    more = {"one_shot": True} if version_gte(engine.api.api_version, "1.41") else {}
    told: Mapping[str, object] = engine.api.stats(id, stream=False, **more)
    return told


def usage_on_this_machine(
    container: Container, mounts: Iterable[Mount], proc: Path = PROC
) -> ContainerUsage | None:
    """None where its control groups cannot be read here, or its process is not there (any more)."""
    read = _reader(container, mounts, proc)
    if read is None:
        return None
    net_dev = _text(f"{proc}/{container.pid}/net/dev") if _has_own_network(container) else None
    used = usage_in(read, net_dev=net_dev)
    return None if used.cpu is None and used.memory is None else used


def _reader(container: Container, mounts: Iterable[Mount], proc: Path) -> Read | None:
    """Reads its control groups; None where they cannot be read here, or its process is not there."""
    groups = _text(f"{proc}/{container.pid}/cgroup") if container.pid else None
    # The number may be that of a process on another machine, or have been given to another process here.
    if groups is None or container.id not in groups:
        return None
    folders = folders_of(_whole_groups(groups, container.id), mounts)
    return lambda controller, name: _text(f"{folders[controller]}/{name}") if controller in folders else None


def _whole_groups(groups: str, id: str) -> str:
    """A `/proc/<pid>/cgroup` with the groups of the container: its process may have moved into one below, as
    that of systemd and of an engine in a container does, where only a part of it is seen."""
    lines = []
    for line in groups.splitlines():
        before, found, below = line.partition(id)
        lines += [before + found + below.partition("/")[0]] if found else []
    return "\n".join(lines)


def _has_own_network(container: Container) -> bool:
    """Whether the interfaces that it sees are its own, not those of the machine or another container."""
    return container.network_mode != "host" and not container.network_mode.startswith("container:")


@functools.cache
def mounts_seen(proc: Path = PROC) -> tuple[Mount, ...]:
    """Read once: control groups stay where they are mounted when a machine comes up."""
    return tuple(mounts_in(_text(f"{proc}/self/mountinfo", most=1 << 22) or ""))


def mounts_in(mountinfo: str) -> Iterable[Mount]:
    """Source: `man 5 proc_pid_mountinfo`; after a dash stand file system, source and its options."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, about = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(about) < 3 or about[0] not in ("cgroup", "cgroup2"):
            continue
        controllers = {UNIFIED} if about[0] == "cgroup2" else _CONTROLLERS & set(about[2].split(","))
        if controllers:
            yield Mount(
                controllers=frozenset(controllers), root=_plain(fields[3]), at=Path(_plain(fields[4]))
            )


def folders_of(groups: str, mounts: Iterable[Mount]) -> Mapping[str, str]:
    """The folders of the groups in a `/proc/<pid>/cgroup`, by controller; groups not seen are left out."""
    paths: dict[str, str] = {}
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return {
        controller: folder
        for mount in mounts
        for controller in mount.controllers
        if controller in paths and (folder := _below(mount, paths[controller])) is not None
    }


def _below(mount: Mount, path: str) -> str | None:
    """A group's folder; None for one outside of what the mount, or our own namespace of groups, shows."""
    if "/../" in f"{path}/":
        return None
    root = mount.root.rstrip("/")
    if path != root and not path.startswith(f"{root}/"):
        return None
    return f"{mount.at}{path[len(root) :]}"


def usage_in(read: Read, *, net_dev: str | None) -> ContainerUsage:
    """What a container's control groups say, of whichever version has the controller.

    Source: `Documentation/admin-guide/cgroup-v1` and `cgroup-v2.rst` of Linux. The working set is what is
    used without the file cache that nobody touched lately, as `docker stats` and Kubernetes count it.
    """
    cpu, throttled = _processor(read)
    block_read, block_written = _blocks(read)
    network_in, network_out = (None, None) if net_dev is None else traffic_in(net_dev)
    pids = _number(read("pids", "pids.current") or read(UNIFIED, "pids.current"))
    return ContainerUsage(
        cpu=cpu,
        throttled=throttled,
        memory=_working_set(read),
        network_in=network_in,
        network_out=network_out,
        block_read=block_read,
        block_written=block_written,
        pids=pids,
    )


def _processor(read: Read) -> tuple[float | None, float | None]:
    used, held = _number(read("cpuacct", "cpuacct.usage")), _field(read("cpu", "cpu.stat"), "throttled_time")
    if used is not None:
        return used / _NANO, None if held is None else held / _NANO
    stat = read(UNIFIED, "cpu.stat")
    used, held = _field(stat, "usage_usec"), _field(stat, "throttled_usec")
    return None if used is None else used / _MICRO, None if held is None else held / _MICRO


def _working_set(read: Read) -> int | None:
    used, name = _number(read("memory", "memory.usage_in_bytes")), "total_inactive_file"
    stat = None if used is None else read("memory", "memory.stat")
    if used is None:
        used, name = _number(read(UNIFIED, "memory.current")), "inactive_file"
        stat = None if used is None else read(UNIFIED, "memory.stat")
    cache = _field(stat, name)
    return None if used is None or cache is None else max(0, used - cache)


def _blocks(read: Read) -> tuple[int | None, int | None]:
    """Bytes read and written, over all devices."""
    text = read("blkio", "blkio.throttle.io_service_bytes_recursive")
    if text is None:
        text = read("blkio", "blkio.throttle.io_service_bytes")
    if text is not None:  # lines like `8:0 Read 4096`, the total at the end
        parts = [line.split() for line in text.splitlines()]
        by_word = [
            [int(part[2]) for part in parts if len(part) == 3 and part[1] == word]
            for word in ("Read", "Write")
        ]
        return sum(by_word[0]), sum(by_word[1])
    text = read(UNIFIED, "io.stat")
    if text is None:
        return None, None
    pairs = [word.split("=", 1) for word in text.split() if "=" in word]  # `8:0 rbytes=4096 wbytes=0 rios=1`
    by_name = [[int(value) for name, value in pairs if name == wanted] for wanted in ("rbytes", "wbytes")]
    return sum(by_name[0]), sum(by_name[1])


def traffic_in(net_dev: str) -> tuple[int, int]:
    """Bytes that came and went, from a `/proc/<pid>/net/dev`; loopback is left out."""
    came = went = 0
    for line in net_dev.splitlines():
        name, colon, counters = line.partition(":")
        if not colon or name.strip() == "lo":
            continue
        fields = counters.split()
        came, went = came + int(fields[0]), went + int(fields[8])
    return came, went


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else None


def _field(text: str | None, name: str) -> int | None:
    """The value of a line `name value`."""
    if text is None:
        return None
    _, found, after = f"\n{text}".partition(f"\n{name} ")
    return _number(after.split("\n", 1)[0]) if found else None


def _text(path: str, *, most: int = _READ) -> str | None:
    """None for a file that is not there, cannot be read, or belongs to something that has ended."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        pieces = []
        while most > 0 and (piece := os.read(descriptor, most)):
            pieces.append(piece)
            most -= len(piece)
            if len(piece) < _WHOLE:
                break
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(pieces).decode("utf-8", "replace")


def _plain(field: str) -> str:
    """A path of a mount table: blanks and backslashes are written in octal."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), field)
