"""Faults as they are written in a step: what is done to which entry, when, for how long, and what is asked
meanwhile."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from phasegate.base.fields import Closed, Duration, Text, WrittenAddress
from phasegate.base.marks import Demand
from phasegate.http.expectations.expectation import Expect, any_expected
from phasegate.http.written import Headers, address_like
from phasegate.kinds.base import TimedParams
from phasegate.model.faults import LASTING, RENEWING, Act
from phasegate.plan.written.plan import Argv, Id

MOST_UNDER_WAY = 100
"""Probes that may wait for their answer at a time."""
_ACTS = ", ".join(Act)


class FaultWritten(Closed):
    """Something done to the target on purpose while a check goes on: one of stop, kill, pause, restart,
    replace, cut and rollout, and the service or process that it is done to."""

    id: Id
    """The id of the fault, unique in the plan, for criteria: `crash.recovery_time < 10s`."""
    title: Text = ""
    """What reports call it."""
    stop: str | None = None
    """The process or service that is asked to end, and started again after `for`."""
    kill: str | None = None
    """The process or service that is killed, and started again after `for`."""
    pause: str | None = None
    """The process or service that is held, and goes on after `for`."""
    restart: str | None = None
    """The process or service that is ended and started again at once."""
    replace: str | None = None
    """The service or process that runs another version (`image`, `command`, `env`) for as long as `for` says;
    then its own is put back."""
    cut: str | None = None
    """The service that is taken off its network, and put back after `for`."""
    rollout: str | Annotated[list[str], Field(min_length=1)] | None = None
    """The services or processes whose instances run another version one after another, a name or a list. It
    is rolled back as soon as an instance is not ready, ends, or a blocking criterion of the checks that go on
    is not met."""
    during: str
    """The check of this step that goes on while the fault is done."""
    due: Duration = Field(alias="at")
    """When the fault is done, counted from the start of that check."""
    for_: Annotated[Duration, Field(gt=0)] | None = Field(default=None, alias="for")
    """How long the fault lasts; then it is undone. A `restart` has none; a `rollout` without it stays."""
    image: Text = ""
    """With `replace` and `rollout` of services: the other image."""
    command: Argv = ()
    """With `replace` and `rollout`: the other command."""
    env: dict[str, Text] = Field(default_factory=dict)
    """With `replace` and `rollout`: variables that the other version has besides, by name."""
    hold: Annotated[Duration, Field(ge=0)] = 1.0
    """With `rollout`: how long each instance is watched before the next one follows."""
    within: Annotated[Duration, Field(gt=0)] = 30.0
    """With `rollout`: how long each instance may take to be ready, and in the rollback to be ready again."""
    probe: Any
    """What is asked again and again to see the outage and the recovery."""

    @model_validator(mode="after")
    def _one_act(self) -> Self:
        written = [act for act in Act if getattr(self, act) is not None]
        if len(written) != 1:
            raise ValueError(f"say what is done to which entry of the target, by one of {_ACTS}")
        act = written[0]
        if act is Act.RESTART and self.for_ is not None:
            raise ValueError("a restart is over when it is done; leave 'for' out, or write stop")
        if act in LASTING and self.for_ is None:
            raise ValueError(f"'for' is missing: {act} goes on until it is undone")
        version = [key for key in ("image", "command", "env") if getattr(self, key)]
        if act in RENEWING and not version:
            raise ValueError(f"{act} runs another version: write its 'image', 'command' or 'env'")
        of_rollout = [key for key in ("hold", "within") if key in self.model_fields_set]
        for key, goes_with in (
            *((key, RENEWING) for key in version),
            *((key, frozenset({Act.ROLLOUT})) for key in of_rollout),
        ):
            if act not in goes_with:
                raise ValueError(f"{key!r} goes with {' and '.join(sorted(goes_with))}, and this is {act}")
        if len(set(self.targets)) < len(self.targets):
            raise ValueError("each entry of a rollout is named once")
        return self

    @property
    def act(self) -> Act:
        return next(act for act in Act if getattr(self, act) is not None)

    @property
    def targets(self) -> tuple[str, ...]:
        """The entries that it is done to, in their order."""
        written = getattr(self, self.act)
        return tuple(written) if isinstance(written, list) else (str(written),)


class ProbeParams(TimedParams):
    """What is asked again and again from before a fault until all is good again."""

    url: Annotated[WrittenAddress, address_like("/health")]
    """A path on the target's default entry, `/health`, or a URL."""
    method: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z-]*$", to_upper=True)] = "GET"
    """The request method: `POST`."""
    headers: Headers = Field(default_factory=dict)
    """Headers that are sent along, by name, beside those of the target entry."""
    every: Annotated[Duration, Field(ge=0.01), Demand.LESS] = 0.1
    """Time between the sending of two probes, whether the first was answered or not."""
    timeout: Annotated[Duration, Field(gt=0), Demand.LESS] = 1.0
    """After this time without an answer a probe is lost."""
    expect: Expect = Field(default_factory=any_expected)
    """What a good answer is; status 2xx unless it says otherwise."""
    within: Annotated[Duration, Field(gt=0), Demand.SHOWN] = 30.0
    """The longest wait, from the undoing, for all to be good again, also when the check has ended."""

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.timeout / self.every > MOST_UNDER_WAY:
            raise ValueError(
                f"more than {MOST_UNDER_WAY} probes may be under way at a time;"
                " write a longer 'every' or a shorter 'timeout'"
            )
        return self
