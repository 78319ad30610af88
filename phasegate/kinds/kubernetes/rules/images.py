"""Images: which one runs is written down."""

from __future__ import annotations

import re
from typing import Any

from phasegate.kinds.kubernetes.objects import Cluster, Container, text
from phasegate.kinds.kubernetes.rules.policy import CONTAINERS, ERROR, INFO, Family, Hit, Hits

_PAGE = "concepts/containers/images/"
_DIGEST = re.compile(r"@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$")


policy = Family("images", _PAGE + "#image-names")


def _tag(image: Any) -> str:
    """The tag of an image; empty where it has none."""
    return text(image).partition("@")[0].rpartition("/")[2].partition(":")[2]


@policy("image-missing", ERROR, CONTAINERS, _PAGE)
def _image(container: Container, cluster: Cluster) -> Hits:
    """Each container has an image."""
    if not text(container.tree.get("image")).strip():
        yield Hit((*container.path, "image"), (container.name,))


@policy("image-unpinned", ERROR, CONTAINERS)
def _unpinned(container: Container, cluster: Cluster) -> Hits:
    """Each image has a tag other than latest, or a digest."""
    image = text(container.tree.get("image"))
    if image and not _DIGEST.search(image) and _tag(image) in ("", "latest"):
        yield Hit((*container.path, "image"), (container.name, image))


@policy("image-digest", INFO, CONTAINERS)
def _digest(container: Container, cluster: Cluster) -> Hits:
    """Each image has a digest, since a tag can be moved."""
    image = text(container.tree.get("image"))
    if _tag(image) not in ("", "latest") and not _DIGEST.search(image):
        yield Hit((*container.path, "image"), (container.name, image))
