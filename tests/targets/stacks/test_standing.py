from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from phasegate.model.containers import Container, ContainerState, Health, Healthcheck
from phasegate.render.sentences import sentence
from phasegate.targets.stacks.standing import Way, standing

ONE = Container(
    id="1", name="web", service="web", image="shop", image_id="sha256:1",
    state=ContainerState.RUNNING, created=datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip
ENDED = replace(ONE, state=ContainerState.EXITED, exit_code=0)
CHECKED = Healthcheck(test=("CMD", "true"))


@pytest.mark.parametrize(
    ("container", "serves", "way", "why"),
    [
        (ONE, True, Way.RUNNING, ""),
        (replace(ONE, health=Health.HEALTHY), False, Way.READY, ""),
        (replace(ONE, health=Health.STARTING), True, Way.WAITING, "it is not healthy yet"),
        (
            replace(ONE, health=Health.UNHEALTHY, health_output="no table"),
            True, Way.BROKEN, "it is unhealthy: no table",
        ),
        (replace(ONE, state=ContainerState.PAUSED), True, Way.WAITING, "it is paused"),
        (replace(ONE, state=ContainerState.CREATED), True, Way.WAITING, "it has not been started"),
        (
            replace(ONE, state=ContainerState.CREATED, error="no\n such file"),
            True, Way.BROKEN, "it cannot be started: no such file",
        ),
        (replace(ONE, restarts=2), True, Way.RUNNING, ""),
        (replace(ONE, restarts=3), True, Way.BROKEN, "it keeps ending (3 restarts)"),
        (replace(ONE, restarts=3, health=Health.HEALTHY), True, Way.READY, ""),
        (ENDED, False, Way.READY, ""),
        (replace(ENDED, restart_policy="on-failure"), False, Way.READY, ""),
        (ENDED, True, Way.BROKEN, "it ended with exit code 0 before it was ready"),
        (
            replace(ENDED, healthcheck=CHECKED),
            False, Way.BROKEN, "it ended with exit code 0 before it was ready",
        ),
        (
            replace(ENDED, restart_policy="always"),
            False, Way.BROKEN, "it ended with exit code 0 before it was ready",
        ),
        (
            replace(ENDED, exit_code=143),
            False, Way.BROKEN, "it ended with exit code 143 (signal 15) before it was ready",
        ),
        (
            replace(ENDED, exit_code=137, oom_killed=True),
            False, Way.BROKEN, "it was killed for lack of memory before it was ready",
        ),
    ],
)  # fmt: skip
def test_how_a_container_stands(container: Container, serves: bool, way: Way, why: str) -> None:
    found = standing(container, serves=serves)
    assert (found.way, sentence(found.why)) == (way, why)


@pytest.mark.parametrize(
    ("container", "right", "way"),
    [
        (replace(ENDED, exit_code=3), (3,), Way.READY),
        (replace(ENDED, exit_code=3), (0, 3), Way.READY),
        (replace(ENDED, exit_code=3, healthcheck=CHECKED), (3,), Way.READY),
        (replace(ENDED, exit_code=3), (0,), Way.BROKEN),
        (ENDED, (3,), Way.BROKEN),
        (ENDED, (0,), Way.READY),
        (ONE, (3,), Way.RUNNING),
    ],
)
def test_job_that_ends_as_is_right_for_it_is_done(
    container: Container, right: tuple[int, ...], way: Way
) -> None:
    for serves in (True, False):
        assert standing(container, serves=serves, right=right).way is way
