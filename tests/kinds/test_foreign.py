"""Kinds of other packages: one installed by pip, and those that are broken, clash, or go wrong in a run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from phasegate.base.facts import decode
from phasegate.base.marks import Demand
from phasegate.kinds.foreign import DEMANDED
from phasegate.kinds.offers import offers
from phasegate.render.sentences import sentence
from tests import warm

pytestmark = pytest.mark.slow

SPOOL = Path(__file__).parent / "spool"
SECRET = "hunter2-but-longer"
KIND = """
    from phasegate.kinds.base import CheckParams, Kind
    from phasegate.model.measures import MeasureSpec, MeasureType, Number
    from phasegate.model.observation import Observation
    from phasegate.base.units import Dimension

    class Base(Kind):
        about, Params, example = "one", CheckParams, {}
        def measures(self, params):
            return {"seen": MeasureSpec(type=MeasureType.NUMBER, dimension=Dimension.COUNT, about="seen")}
        def defaults(self, params):
            return ("seen >= 1",)
        def summary(self, params):
            return "looks"
        async def observe(self, params, world):
            return Observation(measures={"seen": Number(value=1)})
"""


def phasegate(
    folder: Path, *arguments: str, packages: tuple[Path, ...] = (), env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(map(str, packages))
    around = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "200", **(env or {})}
    return warm.run(arguments, cwd=folder, env=around, timeout=120)


def package(folder: Path, name: str, kinds: Mapping[str, str], modules: Mapping[str, str]) -> Path:
    """What an installer leaves of a package: modules, and metadata that offers kinds."""
    folder.mkdir(exist_ok=True)
    metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = "\n".join(f"{kind} = {place}" for kind, place in kinds.items())
    (metadata / "entry_points.txt").write_text(f"[phasegate.kinds]\n{points}\n")
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(textwrap.dedent(text))
    return folder


def one_kind(name: str, body: str = "pass") -> str:
    """A module with a kind of this name that does what the body says."""
    return (
        textwrap.dedent(KIND)
        + textwrap.dedent(f"""
        class One(Base):
            name = {name!r}
    """)
        + textwrap.indent(textwrap.dedent(body), "    ")
    )


def plan(folder: Path, *checks: str, rest: str = "") -> Path:
    lines = ["phasegate: 1", "phase: p", "title: t", rest, "steps:", "  - id: s", "    checks:"]
    (folder / "plan.yaml").write_text("\n".join([*lines, *(f"      - {check}" for check in checks), ""]))
    return folder / "plan.yaml"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package as pip installs it, built from a copy of its source."""
    source, folder = tmp_path_factory.mktemp("source") / "spool", tmp_path_factory.mktemp("installed")
    shutil.copytree(SPOOL, source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    options = ["--no-index", "--disable-pip-version-check", "--target", str(folder), str(source)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """The example's plan and the folder that it looks at."""
    shutil.copytree(SPOOL / "jobs", tmp_path / "jobs")
    shutil.copy(SPOOL / "plan.yaml", tmp_path)
    return tmp_path


def test_a_kind_of_an_installed_package_is_judged_like_any_other(installed: Path, spool: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "phasegate", "run", "plan.yaml", "-o", "run"],
        cwd=spool,
        env={**os.environ, "PYTHONPATH": str(installed), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "PASS  release" in done.stderr) == (0, True), done.stderr
    (spool / "jobs" / "print" / "2.failed").touch()
    done = phasegate(spool, "run", "plan.yaml", "-o", "failed", packages=(installed,))
    assert done.returncode == 1, done.stderr
    assert "expected no failed job, got 1: 2.failed" in done.stderr


def test_the_record_and_the_reports_name_the_package(installed: Path, spool: Path) -> None:
    done = phasegate(spool, "run", "plan.yaml", "-o", "run", packages=(installed,))
    assert done.returncode == 0, done.stderr
    result = json.loads((spool / "run" / "result.json").read_text())
    check = result["steps"][0]["checks"][0]
    assert check["asked"]["package"] == {"name": "phasegate-spool", "version": "1.2.0"}
    assert result["environment"]["kind spool"] == "phasegate-spool 1.2.0"
    page = (spool / "run" / "report.html").read_text()
    assert "spool of phasegate-spool 1.2.0" in page
    assert "Jobs that wait" in page
    suites = ElementTree.parse(spool / "run" / "junit.xml").getroot()
    named = suites.find(".//property[@name='phasegate.package']")
    assert named is not None
    assert named.get("value") == "phasegate-spool 1.2.0"
    # Reports and the verification of a record need nothing but the record.
    page_before = page
    for command in ("verify", "report"):
        again = phasegate(spool, command, "run")
        assert again.returncode == 0, again.stderr
    assert (spool / "run" / "report.html").read_text() == page_before


def test_every_command_knows_the_kind(installed: Path, spool: Path) -> None:
    listed = phasegate(spool, "kinds", packages=(installed,))
    assert "spool" in listed.stdout
    assert "(phasegate-spool 1.2.0)" in listed.stdout
    described = json.loads(phasegate(spool, "kinds", "spool", "--json", packages=(installed,)).stdout)[
        "spool"
    ]
    assert described["package"] == {"name": "phasegate-spool", "version": "1.2.0"}
    assert described["parameters"]["looks"]["about"] == "How often it is looked at."
    schema = json.loads(phasegate(spool, "schema", packages=(installed,)).stdout)
    assert "spool" in schema["$defs"]["check"]["properties"]["kind"]["enum"]
    planned = json.loads(phasegate(spool, "plan", "plan.yaml", "--json", packages=(installed,)).stdout)
    assert planned["steps"][0]["checks"][0]["package"]["version"] == "1.2.0"
    assert phasegate(spool, "validate", "plan.yaml", packages=(installed,)).returncode == 0


def test_guard_compares_its_parameters_by_their_marks(installed: Path, spool: Path) -> None:
    old, new = spool / "old", spool / "new"
    text = (spool / "plan.yaml").read_text()
    for folder, changed in ((old, text), (new, text.replace("looks: 3", "looks: 2").replace(", print", ""))):
        shutil.copytree(spool / "jobs", folder / "jobs")
        (folder / "plan.yaml").write_text(changed)
    done = phasegate(spool, "guard", "old/plan.yaml", "new/plan.yaml", packages=(installed,))
    assert done.returncode == 1, done.stderr
    said = done.stdout + done.stderr
    for item in ("check jobs looks", "check jobs topics"):
        assert item in said
    assert "weaker" in said


def test_another_version_of_a_kind_makes_it_another_check(installed: Path, spool: Path) -> None:
    newer = spool / "newer"
    shutil.copytree(installed, newer)
    (metadata,) = newer.glob("*.dist-info")
    text = (metadata / "METADATA").read_text().replace("Version: 1.2.0", "Version: 1.3.0")
    (metadata / "METADATA").write_text(text)
    prints = []
    for name, packages in (("one", (installed,)), ("two", (newer,))):
        assert phasegate(spool, "run", "plan.yaml", "-o", name, packages=packages).returncode == 0
        result = json.loads((spool / name / "result.json").read_text())
        prints.append(result["steps"][0]["checks"][0]["asked"]["sha256"])
    assert prints[0] != prints[1]


def test_without_the_package_the_kind_is_unknown(spool: Path) -> None:
    done = phasegate(spool, "validate", "plan.yaml")
    assert done.returncode == 2
    assert "unknown kind 'spool'" in done.stderr


BROKEN: Mapping[str, tuple[str, str, str]] = {
    "imports": ("imports:One", "import nothing_of_that_name", "nothing_of_that_name"),
    "raises": ("raises:One", "raise RuntimeError('no way')", "RuntimeError: no way"),
    "excuses": (
        "excuses:One",
        "from phasegate.base.errors import TargetError\nraise TargetError('not 75')",
        "TargetError: not 75",
    ),
    "builds": (
        "builds:One",
        one_kind(
            "builds",
            """
            class Params(CheckParams):
                class Odd: ...
                odd: Odd | None = None
        """,
        ),
        "Unable to generate pydantic-core schema",
    ),
    "checks": (
        "checks:One",
        one_kind(
            "checks",
            """
            class Params(CheckParams):
                from pydantic import field_validator
                size: int = 1
                @field_validator("size", mode="before")
                @classmethod
                def _read(cls, size):
                    raise RuntimeError("of all sizes")
        """,
        ),
        "RuntimeError: of all sizes",
    ),
    "exits": ("exits:One", "import sys\nsys.exit(0)", "SystemExit: 0"),
    "lacks": ("lacks:One", "", "has no attribute 'One'"),
    "syntax": ("syntax:One", "def", "SyntaxError"),
    "missing": ("no_such_module:One", "", "no_such_module"),
    "function": ("function:One", "def One(): pass", "is not a subclass of phasegate.kinds.base.Kind"),
    "misnamed": ("misnamed:One", one_kind("other"), "calls it 'misnamed', and its 'name' is 'other'"),
    "silent": ("silent:One", one_kind("silent", "observe = Kind.observe"), "it has no method 'observe'"),
    "bare": ("bare:One", one_kind("bare", "Params = dict"), "'Params' is not a subclass"),
    "built": ("built:One", one_kind("built", "def __init__(self): 1 / 0"), "ZeroDivisionError"),
    "summed": ("summed:One", one_kind("summed", "def summary(self, params): return 5"), "'summary' failed"),
    "timed": ("timed:One", one_kind("timed", "def duration(self, params): 1 / 0"), "'duration' failed"),
}


def test_what_is_broken_is_named_with_its_package_and_all_at_once(tmp_path: Path) -> None:
    for name, (place, module, _) in BROKEN.items():
        package(tmp_path / "packages", f"a-{name}", {name: place}, {name: module})
    own = {"checks": ", size: 2"}
    plan(tmp_path, *(f"{{id: c-{name}, kind: {name}{own.get(name, '')}}}" for name in BROKEN))
    done = phasegate(tmp_path, "validate", "plan.yaml", packages=(tmp_path / "packages",))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for name, (_, _, words) in BROKEN.items():
        (line,) = (line for line in done.stderr.splitlines() if f"a-{name} 1.0" in line and "error" in line)
        assert f"'{name}'" in line
        assert words in line
    for arguments in (("kinds",), ("schema",), ("kinds", "exits")):
        done = phasegate(tmp_path, *arguments, packages=(tmp_path / "packages",))
        assert (done.returncode, done.stdout) == (2, "")
        assert "a-exits 1.0" in done.stderr


WRONG: Mapping[str, tuple[str, str]] = {
    "def measures(self, params): 1 / 0": ("'measures' failed", "ZeroDivisionError"),
    "def measures(self, params): return ['seen']": ("'measures' failed", "valid dictionary"),
    "def defaults(self, params): return ('seen >',)": ("'defaults' failed", "threshold after '>' is missing"),
    "def defaults(self, params): return ('sean > 1',)": ("'defaults' failed", "'sean > 1' is on a measure"),
    "def defaults(self, params): return [5]": ("'defaults' failed", "valid tuple"),
    "def asked(self, params): raise SystemExit(0)": ("'asked' failed", "SystemExit: 0"),
    "def samples(self, params): return 'many'": ("'samples' failed", "valid integer"),
}


@pytest.mark.parametrize("body", WRONG)
def test_a_kind_that_answers_wrongly_is_wrong_usage(tmp_path: Path, body: str) -> None:
    package(tmp_path / "packages", "a-wrong", {"wrong": "wrong:One"}, {"wrong": one_kind("wrong", body)})
    plan(tmp_path, "{id: c, kind: wrong, criteria: [seen >= 0.5]}")
    done = phasegate(tmp_path, "run", "plan.yaml", "-o", "run", packages=(tmp_path / "packages",))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for words in ("wrong", *WRONG[body]):
        assert words in done.stderr
    assert not (tmp_path / "run").exists()


def test_what_a_plan_does_not_use_is_not_even_imported(tmp_path: Path) -> None:
    module = f"open({str(tmp_path / 'imported')!r}, 'w').close()\nraise RuntimeError"
    package(tmp_path / "packages", "a-loud", {"loud": "loud:One"}, {"loud": module})
    plan(tmp_path, "{id: c, kind: command, command: ['true'], during: run}")
    done = phasegate(tmp_path, "validate", "plan.yaml", packages=(tmp_path / "packages",))
    assert "kinds that can: health, resources" in done.stderr
    plan(tmp_path, "{id: c, kind: command, command: ['true']}")
    done = phasegate(tmp_path, "run", "plan.yaml", "-o", "run", packages=(tmp_path / "packages",))
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "imported").exists()


def test_a_name_that_means_two_kinds_is_refused_where_it_is_used(tmp_path: Path) -> None:
    for name in ("first", "second"):
        offered = {"twice": f"{name}:One", **({"health": f"{name}:One"} if name == "first" else {})}
        package(tmp_path / "packages", f"the-{name}", offered, {name: one_kind("twice")})
    plan(tmp_path, "{id: a, kind: twice}", "{id: b, kind: health, url: 'http://127.0.0.1:1/'}")
    done = phasegate(tmp_path, "validate", "plan.yaml", packages=(tmp_path / "packages",))
    assert done.returncode == 2
    assert "kind 'twice' is offered by the-first 1.0 and the-second 1.0" in done.stderr
    assert "kind 'health' is phasegate's own, and the-first 1.0 offers one of that name, too" in done.stderr
    plan(tmp_path, "{id: c, kind: command, command: ['true']}")
    done = phasegate(tmp_path, "validate", "plan.yaml", packages=(tmp_path / "packages",))
    assert done.returncode == 0, done.stderr


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., set[str]]]:
    """The packages that offer a kind, with folders before all others on the path."""

    def look(kind: str, *folders: Path) -> set[str]:
        for folder in reversed(folders):
            monkeypatch.syspath_prepend(folder)
        offers.cache_clear()
        return {offer.words for offer in offers().get(kind, ())}

    yield look
    monkeypatch.undo()
    offers.cache_clear()


