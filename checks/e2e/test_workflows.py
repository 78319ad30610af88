"""Whole use cases, over several sessions and all three languages."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from controller_client import ControllerClient

pytestmark = pytest.mark.workflows

TOTAL = {
    "nodejs-calculator": """
    function run(context, params) {
      const net = params.items.reduce((sum, item) => sum + item.price * item.count, 0);
      return Math.round(net * (1 + context.tax) * 100) / 100;
    }
    """,
    "python-calculator": """
def run(context, params):
    net = sum(item["price"] * item["count"] for item in params["items"])
    return round(net * (1 + context["tax"]), 2)
""",
    "rust-calculator": """
    fn run(context: &Value, params: &Value) -> Result<Value, String> {
        let mut net = 0.0;
        for item in params.list("items")? {
            net += item.number("price")? * item.number("count")?;
        }
        Ok(Value::from((net * (1.0 + context.number("tax")?) * 100.0).round() / 100.0))
    }
    """,
}
VALIDATE = """
function run(context, params) {
  const refused = params.items.filter((item) => item.count < 1);
  const problems = refused.map((item) => `${item.name}: nothing ordered`);
  return { accepted: problems.length === 0, problems };
}
"""
CHECKSUM = """
fn run(_context: &Value, params: &Value) -> Result<Value, String> {
    let sum = params.text("text")?.bytes().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + byte as u32) % 65521;
        (a, (b + a) % 65521)
    });
    Ok(Value::from(format!("{:08x}", sum.1 << 16 | sum.0)))
}
"""
ORDER = {
    "items": [
        {"name": "bolt", "price": 0.25, "count": 100},
        {"name": "plate", "price": 12.5, "count": 4},
    ]
}


def test_all_languages_agree_on_the_same_order(controller: ControllerClient) -> None:
    results = {
        title: controller.open(title, script, context={"tax": 0.2}).execute(ORDER).result
        for title, script in TOTAL.items()
    }
    assert results == dict.fromkeys(TOTAL, 90.0)


def test_order_passes_from_one_language_to_the_next(controller: ControllerClient) -> None:
    checked = controller.open("nodejs-validator", VALIDATE).execute(ORDER).result
    assert checked == {"accepted": True, "problems": []}

    total = controller.open("python-calculator", TOTAL["python-calculator"], context={"tax": 0.1})
    amount = total.execute(ORDER).result
    assert amount == 82.5

    receipt = controller.open("rust-checksum", CHECKSUM).execute({"text": f"order {amount}"}).result
    assert receipt == "1398030a"


def test_order_that_is_refused_stops_there(controller: ControllerClient) -> None:
    order = {"items": [{"name": "bolt", "price": 0.25, "count": 0}]}
    checked = controller.open("nodejs-validator", VALIDATE).execute(order).result
    assert checked == {"accepted": False, "problems": ["bolt: nothing ordered"]}


def test_function_found_in_the_catalogue_can_be_used(controller: ControllerClient) -> None:
    listed = controller.get("/api/v1/functions?language=python&per_page=1").json
    title = listed["functions"][0]["title"]
    session = controller.open(
        title, "def run(context, params):\n    return context['title']\n", context={"title": title}
    )
    assert session.state().json["executions"] == 0
    assert session.execute().result == title
    state = session.state().json
    assert (state["title"], state["language"], state["executions"]) == (title, "python", 1)


def test_sessions_side_by_side_do_not_mix(controller: ControllerClient) -> None:
    script = "def run(context, params):\n    return [context['number'], params['number']]\n"
    sessions = [controller.open("python-text", script, context={"number": number}) for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda pair: pair[1].execute({"number": pair[0]}), enumerate(sessions)))
    assert [answer.result for answer in answers] == [[number, number] for number in range(8)]


def test_expired_work_is_taken_up_in_a_new_session(controller: ControllerClient) -> None:
    script = TOTAL["python-calculator"]
    first = controller.open("python-calculator", script, context={"tax": 0}, ttl_seconds=0.3)
    time.sleep(0.5)
    assert first.execute(ORDER).error == (404, "session_expired")
    second = controller.open("python-calculator", script, context={"tax": 0})
    assert second.request_id != first.request_id
    assert second.execute(ORDER).result == 75.0
