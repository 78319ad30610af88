"""What containers use, read from control groups of both versions: texts, then containers with a known use."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from phasegate.model.containers import Container, ContainerState, ContainerUsage
from phasegate.targets.containers import cgroups
from phasegate.targets.containers.cgroups import (
    UNIFIED,
    Mount,
    folders_of,
    mounts_in,
    traffic_in,
    usage_in,
    usage_of,
    usage_on_this_machine,
)
from phasegate.targets.containers.engine.client import Engine
from tests.engines import ENGINE, busybox, client, nothing_left, own

__all__ = ["nothing_left"]

ID = "3e95fcd18e6af14b1a3a27f090eaa4124f8290042915d52b0295d186a34d27bb"
V1 = {
    ("cpuacct", "cpuacct.usage"): "660662107\n",
    ("cpu", "cpu.stat"): "nr_periods 33\nnr_throttled 31\nthrottled_time 2416398645\nnr_bursts 0\n",
    ("memory", "memory.usage_in_bytes"): "1601536\n",
    ("memory", "memory.stat"): "inactive_file 7\nrss 57344\ntotal_rss 57344\ntotal_inactive_file 1015808\n",
    ("blkio", "blkio.throttle.io_service_bytes_recursive"): (
        "8:0 Read 4096\n8:0 Write 8192\n8:0 Total 12288\n254:0 Read 512\n254:0 Write 0\nTotal 12800\n"
    ),
    ("pids", "pids.current"): "3\n",
}
V2 = {
    (UNIFIED, "cpu.stat"): (
        "usage_usec 660662\nuser_usec 640000\nsystem_usec 20662\nnr_periods 33\nnr_throttled 31\n"
        "throttled_usec 2416398\n"
    ),
    (UNIFIED, "memory.current"): "1601536\n",
    (UNIFIED, "memory.stat"): "anon 57344\nfile 1044480\ninactive_file 1015808\nactive_file 28672\n",
    (
        UNIFIED,
        "io.stat",
    ): "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n254:0 rbytes=512 wbytes=0\n",
    (UNIFIED, "pids.current"): "3\n",
}
NET_DEV = """\
Inter-|   Receive                            |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier
    lo:  9000  90    0    0    0    0          0         0  9000  90    0    0    0     0       0         0
  eth0:   736   8    0    0    0    0          0         0    42   1    0    0    0     0       0         0
  eth1:   100   1    0    0    0    0          0         0     8   1    0    0    0     0       0         0
