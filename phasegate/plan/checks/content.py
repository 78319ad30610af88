"""What a file says that checks name, such as a suite: read once, however many of them name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from phasegate.base.dataclass import dataclass
from phasegate.base.fields import Located
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
    _chosen: list[Any] = field(default_factory=list)
    """The first model that was made with a choice."""

    @cached_property
    def names(self) -> frozenset[str]:
        """Names that get their values later."""
        return frozenset(names_in(self.tree))

    @cached_property
    def model(self) -> Any:
        """Its model, with stand-ins for addresses; the same as a tree where it is none."""
        try:
            return self._model_of(self._settled)
        except ValidationError:
            return self._settled

    def choose(self, chosen: Mapping[str, str]) -> Any:
        """As `model`, with a choice of what in it is meant, by the key that says so."""
        if not isinstance(self._settled, Mapping):
            return self._settled
        for first in self._chosen:
            # What its validators have against the choice, they say of the copy.
            return first.model_copy(update=chosen)
        tree = Located({**self._settled, **chosen}, at=getattr(self._settled, "at", None))
        try:
            model = self._model_of(tree)
        except ValidationError:
            return tree
        if model is not tree:
            self._chosen.append(model)
        return model

    @cached_property
    def _settled(self) -> Any:
        addresses = self.context.addresses
        return insert_values(self.tree, addresses, keep=lambda _: True) if self.names else self.tree

    def _model_of(self, tree: Any) -> Any:
        return model_of(self.kind, tree) if is_model(self.kind) and not self.broken else tree

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Names of secrets that are not set and that it uses."""
        return self.context.missing_in(self.written)

    @cached_property
    def uses(self) -> Uses:
        """What it uses of the entries that lack secrets."""
        return self.context.lacking.uses(self.written)
