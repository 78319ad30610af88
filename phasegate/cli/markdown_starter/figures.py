"""Figures in a line of a written plan: shares, times, sizes, rates, amounts, and how they compare; pure.

All patterns search what `plain` gives.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from functools import partial

_compile = partial(re.compile, flags=re.ASCII)
"""A letter of another script is no part of a word of ASCII."""
_SIGNS = str.maketrans({"≤": "<=", "≦": "<=", "⩽": "<=", "≥": ">=", "≧": ">=", "⩾": ">="})
_NUMBER = r"(?P<number>\d{1,9}(?:[.,]\d{1,6})?)"
_MILLISECONDS = {"ms": Decimal(1), "s": Decimal(1_000), "m": Decimal(60_000)}

SHARE = _compile(_NUMBER + r"\s*(?:%|percent\b|per cent\b|パーセント)")
TIME = _compile(
    _NUMBER + r"\s*-?(?:(?P<ms>ms\b|msecs?\b|milliseconds?\b|ミリ秒)"
    r"|(?P<s>s\b|secs?\b|seconds?\b|秒)|(?P<m>min(?:ute)?s?\b|m\b|分))"
)
SIZE = _compile(_NUMBER + r"\s*(?P<unit>[kmgt]i?b)\b")
RATE = _compile(
    _NUMBER + r"\s*(?:(?:req(?:uest)?s?|transactions?|queries|リクエスト)?\s*(?:/|per)\s*"
    r"(?:s|sec|second|秒)\b|rps\b|qps\b|tps\b)"
)
AMOUNT = _compile(_NUMBER + r"\s*(?:unit |e2e |automated )?(?:tests?\b|cases?\b|個のテスト|件のテスト)")
ZERO = _compile(
    r"\b(?:0|zero|no|without)\s+(?P<what>(?:[a-z0-9-]+ )?[a-z0-9-]+)"
    r"|(?<![\d.])0\s*(?:個|件)|[:=]\s*0(?=\s*(?:$|[;,)]))"
)
"""Nothing of what `what` names, where it is not named elsewhere in the line."""
QUANTILE = _compile(
    r"\bp(?P<p>\d{2}(?:\.\d+)?)\b|(?P<nth>\d{2}(?:\.\d+)?)(?:th|st|nd|rd)?[ -]?(?:percentile|パーセンタイル)"
    r"|(?P<of>\d{2}(?:\.\d+)?)\s*(?:%|percent) of (?:\w+ )?(?:requests|responses|queries|calls)"
)

_BEFORE = tuple(
    (sign, _compile(rf"(?:{words})\s*(?:about |around |~)?$"))
    for sign, words in (
        (
            "<=",
            r"<=|at most|no more than|not more than|within|up to|max(?:imum)?(?: of)?|not exceed(?:ing)?|in",
        ),
        (">=", r">=|at least|no less than|not less than|min(?:imum)?(?: of)?"),
        ("<", r"<|under|below|less than|faster than|shorter than|lower than"),
        (">", r">|more than|over|above|greater than|exceeds?"),
    )
)
_BEHIND = tuple(
    (sign, _compile(rf"\s*(?:{words})"))
    for sign, words in (
        (">=", r"以上|\bor (?:more|higher|above|better)\b|\+"),
        ("<=", r"以下|以内|\bor (?:less|lower|faster|below)\b"),
        ("<", "未満"),
        (">", "を超え|超"),
    )
)


def plain(text: str) -> str:
    """A text in small letters, with figures and signs in ASCII."""
    return unicodedata.normalize("NFKC", text).translate(_SIGNS).casefold()


def sign_of(text: str, match: re.Match[str]) -> str | None:
    """How what is measured compares with a figure; None where the line leaves it open."""
    before, behind = text[max(0, match.start() - 30) : match.start()], text[match.end() : match.end() + 12]
    signs = [sign for sign, words in _BEHIND if words.match(behind)]
    signs += [sign for sign, words in _BEFORE if words.search(before)]
    return signs[0] if signs else None


def is_bare(text: str, figure: re.Pattern[str]) -> bool:
    """Whether a line is a figure, how it compares, and nothing else."""
    rest = figure.sub("", text, count=1).strip(" .:*~")
    return not rest or any(words.fullmatch(rest) for _, words in (*_BEFORE, *_BEHIND))


def value_of(match: re.Match[str]) -> Decimal:
    number: str = match["number"]
    thousands = re.fullmatch(r"\d{1,3},\d{3}", number)
    return Decimal(number.replace(",", "" if thousands else "."))


def milliseconds_of(match: re.Match[str]) -> Decimal:
    """Of a match of `TIME`."""
    return value_of(match) * next(factor for unit, factor in _MILLISECONDS.items() if match[unit])


def written(value: Decimal) -> str:
    """A number as plans have it."""
    return f"{value.normalize():f}"


def span(milliseconds: Decimal) -> str:
    """A time as plans have it, in the unit in which people say it."""
    if milliseconds >= 60_000 and not milliseconds % 60_000:
        return f"{written(milliseconds / 60_000)}m"
    if milliseconds >= 1_000:
        return f"{written(milliseconds / 1_000)}s"
    return f"{written(milliseconds)}ms"


def size_unit(unit: str) -> str:
    """`mib` as `MiB`."""
    return {"kb": "kB", "kib": "KiB"}.get(unit) or f"{unit[0].upper()}{unit[1:-1]}B"
