"""What a file says that checks name, such as a suite: read once, however many of them name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from phasegate.base.substitution import insert_values, names_in
from phasegate.model.result import EvidenceFile
from phasegate.plan.reading.context import Context
from phasegate.plan.reading.lacking import Uses
from phasegate.plan.text.annotations import is_model
from phasegate.plan.text.tree import TreePath, model_of
from phasegate.plan.text.yaml import Document


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

    @cached_property
    def model(self) -> Any:
        """Its model, with stand-ins for addresses; the same as a tree where it is none."""
        tree = (
            insert_values(self.tree, self.context.addresses, keep=lambda _: True) if self.names else self.tree
        )
        try:
            return model_of(self.kind, tree) if is_model(self.kind) and not self.broken else tree
        except ValidationError:
            return tree

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Names of secrets that are not set and that it uses."""
        return self.context.missing_in(self.written)

    @cached_property
    def uses(self) -> Uses:
        """What it uses of the entries that lack secrets."""
        return self.context.lacking.uses(self.written)
