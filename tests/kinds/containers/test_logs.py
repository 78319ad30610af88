"""What the log of a container may have lost."""

from __future__ import annotations

import pytest

from phasegate.kinds.containers.logs import may_have_lost
from tests.kinds.scripted_containers import container


@pytest.mark.parametrize(
    ("driver", "options", "kept", "lost"),
    [
        ("json-file", {}, 10**9, False),
        ("json-file", {"max-size": "-1"}, 10**9, False),
        ("json-file", {"max-size": "10k"}, 100, True),  # one file, which may have been emptied just before
        ("json-file", {"max-size": "10k", "max-file": "1"}, 0, True),
        ("json-file", {"max-size": "10k", "max-file": "2"}, 9_999, False),
        ("json-file", {"max-size": "10k", "max-file": "2"}, 10_000, True),
        ("json-file", {"max-size": "1m", "max-file": "5"}, 3_999_999, False),
        ("json-file", {"max-size": "1m", "max-file": "5"}, 4_000_000, True),
        ("local", {}, 79_999_999, False),
        ("local", {}, 80_000_000, True),
        ("local", {"max-size": "10k", "max-file": "3"}, 30_000, True),
        ("syslog", {}, 1_000, False),
        ("syslog", {"cache-max-size": "1k", "cache-max-file": "2"}, 1_000, True),
        ("journald", {}, 0, True),
        ("json-file", {"mode": "non-blocking"}, 0, True),
        ("", {}, 10**9, False),
    ],
)
def test_log_may_have_lost_lines_once_its_files_have_been_full(
    driver: str, options: dict[str, str], kept: int, lost: bool
) -> None:
    one = container("web", log_driver=driver, log_options=options)
    assert bool(may_have_lost(one, kept)) is lost
