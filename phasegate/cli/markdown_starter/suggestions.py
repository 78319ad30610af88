"""What could judge a line of a written plan: criteria made of the thresholds in it, or kinds; pure.

A suggestion is for people to look at. Where a line leaves open what is measured, there is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from functools import partial

from phasegate.base.dataclass import dataclass

_compile = partial(re.compile, flags=re.ASCII)
"""A letter of another script is no part of a word of ASCII."""
LONGEST = 2_000
"""Characters of a line that are searched."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Suggestion:
    criterion: str
    """Without its subject: `pass_rate == 100%`; empty where only kinds are known."""
    kinds: tuple[str, ...]

    def __str__(self) -> str:
        kinds = ", ".join(self.kinds)
        return f"{self.criterion} ({kinds})" if self.criterion else f"kind {kinds}"


_TESTS = r"\btests?\b|\btesting\b|\bsuites?\b|\bcases?\b|テスト|スイート"
_E2E = r"\be2e\b|end[- ]to[- ]end|\bui tests?\b|エンドツーエンド"
_API = r"\bapis?\b|\bendpoints?\b|エンドポイント"
_UNIT = r"\bunit[- ]tests?\b|単体テスト|ユニットテスト"
_LOAD = r"\bload\b|\bstress\b|\bsoak\b|\bthroughput\b|負荷|スループット"
_HEALTH = r"\bhealth ?-?checks?\b|\bprobes?\b|\bheartbeat|ヘルスチェック|死活"
_UP = r"\buptime\b|\bavailab|可用性|稼働率|\bsl[ao]s?\b"
_LATENCY = (
    r"\blatenc|\bresponse times?\b|\bresponses?\b|\bperformance\b|\bfast\b|\bpage loads?\b|\bttfb\b"
    r"|レスポンス|応答|レイテンシ|遅延|パフォーマンス|性能"
)
_BUILD = r"\bcompil|\bbuilds?\b|\bbuilt\b|\blint|コンパイル|ビルド"
_OTHER_TIME = (
    r"\brollback|\broll[- ]?out|\bdeploy|\bincident|\bpage[drs]?\b|\backnowledg|\breview|\bmeeting|\brto\b|\brpo\b"
    r"|\brespond to\b|\btriage|\bsprint|\bhours?\b|\bdays?\b|\btimeout|\binterval|\bevery\b|\bretention|\bttl\b"
    r"|\bcache|\bstarts?\b|\bstart-?up\b|\bwork\b|\bfix(?:ed)?\b|\bnotif|ロールバック|デプロイ|障害|起動|タイムアウト|間隔|ごと|保持"
)
"""Times of something else than an answer."""
_RECOVERY = r"\brecover|\bfail-?over|\brestart|復旧|回復|フェイルオーバー|再起動"
_PEOPLE = (
    r"\bbugs?\b|\bissues?\b|\btickets?\b|\bp[0-4]\b|\bblockers?\b|\bdefects?\b|\bapprov|\breviewers?\b|\bcustomers?\b"
    r"|\busers? report|\bcomplaints?\b|\bpull requests?\b|\bprs?\b|バグ|チケット|不具合|承認"
)
"""What is counted by people: phasegate has no measure of it."""
_SUCCESS = r"\bsuccess|\bpass(?:es|ed|ing)?\b|\bgreen\b|\bsucceed|成功|合格|パス率|通過"

_WRONG = r"\berrors?\b|\bfail|エラー|失敗"
_ALL_TESTS = (
    r"\b(?:all|every)\b[^.;]{0,40}\btests? (?:\w+ ){0,2}(?:pass|succeed|green)|\btests? (?:all )?(?:pass\b|(?:is|are) green)"
    r"|全て?の?[^。]{0,12}テスト[^。]{0,6}(?:成功|合格|パス)"
)

