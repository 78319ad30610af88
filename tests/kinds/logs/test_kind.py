"""`kind: logs`: a line that the run caused arrives in a file, at Loki, in the journal, or is printed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.kinds.logs.kind import LogsKind, LogsParams
from phasegate.kinds.logs.places import new_lines
from phasegate.model.measures import Number
from phasegate.model.observation import CaseStatus, Observation
from phasegate.targets.processes.local import LocalProcesses
from tests.answering import Asked, Reply, answering
from tests.telling import in_english, raises
from tests.worlds import TestWorld, world_at

PASSED, FAILED, LOST = CaseStatus.PASSED, CaseStatus.FAILED, CaseStatus.LOST


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TestWorld]:
    with answering(lambda asked: logging(tmp_path, asked)) as url:
        processes = LocalProcesses(dict(os.environ), grace=1.0)
        async with world_at(url, tmp_path, processes=processes) as world:
            yield world


def logging(folder: Path, asked: Asked) -> Reply:
    """A service that writes a line of JSON for each request, later where it is asked to."""
    line = {"level": "info", "http": {"path": asked.path}, "id": asked.headers.get("X-Request-Id", "")}

    def write() -> None:
        if asked.path == "/later":
            time.sleep(0.7)
        if asked.path != "/silent":
            with (folder / "app.log").open("a") as file:
                file.write(json.dumps(line) + "\n")

    threading.Thread(target=write).start()
    return Reply(status=500 if asked.path == "/broken" else 200)


async def look(world: TestWorld, **params: Any) -> Observation:
    return in_english(await LogsKind().observe(LogsParams.model_validate(params), world))


def cases(seen: Observation) -> dict[str, tuple[CaseStatus, str]]:
    return {case.id: (case.status, str(case.message)) for case in seen.cases}


@pytest.mark.parametrize("path", ["/", "/later", "/broken"])
async def test_the_line_of_a_request_arrives_in_a_file(world: TestWorld, path: str) -> None:
    (world.root / "app.log").write_text("old line\n")
    seen = await look(world, file="*.log", request={"url": path}, fields=["level", "http.path", "id"])
    assert cases(seen) == {"arrival": (PASSED, ""), "fields": (PASSED, "")}
    arrival, lines = seen.measures["arrival"], seen.measures["lines"]
    assert isinstance(arrival, Number)
    assert arrival.value is not None
    assert arrival.value >= (0.7 if path == "/later" else 0)
    assert lines == Number(value=1)


async def test_a_line_that_does_not_arrive_fails(world: TestWorld) -> None:
    (world.root / "app.log").write_text("")
    seen = await look(world, file="app.log", request={"url": "/silent"}, within="600ms")
    assert cases(seen) == {
        "arrival": (FAILED, "the line of the request did not arrive within 600 ms"),
    }


async def test_fields_that_are_missing_are_named(world: TestWorld) -> None:
    (world.root / "app.log").write_text("")
    seen = await look(world, file="app.log", request={"url": "/"}, fields=["level", "time", "http.status"])
    assert cases(seen)["fields"] == (FAILED, "the line of the request lacks time, http.status")


async def test_a_request_without_an_answer_is_not_the_fault_of_logs(world: TestWorld) -> None:
    (world.root / "app.log").write_text("")
    seen = await look(world, file="app.log", request={"url": "http://127.0.0.1:9/"}, within="100ms")
    assert cases(seen)["arrival"][0] is LOST


async def test_errors_and_forbidden_texts_are_looked_for_in_what_arrives_meanwhile(world: TestWorld) -> None:
    log = world.root / "app.log"
    log.write_text("error of yesterday hunter2\n")
    world.accompanies, world.stop_after = True, 1.5

    async def write() -> None:
        await asyncio.sleep(0.3)
        with log.open("a") as file:
            file.write("error one\nall is well\nerror two hunter2\n")

    writing = asyncio.create_task(write())
    seen = await look(world, file="app.log", errors="^error", forbidden=["swordfish", "hunter2"])
    await writing
    assert seen.measures["errors"] == Number(value=2)
    assert cases(seen) == {"forbidden": (FAILED, "a line holds text 2 of the 2 that are forbidden")}


async def test_a_file_that_begins_anew_is_read_from_its_beginning(world: TestWorld) -> None:
    log = world.root / "app.log"
    log.write_text("a line before, which is longer than what comes\n")
    world.accompanies, world.stop_after = True, 1.0

    async def rotate() -> None:
        await asyncio.sleep(0.3)
        log.rename(world.root / "app.log.1")
        log.write_text("error\n")

    writing = asyncio.create_task(rotate())
    seen = await look(world, file="app.log", errors="error")
    await writing
    assert seen.measures["errors"] == Number(value=1)


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
async def test_of_a_file_that_is_renamed_meanwhile_new_lines_count(world: TestWorld, pattern: str) -> None:
    log = world.root / "app.log"
    log.write_text("error before\n")
    world.accompanies, world.stop_after = True, 1.0

    async def rotate() -> None:
        await asyncio.sleep(0.3)
        with log.open("a") as file:
            file.write("error 1\n")
        log.rename(world.root / "app.log.1")
        log.write_text("error 2\n")

    writing = asyncio.create_task(rotate())
    seen = await look(world, file=pattern, errors="error")
    await writing
    assert seen.measures["errors"] == Number(value=2)


@pytest.mark.parametrize("way", ["cut", "gone"])
async def test_a_file_that_is_cut_meanwhile_shows_a_part(world: TestWorld, way: str) -> None:
    log = world.root / "app.log"
    log.write_text("before\n")
    (world.root / "other.log").write_text("")
    world.accompanies, world.stop_after = True, 1.0

    async def cut() -> None:
        await asyncio.sleep(0.3)
        if way == "cut":
            log.write_text("error and as many bytes as before\n")
        else:
            log.unlink()

    cutting = asyncio.create_task(cut())
    seen = await look(world, file="*.log", errors="error", forbidden="x")
    await cutting
    assert seen.measures["errors"] == Number(value=1 if way == "cut" else 0, partial=True)
    assert cases(seen)["forbidden"] == (
        LOST,
        "a file was cut or taken away meanwhile; what stood in it is not known",
    )


@pytest.mark.parametrize("line", ["key: {}", '{{"key": {}}}'])
async def test_a_forbidden_text_of_several_lines_is_found(world: TestWorld, line: str) -> None:
    log, key = world.root / "app.log", "BEGIN\nabc\nEND\n"
    log.write_text("")
    world.accompanies, world.stop_after = True, 0.8
    written = line.format(json.dumps(key) if "{{" in line else key)

    async def write() -> None:
        await asyncio.sleep(0.2)
        log.write_text(f"{written}\nmore\n")

    writing = asyncio.create_task(write())
    seen = await look(world, file="app.log", forbidden=key)
    await writing
    assert cases(seen)["forbidden"][0] is FAILED


async def test_where_nothing_arrives_nothing_is_proven(world: TestWorld) -> None:
    (world.root / "app.log").write_text("old\n")
    seen = await look(world, file="app.log", errors="error", forbidden="x")
    assert "errors" not in seen.measures
    assert seen.absent["", "errors"] == "no data: no line arrived"
    assert cases(seen)["forbidden"][0] is LOST


async def test_no_file_is_an_error(world: TestWorld) -> None:
    with raises(ObservationError, match=r"no file matches nothing\.log"):
        await look(world, file="nothing.log", errors="x")


async def test_lines_that_a_command_prints(world: TestWorld) -> None:
    program = "import pathlib; print(pathlib.Path('app.log').read_text(), end='')"
    (world.root / "app.log").write_text("")
    command = [sys.executable, "-c", program]
    seen = await look(world, command=command, request={"url": "/"}, errors="level")
    assert cases(seen) == {"arrival": (PASSED, "")}
    assert seen.measures["errors"] == Number(value=1)
    with raises(ObservationError, match="gave no report"):
        await look(world, command=[sys.executable, "-c", "raise SystemExit(3)"], errors="x")


async def test_of_a_command_that_fails_no_line_of_the_log_is_shown(world: TestWorld) -> None:
    program = "import sys; print('s3cr3t'); sys.exit(1)"
    with raises(ObservationError, match="exit code 1") as failed:
        await look(world, command=[sys.executable, "-c", program], errors="x")
    assert "s3cr3t" not in repr(failed.value.message)


async def test_lines_from_before_the_check_do_not_count(world: TestWorld) -> None:
    log = world.root / "app.log"
    log.write_text("error before\nfine\n")
    command = [sys.executable, "-c", "import sys; sys.stdout.write(open('app.log').read())"]
    seen = await look(world, command=command, request={"url": "/"}, errors="error")
    assert (seen.measures["lines"], seen.measures["errors"]) == (Number(value=1), Number(value=0))
    nothing = await look(world, command=command, errors="error")
    assert "errors" not in nothing.measures
    assert nothing.absent["", "errors"] == "no data: no line arrived"


@pytest.mark.parametrize(
    ("before", "after", "new", "whole"),
    [
        ("ab", "abc", "c", True),
        ("ab", "ab", "", True),
        ("", "ab", "ab", True),
        ("abc", "bcd", "d", True),
        ("aab", "abab", "ab", True),
        ("abab", "ababx", "x", True),
        ("xaaa", "aaaa", "a", True),
        ("abc", "acbd", "d", False),
        ("ab", "cde", "cde", False),
        ("ab", "", "", False),
    ],
)
def test_new_lines_follow_those_before(before: str, after: str, new: str, whole: bool) -> None:
    assert new_lines(before, after) == (tuple(new), whole) if before else True


async def test_a_command_that_does_not_end_is_ended(world: TestWorld) -> None:
    with raises(ObservationError, match="gave no report"):
        await look(world, command=["sleep", "600"], errors="x", timeout="300ms")


async def test_the_journal_is_asked_for_a_unit_since_the_check_began(world: TestWorld) -> None:
    fake = world.root / "journalctl"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    world.processes = LocalProcesses({"PATH": f"{world.root}:{os.environ['PATH']}"}, grace=1.0)
    seen = await look(world, journal="api.service", errors="--since=@[0-9.]+ --unit=api.service$")
    assert seen.measures["errors"] == Number(value=1)


class Loki:
    """Answers as Loki does, from lines that a test puts there."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.asked: list[dict[str, list[str]]] = []
        self.logs_itself = False

    def reply(self, asked: Asked) -> Reply:
        query = parse_qs(urlsplit(asked.path).query)
        self.asked.append(query)
        _, _, wanted = query["query"][0].partition(' |~ "')
        values = [[str(time.time_ns()), line] for line in self.lines if re.search(wanted.rstrip('"'), line)]
        if self.logs_itself:
            self.lines.append(f"query={query['query'][0]}")
        data = {"resultType": "streams", "result": [{"stream": {}, "values": values[:5000]}]}
        return Reply(body=json.dumps({"status": "success", "data": data}).encode())


