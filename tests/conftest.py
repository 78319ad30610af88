"""Shared by all tests: which are slow, who runs which, golden files, and how many examples properties try."""

from __future__ import annotations

import compileall
import functools
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import phasegate
from phasegate.base.facts import Fact
from tests.examples import NIGHTLY, PROFILE

settings.register_profile(
    # A deadline, and the look at slow examples, would be tests of the machine.
    "phasegate",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.register_profile(
    NIGHTLY, settings.get_profile("phasegate"), max_examples=1_000, derandomize=False, print_blob=True
)
settings.load_profile(PROFILE)

pytest_plugins = ["tests.holdups"]


def _refuse_text(fact: Fact) -> str:
    raise TypeError(f"{fact.code.value} is a fact; phasegate.render.sentences makes a text of it")


Fact.__str__ = _refuse_text  # type: ignore[method-assign]
"""In these tests nobody may take a fact for a text, which a program puts up with."""

TESTS = Path(__file__).parent
GOLDEN = TESTS / "golden"
PACKAGE = Path(phasegate.__file__).parent

SLOW_FOLDERS = ("demo", "load/foreign", "pipeline", "stack")
SLOW_FIXTURES = frozenset({"controller", "desk", "nothing_left", "yard"})
"""What starts whole programs, or containers."""

HoldAgainst = Callable[[str | Path, str], None]
"""`hold(name, text)`: the text must be that of the golden file: a name in `golden/`, or a whole path."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write golden files instead of comparing.")


def pytest_configure(config: pytest.Config) -> None:
    """Compile once what hundreds of processes import: told to write no bytecode, each would do it again."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(PACKAGE, quiet=2)
    _start_programs_with_default_signals()


def _start_programs_with_default_signals() -> None:
    """Under `nohup`, or behind `&`, signals are ignored here, and would be in whatever a test starts: a
    handler, even one that does nothing, is not handed on."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is slow, before `-m` looks at marks, and let workers begin with it."""
    for item in items:
        if _is_slow(item):
            item.add_marker("slow")
    if hasattr(config, "workerinput"):
        modules = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in modules)


def _is_slow(item: pytest.Item) -> bool:
    """Whether a test needs an engine or a browser, or runs whole programs."""
    return (
        any(item.get_closest_marker(mark) for mark in ("engine", "browser"))
        or _is_in_slow_folder(item.path.parent)
        or not SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    )


@functools.cache
def _is_in_slow_folder(folder: Path) -> bool:
    return any(folder.is_relative_to(TESTS / slow) for slow in SLOW_FOLDERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n 2` a module runs in one worker, so that its fixtures are made once; slow ones come first.

    pytest-xdist's own groups (3.8) are not seen by pytest 9.2, which keeps the ids of tests elsewhere.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Modules(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0]

    config.option.loadscopereorder = False  # by the number of tests, which says little
    return Modules(config, log)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> HoldAgainst:
    def hold(name: str | Path, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.is_file(), f"{path} is missing; pytest --update-golden writes it"
        assert text == path.read_text(encoding="utf-8")

    return hold
