"""Every sentence of a report, made of facts: one entry for each code.

A text with holes is filled by the names of a fact's values; what depends on more than that is a function of
the fact. Another language is another table.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from phasegate.base.facts import Code, Fact, Figure, Message, encode
from phasegate.base.units import Dimension, count, format_seconds, format_share, format_value, parse_quantity
from phasegate.model.measures import missed_moments_text

if TYPE_CHECKING:
    from phasegate.model.result import CriterionResult

NO_VALUE = "-"
"""What a criterion has observed where there is no data."""
_NAMED = 5
"""How many names a sentence lists."""
_FEW = 3
"""How many where each of them is long."""


def sentence(text: Message) -> str:
    """A text in English."""
    if isinstance(text, str):
        return text
    entry = _ENGLISH[text.code]
    try:
        return entry(text) if callable(entry) else _FORMAT.vformat(entry, (), _Holes(text.values))
    except (TypeError, AttributeError, LookupError, ValueError):
        # Only a record that no run wrote has facts without what belongs to them.
        return f"{text.code.value} {encode(text)}"


def required(item: CriterionResult) -> str:
    """Operator and threshold, as in `< 100ms`."""
    return sentence(item.judged.required)


def observed(item: CriterionResult) -> str:
    """With unit; `-` when nothing was seen."""
    return NO_VALUE if item.judged.observed is None else sentence(item.judged.observed)


def bound(item: CriterionResult) -> str:
    """What the sample shows, as in `>= 94.2%`; empty where no bound applies."""
    shows = item.judged.bound
    if shows is None or shows.code is Code.NOT_ASKED:
        return "" if shows is None else "none asked"
    return f"{'>=' if shows.code is Code.AT_LEAST else '<='} {figure(shows.value)}"


def margin(item: CriterionResult) -> str:
    """The signed distance of what was observed from the threshold, as in `+0.5 pp` or `-43 ms`."""
    distance = item.judged.margin
    if distance is None:
        return ""
    sign = "+" if distance.value > 0 else "-" if distance.value < 0 else ""
    if distance.dimension is Dimension.SHARE:
        return f"{sign}{round(abs(distance.value) * 100, 9):.3g} pp"
    return f"{sign}{format_value(abs(distance.value), distance.dimension)}"


def message(item: CriterionResult) -> str:
    """Why this verdict, and what would prove it."""
    return sentence(item.reason)


def figure(shown: Figure) -> str:
    """A number with as many digits as keep it on its own side of what it was compared with.

    99.96 ms is 100 ms in three digits, which must not stand beside `needs < 100ms` as satisfied.
    """
    value, threshold = shown.value, shown.against
    text = format_value(value, shown.dimension)
    if threshold is None or _side(text, threshold) == _compare(value, threshold):
        return text
    unit, factor = _unit(value, shown.dimension)
    for digits in range(4, 18):
        text = f"{value / factor:.{digits}g}{unit}"
        if _side(text, threshold) == _compare(value, threshold):
            break
    return text


def _compare(value: float, threshold: float) -> int:
    return (value > threshold) - (value < threshold)


def _side(text: str, threshold: float) -> int | None:
    try:
        return _compare(parse_quantity(text.replace(",", "")).value, threshold)
    except ValueError:  # "2m 03s" is for people only
        return None


def _unit(value: float, dimension: Dimension) -> tuple[str, float]:
    match dimension:
        case Dimension.TIME:
            units = ((" s", 1.0), (" ms", 1e-3), (" us", 1e-6))
            return next((unit for unit in units if abs(value) >= unit[1]), (" ns", 1e-9))
        case Dimension.SHARE:
            return "%", 0.01
        case Dimension.RATE:
            return "/s", 1.0
        case Dimension.SIZE:
            return " B", 1.0
        case Dimension.DATA_RATE:
            return " B/s", 1.0
        case Dimension.COUNT:
            return "", 1.0


class _Holes(dict[str, Any]):
    """Values of a fact; one that it does not have is empty."""

    def __missing__(self, name: str) -> str:
        return ""


class _Format(string.Formatter):
    """`{n}` is a number with separators, `{n:request}` counts requests, `{names:all}` lists every name; facts
    become their sentences."""

    def format_field(self, value: Any, format_spec: str) -> str:
        match value:
            case Fact():
                return sentence(value)
            case Figure():
                return figure(value)
            case float() | int() if format_spec == "time":
                return format_seconds(value)
            case int() if format_spec:
                return count(value, format_spec)
            case int():
                return f"{value:,}"
            case tuple() if format_spec == "all":
                return ", ".join(value)
            case tuple():
                return _names(value)
            case _:
                return str(value)


_FORMAT = _Format()


def _names(names: Iterable[str], most: int = _NAMED, of: int | None = None) -> str:
    """`a, b and 3 more`; `of` where more are known of than are named."""
    everything = list(names)
    more = (len(everything) if of is None else of) - min(len(everything), most)
    shown = ", ".join(everything[:most])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _some(texts: Iterable[Message]) -> str:
    everything = [sentence(text) for text in texts]
    more = len(everything) - _FEW
    return f"{'; '.join(everything[:_FEW])}{f'; and {more:,} more' if more > 0 else ''}"


def _in_span(said: Fact) -> str:
    """` in these 15 s`, so that nobody takes a sample for more than it is."""
    return f" in these {format_seconds(said.span)}" if said.span else ""


def _long_time(seconds: float) -> str:
    """10m 00s in a table of requirements is noise."""
    return format_seconds(seconds).replace(" 00s", "").replace("h 00m", "h")


def _sureness(said: Fact) -> str:
    at = f"at {format_share(said.confidence)} confidence"
    return f"{at}, whenever one looks" if said.always_valid else at


def _seen(said: Fact) -> str:
    """`observed p95 of 12 ms (1,000 requests in these 15 s)`."""
    if not said.statistic:
        return f"observed {sentence(said.observed)}{_in_span(said)}"
    requests = f"{count(said.n, 'request')}{_in_span(said)}"
    return f"observed {said.statistic} of {sentence(said.observed)} ({requests})"


def _required(said: Fact) -> str:
    over = f" over {_long_time(said.over)}" if said.over is not None else ""
    return f"{said.op} {sentence(said.threshold)}{over}"


def _of_baseline(said: Fact) -> str:
    value = f"{figure(said.value)} (baseline)"
    return f"{said.factor} x {value}" if said.factor else value


def _no_data(said: Fact) -> str:
    return f"no data: {sentence(said.why)}" if said.why else "no data"


def _compared(said: Fact) -> str:
    text = f"{_seen(said)}, needs {sentence(said.needs)}"
    if said.without_bound:
        text += "; compared as observed, without a bound"
    if said.of_this_sample:
        text += "; a statement about this sample, without a bound"
    return f"{text}; the figure is another tool's" if said.observed.code is Code.REPORTED else text


def _census(said: Fact) -> str:
    text = f"observed {sentence(said.observed)}"
    if said.best:
        text += f", up to {figure(said.best)} with the cases that have no result"
    if said.needs:
        text += f", needs {sentence(said.needs)}"
    if said.open:
        names = "their names are not known"
        if said.missing:
            names = _names(said.missing, of=said.skipped)
        text += f"; {said.open:,} without a result: {names}"
    if said.left_out:
        text += f"; {said.left_out:,} skipped left out, as allow_skipped: {said.allow_skipped} says"
    return text


def _shown(said: Fact) -> str:
    shows = sentence(said.bound) if said.bound else "no bound"
    text = f"{_seen(said)} shows {shows} {_sureness(said)}"
    if said.clusters:
        text += f"; {sentence(said.clusters)}"
    return f"{text}; {sentence(said.would_do)}" if said.would_do else text


def _statement(said: Fact) -> str:
    return f"{_seen(said)}, shows {sentence(said.bound)} {_sureness(said)}"


_WHAT = {
    "failures": "failures",
    "slow": "slow requests",
    "slow_or_failed": "slow or failed requests",
    "fast": "fast requests",
}


def _come_together(said: Fact) -> str:
    worth = f"{said.n:,} are worth {said.effective:,} independent ones"
    return f"{_WHAT[said.what]} come together in time, so {worth}"


def _too_few_pieces(said: Fact) -> str:
    return f"{said.pieces} pieces of time would be needed to tell whether {_WHAT[said.what]} come together"


def _would_do(said: Fact) -> str:
    if said.needed is None:
        return "no number of requests can show more"
    if said.measure:
        none, some = f"with none in {said.measure}", f"with no more than {said.wrong:,} in {said.measure}"
    else:
        none, some = "without a failure", f"with no more than {count(said.wrong, 'failure')}"
    return f"{said.needed:,} requests {some if said.wrong else none} would do"


def _would_do_in_time(said: Fact) -> str:
    if said.needed is None:
        return "no number of requests can show more"
    if not said.outside:
        return f"{said.needed:,} requests, none of them {said.miss} or failed, would do"
    return f"{said.needed:,} requests with no more than these {said.outside:,} {said.miss} or failed would do"


def _among_failed(said: Fact) -> str:
    where = "is among" if said.statistic.startswith("p") else "cannot leave out"
    requests = f"{count(said.n, 'request')}{_in_span(said)}"
    needs = sentence(said.needs)
    return f"the {said.statistic} of {requests} {where} the {said.failed:,} failed, needs {needs}"


def _of_samples(said: Fact) -> str:
    every = f", one every {format_seconds(said.interval)}" if said.interval else ""
    samples = f"{count(said.n, 'sample')}{every}{_in_span(said)}"
    return (
        f"observed {sentence(said.observed)}, the {said.statistic} of {samples}, needs {sentence(said.needs)}"
    )


def _no_statistic(said: Fact) -> str:
    return f"{said.measure} {f'has no {said.statistic}' if said.statistic else 'needs a statistic'}"


def _decided_met(said: Fact) -> str:
    return f"{sentence(said.of)}; {_when(said)}"


def _decided_not_met(said: Fact) -> str:
    return f"{_when(said)}: {said.right:,} of {said.n:,} were as asked for; {sentence(said.of)}"


def _decided_otherwise(said: Fact) -> str:
    return f"{sentence(said.of)}, though it had been {_when(said)}"


def _when(said: Fact) -> str:
    return f"decided after {count(said.n, 'request')} ({format_seconds(said.at)})"


def _distrusted(said: Fact) -> str:
    return sentence(said.why) + (f"; seen before: {sentence(said.seen)}" if said.seen else "")


def _span_too_short(said: Fact) -> str:
    what = "the baseline" if said.of_baseline else "it"
    covered = "a span that is not known" if said.span is None else _long_time(said.span)
    asked = f"{_long_time(said.over)} are asked for"
    return f"{sentence(said.of)}, but {what} was observed over {covered}, and {asked}"


def _unused(said: Fact) -> str:
    return f"{missed_moments_text(said.unused, said.moments)}; {sentence(said.of)}"


def _unmeasured(said: Fact) -> str:
    durations = count(said.count, "duration")
    return f"{sentence(said.of)}; {durations} of exactly 0 left out, below the resolution of the clock"


def _waived(said: Fact) -> str:
    text = f"waived by {', '.join(said.by)}: {sentence(said.of)}"
    return f"{text}; without {_names(said.cases)}: {sentence(said.rest)}" if said.rest else text


def _nothing_left(said: Fact) -> str:
    without = f"without {_names(said.cases or ())}, waived by {', '.join(said.by)}"
    return f"{sentence(said.of)}; {without}, no case is left that shows anything"


def _nothing_passed(said: Fact) -> str:
    return f"nothing passed: {_some(said.unseen)}" if said.unseen else "nothing passed"


def _check_not_run(said: Fact) -> str:
    return f"{said.check or 'the check'} was not run: {sentence(said.why or '')}"


def _check_errored(said: Fact) -> str:
    return f"{said.check or 'the check'} was errored: {sentence(said.why or '')}"


def _fault_not_seen(said: Fact) -> str:
    which = f"fault {said.fault}" if said.fault else "the fault"
    how = {"not_done": "not done", "not_undone": "not undone"}.get(said.status, "not seen through")
    return f"{which} was {how}: {sentence(said.why or '')}"


def _no_part(said: Fact) -> str:
    return f"no part {said.part!r} was seen; parts seen: {', '.join(said.known or ()) or 'none'}"


def _baseline_chosen(said: Fact) -> str:
    which = f"the median of {said.among} baselines, {said.path}" if said.among > 1 else said.path
    return f"{sentence(said.of)}; baseline: {which}"


def _baseline_figure(said: Fact) -> str:
    if not said.statistic:
        return sentence(said.seen)
    requests = f" ({count(said.seen_n, 'request')})" if said.seen_n is not None else ""
    return f"{said.statistic} of {sentence(said.seen)}{requests}"


def _baseline_proves(said: Fact) -> str:
    asked = f"so {said.op} {figure(said.limit)} is asked for"
    return f"the baseline's {_baseline_figure(said)} shows {sentence(said.proves)}, {asked}"


def _baseline_shows(said: Fact) -> str:
    return f"{sentence(said.of)}; {_baseline_proves(said)}"


def _baseline_shows_too_little(said: Fact) -> str:
    requests = f" ({count(said.n, 'request')})" if said.n is not None else ""
    why = f"observed {sentence(said.observed)}{requests}, which no number of requests like these carries"
    return f"{why}: {_baseline_proves(said)} {_sureness(said)}; a baseline of more requests would show more"


def _baseline_too_few(said: Fact) -> str:
    few = f"the {count(said.n, 'request')} of the baseline show no bound {_sureness(said)}"
    return few if said.needed is None else f"{few}; {said.needed:,} would do"


def _criteria(number: int, kind: str = "blocking ") -> str:
    return f"{number:,} {kind}{'criterion' if number == 1 else 'criteria'}"


def _listed(said: Fact) -> str:
    """The deciding criteria that are named, and how many are not."""
    named = "; ".join(sentence(one) for one in said.named)
    more = said.count - len(said.named)
    return f"{named}; and {more:,} more" if more > 0 else named


def _warnings(said: Fact) -> str:
    return f", {count(said.warnings, 'warning')}" if said.warnings else ""


def _gate_not_met(said: Fact) -> str:
    more = f", {said.unproven:,} unproven" if said.unproven else ""
    return f"{said.count:,} of {_criteria(said.total)} not met{more}: {_listed(said)}"


def _gate_unproven(said: Fact) -> str:
    return f"{said.count:,} of {_criteria(said.total)} unproven: {_listed(said)}"


def _gate_selection(said: Fact) -> str:
    word = "criterion" if said.total == 1 else "criteria"
    counts = f"{said.met:,} of {said.total:,} selected {word} met, {said.left:,} not selected"
    return counts + _warnings(said)


def _gate_without_evidence(said: Fact) -> str:
    if not said.all_waived:
        return "no blocking criterion was judged, so nothing is proven"
    which = " that could show that something passed" if said.met else ""
    return f"every blocking criterion{which} is waived, so nothing is proven"


def _gate_met(said: Fact) -> str:
    if said.waived:
        return f"{said.met:,} of {_criteria(said.total)} met, {said.waived:,} waived{_warnings(said)}"
    return f"{'all ' if said.total > 1 else ''}{_criteria(said.total)} met{_warnings(said)}"


def _counts(said: Fact) -> str:
    counts = [
        f"{number:,} {name.replace('_', ' ')}"
        for name in ("met", "not_met", "unproven", "waived")
        if (number := said.values.get(name))
    ]
    return f"{', '.join(counts)} by then" if counts else "nothing was judged by then"


def _criterion_missed(said: Fact) -> str:
    seen = NO_VALUE if said.observed is None else sentence(said.observed)
    return f"{said.criterion} was {seen}, needs {sentence(said.required)}"


def _with_waivers(said: Fact) -> str:
    return f"with {count(said.waivers, 'waiver')}, {said.unwaived} without"


def _verdict(verdict: str) -> str:
    return verdict.replace("_", " ")


# The target.


def _inside(said: Fact) -> str:
    return f"in the container of {said.service}" if said.service else ""


def _not_executable(said: Fact) -> str:
    inside = _inside(said)
    return f"{said.program!r} is not executable{f' {inside}' if inside else '; chmod +x makes it so'}"


def _program_ended(said: Fact) -> str:
    code = "" if said.exit_code is None else f" with exit code {said.exit_code}"
    return f"{said.command or 'it'} ended{code}{f' (signal {said.signal})' if said.signal else ''}"


def _program_ended_by(said: Fact) -> str:
    signal = f"signal {said.signal}" if isinstance(said.signal, int) else said.signal
    return f"{said.command or 'it'} was ended by {signal}"


def _before_ready(said: Fact) -> str:
    hint = "; a daemon must stay in the foreground" if said.daemon else ""
    return f"{sentence(said.why)} before it was ready{hint}"


def _port_of_another(said: Fact) -> str:
    who = f" ({said.by})" if said.by else ""
    return (
        f"port {said.port} is answered by another process{who}, not by the group that was started; "
        "a daemon must stay in the foreground"
    )


def _log_ends(said: Fact) -> str:
    if not said.tail:
        return f"{said.service or 'it'} wrote nothing to its log"
    which = said.path or (f"the log of {said.service}" if said.service else "its log")
    return f"{which} ends with" + "".join(f"\n    {line}" for line in said.tail)


def _no_container_carries(said: Fact) -> str:
    of_service = " of this service" if said.service else ""
    return f"no container{of_service} carries {', '.join(said.labels)}"


# The run.


def _clock_moved(said: Fact) -> str:
    what = [f"the machine was suspended for {format_seconds(said.suspended)}"] if said.suspended else []
    if said.span:
        direction = "forward" if said.span > 0 else "back"
        what.append(f"the calendar clock was set {direction} by {format_seconds(abs(said.span))}")
    return f"{said.at} UTC: {' and '.join(what)}; the times of this record count on from its start"


def _step_command_failed(said: Fact) -> str:
    printed = f": {said.line}" if said.line else ""
    return f"{said.when} of step {said.step}: {said.program}: {sentence(said.why)}{printed}"


def _check_had_ended(said: Fact) -> str:
    after = "" if said.at is None else f" after {format_seconds(said.at)}, before it"
    return f"{said.check} had ended{after}"


def _not_good_again(said: Fact) -> str:
    last = f": {sentence(said.why)}" if said.why else ""
    return f"not good again within {format_seconds(said.within)} after it was undone{last}"


def _evidence_unreadable(said: Fact) -> str:
    what = said.why[3:] if said.why.startswith("it ") else f"cannot be read: {said.why}"
    return f"evidence {said.path!r} {what}"


def _waiver_term(said: Fact) -> str:
    match said.days:
        case 0:
            return f"expires today, on {said.on}"
        case 1:
            return f"expires tomorrow, on {said.on}"
        case left:
            return f"expired on {said.on}" if left < 0 else f"expires on {said.on}, in {left} days"


def _waiver_in_doubt(said: Fact) -> str:
    was, became = ("expired", "in force") if said.expired else ("in force", "expired")
    return (
        f"waiver {said.waiver!r} is {was} by the clock at the start of the run, which said {said.at}, and"
        f" {became} by the clock as it was set since, which makes that {said.since}"
    )


def _can_never_meet(said: Fact) -> str:
    shown = f" (even without a failure they show {sentence(said.best)})" if said.best else ""
    never = f"{count(said.n, 'sample')} can never meet {said.expression} {_sureness(said)}{shown}"
    return f"{never}; {said.needed:,} without a failure would do"


Entry = str | Callable[[Fact], str]
_ENGLISH: Mapping[Code, Entry] = {
    Code.JOINED: lambda said: "; ".join(sentence(part) for part in said.parts),
    Code.LINES: lambda said: "\n".join(sentence(part) for part in said.parts),
    Code.OF_PART: "{part}: {why}",
    Code.OF_FAULT: "fault {fault}: {why}",
    Code.IN_OTHER: "{of}{why}",
    Code.REQUIRED: _required,
    Code.OF_BASELINE: _of_baseline,
    Code.SHARE: "{value} ({passed} of {total})",
    Code.VALUE: "{value}",
    Code.REPORTED: "{value} (reported)",
    Code.UNENDED: "over {value}, and no end seen",
    Code.AT_LEAST_SEEN: "at least {value}, as not everything was there to be looked at",
    Code.FAILED: "failed",
    Code.OF_KIND: lambda said: f"{said.passed:,} of {count(said.total, f'{said.kind} check')}",
    Code.AT_LEAST: "at least {value}",
    Code.AT_MOST: "at most {value}",
    Code.NOT_ASKED: "none asked",
    Code.NOT_JUDGED: "nothing was observed",
    Code.NO_DATA: _no_data,
    Code.COMPARED: _compared,
    Code.CENSUS: _census,
    Code.SHOWN: _shown,
    Code.STATEMENT: _statement,
    Code.ONLY_ALL_OR_NONE: "{measure} is a sample, and {op} is meant for 0% and 100% only",
    Code.AMONG_FAILED: _among_failed,
    Code.OF_SAMPLES: _of_samples,
    Code.OTHER_DIMENSION: "{measure} is a {dimension}, and {threshold} is a {asked}",
    Code.NO_STATISTIC: _no_statistic,
    Code.NO_SUCH_STATISTIC: "{measure} has no {statistic}; statistics are min, max, mean",
    Code.NO_BOUND_OF_MEAN: "a mean has no confidence bound; it needs `confidence: none`",
    Code.SAYS_NOTHING_OF_SAMPLE: "{op} says nothing about a sample of durations",
    Code.REQUIRED_KIND: lambda said: f"observed to the end: {_some(said.checks)}",
    Code.COME_TOGETHER: _come_together,
    Code.TOO_FEW_PIECES: _too_few_pieces,
    Code.WOULD_DO: _would_do,
    Code.WOULD_DO_IN_TIME: _would_do_in_time,
    Code.DECIDED_MET: _decided_met,
    Code.DECIDED_NOT_MET: _decided_not_met,
    Code.DECIDED_OTHERWISE: _decided_otherwise,
    Code.DISTRUSTED: _distrusted,
    Code.SPAN_TOO_SHORT: _span_too_short,
    Code.UNUSED: _unused,
    Code.WITHOUT_RESULT: "{of}; {count} without a result",
    Code.MAYBE_LESS: "{of}; it may have been as little as {least}, as phasegate was late",
    Code.UNMEASURED: _unmeasured,
    Code.FLAKY: lambda said: f"{sentence(said.of)}; passed only when tried again: {_some(said.names)}",
    Code.NOT_ALL_SEEN: lambda said: f"{sentence(said.of)}, but {_some(said.unseen)}",
    Code.WAIVED: _waived,
    Code.NOTHING_LEFT: _nothing_left,
    Code.COUNTED_AS_IS: "waived cases count here as what they are, "
    "and only a waiver of {criterion} itself reaches it",
    Code.NO_CASE: "no case was collected",
    Code.NO_RESULT_OF_CASES: "none of {total:case} has a result",
    Code.NO_REQUEST: "no request was made",
    Code.NO_REQUEST_TIMED: "no request was timed",
    Code.BELOW_RESOLUTION: "{count:duration} of exactly 0, below the resolution of the clock",
    Code.ZERO_TIME: "a time of exactly 0 is below the resolution of its clock",
    Code.NO_VALUE_READ: "no value of {measure} was read",
    Code.NO_SAMPLE: "no sample of {measure} was taken",
    Code.TOO_FEW_SAMPLES: "only {n:sample} of {measure} was taken, and {needed} are needed",
    Code.NO_CHECK: "no check belongs to it",
    Code.NOTHING_PASSED: _nothing_passed,
    Code.NO_BLOCKING_KIND: "no {kind} check that blocks belongs to the run",
    Code.NO_KIND_SEEN: lambda said: f"no {said.kind} check was observed to its end: {_some(said.unseen)}",
    Code.CHECK_NOT_RUN: _check_not_run,
    Code.CHECK_ERRORED: _check_errored,
    Code.CHECK_NOT_WHOLE: "{check} is {status}, and not all of its attempts and cases are there",
    Code.NO_PART: _no_part,
    Code.NOT_OBSERVED: "{measure} was not observed",
    Code.NOT_SAMPLED: "{measure} of {entry} was not sampled",
    Code.FAULT_NOT_SEEN: _fault_not_seen,
    Code.FAULT_WITHOUT_CHECK: "{check}, during which it is due, was not run: {why}",
    Code.NO_BASELINE: "no baseline is known",
    Code.NO_BASELINE_GIVEN: "no baseline was given; --baseline DIR names the folder of a run that passed",
    Code.BASELINE_WITHOUT_VALUE: "baseline {path} has no value of {value}",
    Code.BASELINE_CHOSEN: _baseline_chosen,
    Code.BASELINE_OTHERWISE: "{measure} was measured in another way in the baseline",
    Code.BASELINE_DIMENSION: "{measure} is a {dimension} in the baseline",
    Code.BASELINE_PROVES_NOTHING: "{value} of the baseline is {figure}, which proves nothing",
    Code.BASELINE_WITHOUT_RESULT: "{of}; {count} of the baseline without a result",
    Code.BASELINE_UNUSED: "{of}; {unused} moments of the baseline passed unused: phasegate was late",
    Code.BASELINE_SHOWS: _baseline_shows,
    Code.BASELINE_SHOWS_TOO_LITTLE: _baseline_shows_too_little,
    Code.BASELINE_HAS_NO_BOUND: "observed {observed}, but {why}",
    Code.BASELINE_NO_LOWER_BOUND: "the baseline's share has no lower bound",
    Code.BASELINE_BELOW_RESOLUTION: "{count:duration} of the baseline was below the resolution of the clock, "
    "which proves nothing",
    Code.BASELINE_TOO_FEW: _baseline_too_few,
    Code.BASELINE_BOUND_FAILED: "the upper bound of the baseline is among its {failed} failed requests",
    Code.GATE_NOT_MET: _gate_not_met,
    Code.GATE_UNPROVEN: _gate_unproven,
    Code.GATE_SELECTION: _gate_selection,
    Code.GATE_WITHOUT_EVIDENCE: _gate_without_evidence,
    Code.GATE_MET: _gate_met,
    Code.COUNTS: _counts,
    Code.CRITERION_MISSED: _criterion_missed,
    Code.CRITERION_OPEN: "{criterion}: {why}",
    Code.WITH_WAIVERS: _with_waivers,
    Code.CONTRADICTS_ITSELF: "the record contradicts itself: {why}",
    Code.ENDS_WITH: "it ends with {verdict} and exit code {exit_code}",
    Code.ENDS_WITH_PASS: "it ends with PASS, and {why}",
    Code.NOTHING_MET: "no blocking criterion is met",
    Code.FAULT_LEFT_ON: "fault {fault} was not undone",
    Code.MET_WITHOUT_FAULT: "{criterion} is met without its fault: {why}",
    Code.WAIVED_BY_NONE: "no waiver in force covers {criterion}, which is waived",
    Code.ENDED_EARLY: "was ended early: {why}",
    Code.RECORD_NOT_WHOLE: "the record is not complete: {why}",
    Code.TARGET_DIED: "target {entry} died during the run: {why}",
    Code.ONLY_SELECTION: "only a selection was run",
    Code.GATE_OTHERWISE: "the record says {recorded}, and its criteria {found}: {why}",
    Code.VERDICT_OTHERWISE: lambda said: (
        f"{said.criterion} is {_verdict(said.recorded)} in the record,"
        f" and its measures make it {_verdict(said.found)}"
    ),
    Code.FIGURES_OTHERWISE: lambda said: (
        f"{said.criterion}: {', '.join(said.figures)} in the record is not what its measures give"
    ),
    Code.WITHOUT_SUBJECT: lambda said: (
        f"{said.criterion} is {_verdict(said.recorded)}, and the record has nothing it speaks of"
    ),
    Code.ASKED_OTHERWISE: "{criterion}: what was asked in the record is not what its text says",
    Code.MET_BY_WAIVER: "{criterion} is met by a waiver in the record, which none can do",
    Code.WAIVED_THOUGH_MET: "{criterion} is waived in the record, and is not open without a waiver",
    Code.WAIVED_AND_REST_FAILED: "{criterion} is waived in the record, and no case that is not waived passed",
    Code.WAIVED_BY_NONE_IN_FORCE: "{criterion} is waived in the record, "
    "and no waiver that was in force covers it",
    Code.OF_CHECK: "{check}: {why}",
    Code.SETUP_FAILED: "its setup failed",
    Code.STEP_NOT_HELD: "step {step}, which it needs, did not hold: {why}",
    Code.DECISIVE: "{expression}: {why}",
    Code.NO_CRITERION: "no criterion judges it",
    Code.CRITERION_IS: lambda said: f"{said.criterion} is {_verdict(said.verdict)}",
    # HTTP: what a suite, a probe or a connection says.
    #
    # Load: what an engine, a journey, k6 or Locust says.
    #
    # Kinds: programs, results files, containers, images, resources.
    #
    # The target: bringing it up, acting on it, taking it down.
    Code.OF_ENTRY: "target {entry!r}: {why}",
    Code.OF_TARGET: "target {why}",
    Code.OF_SERVICE: "{service!r}: {why}",
    Code.OF_GET: "GET {url}: {why}",
    Code.STATUS: "status {status}",
    Code.SECRETS_NOT_SET: "target {entry!r} needs a secret that is not set: {names:all}",
    Code.SET_IN_ENVIRONMENT: "set it as an environment variable",
    Code.NEEDS: "it needs {names:all}",
    Code.NO_FREE_PORT: "no free port: {n} between {first} and {last} are taken",
    Code.EMPTY_COMMAND: "the command is empty",
    Code.NO_PROGRAM: lambda said: f"{said.program!r} is not {_inside(said) or 'on PATH'}",
    Code.NO_SUCH_FILE: "there is no {path!r}",
    Code.NO_FOLDER: "there is no folder {path!r}",
    Code.PROGRAM_IS_FOLDER: "{path!r} is a folder, not a program",
    Code.NOT_EXECUTABLE: _not_executable,
    Code.CANNOT_START: lambda said: (
        f"cannot start {said.program!r}{f' {_inside(said)}' if said.service else ''}: {sentence(said.why)}"
    ),
    Code.NO_INTERPRETER: "the interpreter that its first line names does not exist",
    Code.NO_PROGRAM_OF_SYSTEM: "it is no program of this system; does a first line like #!/bin/sh lack?",
    Code.LINE_TOO_LONG: "process {process} wrote a line that is too long: {why}",
    Code.BY_SIGNAL: "signal {signal}",
    Code.BY_EXIT_CODE: "exit code {exit_code}",
    Code.TOOK_LONGER: "{command} took longer than {limit:time}",
    Code.TOOK_TOO_LONG: "it took too long",
    Code.PROGRAM_ENDED: _program_ended,
    Code.PROGRAM_ENDED_BY: _program_ended_by,
    Code.ENDED_BY_ITSELF: lambda said: (
        f"it ended by itself with exit code {said.exit_code}{f': {said.line}' if said.line else ''}"
    ),
    Code.KILLED_FOR_MEMORY: "it was killed for want of memory",
    Code.HAS_ENDED: "it has ended",
    Code.NEVER_STARTED: "it was not started",
    Code.DOES_NOT_RUN: "{entry} does not run: {why}",
    Code.BEFORE_READY: _before_ready,
    Code.NOT_READY: "not ready within {within:time}: {why}",
    Code.NOT_ASKED_YET: "it was not asked",
    Code.NO_ANSWER_IN_TIME: "no answer in time",
    Code.NO_LINE_MATCHES: "no line of its output matches {pattern!r}",
    Code.READY_UNKNOWN: "nobody knows whether it is ready: the pattern {pattern!r} did not end within "
    "{limit:time} in a line of its output: {line!r}",
    Code.NOBODY_LISTENS: lambda said: (
        f"nobody listens on port {said.port}{' any more' if said.ended else ''}"
    ),
    Code.PORT_WITHOUT_ADDRESS: "port {port} has no address",
    Code.PORT_OF_ANOTHER: _port_of_another,
    Code.NOT_YET_STARTED: "it has not been started",
    Code.JUST_STARTED: "it has just been started",
    Code.NOT_STARTABLE: "it cannot be started: {why}",
    Code.ENDS_AGAIN: "it ends again and again ({times} restarts)",
    Code.CONTAINER_STATE: "it is {state}",
    Code.UNHEALTHY: lambda said: f"it is unhealthy{f': {said.output}' if said.output else ''}",
    Code.NOT_YET_HEALTHY: lambda said: f"it is not healthy yet{f': {said.output}' if said.output else ''}",
    Code.NO_CONTAINER: "it has no container",
    Code.TURNED_UNHEALTHY: "service {service} turned unhealthy while it was being used",
    Code.STARTED_AGAIN_IN_USE: "service {service} ended with exit code 0 and was started again while it was "
    "being used",
    Code.AND_STARTED_AGAIN: "{of}, and was started again",
    Code.SEVERAL_TIMES: "{of}, {times} times",
    Code.LOG_ENDS: _log_ends,
    Code.LOGS_END: lambda said: "\n  ".join(sentence(part) for part in said.parts),
    Code.NO_CONTAINERS: "the target has no containers",
    Code.NAME_CONTAINERS: "bring a stack up with target.compose, or name one that is up with "
    "target.containers",
    Code.NO_CONTAINER_CARRIES: _no_container_carries,
    Code.BRING_UP_BEFORE: "bring the stack up before the run, or let target.compose do it",
    Code.SERVICES_THAT_DO: "services that do are {names:all}",
    Code.SERVICE_NOT_RUNNING: "no container of service {service!r} is running",
    Code.NO_SERVICE: "the target has no service {service!r}",
    Code.SERVICES_ARE: lambda said: f"services are {', '.join(said.names or ()) or 'none'}",
    Code.NO_COMPOSE: "target.compose needs Compose, and neither docker compose nor docker-compose works "
    "here: {why}",
    Code.INSTALL_COMPOSE: "apt-get install docker-compose, or https://docs.docker.com/compose/install/",
    Code.COMPOSE_FILE_UNUSABLE: "{path} cannot be used: {why}",
    Code.COMPOSE_FILE_TOO_LARGE: "{path} is too large when everything is put in",
    Code.COMPOSE_FILE_EMPTY: "{path} has no services",
    Code.NO_YAML_PRINTED: "{command} printed no YAML for {path}: {why}",
    Code.NO_SERVICE_IN_FILE: lambda said: f"{said.path} has no service {', '.join(map(repr, said.names))}",
    Code.ITS_SERVICES_ARE: "its services are {names:all}",
    Code.IMAGE_NOT_BUILT: "the image of {service} cannot be built: {why}",
    Code.IMAGES_NOT_BUILT: "the images of {names:all} cannot be built: {why}",
    Code.IMAGE_NOT_PULLED: "the image {image!r} is not on this engine, and could not be pulled: {why}",
    Code.BUILD_OR_PULL: "build it, or docker pull {image}, before the run",
    Code.FREE_THE_PORT: "end what has the port (ss -ltnp shows it), or publish another one",
    Code.PROJECT_THERE: "the project {project!r} is there already ({what})",
    Code.THINGS: "{kind}: {names:all}",
    Code.TAKE_DOWN_FIRST: "take it down ({command}), or attach to it with target.containers: {{label: "
    "{label}}}",
    Code.PROJECT_IN_USE: lambda said: (
        f"another run uses the project {said.project!r} (phasegate, process {said.process or 'unknown'})"
    ),
    Code.WAIT_FOR_PROJECT: "wait for it to end, or leave 'project' out, so that each run has a project of "
    "its own",
    Code.NOT_CLAIMED: "the project {project!r} cannot be claimed: {path}: {why}",
    Code.REMOVE_THAT_FILE: "remove that file, or set TMPDIR to a folder that can be written",
    Code.NOT_LOCKED: "{path} cannot be locked: {why}",
    Code.STACK_NOT_REMOVED: "what is left of the stack {project} could not be removed (remove it with "
    "{command}): {why}",
    Code.ONE_THEN_ANOTHER: lambda said: "; then ".join(said.parts),
    Code.NO_SDK: "the docker SDK is not installed",
    Code.INSTALLS_IT: "{command} installs it",
    Code.NO_ENGINE: "there is no container engine at {at}",
    Code.START_ENGINE: "start it (dockerd, or systemctl start docker), or say where it is with DOCKER_HOST",
    Code.ENGINE_DENIED: "no permission to talk to the container engine at {at}",
    Code.JOIN_GROUP: "join the group of its socket (usermod -aG docker $USER, then log in again), or run as "
    "root",
    Code.ENGINE_SILENT: "no container engine answers at {at}: {why}",
    Code.ENGINE_UNUSABLE: "the container engine at {at} cannot be used: {why}",
    Code.ENGINE_ANSWERED_OTHERWISE: "the container engine gave an answer that is not understood: {why}",
    Code.ENGINE_REFUSED: "the container engine refused: {why}",
    Code.ENGINE_GONE: "the container engine does not answer any more: {why}",
    Code.ENGINE_DOES_NOT_SAY: "the engine does not say why",
    Code.NO_IMAGE: "there is no image {image!r} on this engine",
    Code.GET_IMAGE: "build it, or pull it, before the run",
    Code.IMAGE_TOO_LARGE: "the image is too large to look at its files",
    Code.ARCHIVE_BROKE_OFF: "the engine's archive of the image broke off",
    Code.LOG_BROKE_OFF: "the log broke off",
    Code.ENGINE_LOG_UNREADABLE: "the engine could not read the log: {why}",
    Code.NOT_SPOKEN_TO_INSIDE: "a program inside a container cannot be spoken to line by line",
    Code.NOT_TO_BE_ENDED: "it could not be ended",
    Code.OUTPUT_BROKE_OFF: "its output broke off: {why}",
    Code.ENTRY_NOT_UP: "the target has no {entry} that is up",
    Code.NO_SUCH_ACT: lambda said: f"{said.entry or 'a process'} cannot be put to {said.act}",
    Code.NO_CONTAINER_RUNS: "no container of {service} runs",
    Code.REMOVED_AT_END: "the engine removes {container} once it ends (--rm), so it cannot come back",
    Code.NOTHING_TO_CUT: "{container} has no network of its own to cut",
    Code.ENDED_IN_PAUSE: "{container} has ended in its pause",
    Code.STARTED_BY_ENGINE: "the engine had started {container} again by itself",
    Code.REMOVED_MEANWHILE: "{container} has been removed meanwhile",
    Code.PORTS_MOVED: lambda said: (
        f"{said.container} is published elsewhere now: {', '.join(map(sentence, said.ports))}"
    ),
    Code.PORT_MOVED: lambda said: f"{said.port} at {said.at or 'nowhere'}, was {said.was or ''}",
    Code.ADDRESS_MOVED: "{container} has address {address} in {network} now, and had {was}",
    # The run: what was not run, why it ended, what its record lacks, waivers, warnings of the plan.
    Code.RUN_ALONE: "{check} goes on while other checks run, and was run alone: it saw the target at rest, "
    "and only for a moment",
    Code.NO_MEMORY: "there is not enough memory",
    Code.OF_SYSTEM: "the system says: {why}",
    Code.CANNOT_GO_ON: lambda said: (
        f"phasegate could not go on{' observing' if said.observing else ''}: {sentence(said.why)}"
    ),
    Code.NOT_BROUGHT_TO_END: "the run could not be brought to its end: {why}",
    Code.DEFECT: "a defect in phasegate: {error}: {why}",
    Code.KIND_DEFECT: "a defect in kind {kind!r} of {package} {version}: {error}: {why}",
    Code.OVER_LIMIT: "did not end within its limit of {limit:time}",
    Code.ALL_DECIDED: "every criterion on its samples is decided",
    Code.ONE_DECIDED: "{criterion} is decided: not met",
    Code.INTERRUPTED: "interrupted",
    Code.STOPPED_BY: lambda said: f"stopped by {'Ctrl-C' if said.signal == 'SIGINT' else said.signal}",
    Code.RUN_LIMIT_REACHED: "the run reached its limit of {limit:time}",
    Code.RUN_NOT_ENDED: "the run has not ended",
    Code.RUN_ENDED_BEFORE: "the run ended before it",
    Code.CUT_SHORT: "the record ends before the run did",
    Code.CLOCK_MOVED: _clock_moved,
    Code.NOT_SELECTED: "not selected",
    Code.CHECK_FAILED_FAST: "an earlier check failed, and --fail-fast was asked for",
    Code.FAULT_FAILED_FAST: "an earlier fault failed, and --fail-fast was asked for",
    Code.COMPANIONS_ENDED: "the checks it goes beside have ended",
    Code.COMPANION_NOT_RUN: "{check}, which it goes beside, was not run",
    Code.STEP_COMMAND_FAILED: _step_command_failed,
    Code.LIMIT_REACHED: "its limit was reached",
    Code.SECRET_NOT_SET: "the secret {name} is not set",
    Code.SET_VARIABLE: "set the environment variable {name}",
    Code.NOT_INSTALLED: "{program} is not installed",
    Code.DOES_NOT_WORK: "{program} does not work: {why}",
    Code.TOOLS_NOT_INSIDE: lambda said: (
        f"{', '.join(said.names)} {'is' if len(said.names) == 1 else 'are'} not {_inside(said)}"
    ),
    Code.ADD_TO_IMAGE: "add {names:all} to the image of {service}",
    Code.NEEDS_WHAT_IS_OUT: "it needs {entry}, which did not come up: {why}",
    Code.SETUP_NOT_RUN: "target.setup was not run, as {names:all} did not come up",
    Code.SEE_LOG: "see the log of what did not come up",
    Code.ASKED_EVERY: "{method} {url} every {every:time}",
    Code.PROBE_NOT_SENT: "its probe cannot be sent: {why}",
    Code.CHECK_HAD_ENDED: _check_had_ended,
    Code.NOT_DONE: "it could not be done: {why}",
    Code.NOT_UNDONE: "it could not be undone: {why}",
    Code.UNDONE_EARLY: "it was undone {span:time} early, as {why}",
    Code.NO_GOOD_ANSWER_BEFORE: "no probe before it had a good answer",
    Code.NOT_GOOD_AGAIN: _not_good_again,
    Code.BEFORE_RECOVERY: "{why}, before it could be seen whether it recovers",
    Code.RECOVERY_UNSEEN: "phasegate was late, and nobody could see whether it recovers",
    Code.MISSED_MOMENTS: lambda said: missed_moments_text(
        said.unused, said.moments, replaced=bool(said.replaced)
    ),
    Code.CANNOT_WRITE: "cannot write {path}: {why}",
    Code.FREE_SPACE: "free space for the output folder and run again",
    Code.FILE_LOST: "{path} is lost: {why}",
    Code.REPLACED_OR_CUT: "another file is in its place, or it was cut",
    Code.NO_RECORD: "no record at {path}: {why}",
    Code.EVIDENCE_UNREADABLE: _evidence_unreadable,
    Code.EVIDENCE_REMOVED: "programs left more evidence than {most} files and folders, {depth} inside each "
    "other: {n} were removed",
    Code.SPECIAL_FILES_REMOVED: "{n} links or special files in the evidence were removed",
    Code.REMOVED_UNREDACTED: "{path} was removed, it cannot be redacted: {why}",
    Code.NOT_REMOVED: "{path} could not be removed: {why}",
    Code.NOT_COMMITTED: "{commit} with uncommitted changes",
    Code.OF_WAIVER: "waiver {waiver!r}: {why}",
    Code.WAIVER_TERM: _waiver_term,
    Code.WAIVER_AND_TERM: "waiver {waiver!r} {why}",
    Code.COVERS_NOTHING: "{why}, so it covers nothing",
    Code.WAIVER_TOO_WIDE: "{pattern} matches {n} cases and may match at most {most}, so the whole waiver "
    "covers nothing",
    Code.NO_CASE_CALLED: "no case that was seen is called {names}",
    Code.HOLDS_NOT_EITHER: "without what it covers {names} does not hold either",
    Code.NOTHING_NEEDED_IT: "nothing needed it",
    Code.WAIVER_IN_DOUBT: _waiver_in_doubt,
    Code.OF_CRITERION: "criterion {criterion!r}: {why}",
    Code.OF_DEFAULT: "criterion {criterion!r}, a default of the kind: {why}",
    Code.CAN_NEVER_MEET: _can_never_meet,
    Code.CAN_NEVER_SPAN: "{check} takes {span:time} and can never span {over:time}",
    Code.DISPLACES_DEFAULT: "criterion {criterion!r} holds when {measure} is {value}, and takes the place of "
    "the default {default}",
    Code.UNPROVEN_WITHOUT_BASELINE: "criterion {criterion!r} is unproven unless phasegate run is given a "
    "baseline",
    Code.BASELINE_NOT_NEEDED: "no criterion is held against a baseline, so --baseline changes nothing",
    Code.SECRET_SHORT: "secret {name!r} is shorter than {n} characters",
    Code.NOT_RUN_WITHOUT_IT: "what needs it is not run: {names}",
    Code.NOTHING_NEEDS_IT: "nothing needs it",
    Code.NO_SUCH_PROFILE: "no service of the compose file has the profile {name!r}",
    Code.VARIABLE_UNUSED: "the compose file does not use the variable {name!r}",
    Code.SEVERAL_PORTS: "the default entry {entry!r} has several ports ({ports:all}), and the plan does not "
    "say which",
    Code.NO_PORT: "the default entry {entry!r} neither publishes nor exposes a port in the compose file",
    Code.CONTENT_HIDDEN: "the file is not what it is named for, or something is wrong with it on line {line}",
    Code.NAME_NOT_KNOWN: "${{{name}}} is not known",
    Code.DOES_NOT_FIT: "{path} does not fit with the target's addresses: {why}",
}
