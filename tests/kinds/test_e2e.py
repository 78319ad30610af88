"""A pytest suite is observed test by test, and what cannot be trusted is errored, never passed."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
import time
import venv
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from phasegate.base.errors import ObservationError
from phasegate.kinds.e2e import E2e, E2eParams
from phasegate.model.measures import Number, Share
from phasegate.model.observation import Case, CaseStatus, Observation
from phasegate.targets.processes.local import LocalProcesses
from tests.observed import number
from tests.telling import in_english, raises
from tests.worlds import TestWorld, world_at

pytestmark = pytest.mark.slow

PASSED, FAILED, SKIPPED, LOST = CaseStatus
URL = "http://127.0.0.1:9"
Suite = Callable[..., E2eParams]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """Write a suite, file by file, and get the parameters that run it."""

    def write(files: dict[str, str] | str, **params: Any) -> E2eParams:
        folder = tmp_path / "suite"
        contents = files if isinstance(files, dict) else {"test_it.py": files}
        for name, content in {"pytest.ini": "[pytest]\n", **contents}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(textwrap.dedent(content))
        return E2eParams(path=folder, python=sys.executable, **params)

    return write


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TestWorld]:
    # The suites are to see an environment like a user's, not that of the pytest which runs these tests.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    # Plugins that none of the suites needs take half of the time.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    processes = LocalProcesses(environment, grace=5.0)
    async with world_at(URL, tmp_path, processes=processes, environment=environment) as world:
        yield world


async def observe(params: E2eParams, world: TestWorld) -> Observation:
    return in_english(await E2e().observe(params, world))


def statuses(observation: Observation) -> dict[str, CaseStatus]:
    return {case.id: case.status for case in observation.cases}


def case_of(observation: Observation, id: str) -> Case:
    return next(case for case in observation.cases if case.id == id)


def share(observation: Observation, part: str = "") -> Share:
    measures = observation.parts[part] if part else observation.measures
    measure = measures["pass_rate"]
    assert isinstance(measure, Share)
    return measure


EVERY_OUTCOME = """
    import pytest

    def test_passes(): pass

    def test_fails():
        print("said before")
        assert 1 + 1 == 3, "sums"

    @pytest.mark.skip(reason="not today")
    def test_skipped(): pass

    @pytest.mark.xfail(reason="bug 7")
    def test_xfailed(): assert False

    @pytest.mark.xfail
    def test_xpassed(): pass

    @pytest.mark.xfail(strict=True, reason="bug 8")
    def test_xpassed_strictly(): pass

    @pytest.fixture
    def broken(): raise OSError("no disk")

    def test_setup(broken): pass

    @pytest.fixture
    def untidy():
        yield
        raise OSError("still open")

    def test_teardown(untidy): pass
