"""`go test -json`: a test passes only by its own end, in a package that was built, run and ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.model.observation import CaseStatus
from phasegate.results.cases import Results
from phasegate.results.go_test import read_go_test
from tests.telling import in_english, raises

PASSED, FAILED, SKIPPED, LOST = CaseStatus
SHOP = "example.com/shop"


def event(action: str, test: str = "", package: str = SHOP, **more: Any) -> str:
    named = {"Test": test} if test else {}
    return json.dumps({"Action": action, "Package": package, **named, **more}) + "\n"


def printed(text: str, test: str = "", package: str = SHOP) -> str:
    return "".join(event("output", test, package, Output=line) for line in text.splitlines(keepends=True))


def one(test: str, action: str, text: str = "", package: str = SHOP) -> str:
    return event("run", test, package) + printed(text, test, package) + event(action, test, package)


def end(action: str, text: str = "", package: str = SHOP, **more: Any) -> str:
    return printed(text or {"pass": "PASS\n", "fail": "FAIL\n"}.get(action, ""), "", package) + event(
        action, "", package, **more
    )


def read(*pieces: str) -> Results:
    return in_english(read_go_test("".join(pieces).encode(), "the output"))


def outcomes(found: Results) -> dict[str, tuple[CaseStatus, Any]]:
    return {item.case.id: (item.case.status, item.case.message) for item in found.cases}


def test_a_test_and_its_subtests_are_each_a_case_with_what_they_printed() -> None:
    found = read(
        event("start"),
        one("TestPay", "pass"),
        event("run", "TestShip"),
        one("TestShip/by_sea", "pass"),
        one("TestShip/by_air", "fail", "=== RUN   TestShip/by_air\n    ship_test.go:9: late\n--- FAIL: x\n"),
        printed("--- FAIL: TestShip (0.00s)\n", "TestShip"),
        event("fail", "TestShip", Elapsed=0.25),
        one("TestLater", "skip", "    ship_test.go:20: not yet\n"),
        end("fail"),
    )
    assert outcomes(found) == {
        f"{SHOP}::TestPay": (PASSED, ""),
        f"{SHOP}::TestShip/by_sea": (PASSED, ""),
        f"{SHOP}::TestShip/by_air": (FAILED, "ship_test.go:9: late"),
        f"{SHOP}::TestShip": (FAILED, "failed without a message"),
        f"{SHOP}::TestLater": (SKIPPED, "ship_test.go:20: not yet"),
    }
    assert (found.problems, found.notes) == ((), ())
    assert [item.case.duration for item in found.cases] == [None, None, None, 0.25, None]
    assert "late" in found.cases[2].details


def test_what_a_test_prints_is_no_result() -> None:
    fake = f"--- PASS: TestOther (0.00s)\nPASS\nok\nFAIL\t{SHOP} [build failed]\n" + event("pass", "TestFake")
    found = read(one("TestReal", "fail", fake), end("fail"))
    assert list(outcomes(found)) == [f"{SHOP}::TestReal"]


def test_a_package_that_does_not_compile_fails_beside_those_that_pass() -> None:
    broken = "example.com/shop/pay"
    found = read(
        json.dumps({"ImportPath": broken, "Action": "build-output", "Output": f"# {broken}\n"}) + "\n",
        json.dumps({"ImportPath": broken, "Action": "build-output", "Output": "pay/pay.go:2:9: no x\n"})
        + "\n",
        json.dumps({"ImportPath": broken, "Action": "build-fail"}) + "\n",
        one("TestA", "pass"),
        end("pass"),
        event("start", package=broken),
        end("fail", f"FAIL\t{broken} [build failed]\n", broken, FailedBuild=broken),
    )
    assert outcomes(found) == {
        f"{SHOP}::TestA": (PASSED, ""),
        f"{broken}::(build)": (FAILED, "it does not compile: pay/pay.go:2:9: no x"),
    }


def test_older_go_says_outside_of_events_what_does_not_compile() -> None:
    found = read(one("TestA", "pass"), end("pass"), "FAIL\texample.com/shop/pay [build failed]\n")
    assert outcomes(found)["example.com/shop/pay::(build)"] == (FAILED, "it does not compile")
    assert found.problems == ()


def test_what_cannot_be_set_up_says_nothing_of_the_code() -> None:
    found = read(end("fail", f"FAIL\t{SHOP} [setup failed]\n", FailedBuild=SHOP))
    assert outcomes(found) == {f"{SHOP}::(setup)": (LOST, "it could not be set up")}


@pytest.mark.parametrize(
    ("last", "output", "why"),
    [
        ("fail", "panic: boom\n\ngoroutine 7 [running]:\n", "panic: boom"),
        ("fail", "panic: test timed out after 1s\n", "panic: test timed out after 1s"),
        ("pass", "", "exit status 3"),
    ],
)
def test_a_package_that_ends_before_its_tests_do_is_a_failure_of_its_own(
    last: str, output: str, why: str
) -> None:
    """A waiver of the test that panicked does not cover the tests behind it."""
    found = read(one("TestB", last, output), end("fail", f"PASS\nexit status 3\nFAIL\t{SHOP}\t0.01s\n"))
    assert outcomes(found)[f"{SHOP}::(package)"] == (FAILED, f"it ended otherwise than by its tests: {why}")


@pytest.mark.parametrize("action", ["pass", "fail"])
def test_a_test_that_began_and_did_not_end_has_no_result(action: str) -> None:
    found = read(event("run", "TestA"), end(action))
    assert outcomes(found)[f"{SHOP}::TestA"] == (LOST, "it began and did not end")


def test_a_benchmark_has_no_end_and_is_no_case() -> None:
    found = read(event("run", "BenchmarkX"), one("TestA", "pass"), end("pass"))
    assert list(outcomes(found)) == [f"{SHOP}::TestA"]


def test_a_result_from_the_cache_is_none_of_this_attempt() -> None:
    found = read(one("TestA", "pass"), end("pass", f"PASS\nok  \t{SHOP}\t(cached)\n"))
    status, why = outcomes(found)[f"{SHOP}::TestA"]
    assert status is LOST
    assert "add -count=1" in why


def test_packages_without_tests_are_named_and_no_case() -> None:
    found = read(one("TestA", "pass"), end("pass"), end("skip", "?   \tx\t[no test files]\n", "x"))
    assert found.notes == ("no test was run in x",)
    with raises(ObservationError, match="the output has no test case"):
        read(end("skip", package="x"), end("pass", package="y"))


def test_a_time_that_no_test_takes_is_no_time() -> None:
    text = event("run", "TestA") + event("pass", "TestA", Elapsed=10**400) + end("pass")
    (case,) = (one.case for one in read_go_test(text.encode(), "the output").cases)
    assert (case.status, case.duration) == (PASSED, None)


def test_an_event_behind_what_something_else_wrote_is_not_passed_over() -> None:
    text = one("TestA", "pass") + end("pass") + "warning: " + event("fail", "TestB")
    read = read_go_test(text.encode(), "the output")
    assert in_english(read.problems) == ("line 5 of the output is broken off",)


def test_a_test_that_is_run_twice_is_two_cases() -> None:
    found = read(one("TestA", "fail"), one("TestA", "pass"), end("fail"))
    assert {id: status for id, (status, _) in outcomes(found).items()} == {
        f"{SHOP}::TestA": FAILED,
        f"{SHOP}::TestA [2]": PASSED,
    }


@pytest.mark.parametrize("text", ["", "ok  \tx\t0.1s\n", '{"level": "info"}\n{"a": 1}\n[]\n', "{}\n"])
def test_output_without_events_is_no_evidence(text: str) -> None:
    with raises(ObservationError, match="the output has no results of go test -json"):
        read(text)


WHOLE = "".join(
    [
        event("start"),
        *(one(f"Test{number}", "pass", "line\n") for number in range(4)),
        end("pass"),
        one("TestZ", "pass", package="z"),
        end("pass", package="z"),
    ]
)


@given(st.integers(min_value=0, max_value=len(WHOLE) - 2))
def test_output_that_is_cut_off_anywhere_is_never_all_passed(at: int) -> None:
    try:
        found = read(WHOLE[:at])
    except ObservationError:
        return
    complete = len(found.cases) == 5 and all(item.case.status is PASSED for item in found.cases)
    assert found.problems or not complete or at >= WHOLE.rindex("{")


@given(st.binary(max_size=200) | st.lists(st.sampled_from(WHOLE.splitlines(keepends=True))).map("".join))
def test_any_bytes_are_read_or_refused_and_ids_are_unique(content: bytes | str) -> None:
    data = content.encode() if isinstance(content, str) else content
    try:
        found = read_go_test(data, "x")
    except ObservationError:
        return
    ids = [item.case.id for item in found.cases]
    assert len(set(ids)) == len(ids)


MODULE = {
    "go.mod": "module example.com/shop\n\ngo 1.21\n",
    "good/a_test.go": """package good
