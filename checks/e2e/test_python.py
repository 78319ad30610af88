"""Functions in Python: they really run, with all that the language offers."""

from __future__ import annotations

import pytest
from controller_client import ControllerClient

pytestmark = pytest.mark.python

STATISTICS = """
import statistics

def run(context, params):
    sample = params["sample"]
    if not sample:
        raise ValueError("the sample is empty")
    return {
        "mean": round(statistics.fmean(sample), context["digits"]),
        "median": statistics.median(sample),
        "largest": max(sample),
    }
"""


def test_statistics_of_a_sample(controller: ControllerClient) -> None:
    session = controller.open("python-statistics", STATISTICS, context={"digits": 3})
    assert session.execute({"sample": [1, 2, 3, 5]}).result == {"mean": 2.75, "median": 2.5, "largest": 5}
    assert session.execute({"sample": [7]}).result == {"mean": 7.0, "median": 7, "largest": 7}


def test_text_keeps_every_character(controller: ControllerClient) -> None:
    script = "def run(context, params):\n    return {'text': params['text'], 'length': len(params['text'])}\n"
    text = 'フェーズ 4 "quoted" \\ tab\t 🙂'
    assert controller.open("python-text", script).execute({"text": text}).result == {
        "text": text,
        "length": len(text),
    }


def test_output_of_a_script_does_not_disturb_its_result(controller: ControllerClient) -> None:
    script = """
import sys

def run(context, params):
    print("to standard output")
    sys.stderr.write("to standard error")
    return [None, True, 1.5]
"""
    assert controller.open("python-text", script).execute().result == [None, True, 1.5]


def test_raised_exception_is_answered_with_its_message(controller: ControllerClient) -> None:
    answer = controller.open("python-statistics", STATISTICS, context={"digits": 3}).execute({"sample": []})
    assert answer.error == (500, "script_error")
    assert "ValueError: the sample is empty" in answer.json["error"]["message"]


def test_endless_loop_is_stopped(controller: ControllerClient) -> None:
    session = controller.open("python-text", "def run(context, params):\n    while True: pass\n")
    assert session.execute(timeout_seconds=0.5).error == (504, "script_timeout")