def test_a_package_that_lies_twice_on_the_path_offers_its_kind_once(
    tmp_path: Path, offered: Callable[..., set[str]]
) -> None:
    for folder, name in (("first", "a-b.c"), ("second", "A_B-C")):
        package(tmp_path / folder, name, {"twice": "module:One"}, {})
    assert offered("twice", tmp_path / "first", tmp_path / "second") == {"a-b.c 1.0"}


@pytest.mark.parametrize("broken", ["METADATA", "entry_points.txt"])
def test_a_package_that_is_not_whole_offers_nothing(
    tmp_path: Path, offered: Callable[..., set[str]], broken: str
) -> None:
    package(tmp_path / "half", "a-half", {"half": "module:One"}, {})
    file = tmp_path / "half" / "a_half-1.0.dist-info" / broken
    assert offered("half", tmp_path / "half") == {"a-half 1.0"}
    if broken == "METADATA":
        file.unlink()
    else:
        file.write_bytes(b"[phasegate.kinds]\nhalf = \xff\xfe")
    assert offered("half") == set()


ODD = """
    import math, os, sys
    from phasegate.base.errors import ObservationError, TargetError, UsageError
    from phasegate.model.measures import Share
    from phasegate.model.observation import Case, CaseStatus

    class Params(CheckParams):
        does: str

    class Odd(Base):
        name, Params, example, has_cases = "odd", Params, {"does": "well"}, True
        def measures(self, params):
            share = MeasureSpec(type=MeasureType.SAMPLE, dimension=Dimension.SHARE, about="good")
            return {**super().measures(params), "good": share}
        def defaults(self, params):
            return ("seen >= 1",)
        async def observe(self, params, world):
            seen = {"seen": Number(value=1)}
            case, bad = (Case(id="a", name="a", status=one) for one in (CaseStatus.PASSED, "good"))
            match params.does:
                case "raise": raise ValueError("no luck")
                case "assert": assert not params.does
                case "exit": sys.exit(0)
                case "group": raise ExceptionGroup("both", [KeyError("one"), OSError("two")])
                case "usage": raise UsageError("exit code 2 it is not")
                case "target": raise TargetError("nor 75")
                case "nothing": return None
                case "unknown": return Observation(measures={"other": Number(value=1)})
                case "census": return Observation(measures={"good": Share(passed=9, total=9, sample=False)})
                case "number": return Observation(measures={"seen": 1})
                case "text": return Observation(measures={"seen": Number(value="1")})
                case "nan": return Observation(measures={"seen": Number(value=math.nan)})
                case "size": return Observation(measures={"seen": Number(value=1, dimension=Dimension.SIZE)})
                case "twins": return Observation(measures=seen, cases=(case, case))
                case "cases": return Observation(measures=seen, cases=("a", "b"))
                case "outside": return Observation(measures=seen, evidence=("../../etc/passwd",))
                case "status": return Observation(measures=seen, cases=(bad,))
                case "unable": raise ObservationError("there is no such thing")
            return Observation(measures=seen, cases=(case,))
"""
DEFECTS = {
    "raise": "a defect in kind 'odd' of odd-ones 1.0: ValueError: no luck",
    "assert": "a defect in kind 'odd' of odd-ones 1.0: AssertionError",
    "exit": "a defect in kind 'odd' of odd-ones 1.0: SystemExit: 0",
    "group": "a defect in kind 'odd' of odd-ones 1.0: KeyError: 'one'",
    "usage": "a defect in kind 'odd' of odd-ones 1.0: UsageError: exit code 2 it is not",
    "target": "a defect in kind 'odd' of odd-ones 1.0: TargetError: nor 75",
    "nothing": "it returned NoneType, not an Observation",
    "unknown": "measure 'other' is not among those that 'measures' announces",
    "census": "measure 'good' is announced as a sample, but its share says otherwise",
    "number": "measure 'seen' is announced as a number, but is a int",
    "text": "measure 'seen' has a value of another type",
    "nan": "measure 'seen' ",
    "size": "measure 'seen' is announced as a count, but is a size",
    "twins": "two cases have one id",
    "cases": "should be a dictionary or an instance of Case",
    "outside": "evidence '../../etc/passwd' was not kept by world.evidence",
    "status": "0.status: Input should be 'passed'",
    "unable": "there is no such thing",
}