"""


async def test_every_outcome_of_pytest_becomes_a_case(suite: Suite, world: TestWorld) -> None:
    seen = await observe(suite(EVERY_OUTCOME), world)
    assert seen.error is None
    assert {id.partition("::")[2]: status for id, status in statuses(seen).items()} == {
        "test_passes": PASSED,
        "test_fails": FAILED,
        "test_skipped": SKIPPED,
        "test_xfailed": FAILED,
        "test_xpassed": PASSED,
        "test_xpassed_strictly": FAILED,
        "test_setup": FAILED,
        "test_teardown": FAILED,
    }
    messages = {case.name: case.message for case in seen.cases}
    assert messages["test_fails"].startswith("AssertionError: sums")
    assert messages["test_skipped"] == "not today"
    assert messages["test_xfailed"] == "expected failure (xfail) counts as failed: bug 7"
    assert "XPASS(strict)" in messages["test_xpassed_strictly"]
    assert messages["test_setup"] == "setup failed: OSError: no disk"
    assert messages["test_teardown"] == "teardown failed: OSError: still open"


async def test_measures_count_what_was_seen(suite: Suite, world: TestWorld) -> None:
    seen = await observe(suite(EVERY_OUTCOME), world)
    assert {name: number(seen, name) for name in ("passed", "failed", "skipped", "total", "deselected")} == {
        "passed": 2,
        "failed": 5,
        "skipped": 1,
        "total": 8,
        "deselected": 0,
    }
    rate = share(seen)
    assert (rate.passed, rate.total, rate.skipped) == (2, 8, 1)
    assert rate.missing == ("test_it.py::test_skipped",)
    assert (number(seen, "duration") or 0) > 0
    assert set(seen.measures) == set(E2e().measures(suite(EVERY_OUTCOME)))


async def test_failure_keeps_traceback_and_output_as_evidence(suite: Suite, world: TestWorld) -> None:
    seen = await observe(suite(EVERY_OUTCOME), world)
    failed = case_of(seen, "test_it.py::test_fails")
    text = world.evidence_text(failed.evidence[0])
    assert "assert (1 + 1) == 3" in text
    assert "--- Captured stdout call\nsaid before" in text
    assert (failed.file, failed.line) == ("suite/test_it.py", 6)
    assert case_of(seen, "test_it.py::test_passes").evidence == ()
    assert "short test summary" in world.evidence_text(seen.evidence[-1])
    assert seen.causes["expected failure (xfail) counts as failed: bug 7"] == 1


async def test_modules_folders_and_markers_are_parts(suite: Suite, world: TestWorld) -> None:
    files = {
        "pytest.ini": "[pytest]\nmarkers = slow\n",
        "test_a.py": "import pytest\n@pytest.mark.slow\ndef test_one(): pass\ndef test_two(): assert 0",
        "deep/test_b.py": "import pytest\npytestmark = pytest.mark.slow\ndef test_three(): pass",
    }
    seen = await observe(suite(files), world)
    assert set(seen.parts) == {"test_a", "deep", "deep/test_b", "slow"}
    assert (share(seen, "test_a").passed, share(seen, "test_a").total) == (1, 2)
    assert (share(seen, "slow").passed, share(seen, "slow").total) == (2, 2)
    assert seen.parts["test_a"]["failed"] == Number(value=1)


async def test_single_file_is_a_suite_with_its_module_as_the_part(suite: Suite, world: TestWorld) -> None:
    params = suite("def test_one(): pass")
    seen = await observe(params.model_copy(update={"path": params.path / "test_it.py"}), world)
    assert set(seen.parts) == {"test_it"}


async def test_each_case_is_reported_while_the_suite_runs(suite: Suite, world: TestWorld) -> None:
    go = world.root / "go"
    params = suite(
        f"""
        import pathlib, time
        def test_first(): pass
        def test_second():
            deadline = time.monotonic() + 20
            while not pathlib.Path({str(go)!r}).exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            assert time.monotonic() < deadline
        """
    )
    observing = asyncio.create_task(observe(params, world))
    while not any(report.cases for report in world.reports):
        await asyncio.sleep(0.02)
        assert not observing.done()
    assert [case.name for report in world.reports for case in report.cases] == ["test_first"]
    assert any(report.text == "1 of 2" and report.done == 0.5 for report in world.reports)
    go.touch()
    assert set(statuses(await observing).values()) == {PASSED}


async def test_tests_are_given_the_urls_of_the_target(suite: Suite, world: TestWorld) -> None:
    params = suite(
        f"""
        import os, pytest

        def test_environment():
            assert os.environ["PHASEGATE_TARGET_URL"] == {URL!r}
            assert os.environ["PHASEGATE_TARGET_APP_URL"] == {URL!r}

        def test_fixture(phasegate_target):
            assert phasegate_target.url == {URL!r} == phasegate_target["app"] == str(phasegate_target)
            assert list(phasegate_target) == ["app"]
            with pytest.raises(KeyError, match="no entry 'other'; it has app"):
                phasegate_target["other"]
        """
    )
    assert set(statuses(await observe(params, world)).values()) == {PASSED}


async def test_arguments_environment_and_folder_reach_pytest(suite: Suite, world: TestWorld) -> None:
    (world.root / "elsewhere").mkdir()
    params = suite(
        """
        import os, pathlib
        def test_chosen():
            assert os.environ["COLOUR"] == "7"
            assert pathlib.Path.cwd().name == "elsewhere"
        def test_other(): pass
        """,
        args=["-k", "chosen"],
        env={"COLOUR": 7},
        cwd=world.root / "elsewhere",
    )
    seen = await observe(params, world)
    assert statuses(seen) == {"test_it.py::test_chosen": PASSED}
    assert number(seen, "deselected") == 1
    assert number(seen, "total") == 1
    assert "1 collected tests were deselected and did not run" in seen.notes


async def test_conftest_and_addopts_of_the_user_keep_working(suite: Suite, world: TestWorld) -> None:
    files = {
        "pytest.ini": "[pytest]\naddopts = -p no:cacheprovider --strict-markers -q\n",
        "conftest.py": "import pytest\n@pytest.fixture\ndef seven(): return 7",
        "test_it.py": "def test_it(seven): assert seven == 7",
    }
    assert statuses(await observe(suite(files), world)) == {"test_it.py::test_it": PASSED}


@pytest.mark.parametrize("dist", ["load", "each"])
async def test_workers_of_xdist_report_through_their_controller(
    suite: Suite, world: TestWorld, dist: str
) -> None:
    files = {
        "test_it.py": EVERY_OUTCOME + "\n    def test_left_out(): pass\n",
        "test_module.py": "import pytest\npytest.skip('whole module', allow_module_level=True)",
    }
    workers = ["-n", "2"] if dist == "load" else ["--tx", "2*popen", "--dist", "each"]
    seen = await observe(suite(files, args=["-p", "xdist", *workers, "-k", "not left_out"]), world)
    assert seen.error is None
    rate = share(seen)
    assert (rate.passed, rate.failed, rate.skipped, rate.total) == (2, 5, 2, 9)
    assert number(seen, "deselected") == 1
    assert case_of(seen, "test_it.py::test_fails").line == 6
    assert case_of(seen, "test_module.py").status is SKIPPED


async def test_worker_of_xdist_that_dies_fails_its_test(suite: Suite, world: TestWorld) -> None:
    code = "import os\ndef test_dies(): os._exit(9)\ndef test_lives(): pass"
    seen = await observe(suite(code, args=["-p", "xdist", "-n", "1"]), world)
    assert statuses(seen) == {"test_it.py::test_dies": FAILED, "test_it.py::test_lives": PASSED}
    assert "crashed while running" in case_of(seen, "test_it.py::test_dies").message


async def test_module_that_skips_itself_is_a_skipped_case(suite: Suite, world: TestWorld) -> None:
    files = {
        "test_a.py": "def test_one(): pass",
        "test_b.py": "import pytest\npytest.importorskip('no_such_module')\ndef test_two(): pass",
    }
    seen = await observe(suite(files), world)
    assert seen.error is None
    assert case_of(seen, "test_b.py").status is SKIPPED
    assert "no_such_module" in case_of(seen, "test_b.py").message
    assert (share(seen).passed, share(seen).total) == (1, 2)


NOT_OBSERVED = {
    "nothing collected": ({"test_it.py": "x = 1"}, [], "pytest collected nothing in suite"),
    "everything deselected": (
        {"test_it.py": "def test_a(): pass"},
        ["-k", "zzz"],
        "nothing left to run: all 1 collected tests were deselected",
    ),
    "wrong arguments": (
        {"test_it.py": "def test_a(): pass"},
        ["--no-such-flag"],
        "called with wrong arguments before it had collected anything: python -m pytest: error: unrecognized",
    ),
    "module broken": (
        {"test_it.py": "def test_a(): pass", "test_no.py": "import nowhere_at_all"},
        [],
        "could not collect test_no.py; test_no.py: ModuleNotFoundError",
    ),
    "module broken, others run": (
        {"test_it.py": "def test_a(): pass", "test_no.py": "import nowhere_at_all"},
        ["--continue-on-collection-errors"],
        "could not collect test_no.py",
    ),
    "module broken in workers": (
        {"test_it.py": "def test_a(): pass", "test_no.py": "import nowhere_at_all"},
        ["-p", "xdist", "-n", "2"],
        "could not collect test_no.py; ",
    ),
    "conftest broken": (
        {"conftest.py": "import nowhere_at_all", "test_it.py": "def test_a(): pass"},
        [],
        "before it had collected anything",
    ),
    "leaves in the middle": (
        {"test_it.py": "import os\ndef test_a(): pass\ndef test_b(): os._exit(0)\ndef test_c(): pass"},
        [],
        "ended with exit code 0 after 1 of 3 cases",
    ),
    "crashes": (
        {"test_it.py": "import os\ndef test_a(): pass\ndef test_b(): os.kill(os.getpid(), 11)"},
        [],
        "was ended by signal 11 after 1 of 2 cases",
    ),
    "interrupted": (
        {"test_it.py": "import pytest\ndef test_a(): pass\ndef test_b(): pytest.exit('enough')"},
        [],
        "was interrupted after 1 of 2 cases",
    ),
    "stops at the first failure": (
        {"test_it.py": "def test_a(): assert 0\ndef test_b(): pass"},
        ["-x"],
        "1 of 2 collected cases have no result: test_it.py::test_b",
    ),
    "runs no test": (
        {"test_it.py": "def test_a(): pass"},
        ["--setup-only"],
        "1 of 1 collected cases have no result",
    ),
    "only collects": (
        {"test_it.py": "def test_a(): pass"},
        ["--collect-only"],
        "1 of 1 collected cases have no result",
    ),
    "exit code says more than the cases": (
        {
            "conftest.py": "def pytest_sessionfinish(session): session.exitstatus = 1",
            "test_it.py": "def test_a(): pass",
        },
        [],
        "exited with 1 although no test failed",
    ),
    "internal error": (
        {
            "conftest.py": "def pytest_runtest_logfinish(nodeid): raise LookupError('odd')",
            "test_it.py": "def test_a(): pass\ndef test_b(): pass",
        },
        [],
        "had an internal error",
    ),
}


@pytest.mark.parametrize("name", NOT_OBSERVED)
async def test_what_cannot_be_trusted_is_errored(suite: Suite, world: TestWorld, name: str) -> None:
    files, args, error = NOT_OBSERVED[name]
    seen = await observe(suite(files, args=args), world)
    assert error in (seen.error or "no error")
    # Whatever was collected stays in the total, with what is known of it.
    assert share(seen).total == len(seen.cases)


MEDDLING = {
    "FIFO": ("os.remove(events); os.mkfifo(events)", "what pytest reported is a FIFO"),
    "nothing": ("os.remove(events)", "what pytest reported cannot be read: no such file"),
    "other words": ("print('{\"type\": 1}{', file=open(events, 'a'))", "what pytest reported is damaged"),
    "other shape": (
        "print('{\"type\": \"test\"}', file=open(events, 'a'))",
        "what pytest reported is damaged",
    ),
    "no event": ("print('[]', file=open(events, 'a'))", "what pytest reported is damaged"),
}


@pytest.mark.parametrize("what", MEDDLING)
async def test_suite_that_meddles_with_its_report_is_no_evidence(
    suite: Suite, world: TestWorld, what: str
) -> None:
    act, why = MEDDLING[what]
    test = f"""
    import json, os
    def test_it():
        events = json.load(open(os.environ["PHASEGATE_PYTEST"]))["events"]
        {act}
    """
    with raises(ObservationError, match=why):
        await observe(suite(test), world)


async def test_cases_before_a_crash_are_kept_and_the_others_are_lost(suite: Suite, world: TestWorld) -> None:
    seen = await observe(suite(NOT_OBSERVED["crashes"][0]), world)
    assert statuses(seen) == {"test_it.py::test_a": PASSED, "test_it.py::test_b": LOST}
    assert share(seen).missing == ("test_it.py::test_b",)
    assert seen.evidence


async def test_missing_pytest_is_a_requirement_with_its_command(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    python = str(tmp_path / "bare" / "bin" / "python")
    (need,) = E2e().requirements(E2eParams(path=tmp_path, python=python))
    assert need.install == f"{python} -m pip install pytest"
    assert (need.program, need.arguments) == (python, ("-c", "import pytest"))


async def test_pytest_that_is_missing_after_all_is_errored(
    suite: Suite, world: TestWorld, tmp_path: Path
) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    params = suite("def test_a(): pass").model_copy(update={"python": str(tmp_path / "bare/bin/python")})
    assert "No module named pytest" in ((await observe(params, world)).error or "")


async def test_tests_run_with_the_interpreter_and_path_of_their_environment(
    suite: Suite, world: TestWorld, tmp_path: Path
) -> None:
    # A virtual environment beside the suite, with our pytest made visible in it.
    place = tmp_path / ".venv"
    venv.create(place, with_pip=False, symlinks=True)
    packages = next(place.glob("lib/python*/site-packages"))
    (packages / "ours.pth").write_text(str(Path(pytest.__file__).parents[1]))
    params = suite(
        """
        import os, sys, shutil
        def test_where():
            assert sys.prefix == os.environ["VIRTUAL_ENV"]
            assert shutil.which("python") == sys.executable
        """
    ).model_copy(update={"python": None})
    world.environment = {key: value for key, value in world.environment.items() if key != "VIRTUAL_ENV"}
    seen = await observe(params, world)
    assert seen.error is None
    assert set(statuses(seen).values()) == {PASSED}, seen.cases


SECOND_TIME = """
    import pathlib, pytest

    LOG = pathlib.Path(__file__).with_name("log")

    @pytest.fixture(autouse=True)
    def logged(request):
        with LOG.open("a") as log:
            print(request.node.name, file=log)

    def test_always(): pass

    @pytest.mark.parametrize("n", [1, 2])
    def test_later(n):
        assert LOG.read_text().count(f"test_later[{n}]") > 1, "too early"

    def test_never(): assert False

    @pytest.mark.skip(reason="not today")
    def test_skipped(): pass
