from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from phasegate.model.codec import event_from_json, event_to_json
from phasegate.model.events import RunStarted, TargetChanged
from phasegate.model.result import TargetRecord, WaiverResult
from phasegate.model.waiver import CasePattern, Waiver
from phasegate.record import redaction
from phasegate.record.redaction import LONGEST_LINE, REPLACEMENT, Redactor
from tests.codings import CODINGS, text_of
from tests.examples import examples
from tests.samples import failing_run

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
@example(secret="000000\x1f\x9bA", before=b"", after=b"", cuts=[])
@example(secret="0\r0000000\r00000\u0800", before=b"", after=b"", cuts=[2])
@example(secret="000\r0000000\r000\x80", before=b"", after=b"\0\0", cuts=[151])
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


ESCAPED_THEMSELVES = (
    st.lists(
        st.text("abcdefgXYZ23456789", min_size=2, max_size=8)
        | st.sampled_from(["\x1b", "\x9b", "\x1b[", "\x1b[31m", "\x1b]0;a\x07", "^[[0m", "\u241b[1m", "\x07"])
        | st.sampled_from(["%41", "%1b", "\\n", "\\u0041", "\\x1b[", "&amp;", "&#27;", "=3D", "\x85", "\x7f"])
        | st.sampled_from(["\x1f", "\0", "\t", "'", '"', "\\", "/", " ", "é", "&", "%"]),
        min_size=2,
        max_size=7,
    )
    .map("".join)
    .filter(lambda text: 8 <= len(text) <= 60 and text.strip())
)
"""Secrets with control characters, terminal sequences and what looks like an escape."""
ESCAPES: dict[str, tuple[Callable[[str], str], str, str]] = {
    "json": (lambda char: f"\\u{ord(char):04x}", "\\", "\\\\"),
    "octal": (lambda char: "".join(f"\\{byte:03o}" for byte in char.encode()), "\\", "\\\\"),
    "percent": (lambda char: quote(char, safe=""), "%", "%25"),
    "entities": (lambda char: f"&#{ord(char)};", "&", "&amp;"),
}
"""How a character is escaped, the character that begins an escape, and how that is written."""
ESCAPED_CHARACTERS: dict[str, Callable[[str], bool]] = {
    "ASCII control": lambda char: char < " ",
    "control": lambda char: char < " " or "\x7f" <= char < "\xa0",
    "not ASCII": lambda char: char > "~",
}


@given(
    secret=ESCAPED_THEMSELVES,
    way=st.sampled_from(sorted(ESCAPES)),
    which=st.sampled_from(sorted(ESCAPED_CHARACTERS)),
    cuts=st.lists(st.integers(0, 1_000), max_size=3),
)
@example(secret="22\x1b\\u0041", way="json", which="control", cuts=[])
@example(secret="\\u0041&#27;", way="entities", which="control", cuts=[])
@example(secret="22\x07\\\x07222", way="entities", which="control", cuts=[])
@example(secret="é222222\x1b2222", way="entities", which="control", cuts=[])
def test_a_secret_with_escapes_of_its_own_survives_in_no_form_in_which_some_of_it_is_escaped(
    secret: str, way: str, which: str, cuts: list[int]
) -> None:
    escape, begin, doubled = ESCAPES[way]
    escaped = ESCAPED_CHARACTERS[which]
    chars = (doubled if char == begin else escape(char) if escaped(char) else char for char in secret)
    form = "".join(chars).encode()
    redactor = Redactor([secret])
    for redacted in (
        redactor.redact_bytes(b"<" + form + b">"),
        in_pieces(redactor, b"<" + form + b">\n", cuts),
    ):
        assert REPLACEMENT.encode() in redacted
        assert form not in redacted


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
def test_each_of_many_secrets_that_begin_alike_is_hidden(before: str) -> None:
    secrets = [f"pass{number}" for number in range(100, 120)]
    redactor = Redactor(secrets)
    assert [one for one in secrets if one in redactor.redact(f"{before} {one} z")] == []


