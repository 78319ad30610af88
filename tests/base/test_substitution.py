import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import Position
from phasegate.base.fields import Located
from phasegate.base.scalars import as_text
from phasegate.base.substitution import UnknownNameError, fill, finish, insert_values, names_in

plain = st.text(max_size=20)
dollars = st.text(alphabet="${}ab.", max_size=20)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | plain | dollars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3),
    max_leaves=10,
)


def test_values_are_put_into_text():
    assert fill("http://${host}:${port}/", {"host": "localhost", "port": 80}) == "http://localhost:80/"


@pytest.mark.parametrize("value", [5, True, None, 1.5, "text", ["a", 1], {"a": [1]}])
def test_a_text_that_is_one_name_becomes_the_value_with_its_type(value):
    filled = fill("${x}", {"x": value})
    assert filled == value
    assert type(filled) is type(value)


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (None, "null"), (5, "5")])
def test_inside_text_values_read_as_in_yaml(value, text):
    assert as_text(value) == text
    assert fill("=${x}", {"x": value}) == f"={text}"


def test_trees_are_filled_throughout():
    tree = {"a": ["${x}", {"b": "${x}!"}], "c": ("${x}",), "d": 5}
    assert fill(tree, {"x": "y"}) == {"a": ["y", {"b": "y!"}], "c": ("y",), "d": 5}


def test_keys_are_left_as_they_are():
    assert fill({"${x}": 1}, {"x": "y"}) == {"${x}": 1}


def test_places_are_kept():
    at = Position(file="plan.yaml", line=3)
    filled = fill(Located({"a": "${x}"}, at=at), {"x": "y"})
    assert isinstance(filled, Located)
    assert filled.at == at
    assert filled == {"a": "y"}


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownNameError) as caught:
        fill({"a": ["${b} ${missing}"]}, {"b": 1})
    assert caught.value.name == "missing"
    with pytest.raises(UnknownNameError):
        fill("${missing}", {})


def test_names_of_a_later_stage_are_left():
    later = {"keep": lambda name: name.startswith("target.")}
    first = insert_values("${v} at ${target.web.url}", {"v": "app"}, **later)
    assert first == "app at ${target.web.url}"
    assert insert_values("${target.web.url}", {}, **later) == "${target.web.url}"
    assert finish(insert_values(first, {"target.web.url": "http://h"})) == "app at http://h"


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$$", "$"),
        ("$${x}", "${x}"),
        ("$$${x}", "$v"),
        ("$$$${x}", "$${x}"),
        ("cost: $5", "cost: $5"),
        ("$x $ ${x}$", "$x $ v$"),
        ("a$$b", "a$b"),
        ("${x}${x}", "vv"),
        ("$.status", "$.status"),
        ("${", "${"),
        ("^a$", "^a$"),
    ],
)
def test_dollars(text, filled):
    assert fill(text, {"x": "v"}) == filled


def test_nothing_inserted_is_looked_at_again():
    assert fill("<${a}>", {"a": "${b}", "b": "no"}) == "<${b}>"
    assert fill("${a}", {"a": "$${b}", "b": "no"}) == "$${b}"
    assert fill("${a}", {"a": {"k": ["${b} $$"]}, "b": "no"}) == {"k": ["${b} $$"]}


def test_nothing_inserted_is_looked_at_in_a_later_stage():
    first = insert_values("${a} ${late}", {"a": "${late} $$"}, keep=lambda name: name == "late")
    assert finish(insert_values(first, {"late": "L"})) == "${late} $$ L"


@given(trees)
def test_escaping_every_dollar_gives_the_text_back(tree):
    def escaped(value):
        match value:
            case str():
                return value.replace("$", "$$")
            case list():
                return [escaped(item) for item in value]
            case dict():
                return {key: escaped(item) for key, item in value.items()}
            case _:
                return value

    assert fill(escaped(tree), {}) == tree


@given(trees)
def test_any_value_survives_being_inserted(value):
    assert fill("${x}", {"x": value}) == value


@given(plain | dollars, plain | dollars)
def test_any_text_survives_inside_text_and_stages(first, second):
    template = "<${a}|${late}>"
    half = insert_values(template, {"a": first}, keep=lambda name: name == "late")
    assert finish(insert_values(half, {"late": second})) == f"<{first}|{second}>"


@given(plain | dollars)
def test_every_name_that_is_found_is_needed_and_no_other(text):
    names = list(names_in({"a": [text]}))
    filled = fill(text, dict.fromkeys(names, "x"))
    assert isinstance(filled, str)
    if names:
        with pytest.raises(UnknownNameError):
            fill(text, {})


def test_names_are_found_in_order_with_repetitions():
    tree = {"a": "${x} ${env.HOME}", "b": ["$${no}", ("${x}",)], "c": 5}
    assert list(names_in(tree)) == ["x", "env.HOME", "x"]
