"""JUnit XML of every dialect is read by its cases; what cannot be read is named."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.model.observation import Case, CaseAttempt, CaseStatus
from phasegate.render.sentences import sentence
from phasegate.results.cases import Results
from phasegate.results.junit import Conventions, parse_junit
from tests.telling import in_english

PASSED, FAILED, SKIPPED, LOST = CaseStatus


def parse(text: str, **conventions: bool) -> Results:
    return in_english(parse_junit(text.encode(), "results.xml", Conventions(**conventions)))


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
    read = parse("<testsuite name='x' tests='1' failures='1' errors='1'><testcase name='a'/></testsuite>")
    assert read.problems == ("results file results.xml contradicts itself: x says 2 failed, 0 are written",)


@pytest.mark.parametrize("count", ["skipped", "disabled", "ignored", "warnings"])
def test_suite_that_counts_more_skipped_tests_than_it_shows_is_no_evidence(count: str) -> None:
    read = parse(
        f"<testsuite name='x' tests='2' {count}='1'><testcase name='a'/><testcase name='b'/></testsuite>"
    )
    assert read.problems == (
        "results file results.xml contradicts itself: x says 1 skipped or not run, 0 are written",
    )


def test_case_that_failed_and_broke_in_teardown_may_be_counted_twice() -> None:
    (case,) = cases(
        "<testsuite tests='1' failures='1' errors='1'>"
        "<testcase name='a'><failure/><error/></testcase></testsuite>"
    ).values()
    assert case.status is FAILED


def test_suite_that_counts_more_tests_than_can_be_listed_is_no_evidence() -> None:
    for tests in ("999999999", "9" * 5_000):
        read = parse(f"<testsuite tests='{tests}'><testcase name='a'/></testsuite>")
        assert "contradicts itself" in read.problems[0]


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
        "todo": FAILED,
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
        '<?xml version="1.0" encoding="ISO-8859-1"?>'
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
        (b"<html><body/></html>", "is not JUnit: its root is <html>"),
        (b"<testsuites tests='3'/>", "has no test case"),
        (b"<testsuites><testsuite name='pytest' tests='0'/></testsuites>", "has no test case"),
        (
            b'<!DOCTYPE t [<!ENTITY a "ha">]><testsuite><testcase name="&a;"/></testsuite>',
            "is malformed: a DTD",
        ),
        (
            b'<!DOCTYPE t [<!ENTITY a SYSTEM "file:///x">]><testsuite><testcase name="&a;"/></testsuite>',
            "is malformed: a DTD",
        ),
    ],
)
def test_what_is_no_evidence_is_an_error_that_names_the_file(content: bytes, why: str) -> None:
    with pytest.raises(ObservationError) as caught:
        parse_junit(content, "out/results.xml")
    message = sentence(caught.value.message)
    assert message.startswith("results file out/results.xml ")
    assert why in message


def test_document_nested_very_deeply_is_read_without_a_crash() -> None:
    depth = 20_000
    text = "<testsuite name='s'>" * depth + "<testcase name='deep'/>" + "</testsuite>" * depth
    assert list(statuses(text)) == ["s::deep"]


OUTCOMES = {"": PASSED, "failure": FAILED, "error": FAILED, "skipped": SKIPPED}
Outcome = st.sampled_from(sorted(OUTCOMES))
Suites = st.recursive(
    st.lists(Outcome, min_size=1, max_size=4),
    lambda inner: st.lists(st.one_of(Outcome, inner), min_size=1, max_size=4),
    max_leaves=20,
)


numbers = itertools.count()


def built(suite: list[Any], tag: str = "testsuites") -> Element:
    """A document that counts at each level what is below it."""
    root = Element(tag, name=tag)
    counted: Counter[str] = Counter()
    for content in suite:
        if isinstance(content, str):
            case = SubElement(root, "testcase", name=f"t{next(numbers)}", classname="same", time="0.1")
            if content:
                SubElement(case, content, message="why")
            counted["tests"] += 1
            counted[{"": "", "failure": "failures", "error": "errors", "skipped": "skipped"}[content]] += 1
        else:
            inner = built(content, "testsuite")
            root.append(inner)
            counted.update({key: int(inner.get(key, "0")) for key in COUNTS})
    for key in COUNTS:
        root.set(key, str(counted[key]))
    return root


COUNTS = ("tests", "failures", "errors", "skipped")


def outcomes(root: Element) -> Counter[CaseStatus]:
    found = (next((child.tag for child in case), "") for case in root.iter("testcase"))
    return Counter(OUTCOMES[tag] for tag in found)


@given(Suites)
def test_however_suites_are_nested_every_case_is_counted_once(suite: list[Any]) -> None:
    root = built(suite)
    read = parse_junit(tostring(root), "x")
    assert Counter(item.case.status for item in read.cases) == outcomes(root)
    assert len({item.case.id for item in read.cases}) == len(read.cases)
    assert (read.notes, read.problems) == ((), ())


@given(Suites, st.sampled_from(COUNTS), st.integers(1, 3), st.data())
def test_whatever_counts_say_beyond_the_cases_is_no_pass(
    suite: list[Any], count: str, more: int, data: st.DataObject
) -> None:
    root = built(suite)
    level = data.draw(st.sampled_from([item for item in root.iter() if item.get("tests")]))
    level.set(count, str(int(level.get(count, "0")) + more))
    read = parse_junit(tostring(root), "x")
    lost = sum(item.case.status is LOST for item in read.cases)
    assert lost == more if count == "tests" else read.problems


SUITE = "<testsuite name='a' tests='1' {}><testcase name='b' time='1'/>{}</testsuite>"


@pytest.mark.parametrize(
    ("attributes", "children", "why"),
    [
        ("failed='1'", "", "a says 1 failed, 0 are written"),
        ("Failures='1'", "", "a says 1 failed, 0 are written"),
        ("timeouts='2' failures='1'", "", "a says 2 failed, 0 are written"),
        ("not_run='1'", "", "a says 1 skipped or not run, 0 are written"),
        ("Blocked='1'", "", "a says 1 skipped or not run, 0 are written"),
        ("failures='-1'", "", "a says failures is '-1', which is not a count"),
        ("errors='1e0'", "", "a says errors is '1e0', which is not a count"),
        ("result='Failure'", "", "a says that it failed (result is 'Failure'), 0 failed are written"),
        ("success='False'", "", "a says that it failed (success is 'False'), 0 failed are written"),
        ("status='skipped'", "", "a says that it was not run (status is 'skipped'), 0 of that are written"),
        ("", "<skipped/>", "a says that it was not run (it has <skipped>), 0 of that are written"),
        ("", "<Failure/>", "a says that it failed (it has <Failure>), 0 failed are written"),
        ("", "<setup><error/></setup>", "a has failures in <setup>, which belong to no test case"),
    ],
)
def test_suite_that_speaks_of_what_no_case_shows_is_no_evidence(
    attributes: str, children: str, why: str
) -> None:
    read = parse(SUITE.format(attributes, children))
    assert read.problems == (f"results file results.xml contradicts itself: {why}",)


@pytest.mark.parametrize(
    "attributes",
    ["failures='' errors='null'", "failed='0' notrun='0'", "result='Success'", "success='1'", "state='done'"],
)
def test_suite_that_speaks_of_nothing_else_is_evidence(attributes: str) -> None:
    assert parse(SUITE.format(attributes, "<system-err>failed</system-err>")).problems == ()


def test_count_of_another_name_is_that_of_the_tests() -> None:
    read = parse("<testsuite name='a' total='3'><testcase name='b' time='1'/></testsuite>")
    assert [item.case.status for item in read.cases] == [PASSED, LOST, LOST]


def test_suite_that_failed_and_shows_where_is_no_contradiction() -> None:
    case = "<testcase name='c'><failure/></testcase>"
    assert parse(f"<testsuite name='a' result='Failure'>{case}</testsuite>").problems == ()


RERUN = """<testsuite name="CartTest" tests="{tests}" errors="0" skipped="0" failures="{failures}">
  <testcase name="total" classname="CartTest" time="0.1">{children}</testcase></testsuite>"""
TRY = '<{0} message="no" type="E"><stackTrace>at CartTest.java:9</stackTrace></{0}>'


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["Failure", "Error"]), st.booleans()), min_size=1)
)
def test_tries_that_a_writer_counts_one_by_one_are_no_contradiction(
    tests: list[tuple[int, str, bool]],
) -> None:
    text, tries, failures = "", 0, 0
    for before, kind, passes in tests:
        children = TRY.format(("flaky" if passes else "rerun") + kind) * before
        text += (
            f"<testcase name='total'>{children if passes else TRY.format(kind.lower()) + children}</testcase>"
        )
        tries += before + 1
        failures += before + (not passes)
    read = parse(f"<testsuite tests='{tries}' failures='{failures}'>{text}</testsuite>")
    assert [item.case.status for item in read.cases] == [PASSED if passes else FAILED for *_, passes in tests]
    assert [item.case.flaky for item in read.cases] == [passes and before > 0 for before, _, passes in tests]
    assert [len(item.case.earlier) for item in read.cases] == [before for before, *_ in tests]
    assert read.problems == ()


def test_surplus_beside_tries_is_lost_and_not_explained_by_them() -> None:
    flaky = TRY.format("flakyFailure") * 2
    counted = parse(RERUN.format(tests=3, failures=2, children=flaky))
    assert [item.case.status for item in counted.cases] == [PASSED]
    assert counted.notes == ("results.xml: CartTest says 3 tests, 1 are written: each try counts",)
    for tests, failures, lost in ((3, 0, 2), (4, 2, 3), (2, 2, 1)):
        read = parse(RERUN.format(tests=tests, failures=failures, children=flaky))
        assert [item.case.status for item in read.cases] == [PASSED, *[LOST] * lost]
    assert parse(RERUN.format(tests=3, failures=3, children=flaky)).problems


def test_case_with_reruns_and_nothing_that_says_how_it_ended_failed() -> None:
    (case,) = cases(RERUN.format(tests=2, failures=2, children=TRY.format("rerunError"))).values()
    assert (case.status, case.message, len(case.earlier)) == (FAILED, "no", 1)


def test_case_that_failed_and_was_then_skipped_failed() -> None:
    children = TRY.format("flakyFailure") + "<skipped message='enough'/>"
    (case,) = cases(RERUN.format(tests=1, failures=0, children=children)).values()
    assert case.status is FAILED


PAIR = """<testsuite name="s" tests="2" failures="1"><testcase classname="a" name="b"><failure message="no"/>
  </testcase><testcase classname="a" name="b"/></testsuite>"""


def test_pair_that_failed_and_passed_is_flaky_only_where_the_plan_says_so() -> None:
    (flaky,) = parse(PAIR, reruns=True).cases
    assert (flaky.case.status, flaky.case.flaky, flaky.case.earlier[0].message) == (PASSED, True, "no")
    read = parse(PAIR)
    assert [item.case.status for item in read.cases] == [FAILED, PASSED]
    assert "write reruns: true" in read.notes[0]


@pytest.mark.parametrize(
    ("tries", "results"),
    [
        ("FP", "p"),
        ("FFP", "p"),
        ("FF", "f"),
        ("PF", "Pf"),
        ("FPF", "pf"),
        ("PP", "PP"),
        ("FS", "fS"),
        ("SF", "Sf"),
    ],
)
def test_only_what_failed_is_tried_again(tries: str, results: str) -> None:
    children = {"F": "<failure/>", "P": "", "S": "<skipped/>"}
    text = "".join(f"<testcase name='a'>{children[each]}</testcase>" for each in tries)
    read = parse(f"<testsuite>{text}</testsuite>", reruns=True)
    status = {"p": PASSED, "P": PASSED, "f": FAILED, "S": SKIPPED}
    assert [item.case.status for item in read.cases] == [status[each] for each in results]
    assert [item.case.flaky for item in read.cases] == [each == "p" for each in results]


def test_same_case_in_another_suite_is_no_second_try() -> None:
    case = "<testcase classname='a.spec' name='b'>{}</testcase>"
    suite = f"<testsuite name='a.spec' hostname='{{}}'>{case}</testsuite>"
    browsers = suite.format("chromium", "<failure/>") + suite.format("firefox", "")
    read = parse(f"<testsuites>{browsers}</testsuites>", reruns=True)
    assert [item.case.status for item in read.cases] == [FAILED, PASSED]


COUNTED = (
    'errors="0" failures="0" skipped="0" tests="4" time="0.1" timestamp="2026-01-01T00:00:00" hostname="h"'
)
SURPLUS = f"""<testsuites {{}}><testsuite name="{{}}" {COUNTED}>
  <testcase classname="test_a" name="test_all" time="0.01"/></testsuite></testsuites>"""


def test_subtests_are_known_by_their_writer_or_the_plan_and_never_by_numbers() -> None:
    by_pytest = SURPLUS.format('name="pytest tests"', "pytest")
    by_others = SURPLUS.format("", "pytest")
    read = parse(by_pytest)
    assert [item.case.status for item in read.cases] == [PASSED]
    assert "4 tests, 1 are written; the others are subtests, which pytest counts" in read.notes[0]
    assert [item.case.status for item in parse(by_others).cases] == [PASSED, LOST, LOST, LOST]
    assert [item.case.status for item in parse(by_others, subtests=True).cases] == [PASSED]


def test_skipped_tests_that_are_not_written_are_lost_whoever_counts_subtests() -> None:
    text = SURPLUS.format('name="pytest tests"', "pytest").replace('skipped="0"', 'skipped="2"')
    assert [item.case.status for item in parse(text).cases] == [PASSED, LOST, LOST]


def test_each_failed_subtest_that_pytest_counts_is_written_in_one_case() -> None:
    text = SURPLUS.format('name="pytest tests"', "pytest").replace('failures="0"', 'failures="3"')
    failed = "name='x'>" + "<failure message='no'/>" * 3 + "</testcase>"
    read = parse(text.replace('name="test_all" time="0.01"/>', failed))
    assert [item.case.status for item in read.cases] == [FAILED]
    assert read.problems == ()


def test_catch2_counts_assertions() -> None:
    text = """<testsuites><testsuite name="cart" errors="0" failures="0" tests="66" hostname="tbd">
      <properties><property name="random-seed" value="7"/></properties>
      <testcase classname="cart.global" name="total" time="0.1" status="run"/></testsuite></testsuites>"""
    assert list(statuses(text).values()) == [PASSED]
    assert LOST in statuses(text.replace("tbd", "ci")).values()


JEST = """<testsuites name="jest tests" tests="{0}"><testsuite name="shop" tests="{0}" skipped="0">
  <testcase classname="opens" name="opens" time="{1}"/><testcase classname="pays" name="pays" time="{2}"/>
  </testsuite></testsuites>"""


def test_case_that_its_suite_does_not_count_is_no_pass() -> None:
    read = parse(JEST.format(1, "0.002", "0"))
    assert [item.case.status for item in read.cases] == [PASSED, LOST]
    assert read.notes == ("results.xml: shop says 1 tests, 2 are written; 1 of them have no result",)
    assert [item.case.status for item in parse(JEST.format(0, "0", "0")).cases] == [LOST, LOST]


RERUNFAILURES = """<testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="1"
  skipped="0" tests="3" time="0.1" timestamp="2026-01-01T00:00:00" hostname="h">
  <testcase classname="a" name="wins" time="0.1"/><testcase classname="a" name="wins" time="0.1"/>
  <testcase classname="a" name="loses" time="0.1"/>
  <testcase classname="a" name="loses" time="0.1"><failure message="no"/></testcase>
  <testcase classname="a" name="stands" time="0.1"/></testsuite></testsuites>"""


def test_try_of_pytest_rerunfailures_that_was_not_the_last_is_no_pass() -> None:
    read = parse(RERUNFAILURES)
    assert [item.case.status for item in read.cases] == [LOST, PASSED, LOST, FAILED, PASSED]
    assert "write reruns: true" in read.notes[-1]
    wins, loses, stands = (item.case for item in parse(RERUNFAILURES, reruns=True).cases)
    assert (wins.status, wins.flaky, wins.earlier[0].message) == (PASSED, True, "was run again")
    assert (loses.status, len(loses.earlier)) == (FAILED, 1)
    assert (stands.status, stands.flaky) == (PASSED, False)


@pytest.mark.parametrize("times", [("0.1", "0.1"), ("0", "0")])
def test_suite_that_counts_less_than_it_writes_is_no_evidence_where_nobody_knows_which(
    times: tuple[str, str],
) -> None:
    read = parse(JEST.format(1, *times))
    assert "1 tests, 2 are written, and which of them did not run is not known" in read.problems[0]


def test_whole_that_counts_less_than_its_suites_is_said() -> None:
    inner = "<testsuite name='a' tests='2'><testcase name='b'/><testcase name='c'/></testsuite>"
    read = parse(f"<testsuites name='all' tests='1'>{inner}</testsuites>")
    assert [item.case.status for item in read.cases] == [PASSED, PASSED]
    assert read.notes == ("results.xml: all says 1 tests, 2 are written",)
    assert parse(f"<testsuites name='all' tests='1'>{inner.replace('tests=', 'x=')}</testsuites>").problems


@pytest.mark.parametrize(
    "around", ["<tests>{}</tests>", "<testcase name='b'>{}</testcase>", "<x><testsuite>{}</testsuite></x>"]
)
def test_case_that_stands_where_none_is_looked_for_is_said(around: str) -> None:
    inner = around.format("<testcase name='c'><failure/></testcase>")
    read = parse(f"<testsuite name='a'><testcase name='d'/>{inner}</testsuite>")
    assert read.problems == ("results file results.xml has 1 test cases that stand in no suite",)


def test_suite_that_counts_only_its_own_tests_is_right() -> None:
    inner = "<testsuite name='b' tests='1'><testcase name='c'/></testsuite>"
    read = parse(f"<testsuite name='a' tests='1'><testcase name='d'/>{inner}</testsuite>")
    assert (len(read.cases), read.notes, read.problems) == (2, (), ())