TOKENS = st.builds(
    lambda pieces, more: more[0].join(pieces) + more[1] + pieces[0][::-1],
    st.lists(
        st.text("abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ23456789", min_size=5), min_size=2, max_size=4
    ),
    st.tuples(
        st.sampled_from(["", "/", " ", "{<", "é", "'\"", "%41", "\\\\x", "=&", "ß+"]), st.sampled_from("aZ7")
    ),
).filter(lambda text: len(text) < 80)
"""Secrets as they are made: letters and digits, with what must be encoded between them."""
NEVER_TOGETHER = {
    # Colours inside the sequence of a colour, or a backslash in it: no terminal would show the text.
    *(("coloured", second) for second in ("coloured", "shell, backslashes")),
    # `=c3` and `&apos;` in small and in capitals cannot be read back.
    *((first, second) for first in ("quoted-printable", "xml") for second in ("small", "capitals")),
}


@given(
    secret=TOKENS,
    first=st.sampled_from(sorted(CODINGS)),
    second=st.sampled_from(sorted(CODINGS)),
    cuts=st.lists(st.integers(0, 10_000), max_size=5),
)
@example(secret="Zk9tQ4vXr2LmP8sWbN6yH3cD", first="plain", second="hexadecimal", cuts=[])
@example(secret="Zk9tQ4vXr2LmP8sWbN6yH3cD", first="coloured", second="plain", cuts=[12])
@example(secret="Zk9tQ4vXr2LmP8sWbN6yH3cD", first="base64", second="base64", cuts=[])
@example(secret="pa{ss} w<1>rd99", first="percent, as browsers", second="plain", cuts=[])
@example(secret="22222{<22222{<222222", first="bytes escapes", second="base64, 64 columns", cuts=[67])
def test_no_coding_of_a_secret_survives_nor_one_inside_another(
    secret: str, first: str, second: str, cuts: list[int]
) -> None:
    assume((first, second) not in NEVER_TOGETHER)
    form = CODINGS[second](text_of(CODINGS[first](secret)))
    event(f"{first}, then {second}")
    redactor = Redactor([secret])
    for redacted in (
        redactor.redact_bytes(b"<<" + form + b">>"),
        in_pieces(redactor, b"<<" + form + b">>\n", cuts),
        redactor.redact("<<" + form.decode("utf-8", "replace") + ">>").encode(),
    ):
        assert REPLACEMENT.encode() in redacted
        assert form not in redacted


@given(
    secret=TOKENS,
    lines=st.lists(
        st.sampled_from(
            [
                "2026-01-02T03:04:05.678Z INFO GET /api/v1/users/42?page=3&size=20%20x 200 12 ms",
                '{"a": "b\\n", "c": [1, 2, 3, 40, 50, 60, 70, 80, 90, 100], "d": "\\u00e9"}',
                "aGVsbG8gd29ybGQgdGhpcyBpcyBub3QgYSBzZWNyZXQ=",
                "5f2c9d7e-1111-4222-8333-944455556666 d41d8cd98f00b204e9800998ecf8427e",
                "\x1b[31mred\x1b[0m &amp; &lt;b&gt; caf\u00e9 =C3=A9",
                "00000010  de ad be ef 00 11 22 33 44 55 66 77 88 99 aa bb",
            ]
        ),
        min_size=1,
        max_size=30,
    ),
    cuts=st.lists(st.integers(0, 10_000), max_size=5),
)
def test_text_without_the_secret_stays_byte_for_byte(secret: str, lines: list[str], cuts: list[int]) -> None:
    data = "\n".join(lines).encode()
    redactor = Redactor([secret])
    assert redactor.redact_bytes(data) == data
    assert in_pieces(redactor, data, cuts) == data
    assert redactor.redact(data.decode()).encode() == data


@pytest.mark.parametrize(
    "text",
    [
        "correct-horse-battery-staple",
        "a correct horse, a battery and a staple",
        "postgres://db.internal:5432/app",
        "db.internal:5432/app is up",
        "2LmP8sWb",
    ],
)
def test_what_only_resembles_a_secret_stays(text: str) -> None:
    secrets = ["correct horse battery staple", "postgres://app:s3cr3tPw@db.internal:5432/app"]
    assert Redactor([*secrets, "Zk9tQ4vXr2LmP8sWbN6yH3cD"]).redact(text) == text


