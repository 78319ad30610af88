"""The check kinds: ours, listed here, and those of other packages; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from phasegate.base.errors import PlanError, Problem
from phasegate.kinds.base import Kind
from phasegate.kinds.foreign import KindError, load_offer, offers, refuse_clash

_KINDS: dict[str, str] = {
    "health": "phasegate.kinds.health:Health",
    "api": "phasegate.kinds.api:Api",
    "e2e": "phasegate.kinds.e2e:E2e",
    "load": "phasegate.kinds.load.kind:Load",
    "command": "phasegate.kinds.command.kind:CommandKind",
    "resources": "phasegate.kinds.resources.kind:ResourcesKind",
    "containers": "phasegate.kinds.containers.kind:ContainersKind",
    "image": "phasegate.kinds.image.kind:ImageKind",
}


class _Registry(Mapping[str, Kind[Any]]):
    """Kinds by name, our own first; a plan that uses two of them imports two of them."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._loaded: dict[str, Kind[Any] | KindError] = {}

    def __getitem__(self, name: str) -> Kind[Any]:
        """Errors: KindError where another package is in the way, or has a kind that cannot be used."""
        if name not in self._loaded:
            try:
                self._loaded[name] = self._load(name)
            except KindError as error:
                self._loaded[name] = error
        found = self._loaded[name]
        if isinstance(found, KindError):
            raise found
        return found

    def _load(self, name: str) -> Kind[Any]:
        refuse_clash(name, own=name in self._places)
        if name not in self._places:
            return load_offer(offers()[name][0])
        module, _, attribute = self._places[name].partition(":")
        kind: Kind[Any] = getattr(import_module(module), attribute)()
        return kind

    def __contains__(self, name: object) -> bool:
        return name in self._places or name in offers()

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._places, *offers())))

    def __len__(self) -> int:
        return len(list(iter(self)))


KINDS: Mapping[str, Kind[Any]] = _Registry(_KINDS)


def every_kind() -> Mapping[str, Kind[Any]]:
    """All kinds, imported. Errors: PlanError with what is wrong with each of other packages."""
    found, problems = {}, []
    for name in KINDS:
        try:
            found[name] = KINDS[name]
        except KindError as error:
            problems.append(Problem(message=error.message, help=error.help))
    if problems:
        raise PlanError(problems)
    return found
