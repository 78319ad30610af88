from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from phasegate.base.errors import ObservationError
from phasegate.base.joined import united
from phasegate.kinds.base import Requirement
from phasegate.kinds.containers.kind import ContainersKind
from phasegate.kinds.load.kind import Load
from phasegate.kinds.load.params import LoadParams
from phasegate.plan.asked.entries import PlanCommand, Target
from phasegate.plan.asked.plan import Check
from phasegate.render.sentences import sentence
from phasegate.runner.preflight import Missing, find_broken, find_lacking, find_missing
from phasegate.targets.processes.local import LocalProcesses
from tests.runner.scripted import check
from tests.telling import in_english


async def look(path: Path, *checks: Check) -> dict[str, Missing]:
    environment = dict(os.environ)
    processes = LocalProcesses(environment)
    return await find_missing(checks, processes=processes, environment=environment, root=path)


def needing(id: str, *requirements: Requirement) -> Check:
    return replace(check(id), requirements=requirements)


async def test_what_is_there_is_not_missing(tmp_path: Path) -> None:
    probe = Requirement(program="python", arguments=("-c", "import json"))
    assert await look(tmp_path, needing("a", probe, Requirement(program="python")), check("b")) == {}


async def test_each_missing_program_is_named_with_what_installs_it(tmp_path: Path) -> None:
    requirements = [Requirement(program=f"no-such-{n}", install=f"get no-such-{n}") for n in (1, 2)]
    missing = await look(tmp_path, needing("a", *requirements), needing("b", requirements[0]), check("c"))
    assert in_english(missing) == {
        "a": Missing(
            reason="no-such-1 is not installed; no-such-2 is not installed",
            help="get no-such-1; get no-such-2",
        ),
        "b": Missing(reason="no-such-1 is not installed", help="get no-such-1"),
    }


async def test_of_many_missing_programs_that_checks_share_the_first_are_named(tmp_path: Path) -> None:
    shared = tuple(Requirement(program=f"no-such-{n}") for n in range(100))
    own = Requirement(program="no-such-own", install="get it")
    missing = await look(tmp_path, replace(check("a"), requirements=united((own,), shared)))
    first, second, *_, last = sentence(missing["a"].reason).split("; ")
    assert (first, second) == ("no-such-own is not installed", "no-such-0 is not installed")
    assert (last, missing["a"].help) == ("and 84 more", "get it")


async def test_a_probe_that_fails_says_what_it_said(tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text("import no_such_module")
    half = Requirement(program="python", arguments=("-c", "import half"), label="half")
    knock = Requirement(program="python", arguments=("-c", "exit('nobody answers')"), label="knock")
    own_words = replace(knock, explains=True)
    missing = await look(tmp_path, needing("a", half), needing("b", knock), needing("c", own_words))
    assert {id: sentence(one.reason) for id, one in missing.items()} == {
        "a": "half does not work: ModuleNotFoundError: No module named 'no_such_module'",
        "b": "knock does not work: nobody answers",
        "c": "nobody answers",
    }


async def test_a_module_that_is_not_there_is_not_installed(tmp_path: Path) -> None:
    probe = Requirement(program="python", arguments=("-c", "import no_such_module"), label="its library")
    missing = await look(tmp_path, needing("a", probe))
    assert sentence(missing["a"].reason) == "its library is not installed"


async def test_http2_without_its_library_is_missing_with_what_installs_it(tmp_path: Path) -> None:
    (tmp_path / "ngh2.py").write_text("raise ModuleNotFoundError(\"No module named 'ngh2'\")")
    needs = {
        written: Load().requirements(
            LoadParams.model_validate({"url": "/", "connections": 1, "protocol": written})
        )
        for written in ("http/1.1", "http/2")
    }
    missing = await look(tmp_path, needing("a", *needs["http/1.1"]), needing("b", *needs["http/2"]))
    assert in_english(missing) == {
        "b": Missing(
            reason="ngh2, for HTTP/2, is not installed",
            help=f"{sys.executable} -m pip install 'phasegate[http2]'",
        )
    }


async def test_a_probe_that_several_checks_ask_for_runs_once(tmp_path: Path) -> None:
    probe = Requirement(program="python", arguments=("-c", "open('probed', 'a').write('x')"))
    assert await look(tmp_path, needing("a", probe), needing("b", probe)) == {}
    assert (tmp_path / "probed").read_text() == "x"


async def test_a_secret_that_is_not_set_is_missing(tmp_path: Path) -> None:
    missing = await look(tmp_path, replace(check("a"), missing_secrets=("API_TOKEN",)))
    assert in_english(missing["a"]) == Missing(
        reason="the secret API_TOKEN is not set", help="set the environment variable API_TOKEN"
    )


async def test_what_is_needed_inside_a_container_is_looked_for_there(tmp_path: Path) -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []

    async def lacking(service: str, tools: tuple[str, ...]) -> tuple[str, ...]:
        asked.append((service, tools))
        if service == "down":
            raise ObservationError("no container of service 'down' is running", help="look at its log")
        return tuple(tool for tool in tools if tool != "sh")

    has, lacks = (Requirement(inside="web", tools=tools) for tools in (("sh",), ("sh", "jq", "psql")))
    own_way = Requirement(inside="db", tools=("jq",), install="apt-get install jq in deploy/db")
    checks = (
        needing("a", has),
        needing("b", has, lacks),
        needing("c", own_way, Requirement(inside="down", tools=("sh",))),
        check("d"),
    )
    assert await look(tmp_path, *checks) == {}
    assert asked == []
    assert in_english(await find_lacking(checks, lacking)) == {
        "b": Missing(
            reason="jq, psql are not in the container of web", help="add jq, psql to the image of web"
        ),
        "c": Missing(
            reason="jq is not in the container of db; no container of service 'down' is running",
            help="apt-get install jq in deploy/db; look at its log",
        ),
    }
    assert len(asked) == 4


def test_what_names_a_living_entry_goes_on_without_the_dead_one_unless_setup_was_needed() -> None:
    one = check("one")
    out = {"db": "it ended with exit code 1"}
    assert find_broken([one], Target(default="web"), out) == {}
    missing = find_broken([one], Target(default="db"), out)
    assert sentence(missing["one"].reason) == "it needs db, which did not come up: it ended with exit code 1"
    setup = (PlanCommand(argv=("seed",), cwd=Path(), limit=1.0),)
    missing = find_broken([one], Target(default="web", setup=setup), out)
    assert sentence(missing["one"].reason) == "target.setup was not run, as db did not come up"
    seeing = replace(one, kind=ContainersKind())
    assert find_broken([seeing], Target(default="db", setup=setup), out) == {}
