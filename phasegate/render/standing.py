"""What stands beside the verdict on the first screen of every format: what a signer must know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from phasegate.base.dataclass import dataclass
from phasegate.base.units import count, enumerate_words, format_seconds
from phasegate.model.measures import Distribution, Measure, Share
from phasegate.model.result import CriterionResult, RunResult
from phasegate.render.approvals import TONES, roles_text, signatures_of
from phasegate.render.failures import flaky_of
from phasegate.render.lines import line_tally
from phasegate.render.sentences import missed_moments_text
from phasegate.render.waivers import beside_verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingLine:
    """One line beside the verdict."""

    label: str
    text: str
    tone: str
    """`pass`, `fail`, `warn`, `waived` or `text`."""
    anchor: str = ""
    """The part of the page that has the whole of it."""


def standing(run: RunResult) -> tuple[StandingLine, ...]:
    """All lines, in the order of `SOURCES`; none where there is nothing to say."""
    return tuple(line for source in SOURCES for line in source(run))


def _lines(run: RunResult) -> Iterator[StandingLine]:
    found = line_tally(run)
    if found.total:
        yield StandingLine(label="Written plan", text=found.text, tone=found.tone, anchor="steps")


def _flaky(run: RunResult) -> Iterator[StandingLine]:
    flaky = flaky_of(run)
    if flaky:
        named = enumerate_words((item.name or item.check.id for item in flaky), 3)
        text = f"{count(len(flaky), 'pass', 'passes')} only when tried again: {named}"
        yield StandingLine(label="Flaky", text=text, tone="warn", anchor="flaky")


def _baselines(run: RunResult) -> Iterator[StandingLine]:
    if not run.baselines:
        return
    held = sum(bool(criterion.judged.baseline) for criterion in run.criteria)
    named = enumerate_words((f"{one.path} (run {one.run})" for one in run.baselines), 3)
    several = f"the median of {len(run.baselines)} runs: " if len(run.baselines) > 1 else ""
    text = f"{count(held, 'criterion', 'criteria')} held against {several}{named}"
    yield StandingLine(label="Baseline", text=text, tone="text", anchor="baselines")


def _waivers(run: RunResult) -> Iterator[StandingLine]:
    for label, text, tone in beside_verdict(run):
        yield StandingLine(label=label, text=text, tone=tone, anchor="waivers")


def _clusters(run: RunResult) -> Iterator[StandingLine]:
    worth = [item for item in run.criteria if item.judged.effective_n is not None]
    if worth:
        named = enumerate_words(
            (f"{item.id}: {item.judged.n or 0:,} are worth {item.judged.effective_n:,}" for item in worth), 2
        )
        text = f"what fell short came together in time; {named}"
        yield StandingLine(label="Not independent", text=text, tone="warn", anchor="criteria")


def _decided_lines(run: RunResult) -> Iterator[StandingLine]:
    decided = [item for item in run.criteria if item.judged.decided is not None]
    if decided:
        named = enumerate_words((f"{item.id} after {_after(item)}" for item in decided), 2)
        text = f"{count(len(decided), 'criterion', 'criteria')} before the sample was complete: {named}"
        yield StandingLine(label="Decided early", text=text, tone="text", anchor="criteria")


def _after(item: CriterionResult) -> str:
    decided = item.judged.decided
    return "" if decided is None else f"{decided.n:,} in {format_seconds(decided.at)}"


def _late(run: RunResult) -> Iterator[StandingLine]:
    """Moments of a schedule that phasegate itself missed, by check and fault."""
    missed = [
        f"{check.id}: {max(words)[1]}"
        for check in run.checks()
        if (words := [*_missed_moments(check.seen.measures.values())])
    ]
    missed += [
        f"{fault.id}: {missed_moments_text(fault.unused, fault.probes + fault.unused)}"
        for fault in run.faults()
        if fault.unused
    ]
    if missed:
        yield StandingLine(label="Late", text=enumerate_words(missed, 3), tone="warn", anchor="steps")


def _missed_moments(measures: Iterable[Measure]) -> Iterator[tuple[int, str]]:
    """Of each sample that misses something: how many moments there were, and what is to be said of them."""
    for one in measures:
        if isinstance(one, Share | Distribution) and one.unused + one.replaced:
            seen = one.total if isinstance(one, Share) else one.n
            missed = one.unused + one.replaced
            yield seen + missed, missed_moments_text(missed, seen + missed, replaced=not one.unused)


def _environment(run: RunResult) -> Iterator[StandingLine]:
    if run.env:
        yield StandingLine(label="Environment", text=run.env, tone="text")


def _policy(run: RunResult) -> Iterator[StandingLine]:
    if run.policy is not None:
        text = f"{run.policy.name} ({run.policy.path}, sha256 {run.policy.sha256[:12]})"
        yield StandingLine(label="Policy", text=text, tone="text")


def _approvals(run: RunResult) -> Iterator[StandingLine]:
    roles = signatures_of(run).roles
    if roles:
        tones = {TONES[role.standing] for role in roles}
        tone = next(tone for tone in ("fail", "warn", "pass") if tone in tones)
        text = roles_text(roles)
        yield StandingLine(label="Sign-off", text=text, tone=tone, anchor="sign-off")


SOURCES: tuple[Callable[[RunResult], Iterator[StandingLine]], ...] = (
    _waivers,
    _lines,
    _environment,
    _policy,
    _flaky,
    _late,
    _clusters,
    _decided_lines,
    _baselines,
    _approvals,
)
