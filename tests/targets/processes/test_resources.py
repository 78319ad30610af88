"""What processes of the target use: figures of real processes, and how they add up."""

from __future__ import annotations

import asyncio
import os
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.model.resources import INTERVAL, RESOURCES
from phasegate.targets.processes.local import LocalProcesses
from phasegate.targets.processes.members import MARK
from phasegate.targets.processes.process_group import ProcessGroup
from phasegate.targets.processes.resources import ProcessAccount, Resources, Sampler, samples_per_point
from phasegate.targets.processes.usage import Consumed, Usage, families, usage_of
from phasegate.world import Command
from tests.targets.conftest import SERVER, Bench

AT = datetime(2026, 1, 15, tzinfo=UTC)
MIB = 2**20


def usage(cpu: float = 0.0, *, children: float = 0.0, pid: int = 1, **more: int) -> Usage:
    return Usage(members={(pid, 0.0): Consumed(cpu, children)}, **more)


def account(*looks: tuple[float, Usage]) -> ProcessAccount:
    made = ProcessAccount("web", AT, looks[0][0])
    for at, seen in looks:
        made.add(at, seen)
    return made


def test_processor_time_is_a_share_of_one_core() -> None:
    made = account((10.0, usage(5.0)), (10.5, usage(5.25)), (11.5, usage(7.25)))
    cpu = made.used.gauges["cpu"]
    assert (cpu.samples, cpu.minimum, cpu.maximum, cpu.mean, cpu.span) == (2, 0.5, 2.0, 1.25, 1.5)


def test_a_look_soon_after_another_says_nothing_about_processor_time() -> None:
    made = account((0.0, usage(0.0)), (0.5, usage(0.1)), (0.51, usage(0.11)), (1.0, usage(0.2)))
    assert (made.used.gauges["cpu"].samples, made.used.gauges["memory"].samples) == (2, 4)
    assert made.used.gauges["cpu"].maximum == pytest.approx(0.2)


def test_a_family_that_has_ended_adds_no_zeros() -> None:
    made = account((0.0, usage(memory=MIB, threads=1)), (0.5, Usage(members={})))
    assert (made.used.gauges["memory"].samples, made.used.gauges["memory"].minimum) == (1, MIB)


def test_files_that_may_not_be_counted_give_no_measure() -> None:
    assert "open_files" not in account((0.0, usage()), (0.5, usage())).report().measures
    assert account((0.0, usage(open_files=3))).report().measures["open_files"].maximum == 3


def test_points_are_told_once_and_figures_go_on() -> None:
    made = account((0.0, usage(threads=1)), (0.5, usage(threads=2)))
    threads = {series.name: series.points for series in made.report().timeline}["threads"]
    assert threads == ((0.0, 1), (0.5, 2))
    made.add(1.0, usage(threads=3))
    report = made.report()
    assert {series.name: series.points for series in report.timeline}["threads"] == ((1.0, 3),)
    assert report.measures["threads"].samples == 3


def test_a_long_run_keeps_few_points_and_the_highest_values() -> None:
    assert [samples_per_point(hours * 3600 + 1) for hours in (0, 1, 2, 4, 8)] == [1, 2, 4, 8, 16]
    made = ProcessAccount("web", AT, 0.0)
    for look in range(2 * 3600 * 5):
        made.add(look / 2, usage(threads=1000 if look == 30_001 else 1))
    report = made.report()
    points = next(series.points for series in report.timeline if series.name == "threads")
    assert len(points) < 16_000
    assert max(value for _, value in points if value is not None) == 1000
    assert report.measures["threads"].samples == 2 * 3600 * 5


def test_time_of_children_that_came_and_went_counts_once() -> None:
    parent, child = (1, 0.0), (2, 0.0)
    before = Usage(members={parent: Consumed(1.0, 0.0), child: Consumed(3.0, 0.0)})
    waited_for = Usage(members={parent: Consumed(1.1, 3.4)})
    assert waited_for.cpu_since(before) == pytest.approx(0.5)
    never_seen = Usage(members={parent: Consumed(1.0, 0.7), child: Consumed(3.0, 0.0)})
    assert never_seen.cpu_since(before) == pytest.approx(0.7)
    orphan = Usage(members={parent: Consumed(1.2, 0.0)})
    assert orphan.cpu_since(before) == pytest.approx(0.2)


def test_a_process_id_that_is_given_anew_is_another_process() -> None:
    before = Usage(members={(1, 10.0): Consumed(50.0, 0.0)})
    assert Usage(members={(1, 99.0): Consumed(0.25, 0.0)}).cpu_since(before) == 0.25


