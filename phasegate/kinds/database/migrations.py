"""Migrations in a folder, and what of them a database says it has applied."""

from __future__ import annotations

import ast
import re
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
_SQLX = re.compile(r"(\d+)_.*?(?:\.up)?\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """How a tool keeps what it has applied."""

    table: str
    query: str
    """Gives (version, whether it succeeded); `{table}` is filled in."""
    files: Callable[[Path], tuple[str, ...]]
    """Versions that a database must say, from the folder."""


def alembic_heads(folder: Path) -> tuple[str, ...]:
    """The revisions that no other revision follows. Errors: ObservationError for a file that says none."""
    revisions: dict[str, tuple[str, ...]] = {}
    for path in _files(folder, "versions/**/*.py"):
        values = _assigned(path)
        revision = values.get("revision")
        if isinstance(revision, str):
            down = values.get("down_revision")
            before = (down,) if isinstance(down, str) else down
            revisions[revision] = tuple(map(str, before)) if isinstance(before, tuple | list) else ()
    followed = {before for down in revisions.values() for before in down}
    return tuple(sorted(set(revisions) - followed))


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


def flyway_versions(folder: Path) -> tuple[str, ...]:
    names = (match for path in _files(folder, "**/*") if (match := _FLYWAY.fullmatch(path.name)))
    return tuple(sorted({_normal(match[1]) for match in names}))


def sqlx_versions(folder: Path) -> tuple[str, ...]:
    names = (
        match
        for path in _files(folder, "*.sql")
        if not path.name.endswith(".down.sql") and (match := _SQLX.fullmatch(path.name))
    )
    return tuple(sorted({match[1].lstrip("0") or "0" for match in names}))


def _normal(version: str) -> str:
    """`1_2` and `01.2` are version 1.2 of Flyway."""
    return ".".join(part.lstrip("0") or "0" for part in re.split(r"[._]", version))


def _files(folder: Path, pattern: str) -> Iterable[Path]:
    return find_files(folder, pattern, MOST).files


TOOLS: Mapping[str, Applied] = {
    "alembic": Applied(
        table="alembic_version", query="select version_num, 1 from {table}", files=alembic_heads
    ),
    "flyway": Applied(
        table="flyway_schema_history",
        query="select version, success from {table} where version is not null",
        files=flyway_versions,
    ),
    "sqlx": Applied(
        table="_sqlx_migrations", query="select version, success from {table}", files=sqlx_versions
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    missing: tuple[str, ...]
    """In the folder, and not applied."""
    unknown: tuple[str, ...]
    """Applied, and not in the folder."""
    failed: tuple[str, ...]
    """Applied without success."""


def compare(tool: str, wanted: Sequence[str], rows: Iterable[Sequence[Any]]) -> Compared:
    """What of the folder a database does not say, and the other way round."""
    told = {_version(tool, row[0]): bool(row[1]) for row in rows}
    return Compared(
        missing=tuple(version for version in wanted if version not in told),
        unknown=tuple(sorted(version for version in told if version not in wanted)),
        failed=tuple(sorted(version for version, success in told.items() if not success)),
    )


def _version(tool: str, value: Any) -> str:
    return _normal(str(value)) if tool == "flyway" else str(value)