def test_what_goes_wrong_in_a_kind_is_its_fault_and_never_the_targets(tmp_path: Path) -> None:
    modules = {"odd": textwrap.dedent(KIND) + textwrap.dedent(ODD)}
    package(tmp_path / "packages", "odd-ones", {"odd": "odd:Odd"}, modules)
    plan(tmp_path, *(f"{{id: c-{does}, kind: odd, does: {does}}}" for does in (*DEFECTS, "well")))
    done = phasegate(tmp_path, "run", "plan.yaml", "-o", "run", packages=(tmp_path / "packages",))
    assert done.returncode == 3, done.stderr
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["verdict"] == "INCONCLUSIVE"
    checks: dict[str, Any] = {check["asked"]["id"]: check for check in result["steps"][0]["checks"]}
    assert checks.pop("c-well")["status"] == "passed"
    for does, words in DEFECTS.items():
        check = checks[f"c-{does}"]
        assert (check["status"], does) == ("errored", does)
        reason = sentence(decode(check["reason"]))
        assert words in reason
        assert does == "unable" or "odd-ones 1.0" in reason


@pytest.mark.parametrize("call", ["sys.exit(0)", "sys.exit(1)"])
def test_a_task_of_a_kind_that_ends_the_program_makes_no_verdict(tmp_path: Path, call: str) -> None:
    body = f"""
        async def observe(self, params, world):
            import asyncio, sys
            async def leave():
                {call}
            task = asyncio.create_task(leave())
            await asyncio.sleep(60)
    """
    package(tmp_path / "packages", "a-leaver", {"leaver": "leaver:One"}, {"leaver": one_kind("leaver", body)})
    plan(tmp_path, "{id: c, kind: leaver}")
    done = phasegate(tmp_path, "run", "plan.yaml", "-o", "run", packages=(tmp_path / "packages",))
    assert done.returncode == 3, done.stderr
    assert f"something within the run called {call}" in done.stderr
    result = phasegate(tmp_path, "report", "run", packages=(tmp_path / "packages",))
    assert "INCONCLUSIVE" in result.stderr


