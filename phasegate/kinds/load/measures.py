"""The measures of a load of our own engine: which ones there are, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping

from phasegate.base.units import Dimension
from phasegate.kinds.load.params import LoadParams
from phasegate.load.counting.measured import part_samples, samples
from phasegate.load.counting.tally import PartTally
from phasegate.load.counting.timeline import LATENCY, RATES
from phasegate.load.engine import LoadOutcome
from phasegate.model.measures import Measure, MeasureSpec, Number, Share
from phasegate.world import Enough

TOLERATED = 0.05
"""Share of a load in which its workers may be held up without a word on its throughput."""
_SPECS = {
    "success_rate": MeasureSpec.sample("share of the requests sent that were answered as expected"),
    "latency": MeasureSpec.times("from the moment a request was due to the end of its answer", chart=LATENCY),
    "service_time": MeasureSpec.times("from sending a request to the end of its answer", chart=LATENCY),
    "throughput": MeasureSpec.amount(
        "good answers per second while requests were sent", Dimension.RATE, chart=RATES
    ),
    "requests": MeasureSpec.amount("requests that were sent"),
    "redirects": MeasureSpec.amount("answers that sent elsewhere (301, 302, 303, 307, 308), followed or not"),
}
_OPEN = {
    "achieved_rate": MeasureSpec.census("share of the requests that were due that were sent"),
    "dropped": MeasureSpec.amount("requests that waited for a free connection until their timeout"),
}
_COMPLETED = MeasureSpec.number(
    "share of the planned duration before the load was aborted or stopped", Dimension.SHARE
)
_JOURNEYS = MeasureSpec.number("journeys that were begun")


def specs(params: LoadParams) -> Mapping[str, MeasureSpec]:
    found = dict(_SPECS)
    if params.is_open:
        found |= _OPEN
    if params.abort_on is not None:
        found["completed"] = _COMPLETED
    if params.units:
        found["journeys"] = _JOURNEYS
    return found


def measures_of(params: LoadParams, outcome: LoadOutcome) -> Mapping[str, Measure]:
    tally, held, report = outcome.tally, outcome.held, outcome.report
    requests = tally.requests + held.requests
    measured: dict[str, Measure] = {
        **samples(tally, held, outcome.clusters, span=report.span, episodes=report.episodes),
        "throughput": Number(
            value=report.good_in_window / report.window if report.window else None, dimension=Dimension.RATE
        ),
        "requests": Number(value=requests),
        "redirects": Number(value=report.redirects),
    }
    if params.units:
        measured["journeys"] = Number(value=requests)
        measured["requests"] = Number(value=report.asked)
    if params.is_open:
        # What an aborted load did not come to was due all the same.
        due = params.profile.total if outcome.aborted else report.scheduled
        measured["achieved_rate"] = Share(
            passed=report.sent, total=due - held.dropped, sample=False, unused=held.dropped
        )
        measured["dropped"] = Number(value=tally.dropped + held.dropped)
    if params.abort_on is not None:
        whole = outcome.stopped is None or isinstance(outcome.stopped, Enough)
        done = 1.0 if whole else min(report.window / params.profile.duration, 1.0)
        measured["completed"] = Number(value=done, dimension=Dimension.SHARE)
    return measured


def measures_by_part(outcome: LoadOutcome) -> Mapping[str, Mapping[str, Measure]]:
    held, nothing = outcome.held.parts, PartTally()
    return {
        name: part_samples(name, part, held.get(name, nothing), outcome.clusters, span=outcome.report.span)
        for name, part in outcome.tally.parts.items()
    }


def held_up_measures(outcome: LoadOutcome) -> tuple[str, ...]:
    """The measures that a worker which was held up leaves nothing to say of."""
    report = outcome.report
    rate = ("throughput",) if report.held_up > TOLERATED * report.window else ()
    return (*rate, "dropped") if outcome.held.dropped else rate
