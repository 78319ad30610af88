"""What is asserted of the containers of a stack, service by service; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, Message, fact, joined, some
from phasegate.base.units import Dimension
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
    lost: Message | None = None
    """Why there may have been more than was searched; what was counted is the least then."""
    slow: Mapping[int, Message] = field(default_factory=dict)
    """The rules whose pattern did not end within its time, and on which line."""
    problem: Message = ""
    """Why it could not be read."""


UNREAD = Printed(problem=fact(Code.LOG_UNREAD))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStack:
    """The containers at one moment, and what should be there."""

    params: ContainersParams
    containers: tuple[Container, ...]
    declared: tuple[str, ...] = ()
    """The services that the plan's target is to have; empty where nobody says."""
    printed: Mapping[str, Printed] = field(default_factory=dict)
    killed: Mapping[str, bool] = field(default_factory=dict)
    """Whether the kernel killed a process for lack of memory, by container; left out where nobody knows."""
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
    restarts = {one.name: one.restarts for one in everything if one.restarts}
    counts = {
        "services": _count(services),
        "containers": _count(one.name for one in everything),
        "running": _count(one.name for one in running),
        "healthy": _count(one.name for one in running if _proven(one)),
        "unproven_health": _count(unproven),
        "fake_healthchecks": _count(fake),
        "restarts": replace(_count(restarts), value=sum(restarts.values())),
        "oom_killed": _count(one.name for one in everything if stack.killed.get(one.id, False)),
    }
    found: dict[str, Measure] = dict(counts)
    if missing or not everything:
        found |= {
            name: replace(counts[name], partial=True) if everything else Number(value=None) for name in BAD
        }
    if not all(one.id in stack.killed for one in everything):
        found["oom_killed"] = replace(counts["oom_killed"], partial=True)
    for name, choose in (("youngest", min), ("oldest", max)):
        found[name] = Number(value=choose(ages, default=None), dimension=Dimension.TIME)
    return found


def _count(names: Iterable[str]) -> Number:
    counted = tuple(sorted(names))
    return Number(value=len(counted), counted=counted)


def count_matches(stack: ContainerStack, rule: int, services: Iterable[str]) -> Number:
    """Lines that a rule matched; None where a log could not be read or searched, or nothing was printed."""
    logs = [stack.printed.get(service, UNREAD) for service in services]
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
        named = some((f"{one.name} ({one.image})" for one in strangers), NAMED)
        yield _case("unexpected", fact(Code.NOBODY_EXPECTS, names=named) if strangers else "")


def _no_names_case(there: Mapping[str, object]) -> Case:
    """Where nobody says what should be there, nothing shows that all of it is."""
    if not there:
        return _case("services", fact(Code.NO_CONTAINER_AT_ALL))
    message = fact(Code.NOTHING_EXPECTED, names=some(there, NAMED))
    return _with(_case("services", ""), CaseStatus.SKIPPED, message)


def _number(stack: ContainerStack, wanted: int, missing: Sequence[str]) -> Case:
    there = stack.looked_at
    enough = len(there) == wanted or (len(there) > wanted and stack.params.unexpected == "allow")
    if enough:
        return _case("services", "")
    which = {"missing": some(missing, NAMED)} if missing else {"names": some(there, NAMED)} if there else {}
    return _case("services", fact(Code.SERVICES_EXPECTED, needed=wanted, n=len(there), **which))


def _of_service(stack: ContainerStack, service: str) -> Iterator[Case]:
    containers = stack.looked_at.get(service, ())
    if service in stack.expected or not containers:
        yield _present(stack, service, containers)
    if not containers:
        return
    if stack.goes_on(service):
        yield _service_case(service, "running", *map(_not_running, containers))
    else:
        codes = stack.params.exit_codes[service]
        yield _service_case(service, "ended", *(_not_ended(one, codes) for one in containers))
    if stack.asks_health(service):
        yield _health(service, containers)
    for number, rule in enumerate(stack.params.logs):
        if rule.count is None and service in speaks_of(stack, rule):
            yield _log(service, number, rule, stack.printed.get(service, UNREAD))


def _present(stack: ContainerStack, service: str, containers: Sequence[Container]) -> Case:
    expect = stack.params.expect
    wanted = expect.get(service) if isinstance(expect, Mapping) else None
    if not containers:
        return _service_case(service, "present", fact(Code.NO_CONTAINER_OF, service=service))
    if wanted is not None and len(containers) != wanted:
        expected = fact(Code.CONTAINERS_EXPECTED, needed=wanted, service=service, n=len(containers))
        return _service_case(service, "present", expected)
    return _service_case(service, "present")


