"""A statistic more, from the text of a plan to the sentence of a report: one object in one list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree

import pytest

from phasegate.gate import criterion
from phasegate.gate.criterion import parse_criterion
from phasegate.model import statistic
from phasegate.model.histogram import Histogram
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Distribution, Gauge
from phasegate.model.statistic import Ranking, Statistic
from tests.cli.conftest import CommandLine
from tests.judged import judge

UNBOUNDED = "{criterion: latency.trimmed_mean < 20s, confidence: none}"


def trimmed_mean(ranking: Ranking) -> float | None:
    """Without the fastest and the slowest tenth."""
    n = ranking.seen.n
    values = [ranking.at(rank) for rank in range(n // 10 + 1, n - n // 10 + 1)]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


MORE = (
    Statistic(name="trimmed_mean", also=("trimmed",), of_times=trimmed_mean),
    Statistic(name="typical", of_times=lambda ranking: ranking.at(ranking.seen.n // 2), quantile=0.5),
    Statistic(name="latest", of_gauge=lambda gauge: gauge.last),
)


@pytest.fixture(autouse=True)
def _more(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(statistic, "STATISTICS", (*statistic.STATISTICS, *MORE))
    _forget()
    yield
    _forget()


def _forget() -> None:
    """Nothing found among other statistics is used again."""
    for remembers in (statistic.find_statistic, statistic.statistic_names, criterion._parse):
        remembers.cache_clear()


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write(url: str, *criteria: str) -> None:
    asked = "".join(f"          - {one}\n" for one in criteria)
    Path("plan.yaml").write_text(
        "phasegate: 1\nphase: try\ntitle: Try it\nsteps:\n  - id: one\n    checks:\n"
        f"      - id: up\n        kind: health\n        url: {url}\n        probes: 20\n"
        f"        criteria:\n{asked}"
    )


def reason(id: str, folder: str = "first") -> str:
    """Why a criterion has its verdict, as the report for CI has it."""
    cases = ElementTree.parse(Path(folder) / "junit.xml").iter("testcase")
    output = next(case for case in cases if case.get("name") == id).find("system-out")
    lines = ((output.text or "") if output is not None else "").splitlines()
    return next(line.removeprefix("because: ") for line in lines if line.startswith("because: "))


def test_a_run_judges_it_and_says_so(phasegate: CommandLine, url: str) -> None:
    write(url, UNBOUNDED, "latency.typical < 20s")
    assert phasegate("run", "plan.yaml", "-o", "first")[0] == 0
    assert re.fullmatch(
        r"observed trimmed_mean of \S+ \S+ \(20 requests in these .+\), needs < 20s; "
        r"a statement about this sample, without a bound",
        reason("up.latency.trimmed_mean"),
    )
    assert re.fullmatch(
        r"observed typical of \S+ \S+ \(20 requests in these .+\) shows at most \S+ \S+ at 95% confidence",
        reason("up.latency.typical"),
    )


def test_its_record_verifies_and_is_a_baseline(phasegate: CommandLine, url: str) -> None:
    relative = "{criterion: latency.trimmed_mean < baseline * 1000, confidence: none}"
    write(url, relative, "latency.typical < baseline * 1000")
    assert phasegate("run", "plan.yaml", "-o", "alone")[0] == 3
    write(url, UNBOUNDED, "latency.typical < 20s")
    assert phasegate("run", "plan.yaml", "-o", "first")[0] == 0
    assert phasegate("verify", "first")[0] == 0
    write(url, relative, "latency.typical < baseline * 1000")
    assert phasegate("run", "plan.yaml", "-o", "second", "--baseline", "first")[0] == 0
    assert "; the baseline's typical of " in reason("up.latency.typical", "second")


@pytest.mark.parametrize(
    ("criterion", "says"),
    [
        ("latency.trimmed_mean < 1s", "a trimmed_mean has no confidence bound"),
        ("latency.trimmed < 1s", "help: write trimmed_mean"),
        ("latency.latest < 1s", "latency is a distribution and has no latest"),
        ("latency.nope < 1s", "p50, p95, p99.9, min, max, mean, trimmed_mean, typical, latest"),
        ("latency < 1s", "statistics are p50, p95, p99.9, min, max, mean, trimmed_mean, typical\n"),
    ],
)
def test_a_plan_that_asks_for_too_much_of_it_is_told(
    phasegate: CommandLine, criterion: str, says: str
) -> None:
    write("http://127.0.0.1:9/", criterion)
    code, _, err = phasegate("run", "plan.yaml", "-o", "first")
    assert code == 2
    assert says in err


def test_it_is_judged_on_a_gauge_too() -> None:
    gauge = Gauge(interval=1.0).and_then(9.0).and_then(2.0, span=1.0)
    found = judge(parse_criterion("c.queue.latest < 5"), gauge, confidence=None)
    assert found.verdict is CriterionVerdict.MET
    assert found.message == "observed 2, the latest of 2 samples, one every 1 s in these 1 s, needs < 5"


@pytest.mark.parametrize("statistic", ["trimmed_mean", "typical"])
def test_failed_requests_rank_above_it(statistic: str) -> None:
    seen = Distribution(good=Histogram.of_seconds([0.01] * 20), failed=60)
    found = judge(parse_criterion(f"c.latency.{statistic} < 1s"), seen, confidence=None)
    assert (found.verdict, found.observed) == (CriterionVerdict.NOT_MET, "failed")
