"""How a container stands on its way up: ready, on the way, or never to be; pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.model.containers import Container, ContainerState, Health

LOOP = 3
"""Restarts after which a container that is not healthy is not waited for any longer."""
ENDS_FOR_GOOD = frozenset({"", "no", "on-failure"})
"""Restart policies under which a program may end with exit code 0 and stay ended."""
_STAYS_DOWN = frozenset({ContainerState.EXITED, ContainerState.DEAD})


class Way(StrEnum):
    READY = "ready"
    WAITING = "waiting"
    BROKEN = "broken"
    """Waiting longer would change nothing."""
    RUNNING = "running"
    """Nobody says of it whether it is healthy: its ports have to be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStanding:
    way: Way
    why: Message = ""
    """What keeps it from being ready, in a few words."""


def standing(
    container: Container, *, serves: bool, right: Collection[int] | None = None
) -> ContainerStanding:
    """Where a container stands; `serves` says that it has ports which are asked, `right` with which exit
    codes it may end; None where nobody says."""
    state = container.state
    if state is ContainerState.CREATED:
        if container.error:
            return _not_startable(container)
        return ContainerStanding(way=Way.WAITING, why=fact(Code.NOT_YET_STARTED))
    if state in _STAYS_DOWN:
        return _standing_at_end(container, serves, right)
    if container.restarts >= LOOP and container.health is not Health.HEALTHY:
        return ContainerStanding(way=Way.BROKEN, why=fact(Code.ENDS_AGAIN, times=container.restarts))
    if state is not ContainerState.RUNNING:
        return ContainerStanding(way=Way.WAITING, why=fact(Code.CONTAINER_STATE, state=state.value))
    match container.health:
        case Health.HEALTHY:
            return ContainerStanding(way=Way.READY)
        case Health.UNHEALTHY:
            return ContainerStanding(way=Way.BROKEN, why=fact(Code.UNHEALTHY, output=container.health_output))
        case Health.STARTING:
            return ContainerStanding(
                way=Way.WAITING, why=fact(Code.NOT_YET_HEALTHY, output=container.health_output)
            )
    return ContainerStanding(way=Way.RUNNING)


def is_job(container: Container, *, serves: bool) -> bool:
    """Whether it may end with exit code 0 and stay ended: nothing asks it for an answer."""
    return container.restart_policy in ENDS_FOR_GOOD and container.healthcheck is None and not serves


def how_it_ended(exit_code: int | None, *, oom_killed: bool = False) -> Fact:
    if oom_killed:
        return fact(Code.KILLED_FOR_MEMORY)
    signal = exit_code - 128 if exit_code is not None and 128 < exit_code < 160 else None
    return fact(Code.PROGRAM_ENDED, exit_code=exit_code, signal=signal)


def _not_startable(container: Container) -> ContainerStanding:
    why = fact(Code.NOT_STARTABLE, why=" ".join(container.error.split()))
    return ContainerStanding(way=Way.BROKEN, why=why)


def _standing_at_end(container: Container, serves: bool, right: Collection[int] | None) -> ContainerStanding:
    how = how_it_ended(container.exit_code, oom_killed=container.oom_killed)
    if container.error:
        return _not_startable(container)
    if right is not None and container.exit_code in right:
        return ContainerStanding(way=Way.READY)
    if right is None and container.exit_code == 0 and is_job(container, serves=serves):
        return ContainerStanding(way=Way.READY)
    return ContainerStanding(way=Way.BROKEN, why=fact(Code.BEFORE_READY, why=how))
