from __future__ import annotations

import base64
import html
import json
import time
from datetime import UTC, datetime
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phasegate.model.codec import event_from_json, event_to_json
from phasegate.model.events import TargetChanged
from phasegate.model.result import TargetRecord
from phasegate.record.redaction import LONGEST_LINE, REPLACEMENT, Redactor

SECRETS = st.text(
    st.characters(exclude_categories=("Cs",)) | st.sampled_from("/+=%&\"'\\ \n~!#"), min_size=4, max_size=40
)
SURROUNDINGS = st.binary(max_size=60)


def written_forms(secret: str) -> list[bytes]:
    raw = secret.encode()
    return [
        raw,
        quote(secret).encode(),
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
        quote(secret, safe="").lower().encode() if quote(secret).isascii() and secret.islower() else raw,
        json.dumps(secret)[1:-1].encode(),
        json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        html.escape(secret).encode(),
    ]


def survives(secret: str, data: bytes) -> bool:
    return any(form in data for form in written_forms(secret))


def in_pieces(redactor: Redactor, data: bytes, cuts: list[int]) -> bytes:
    stream = redactor.stream()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return b"".join(stream.feed(data[a:b]) for a, b in pairwise(edges)) + stream.flush()


@given(secret=SECRETS, before=SURROUNDINGS, after=SURROUNDINGS, cuts=st.lists(st.integers(0, 10_000)))
def test_no_written_form_of_a_secret_survives_any_chunking(
    secret: str, before: bytes, after: bytes, cuts: list[int]
) -> None:
    assume(secret not in REPLACEMENT)
    redactor = Redactor([secret])
    for form in written_forms(secret):
        data = before + form + after
        assert not survives(secret, redactor.redact_bytes(data))
        assert not survives(secret, in_pieces(redactor, data, cuts))


@given(
    secret=SECRETS,
    before=SURROUNDINGS,
    after=SURROUNDINGS,
    cuts=st.lists(st.integers(0, 10_000)),
    url=st.booleans(),
)
def test_no_base64_alignment_of_a_secret_survives_any_chunking(
    secret: str, before: bytes, after: bytes, cuts: list[int], url: bool
) -> None:
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    data = encode(before + secret.encode() + after)
    redactor = Redactor([secret])
    redacted = redactor.redact_bytes(data)
    assert REPLACEMENT.encode() in redacted
    assert in_pieces(redactor, data, cuts) == redacted


TEXTS = st.lists(
    st.sampled_from(
        [
            b"hunter2-hunter2",
            b"hunter2",
            b"hunter",
            b"Cookie: ",
            b"set-cookie",
            b'"Authorization": ',
            b'"Bearer \\" x", ',
            b'\\"cookie\\": \\"a\\", ',
            b'["Cookie",\n  "a=b"\n]\n',
            b'"Set-Cookie": [\n "a",\n "b"\n]\n',
            b'{"name": "Cookie", "value": "x"}',
            b"a=b; c=d",
            b"\n",
            b"\r\n",
            b"\\r\\n",
            b" ",
            b"text.",
            b"\xff\x00",
            "é".encode(),
            base64.b64encode(b"user:hunter2-hunter2"),
        ]
    )
).map(b"".join)


@given(data=TEXTS, cuts=st.lists(st.integers(0, 10_000)))
def test_a_stream_gives_the_same_as_the_whole_text(data: bytes, cuts: list[int]) -> None:
    redactor = Redactor(["hunter2", "hunter2-hunter2"])
    assert in_pieces(redactor, data, cuts) == redactor.redact_bytes(data)


@pytest.mark.parametrize(
    "text",
    [
        "Cookie: session=s3cr3t-v4lue; other=1",
        "> Authorization: Basic s3cr3t-v4lue",
        "DEBUG sent Proxy-Authorization: Bearer s3cr3t-v4lue",
        "curl -H 'authorization: Bearer s3cr3t-v4lue' http://x/",
        "set-cookie=s3cr3t-v4lue",
        '{"Set-Cookie": ["a=1", "s3cr3t-v4lue"], "x": 1}',
        '{"cookie": {"a": 1, "b": "s3cr3t-v4lue"}}',
        "{'authorization': 'it\\'s s3cr3t-v4lue'}",
        "(b'cookie', b's3cr3t-v4lue')",
        '{"name": "Cookie", "value": "s3cr3t-v4lue"}',
        '[\n  "Authorization",\n  "s3cr3t-v4lue"\n]',
        json.dumps(json.dumps({"Cookie": 'a="s3cr3t-v4lue"'})),
        json.dumps("GET / HTTP/1.1\r\nHost: x\r\nCookie: s3cr3t-v4lue\r\n"),
    ],
)
def test_header_values_are_hidden_however_they_are_written(text: str) -> None:
    redactor = Redactor()
    assert "s3cr3t" not in redactor.redact(text)
    for cut in range(len(text)):
        assert b"s3cr3t" not in in_pieces(redactor, text.encode() + b"\n", [cut])


