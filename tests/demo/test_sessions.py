"""Migrations, the schema endpoint and what the database keeps."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from phasegate.demo.sessions import schema
from phasegate.demo.sessions.schema import Migration, SchemaError
from tests.demo.conftest import running, start_refused


def test_fresh_database_is_consistent(database: Path) -> None:
    with running("--database", str(database)) as controller:
        answer = controller.get("/api/v1/schema")
    assert answer.status == 200
    assert answer.json["consistent"] is True
    assert answer.json["problems"] == []
    assert answer.json["expected"] == answer.json["applied"]
    assert answer.json["integrity_check"] == "ok"
    assert answer.json["foreign_key_violations"] == 0
    assert "request_id" in answer.json["tables"]["sessions"]


def test_sessions_and_migrations_survive_a_restart(database: Path) -> None:
    with running("--database", str(database)) as controller:
        request_id = controller.open("python-calculator", "def run(context, params): return 5")
        assert controller.execute(request_id).json["cached"] is False
    with running("--database", str(database)) as controller:
        assert controller.execute(request_id).json == controller.execute(request_id).json | {"cached": True}
    with closing(sqlite3.connect(database)) as connection:
        versions = [row[0] for row in connection.execute("SELECT version FROM schema_migrations")]
    assert versions == [1, 2, 3]


def test_requests_to_the_api_are_logged_and_health_is_not(database: Path) -> None:
    with running("--database", str(database)) as controller:
        for path in ("/health", "/test", "/api/v1/functions", "/api/v1/sessions/nobody"):
            controller.get(path)
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT method, path, status FROM request_logs ORDER BY id").fetchall()
    assert rows == [("GET", "/api/v1/functions", 200), ("GET", "/api/v1/sessions/nobody", 404)]


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("DROP INDEX sessions_by_expiry", "index sessions_by_expiry is missing"),
        ("ALTER TABLE request_logs ADD COLUMN note TEXT", "table request_logs differs"),
        ("CREATE TABLE stray (x)", "table stray is not expected"),
        (
            "PRAGMA foreign_keys = OFF; INSERT INTO results VALUES ('ghost', 'h', '1', 0.1, 0)",
            "1 row(s) refer to a row that does not exist",
        ),
        (
            "DELETE FROM schema_migrations WHERE version = 3",
            "the applied migrations are not the expected ones",
        ),
    ],
)
def test_damaged_schema_is_reported_while_it_runs(database: Path, damage: str, named: str) -> None:
    with running("--database", str(database)) as controller:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.executescript(damage)
        answer = controller.get("/api/v1/schema").json
    assert answer["consistent"] is False
    assert answer["problems"] == [named]


def test_database_of_a_newer_service_is_refused(database: Path) -> None:
    with running("--database", str(database)):
        pass
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (4, 'future', 'x', 0)")
        connection.commit()
    ended = start_refused(["--port", "0", "--database", str(database)])
    assert ended.returncode == 1
    assert "version 4, this service knows 3" in ended.stderr


def test_file_that_is_no_database_is_refused(database: Path) -> None:
    database.write_bytes(b"junk" * 1000)
    ended = start_refused(["--port", "0", "--database", str(database)])
    assert ended.returncode == 1
    assert "not a database" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_failing_migration_leaves_no_trace() -> None:
    migrations = (
        Migration(version=1, name="good", sql="CREATE TABLE good (x);"),
        Migration(version=2, name="bad", sql="CREATE TABLE half (x); SELECT nonsense;"),
    )
    with closing(_memory()) as connection:
        with pytest.raises(SchemaError, match=r"migration 2 \(bad\): no such column: nonsense"):
            schema.migrate(connection, migrations)
        names = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master")}
        applied = [row["version"] for row in connection.execute("SELECT version FROM schema_migrations")]
    assert "half" not in names
    assert applied == [1]


def test_migration_changed_after_it_was_applied_is_refused() -> None:
    with closing(_memory()) as connection:
        schema.migrate(connection, (Migration(version=1, name="one", sql="CREATE TABLE a (x);"),))
        with pytest.raises(SchemaError, match="has changed since it was applied"):
            schema.migrate(connection, (Migration(version=1, name="one", sql="CREATE TABLE b (x);"),))


def test_migrations_are_applied_once() -> None:
    migrations = schema.read_migrations()
    with closing(_memory()) as connection:
        assert schema.migrate(connection, migrations) == migrations
        assert schema.migrate(connection, migrations) == ()


def test_gap_in_the_numbers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("")
    (tmp_path / "0003_three.sql").write_text("")
    with pytest.raises(SchemaError, match="expected a name like 0002_"):
        schema.read_migrations(tmp_path)


def _memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection
