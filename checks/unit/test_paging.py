"""Unit tests of the demo controller: what `GET /api/v1/functions` takes to be a page.

WebAssembly is switched off in the controller. The two tests that ask for it fail for as long as it is.
"""

from __future__ import annotations

import pytest

from phasegate.demo.failures import ApiError
from phasegate.demo.runtimes import LANGUAGES
from phasegate.demo.validation import MAX_PER_PAGE, Page, page

NUMBERS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
WRONG = [
    "0",
    "-1",
    "+1",
    "1.5",
    "1e3",
    " 1",
    "1 ",
    "",
    "one",
    "0x1",
    "1,000",
    "\u0661",
    "²",
    "1" * 10,
    "true",
    "null",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_page_is_taken_by_its_number(number: int) -> None:
    assert page({"page": str(number)}).page == number


@pytest.mark.parametrize("size", NUMBERS)
def test_a_page_is_as_long_as_asked_for(size: int) -> None:
    assert page({"per_page": str(size)}).per_page == size


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_page_may_be_of_one_language(language: str, number: int) -> None:
    assert page({"language": language, "page": str(number)}) == Page(
        language=language, page=number, per_page=20
    )


@pytest.mark.parametrize("field", ["page", "per_page"])
@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_whole_number_is_refused_by_name(field: str, text: str) -> None:
    with pytest.raises(ApiError, match=f"{field} must be a whole number from 1 to"):
        page({field: text})


@pytest.mark.parametrize("beyond", [MAX_PER_PAGE + 1, MAX_PER_PAGE * 10, 999_999_999])
def test_a_page_longer_than_the_longest_is_refused(beyond: int) -> None:
    with pytest.raises(ApiError, match=f"from 1 to {MAX_PER_PAGE}, not '{beyond}'"):
        page({"per_page": str(beyond)})


@pytest.mark.parametrize(
    "name", ["java", "go", "Python", "nodejs ", "", "rust,python", "../rust", "c", "ruby"]
)
def test_a_language_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ApiError, match="language must be one of nodejs, python, rust"):
        page({"language": name})


@pytest.mark.parametrize("number", NUMBERS)
def test_parameters_that_nobody_knows_change_nothing(number: int) -> None:
    assert page({"page": str(number), "colour": "green"}) == page({"page": str(number)})


def test_the_first_twenty_of_every_language_are_the_default() -> None:
    assert page({}) == Page(language=None, page=1, per_page=20)


def test_the_longest_page_is_allowed() -> None:
    assert page({"per_page": str(MAX_PER_PAGE)}).per_page == MAX_PER_PAGE


def test_webassembly_is_a_language() -> None:
    assert "wasm" in LANGUAGES


def test_a_page_may_be_of_webassembly_functions() -> None:
    assert page({"language": "wasm"}).language == "wasm"
