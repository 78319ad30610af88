"""Results are kept for a session, its script, its context and the parameters: for these and no others."""

from __future__ import annotations

import pytest
from controller_client import ControllerClient

pytestmark = pytest.mark.caching

MARK_EACH_RUN = """
import uuid

def run(context, params):
    return {"mark": uuid.uuid4().hex, "context": context, "params": params}
"""


def test_same_parameters_are_answered_from_the_cache(controller: ControllerClient) -> None:
    session = controller.open("python-calculator", MARK_EACH_RUN)
    first, again = session.execute({"a": 1}), session.execute({"a": 1})
    assert (first.json["cached"], again.json["cached"]) == (False, True)
    assert again.result == first.result
    assert again.json["execution_time"] == first.json["execution_time"] > 0


def test_order_of_keys_makes_no_difference(controller: ControllerClient) -> None:
    session = controller.open("python-calculator", MARK_EACH_RUN)
    assert session.execute({"a": 1, "b": {"c": 2, "d": 3}}).json["cached"] is False
    assert session.execute({"b": {"d": 3, "c": 2}, "a": 1}).json["cached"] is True


def test_other_parameters_run_again(controller: ControllerClient) -> None:
    session = controller.open("python-calculator", MARK_EACH_RUN)
    answers = [session.execute({"a": value}) for value in (1, 2, "1", [1], None)]
    assert [answer.json["cached"] for answer in answers] == [False] * 5
    assert len({answer.result["mark"] for answer in answers}) == 5


def test_other_session_runs_again_and_sees_its_own_context(controller: ControllerClient) -> None:
    answers = [
        controller.open("python-calculator", MARK_EACH_RUN, context={"tenant": tenant}).execute({"a": 1})
        for tenant in ("north", "south")
    ]
    assert [answer.json["cached"] for answer in answers] == [False, False]
    assert [answer.result["context"]["tenant"] for answer in answers] == ["north", "south"]


def test_failure_is_not_kept(controller: ControllerClient) -> None:
    session = controller.open(
        "python-calculator", "def run(context, params):\n    return 10 / params['by']\n"
    )
    assert session.execute({"by": 0}).error == (500, "script_error")
    assert session.execute({"by": 0}).error == (500, "script_error")
    assert session.execute({"by": 4}).result == 2.5
