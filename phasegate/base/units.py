"""Quantities with units: parsed from what people write, held in base units, printed for people.

Base units: seconds for times, a ratio (1.0 = 100%) for shares, per second for rates, bytes for sizes,
bytes per second for data rates, plain numbers for counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from phasegate.base.dataclass import dataclass


class Dimension(StrEnum):
    TIME = "time"
    SHARE = "share"
    RATE = "rate"
    SIZE = "size"
    DATA_RATE = "data rate"
    COUNT = "count"


_FACTORS: dict[str, tuple[Dimension, float]] = {
    "ns": (Dimension.TIME, 1e-9),
    "us": (Dimension.TIME, 1e-6),
    "µs": (Dimension.TIME, 1e-6),
    "ms": (Dimension.TIME, 1e-3),
    "s": (Dimension.TIME, 1.0),
    "m": (Dimension.TIME, 60.0),
    "min": (Dimension.TIME, 60.0),
    "h": (Dimension.TIME, 3600.0),
    "d": (Dimension.TIME, 86400.0),
    "%": (Dimension.SHARE, 0.01),
    "/s": (Dimension.RATE, 1.0),
    "/m": (Dimension.RATE, 1 / 60),
    "/min": (Dimension.RATE, 1 / 60),
    "/h": (Dimension.RATE, 1 / 3600),
    "B": (Dimension.SIZE, 1.0),
    "kB": (Dimension.SIZE, 1e3),
    "MB": (Dimension.SIZE, 1e6),
    "GB": (Dimension.SIZE, 1e9),
    "TB": (Dimension.SIZE, 1e12),
    "KiB": (Dimension.SIZE, 2.0**10),
    "MiB": (Dimension.SIZE, 2.0**20),
    "GiB": (Dimension.SIZE, 2.0**30),
    "TiB": (Dimension.SIZE, 2.0**40),
    "B/s": (Dimension.DATA_RATE, 1.0),
    "kB/s": (Dimension.DATA_RATE, 1e3),
    "MB/s": (Dimension.DATA_RATE, 1e6),
    "GB/s": (Dimension.DATA_RATE, 1e9),
    "KiB/s": (Dimension.DATA_RATE, 2.0**10),
    "MiB/s": (Dimension.DATA_RATE, 2.0**20),
    "GiB/s": (Dimension.DATA_RATE, 2.0**30),
    "": (Dimension.COUNT, 1.0),
}
EXAMPLES: dict[Dimension, str] = {
    Dimension.TIME: "100ms, 5s, 2m or 1h",
    Dimension.SHARE: "95% or 99.9%",
    Dimension.RATE: "200/s",
    Dimension.SIZE: "64MiB or 500kB",
    Dimension.DATA_RATE: "10MiB/s or 500kB/s",
    Dimension.COUNT: "12",
}
BASE_UNIT: dict[Dimension, str] = {
    Dimension.TIME: "s",
    Dimension.SHARE: "",
    Dimension.RATE: "/s",
    Dimension.SIZE: "B",
    Dimension.DATA_RATE: "B/s",
    Dimension.COUNT: "",
}
_FAR_FROM_ALL = 110
"""Percent, of several cores for instance, from which on a rounded figure is not taken for 100%."""
_QUANTITY = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*+([A-Za-zµ/%]*)\s*")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in the base unit of its dimension; `text` keeps what the author wrote."""

    value: float
    """In the base unit of its dimension: seconds, bytes, per second, or a share of 1."""
    dimension: Dimension
    """What it measures."""
    text: str = ""
    """As it is written: `100ms`."""

    def __str__(self) -> str:
        return self.text or format_value(self.value, self.dimension)


