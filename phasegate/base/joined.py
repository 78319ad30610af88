"""What somebody has together with what many have, without a copy of the latter for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, overload

T = TypeVar("T")
_FEW = 16
"""Items of which a copy is made."""


class Joined(Sequence[T]):
    """Two tuples one after the other, each item once; equal to the tuple that this comes to."""

    __slots__ = ("own", "shared")

    def __init__(self, own: tuple[T, ...], shared: tuple[T, ...]) -> None:
        self.own = own
        self.shared = shared

    def __iter__(self) -> Iterator[T]:
        yield from dict.fromkeys(self.own)
        own = frozenset(self.own)
        yield from (one for one in dict.fromkeys(self.shared) if one not in own)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return tuple(self)[index]

    def __contains__(self, item: object) -> bool:
        return item in self.own or item in self.shared

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple | Joined) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


def united(own: Sequence[T], shared: tuple[T, ...] = ()) -> Sequence[T]:
    """What somebody has, and what others have too, each once. The latter, where it is long or all there is,
    stays the one tuple that it is: a plan may have many of both."""
    if not own:
        return shared
    if len(shared) <= _FEW:
        return tuple(dict.fromkeys((*own, *shared)))
    return Joined(tuple(dict.fromkeys(own)), shared)


def pieces(values: Sequence[T]) -> tuple[tuple[T, ...], ...]:
    """The tuples that values come from, the shared one the same for all who share it."""
    return (values.own, values.shared) if isinstance(values, Joined) else (tuple(values),)


def holders(groups: Sequence[tuple[str, Sequence[Any]]]) -> dict[Any, tuple[str, ...]]:
    """Who has each value, in the order of the groups of (who, values)."""
    by_piece: dict[int, tuple[tuple[Any, ...], dict[str, None]]] = {}
    for who, values in groups:
        for piece in pieces(values):
            by_piece.setdefault(id(piece), (piece, {}))[1][who] = None
    places = {who: place for place, (who, _) in enumerate(groups)}
    found: dict[Any, list[dict[str, None]]] = {}
    for piece, those in by_piece.values():
        for value in dict.fromkeys(piece):
            found.setdefault(value, []).append(those)
    together: dict[tuple[int, ...], tuple[str, ...]] = {}
    whole = {id(those): tuple(those) for _, those in by_piece.values()}
    answer: dict[Any, tuple[str, ...]] = {}
    for value, several in found.items():
        key, most = tuple(map(id, several)), max(several, key=len)
        if key not in together:
            if all(one is most or one.keys() <= most.keys() for one in several):
                together[key] = whole[id(most)]  # the one tuple, which may be long
            else:
                everybody = {who for one in several for who in one}
                together[key] = tuple(sorted(everybody, key=places.__getitem__))
        answer[value] = together[key]
    return answer
