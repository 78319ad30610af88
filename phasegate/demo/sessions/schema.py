"""Numbered migrations applied once, and the comparison of a database with what they make."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "migrations"
_FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_REGISTER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    applied_at REAL NOT NULL
) STRICT
"""


class SchemaError(Exception):
    """The database was made by something else than the migrations at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaReport:
    """How a database compares with the migrations; `problems` is empty when they agree."""

    expected: tuple[str, ...]
    applied: tuple[str, ...]
    version: int
    integrity: str
    """What `PRAGMA integrity_check` says: `ok`, or its first findings."""
    foreign_key_violations: int
    tables: Mapping[str, tuple[str, ...]]
    """Table name to column names, in the order of the table."""
    problems: tuple[str, ...]


def read_migrations(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Every `0001_name.sql` of a folder, in order.

    Errors: SchemaError when the numbers have a gap or a file is named otherwise.
    """
    migrations = []
    for expected, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None or int(match[1]) != expected:
            raise SchemaError(f"migration {path.name}: expected a name like {expected:04}_what_it_does.sql")
        migrations.append(Migration(version=expected, name=match[2], sql=path.read_text(encoding="utf-8")))
    return tuple(migrations)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """Apply what is not applied yet, each migration in a transaction of its own; return those.

    `connection` must be in autocommit mode (`isolation_level=None`).
    Errors: SchemaError when the database is newer than `migrations`, or an applied one has changed since.
    """
    connection.execute(_REGISTER)
    applied = _applied_migrations(connection)
    for row, known in zip(applied, migrations, strict=False):
        if (row["version"], row["sha256"]) != (known.version, known.sha256):
            raise SchemaError(f"migration {row['version']} ({row['name']}) has changed since it was applied")
    if len(applied) > len(migrations):
        raise SchemaError(
            f"the schema is at version {applied[-1]['version']}, this service knows {len(migrations)}"
        )
    fresh = tuple(migrations[len(applied) :])
    for migration in fresh:
        _apply(connection, migration)
    return fresh


def inspect(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> SchemaReport:
    """Compare a database with a fresh one that the same migrations make, and let SQLite check its pages."""
    applied = _applied_migrations(connection)
    integrity = "; ".join(row[0] for row in connection.execute("PRAGMA integrity_check(5)"))
    violations = len(connection.execute("PRAGMA foreign_key_check").fetchall())
    problems = _differences(_shape(_reference(migrations)), _shape(connection))
    expected_ids = tuple((migration.version, migration.sha256) for migration in migrations)
    if tuple((row["version"], row["sha256"]) for row in applied) != expected_ids:
        problems.append("the applied migrations are not the expected ones")
    if integrity != "ok":
        problems.append(f"integrity check: {integrity}")
    if violations:
        problems.append(f"{violations} row(s) refer to a row that does not exist")
    return SchemaReport(
        expected=tuple(f"{migration.version:04}_{migration.name}" for migration in migrations),
        applied=tuple(f"{row['version']:04}_{row['name']}" for row in applied),
        version=max((row["version"] for row in applied), default=0),
        integrity=integrity,
        foreign_key_violations=violations,
        tables=_tables(connection),
        problems=tuple(problems),
    )


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{migration.sql}")
        connection.execute(
            "INSERT INTO schema_migrations (version, name, sha256, applied_at) VALUES (?, ?, ?, ?)",
            (migration.version, migration.name, migration.sha256, time.time()),
        )
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise SchemaError(f"migration {migration.version} ({migration.name}): {error}") from error


def _applied_migrations(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    query = "SELECT version, name, sha256 FROM schema_migrations ORDER BY version"
    return connection.execute(query).fetchall()


def _reference(migrations: Sequence[Migration]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    migrate(connection, migrations)
    return connection


def _shape(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    query = "SELECT type, name, coalesce(sql, '') AS sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    return {(row["type"], row["name"]): " ".join(row["sql"].split()) for row in connection.execute(query)}


def _differences(expected: Mapping[tuple[str, str], str], actual: Mapping[tuple[str, str], str]) -> list[str]:
    problems = [f"{kind} {name} is missing" for kind, name in expected.keys() - actual.keys()]
    problems += [f"{kind} {name} is not expected" for kind, name in actual.keys() - expected.keys()]
    common = expected.keys() & actual.keys()
    problems += [f"{key[0]} {key[1]} differs" for key in common if expected[key] != actual[key]]
    return sorted(problems)


def _tables(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    names = [name for kind, name in sorted(_shape(connection)) if kind == "table"]
    columns = "SELECT name FROM pragma_table_info(?) ORDER BY cid"
    return {name: tuple(row[0] for row in connection.execute(columns, (name,))) for name in names}
