"""Functions in Rust: they are compiled, kept and run."""

from __future__ import annotations

import pytest
from controller_client import ControllerClient

pytestmark = pytest.mark.rust

PRIMES = """
fn run(_context: &Value, params: &Value) -> Result<Value, String> {
    let mut rest = params.number("number")? as u64;
    if rest < 2 {
        return Err(format!("{rest} has no prime factors"));
    }
    let (mut factors, mut divisor) = (Vec::new(), 2);
    while divisor * divisor <= rest {
        while rest % divisor == 0 {
            factors.push(divisor as f64);
            rest /= divisor;
        }
        divisor += 1;
    }
    if rest > 1 {
        factors.push(rest as f64);
    }
    Ok(Value::map([("factors", Value::from(factors))]))
}
"""


def test_prime_factors(controller: ControllerClient) -> None:
    session = controller.open("rust-primes", PRIMES)
    assert session.execute({"number": 360}).result == {"factors": [2, 2, 2, 3, 3, 5]}
    assert session.execute({"number": 999_983}).result == {"factors": [999_983]}


def test_context_reaches_the_program(controller: ControllerClient) -> None:
    script = """
    fn run(context: &Value, params: &Value) -> Result<Value, String> {
        let greeting = format!("{} {}", context.text("word")?, params.text("name")?);
        Ok(Value::map([("greeting", greeting.into()), ("checked", true.into())]))
    }
    """
    answer = controller.open("rust-checksum", script, context={"word": "hello"}).execute({"name": "Zoë 🙂"})
    assert answer.result == {"greeting": "hello Zoë 🙂", "checked": True}


def test_returned_error_is_answered_with_its_message(controller: ControllerClient) -> None:
    answer = controller.open("rust-primes", PRIMES).execute({"number": 1})
    assert answer.error == (500, "script_error")
    assert "1 has no prime factors" in answer.json["error"]["message"]


def test_program_that_does_not_compile_is_answered_with_the_compiler_error(
    controller: ControllerClient,
) -> None:
    script = "fn run(_: &Value, _: &Value) -> Result<Value, String> { Ok(undefined) }"
    answer = controller.open("rust-primes", script).execute()
    assert answer.error == (500, "compile_error")
    assert "E0425" in answer.json["error"]["message"]


def test_endless_loop_is_stopped(controller: ControllerClient) -> None:
    script = "fn run(_: &Value, _: &Value) -> Result<Value, String> { loop {} }"
    session = controller.open("rust-primes", script)
    assert session.execute(timeout_seconds=0.5).error == (504, "script_timeout")
