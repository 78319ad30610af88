"""Which kinds the installed packages offer, by their entry points; nothing of them is imported."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import Distribution, distributions
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ExitCode, ObservationError

GROUP = "phasegate.kinds"
"""Of entry points, each `NAME = "MODULE:CLASS"`."""


class KindError(ObservationError):
    """A kind of another package is not what it should be: wrong usage before a run, and an errored attempt
    within one."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A kind that a package says it has."""

    kind: str
    place: str
    """`MODULE:CLASS`."""
    package: str
    version: str

    @property
    def words(self) -> str:
        return f"{self.package} {self.version}"


@cache
def offers() -> Mapping[str, tuple[Offer, ...]]:
    """What the installed packages offer, by the name of the kind."""
    found: dict[str, list[Offer]] = {}
    seen: set[str] = set()
    for distribution in distributions():
        offered = _offered(distribution)
        normal = {re.sub(r"[-_.]+", "-", offer.package).lower() for offer in offered}
        if not normal & seen:  # else it is hidden by one that comes first on the path
            for offer in offered:
                found.setdefault(offer.kind, []).append(offer)
        seen |= normal
    return {name: tuple(found[name]) for name in sorted(found)}


def _offered(distribution: Distribution) -> list[Offer]:
    """What a package offers; nothing where its metadata are not whole."""
    try:
        # Most packages have no such group, and to parse what they have takes ten times as long.
        if GROUP not in (distribution.read_text("entry_points.txt") or ""):
            return []
        known: Any = distribution.metadata
        package, version = known.get("Name"), known.get("Version")
        if not (package and version):
            return []
        points = distribution.entry_points.select(group=GROUP)
        return [Offer(kind=one.name, place=one.value, package=package, version=version) for one in points]
    except (OSError, ValueError, TypeError, AttributeError, LookupError):
        return []


def refuse_clash(name: str, *, own: bool) -> None:
    """Errors: KindError where a name means more than one kind."""
    offered = offers().get(name, ())
    packages = " and ".join(offer.words for offer in offered)
    if own and offered:
        raise KindError(
            f"kind {name!r} is phasegate's own, and {packages} offers one of that name, too",
            help=f"uninstall {offered[0].package}, or have it give its kind another name",
        )
    if len(offered) > 1:
        raise KindError(f"kind {name!r} is offered by {packages}", help="uninstall all of them but one")
