"""What the probes around a fault come to, on times made up for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.model.faults import Act, fault_measures
from phasegate.model.measures import Number, Share
from phasegate.runner.recovery import NEEDED, Moments, Probed, good_again, recovery

STOP = Moments(begun=10.0, done=10.2, undoing=13.2, undone=13.5)
"""Stopped at 10, down at 10.2, started again from 13.2 on, which took 0.3 s."""


def probes(*outcomes: str, every: float = 0.5, start: float = 9.0, takes: float = 0.1) -> list[Probed]:
    """One probe every half second from 9 on: `+` for a good answer, `-` for none, in each text."""
    return [
        Probed(
            sent=start + number * every,
            answered=start + number * every + takes,
            cause="" if outcome == "+" else "connection refused",
        )
        for number, outcome in enumerate("".join(outcomes))
    ]


def measured(act: Act, seen: Sequence[Probed], moments: Moments, until: float = 30.0) -> dict[str, Number]:
    found = recovery(act, seen, moments, until)
    assert set(found.measures) == set(fault_measures(act))
    return dict(found.measures)


def shown(number: Number) -> float:
    assert number.value is not None
    assert not number.unended
    return round(number.value, 3)


def test_recovery_counts_from_the_act_to_the_first_answer_of_the_unbroken_run() -> None:
    seen = probes("++", "-------", "+++++")
    found = measured(Act.STOP, seen, STOP)
    assert shown(found["recovery_time"]) == 3.6  # sent at 13.5
    assert shown(found["recovery_after"]) == 0.4
    assert shown(found["lost_requests"]) == 7
    assert shown(found["outage"]) == 4.0  # from 9.6 to 13.6


def test_answers_before_the_undoing_alone_are_no_recovery() -> None:
    # It still answers while it is told to end: three good ones in a row, and it is not even down.
    seen = probes("++", "++++--", "---", "+++")
    found = measured(Act.STOP, seen, STOP)
    assert shown(found["recovery_time"]) == 4.6


def test_service_of_which_another_copy_answers_was_never_away() -> None:
    found = measured(Act.STOP, probes("++", "+" * 12), STOP)
    assert shown(found["lost_requests"]) == 0
    assert shown(found["recovery_time"]) == 0.1
    assert shown(found["outage"]) == 0.5
    assert shown(found["recovery_after"]) == 0.4


def test_flapping_service_is_back_only_when_it_stays() -> None:
    seen = probes("++", "-------", "++-", "+-", "++-", "+++")
    found = measured(Act.STOP, seen, STOP)
    assert shown(found["recovery_time"]) == 7.6
    assert shown(found["lost_requests"]) == 10


def test_two_good_answers_at_the_end_are_not_enough_and_everything_is_open() -> None:
    found = measured(Act.KILL, probes("++", "-------", "++"), STOP, until=20.0)
    assert found.pop("recovered") == Share(passed=0, total=1, sample=False)
    assert all(number.unended for number in found.values())
    assert found["recovery_time"].value == 10.0
    assert found["lost_requests"].value == 7


def test_probe_that_was_under_way_when_it_was_done_is_lost_too() -> None:
    seen = [replace(probes("+")[0], sent=9.9, answered=10.9, cause="timeout"), *probes("+++++", start=13.5)]
    assert shown(measured(Act.STOP, seen, STOP)["lost_requests"]) == 1


def test_probe_that_failed_before_has_nothing_to_do_with_it() -> None:
    assert shown(measured(Act.STOP, probes("-", "+", "-------", "+++"), STOP)["lost_requests"]) == 7


def test_restart_counts_what_follows_its_end() -> None:
    moments = Moments(begun=10.0, done=11.0, undoing=10.0, undone=11.0)
    found = measured(Act.RESTART, probes("++", "--", "++++"), moments)
    assert shown(found["recovery_time"]) == 1.1


def test_replacing_has_a_time_for_each_way() -> None:
    seen = probes("++", "--", "+++++", "---", "+++")
    found = measured(Act.REPLACE, seen, STOP)
    assert shown(found["rollout_time"]) == 1.1
    assert shown(found["rollback_time"]) == 1.9  # sent at 15.0
    assert shown(found["lost_requests"]) == 5


def test_image_that_was_never_good_has_no_end_of_its_rollout_and_may_be_rolled_back() -> None:
    found = measured(Act.REPLACE, probes("++", "---------", "+++"), STOP)
    assert found["rollout_time"] == Number(
        value=pytest.approx(3.2), dimension=found["rollout_time"].dimension, unended=True
    )
    assert shown(found["rollback_time"]) == 1.4


OUTCOMES = st.text(alphabet="+-", max_size=60)
RECOVERED = st.tuples(
    st.text("+-", max_size=25), st.text("+", min_size=12, max_size=20), st.text("+-", max_size=15)
)
"""What was probed before, good probes enough for a recovery wherever they begin, and what came then."""


@given(outcomes=OUTCOMES | RECOVERED.map("".join))
def test_recovery_needs_good_probes_after_the_undoing_with_none_lost_among_them(outcomes: str) -> None:
    seen = probes(outcomes)
    run = good_again(seen, since=STOP.begun, settled=STOP.undone)
    assert all(probe.good and probe.sent >= STOP.begun for probe in run)
    assert not run or sum(probe.sent >= STOP.undone for probe in run) == NEEDED
    places = [seen.index(probe) for probe in run]
    assert places == list(range(places[0], places[0] + len(places))) if places else True


@given(outcomes=RECOVERED, gone=st.integers(min_value=0, max_value=15))
def test_probes_that_nobody_saw_never_make_a_recovery(outcomes: tuple[str, str, str], gone: int) -> None:
    whole, cut = probes(*outcomes), probes(*outcomes[:2], outcomes[2][:gone])
    found = recovery(Act.KILL, cut, STOP, 40.0)
    assert found.recovered is not None
    assert recovery(Act.KILL, whole, STOP, 40.0) == found


@given(outcomes=OUTCOMES, at=st.integers(min_value=0, max_value=59))
def test_another_lost_probe_never_makes_it_faster(outcomes: str, at: int) -> None:
    better, worse = outcomes, outcomes[:at] + "-" + outcomes[at + 1 :]
    for act in (Act.STOP, Act.REPLACE):
        first = recovery(act, probes(better), STOP, 60.0).measures
        second = recovery(act, probes(worse), STOP, 60.0).measures
        for name in first:
            one, other = first[name], second[name]
            if isinstance(one, Share):
                assert isinstance(other, Share)
                assert other.passed <= one.passed
                continue
            assert isinstance(one, Number)
            assert isinstance(other, Number)
            assert other.unended or not one.unended
            if one.unended is other.unended:
                assert one.value is not None
                assert other.value is not None
                if name != "lost_requests" or not one.unended:
                    assert other.value >= one.value - 1e-9


def seen_but(seen: Sequence[Probed], missed: Sequence[float]) -> list[Probed]:
    """The same probes without those at some moments, of which phasegate missed all."""
    return [probe for probe in seen if probe.sent not in missed]


def test_outage_in_which_phasegate_did_not_look_is_as_little_as_it_may_have_been() -> None:
    missed = [14.5, 15.0, 15.5, 16.0]
    whole = probes("++", "-------", "+++++", "+++++++")
    found = recovery(Act.STOP, seen_but(whole, missed), STOP, 30.0, missed).measures
    assert found["outage"] == measured(Act.STOP, whole, STOP)["outage"]
    missed = [12.5, 13.0, 13.5, 14.0, 14.5]
    found = recovery(Act.STOP, seen_but(whole, missed), STOP, 30.0, missed).measures
    outage = found["outage"]
    assert (outage.value, outage.least) == (pytest.approx(5.5), pytest.approx(2.9))


def test_what_phasegate_missed_between_two_lost_probes_excuses_nothing() -> None:
    missed = [11.5, 12.0]
    whole = probes("++", "-------", "+++++")
    found = recovery(Act.STOP, seen_but(whole, missed), STOP, 30.0, missed)
    assert found.measures["outage"].least is None
    assert found.measures["outage"] == measured(Act.STOP, whole, STOP)["outage"]


def test_target_that_phasegate_did_not_look_at_again_may_have_recovered() -> None:
    missed = [13.5 + number * 0.5 for number in range(10)]
    assert recovery(Act.STOP, probes("++", "-------"), STOP, 20.0, missed).may_have_recovered
    assert not recovery(Act.STOP, probes("++", "-------"), STOP, 20.0).may_have_recovered
    assert not recovery(Act.STOP, probes("++", "-" * 30), STOP, 24.0, missed).may_have_recovered


@given(outcomes=st.text("+-", min_size=14, max_size=30), data=st.data())
def test_no_time_is_longer_at_the_least_than_it_would_have_been(outcomes: str, data: st.DataObject) -> None:
    """What was really so lies between what was observed and what it is at the least, or above both."""
    whole = probes("++", outcomes, "++++")
    missed = data.draw(st.sets(st.sampled_from([probe.sent for probe in whole[2:]]), min_size=1))
    found = recovery(Act.STOP, seen_but(whole, sorted(missed)), STOP, 40.0, sorted(missed))
    for number in (each for each in found.measures.values() if isinstance(each, Number)):
        assert number.least is None or (number.value is not None and number.least <= number.value)
