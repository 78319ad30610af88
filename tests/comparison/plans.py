"""Two versions of a plan in two folders, and what guard finds between them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

from phasegate.comparison.change import Change
from phasegate.comparison.compare import compare_all
from phasegate.comparison.side import Side
from phasegate.kinds import KINDS
from phasegate.plan.loader import load

HEAD = """\
phasegate: 1
phase: shop
title: The shop
target: {external: {shop: {url: "http://shop.example"}}}
"""
_numbers = itertools.count()


def plan(*checks: str, criteria: tuple[str, ...] = (), rest: str = "") -> str:
    """A plan with one step of these checks and criteria; `rest` is further keys."""
    lines = ["steps:", "  - id: one", "    checks:", *(f"      - {check}" for check in checks)]
    if criteria:
        lines += ["    criteria:", *(f"      - {criterion}" for criterion in criteria)]
    return HEAD + rest + "\n".join(lines) + "\n"


def health(rest: str = "", *criteria: str) -> str:
    own = f", criteria: [{', '.join(criteria)}]" if criteria else ""
    return f"{{id: up, kind: health, url: /health{', ' if rest else ''}{rest}{own}}}"


def load_check(rest: str) -> str:
    return f"{{id: steady, kind: load, url: /, {rest}}}"


def sides(folder: Path, text: str, files: Mapping[str, str] | None = None) -> dict[str, Side]:
    """A plan and the files beside it, loaded with each of its environments."""
    place = folder / f"version-{next(_numbers)}"
    for name, content in {"plan.yaml": text, **(files or {})}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content, encoding="utf-8")
    path = place / "plan.yaml"
    first = load(path, kinds=KINDS, env={})
    found = {"": first.plan}
    for name in first.environments:
        found[name] = load(path, kinds=KINDS, env={}, environment=name).plan
    return {name: Side(plan=one, folder=f"{place}/") for name, one in found.items()}


def changes(
    folder: Path,
    before: str,
    after: str,
    files: Mapping[str, str] | None = None,
    files_after: Mapping[str, str] | None = None,
) -> tuple[Change, ...]:
    there = files if files_after is None else files_after
    return compare_all(sides(folder, before, files), sides(folder, after, there))


def said(found: tuple[Change, ...]) -> list[str]:
    return [f"{one.direction}: {one.item}: {one.before} -> {one.after}" for one in found]
