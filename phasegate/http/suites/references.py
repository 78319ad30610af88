"""What is wrong between the requests of a suite: ids there twice, names that nothing captures.

It looks at the suite as written, whatever else may be wrong with it, so that no mistake hides another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from phasegate.base.problems import Location
from phasegate.base.remember import remembered
from phasegate.base.substitution import finish, names_in
from phasegate.http.suites.rows import rows_in_file

SETUP, TEARDOWN = "setup", "teardown"
LATER = ("target.", "env.", "self.")
"""Beginnings of names that are not the suite's own."""


def problems_between(suite: Mapping[str, Any], *, names: bool = True) -> Iterator[tuple[Location, str]]:
    """Problems with their places; anything of an unexpected shape is left to others.

    `names`: whether names that nothing captures are among them.
    """
    yield from _duplicate_flows(suite)
    for group, location, requests in _groups(suite):
        for index in _find_repeats(request.get("id") for _, request in requests):
            yield (*location, index, "id"), f"request {requests[index][1]['id']!r} is there twice in {group}"
    if names:
        yield from _unknown_names(suite)


def _duplicate_flows(suite: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    seen: Counter[Any] = Counter()
    flows = [(index, flow) for index, flow in enumerate(_list(suite, "flows")) if isinstance(flow, Mapping)]
    tags = {tag for _, flow in flows for tag in _list(flow, "tags") if isinstance(tag, str)}
    for index, flow in flows:
        id = flow.get("id")
        if not isinstance(id, str):
            continue
        seen[id] += 1
        if id in (SETUP, TEARDOWN):
            yield ("flows", index, "id"), f"a flow cannot be called {id!r}"
        elif seen[id] == 2:
            yield ("flows", index, "id"), f"flow {id!r} is there twice; ids are unique in a suite"
        elif id in tags:
            yield ("flows", index, "id"), f"flow {id!r} is also a tag; a criterion could mean either"
        for tag in {SETUP, TEARDOWN}.intersection(tags & set(_texts(_list(flow, "tags")))):
            yield ("flows", index, "tags"), f"a tag cannot be called {tag!r}"


def _unknown_names(suite: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    """Names that no earlier request captures and no row has."""
    for key in ("base", "headers"):
        for name in _own(names_in(suite.get(key))):
            yield (key,), f"unknown name ${{{name}}}; captures are known in requests only"
    common: set[str] = set()
    for group, location, requests in _groups(suite):
        known = set(common)
        for index, request in requests:
            texts = {key: value for key, value in request.items() if key not in ("capture", "each")}
            columns = _columns(request.get("each"))
            used = set() if columns is None else set(names_in(texts)) - columns
            for name in _own((used | _names_in_rows(request)) - known):
                yield (*location, index), _unknown(name, request.get("id"), known)
            for name in sorted((columns or set()) & known):
                yield (*location, index, "each"), clash(name)
            capture = request.get("capture")
            known.update(capture if isinstance(capture, Mapping) else ())
        if group == SETUP:
            common = known


def clash(name: str) -> str:
    """What is wrong with a column of rows that has the name of a capture."""
    return f"the column {name!r} would take the place of the value that is captured as {name!r}; rename one"


def _unknown(name: str, id: Any, known: Iterable[str]) -> str:
    have = ", ".join(f"${{{item}}}" for item in sorted(known)) or "none"
    return (
        f"request {id!r} uses ${{{name}}}, which nothing before it captures "
        f"(captured so far: {have}); a literal dollar is $$"
    )


def _groups(
    suite: Mapping[str, Any],
) -> Iterator[tuple[str, Location, list[tuple[int, Mapping[str, Any]]]]]:
    """Everything that is sent: (id, where it is written, requests); setup first, teardown last."""
    yield SETUP, ("setup",), _requests(suite, "setup")
    for index, flow in enumerate(_list(suite, "flows")):
        if isinstance(flow, Mapping):
            yield str(flow.get("id")), ("flows", index, "requests"), _requests(flow, "requests")
    yield TEARDOWN, ("teardown",), _requests(suite, "teardown")


def _requests(holder: Mapping[str, Any], key: str) -> list[tuple[int, Mapping[str, Any]]]:
    return [(index, item) for index, item in enumerate(_list(holder, key)) if isinstance(item, Mapping)]


def _list(holder: Mapping[str, Any], key: str) -> list[Any]:
    value = holder.get(key)
    return list(value) if isinstance(value, list | tuple) else []


def _texts(values: Iterable[Any]) -> Iterator[str]:
    return (value for value in values if isinstance(value, str))


def _own(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if not name.startswith(LATER)})


def _columns(each: Any) -> set[str] | None:
    """Names that every row gives; None when that cannot be known, as a file is missing or broken."""
    match each:
        case None:
            return set()
        case Mapping() if each and set(each) <= {"csv", "jsonl"}:
            (kind, path), *_ = each.items()
            return _columns_in_file(Path(finish(str(path))), json_lines=kind == "jsonl")
        case Mapping():
            entries = list(each.values())
        case list() | tuple():
            entries = list(each)
        case _:
            return None
    shared = [{str(key) for key in entry} if isinstance(entry, Mapping) else set() for entry in entries]
    return {"each"}.union(set.intersection(*shared)) if shared else None


@remembered
def _columns_in_file(path: Path, *, json_lines: bool) -> set[str] | None:
    try:
        rows = rows_in_file(path, json_lines=json_lines)
    except (OSError, ValueError):  # said where the file is named
        return None
    return set.intersection(*(set(row.values) for row in rows)) if rows else None


def _names_in_rows(request: Mapping[str, Any]) -> set[str]:
    each = request.get("each")
    return set() if isinstance(each, Mapping) and set(each) <= {"csv", "jsonl"} else set(names_in(each))


def _find_repeats(ids: Iterable[Any]) -> Iterator[int]:
    seen: set[str] = set()
    for index, id in enumerate(ids):
        if isinstance(id, str):
            if id in seen:
                yield index
            seen.add(id)
