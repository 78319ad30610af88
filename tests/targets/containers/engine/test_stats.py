"""What an engine tells of a container's use, on control groups of both versions."""

from __future__ import annotations

from typing import Any

import pytest

from phasegate.model.containers import ContainerUsage
from phasegate.targets.containers.engine.stats import usage_in_stats

V1: dict[str, Any] = {
    "read": "2026-11-26T00:36:26.232770892Z",
    "pids_stats": {"current": 1},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"major": 8, "minor": 0, "op": "Read", "value": 4096},
            {"major": 8, "minor": 0, "op": "Write", "value": 512},
            {"major": 9, "minor": 0, "op": "Read", "value": 4},
        ]
    },
    "cpu_stats": {
        "cpu_usage": {"total_usage": 660662107},
        "throttling_data": {"periods": 33, "throttled_periods": 31, "throttled_time": 2416398645},
    },
    "memory_stats": {"usage": 1601536, "stats": {"inactive_file": 7, "total_inactive_file": 1015808}},
    "networks": {"eth0": {"rx_bytes": 736, "tx_bytes": 5}, "eth1": {"rx_bytes": 4, "tx_bytes": 1}},
}
V2 = {
    **V1,
    "memory_stats": {"usage": 1601536, "stats": {"inactive_file": 1015808}},
    "blkio_stats": {
        "io_service_bytes_recursive": [{"op": "read", "value": 4100}, {"op": "write", "value": 512}]
    },
}


@pytest.mark.parametrize("told", [V1, V2], ids=["v1", "v2"])
def test_both_versions_come_to_the_same(told: dict[str, Any]) -> None:
    assert usage_in_stats(told) == ContainerUsage(
        cpu=0.660662107,
        throttled=2.416398645,
        memory=585728,
        network_in=740,
        network_out=6,
        block_read=4100,
        block_written=512,
        pids=1,
    )


def test_one_that_does_not_run_used_nothing_that_is_known() -> None:
    assert usage_in_stats({**V1, "read": "0001-01-01T00:00:00Z"}) is None
    assert usage_in_stats({}) is None


def test_what_is_left_out_is_not_zero() -> None:
    assert usage_in_stats({"read": V1["read"]}) == ContainerUsage()
    bare = {**V1, "blkio_stats": {"io_service_bytes_recursive": None}, "memory_stats": {"usage": 5}}
    used = usage_in_stats(bare)
    assert used is not None
    assert (used.block_read, used.memory) == (None, None)


def test_the_network_of_another_is_not_its_own() -> None:
    used = usage_in_stats(V1, network=False)
    assert used is not None
    assert (used.network_in, used.network_out, used.pids) == (None, None, 1)
