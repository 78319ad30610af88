"""From what containers had used at each look to what their services used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phasegate.kinds.resources.account import GAUGES, MOST_POINTS, StackAccount
from phasegate.model.containers import Container, ContainerState, ContainerUsage, Limits
from phasegate.model.measures import Gauge, Measure, Number
from phasegate.render.sentences import sentence

BORN = datetime(2026, 1, 15, tzinfo=UTC)
MIB = 1 << 20


def container(service: str = "api", number: int = 1, *, limit: int | None = None, **more: Any) -> Container:
    facts: dict[str, Any] = {
        "id": f"{service}-{number}",
        "name": f"{service}-{number}",
        "service": service,
        "number": number,
        "image": "i",
        "image_id": "i",
        "state": ContainerState.RUNNING,
        "created": BORN,
        "started": BORN,
        "pid": 7,
        "limits": Limits(memory=limit),
    }
    return Container(**{**facts, **more})


def why(account: StackAccount) -> dict[tuple[str, str], str]:
    return {key: sentence(said) for key, said in account.absent().items()}


def usage(cpu: float = 0.0, memory: int = MIB, **more: Any) -> ContainerUsage:
    counted = {"throttled": 0.0, "network_in": 0, "network_out": 0, "block_read": 0, "block_written": 0}
    return ContainerUsage(**{"cpu": cpu, "memory": memory, "pids": 1, **counted, **more})


def looked(*looks: list[tuple[Container, ContainerUsage]], asked: tuple[str, ...] = ()) -> StackAccount:
    """An account after a look each second."""
    account = StackAccount(every=1.0, asked=asked)
    for at, look in enumerate(looks):
        account.add(float(at), look)
    return account


def gauge(measures: Mapping[str, Measure], name: str) -> Gauge:
    measure = measures[name]
    assert isinstance(measure, Gauge)
    return measure


def test_counters_become_rates_from_the_second_look_on() -> None:
    api = container()
    account = looked(
        [(api, usage(cpu=10.0, network_in=1000, throttled=5.0))],
        [(api, usage(cpu=10.5, network_in=5000, throttled=5.1))],
        [(api, usage(cpu=12.0, network_in=5000, throttled=5.1))],
    )
    (part,) = account.parts().values()
    cpu = gauge(part, "cpu")
    assert (cpu.samples, cpu.minimum, cpu.maximum, cpu.mean) == (2, 0.5, 1.5, 1.0)
    assert (cpu.interval, cpu.span) == (1.0, 2.0)
    assert gauge(part, "network_in").maximum == 4000
    assert gauge(part, "throttled").maximum == pytest.approx(0.1)
    assert gauge(part, "memory").samples == 3
    assert part["samples"] == Number(value=3)


def test_the_time_between_two_looks_is_the_one_there_was() -> None:
    api, account = container(), StackAccount(every=1.0)
    account.add(0.0, [(api, usage(cpu=1.0))])
    account.add(4.0, [(api, usage(cpu=2.0))])
    assert gauge(account.parts()["api"], "cpu").maximum == 0.25


def test_containers_of_a_service_and_services_add_up() -> None:
    first, second, db = container(), container(number=2), container("db")
    account = looked(
        [(first, usage(0)), (second, usage(0)), (db, usage(0, 4 * MIB))],
        [(first, usage(0.5)), (second, usage(0.25)), (db, usage(1.0, 4 * MIB))],
    )
    api, whole = account.parts()["api"], account.measures()
    assert (gauge(api, "cpu").maximum, gauge(api, "memory").maximum) == (0.75, 2 * MIB)
    assert (gauge(whole, "cpu").maximum, gauge(whole, "memory").maximum) == (1.75, 6 * MIB)
    assert gauge(whole, "pids").maximum == 3


def test_of_shares_of_limits_and_throttling_the_greatest_counts() -> None:
    first, second = container(limit=4 * MIB), container("db", limit=2 * MIB)
    account = looked(
        [(first, usage(throttled=0.0)), (second, usage(throttled=0.0))],
        [(first, usage(throttled=0.3)), (second, usage(throttled=0.9))],
    )
    whole = account.measures()
    assert gauge(whole, "memory_share").maximum == 0.5
    assert gauge(whole, "throttled").maximum == pytest.approx(0.9)


def test_without_a_limit_there_is_no_share_of_it_and_the_reason_names_who() -> None:
    first, second = container(limit=4 * MIB), container("db")
    account = looked(*[[(first, usage()), (second, usage())]] * 3)
    assert "memory_share" in account.parts()["api"]
    assert "memory_share" not in account.parts()["db"]
    assert "memory_share" not in account.measures()
    assert why(account)["db", "memory_share"] == "db has no memory limit"
    assert why(account)["", "memory_share"] == "db has no memory limit"
    assert ("api", "memory_share") not in account.absent()


def test_a_counter_that_goes_back_gives_no_value() -> None:
    api = container()
    account = looked(*([(api, usage(cpu=cpu))] for cpu in (5.0, 6.0, 0.5, 0.75)))
    cpu = gauge(account.parts()["api"], "cpu")
    assert (cpu.samples, cpu.minimum, cpu.maximum) == (2, 0.25, 1.0)


def test_one_that_was_started_again_counts_anew() -> None:
    # Its counters have already passed those of before, which would look like steady use.
    again = container(started=BORN + timedelta(seconds=1))
    account = looked([(container(), usage(cpu=1.0))], [(again, usage(cpu=90.0))], [(again, usage(cpu=90.5))])
    assert gauge(account.parts()["api"], "cpu").maximum == 0.5


def test_what_is_not_known_of_one_is_not_known_of_all() -> None:
    first, second = container(), container("db")
    account = looked(*[[(first, usage()), (second, usage(block_read=None))]] * 3)
    assert "block_read" in account.parts()["api"]
    assert "block_read" not in account.measures()
    assert why(account)["", "block_read"] == "block_read of db could not be read"


def test_the_network_of_another_container_is_counted_there_and_that_of_the_machine_nowhere() -> None:
    owner, guest = container(), container("side", network_mode="container:api-1")
    account = looked(
        [(owner, usage(network_in=0)), (guest, usage(network_in=None))],
        [(owner, usage(network_in=70)), (guest, usage(network_in=None))],
    )
    assert gauge(account.measures(), "network_in").maximum == 70
    assert "no network of its own" in why(account)["side", "network_in"]
    host = container("host", network_mode="host")
    account = looked(
        [(owner, usage(network_in=0)), (host, usage(network_in=None))],
        [(owner, usage(network_in=70)), (host, usage(network_in=None))],
    )
    assert "network_in" not in account.measures()
    assert "(network mode host)" in why(account)["", "network_in"]


def test_a_service_that_was_asked_for_and_never_ran_leaves_the_whole_without_measures() -> None:
    account = looked(*[[(container(), usage())]] * 3, asked=("api", "db"))
    assert account.measures() == {}
    assert account.missing == ("db",)
    assert {why(account)["", name] for name in (*GAUGES, "samples")} == {
        "no container of db was seen running"
    }
    assert why(account)["db", "memory"] == "no container of db was seen running"
    assert "memory" in account.parts()["api"]


def test_one_look_is_no_sample_count_and_nothing_seen_is_nothing() -> None:
    account = looked([(container(), usage())])
    assert "samples" not in account.measures()
    assert why(account)["", "samples"] == "api was sampled once, and 2 samples are needed"
    account = looked([], [])
    assert (account.measures(), account.parts(), account.looks) == ({}, {}, 0)
    assert why(account)["", "samples"] == "no container was seen running"


def test_looks_at_which_nothing_ran_count_for_nothing_and_leave_a_gap() -> None:
    api = container()
    account = looked([(api, usage())], [], [(api, usage())], [(api, usage())])
    part = account.parts()["api"]
    assert (part["samples"], gauge(part, "memory").samples) == (Number(value=3), 3)
    (memory, pids) = account.timeline()
    assert memory.points == ((0.0, MIB), (1.0, None), (2.0, MIB), (3.0, MIB))
    assert (memory.name, memory.unit, pids.name, pids.unit) == ("api.memory", "B", "api.pids", "")


def test_a_long_timeline_keeps_its_peaks_and_its_bounds() -> None:
    api, looks = container(), 5000
    account = looked(*([(api, usage(memory=(at == 4321) * MIB + 5))] for at in range(looks)))
    memory = next(line for line in account.timeline() if line.name == "api.memory")
    assert MOST_POINTS / 2 <= len(memory.points) < MOST_POINTS
    assert max(value or 0 for _, value in memory.points) == MIB + 5
    at = next(time for time, value in memory.points if value == MIB + 5)
    assert abs(at - 4321) <= looks / len(memory.points)
    times = [time for time, _ in memory.points]
    assert times == sorted(set(times))
