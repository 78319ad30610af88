"""The marks on parameters, each with a kind that guard cannot know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field

from phasegate.base.fields import Closed, Duration, Size
from phasegate.base.marks import Arguments, Demand, Expected, Members
from phasegate.comparison import params
from phasegate.comparison.change import Change, Direction, Subject
from phasegate.comparison.side import Side
from phasegate.kinds.base import CheckParams, Kind, TimedParams
from tests.comparison.plans import health, plan, sides


class Rule(Closed):
    topic: str
    deepest: Annotated[int, Demand.LESS] = 0
    strict: Annotated[bool, Demand.MUST_BE] = True


class Answer(Closed):
    code: Annotated[Any, Expected()] = None
    text: Annotated[Any, Expected(text=True)] = None


class QueueParams(TimedParams):
    messages: Annotated[int, Demand.MORE] = 10
    size: Annotated[Size, Field(gt=0), Demand.MORE] | None = None
    pause: Annotated[Duration, Demand.LESS] = 1.0
    settle: Annotated[Duration, Demand.SHOWN] = 1.0
    topics: Annotated[tuple[str, ...], Demand.MUST_BE] = ()
    ignore: Annotated[Mapping[str, int], Demand.LET_THROUGH] = Field(default_factory=dict)
    lossy: Annotated[bool, Demand.LET_THROUGH] = False
    fixtures: Annotated[Path, Demand.MUST_BE] = Path("/queue")
    args: Annotated[tuple[str, ...], Arguments(frozenset({"--only"}))] = ()
    rules: Annotated[
        tuple[Rule, ...], Members(name=lambda rule: rule.topic, size=lambda rule: f"deepest {rule.deepest}")
    ] = ()
    answer: Answer | None = None
    broker: str = ""


class QueueKind(Kind[QueueParams]):
    name: ClassVar[str] = "queue"
    Params: ClassVar[type[CheckParams]] = QueueParams


@pytest.fixture
def side(tmp_path: Path) -> Side:
    return sides(tmp_path, plan(health()))[""]


def between(side: Side, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    old, new = (QueueParams.model_validate(one) for one in (before, after))
    subject = Subject(name="check q", before="", after="")
    return list(params.changes(subject, QueueKind(), (side, old), (side, new), accompanies=False))


@pytest.mark.parametrize(
    ("more", "less", "item"),
    [
        ({"messages": 20}, {"messages": 10}, "messages"),
        ({"size": "2MiB"}, {"size": "1MiB"}, "size"),
        ({"pause": "1s"}, {"pause": "2s"}, "pause"),
        ({"timeout": "1s"}, {"timeout": "2s"}, "timeout"),
        ({"topics": ["a", "b"]}, {"topics": ["a"]}, "topics"),
        ({"ignore": {}}, {"ignore": {"dead": 3}}, "ignore"),
        ({"lossy": False}, {"lossy": True}, "lossy"),
        ({"fixtures": "/queue"}, {"fixtures": "/queue/one"}, "fixtures"),
        ({"args": []}, {"args": ["--only", "one"]}, "args --only"),
        ({"rules": [{"topic": "a"}]}, {"rules": []}, "rules a"),
        ({"rules": [{"topic": "a"}]}, {"rules": [{"topic": "a", "deepest": 9}]}, "rules a deepest"),
        ({"rules": [{"topic": "a"}]}, {"rules": [{"topic": "a", "strict": False}]}, "rules a strict"),
        ({"answer": {"code": 0}}, {"answer": {"code": [0, 1]}}, "answer code"),
        ({"answer": {"text": "ab"}}, {"answer": {"text": {"contains": "a"}}}, "answer text"),
        ({"answer": {"code": 0, "text": "a"}}, {"answer": {"code": 0}}, "answer text"),
    ],
)
def test_a_mark_says_which_of_two_values_asks_more(
    side: Side, more: Mapping[str, Any], less: Mapping[str, Any], item: str
) -> None:
    for before, after, direction in (
        (more, less, Direction.WEAKER),
        (less, more, Direction.STRONGER),
    ):
        found = between(side, before, after)
        assert [(one.item, one.direction) for one in found] == [(f"check q {item}", direction)]
    assert not between(side, more, more)


@pytest.mark.parametrize(
    ("before", "after", "texts"),
    [
        ({"settle": "1s"}, {"settle": "2s"}, ("1 s", "2 s")),
        ({"broker": "a"}, {"broker": "b"}, ("a", "b")),
        ({}, {"size": "1MiB"}, ("not there", "1 MiB")),
        ({"args": ["-v"]}, {"args": ["-q"]}, ("-v", "-q")),
        ({"fixtures": "/queue"}, {"fixtures": "/other"}, None),
    ],
)
def test_a_change_without_an_order_is_shown(
    side: Side, before: Mapping[str, Any], after: Mapping[str, Any], texts: tuple[str, str] | None
) -> None:
    (change,) = between(side, before, after)
    assert change.direction is Direction.CHANGED
    assert texts is None or (change.before, change.after) == texts