@pytest.mark.parametrize("left", ["Zk9tQ4vXr", "LmP8sWbN6yH3", "N6yH3cD\ufffd\ufffdZk9tQ4vXr2L"])
def test_a_run_of_more_than_eight_characters_is_hidden_where_the_rest_was_lost(left: str) -> None:
    redacted = Redactor(["Zk9tQ4vXr2LmP8sWbN6yH3cD"]).redact(f"\ufffd{left}\ufffd")
    assert not any(
        left[at : at + 9] in redacted for at in range(len(left) - 8) if left[at : at + 9].isalnum()
    )
    assert REPLACEMENT in redacted


@pytest.mark.parametrize(
    ("secret", "lost"),
    [("pässwörd-with-umläuts", "p\ufffdssw\ufffdrd-with-uml\ufffduts"), ('p@ss "é<', 'p@ss "?<')],
)
def test_a_secret_is_hidden_where_a_decoder_replaced_what_it_could_not_read(secret: str, lost: str) -> None:
    assert Redactor([secret]).redact(f"x {lost} y") == "x [redacted] y"


def test_a_name_is_hidden_whatever_became_of_what_is_no_letter() -> None:
    redactor = Redactor(["pa{ss} w<1>rd99"])
    assert redactor.redact_name("log-pa-ss_w_1_rd99.txt") == "log-[redacted].txt"
    assert redactor.redact_name("password.txt") == "password.txt"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "cannot reach postgres://app:n0tDeclared@db:5432/x",
            "cannot reach postgres://app:[redacted]@db:5432/x",
        ),
        ("sent Bearer abc123def456.ghi", "sent Bearer [redacted]"),
        ("sent Basic dXNlcjpwdw==", "sent Basic [redacted]"),
        ("basic authentication with a bearer certificate", "basic authentication with a bearer certificate"),
        ("http://127.0.0.1:80/a@b", "http://127.0.0.1:80/a@b"),
    ],
)
def test_credentials_that_nobody_declared_are_hidden(text: str, left: str) -> None:
    assert Redactor().redact(text) == left
    assert in_pieces(Redactor(), text.encode() + b"\n", [20]) == left.encode() + b"\n"


def test_commands_and_settings_of_the_record_hold_nothing_that_looks_like_a_secret() -> None:
    tree = {
        "command": ["phasegate", "run", "--set", "db_password=n0tDeclared", "--token", "n0tDeclared"],
        "variables": {"db_pwd": "n0tDeclared", "pin_secret": 12345, "site": "http://u:n0tDeclared@h/"},
        "summary": "mysql -u root -pn0tDeclared; curl -u me:n0tDeclared http://h; DB_PWD=n0tDeclared ./x",
        "message": "the token=value in a message stays",
    }
    redacted = Redactor().redact_tree(tree)
    assert "n0tDeclared" not in json.dumps(redacted)
    assert redacted["variables"]["pin_secret"] == REPLACEMENT
    assert redacted["message"] == tree["message"]
    assert redacted["command"][:3] == tree["command"][:3]


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
    redacted = Redactor([secret, "hunter2"]).redact_tree(json.loads(event_to_json(event)), free=False)
    again = event_from_json(redacted)
    assert isinstance(again, TargetChanged)
    assert again.at == event.at
    assert again.target.error == "it said [redacted]"


@pytest.mark.slow
@pytest.mark.parametrize(
    "secret", ["lasting", "glob", "days_left", "outcomes", "absent", "under_way", "buckets", "histogram"]
)
def test_what_was_asked_can_be_read_again_whatever_the_secret_is(secret: str) -> None:
    waived = Waiver(
        id="w",
        patterns=(CasePattern(check="functions", glob="*", most=1),),
        owner="a",
        approver="b",
        reason="c",
        ticket="d",
        expires=date(2026, 1, 2),
        days_left=1,
    )
    run = replace(failing_run(), waivers=(WaiverResult(asked=waived),))
    data = json.loads(event_to_json(RunStarted(at=run.started, skeleton=run)))
    again = event_from_json(Redactor([secret]).redact_tree(data, free=False))
    assert isinstance(again, RunStarted)
    assert again.skeleton.faults() == run.faults()
    assert [check.seen.measures for check in again.skeleton.checks()] == [
        check.seen.measures for check in run.checks()
    ]
    assert again.skeleton.waivers == run.waivers