"""
V1_MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/me\\040mory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
V2_MOUNTS = (
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
)


def container(**more: Any) -> Container:
    facts: dict[str, Any] = {
        "id": ID,
        "name": "shop_api_1",
        "service": "api",
        "image": "api",
        "image_id": "x",
    }
    born = datetime(2026, 1, 15, tzinfo=UTC)
    return Container(**{**facts, "state": ContainerState.RUNNING, "created": born, "pid": 71, **more})


@pytest.mark.parametrize("files", [V1, V2], ids=["v1", "v2"])
def test_both_versions_tell_the_same(files: dict[tuple[str, str], str]) -> None:
    used = usage_in(lambda controller, name: files.get((controller, name)), net_dev=NET_DEV)
    assert used == ContainerUsage(
        cpu=pytest.approx(0.660662, abs=1e-6),
        throttled=pytest.approx(2.416398, abs=1e-6),
        memory=585728,
        network_in=836,
        network_out=50,
        block_read=4608,
        block_written=8192,
        pids=3,
    )


@pytest.mark.parametrize("files", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("measure", ["cpu", "throttled", "memory", "block_read", "pids"])
def test_what_is_not_there_is_not_zero(files: dict[tuple[str, str], str], measure: str) -> None:
    words = {"cpu": "cpu", "throttled": "cpu.stat", "block_read": "io", "memory": "memory", "pids": "pids"}
    left = {key: text for key, text in files.items() if words[measure] not in key[1]}
    used = usage_in(lambda controller, name: left.get((controller, name)), net_dev=None)
    assert getattr(used, measure) is None
    assert (used.network_in, used.network_out) == (None, None)


def test_memory_without_its_file_cache_known_is_not_had() -> None:
    files = {**V2, (UNIFIED, "memory.stat"): "anon 57344\n"}
    assert usage_in(lambda *key: files.get(key), net_dev=None).memory is None


def test_a_working_set_is_never_negative() -> None:
    files = {**V2, (UNIFIED, "memory.current"): "4096\n"}
    assert usage_in(lambda *key: files.get(key), net_dev=None).memory == 0


def test_blocks_of_version_1_without_a_device_are_none_moved() -> None:
    used = usage_in(lambda _, name: "Total 0\n" if name.endswith("_bytes") else None, net_dev=None)
    assert (used.block_read, used.block_written) == (0, 0)


def test_loopback_is_not_network() -> None:
    assert traffic_in("\n".join(NET_DEV.splitlines()[:3])) == (0, 0)


def test_groups_are_found_where_they_are_mounted() -> None:
    groups = (
        f"4:memory:/docker/{ID}\n2:cpu,cpuacct:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/docker/{ID}\n"
    )
    assert folders_of(groups, tuple(mounts_in(V1_MOUNTS))) == {
        "cpu": f"/sys/fs/cgroup/cpu,cpuacct/docker/{ID}",
        "cpuacct": f"/sys/fs/cgroup/cpu,cpuacct/docker/{ID}",
        "memory": f"/sys/fs/cgroup/me mory/docker/{ID}",
        UNIFIED: f"/sys/fs/cgroup/unified/docker/{ID}",
    }
    scope = f"/system.slice/docker-{ID}.scope"
    assert folders_of(f"0::{scope}\n", tuple(mounts_in(V2_MOUNTS))) == {UNIFIED: f"/sys/fs/cgroup{scope}"}


def test_groups_outside_of_what_is_mounted_are_left_out() -> None:
    below = Mount(controllers=frozenset({"memory"}), root="/outer", at=Path("/cg"))
    assert folders_of("4:memory:/outer/docker/a", [below]) == {"memory": "/cg/docker/a"}
    assert folders_of("4:memory:/outermost/a", [below]) == {}
    assert folders_of("0::/../docker/a", tuple(mounts_in(V2_MOUNTS))) == {}


@pytest.fixture
def version_2(tmp_path: Path) -> tuple[Path, Path]:
    """A `/proc` with one process in a group of version 2, and the group's folder."""
    proc, group = tmp_path / "proc", tmp_path / f"groups/system.slice/docker-{ID}.scope"
    group.mkdir(parents=True)
    for (_, name), text in V2.items():
        (group / name).write_text(text)
    (proc / "71/net").mkdir(parents=True)
    (proc / "71/cgroup").write_text(f"0::/system.slice/docker-{ID}.scope\n")
    (proc / "71/net/dev").write_text(NET_DEV)
    return proc, group


def version_2_at(group: Path) -> tuple[Mount, ...]:
    return (Mount(controllers=frozenset({UNIFIED}), root="/", at=group.parent.parent),)


def test_a_container_of_version_2_is_read_from_its_files(version_2: tuple[Path, Path]) -> None:
    proc, group = version_2
    used = usage_on_this_machine(container(), version_2_at(group), proc)
    assert used is not None
    assert (used.memory, used.network_in, used.pids) == (585728, 836, 3)


def test_a_process_that_moved_into_a_group_below_is_counted_with_the_whole_container(
    version_2: tuple[Path, Path],
) -> None:
    proc, group = version_2
    (proc / "71/cgroup").write_text(f"0::/system.slice/docker-{ID}.scope/init.scope\n")
    (group / "init.scope").mkdir()
    (group / "init.scope" / "memory.current").write_text("4096\n")
    used = usage_on_this_machine(container(), version_2_at(group), proc)
    assert used is not None
    assert used.memory == 585728


