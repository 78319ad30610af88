"""The search for phasegate's own words in records finds them, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.own_words import own_words, words_of_source

CLAIM = "nothing passes without evidence, says the plan of these people"
OWN = "words of the source"
"""In whose place such words stand."""


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"steps": [{"reason": f"what {OWN} here"}]}, [f"what {OWN} here"]),
        ({"steps": [{"reason": {"code": "failed", "why": OWN}}]}, [OWN]),
        ({"notes": ['late: {"code": "failed"}']}, ['late: {"code": "failed"}']),
        ({"steps": [{"title": OWN, "reason": CLAIM}]}, []),
    ],
)
def test_words_of_the_source_are_found_wherever_they_stand(
    tmp_path: Path, record: object, found: list[str]
) -> None:
    words = " ".join(min(words_of_source()))
    text = json.dumps(record).replace(OWN, words)
    (tmp_path / "result.json").write_text(text)
    (tmp_path / "events.jsonl").write_text(text + '\n{"cut')
    assert own_words(tmp_path) == [one.replace(OWN, words) for one in found]
