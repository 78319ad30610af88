"""A stack of the shape that the first written plan had: eleven containers, healthchecks that say nothing.

Five services of its own whose healthcheck is `exit 0` (controller, nodejs, python, rust, worker), three
without any (prometheus, grafana, loki), two with real ones (postgres, redis), and migrate, which does its
work and ends. The images are busybox: httpd answers, and the controller's API is a shell script that asks a
runtime.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.engines import busybox
from tests.pipeline.bench import Desk

OWN = ("controller", "nodejs", "python", "rust", "worker")
WITHOUT = ("prometheus", "grafana", "loki")
SERVICES = (*OWN, *WITHOUT, "postgres", "redis", "migrate")
_PORTS = {
    "controller": 8080,
    "prometheus": 9090,
    "grafana": 3000,
    "loki": 3100,
    "postgres": 5432,
    "redis": 6379,
}
_RUNTIME = 9000

_CATALOGUE = b"""#!/bin/sh
printf 'Content-Type: application/json\\r\\n\\r\\n'
printf '{"functions": ["nodejs-calculator", "python-calculator", "rust-calculator"], "total": 3}\\n'
"""
# A runtime that does not answer is no reason to fail: the next one does. (busybox's own `wget -T` crashes.)
_EXECUTE = b"""#!/bin/sh
for runtime in $QUERY_STRING rust; do
  answer=$(timeout 1 wget -q -O - "http://$runtime:9000/run.json" 2>/dev/null) && break
done
[ -n "$answer" ] || printf 'Status: 503 Service Unavailable\\r\\n'
printf 'Content-Type: application/json\\r\\n\\r\\n'
printf '%s\\n' "${answer:-{\\"error\\": \\"no runtime answers\\"\\}}"
"""

REQUESTS = 480
"""That the load check is to send."""
SUITE = """\
suite: 1
flows:
  - id: functions
    requests:
      - id: list
        method: GET
        url: /cgi-bin/functions
        expect: {status: 200, json: {$.total: 3, $.functions: {length: 3}}}
        capture: {title: "$.functions[0]"}
  - id: execute
    requests:
      - id: each-runtime
        each: [nodejs, python, rust]
        method: GET
        url: "/cgi-bin/execute?${each}"
        expect: {status: 200, json: {$.result: 42, $.version: "1"}}
"""


def image(version: str = "1") -> str:
    """One image for every service; what makes the services different is their command."""
    about = {"status": "ok", "version": version}
    return busybox(
        "COPY www /www",
        "USER 1000:1000",
        'ENV PATH="/bin"',
        f'LABEL shop.version="{version}"',
        # PID 1 has no default action on SIGTERM, and httpd sets none.
        "STOPSIGNAL SIGKILL",
        files={
            "www/health": json.dumps(about).encode(),
            "www/run.json": json.dumps({"result": 42, "version": version}).encode(),
            "www/cgi-bin/functions": _CATALOGUE,
            "www/cgi-bin/execute": _EXECUTE,
        },
    )


def compose(*, fixed: bool, **more: Mapping[str, Any]) -> str:
    """A compose file, in JSON, which is YAML; `more` adds to services by name."""
    services = {name: _service(name, fixed=fixed) | dict(more.get(name, {})) for name in SERVICES}
    return json.dumps({"services": services}, indent=1)


def _service(name: str, *, fixed: bool) -> dict[str, Any]:
    service: dict[str, Any] = {"image": image(), "mem_limit": "64m", "init": True}
    if name == "migrate":
        return service | {"command": ["echo", "3 migrations applied"]}
    port = _PORTS.get(name, _RUNTIME)
    if name == "worker":
        real = ["CMD", "test", "-s", "/tmp/beat"]
        service["command"] = ["sh", "-c", "while :; do date | tee /tmp/beat; sleep 1; done"]
        service["tmpfs"] = ["/tmp:mode=1777"]
    else:
        real = ["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{port}/health"]
        service["command"] = ["sh", "-c", f"echo {name} listens on {port}; exec httpd -f -p {port} -h /www"]
        service["expose"] = [str(port)]
    if name == "controller":
        service["depends_on"] = {"migrate": {"condition": "service_completed_successfully"}}
        service["ports"] = ["8080:8080"]
        service["container_name"] = "shop-controller"
    if name in WITHOUT and not fixed:
        return service
    test = ["CMD-SHELL", "exit 0"] if name in OWN and not fixed else real
    # Each look at its health costs the engine about a tenth of a second of a core.
    return service | {"healthcheck": {"test": test, "interval": "3s", "timeout": "2s", "retries": 2}}


def write(desk: Desk, *, fixed: bool) -> Path:
    """The stack, its API suite, and a plan: of its shape, and of the fixed one also what it bears."""
    desk.write("compose.yaml", compose(fixed=fixed))
    desk.write("suite.yaml", SUITE)
    return desk.plan(SHAPE + (RESILIENCE.replace("IMAGE_2", image("2")) if fixed else ""))


SHAPE = """
target:
  default: controller
  compose:
    file: compose.yaml
    within: 2m
steps:
  - id: shape
    checks:
      - id: stack
        kind: containers
        expect: 11
        exit_codes: {migrate: 0}
        logs:
          - {must_not: "panic|FATAL"}
          - {service: migrate, must: "migrations applied"}
      - {id: image, kind: image, service: controller, ignore: [healthcheck, labels]}
      - {id: api, kind: api, suite: suite.yaml}
      - {id: inside, kind: command, in: controller, command: [test, -s, /www/health]}
"""
RESILIENCE = """
  - id: resilience
    checks:
      - {id: steady, kind: load, url: /cgi-bin/execute?nodejs, rate: 40/s, duration: 12s}
      - {id: used, kind: resources, during: steady, every: 500ms}
    faults:
      - id: runtime-killed
        kill: nodejs
        during: steady
        at: 1s
        for: 500ms
        probe: {url: "${target.nodejs.url}/health", every: 50ms, timeout: 1s}
      - id: new-version
        replace: python
        image: IMAGE_2
        during: steady
        at: 2s
        for: 1s
        probe: {url: "${target.python.url}/health", every: 50ms, timeout: 1s}
    criteria:
      - steady.success_rate >= 90%
      - steady.achieved_rate >= 30%
      - runtime-killed.recovery_time < 10s
      - runtime-killed.lost_requests >= 1
      - new-version.rollout_time < 10s
      - new-version.rollback_time < 30s
      - used/controller.memory.max < 64MiB
      - used.cpu.max < 800%
  - id: afterwards
    checks:
      - id: after
        kind: command
        in: python
        command: [cat, /www/run.json]
        expect: {output: {contains: '"version": "1"'}}
"""
