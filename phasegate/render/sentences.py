"""Every sentence of a report, made of facts: one entry for each code.

A text with holes is filled by the names of a fact's values; what depends on more than that is a function of
the fact. Another language is another table.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from phasegate.base.facts import Code, Fact, Figure, Message, encode
from phasegate.base.units import (
    Dimension,
    count,
    format_seconds,
    format_share,
    format_value,
    parse_as,
    parse_quantity,
)
from phasegate.model.measures import missed_moments_text
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
    """`{n}` is a number with separators, `{n:d}` one without, `{n:request}` counts requests; facts become
    their sentences."""

    def format_field(self, value: Any, format_spec: str) -> str:
        match value:
            case Fact():
                return sentence(value)
            case Figure():
                return figure(value)
            case float() if format_spec == "time":
                return format_seconds(value)
            case int() if format_spec == "d":
                return str(value)
            case int() if format_spec:
                return count(value, format_spec)
            case int():
                return f"{value:,}"
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


# Kinds: programs, results files, containers, images, resources.


def _colon(said: Fact) -> str:
    """What is said after a colon, with the colon."""
    return f": {sentence(said.why)}" if said.why else ""


_BROKEN_OFF = {2: "was interrupted", 3: "had an internal error", 4: "was called with wrong arguments"}


def _pytest_ended(said: Fact) -> str:
    how = _BROKEN_OFF.get(said.exit_code, f"ended with exit code {said.exit_code}")
    if said.exit_code is None:
        how = f"was ended by signal {said.signal}"
    after = f"after {said.n} of {said.total} cases" if said.total else "before it had collected anything"
    return f"pytest {how} {after}{_colon(said)}"


def _uncollected(said: Fact) -> str:
    names = [name or "a file" for name in said.names]
    return f"pytest could not collect {_names(names, of=said.n)}; {names[0]}{_colon(said)}"


def _cases_without_result(said: Fact) -> str:
    text = f"{said.n} of {said.total} {'collected ' if said.names else ''}cases have no result"
    return f"{text}: {sentence(said.names)}" if said.names else text


_EXIT_CODES = {
    124: "as `timeout` says, it took too long",
    126: "as shells say, what was found cannot be run",
    127: "as shells say, a command was not found",
}
"""What exit codes mean by convention."""
_STREAMS = {"stdout": "standard output", "stderr": "standard error"}


def _exit_code(said: Fact) -> str:
    ended = f"as shells say, {said.name} ended it" if said.name else ""
    meaning = _EXIT_CODES.get(said.exit_code, ended)
    return f"exit code {said.exit_code}{f': {meaning}' if meaning else ''}"


def _output_cut(said: Fact) -> str:
    return " and ".join(
        f"{size:,} bytes in the middle of the {name} were not kept"
        for stream, name in _STREAMS.items()
        if (size := said.values.get(stream))
    )


def _values(said: Fact) -> str:
    named = ", ".join(f"{value:.15g} {said.unit or ''}".rstrip() for value in said.parts)
    return f"{named}, ..." if said.more else named


def _no_quantity(said: Fact) -> str:
    """What reading the text once more says of it."""
    try:
        parse_as(said.text, Dimension(said.dimension))
    except ValueError as error:
        return str(error)
    return f"{said.text!r} is not a {said.dimension}"


def _text_read(said: Fact) -> str:
    return said.path or "the standard output"


def _file_unreadable(said: Fact) -> str:
    path, why = sentence(said.path), sentence(said.why)
    return f"{path} {why[3:]}" if why.startswith("it ") else f"{path} cannot be read: {why}"


def _byte_not_of(said: Fact) -> str:
    hint = "" if said.declared else ", and no other encoding is declared"
    return f"byte {said.text} in line {said.line} is not {said.encoding}{hint}"


_COUNTED = {
    "tries": ": each try counts",
    "subtests": "; the others are subtests, as the plan says",
    "pytest": "; the others are subtests, which pytest counts and does not write",
    "catch2": "; Catch2 counts assertions",
    "unknown": ", and which of them did not run is not known",
}


def _counted_tests(said: Fact) -> str:
    left = f"; {said.left:,} of them have no result" if said.left else ""
    return f"says {said.n:,} tests, {said.written:,} are written{_COUNTED.get(said.what, '')}{left}"


def _counted_others(said: Fact) -> str:
    what = {"skipped": "skipped or not run"}.get(said.what, said.what)
    return f"says {said.n:,} {what}, {said.written:,} are written"


def _suite_states(said: Fact) -> str:
    words = f"it has <{said.tag}>" if said.tag else f"{said.key} is {said.value!r}"
    how, none = ("failed", "failed") if said.failed else ("was not run", "of that")
    return f"says that it {how} ({words}), 0 {none} are written"


def _uncounted(said: Fact) -> str:
    odd = {"again": "is written again", "no_time": "took no time"}[said.what]
    return f"no result: its suite counts {said.n:,} tests and has more cases, of which this one {odd}"


def _without_message(said: Fact) -> str:
    what = {None: "failed", "suite": "the suite failed"}.get(said.what, said.what)
    return f"{what} without a message"


def _of_containers(said: Fact) -> str:
    text = "the containers of the target"
    if said.n is not None:
        text = f"{said.n:,} services{' by name' if said.by_name else ''}"
    return f"{text}, {count(said.rules, 'rule')} for logs" if said.rules else text


def _services_expected(said: Fact) -> str:
    which = f"there are {sentence(said.names)}" if said.names else "none"
    if said.missing:
        which = f"{sentence(said.missing)} missing"
    return f"expected {said.needed:,} services, found {said.n:,}: {which}"


def _memory(said: Fact) -> str:
    """Why a container ended, as far as its engine knows."""
    return f"{', killed for want of memory' if said.out_of_memory else ''}{_colon(said)}"


def _any_of(choices: Iterable[object]) -> str:
    return " or ".join(map(str, choices))


def _container_ended(said: Fact) -> str:
    right = f", not {_any_of(said.right)}" if said.right else ""
    meant = f" (exit_codes: {{{said.service}: 0}} if it should)" if said.service else ""
    return f"{said.container} ended with exit code {said.exit_code}{right}{_memory(said)}{meant}"


def _container_is(said: Fact) -> str:
    state = "was never started" if said.state == "created" else f"is {said.state}"
    return f"{said.container} {state}{_memory(said)}"


def _not_healthy(said: Fact) -> str:
    if said.state:
        return f"{said.container} is {said.state}, so it is not healthy"
    told = "its engine tells of no health" if said.health == "none" else f"it is {said.health}"
    return f"{said.container} is not healthy, {told}{_colon(said)}"


def _healthcheck_cannot_fail(said: Fact) -> str:
    hides = f", as it hides every failure of `{said.asked}`" if said.asked else ""
    return f"a healthcheck that cannot fail{hides}: `{said.line}`"


def _log_lines(said: Fact) -> str:
    if said.least is not None:
        wish = "a line that matches" if said.least == 1 else f"at least {said.least:,} lines that match"
    else:
        wish = f"at most {said.most:,} lines that match" if said.most else "no line that matches"
    first = f"; the first: {said.first}" if said.first is not None else ""
    seen = f"found {said.found:,} in {said.n:,} lines of {said.service}"
    return f"expected {wish} {said.pattern!r}, {seen}{first}"


def _dropped_by_limit(said: Fact) -> str:
    kept = f"{said.n} files of {said.size}" if said.n > 1 else f"one file of {said.size}"
    return f"the engine keeps no more of it than {kept}, and may have dropped lines"


def _of_image(said: Fact) -> str:
    without = f", without {', '.join(said.left_out)}" if said.left_out else ""
    return (said.image or f"the image of {said.service}") + without


def _image_warnings(said: Fact) -> str:
    more = said.n - len(said.named)
    named = "; ".join(sentence(one) for one in said.named)
    return f"warnings: {named}{f' and {more:,} more' if more > 0 else ''}"


def _as_root(said: Fact) -> str:
    return f"it runs as root{f': its user is {said.user!r}' if said.user else ', as it names no user'}"


def _base_unknown(said: Fact) -> str:
    label = f"its label {said.label} says {said.value!r}" if said.value else f"it has no label {said.label}"
    return f"nothing shows that it is built on {said.base}: {label}, and that image is not here"


def _of_resources(said: Fact) -> str:
    whose = ", ".join(said.services or ()) or "all services"
    return f"what {whose} use, every {format_seconds(said.interval)}"


def _several(said: Fact) -> str:
    more = said.n - len(said.parts)
    return "; ".join(map(sentence, said.parts)) + (f", and {more} more" if more > 0 else "")


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
    Code.SOME: lambda said: _names(said.names, len(said.names), said.n),
    Code.STOPPED_EARLY: "stopped early: {why}",
    Code.PARTS: "{n:part}",
    Code.NO_CASE_NAMED: "no case is named {names}",
    Code.NOT_STARTED: "{what} could not be started: {why}",
    Code.PYTEST_VERSIONS: "pytest {pytest} on Python {python}",
    Code.PYTEST_REPORTED: "what pytest reported",
    Code.PYTEST_ENDED: _pytest_ended,
    Code.PYTEST_DAMAGED: "what pytest reported is damaged",
    Code.UNCOLLECTED: _uncollected,
    Code.COLLECTED_ONLY: "collected, but no result ever came",
    Code.CASES_WITHOUT_RESULT: _cases_without_result,
    Code.NOTHING_COLLECTED: "pytest collected nothing in {path}",
    Code.NO_TEST_NAMED: "no test of {path} is named {names}",
    Code.NO_TEST_FAILED: "pytest exited with 1 although no test failed; its output says why",
    Code.DESELECTED: "{n:d} collected tests were deselected and did not run",
    Code.ALL_DESELECTED: "nothing left to run: all {n:d} collected tests were deselected",
    Code.CARRIED_OVER: "{n:d} cases that passed before were carried over, the others ran again",
    Code.MODULE_SKIPPED: "module skipped",
    Code.XFAIL: lambda said: f"expected failure (xfail) counts as failed{_colon(said)}",
    Code.PHASE_FAILED: "{phase} failed: {why}",
    Code.NO_REASON: "no reason given",
    Code.PASSED_BY_PLUGIN: "{why} (reported as passed by a plugin)",
    Code.ENDED_BY_SIGNAL: lambda said: (
        f"{said.program} was ended by signal {said.signal} ({said.name or 'unknown'})"
    ),
    Code.EXIT_CODE: _exit_code,
    Code.OUTPUT_ENDS: lambda said: f"{_STREAMS[said.stream]} ends with: {said.text}",
    Code.OUTPUT_CUT: _output_cut,
    Code.MAYBE_CUT_OUT: "{why}, and it may stand there; print less, or write it to a file "
    "and name that in file",
    Code.EXPECTED_OF_PROGRAM: lambda said: f"expected the {said.what.replace('_', ' ')} {sentence(said.why)}",
    Code.NOT_MEASURED: "{measure} was not measured: {why}",
    Code.SEARCH_TOO_LONG: "the search for {what} took longer than {limit:time}",
    Code.SEARCH_BROKE_OFF: "the search for {what} broke off: {why}",
    Code.NOTHING_MATCHES: "nothing matches {pattern!r}",
    Code.MATCHES_OFTEN: "{pattern!r} matches more than once, with different values ({found}); "
    "write take: sum, first, last, min or max, or a pattern for one of them",
    Code.MATCHES_IN_BOTH: "{pattern!r} matches in the standard output and in the standard error, "
    "and nobody knows which was {take}: {found}",
    Code.VALUES: _values,
    Code.MATCH_TOO_LARGE: "what matches {pattern!r} is too large",
    Code.GROUP_UNUSED: "the first group of {pattern!r} has no part in {text!r}",
    Code.PIECE_OF_NUMBER: "{text!r}, which {pattern!r} matches, is only a piece of the number in {within!r}",
    Code.NO_NUMBER: "{value} is not a number",
    Code.NO_QUANTITY: _no_quantity,
    Code.NO_MEMBER: "there is no {path}",
    Code.MEMBER_TWICE: lambda said: (
        f"an object of {_text_read(said)} has {said.name} more than once, with different values"
    ),
    Code.NO_JSON: lambda said: f"{_text_read(said)} is not JSON",
    Code.DETAILS_LEFT_OUT: "{n} cases did not pass; the details of the first {most} were kept",
    Code.NO_EVIDENCE: "no evidence file matches {pattern}",
    Code.MUCH_EVIDENCE: "{pattern} matches {n} files; the first {most} were kept",
    Code.EVIDENCE_LEFT_OUT: "evidence was left out: {why}",
    Code.FILE_LINK: "{path} is a link that leads out of the folder, to {to}",
    Code.FILE_OTHER: lambda said: (
        f"{said.path} is {f'a {said.kind}' if said.kind else 'something else'}, no file"
    ),
    Code.FILE_UNREADABLE: _file_unreadable,
    Code.FOLDER_UNREADABLE: "folder {path} cannot be read: {why}",
    Code.FILES_TOO_MANY: "the search ended after {most} names; name a folder to look in",
    Code.RESULTS_FILE: "results file {of}",
    Code.FILE_EMPTY: "{path} is empty",
    Code.FILE_OLD: "{path} is older than this attempt: it was written at {written} UTC, "
    "and the program did not write it again",
    Code.FILE_MALFORMED: "{path} is malformed: {why}",
    Code.FILE_NO_JUNIT: "{path} is no JUnit: its root is <{tag}>",
    Code.FILE_WITHOUT_CASE: "{path} has no test case",
    Code.FILE_CONTRADICTS: "{path} contradicts itself: {why}",
    Code.FILES_MATCH: "{n} results files match {pattern}; at most {most} are read",
    Code.FILES_MISSING: "no results file matches {pattern}",
    Code.FILES_NOT_READ: "{path} and others were not read, since the check was ended",
    Code.FILES_LEFT: "the results files have more than {size} MiB or {most} cases; "
    "{path} and others were not read",
    Code.NO_CASE_IN_FILES: "no case in the result files is named {names}",
    Code.MARK_TOO_LARGE: "a tag or comment in line {line:d} has more than {most} bytes",
    Code.DTD: "a DTD, which is not read; it can make a small file fill memory",
    Code.ELEMENTS_TOO_MANY: "more than {most} elements",
    Code.BYTE_NOT_OF: _byte_not_of,
    Code.ENCODING_UNKNOWN: "unknown encoding {encoding!r}",
    Code.CHARACTER_FORBIDDEN: "character {text} in line {line:d}",
    Code.OUTSIDE_SUITES: "{path} has {n} test cases that stand in no suite",
    Code.OF_SUITE: lambda said: f"{said.suite or 'a suite without a name'} {sentence(said.why)}",
    Code.COUNTED_TESTS: _counted_tests,
    Code.COUNTED_OTHERS: _counted_others,
    Code.NO_COUNT: "says {key} is {value!r}, which is no count",
    Code.FAILURES_ELSEWHERE: "has failures in <{tag}>, which belong to no test case",
    Code.SUITE_STATES: _suite_states,
    Code.RAN_AGAIN: "was run again",
    Code.MAYBE_RAN_AGAIN: "{path}: {case} has no pass and then one under one name ({n} in all); "
    "where the tool runs failed tests again, write reruns: true",
    Code.MORE_OF_KIND: "and {n} more of this kind",
    Code.UNWRITTEN: "counted among the {n} tests of its suite, but not written",
    Code.UNCOUNTED: _uncounted,
    Code.WITHOUT_MESSAGE: _without_message,
    Code.SKIPPED: "skipped",
    Code.SKIPPED_AGAIN: "failed, and was skipped when it was tried again: {why}",
    Code.NOT_RUN_BY: "not run: its {key} is {value!r}",
    Code.NO_RESULT_BY: "no result: its {key} is {value!r}, which is no word for passed",
    Code.NO_RESULT_WITH: lambda said: f"no result: it has <{said.tag}>{_colon(said)}",
    Code.OF_CONTAINERS: _of_containers,
    Code.NOBODY_EXPECTS: "nobody expects {names}",
    Code.NOTHING_EXPECTED: "nothing says which services there should be, so write expect; there are {names}",
    Code.NO_CONTAINER_AT_ALL: "there is no container at all",
    Code.NO_CONTAINER_OF: "there is no container of {service}",
    Code.SERVICES_EXPECTED: _services_expected,
    Code.CONTAINERS_EXPECTED: "expected {needed} containers of {service}, found {n}",
    Code.CONTAINER_ENDED: _container_ended,
    Code.NOT_ENDED: lambda said: (
        f"{said.container} is {said.state}, and should have ended with exit code {_any_of(said.right)}"
    ),
    Code.CONTAINER_IS: _container_is,
    Code.NOT_HEALTHY: _not_healthy,
    Code.HEALTH_NOT_PROVEN: "the health of {service} is not proven: {why}",
    Code.HEALTH_NOT_ASKED: "the health of {names} was not asked for",
    Code.NOT_LOOKED_AT: lambda said: (
        f"not looked at, as {f'{said.by} says' if said.by else 'nobody expects them'}: {sentence(said.names)}"
    ),
    Code.KILLS_UNKNOWN: "nobody can say whether the kernel killed a process for want of memory in {names}",
    Code.OTHER_IMAGE: "{container} runs {found}, and {image} means another image by now: {right}",
    Code.AGE_UNKNOWN: lambda said: (
        f"{'its age is not' if said.of else 'no age is'} known: the calendar clock moved during the run"
    ),
    Code.NO_HEALTHCHECK: "no healthcheck",
    Code.HEALTHCHECK_UNKNOWN: "a healthcheck of the unknown form {kind!r}, which no engine asks",
    Code.HEALTHCHECK_CANNOT_FAIL: _healthcheck_cannot_fail,
    Code.LOG_UNREAD: "it was not read",
    Code.LOG_UNREADABLE: "the log of {service} cannot be read: {why}",
    Code.LOG_INCOMPLETE: "the log of {service} may have had more lines than were searched: {why}",
    Code.LOG_EMPTY: "{service} has printed nothing, so nothing was searched",
    Code.LOG_LINES: _log_lines,
    Code.LOG_SLOW: "{why}, so nobody knows how many lines match",
    Code.SLOW_IN_LINE: "{why} in a line of the log: {text!r}",
    Code.READ_TOO_LONG: "it could not be read whole within {within:time} (timeout)",
    Code.READ_IN_PART: "it could not be read whole: {why}",
    Code.READ_IN_PIECES: "a line in it is so long that it was searched in pieces",
    Code.DROPPED_BY_DRIVER: lambda said: (
        f"the log driver {said.driver} may have dropped lines (mode: {said.mode})"
        if said.mode
        else f"{said.driver} may have dropped lines"
    ),
    Code.DROPPED_BY_LIMIT: _dropped_by_limit,
    Code.OF_IMAGE: _of_image,
    Code.IMAGE_IS: "{image} is {id}",
    Code.IMAGE_UNKNOWN: "there is no container of {service}, so nothing says which image it runs",
    Code.IMAGES_DIFFER: "the containers of {service} run {n:d} different images",
    Code.IMAGE_WARNINGS: _image_warnings,
    Code.OF_SEVERITY: "{severity}: {why}",
    Code.MORE_FINDINGS: "and {n} more",
    Code.STOPPED_AFTER: "it stopped {at:time} after {signal}",
    Code.CANNOT_STOP: "it could not be asked to stop: {why}",
    Code.AS_ROOT: _as_root,
    Code.UID_OF_ROOT: "it runs as root: its user {user!r} has uid {uid}",
    Code.USER_UNKNOWN: "its user {user!r} is not in its /etc/passwd, so it cannot start as that",
    Code.USER_BY_NAME: "its user is {user!r}, which is uid {uid} by its own /etc/passwd only; "
    "write the number",
    Code.IMAGE_HAS: "it has {why}",
    Code.PORT_EXPOSED: "it exposes {port}, which ports does not name",
    Code.SECRET: "{what} in the {where}",
    Code.SECRET_FILE: "{path} is a file that usually holds secrets",
    Code.NO_TAG: "{image} has no tag, so it means another image from day to day",
    Code.TAG_LATEST: "{image} means another image from day to day; name a version",
    Code.BASE_UNKNOWN: _base_unknown,
    Code.BASE_OTHER: "it is not built on {base}: its layers do not begin with those",
    Code.NO_LABEL: "it has no label {label}",
    Code.LABEL_OTHER: "its label {label} is {value!r}, not {right!r}",
    Code.WRITABLE_BY_ALL: "everybody may write the {kind} {path} ({mode})",
    Code.RUNS_AS_OWNER: "{path} is {what} ({mode})",
    Code.OTHER_ARCHITECTURE: lambda said: f"it is for {said.found}, not {_any_of(said.right)}",
    Code.WENT_ON: "it went on for {within:time} after {signal}, and had to be killed",
    Code.KILLED_AFTER: "it was killed after {signal} (exit code {exit_code})",
    Code.ENDED_AFTER: "it ended with exit code {exit_code} after {signal}",
    Code.OF_RESOURCES: _of_resources,
    Code.LOOK_TOO_LONG: "no look at the containers came to an end within {within:time}",
    Code.NEVER_RAN: lambda said: (
        f"no container {f'of {sentence(said.names)} ' if said.names else ''}was seen running"
    ),
    Code.LOST_BETWEEN: "a container of {service} ended, or was started again, {n:time}; "
    "what it used in between is not counted",
    Code.STOPPED_AT: "stopped after {at:time} of {of:time}: {why}",
    Code.NO_MEMORY_LIMIT: "{service} has no memory limit",
    Code.NO_OWN_NETWORK: "{service} has no network of its own (network mode {mode})",
    Code.ONE_LOOK: "{service} was looked at once, and {needed} looks are needed",
    Code.NOT_READ: "{measure} of {service} could not be read",
    Code.NOT_KNOWN_OF_ALL: "{measure} was never known of all services at once",
    Code.SEVERAL: _several,
    #
    # The target: bringing it up, acting on it, taking it down.
    #
    # The run: what was not run, why it ended, what its record lacks, waivers, warnings of the plan.
    Code.RUN_ALONE: "{check} goes on while other checks run, and was run alone: it saw the target at rest, "
    "and only for a moment",
}
