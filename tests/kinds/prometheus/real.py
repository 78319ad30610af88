"""A real Prometheus, Debian's, that scrapes an exporter of the test."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.answering import Asked, Reply, answering
from tests.kinds.prometheus.native import TYPE, metric_family

PROMETHEUS = shutil.which("prometheus")
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: api
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
  - job_name: gone
    static_configs: [{{targets: ["127.0.0.1:9"]}}]
"""
RULES = """
groups:
  - name: api
    rules:
      - alert: HighErrors
        expr: errors_now > 5
        labels: {severity: page}
      - alert: Watchdog
        expr: vector(1)
"""


@dataclass
class Exporter:
    """What is scraped: gauges by name, `name{labels}` included."""

    values: dict[str, float] = field(default_factory=dict)
    native: dict[str, list[float]] = field(default_factory=dict)
    """What native histograms have observed, by name; with these alone."""
    port: int = 0


@contextlib.contextmanager
def exporter() -> Iterator[Exporter]:
    exported = Exporter()

    def reply(asked: Asked) -> Reply:
        if exported.native:
            families = (metric_family(name, values) for name, values in exported.native.items())
            return Reply(body=b"".join(families), headers={"Content-Type": TYPE})
        lines = [f"{name} {value}\n" for name, value in exported.values.items()]
        return Reply(body="".join(lines).encode(), headers={"Content-Type": "text/plain; version=0.0.4"})

    with answering(reply) as url:
        exported.port = int(url.rpartition(":")[2])
        yield exported


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def prometheus(folder: Path, exported: Exporter, rules: str = RULES, *flags: str) -> Iterator[str]:
    """The URL of a server that has scraped once."""
    assert PROMETHEUS is not None, "apt-get install prometheus"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(CONFIG.format(port=exported.port))
    (folder / "rules.yml").write_text(rules)
    port = free_port()
    command = [
        PROMETHEUS,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
        *flags,
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until(url, "up", timeout=60)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def until(url: str, query: str, timeout: float = 30) -> None:
    """Wait until a query has an answer."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            answer = urllib.request.urlopen(f"{url}/api/v1/query?query={quote(query)}", timeout=5).read()
            if b'"value"' in answer:
                return
        time.sleep(0.2)
    raise AssertionError(f"no answer to {query} within {timeout} s")
