from __future__ import annotations

from collections.abc import Callable

import pytest

from phasegate.base.remember import has_left, remembered, remembered_of, remembering


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def find(asked: list[str]) -> Callable[..., str]:
    @remembered
    def find(name: str, *, loud: bool = False) -> str:
        asked.append(name)
        if not name:
            raise ValueError("no name")
        return name.upper() if loud else name

    return find


def test_nothing_is_remembered_outside(find, asked):
    assert (find("a"), find("a"), asked) == ("a", "a", ["a", "a"])


def test_what_was_found_once_is_found_again_by_the_same_arguments_only(find, asked):
    with remembering():
        assert (find("a"), find("a"), find("a", loud=True), find("b")) == ("a", "a", "A", "b")
    assert asked == ["a", "a", "b"]


def test_an_error_is_raised_again(find, asked):
    with remembering():
        for _ in range(2):
            with pytest.raises(ValueError, match="no name"):
                find("")
    assert asked == [""]


def test_one_time_knows_nothing_of_the_one_before(find, asked):
    for _ in range(2):
        with remembering():
            find("a")
    assert asked == ["a", "a"]


def test_two_objects_that_are_equal_are_two_objects():
    asked = []

    @remembered_of
    def count(items: list[int]) -> int:
        asked.append(items)
        return len(items)

    one, other = [1, 2], [1, 2]
    with remembering():
        assert (count(one), count(one), count(other)) == (2, 2, 2)
    assert [id(items) for items in asked] == [id(one), id(other)]
    assert (count(one), len(asked)) == (2, 3)


def test_the_object_that_another_takes_the_place_of_in_memory_is_not_taken_for_it():
    @remembered_of
    def first(items: list[int]) -> int:
        return items[0]

    with remembering():
        assert [first([number]) for number in range(1_000)] == list(range(1_000))


def test_an_effort_ends_with_what_is_left_of_it():
    with remembering():
        assert [has_left("words", 4, 10) for _ in range(4)] == [True, True, False, False]
        assert has_left("others", 4, 10)
    assert all(has_left("words", 4, 10) for _ in range(4))
