"""Rules of all kinds: a plan, a waiver and a report name one by its id alone."""

from __future__ import annotations

from collections import Counter

from phasegate.inspection.rules import COMMON
from phasegate.kinds import every_kind
from phasegate.render.rules import rule_texts


def test_an_id_stands_for_one_rule_whose_sentence_and_documentation_are_there() -> None:
    rules = [rule for kind in every_kind().values() for rule in kind.rules() if rule not in COMMON]
    assert [id for id, n in Counter(rule.id for rule in rules).items() if n > 1] == []
    for rule in rules:
        assert rule_texts(rule.id)[0]
        assert rule.about
        assert rule.source.startswith("https://")