"""


@pytest.mark.parametrize("args", [[], ["-p", "xdist", "-n", "2"]])
async def test_retry_reruns_only_what_did_not_pass_and_keeps_the_total(
    suite: Suite, world: TestWorld, args: list[str]
) -> None:
    params = suite(SECOND_TIME, args=args)
    first = await observe(params, world)
    world.earlier = first.cases
    world.reports.clear()
    second = await observe(params, world)
    log = (params.path / "log").read_text().split()
    assert (log.count("test_always"), log.count("test_never"), log.count("test_later[1]")) == (1, 2, 2)
    assert second.error is None
    assert share(second).total == share(first).total == 5
    assert share(second).passed == 3
    assert number(second, "deselected") == 0
    later = case_of(second, "test_it.py::test_later[1]")
    assert later.flaky
    assert "too early" in later.earlier[0].message
    assert not case_of(second, "test_it.py::test_always").flaky
    assert len(case_of(second, "test_it.py::test_never").earlier) == 1
    reported = [case.id for report in world.reports for case in report.cases]
    assert sorted(reported) == sorted(case.id for case in second.cases)


async def test_case_that_vanishes_between_attempts_is_lost(suite: Suite, world: TestWorld) -> None:
    first = await observe(suite("def test_a(): assert 0\ndef test_b(): assert 0\ndef test_c(): pass"), world)
    world.earlier = first.cases
    second = await observe(suite("def test_b(): pass"), world)
    assert statuses(second) == {
        "test_it.py::test_a": LOST,
        "test_it.py::test_b": PASSED,
        "test_it.py::test_c": PASSED,
    }
    assert "test_it.py::test_a" in (second.error or "")


async def test_retry_with_nothing_left_to_run_keeps_what_passed(suite: Suite, world: TestWorld) -> None:
    params = suite("def test_a(): pass")
    world.earlier = (await observe(params, world)).cases
    second = await observe(params, world)
    assert second.error is None
    assert statuses(second) == {"test_it.py::test_a": PASSED}


@pytest.mark.parametrize(
    ("case", "chosen"),
    [
        ("test_a.py::test_one", ["test_a.py::test_one"]),
        ("test_a.py::test_many", ["test_a.py::test_many[1]", "test_a.py::test_many[2]"]),
        ("test_a.py::test_many[2]", ["test_a.py::test_many[2]"]),
        ("test_a.py::TestIt", ["test_a.py::TestIt::test_in"]),
        ("test_b", ["deep/test_b.py::test_one"]),
        ("deep", ["deep/test_b.py::test_one"]),
        ("suite/deep/test_b.py", ["deep/test_b.py::test_one"]),
        ("test_one", ["deep/test_b.py::test_one", "test_a.py::test_one"]),
    ],
)
async def test_selection_names_tests_modules_or_folders(
    suite: Suite, world: TestWorld, case: str, chosen: list[str]
) -> None:
    files = {
        "test_a.py": """
            import pytest
            def test_one(): pass
            @pytest.mark.parametrize("n", [1, 2])
            def test_many(n): pass
            class TestIt:
                def test_in(self): pass
            """,
        "deep/test_b.py": "def test_one(): pass",
        "test_c.py": "import pytest\npytest.skip('whole module', allow_module_level=True)",
    }
    world.cases = (case,)
    seen = await observe(suite(files), world)
    assert sorted(statuses(seen)) == chosen
    assert number(seen, "deselected") == 5 - len(chosen)


async def test_selection_that_names_no_test_is_errored(suite: Suite, world: TestWorld) -> None:
    world.cases = ("test_nowhere",)
    seen = await observe(suite("def test_a(): pass"), world)
    assert seen.error == "no test of suite is named test_nowhere"


SLOW = """
    import pathlib, pytest, time

    @pytest.fixture(scope="session", autouse=True)
    def stack():
        yield
        pathlib.Path(__file__).with_name("torn_down").touch()

    def test_quick(): pass

    def test_slow():
        pathlib.Path(__file__).with_name("started").touch()
        time.sleep(60)