consumed = st.builds(Consumed, st.floats(0, 100), st.floats(0, 100))
members = st.dictionaries(st.tuples(st.integers(1, 4), st.sampled_from([0.0, 1.0])), consumed)


@given(members, members)
def test_processor_time_is_never_negative(before: dict, after: dict) -> None:
    assert Usage(members=after).cpu_since(Usage(members=before)) >= 0


@asynccontextmanager
async def sampling(bench: Bench, code: str) -> AsyncIterator[tuple[Callable[[], Resources], ProcessGroup]]:
    """A program under a sampler; its first line of output says that it is where the test wants it."""
    ready = asyncio.Event()
    argv = ("python", "-c", textwrap.dedent(code))
    group = await LocalProcesses(dict(os.environ)).start(
        Command(argv=argv, cwd=bench.root, env={MARK: bench.mark}),
        on_line=lambda _, line: ready.set(),
    )
    told: list[Resources] = []
    sampler = Sampler(told.append, lambda: AT)
    try:
        await asyncio.wait_for(ready.wait(), 20)
        sampler.watch("web", group.pid)
        await asyncio.sleep(3 * INTERVAL + 0.1)
        await sampler.close()
        yield lambda: told[-1], group
    finally:
        await sampler.close()
        await group.end(2.0)


async def test_a_program_that_computes_shows_in_cpu(bench: Bench) -> None:
    async with sampling(bench, "print(1, flush=True)\nwhile True: pass") as (told, _):
        cpu = told().measures["cpu"]
    # Other tests may take their share of the machine.
    assert cpu.samples >= 2
    assert 0.05 < cpu.maximum < 1.5


async def test_a_program_that_waits_shows_next_to_none(bench: Bench) -> None:
    async with sampling(bench, "import time; print(1, flush=True); time.sleep(60)") as (told, _):
        assert told().measures["cpu"].maximum < 0.2


async def test_children_count_also_where_they_left_the_session(bench: Bench) -> None:
    code = """
        import subprocess, sys, time
        burn = "data = bytearray(64 * 2**20)\\nwhile True: pass"
        child = subprocess.Popen([sys.executable, "-c", burn], start_new_session=True)
        time.sleep(1)
        print(1, flush=True)
        child.wait()
    """
    async with sampling(bench, code) as (told, group):
        measures = told().measures
        family = families([group.pid])[group.pid]
    assert len(family) == 2
    assert measures["cpu"].maximum > 0.05
    assert measures["memory"].maximum > 64 * MIB


async def test_children_that_end_between_two_looks_leave_their_time(bench: Bench) -> None:
    code = """
        import subprocess, sys, time
        print(1, flush=True)
        burn = "import time; end = time.process_time() + 0.05\\nwhile time.process_time() < end: pass"
        while True:
            subprocess.run([sys.executable, "-c", burn])
    """
    async with sampling(bench, code) as (told, _):
        assert told().measures["cpu"].mean > 0.05


async def test_memory_threads_and_open_files_are_those_of_the_program(bench: Bench) -> None:
    code = """
        import threading, time
        data = bytearray(100 * 2**20)
        files = [open("/dev/null") for _ in range(40)]
        for _ in range(7):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        print(1, flush=True)
        time.sleep(60)
    """
    async with sampling(bench, code) as (told, _):
        measures = told().measures
    assert 100 * MIB < measures["memory"].minimum <= measures["memory"].maximum < 250 * MIB
    assert measures["threads"].last == 8
    assert 43 <= measures["open_files"].last < 60
    assert {name: gauge.dimension for name, gauge in measures.items()} == {
        name: spec.dimension for name, spec in RESOURCES.items()
    }


def test_a_process_that_is_gone_is_left_out() -> None:
    assert usage_of([2**22 + 1]) == Usage(members={})


async def test_a_look_costs_little() -> None:
    begun = time.process_time()
    for _ in range(50):
        usage_of(families([1])[1][:5])
    # A loaded machine with many processes may be slow; the design value is 1% of a core, here 5 ms.
    assert (time.process_time() - begun) / 50 < 0.1


async def test_a_stack_tells_what_its_processes_used_before_it_is_torn_down(bench: Bench) -> None:
    async with bench.stack(bench.process("web", SERVER), bench.process("api", SERVER)):
        await asyncio.sleep(2.5 * INTERVAL)
        assert not bench.sampled
    assert [used.entry for used in bench.sampled] == ["web", "api"]
    for used in bench.sampled:
        assert set(used.measures) == set(RESOURCES)
        assert used.measures["memory"].samples >= 2
        assert {series.name for series in used.timeline} == set(RESOURCES)