def _not_running(one: Container) -> Fact | None:
    match one.state:
        case ContainerState.RUNNING:
            return None
        case ContainerState.EXITED | ContainerState.DEAD:
            return _ended(one, service=one.service if one.exit_code == 0 else None)
        case state:
            return fact(
                Code.CONTAINER_IS,
                container=one.name,
                state=state.value,
                out_of_memory=one.oom_killed,
                why=one.error,
            )


def _not_ended(one: Container, codes: Sequence[int]) -> Fact | None:
    if one.state is not ContainerState.EXITED:
        return fact(Code.NOT_ENDED, container=one.name, state=one.state.value, right=tuple(codes))
    return None if one.exit_code in codes else _ended(one, right=tuple(codes))


def _ended(one: Container, *, service: str | None = None, right: tuple[int, ...] = ()) -> Fact:
    """`service`: where `exit_codes` may name it; `right`: the exit codes that it should have ended with."""
    return fact(
        Code.CONTAINER_ENDED,
        container=one.name,
        exit_code=one.exit_code,
        out_of_memory=one.oom_killed,
        why=one.error,
        service=service,
        right=right,
    )


def _health(service: str, containers: Sequence[Container]) -> Case:
    """Failed where a container is seen not to be healthy; without a result where nothing is proven."""
    unproven = [why for one in containers if (why := why_it_proves_nothing(one.healthcheck))]
    telling = (one for one in containers if one.health is Health.UNHEALTHY or not _proves_nothing(one))
    case = _service_case(service, "health", *map(_not_healthy, telling))
    if case.status is CaseStatus.FAILED or not unproven:
        return case
    return _with(case, CaseStatus.SKIPPED, fact(Code.HEALTH_NOT_PROVEN, service=service, why=unproven[0]))


def _not_healthy(one: Container) -> Fact | None:
    if one.health is Health.HEALTHY and one.state is ContainerState.RUNNING:
        return None
    if one.state is not ContainerState.RUNNING:
        return fact(Code.NOT_HEALTHY, container=one.name, state=one.state.value)
    return fact(Code.NOT_HEALTHY, container=one.name, health=one.health.value, why=one.health_output)


def _log(service: str, number: int, rule: LogRule, printed: Printed) -> Case:
    wanted = "must" if rule.must is not None else "must not"
    case = Case(
        id=f"{service}/logs/{rule.label}",
        name=f"{service}: its log {wanted} match {rule.pattern!r}",
        status=CaseStatus.PASSED,
        part=service,
    )
    if printed.problem:
        unreadable = fact(Code.LOG_UNREADABLE, service=service, why=printed.problem)
        return _with(case, CaseStatus.LOST, unreadable)
    count, slow = printed.counts[number], printed.slow.get(number)
    least = None if rule.must is None else rule.at_least or 1
    most = None if rule.must_not is None else rule.at_most or 0
    if slow and not (least is not None and count >= least):
        return _with(case, CaseStatus.FAILED, fact(Code.LOG_SLOW, why=slow))
    too_few, too_many = least is not None and count < least, most is not None and count > most
    if printed.lost and (too_few or (most is not None and not too_many)):
        doubt = fact(Code.LOG_INCOMPLETE, service=service, why=printed.lost)
        return _with(case, CaseStatus.LOST, doubt)
    if too_few or too_many:
        found = fact(
            Code.LOG_LINES,
            least=least,
            most=most,
            pattern=rule.pattern,
            found=count,
            n=printed.lines,
            service=service,
            first=printed.first.get(number),
        )
        return _with(case, CaseStatus.FAILED, found)
    if not printed.lines:
        return _with(case, CaseStatus.SKIPPED, fact(Code.LOG_EMPTY, service=service))
    return case


def _with(case: Case, status: CaseStatus, message: Message) -> Case:
    return Case(id=case.id, name=case.name, part=case.part, status=status, message=message)


def _proven(one: Container) -> bool:
    return one.health is Health.HEALTHY and not _proves_nothing(one)


def _proves_nothing(one: Container) -> bool:
    return why_it_proves_nothing(one.healthcheck) is not None


def _is_fake(one: Container) -> bool:
    return one.healthcheck is not None and _proves_nothing(one)


def _service_case(service: str, aspect: str, *failures: Fact | None) -> Case:
    message = joined(*failures) if any(failures) else ""
    return _case(f"{service}/{aspect}", message, part=service, name=f"{service}: {aspect}")


def _case(id: str, message: Message, *, part: str = "", name: str = "") -> Case:
    """Failed where there is a message."""
    status = CaseStatus.FAILED if message else CaseStatus.PASSED
    return Case(id=id, name=name or id, status=status, part=part, message=message)
