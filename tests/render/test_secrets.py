"""What renderers leave out, or put in another way, never makes a secret whole again.

A record is redacted as it is written, and rendered, also much later, by who does not know the secrets: so
redaction has to see through whatever renderers remove.
"""

from __future__ import annotations

import html
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from phasegate.base.ci_commands import disarm
from phasegate.model.codec import event_from_json, event_to_json, writable
from phasegate.model.events import (
    AttemptFinished,
    CaseFinished,
    CheckFinished,
    CheckStarted,
    Event,
    Interrupted,
    Progressed,
    RetryScheduled,
    RunStarted,
)
from phasegate.model.result import RunResult
from phasegate.record.redaction import Redactor
from phasegate.render import FORMATS
from phasegate.render.terminal.live import LineView
from phasegate.render.terminal.report import summary
from tests.examples import examples
from tests.samples import hostile_run

AT = datetime(2026, 1, 15, tzinfo=UTC)
WIDE = 1 << 20
"""No text is cut off on a terminal as wide as this."""
LETTERS = "abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ23456789"
BLANKS = tuple("\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2003\u200a\u2028\u2029\u202f\u205f\u3000")
REMOVED = (
    *("\x1b[0m", "\x1b[1;38;5;12m", "\x1b[m", "\x1b[2K", "\x1b]0;title\x07", "\x1b", "\x9b0m"),
    *"\x00\x01\x07\x08\x7f\xad\u200b\u200d\u202e\u2066\ufeff\ufffe\uffff\ud800\U000e0041",
    *BLANKS,
)
"""What a renderer, a terminal, XML or a browser drops, or shows as a space."""
SECRETS = st.builds(
    lambda words, between: between.join(words),
    st.lists(st.text(LETTERS, min_size=5, max_size=9), min_size=2, max_size=3),
    st.sampled_from(["", " ", "  ", "/", "{<", "é", "'\"", "%41", "\\x", "=&", "ß+", "-"]),
)


def everywhere(secret: str, put: str, _: int) -> str:
    return put.join(secret)


def once(secret: str, put: str, at: int) -> str:
    at = 1 + at % (len(secret) - 1)
    return secret[:at] + put + secret[at:]


def for_blanks(secret: str, put: str, _: int) -> str:
    return put.join(secret.split()) if put in BLANKS else put.join(secret.split(" "))


def recorded(told: Event, redactor: Redactor) -> Event:
    """An event as the journal gives it to every listener, and as it is read again."""
    try:
        line = event_to_json(told)
    except ValueError:
        line = event_to_json(writable(told))
    return event_from_json(redactor.redact_tree(json.loads(line)))


def story(run: RunResult) -> Iterator[Event]:
    """A run as it is told while it goes on."""
    yield RunStarted(at=AT, skeleton=run)
    for check in run.checks():
        assert check.last is not None
        yield CheckStarted(at=AT, check=check.id)
        for case in check.last.observation.cases:
            yield CaseFinished(at=AT, check=check.id, attempt=1, case=case)
        yield Progressed(at=AT, check=check.id, done=0.5, text=check.reason)
        yield RetryScheduled(at=AT, check=check.id, next_number=2, wait=0.5, because=check.reason)
        yield AttemptFinished(at=AT, check=check.id, attempt=check.last)
        yield CheckFinished(
            at=AT, check=check.id, status=check.status, reason=check.reason, duration=1.0, help=check.help
        )
    yield Interrupted(at=AT, because=run.reason)


def on_terminal(show: Callable[[Console], object]) -> str:
    file = io.StringIO()
    show(Console(file=file, width=WIDE, markup=False, emoji=False, highlight=False, color_system=None))
    return file.getvalue()


def streams(run: RunResult, redactor: Redactor) -> Iterator[tuple[str, str]]:
    """All that phasegate writes of a run, by name."""
    known = recorded(RunStarted(at=AT, skeleton=run), redactor)
    assert isinstance(known, RunStarted)
    for name, format in FORMATS.items():
        text = format.render(known.skeleton)
        yield name, text
        yield f"{name} on standard output", disarm(text)
    for wrap in (True, False):
        report = summary(known.skeleton, width=WIDE, files={}, quiet=False, wrap=wrap)
        yield "summary", on_terminal(lambda console, report=report: console.print(report, crop=False))

    def live(console: Console) -> None:
        view = LineView(console, verbose=True)
        for told in story(run):
            view(recorded(told, redactor))

    yield "lines", on_terminal(live)


def readings(text: str) -> Iterator[str]:
    """A text as it is, as a reader of HTML or XML has it, and as a browser lays it out."""
    read = html.unescape(text)
    yield from (text, read, " ".join(read.split()))


@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.too_slow])
@given(
    secret=SECRETS,
    put=st.sampled_from(REMOVED) | st.lists(st.sampled_from(REMOVED), max_size=3).map("".join),
    how=st.sampled_from([everywhere, once, for_blanks]),
    at=st.integers(0, 1_000),
)
@example(secret="Zk9tQ4vXr2LmP8sWbN6yH3cD", put="\x1b[0m", how=once, at=7)
@example(secret="correct horse battery", put="\u2003", how=for_blanks, at=0)
@example(secret="correct horse battery", put=" " * 100, how=for_blanks, at=0)
@example(secret="a b! c?", put="\xa0", how=for_blanks, at=0)
@example(secret="GHxzQvXFw3mM", put="\u1680\t", how=everywhere, at=0)
def test_no_secret_comes_out_whole_whatever_stood_inside_it(
    secret: str, put: str, how: Callable[[str, str, int], str], at: int
) -> None:
    event(f"{ascii(put)[:12]} {how.__name__}")
    text = how(secret, put, at)
    whole = (secret, " ".join(secret.split()))
    for name, written in streams(hostile_run(f"x {text} y"), Redactor([secret])):
        assert not [form for form in whole for read in readings(written) if form in read], name


@pytest.mark.parametrize("blank", [*BLANKS, " \n\t ", " " * 500, "\u2003\u2028"], ids=ascii)
@pytest.mark.parametrize("secret", ["correct horse battery", "a! b? c#", "pä ss wörd"])
def test_a_secret_with_blanks_is_hidden_with_any_others(secret: str, blank: str) -> None:
    redactor = Redactor([secret])
    text = f"<<{blank.join(secret.split())}>>"
    assert redactor.redact(text) == "<<[redacted]>>"
    stream = redactor.stream()
    data = text.encode()
    assert b"".join(map(stream.feed, (data[at : at + 1] for at in range(len(data))))) + stream.flush() == (
        b"<<[redacted]>>"
    )
