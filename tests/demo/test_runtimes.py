"""Scripts really run: each language's runtime, its failures and its limits."""

from __future__ import annotations

import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.demo.conftest import Controller, running

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not on PATH")
needs_rustc = pytest.mark.skipif(shutil.which("rustc") is None, reason="rustc is not on PATH")

NODE_ADD = "async function run(context, params) { console.log('hi'); return { sum: context.k + params.a }; }"
PYTHON_ADD = "def run(context, params):\n    print('hi')\n    return {'sum': context['k'] + params['a']}\n"
RUST_ADD = """
use std::collections::BTreeMap;
fn run(context: &Value, params: &Value) -> Result<Value, String> {
    println!("hi");
    let _unused: BTreeMap<u8, u8> = BTreeMap::new();
    Ok(Value::map([("sum", Value::from(context.number("k")? + params.number("a")?))]))
}
"""
RUST_ECHO = """
fn run(_context: &Value, params: &Value) -> Result<Value, String> { Ok(params.clone()) }
"""
EXOTIC: dict[str, object] = {
    "text": 'quote " slash \\ tab \t null \u0000 umlaut ü emoji 🙂',
    "list": [1, -2.5, 1e20, True, False, None, [], {}],
    "": {"nested": {"deep": [[["x"]]]}},
}


@pytest.mark.parametrize(
    ("title", "script"),
    [
        pytest.param("nodejs-calculator", NODE_ADD, marks=needs_node),
        pytest.param("python-calculator", PYTHON_ADD),
        pytest.param("rust-calculator", RUST_ADD, marks=needs_rustc),
    ],
)
def test_script_gets_context_and_params_and_may_print(
    controller: Controller, title: str, script: str
) -> None:
    request_id = controller.open(title, script, context={"k": 40})
    assert controller.execute(request_id, {"a": 2}).json["result"] == {"sum": 42}


@pytest.mark.parametrize(
    ("title", "script"),
    [
        pytest.param("nodejs-calculator", "const run = (context, params) => params;", marks=needs_node),
        pytest.param("python-calculator", "run = lambda context, params: params"),
        pytest.param("rust-calculator", RUST_ECHO, marks=needs_rustc),
    ],
)
def test_any_json_comes_back_as_it_went_in(controller: Controller, title: str, script: str) -> None:
    answer = controller.execute(controller.open(title, script), EXOTIC)
    assert answer.status == 200, answer.json
    assert answer.json["result"] == EXOTIC


@pytest.mark.parametrize(
    ("title", "script", "code", "said"),
    [
        pytest.param(
            "nodejs-text",
            "function run() { throw new RangeError('far'); }",
            "script_error",
            "RangeError: far",
        ),
        pytest.param("nodejs-text", "function run( {", "script_error", "SyntaxError"),
        pytest.param("nodejs-text", "let x = 1;", "script_error", "run(context, params)"),
        pytest.param("nodejs-text", "function run() { return 10n; }", "script_error", "TypeError"),
        pytest.param("nodejs-text", "function run() { process.exit(3); }", "script_error", "exit code 3"),
        ("python-text", "def run(context, params):\n    raise KeyError('k')", "script_error", "KeyError"),
        ("python-text", "def run(", "script_error", "SyntaxError"),
        ("python-text", "x = 1", "script_error", "run(context, params)"),
        ("python-text", "def run(c, p):\n    return {1, 2}", "script_error", "TypeError"),
        ("python-text", "def run(c, p):\n    return float('nan')", "script_error", "ValueError"),
        ("python-text", "import sys\ndef run(c, p):\n    sys.exit(3)", "script_error", "SystemExit"),
        (
            "python-text",
            "import os\ndef run(c, p):\n    os.kill(os.getpid(), 9)",
            "script_error",
            "signal 9",
        ),
        ("python-text", "def run(c, p):\n    return 'x' * 2_000_000", "script_error", "larger"),
        (
            "python-text",
            "import sys\ndef run(c, p):\n    while True: print('x' * 65536)",
            "script_error",
            "File too large",
        ),
        pytest.param(
            "rust-matrix",
            'fn run(_: &Value, _: &Value) -> Result<Value, String> { Err("no".into()) }',
            "script_error",
            "no",
            marks=needs_rustc,
        ),
        pytest.param(
            "rust-matrix",
            'fn run(_: &Value, _: &Value) -> Result<Value, String> { panic!("at {}", 7) }',
            "script_error",
            "panic: at 7",
            marks=needs_rustc,
        ),
        pytest.param("rust-matrix", "fn run() {", "compile_error", "error", marks=needs_rustc),
    ],
)
def test_failing_script_is_answered_500_with_its_cause(
    controller: Controller, title: str, script: str, code: str, said: str
) -> None:
    if title.startswith("nodejs") and shutil.which("node") is None:
        pytest.skip("node is not on PATH")
    title = title.replace("nodejs-text", "nodejs-formatter")
    answer = controller.execute(controller.open(title, script))
    assert (answer.status, answer.code) == (500, code)
    assert said in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("title", "script"),
    [
        pytest.param("nodejs-calculator", "function run() { while (true) {} }", marks=needs_node),
        pytest.param(
            "nodejs-calculator", "const run = () => new Promise((r) => setTimeout(r, 1e9));", marks=needs_node
        ),
        pytest.param("python-calculator", "def run(context, params):\n    while True: pass"),
        pytest.param(
            "rust-calculator",
            "fn run(_: &Value, _: &Value) -> Result<Value, String> { loop {} }",
            marks=needs_rustc,
        ),
    ],
)
def test_endless_script_is_answered_504_and_ended(controller: Controller, title: str, script: str) -> None:
    answer = controller.execute(controller.open(title, script), timeout_seconds=0.5)
    assert (answer.status, answer.code) == (504, "script_timeout")
    assert psutil.Process(controller.process.pid).children(recursive=True) == []


