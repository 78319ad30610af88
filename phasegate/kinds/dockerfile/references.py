"""Names of images: which of them say what runs; pure."""

from __future__ import annotations

import re

_DIGEST = re.compile(r"@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$")


def is_pinned(image: str) -> bool:
    """Whether an image has a digest, or a tag other than `latest`."""
    return _DIGEST.search(image) is not None or tag_of(image) not in ("", "latest")


def tag_of(image: str) -> str:
    """The tag of an image; empty where it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def name_of(image: str) -> str:
    """An image without tag, digest, and what stands for Docker Hub: `golang`, `ghcr.io/shop/web`."""
    path, _, last = image.partition("@")[0].rpartition("/")
    name = f"{path}/{last.partition(':')[0]}" if path else last.partition(":")[0]
    for hub in ("docker.io/", "index.docker.io/"):
        name = name.removeprefix(hub)
    return name.removeprefix("library/")
