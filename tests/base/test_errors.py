"""Errors say what is wrong in facts, and can be printed whatever they say."""

from __future__ import annotations

import pytest

from phasegate.base.errors import MessageError, ObservationError, message_of
from phasegate.base.facts import Code, Message, fact

FACT = fact(Code.OF_PART, part="a", why="b")


@pytest.mark.parametrize("kind", [ObservationError, MessageError])
def test_an_error_is_printed_as_its_text(kind: type[Exception]) -> None:
    assert f"{kind('it is down')}" == "it is down"
    with pytest.raises(TypeError):  # as a program would print the fact
        str(kind(FACT))


class ForeignError(Exception):
    message = 7


@pytest.mark.parametrize(
    ("error", "message"),
    [(MessageError(FACT), FACT), (ValueError("x"), "x"), (ForeignError("of a library"), "of a library")],
)
def test_what_an_error_says_is_its_message_or_the_words_of_a_library(
    error: Exception, message: Message
) -> None:
    assert message_of(error) == message
