"""What a plan may ask of a Prometheus server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from phasegate.base.fields import Closed, Duration, Text, Texts, WrittenAddress
from phasegate.base.marks import Demand
from phasegate.base.problems import Location, refuse
from phasegate.base.units import Dimension
from phasegate.http.written import Headers, address_like
from phasegate.kinds.answers import unit_of
from phasegate.kinds.base import TimedParams, is_measure_name
from phasegate.kinds.promql import problem_of

_HISTOGRAM = re.compile(r"\s*(?P<name>[a-zA-Z_:][\w:]*)\s*(?:\{.*\})?\s*", re.DOTALL | re.ASCII)
OWN = ("targets_up", "alerts_firing", "alerts_seen", "sample_age")
"""Measures that no query may be called like."""


class PromQuery(Closed):
    """A question in PromQL; its answer is a measure."""

    query: Text
    """PromQL: `sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))`."""
    unit: str = ""
    """The unit of its values: `s`, `%`, `B`; nothing for counts. A share from 0 to 1 has the unit `share`."""
    by: str = ""
    """The label whose values are parts of the check: `service`. Without it the answer is one series."""
    over: Literal["run"] | Duration | None = None
    """The time that is asked for: a gauge of all values in it. `run` is the run so far, or as long as the
    check accompanied others. Without it, the value at the end."""
    absent: Literal[0] | None = None
    """What no answer means: 0, where `fresh` shows that there was somebody to count."""
    fresh: str = ""
    """With `absent`: a series that must have a fresh sample: `http_requests_total{job="api"}`."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse("query", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Location, str]]:
        for key in ("query", "fresh"):
            text = getattr(self, key)
            if text and (why := problem_of(text)):
                yield (key,), why
        if (self.absent is None) != (not self.fresh):
            yield ("absent",), "absent: 0 and fresh go together: no answer is 0 only where a series is fresh"
        try:
            self.scale  # noqa: B018
        except ValueError as error:
            yield ("unit",), str(error)

    @property
    def scale(self) -> tuple[float, Dimension]:
        """What a value is multiplied with, and the dimension then."""
        if self.unit == "share":
            return 1.0, Dimension.SHARE
        one = unit_of(self.unit)
        return one.value, one.dimension


class HistogramQuery(Closed):
    """A histogram, classic or native; its measure is a distribution of which the buckets are known."""

    series: Text
    """Its name and labels, without `_bucket`: `http_request_duration_seconds{job="api"}`. Series that match
    are counted together."""
    unit: str = "s"
    """The unit of its values: `s`, `ms`, `B`."""
    by: str = ""
    """The label whose values are parts of the check: `handler`."""
    over: Literal["run"] | Duration = "run"
    """The time that is counted; `run` is the run so far, or as long as the check accompanied others."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse("histogram", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Location, str]]:
        named = _HISTOGRAM.fullmatch(self.series)
        if named is None:
            yield ("series",), "write a name and labels: http_request_duration_seconds{job='api'}"
        elif named["name"].endswith(("_bucket", "_count", "_sum")):
            yield ("series",), f"leave out the end: {named['name'].rpartition('_')[0]}"
        elif why := problem_of(self.series):
            yield ("series",), why
        try:
            unit_of(self.unit)
        except ValueError as error:
            yield ("unit",), str(error)

    @property
    def selectors(self) -> tuple[str, str]:
        """Of the native histogram, and of the buckets of the classic one."""
        name, brace, labels = self.series.partition("{")
        return self.series, f"{name.strip()}_bucket{brace}{labels}"


class AlertsWritten(Closed):
    """What is asked of the alerts of a server."""

    ignore: Annotated[Texts, Demand.LET_THROUGH] = ()
    """Alerts that always fire: `Watchdog`."""
    rules: Annotated[Texts, Demand.MUST_BE] = ()
    """Alerts that must be loaded; without them, that none fires says nothing."""
    firing: Annotated[Texts, Demand.MUST_BE] = ()
    """Alerts that must fire, as a fault makes them; they do not count as firing."""


class PrometheusParams(TimedParams):
    url: Annotated[WrittenAddress, address_like("/prometheus")]
    """Where the server is: `${target.prometheus.url}`, or a URL. Only its API is asked, for reading."""
    headers: Headers = Field(default_factory=dict)
    """Headers that are sent along: `{Authorization: "Bearer ${env.PROM_TOKEN}"}`."""
    queries: Annotated[Mapping[str, PromQuery], Demand.MUST_BE] = Field(default_factory=dict)
    """Questions by the name of their measure."""
    histograms: Annotated[Mapping[str, HistogramQuery], Demand.MUST_BE] = Field(default_factory=dict)
    """Histograms by the name of their measure, of which criteria name a quantile: `latency.p95 <= 250ms`."""
    targets: Annotated[Texts, Demand.MUST_BE] = ()
    """Jobs of which every target must be up: `[api, node]`."""
    alerts: AlertsWritten | None = None
    """Count the alerts that fire; `{}` counts all of them."""
    max_age: Annotated[Duration, Field(gt=0), Demand.LESS] = 120.0
    """The oldest that the newest sample of a series may be; a staler one is no data."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        refuse("prometheus", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Location, str]]:
        if not (self.queries or self.histograms or self.targets or self.alerts is not None):
            yield (), "ask something: queries, histograms, targets or alerts"
        for key, names in (("queries", self.queries), ("histograms", self.histograms)):
            for name in names:
                if name in OWN or not is_measure_name(name):
                    yield (key, name), f"{name!r} is not a name for a measure; write one like 'error_rate'"
        for name in self.histograms:
            if name in self.queries:
                yield ("histograms", name), f"a query is named {name!r} too"
