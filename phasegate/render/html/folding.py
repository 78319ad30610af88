"""Rows beyond the first of a long page: packed in it as they would stand there, for the script to unfold."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Sequence
from typing import TypeVar

MOST_ROWS = 1_000
"""Rows of one section that are there without JavaScript."""

Row = TypeVar("Row")


def fold_rows(
    groups: Sequence[Sequence[Row]], rank: Callable[[Row], int], most: int = MOST_ROWS
) -> list[tuple[tuple[Row, ...], tuple[Row, ...]]]:
    """Of each group the rows that stand in the page, and those that are folded away, both in their order.

    Over all groups the rows of the lowest rank stand there.
    """
    everything = [row for group in groups for row in group]
    shown = {id(row) for row in sorted(everything, key=rank)[:most]}
    return [
        (tuple(row for row in group if id(row) in shown), tuple(row for row in group if id(row) not in shown))
        for group in groups
    ]


def pack(text: str) -> str:
    """gzip in base64: browsers unpack it in a few milliseconds."""
    data = text.encode("utf-8", "backslashreplace")
    return base64.b64encode(gzip.compress(data, compresslevel=6, mtime=0)).decode()
