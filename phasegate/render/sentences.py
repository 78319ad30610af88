"""Every sentence of a report, made of facts: one entry for each code.

A text with holes is filled by the names of a fact's values; what depends on more than that is a function of
the fact. Another language is another table.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

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
from phasegate.model.statistic import find_statistic
from phasegate.render.rules import rule_texts

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
        return entry(text) if callable(entry) else _fill(entry, text.values)
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
        return "" if shows is None else "not required"
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


def missed_moments_text(unused: int, moments: int, *, replaced: bool = False) -> str:
    """Names what is missing where phasegate did not keep to a schedule."""
    more = "; later ones took their place" if replaced else ""
    return f"{unused:,} of {moments:,} scheduled requests were not sent in time: phasegate was late{more}"


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


def _of_others(n: int | None) -> str:
    return f"; {count(n, 'job')} of that name ran for others" if n else ""


def _migrations_differ(fact: Fact) -> str:
    parts = (
        ("not applied", fact.missing),
        ("applied and not in the folder", fact.names),
        ("applied without success", fact.failed),
        ("changed since it was applied", fact.changed),
    )
    return "; ".join(f"{what}: {_names(versions)}" for what, versions in parts if versions)


_ROLES = {
    "deploys": "taken for one that deploys",
    "tests": "taken for one that tests",
    "rolls_back": "taken for one that rolls back",
}


def _finding(fact: Fact) -> str:
    """What is wrong, and what would be right."""
    wrong, right = rule_texts(fact.rule)
    details = [sentence(one) if isinstance(one, str | Fact) else f"{one}" for one in fact.details or ()]
    return "; ".join(text.format(*details) for text in (wrong, right) if text)


def _fill(text: str, values: Mapping[str, Any]) -> str:
    """A text with its holes filled: `{n}` is a number with separators, `{n:d}` one without, `{n:request}`
    counts requests, `{names:all}` lists every name; facts become their sentences. What is not there is empty.
    """
    pieces = []
    for literal, name, spec, conversion in _pieces(text):
        pieces.append(literal)
        if name is not None:
            value = values.get(name, "")
            pieces.append(repr(value) if conversion else _in_hole(value, spec))
    return "".join(pieces)


@cache
def _pieces(text: str) -> tuple[tuple[str, str | None, str, str | None], ...]:
    """What stands before each hole, and of the hole its name, what is behind the colon, and `r` or None."""
    return tuple(
        (literal, name, spec or "", conversion)
        for literal, name, spec, conversion in string.Formatter().parse(text)
    )


def _in_hole(value: Any, spec: str) -> str:
    match value:
        case str():
            return str(value)
        case Fact():
            return sentence(value)
        case Figure():
            return figure(value)
        case float() | int() if spec == "time":
            return format_seconds(value)
        case int() if spec == "d":
            return str(value)
        case int() if spec:
            return count(value, spec)
        case int():
            return f"{value:,}"
        case tuple() if spec == "all":
            return ", ".join(value)
        case tuple():
            return _names(value)
        case _:
            return str(value)


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


def _in_span(fact: Fact) -> str:
    """` in these 15 s`, so that nobody takes a sample for more than it is."""
    return f" in these {format_seconds(fact.span)}" if fact.span else ""


def _long_time(seconds: float) -> str:
    """10m 00s in a table of requirements is noise."""
    return format_seconds(seconds).replace(" 00s", "").replace("h 00m", "h")


def _sureness(fact: Fact) -> str:
    at = f"at {format_share(fact.confidence)} confidence"
    return f"{at}, whenever one looks" if fact.always_valid else at


def _seen(fact: Fact) -> str:
    """`observed p95 of 12 ms (1,000 requests in these 15 s)`."""
    if not fact.statistic:
        return f"observed {sentence(fact.observed)}{_in_span(fact)}"
    requests = f"{count(fact.n, 'request')}{_in_span(fact)}"
    return f"observed {fact.statistic} of {sentence(fact.observed)} ({requests})"


_BUCKETS = {
    "missing": "buckets are missing, +Inf or samples of some",
    "contradict": "what its buckets count does not fit together",
    "changed": "its buckets changed in the window",
}


def _between(fact: Fact) -> str:
    """Where a value lies of which the edges of a bucket are known: `above 50 ms, up to 100 ms`."""
    above = "" if fact.least is None else f"above {figure(fact.least)}"
    up_to = "" if fact.most is None else f"up to {figure(fact.most)}"
    return ", ".join(filter(None, (above, up_to))) or "anything"


def _required(fact: Fact) -> str:
    over = f" over {_long_time(fact.over)}" if fact.over is not None else ""
    return f"{fact.op} {sentence(fact.threshold)}{over}"


def _of_baseline(fact: Fact) -> str:
    value = f"{figure(fact.value)} (baseline)"
    return f"{fact.factor} x {value}" if fact.factor else value


def _counted(fact: Fact) -> str:
    """` (api, db)`: what a count counts."""
    return f" ({_names(fact.names)})" if fact.names else ""


def _compared(fact: Fact) -> str:
    text = f"{_seen(fact)}, needs {sentence(fact.needs)}"
    if fact.without_bound:
        text += "; compared as observed, without a bound"
    if fact.of_this_sample:
        text += "; a statement about this sample, without a bound"
    return f"{text}; the figure comes from another tool" if fact.observed.code is Code.REPORTED else text


def _census(fact: Fact) -> str:
    text = f"observed {sentence(fact.observed)}"
    if fact.best:
        text += f", up to {figure(fact.best)} with the cases that have no result"
    if fact.needs:
        text += f", needs {sentence(fact.needs)}"
    if fact.open:
        names = "their names are not known"
        if fact.missing:
            names = _names(fact.missing, of=fact.skipped)
        text += f"; {fact.open:,} without a result: {names}"
    if fact.left_out:
        text += f"; {fact.left_out:,} skipped cases left out (allow_skipped: {fact.allow_skipped})"
    return text


def _shown(fact: Fact) -> str:
    shows = sentence(fact.bound) if fact.bound else "no bound"
    text = f"{_seen(fact)} shows {shows} {_sureness(fact)}"
    if fact.clusters:
        text += f"; {sentence(fact.clusters)}"
    return f"{text}; {sentence(fact.would_do)}" if fact.would_do else text


_WHAT = {
    "failures": "failures",
    "slow": "slow requests",
    "slow_or_failed": "slow or failed requests",
    "fast": "fast requests",
}


def _come_together(fact: Fact) -> str:
    worth = f"{fact.n:,} are worth {fact.effective:,} independent ones"
    return f"{_WHAT[fact.what]} come together in time, so {worth}"


def _would_do(fact: Fact) -> str:
    if fact.needed is None:
        return "no number of requests can show more"
    if fact.measure:
        none, some = f"with none in {fact.measure}", f"with no more than {fact.wrong:,} in {fact.measure}"
    else:
        none, some = "without a failure", f"with no more than {count(fact.wrong, 'failure')}"
    return f"{fact.needed:,} requests {some if fact.wrong else none} would be enough"


def _would_do_in_time(fact: Fact) -> str:
    if fact.needed is None:
        return "no number of requests can show more"
    if not fact.outside:
        return f"{fact.needed:,} requests, none of them {fact.miss} or failed, would be enough"
    most = f"no more than these {fact.outside:,} {fact.miss} or failed"
    return f"{fact.needed:,} requests with {most} would be enough"


def _among_failed(fact: Fact) -> str:
    where = "cannot leave out" if find_statistic(fact.statistic).quantile is None else "is among"
    requests = f"{count(fact.n, 'request')}{_in_span(fact)}"
    needs = sentence(fact.needs)
    return f"the {fact.statistic} of {requests} {where} the {fact.failed:,} failed, needs {needs}"


def _of_samples(fact: Fact) -> str:
    every = f", one every {format_seconds(fact.interval)}" if fact.interval else ""
    samples = f"{count(fact.n, 'sample')}{every}{_in_span(fact)}"
    return (
        f"observed {sentence(fact.observed)}, the {fact.statistic} of {samples}, needs {sentence(fact.needs)}"
    )


def _when(fact: Fact) -> str:
    return f"decided after {count(fact.n, 'request')} ({format_seconds(fact.at)})"


def _span_too_short(fact: Fact) -> str:
    what = "the baseline" if fact.of_baseline else "it"
    covered = "an unknown time" if fact.span is None else _long_time(fact.span)
    asked = f"{_long_time(fact.over)} are required"
    return f"{sentence(fact.of)}, but {what} was observed over {covered}, and {asked}"


def _unmeasured(fact: Fact) -> str:
    durations = count(fact.count, "duration")
    return f"{sentence(fact.of)}; {durations} of exactly 0 left out, below the resolution of the clock"


def _waived(fact: Fact) -> str:
    text = f"waived by {', '.join(fact.by)}: {sentence(fact.of)}"
    return f"{text}; without {_names(fact.cases)}: {sentence(fact.rest)}" if fact.rest else text


def _nothing_left(fact: Fact) -> str:
    without = f"without {_names(fact.cases or ())}, waived by {', '.join(fact.by)}"
    return f"{sentence(fact.of)}; {without}, no case is left that shows anything"


def _fault_not_seen(fact: Fact) -> str:
    which = f"fault {fact.fault}" if fact.fault else "the fault"
    how = {"not_done": "not done", "not_undone": "not undone"}.get(fact.status, "not completed")
    return f"{which} was {how}: {sentence(fact.why or '')}"


def _baseline_chosen(fact: Fact) -> str:
    which = f"the median of {fact.among} baselines, {fact.path}" if fact.among > 1 else fact.path
    return f"{sentence(fact.of)}; baseline: {which}"


def _baseline_figure(fact: Fact) -> str:
    if not fact.statistic:
        return sentence(fact.seen)
    requests = f" ({count(fact.seen_n, 'request')})" if fact.seen_n is not None else ""
    return f"{fact.statistic} of {sentence(fact.seen)}{requests}"


def _baseline_proves(fact: Fact) -> str:
    asked = f"so {fact.op} {figure(fact.limit)} is required"
    return f"the baseline's {_baseline_figure(fact)} shows {sentence(fact.proves)}, {asked}"


def _baseline_shows_too_little(fact: Fact) -> str:
    requests = f" ({count(fact.n, 'request')})" if fact.n is not None else ""
    why = f"observed {sentence(fact.observed)}{requests}, which no number of requests like these can prove"
    return f"{why}: {_baseline_proves(fact)} {_sureness(fact)}; a baseline of more requests would show more"


def _baseline_too_few(fact: Fact) -> str:
    few = f"the {count(fact.n, 'request')} of the baseline show no bound {_sureness(fact)}"
    return few if fact.needed is None else f"{few}; {fact.needed:,} would be enough"


def _criteria(number: int, kind: str = "blocking ") -> str:
    return f"{number:,} {kind}{'criterion' if number == 1 else 'criteria'}"


def _listed(fact: Fact) -> str:
    """The deciding criteria that are named, and how many are not."""
    named = "; ".join(sentence(one) for one in fact.named)
    more = fact.count - len(fact.named)
    return f"{named}; and {more:,} more" if more > 0 else named


def _warnings(fact: Fact) -> str:
    return f", {count(fact.warnings, 'warning')}" if fact.warnings else ""


def _gate_not_met(fact: Fact) -> str:
    more = f", {fact.unproven:,} unproven" if fact.unproven else ""
    return f"{fact.count:,} of {_criteria(fact.total)} not met{more}: {_listed(fact)}"


def _gate_selection(fact: Fact) -> str:
    word = "criterion" if fact.total == 1 else "criteria"
    counts = f"{fact.met:,} of {fact.total:,} selected {word} met, {fact.left:,} not selected"
    return counts + _warnings(fact)


def _gate_without_evidence(fact: Fact) -> str:
    if not fact.all_waived:
        return "no blocking criterion was judged, so nothing is proven"
    which = " that could show that something passed" if fact.met else ""
    return f"every blocking criterion{which} is waived, so nothing is proven"


def _gate_met(fact: Fact) -> str:
    if fact.waived:
        return f"{fact.met:,} of {_criteria(fact.total)} met, {fact.waived:,} waived{_warnings(fact)}"
    return f"{'all ' if fact.total > 1 else ''}{_criteria(fact.total)} met{_warnings(fact)}"


def _counts(fact: Fact) -> str:
    counts = [
        f"{number:,} {name.replace('_', ' ')}"
        for name in ("met", "not_met", "unproven", "waived")
        if (number := fact.values.get(name))
    ]
    return f"{', '.join(counts)} by then" if counts else "nothing was judged by then"


def _criterion_missed(fact: Fact) -> str:
    seen = NO_VALUE if fact.observed is None else sentence(fact.observed)
    return f"{fact.criterion} was {seen}, needs {sentence(fact.required)}"


def _verdict(verdict: str) -> str:
    return verdict.replace("_", " ")


# Kinds: programs, results files, containers, images, resources.


_BROKEN_OFF = {2: "was interrupted", 3: "had an internal error", 4: "was called with wrong arguments"}


def _pytest_ended(fact: Fact) -> str:
    how = _BROKEN_OFF.get(fact.exit_code, f"ended with exit code {fact.exit_code}")
    if fact.exit_code is None:
        how = f"was ended by signal {fact.signal}"
    after = f"after {fact.n} of {fact.total} cases" if fact.total else "before it had collected anything"
    return f"pytest {how} {after}{_because(fact)}"


def _uncollected(fact: Fact) -> str:
    names = [name or "a file" for name in fact.names]
    return f"pytest could not collect {_names(names, of=fact.n)}; {names[0]}{_because(fact)}"


def _cases_without_result(fact: Fact) -> str:
    text = f"{fact.n} of {fact.total} {'collected ' if fact.names else ''}cases have no result"
    return f"{text}: {sentence(fact.names)}" if fact.names else text


_EXIT_CODES = {
    124: "as `timeout` says, it took too long",
    126: "as shells say, what was found cannot be run",
    127: "as shells say, a command was not found",
}
"""What exit codes mean by convention."""
_STREAMS = {"stdout": "standard output", "stderr": "standard error"}


def _exit_code(fact: Fact) -> str:
    ended = f"as shells say, {fact.name} ended it" if fact.name else ""
    meaning = _EXIT_CODES.get(fact.exit_code, ended)
    return f"exit code {fact.exit_code}{f': {meaning}' if meaning else ''}"


def _values(fact: Fact) -> str:
    named = ", ".join(f"{value:.15g} {fact.unit or ''}".rstrip() for value in fact.parts)
    return f"{named}, ..." if fact.more else named


def _no_quantity(fact: Fact) -> str:
    """What reading the text once more says of it."""
    try:
        parse_as(fact.text, Dimension(fact.dimension))
    except ValueError as error:
        return str(error)
    return f"{fact.text!r} is not a {fact.dimension}"


def _text_read(fact: Fact) -> str:
    return fact.path or "the standard output"


def _file_unreadable(fact: Fact) -> str:
    path, why = sentence(fact.path), sentence(fact.why)
    return f"{path} {why[3:]}" if why.startswith("it ") else f"{path} cannot be read: {why}"


def _byte_not_of(fact: Fact) -> str:
    hint = "" if fact.declared else ", and no other encoding is declared"
    return f"byte {fact.text} in line {fact.line} is not {fact.encoding}{hint}"


_COUNTED = {
    "tries": ": each try counts",
    "subtests": "; the others are subtests, as the plan says",
    "pytest": "; the others are subtests, which pytest counts and does not write",
    "catch2": "; Catch2 counts assertions",
    "unknown": ", and which of them did not run is not known",
}


def _counted_tests(fact: Fact) -> str:
    left = f"; {fact.left:,} of them have no result" if fact.left else ""
    return f"says {fact.n:,} tests, {fact.written:,} are written{_COUNTED.get(fact.what, '')}{left}"


def _counted_others(fact: Fact) -> str:
    what = {"skipped": "skipped or not run"}.get(fact.what, fact.what)
    return f"says {fact.n:,} {what}, {fact.written:,} are written"


def _suite_states(fact: Fact) -> str:
    words = f"it has <{fact.tag}>" if fact.tag else f"{fact.key} is {fact.value!r}"
    how, none = ("failed", "failed") if fact.failed else ("was not run", "of that")
    return f"says that it {how} ({words}), 0 {none} are written"


def _uncounted(fact: Fact) -> str:
    odd = {"again": "is written again", "no_time": "took no time"}[fact.what]
    return f"no result: its suite counts {fact.n:,} tests and has more cases, of which this one {odd}"


def _without_message(fact: Fact) -> str:
    what = {None: "failed", "suite": "the suite failed"}.get(fact.what, fact.what)
    return f"{what} without a message"


def _of_containers(fact: Fact) -> str:
    text = "the containers of the target"
    if fact.n is not None:
        text = f"{fact.n:,} services{' by name' if fact.by_name else ''}"
    return f"{text}, {count(fact.rules, 'rule')} for logs" if fact.rules else text


def _services_expected(fact: Fact) -> str:
    which = f"there are {sentence(fact.names)}" if fact.names else "none"
    if fact.missing:
        which = f"{sentence(fact.missing)} missing"
    return f"expected {fact.needed:,} services, found {fact.n:,}: {which}"


def _memory(fact: Fact) -> str:
    """Why a container ended, as far as its engine knows."""
    return f"{', killed for lack of memory' if fact.out_of_memory else ''}{_because(fact)}"


def _any_of(choices: Iterable[object]) -> str:
    return " or ".join(map(str, choices))


def _container_ended(fact: Fact) -> str:
    right = f", not {_any_of(fact.right)}" if fact.right else ""
    meant = f" (exit_codes: {{{fact.service}: 0}} if it should)" if fact.service else ""
    return f"{fact.container} ended with exit code {fact.exit_code}{right}{_memory(fact)}{meant}"


def _container_is(fact: Fact) -> str:
    state = "was never started" if fact.state == "created" else f"is {fact.state}"
    return f"{fact.container} {state}{_memory(fact)}"


def _not_healthy(fact: Fact) -> str:
    if fact.state:
        return f"{fact.container} is {fact.state}, so it is not healthy"
    told = "its engine reports no health" if fact.health == "none" else f"it is {fact.health}"
    return f"{fact.container} is not healthy, {told}{_because(fact)}"


def _healthcheck_cannot_fail(fact: Fact) -> str:
    hides = f", as it hides every failure of `{fact.asked}`" if fact.asked else ""
    return f"a healthcheck that cannot fail{hides}: `{fact.line}`"


def _log_lines(fact: Fact) -> str:
    if fact.least is not None:
        wish = "a line that matches" if fact.least == 1 else f"at least {fact.least:,} lines that match"
    else:
        wish = f"at most {fact.most:,} lines that match" if fact.most else "no line that matches"
    first = f"; the first: {fact.first}" if fact.first is not None else ""
    seen = f"found {fact.found:,} in {fact.n:,} lines of {fact.service}"
    return f"expected {wish} {fact.pattern!r}, {seen}{first}"


def _dropped_by_limit(fact: Fact) -> str:
    kept = f"{fact.n} files of {fact.size}" if fact.n > 1 else f"one file of {fact.size}"
    return f"the engine keeps no more of it than {kept}, and may have dropped lines"


def _not_looked_at(fact: Fact) -> str:
    why = f"{fact.by} says" if fact.by else "nobody expects them"
    return f"not looked at, as {why}: {', '.join(fact.names)}"


def _of_image(fact: Fact) -> str:
    without = f", without {', '.join(fact.left_out)}" if fact.left_out else ""
    return (fact.image or f"the image of {fact.service}") + without


def _image_warnings(fact: Fact) -> str:
    more = fact.n - len(fact.named)
    named = "; ".join(sentence(one) for one in fact.named)
    return f"warnings: {named}{f' and {more:,} more' if more > 0 else ''}"


def _base_unknown(fact: Fact) -> str:
    label = f"its label {fact.label} says {fact.value!r}" if fact.value else f"it has no label {fact.label}"
    return f"nothing shows that it is built on {fact.base}: {label}, and that image is not here"


def _of_resources(fact: Fact) -> str:
    whose = ", ".join(fact.services or ()) or "all services"
    return f"what {whose} use, every {format_seconds(fact.interval)}"


def _never_ran(fact: Fact) -> str:
    whose = f"of {', '.join(fact.names)} " if fact.names else ""
    return f"no container {whose}was seen running"


def _several(fact: Fact) -> str:
    more = fact.n - len(fact.parts)
    return "; ".join(map(sentence, fact.parts)) + (f", and {more} more" if more > 0 else "")


# HTTP


_CAUSES = {
    "refused": "connection refused",
    "reset": "connection reset",
    "timeout": "timeout",
    "tls": "TLS",
    "dns": "DNS",
    "protocol": "protocol error",
    "short_body": "short body",
    "too_large": "response too large",
    "redirects": "too many redirects",
    "redirect": "redirect not followed",
    "connect": "cannot connect",
}
_ENDS = {
    "unused": "closed before the request",
    "connecting": "while connecting",
    "handshake": "closed in the handshake",
    "closed": "closed without an answer",
    "reset": "reset without an answer",
    "in_head": "closed in the middle of the head of the answer",
    "in_answer": "in the middle of the answer",
    "too_soon": "closed before the answer was complete",
    "unnotified": "closed without close_notify, so the body may have been cut",
}
"""How a connection ended."""
_TLS = {
    "WRONG_VERSION_NUMBER": "the target does not speak TLS",
    "HTTP_REQUEST": "the target speaks HTTP without TLS",
    "UNSUPPORTED_PROTOCOL": "no version of TLS in common",
    "TLSV1_ALERT_PROTOCOL_VERSION": "no version of TLS in common",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the target refused the handshake",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the target asks for a client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "the target does not accept the client certificate",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": "the target does not speak this version of HTTP",
    "UNEXPECTED_EOF_WHILE_READING": "closed in the handshake",
}
"""What OpenSSL's reasons mean."""
_COOKIES = {
    "insecure": "Secure, and the address is http",
    "elsewhere": "its Domain {domain} is not that of {host}",
    "not_secure": "its name asks for Secure",
    "not_of_host": "its name asks for Path=/ and no Domain",
    "hides": "one that is Secure has its name, and the address is http",
}
_LIMITS = {"ports": " (no free local port)", "files": " (ulimit -n)"}
_OPERATORS = {
    "eq": "to equal",
    "ne": "to be other than",
    "lt": "to be less than",
    "lte": "to be at most",
    "gt": "to be more than",
    "gte": "to be at least",
    "contains": "to contain",
    "type": "to be of type",
    "one_of": "to be one of",
}
_WRONG_MEASURES = {
    "unknown": "is not among those that 'measures' announces",
    "type": "is announced as a {expected}, but is a {actual}",
    "share": "is announced as a {expected}, but its share says otherwise",
    "value": "has a value of another type",
    "counts": "counts more cases than there are",
    "infinite": "is not a finite number",
}
_KINDS_FAIL = {
    "import": "cannot be imported",
    "use": "cannot be used",
    "params": "cannot read its parameters",
    "description": "cannot be described",
    "schema": "has no JSON Schema",
    "observation": "observed what cannot be judged",
}


