"""What is said of containers at moments of their own, without a Compose that makes them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from phasegate.render.sentences import sentence
from phasegate.targets.containers.engine.facts import SERVICE
from phasegate.targets.stacks.services import Services
from tests.engines import ENGINE, busybox, client, nothing_left
from tests.targets.stacks.conftest import Yard

__all__ = ["nothing_left"]
pytestmark = [pytest.mark.usefixtures("nothing_left"), *ENGINE]


@pytest.fixture
def label() -> Iterator[str]:
    """The label of one service that ended with exit code 7 before anybody looked at it."""
    mark = uuid.uuid4().hex
    container = client().containers.run(
        busybox(),
        ["sh", "-c", "echo no database; exit 7"],
        labels={"phasegate.test.run": mark, SERVICE: "web"},
        detach=True,
    )
    container.wait()
    yield f"phasegate.test.run={mark}"
    container.remove(force=True)


async def test_trouble_is_told_of_what_was_never_seen_before_with_its_log(yard: Yard, label: str) -> None:
    engine = await yard.containers.engine()
    services = Services(engine, [label], (), yard.site())
    services.serve({"web": (8080,)})
    error = await services.trouble(await services.found())
    await services.close()
    assert error is not None
    assert sentence(error.message) == "target 'web': it ended with exit code 7 before it was ready"
    assert yard.states() == ["web starting", "web failed"]
    assert yard.record("web").log_tail == ("no database",)
    assert not yard.problems