"""


async def test_told_to_stop_it_stops_with_what_was_seen(suite: Suite, world: TestWorld) -> None:
    params = suite(SLOW)
    observing = asyncio.create_task(observe(params, world))
    while not (params.path / "started").exists():
        await asyncio.sleep(0.02)
        assert not observing.done()
    began = time.monotonic()
    world.stop("the target is gone")
    seen = await observing
    assert time.monotonic() - began < 20
    assert statuses(seen) == {"test_it.py::test_quick": PASSED, "test_it.py::test_slow": LOST}
    assert "stopped early: the target is gone; 1 of 2 cases have no result" in seen.notes
    assert (params.path / "torn_down").exists()


async def test_cancellation_ends_pytest_and_its_fixtures(suite: Suite, world: TestWorld) -> None:
    params = suite(SLOW)
    observing = asyncio.create_task(observe(params, world))
    while not (params.path / "started").exists():
        await asyncio.sleep(0.02)
        assert not observing.done()
    observing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await observing
    assert (params.path / "torn_down").exists()


async def test_fork_of_a_test_neither_reports_nor_catches_sigterm(suite: Suite, world: TestWorld) -> None:
    code = """
        import multiprocessing, time
        def test_fork():
            child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
            child.start()
            child.terminate()
            child.join(20)
            assert child.exitcode == -15
    """
    seen = await observe(suite(code), world)
    assert statuses(seen) == {"test_it.py::test_fork": PASSED}, seen.cases


# What pytest-rerunfailures does; its versions differ in whether a try that is repeated has a teardown.
RERUNS = """
    import pytest
    from _pytest.runner import runtestprotocol

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(item, nextitem):
        for left in (2, 1, 0):
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
            again = left and any(report.failed for report in reports)
            for report in reports:
                if again and report.failed:
                    report.outcome = "rerun"
                item.ihook.pytest_runtest_logreport(report=report)
                if report.outcome == "rerun" and not TEARDOWN:
                    break
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            if not again:
                return True