def _mismatch(fact: Fact) -> str:
    """`expected header x to equal "a", got "b"`; what continues that where it does not say of what."""
    subjects = {"json": fact.path, "header": f"header {fact.name}", "exit_code": "the exit code"}
    subject = subjects.get(fact.what, "the output" if fact.what == "output" else fact.what)
    text = f"expected {subject} {_wanted(fact)}" if subject else _wanted(fact)
    why = f", but {sentence(fact.why)}" if fact.why else ""
    return f"{text}{why}{', got ' + _in_hole(fact.actual, '') if fact.actual is not None else ''}"


def _wanted(fact: Fact) -> str:
    expected: Any = fact.expected or ""
    match fact.op:
        case None:
            return " or ".join(expected)
        case "exists":
            return "to exist" if expected else "not to exist"
        case "one_value":
            return "to have one value"
        case "matches" | "not_matches":
            return f"{'to match' if fact.op == 'matches' else 'not to match'} {expected!r}"
        case "size":
            return f"to have at most {expected:,} characters, as not_matches looks at no more"
        case "length":
            sizes = (f"{'of' if op == 'eq' else _compares(op)} {size}" for op, size in expected)
            return f"to have a length {' and '.join(sizes)}"
        case _:
            words = _compares(fact.op) if fact.what == "latency" else _OPERATORS[fact.op]
            return f"{words} {sentence(expected)}"


def _compares(op: str) -> str:
    return _OPERATORS[op].removeprefix("to be ")


def _header_lines(fact: Fact) -> str:
    more = " and more" if fact.n > len(fact.lines) else ""
    return f"{fact.n} lines: {' and '.join(map(sentence, fact.lines))}{more}"


def _slow_pattern(fact: Fact) -> str:
    which = "the pattern" if fact.pattern is None else f"the pattern {fact.pattern!r}"
    return f"{which} did not end within {format_seconds(fact.within)}"


def _not_by_schema(fact: Fact) -> str:
    where = f"{fact.path}: " if fact.path else ""
    return f"expected the body to match the schema, but {where}{sentence(fact.why)}"


def _not_json(fact: Fact) -> str:
    there = f"{sentence(fact.actual or 'an empty body')} ({fact.kind or 'no content type'})"
    return f"expected a JSON body, got {there}{_because(fact)}"


def _because(fact: Fact) -> str:
    return f": {sentence(fact.why)}" if fact.why else ""


def _not_in_charset(fact: Fact) -> str:
    at = "" if fact.at is None else f" at byte {fact.at:,}"
    return f"the body is not valid {fact.charset}{at}"


def _asked(fact: Fact) -> str:
    if fact.within is None:
        return f"asked {fact.times} times, then stopped"
    return f"not so within {format_seconds(fact.within)}, asked {fact.times} times"


def _cookie_kept_back(fact: Fact) -> str:
    why = _COOKIES[fact.why].format(domain=fact.domain, host=fact.host)
    return f"cookie {fact.name or 'without a name'} kept back: {why}"


def _set_default_entry(fact: Fact) -> str:
    known = ", ".join(fact.known or ())
    return f"set target.default to one of {known}" if known else "the plan has no target"


def _name_the_entry(fact: Fact) -> str:
    named = " or ".join(f"${{target.{one}.url}}" for one in fact.entries)
    return f"name the entry that is meant: {named}"


def _no_answer(fact: Fact) -> str:
    at = f"{fact.address}: " if fact.address else ""
    if fact.cause is None:
        return f"{at}{sentence(fact.why)}"
    return f"{at}{_CAUSES[fact.cause]}{f' ({sentence(fact.why)})' if fact.why else ''}"


def _overdue(fact: Fact) -> str:
    within = f"within {format_seconds(fact.within)}"
    if fact.what == "body":
        return f"the body did not end {within}"
    brought = f"{fact.answers} answer{'s' if fact.answers and fact.answers > 1 else ''}"
    before = f", on a connection that had brought {brought}" if fact.answers else ""
    return f"no {fact.what} {within}{before}"


