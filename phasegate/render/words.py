"""Symbols, colours and short sentences that every terminal view shares."""

from __future__ import annotations

import re
import unicodedata

from phasegate.base.facts import Message
from phasegate.base.units import count, format_seconds, format_share, format_value
from phasegate.model.measures import Buckets, Distribution, Gauge, Measure, Number, Share
from phasegate.model.observation import Observation
from phasegate.model.result import CheckStatus, CriterionResult, Verdict
from phasegate.render.badges import of_criterion
from phasegate.render.sentences import sentence

CHECK_WORDS: dict[CheckStatus, tuple[str, str, str]] = {
    CheckStatus.PASSED: ("✓", "pass", "green"),
    CheckStatus.FAILED: ("✗", "FAIL", "bold red"),
    CheckStatus.UNPROVEN: ("?", "unproven", "yellow"),
    CheckStatus.ERRORED: ("!", "ERROR", "bold magenta"),
    CheckStatus.NOT_RUN: ("-", "not run", "yellow"),
}
STYLES = {"pass": "green", "fail": "bold red", "warn": "yellow", "waived": "cyan"}
"""Of the tones of badges, in terminals."""
VERDICT_STYLE: dict[Verdict, str] = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
}
_COMMAND = re.compile(r"(\S*python\S*|pip|apt-get|brew|cargo|docker|docker-compose|export|go|npm|phasegate) ")


def criterion_words(criterion: CriterionResult) -> tuple[str, str, str]:
    """Symbol, word and style."""
    badge = of_criterion(criterion)
    return badge.symbol, badge.word, STYLES[badge.tone]


def full_expression(criterion: CriterionResult) -> str:
    """The criterion with its subject, which those written inside a check leave out."""
    expression = criterion.asked.expression
    if expression.startswith((f"{criterion.subject}.", f"{criterion.subject}/")):
        return expression
    subject = f"{criterion.subject}/{criterion.part}" if criterion.part else criterion.subject
    return f"{subject}.{expression}"


def visible(text: str) -> str:
    """Message from a target made harmless: control and direction-changing characters become visible."""
    if text.isprintable():
        return text
    return "".join(
        char
        if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co")
        else _escape_char(char)
        for char in text
    )


def is_command(help: str) -> bool:
    """Whether a way out can be copied into a shell as it stands; others are advice."""
    return _COMMAND.match(help) is not None and ", or " not in help


def one_line(text: Message, width: int = 200) -> str:
    """The text on one line, cut with an ellipsis."""
    flat = " ".join(visible(sentence(text)).split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def _escape_char(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def describe(measure: Measure) -> str:
    """A measure in a few words: `99.8% (998 of 1,000)`, `p95 14 ms of 1,000`."""
    match measure:
        case Share():
            unused = f", {count(measure.unused, 'moment')} unused" if measure.unused else ""
            if measure.value is None:
                return f"no data{unused}"
            skipped = f", {measure.skipped:,} without a verdict" if measure.skipped else ""
            seen = f"{measure.passed:,} of {measure.total:,}"
            return f"{format_share(measure.value)} ({seen}{skipped}{unused})"
        case Distribution():
            edges = measure.quantile(0.95)
            if edges is None:
                return "no data"
            failed = edges[1] == float("inf")
            return f"p95 {'failed' if failed else format_seconds(edges[1])} (n {measure.n:,})"
        case Buckets():
            edges = measure.quantile(0.95)
            if edges is None:
                return "no data"
            open_ = edges[1] == float("inf")
            edge = format_value(edges[not open_], measure.dimension)
            return f"p95 {'above' if open_ else 'up to'} {edge} (n {measure.n:,})"
        case Number():
            if measure.value is None:
                return "no data"
            more = "over " if measure.unended else "at least " if measure.partial else ""
            return f"{more}{format_value(measure.value, measure.dimension)}"
        case Gauge():
            if measure.mean is None or measure.maximum is None:
                return "no data"
            mean, most = (format_value(value, measure.dimension) for value in (measure.mean, measure.maximum))
            return f"mean {mean}, max {most} (of {count(measure.samples, 'sample')})"


def headline(seen: Observation) -> str:
    """What a check showed, for its line: the share first, then the latency, then the rate."""
    order = ("pass_rate", "success_rate", "latency", "throughput", "exit_code", "duration", "cpu", "memory")
    shown = [f"{name} {describe(seen.measures[name])}" for name in order if name in seen.measures]
    return ", ".join(shown[:3])