import ("fmt"; "testing")
func TestA(t *testing.T) { fmt.Println("--- FAIL: TestFake (0.00s)\\nFAIL") }
func TestB(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Skip("later") }) }
""",
    "broken/b_test.go": 'package broken\nimport "testing"\nfunc TestA(t *testing.T) { x }\n',
    "panics/p_test.go": """package panics
import "testing"
func TestA(t *testing.T) { panic("boom") }
func TestNever(t *testing.T) {}
""",
    "exits/e_test.go": """package exits
import ("os"; "testing")
func TestMain(m *testing.M) { m.Run(); os.Exit(3) }
func TestA(t *testing.T) {}
""",
    "empty/e.go": "package empty\n",
}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("go") is None, reason="go is not on PATH")
def test_go_itself_is_read_as_it_writes(tmp_path: Path) -> None:
    for name, text in MODULE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def go(*arguments: str) -> Results:
        env = {**os.environ, "GOFLAGS": "-mod=mod", "GOCACHE": str(tmp_path / "cache")}
        command = ["go", "test", "-json", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, timeout=300, check=False)
        return in_english(read_go_test(done.stdout, "the output"))

    found = go("./...")
    assert found.problems == ()
    assert found.notes == ("no test was run in example.com/shop/empty",)
    statuses = {id.removeprefix("example.com/shop/"): status for id, (status, _) in outcomes(found).items()}
    assert statuses == {
        "good::TestA": PASSED,
        "good::TestB": PASSED,
        "good::TestB/sub": SKIPPED,
        "broken::(build)": FAILED,
        "panics::TestA": FAILED,
        "panics::(package)": FAILED,
        "exits::TestA": PASSED,
        "exits::(package)": FAILED,
    }
    assert [item.case.status for item in go("./good").cases] == [LOST, SKIPPED, LOST]
    assert [item.case.status for item in go("-count=1", "./good").cases] == [PASSED, SKIPPED, PASSED]