async def test_lines_that_arrive_at_loki(tmp_path: Path) -> None:
    loki = Loki()

    def service(asked: Asked) -> Reply:
        loki.lines += [json.dumps({"level": "error", "id": asked.headers["X-Trace"]}), '{"level": "info"}']
        return Reply()

    with answering(loki.reply) as there, answering(service) as url:
        async with world_at(url, tmp_path) as world:
            place = {"url": there, "query": '{app="api"}'}
            request = {"url": "/", "header": "X-Trace"}
            seen = await look(world, loki=place, request=request, fields="level", errors='"level": "error"')
            assert cases(seen) == {"arrival": (PASSED, ""), "fields": (PASSED, "")}
            assert seen.measures["errors"] == Number(value=1)
            loki.lines = ["x"] * 6000
            many = await look(world, loki=place, errors="y")
            assert many.measures["errors"] == Number(value=0, partial=True)


async def test_the_query_that_loki_itself_logs_is_no_line_of_the_request(tmp_path: Path) -> None:
    loki = Loki()
    loki.logs_itself = True
    with answering(loki.reply) as there, answering(lambda asked: Reply()) as url:
        async with world_at(url, tmp_path) as world:
            place = {"url": there, "query": '{app=~".+"}'}
            seen = await look(world, loki=place, request={"url": "/"}, within="1500ms")
    assert cases(seen)["arrival"][0] is FAILED