def test_secrets_are_kept_out_of_whatever_a_kind_leaves_behind(tmp_path: Path) -> None:
    body = """
        def summary(self, params):
            import os
            return os.environ["TOKEN"]
        async def observe(self, params, world):
            import os
            from phasegate.model.observation import Case, CaseStatus, Series
            token = os.environ["TOKEN"]
            (world.evidence.path / "own.txt").write_text(token)
            case = Case(id=token, name=token, status=CaseStatus.FAILED, message=token)
            return Observation(
                measures={"seen": Number(value=1)},
                cases=(case,),
                evidence=(world.evidence.write(f"{token}.txt", token),),
                notes=(token,),
                causes={token: 1},
                timeline=(Series(name=token, unit="", points=((0.0, 1.0), (1.0, 2.0))),),
            )
    """
    package(tmp_path / "packages", "a-blab", {"blab": "blab:One"}, {"blab": one_kind("blab", body)})
    plan(tmp_path, "{id: c, kind: blab}", rest="secrets: [TOKEN]")
    arguments = ("run", "plan.yaml", "-o", "run")
    done = phasegate(tmp_path, *arguments, packages=(tmp_path / "packages",), env={"TOKEN": SECRET})
    assert done.returncode == 0, done.stderr
    left = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(left) >= 6
    for path in left:
        assert SECRET not in path.name
        assert SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in done.stderr + done.stdout


