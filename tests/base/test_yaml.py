from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base import yaml
from phasegate.base.errors import PlanError, Problem
from phasegate.base.fields import Located


def parse(text: str) -> Any:
    return yaml.parse(text, "p.yaml").tree


def refused(text: str) -> Problem:
    with pytest.raises(PlanError) as raised:
        yaml.parse(text, "p.yaml")
    (problem,) = raised.value.problems
    return problem


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("off", "off"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("2025-07-18", "2025-07-18"),
        ("0.2.0", "0.2.0"),
        ("1_000", "1_000"),
        ("12", 12),
        ("-3", -3),
        ("007", 7),
        ("0o17", 15),
        ("0x1F", 31),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        (".inf", math.inf),
        ("~", None),
        ("null", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_mean_what_the_core_schema_of_yaml_1_2_says(text: str, value: object) -> None:
    tree = parse(f"key: {text}")
    assert tree["key"] == value
    assert isinstance(tree["key"], type(value))


def test_keys_stay_text() -> None:
    assert parse("{1: a, true: b, null: c, on: d}") == {"1": "a", "true": "b", "null": "c", "on": "d"}


def test_every_mapping_knows_where_it_stands() -> None:
    tree = parse("a:\n  - b: 1\n    c: {d: 2}\n")
    inner = tree["a"][0]
    assert isinstance(inner, Located)
    assert str(inner.at) == "p.yaml:2:5"
    assert str(inner["c"].at) == "p.yaml:3:8"


def test_keys_and_values_can_be_pointed_at() -> None:
    document = yaml.parse("a:\n  - bcd: 'text here'\n    e: |\n      long\n", "p.yaml")
    key, value = document.key_at(("a", 0, "bcd")), document.value_at(("a", 0, "bcd"))
    assert (key.line, key.column, key.width) == (2, 5, 3)
    assert (value.line, value.column, value.width) == (2, 10, 11)
    assert document.line(value.line)[value.column - 1 :] == "'text here'"
    assert str(document.value_at(("a", 0, "nowhere", 3))) == "p.yaml:2:5"


def test_columns_count_characters_not_bytes() -> None:
    document = yaml.parse("a: {日本語: 値, b: c}", "p.yaml")
    assert document.key_at(("a", "b")).column == 13


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert yaml.read(path).tree == {"a": 1}


def test_anchors_and_merges_give_what_is_not_there_yet() -> None:
    tree = parse("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz:\n  <<: [*x, {a: 9, c: 4}]\n  d: *x\n")
    assert tree["y"] == {"a": 1, "b": 3}
    assert tree["z"] == {"a": 1, "b": 2, "c": 4, "d": {"a": 1, "b": 2}}


def test_what_was_merged_is_pointed_at_where_it_was_written() -> None:
    document = yaml.parse("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\n", "p.yaml")
    assert str(document.value_at(("y", "a"))) == "p.yaml:1:11"
    assert str(document.value_at(("y", "b"))) == "p.yaml:2:16"


def test_duplicate_keys_are_all_reported_and_the_first_counts() -> None:
    document = yaml.parse("a: 1\nb: {c: 1, c: 2}\na: 3\n'a': 4\n", "p.yaml")
    assert [(p.message, str(p.at)) for p in document.problems] == [
        ("duplicate key 'c'", "p.yaml:2:11"),
        ("duplicate key 'a'", "p.yaml:3:1"),
        ("duplicate key 'a'", "p.yaml:4:1"),
    ]
    assert document.tree == {"a": 1, "b": {"c": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("--- 1\n--- 2\n", "the file holds more than one YAML document"),
        ("a:\n\tb: 1\n", "a tab where YAML wants spaces"),
        ("a:\n  - b\n \t- c\n", "a tab where YAML wants spaces"),
        ("a: @x", "no value can begin with this character"),
        ("a: 'x\nb: c\n", "a quote is opened here and never closed"),
        ("a: [1, 2\nb: 3\n", "a list in [ ] is not closed"),
        ("a: {b: 1\n", "a mapping in { } is not closed"),
        ("a: b: c", "a ':' is not expected here"),
        ('a: "\\d"', "unknown escape in double quotes"),
        ("a: *x", "alias '*x' has no anchor '&x' above it"),
        ("a: &x [*x]", "alias '*x' stands inside its own anchor"),
        ("? [a]\n: b", "a key must be text"),
        ("<<: 3", "'<<' merges a mapping or a list of mappings"),
        ("a: !!python/object:os.system x", "tag '!!python/object:os.system' has no meaning here"),
        ("a: !custom {b: 1}", "tag '!custom' has no meaning here"),
        ("a: " + "9" * 200_000, f"'{'9' * 40}...' is not a number that can be read"),
    ],
)
def test_what_is_not_a_plain_document_is_refused_in_plain_words(text: str, message: str) -> None:
    assert refused(text).message == message


def test_a_tab_is_pointed_at() -> None:
    problem = refused("a:\n  b: 1\n  \tc: 2\n")
    assert (str(problem.at), problem.help) == ("p.yaml:3:3", "indent with spaces")


@pytest.mark.parametrize("bracket", ["[", "{a: ", "- ", "[{a: "])
def test_two_hundred_thousand_brackets_are_refused_before_they_are_composed(bracket: str) -> None:
    assert refused(bracket * 200_000).message == "nested deeper than 64 levels"


@given(st.integers(1, 80))
def test_depth_is_counted_in_levels(depth: int) -> None:
    text = "[" * depth + "]" * depth
    if depth <= yaml.MAX_DEPTH:
        assert parse(text) is not None
    else:
        assert "64 levels" in refused(text).message


def test_a_bomb_of_aliases_is_refused_before_it_goes_off() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    assert "more than 1,000,000 values" in refused("\n".join(lines)).message


def test_aliases_do_not_hide_depth() -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 200))]
    assert "deeper than 64 levels" in refused("\n".join(lines)).message