@pytest.mark.parametrize("ahead", [-90, 0, 90])
async def test_the_clock_of_the_lines_may_differ_from_ours(tmp_path: Path, ahead: int) -> None:
    lines = [(time.time_ns() + (ahead - 20) * 10**9, "an old error")]

    def loki(asked: Asked) -> Reply:
        query = parse_qs(urlsplit(asked.path).query)
        _, _, wanted = query["query"][0].partition(' |~ "')
        begin, end = int(query["start"][0]), int(query["end"][0])
        values = [
            [str(at), line] for at, line in lines if begin <= at < end and re.search(wanted.rstrip('"'), line)
        ]
        data = {"resultType": "streams", "result": [{"stream": {}, "values": values}]}
        return Reply(body=json.dumps({"status": "success", "data": data}).encode())

    def service(asked: Asked) -> Reply:
        lines.append((time.time_ns() + ahead * 10**9, f"an error of {asked.headers['X-Request-Id']}"))
        return Reply()

    with answering(loki) as there, answering(service) as url:
        async with world_at(url, tmp_path) as world:
            place = {"url": there, "query": "{}"}
            seen = await look(world, loki=place, request={"url": "/"}, within="3s", errors="error")
    assert cases(seen)["arrival"][0] is PASSED
    assert seen.measures["errors"] == Number(value=1)


METRIC = {"status": "success", "data": {"resultType": "matrix", "result": [{"values": [[1, "5"]]}]}}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"{}"),
        Reply(body=b"<html>"),
        Reply(status=500),
        Reply(body=json.dumps(METRIC).encode()),
    ],
)
async def test_what_is_no_loki_is_an_error(tmp_path: Path, reply: Reply) -> None:
    with answering(lambda asked: reply) as url:
        async with world_at(url, tmp_path) as world:
            with pytest.raises(ObservationError):
                await look(world, loki={"url": url, "query": "{}"}, errors="x")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"errors": "x"}, "exactly one of file, journal, loki and command"),
        ({"file": "a", "journal": "b", "errors": "x"}, "exactly one of file, journal, loki and command"),
        ({"file": "a"}, "ask something"),
        ({"file": "a", "errors": "("}, "regular expression"),
        ({"file": "a", "errors": "x", "fields": "level"}, "fields goes with request"),
        ({"file": "a", "forbidden": ""}, "an empty text is in every line"),
    ],
)
def test_parameters_that_make_no_sense(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LogsParams.model_validate(params)
