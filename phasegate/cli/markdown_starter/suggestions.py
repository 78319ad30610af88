"""What could judge a line of a written plan: criteria made of the thresholds in it, or kinds; pure.

A suggestion is for people to look at. Where a line leaves open what is measured, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

from phasegate.base.dataclass import dataclass
from phasegate.cli.markdown_starter.figures import (
    AMOUNT,
    QUANTILE,
    RATE,
    SHARE,
    SIZE,
    TIME,
    ZERO,
    is_bare,
    milliseconds_of,
    plain,
    sign_of,
    size_unit,
    span,
    value_of,
    written,
)

LONGEST = 2_000
"""Characters of a line that are searched."""
_Pattern = re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Suggestion:
    criterion: str
    """Without its subject: `pass_rate == 100%`; empty where only kinds are known."""
    kinds: tuple[str, ...]

    def __str__(self) -> str:
        kinds = ", ".join(self.kinds)
        return f"{self.criterion} ({kinds})" if self.criterion else f"kind {kinds}"


def _words(*words: str) -> _Pattern:
    """One of some words. Words of ASCII are whole, but for what follows `*`; all others stand anywhere."""
    patterns = (
        word if not word[0].isascii() else rf"\b(?:{word[:-1]})" if word[-1] == "*" else rf"\b(?:{word})\b"
        for word in words
    )
    return re.compile("|".join(patterns), re.ASCII)


# What a line is about.
_TESTS = _words("tests?", "testing", "suites?", "cases?", "テスト", "スイート")
_E2E = _words("e2e", "end[- ]to[- ]end", "ui tests?", "エンドツーエンド")
_API = _words("apis?", "endpoints?", "エンドポイント")
_UNIT = _words("unit[- ]tests?", "単体テスト", "ユニットテスト")
_LOAD = _words("load", "stress", "soak", "throughput", "負荷", "スループット")
_REQUESTS = _words("requests?", "リクエスト")
_HEALTH = _words("health ?-?checks?", "probes?", "heartbeat*", "ヘルスチェック", "死活")
_UP = _words("uptime", "availab*", "sl[ao]s?", "可用性", "稼働率")
_LATENCY = _words(
    *("latenc*", "response times?", "responses?", "performance", "fast", "page loads?", "ttfb"),
    *("レスポンス", "応答", "レイテンシ", "遅延", "パフォーマンス", "性能"),
)
_BUILD = _words(
    *("compil*", "builds?", "built", "lint*", "type[- ]?check*", "static (?:analysis|types?)"),
    *("コンパイル", "ビルド", "静的解析"),
)
_RECOVERY = _words("recover*", "fail-?over*", "restart*", "復旧", "回復", "フェイルオーバー", "再起動")
_LOGS = _words("logs?", "ログ")
_CPU = _words("cpu", "processors?")
_MEMORY = _words("memory", "ram", "rss", "メモリ")
_COVERAGE = _words("coverage", "カバレッジ", "網羅率")
_ERROR_RATE = _words("error rate*", "failure rate*", "errors", "エラー率", "失敗率")
_DOWNTIME = _words("down ?time", "outages?", "ダウンタイム", "停止時間")
_WEAKNESS = _words("vulnerab*", "cves?", "secrets?", "脆弱性")
_DEAD_LINKS = _words("(?:broken|dead) links?", "リンク切れ")
_WRONG = _words("errors?", "fail*", "エラー", "失敗")
_SUCCESS = _words(
    "success*", r"pass(?:es|ed|ing)?(?!\?)", "green", "succeed*", "成功", "合格", "パス率", "通過"
)
_ASSESSED = _words("complian*", "accura*", "audit*", "準拠", "監査", "精度")
"""Shares that somebody or something else works out."""
_MEDIAN = _words("median", "中央値")
_MEAN = _words("average", "avg", "mean", "平均")
_MAXIMUM = _words(
    *("max(?:imum)?", "worst", "p100", "(?:all|every|each) (?:requests?|responses?|queries|query|calls?)"),
    *("最大", "最悪"),
)
_ALL_TESTS = re.compile(
    r"\b(?:all|every)\b[^.;]{0,40}\btests? (?:\w+ ){0,2}(?:pass|succeed|green)"
    r"|\btests? (?:all )?(?:pass\b|(?:is|are) green)"
    r"|全て?の?[^。]{0,12}テスト[^。]{0,6}(?:成功|合格|パス)",
    re.ASCII,
)
_OTHER_TIMES = _words(
    *(
        "rollback*",
        "roll[- ]?out*",
        "deploy*",
        "incident*",
        "page[drs]?",
        "acknowledg*",
        "review*",
        "meeting*",
    ),
    *("rto", "rpo", "respond to", "triage*", "sprint*", "hours?", "days?", "timeout*", "interval*", "every"),
    *(
        "retention",
        "ttl",
        "drift",
        "query time",
        "cache*",
        "lcp",
        "fcp",
        "tti",
        "inp",
        "paint",
        "starts?",
        "start-?up",
        "work",
    ),
    *(
        "fix(?:ed)?",
        "notif*",
        "ロールバック",
        "デプロイ",
        "障害",
        "起動",
        "タイムアウト",
        "間隔",
        "ごと",
        "保持",
    ),
)
"""Times of something else than an answer."""
_PEOPLE = _words(
    *(
        "bugs?",
        "issues?",
        "tickets?",
        "p[0-4]",
        "blockers?",
        "defects?",
        "approv*",
        "reviewers?",
        "customers?",
    ),
    *("users? report*", "complaints?", "pull requests?", "prs?", "バグ", "チケット", "不具合", "承認"),
)
"""What is counted by people: there is no measure of it."""

_NEGATED = re.compile(
    r"\b(?:not(?! (?:more|less) than\b| exceed)|never|cannot|fail(?:s|ed)? to|\w+n['’]t)\b[^.;,()]{0,30}\d"
    r"|\d[^.;,()]{0,30}\b(?:is|are)(?: not|n['’]t)\b",
    re.ASCII,
)
"""A figure that is not to be reached, or need not be."""

_KINDS: tuple[tuple[_Pattern, tuple[str, ...]], ...] = (
    (
        _words("kubernetes", "k8s", "helm", "liveness", "readiness probes?", "manifests?", "リビネス"),
        ("kubernetes",),
    ),
    (
        _words(r"docker\s?files?", "multi-?stage", "non-?root", "マルチステージ", "非root"),
        ("dockerfile", "image"),
    ),
    (_words("ci/cd", "pipelines?", "github actions", "gitlab ci", "パイプライン"), ("pipeline",)),
    (
        _words("prometheus", "grafana", "alert*", "monitoring", "監視", "アラート"),
        ("monitoring", "prometheus"),
    ),
    (_words("openapi", "swagger"), ("openapi",)),
    (
        _words(
            "vulnerab*", "cves?", "security (?:scan|audit)*", "secret scan*", "脆弱性", "セキュリティ監査"
        ),
        ("scan", "security"),
    ),
    (_words("tls", "certificates?", "security headers?", "https", "証明書"), ("security",)),
    (_E2E, ("e2e",)),
    (
        _words("database", "schema", "migrations?", "データベース", "スキーマ", "マイグレーション"),
        ("database",),
    ),
    (_LOAD, ("load",)),
    (_HEALTH, ("health",)),
    (_UNIT, ("command",)),
    (_words("api (?:integration )?tests?", "apiテスト", "api統合", "endpoints?", "エンドポイント"), ("api",)),
    (_words("log aggregation", "structured logs?", "logging", "ログ集約", "ログ設定"), ("logs",)),
    (_words("memory", "cpu", "メモリ"), ("resources",)),
    (_words("docker", "containers?", "コンテナ"), ("containers", "image")),
    (
        _words(
            *("latenc*", "response times?", "performance", "page loads?", "レスポンス時間", "応答時間"),
            *("レイテンシ", "パフォーマンス", "性能"),
        ),
        ("health", "load"),
    ),
    (
        _words(
            *("run ?books?", "playbooks?", "procedures?", "document(?:s|ation|ed)", "manuals", "readme"),
            *("change ?log", "release notes", "(?<!/)docs(?!/)", "手順", "ドキュメント", "マニュアル"),
        ),
        ("documents",),
    ),
    (_BUILD, ("command",)),
    (_words("tests", r"\w+ tests?", "test suites?", "テスト"), ("command",)),
)
"""Which kinds look at what a word names; the first that fits counts."""
_LABELS = re.compile(r"(?:^|; )[^:;]{1,40}: ")
_NAMES = re.compile(r"`[^`]*`")
"""What no kind is told by: headings of columns, and names of files."""


@lru_cache(maxsize=1 << 16)
def suggestions(text: str) -> tuple[Suggestion, ...]:
    """What could judge a line; nothing where it names nothing that is measured."""
    line = plain(text[:LONGEST])
    found = () if _NEGATED.search(line) else tuple(dict.fromkeys(_criteria(line)))
    if found:
        return found
    about = _NAMES.sub(" ", _LABELS.sub("; ", line) if len(_LABELS.findall(line)) > 1 else line)
    kinds = next((kinds for words, kinds in _KINDS if words.search(about)), ())
    return (Suggestion(criterion="", kinds=kinds),) if kinds else ()


def _criteria(line: str) -> Iterator[Suggestion]:
    # "95% of requests" is a quantile beside a time, and a share without one.
    times = list(TIME.finditer(line))
    quantiles = list(QUANTILE.finditer(line)) if times else []
    for match in SHARE.finditer(line):
        if not any(one.start() <= match.start() < one.end() for one in quantiles):
            yield from _of_share(line, match)
    for match in times:
        yield from _of_time(line, match, _quantile_of(match, times, quantiles))
    for match in SIZE.finditer(line) if _MEMORY.search(line) else ():
        unit = size_unit(match["unit"])
        yield from _of_limit("memory.max", sign_of(line, match), value_of(match), unit, "resources")
    for match in RATE.finditer(line):
        sign = sign_of(line, match) or ">="
        yield from _of_limit("throughput", sign, value_of(match), "/s", "load")
    for match in AMOUNT.finditer(line):
        yield from _of_limit("total", sign_of(line, match), value_of(match), "", *_kinds_of_tests(line))
    for match in ZERO.finditer(line):
        yield from _of_zero(line, match["what"])
    if _ALL_TESTS.search(line) and not SHARE.search(line):
        yield Suggestion(criterion="pass_rate == 100%", kinds=_kinds_of_tests(line))


def _quantile_of(
    time: re.Match[str], times: Sequence[re.Match[str]], quantiles: Sequence[re.Match[str]]
) -> re.Match[str] | None:
    """The quantile that a time is the limit of: before it, or behind it where a time comes first."""
    before = [one for one in quantiles if one.start() < time.start()]
    behind = [one for one in quantiles if one.start() >= time.start()]
    if behind and (not before or times[0].start() < quantiles[0].start()):
        return behind[0]
    return before[-1] if before else None


_FROM_ABOVE = frozenset({"memory.max", "cpu.max", "cpu.mean"})
"""Measures of which less is better; of the others more is."""


def _of_limit(measure: str, sign: str | None, value: Decimal, unit: str, *kinds: str) -> Iterator[Suggestion]:
    """What keeps a figure from being passed on its bad side; nothing where the line says the other."""
    if value and sign in (("<", "<=") if measure in _FROM_ABOVE else (">", ">=")):
        yield Suggestion(criterion=f"{measure} {sign} {written(value)}{unit}", kinds=kinds)


def _of_share(line: str, match: re.Match[str]) -> Iterator[Suggestion]:
    value, sign = value_of(match), sign_of(line, match)
    if _CPU.search(line):
        measure = "cpu.mean" if _MEAN.search(line) else "cpu.max"
        yield from _of_limit(measure, sign, value, "%", "resources")
    elif not 0 < value <= 100:
        return
    elif _COVERAGE.search(line):
        yield from _of_limit("coverage", sign or ">=", value, "%", "command")
    elif _ERROR_RATE.search(line):
        if sign in ("<", "<=") and value < 50:
            yield _success({"<": ">", "<=": ">="}[sign], 100 - value, "health", "load")
    elif sign not in ("<", "<=") and value >= 50 and not _ASSESSED.search(line):
        yield from _of_good_share(line, sign or ">=", value)


def _of_good_share(line: str, sign: str, value: Decimal) -> Iterator[Suggestion]:
    """A share of which more is better, by what the line is about."""
    succeeds = _SUCCESS.search(line) is not None
    of_requests = _LOAD.search(line) or _REQUESTS.search(line)
    if _UP.search(line) or (succeeds and _HEALTH.search(line)):
        yield _success(sign, value, "health")
    elif succeeds and (of_requests or (_LATENCY.search(line) and not _E2E.search(line))):
        yield _success(sign, value, "load", "health")
    elif succeeds and value == 100 and _BUILD.search(line):
        yield Suggestion(criterion="exit_code == 0", kinds=("command",))
    elif succeeds or (value == 100 and is_bare(line, SHARE)):
        operator = "==" if value == 100 else sign
        criterion = f"pass_rate {operator} {written(value)}%"
        yield Suggestion(criterion=criterion, kinds=_kinds_of_tests(line))
    elif 99 <= value < 100 or is_bare(line, SHARE):
        yield _success(sign, value, "health", "load")


def _success(sign: str, value: Decimal, *kinds: str) -> Suggestion:
    """Of a sample: nothing shows that all of it succeed, only that all that were seen did."""
    operator = "==" if value == 100 else sign
    return Suggestion(criterion=f"success_rate {operator} {written(value)}%", kinds=kinds)


def _kinds_of_tests(line: str) -> tuple[str, ...]:
    for words, kind in ((_E2E, "e2e"), (_UNIT, "command"), (_API, "api")):
        if words.search(line):
            return (kind,)
    return ("api", "e2e", "command")


def _of_time(line: str, match: re.Match[str], quantile: re.Match[str] | None) -> Iterator[Suggestion]:
    sign, milliseconds = sign_of(line, match), milliseconds_of(match)
    label = re.search(r"([^:]*):\s*~?$", line[: match.start()])
    if sign is None and (quantile is not None or (label and _LATENCY.search(label[1]))):
        sign = "<="
    if sign not in ("<", "<=") or not milliseconds:
        return
    limit = f"{sign} {span(milliseconds)}"
    if _RECOVERY.search(line):
        yield Suggestion(criterion=f"recovery_time {limit}", kinds=("a fault",))
    elif (_BUILD.search(line) or _TESTS.search(line)) and not _LATENCY.search(line):
        yield Suggestion(criterion=f"duration {limit}", kinds=("command", "e2e"))
    elif milliseconds <= 60_000 and not _OTHER_TIMES.search(line):
        statistic = _statistic(line, quantile)
        if statistic:
            yield Suggestion(criterion=f"latency.{statistic} {limit}", kinds=("health", "load"))


def _statistic(line: str, quantile: re.Match[str] | None) -> str:
    """Empty for a mean, of which a sample shows no bound."""
    share = quantile and (quantile["p"] or quantile["nth"] or quantile["of"])
    if share and float(share):
        return f"p{share}"
    if _MEDIAN.search(line):
        return "p50"
    if _MEAN.search(line):
        return ""
    return "max" if _MAXIMUM.search(line) else "p95"


def _of_zero(line: str, what: str | None) -> Iterator[Suggestion]:
    """`what` there must be none of; None where the line names it elsewhere, or a column does."""
    if _PEOPLE.search(line):
        return
    if _DOWNTIME.search(line):
        yield _success("==", Decimal(100), "health")
    elif _WEAKNESS.search(line):
        yield Suggestion(criterion="findings_error == 0", kinds=("scan",))
    elif _DEAD_LINKS.search(line):
        yield Suggestion(criterion="findings_error == 0", kinds=("documents",))
    elif not (_WRONG.search(what or line) or (what is None and is_bare(line, ZERO))):
        return
    elif _BUILD.search(line):
        yield Suggestion(criterion="exit_code == 0", kinds=("command",))
    elif _LOGS.search(line):
        yield Suggestion(criterion="errors == 0", kinds=("logs",))
    else:
        yield Suggestion(criterion="failed == 0", kinds=_kinds_of_tests(line))
