"""What is asserted of the containers of a stack, service by service; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from phasegate.base.units import Dimension, enumerate_words
from phasegate.kinds.containers.params import ContainersParams, LogRule
from phasegate.kinds.healthchecks.healthcheck import why_it_proves_nothing
from phasegate.model.containers import Container, ContainerState, Health
from phasegate.model.measures import Measure, Number
from phasegate.model.observation import Case, CaseStatus

BAD = frozenset({"unproven_health", "fake_healthchecks", "restarts", "oom_killed"})
"""Counts of something bad: of what is not there, nothing is known."""
NAMED = 20
"""Things that a message names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What was found in the log of one service."""

    lines: int = 0
    counts: tuple[int, ...] = ()
    """By rule of the plan; 0 for one that does not speak of this service."""
    first: Mapping[int, str] = field(default_factory=dict)
    """The first line that a rule matched."""
    lost: str = ""
    """Why there may have been more than was searched; what was counted is the least then."""
    slow: Mapping[int, str] = field(default_factory=dict)
    """The rules whose pattern did not end within its time, and on which line."""
    problem: str = ""
    """Why it could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStack:
    """The containers at one moment, and what should be there."""

    params: ContainersParams
    containers: tuple[Container, ...]
    declared: tuple[str, ...] = ()
    """The services that the plan's target is to have; empty where nobody says."""
    printed: Mapping[str, Printed] = field(default_factory=dict)
    killed: Mapping[str, bool] = field(default_factory=dict)
    """Whether the kernel killed a process for want of memory, by container; left out where nobody knows."""
    at: datetime | None
    """By the calendar clock; None where that moved during the run, so that no age is known."""

    @property
    def expected(self) -> tuple[str, ...]:
        """Services by name; empty where only their number is known, or nothing."""
        match self.params.expect:
            case tuple() | Mapping() as names:
                return tuple(names)
            case _:
                return self.declared

    @property
    def looked_at(self) -> dict[str, tuple[Container, ...]]:
        """Containers by service; of those nobody expects only where they are not let through."""
        found: dict[str, tuple[Container, ...]] = {}
        for one in self.containers:
            if self.params.unexpected == "forbid" or not self.expected or one.service in self.expected:
                found[one.service] = (*found.get(one.service, ()), one)
        return found

    def goes_on(self, service: str) -> bool:
        return service not in self.params.exit_codes

    def asks_health(self, service: str) -> bool:
        wanted = self.params.healthy
        return self.goes_on(service) and (wanted is None or service in wanted)


def cases_of(stack: ContainerStack) -> tuple[Case, ...]:
    of_services = (case for service in _services(stack) for case in _of_service(stack, service))
    return (*_presence(stack), *of_services)


def measures_of(
    stack: ContainerStack, containers: Iterable[Container], *, missing: bool = False
) -> dict[str, Measure]:
    """All measures but `pass_rate` and the counts of logs, of some of the containers.

    Where a service is `missing`, what is bad is counted at the least; of no container it is not known at all.
    """
    everything = tuple(containers)
    services = {one.service: why_it_proves_nothing(one.healthcheck) for one in everything}
    unproven = {service for service, why in services.items() if why and stack.goes_on(service)}
    fake = {one.service for one in everything if _is_fake(one)} & unproven
    running = [one for one in everything if one.state is ContainerState.RUNNING]
    started = [one.started for one in running if one.started is not None]
    ages = [] if stack.at is None else [(stack.at - moment).total_seconds() for moment in started]
    counts = {
        "services": len(services),
        "containers": len(everything),
        "running": len(running),
        "healthy": sum(_proven(one) for one in running),
        "unproven_health": len(unproven),
        "fake_healthchecks": len(fake),
        "restarts": sum(one.restarts for one in everything),
        "oom_killed": sum(stack.killed.get(one.id, False) for one in everything),
    }
    found: dict[str, Measure] = {name: Number(value=count) for name, count in counts.items()}
    if missing or not everything:
        found |= {
            name: Number(value=counts[name], partial=True) if everything else Number(value=None)
            for name in BAD
        }
    if not all(one.id in stack.killed for one in everything):
        found["oom_killed"] = Number(value=counts["oom_killed"], partial=True)
    for name, choose in (("youngest", min), ("oldest", max)):
        found[name] = Number(value=choose(ages, default=None), dimension=Dimension.TIME)
    return found


