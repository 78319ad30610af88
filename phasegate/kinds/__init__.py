"""The check kinds: one file each, listed here and imported when first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from phasegate.kinds.base import Kind

_KINDS: dict[str, str] = {
    "health": "phasegate.kinds.health:Health",
    "api": "phasegate.kinds.api:Api",
    "e2e": "phasegate.kinds.e2e:E2e",
    "load": "phasegate.kinds.load:Load",
    "command": "phasegate.kinds.command:CommandKind",
    "resources": "phasegate.kinds.resources:ResourcesKind",
    "containers": "phasegate.kinds.containers:ContainersKind",
    "image": "phasegate.kinds.image:ImageKind",
}


class _Registry(Mapping[str, Kind[Any]]):
    """Kinds by name; a plan that uses two of them imports two of them."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._loaded: dict[str, Kind[Any]] = {}

    def __getitem__(self, name: str) -> Kind[Any]:
        if name not in self._loaded:
            module, _, attribute = self._places[name].partition(":")
            self._loaded[name] = getattr(import_module(module), attribute)()
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


KINDS: Mapping[str, Kind[Any]] = _Registry(_KINDS)
