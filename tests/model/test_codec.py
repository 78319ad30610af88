"""JSON and back: nothing that a verdict rests on is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.units import Dimension
from phasegate.model import codec
from phasegate.model.codec import event_from_json, event_to_json, result_schema, writable
from phasegate.model.events import CaseFinished, TargetChanged, TargetSampled
from phasegate.model.histogram import Histogram
from phasegate.model.measure_json import decode_measure, encode_measure
from phasegate.model.measures import Buckets, Distribution, Gauge, Measure, Number, Share
from phasegate.model.observation import Case, CaseStatus, Series
from phasegate.model.result import TargetRecord
from tests.model.test_fold import AT

shares = st.builds(
    lambda passed, failed, skipped, sample, unused, replaced: Share(
        passed=passed,
        total=passed + failed + skipped,
        skipped=skipped,
        sample=sample,
        unused=unused,
        replaced=replaced,
    ),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10),
    st.booleans(),
    st.integers(0, 10),
    st.integers(0, 10),
)
distributions = st.builds(
    lambda values, failed, unused, replaced: Distribution(
        good=Histogram.of_nanoseconds(values), failed=failed, unused=unused, replaced=replaced
    ),
    st.lists(st.integers(1, 10**13)),
    st.integers(0, 100),
    st.integers(0, 10),
    st.integers(0, 10),
)
numbers = st.builds(
    Number,
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    dimension=st.sampled_from(Dimension),
    reported=st.booleans(),
    least=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)


finite = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def gauges(draw: st.DrawFn) -> Gauge:
    gauge = Gauge(dimension=draw(st.sampled_from(Dimension)), interval=draw(st.none() | st.floats(0.1, 60)))
    for seconds, value in enumerate(draw(st.lists(finite, max_size=20))):
        gauge = gauge.and_then(value, span=float(seconds))
    return gauge


buckets = st.builds(
    Buckets,
    counts=st.lists(st.tuples(st.none() | finite, st.none() | finite, st.integers(0, 1 << 40))).map(tuple),
    dimension=st.sampled_from(Dimension),
    span=st.none() | st.floats(0, 1e6),
    blocks=st.lists(st.lists(st.integers(0, 1 << 40), max_size=3).map(tuple), max_size=3).map(tuple),
)


@given(shares | distributions | buckets | numbers | gauges())
def test_a_measure_comes_back_as_it_was(measure: Measure) -> None:
    assert decode_measure(json.loads(json.dumps(encode_measure(measure)))) == measure


def test_a_quantile_among_failed_requests_is_written_as_failed() -> None:
    written = encode_measure(Distribution(good=Histogram.of_seconds([0.1]), failed=9))
    assert (written["p50"], written["max"], written["n"]) == ("failed", "failed", 10)


def test_an_event_comes_back_as_it_was() -> None:
    for event in (
        CaseFinished(
            at=AT,
            check="api",
            attempt=2,
            case=Case(id="flow/a", name="a", status=CaseStatus.FAILED, message='expected "x"\n\x1b[31m'),
        ),
        TargetChanged(at=AT, state="ready", target=TargetRecord(id="web", kind="process", ready_after=0.25)),
        TargetSampled(
            at=AT,
            target="web",
            since=AT,
            measures={"memory": Gauge(dimension=Dimension.SIZE, interval=0.5).and_then(4096.0, span=0.0)},
            timeline=(Series(name="memory", unit="B", points=((0.0, 4096.0), (0.5, None))),),
        ),
    ):
        line = event_to_json(event)
        assert b"\n" not in line
        assert event_from_json(json.loads(line)) == event


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(ValueError, match="Surprise"):
        event_from_json({"event": "Surprise"})


def test_the_result_schema_names_every_field_of_a_criterion() -> None:
    schemas = result_schema()["$defs"]
    assert {"asked", "judged", "waived", "remark"} == set(schemas["CriterionResult"]["properties"])
    assert {"id", "criterion", "level", "confidence", "over"} <= set(schemas["PlanCriterion"]["properties"])
    judged = {"verdict", "required", "threshold", "observed", "bound", "margin", "n", "reason"}
    assert judged <= set(schemas["Judgement"]["properties"])


def test_a_lone_surrogate_from_a_target_is_written_out_and_nothing_else_changes() -> None:
    def told(message: str) -> CaseFinished:
        case = Case(id="f/a", name="a", status=CaseStatus.FAILED, message=message, tags=("é",))
        return CaseFinished(at=AT, check="api", attempt=1, case=case)

    assert writable(told("got \ud800 é")) == told("got \\ud800 é")
    assert event_from_json(json.loads(event_to_json(writable(told("\udfff"))))) == told("\\udfff")


def strings(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every string of a schema that can hold any text."""
    if isinstance(schema, dict):
        if schema.get("type") == "string" and not schema.keys() & {"enum", "const", "format"}:
            yield path, schema
        for key, value in schema.items():
            yield from strings(value, (*path, key))
    elif isinstance(schema, list):
        for value in schema:
            yield from strings(value, path)


def test_the_result_schema_says_of_each_string_whose_it_is() -> None:
    found = dict(strings(result_schema()))
    assert len(found) > 100
    assert {schema.get("x-text") for schema in found.values()} == {"author", "target", "identifier"}


@pytest.mark.parametrize("origins", [codec._AUTHORS, codec._TARGETS])
def test_texts_that_are_marked_as_somebodys_are_fields_of_the_record(
    origins: dict[str, tuple[str, ...]],
) -> None:
    schema = result_schema()
    for name, fields in origins.items():
        properties = schema["properties"] if name == "RunResult" else schema["$defs"][name]["properties"]
        assert set(fields) <= set(properties)