def _body_cut(fact: Fact) -> str:
    if fact.total is None:
        return f"the chunked body broke off after {fact.n:,} bytes"
    return f"{fact.n:,} of {fact.total:,} bytes"


def _no_address(fact: Fact) -> str:
    if fact.within is not None:
        return f"no address of {fact.host} in {format_seconds(fact.within)}"
    return f"{fact.host} has no address" if fact.host else "no address"


def _endpoint(fact: Fact) -> str:
    """With the addresses that were tried, where there are several."""
    tried = ", ".join(fact.addresses or ())
    return f"{fact.to} ({tried})" if tried else str(fact.to)


def _no_connection(fact: Fact) -> str:
    to = f" to {_endpoint(fact)}" if fact.to else ""
    return f"no {'TLS ' if fact.tls else ''}connection{to} in {format_seconds(fact.within)}"


def _tls_failed(fact: Fact) -> str:
    words = fact.reason.replace("_", " ").lower()
    return f"{_TLS[fact.reason]} ({words})" if fact.reason in _TLS else words


def _no_http2(fact: Fact) -> str:
    agreed = fact.found or "nothing"
    return f"the target does not speak HTTP/2 here (asked for {fact.asked}, agreed on {agreed})"


def _probes(fact: Fact) -> str:
    most = "at most " if fact.most else ""
    probes = f", {most}{fact.n:,} probes" if fact.n > 1 else ""
    every = f", every {format_seconds(fact.every)}" if fact.every is not None else ""
    return f"{fact.method} {fact.url}{probes}{every}"


def _kind_at_fault(fact: Fact) -> str:
    what = f"{fact.method!r} failed" if fact.method else _KINDS_FAIL[fact.what]
    return f"kind {fact.kind!r} of {fact.package} {fact.version} {what}: {sentence(fact.why)}"


def _measure_wrong(fact: Fact) -> str:
    wrong = _WRONG_MEASURES[fact.why].format(expected=fact.expected, actual=fact.actual)
    return f"measure {f'{fact.part}.{fact.measure}' if fact.part else repr(fact.measure)} {wrong}"


# Load


def _stream_reset(fact: Fact) -> str:
    when = "before the answer was complete" if fact.answering else "without an answer"
    return f"the stream was reset {when} ({fact.error})"


def _redirect_away(fact: Fact) -> str:
    if fact.known:
        return f"to {fact.url}, which is declared, but a load goes to one host and port over one scheme"
    return f"to {fact.url}, which the plan's target does not declare"


def _not_on_target(fact: Fact) -> str:
    single = ", and a load goes to one host and port of it" if fact.single else ""
    return f"{fact.url} is not on the target{single}"


def _load_not_sent(fact: Fact) -> str:
    first = sentence(fact.why).partition("\n")[0]
    return f"no load was sent: {fact.case} failed: {first}"


def _load_request(fact: Fact) -> str:
    over = " over HTTP/2" if fact.http2 else ""
    followed = " and its redirects" if fact.follow else ""
    return f"{fact.method} {fact.url}{over}{followed}"


def _load_level(fact: Fact) -> str:
    is_rate = isinstance(fact.level, Figure)
    level = figure(fact.level) if is_rate else count(fact.level, "connection")
    if fact.streams is not None:
        level += f", {fact.streams} streams a connection" if is_rate else f" x {fact.streams} streams"
    ramp = f", ramp {format_seconds(fact.ramp)}" if fact.ramp else ""
    return f"{level} for {format_seconds(fact.span)}{ramp}"


def _load_stages(fact: Fact) -> str:
    level = figure(fact.level) if isinstance(fact.level, Figure) else f"{fact.level:,} connections"
    return f"{count(fact.n, 'stage')} up to {level} for {format_seconds(fact.span)}"


def _workers_late(fact: Fact) -> str:
    named = " and ".join(sentence(one) for one in fact.parts)
    return f"{named}, so the load was not what the plan asks for"


def _load_stopped(fact: Fact) -> str:
    how = "aborted" if fact.code is Code.LOAD_ABORTED else "stopped"
    ran = f"{format_seconds(fact.span)} of {format_seconds(fact.planned)}"
    left = f"; {fact.unfinished:,} unfinished requests are not counted" if fact.unfinished else ""
    return f"{how} after {ran}: {sentence(fact.why)}{left}"


def _k6(fact: Fact) -> str:
    text = f"k6 {fact.path}"
    if fact.users is not None:
        text += f", {count(fact.users, 'virtual user')}"
    if fact.iterations is not None:
        text += f", {fact.iterations:,} iterations"
    return text if fact.span is None else f"{text}, for {format_seconds(fact.span)}"


def _crossed(fact: Fact) -> str:
    if fact.value is None:
        return f"crossed: {fact.statistic} does not meet it"
    if fact.total is None:
        return f"crossed: {fact.statistic} is {fact.value:g}"
    return f"crossed: {fact.statistic} is {figure(fact.value)} of {fact.total:,}"


# The target.


def _inside(fact: Fact) -> str:
    return f"in the container of {fact.service}" if fact.service else ""


def _not_executable(fact: Fact) -> str:
    inside = _inside(fact)
    return f"{fact.program!r} is not executable{f' {inside}' if inside else '; chmod +x makes it so'}"


def _program_ended(fact: Fact) -> str:
    code = "" if fact.exit_code is None else f" with exit code {fact.exit_code}"
    return f"{fact.command or 'it'} ended{code}{f' (signal {fact.signal})' if fact.signal else ''}"


def _program_ended_by(fact: Fact) -> str:
    signal = f"signal {fact.signal}" if isinstance(fact.signal, int) else fact.signal
    return f"{fact.command or 'it'} was ended by {signal}"


def _before_ready(fact: Fact) -> str:
    hint = "; a daemon must stay in the foreground" if fact.daemon else ""
    return f"{sentence(fact.why)} before it was ready{hint}"


def _port_of_another(fact: Fact) -> str:
    who = f" ({fact.by})" if fact.by else ""
    return (
        f"port {fact.port} is answered by another process{who}, not by the group that was started; "
        "a daemon must stay in the foreground"
    )


def _log_ends(fact: Fact) -> str:
    if not fact.tail:
        return f"{fact.service or 'it'} wrote nothing to its log"
    which = fact.path or (f"the log of {fact.service}" if fact.service else "its log")
    return f"{which} ends with" + "".join(f"\n    {line}" for line in fact.tail)


def _no_container_carries(fact: Fact) -> str:
    of_service = " of this service" if fact.service else ""
    return f"no container{of_service} carries {', '.join(fact.labels)}"


# The run.


def _clock_moved(fact: Fact) -> str:
    what = [f"the machine was suspended for {format_seconds(fact.suspended)}"] if fact.suspended else []
    if fact.span:
        direction = "forward" if fact.span > 0 else "back"
        what.append(f"the calendar clock was set {direction} by {format_seconds(abs(fact.span))}")
    return f"{fact.at} UTC: {' and '.join(what)}; the times of this record count on from its start"


def _step_command_failed(fact: Fact) -> str:
    printed = f": {fact.line}" if fact.line else ""
    return f"{fact.when} of step {fact.step}: {fact.program}: {sentence(fact.why)}{printed}"


def _one_of_ways(fact: Fact) -> str:
    *others, last = fact.parts
    return f"{', '.join(others)}, or {last}" if others else last


def _check_had_ended(fact: Fact) -> str:
    after = "" if fact.at is None else f" after {format_seconds(fact.at)}, before it"
    return f"{fact.check} had ended{after}"


def _not_good_again(fact: Fact) -> str:
    last = f": {sentence(fact.why)}" if fact.why else ""
    return f"not good again within {format_seconds(fact.within)} after it was undone{last}"


def _instance_rolled(fact: Fact) -> str:
    words = [f"ready after {format_seconds(fact.ready_after)}"] if fact.ready_after is not None else []
    if fact.back_after is not None:
        words.append(f"ready again after {format_seconds(fact.back_after)} of its rollback")
    return f"{fact.instance}: {', '.join(words)}"


def _waiver_term(fact: Fact) -> str:
    match fact.days:
        case 0:
            return f"expires today, on {fact.on}"
        case 1:
            return f"expires tomorrow, on {fact.on}"
        case left:
            return f"expired on {fact.on}" if left < 0 else f"expires on {fact.on}, in {left} days"


def _waiver_in_doubt(fact: Fact) -> str:
    was, became = ("expired", "in force") if fact.expired else ("in force", "expired")
    return (
        f"waiver {fact.waiver!r} is {was} by the clock at the start of the run ({fact.at}), but"
        f" {became} by the clock after it was set ({fact.since})"
    )


def _can_never_meet(fact: Fact) -> str:
    shown = f" (even without a failure they show {sentence(fact.best)})" if fact.best else ""
    never = f"{count(fact.n, 'sample')} can never meet {fact.expression} {_sureness(fact)}{shown}"
    return f"{never}; {fact.needed:,} without a failure would be enough"


