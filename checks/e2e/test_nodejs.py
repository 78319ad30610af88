"""Functions in Node.js: they really run, with all that the language offers."""

from __future__ import annotations

import pytest
from controller_client import ControllerClient

pytestmark = pytest.mark.nodejs

CALCULATOR = """
const operations = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => {
    if (b === 0) throw new RangeError("division by zero");
    return a / b;
  },
};
function run(context, params) {
  const value = operations[params.operation](params.a, params.b);
  return Number(value.toFixed(context.digits));
}
"""


def test_calculator_applies_each_operation(controller: ControllerClient) -> None:
    session = controller.open("nodejs-calculator", CALCULATOR, context={"digits": 2})
    asked = {"add": 13, "subtract": 7, "multiply": 30, "divide": 3.33}
    results = {name: session.execute({"operation": name, "a": 10, "b": 3}).result for name in asked}
    assert results == asked


def test_asynchronous_function_is_awaited(controller: ControllerClient) -> None:
    script = """
    async function run(context, params) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { greeting: `hello ${params.name}`, runtime: process.release.name };
    }
    """
    answer = controller.open("nodejs-formatter", script).execute({"name": "Zoë 🙂"})
    assert answer.result == {"greeting": "hello Zoë 🙂", "runtime": "node"}


def test_modules_of_the_runtime_can_be_required(controller: ControllerClient) -> None:
    script = """
    const { createHash } = require("node:crypto");
    const run = (context, params) => createHash("sha256").update(params.text).digest("hex").slice(0, 16);
    """
    answer = controller.open("nodejs-validator", script).execute({"text": "phase"})
    assert answer.result == "02195b8e989603e4"


def test_thrown_error_is_answered_with_its_message(controller: ControllerClient) -> None:
    session = controller.open("nodejs-calculator", CALCULATOR, context={"digits": 2})
    answer = session.execute({"operation": "divide", "a": 1, "b": 0})
    assert answer.error == (500, "script_error")
    assert "RangeError: division by zero" in answer.json["error"]["message"]


def test_endless_loop_is_stopped(controller: ControllerClient) -> None:
    session = controller.open("nodejs-calculator", "function run() { for (;;) {} }")
    assert session.execute(timeout_seconds=0.5).error == (504, "script_timeout")
