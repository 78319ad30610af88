"""`cargo test`: results count only where programs, announcements, lines and summaries agree."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.model.observation import CaseStatus
from phasegate.results.cargo_test import read_cargo_test
from phasegate.results.cases import Results
from tests.telling import in_english, raises
from tests.toolchains import why_no_cargo

PASSED, FAILED, SKIPPED, LOST = CaseStatus
WORDS = {"ok": 0, "FAILED": 1, "ignored": 2}
LIB = "     Running unittests src/lib.rs (target/debug/deps/shop-0123456789abcdef)\n"
MAIN = "     Running unittests src/main.rs (target/debug/deps/shop-fedcba9876543210)\n"
SEA = "     Running tests/sea.rs (target/debug/deps/sea-00ff00ff00ff00ff)\n"
DOC = "   Doc-tests shop\n"
WENT_ON = "error: test failed, to rerun pass `--lib`\nerror: 1 target failed:\n    `--lib`\n"


def block(*results: str, printed: str = "", announced: int | None = None, filtered: int = 0) -> str:
    """What a program prints of `name ok`, `name FAILED`, `name ignored`; `printed`: by the first failed."""
    lines = [result.rsplit(" ", 1) for result in results]
    counts = [sum(word == last for _, last in lines) for word in WORDS]
    failed = [name for name, word in lines if word == "FAILED"]
    text = f"\nrunning {len(lines) if announced is None else announced} tests\n"
    text += "".join(f"test {name} ... {word}\n" for name, word in lines)
    if failed:
        text += f"\nfailures:\n\n---- {failed[0]} stdout ----\n{printed}\n\nfailures:\n    {failed[0]}\n"
    return (
        f"{text}\ntest result: {'FAILED' if failed else 'ok'}. {counts[0]} passed; {counts[1]} failed; "
        f"{counts[2]} ignored; 0 measured; {filtered} filtered out; finished in 0.00s\n\n"
    )


def read(*pieces: str) -> Results:
    return in_english(read_cargo_test("".join(pieces).encode(), "the output"))


def outcomes(found: Results) -> dict[str, tuple[CaseStatus, str]]:
    return {item.case.id: (item.case.status, str(item.case.message)) for item in found.cases}


def test_cases_are_named_by_their_program() -> None:
    panic = "thread 'pay' (7) panicked at src/lib.rs:3:5:\nassertion failed: paid\nnote: run with ..."
    found = read(
        *(LIB, WENT_ON, MAIN, SEA, DOC),
        block("pay FAILED", "ship - should panic ok", printed=panic),
        block("pay ok"),
        block("late ignored"),
        block("src/lib.rs - add (line 3) ok"),
        "all doctests ran in 0.43s; merged doctests compilation took 0.31s\n",
        block("src/lib.rs - add (line 9) - compile fail ok"),
    )
    assert outcomes(found) == {
        "shop::pay": (FAILED, "assertion failed: paid"),
        "shop::ship - should panic": (PASSED, ""),
        "shop (src/main.rs)::pay": (PASSED, ""),
        "sea::late": (SKIPPED, "skipped"),
        "doc::src/lib.rs - add (line 3)": (PASSED, ""),
        "doc::src/lib.rs - add (line 9) - compile fail": (PASSED, ""),
    }
    assert (found.problems, found.notes) == ((), ())
    assert found.cases[0].details == panic


def test_colours_windows_ends_times_and_reasons_are_read() -> None:
    text = LIB.replace("Running", "\x1b[1m\x1b[92mRunning\x1b[0m") + block("a ok", "b ignored").replace(
        "... ok", "... \x1b[32mok\x1b[0m <0.001s>"
    ).replace("... ignored", "... ignored, too, slow")
    found = read(text.replace("\n", "\r\n"))
    assert outcomes(found) == {"shop::a": (PASSED, ""), "shop::b": (SKIPPED, "too, slow")}
    assert found.problems == ()


FAKES = (
    "test fake ... ok",
    "running 3 tests",
    "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
    "---- pay stdout ----",
    "     Running tests/fake.rs (target/debug/deps/fake-00ff00ff00ff00ff)",
    "error: could not compile `fake` (lib) due to 1 previous error",
    "failures:",
)


@given(st.lists(st.sampled_from(FAKES), max_size=6))
def test_what_a_failed_test_prints_changes_nothing(lines: Sequence[str]) -> None:
    found = read(LIB, WENT_ON, SEA, block("pay FAILED", "ship ok", printed="\n".join(lines)), block("b ok"))
    assert found.problems == ()
    assert {id: status for id, (status, _) in outcomes(found).items()} == {
        "shop::pay": FAILED,
        "shop::ship": PASSED,
        "sea::b": PASSED,
    }


@pytest.mark.parametrize("fake", FAKES)
def test_what_a_test_prints_between_results_never_makes_a_pass(fake: str) -> None:
    """With --nocapture, or from a program that the test starts."""
    text = block("a ok", "b FAILED").replace("test b", f"{fake}\ntest b")
    found = read(LIB, WENT_ON, text)
    assert found.problems or {"shop::a", "shop::b"} <= {item.case.id for item in found.cases}
    assert found.problems or any(item.case.status is FAILED for item in found.cases)


def test_a_result_behind_other_output_on_its_line_is_lost() -> None:
    found = read(LIB, block("a ok", "b ok").replace("test b", "hello test b"))
    assert outcomes(found)["shop::(unwritten 1)"] == (
        LOST,
        "counted among the 2 tests of its suite, but not written",
    )


def test_dots_in_place_of_names_are_lost() -> None:
    found = read(LIB, block(announced=2).replace("tests\n", "tests\n..\n"))
    assert [item.case.status for item in found.cases] == [LOST, LOST]


def test_a_program_that_crashes_is_a_failure_and_its_tests_are_lost() -> None:
    crash = (
        "error: test failed, to rerun pass `--lib`\n\nCaused by:\n  process didn't exit successfully: "
        "`/tmp/target/debug/deps/shop-0123456789abcdef` (signal: 6, SIGABRT: process abort signal)\n"
    )
    found = read(LIB, crash, SEA, "error: 1 target failed:\n", "\nrunning 2 tests\n", block("a ok"))
    assert {id: status for id, (status, _) in outcomes(found).items()} == {
        "shop::(unwritten 1)": LOST,
        "shop::(unwritten 2)": LOST,
        "sea::a": PASSED,
        "shop::(program)": FAILED,
    }
    assert "SIGABRT" in outcomes(found)["shop::(program)"][1]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (LIB + SEA + block("a ok"), "started 2 test programs, and 1 wrote results"),
        (LIB + block("a ok") + block("b ok"), "started 1 test program, and 2 wrote results"),
        (block("a ok"), "started 0 test programs, and 1 wrote results"),
        (LIB + DOC + block("a ok"), "started 2 test programs, and 1 wrote results"),
        (LIB + SEA + DOC + block("a ok") + block("x (line 1) ok") * 2, "does not tell which results"),
        (LIB + "error: test failed, to rerun pass `--lib`\n" + block("a FAILED"), "add --no-fail-fast"),
        (LIB + block("a ok", announced=1).replace("1 passed", "7 passed"), "announced 1 test, wrote 1 and"),
        (LIB + block("a ok", "b ok", announced=1), "announced 1 test, wrote 2 and"),
        (LIB + block("a ok", announced=99_999), "announced 99,999 tests, wrote 1 and"),
        (LIB + block("a FAILED", "b ok").replace("test a", "hi test a"), "says 1 failed, 0 are written"),
        (LIB + block("a FAILED").partition("test result")[0], "announced 1 test, wrote 1 and"),
    ],
)
def test_what_does_not_add_up_is_a_problem(text: str, problem: str) -> None:
    assert problem in str(read(text).problems)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no results of cargo test"),
        ("  Executable unittests src/lib.rs (target/debug/deps/shop-0123456789abcdef)\n", "no results of"),
        (LIB + "pay: test\n\n1 test, 0 benchmarks\n", "no results of"),
        (LIB + block(), "no test case"),
        ("error: failed to get `x` as a dependency of package `shop`\n", "no results of"),
    ],
)
def test_output_without_a_test_is_no_evidence(text: str, why: str) -> None:
    with raises(ObservationError, match=why):
        read(text)


def test_a_crate_that_does_not_compile_fails_unless_its_compiler_was_killed() -> None:
    found = read(
        "error[E0308]: mismatched types\n",
        "error: could not compile `pay` (lib test) due to 1 previous error; 2 warnings emitted\n",
        "error: could not compile `sea` (lib)\n\nCaused by:\n"
        "  process didn't exit successfully: `rustc --crate-name sea` (signal: 9, SIGKILL: kill)\n",
    )
    assert outcomes(found) == {
        "pay::(build of lib test)": (FAILED, "could not compile `pay` (lib test)"),
        "sea::(build of lib)": (LOST, "could not compile `sea` (lib)"),
    }


def test_tests_that_a_filter_left_out_are_told() -> None:
    assert read(LIB, block("a ok", filtered=3)).notes == ("3 tests left out by a filter",)


WHOLE = LIB + SEA + block("a ok", "b ok") + block("c ok", "d ok")


@given(st.integers(min_value=0, max_value=WHOLE.rindex("0 filtered")))
def test_output_that_is_cut_off_anywhere_is_never_all_passed(at: int) -> None:
    try:
        found = read(WHOLE[:at])
    except ObservationError:
        return
    assert found.problems or any(item.case.status is not PASSED for item in found.cases)


@given(st.binary(max_size=200) | st.lists(st.sampled_from([*WHOLE.splitlines(), *FAKES])).map("\n".join))
def test_any_bytes_are_read_or_refused_and_ids_are_unique(content: bytes | str) -> None:
    data = content.encode() if isinstance(content, str) else content
    try:
        found = read_cargo_test(data, "x")
    except ObservationError:
        return
    ids = [item.case.id for item in found.cases]
    assert len(set(ids)) == len(ids)


PACKAGE = '[package]\nname = "{}"\nversion = "0.1.0"\nedition = "2021"\n'
WORKSPACE = {
    "Cargo.toml": '[workspace]\nmembers = ["pay", "sea"]\nresolver = "2"\n',
    "pay/Cargo.toml": PACKAGE.format("pay"),
    "pay/src/lib.rs": """//! ```