@pytest.mark.parametrize("mode", ["host", f"container:{ID[::-1]}"])
def test_a_network_that_is_not_its_own_is_not_counted_for_it(version_2: tuple[Path, Path], mode: str) -> None:
    proc, group = version_2
    used = usage_on_this_machine(container(network_mode=mode), version_2_at(group), proc)
    assert used is not None
    assert (used.network_in, used.network_out, used.memory) == (None, None, 585728)


def test_the_number_of_its_process_given_to_another_is_noticed(version_2: tuple[Path, Path]) -> None:
    proc, group = version_2
    mounts = version_2_at(group)
    (proc / "71/cgroup").write_text("0::/user.slice\n")
    assert usage_on_this_machine(container(), mounts, proc) is None
    assert usage_on_this_machine(container(pid=72), mounts, proc) is None
    assert usage_on_this_machine(container(pid=0), mounts, proc) is None


def test_groups_that_cannot_be_read_tell_nothing(version_2: tuple[Path, Path]) -> None:
    proc, group = version_2
    assert usage_on_this_machine(container(), (), proc) is None
    for file in group.iterdir():
        file.unlink()
    assert usage_on_this_machine(container(), version_2_at(group), proc) is None


real = [pytest.mark.usefixtures("nothing_left"), *ENGINE]


def with_engine(test: Callable[..., Any]) -> Callable[..., Any]:
    for mark in real:
        test = mark(test)
    return test


@pytest.fixture(params=["files", "engine"])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where figures come from; the engine is asked where nothing can be read here."""
    if request.param == "engine":
        monkeypatch.setattr(cgroups, "mounts_seen", lambda proc: ())
    return str(request.param)


@with_engine
async def test_known_use_is_told_by_files_and_engine_alike(source: str) -> None:
    image = busybox('CMD ["sleep", "600"]')
    burn = (
        "head -c 30000000 /dev/zero | tail & ping -s 1000 -c 20 -i 0.01 $GATE >/dev/null; while :; do :; done"
    )
    gate = client().networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    busy = client().containers.run(
        image,
        ["sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null; " + burn],
        environment={"GATE": gate},
        labels={"phasegate.t": own("used")},
        nano_cpus=200_000_000,
        mem_limit="128m",
        detach=True,
    )
    engine = await Engine.connect(os.environ)
    try:
        (found,) = await engine.containers([f"phasegate.t={own('used')}"])
        async with asyncio.timeout(60):
            while True:
                first = (await usage_of(engine, [found]))[found.id]
                if (first.network_out or 0) > 20_000 and (first.memory or 0) > 20 << 20:
                    break
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        second = (await usage_of(engine, [found]))[found.id]
        busy.kill()
        busy.wait()
        assert await usage_of(engine, [found]) == {}
        busy.remove(force=True)
        assert await usage_of(engine, [found]) == {}
    finally:
        engine.close()
        for left in client().containers.list(all=True, filters={"label": f"phasegate.t={own('used')}"}):
            left.remove(force=True)
    assert since(first.cpu, second.cpu) > 0.05
    assert since(first.throttled, second.throttled) > 0.1
    assert 20 << 20 < since(0, second.memory) < 128 << 20
    assert 20_000 < since(0, second.network_out) < 200_000
    assert since(0, second.pids) >= 1
    # An engine on groups of version 2 says nothing of blocks before one is read or written.
    if source == "files" or first.block_read is not None:
        assert since(first.block_read, second.block_read) >= 0


def since(before: float | None, after: float | None) -> float:
    assert before is not None
    assert after is not None
    return after - before


@with_engine
async def test_the_network_of_the_machine_is_nobodys() -> None:
    image = busybox('CMD ["sleep", "600"]')
    made = client().containers.run(
        image, network_mode="host", labels={"phasegate.t": own("host")}, detach=True
    )
    engine = await Engine.connect(os.environ)
    try:
        (found,) = await engine.containers([f"phasegate.t={own('host')}"])
        used = (await usage_of(engine, [found]))[found.id]
        told = (await usage_of(engine, [replace(found, pid=0)]))[found.id]
    finally:
        engine.close()
        made.remove(force=True)
    assert (used.network_in, told.network_in) == (None, None)
    assert used.memory is not None
