"""What could judge a line, by the thresholds and words in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.cli.kinds import _example_params
from phasegate.cli.markdown_starter.suggestions import Suggestion, suggestions
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.vetting import check_against
from phasegate.kinds import KINDS


def criteria(text: str) -> list[str]:
    return [one.criterion for one in suggestions(text) if one.criterion]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100% success", "pass_rate == 100%"),
        ("100%", "pass_rate == 100%"),
        ("100%成功", "pass_rate == 100%"),
        ("All unit tests pass", "pass_rate == 100%"),
        ("全テスト成功", "pass_rate == 100%"),
        ("Test pass rate of at least 98.5 percent", "pass_rate >= 98.5%"),
        ("< 0.1 s", "latency.p95 < 100ms"),
        ("＜ ０.１秒", "latency.p95 < 100ms"),
        ("under 200 ms", "latency.p95 < 200ms"),
        ("Response time: 200 ms", "latency.p95 <= 200ms"),
        ("Answers within 1.5 seconds", "latency.p95 <= 1.5s"),
        ("p99 latency below 1s", "latency.p99 < 1s"),
        ("99th percentile ≤ 300ms", "latency.p99 <= 300ms"),
        ("95% of requests under 200ms", "latency.p95 < 200ms"),
        ("応答時間 2秒以内", "latency.p95 <= 2s"),
        ("99.9%", "success_rate >= 99.9%"),
        ("９９.９％", "success_rate >= 99.9%"),
        ("可用性: 99.9%以上", "success_rate >= 99.9%"),
        ("Availability ≥ 99,95 %", "success_rate >= 99.95%"),
        ("at least 95%", "success_rate >= 95%"),
        ("95%以上", "success_rate >= 95%"),
        ("At least 95% of requests succeed under load", "success_rate >= 95%"),
        ("Error rate below 0.1%", "success_rate > 99.9%"),
        ("Zero downtime", "success_rate == 100%"),
        ("ヘルスチェック: 100%成功", "success_rate == 100%"),
        ("0個", "failed == 0"),
        ("zero errors", "failed == 0"),
        ("Errors: 0", "failed == 0"),
        ("コンパイルエラー: 0個", "exit_code == 0"),
        ("Type-check with zero errors", "exit_code == 0"),
        ("no errors in the logs", "errors == 0"),
        ("No known vulnerabilities", "findings_error == 0"),
        ("no broken links", "findings_error == 0"),
        ("Coverage > 80%", "coverage > 80%"),
        ("The build takes less than 10 minutes", "duration < 10m"),
        ("Recovers within 30 s of a restart", "recovery_time <= 30s"),
        ("at least 1,000 requests per second", "throughput >= 1000/s"),
        ("200 rps", "throughput >= 200/s"),
        ("Max latency < 2 s", "latency.max < 2s"),
        ("最大レスポンス時間 500ms以下", "latency.max <= 500ms"),
        ("All requests answer within 200 ms", "latency.max <= 200ms"),
        ("CPU usage below 80% on average", "cpu.mean < 80%"),
        ("Memory stays below 512 MiB", "memory.max < 512MiB"),
        ("CPU < 80%", "cpu.max < 80%"),
        ("at least 66 unit tests", "total >= 66"),
    ],
)
def test_a_threshold_suggests_a_criterion(text: str, expected: str) -> None:
    assert criteria(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        *("no open P1 bugs", "0 open tickets", "Zero customer complaints", "本番デプロイ準備100%完了"),
        *("Roll out to 10% of users", "Cut costs by 20%", "The rollout is 100% complete"),
        *("Respond to incidents within 15 minutes", "Rollback within 5 min", "Reviewed in 2 days"),
        *("The service starts in 5 s", "It took 0.3 s", "LCP < 2.5 s", "Cache for 30 seconds", "Version 2.0"),
        *(
            "Security audit: 100% pass",
            "99% compliance",
            "Token counts within ±5%; Pass?: no",
            "Clock drift < 10 ms",
        ),
        *("at least 2 approvals", "Phase 4", "", "Step 3 of 5", "no idea what failed before that"),
        *("Average latency < 100 ms", "平均応答時間 2秒以内"),
        "not 100% success",
        "p95 not under 200ms",
        "API tests fail to reach 100% success",
        "Test pass rate 100% is not required",
        "Availability of 99.9% isn't a goal",
        "no meetings",
        "zero manual steps",
    ],
)
def test_where_a_line_leaves_open_what_is_measured_no_criterion_is_guessed(text: str) -> None:
    assert criteria(text) == []


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Kubernetes設定の本番対応", ("kubernetes",)),
        ("The CI/CD pipeline runs", ("pipeline",)),
        ("Alerts have a receiver", ("monitoring", "prometheus")),
        ("運用手順書の完成", ("documents",)),
        ("E2E suite", ("e2e",)),
        ("Security audit", ("scan", "security")),
    ],
)
def test_a_word_suggests_a_kind(text: str, kinds: tuple[str, ...]) -> None:
    assert suggestions(text) == (Suggestion(criterion="", kinds=kinds),)


@pytest.mark.parametrize("text", ["p50 < 10 ms, p99 < 1 s", "< 10 ms p50, < 1 s p99"])
def test_each_quantile_goes_with_its_own_time(text: str) -> None:
    assert criteria(text) == ["latency.p50 < 10ms", "latency.p99 < 1s"]


def test_a_line_with_two_thresholds_has_two_suggestions() -> None:
    assert criteria("Latency < 200 ms, 50 rps") == ["latency.p95 < 200ms", "throughput >= 50/s"]


NUMBERS = st.decimals(0, 120, places=2).map(str) | st.integers(0, 10**7).map("{:,}".format)
THRESHOLDS = st.builds(
    "{} {} {}{} {}".format,
    st.sampled_from(
        (
            *("Tests", "Response time", "availability", "Memory", "CPU", "Error rate", "coverage", "build"),
            *(
                "load test success",
                "health check success",
                "recovers",
                "",
                "テスト成功率",
                "負荷テスト成功率",
                "可用性",
            ),
        )
    ),
    st.sampled_from(["<", "<=", ">", "≥", "at least", "under", "within", ":", ""]),
    NUMBERS,
    st.sampled_from(["%", " ms", " s", " min", "秒", " rps", " MiB", " GB", " tests", " errors", "個", "％"]),
    st.sampled_from(["", "以上", "以下", "未満", "or more", "pass", "p95", "success"]),
)


@given(THRESHOLDS)
def test_every_suggestion_is_a_criterion_on_each_kind_it_names(text: str) -> None:
    for one in suggestions(text):
        for name in one.kinds if one.criterion else ():
            if name == "a fault":
                parse_criterion(f"killed.{one.criterion}")
                continue
            kind = KINDS[name]
            measures = kind.measures(_example_params(kind))
            assert check_against(parse_criterion(one.criterion, inside="check"), measures) == []


def test_every_kind_that_is_suggested_is_one() -> None:
    from phasegate.cli.markdown_starter.suggestions import _KINDS

    assert {name for _, kinds in _KINDS for name in kinds} <= set(KINDS)