_CHARTS = {
    "latency": "Latency over time",
    "rates": "Requests and errors over time",
    "target_cpu": "CPU of the target over time",
    "target_memory": "Memory of the target over time",
    "services_cpu": "CPU of services over time",
    "services_memory": "Memory of services over time",
    "services_network_in": "Network traffic into services",
    "services_network_out": "Network traffic out of services",
    "services_block_read": "Read from devices",
    "services_block_written": "Written to devices",
    "services_throttled": "Time held back by CPU limits",
}
_COLUMNS = {
    "cpu": "CPU",
    "memory": "memory",
    "memory_share": "of limit",
    "pids": "PIDs",
    "throttled": "throttled",
    "network_in": "network in",
    "network_out": "network out",
    "block_read": "read",
    "block_written": "written",
}
"""Of the table of what each service used at most."""
Entry = str | Callable[[Fact], str]
_DOCKERFILE_MISTAKES = {
    "arguments": "{0} has too few arguments",
    "before": "{0} stands before the first FROM, where only ARG may",
    "directive-twice": "the directive {0} is written twice",
    "escape": "escape={0} is neither a backslash nor a backtick",
    "from": "{0} has neither one argument nor IMAGE AS NAME",
    "healthcheck": "{0} has neither NONE nor CMD and a command",
    "heredoc": "the here-document {0} has no end",
    "no-stage": "there is no {0}",
    "not-texts": "the list of {0} holds something that is no text",
    "pairs": "{0} has a name without a value",
    "shell": "{0} has no JSON list",
    "stages": "there are more than {0} stages; the rest is not looked at",
    "trigger": "ONBUILD cannot hold {0} back",
    "unknown": "{0} is no instruction",
}
_ENGLISH: Mapping[Code, Entry] = {
    Code.JOINED: lambda fact: "; ".join(sentence(part) for part in fact.parts),
    Code.LINES: lambda fact: "\n".join(sentence(part) for part in fact.parts),
    Code.OF_PART: "{part}: {why}",
    Code.OF_FAULT: "fault {fault}: {why}",
    Code.REQUIRED: _required,
    Code.OF_BASELINE: _of_baseline,
    Code.SHARE: "{value} ({passed} of {total})",
    Code.VALUE: lambda fact: figure(fact.value) + _counted(fact),
    Code.REPORTED: "{value} (reported)",
    Code.UNENDED: "more than {value}, as it had not ended",
    Code.AT_LEAST_SEEN: lambda fact: (
        f"at least {figure(fact.value)}{_counted(fact)}, as "
        f"{_names(fact.missing, _FEW) if fact.missing else 'a part'} could not be observed"
    ),
    Code.FAILED: "failed",
    Code.OF_KIND: lambda fact: f"{fact.passed:,} of {count(fact.total, f'{fact.kind} check')}",
    Code.AT_LEAST: "at least {value}",
    Code.AT_MOST: "at most {value}",
    Code.BETWEEN: _between,
    Code.INSIDE_BUCKET: lambda fact: (
        f"{_seen(fact)}, and nobody knows where in this bucket it lies: it needs {sentence(fact.needs)}; "
        "write <= and the upper edge of a bucket, or count in finer buckets"
    ),
    Code.BUCKETS_HAVE_QUANTILES: "it is known by buckets, of which nobody knows the {statistic}; "
    "write a quantile such as p95",
    Code.NOT_ASKED: "not required",
    Code.NOT_JUDGED: "nothing was observed",
    Code.NO_DATA: lambda fact: f"no data: {sentence(fact.why)}" if fact.why else "no data",
    Code.COMPARED: _compared,
    Code.CENSUS: _census,
    Code.SHOWN: _shown,
    Code.STATEMENT: lambda fact: f"{_seen(fact)}, shows {sentence(fact.bound)} {_sureness(fact)}",
    Code.ONLY_ALL_OR_NONE: "{measure} is a sample, and on a sample {op} fits 0% and 100% only",
    Code.AMONG_FAILED: _among_failed,
    Code.OF_SAMPLES: _of_samples,
    Code.OTHER_DIMENSION: "{measure} is a {dimension}, but {threshold} is a {asked}",
    Code.NO_STATISTIC: lambda fact: (
        f"{fact.measure} {f'has no {fact.statistic}' if fact.statistic else 'needs a statistic'}"
    ),
    Code.NO_SUCH_STATISTIC: lambda fact: (
        f"{fact.measure} has no {fact.statistic}; statistics are {', '.join(fact.known)}"
    ),
    Code.NO_BOUND: "a {statistic} has no confidence bound; it needs `confidence: none`",
    Code.SAYS_NOTHING_OF_SAMPLE: "{op} says nothing about a sample of durations",
    Code.REQUIRED_KIND: lambda fact: f"observed to the end: {_some(fact.checks)}",
    Code.COME_TOGETHER: _come_together,
    Code.TOO_FEW_PIECES: lambda fact: (
        f"{fact.pieces} pieces of time would be needed to tell whether {_WHAT[fact.what]} come together"
    ),
    Code.WOULD_DO: _would_do,
    Code.WOULD_DO_IN_TIME: _would_do_in_time,
    Code.DECIDED_MET: lambda fact: f"{sentence(fact.of)}; {_when(fact)}",
    Code.DECIDED_NOT_MET: lambda fact: (
        f"{_when(fact)}: {fact.right:,} of {fact.n:,} were as asked for; {sentence(fact.of)}"
    ),
    Code.DECIDED_OTHERWISE: lambda fact: f"{sentence(fact.of)}, though it had been {_when(fact)}",
    Code.DISTRUSTED: lambda fact: (
        sentence(fact.why) + (f"; seen before: {sentence(fact.seen)}" if fact.seen else "")
    ),
    Code.SPAN_TOO_SHORT: _span_too_short,
    Code.UNUSED: lambda fact: f"{missed_moments_text(fact.unused, fact.moments)}; {sentence(fact.of)}",
    Code.WITHOUT_RESULT: "{of}; {count} without a result",
    Code.MAYBE_LESS: "{of}; it may have been as little as {least}, as phasegate was late",
    Code.UNMEASURED: _unmeasured,
    Code.FLAKY: lambda fact: f"{sentence(fact.of)}; passed only when tried again: {_some(fact.names)}",
    Code.NOT_ALL_SEEN: lambda fact: f"{sentence(fact.of)}, but {_some(fact.unseen)}",
    Code.WAIVED: _waived,
    Code.NOTHING_LEFT: _nothing_left,
    Code.COUNTED_AS_IS: "waived cases still count here; only a waiver of {criterion} itself covers it",
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
    Code.NOTHING_PASSED: lambda fact: (
        f"nothing passed: {_some(fact.unseen)}" if fact.unseen else "nothing passed"
    ),
    Code.NO_BLOCKING_KIND: "no {kind} check that blocks belongs to the run",
    Code.NO_KIND_SEEN: lambda fact: f"no {fact.kind} check was observed to its end: {_some(fact.unseen)}",
    Code.CHECK_NOT_RUN: lambda fact: f"{fact.check or 'the check'} was not run: {sentence(fact.why or '')}",
    Code.CHECK_ERRORED: lambda fact: f"{fact.check or 'the check'} was errored: {sentence(fact.why or '')}",
    Code.CHECK_NOT_WHOLE: "{check} is {status}, and not all of its attempts and cases are there",
    Code.NO_PART: lambda fact: (
        f"no part {fact.part!r} was seen; parts seen: {', '.join(fact.known or ()) or 'none'}"
    ),
    Code.NOT_OBSERVED: "{measure} was not observed",
    Code.NOT_SAMPLED: "{measure} of {entry} was not sampled",
    Code.FAULT_NOT_SEEN: _fault_not_seen,
    Code.NOT_ROLLED_BACK: "it was not rolled back; write 'for' at the rollout to try that too",
    Code.FAULT_WITHOUT_CHECK: "{check}, during which it is due, was not run: {why}",
    Code.NO_BASELINE: "no baseline is known",
    Code.NO_BASELINE_GIVEN: "no baseline was given; --baseline DIR names the folder of a run that passed",
    Code.BASELINE_WITHOUT_VALUE: "baseline {path} has no value of {value}",
    Code.BASELINE_CHOSEN: _baseline_chosen,
    Code.BASELINE_OTHERWISE: "{measure} was measured in another way in the baseline",
    Code.BASELINE_DIMENSION: "{measure} is a {dimension} in the baseline",
    Code.BASELINE_PROVES_NOTHING: "{value} of the baseline is {figure}, which proves nothing",
    Code.BASELINE_WITHOUT_RESULT: "{of}; {count} of the baseline without a result",
    Code.BASELINE_UNUSED: "{of}; {unused} scheduled requests of the baseline were not sent in time: "
    "phasegate was late",
    Code.BASELINE_SHOWS: lambda fact: f"{sentence(fact.of)}; {_baseline_proves(fact)}",
    Code.BASELINE_SHOWS_TOO_LITTLE: _baseline_shows_too_little,
    Code.BASELINE_HAS_NO_BOUND: "observed {observed}, but {why}",
    Code.BASELINE_NO_LOWER_BOUND: "the baseline's share has no lower bound",
    Code.BASELINE_BELOW_RESOLUTION: "{count:duration} of the baseline was below the resolution of the clock, "
    "which proves nothing",
    Code.BASELINE_TOO_FEW: _baseline_too_few,
    Code.BASELINE_BOUND_FAILED: "the upper bound of the baseline is among its {failed} failed requests",
    Code.GATE_NOT_MET: _gate_not_met,
    Code.GATE_UNPROVEN: lambda fact: f"{fact.count:,} of {_criteria(fact.total)} unproven: {_listed(fact)}",
    Code.GATE_SELECTION: _gate_selection,
    Code.GATE_WITHOUT_EVIDENCE: _gate_without_evidence,
    Code.GATE_MET: _gate_met,
    Code.COUNTS: _counts,
    Code.CRITERION_MISSED: _criterion_missed,
    Code.CRITERION_OPEN: "{criterion}: {why}",
    Code.WITH_WAIVERS: lambda fact: f"with {count(fact.waivers, 'waiver')}, {fact.unwaived} without",
    Code.CONTRADICTS_ITSELF: "the record contradicts itself: {why}",
    Code.ENDS_WITH: "it ends with {verdict} and exit code {exit_code}",
    Code.ENDS_WITH_PASS: "it ends with PASS, but {why}",
    Code.NOTHING_MET: "no blocking criterion is met",
    Code.FAULT_LEFT_ON: "fault {fault} was not undone",
    Code.MET_WITHOUT_FAULT: "{criterion} is met without its fault: {why}",
    Code.WAIVED_BY_NONE: "no waiver in force covers {criterion}, which is waived",
    Code.ENDED_EARLY: "was ended early: {why}",
    Code.RECORD_NOT_WHOLE: "the record is not complete: {why}",
    Code.TARGET_DIED: "target {entry} died during the run: {why}",
    Code.ONLY_SELECTION: "only a selection was run",
    Code.GATE_OTHERWISE: "the record says {recorded}, but its criteria say {found}: {why}",
    Code.VERDICT_OTHERWISE: lambda fact: (
        f"{fact.criterion} is {_verdict(fact.recorded)} in the record,"
        f" but its measures make it {_verdict(fact.found)}"
    ),
    Code.FIGURES_OTHERWISE: lambda fact: (
        f"{fact.criterion}: {', '.join(fact.figures)} in the record is not what its measures give"
    ),
    Code.WITHOUT_SUBJECT: lambda fact: (
        f"{fact.criterion} is {_verdict(fact.recorded)}, but the record does not have what it judges"
    ),
    Code.ASKED_OTHERWISE: "{criterion}: what the record says was asked is not what its text says",
    Code.MET_BY_WAIVER: "the record says that a waiver met {criterion}, which a waiver cannot do",
    Code.WAIVED_THOUGH_MET: "{criterion} is waived in the record, but was met without a waiver",
    Code.WAIVED_AND_REST_FAILED: "{criterion} is waived in the record, but no case without a waiver passed",
    Code.WAIVED_BY_NONE_IN_FORCE: "{criterion} is waived in the record, "
    "but no waiver that was in force covers it",
    Code.OF_CHECK: "{check}: {why}",
    Code.SETUP_FAILED: "its setup failed",
    Code.STEP_NOT_HELD: "step {step}, which it needs, did not hold: {why}",
    Code.DECISIVE: "{expression}: {why}",
    Code.NO_CRITERION: "no criterion judges it",
    Code.CRITERION_IS: lambda fact: f"{fact.criterion} is {_verdict(fact.verdict)}",
    # HTTP: what a suite, a probe or a connection says.
    Code.OF_REQUEST: "request {request!r}: {why}",
    Code.MISMATCH: _mismatch,
    Code.AND_MORE: "and {n} more",
    Code.NOTHING: "nothing",
    Code.EXCERPT: "{text}... ({length:character})",
    Code.IN_LINE: "{text} in line {line}",
    Code.HEADER_LINES: _header_lines,
    Code.SLOW_PATTERN: _slow_pattern,
    Code.NOT_BY_SCHEMA: _not_by_schema,
    Code.SCHEMA_NOT_APPLIED: "the schema cannot be applied: {why}",
    Code.PATH_NOT_APPLIED: "{path} cannot be evaluated: {why}",
    Code.NOT_JSON: _not_json,
    Code.JSON_SYNTAX: "{why} at character {at}",
    Code.JSON_TOO_DEEP: "nested more than {depth} deep",
    Code.JSON_NUMBER: "{text} is a number that cannot be represented",
    Code.JSON_CONSTANT: "{text} is not JSON",
    Code.JSON_MEMBER_TWICE: "an object has the member {member} twice",
    Code.BODY_UNREADABLE: "expected a body that can be read: {why}",
    Code.CHARSET_UNKNOWN: "the body is in the charset {charset!r}, which is unknown",
    Code.NOT_IN_CHARSET: _not_in_charset,
    Code.CODING_CUT: "the body ends before its content coding {coding} does",
    Code.CODING_GOES_ON: "the {coding} body goes on after its end",
    Code.CODING_BROKEN: "the body is not {coding}: {why}",
    Code.CODING_NEEDS: "its content coding {coding} needs the package {package}, which is not installed",
    Code.CODING_UNKNOWN: "its content coding {coding!r} cannot be undone",
    Code.TOO_MANY_CODINGS: "it has {n} content codings, one behind the other",
    Code.BODY_TOO_LARGE: "the body is larger than max_body {limit}",
    Code.HEADER_TWICE: "header {header} came {n} times with different values",
    Code.HEADER_IN_LINES: lambda fact: (
        f"header {fact.header} came in {fact.n} lines, {' and '.join(map(sentence, fact.lines))}"
    ),
    Code.NOT_CAPTURED: "cannot capture {name}: {why}",
    Code.NO_HEADER: "the response has no header {header}",
    Code.NO_MATCH: "nothing matches {pattern!r} in {text}",
    Code.NO_PATH: "there is no {path} in {text}",
    Code.IN_TEXT: "{why} in {text}",
    Code.NOT_SENT: "not sent: {why}",
    Code.NO_VALUE: "${{{name}}} has no value",
    Code.NEVER_CAPTURED: "${{{name}}} was never captured",
    Code.CASE_FAILED: "{case} failed",
    Code.NO_ROWS: "no case: `each` has no rows",
    Code.ASKED: _asked,
    Code.ANSWER: "answer: {text}",
    Code.COOKIE_KEPT_BACK: _cookie_kept_back,
    Code.NO_SUCH_ADDRESS: "{text!r} is not an address",
    Code.WRITE_ADDRESS: "write an absolute URL, or a path that begins with / for the default entry",
    Code.NO_DEFAULT_ENTRY: "{text!r} needs a default entry of the target",
    Code.NOT_ON_AN_ENTRY: "{text!r} is on the target's default entry, and there is none",
    Code.NEITHER_PATH_NOR_URL: "{text!r} is neither a path nor an HTTP URL",
    Code.SET_DEFAULT_ENTRY: _set_default_entry,
    Code.AMBIGUOUS_ENTRY: lambda fact: (
        f"{fact.url} fits the entries {' and '.join(fact.entries)}, which have different credentials"
    ),
    Code.NAME_THE_ENTRY: _name_the_entry,
    Code.JSON_BODY: "the JSON body: {why}",
    Code.REDIRECT_ELSEWHERE: "redirect to {url!r}, which is not an HTTP address",
    Code.TOO_MANY_REDIRECTS: "more than {n} redirects, the last to {url}",
    Code.LOST_SINCE: "was there in the attempt before, but not in this one",
    Code.NO_ANSWER: _no_answer,
    Code.OF_CAUSE: lambda fact: f"{_CAUSES[fact.cause]}{_because(fact)}",
    Code.OVERDUE: _overdue,
    Code.STOOD_STILL: "phasegate itself was paused for {elapsed:time} of it",
    Code.UNSENDABLE: "the request cannot be sent: {why}",
    Code.NOT_A_URL: "{url!r} is not an http or https URL",
    Code.ENDED: lambda fact: _ENDS[fact.how],
    Code.BODY_CUT: _body_cut,
    Code.NOT_HTTP1: "the answer does not begin with HTTP/1.0 or HTTP/1.1",
    Code.HEAD_TOO_LONG: "the head of the answer is longer than {limit}",
    Code.NO_ADDRESS: _no_address,
    Code.NO_CONNECTION: _no_connection,
    Code.AT_ENDPOINT: lambda fact: (
        f"{'certificate of ' if fact.certificate else ''}{_endpoint(fact)}{_because(fact)}"
    ),
    Code.CERTIFICATE_REFUSED: "certificate not accepted: {why}",
    Code.TLS_FAILED: _tls_failed,
    Code.NO_HTTP2: _no_http2,
    Code.KEY_ENCRYPTED: "the key is encrypted; give one without a password",
    Code.CERTIFICATES_UNUSABLE: "cannot use the certificates of the target: {why}",
    Code.NO_MORE_CONNECTIONS: lambda fact: (
        f"cannot open more connections on this machine: {sentence(fact.why)}{_LIMITS.get(fact.limit, '')}"
    ),
    Code.REQUESTS_OF_FLOWS: "{flows:flow}, {requests:request}",
    Code.PROBES: _probes,
    Code.PARTS: "{n:part}",
    Code.FLOWS_CARRIED_OVER: "{flows:flow} passed before and not run again",
    Code.FLOWS_SELECTED: lambda fact: (
        f"{fact.n} of {count(fact.total, 'flow')} selected: {', '.join(fact.names)}"
    ),
    Code.SUITE_EMPTY: "the suite has no requests; add a flow with at least one",
    Code.NO_SUCH_REQUEST: lambda fact: f"no request of the suite is called {', '.join(fact.names)}",
    Code.ROWS_UNREADABLE: "the rows of a request cannot be read: {why}",
    Code.NO_PROBE_FREE: "{n} probes could not be sent, as all {limit} that may be in flight "
    "waited for the target; they rank above every latency",
    Code.OTHER_CAUSES: "other causes",
    Code.HELD_UP: "not sent, as earlier probes were still waiting: {why}",
    Code.MISSED_MOMENTS: lambda fact: missed_moments_text(
        fact.unused, fact.moments, replaced=bool(fact.replaced)
    ),
    Code.STOPPED_AFTER_PROBES: "stopped after {n} of {planned} probes: {why}",
    Code.SENT_AGAIN: lambda fact: (
        f"{count(fact.n, 'request')} that met the end of "
        f"{'its connection was' if fact.n == 1 else 'their connections were'} sent again over a new one"
    ),
    Code.KIND_AT_FAULT: _kind_at_fault,
    Code.UPDATE_PACKAGE: "report it to the authors of {package}, update it, or leave its checks out",
    Code.NOT_AN_OBSERVATION: "it returned {kind}, not an Observation",
    Code.MEASURE_WRONG: _measure_wrong,
    Code.CASES_WITH_ONE_ID: "two cases have one id",
    Code.EVIDENCE_NOT_KEPT: "evidence {path!r} was not kept by world.evidence",
    # Load: what an engine, a journey, k6 or Locust says.
    Code.ANSWER_OVERDUE: "no answer in {limit:time}",
    Code.ANSWER_UNENDED: "the answer did not end in {limit:time}",
    Code.CONNECTION_OVERDUE: "no connection in {limit:time}",
    Code.SETTINGS_OVERDUE: "no HTTP/2 settings from {endpoint} in {limit:time}",
    Code.JOURNEY_OVERDUE: "the journey did not end within {limit:time} after the load",
    Code.CLOSED_UNUSED: "{endpoint}: closed before the first request",
    Code.STREAM_RESET: _stream_reset,
    Code.ENDED_BY_TARGET: "the target ended the connection ({error})",
    Code.SENT_TWICE: "sent twice, and each time the target asked for a new connection",
    Code.BODY_SHORT: "not as long as content-length says",
    Code.MALFORMED: "malformed answer ({error})",
    Code.HTTP1_SPOKEN: "the target speaks HTTP/1.1, not HTTP/2",
    Code.NOT_HTTP2: "the target does not speak HTTP/2: {why}",
    Code.NO_LOCATION: "status {status} without a Location",
    Code.REDIRECT_AWAY: _redirect_away,
    Code.MORE_THAN: "more than {limit}",
    Code.SENSELESS: "the expectation does not apply to these values: {why}",
    Code.UNFIT_HEADER: "a value for a header contains a line break or a null character",
    Code.UNFIT_PLACE: "a value for the URL is not on {origin}, and a load goes to one host and port",
    Code.UNFIT_URL: "a value for the URL is neither a path nor an HTTP URL",
    Code.UNFIT_JSON: "a value for the JSON body is not a JSON number",
    Code.OTHER_FAILURES: "other failures",
    # What keeps a load from being sent.
    Code.LOAD_NOT_SENT: _load_not_sent,
    Code.BODY_NOT_SENT: "cannot send the body: {why}",
    Code.NOT_ON_TARGET: _not_on_target,
    Code.ONLY_TO_TARGET: "load goes only to hosts that the plan's target declares",
    Code.NOT_ON_ORIGIN: "{url} is not on {origin}: all requests of a load go to one host and port",
    Code.NOT_ONE_PLACE: "{url!r} is not on {endpoint}, and a load goes to one host and port",
    Code.NOT_SAME_CERTIFICATES: "the entries {entry!r} and {other!r} have different certificates, and "
    "all requests of a load go over the same connections",
    Code.ROWS_LEAD_APART: lambda fact: f"the rows of data lead to the entries {' and '.join(fact.names)}",
    Code.ONE_CHECK_EACH: "write one check for each",
    Code.WORKER_NOT_READY: "a load worker did not get ready",
    Code.OTHER_PROTOCOL: "load worker {worker} speaks protocol {actual}, not {expected}",
    Code.NO_WORKER_LINE: "load worker {worker} said {line!r}",
    Code.WORKER_ENDED: lambda fact: (
        f"load worker {fact.worker} ended before its result ({sentence(fact.ending)}){_because(fact)}"
    ),
    # What a load is, and how it went.
    Code.LOAD: lambda fact: f"{sentence(fact.what)}, {sentence(fact.level)}{' at most' if fact.most else ''}",
    Code.LOAD_FLOW: "flow {name}",
    Code.LOAD_REQUEST: _load_request,
    Code.LOAD_LEVEL: _load_level,
    Code.LOAD_STAGES: _load_stages,
    Code.WORKER_LATE: "load worker {worker} of {workers} began {span:time} late",
    Code.WORKERS_LATE: _workers_late,
    Code.ANSWERED_ALL_THE_SAME: "{of}; {n} requests were answered or failed all the same, {failed} of "
    "them failed",
    Code.WORKER_HELD_UP: "a load worker was held up for {span:time}",
    Code.NO_EVIDENCE_OF: "{of}: requests that were slow or failed then do not count as evidence",
    Code.LATENCIES_CONTAIN: "{of}: latencies contain that",
    Code.WORKER_BUSY: "a load worker was busy {value} of the time: it may limit the throughput and add "
    "to latencies; workers: {workers} would share the work",
    Code.LOAD_STOPPED: _load_stopped,
    Code.LOAD_ABORTED: _load_stopped,
    Code.DOES_DAMAGE: "{measure} was {observed} over {span:time}, and abort_on says {expression}",
    Code.SILENT: "no good answer came in {least:time} of {span:time}",
    Code.SILENT_AND_CLOSED: "no good answer came in {least:time} of {span:time}; the closed model sends "
    "less while a target fails, so success_rate understates it",
    # What k6 and Locust say.
    Code.K6: _k6,
    Code.LOCUST: "locust {path}, {users:user} for {span:time}",
    Code.ENGINE_ENDED: lambda fact: f"{fact.name} ended with {sentence(fact.ending)}{_because(fact)}",
    Code.STOPPED_EARLY: "stopped early: {why}",
    Code.EXCEPTION: "exception: {why}",
    Code.DID_NOT: "{count} did not: {why}",
    Code.HTTP_STATUS: lambda fact: f"status {fact.status or 'unknown'}",
    Code.NO_ITERATION: "no iteration ended",
    Code.NO_USER: "no user was started",
    Code.SCRIPT_ABORTED: "the script aborted the test: {why}",
    Code.SCRIPT_FAILED: "the script marked the test as failed: {why}",
    Code.FAILED_TIMES: "failed {failed} of {n} times",
    Code.CROSSED: _crossed,
    Code.NO_SAMPLE_CAME: "no sample of {measure} came, so it says nothing",
    Code.THRESHOLD_UNDECIDED: "stopped before the threshold was decided",
    Code.INTERRUPTED_AT_END: "{count} iterations were interrupted at the end; requests of theirs without "
    "an answer are not counted",
    Code.INTERRUPTED_UNKNOWN: "k6 did not say how many iterations it interrupted",
    Code.NOT_MEASURED: "{measure} was not measured: {why}",
    Code.OTHER_METRIC: "it is a {actual} in the script, not a {expected}",
    Code.EXCEPTIONS_MISSING: "exceptions may be missing: {why}",
    Code.LOG_PIECES: "{pieces} pieces of entries in the log of k6 are too long to be read",
    Code.LOG_BROKEN_OFF: "k6 ended before its log was complete",
    Code.STRANGE_HOSTS: "requests went to hosts that are not the target's: {names}",
    Code.SAMPLES_UNREADABLE: "the samples of k6 cannot be read: {why}",
    Code.SAMPLES_NOT_COUNTED: "the samples of k6 were not counted to their end: {why}",
    Code.TAGS_LEFT_OUT: lambda fact: f"the script leaves out the system tags {', '.join(fact.names)}",
    Code.USERS_CUT_SHORT: "users had to be stopped in the middle: requests without an answer are not counted",
    Code.EXIT_CODE_SET: "the file set the exit code {exit_code}",
    Code.WORKERS_SILENT: "{count} of {total:worker} did not report the end",
    Code.WORKERS_TO_JOIN: "{count} workers were to join from other machines with: {command}",
    Code.NO_USER_CLASS: "the file defines no user class (tests for pytest do not count as users)",
    Code.REPORT_UNREADABLE: "the report of the Locust plugin cannot be read: {why}",
    # How measures are drawn.
    Code.CHART: lambda fact: _CHARTS[fact.what],
    Code.CHART_NOTE: lambda fact: {"cpu": "100% is one core", "memory": "working set"}[fact.what],
    Code.COLUMN: lambda fact: _COLUMNS[fact.what],
    # Kinds: programs, results files, containers, images, resources.
    Code.SOME: lambda fact: _names(fact.names, len(fact.names), fact.n),
    Code.NO_CASE_NAMED: "no case is named {names:all}",
    Code.NOT_STARTED: "{what} could not be started: {why}",
    Code.PYTEST_VERSIONS: "pytest {pytest} on Python {python}",
    Code.PYTEST_REPORTED: "what pytest reported",
    Code.PYTEST_ENDED: _pytest_ended,
    Code.PYTEST_DAMAGED: "what pytest reported is damaged",
    Code.UNCOLLECTED: _uncollected,
    Code.COLLECTED_ONLY: "collected, but no result ever came",
    Code.CASES_WITHOUT_RESULT: _cases_without_result,
    Code.NOTHING_COLLECTED: "pytest collected nothing in {path}",
    Code.NO_TEST_NAMED: "no test of {path} is named {names:all}",
    Code.NO_TEST_FAILED: "pytest exited with 1 although no test failed; its output says why",
    Code.DESELECTED: "{n:d} collected tests were deselected and did not run",
    Code.ALL_DESELECTED: "nothing left to run: all {n:d} collected tests were deselected",
    Code.CARRIED_OVER: "{n:d} cases that passed before were carried over, the others ran again",
    Code.MODULE_SKIPPED: "module skipped",
    Code.XFAIL: lambda fact: f"expected failure (xfail) counts as failed{_because(fact)}",
    Code.PHASE_FAILED: "{phase} failed: {why}",
    Code.NO_REASON: "no reason given",
    Code.PASSED_BY_PLUGIN: "{why} (reported as passed by a plugin)",
    Code.ENDED_BY_SIGNAL: lambda fact: (
        f"{fact.program} was ended by signal {fact.signal} ({fact.name or 'unknown'})"
    ),
    Code.EXIT_CODE: _exit_code,
    Code.OUTPUT_ENDS: lambda fact: f"{_STREAMS[fact.stream]} ends with: {fact.text}",
    Code.OUTPUT_CUT: lambda fact: " and ".join(
        f"{size:,} bytes in the middle of the {name} were not kept"
        for stream, name in _STREAMS.items()
        if (size := fact.values.get(stream))
    ),
    Code.MAYBE_CUT_OUT: "{why}, and it may stand there; print less, or write it to a file "
    "and name that in file",
    Code.SEARCH_TOO_LONG: "the search for {what} took longer than {limit:time}",
    Code.SEARCH_BROKE_OFF: "the search for {what} ended early: {why}",
    Code.NOTHING_MATCHES: "nothing matches {pattern!r}",
    Code.MATCHES_OFTEN: "{pattern!r} matches more than once, with different values ({found}); "
    "write take: sum, first, last, min or max, or a pattern for one of them",
    Code.MATCHES_IN_BOTH: "{pattern!r} matches in the standard output and in the standard error, "
    "and it is not known which was {take}: {found}",
    Code.VALUES: _values,
    Code.MATCH_TOO_LARGE: "what matches {pattern!r} is too large",
    Code.GROUP_UNUSED: "the first group of {pattern!r} has no part in {text!r}",
    Code.PIECE_OF_NUMBER: "{text!r}, which {pattern!r} matches, is only a piece of the number in {within!r}",
    Code.NO_NUMBER: "{value} is not a number",
    Code.NO_QUANTITY: _no_quantity,
    Code.NO_MEMBER: "there is no {path}",
    Code.MEMBER_TWICE: lambda fact: (
        f"an object of {_text_read(fact)} has {fact.name} more than once, with different values"
    ),
    Code.NO_JSON: lambda fact: f"{_text_read(fact)} is not JSON",
    Code.DETAILS_LEFT_OUT: "{n} cases did not pass; the details of the first {most} were kept",
    Code.NO_EVIDENCE: "no evidence file matches {pattern}",
    Code.MUCH_EVIDENCE: "{pattern} matches {n} files; the first {most} were kept",
    Code.EVIDENCE_LEFT_OUT: "evidence was left out: {why}",
    Code.FILE_LINK: "{path} is a link that leads out of the folder, to {to}",
    Code.FILE_OTHER: lambda fact: (
        f"{fact.path} is {f'a {fact.kind}' if fact.kind else 'something else'}, no file"
    ),
    Code.FILE_UNREADABLE: _file_unreadable,
    Code.FOLDER_UNREADABLE: "folder {path} cannot be read: {why}",
    Code.FILES_TOO_MANY: "the search ended after {most} names; name a folder to look in",
    Code.RESULTS_FILE: "results file {of}",
    Code.FILE_EMPTY: "{path} is empty",
    Code.FILE_OLD: "{path} is older than this attempt: it was written at {written} UTC, "
    "and the program did not write it again",
    Code.FILE_MALFORMED: "{path} is malformed: {why}",
    Code.FILE_NO_JUNIT: "{path} is not JUnit: its root is <{tag}>",
    Code.FILE_WITHOUT_CASE: "{path} has no test case",
    Code.FILE_CONTRADICTS: "{path} contradicts itself: {why}",
    Code.FILES_MATCH: "{n} results files match {pattern}; at most {most} are read",
    Code.FILES_MISSING: "no results file matches {pattern}",
    Code.FILES_NOT_READ: "{path} and others were not read, since the check was ended",
    Code.FILES_LEFT: "the results files have more than {size} MiB or {most} cases; "
    "{path} and others were not read",
    Code.NO_CASE_IN_FILES: "no case in the results is named {names:all}",
    Code.MARK_TOO_LARGE: "a tag or comment in line {line:d} has more than {most} bytes",
    Code.DTD: "a DTD, which is not read; it can make a small file fill memory",
    Code.ELEMENTS_TOO_MANY: "more than {most} elements",
    Code.BYTE_NOT_OF: _byte_not_of,
    Code.ENCODING_UNKNOWN: "unknown encoding {encoding!r}",
    Code.CHARACTER_FORBIDDEN: "character {text} in line {line:d}",
    Code.OUTSIDE_SUITES: "{path} has {n} test cases that stand in no suite",
    Code.OF_SUITE: lambda fact: f"{fact.suite or 'a suite without a name'} {sentence(fact.why)}",
    Code.COUNTED_TESTS: _counted_tests,
    Code.COUNTED_OTHERS: _counted_others,
    Code.NO_COUNT: "says {key} is {value!r}, which is not a count",
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
    Code.NO_RESULT_BY: "no result: its {key} is {value!r}, which is not a word for passed",
    Code.NO_RESULT_WITH: lambda fact: f"no result: it has <{fact.tag}>{_because(fact)}",
    Code.NO_RESULTS_OF: "{path} has no results of {tool}",
    Code.RESULTS_CUT: "{why}, so the results are not all there; write them to a file and name it in results",
    Code.LINE_BROKEN: "line {line:d} of {path} is broken off",
    Code.BEGAN_ONLY: "it began and did not end",
    Code.CACHED: "no result of this attempt: go took it from its cache; add -count=1 to the command",
    Code.NOT_COMPILED: lambda fact: f"it does not compile{_because(fact)}",
    Code.NOT_SET_UP: lambda fact: f"it could not be set up{_because(fact)}",
    Code.PACKAGE_FAILED: lambda fact: f"it ended otherwise than by its tests{_because(fact)}",
    Code.PACKAGES_OPEN: "{path} has no end of {names}",
    Code.PACKAGES_IDLE: "no test was run in {names}",
    Code.FILTERED_OUT: "{n:test} left out by a filter",
    Code.CARGO_PROGRAMS: "cargo says in {path} that it started {n:test program}, and {found} wrote results; "
    "call it without -q, and leave out programs with harness = false",
    Code.CARGO_ORDER: "{path} does not tell which results are of doc tests and which of test programs",
    Code.CARGO_STOPPED: "cargo stopped at the first test program that failed; add --no-fail-fast",
    Code.CARGO_COUNTS: "{part} announced {n:test}, wrote {written} and does not say that these are all",
    Code.OF_CONTAINERS: _of_containers,
    Code.NOBODY_EXPECTS: "not expected: {names}",
    Code.NOTHING_EXPECTED: "the plan does not say which services there should be, so write expect; "
    "there are {names}",
    Code.NO_CONTAINER_AT_ALL: "there is no container at all",
    Code.NO_CONTAINER_OF: "there is no container of {service}",
    Code.SERVICES_EXPECTED: _services_expected,
    Code.CONTAINERS_EXPECTED: "expected {needed} containers of {service}, found {n}",
    Code.CONTAINER_ENDED: _container_ended,
    Code.NOT_ENDED: lambda fact: (
        f"{fact.container} is {fact.state}, and should have ended with exit code {_any_of(fact.right)}"
    ),
    Code.CONTAINER_IS: _container_is,
    Code.NOT_HEALTHY: _not_healthy,
    Code.HEALTH_NOT_PROVEN: "the health of {service} is not proven: {why}",
    Code.HEALTH_NOT_ASKED: "the health of {names:all} was not asked for",
    Code.NOT_LOOKED_AT: _not_looked_at,
    Code.KILLS_UNKNOWN: "it is not known whether the kernel killed a process for lack of memory "
    "in {names:all}",
    Code.OTHER_IMAGE: "{container} runs {found}, but {image} is another image by now: {right}",
    Code.AGE_UNKNOWN: lambda fact: (
        f"{'its age is not' if fact.of else 'no age is'} known: the calendar clock moved during the run"
    ),
    Code.NO_HEALTHCHECK: "no healthcheck",
    Code.HEALTHCHECK_UNKNOWN: "a healthcheck of the unknown form {kind!r}, which no engine asks",
    Code.HEALTHCHECK_CANNOT_FAIL: _healthcheck_cannot_fail,
    Code.LOG_UNREAD: "it was not read",
    Code.LOG_UNREADABLE: "the log of {service} cannot be read: {why}",
    Code.LOG_INCOMPLETE: "the log of {service} may have had more lines than were searched: {why}",
    Code.LOG_EMPTY: "{service} printed nothing, so there was nothing to search",
    Code.LOG_LINES: _log_lines,
    Code.LOG_SLOW: "{why}, so it is not known how many lines match",
    Code.SLOW_IN_LINE: "{why} in a line of the log: {text!r}",
    Code.READ_TOO_LONG: "it could not be read completely within {within:time} (timeout)",
    Code.READ_IN_PART: "it could not be read completely: {why}",
    Code.READ_IN_PIECES: "a line in it is so long that it was searched in pieces",
    Code.DROPPED_BY_DRIVER: lambda fact: (
        f"the log driver {fact.driver} may have dropped lines (mode: {fact.mode})"
        if fact.mode
        else f"{fact.driver} may have dropped lines"
    ),
    Code.DROPPED_BY_LIMIT: _dropped_by_limit,
    Code.OF_IMAGE: _of_image,
    Code.IMAGE_IS: "{image} is {id}",
    Code.IMAGE_UNKNOWN: "there is no container of {service}, so nothing says which image it runs",
    Code.IMAGES_DIFFER: "the containers of {service} run {n:d} different images",
    Code.IMAGE_WARNINGS: _image_warnings,
    Code.OF_SEVERITY: "{severity}: {why}",
    # Kinds: files, what is wrong in them, tools that look as well.
    Code.FILES_OF: "{names}",
    Code.FINDING: _finding,
    Code.TOOL_FINDING: "{text} ({rule}, {tool})",
    Code.OF_RULE: "rule {rule}",
    Code.LOOKED_AT: lambda fact: (
        f"{count(fact.n or 0, fact.of)} looked at{f' by {fact.tool}' if fact.tool else ', nothing found'}"
    ),
    Code.MILD_FINDINGS: lambda fact: (
        f"{count(fact.warnings or 0, 'warning')} and {fact.rest or 0:,} for information: {_names(fact.names)}"
    ),
    Code.SEVERITY_CHANGED: "the plan makes rule {rule} {to}: {why}",
    Code.NO_FILE_MATCHES: lambda fact: (
        f"no file matches {_names(fact.names)}, so nothing was looked at"
        if not fact.n
        else f"all files that match {_names(fact.names)} are left out, so nothing was looked at"
    ),
    Code.NOTHING_LOOKED_AT: "no rule had anything to look at",
    Code.FILES_OVER_LIMIT: "{n:file} match {pattern}; at most {most} are looked at",
    Code.FILES_LEFT_OUT: "{n:file} left out: {files}",
    Code.TOOL_MISSING: "not verified: {program} is not installed; {command}",
    Code.TOOL_FAILED: lambda fact: (
        f"not verified: {fact.program} gave no report: {sentence(fact.why)}"
        f"{f', {fact.text}' if fact.text else ''}"
    ),
    Code.TOOL_TOO_SLOW: "not verified: {program} took more than {limit:time} and was ended",
    Code.TOOL_REPORT_TOO_LARGE: "not verified: the report of {program} has more than {size} MiB",
    Code.TOOL_LEFT_OUT: "not verified: {program} left out {files}",
    Code.TOOL_CONFIGURED: "{tool} is configured by the repository: {files}",
    Code.TOOL_NOT_CONFIGURED: "{files} would configure {tool} and is not used; "
    "write use_repository_config: true to use it",
    Code.DOCKERFILE_MISTAKE: lambda fact: _DOCKERFILE_MISTAKES[fact.what].format(fact.of),
    Code.NOT_LINTED: "not linted: {tool} cannot read {file} ({text}), which is a good Dockerfile",
    Code.NO_STAGE_OR_SERVICE: "{names} holds no stage and no service, so nothing was looked at",
    Code.COMPOSE_ELSEWHERE: "not verified: services also stand in {name}, which was not read",
    Code.TOOLS_NOT_ASKED: "not asked: {names:all}",
    Code.JOBS_KNOWN: lambda fact: f"{count(fact.n or 0, 'job')} {_ROLES[fact.of]}: {sentence(fact.files)}",
    Code.NO_JOB_DEPLOYS: "no job that deploys was found, so nothing was asked of one; "
    "write deploys: [NAME] if there is one",
    Code.GATE_ELSEWHERE: "not verified: what {name} waits for is also written elsewhere: {files}",
    Code.GATE_IN_DOUBT: "not verified: whether the test in {of} stops {name} depends on {why}",
    Code.PIPELINE_ELSEWHERE: "{file} takes {files} from elsewhere, which was not resolved",
    Code.WAY_BACK: "the plan names {file} as the way back",
    Code.NO_KUBERNETES_OBJECT: "{names} holds no object of Kubernetes, so nothing was looked at",
    Code.RENDERED_BY: "{name} is what {tool} makes of it",
    Code.FINDINGS_OVER_LIMIT: "rule {rule} finds more than {most} things; the first {most} are listed",
    Code.FOR_KUBERNETES: "held to Kubernetes {version} and the Pod Security Standard {of}",
    Code.TOOL_UNSUCCESSFUL: lambda fact: (
        f"not verified: {fact.tool} could not look at {fact.file or 'everything'}"
        f"{f': {fact.text}' if fact.text else ''}"
    ),
    # What monitoring and other servers say.
    Code.ANSWER_STATUS: lambda fact: (
        f"{fact.url} answered with status {fact.status}{f': {fact.text}' if fact.text else ''}"
    ),
    Code.ANSWER_NO_JSON: lambda fact: (
        f"{fact.url} answered with something that is not JSON{f': {fact.text}' if fact.text else ''}"
    ),
    Code.NOT_OF_TARGET: "{url} is not part of the target, so it is not asked",
    Code.NO_HANDSHAKE: "not verified: no TLS at {host}:{port:d}: {why}",
    Code.TLS_NOT_OFFERED: "not verified: OpenSSL of this machine cannot offer {version}",
    Code.NO_TIME_IN_ANSWER: "no data: {text} is not a time in the answer",
    Code.PROM_ASKED: "{names} of {url}",
    Code.PROM_NO_ANSWER: "the server does not answer {text!r} as Prometheus does",
    Code.PROM_REFUSED: "Prometheus refused the query: {text}",
    Code.PROM_WARNED: "Prometheus answered with a warning, so the answer may be partial: {text}",
    Code.PROM_SERIES_OVER_LIMIT: "the answer has {n} series; at most {most} are read: aggregate them",
    Code.PROM_NO_SERIES: "no data: nothing answers {text}",
    Code.PROM_MANY_SERIES: "the answer has {n} series, such as {name}: aggregate them, or name a label "
    "with 'by'",
    Code.PROM_BUCKETS: lambda fact: f"the histogram {fact.name}: {_BUCKETS[fact.what]}",
    Code.PROM_BEGAN_LATE: "its first samples are {at:time} after the window began",
    Code.PROM_OF_PARTS: "it has a value for each label {label}; write the criterion for one of these parts",
    Code.PROM_NO_VALUE: "no data: the value is {value}",
    Code.PROM_STALE: "no data: the newest sample of {text} is {at:time} old; at most {limit:time} is allowed",
    Code.PROM_GAPS: "no data: {name} has a value at {n} of {of} moments of the window",
    Code.PROM_UP: "{n:target} up",
    Code.PROM_DOWN: "down: {names}, of {n:target}",
    Code.PROM_NO_TARGET: "no data: Prometheus has no target of job {name!r}",
    Code.PROM_NO_RULES: "no data: no alerting rule is loaded, so that none fires says nothing",
    Code.PROM_RULE_MISSING: "no data: no alerting rule {name!r} is loaded",
    Code.PROM_RULE_BROKEN: "no data: rule {name!r} is not evaluated, its health is {state}",
    Code.PROM_FIRES: "alert {name!r} fires",
    Code.PROM_SILENT: "alert {name!r} does not fire",
    # What documents say.
    Code.NO_REVIEW: "not verified: neither {path} nor git says when it was reviewed",
    # The last run of a pipeline.
    Code.NO_RUN: lambda fact: (
        f"no data: no job {fact.name!r} ran for commit {fact.commit}{_of_others(fact.n)}"
    ),
    Code.NO_RUNS_IN_ANSWER: "the answer holds no jobs and no runs of a pipeline",
    Code.RUNS_CUT: (
        "not verified: the answer is the first page only, with {n:entry}; write per_page=100, or name one run"
    ),
    Code.RUN_ENDED: "job {name!r} is {state}",
    Code.RUN_TOLERATED: "job {name!r} may fail without failing its pipeline",
    Code.RUN_TOO_OLD: lambda fact: (
        f"not verified: job {fact.name!r} ended "
        f"{'at an unknown time' if fact.at is None else f'{format_seconds(fact.at)} ago'}; "
        f"at most {format_seconds(fact.limit)} is allowed"
    ),
    # What arrives in logs.
    Code.LOG_CUT: "a file was cut or taken away meanwhile; what stood in it is not known",
    Code.LOG_TOO_LARGE: "more than {size} MiB of lines arrived; the rest is not read",
    Code.LOG_LINES_OVER_LIMIT: "{n} lines or more arrived; the rest is not read",
    Code.LOKI_REFUSED: "{url} does not answer as Loki does",
    Code.NO_LINE_CAUSED: "the request that was to cause a line got no answer: {why}",
    Code.LINE_NOT_ARRIVED: "the line of the request did not arrive within {within:time}",
    Code.FIELDS_MISSING: "the line of the request lacks {names:all}",
    Code.FORBIDDEN_TEXT: "a line holds text {n} of the {of} that are forbidden",
    Code.NO_LINES: "no data: no line arrived",
    # What an OpenAPI document says.
    Code.OPENAPI_UNREADABLE: lambda fact: (
        f"{fact.path} is no document that can be read: {sentence(fact.why)}"
        f"{f', on line {fact.line}' if fact.line else ''}"
    ),
    Code.OPENAPI_VERSION: lambda fact: (
        f"{fact.path} is no OpenAPI document 3.0 or 3.1"
        f"{f': its version is {fact.found}' if fact.found else ', as it names no such version'}"
    ),
    Code.OPENAPI_EMPTY: "{path} has no operation to ask, so nothing is tested",
    Code.OPENAPI_UNKNOWN: "{path} has no operation {names:all}; one is named like 'GET /orders/{{id}}'",
    Code.OPENAPI_LEFT_OUT: "the plan leaves out {name}: {why}",
    Code.OPENAPI_UNSAFE: "not asked: {method} may change something; list it under operations, or under "
    "leave_out with a reason",
    Code.OPENAPI_NO_VALUE: "not asked: no value for {names:all}; give examples in the document, or values in "
    "the plan",
    Code.OPENAPI_NOT_TRIED: "not verified: status {status:d} is documented, but is an error, so that the "
    "operation was not tried; give values of something that is there",
    Code.OPENAPI_STATUS: lambda fact: (
        f"status {fact.status:d} is not documented; {_names(fact.known) or 'no status'} is"
    ),
    Code.OPENAPI_MEDIA: lambda fact: (
        f"with status {fact.status:d} the type {fact.found or 'of nothing'} is not documented; "
        f"{_names(fact.known)} is"
    ),
    Code.OPENAPI_SCHEMA: "not verified: the schema of the answer cannot be used: {why}",
    Code.OPENAPI_SERVERS: "not asked: it has servers of its own, and only the target is asked",
    Code.REFERENCE_OUTSIDE: "reference {text!r} leads outside of the document",
    Code.REFERENCE_NOWHERE: "reference {text!r} leads nowhere",
    Code.REFERENCE_CIRCLE: "reference {text!r} leads in a circle",
    Code.GENERATED: "{n:generated case} held, of seed {seed:d}",
    Code.GENERATED_NOTHING: lambda fact: (
        f"not verified: {sentence(fact.text or 'no generated case was tested')}"
    ),
    Code.GENERATED_FAILURE: "{text}; reproduce it with: {command}",
    # What files of monitoring hold.
    Code.NO_MONITORING: "nothing of Prometheus, Alertmanager, Loki or Grafana is in the files of {names:all}",
    Code.NOT_MONITORING: "{n:file} not of monitoring, so not looked at: {files}",
    Code.LOGQL_RULE: "not verified: the expression of {name!r} is LogQL of Loki, which is not looked at; "
    "name its file under exclude",
    # What a database holds.
    Code.SQL_FAILED: "the database refused: {text}",
    Code.SQL_WITHOUT_ROWS: "the query gives no rows, as it is none",
    Code.SQL_NO_NUMBER: "no data: the query gives {n:row}; it must give one row with one number",
    Code.SQL_VIOLATIONS: lambda fact: (
        f"the query must find nothing and finds {'more than ' if fact.more else ''}{count(fact.n, 'row')}"
    ),
    Code.SQL_ROWS_DIFFER: "the query gives {n:row} and must give {of}; row {at} is the first that differs",
    Code.NO_DATABASE_FILE: "there is no database {path}",
    Code.DATABASE_URL_WRONG: "the address of the database is none; "
    "write postgresql://user:password@host/name without parameters, or sqlite:///path",
    Code.TABLE_MISSING: "there is no table {name}",
    Code.COLUMNS_MISSING: "columns are missing: {names:all}",
    Code.COLUMN_OTHER: "column {name} is {actual}, not {right}",
    Code.PRIMARY_KEY_OTHER: lambda fact: (
        f"the primary key is {', '.join(fact.names or ()) or 'nothing'}, not {', '.join(fact.right)}"
    ),
    Code.INDEXES_MISSING: "indexes are missing: {names:all}",
    Code.INDEXES_INVALID: "indexes were not finished, so no query uses them: {names:all}",
    Code.MIGRATIONS_OVER_LIMIT: "not verified: more than {most} migrations",
    Code.MIGRATION_UNREADABLE: "the migration {path} is not Python, or names no revision",
    Code.NO_MIGRATIONS: "there are no migrations of {tool} in {path}",
    Code.MIGRATIONS_DIFFER: _migrations_differ,
    # What scanners report.
    Code.SCAN_BY: "{what}",
    Code.NOT_SARIF: "the report is not SARIF 2.1: its version is {version!r}",
    Code.SARIF_WITHOUT_RUNS: "the SARIF file holds no run, so no tool looked at anything",
    Code.SARIF_WITHOUT_RESULTS: "not verified: the report of {tool} has no results, not even an empty list, "
    "so it scanned nothing",
    Code.SARIF_ELSEWHERE: "not verified: {tool} keeps results in other files, which are not read",
    Code.SARIF_OPEN: "not verified: {tool} could not decide",
    Code.SUPPRESSED: "{n:finding} suppressed where {tool} found them, and not counted",
    Code.FORMAT_UNKNOWN: "{path} has none of the formats {names:all}; say which with 'format'",
    Code.NO_REPORT: "{path} is not a report: {why}",
    Code.NOT_LOOKED_UP: "not verified: no vulnerability data for {name}: {text}",
    Code.NO_DEPENDENCIES: "not verified: {tool} found no dependency to look up",
    Code.SBOM_ONLY: "not verified: the report of {tool} lists components and no vulnerabilities",
    Code.NOTHING_SCANNED: "not verified: {tool} looked at nothing",
    Code.REPORT_OLD: "not verified: {path} is from {written}, {at:time} ago; at most {limit:time} is allowed",
    Code.REPORT_UNDATED: "not verified: nobody can say how old {path} is",
    Code.REPORT_OF_OTHER_COMMIT: "not verified: {path} is for commit {found}, not {right}",
    Code.REPORT_WITHOUT_COMMIT: "not verified: {path} does not say for which commit it is",
    Code.TOOL_NOT_IN_REPORT: "not verified: no report is of {tool}; there are those of {names}",
    Code.TOOL_TOO_OLD: "not verified: {tool} is version {found}; at least {least} is required",
    Code.FILES_NOT_SAID: "not verified: {tool} does not say which files it looked at",
    Code.FILE_NOT_SCANNED: "not verified: no scanner says that it looked at {file}",
    Code.HISTORY_SHALLOW: "not verified: the clone is shallow, so most of its history is not there",
    Code.STOPPED_AFTER: "it stopped {at:time} after {signal}",
    Code.CANNOT_STOP: "it could not be asked to stop: {why}",
    Code.AS_ROOT: lambda fact: (
        f"it runs as root{f': its user is {fact.user!r}' if fact.user else ', as it names no user'}"
    ),
    Code.UID_OF_ROOT: "it runs as root: its user {user!r} has uid {uid}",
    Code.USER_UNKNOWN: "its user {user!r} is not in its /etc/passwd, so it cannot start as that",
    Code.USER_BY_NAME: "its user is {user!r}, which is uid {uid} only by its own /etc/passwd; "
    "write the number",
    Code.IMAGE_HAS: "it has {why}",
    Code.PORT_EXPOSED: "it exposes {port}, which ports does not name",
    Code.SECRET: "{what} in the {where}",
    Code.SECRET_FILE: "{path} is a file that usually holds secrets",
    Code.NO_TAG: "{image} has no tag, so it can be another image every day",
    Code.TAG_LATEST: "{image} can be another image every day; name a version",
    Code.BASE_UNKNOWN: _base_unknown,
    Code.BASE_OTHER: "it is not built on {base}: its layers do not begin with the layers of that",
    Code.NO_LABEL: "it has no label {label}",
    Code.LABEL_OTHER: "its label {label} is {value!r}, not {right!r}",
    Code.WRITABLE_BY_ALL: "everybody may write to the {kind} {path} ({mode})",
    Code.RUNS_AS_OWNER: "{path} is {what} ({mode})",
    Code.OTHER_ARCHITECTURE: lambda fact: f"it is for {fact.found}, not {_any_of(fact.right)}",
    Code.WENT_ON: "it ran on for {within:time} after {signal}, and had to be killed",
    Code.KILLED_AFTER: "it was killed after {signal} (exit code {exit_code})",
    Code.ENDED_AFTER: "it ended with exit code {exit_code} after {signal}",
    Code.OF_RESOURCES: _of_resources,
    Code.LOOK_TOO_LONG: "no sample of the containers was complete within {within:time}",
    Code.NEVER_RAN: _never_ran,
    Code.LOST_BETWEEN: lambda fact: (
        f"a container of {fact.service} ended, or was started again, {count(fact.n, 'time')}; "
        "what it used in between is not counted"
    ),
    Code.STOPPED_AT: "stopped after {at:time} of {of:time}: {why}",
    Code.NO_MEMORY_LIMIT: "{service} has no memory limit",
    Code.NO_OWN_NETWORK: "{service} has no network of its own (network mode {mode})",
    Code.ONE_LOOK: "{service} was sampled once, and {needed} samples are needed",
    Code.NOT_READ: "{measure} of {service} could not be read",
    Code.NOT_KNOWN_OF_ALL: "{measure} was never known of all services at once",
    Code.SEVERAL: _several,
    #
    # The target: bringing it up, acting on it, taking it down.
    Code.PORT_UNKNOWN: "target {entry}: its command and env do not name ${{self.port}} or ${{self.url}}, "
    "so it may not listen where checks ask it",
    #
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
    Code.NO_PROGRAM: lambda fact: f"{fact.program!r} is not {_inside(fact) or 'on PATH'}",
    Code.NO_SUCH_FILE: "there is no {path!r}",
    Code.NO_FOLDER: "there is no folder {path!r}",
    Code.PROGRAM_IS_FOLDER: "{path!r} is a folder, not a program",
    Code.NOT_EXECUTABLE: _not_executable,
    Code.CANNOT_START: lambda fact: (
        f"cannot start {fact.program!r}{f' {_inside(fact)}' if fact.service else ''}: {sentence(fact.why)}"
    ),
    Code.NO_INTERPRETER: "the interpreter that its first line names does not exist",
    Code.NO_PROGRAM_OF_SYSTEM: "this system cannot run it; is a first line such as #!/bin/sh missing?",
    Code.LINE_TOO_LONG: "process {process} wrote a line that is too long: {why}",
    Code.BY_SIGNAL: "signal {signal}",
    Code.BY_EXIT_CODE: "exit code {exit_code}",
    Code.TOOK_LONGER: "{command} took longer than {limit:time}",
    Code.TOOK_TOO_LONG: "it took too long",
    Code.PROGRAM_ENDED: _program_ended,
    Code.PROGRAM_ENDED_BY: _program_ended_by,
    Code.ENDED_BY_ITSELF: lambda fact: (
        f"it ended by itself with exit code {fact.exit_code}{f': {fact.line}' if fact.line else ''}"
    ),
    Code.KILLED_FOR_MEMORY: "it was killed for lack of memory",
    Code.HAS_ENDED: "it has ended",
    Code.NEVER_STARTED: "it was not started",
    Code.DOES_NOT_RUN: "{entry} does not run: {why}",
    Code.BEFORE_READY: _before_ready,
    Code.NOT_READY: "not ready within {within:time}: {why}",
    Code.NOT_ASKED_YET: "it was not asked",
    Code.NO_ANSWER_IN_TIME: "no answer in time",
    Code.NO_LINE_MATCHES: "no line of its output matches {pattern!r}",
    Code.READY_UNKNOWN: "it is not known whether it is ready: the pattern {pattern!r} did not end within "
    "{limit:time} in a line of its output: {line!r}",
    Code.NOBODY_LISTENS: lambda fact: (
        f"nothing listens on port {fact.port}{' any more' if fact.ended else ''}"
    ),
    Code.PORT_WITHOUT_ADDRESS: "port {port} has no address",
    Code.PORT_OF_ANOTHER: _port_of_another,
    Code.NOT_YET_STARTED: "it has not been started",
    Code.JUST_STARTED: "it has just been started",
    Code.NOT_STARTABLE: "it cannot be started: {why}",
    Code.ENDS_AGAIN: "it keeps ending ({times} restarts)",
    Code.CONTAINER_STATE: "it is {state}",
    Code.UNHEALTHY: lambda fact: f"it is unhealthy{f': {fact.output}' if fact.output else ''}",
    Code.NOT_YET_HEALTHY: lambda fact: f"it is not healthy yet{f': {fact.output}' if fact.output else ''}",
    Code.NO_CONTAINER: "it has no container",
    Code.TURNED_UNHEALTHY: "service {service} turned unhealthy while it was being used",
    Code.STARTED_AGAIN_IN_USE: "service {service} ended with exit code 0 and was started again while it was "
    "being used",
    Code.AND_STARTED_AGAIN: "{of}, and was started again",
    Code.SEVERAL_TIMES: "{of}, {times} times",
    Code.LOG_ENDS: _log_ends,
    Code.LOGS_END: lambda fact: "\n  ".join(sentence(part) for part in fact.parts),
    Code.NO_CONTAINERS: "the target has no containers",
    Code.NAME_CONTAINERS: "bring a stack up with target.compose, or name one that is up with "
    "target.containers",
    Code.NO_CONTAINER_CARRIES: _no_container_carries,
    Code.BRING_UP_BEFORE: "bring the stack up before the run, or let target.compose do it",
    Code.SERVICES_THAT_DO: "services that do are {names:all}",
    Code.SERVICE_NOT_RUNNING: "no container of service {service!r} is running",
    Code.NO_SERVICE: "the target has no service {service!r}",
    Code.SERVICES_ARE: lambda fact: f"services are {', '.join(fact.names or ()) or 'none'}",
    Code.NO_COMPOSE: "target.compose needs Compose, and neither docker compose nor docker-compose works "
    "here: {why}",
    Code.COMPOSE_FILE_UNUSABLE: "{path} cannot be used: {why}",
    Code.COMPOSE_FILE_TOO_LARGE: "{path} is too large once everything is filled in",
    Code.COMPOSE_FILE_EMPTY: "{path} has no services",
    Code.NO_YAML_PRINTED: "{command} printed no YAML for {path}: {why}",
    Code.NO_SERVICE_IN_FILE: lambda fact: f"{fact.path} has no service {', '.join(map(repr, fact.names))}",
    Code.ITS_SERVICES_ARE: "its services are {names:all}",
    Code.IMAGE_NOT_BUILT: "the image of {service} cannot be built: {why}",
    Code.IMAGES_NOT_BUILT: "the images of {names:all} cannot be built: {why}",
    Code.IMAGE_NOT_PULLED: "the image {image!r} is not on this engine, and could not be pulled: {why}",
    Code.BUILD_OR_PULL: "build it, or docker pull {image}, before the run",
    Code.FREE_THE_PORT: "stop the program that has the port (ss -ltnp shows it), or publish another port",
    Code.PROJECT_THERE: "the project {project!r} exists already ({what})",
    Code.THINGS: "{kind}: {names:all}",
    Code.TAKE_DOWN_FIRST: "take it down ({command}), or attach to it with target.containers: {{label: "
    "{label}}}",
    Code.PROJECT_IN_USE: lambda fact: (
        f"another run uses the project {fact.project!r} (phasegate, process {fact.process or 'unknown'})"
    ),
    Code.WAIT_FOR_PROJECT: "wait for it to end, or leave 'project' out, so that each run has a project of "
    "its own",
    Code.NOT_CLAIMED: "the project {project!r} cannot be claimed: {path}: {why}",
    Code.REMOVE_THAT_FILE: "remove that file, or set TMPDIR to a folder that can be written",
    Code.NOT_LOCKED: "{path} cannot be locked: {why}",
    Code.STACK_NOT_REMOVED: "what is left of the stack {project} could not be removed (remove it with "
    "{command}): {why}",
    Code.ONE_THEN_ANOTHER: lambda fact: "; then ".join(fact.parts),
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
    Code.ENGINE_GONE: "the container engine stopped answering: {why}",
    Code.ENGINE_DOES_NOT_SAY: "the engine does not say why",
    Code.NO_IMAGE: "there is no image {image!r} on this engine",
    Code.GET_IMAGE: "build it, or pull it, before the run",
    Code.IMAGE_TOO_LARGE: "the image is too large to look at its files",
    Code.ARCHIVE_BROKE_OFF: "the engine's archive of the image broke off",
    Code.LOG_BROKE_OFF: "the log broke off",
    Code.ENGINE_LOG_UNREADABLE: "the engine could not read the log: {why}",
    Code.NOT_SPOKEN_TO_INSIDE: "phasegate cannot exchange lines with a program inside a container",
    Code.NOT_TO_BE_ENDED: "it could not be ended",
    Code.OUTPUT_BROKE_OFF: "its output broke off: {why}",
    Code.ENTRY_NOT_UP: "{entry} of the target is not up",
    Code.NO_SUCH_ACT: lambda fact: f"{fact.entry or 'a process'} has no act {fact.act!r}",
    Code.NO_CONTAINER_RUNS: "no container of {service} runs",
    Code.REMOVED_AT_END: "the engine removes {container} once it ends (--rm), so it cannot come back",
    Code.NOTHING_TO_CUT: "{container} has no network of its own to cut",
    Code.ENDED_IN_PAUSE: "{container} ended while it was paused",
    Code.STARTED_BY_ENGINE: "the engine had already restarted {container} by itself",
    Code.REMOVED_MEANWHILE: "{container} has been removed meanwhile",
    Code.PORTS_LOOSE: "the engine chooses anew at each start of {container} where it publishes {ports:all}; "
    "publish at a port of the host that does not change",
    Code.PORTS_MOVED: lambda fact: (
        f"{fact.container} is published elsewhere now: {', '.join(map(sentence, fact.ports))}"
    ),
    Code.PORT_MOVED: lambda fact: f"{fact.port} at {fact.at or 'nowhere'}, was {fact.was or ''}",
    Code.ADDRESS_MOVED: "{container} has address {address} in {network} now, and had {was}",
    # The run: what was not run, why it ended, what its record lacks, waivers, warnings of the plan.
    Code.RUN_ALONE: "{check} goes on while other checks run, but was run alone: it saw the target at rest, "
    "and only briefly",
    Code.NO_MEMORY: "there is not enough memory",
    Code.OF_SYSTEM: "the system says: {why}",
    Code.CANNOT_GO_ON: lambda fact: (
        f"phasegate could not go on{' observing' if fact.observing else ''}: {sentence(fact.why)}"
    ),
    Code.NOT_BROUGHT_TO_END: "the run could not be brought to its end: {why}",
    Code.DEFECT: "a defect in phasegate: {error}: {why}",
    Code.KIND_DEFECT: "a defect in kind {kind!r} of {package} {version}: {error}: {why}",
    Code.OVER_LIMIT: "did not end within its limit of {limit:time}",
    Code.ALL_DECIDED: "every criterion on its samples is decided",
    Code.ONE_DECIDED: "{criterion} is decided: not met",
    Code.INTERRUPTED: "interrupted",
    Code.STOPPED_BY: lambda fact: f"stopped by {'Ctrl-C' if fact.signal == 'SIGINT' else fact.signal}",
    Code.RUN_LIMIT_REACHED: "the run reached its limit of {limit:time}",
    Code.RUN_NOT_ENDED: "the run has not ended",
    Code.RUN_ENDED_BEFORE: "the run ended before it",
    Code.CUT_SHORT: "the record ends before the run did",
    Code.CLOCK_MOVED: _clock_moved,
    Code.NOT_SELECTED: "not selected",
    Code.CHECK_FAILED_FAST: "an earlier check failed (--fail-fast)",
    Code.FAULT_FAILED_FAST: "an earlier fault failed (--fail-fast)",
    Code.COMPANIONS_ENDED: "the checks it goes beside have ended",
    Code.COMPANION_NOT_RUN: "{check}, which it goes beside, was not run",
    Code.STEP_COMMAND_FAILED: _step_command_failed,
    Code.LIMIT_REACHED: "its limit was reached",
    Code.SECRET_NOT_SET: "the secret {name} is not set",
    Code.SET_VARIABLE: "set the environment variable {name}",
    Code.NOT_INSTALLED: "{program} is not installed",
    Code.DOES_NOT_WORK: "{program} does not work: {why}",
    Code.TOOLS_NOT_INSIDE: lambda fact: (
        f"{', '.join(fact.names)} {'is' if len(fact.names) == 1 else 'are'} not {_inside(fact)}"
    ),
    Code.ONE_OF_WAYS: _one_of_ways,
    Code.INSTALL_OR_ON_PATH: "install {program}, or put the folder it is in on PATH",
    Code.ADD_TO_IMAGE: "add {names:all} to the image of {service}",
    Code.NEEDS_WHAT_IS_OUT: "it needs {entry}, which did not come up: {why}",
    Code.SETUP_NOT_RUN: "target.setup was not run, as {names:all} did not come up",
    Code.SEE_LOG: "see the log of what did not come up",
    Code.ASKED_EVERY: "{method} {url} every {every:time}",
    Code.PROBE_NOT_SENT: "its probe cannot be sent: {why}",
    Code.CHECK_HAD_ENDED: _check_had_ended,
    Code.ENTRY_IN_FAULT: "{entry} was still in fault {fault} when it was due",
    Code.NOT_DONE: "it could not be done: {why}",
    Code.NOT_UNDONE: "it could not be undone: {why}",
    Code.UNDONE_EARLY: "it was undone {span:time} early, as {why}",
    Code.NO_GOOD_ANSWER_BEFORE: "no probe before the fault had a good answer",
    Code.NOT_GOOD_AGAIN: _not_good_again,
    Code.BROKEN: "{criterion} was not met: {right} of {n} were as asked",
    Code.BROKEN_BEFORE: "before it began, {why}",
    Code.INSTANCE_ENDED: "{instance} did not go on: {why}",
    Code.INSTANCE_NOT_BACK: "{instance} was not ready again: {why}",
    Code.INSTANCE_NOT_READY: "{instance} was not ready: {why}",
    Code.INSTANCE_ROLLED: _instance_rolled,
    Code.ROLLED_BACK_AS: "rolled back after {at:time}, with {on_new} of {instances} on the other version, as "
    "{why}",
    Code.ROLLOUT_CUT: "it was rolled back with {on_new} of {instances} on the other version, as {why}",
    Code.ROLLOUT_UNJUDGED: "waivers cover all that would judge it",
    Code.ROLLOUT_UNSEEN: "nothing was seen for {criterion} after the last instance was ready",
    Code.BEFORE_RECOVERY: "{why}, before it could be seen whether it recovers",
    Code.RECOVERY_UNSEEN: "phasegate was late, so it is not known whether it recovers",
    Code.CANNOT_WRITE: "cannot write {path}: {why}",
    Code.FREE_SPACE: "free space for the output folder and run again",
    Code.FILE_LOST: "{path} is lost: {why}",
    Code.REPLACED_OR_CUT: "another file is in its place, or it was cut",
    Code.NO_RECORD: "no record at {path}: {why}",
    Code.EVIDENCE_FILE: "evidence {path!r}",
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
    Code.WAIVER_TOO_WIDE: "{pattern} matches {n} cases; a pattern may match at most {most}, "
    "so the whole waiver covers nothing",
    Code.NO_CASE_CALLED: "no case of this run is called {names}",
    Code.HOLDS_NOT_EITHER: "{names} does not hold even without what it covers",
    Code.NOTHING_NEEDED_IT: "nothing needed it",
    Code.WAIVER_IN_DOUBT: _waiver_in_doubt,
    Code.OF_CRITERION: "criterion {criterion!r}: {why}",
    Code.OF_DEFAULT: "criterion {criterion!r}, a default of the kind: {why}",
    Code.CAN_NEVER_MEET: _can_never_meet,
    Code.CAN_NEVER_SPAN: "{check} takes {span:time} and can never span {over:time}",
    Code.DISPLACES_DEFAULT: "criterion {criterion!r} holds when {measure} is {value}, and replaces "
    "the default {default}",
    Code.UNPROVEN_WITHOUT_BASELINE: "criterion {criterion!r} is unproven unless phasegate run is given a "
    "baseline",
    Code.OWNER_APPROVES: "{name} owns the phase and approves it; nobody else has to look at it",
    Code.DUE_MISSED: lambda fact: f"the phase was due on {fact.at}, {count(fact.n, 'day')} ago",
    Code.BASELINE_NOT_NEEDED: "no criterion is held against a baseline, so --baseline changes nothing",
    Code.SECRET_SHORT: "secret {name!r} is shorter than {n} characters",
    Code.NOT_RUN_WITHOUT_IT: "what needs it is not run: {names}",
    Code.NOTHING_NEEDS_IT: "nothing needs it",
    Code.NO_SUCH_PROFILE: "no service of the compose file has the profile {name!r}",
    Code.COMPOSE_HEALTHCHECK: "service {service!r} has {why}",
    Code.COMPOSE_NO_HEALTHCHECK: "others wait until these are healthy, and they have no healthcheck here: "
    "{names}",
    Code.COMPOSE_SECRET_MISSING: "the file of the secret {name!r} is missing: {path}",
    Code.VARIABLE_UNUSED: "the compose file does not use the variable {name!r}",
    Code.SEVERAL_PORTS: "the default entry {entry!r} has several ports ({ports:all}), and the plan does not "
    "say which",
    Code.NO_PORT: "the default entry {entry!r} neither publishes nor exposes a port in the compose file",
    Code.CONTENT_HIDDEN: "the file is not of the kind that its name says, or line {line} of it is wrong",
    Code.NAME_NOT_KNOWN: "${{{name}}} is not known",
    Code.DOES_NOT_FIT: "{path} does not fit with the target's addresses: {why}",
}
