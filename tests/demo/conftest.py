"""The real controller, started as a process of its own on a free port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    json: Any

    @property
    def code(self) -> Any:
        """The error code, in the shape every error has."""
        assert set(self.json) == {"error"}
        assert set(self.json["error"]) == {"code", "message"}
        return self.json["error"]["code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    url: str
    process: subprocess.Popen[str]

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, method=method, headers=dict(headers or {}))
        try:
            with urlopen(request, timeout=90) as response:
                return _answer(response)
        except HTTPError as error:
            with error:
                return _answer(error)

    def initialize(self, title: str, script: str, **fields: object) -> Answer:
        body = {"context": {}, "script_content": script, **fields}
        return self.send("POST", "/api/v1/initialize", body, {"Language-Title": title})

    def open(self, title: str, script: str, **fields: object) -> str:
        answer = self.initialize(title, script, **fields)
        assert answer.status == 200, answer.json
        return str(answer.json["request_id"])

    def execute(self, request_id: str, params: object = None, **fields: object) -> Answer:
        return self.send("POST", f"/api/v1/execute/{request_id}", {"params": params or {}, **fields})


def _answer(response: HTTPResponse | HTTPError) -> Answer:
    text = response.read()
    return Answer(
        status=response.status or 0, headers=dict(response.headers), json=json.loads(text) if text else None
    )


@contextmanager
def running(
    *flags: str,
    environment: Mapping[str, str] | None = None,
    module: str = "phasegate.demo.controller",
) -> Iterator[Controller]:
    """The controller, or another process of the demo; SIGTERM at the end unless it ended before."""
    command = [sys.executable, "-m", module, "--port", "0", *flags]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert " ready on http" in line, line
            yield Controller(url=line.split()[-1], process=process)
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def start_refused(flags: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run the controller with flags that it must refuse."""
    command = [sys.executable, "-m", "phasegate.demo.controller", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def controller() -> Iterator[Controller]:
    with running() as started:
        yield started


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "controller.sqlite3"
