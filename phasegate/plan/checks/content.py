"""What a file says that checks name, such as a suite: read once, however many of them name it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from phasegate.base.dataclass import dataclass
from phasegate.base.fields import UNCHOSEN, Located
from phasegate.base.substitution import insert_values, names_in
from phasegate.base.tree import TreePath, model_of
from phasegate.base.yaml import Document
from phasegate.model.result import EvidenceFile
from phasegate.plan.reading.context import Context
from phasegate.plan.reading.lacking import Uses
from phasegate.plan.text.annotations import is_model


@dataclass(frozen=True, kw_only=True)
class Content:
    """One file with values put in; what is wrong with it has been reported."""

    context: Context
    kind: Any
    """The type that it is meant to be of."""
    document: Document
    written: Any
    """With the values that are known, and no secrets."""
    tree: Any
    """With secrets, and with files that it names itself made absolute."""
    broken: tuple[TreePath, ...]
    """Places in it of names that lead nowhere."""
    files: Mapping[str, EvidenceFile]
    """Files that it names, by name."""
    filled: Mapping[str, Any]
    """What was put in, by name."""
    entries: frozenset[str]
    """Ids of the entries that its addresses are of."""

    @cached_property
    def names(self) -> frozenset[str]:
        """Names that get their values later."""
        return frozenset(names_in(self.tree))

    def seen(self, chosen: Mapping[str, str]) -> Any:
        """Its model, with stand-ins for addresses; the same as a tree where it is none. `chosen`: what in it
        is meant, by the key that says so."""
        if self._model is not None:
            # What its validators have against the choice, they say of the copy.
            return self._model.model_copy(update=chosen) if chosen else self._model
        if not isinstance(self._settled, Mapping):
            return self._settled
        return Located({**self._settled, **chosen}, at=getattr(self._settled, "at", None))

    @property
    def wrong(self) -> bool:
        """Whether it is not what it is meant to be, which is reported where it is named first."""
        return is_model(self.kind) and self._model is None

    @cached_property
    def _model(self) -> Any:
        if not is_model(self.kind) or self.broken:
            return None
        try:
            return model_of(self.kind, self._settled, context=UNCHOSEN)
        except ValidationError:
            return None

    @cached_property
    def _settled(self) -> Any:
        addresses = self.context.addresses
        return insert_values(self.tree, addresses, keep=lambda _: True) if self.names else self.tree

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Names of secrets that are not set and that it uses."""
        return self.context.missing_in(self.written)

    @cached_property
    def uses(self) -> Uses:
        """What it uses of the entries that lack secrets."""
        return self.context.lacking.uses(self.written)