def count_matches(stack: ContainerStack, rule: int, services: Iterable[str]) -> Number:
    """Lines that a rule matched; None where a log could not be read or searched, or nothing was printed."""
    logs = [stack.printed.get(service, Printed(problem="nobody is there")) for service in services]
    if not logs or any(log.problem or rule in log.slow for log in logs) or not any(log.lines for log in logs):
        return Number(value=None)
    return Number(value=sum(log.counts[rule] for log in logs), partial=any(log.lost for log in logs))


def speaks_of(stack: ContainerStack, rule: LogRule) -> tuple[str, ...]:
    return rule.service or _services(stack)


def _services(stack: ContainerStack) -> tuple[str, ...]:
    """Everything that has a part: expected by any parameter, or there."""
    return tuple(dict.fromkeys((*stack.expected, *stack.params.named, *stack.looked_at)))


def _presence(stack: ContainerStack) -> Iterator[Case]:
    there, expected = stack.looked_at, stack.expected
    missing = [name for name in expected if name not in there]
    strangers = [one for one in stack.containers if expected and one.service not in expected]
    if isinstance(stack.params.expect, int):
        yield _number(stack, stack.params.expect, missing)
    elif not expected:
        yield _no_names_case(there)
    if expected and stack.params.unexpected == "forbid":
        named = enumerate_words((f"{one.name} ({one.image})" for one in strangers), NAMED)
        yield _case("unexpected", not strangers, f"nobody expects {named}" if strangers else "")


def _no_names_case(there: Mapping[str, object]) -> Case:
    """Where nobody says what should be there, nothing shows that all of it is."""
    if not there:
        return _case("services", False, "there is no container at all")
    named = enumerate_words(there, NAMED)
    message = f"nothing says which services there should be, so write expect; there are {named}"
    return _with(_case("services", True, ""), CaseStatus.SKIPPED, message)


def _number(stack: ContainerStack, wanted: int, missing: Sequence[str]) -> Case:
    there = stack.looked_at
    enough = len(there) == wanted or (len(there) > wanted and stack.params.unexpected == "allow")
    named = enumerate_words(missing or there, NAMED)
    which = f"{named} missing" if missing else f"there are {named}" if there else "none"
    message = f"expected {wanted:,} services, found {len(there):,}: {which}"
    return _case("services", enough, "" if enough else message)


def _of_service(stack: ContainerStack, service: str) -> Iterator[Case]:
    containers = stack.looked_at.get(service, ())
    if service in stack.expected or not containers:
        yield _present(stack, service, containers)
    if not containers:
        return
    if stack.goes_on(service):
        yield _service_case(service, "running", filter(None, map(_not_running, containers)))
    else:
        codes = stack.params.exit_codes[service]
        yield _service_case(service, "ended", filter(None, (_not_ended(one, codes) for one in containers)))
    if stack.asks_health(service):
        yield _health(service, containers)
    for number, rule in enumerate(stack.params.logs):
        if rule.count is None and service in speaks_of(stack, rule):
            yield _log(service, number, rule, stack.printed.get(service, Printed(problem="it was not read")))


def _present(stack: ContainerStack, service: str, containers: Sequence[Container]) -> Case:
    expect = stack.params.expect
    wanted = expect.get(service) if isinstance(expect, Mapping) else None
    if not containers:
        return _service_case(service, "present", [f"there is no container of {service}"])
    if wanted is not None and len(containers) != wanted:
        return _service_case(
            service, "present", [f"expected {wanted:,} containers of {service}, found {len(containers):,}"]
        )
    return _service_case(service, "present", [])


def _not_running(one: Container) -> str:
    match one.state:
        case ContainerState.RUNNING:
            return ""
        case ContainerState.EXITED | ContainerState.DEAD:
            meant = f" (exit_codes: {{{one.service}: 0}} if it should)" if one.exit_code == 0 else ""
            return f"{one.name} ended with exit code {one.exit_code}{_why(one)}{meant}"
        case ContainerState.CREATED:
            return f"{one.name} was never started{_why(one)}"
        case state:
            return f"{one.name} is {state}{_why(one)}"


