"""JUnit XML of every dialect is read by its cases; what cannot be read is named."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phasegate.errors import ObservationError
from phasegate.junit import JUnitFile, ResultFiles, parse_junit, read_junit
from phasegate.model.observation import Case, CaseAttempt, CaseStatus
from phasegate.runner.clock import RunClock

PASSED, FAILED, SKIPPED, LOST = CaseStatus


def parse(text: str) -> JUnitFile:
    return parse_junit(text.encode(), "results.xml")


def cases(text: str) -> dict[str, Case]:
    return {item.case.id: item.case for item in parse(text).cases}


def statuses(text: str) -> dict[str, CaseStatus]:
    return {id: case.status for id, case in cases(text).items()}


def test_pytest_with_each_of_its_outcomes() -> None:
    text = """<?xml version="1.0" encoding="utf-8"?>
    <testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="2" tests="5">
      <testcase classname="tests.test_a" name="test_ok" time="0.25" file="tests/test_a.py" line="3" />
      <testcase classname="tests.test_a" name="test_bad" time="0.001">
        <failure message="assert 1 == 2">def test_bad():\nE   assert 1 == 2</failure></testcase>
      <testcase classname="tests.test_a" name="test_setup"><error message="on setup">no</error></testcase>
      <testcase classname="tests.test_a" name="test_skip">
        <skipped type="pytest.skip" message="not here">a.py:3: not here</skipped></testcase>
      <testcase classname="tests.test_a" name="test_xfail">
        <skipped type="pytest.xfail" message="bug 7"/></testcase>
    </testsuite></testsuites>"""
    seen = cases(text)
    assert {id.partition("::")[2]: case.status for id, case in seen.items()} == {
        "test_ok": PASSED,
        "test_bad": FAILED,
        "test_setup": FAILED,
        "test_skip": SKIPPED,
        "test_xfail": FAILED,
    }
    ok = seen["tests.test_a::test_ok"]
    assert (ok.part, ok.tags, ok.duration, ok.file, ok.line) == (
        "tests.test_a",
        ("pytest",),
        0.25,
        "tests/test_a.py",
        3,
    )
    assert seen["tests.test_a::test_xfail"].message == "expected failure (xfail) counts as failed: bug 7"
    details = next(item.details for item in parse(text).cases if item.case.name == "test_bad")
    assert details == "--- failure\nassert 1 == 2\ndef test_bad():\nE   assert 1 == 2\n"


def test_pytest_collection_error_is_a_failed_case() -> None:
    text = """<testsuites><testsuite name="pytest" tests="1">
      <testcase classname="" name="tests.test_broken"><error message="collection failure">x</error></testcase>
    </testsuite></testsuites>"""
    assert statuses(text) == {"pytest::tests.test_broken": FAILED}


def test_surefire_with_one_suite_as_root_and_reruns() -> None:
    text = """<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="com.acme.ShopIT"
        time="1,234.5" tests="3" errors="0" skipped="0" failures="1" flakes="1">
      <properties><property name="java.version" value="21"/></properties>
      <testcase name="buys" classname="com.acme.ShopIT" time="1,003.2">
        <flakyFailure message="timeout" type="E" time="0.5"><stackTrace>at x</stackTrace></flakyFailure>
        <flakyError type="E">second line of defence</flakyError>
      </testcase>
      <testcase name="pays" classname="com.acme.ShopIT" time="0.1">
        <failure message="declined" type="E">at y</failure>
        <rerunFailure message="declined again" type="E"><stackTrace>at z</stackTrace></rerunFailure>
      </testcase>
      <testcase name="leaves" classname="com.acme.ShopIT" time="0"/>
    </testsuite>"""
    seen = cases(text)
    bought = seen["com.acme.ShopIT::buys"]
    assert bought.flaky
    assert bought.duration == 1003.2
    assert bought.earlier == (
        CaseAttempt(status=FAILED, message="timeout", duration=0.5),
        CaseAttempt(status=FAILED, message="second line of defence"),
    )
    paid = seen["com.acme.ShopIT::pays"]
    assert (paid.status, paid.message, paid.earlier[0].message) == (FAILED, "declined", "declined again")
    assert seen["com.acme.ShopIT::leaves"].status is PASSED


def test_nextest_names_suites_after_crate_and_binary() -> None:
    text = """<testsuites name="nextest-run" tests="1" uuid="00000000-0000-0000-0000-000000000000">
      <testsuite name="shop::api" tests="1"><testcase name="orders::total" classname="shop::api" time="0.1">
        <flakyFailure timestamp="2025-07-18T00:00:00Z" message="thread panicked" type="test failure"/>
      </testcase></testsuite></testsuites>"""
    assert cases(text)["shop::api::orders::total"].flaky


def test_jest_with_title_as_name_and_class_and_a_failure_without_message() -> None:
    text = """<testsuites name="jest tests"><testsuite name="cart" tests="2">
      <testcase classname="cart adds" name="cart adds" time="0.003"><failure>Error: no
      at cart.js:3</failure></testcase>
      <testcase classname="cart removes" name="cart removes"><failure/></testcase></testsuite></testsuites>"""
    seen = cases(text)
    assert seen["cart::cart adds"].message == "Error: no"
    assert seen["cart::cart removes"].message == "failure without a message"
    assert seen["cart::cart adds"].part == "cart"


def test_vitest_with_the_file_as_class_nests_parts_by_folder() -> None:
    text = """<testsuites name="vitest tests"><testsuite name="src/cart.test.ts" tests="1">
      <testcase classname="src/cart.test.ts" name="cart &gt; adds" time="0.01"/></testsuite></testsuites>"""
    (case,) = cases(text).values()
    assert (case.id, case.part, case.tags) == ("src/cart.test.ts::cart > adds", "src/cart.test.ts", ())


def test_cases_that_a_suite_counts_and_does_not_write_are_lost() -> None:
    text = """<testsuites name="Mocha Tests" tests="4" failures="0">
      <testsuite name="Root Suite" tests="0"></testsuite>
      <testsuite name="cart" tests="4" failures="0" skipped="2">
        <testcase name="cart a" classname="a"/><testcase name="cart b" classname="b"/>
      </testsuite></testsuites>"""
    read = parse(text)
    assert [item.case.status for item in read.cases] == [PASSED, PASSED, LOST, LOST]
    assert {item.case.id for item in read.cases[2:]} == {"cart::(unwritten 1)", "cart::(unwritten 2)"}
    assert read.notes == ("results.xml: cart says 4 tests, 2 are written",)


def test_suite_that_counts_more_failures_than_it_shows_is_no_evidence() -> None:
    with pytest.raises(ObservationError, match="contradicts itself: x says 2 failed, 0 are written"):
        parse("<testsuite name='x' tests='1' failures='1' errors='1'><testcase name='a'/></testsuite>")


def test_case_that_failed_and_broke_in_teardown_may_be_counted_twice() -> None:
    (case,) = cases(
        "<testsuite tests='1' failures='1' errors='1'>"
        "<testcase name='a'><failure/><error/></testcase></testsuite>"
    ).values()
    assert case.status is FAILED


def test_suite_that_counts_more_tests_than_can_be_listed_is_no_evidence() -> None:
    with pytest.raises(ObservationError, match="999,999,999 tests"):
        parse("<testsuite tests='999999999'><testcase name='a'/></testsuite>")


@pytest.mark.parametrize("mark", ["status='error'", "result='errored'", "status='Timeout'"])
def test_case_that_went_wrong_by_attribute_failed(mark: str) -> None:
    (case,) = cases(f"<testsuite><testcase name='a' {mark}/></testsuite>").values()
    assert case.status is FAILED


def test_node_test_with_nested_suites_and_a_failing_todo() -> None:
    text = """<testsuites><testsuite name="cart" tests="2" failures="1" skipped="1">
        <testcase name="adds" classname="test" time="0.001"/>
        <testsuite name="prices"><testcase name="todo" classname="test">
          <skipped type="todo" message="later"/><failure type="testCodeFailure" message="no"/></testcase>
        </testsuite></testsuite>
      <testcase name="top" classname="test"/></testsuites>"""
    seen = cases(text)
    assert {case.name: case.status for case in seen.values()} == {
        "adds": PASSED,
        "todo": SKIPPED,
        "top": PASSED,
    }
    assert seen["test::todo"].tags == ("cart", "prices")


def test_go_package_that_failed_before_its_tests_is_a_failed_case() -> None:
    text = """<testsuites><testsuite tests="0" failures="0" time="0.000" name="shop/api"
        timestamp="0001-01-01T00:00:00Z">
      <testcase classname="" name="TestMain" time="0.000"><failure message="Failed"></failure></testcase>
    </testsuite></testsuites>"""
    assert statuses(text) == {"shop/api::TestMain": FAILED}


def test_suite_that_failed_as_a_whole_is_a_case_of_its_own() -> None:
    text = """<testsuites><testsuite name="db"><error message="no connection">trace</error>
      <testcase name="a" classname="db"/></testsuite></testsuites>"""
    assert statuses(text) == {"db::a": PASSED, "db::(suite)": FAILED}


def test_googletest_and_ctest_say_by_attribute_what_did_not_run() -> None:
    text = """<testsuites><testsuite name="all">
      <testcase name="a" status="run" result="completed"/><testcase name="b" status="notrun"/>
      <testcase name="c" status="run" result="skipped"/><testcase name="d" status="disabled"/>
      <testcase name="e" status="fail"/></testsuite></testsuites>"""
    assert list(statuses(text).values()) == [PASSED, SKIPPED, SKIPPED, SKIPPED, FAILED]


def test_robot_and_unittest_have_a_suite_as_root_and_repeat_names() -> None:
    text = """<testsuite name="Robot"><testsuite name="Login">
      <testcase classname="Robot.Login" name="Valid" time="0.1"/>
      <testcase classname="Robot.Login" name="Valid" time="0.1"><failure message="x"/></testcase>
      <testcase classname="Robot.Login" name="Valid" time="0.1"/></testsuite></testsuite>"""
    assert statuses(text) == {
        "Robot.Login::Valid": PASSED,
        "Robot.Login::Valid [2]": FAILED,
        "Robot.Login::Valid [3]": PASSED,
    }


def test_namespace_comments_and_other_encodings_are_no_hindrance() -> None:
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE testsuite SYSTEM "junit.dtd">'
        '<testsuite xmlns="urn:x" name="s"><!-- c --><?pi x?><testcase name="größe"/></testsuite>'
    )
    (item,) = parse_junit(text.encode("latin-1"), "results.xml").cases
    assert item.case.name == "größe"


def test_times_that_make_no_sense_are_left_out() -> None:
    text = "<testsuite>" + "".join(f"<testcase name='{t}' time='{t}'/>" for t in ("NaN", "-1", "x", "inf"))
    assert {case.duration for case in cases(text + "</testsuite>").values()} == {None}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"<testsuite><testcase", "is malformed: unclosed token: line 1"),
        (b"\x00\x01binary", "is malformed"),
        (b"<?xml version='1.0' encoding='klingon'?><testsuite/>", "is malformed: unknown encoding"),
        (b"<html><body/></html>", "is no JUnit: its root is <html>"),
        (b"<testsuites tests='3'/>", "has no test case"),
        (b"<testsuites><testsuite name='pytest' tests='0'/></testsuites>", "has no test case"),
        (
            b'<!DOCTYPE t [<!ENTITY a "ha">]><testsuite><testcase name="&a;"/></testsuite>',
            "it declares entities, which are not expanded",
        ),
        (
            b'<!DOCTYPE t [<!ENTITY a SYSTEM "file:///x">]><testsuite><testcase name="&a;"/></testsuite>',
            "it declares entities, which are not expanded",
        ),
    ],
)
def test_what_is_no_evidence_is_an_error_that_names_the_file(content: bytes, why: str) -> None:
    with pytest.raises(ObservationError) as caught:
        parse_junit(content, "out/results.xml")
    assert str(caught.value).startswith("results file out/results.xml ")
    assert why in str(caught.value)


def test_document_nested_very_deeply_is_read_without_a_crash() -> None:
    depth = 100_000
    text = "<testsuite name='s'>" * depth + "<testcase name='deep'/>" + "</testsuite>" * depth
    assert list(statuses(text)) == ["s::deep"]


def test_missing_file_and_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=r"out\.xml cannot be read: no such file"):
        read_junit(tmp_path / "out.xml", "out.xml")
    with pytest.raises(ObservationError, match="cannot be read: is a directory"):
        read_junit(tmp_path, "out")


OUTCOMES = {"": PASSED, "failure": FAILED, "error": FAILED, "skipped": SKIPPED}
Outcome = st.sampled_from(sorted(OUTCOMES))
Suite = st.recursive(
    st.lists(Outcome, max_size=4),
    lambda inner: st.lists(st.one_of(Outcome, inner), max_size=4),
    max_leaves=20,
)


@given(Suite)
def test_however_suites_are_nested_every_case_is_counted_once(suite: list[object]) -> None:
    counted: Counter[CaseStatus] = Counter()

    def build(into: Element, content: object) -> None:
        if isinstance(content, str):
            counted[OUTCOMES[content]] += 1
            case = SubElement(into, "testcase", name="same", classname="same")
            if content:
                SubElement(case, content, message="why")
        elif isinstance(content, list):
            inner = SubElement(into, "testsuite", name="s", tests="0", failures="0")
            for element in content:
                build(inner, element)

    root = Element("testsuites", tests="1", failures="7")
    build(root, suite)
    if not counted:
        with pytest.raises(ObservationError):
            parse_junit(tostring(root), "x")
        return
    read = parse_junit(tostring(root), "x")
    assert Counter(item.case.status for item in read.cases) == counted
    assert len({item.case.id for item in read.cases}) == counted.total()


START = datetime(2026, 3, 10, 12, tzinfo=UTC)
ONE = "<testsuite><testcase name='a'/></testsuite>"


class Machine:
    """A clock that is set by `ahead` while seconds pass."""

    def __init__(self) -> None:
        self.passed = self.ahead = 0.0

    @property
    def wall(self) -> datetime:
        return START + timedelta(seconds=self.passed + self.ahead)

    def clock(self) -> RunClock:
        return RunClock(monotonic=lambda: self.passed, wall=lambda: self.wall, suspended=lambda: 0.0)


def write(file: Path, at: datetime) -> None:
    file.write_text(ONE)
    os.utime(file, (at.timestamp(), at.timestamp()))


@given(jump=st.floats(-1e7, 1e7), before=st.floats(0, 600), after=st.floats(0, 600), there=st.booleans())
def test_what_an_attempt_wrote_is_its_own_however_the_clock_was_set(
    tmp_path_factory: pytest.TempPathFactory, jump: float, before: float, after: float, there: bool
) -> None:
    folder, machine = tmp_path_factory.mktemp("own"), Machine()
    if there:
        write(folder / "out.xml", START + timedelta(days=1))
    files = ResultFiles(folder, ["*.xml"], machine.clock())
    machine.passed += before
    write(folder / "early.xml", machine.wall)
    machine.ahead += jump
    write(folder / "out.xml", machine.wall)
    machine.passed += after
    write(folder / "late.xml", machine.wall)
    assert files.read(["*.xml"]).problems == ()


@given(
    jump=st.floats(-1e7, 1e7),
    lasts=st.floats(0, 600),
    age=st.floats(700, 1e7),
    copied=st.booleans(),
)
def test_what_was_there_before_is_old_however_the_clock_was_set(
    tmp_path_factory: pytest.TempPathFactory, jump: float, lasts: float, age: float, copied: bool
) -> None:
    # What the clock shows once more, set back that far, is not to be told from a new file.
    assume(not copied or abs(jump + age) > 1300)
    folder, machine = tmp_path_factory.mktemp("old"), Machine()
    dated = START - timedelta(seconds=age)
    write(folder / ("original" if copied else "out.xml"), dated)
    files = ResultFiles(folder, ["*.xml"], machine.clock())
    machine.passed += lasts
    machine.ahead += jump
    if copied:
        write(folder / "out.xml", dated)
    (problem,) = files.read(["*.xml"]).problems
    assert "older than this attempt" in problem
