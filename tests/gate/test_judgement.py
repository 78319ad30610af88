import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.gate.judgement import margin, shown
from phasegate.model.criterion import Operator
from phasegate.units import Dimension, parse_quantity

# Nine digits, as the clock and the counters have them; beyond that a share's percent is not exact.
figures = st.floats(1e-9, 1e6).map(lambda value: float(f"{value:.9g}"))


@pytest.mark.parametrize(
    ("value", "dimension", "threshold", "text"),
    [
        (0.015, Dimension.TIME, 0.1, "15 ms"),
        (0.09996, Dimension.TIME, 0.1, "99.96 ms"),
        (0.100004, Dimension.TIME, 0.1, "100.004 ms"),
        (0.1, Dimension.TIME, 0.1, "100 ms"),
        (0.9496, Dimension.SHARE, 0.95, "94.96%"),
        (1.0, Dimension.SHARE, 0.999, "100%"),
        (999.96, Dimension.RATE, 1000, "999.96/s"),
        (600.4, Dimension.TIME, 600, "600.4 s"),
        (66, Dimension.COUNT, 66, "66"),
    ],
)
def test_digits_keep_a_figure_on_its_side_of_the_threshold(value, dimension, threshold, text):
    assert shown(value, dimension, threshold) == text


@given(figures, figures, st.sampled_from(Dimension))
def test_what_is_shown_compares_as_what_was_measured(value, threshold, dimension):
    text = shown(value, dimension, threshold).replace(",", "")
    read = parse_quantity(text).value
    assert (read < threshold, read > threshold) == (value < threshold, value > threshold)


@given(figures, st.floats(1e-4, 1e-2), st.sampled_from(Dimension))
def test_what_is_shown_near_the_threshold_compares_too(threshold, nearness, dimension):
    for value in (threshold * (1 + nearness), threshold * (1 - nearness)):
        read = parse_quantity(shown(value, dimension, threshold).replace(",", "")).value
        assert (read < threshold, read > threshold) == (value < threshold, value > threshold)


@pytest.mark.parametrize(
    ("value", "op", "threshold", "dimension", "text"),
    [
        (0.955, ">=", 0.95, Dimension.SHARE, "+0.5 pp"),
        (0.9, ">=", 0.95, Dimension.SHARE, "-5 pp"),
        (1.0, "==", 1.0, Dimension.SHARE, "0 pp"),
        (0.5, "==", 1.0, Dimension.SHARE, "-50 pp"),
        (0.5, "!=", 0.0, Dimension.SHARE, "+50 pp"),
        (0.015, "<", 0.1, Dimension.TIME, "+85 ms"),
        (0.143, "<", 0.1, Dimension.TIME, "-43 ms"),
        (250, ">", 200, Dimension.RATE, "+50/s"),
        (3, "<=", 2, Dimension.COUNT, "-1"),
    ],
)
def test_margin_is_positive_when_satisfied(value, op, threshold, dimension, text):
    assert margin(value, Operator(op), threshold, dimension) == text
