"""What a kind of target is, and those there are: started programs, services elsewhere, stacks in containers.

A kind reads what the plan has under its key into a `Group`, and deploys that. Everybody else knows groups,
entries and deployments only, so that a kind has one place and one line in `_PLACES`. They are named there and
imported when first asked for, as what deploys a group stands above the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, Field, create_model

from phasegate.base.fields import ID_PATTERN, Closed
from phasegate.base.tree import TreePath
from phasegate.plan.asked.entries import Entry, Group
from phasegate.plan.reading.addressable import Addressable
from phasegate.plan.reading.context import Context
from phasegate.plan.reading.ids import Ids
from phasegate.plan.text.named import Files
from phasegate.plan.written.plan import Commands

ID_KEY = ID_PATTERN.replace("^", "^(?!x-)", 1)
"""An id that is a key; what begins with x- is for notes."""
_ABOUT_DEFAULT = "The entry that paths such as `/health` are on; the only one unless given."
_ABOUT_SETUP = (
    "Commands that run when the target is up, before any step. Where one fails, nothing is checked."
)
_ABOUT_TEARDOWN = "Commands that run at the end, before the target is taken down, whatever happened."
ModelSchema = Callable[[type[BaseModel]], dict[str, Any]]
"""The JSON Schema of a model."""
G = TypeVar("G", bound=Group[Entry])
E = TypeVar("E", bound=Entry)
S = TypeVar("S")
D = TypeVar("D")


class TargetKind(Generic[G, S, D]):
    """Base of the kinds of target; `S` is the site that a group is deployed on, `D` the deployment."""

    group: type[G]
    """What it reads, which has the key under which that stands in a plan."""
    about: ClassVar[str]
    """What may stand there, for who writes a plan."""
    by_id: ClassVar[bool] = False
    """Whether a mapping of ids to entries stands there, each of which an environment replaces by itself."""
    written: ClassVar[tuple[Any, Any]] = (Any, None)
    """Type and default of what may stand there, as far as it is not validated on its own."""

    @property
    def key(self) -> str:
        return self.group.key

    def schema(self, model: ModelSchema) -> dict[str, Any]:
        """The JSON Schema of what may stand there."""
        raise NotImplementedError

    def addressable(
        self, known: Addressable, plan: Mapping[str, Any], written: Any, files: Files
    ) -> Addressable:
        """What can be named of the target, with this; `plan` is all of the plan as written. What is malformed
        is left for `read` to report."""
        raise NotImplementedError

    def read(self, context: Context, target: Mapping[str, Any], ids: Ids) -> G | None:
        """The group; None where there is none, or where something is wrong, and then every problem has been
        reported. `target` is as written."""
        raise NotImplementedError

    def place(self, target: Mapping[str, Any], id: str) -> TreePath:
        """Where an entry is written."""
        return ("target", self.key, id)

    def check(self, context: Context, group: G) -> None:
        """Report what does not go with the other entries of the target, which the context has by now."""

    def why_unsampled(self, id: str) -> tuple[str, str] | None:
        """Why no criterion can be on what an entry uses, after its name, and what can be done; None where it
        is sampled."""
        return "is not sampled, so nobody knows what it uses", "measure it through its answers"

    async def deploy(self, group: G, site: S) -> D:
        """A deployment of the group, with nothing done yet. Errors: ObservationError, TargetError."""
        raise NotImplementedError


class KindById(TargetKind[G, S, D], Generic[G, E, S, D]):
    """Base of the kinds that have a mapping of ids to entries."""

    by_id = True
    written: ClassVar[tuple[Any, Any]] = (dict[str, Any], {})
    Written: ClassVar[type[BaseModel]]
    """One entry as written."""

    def read_entry(self, context: Context, path: TreePath, id: str, tree: Any) -> E | None:
        """One entry, which stands at `path`; None where something is wrong with it, and reported."""
        raise NotImplementedError

    def schema(self, model: ModelSchema) -> dict[str, Any]:
        return {
            "type": "object",
            "patternProperties": {ID_KEY: model(self.Written), "^x-": True},
            "additionalProperties": False,
        }

    def addressable(
        self, known: Addressable, plan: Mapping[str, Any], written: Any, files: Files
    ) -> Addressable:
        return known.with_plain(self.key, [id for id, _ in entries_in(written)])

    def read(self, context: Context, target: Mapping[str, Any], ids: Ids) -> G | None:
        entries: list[E] = []
        for id, tree in entries_in(target.get(self.key)):
            path = self.place(target, id)
            ids.claim(context, path, id, "entry", key=True)
            entry = self.read_entry(context, path, id, tree)
            entries += [] if entry is None else [entry]
        return self.group(entries=tuple(entries)) if entries else None


def entries_in(written: Any) -> Iterator[tuple[str, Any]]:
    """The entries of a mapping by id, well written or not."""
    if isinstance(written, Mapping):
        yield from ((id, entry) for id, entry in written.items() if not id.startswith("x-"))


AnyKind = TargetKind[Any, Any, Any]
_PLACES = {
    "processes": "phasegate.targets.kinds.processes.kind:Processes",
    "external": "phasegate.targets.kinds.external:External",
    "compose": "phasegate.targets.kinds.compose:ComposeKind",
    "containers": "phasegate.targets.kinds.containers:ContainersKind",
}


@cache
def target_kinds() -> dict[str, AnyKind]:
    """The kinds of target by their keys, in the order in which their entries are told of."""
    places = (place.partition(":") for place in _PLACES.values())
    kinds = (getattr(import_module(module), name)() for module, _, name in places)
    return {kind.key: kind for kind in kinds}


@cache
def target_model(*kinds: AnyKind) -> type[Closed]:
    """The model of a target that may have groups of these kinds; its entries are validated on their own."""
    keys: dict[str, Any] = {
        kind.key: (kind.written[0], Field(kind.written[1], description=kind.about)) for kind in kinds
    }
    return create_model(
        "TargetWritten",
        __base__=Closed,
        __doc__="What is tested: programs to start, services that are there already, stacks in containers.",
        default=(str | None, Field(None, description=_ABOUT_DEFAULT)),
        **keys,
        setup=(Commands, Field((), description=_ABOUT_SETUP)),
        teardown=(Commands, Field((), description=_ABOUT_TEARDOWN)),
    )
