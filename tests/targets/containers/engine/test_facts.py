from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from phasegate.model.containers import ContainerState, Health, Limits, Port
from phasegate.targets.containers.engine.facts import (
    NUMBER,
    ONE_OFF,
    PROJECT,
    SERVICE,
    container_of,
    healthcheck_of,
    image_of,
    moment,
)

JAPAN = timezone(timedelta(hours=9))
TOLD: dict[str, Any] = {
    "Id": "c1",
    "Name": "/shop-web-2",
    "Image": "sha256:1",
    "Created": "2026-11-26T08:00:00.123456789Z",
    "RestartCount": 2,
    "Config": {
        "Image": "shop/web:1",
        "Labels": {SERVICE: "web", PROJECT: "shop", NUMBER: "2"},
        "Cmd": ["serve"],
        "Entrypoint": ["sh"],
        "ExposedPorts": {"9000/tcp": {}, "53/udp": {}},
    },
    "State": {
        "Status": "running",
        "ExitCode": 0,
        "Pid": 7,
        "StartedAt": "2026-11-26T08:00:01Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
        "Health": {
            "Status": "unhealthy",
            "Log": [{"Output": "old"}, {"Output": "\n  connection refused \nmore"}],
        },
    },
    "HostConfig": {
        "Memory": 1 << 20,
        "NanoCpus": 500_000_000,
        "PidsLimit": -1,
        "NetworkMode": "shop_default",
    },
    "NetworkSettings": {
        "Ports": {"9000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}], "53/udp": None},
        "Networks": {"shop_default": {"IPAddress": "172.18.0.2"}, "none": {"IPAddress": ""}},
    },
}


def told(**changes: Any) -> dict[str, Any]:
    return {**TOLD, **{key: {**TOLD[key], **value} for key, value in changes.items()}}


def test_a_container_is_as_the_engine_tells() -> None:
    one = container_of(TOLD)
    assert (one.name, one.service, one.number, one.project) == ("shop-web-2", "web", 2, "shop")
    assert (one.state, one.health, one.health_output) == (
        ContainerState.RUNNING,
        Health.UNHEALTHY,
        "connection refused",
    )
    assert (one.exit_code, one.restarts, one.pid, one.command) == (None, 2, 7, ("sh", "serve"))
    assert one.created == datetime(2026, 11, 26, 8, 0, 0, 123456, UTC)
    assert (one.started, one.finished) == (datetime(2026, 11, 26, 8, 0, 1, tzinfo=UTC), None)
    assert one.ports == (
        Port(number=53, protocol="udp"),
        Port(number=9000, protocol="tcp", host="127.0.0.1", host_port=32768),
    )
    assert one.addresses == {"shop_default": "172.18.0.2"}
    assert one.limits == Limits(memory=1 << 20, cpus=0.5, pids=None)
    assert (one.restart_policy, one.one_off) == ("no", False)


def test_a_container_that_compose_did_not_make_is_a_service_by_its_name() -> None:
    assert container_of(told(Config={"Labels": None})).service == "shop-web-2"
    blank = container_of(told(Config={"Labels": {SERVICE: "", NUMBER: "first", ONE_OFF: "True"}}))
    assert (blank.service, blank.number, blank.one_off) == ("shop-web-2", 1, True)


def test_an_ended_container_has_the_exit_code_that_a_running_one_does_not() -> None:
    ended = container_of(told(State={"Status": "exited", "ExitCode": 137, "OOMKilled": True, "Health": None}))
    assert (ended.exit_code, ended.oom_killed, ended.health) == (137, True, Health.NONE)


def test_a_state_that_is_not_one_of_docker_proves_nothing() -> None:
    assert container_of(told(State={"Status": "stopping"})).state is ContainerState.UNKNOWN


def test_limits_of_cpu_time_are_read_in_either_form() -> None:
    quota = container_of(told(HostConfig={"NanoCpus": 0, "CpuQuota": 150_000, "CpuPeriod": 100_000}))
    assert quota.limits.cpus == 1.5
    assert container_of(told(HostConfig={"NanoCpus": 0, "CpuQuota": -1})).limits.cpus is None


@pytest.mark.parametrize(
    ("exposed", "ports"),
    [
        ({"80/tcp": {}, "80/udp": {}}, [(80, "tcp"), (80, "udp")]),
        ({"8000-8002/tcp": {}}, [(8000, "tcp"), (8001, "tcp"), (8002, "tcp")]),
        ({"80": {}}, [(80, "tcp")]),
        ({"": {}, "http/tcp": {}}, []),
        (None, []),
    ],
)
def test_exposed_ports_are_read_as_other_programs_write_them(exposed: Any, ports: list[Any]) -> None:
    image = image_of({"Id": "i1", "Config": {"ExposedPorts": exposed}}, ())
    assert [(port.number, port.protocol) for port in image.exposed] == ports


def test_a_port_that_got_no_place_on_the_machine_is_not_published() -> None:
    settings = {"Ports": {"80/tcp": [{"HostIp": "", "HostPort": ""}]}, "Networks": None}
    one = container_of(told(Config={"ExposedPorts": None}, NetworkSettings=settings))
    assert one.ports == (Port(number=80, protocol="tcp"),)
    assert one.addresses == {}


def test_history_of_an_image_begins_with_its_oldest_step() -> None:
    newest_first = [{"CreatedBy": "CMD", "Size": 0}, {"CreatedBy": None, "Size": 5}]
    assert [step.size for step in image_of({"Id": "i1"}, newest_first).history] == [5, 0]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-26T08:00:00Z", datetime(2026, 11, 26, 8, tzinfo=UTC)),
        ("2026-11-26T08:00:00.5Z", datetime(2026, 11, 26, 8, 0, 0, 500_000, UTC)),
        ("2026-11-26T08:00:00.123456789+09:00", datetime(2026, 11, 26, 8, 0, 0, 123456, JAPAN)),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_moments_of_the_engine_are_read_and_those_that_never_were_are_none(text: str | None, at: Any) -> None:
    assert moment(text) == at


def test_a_healthcheck_that_is_switched_off_is_none_and_defaults_are_those_of_the_engine() -> None:
    assert healthcheck_of(None) is None
    assert healthcheck_of({"Test": []}) is None
    assert healthcheck_of({"Test": ["NONE"]}) is None
    found = healthcheck_of({"Test": ["CMD", "true"], "Interval": 2_000_000_000, "Retries": 0})
    assert found is not None
    assert (found.interval, found.timeout, found.retries) == (2.0, 30.0, 3)
