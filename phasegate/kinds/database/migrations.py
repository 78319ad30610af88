"""Migrations in a folder, and what of them a database says it has applied."""

from __future__ import annotations

import ast
import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, fact
from phasegate.base.files import find_files, read_file

MOST = 10_000
SIZE = 1 << 20
_FLYWAY = re.compile(r"V([0-9._]+)__.*\.(?:sql|java|py)", re.IGNORECASE)
_REPEATABLE = re.compile(r"R__.*\.(?:sql|java|py)", re.IGNORECASE)
_SQLX = re.compile(r"(\d+)_.*?(?:\.up)?\.sql")


Files = Mapping[str, int | bytes | None]
"""Versions with the checksum of their file, where the tool keeps one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """How a tool keeps what it has applied."""

    table: str
    query: str
    """`{table}` is filled in."""
    files: Callable[[Path], Files]
    """What a database must say, from the folder."""
    state: Callable[[Iterable[Sequence[Any]]], State]
    """What the rows of the query come to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a database says is applied to it."""

    applied: Mapping[str, int | bytes | None]
    """Versions with the checksum of what was applied, where it is known."""
    failed: tuple[str, ...] = ()
    baseline: str = ""
    """The version up to which it had everything before the tool was used."""


def alembic_heads(folder: Path) -> Files:
    """The revisions that no other revision follows. Errors: ObservationError for a file that says none."""
    revisions: dict[str, tuple[str, ...]] = {}
    for path in _files(folder, "versions/**/*.py"):
        values = _assigned(path)
        revision = values.get("revision")
        if isinstance(revision, str):
            down = values.get("down_revision")
            before = (down,) if isinstance(down, str) else down
            revisions[revision] = tuple(map(str, before)) if isinstance(before, tuple | list) else ()
        elif path.name != "__init__.py":
            raise ObservationError(fact(Code.MIGRATION_UNREADABLE, path=path.name))
    followed = {before for down in revisions.values() for before in down}
    return dict.fromkeys(sorted(set(revisions) - followed))


def _assigned(path: Path) -> dict[str, Any]:
    """Constants that a module gives names to, without running it."""
    try:
        module = ast.parse(read_file(path, path.name, SIZE))
    except (SyntaxError, ValueError, RecursionError):
        raise ObservationError(fact(Code.MIGRATION_UNREADABLE, path=path.name)) from None
    found = {}
    for statement in module.body:
        targets = (
            [statement.target] if isinstance(statement, ast.AnnAssign) else getattr(statement, "targets", [])
        )
        for target in targets:
            if isinstance(target, ast.Name) and getattr(statement, "value", None) is not None:
                try:
                    found[target.id] = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
                except ValueError:
                    continue
    return found


def flyway_files(folder: Path) -> Files:
    """Versioned migrations by version, repeatable ones by the name of their file."""
    found: dict[str, int | bytes | None] = {}
    for path in _files(folder, "**/*"):
        if (match := _FLYWAY.fullmatch(path.name)) is not None:
            found[_normal(match[1])] = _flyway_checksum(path)
        elif _REPEATABLE.fullmatch(path.name):
            found[path.name] = _flyway_checksum(path)
    return dict(sorted(found.items()))


def _flyway_checksum(path: Path) -> int | None:
    """CRC-32 of the lines of a script without their ends, as a number with a sign."""
    if path.suffix.lower() != ".sql":
        return None
    sum = 0
    for line in read_file(path, path.name, SIZE).removeprefix(b"\xef\xbb\xbf").splitlines():
        sum = zlib.crc32(line, sum)
    return sum - (1 << 32) if sum >> 31 else sum


def flyway_state(rows: Iterable[Sequence[Any]]) -> State:
    """Rows in the order in which they were written: (version, success, type, script, checksum). What was
    undone, or is marked as deleted, is not applied."""
    applied: dict[str, int | bytes | None] = {}
    failed: dict[str, None] = {}
    baseline = ""
    for version, success, type, script, checksum in rows:
        kind = str(type).upper()
        if version is None and kind == "SCHEMA":
            continue
        key = str(script).replace("\\", "/").rpartition("/")[2] if version is None else _normal(str(version))
        failed.pop(key, None)
        if not success:
            failed[key] = None
        elif kind == "DELETE" or kind.startswith("UNDO"):
            applied.pop(key, None)
        elif kind.endswith("BASELINE"):
            baseline = max(baseline, key, key=_rank)
        else:
            applied[key] = checksum
    return State(applied=applied, failed=tuple(failed), baseline=baseline)


def _rank(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if re.fullmatch(r"\d+(?:\.\d+)*", version) else ()


def sqlx_files(folder: Path) -> Files:
    found: dict[str, int | bytes | None] = {}
    for path in _files(folder, "*.sql"):
        if not path.name.endswith(".down.sql") and (match := _SQLX.fullmatch(path.name)):
            found[match[1].lstrip("0") or "0"] = hashlib.sha384(read_file(path, path.name, SIZE)).digest()
    return dict(sorted(found.items()))


def sqlx_state(rows: Iterable[Sequence[Any]]) -> State:
    """Rows (version, success, checksum)."""
    told = {str(version): (success, checksum) for version, success, checksum in rows}
    return State(
        applied={version: _bytes(checksum) for version, (_, checksum) in told.items()},
        failed=tuple(version for version, (success, _) in told.items() if not success),
    )


def _bytes(value: Any) -> bytes | None:
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else None


def _normal(version: str) -> str:
    """`1_2` and `01.2` are version 1.2 of Flyway."""
    return ".".join(part.lstrip("0") or "0" for part in re.split(r"[._]", version))


def _files(folder: Path, pattern: str) -> Iterable[Path]:
    return find_files(folder, pattern, MOST).files


TOOLS: Mapping[str, Tool] = {
    "alembic": Tool(
        table="alembic_version",
        query="select version_num from {table}",
        files=alembic_heads,
        state=lambda rows: State(applied={str(row[0]): None for row in rows}),
    ),
    "flyway": Tool(
        table="flyway_schema_history",
        query="select version, success, type, script, checksum from {table} order by installed_rank",
        files=flyway_files,
        state=flyway_state,
    ),
    "sqlx": Tool(
        table="_sqlx_migrations",
        query="select version, success, checksum from {table}",
        files=sqlx_files,
        state=sqlx_state,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    missing: tuple[str, ...] = ()
    """In the folder, and not applied."""
    unknown: tuple[str, ...] = ()
    """Applied, and not in the folder."""
    failed: tuple[str, ...] = ()
    """Applied without success."""
    changed: tuple[str, ...] = ()
    """Applied, and other than the file in the folder."""


def compare(wanted: Files, state: State) -> Compared:
    """What of the folder a database does not say, and the other way round."""
    applied, failed = state.applied, state.failed
    before = _rank(state.baseline) if state.baseline else ()
    return Compared(
        missing=tuple(
            version
            for version in wanted
            if not (version in applied or version in failed or () < _rank(version) <= before)
        ),
        unknown=tuple(sorted(version for version in applied if version not in wanted)),
        failed=tuple(sorted(failed)),
        changed=tuple(
            version
            for version, checksum in wanted.items()
            if None not in (checksum, applied.get(version)) and applied[version] != checksum
        ),
    )
