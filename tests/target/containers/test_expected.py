from __future__ import annotations

import time

from phasegate.target.containers.expected import Expected
from phasegate.target.containers.listening import Happened


def end(service: str, at: float) -> Happened:
    return Happened(container="1", service=service, at=at, ended=True, exit_code=137)


def test_what_ends_in_a_span_is_meant_to_also_when_it_is_heard_of_later() -> None:
    expected = Expected()
    before = time.time()
    with expected.during("web"):
        within = time.time()
        assert expected.holds(end("web", within))
        assert not expected.holds(end("db", within))
    assert expected.holds(end("web", within))
    assert not expected.holds(end("web", before - 1))
    assert not expected.holds(end("web", time.time() + 1))
