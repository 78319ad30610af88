"""The cookie jar by RFC 6265bis, as browsers have it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.http.messages.cookies import LONGEST, MOST, CookieJar, cookie_date
from phasegate.kinds.api import Api, ApiParams
from phasegate.model.observation import CaseStatus
from phasegate.render.sentences import sentence
from tests.examples import examples
from tests.http.conversations import Heard, answer, answering
from tests.worlds import world_at

IN = "http://some.host:8080/api/login"


def jar(*lines: bytes, url: str = IN) -> CookieJar:
    made = CookieJar()
    for line in lines:
        made.keep(url, line)
    return made


@pytest.mark.parametrize(
    ("line", "url", "sent"),
    [
        (b"sid=1", "http://some.host/api/x", b"sid=1"),
        (b"sid=1", "http://some.host/api", b"sid=1"),
        (b"sid=1", "http://some.host/apix", b""),
        (b"sid=1", "http://some.host/other", b""),
        (b"sid=1", "http://other.host/api/x", b""),
        (b"sid=1", "https://SOME.host:9/api/x?q#f", b"sid=1"),
        (b"sid=1; Path=/", "http://some.host", b"sid=1"),
        (b"sid=1; Path=/", "http://sub.some.host/", b""),
        (b"sid=1; Path=/; Domain=some.host", "http://sub.some.host/", b"sid=1"),
        (b"sid=1; Path=/; Domain=SOME.HOST", "http://some.host/", b"sid=1"),
        (b"sid=1; Path=/; Domain=.some.host", "http://awesome.host/", b""),
        (b"sid=1; Path=/; Domain=..some.host", "http://some.host/", b""),
        (b"sid=1; Path=/; Domain=sub.some.host", "http://sub.some.host/", b""),
        (b"sid=1; Path=/; Domain=host", "http://some.host/", b""),
        (b"sid=1; Path=/; Domain=s\xf6me.host", "http://some.host/", b""),
        (b"sid=1; Path=/; Domain=other.example; Domain=", "http://some.host/", b"sid=1"),
        (b"sid=1; Path=/; Secure", "http://some.host/", b""),
        (b"sid=1; Path=/x; Path=/", "http://some.host/y", b"sid=1"),
        (b"sid=1; Path=/" + b"x" * 1_025, "http://some.host/api/x", b"sid=1"),
        (b" sid \t=\t 1 ; path = / ", "http://some.host/", b"sid=1"),
        (b"sid=a=b", "http://some.host/api/", b"sid=a=b"),
        (b"", "http://some.host/api/", b""),
        (b"=", "http://some.host/api/", b""),
        (b"sid=1\t2", "http://some.host/api/", b"sid=1\t2"),
        (b"sid=1\x7f", "http://some.host/api/", b""),
        (b"sid=1; Path=/\x00", "http://some.host/api/", b""),
        (b"sid=1; Max-Age=0", "http://some.host/api/", b""),
        (b"sid=1; Max-Age=-0", "http://some.host/api/", b""),
        (b"sid=1; Max-Age=000000000000060", "http://some.host/api/", b"sid=1"),
        (b"sid=1; Max-Age=; Expires=Sat, 01 Jan 2000 00:00:00 GMT", "http://some.host/api/", b""),
        (b"sid=1; Expires=Sat, 01 Jan 2000 00:00:00 GMT; Expires=never", "http://some.host/api/", b""),
    ],
)
def test_cookie_is_sent_where_it_belongs(line: bytes, url: str, sent: bytes) -> None:
    assert jar(line).header(url) == sent


@pytest.mark.parametrize(
    ("set_at", "asked_at", "sent"),
    [
        ("https://some.host/", "https://some.host/", True),
        ("https://some.host/", "http://some.host/", False),
        ("http://some.host/", "https://some.host/", False),
        ("http://localhost/", "http://localhost/", True),
        ("http://app.localhost:80/", "http://app.localhost/", True),
        ("http://127.9.9.9/", "http://127.9.9.9:1/", True),
        ("http://[::1]:80/", "http://[::1]/", True),
        ("http://128.0.0.1/", "http://128.0.0.1/", False),
        ("http://localhost.example/", "http://localhost.example/", False),
    ],
)
def test_secure_cookie_goes_over_https_and_to_this_machine(set_at: str, asked_at: str, sent: bool) -> None:
    kept = jar(b"sid=1; Secure", url=set_at)
    assert kept.header(asked_at) == (b"sid=1" if sent else b"")
    said = tuple(map(sentence, kept.notes(asked_at)))
    assert said == (() if sent else ("cookie sid kept back: Secure, and the address is http",) * len(said))
    assert sent or said or set_at != asked_at


@pytest.mark.parametrize(
    ("host", "domain", "elsewhere", "sent"),
    [
        ("localhost", b"localhost", "app.localhost", False),
        ("app.localhost", b"localhost", "app.localhost", False),
        ("app.localhost", b"app.localhost", "sub.app.localhost", True),
        ("db", b"db", "db", True),
        ("db", b"", "db", True),
        ("10.0.0.1", b"10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", b"0.0.1", "10.0.0.1", False),
        ("10.0.0.1", b".0.1", "10.0.0.1", False),
        ("[::1]", b"[::1]", "[::1]", False),
        ("shop.com", b"com", "shop.com", False),
    ],
)
def test_domain_of_one_label_or_of_an_address_is_for_that_host_alone(
    host: str, domain: bytes, elsewhere: str, sent: bool
) -> None:
    kept = jar(b"sid=1; Domain=" + domain, url=f"http://{host}/")
    assert (kept.header(f"http://{elsewhere}/") != b"") is sent


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"__Secure-a=1; Secure", True),
        (b"__secure-a=1", False),
        (b"__Host-a=1; Secure; Path=/", True),
        (b"__Host-a=1; Secure; Path=/; Domain=", True),
        (b"__HOST-a=1; Secure; Path=/x", False),
        (b"__Host-a=1; Secure", False),
        (b"__Host-a=1; Path=/", False),
        (b"__Host-a=1; Secure; Path=/; Domain=some.host", False),
        (b"=__Secure-a=1; Secure", False),
        (b"__Secure-a; Secure", False),
    ],
)
def test_prefix_of_a_name_asks_for_what_it_says(line: bytes, kept: bool) -> None:
    made = jar(line, url="https://some.host/x")
    assert (made.header("https://some.host/x/y") != b"") is kept
    assert (made.notes("https://some.host/") == ()) is kept


def test_cookie_from_http_does_not_hide_a_secure_one() -> None:
    made = jar(b"sid=1; Secure; Path=/", url="https://some.host/")
    for line in (b"sid=2; Path=/", b"sid=2; Path=/a", b"sid=2; Domain=some.host"):
        made.keep("http://some.host/a/b", line)
    assert made.header("https://some.host/a/b") == b"sid=1"
    assert "one that is Secure has its name" in sentence(made.notes("http://some.host/")[0])
    made.keep("https://some.host/", b"sid=3; Secure; Path=/")
    assert made.header("https://some.host/a/b") == b"sid=3"


def test_longest_path_comes_first_then_the_oldest() -> None:
    made = jar(b"a=1; Path=/", b"b=2; Path=/deep", b"c=3; Path=/", b"a=4; Path=/", url="http://h/")
    assert made.header("http://h/deep/er") == b"b=2; a=4; c=3"
    made.keep("http://h/", b"a=; Path=/; Max-Age=0")
    assert made.header("http://h/deep") == b"b=2; c=3"


def test_jar_and_cookie_are_bounded() -> None:
    assert jar(b"a" * LONGEST + b"=").header(IN)
    assert not jar(b"a" * LONGEST + b"=1").header(IN)
    made = jar(*(b"c%d=1" % number for number in range(MOST + 1)))
    sent = made.header(IN).split(b"; ")
    assert len(sent) == MOST
    assert sent[0] == b"c1=1"


def test_path_is_that_of_the_request_line() -> None:
    made = jar(b"a=1", url="http://h/ü/x")
    assert made.header("http://h/%C3%BC/y") == made.header("http://h/ü/y") == b"a=1"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
        (b"Sun Nov  6 08:49:37 1994", 784111777),
        (b"1994 november 6 8:49:37", 784111777),
        (b"6 nov 1994 08:49:37.5+0100", 784111777),
        (b"1 jan 70 0:0:0", 0),
        (b"1 jan 69 0:0:0", 3124224000),
        (b"29 Feb 2000 00:00:00", 951782400),
        (b"29 Feb 1900 00:00:00", None),
        (b"31 Nov 1994 08:49:37", None),
        (b"0 Nov 1994 08:49:37", None),
        (b"6 Nov 1600 08:49:37", None),
        (b"6 Nov 1994 24:00:00", None),
        (b"6 Nov 1994 08:49", None),
        (b"6 Nov 08:49:37", None),
        (b"6 Nov 19944 08:49:37", None),
        (b"whenever", None),
        (b"", None),
    ],
)
def test_date_is_read_by_the_lenient_algorithm(text: bytes, seconds: int | None) -> None:
    assert cookie_date(text) == seconds


@given(st.binary(max_size=200))
def test_any_line_is_taken_or_left_without_a_crash(line: bytes) -> None:
    made = jar(line)
    for url in (IN, "https://some.host/", "http://[::1]/"):
        made.header(url)
        made.notes(url)


OCTETS = st.binary(min_size=1, max_size=12).map(
    lambda some: bytes(byte for byte in some if byte > 0x20 and byte not in b"\x7f;=,") or b"\xe9"
)


@settings(max_examples=examples(25))
@given(st.lists(st.tuples(OCTETS, OCTETS), min_size=1, max_size=4, unique_by=lambda pair: pair[0]))
async def test_bytes_of_cookies_come_back_as_they_were(pairs: list[tuple[bytes, bytes]]) -> None:
    expected = b"; ".join(b"%s=%s" % pair for pair in pairs)

    def home(request: Heard) -> bytes:
        return answer(status=b"200 OK" if request.values(b"cookie") == [expected] else b"401 Unauthorized")

    pages: dict[bytes, Any] = {
        b"/in": answer(b"", *(b"Set-Cookie: %s=%s" % pair for pair in pairs)),
        b"/home": home,
    }
    requests = [{"id": id, "url": f"/{id}", "expect": {"status": 200}} for id in ("in", "home")]
    suite = {"suite": 1, "flows": [{"id": "one", "requests": requests}]}
    with TemporaryDirectory() as folder:
        async with answering(pages) as server, world_at(server.url(), Path(folder)) as world:
            observed = await Api().observe(ApiParams.model_validate({"suite": suite}), world)
    assert [case.status for case in observed.cases] == [CaseStatus.PASSED] * 2, observed.cases


async def test_cookie_of_any_bytes_can_be_written_down_as_evidence(tmp_path: Path) -> None:
    pages = {b"/in": answer(b"", b"Set-Cookie: city=Z\xfcrich"), b"/home": answer(status=b"500 Oops")}
    requests = [{"id": id, "url": f"/{id}", "expect": {"status": 200}} for id in ("in", "home")]
    suite = {"suite": 1, "flows": [{"id": "one", "requests": requests}]}
    async with answering(pages) as server, world_at(server.url(), tmp_path) as world:
        observed = await Api().observe(ApiParams.model_validate({"suite": suite}), world)
        assert r"Cookie: city=Z\xfcrich" in world.evidence_text(observed.evidence[0])