def test_fifty_megabytes_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as stream:
        stream.truncate(50 << 20)
    with pytest.raises(PlanError) as raised:
        yaml.read(path)
    assert "bytes; at most 4,194,304 are read" in raised.value.problems[0].message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: \xff\xfe\n", "the file is not text in UTF-8: byte 0xff at offset 3"),
        ("a: 1".encode("utf-16"), "the file is not text in UTF-8: byte 0xff at offset 0"),
        (b"\x7fELF\x02\x01", "the file holds a control character, U+007F, which YAML does not allow"),
        (b"a: 1\nb: \x00\n", "the file holds a control character, U+0000, which YAML does not allow"),
    ],
)
def test_what_is_not_text_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(PlanError) as raised:
        yaml.read(path)
    assert raised.value.problems[0].message == message


@pytest.mark.parametrize(
    ("name", "message"),
    [("gone.yaml", "there is no file 'gone.yaml'"), ("", "'.' is a folder, not a file")],
)
def test_what_cannot_be_opened_is_said(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlanError) as raised:
        yaml.read(Path(name))
    assert raised.value.problems[0].message == message


@given(st.binary(max_size=300))
def test_no_bytes_lead_to_anything_but_data_or_a_plan_error(content: bytes) -> None:
    with contextlib.suppress(PlanError):
        yaml.parse(yaml.decode(content, "p.yaml"), "p.yaml")


_PIECES = st.sampled_from(
    [
        "a",
        "b: ",
        "- ",
        "\n",
        "\n  ",
        "\t",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&x ",
        "*x",
        "<<: ",
        "'",
        '"',
        "|",
        "!!str ",
        "# ",
    ]
)


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_no_text_leads_to_anything_but_data_or_a_plan_error(text: str) -> None:
    try:
        document = yaml.parse(text, "p.yaml")
    except PlanError as error:
        places = [problem.at for problem in error.problems]
    else:
        places = [problem.at for problem in document.problems]
        _point_everywhere(document, document.tree, ())
    assert all(at is not None and at.line >= 1 and at.column >= 1 for at in places)


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], max_codepoint=0xFFFD), max_size=12).filter(
    # PyYAML writes text such as 0E0 without quotes, as YAML 1.1 may; to YAML 1.2 that is a number.
    lambda text: not text or isinstance(yaml.resolve_scalar(text), str) or pyyaml.safe_dump(text)[0] in "'\""
)
_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_TEXT, _DATA, max_size=5), st.booleans())
def test_data_comes_back_and_can_be_pointed_at(data: dict[str, Any], flow: bool) -> None:
    text = pyyaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    document = yaml.parse(text, "p.yaml")
    assert not document.problems
    # PyYAML writes floats such as 1e+20 with a point, as YAML 1.1 asks; 1.2 reads those too.
    assert document.tree == data
    _point_everywhere(document, document.tree, ())


def _point_everywhere(document: yaml.Document, tree: Any, path: tuple[str | int, ...]) -> None:
    for at in (document.value_at(path), document.key_at(path)):
        assert 1 <= at.line <= len(document.lines) + 1
        assert at.column - 1 <= len(document.line(at.line))
    if isinstance(tree, dict):
        for key, value in tree.items():
            _point_everywhere(document, value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            _point_everywhere(document, value, (*path, index))
