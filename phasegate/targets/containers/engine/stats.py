"""What containers use as an engine tells of it; the shape is that of the Engine API's `stats`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.model.containers import ContainerUsage

_NANO = 1e9
_NEVER = "0001-01-01"


def usage_in_stats(told: Mapping[str, Any], *, network: bool = True) -> ContainerUsage | None:
    """From `GET /containers/<id>/stats`; None for a container that does not run.

    `network`: whether the interfaces it tells of are the container's own.
    """
    if str(told.get("read", _NEVER)).startswith(_NEVER):
        return None
    processor = told.get("cpu_stats") or {}
    came, went = _traffic(told) if network else (None, None)
    return ContainerUsage(
        cpu=_seconds((processor.get("cpu_usage") or {}).get("total_usage")),
        throttled=_seconds((processor.get("throttling_data") or {}).get("throttled_time")),
        memory=_working_set(told.get("memory_stats") or {}),
        network_in=came,
        network_out=went,
        block_read=_blocks(told, "read"),
        block_written=_blocks(told, "write"),
        pids=(told.get("pids_stats") or {}).get("current"),
    )


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / _NANO


def _working_set(memory: Mapping[str, Any]) -> int | None:
    """See `cgroups.usage_in`; the engine names the file cache as its control groups do, v1 or v2."""
    usage, stats = memory.get("usage"), memory.get("stats") or {}
    cache = stats.get("total_inactive_file", stats.get("inactive_file"))
    return None if usage is None or cache is None else max(0, usage - cache)


def _traffic(told: Mapping[str, Any]) -> tuple[int | None, int | None]:
    interfaces = told.get("networks")
    if interfaces is None:
        return None, None
    counters = interfaces.values()
    return sum(one["rx_bytes"] for one in counters), sum(one["tx_bytes"] for one in counters)


def _blocks(told: Mapping[str, Any], word: str) -> int | None:
    """Bytes over all devices; v1 says `Read`, v2 `read`."""
    entries = (told.get("blkio_stats") or {}).get("io_service_bytes_recursive")
    if entries is None:
        return None
    return sum(int(one["value"]) for one in entries if one["op"].lower() == word)
