from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from phasegate.targets.containers.acts import GRACE
from phasegate.targets.containers.engine.client import Engine
from phasegate.targets.containers.removal import stop


class Told:
    """An engine with one running container, which remembers how long it was given to stop."""

    def __init__(self, wanted: int | None) -> None:
        self.api = self
        self.wanted = wanted
        self.given: list[int] = []

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    def containers(self, **_: Any) -> list[dict[str, str]]:
        return [{"Id": "c1"}]

    def inspect_container(self, _: str) -> dict[str, Any]:
        return {"Config": {"StopTimeout": self.wanted}}

    def stop(self, _: str, *, timeout: int) -> None:
        self.given.append(timeout)


@pytest.mark.parametrize(("wanted", "given"), [(None, GRACE), (0, 0), (90, 90)])
async def test_a_container_has_the_time_to_stop_that_it_asks_for(wanted: int | None, given: int) -> None:
    engine = Told(wanted)
    await stop(cast("Engine", engine), "label=x")
    assert engine.given == [given]
