"""What the services of a stack used, look by look, from what their containers had used up to then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from phasegate.base.facts import Code, Fact, fact
from phasegate.base.units import Dimension
from phasegate.model.containers import Container, ContainerUsage
from phasegate.model.measures import Chart, Measure, MeasureSpec, MeasureType, Number
from phasegate.model.observation import Series
from phasegate.model.resources import Account

FEWEST = 2
"""Looks below which nothing is said of how a value went."""
MOST_POINTS = 240
"""Of one line of the timeline; beyond, each point is the highest of twice as many looks as before."""


def _gauge(
    name: str,
    dimension: Dimension,
    about: str,
    *,
    drawn: bool = True,
    note: bool = False,
    greatest: bool = False,
) -> tuple[str, MeasureSpec]:
    """`greatest`: of several containers the greatest counts, not all together."""
    chart = Chart(
        title=fact(Code.CHART, what=f"services_{name}") if drawn else "",
        by_part=True,
        of_each=greatest,
        note=fact(Code.CHART_NOTE, what=name) if note else "",
        column=fact(Code.COLUMN, what=name),
        # Drawn below shares and sizes.
        place=int(dimension in (Dimension.DATA_RATE, Dimension.COUNT)),
    )
    spec = MeasureSpec(type=MeasureType.GAUGE, dimension=dimension, about=about, lowest=0, chart=chart)
    return name, spec


GAUGES: Mapping[str, MeasureSpec] = dict(
    (
        _gauge("cpu", Dimension.SHARE, "processor time per time: 100% is one core", note=True),
        _gauge(
            "memory",
            Dimension.SIZE,
            "working set: without the file cache that nobody touched lately",
            note=True,
        ),
        _gauge(
            "memory_share",
            Dimension.SHARE,
            "working set by the container's memory limit, the greatest of all; none without limit",
            drawn=False,
            greatest=True,
        ),
        _gauge("network_in", Dimension.DATA_RATE, "what came in over all interfaces but loopback"),
        _gauge("network_out", Dimension.DATA_RATE, "what went out"),
        _gauge(
            "block_read", Dimension.DATA_RATE, "what was read from devices; what came from a cache is not"
        ),
        _gauge("block_written", Dimension.DATA_RATE, "what was written to devices, once it really is"),
        _gauge("pids", Dimension.COUNT, "processes and threads", drawn=False),
        _gauge(
            "throttled",
            Dimension.SHARE,
            "time held back by a CPU limit per time, the greatest of all; each core that is held back counts",
            greatest=True,
        ),
    )
)
SAMPLES = MeasureSpec(
    type=MeasureType.NUMBER, dimension=Dimension.COUNT, about="looks at which something ran", lowest=0
)
_GREATEST = frozenset(name for name, spec in GAUGES.items() if spec.chart is not None and spec.chart.of_each)
"""Of several containers the greatest counts; of the others, all together."""
_NETWORK = frozenset({"network_in", "network_out"})
_COUNTERS = ("cpu", "throttled", "network_in", "network_out", "block_read", "block_written")
"""They only grow while a container runs, so their growth by time is what is measured."""

_SHARED = "container:"
"""How the network mode of a container begins that uses another's network."""
_NAMED = 3

Values = Mapping[str, float | None]