_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\bkubernetes\b|\bk8s\b|\bhelm\b|\bliveness\b|\breadiness probes?\b|\bmanifests?\b|リビネス", ("kubernetes",)),
    (r"\bdocker\s?files?\b|\bmulti-?stage\b|\bnon-?root\b|マルチステージ|非root", ("dockerfile", "image")),
    (r"\bci/cd\b|\bpipelines?\b|\bworkflows? files?\b|\bgithub actions\b|\bgitlab ci\b|パイプライン", ("pipeline",)),
    (r"\bprometheus\b|\bgrafana\b|\balert|\bdashboards?\b|\bmonitoring\b|監視|アラート", ("monitoring", "prometheus")),
    (r"\bopenapi\b|\bswagger\b", ("openapi",)),
    (r"\bvulnerab|\bcves?\b|\bsecurity (?:scan|audit)|\bsecret scan|脆弱性|セキュリティ監査", ("scan", "security")),
    (r"\btls\b|\bcertificates?\b|\bsecurity headers?\b|\bhttps\b|証明書", ("security",)),
    (_E2E, ("e2e",)),
    (r"\b(?:database|schema|migrations?)\b|データベース|スキーマ|マイグレーション", ("database",)),
    (_LOAD, ("load",)),
    (_HEALTH, ("health",)),
    (_UNIT, ("command",)),
    (r"\bapi (?:integration )?tests?\b|apiテスト|api統合|エンドポイント|\bendpoints?\b", ("api",)),
    (r"\b(?:log aggregation|structured logs?|logging)\b|ログ集約|ログ設定", ("logs",)),
    (r"\bmemory\b|\bcpu\b|メモリ", ("resources",)),
    (r"\bdocker\b|\bcontainers?\b|コンテナ", ("containers", "image")),
    (_LATENCY, ("health", "load")),
    (
        r"\brun ?books?\b|\bplaybooks?\b|\bprocedures?\b|\bdocument(?:s|ation|ed)?\b|\bmanuals?\b|\breadme\b"
        r"|\bchange ?log\b|\brelease notes\b|\bdocs\b|手順書|手順|ドキュメント|マニュアル",
        ("documents",),
    ),
    (_BUILD + "|" + _TESTS, ("command",)),
)
"""Which kinds look at what a word names; the first that fits counts."""

_NUMBER = r"(?P<number>\d{1,9}(?:[.,]\d{1,6})?)"
_SHARE = _compile(_NUMBER + r"\s*(?:%|percent\b|per cent\b|パーセント)")
_UNITS = {
    "ms": (r"ms\b|msecs?\b|milliseconds?\b|ミリ秒", Decimal(1)),
    "s": (r"s\b|secs?\b|seconds?\b|秒", Decimal(1000)),
    "m": (r"min(?:ute)?s?\b|m\b|分", Decimal(60_000)),
}
_TIME = _compile(
    _NUMBER + r"\s*-?(?:" + "|".join(f"(?P<{unit}>{words})" for unit, (words, _) in _UNITS.items()) + ")"
)
_SIZE = _compile(_NUMBER + r"\s*(?P<unit>[kmgt]i?b)\b")
_RATE = _compile(
    _NUMBER + r"\s*(?:(?:req(?:uest)?s?|transactions?|queries|リクエスト)?\s*(?:/|per)\s*(?:s|sec|second|秒)\b|rps\b|qps\b|tps\b)"
)
_AMOUNT = _compile(_NUMBER + r"\s*(?:unit |e2e |automated )?(?:tests?|cases?|個のテスト|件のテスト)")
_ZERO = _compile(r"(?:\b(?:0|zero|no|without)\s+(?P<what>(?:[a-z0-9-]+ ){0,2}[a-z0-9-]+)|(?<![\d.])0\s*(?:個|件))")
_QUANTILE = _compile(
    r"\bp(?P<p>\d{2}(?:\.\d+)?)\b|(?P<nth>\d{2}(?:\.\d+)?)(?:th|st|nd|rd)?[ -]?(?:percentile|パーセンタイル)"
    r"|(?P<of>\d{2}(?:\.\d+)?)\s*(?:%|percent) of (?:\w+ )?(?:requests|responses|queries|calls)"
)
_BELOW = r"(?:<|under|below|less than|faster than|shorter than|lower than)"
_AT_MOST = r"(?:<=|at most|no more than|not more than|within|up to|max(?:imum)?(?: of)?|not exceed(?:ing)?|in)"
_ABOVE = r"(?:>|more than|over|above|greater than|exceeds?)"
_AT_LEAST = r"(?:>=|at least|no less than|not less than|min(?:imum)?(?: of)?)"
_BEFORE = tuple(
    (sign, _compile(words + r"\s*(?:about |around |~)?$"))
    for sign, words in (("<=", _AT_MOST), (">=", _AT_LEAST), ("<", _BELOW), (">", _ABOVE))
)
_BEHIND = tuple(
    (sign, _compile(words))
    for sign, words in (
        (">=", r"\s*(?:以上|\bor (?:more|higher|above|better)\b|\+)"),
        ("<=", r"\s*(?:以下|以内|\bor (?:less|lower|faster|below)\b)"),
        ("<", r"\s*未満"),
        (">", r"\s*(?:を超え|超)"),
    )
)
_WORDS_AS_SIGNS = str.maketrans({"≤": "<=", "≦": "<=", "⩽": "<=", "≥": ">=", "≧": ">=", "⩾": ">="})