@pytest.mark.parametrize(
    "hostile",
    [
        b"Cookie: " * 60_000,
        b"cookie" + b" " * 300_000 + b"x\n",
        b"'cookie" * 45_000,
        b"cookie:[" * 36_000,
        b"\\" * 300_000 + b"Cookie\\",
        b"cookie" + b"\\" * 300_000,
        b"a" * 150_000,
        b"hunt" * 15_000,
        b"%" + b"25" * 30_000,
        b"a\0" * 30_000,
        b"://a:" * 15_000,
        b"=\n" * 15_000,
    ],
)
def test_hostile_output_costs_no_more_than_its_length(hostile: bytes) -> None:
    started = time.process_time()
    redactor = Redactor(["hunter2-hunter2", "a" * 20 + "b"])
    redactor.redact_bytes(hostile)
    in_pieces(redactor, hostile, list(range(0, len(hostile), 65_536)))
    assert time.process_time() - started < 3


def test_text_that_cannot_be_encoded_is_left_readable() -> None:
    assert Redactor(["hunter2-hunter2"]).redact("\udcff hunter2-hunter2") == "\udcff [redacted]"
    assert Redactor(["a\udcffb-secret"]).redact_bytes(b"x a\xffb-secret") == b"x [redacted]"


@pytest.mark.parametrize("end", ["\ufffd", "\u2603\u2603", "\U0001f600"])
def test_a_text_stays_text_where_what_belongs_to_a_value_ends_inside_a_character(end: str) -> None:
    redacted = Redactor(["correct-horse-\xe9"]).redact(f"<correct-horse-{end}>")
    assert redacted.startswith(f"<{REPLACEMENT}")
    assert redacted.endswith(">")


FRAGMENTS = st.sampled_from(
    [
        *("Authorization", "proxy-authorization", "set-cookie", "Cookie: a=b"),
        *("Bearer abcdefgh12", "BASIC QWxhZGRpbjo="),
        *(
            "http://u:p@h/",
            "://",
            "@",
            ":p@",
            "command",
            "variables",
            "summary",
            "environment",
            "name",
            "value",
            "case",
        ),
        *("\n", '"', "\\", " ", "passed", "--password=x", "DB_PASSWORD", "…"),
    ]
)
WORDS = st.lists(FRAGMENTS | st.text(max_size=3), max_size=5).map("".join)
TREES = st.recursive(
    WORDS | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=examples(30))
@given(tree=st.dictionaries(WORDS, TREES, min_size=1, max_size=4))
def test_a_line_that_is_clean_at_a_glance_has_nothing_to_replace(tree: dict[str, Any]) -> None:
    redactor = Redactor()
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    line = text.encode("utf-8", "surrogatepass")
    assume(redactor.is_clean(line))
    assert redactor.redact_tree(tree) == tree
    redactor.add("a secret")
    assert not redactor.is_clean(line)


@pytest.mark.parametrize(
    "value",
    [
        {"reason": "Cookie: a=b"},
        {"case": {"message": "Bearer abcdefgh12"}},
        {"url": "http://u:hunter2@h/"},
        {"command": ["db", "--password=x"]},
        {"set-cookie": "a"},
        {"notes": [["Authorization", "x"]]},
        {"environment": {"DB_PASSWORD": "x1"}},
    ],
)
def test_what_is_replaced_without_a_known_secret_is_seen_at_a_glance(value: dict[str, Any]) -> None:
    redactor = Redactor()
    assert redactor.redact_tree(value) != value
    assert not redactor.is_clean(json.dumps(value, separators=(",", ":")).encode())


@given(tree=st.dictionaries(WORDS, TREES, min_size=1, max_size=4))
def test_a_tree_is_redacted_at_a_glance_as_key_by_key_and_text_by_text(tree: dict[str, Any]) -> None:
    """The slow way: a secret is known, which is nowhere, and no name of a field is taken for granted."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(redaction, "_plain_names", frozenset)
        slow = Redactor(["nowhere-8f0b1c7a"]).redact_tree(tree)
    fast = Redactor().redact_tree(tree)
    event("something is replaced" if fast != tree else "nothing is replaced")
    assert fast == slow


@given(text=WORDS)
def test_a_text_that_is_clean_at_a_glance_has_nothing_to_replace(text: str) -> None:
    assume(redaction._has_nothing_to_hide(text))
    assert Redactor().redact(text) == text
