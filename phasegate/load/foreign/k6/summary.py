"""What k6 says of a run at its end: thresholds and checks, read from `--summary-export`.

In that file a threshold is `true` when it was crossed (k6 1.1; the summary shows `✗` beside it).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from phasegate.base.facts import Code, Fact, Figure, fact
from phasegate.base.units import Dimension
from phasegate.load.foreign.script_cases import case
from phasegate.model.observation import Case, CaseStatus


class Summary:
    def __init__(self, data: Mapping[str, Any]) -> None:
        self._metrics: Mapping[str, Any] = data.get("metrics", {})
        self._root: Mapping[str, Any] = data.get("root_group", {})

    @classmethod
    def read(cls, file: Path) -> Summary:
        """Nothing in it where k6 did not get so far as to write one."""
        try:
            data = json.loads(file.read_bytes())
        except (OSError, ValueError):
            return cls({})
        return cls(data if isinstance(data, dict) else {})

    def type_of(self, metric: str) -> str | None:
        """trend, rate, counter or gauge; None for a metric that had no sample and no threshold."""
        found = self._metrics.get(metric)
        return None if found is None else _type(found)

    def cases(self, *, iterations: int, sampled: frozenset[str], whole: bool) -> Iterator[Case]:
        """Thresholds and checks. Where the run was stopped early, a threshold has not been decided."""
        for metric, values in sorted(self._metrics.items()):
            for threshold, crossed in values.get("thresholds", {}).items():
                yield self._threshold(metric, threshold, crossed, iterations, sampled, whole=whole)
        yield from _checks(self._root)

    def _threshold(
        self,
        metric: str,
        threshold: str,
        crossed: bool,
        iterations: int,
        sampled: frozenset[str],
        *,
        whole: bool,
    ) -> Case:
        name = f"{metric} {threshold}"
        values = self._metrics[metric]
        if not _has_samples(metric, values, iterations, sampled):
            return case("thresholds", name, CaseStatus.LOST, fact(Code.NO_SAMPLE_CAME, measure=metric))
        if crossed:
            return case("thresholds", name, CaseStatus.FAILED, _crossed(threshold, values))
        if not whole:
            return case("thresholds", name, CaseStatus.LOST, fact(Code.THRESHOLD_UNDECIDED))
        return case("thresholds", name, CaseStatus.PASSED)


def _type(values: Mapping[str, Any]) -> str:
    if "passes" in values:
        return "rate"
    if "rate" in values:
        return "counter"
    return "trend" if "avg" in values else "gauge"


def _has_samples(metric: str, values: Mapping[str, Any], iterations: int, sampled: frozenset[str]) -> bool:
    """k6 lets a threshold over no samples pass, whatever it demands."""
    match _type(values):
        case "trend":
            return bool(values["count"])
        case "rate":
            return bool(values["passes"] + values["fails"])
        case "counter":
            # What was never counted has been counted: 0 times, if there was anything to count.
            return bool(values["count"]) or iterations > 0
        case _:
            # Of a gauge below a tag only its value is known, and a 0 there may stand for no sample.
            return bool(values["min"] or values["max"]) or metric in sampled


def _crossed(threshold: str, values: Mapping[str, Any]) -> Fact:
    key = threshold.replace(" ", "")
    for operator in ("<", ">", "=", "!"):
        key = key.partition(operator)[0]
    match _type(values), key:
        case "rate", _:
            total = values["passes"] + values["fails"]
            rate = Figure(values["passes"] / total, Dimension.SHARE)
            return fact(Code.CROSSED, statistic="rate", value=rate, total=total)
        case "gauge", _:
            return fact(Code.CROSSED, statistic="value", value=float(values["value"]))
        case _, str() if isinstance(values.get(key), int | float):
            return fact(Code.CROSSED, statistic=key, value=float(values[key]))
        case _:
            return fact(Code.CROSSED, statistic=key)


def _checks(group: Mapping[str, Any]) -> Iterator[Case]:
    for check in group.get("checks", {}).values():
        passes, fails = check["passes"], check["fails"]
        name = check["path"].removeprefix("::").replace("::", " / ")
        part = "/".join(["checks", *check["path"].split("::")[1:-1]])
        if fails:
            message = fact(Code.FAILED_TIMES, failed=fails, n=passes + fails)
            found = case(part, name, CaseStatus.FAILED, message)
        else:
            found = case(part, name, CaseStatus.PASSED)
        yield found
    for inner in group.get("groups", {}).values():
        yield from _checks(inner)
