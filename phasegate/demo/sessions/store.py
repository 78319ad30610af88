"""Functions, sessions, results and request logs: one SQLite connection, used from one thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from phasegate.demo.sessions.schema import Migration, SchemaReport, inspect, migrate, read_migrations

KEPT_AFTER_EXPIRY = 3600.0
"""Seconds for which an expired session is still told apart from one that never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    title: str
    language: str
    description: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One opened session; times are seconds since 1970-01-01 UTC, `context` is JSON text."""

    request_id: str
    title: str
    language: str
    context: str
    script: str
    created_at: float
    expires_at: float
    executions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """What a script returned, as JSON text, and the seconds it took."""

    result: str
    execution_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    at: float
    method: str
    path: str
    status: int
    duration: float


class Store:
    """Blocks while it works; every method must be called from the thread that made it.

    Errors: SchemaError and sqlite3.Error when the database cannot be opened or brought up to date.
    """

    def __init__(self, path: Path) -> None:
        self._migrations: tuple[Migration, ...] = read_migrations()
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
        self._connection.row_factory = sqlite3.Row
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            migrate(self._connection, self._migrations)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def schema(self) -> SchemaReport:
        return inspect(self._connection, self._migrations)

    def drift(self) -> None:
        """Change the schema past its migrations, as somebody may by hand."""
        self._connection.execute("DROP INDEX IF EXISTS sessions_by_expiry")

    def functions(self, language: str | None, page: int, per_page: int) -> tuple[tuple[Function, ...], int]:
        """One page of the catalogue, ordered by title, and how many functions there are on all pages."""
        where, values = ("WHERE language = ?", (language,)) if language else ("", ())
        total = self._connection.execute(f"SELECT count(*) FROM functions {where}", values).fetchone()[0]
        rows = self._connection.execute(
            f"SELECT * FROM functions {where} ORDER BY title LIMIT ? OFFSET ?",
            (*values, per_page, (page - 1) * per_page),
        )
        return tuple(Function(**dict(row)) for row in rows), total

    def function(self, title: str) -> Function | None:
        row = self._connection.execute("SELECT * FROM functions WHERE title = ?", (title,)).fetchone()
        return Function(**dict(row)) if row else None

    def open_session(self, session: Session) -> None:
        """Remember a session, and forget those that expired long ago."""
        with self._transaction():
            self._connection.execute(
                "DELETE FROM sessions WHERE expires_at < ?", (session.created_at - KEPT_AFTER_EXPIRY,)
            )
            self._connection.execute(
                "INSERT INTO sessions (request_id, title, context, script, created_at, expires_at)"
                " VALUES (:request_id, :title, :context, :script, :created_at, :expires_at)",
                asdict(session),
            )

    def session(self, request_id: str) -> Session | None:
        row = self._connection.execute(
            "SELECT sessions.*, functions.language FROM sessions JOIN functions USING (title)"
            " WHERE request_id = ?",
            (request_id,),
        ).fetchone()
        return Session(**dict(row)) if row else None

    def recall(self, request_id: str, params_hash: str) -> StoredResult | None:
        """The result that this session already has for these parameters; it counts as an execution."""
        row = self._connection.execute(
            "SELECT result, execution_time FROM results WHERE request_id = ? AND params_hash = ?",
            (request_id, params_hash),
        ).fetchone()
        if row is None:
            return None
        self._count(request_id)
        return StoredResult(**dict(row))

    def remember(self, request_id: str, params_hash: str, stored: StoredResult, now: float) -> None:
        """Keep a result; of two that ran at the same time the first one stays."""
        with self._transaction():
            self._count(request_id)
            self._connection.execute(
                "INSERT OR IGNORE INTO results VALUES (?, ?, ?, ?, ?)",
                (request_id, params_hash, stored.result, stored.execution_time, now),
            )

    def log(self, requests: Sequence[LoggedRequest]) -> None:
        rows = [(entry.at, entry.method, entry.path, entry.status, entry.duration) for entry in requests]
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO request_logs (at, method, path, status, duration) VALUES (?, ?, ?, ?, ?)", rows
            )

    def _count(self, request_id: str) -> None:
        update = "UPDATE sessions SET executions = executions + 1 WHERE request_id = ?"
        self._connection.execute(update, (request_id,))

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection)


class _Transaction:
    """All or nothing, on a connection in autocommit mode."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
