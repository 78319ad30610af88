"""Parameters as they are asked for: with stand-ins until the target's addresses are known, and then real."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, fact
from phasegate.base.substitution import UnknownNameError, expand, finish, insert_values
from phasegate.base.tree import TreePath, model_of, path_text, value_at, with_values
from phasegate.kinds.base import CheckParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """A check's parameters in template form, to be validated again once addresses are known."""

    tree: Any
    each: Any = None
    """What `${each}` stands for, in template form."""
    replaced: tuple[tuple[TreePath, Any], ...] = ()
    """By place in `tree`: absolute paths, and the content of files, whose templates the kind ends."""
    addresses: tuple[TreePath, ...] = ()
    """Places in `tree` where an address stands, whose template `world.Addresses` ends."""
    own: frozenset[str] = frozenset()
    """Names that the kind gives values to; where there are some, it ends all templates."""

    def address(self, path: TreePath) -> str:
        """The address at a place in `tree`, in template form."""
        return expand(value_at(self.tree, path), {} if self.each is None else {"each": self.each})

    def resolve(
        self,
        values: Mapping[str, str],
        *,
        keep: Callable[[str], bool] = lambda _: False,
        everywhere: bool = True,
    ) -> Any:
        """The tree with values put in. `everywhere`: the target's also into addresses and documents.

        Errors: UnknownNameError for a name in `tree` that is neither in `values` nor kept.
        """
        known = ChainMap({"each": finish(insert_values(self.each, values, keep=keep))}, values)  # type: ignore[arg-type]
        tree = insert_values(self.tree, known, keep=lambda name: keep(name) or name in self.own)
        tree = tree if self.own else finish(tree)
        late = values if everywhere else {k: v for k, v in values.items() if not _is_of_target(k)}

        def stays(name: str) -> bool:
            return keep(name) or name in self.own or (_is_of_target(name) and not everywhere)

        def stays_inside(name: str) -> bool:
            # In documents, names that are neither are captures or columns, which the kind puts in.
            return stays(name) or not (_is_of_target(name) or name == "out")

        new = {path: insert_values(self.address(path), late, keep=stays) for path in self.addresses}
        new |= {path: insert_values(value, late, keep=stays_inside) for path, value in self.replaced}
        return with_values(tree, new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One entry of `each`, or the whole of a check without."""

    name: str
    """Empty for a check without `each`."""
    params: CheckParams
    """As validated at load; where `deferred` is set, addresses in it are stand-ins for people to read."""
    targets: tuple[str, ...] = ()
    """Where load is sent: hosts and ports that are not known yet stay as they are written."""
    deferred: Deferred | None = None
    entries: frozenset[str] = frozenset()
    """Ids of the target's entries that its addresses are of, as far as that is known at load."""

    def bind(self, values: Mapping[str, str]) -> CheckParams:
        """The parameters to observe with: `values` holds `target.<id>.url|host|port` and `out`.

        Errors: ObservationError when an address is not known, or a parameter is wrong with it.
        """
        if self.deferred is None:
            return self.params
        try:
            return model_of(type(self.params), self.deferred.resolve(values, everywhere=False))
        except UnknownNameError as unknown:
            raise ObservationError(fact(Code.NAME_NOT_KNOWN, name=unknown.name)) from None
        except ValidationError as invalid:
            first = invalid.errors(include_url=False, include_context=False)[0]
            where = path_text(first["loc"])
            raise ObservationError(fact(Code.DOES_NOT_FIT, path=where, why=first["msg"])) from None


def _is_of_target(name: str) -> bool:
    return name.startswith("target.")
