"""What writers say of a result in attributes, under the many names and spellings that there are.

googletest, ctest, behave, Ginkgo and Pester have a word for it; others have flags, as NUnit has `executed`
and `success`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Meaning(Enum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Statement:
    """An attribute that speaks of the result."""

    key: str
    value: str
    meaning: Meaning


_BETWEEN = re.compile(r"[\s_.:-]+")
_WORDS = frozenset(
    {"status", "result", "outcome", "state", "verdict", "conclusion", "disposition"}
    | {"teststatus", "testresult", "testoutcome", "teststate"}
)
_PASSED = frozenset(
    {"", "pass", "passed", "passing", "ok", "success", "successful", "succeeded", "run", "ran"}
    | {"complete", "completed", "executed", "finished", "fixed"}
)
_FAILED = frozenset(
    {"fail", "failed", "failing", "failure", "error", "errored", "timeout", "timedout", "crash", "crashed"}
    | {"abort", "aborted", "broken", "panicked", "interrupted", "killed", "nok", "notok", "regression"}
    | {"xfail", "xfailed", "expectedfailure", "unexpectedsuccess"}
)
_NOT_RUN = frozenset(
    {"skip", "skipped", "notrun", "notexecuted", "unexecuted", "disabled", "suppressed", "ignore", "ignored"}
    | {"untested", "pending", "todo", "undefined", "blocked", "inconclusive", "incomplete", "notapplicable"}
    | {"cancelled", "canceled", "deferred", "excluded", "filtered", "filteredout", "dryrun", "notstarted"}
    | {"queued", "planned"}
)
_NO = frozenset({"false", "no", "n", "f", "0"})
_NOTHING = _NO | {"", "none", "null"}
_UNLESS = {
    **dict.fromkeys(("success", "successful", "succeeded", "passed", "ok"), Meaning.FAILED),
    **dict.fromkeys(("executed", "ran", "run"), Meaning.NOT_RUN),
}
"""Flags, and what it means that they are false."""
_WHERE = {
    **dict.fromkeys(
        ("failed", "failure", "failures", "error", "errors", "errored", "iserror", "crashed"), Meaning.FAILED
    ),
    **dict.fromkeys(("timedout", "aborted"), Meaning.FAILED),
    **dict.fromkeys(("skipped", "isskipped", "ignored", "disabled", "notrun", "pending"), Meaning.NOT_RUN),
}
"""Flags of a case, and what it means that they are set; on a suite they are counts."""
_SPEAKING = _WORDS | _UNLESS.keys() | _WHERE.keys()


@lru_cache(maxsize=4096)
def plain(word: str) -> str:
    """A name or a word without its spelling: `Not_Run` and `not-run` are `notrun`."""
    return _BETWEEN.sub("", word.rpartition("}")[2]).lower()


def meaning_of(word: str) -> Meaning:
    known = _BETWEEN.sub("", word).lower()
    if not known and word.strip():
        return Meaning.UNKNOWN
    if known in _FAILED:
        return Meaning.FAILED
    if known in _NOT_RUN:
        return Meaning.NOT_RUN
    return Meaning.PASSED if known in _PASSED else Meaning.UNKNOWN


def of_case(attributes: Mapping[str, str]) -> Iterator[Statement]:
    """What the attributes of a case say of its result, other than that it passed."""
    for key, value in attributes.items():
        name = plain(key)
        if name not in _SPEAKING:
            continue
        if name in _WHERE:
            if plain(value) not in _NOTHING:
                yield Statement(key, value.strip(), _WHERE[name])
        elif (said := _by_word_or_flag(name, value, _NO)) is not Meaning.PASSED:
            yield Statement(key, value.strip(), said)


def of_suite(attributes: Mapping[str, str]) -> Iterator[Statement]:
    """The same of a suite, where numbers are counts."""
    for key, value in attributes.items():
        said = _by_word_or_flag(plain(key), value, _NO - {"0"})
        if said in (Meaning.FAILED, Meaning.NOT_RUN):
            yield Statement(key, value.strip(), said)


def _by_word_or_flag(name: str, value: str, no: frozenset[str]) -> Meaning:
    if name in _WORDS:
        return meaning_of(value)
    if name in _UNLESS and plain(value) in no:
        return _UNLESS[name]
    return Meaning.PASSED
