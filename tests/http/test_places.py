"""Spellings of one host and port."""

from __future__ import annotations

import pytest

from phasegate.http.places import place_of


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://Host.example./a", ("host.example", 80)),
        ("https://host.example", ("host.example", 443)),
        ("HTTP://localhost:8080/x", ("127.0.0.1", 8080)),
        ("http://[::1]:81/", ("::1", 81)),
        ("http://user:secret@host:82", ("host", 82)),
        ("/path", None),
        ("http://host:port/", None),
        ("http://host:99999/", None),
        ("http://[::1/", None),
    ],
)
def test_place_is_host_and_port_however_they_are_written(url: str, place: tuple[str, int] | None) -> None:
    assert place_of(url) == place
