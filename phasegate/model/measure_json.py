"""JSON for measures, the promised shape of them in `events.jsonl` and `result.json`.

A measure is an object whose keys tell its type: `sample` is there for a share, `histogram` for a
distribution, `buckets` for counts between edges, `samples` for a gauge, none of them for a number. `value`,
`n` and the quantiles are written for readers; reading takes the facts they are computed from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Annotated, Any

from phasegate.base.dataclass_json import Form
from phasegate.base.units import Dimension
from phasegate.model.blocks import Block
from phasegate.model.histogram import Histogram
from phasegate.model.measures import Buckets, Distribution, Gauge, Measure, Number, Share

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
_DIMENSIONS = {
    "s": Dimension.TIME,
    "/s": Dimension.RATE,
    "B": Dimension.SIZE,
    "B/s": Dimension.DATA_RATE,
    "ratio": Dimension.SHARE,
}


def encode_measure(measure: Measure) -> dict[str, Any]:
    """The JSON object of a measure; a quantile that falls among failed requests is the text `failed`."""
    match measure:
        case Share():
            return _without_none(value=measure.value) | _facts(measure)
        case Distribution():
            return _without_none(
                unit="s",
                n=measure.n,
                failed=measure.failed,
                unmeasured=measure.unmeasured or None,
                span=measure.span,
                min=measure.good.minimum if measure.good.n else None,
                mean=measure.good.mean if measure.good.n else None,
                max=("failed" if measure.failed else measure.good.maximum) if measure.n else None,
                **{name: _quantile(measure, share) for name, share in QUANTILES.items()},
                histogram=_encode_histogram(measure.good),
                blocks=[_encode_block(block) for block in measure.blocks] or None,
                unused=measure.unused or None,
                replaced=measure.replaced or None,
            )
        case Buckets():
            return _without_none(
                unit=_unit(measure),
                n=measure.n,
                span=measure.span,
                buckets=[list(bucket) for bucket in measure.counts],
                blocks=[list(block) for block in measure.blocks] or None,
            )
        case Number():
            return {"value": measure.value, "unit": _unit(measure)} | _facts(measure, "value", "dimension")
        case Gauge():
            return _without_none(
                unit=_unit(measure),
                samples=measure.samples,
                min=measure.minimum,
                mean=measure.mean,
                max=measure.maximum,
                last=measure.last,
                interval=measure.interval,
                span=measure.span,
            )


def decode_measure(data: object) -> Measure:
    """The inverse of `encode_measure`. Errors: ValueError for anything else."""
    if isinstance(data, Share | Distribution | Buckets | Number | Gauge):
        return data
    if not isinstance(data, Mapping):
        raise ValueError("a measure is an object")
    if "sample" in data:
        return Share(**_given(Share, data))
    if "histogram" in data:
        return Distribution(
            good=_decode_histogram(data["histogram"]),
            failed=data["failed"],
            span=data.get("span"),
            unmeasured=data.get("unmeasured", 0),
            blocks=tuple(_decode_block(block) for block in data.get("blocks", ())),
            unused=data.get("unused", 0),
            replaced=data.get("replaced", 0),
        )
    if "buckets" in data:
        return Buckets(
            counts=tuple((low, high, count) for low, high, count in data["buckets"]),
            dimension=_dimension(data["unit"]),
            span=data.get("span"),
            blocks=tuple(tuple(block) for block in data.get("blocks", ())),
        )
    if "samples" in data:
        return Gauge(
            samples=data["samples"],
            minimum=data.get("min"),
            maximum=data.get("max"),
            mean=data.get("mean"),
            last=data.get("last"),
            dimension=_dimension(data["unit"]),
            interval=data.get("interval"),
            span=data.get("span"),
        )
    if "unit" in data:
        return Number(**_given(Number, data), dimension=_dimension(data["unit"]))
    raise ValueError("a measure has `sample`, `histogram`, `buckets`, `samples` or `unit`")


def _facts(measure: Share | Number, *besides: str) -> dict[str, Any]:
    """The fields that say something, but some."""
    kind: Any = type(measure)
    return {
        name: _listed(value)
        for name, default in _defaults(kind)
        if name not in besides and (value := getattr(measure, name)) != default
    }


@cache
def _defaults(kind: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((one.name, one.default) for one in fields(kind))


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def _given(measure: type[Share | Number], data: Mapping[str, Any]) -> dict[str, Any]:
    return {one.name: _tupled(data[one.name]) for one in fields(measure) if one.name in data}


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def _unit(measure: Buckets | Number | Gauge) -> str:
    return "ratio" if measure.dimension is Dimension.SHARE else measure.unit


def _dimension(unit: str) -> Dimension:
    return _DIMENSIONS.get(unit, Dimension.COUNT)


def _quantile(measure: Distribution, share: float) -> float | str | None:
    edges = measure.quantile(share)
    if edges is None:
        return None
    return "failed" if math.isinf(edges[1]) else edges[1]


def _encode_histogram(histogram: Histogram) -> dict[str, Any]:
    return {
        "buckets": [list(pair) for pair in histogram.counts],
        "min_ns": histogram.minimum_ns,
        "max_ns": histogram.maximum_ns,
        "total_ns": histogram.total_ns,
    }


def _decode_histogram(data: Mapping[str, Any]) -> Histogram:
    return Histogram.of_counts(
        dict(data["buckets"]),
        minimum_ns=data["min_ns"],
        maximum_ns=data["max_ns"],
        total_ns=data["total_ns"],
    )


def _encode_block(block: Block) -> dict[str, Any]:
    return {"failed": block.failed, "histogram": _encode_histogram(block.good)}


def _decode_block(data: Mapping[str, Any]) -> Block:
    return Block(good=_decode_histogram(data["histogram"]), failed=data["failed"])


def _without_none(**items: Any) -> dict[str, Any]:
    return {key: value for key, value in items.items() if value is not None}


_UNUSED: dict[str, Any] = {
    "unused": {
        "type": "integer",
        "description": "moments that passed without a probe, as phasegate was late: missing evidence",
    },
    "replaced": {"type": "integer", "description": "the same, where later moments took their place"},
}
_MAX = ("max", "the greatest value")
_MEASURE_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {
            "title": "Share",
            "type": "object",
            "required": ["passed", "total", "sample"],
            "properties": {
                "value": {"type": "number", "description": "passed of total: 1.0 is 100%"},
                "passed": {"type": "integer", "description": "how many are as they must be"},
                "total": {"type": "integer", "description": "how many there are"},
                "sample": {"type": "boolean", "description": "true: a sample; false: a census"},
                "skipped": {"type": "integer", "description": "cases without a verdict, part of total"},
                "missing": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "the first of the cases without a verdict, by id",
                },
                "span": {"type": "number", "description": "seconds"},
                "episodes": {"type": "integer", "description": "runs of consecutive failures"},
                "blocks": {
                    "type": "array",
                    "description": "requests and failures in equal pieces of time",
                    "items": {"type": "array", "items": {"type": "integer"}},
                },
                **_UNUSED,
            },
        },
        {
            "title": "Distribution",
            "type": "object",
            "required": ["unit", "n", "failed", "histogram"],
            "properties": {
                "unit": {"const": "s", "description": "seconds"},
                "n": {"type": "integer", "description": "how many values there are, failed ones included"},
                "failed": {"type": "integer", "description": "ranked above every value"},
                "unmeasured": {"type": "integer", "description": "values that could not be measured"},
                "span": {"type": "number", "description": "seconds"},
                "min": {"type": "number", "description": "the least value that did not fail, in seconds"},
                "mean": {"type": "number", "description": "the mean of those that did not fail, in seconds"},
                **{
                    name: {
                        "type": ["number", "string"],
                        "description": f"{about}, in seconds; `failed` where it is among the failed ones",
                    }
                    for name, about in (*((name, f"quantile {q:g}") for name, q in QUANTILES.items()), _MAX)
                },
                "histogram": {
                    "type": "object",
                    "required": ["buckets", "min_ns", "max_ns", "total_ns"],
                    "description": "log-linear, 128 buckets per power of two, nanoseconds; mergeable",
                },
                "blocks": {
                    "type": "array",
                    "description": "failures and histograms in equal pieces of time",
                    "items": {"type": "object", "required": ["failed", "histogram"]},
                },
                **_UNUSED,
            },
        },
        {
            "title": "Buckets",
            "type": "object",
            "required": ["unit", "n", "buckets"],
            "properties": {
                "unit": {"type": "string", "description": "its unit; `s` for durations"},
                "n": {"type": "integer", "description": "how many values there are"},
                "span": {"type": "number", "description": "seconds from the first count to the last"},
                "buckets": {
                    "type": "array",
                    "description": "lower edge, upper edge and values between; null for an edge without end",
                    "items": {"type": "array", "items": {"type": ["number", "null"]}},
                },
                "blocks": {
                    "type": "array",
                    "description": "values in each bucket in equal pieces of time",
                    "items": {"type": "array", "items": {"type": "integer"}},
                },
            },
        },
        {
            "title": "Number",
            "type": "object",
            "required": ["value", "unit"],
            "properties": {
                "value": {"type": ["number", "null"], "description": "the number; null where there is none"},
                "unit": {"type": "string", "description": "its unit; empty for counts, `ratio` for shares"},
                "reported": {"type": "boolean", "description": "computed by another tool"},
                "unended": {
                    "type": "boolean",
                    "description": "it had not ended when the watch did, so it is more than value",
                },
                "partial": {
                    "type": "boolean",
                    "description": "a part could not be looked at, so it is value at the least",
                },
                "least": {
                    "type": "number",
                    "description": "what it may have been as little as, had phasegate not been late to look",
                },
                "counted": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "what it counts, by name",
                },
                "missing": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "what could not be looked at, by name, the first of them",
                },
            },
        },
        {
            "title": "Gauge",
            "type": "object",
            "required": ["unit", "samples"],
            "properties": {
                "unit": {"type": "string", "description": "ratio of a core: 1.0 is one core in full"},
                "samples": {"type": "integer", "description": "how often the value was looked at"},
                **{
                    name: {"type": "number", "description": f"the {about} value that was seen"}
                    for name, about in (
                        ("min", "least"),
                        ("mean", "mean"),
                        ("max", "greatest"),
                        ("last", "last"),
                    )
                },
                "interval": {"type": "number", "description": "seconds from one look to the next"},
                "span": {"type": "number", "description": "seconds from the first look to the last"},
            },
        },
    ]
}
JsonMeasure = Annotated[Measure, Form(encode_measure, decode_measure, _MEASURE_SCHEMA)]
"""`Measure` for fields that are written to and read from JSON."""
