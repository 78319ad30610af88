"""The request as bytes."""

from __future__ import annotations

import pytest
from httptools import HttpRequestParser
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.wire.request import Endpoint, endpoint_of, header_problems, request_bytes
from tests.telling import raises


@pytest.mark.parametrize(
    ("url", "endpoint", "host"),
    [
        ("http://example.test/a", Endpoint(host="example.test", port=80, tls=False), "example.test"),
        ("https://example.test", Endpoint(host="example.test", port=443, tls=True), "example.test"),
        ("https://example.test:80/", Endpoint(host="example.test", port=80, tls=True), "example.test:80"),
        ("http://[::1]:8080/", Endpoint(host="::1", port=8080, tls=False), "[::1]:8080"),
        ("http://[::1]/", Endpoint(host="::1", port=80, tls=False), "[::1]"),
    ],
)
def test_endpoint_and_host_header(url: str, endpoint: Endpoint, host: str) -> None:
    assert endpoint_of(url) == endpoint
    assert f"\r\nHost: {host}\r\n".encode() in request_bytes("GET", url, (), None)


@pytest.mark.parametrize("url", ["/health", "ftp://example.test/", "http://", "example.test"])
def test_what_is_no_http_url_is_refused(url: str) -> None:
    with raises(ValueError, match="not an http or https URL"):
        endpoint_of(url)


def test_path_and_query_are_escaped_once() -> None:
    request = request_bytes("GET", "http://x/ä b/%20?q=a b&r=[1]#part", (), None)
    assert request.startswith(b"GET /%C3%A4%20b/%20?q=a%20b&r=[1] HTTP/1.1\r\n")


def test_given_headers_replace_own_ones() -> None:
    request = request_bytes("POST", "http://x/", (("host", "y"), ("user-agent", "me")), b"ab")
    assert request.count(b"ost:") == 1
    assert b"host: y" in request
    assert b"phasegate" not in request
    assert b"Content-Length: 2\r\n" in request


@pytest.mark.parametrize("header", [("a", "b\r\nc: d"), ("a\r\nb", "c"), ("", "x"), ("a:", "x"), ("a", "\0")])
def test_header_that_would_smuggle_another_is_refused(header: tuple[str, str]) -> None:
    assert header_problems([header])
    with pytest.raises(ValueError, match="header"):
        request_bytes("GET", "http://x/", [header], None)


class _Seen:
    def __init__(self) -> None:
        self.url = b""
        self.body = b""
        self.complete = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete += 1


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40), st.none() | st.binary(max_size=200))
def test_any_path_query_and_body_make_exactly_one_request(path: str, query: str, body: bytes | None) -> None:
    seen = _Seen()
    url = "http://x/" + path.translate({ord(c): "-" for c in "?#"}) + "?" + query.replace("#", "-")
    HttpRequestParser(seen).feed_data(request_bytes("POST", url, (), b"" if body is None else body))
    assert seen.complete == 1
    assert seen.body == (body or b"")