def _has(words: str, text: str) -> bool:
    return re.search(words, text, re.ASCII) is not None


def _is_bare(text: str, figure: re.Pattern[str]) -> bool:
    """Whether a line is a figure, how it compares, and nothing else."""
    rest = figure.sub("", text, count=1).strip()
    return not rest.strip(" .:*~") or any(words.fullmatch(rest) for _, words in (*_BEFORE, *_BEHIND))


def suggestions(text: str) -> tuple[Suggestion, ...]:
    """What could judge a line, the most telling first; nothing where it names nothing that is measured."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).translate(_WORDS_AS_SIGNS).casefold()
    found = tuple(dict.fromkeys(_criteria(plain)))
    if found:
        return found
    kinds = next((kinds for words, kinds in _KINDS if _has(words, plain)), ())
    return (Suggestion(criterion="", kinds=kinds),) if kinds else ()


def _criteria(text: str) -> Iterator[Suggestion]:
    quantile = _QUANTILE.search(text)
    for match in _SHARE.finditer(text):
        if quantile is None or not quantile.start() <= match.start() < quantile.end():
            yield from _share(text, match)
    for match in _TIME.finditer(text):
        yield from _time(text, match, quantile)
    for match in _SIZE.finditer(text):
        sign = _sign(text, match)
        if sign in ("<", "<=") and _has(r"\bmemory\b|\bram\b|\brss\b|メモリ", text):
            unit = {"k": "kB", "m": "MB", "g": "GB", "t": "TB"}[match["unit"][0]]
            unit = unit.upper().replace("B", "iB") if "i" in match["unit"] else unit
            yield Suggestion(criterion=f"memory.max {sign} {_plain(_value(match))}{unit}", kinds=("resources",))
    for match in _RATE.finditer(text):
        if (sign := _sign(text, match) or ">=") in (">", ">="):
            yield Suggestion(criterion=f"throughput {sign} {_plain(_value(match))}/s", kinds=("load",))
    for match in _AMOUNT.finditer(text):
        if (sign := _sign(text, match)) in (">", ">="):
            yield Suggestion(criterion=f"total {sign} {_plain(_value(match))}", kinds=_of_tests(text))
    for match in _ZERO.finditer(text):
        yield from _zero(text, match["what"] or "")
    if _has(_ALL_TESTS, text) and not _SHARE.search(text):
        yield Suggestion(criterion="pass_rate == 100%", kinds=_of_tests(text))


def _share(text: str, match: re.Match[str]) -> Iterator[Suggestion]:
    value, sign = _value(match), _sign(text, match)
    if not 0 <= value <= 100:
        return
    if _has(r"\bcpu\b|\bprocessor", text):
        if sign in ("<", "<="):
            yield Suggestion(criterion=f"cpu.max {sign} {_plain(value)}%", kinds=("resources",))
    elif _has(r"\bcoverage\b|カバレッジ|網羅率", text):
        if sign in (None, ">", ">="):
            yield Suggestion(criterion=f"coverage {sign or '>='} {_plain(value)}%", kinds=("command",))
    elif _has(r"\berror rate|\bfailure rate|\berrors\b|エラー率|失敗率", text):
        if sign in ("<", "<=") and value < 50:
            other = {"<": ">", "<=": ">="}[sign]
            yield _success(other, 100 - value, ("health", "load"))
    elif sign not in ("<", "<="):
        yield from _good_share(text, sign or ">=", value)


def _good_share(text: str, sign: str, value: Decimal) -> Iterator[Suggestion]:
    """A share of which more is better, by what the line is about."""
    about_success = _has(_SUCCESS, text)
    if _has(_UP, text):
        yield _success(sign, value, ("health",))
    elif _has(_HEALTH, text) and about_success:
        yield _success(sign, value, ("health",))
    elif about_success and (
        _has(_LOAD + r"|\brequests?\b|リクエスト", text) or (_has(_LATENCY, text) and not _has(_E2E, text))
    ):
        yield _success(sign, value, ("load", "health"))
    elif _has(_BUILD, text) and about_success and value == 100:
        yield Suggestion(criterion="exit_code == 0", kinds=("command",))
    elif about_success or (value == 100 and _is_bare(text, _SHARE)):
        operator = "==" if value == 100 else sign
        yield Suggestion(criterion=f"pass_rate {operator} {_plain(value)}%", kinds=_of_tests(text))
    elif 99 <= value < 100 or _is_bare(text, _SHARE):
        yield _success(sign, value, ("health", "load"))


def _success(sign: str, value: Decimal, kinds: tuple[str, ...]) -> Suggestion:
    """Of a sample: nothing shows that all of it succeed, only that all that were seen did."""
    operator = "==" if value == 100 else sign
    return Suggestion(criterion=f"success_rate {operator} {_plain(value)}%", kinds=kinds)


def _of_tests(text: str) -> tuple[str, ...]:
    if _has(_E2E, text):
        return ("e2e",)
    if _has(_UNIT, text):
        return ("command",)
    return ("api",) if _has(_API, text) else ("api", "e2e", "command")


def _time(text: str, match: re.Match[str], quantile: re.Match[str] | None) -> Iterator[Suggestion]:
    unit = next(unit for unit in _UNITS if match[unit])
    value = _value(match) * _UNITS[unit][1]
    sign = _sign(text, match)
    labelled = _has(rf"(?:{_LATENCY})[^:]{{0,20}}:\s*~?$", text[: match.start()])
    if sign is None and (labelled or quantile is not None):
        sign = "<="
    if sign not in ("<", "<=") or not value:
        return
    limit = f"{sign} {_span(value)}"
    if _has(_RECOVERY, text):
        yield Suggestion(criterion=f"recovery_time {limit}", kinds=("a fault",))
    elif _has(_BUILD + "|" + _TESTS, text) and not _has(_LATENCY, text):
        yield Suggestion(criterion=f"duration {limit}", kinds=("command", "e2e"))
    elif value <= 60_000 and not _has(_OTHER_TIME, text):
        yield Suggestion(criterion=f"latency.{_statistic(text, quantile)} {limit}", kinds=("health", "load"))


def _statistic(text: str, quantile: re.Match[str] | None) -> str:
    if quantile is not None:
        return f"p{quantile['p'] or quantile['nth'] or quantile['of']}"
    return "p50" if _has(r"\bmedian\b|中央値", text) else "p95"


def _zero(text: str, what: str) -> Iterator[Suggestion]:
    if _has(_PEOPLE, text):
        return
    if _has(r"\bdown ?time\b|\boutages?\b|ダウンタイム|停止時間", text):
        yield _success("==", Decimal(100), ("health",))
    elif _has(r"\bvulnerab|\bcves?\b|脆弱性|\bsecrets?\b", text):
        yield Suggestion(criterion="findings_error == 0", kinds=("scan",))
    elif _has(r"\b(?:broken|dead) links?\b|リンク切れ", text):
        yield Suggestion(criterion="findings_error == 0", kinds=("documents",))
    elif not (_has(_WRONG, what or text) or _is_bare(text, _ZERO)):
        return
    elif _has(_BUILD, text):
        yield Suggestion(criterion="exit_code == 0", kinds=("command",))
    elif _has(r"\blogs?\b|ログ", text):
        yield Suggestion(criterion="errors == 0", kinds=("logs",))
    else:
        yield Suggestion(criterion="failed == 0", kinds=_of_tests(text))


def _sign(text: str, match: re.Match[str]) -> str | None:
    """How what was measured is compared with a figure; None where the line leaves it open."""
    before, behind = text[max(0, match.start() - 30) : match.start()], text[match.end() : match.end() + 12]
    for sign, words in _BEHIND:
        if words.match(behind):
            return sign
    return next((sign for sign, words in _BEFORE if words.search(before)), None)


def _value(match: re.Match[str]) -> Decimal:
    number: str = match["number"]
    thousands = re.fullmatch(r"\d{1,3},\d{3}", number)
    return Decimal(number.replace(",", "" if thousands else "."))


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _span(milliseconds: Decimal) -> str:
    """A time in the largest unit in which it is a whole number of at most three figures."""
    if milliseconds >= 60_000 and not milliseconds % 60_000:
        return f"{_plain(milliseconds / 60_000)}m"
    if milliseconds >= 1_000:
        return f"{_plain(milliseconds / 1_000)}s"
    return f"{_plain(milliseconds)}ms"