"""


@pytest.mark.parametrize("teardown", [True, False])
async def test_tries_inside_pytest_are_kept_and_make_a_pass_flaky(
    suite: Suite, world: TestWorld, teardown: bool
) -> None:
    files = {
        "conftest.py": RERUNS.replace("TEARDOWN", str(teardown)),
        "test_it.py": """
            TRIES = []
            def test_later():
                TRIES.append(1)
                assert len(TRIES) == 3, "too early"
            def test_never(): assert 0
            def test_always(): pass
        """,
    }
    seen = await observe(suite(files), world)
    assert seen.error is None
    assert list(statuses(seen).values()) == [PASSED, FAILED, PASSED]
    assert [case.flaky for case in seen.cases] == [True, False, False]
    assert [len(case.earlier) for case in seen.cases] == [2, 2, 0]
    assert seen.cases[0].earlier[0].message.startswith("AssertionError: too early")


async def test_failing_subtest_fails_its_test(suite: Suite, world: TestWorld) -> None:
    code = """
        import unittest
        class TestSubs(unittest.TestCase):
            def test_many(self):
                for n in range(3):
                    with self.subTest(n=n):
                        assert n != 1, "one"
    """
    seen = await observe(suite(code), world)
    assert statuses(seen) == {"test_it.py::TestSubs::test_many": FAILED}
    assert "one" in seen.cases[0].message


async def test_long_output_of_a_failure_is_bounded(suite: Suite, world: TestWorld) -> None:
    seen = await observe(suite("def test_a():\n    print('x' * 5_000_000)\n    assert 0"), world)
    text = world.evidence_text(seen.cases[0].evidence[0])
    assert len(text) < 200_000
    assert "characters left out" in text


@pytest.mark.parametrize(
    "conftest",
    [
        "def pytest_collection_modifyitems(items): del items[1:]",
        """
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_collection_finish(session):
            del session.items[1:]
        """,
    ],
    ids=["modifyitems", "finish"],
)
async def test_tests_taken_out_without_a_word_count_as_deselected(
    suite: Suite, world: TestWorld, conftest: str
) -> None:
    tests = "def test_a(): pass\ndef test_b(): assert False\ndef test_c(): assert False\n"
    seen = await observe(suite({"conftest.py": conftest, "test_it.py": tests}), world)
    assert number(seen, "deselected") == 2
    assert "2 collected tests were deselected and did not run" in seen.notes


async def test_failure_that_a_plugin_reports_as_passed_is_a_failure(suite: Suite, world: TestWorld) -> None:
    conftest = """
        import pytest

        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_makereport(item, call):
            outcome = yield
            if outcome.get_result().failed:
                outcome.get_result().outcome = "passed"
    """
    seen = await observe(
        suite({"conftest.py": conftest, "test_it.py": "def test_a(): assert 1 == 2\n"}), world
    )
    (case,) = seen.cases
    assert case.status is FAILED
    assert case.message == "AssertionError: assert 1 == 2 (reported as passed by a plugin)"
    assert seen.error is None
