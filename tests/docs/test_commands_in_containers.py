"""The commands of the documents that need a container engine print what the documents show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import engines
from tests.docs.consoles import ENGINE_PAGES, follow
from tests.docs.pages import name_of

pytestmark = [*engines.ENGINE, pytest.mark.paced]
BASE = "busybox:1.37"
"""The image that the documents use; one of our own stands for it where the engine does not have it."""


@pytest.fixture(autouse=True)
def _base_image() -> Iterator[None]:
    import docker.errors

    client = engines.client()
    try:
        client.images.get(BASE)
    except docker.errors.ImageNotFound:
        repository, tag = BASE.split(":")
        client.images.get(engines.busybox()).tag(repository, tag)
        yield
        client.images.remove(BASE, noprune=True)
    else:
        yield


@pytest.mark.parametrize("page", ENGINE_PAGES, ids=name_of)
def test_the_commands_of_a_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path)
