"""Configurations of Prometheus and of Loki."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from phasegate.base.files import find_files
from phasegate.inspection.report import get, items_of
from phasegate.kinds.monitoring import rules
from phasegate.kinds.monitoring.seen import Details, Seen
from phasegate.kinds.monitoring.sources import Source

_NEVER = re.compile(r"0+[smhdwy]?")


def judge_prometheus(source: Source, root: Path, seen: Seen) -> None:
    tree = source.tree
    jobs = tree.get("scrape_configs")
    scraped = bool(jobs) or bool(tree.get("scrape_config_files"))
    seen.look(rules.SCRAPE, source, (), "scrape_configs", wrong=None if scraped else ())
    names: Counter[str] = Counter()
    if not isinstance(jobs, list | None):
        seen.look(rules.JOB, source, ("scrape_configs",), "scrape_configs", wrong=("", "it is no list"))
    for number, job in enumerate(items_of(tree, "scrape_configs")):
        name = get(job, "job_name")
        names[str(name)] += 1
        why = "" if isinstance(name, str) and name else "it has no job_name"
        why = why or ("another job has this name" if names[str(name)] > 1 else "")
        wrong: Details | None = (str(name or number), why) if why else None
        seen.look(rules.JOB, source, ("scrape_configs", number), f"job/{name}", wrong=wrong)
    for number, pattern in enumerate(items_of(tree, "rule_files")):
        if isinstance(pattern, str) and not pattern.startswith(("/", "${")) and not source.name:
            wrong = None if _matches(pattern, source.file, root) else (pattern,)
            seen.look(rules.RULE_FILES, source, ("rule_files", number), pattern, wrong=wrong)
    if tree.get("rule_files"):
        alerting = bool(items_of(tree.get("alerting"), "alertmanagers"))
        seen.look(rules.ALERTMANAGERS, source, ("rule_files",), "alerting", wrong=None if alerting else ())


def _matches(pattern: str, file: str, root: Path) -> bool:
    """Whether a pattern beside a file matches something; also where it leads out of the tree."""
    folder = (root / file).parent
    if ".." in PurePosixPath(pattern).parts and not (folder / pattern).resolve().is_relative_to(
        root.resolve()
    ):
        return True
    found = find_files(folder, pattern, 1)
    return bool(found.total or found.problems)


def judge_loki(source: Source, seen: Seen) -> None:
    tree, schema = source.tree, source.tree.get("schema_config")
    if schema is not None:
        periods = items_of(schema, "configs")
        if not periods:
            seen.look(
                rules.LOKI_SCHEMA, source, ("schema_config",), "schema_config", wrong=("it has no period",)
            )
        before = ""
        for number, period in enumerate(periods):
            why = _wrong_in_period(period, before)
            before = str(get(period, "from"))
            path = ("schema_config", "configs", number)
            seen.look(rules.LOKI_SCHEMA, source, path, f"period/{number}", wrong=(why,) if why else None)
    period = get(tree, "limits_config", "retention_period")
    if period is not None and not _NEVER.fullmatch(str(period)):
        applied = get(tree, "compactor", "retention_enabled") is True
        at = ("limits_config", "retention_period")
        wrong = None if applied else (str(period),)
        seen.look(rules.LOKI_RETENTION, source, at, "retention_period", wrong=wrong)


def _wrong_in_period(period: Any, before: str) -> str:
    if not isinstance(period, Mapping):
        return "a period is no mapping"
    for key in ("from", "store", "object_store", "schema"):
        if not period.get(key):
            return f"a period has no {key!r}"
    start = str(period["from"])
    try:
        date.fromisoformat(start)
    except ValueError:
        return f"{start!r} is no day, such as 2026-01-31"
    return f"the period from {start} is not after the one before it" if start <= before else ""
