"""The schedule of probes in simulated time: whose fault it is where a moment passes without a probe."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from phasegate.gate.criterion import parse_criterion
from phasegate.gate.judge import judge
from phasegate.http.probes.moments import LATE, TICK
from phasegate.kinds.health import GRACE, Health, HealthParams
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.observation import Observation
from phasegate.render.sentences import sentence
from phasegate.world import Cause, HttpFailure, HttpReply, HttpRequest
from tests.examples import examples
from tests.observed import distribution, share
from tests.rules import Rule, rules
from tests.virtual_time import SimulatedClock, run_simulated
from tests.worlds import StaticAddresses, TemporaryEvidence, TestWorld

MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN
Span = tuple[float, float]
"""From, until; seconds."""


@dataclass
class Target:
    """Answers in `latency`, or when a silence is over; others may have all places of the client meanwhile."""

    latency: float = 0.03
    silent: Sequence[Span] = ()
    taken: Sequence[Span] = ()
    """When other checks have all places."""
    came: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    """By the same places as `came`; infinite while there is no answer."""

    @property
    def room(self) -> bool:
        return self._past(self.taken) == self._now

    async def send(self, request: HttpRequest) -> HttpReply | HttpFailure:
        await asyncio.sleep(self._past(self.taken) - self._now)
        sent = self._now
        place = len(self.came)
        self.came.append(sent)
        self.answered.append(math.inf)
        answer = self._past(self.silent) + self.latency
        await asyncio.sleep(min(answer - sent, request.timeout))
        self.answered[place] = self._now
        elapsed = self._now - sent
        if answer - sent > request.timeout:
            return HttpFailure(cause=Cause.TIMEOUT, message="timeout", elapsed=elapsed)
        return HttpReply(status=200, headers=(), body=b"", elapsed=elapsed, url=request.url)

    def owing(self, begin: float, end: float) -> list[float]:
        """When the requests came in, before `begin`, whose answer was still to come at `end`."""
        times = zip(self.came, self.answered, strict=True)
        return [came for came, at in times if came < begin - TICK / 10 and at > end]

    def _past(self, spans: Sequence[Span]) -> float:
        """This moment, or the end of the spans that it is in."""
        at = self._now
        for begin, end in sorted(spans):
            at = end if begin <= at < end else at
        return at

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def observe(target: Target, folder: Path, *, stalls: Sequence[Span] = (), **written: Any) -> Observation:
    """Observe in simulated time. `stalls` are those of phasegate; `lasting` is for a check beside others."""
    lasting = written.pop("lasting", None)
    params = HealthParams.model_validate({"url": "http://shop/", **written})

    async def main() -> Observation:
        world = TestWorld(
            http=target,
            target=StaticAddresses(),
            evidence=TemporaryEvidence(folder),
            root=folder,
            clock=SimulatedClock(),
            accompanies=lasting is not None,
        )
        if lasting is not None:
            asyncio.get_running_loop().call_at(lasting, world.stop, "all others have ended")
        return await Health().observe(params, world)

    return run_simulated(main(), stalls=[(begin, end - begin) for begin, end in stalls])


def verdict(criterion: str, observation: Observation) -> CriterionVerdict:
    parsed = parse_criterion(f"c.{criterion}")
    return judge(parsed, observation.measures[parsed.measure], confidence=0.95).verdict


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evidence")


def test_answers_slower_than_the_schedule_are_awaited_side_by_side(folder: Path) -> None:
    target = Target(latency=0.03)
    seen = observe(target, folder, every="10ms", probes=300)
    assert (share(seen, "success_rate").passed, distribution(seen, "latency").n) == (300, 300)
    assert (distribution(seen, "latency").quantile(1.0) or (0, 0))[1] == pytest.approx(0.03)
    assert target.came == pytest.approx([number * 0.01 for number in range(300)], abs=1e-4)
    assert seen.notes == ()


def test_no_more_than_the_plan_allows_are_under_way(folder: Path) -> None:
    target = Target(silent=[(0.0, 0.5)])
    seen = observe(target, folder, every="10ms", probes=50, in_flight=5)
    assert max(len(target.owing(at + TICK, at)) for at in target.came) == 5
    assert distribution(seen, "latency").failed >= 45
    assert share(seen, "success_rate").passed == 50
    assert "all 5 that may be in flight waited for the target" in sentence(seen.notes[0])


def test_moments_of_a_target_that_never_answers_fail_with_the_oldest_probe(folder: Path) -> None:
    seen = observe(Target(silent=[(0.0, 60.0)]), folder, every="10ms", probes=300, timeout="2s", in_flight=3)
    assert (share(seen, "success_rate").passed, share(seen, "success_rate").total) == (0, 300)
    assert set(map(sentence, seen.causes)) == {
        "timeout",
        "not sent, as earlier probes were still waiting: timeout",
    }
    assert share(seen, "success_rate").unused == 0


def test_a_short_delay_of_phasegate_makes_probes_late_and_misses_none(folder: Path) -> None:
    target = Target()
    seen = observe(target, folder, every="10ms", lasting=5.0, stalls=[(1.0, 1.9)])
    assert (share(seen, "success_rate").unused, distribution(seen, "latency").failed) == (0, 0)
    assert verdict("success_rate == 100%", seen) is MET
    assert seen.notes == ()


def test_late_probes_do_not_come_all_at_once(folder: Path) -> None:
    target = Target()
    observe(target, folder, every="10ms", lasting=8.0, stalls=[(1.0, 1.9)])
    late = [at for at in target.came if 1.8 < at < 2.9]
    assert max(sum(at <= other < at + 0.1 for other in late) for at in late) <= 3 + 0.1 / 0.008 + 1


def test_a_long_delay_of_phasegate_leaves_moments_unused_and_the_demand_unproven(folder: Path) -> None:
    seen = observe(Target(), folder, every="10ms", lasting=35.7, stalls=[(1.0, 6.0)])
    found = share(seen, "success_rate")
    assert (found.failed, distribution(seen, "latency").failed) == (0, 0)
    assert found.unused == pytest.approx(400, abs=5)
    moments = f"{found.unused} of {found.total + found.unused:,} scheduled requests"
    said = f"{moments} were not sent in time: phasegate was late"
    assert tuple(map(sentence, seen.notes)) == (said,)
    assert verdict("success_rate == 100%", seen) is UNPROVEN
    assert verdict("success_rate >= 80%", seen) is MET
    assert verdict("latency.p50 < 100ms", seen) is MET
    assert verdict("latency.p95 < 100ms", seen) is UNPROVEN


def test_where_a_number_is_asked_for_later_moments_take_the_place_of_those_missed(folder: Path) -> None:
    seen = observe(Target(), folder, every="10ms", probes=300, stalls=[(1.0, 6.0)])
    found = share(seen, "success_rate")
    assert (found.passed, found.total, found.unused) == (300, 300, 0)
    assert found.replaced == pytest.approx(400, abs=5)
    assert sentence(seen.notes[0]).endswith(
        "scheduled requests were not sent in time: phasegate was late; later ones took their place"
    )
    assert verdict("success_rate == 100%", seen) is MET


def test_places_that_other_checks_have_are_not_held_against_the_target(folder: Path) -> None:
    seen = observe(Target(taken=[(0.5, 3.5)]), folder, every="100ms", lasting=10.0)
    assert share(seen, "success_rate").unused == pytest.approx(20, abs=2)
    assert (share(seen, "success_rate").failed, distribution(seen, "latency").failed) == (0, 0)


class Contended(Target):
    """Says that there is room until it is too late."""

    room = True  # type: ignore[assignment]


@pytest.mark.parametrize("timeout", ["1s", "30s"])
def test_what_passes_while_a_probe_waits_for_a_place_is_not_held_against_the_target(
    folder: Path, timeout: str
) -> None:
    target = Contended(taken=[(0.5, 3.45)])
    seen = observe(target, folder, every="100ms", lasting=10.0, in_flight=1, timeout=timeout)
    assert share(seen, "success_rate").unused == pytest.approx(30, abs=2)
    assert (share(seen, "success_rate").failed, distribution(seen, "latency").failed) == (0, 0)


def test_the_answers_that_came_while_phasegate_stood_still_are_read_before_a_moment_is_judged(
    folder: Path,
) -> None:
    seen = observe(Target(), folder, every="10ms", lasting=5.0, in_flight=4, stalls=[(1.001, 1.6)])
    assert distribution(seen, "latency").failed == 0


def test_probes_that_phasegate_bunched_excuse_nothing_that_the_target_does_not_answer(folder: Path) -> None:
    target = Target(silent=[(1.0, 9.0)])
    seen = observe(target, folder, every="10ms", lasting=12.0, in_flight=4, stalls=[(0.96, 1.003)])
    assert share(seen, "success_rate").unused <= 1
    assert distribution(seen, "latency").failed == pytest.approx(800, abs=10)


def test_a_schedule_that_rested_goes_on_from_where_it_is_and_misses_nothing(folder: Path) -> None:
    target = Target(silent=[(0.1, 20.0)])
    seen = observe(target, folder, every="10ms", probes=40, in_flight=2)
    assert (share(seen, "success_rate").passed, share(seen, "success_rate").replaced) == (40, 0)


SITUATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "phasegate stands still for a moment beside the run": (
        "success_rate == 100%",
        {"lasting": 9.0, "stalls": [(1.0, 1.8)]},
    ),
    "phasegate stands still for seconds beside the run": (
        "success_rate == 100%",
        {"lasting": 9.0, "stalls": [(1.0, 4.0)]},
    ),
    "phasegate stands still for seconds, and the demand holds without what it missed": (
        "success_rate >= 70%",
        {"lasting": 20.0, "stalls": [(1.0, 4.0)]},
    ),
    "phasegate stands still for seconds, and a probe that was sent failed": (
        "success_rate == 100%",
        {"lasting": 9.0, "stalls": [(1.0, 4.0)], "silent": [(7.0, 7.5)], "timeout": "100ms"},
    ),
    "phasegate stands still for seconds, and a number of probes is asked for": (
        "success_rate == 100%",
        {"probes": 300, "stalls": [(1.0, 4.0)]},
    ),
    "the target does not answer for seconds": (
        "latency.p95 < 100ms",
        {"lasting": 9.0, "silent": [(1.0, 4.0)]},
    ),
}
GATE = {MET: ("PASS", 0), NOT_MET: ("FAIL", 1), UNPROVEN: ("INCONCLUSIVE", 3)}


@pytest.mark.parametrize("rule", rules("unused"), ids=str)
def test_a_rule_of_the_page_is_what_happens(folder: Path, rule: Rule) -> None:
    criterion, how = SITUATIONS[rule.situation]
    how = {**how}
    seen = observe(Target(silent=how.pop("silent", ())), folder, every="10ms", **how)
    assert GATE[verdict(criterion, seen)] == (rule.verdict, rule.exit_code)


def test_every_situation_stands_on_the_page() -> None:
    assert {rule.situation for rule in rules("unused")} == set(SITUATIONS)


@st.composite
def spans(draw: st.DrawFn, most: int, longest: float) -> list[Span]:
    """Apart from each other, on a raster that no schedule below is on."""
    gaps = draw(st.lists(st.tuples(st.integers(1, 40), st.integers(1, int(longest * 10))), max_size=most))
    at, found = 0.0, []
    for gap, length in gaps:
        begin = at + gap * 0.1 + 0.0017
        at = begin + length * 0.1
        found.append((begin, at))
    return found


schedules = st.sampled_from([0.01, 0.02, 0.05, 0.2, 1.0])


def written(every: float) -> str:
    return f"{every * 1000:g}ms"


@settings(max_examples=examples(30))
@given(every=schedules, stalls=spans(3, 4.0), taken=spans(3, 4.0), planned=st.booleans(), tight=st.booleans())
@example(every=0.01, stalls=[(1.0017, 4.0017)], taken=[], planned=False, tight=True)
@example(every=0.02, stalls=[(3.0034, 4.0034)], taken=[(2.0034, 3.0034)], planned=True, tight=False)
def test_a_good_target_is_never_blamed_for_phasegate(
    folder: Path, every: float, stalls: list[Span], taken: list[Span], planned: bool, tight: bool
) -> None:
    how: dict[str, Any] = {"probes": 150} if planned else {"lasting": 12.0}
    how["in_flight"] = math.floor(0.03 / every) + 2 if tight else 64
    seen = observe(Target(taken=taken), folder, every=written(every), stalls=stalls, **how)
    found, latency = share(seen, "success_rate"), distribution(seen, "latency")
    assert (found.failed, latency.failed, seen.causes) == (0, 0, {})
    assert verdict("success_rate == 100%", seen) is not NOT_MET
    event(f"unused: {found.unused > 0}, replaced: {found.replaced > 0}")
    if planned:
        assert (found.passed, found.unused) == (150, 0)


@settings(max_examples=examples(30))
@given(every=schedules, stalls=spans(4, 0.9), target=st.builds(Target, st.sampled_from([0.002, 0.03, 0.3])))
def test_short_delays_of_phasegate_make_no_moment_unused(
    folder: Path, every: float, stalls: list[Span], target: Target
) -> None:
    kept = [(begin, end) for begin, end in stalls if end - begin < LATE - 4 * every / 5]
    apart = [span for number, span in enumerate(kept) if number == 0 or span[0] > kept[number - 1][1] + 5.0]
    assume(apart)
    seen = observe(target, folder, every=written(every), stalls=apart, lasting=8.0, in_flight=300)
    assert share(seen, "success_rate").unused == 0
    assert verdict("success_rate == 100%", seen) is MET


@st.composite
def silences(draw: st.DrawFn) -> Span:
    begin = draw(st.integers(3, 50)) * 0.1 + 0.0003
    return begin, begin + draw(st.integers(10, 120)) * 0.1


@settings(max_examples=examples(30))
@given(
    every=st.sampled_from([0.01, 0.02, 0.05]),
    silence=silences(),
    stalls=spans(3, 3.0),
    in_flight=st.sampled_from([1, 3, 8, 64]),
    timeout=st.sampled_from(["1s", "30s"]),
)
@example(every=0.01, silence=(0.5, 25.5), stalls=[], in_flight=64, timeout="30s")
@example(every=0.01, silence=(0.5, 25.5), stalls=[(0.45, 2.0)], in_flight=64, timeout="30s")
def test_a_silence_of_the_target_is_never_excused(
    folder: Path, every: float, silence: Span, stalls: list[Span], in_flight: int, timeout: str
) -> None:
    """Every moment at which the target owes as many answers as may be under way counts against it."""
    target, end = Target(silent=[silence]), silence[1] + 2.0
    seen = observe(
        target,
        folder,
        every=written(every),
        stalls=stalls,
        in_flight=in_flight,
        timeout=timeout,
        lasting=end,
    )
    owed = [
        due
        for due in takewhile(lambda due: due < end - 0.5, (number * every for number in count()))
        if len(owing := target.owing(due, looked_at(due, stalls))) == in_flight
        and looked_at(due, stalls) - 2 * TICK - min(owing) >= (in_flight - 1) * every
    ]
    event(f"by phasegate's own delays: {bool(stalls)}")
    assume(owed)
    assert distribution(seen, "latency").failed >= len(owed)
    assert verdict(f"latency.p{quantile_among(seen, owed):g} < 50ms", seen) is NOT_MET


def looked_at(due: float, stalls: Sequence[Span]) -> float:
    """The latest moment at which phasegate looks at what was due then."""
    for begin, end in stalls:
        due = end if begin - 2 * TICK <= due <= end else due
    return due + GRACE + 2 * TICK


def quantile_among(seen: Observation, owed: Sequence[float]) -> float:
    """A quantile that is among so many, however the rest went."""
    n = distribution(seen, "latency").n
    return min(99.99, math.floor((1 - len(owed) / n) * 10000 + 1) / 100)