def _not_ended(one: Container, codes: Sequence[int]) -> str:
    right = " or ".join(map(str, codes))
    if one.state is not ContainerState.EXITED:
        return f"{one.name} is {one.state}, and should have ended with exit code {right}"
    if one.exit_code not in codes:
        return f"{one.name} ended with exit code {one.exit_code}, not {right}{_why(one)}"
    return ""


def _why(one: Container) -> str:
    memory = ", killed for want of memory" if one.oom_killed else ""
    return memory + (f": {one.error}" if one.error else "")


def _health(service: str, containers: Sequence[Container]) -> Case:
    """Failed where a container is seen not to be healthy; without a result where nothing is proven."""
    unproven = [why for one in containers if (why := why_it_proves_nothing(one.healthcheck))]
    telling = (one for one in containers if one.health is Health.UNHEALTHY or not _proves_nothing(one))
    case = _service_case(service, "health", filter(None, map(_not_healthy, telling)))
    if case.status is CaseStatus.FAILED or not unproven:
        return case
    return _with(case, CaseStatus.SKIPPED, f"the health of {service} is not proven: {unproven[0]}")


def _not_healthy(one: Container) -> str:
    if one.health is Health.HEALTHY and one.state is ContainerState.RUNNING:
        return ""
    if one.state is not ContainerState.RUNNING:
        return f"{one.name} is {one.state}, so it is not healthy"
    said = f": {one.health_output}" if one.health_output else ""
    told = "its engine tells of no health" if one.health is Health.NONE else f"it is {one.health}"
    return f"{one.name} is not healthy, {told}{said}"


def _log(service: str, number: int, rule: LogRule, printed: Printed) -> Case:
    wanted = "must" if rule.must is not None else "must not"
    case = Case(
        id=f"{service}/logs/{rule.label}",
        name=f"{service}: its log {wanted} match {rule.pattern!r}",
        status=CaseStatus.PASSED,
        part=service,
    )
    if printed.problem:
        return _with(case, CaseStatus.LOST, f"the log of {service} cannot be read: {printed.problem}")
    count, seen = printed.counts[number], f"in {printed.lines:,} lines of {service}"
    first = f"; the first: {printed.first[number]}" if number in printed.first else ""
    doubt = f"the log of {service} may have had more lines than were searched: {printed.lost}"
    slow = printed.slow.get(number, "")
    if slow and not (rule.must is not None and count >= (rule.at_least or 1)):
        return _with(case, CaseStatus.FAILED, f"{slow}, so nobody knows how many lines match")
    if rule.must is not None and count < (least := rule.at_least or 1):
        if printed.lost:
            return _with(case, CaseStatus.LOST, doubt)
        wish = "a line that matches" if least == 1 else f"at least {least:,} lines that match"
        message = f"expected {wish} {rule.pattern!r}, found {count:,} {seen}"
        return _with(case, CaseStatus.FAILED, message + first)
    if rule.must_not is not None and count > (most := rule.at_most or 0):
        wish = f"at most {most:,} lines that match" if most else "no line that matches"
        message = f"expected {wish} {rule.pattern!r}, found {count:,} {seen}"
        return _with(case, CaseStatus.FAILED, message + first)
    if rule.must_not is not None and printed.lost:
        return _with(case, CaseStatus.LOST, doubt)
    if not printed.lines:
        return _with(case, CaseStatus.SKIPPED, f"{service} has printed nothing, so nothing was searched")
    return case


def _with(case: Case, status: CaseStatus, message: str) -> Case:
    return Case(id=case.id, name=case.name, part=case.part, status=status, message=message)


def _proven(one: Container) -> bool:
    return one.health is Health.HEALTHY and not _proves_nothing(one)


def _proves_nothing(one: Container) -> bool:
    return bool(why_it_proves_nothing(one.healthcheck))


def _is_fake(one: Container) -> bool:
    return one.healthcheck is not None and _proves_nothing(one)


def _service_case(service: str, aspect: str, failures: Iterable[str]) -> Case:
    message = "; ".join(failures)
    return _case(f"{service}/{aspect}", not message, message, part=service, name=f"{service}: {aspect}")


def _case(id: str, passed: bool, message: str, *, part: str = "", name: str = "") -> Case:
    status = CaseStatus.PASSED if passed else CaseStatus.FAILED
    return Case(id=id, name=name or id, status=status, part=part, message=message)