def test_what_stands_beside_a_header_stays_readable() -> None:
    redact = Redactor().redact
    assert redact('{"Cookie": "a", "x": 1}') == '{"Cookie": "[redacted]", "x": 1}'
    assert redact('{"cookie": null, "x": 1}') == '{"cookie": "[redacted]", "x": 1}'
    assert redact("Cookie: a\nHost: b") == "Cookie: [redacted]\nHost: b"
    assert redact("headers.set-cookie: expected to exist") == "headers.set-cookie: expected to exist"
    assert redact("2 cookies, no authorization") == "2 cookies, no authorization"


def test_a_header_value_on_a_line_without_end_stays_hidden() -> None:
    data = b"x" * 1000 + b" Cookie: " + b"s3cr3t-v4lue" * 20_000
    redactor = Redactor()
    given_out = in_pieces(redactor, data + b"\nHost: b\n", list(range(0, len(data), 7001)))
    assert b"s3cr3t" not in given_out
    assert given_out.endswith(b"Host: b\n")


def test_a_stream_holds_back_no_more_than_a_long_line() -> None:
    stream = Redactor(["hunter2-hunter2"]).stream()
    given_out = sum(len(stream.feed(b"x" * 10_000)) for _ in range(100))
    assert given_out >= 1_000_000 - LONGEST_LINE - 20_000


def test_a_value_added_later_is_hidden_from_then_on() -> None:
    redactor = Redactor()
    stream = redactor.stream()
    assert stream.feed(b"token-12345\n") == b"token-12345\n"
    generation = redactor.generation
    redactor.add("token-12345")
    assert redactor.generation > generation
    assert stream.feed(b"token-") + stream.feed(b"12345\n") + stream.flush() == b"[redacted]\n"


def test_a_short_value_is_hidden_only_where_it_is_the_whole() -> None:
    redactor = Redactor(["ab"])
    assert redactor.redact("ab") == "[redacted]"
    assert redactor.redact(" ab\n") == "[redacted]"
    assert redactor.redact("about a cab") == "about a cab"
    assert redactor.redact_bytes(b"ab") == b"[redacted]"
    assert redactor.redact_tree({"password": "ab", "text": "cab"}) == {
        "password": "[redacted]",
        "text": "cab",
    }


def test_each_long_line_of_a_key_is_hidden_on_its_own() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\nAQEFAASCBKcwggSj\n-----END PRIVATE KEY-----\n"
    redacted = Redactor([key]).redact("line 1: MIIEvQIBADANBgkqhkiG\nline 2: AQEFAASCBKcwggSj\n")
    assert redacted == "line 1: [redacted]\nline 2: [redacted]\n"


def test_a_tree_is_redacted_in_values_keys_and_headers() -> None:
    tree = {
        "headers": [["Authorization", "Bearer x"], ["Accept", "*/*"]],
        "response": {"Set-Cookie": ["a=b", "c=d"]},
        "har": {"name": "cookie", "value": "a=b"},
        "env": {"hunter2-hunter2": ("a hunter2-hunter2 b", 7, None)},
    }
    assert Redactor(["hunter2-hunter2"]).redact_tree(tree) == {
        "headers": [["Authorization", "[redacted]"], ["Accept", "*/*"]],
        "response": {"Set-Cookie": ["[redacted]", "[redacted]"]},
        "har": {"name": "cookie", "value": "[redacted]"},
        "env": {"[redacted]": ("a [redacted] b", 7, None)},
    }


@pytest.mark.parametrize(
    "secret", ["target", "state", "2026", "TargetChanged", "exit_code", "2026-01-02T03:04:05Z"]
)
def test_an_event_can_be_read_again_whatever_the_secret_is(secret: str) -> None:
    event = TargetChanged(
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        state="died",
        target=TargetRecord(id="api", kind="process", error="it said hunter2"),
    )
    redacted = Redactor([secret, "hunter2"]).redact_tree(json.loads(event_to_json(event)))
    again = event_from_json(redacted)
    assert isinstance(again, TargetChanged)
    assert again.at == event.at
    assert again.target.error == "it said [redacted]"


@pytest.mark.parametrize(
    "hostile",
    [
        b"Cookie: " * 200_000,
        b"cookie" + b" " * 1_000_000 + b"x\n",
        b"'cookie" * 150_000,
        b"cookie:[" * 120_000,
        b"\\" * 1_000_000 + b"Cookie\\",
        b"cookie" + b"\\" * 1_000_000,
    ],
)
def test_hostile_output_costs_no_more_than_its_length(hostile: bytes) -> None:
    started = time.perf_counter()
    redactor = Redactor(["hunter2-hunter2"])
    redactor.redact_bytes(hostile)
    in_pieces(redactor, hostile, list(range(0, len(hostile), 65_536)))
    assert time.perf_counter() - started < 20


def test_text_that_cannot_be_encoded_is_left_readable() -> None:
    assert Redactor(["hunter2-hunter2"]).redact("\udcff hunter2-hunter2") == "\udcff [redacted]"
    assert Redactor(["a\udcffb-secret"]).redact_bytes(b"x a\xffb-secret") == b"x [redacted]"
