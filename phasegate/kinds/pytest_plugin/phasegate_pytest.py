"""phasegate inside the user's pytest: says what was collected and how each test ended, line by line.

One file without dependencies, put on PYTHONPATH and loaded with `-p phasegate_pytest`. It runs in the user's
environment, so it uses nothing that Python 3.9 and pytest 7 do not have.

The environment variable PHASEGATE_PYTEST names a JSON file:

    events    where to append JSON lines
    passed    node ids that passed in an earlier attempt and are left out now
    cases     what to narrow the run to: node ids, with or without parameters, files, folders; empty for all
    targets   URLs of the target by id
    default   URL of the target's default entry, or null

Under pytest-xdist only the controller reports; workers hand up what it cannot see.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

VARIABLE = "PHASEGATE_PYTEST"
MESSAGE = 500
OUTPUT = 32 * 1024
"""Characters kept of a traceback and of each captured stream."""
NO_REASON = {"code": "no_reason"}
"""A message that is nobody else's text is a fact: its code, and what belongs to it."""
_NO_TAGS = frozenset({"parametrize", "usefixtures", "filterwarnings", "skip", "skipif", "xfail"})


class Target(Mapping[str, str]):
    """The target's URLs: `target.url` is the default one, `target["controller"]` that of an entry."""

    def __init__(self, urls: Mapping[str, str], default: str | None) -> None:
        self._urls = dict(urls)
        self._default = default

    @property
    def url(self) -> str:
        if not self._default:
            pytest.fail("the plan's target has no default entry; use phasegate_target['<id>']")
        return str(self._default)

    def __getitem__(self, id: str) -> str:
        if id not in self._urls:
            known = ", ".join(sorted(self._urls)) or "none"
            raise KeyError(f"the plan's target has no entry {id!r}; it has {known}")
        return str(self._urls[id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._urls)

    def __len__(self) -> int:
        return len(self._urls)

    def __str__(self) -> str:
        return self.url


class _Channel:
    """Appends JSON lines, each in one write, so that a forked child can never repeat a buffer."""

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._file = os.open(path, flags, 0o600)
        self._pid = os.getpid()

    def send(self, **event: object) -> None:
        if os.getpid() == self._pid:
            data = (json.dumps(event) + "\n").encode()
            while data:
                data = data[os.write(self._file, data) :]


class _Narrowing:
    """Leaves out what passed before and what was not selected; counts what others left out, said or not."""

    def __init__(self, control: Mapping[str, Any]) -> None:
        self._passed = frozenset(control["passed"])
        self._cases = tuple(control["cases"])
        self.carried = 0
        self._said = 0
        self._collected: list[Any] = []
        self._ours = False

    def pytest_itemcollected(self, item: Any) -> None:
        self._collected.append(item)

    def deselected(self, session: Any) -> int:
        """Tests that were collected and are not to be run, without those carried over. A hook may take tests
        out of the list without a word, up to the end."""
        kept = {id(item) for item in session.items}
        gone = sum(id(item) not in kept for item in self._collected) - self.carried
        return max(self._said, gone)

    # Wraps all others, so that it sees what -k, -m and conftest files have left.
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> Generator[None, None, None]:
        yield
        if self._cases:
            chosen = [item for item in items if self._selects(item, config)]
            self._leave_out(config, items, chosen)
            self._said += len(items) - len(chosen)
            items[:] = chosen
        if self._passed:
            again = [item for item in items if item.nodeid not in self._passed]
            self._leave_out(config, items, again)
            self.carried = len(items) - len(again)
            items[:] = again

    def pytest_deselected(self, items: Sequence[Any]) -> None:
        if not self._ours:
            self._said += len(items)

    def _leave_out(self, config: Any, items: Sequence[Any], kept: Sequence[Any]) -> None:
        ids = {id(item) for item in kept}
        left_out = [item for item in items if id(item) not in ids]
        if left_out:
            self._ours = True
            try:
                config.hook.pytest_deselected(items=left_out)
            finally:
                self._ours = False

    def _selects(self, item: Any, config: Any) -> bool:
        """Whether a case names this test: by node id, from the folder pytest was started in, or without
        folder or suffix; its parameters, or everything after the file or a folder, may be left out."""
        file, _, inner = item.nodeid.partition("::")
        started = str(config.invocation_params.dir)
        files = {file, os.path.relpath(_file(item), started).replace(os.sep, "/"), file.rpartition("/")[2]}
        files |= {name[: -len(".py")] for name in files if name.endswith(".py")}
        names = {f"{name}::{inner}" for name in files} | {inner}
        for case in self._cases:
            beginnings = (case + "::", case + "[", case.rstrip("/") + "/")
            if any(name == case or name.startswith(beginnings) for name in names):
                return True
        return False


class _Marking:
    """Runs where tests run: hands each report what only the test itself knows."""

    def __init__(self, narrowing: _Narrowing) -> None:
        self._narrowing = narrowing

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Generator[None, Any, None]:
        outcome = yield
        # An attribute of a report travels from worker to controller; a user property would show in the
        # user's own JUnit file.
        report = outcome.get_result()
        report.phasegate = _described(item)
        report.phasegate_raised = None if call.excinfo is None else _first_line(call.excinfo.exconly())

    def pytest_collection_finish(self, session: Any) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["phasegate_deselected"] = self._narrowing.deselected(session)
            output["phasegate_carried"] = self._narrowing.carried


class _Reporting:
    """Runs in the controller, or in the only process: folds phases into one line a test."""

    def __init__(self, channel: _Channel, narrowing: _Narrowing, config: Any) -> None:
        self._channel = channel
        self._narrowing = narrowing
        self._reports: dict[tuple[Any, str], list[Any]] = {}
        self._crashes: dict[str, list[Any]] = {}
        self._deselected = 0
        self._carried = 0
        channel.send(
            type="start",
            pytest=pytest.__version__,
            python=platform.python_version(),
            root=str(config.rootpath),
        )

    def pytest_collection_finish(self, session: Any) -> None:
        self._channel.send(type="collected", items=[_described(item) for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self._channel.send(type="collected", items=[{"id": id} for id in ids])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", None) or {}
        self._deselected = max(self._deselected, output.get("phasegate_deselected", 0))
        self._carried = max(self._carried, output.get("phasegate_carried", 0))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            text = _text(report)
            self._channel.send(
                type="uncollected", id=report.nodeid, message=_last_line(text), details=_bounded(text)
            )
        elif report.skipped:
            self._channel.send(type="left_out", id=report.nodeid, message=_skip_reason(report))

    def pytest_runtest_logreport(self, report: Any) -> None:
        worker = getattr(report, "node", None)
        key = (None if worker is None else worker.gateway.id, report.nodeid)
        self._reports.setdefault(key, []).append(report)
        if report.when not in ("setup", "call", "teardown"):  # a worker that died while running it
            if report.outcome == "rerun":  # and that another worker is to run again
                self._crashes.setdefault(report.nodeid, []).extend(self._reports.pop(key))
            else:
                self._finish(key)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        for key in [key for key in self._reports if key[1] == nodeid]:
            last = _tries(self._reports[key])[-1]
            # pytest-rerunfailures says this after each try; and of several workers that run the same test,
            # the one that is through has seen its teardown.
            if not _is_rerun(last) and (last[-1].when == "teardown" or key[0] is None):
                self._finish(key)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        for key in list(self._reports):
            # A phase without a teardown is a test that was cut off; only its failure is a result.
            if any(report.failed for report in self._reports[key]):
                self._finish(key)
        self._channel.send(
            type="finish",
            exit=int(exitstatus),
            deselected=max(self._deselected, self._narrowing.deselected(session)),
            carried=max(self._carried, self._narrowing.carried),
        )

    def _finish(self, key: tuple[Any, str]) -> None:
        *before, last = _tries(self._crashes.pop(key[1], []) + self._reports.pop(key))
        outcome = _outcome(last)
        if outcome["status"] == "passed" and not any(report.when == "call" for report in last):
            return  # --setup-only and the like: nothing was tested
        if outcome["status"] != "passed":
            outcome["details"] = _details(last)
        self._channel.send(
            type="test",
            **{"id": key[1], **getattr(last[0], "phasegate", {})},
            **outcome,
            duration=_duration(last),
            earlier=[
                {"message": _outcome(reports)["message"], "duration": _duration(reports)}
                for reports in before
            ],
        )


def _tries(reports: Sequence[Any]) -> list[list[Any]]:
    """The phases of each try of a test: a try begins with a setup, and with pytest-rerunfailures there may be
    several, all but the last of which have a phase with the outcome `rerun`."""
    tries: list[list[Any]] = []
    for report in reports:
        if not tries or (report.when == "setup" and _is_rerun(tries[-1])):
            tries.append([])
        tries[-1].append(report)
    return tries


def _is_rerun(reports: Sequence[Any]) -> bool:
    return any(report.outcome == "rerun" for report in reports)


def _duration(reports: Sequence[Any]) -> float:
    return float(sum(getattr(report, "duration", 0.0) for report in reports))


def pytest_configure(config: Any) -> None:
    path = os.environ.get(VARIABLE)
    if not path:
        return
    control = _control(path)
    narrowing = _Narrowing(control)
    config.pluginmanager.register(narrowing, "phasegate_narrowing")
    config.pluginmanager.register(_Marking(narrowing), "phasegate_marking")
    if not hasattr(config, "workerinput"):
        reporting = _Reporting(_Channel(control["events"]), narrowing, config)
        config.pluginmanager.register(reporting, "phasegate_reporting")
    _end_orderly_on_sigterm()


@pytest.fixture(scope="session")
def phasegate_target() -> Target:
    """The target's URLs: `phasegate_target.url`, `phasegate_target["<id>"]`."""
    path = os.environ.get(VARIABLE)
    if path:
        control = _control(path)
        return Target(control["targets"], control["default"])
    return Target({}, os.environ.get("PHASEGATE_TARGET_URL"))


def _control(path: str) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _end_orderly_on_sigterm() -> None:
    """Let fixtures be torn down when phasegate ends the run; children that tests fork just die."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    masks: list[Any] = []

    # Python forgets a signal that arrives in a fresh fork before its handler can run, so a child that is
    # terminated at once would live on: the signal waits until the child has its default action back.
    def before() -> None:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}))

    def in_parent() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.pop())

    def in_child() -> None:
        if signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.pop())

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def _file(item: Any) -> str:
    return str(getattr(item, "path", None) or item.fspath)


def _described(item: Any) -> dict[str, Any]:
    line = item.location[1]
    tags = [mark.name for mark in item.iter_markers() if mark.name not in _NO_TAGS]
    return {
        "id": item.nodeid,
        "file": _file(item),
        "line": None if line is None else line + 1,
        "tags": list(dict.fromkeys(tags)),
    }


def _outcome(reports: Sequence[Any]) -> dict[str, Any]:
    """One outcome of all phases, subtests included: the worst of them."""
    for report in reports:
        if report.skipped and hasattr(report, "wasxfail"):
            why = str(report.wasxfail).replace("reason: ", "", 1).strip()
            message = {"code": "xfail", "why": why} if why else {"code": "xfail"}
            return {"status": "failed", "message": message, "xfail": True}
    for report in reports:
        if report.failed or report.outcome == "rerun":
            return {"status": "failed", "message": _message(report)}
    for report in reports:
        if report.skipped:
            return {"status": "skipped", "message": _skip_reason(report)}
    for report in reports:
        raised = getattr(report, "phasegate_raised", None)
        if raised:
            return {
                "status": "failed",
                "message": {"code": "passed_by_plugin", "why": raised},
                "xfail": True,
            }
    return {"status": "passed", "message": ""}


def _message(report: Any) -> str | dict[str, Any]:
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(getattr(crash, "message", "")).strip().splitlines()
    message = lines[0] if lines else _last_line(_text(report))
    within = report.when in ("setup", "teardown")
    most = MESSAGE - len(f"{report.when} failed: ") if within else MESSAGE
    if isinstance(message, str) and len(message) > most:
        message = message[: most - 3] + "..."
    return {"code": "phase_failed", "phase": report.when, "why": message} if within else message


def _skip_reason(report: Any) -> str | dict[str, Any]:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else _last_line(_text(report))
    if isinstance(reason, dict):
        return reason
    reason = str(reason)
    return reason[len("Skipped: ") :][:MESSAGE] if reason.startswith("Skipped: ") else reason[:MESSAGE]


def _details(reports: Sequence[Any]) -> str:
    pieces = [_bounded(_text(report)) for report in reports if report.longrepr and not report.skipped]
    # Each report repeats the sections of those before it.
    pieces += [f"--- {name}\n{_bounded(content)}" for name, content in reports[-1].sections]
    return "\n\n".join(pieces)


def _text(report: Any) -> str:
    return getattr(report, "longreprtext", None) or str(report.longrepr or "")


def _first_line(text: str) -> str | dict[str, Any]:
    lines = text.strip().splitlines()
    return lines[0][:MESSAGE] if lines else NO_REASON


def _last_line(text: str) -> str | dict[str, Any]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line[2:].strip() for line in lines if line.startswith("E ")]
    return (errors or lines)[-1][:MESSAGE] if errors or lines else NO_REASON


def _bounded(text: str) -> str:
    if len(text) <= OUTPUT:
        return text
    half = OUTPUT // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