PAGE = (Path(__file__).parents[2] / "docs" / "kinds" / "your-own.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_on_kinds_shows_the_example_as_it_is() -> None:
    for language, file in (
        ("toml", "pyproject.toml"),
        ("python", "phasegate_spool.py"),
        ("yaml", "plan.yaml"),
    ):
        assert blocks(language) == [(SPOOL / file).read_text(encoding="utf-8")]


def test_the_commands_on_the_page_print_what_it_shows(installed: Path, spool: Path) -> None:
    (session,) = blocks("console")
    commands = session.split("$ ")[1:]
    assert len(commands) == 4
    for command in commands:
        line, *shown = command.splitlines()
        program, *arguments = shlex.split(line)
        if program == "pip":
            continue  # that is how `installed` came to be
        done = phasegate(spool, *arguments, packages=(installed,))
        assert done.returncode == 0, done.stderr
        for text in shown:
            assert text in done.stdout + done.stderr


def test_the_page_names_every_mark_and_everything_that_a_kind_must_have() -> None:
    for name in (*(f"Demand.{mark.name}" for mark in Demand), "Arguments(", "Members(", "Expected("):
        assert f"`{name}" in PAGE
    for name in ("name", "about", "Params", "example", *(f"{method}(params" for method in DEMANDED)):
        assert f"| `{name}" in PAGE


def test_a_kind_that_is_stopped_keeps_what_it_saw_and_tells_why(installed: Path, spool: Path) -> None:
    plan(
        spool,
        "{id: waits, kind: spool, folder: jobs, topics: [print], every: 200ms, looks: 600}",
        rest="gate: {limit: 2s}",
    )
    done = phasegate(spool, "run", "plan.yaml", "-o", "run", packages=(installed,))
    assert done.returncode == 3, done.stderr
    (attempt,) = json.loads((spool / "run" / "result.json").read_text())["steps"][0]["checks"][0]["attempts"]
    assert attempt["observation"]["measures"]["waiting"]["samples"] > 1
    assert "stopped early: the run reached its limit of 2 s" in (spool / "run" / "report.html").read_text()


def test_facts_that_a_kind_hands_on_are_told_like_those_of_any_other(tmp_path: Path) -> None:
    body = """
        async def observe(self, params, world):
            try:
                world.target.destination("/x")
            except ObservationError as error:
                why = error.message
            failed = Case(id="a", name="a", status=CaseStatus.FAILED, message=why, earlier=(
                CaseAttempt(status=CaseStatus.FAILED, message=why),
            ))
            return Observation(
                measures={"seen": Number(value=1)},
                cases=(failed,),
                notes=(why, f"in a text: {why}"),
                causes={why: 3},
                absent={("", "other"): why},
            )
    """
    imports = (
        "from phasegate.base.errors import ObservationError\n"
        "from phasegate.model.observation import Case, CaseAttempt, CaseStatus\n"
    )
    folder = package(tmp_path / "p", "one", {"one": "one:One"}, {"one": imports + one_kind("one", body)})
    plan(tmp_path, "{id: a, kind: one, criteria: [seen == 1]}")
    done = phasegate(tmp_path, "run", "plan.yaml", "-o", "run", packages=(folder,))
    assert done.returncode == 0, done.stderr
    (attempt,) = json.loads((tmp_path / "run" / "result.json").read_text())["steps"][0]["checks"][0][
        "attempts"
    ]
    seen = attempt["observation"]
    (case,), (why, text) = seen["cases"], seen["notes"]
    assert why["code"] == case["message"]["code"] == case["earlier"][0]["message"]["code"]
    assert seen["causes"] == [[why, 3]]
    assert seen["absent"] == [["", "other", why]]
    assert text.startswith('in a text: {"code": ')
    assert phasegate(tmp_path, "report", "run").returncode == 0
