"""What errors and observations say in facts, as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from phasegate.base.errors import message_of
from phasegate.load.counting.tally import LoadTally
from phasegate.model.observation import Observation
from phasegate.render.sentences import sentence


@contextmanager
def raises(kind: type[Exception], *, match: str) -> Iterator[pytest.ExceptionInfo[Exception]]:
    """`pytest.raises`, for errors whose message is no text."""
    with pytest.raises(kind) as raised:
        yield raised
    said = sentence(message_of(raised.value))
    assert re.search(match, said), said


def causes_told(seen: Observation | LoadTally) -> dict[str, int]:
    return {sentence(cause): times for cause, times in seen.causes.items()}
