import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.units import (
    EXAMPLES,
    Dimension,
    Quantity,
    format_seconds,
    format_share,
    format_value,
    parse_as,
    parse_quantity,
)


@pytest.mark.parametrize(
    ("text", "value", "dimension"),
    [
        ("100ms", 0.1, Dimension.TIME),
        ("0.1s", 0.1, Dimension.TIME),
        ("300us", 0.0003, Dimension.TIME),
        ("300µs", 0.0003, Dimension.TIME),
        ("5ns", 5e-9, Dimension.TIME),
        ("2m", 120.0, Dimension.TIME),
        ("2min", 120.0, Dimension.TIME),
        ("1h", 3600.0, Dimension.TIME),
        ("1d", 86400.0, Dimension.TIME),
        ("99.9%", 0.999, Dimension.SHARE),
        ("200/s", 200.0, Dimension.RATE),
        ("120/min", 2.0, Dimension.RATE),
        ("3600/h", 1.0, Dimension.RATE),
        ("64MiB", 64 * 2**20, Dimension.SIZE),
        ("500kB", 500_000.0, Dimension.SIZE),
        ("10MiB/s", 10 * 2**20, Dimension.DATA_RATE),
        ("1.5MB/s", 1_500_000.0, Dimension.DATA_RATE),
        ("12", 12.0, Dimension.COUNT),
        ("-3", -3.0, Dimension.COUNT),
        (".5s", 0.5, Dimension.TIME),
        ("1e3", 1000.0, Dimension.COUNT),
        ("  5 s ", 5.0, Dimension.TIME),
    ],
)
def test_quantities_are_held_in_base_units(text, value, dimension):
    quantity = parse_quantity(text)
    assert (quantity.value, quantity.dimension) == (pytest.approx(value, rel=1e-15), dimension)
    assert str(quantity) == text.strip()


def test_shares_of_several_cores_are_rounded_but_never_to_all():
    shares = [format_share(ratio) for ratio in (1.19574, 2.8, 1.0004, -0.25, 12.34567)]
    assert shares == ["119.6%", "280%", "100.04%", "-25%", "1234.6%"]


@pytest.mark.parametrize(("share", "of"), [("99.9%", 1000), ("95%", 20), ("0.1%", 1000), ("33.3%", 1000)])
def test_a_share_equals_the_fraction_it_names(share, of):
    value = parse_quantity(share).value
    assert value == round(value * of) / of


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a quantity"),
        ("fast", "is not a quantity"),
        ("1:30", "is not a quantity"),
        ("1,000", "is not a quantity"),
        ("5 5s", "is not a quantity"),
        ("nan", "is not a quantity"),
        ("5 parsecs", "unknown unit 'parsecs'"),
        ("5S", "unknown unit 'S'"),
        ("5Ms", "unknown unit 'Ms'"),
        ("1e400", "too large"),
        ("1e999999999999999999999s", "too large"),
        ("9" * 400 + "m", "too large"),
    ],
)
def test_what_is_no_quantity_is_refused_naming_it(text, message):
    with pytest.raises(ValueError, match=message):
        parse_quantity(text)


@pytest.mark.parametrize("dimension", Dimension)
def test_another_kind_of_quantity_is_refused_with_examples(dimension):
    wrong = "5s" if dimension is not Dimension.TIME else "5%"
    with pytest.raises(ValueError, match=f"is not a {dimension}; write it like") as caught:
        parse_as(wrong, dimension)
    assert EXAMPLES[dimension] in str(caught.value)
    assert parse_as(EXAMPLES[dimension].split(",")[0].split(" or ")[0], dimension).dimension is dimension


@given(st.text(max_size=30))
def test_any_text_is_a_quantity_or_a_value_error(text):
    try:
        quantity = parse_quantity(text)
    except ValueError:
        return
    assert quantity.text == text.strip()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1.5e-7, "150 ns"),
        (0.0000153, "15.3 us"),
        (0.0153, "15.3 ms"),
        (0.9996, "1,000 ms"),
        (1.2, "1.2 s"),
        (119.0, "119 s"),
        (120, "2m 00s"),
        (7265, "2h 01m 05s"),
        (47 * 3600, "47h 00m 00s"),
        (5 * 86_400, "5d"),
        (5 * 86_400 + 1, "5d 0h 00m 01s"),
        (-0.015, "-15 ms"),
    ],
)
def test_times_for_people(seconds, text):
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.95, "95%"),
        (0.999, "99.9%"),
        (0.99999, "99.999%"),
        (1e-9, "0.0000001%"),
        (1.5e-7, "0.000015%"),
        (2 / 3, "66.7%"),
        (1.2, "120%"),
        (-0.5, "-50%"),
    ],
)
def test_shares_for_people(ratio, text):
    assert format_share(ratio) == text


@given(st.floats(0, 1, exclude_min=True, exclude_max=True, allow_subnormal=False))
def test_a_share_that_is_not_all_never_reads_as_all(ratio):
    assert format_share(ratio) not in ("100%", "0%")


@given(st.floats(1e-9, 1e14), st.sampled_from([Dimension.RATE, Dimension.SIZE, Dimension.COUNT]))
def test_formatted_figures_are_within_half_a_percent(value, dimension):
    text = format_value(value, dimension)
    assert parse_quantity(text.replace(",", "")).value == pytest.approx(value, rel=0.0051)
    assert "e+" not in text


@pytest.mark.parametrize("dimension", Dimension)
def test_what_is_no_figure_is_a_dash(dimension):
    assert format_value(float("nan"), dimension) == "-"
    assert format_value(float("inf"), dimension) == "-"


def test_a_quantity_without_text_prints_its_value():
    assert str(Quantity(0.25, Dimension.TIME)) == "250 ms"


def test_long_text_that_is_almost_a_quantity_is_looked_at_once() -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity("1" + " " * 1_000_000 + "!")
