"""What is wrong where a rule finds something, and what would be right, by the id of the rule.

Holes are numbered: they are filled with the details of a finding. Another language is another set of tables.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from functools import cache
from importlib import import_module

_FAMILIES = ("common", "security", "pipeline", "kubernetes", "dockerfile", "documents", "monitoring")
"""The modules of this folder; each has `TEXTS`."""


def rule_texts(rule: str) -> tuple[str, str]:
    """Errors: LookupError for a rule that is not known."""
    return _texts()[rule]


@cache
def _texts() -> Mapping[str, tuple[str, str]]:
    return ChainMap(*(import_module(f"{__name__}.{family}").TEXTS for family in _FAMILIES))
