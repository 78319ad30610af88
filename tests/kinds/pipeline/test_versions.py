"""Versions, and the ranges that languages write."""

from __future__ import annotations

import pytest

from phasegate.kinds.pipeline.versions import agree, allows, read_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("3.12", (3, 12)),
        ("v20.1.0", (20, 1, 0)),
        ("3.12-slim", (3, 12)),
        ("20.x", (20,)),
        ("3.13-dev", (3, 13)),
        ("stable", None),
        ("lts/*", None),
        (">=3.11", None),
        ("", None),
        ("pypy3.10", None),
    ],
)
def test_a_version_is_read_from_what_names_one(text: str, version: tuple[int, ...] | None) -> None:
    assert read_version(text) == version


def test_versions_agree_as_far_as_both_are_written() -> None:
    assert agree((3, 12), (3, 12, 4))
    assert agree((3,), (3, 12))
    assert not agree((3, 12), (3, 11, 9))


@pytest.mark.parametrize(
    ("range_", "version", "allowed"),
    [
        (">=3.11", "3.11", True),
        (">=3.11", "3.10", False),
        (">=3.11", "3", True),
        (">=3.11,<3.13", "3.13", False),
        (">=3.11,<3.13", "3.12.9", True),
        ("<3.13", "3", True),
        ("<3.0", "3", False),
        (">3.11", "3.11", True),
        (">3.11", "3.10", False),
        ("<=3.11", "3.11.2", True),
        ("==3.12.*", "3.12", True),
        ("==3.12.*", "3.11", False),
        ("!=3.12", "3.12", False),
        ("!=3.12.1", "3.12", True),
        ("~=3.11", "3.12", True),
        ("~=3.11", "4.0", False),
        ("~=3.11.2", "3.12", False),
        ("^20.1.0", "20.9", True),
        ("^20.1.0", "21", False),
        ("^0.2.1", "0.3", False),
        ("~1.2.3", "1.3", False),
        ("18 || 20", "20.1", True),
        ("18 || 20", "19", False),
        ("18.x", "18.2", True),
        ("18 - 20", "19", True),
        ("18 - 20", "21", False),
        (">=18 <21", "21", False),
        ("*", "1", True),
        ("what", "1", None),
    ],
)
def test_a_range_allows_what_its_language_says(range_: str, version: str, allowed: bool | None) -> None:
    read = read_version(version)
    assert read is not None
    assert allows(range_, read) is allowed