def test_children_that_a_script_leaves_behind_are_ended(controller: Controller) -> None:
    script = (
        "import subprocess\n"
        "def run(context, params):\n"
        "    return subprocess.Popen(['/bin/sleep', '600']).pid\n"
    )
    answer = controller.execute(controller.open("python-calculator", script))
    assert answer.status == 200, answer.json
    assert _gone(answer.json["result"])


@needs_rustc
def test_rust_program_is_compiled_once_for_many_sessions(controller: Controller) -> None:
    script = RUST_ECHO + f"// {time.time_ns()}"
    sessions = [controller.open("rust-primes", script) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda session: controller.execute(session, {"a": 1}), sessions))
    assert [answer.json["result"] for answer in answers] == [{"a": 1}] * 4
    assert [answer.json["cached"] for answer in answers] == [False] * 4


@pytest.mark.parametrize(("title", "program"), [("nodejs-calculator", "node"), ("rust-calculator", "rustc")])
def test_missing_runtime_is_named(tmp_path: Path, title: str, program: str) -> None:
    with running(environment={"PATH": str(tmp_path)}) as controller:
        answer = controller.execute(controller.open(title, "anything"))
        assert (answer.status, answer.code) == (500, "runtime_missing")
        assert program in answer.json["error"]["message"]
        python = controller.open("python-calculator", PYTHON_ADD, context={"k": 1})
        assert controller.execute(python, {"a": 1}).json["result"] == {"sum": 2}


@needs_rustc
def test_health_stays_quick_while_rust_compiles(controller: Controller) -> None:
    scripts = [f"{RUST_ECHO} // {time.time_ns()} {number}" for number in range(4)]
    sessions = [controller.open("rust-primes", script) for script in scripts]
    answers = 0
    with ThreadPoolExecutor(4) as pool:
        running_jobs = [pool.submit(controller.execute, session) for session in sessions]
        while not all(job.done() for job in running_jobs):
            assert controller.get("/health").status == 200
            answers += 1
            time.sleep(0.005)
    assert answers > 2 * len(sessions), "it waited for the compiler"
    assert all(job.result().status == 200 for job in running_jobs)


PYTHON_SPIN = """
import os
def run(context, params):
    open(params["file"], "w").write(str(os.getpid()))
    while True: pass
"""
NODE_WAIT = """
async function run(context, params) {
  require("fs").writeFileSync(params.file, String(process.pid));
  await new Promise((resolve) => setTimeout(resolve, 1e9));
}
"""


@pytest.mark.parametrize("stop", ["terminate", "kill"])
@pytest.mark.parametrize(
    ("title", "script"),
    [
        ("python-calculator", PYTHON_SPIN),
        pytest.param("nodejs-calculator", NODE_WAIT, marks=needs_node),
    ],
)
def test_running_script_ends_with_the_controller(tmp_path: Path, title: str, script: str, stop: str) -> None:
    file = tmp_path / "pid"
    environment = {"TMPDIR": str(tmp_path)}
    with running(environment=environment) as controller, ThreadPoolExecutor(1) as pool:
        request_id = controller.open(title, script)
        job = pool.submit(controller.execute, request_id, {"file": str(file)})
        pid = int(_eventually(file))
        getattr(controller.process, stop)()
        assert controller.process.wait(timeout=20) == (0 if stop == "terminate" else -9)
        assert _gone(pid)
        assert job.exception(timeout=20) or job.result().status >= 500


def _eventually(file: Path) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if file.exists() and file.read_text():
            return file.read_text()
        time.sleep(0.02)
    raise AssertionError(f"{file} was never written; {os.getpid()} waited, python {sys.version_info[:2]}")


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False