@lru_cache(maxsize=1024)
def parse_quantity(text: str) -> Quantity:
    """Parse `100ms`, `95%`, `200/s`, `64MiB` or `12`.

    Errors: ValueError naming the text, and the known units when the unit is unknown.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity")
    number, unit = match.groups()
    if unit not in _FACTORS:
        known = ", ".join(name for name in _FACTORS if name)
        raise ValueError(f"unknown unit {unit!r} in {text!r}; units are {known}")
    dimension, factor = _FACTORS[unit]
    try:
        value = _scale(number, factor)
    except ArithmeticError:  # an exponent beyond what decimal can hold
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is too large")
    return Quantity(value, dimension, text.strip())


def _scale(number: str, factor: float) -> float:
    # In decimal, so that 99.9% is the double nearest to 0.999 and 999 of 1000 equals it.
    return float(Decimal(number) * Decimal(repr(factor)))


def parse_as(text: str, dimension: Dimension) -> Quantity:
    """Parse a quantity that must have the given dimension.

    Errors: ValueError saying which kind of quantity is needed, with examples.
    """
    quantity = parse_quantity(text)
    if quantity.dimension is not dimension:
        raise ValueError(f"{text!r} is not a {dimension}; write it like {EXAMPLES[dimension]}")
    return quantity


def format_value(value: float, dimension: Dimension) -> str:
    """Print a value in base units for people: 0.0153 s becomes `15.3 ms`."""
    if math.isinf(value) or math.isnan(value):
        return "-"
    match dimension:
        case Dimension.TIME:
            return format_seconds(value)
        case Dimension.SHARE:
            return format_share(value)
        case Dimension.RATE:
            return f"{_digits(value)}/s"
        case Dimension.SIZE:
            return _format_size(value)
        case Dimension.DATA_RATE:
            return f"{_format_size(value)}/s"
        case Dimension.COUNT:
            return _digits(value)


def format_seconds(value: float) -> str:
    """As people say it: from two days on in days, with what is not a whole one behind."""
    magnitude = abs(value)
    if magnitude == 0:
        return "0 s"
    if magnitude < 1e-6:
        return f"{_digits(value * 1e9)} ns"
    if magnitude < 1e-3:
        return f"{_digits(value * 1e6)} us"
    if magnitude < 1:
        return f"{_digits(value * 1e3)} ms"
    if magnitude < 120:
        return f"{_digits(value)} s"
    minutes, seconds = divmod(round(magnitude), 60)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if value < 0 else ""
    if hours < 48:
        return f"{sign}{hours}h {minutes:02}m {seconds:02}s" if hours else f"{sign}{minutes}m {seconds:02}s"
    days, hours = divmod(hours, 24)
    rest = f" {hours}h {minutes:02}m {seconds:02}s" if hours or minutes or seconds else ""
    return f"{sign}{days}d{rest}"


def format_share(ratio: float) -> str:
    """Print a share so that it never rounds up to 100% or down to 0% unless it is exactly that."""
    percent = ratio * 100
    if ratio in (0.0, 1.0):
        return f"{percent:.0f}%"
    if not 0.0 < ratio < 1.0:
        places = 3 if abs(percent) < _FAR_FROM_ALL else 1
        text = f"{percent:.{places}f}".rstrip("0").rstrip(".")
        return f"{text}%" if abs(percent) < 1e6 else f"{percent:.3g}%"
    for places in range(1, 18):
        text = f"{percent:.{places}f}"
        if abs(float(text) - percent) < min(percent, 100 - percent) * 0.01:
            return text.rstrip("0").rstrip(".") + "%"
    return f"{percent!r}%"


def _format_size(value: float) -> str:
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        factor = _FACTORS[unit][1]
        if abs(value) >= factor:
            return f"{_digits(value / factor)} {unit}"
    return f"{_digits(value)} B"


def _digits(value: float) -> str:
    """Three significant digits below 1000, whole numbers with thousands separators above."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 999.5:  # three digits of which would be 1e+03
        return f"{value:,.0f}"
    return f"{value:.3g}"


def count(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def enumerate_words(words: Iterable[str], most: int = 5, *, between: str = ", ") -> str:
    """`a, b and 3 more`."""
    everything = list(words)
    shown = between.join(everything[:most])
    return shown if len(everything) <= most else f"{shown} and {len(everything) - most:,} more"
