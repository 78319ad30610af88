"""A client for the controller, on the standard library alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

# The target is addressed directly: a proxy of the environment would answer for it.
_OPENER = build_opener(ProxyHandler({}))
LONGEST_ANSWER = 90.0
"""Seconds; a first Rust execution waits for its compiler."""


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    json: Any

    @property
    def result(self) -> Any:
        assert self.status == 200, f"{self.status}: {self.json}"
        return self.json["result"]

    @property
    def error(self) -> tuple[int, str]:
        """Status and code; the body must have the shape every error has."""
        assert self.status >= 400, f"{self.status}: {self.json}"
        assert list(self.json) == ["error"], self.json
        assert sorted(self.json["error"]) == ["code", "message"], self.json
        assert self.json["error"]["message"], self.json
        return self.status, self.json["error"]["code"]


class ControllerClient:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def get(self, path: str) -> Answer:
        return self._send(Request(self._url + path))

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
        content = {"Content-Type": "application/json", **(headers or {})}
        return self._send(Request(self._url + path, data=json.dumps(body).encode(), headers=content))

    def initialize(self, title: str, script: str, **fields: Any) -> Answer:
        body = {"context": {}, "script_content": script, **fields}
        return self.post("/api/v1/initialize", body, {"Language-Title": title})

    def open(self, title: str, script: str, **fields: Any) -> Session:
        """A new session; fails the test when there is none."""
        answer = self.initialize(title, script, **fields)
        assert answer.status == 200, f"{answer.status}: {answer.json}"
        assert answer.json["status"] == "initialized"
        return Session(self, answer.json["request_id"])

    def _send(self, request: Request) -> Answer:
        try:
            with _OPENER.open(request, timeout=LONGEST_ANSWER) as response:
                return _answer(response)
        except HTTPError as error:
            with error:
                return _answer(error)


@dataclass(frozen=True)
class Session:
    client: ControllerClient
    request_id: str

    def execute(self, params: Any = None, **fields: Any) -> Answer:
        body = {"params": params or {}, **fields}
        return self.client.post(f"/api/v1/execute/{self.request_id}", body)

    def state(self) -> Answer:
        return self.client.get(f"/api/v1/sessions/{self.request_id}")


def _answer(response: Any) -> Answer:
    content_type = response.headers.get_content_type()
    text = response.read()
    return Answer(response.status, content_type, json.loads(text) if content_type.endswith("json") else text)