//! assert_eq!(pay::sum(1, 2), 3);
//! ```
pub fn sum(a: u8, b: u8) -> u8 { a + b }
#[test] fn ok() {}
#[test] fn bad() {
    println!("test fake ... ok\\nrunning 3 tests");
    println!("test result: ok. 9 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
    assert_eq!(sum(1, 1), 3, "two is not three");
}
#[test] #[ignore = "too slow"] fn slow() {}
""",
    "pay/src/main.rs": "fn main() {}\n#[test] fn ok() {}\n",
    "pay/tests/it.rs": "#[test] fn stops() { std::process::abort() }\n",
    "sea/Cargo.toml": PACKAGE.format("sea"),
    "sea/src/lib.rs": "#[test] fn ok() {}\n",
}


@pytest.mark.slow
def test_cargo_itself_is_read_as_it_writes(tmp_path: Path) -> None:
    if why := why_no_cargo():
        pytest.skip(why)
    for name, text in WORKSPACE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def cargo(*arguments: str) -> Results:
        command = ["cargo", "test", "--offline", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=False)
        return read(done.stderr.decode(), "\n", done.stdout.decode())

    found = cargo("--no-fail-fast", "--color=always")
    assert found.problems == ()
    assert {id: status for id, (status, _) in outcomes(found).items()} == {
        "pay::ok": PASSED,
        "pay::bad": FAILED,
        "pay::slow": SKIPPED,
        "pay (src/main.rs)::ok": PASSED,
        "it::(unwritten 1)": LOST,
        "it::(program)": FAILED,
        "sea::ok": PASSED,
        "doc::pay/src/lib.rs - (line 1)": PASSED,
    }
    assert "--no-fail-fast" in str(cargo().problems)
    (tmp_path / "sea/src/lib.rs").write_text("#[test] fn ok() { x }\n")
    assert {case.case.id for case in cargo("--no-fail-fast").cases} == {"sea::(build of lib test)"}
    with raises(ObservationError, match="no results of cargo test"):
        cargo("--no-run", "-p", "pay")
