"""Processes of the target, as they are read."""

from __future__ import annotations

import pytest

from phasegate.plan.asked.entries import Tls
from tests.plan.conftest import Load, entries_of, refused

PLAN = """\
phasegate: 1
phase: one
title: One
target:
  processes:
    web: {{command: [serve, {words}], tls: {{ca: {ca}}}, ready: {{tcp: true}}}}
steps: [{{id: a, checks: [{{id: up, kind: probe, url: /}}]}}]
"""


@pytest.mark.parametrize(
    ("words", "ca"),
    [
        ("--state, state/web", "state/web/certificate.pem"),
        ("--certificate, web.pem", "web.pem"),
        ("state", "state/web/certificate.pem"),
    ],
)
def test_a_process_may_make_the_certificate_that_it_is_trusted_by(
    words: str, ca: str, load_text: Load
) -> None:
    target = load_text(PLAN.format(words=words, ca=ca)).plan.target
    (web,) = entries_of(target, "processes")
    assert isinstance(web.tls, Tls)
    assert str(web.tls.ca).endswith(f"/{ca}")


@pytest.mark.parametrize(
    ("words", "ca"),
    [
        ("--state, state", "other/certificate.pem"),
        ("--state, stat", "state/certificate.pem"),
        ("--port, '8080'", "certificate.pem"),
    ],
)
def test_a_certificate_that_is_not_there_and_that_no_process_makes_is_reported(
    words: str, ca: str, load_text: Load
) -> None:
    assert refused(load_text, PLAN.format(words=words, ca=ca)) == [f"there is no file {ca!r}"]
