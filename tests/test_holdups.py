"""The repeating of tests that the machine held up: only those, and only a few times."""

from __future__ import annotations

import pytest

from tests.holdups import TRIES

pytest_plugins = ["pytester"]

INI = """
[pytest]
markers = paced: of moments
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""
HELD_UP = """
import asyncio, ctypes, pytest

tries = []

def stand_still():
    # As a machine that stands still: no other thread of this process runs meanwhile.
    ctypes.PyDLL(None).usleep(300_000)

{test}
"""


def run(pytester: pytest.Pytester, test: str) -> pytest.RunResult:
    pytester.makeini(INI)
    pytester.makepyfile(HELD_UP.format(test=test))
    return pytester.runpytest("-p", "tests.holdups", "-p", "no:cacheprovider", "-p", "no:xdist")


def test_failure_while_the_machine_stood_still_is_tried_again_and_told(pytester: pytest.Pytester) -> None:
    test = "@pytest.mark.paced\nasync def test_a():\n    tries.append(1)\n"
    result = run(pytester, test + "    if len(tries) < 3:\n        stand_still()\n        assert False\n")
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines(
        [r"=+ tried again =+", *[r".*::test_a: the machine stood still for \d+ ms"] * 2]
    )


def test_failure_while_a_process_of_the_test_stood_still_is_tried_again(pytester: pytest.Pytester) -> None:
    test = "from tests.holdups import tell\n@pytest.mark.paced\ndef test_a():\n    tries.append(1)\n"
    result = run(pytester, test + "    if len(tries) < 2:\n        tell(0.05)\n        assert False\n")
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r".*::test_a: the machine stood still for 50 ms"])


def test_failure_of_every_try_is_a_failure(pytester: pytest.Pytester) -> None:
    result = run(pytester, "@pytest.mark.paced\ndef test_a():\n    stand_still()\n    assert False\n")
    result.assert_outcomes(failed=1)
    assert str(result.stdout).count("test_a: the machine stood still") == TRIES - 1


@pytest.mark.parametrize(
    ("marker", "held_up"),
    [("@pytest.mark.paced", "pass"), ("", "stand_still()")],
    ids=["not held up", "not paced"],
)
def test_failure_of_other_tests_is_a_failure_at_once(
    pytester: pytest.Pytester, marker: str, held_up: str
) -> None:
    result = run(pytester, f"{marker}\ndef test_a():\n    {held_up}\n    assert tries.append(1)\n")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*tried again*")


def test_error_that_is_no_claim_is_not_tried_again(pytester: pytest.Pytester) -> None:
    result = run(pytester, "@pytest.mark.paced\ndef test_a():\n    stand_still()\n    raise OSError\n")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*tried again*")