@dataclass(slots=True)
class StackAccount:
    """Of every service, and of all together. Pure, as `Account`; times are seconds from the start."""

    every: float
    asked: Sequence[str] = ()
    """Services that have to be there; none where it is all that run."""
    services: dict[str, Account] = field(default_factory=dict)
    whole: Account | None = None
    latest: Values = field(default_factory=dict)
    """Of all services together at the last look."""
    _before: dict[tuple[str, datetime | None], tuple[float, ContainerUsage]] = field(default_factory=dict)
    _unlimited: set[str] = field(default_factory=set)
    _elsewhere: dict[str, str] = field(default_factory=dict)
    """The network mode of services that have no network of their own."""

    def add(self, at: float, used: Iterable[tuple[Container, ContainerUsage]]) -> None:
        """One more look at what runs. Rates show from the second look at a container on."""
        before, self._before = self._before, {}
        by_service: dict[str, list[Values]] = {}
        everything: list[tuple[Container, Values]] = []
        for container, usage in used:
            self._learn(container)
            # One that was started again counts anew.
            key = (container.id, container.started)
            self._before[key] = (at, usage)
            values = _values(container, at, usage, before.get(key))
            by_service.setdefault(container.service, []).append(values)
            everything.append((container, values))
        for service, watched in self.services.items():
            if service not in by_service:
                watched.pause(at)
        for service, several in by_service.items():
            watched = self.services.setdefault(service, self._account(at))
            watched.add(at, several[0] if len(several) == 1 else _all_together(several))
        self._add_whole(at, everything)

    def _account(self, since: float) -> Account:
        return Account(GAUGES, self.every, since, MOST_POINTS)

    def _learn(self, container: Container) -> None:
        if container.limits.memory is None:
            self._unlimited.add(container.service)
        if container.network_mode == "host" or container.network_mode.startswith(_SHARED):
            self._elsewhere[container.service] = container.network_mode

    def _add_whole(self, at: float, everything: Sequence[tuple[Container, Values]]) -> None:
        if not everything:
            if self.whole is not None:
                self.whole.pause(at)
            return
        if self.whole is None:
            self.whole = self._account(at)
        self.latest = {
            # What goes over the network of another container is counted there.
            name: _together(
                name,
                [
                    values[name]
                    for container, values in everything
                    if not (name in _NETWORK and container.network_mode.startswith(_SHARED))
                ],
            )
            for name in GAUGES
        }
        self.whole.add(at, self.latest)

    @property
    def looks(self) -> int:
        """Those at which something ran."""
        return 0 if self.whole is None else self.whole.looks

    @property
    def missing(self) -> tuple[str, ...]:
        """Services that were asked for and never ran."""
        return tuple(one for one in self.asked if one not in self.services)

    def measures(self) -> dict[str, Measure]:
        """Of all services together; nothing where one that was asked for never ran."""
        return {} if self.whole is None or self.missing else _measures(self.whole)

    def parts(self) -> dict[str, dict[str, Measure]]:
        return {service: _measures(watched) for service, watched in sorted(self.services.items())}

    def absent(self) -> dict[tuple[str, str], Fact]:
        """Why measures are not there, by part and name."""
        found = {
            (service, name): self._why_absent(service, watched, name)
            for service, watched in self.services.items()
            for name in _missing_measures(_measures(watched))
        }
        for service in self.missing:
            why = fact(Code.NEVER_RAN, names=(service,))
            found |= {(service, name): why for name in _missing_measures({})}
        return found | {("", name): self._why_not_whole(name) for name in _missing_measures(self.measures())}

    def timeline(self) -> tuple[Series, ...]:
        """A line for each service and measure, `service.measure`; those that are 0 all the time left out."""
        lines = (
            (f"{service}.{name}", account, name, [(at, _round(value)) for at, value in line.points])
            for service, account in sorted(self.services.items())
            for name, line in account.lines.items()
        )
        return tuple(
            account.series(name, points, label=label)
            for label, account, name, points in lines
            if any(value for _, value in points)
        )

    def _why_absent(self, service: str, watched: Account, name: str) -> Fact:
        if name == "memory_share" and service in self._unlimited:
            return fact(Code.NO_MEMORY_LIMIT, service=service)
        if name in _NETWORK and service in self._elsewhere:
            return fact(Code.NO_OWN_NETWORK, service=service, mode=self._elsewhere[service])
        if watched.looks < FEWEST:
            return fact(Code.ONE_LOOK, service=service, needed=FEWEST)
        return fact(Code.NOT_READ, measure=name, service=service)

    def _why_not_whole(self, name: str) -> Fact:
        if self.missing or self.whole is None:
            return fact(Code.NEVER_RAN, names=self.missing)
        why = [
            self._why_absent(service, watched, name)
            for service, watched in sorted(self.services.items())
            if name in _missing_measures(_measures(watched))
        ]
        if not why:
            return fact(Code.NOT_KNOWN_OF_ALL, measure=name)
        return why[0] if len(why) == 1 else fact(Code.SEVERAL, parts=tuple(why[:_NAMED]), n=len(why))


def _measures(account: Account) -> dict[str, Measure]:
    found: dict[str, Measure] = {**account.measures()}
    if account.looks >= FEWEST:
        found["samples"] = Number(value=account.looks)
    return found


def _missing_measures(measures: Mapping[str, Measure]) -> Iterator[str]:
    return (name for name in (*GAUGES, "samples") if name not in measures)


def _values(
    container: Container, at: float, usage: ContainerUsage, before: tuple[float, ContainerUsage] | None
) -> Values:
    limit = container.limits.memory
    return {
        "memory": usage.memory,
        "memory_share": usage.memory / limit if usage.memory is not None and limit else None,
        "pids": usage.pids,
        **{
            name: None
            if before is None
            else _growth(getattr(before[1], name), getattr(usage, name), at - before[0])
            for name in _COUNTERS
        },
    }


def _growth(before: float | None, after: float | None, seconds: float) -> float | None:
    """Per second; None where a counter went back, as what it counted before is not known."""
    if before is None or after is None or after < before or seconds <= 0:
        return None
    return (after - before) / seconds


def _all_together(several: Sequence[Values]) -> Values:
    return {name: _together(name, [one[name] for one in several]) for name in GAUGES}


def _together(name: str, values: Sequence[float | None]) -> float | None:
    """Of several containers; what is not known of one is not known of all."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return max(known) if name in _GREATEST else sum(known)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4) if value < 100 else float(round(value))
