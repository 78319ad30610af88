"""What a family of processes uses at one moment: read from /proc on Linux, through psutil elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Mapping

from phasegate.base.dataclass import dataclass
from phasegate.targets.processes.members import Member, processes, read_small

_STAT = {"user": 11, "system": 12, "children_user": 13, "children_system": 14, "threads": 17, "start": 19}
_MEMORY = 21
"""Places in /proc/<pid>/stat, counted from 0 after the command (proc(5) counts from 3)."""


@dataclass(frozen=True, slots=True)
class Consumed:
    """Processor seconds of one process, and of those of its children that it has waited for."""

    own: float
    children: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A family at one moment. `members` goes by (process id, start), so that an id given anew is another."""

    members: Mapping[tuple[int, float], Consumed]
    memory: int = 0
    """Bytes resident; what processes share counts for each of them."""
    threads: int = 0
    open_files: int | None = None
    """None where the system does not let us count them."""

    def cpu_since(self, before: Usage) -> float:
        """Processor seconds between two moments, those of children that came and went included.

        The time of a child that ends moves to the parent that waits for it. What had been seen of those that
        are gone is therefore taken off what the parents gained; nobody else waits for a family's members but
        init, and then their last stretch is lost.
        """
        own = gained = 0.0
        for member, consumed in self.members.items():
            known = before.members.get(member, Consumed(0.0, 0.0))
            own += max(0.0, consumed.own - known.own)
            gained += max(0.0, consumed.children - known.children)
        gone = sum(
            consumed.own + consumed.children
            for member, consumed in before.members.items()
            if member not in self.members
        )
        return own + max(0.0, gained - gone)


def families(leaders: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """By leader, the living processes of its group and session, and all that descend from them."""
    everything = list(processes())
    children: dict[int, list[Member]] = {}
    for member in everything:
        children.setdefault(member.parent, []).append(member)
    return {leader: _family(leader, everything, children) for leader in leaders}


def _family(leader: int, everything: list[Member], children: Mapping[int, list[Member]]) -> tuple[int, ...]:
    found = {member.pid for member in everything if leader in (member.group, member.session)}
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child.pid not in found:
                found.add(child.pid)
                waiting.append(child.pid)
    return tuple(sorted(found))


def usage_of(pids: Iterable[int]) -> Usage:
    """The usage of processes together; those that have ended meanwhile are left out."""
    return _linux_usage(pids) if sys.platform == "linux" else _other_usage(pids)


def _linux_usage(pids: Iterable[int]) -> Usage:
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    members: dict[tuple[int, float], Consumed] = {}
    memory = threads = files = 0
    counted = False
    for pid in pids:
        try:
            text = read_small(f"/proc/{pid}/stat")
        except OSError:
            continue
        # The command stands in parentheses and may itself hold spaces and parentheses.
        state, *fields = text[text.rindex(b")") + 2 :].split()
        if state in (b"Z", b"X"):
            continue
        number = {name: int(fields[place - 1]) for name, place in _STAT.items()}
        members[(pid, number["start"])] = Consumed(
            (number["user"] + number["system"]) / ticks,
            (number["children_user"] + number["children_system"]) / ticks,
        )
        memory += int(fields[_MEMORY - 1]) * page
        threads += number["threads"]
        with contextlib.suppress(OSError):
            files += sum(1 for _ in os.scandir(f"/proc/{pid}/fd"))
            counted = True
    return Usage(members=members, memory=memory, threads=threads, open_files=files if counted else None)


def _other_usage(pids: Iterable[int]) -> Usage:
    import psutil

    members: dict[tuple[int, float], Consumed] = {}
    memory = threads = files = 0
    counted = False
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                resident, running, start = (
                    process.memory_info().rss,
                    process.num_threads(),
                    process.create_time(),
                )
            members[(pid, start)] = Consumed(
                times.user + times.system,
                getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0),
            )
            memory += resident
            threads += running
            files += process.num_fds()
            counted = True
    return Usage(members=members, memory=memory, threads=threads, open_files=files if counted else None)
