"""How a container stands on its way up: ready, on the way, or never to be; pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

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
    why: str = ""
    """What keeps it from being ready, in a few words."""


def standing(
    container: Container, *, serves: bool, right: Collection[int] | None = None
) -> ContainerStanding:
    """Where a container stands; `serves` says that it has ports which are asked, `right` with which exit
    codes it may end; None where nobody says."""
    state = container.state
    if state is ContainerState.CREATED:
        if container.error:
            return ContainerStanding(
                way=Way.BROKEN, why=f"it cannot be started: {' '.join(container.error.split())}"
            )
        return ContainerStanding(way=Way.WAITING, why="it has not been started")
    if state in _STAYS_DOWN:
        return _standing_at_end(container, serves, right)
    if container.restarts >= LOOP and container.health is not Health.HEALTHY:
        return ContainerStanding(
            way=Way.BROKEN, why=f"it ends again and again ({container.restarts} restarts)"
        )
    if state is not ContainerState.RUNNING:
        return ContainerStanding(way=Way.WAITING, why=f"it is {state.value}")
    match container.health:
        case Health.HEALTHY:
            return ContainerStanding(way=Way.READY)
        case Health.UNHEALTHY:
            return ContainerStanding(way=Way.BROKEN, why=f"it is unhealthy{_healthcheck_said(container)}")
        case Health.STARTING:
            return ContainerStanding(
                way=Way.WAITING, why=f"it is not healthy yet{_healthcheck_said(container)}"
            )
    return ContainerStanding(way=Way.RUNNING)


def is_job(container: Container, *, serves: bool) -> bool:
    """Whether it may end with exit code 0 and stay ended: nothing asks it for an answer."""
    return container.restart_policy in ENDS_FOR_GOOD and container.healthcheck is None and not serves


def how_it_ended(exit_code: int | None, *, oom_killed: bool = False) -> str:
    if oom_killed:
        return "it was killed for want of memory"
    if exit_code is None:
        return "it ended"
    signal = f" (signal {exit_code - 128})" if 128 < exit_code < 160 else ""
    return f"it ended with exit code {exit_code}{signal}"


def _standing_at_end(container: Container, serves: bool, right: Collection[int] | None) -> ContainerStanding:
    how = how_it_ended(container.exit_code, oom_killed=container.oom_killed)
    if container.error:
        return ContainerStanding(
            way=Way.BROKEN, why=f"it cannot be started: {' '.join(container.error.split())}"
        )
    if right is not None and container.exit_code in right:
        return ContainerStanding(way=Way.READY)
    if right is None and container.exit_code == 0 and is_job(container, serves=serves):
        return ContainerStanding(way=Way.READY)
    return ContainerStanding(way=Way.BROKEN, why=f"{how} before it was ready")


def _healthcheck_said(container: Container) -> str:
    return f": {container.health_output}" if container.health_output else ""
