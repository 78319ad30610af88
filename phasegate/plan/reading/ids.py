"""Ids: each is there once in a plan, whatever it names."""

from __future__ import annotations

from phasegate.base.errors import Position
from phasegate.base.tree import TreePath
from phasegate.plan.reading.context import Context
from phasegate.plan.text.findings import where
from phasegate.plan.written.plan import ID_RULE, RESERVED, is_id


class Ids:
    """Who has which id."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[str, Position]] = {}

    def claim(
        self,
        context: Context,
        path: TreePath,
        id: str,
        owner: str,
        *,
        key: bool = False,
        at: Position | None = None,
    ) -> bool:
        """Take an id, or say who has it. Where the id is a key of the plan its form is looked at too.

        `at`: where it is written, where that is known.
        """
        if at is None:
            at = context.document.key_at(path) if key else context.document.value_at(path)
        if key and id in RESERVED:
            message = f"{id!r} is a word of the plan language and cannot be an id"
            context.findings.add(context.document, path, message, key=True)
            return False
        if key and not is_id(id):
            context.findings.add(context.document, path, f"{id!r} is not an id", help=ID_RULE, key=True)
            return False
        if id in self._owners:
            other, taken = self._owners[id]
            message = (
                f"{owner} {id!r}: this id is already taken by the {other} {where(taken, beside=at.file)}"
            )
            context.findings.add(context.document, path, message, help="ids are unique in a plan", key=key)
            return False
        self._owners[id] = (owner, at)
        return True
