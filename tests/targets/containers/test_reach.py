"""What checks reach of containers, and what is remembered of it."""

from __future__ import annotations

import os

import pytest

from phasegate.base.errors import ObservationError
from phasegate.render.sentences import sentence
from phasegate.targets.containers.reach import TargetContainers
from tests.engines import ENGINE, busybox, client, nothing_left, own
from tests.telling import in_english, raises

__all__ = ["nothing_left"]


async def test_a_target_without_containers_says_how_to_get_some() -> None:
    with raises(ObservationError, match="the target has no containers") as caught:
        await TargetContainers({}).all()
    assert "target.compose" in sentence(caught.value.help or "")


def test_services_are_those_that_were_named() -> None:
    reach = TargetContainers({})
    assert reach.services == ()
    reach.are("a=b", services=["web", "db"])
    assert reach.services == ("web", "db")


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.engine
@pytest.mark.skipif(*ENGINE[1].args, reason=ENGINE[1].kwargs["reason"])
async def test_every_image_that_a_service_ran_is_remembered() -> None:
    labels = {"phasegate.t": own("ran"), "com.docker.compose.service": "web"}
    images = busybox('CMD ["sleep", "600"]'), busybox('CMD ["sleep", "601"]')
    reach = TargetContainers(os.environ)
    reach.are(f"phasegate.t={own('ran')}")
    ids = []
    try:
        for image in images:
            made = client().containers.run(image, detach=True, labels=labels)
            await reach.all()
            await reach.all()
            made.remove(force=True)
            ids.append((await reach.image(image)).id)
    finally:
        reach.close()
    assert in_english(reach.ran()) == {"web": f"{images[0]}, {ids[0]}; then {images[1]}, {ids[1]}"}
