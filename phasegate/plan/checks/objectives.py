"""Criteria of a check from service level objectives that a team has, in OpenSLO.

An objective on the share of good requests is one on `success_rate`, and one on how long they take is a
quantile of `latency`: 95% of requests within 250 ms is `latency.p95 <= 250ms`.

Source: https://github.com/OpenSLO/OpenSLO
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from phasegate.base.files import read_regular
from phasegate.base.tree import TreePath
from phasegate.base.yaml import Dialect, Document, parse_stream
from phasegate.inspection.report import get, items_of, text_of
from phasegate.plan.reading.context import Context

LARGEST = 1 << 20
"""Bytes of a file."""
_DIALECT = Dialect(foreign_tags=True, plain=True)
_OPS = {"lt": "<", "lte": "<="}
_LE = re.compile(r'\ble\s*=~?\s*"(?P<edge>[0-9.]+)"')
_QUANTILE = re.compile(r"\bhistogram_quantile\(\s*(?P<share>0?\.\d+)")
_OF_MEAN = re.compile(r"_sum\b|\bavg")
_UNITS = {
    "s": re.compile(r"_seconds(?:_bucket|_count|_sum)?\b"),
    "ms": re.compile(r"_(?:milliseconds|ms)(?:_bucket|_count|_sum)?\b"),
}
"""What names of series say of the unit of their values."""
_OF_TIME = re.compile(r"latency|duration|slow", re.IGNORECASE)


class _ObjectiveError(ValueError):
    """Why an objective is no criterion."""


def read_objectives(context: Context, path: TreePath, names: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    """Criteria as a plan has them, of every SLO in some files; what is wrong is reported at a path."""
    return tuple(one for name in names for one in _read_file(context, path, name))


def _read_file(context: Context, path: TreePath, name: str) -> list[dict[str, Any]]:
    files, findings = context.files, context.findings
    if (why := files.wrong_with(name, folder_allowed=False)) is not None:
        findings.add(context.document, path, why)
        return []
    try:
        text = read_regular(files.locate(name), LARGEST).decode()
        files.hash(name)
    except (OSError, ValueError) as error:
        findings.add(context.document, path, f"{name!r} cannot be read: {error}")
        return []
    documents, problems = parse_stream(text, files.shown(name), _DIALECT)
    findings.extend(problems)
    return [] if problems else _read_documents(context, path, name, documents)


def _read_documents(
    context: Context, path: TreePath, name: str, documents: tuple[Document, ...]
) -> list[dict[str, Any]]:
    """Of every SLO in a file, with the indicators that stand beside them."""
    indicators = {
        text_of(get(one.tree, "metadata"), "name"): get(one.tree, "spec")
        for one in documents
        if get(one.tree, "kind") == "SLI"
    }
    found: list[dict[str, Any]] = []
    slos = [one for one in documents if get(one.tree, "kind") == "SLO"]
    for document in slos:
        metadata = get(document.tree, "metadata")
        id = text_of(metadata, "name")
        title = text_of(metadata, "displayName") or id
        objectives = items_of(get(document.tree, "spec"), "objectives")
        if not objectives:
            context.findings.add(document, ("spec",), f"SLO {id!r} has no objectives")
        for number, objective in enumerate(objectives):
            try:
                text = criterion_of(document.tree, objective, indicators)
            except _ObjectiveError as error:
                at = ("spec", "objectives", number)
                context.findings.add(document, at, f"SLO {id!r}: {error}")
            else:
                found.append({"criterion": text, "title": title, "ref": f"{name}: {id}"})
    if not slos:
        context.findings.add(context.document, path, f"{name!r} has no SLO (kind: SLO) of OpenSLO")
    return found


def criterion_of(slo: Any, objective: Any, indicators: Mapping[str, Any]) -> str:
    """An objective as a criterion. Errors: ValueError that says what is missing."""
    indicator = _indicator(slo, objective, indicators)
    percent = _percent(objective)
    method = text_of(get(slo, "spec"), "budgetingMethod")
    if "timeslice" in method.lower():
        raise _ObjectiveError(f"budgetingMethod {method} counts pieces of time, and a check counts requests")
    op, value = get(objective, "op"), get(objective, "value")
    if value is not None:
        return _of_threshold(op, value, percent, " ".join(_texts(get(indicator, "thresholdMetric"))))
    ratio = get(indicator, "ratioMetric")
    of_good, of_all = (" ".join(_texts(one)) for one in (get(ratio, "good"), ratio))
    if not of_all:
        raise _ObjectiveError("it has no ratioMetric; with a thresholdMetric, write op and value")
    # Bad ones may be all without those that are fast enough.
    queries = of_good if _LE.search(of_good) else of_all
    edges = {match["edge"] for match in _LE.finditer(queries)}
    if len(edges) > 1:
        raise _ObjectiveError(f"its query has several edges, le: {', '.join(sorted(edges))}")
    if edges:
        return f"latency.p{percent} <= {_time(_number(edges.pop(), 'le'), _unit(queries))}"
    if _OF_TIME.search(f"{text_of(get(slo, 'metadata'), 'name')} {of_all}"):
        raise _ObjectiveError(
            'nothing says within which time requests are good: write a value, or le="0.25" in the query'
        )
    return f"success_rate >= {percent}%"


def _of_threshold(op: Any, value: Any, percent: str, queries: str) -> str:
    if op not in _OPS:
        raise _ObjectiveError("with a value, op is lt or lte: it is how long requests may take")
    quantile = _QUANTILE.search(queries)
    if quantile is None and _OF_MEAN.search(queries):
        raise _ObjectiveError("its query is of a mean, which is no quantile: ask for histogram_quantile")
    share = _plain(Decimal(quantile["share"]) * 100) if quantile else percent
    return f"latency.p{share} {_OPS[op]} {_time(_number(value, 'value'), _unit(queries))}"


def _indicator(slo: Any, objective: Any, indicators: Mapping[str, Any]) -> Any:
    for holder in (objective, get(slo, "spec")):
        if (own := get(holder, "indicator", "spec")) is not None:
            return own
        if name := text_of(holder, "indicatorRef"):
            if name not in indicators:
                raise _ObjectiveError(f"its indicator {name!r} (kind: SLI) is not in the file")
            return indicators[name]
    raise _ObjectiveError("it has no indicator")


def _percent(objective: Any) -> str:
    share, percent = get(objective, "target"), get(objective, "targetPercent")
    if share is None and percent is None:
        raise _ObjectiveError("an objective has no target")
    if share is not None and percent is not None:
        raise _ObjectiveError("an objective has a target or a targetPercent, and not both")
    found = _number(percent, "targetPercent") if share is None else _number(share, "target") * 100
    if not 0 < found < 100:
        raise _ObjectiveError("a target is between 0 and 1, and targetPercent between 0 and 100")
    return _plain(found)


def _number(value: Any, name: str) -> Decimal:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number <= 0:
        raise _ObjectiveError(f"{name} {value!r} is no number above 0")
    return number


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _time(number: Decimal, unit: str) -> str:
    """As people write it: 250ms, not 0.25s."""
    return f"{_plain(number * 1000)}ms" if unit == "s" and number < 1 else f"{_plain(number)}{unit}"


def _unit(queries: str) -> str:
    """The unit of durations, as the names of series in queries have it."""
    found = [unit for unit, pattern in _UNITS.items() if pattern.search(queries)]
    if len(found) != 1:
        raise _ObjectiveError(
            "the unit is not known: name a series like ..._seconds_bucket or ..._milliseconds"
        )
    return found[0]


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping):
        for one in tree.values():
            yield from _texts(one)
    elif isinstance(tree, list):
        for one in tree:
            yield from _texts(one)
