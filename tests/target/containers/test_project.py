"""Stacks that Compose brings up: ready, reached, logged, and gone."""

from __future__ import annotations

import httpx
import pytest

from phasegate.plan.entries import ServiceEntry
from tests.engines import ENGINE, nothing_left
from tests.target.containers.conftest import Yard

__all__ = ["nothing_left"]
pytestmark = [pytest.mark.usefixtures("nothing_left"), *ENGINE]

SHOP = """
    services:
      web:
        image: BUSYBOX
        container_name: phasegate-t-web
        command: SERVE
        environment: {PORT: "8080"}
        ports: ["8089:8080"]
        depends_on: {db: {condition: service_healthy}, migrate: {condition: service_started}}
        volumes: ["data:/data"]
      db:
        image: BUSYBOX
        command: SERVE
        environment: {PORT: "5432", DB_PASSWORD: hunter2-hunter2}
        healthcheck: {test: ["CMD", "test", "-e", "/www/health"], interval: 1s, retries: 20}
      migrate:
        image: BUSYBOX
        command: ["sh", "-c", "echo migrated hunter2-hunter2"]
    volumes: {data: {name: phasegate-t-data}}
    networks: {default: {name: phasegate-t-net}}
"""


async def status(url: str) -> int:
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).status_code


async def test_a_stack_is_up_while_the_context_is_open_and_gone_after(yard: Yard) -> None:
    compose = yard.compose(SHOP, entries=(ServiceEntry(id="web"), ServiceEntry(id="db", port=5432)))
    async with yard.stack(compose) as target:
        values = target.values()
        assert await status(f"{values['target.web.url']}/health") == 200
        assert await status(f"{values['target.db.url']}/health") == 200
        assert values["target.web.host"] == "127.0.0.1"
        assert values["target.db.port.5432"] == values["target.db.port"]
        assert "target.migrate.url" not in values
        assert target.declares(values["target.db.url"])
        services = [one.service for one in await yard.containers.all()]
        assert services == ["db", "migrate", "web"]
    assert not yard.problems
    states = yard.states()
    assert sorted(states[:3]) == ["db starting", "migrate starting", "web starting"]
    assert sorted(states[3:6]) == ["db ready", "migrate ready", "web ready"]
    assert sorted(states[6:]) == ["db stopped", "web stopped"]
    assert yard.log("migrate") == "migrated [redacted]\n"
    assert yard.record("web").log == "evidence/target/web.log"
    assert yard.record("web").kind == "container"
    kept = (yard.store.path / "target" / "compose.yaml").read_text()
    assert "hunter2" not in kept
    assert "container_name" not in kept
