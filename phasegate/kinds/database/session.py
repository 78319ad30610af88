"""A database, asked so that nothing is written and nothing takes longer than it may; blocks."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, fact

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

ROWS = 1_000
"""Rows of an answer that are read."""
_SELECT = re.compile(r"\s*(?:\(\s*)*(?:select|values|with|table)\b", re.IGNORECASE)
"""Statements that a cursor can be declared for."""
_OF_DATA = ("22", "23", "P0")
"""Classes of SQLSTATE whose messages hold values of rows: wrong data, constraints, errors of functions."""
_INVALID = """
select i.relname from pg_index x
join pg_class i on i.oid = x.indexrelid
join pg_class t on t.oid = x.indrelid
join pg_namespace n on n.oid = t.relnamespace
where t.relname = :name and not (x.indisvalid and x.indisready and x.indislive)
and (n.nspname = cast(:schema as text) or (cast(:schema as text) is null and pg_table_is_visible(t.oid)))
order by 1
"""
_STEPS = 10_000
"""Steps of SQLite between two looks at the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    rows: tuple[tuple[Any, ...], ...]
    """At most as many as were asked for."""
    more: bool = False
    """Whether there are more than were read."""


class Session:
    """Answers to queries, each in a transaction of its own that cannot write."""

    def __init__(self, engine: Engine, limit: float) -> None:
        self._engine = engine
        self._limit = limit

    def ask(self, sql: str, most: int = ROWS) -> Answer:
        """The first rows. Errors: ObservationError where it refuses, is not there, or takes too long."""
        from sqlalchemy import text

        with self._transaction() as connection:
            if self._engine.dialect.name == "postgresql":
                rows = _rows_of_postgresql(connection, sql, most + 1)
            else:
                result = connection.execute(text(sql.replace(":", r"\:")))
                rows = result.fetchmany(most + 1) if result.returns_rows else None
        if rows is None:
            raise ObservationError(fact(Code.SQL_WITHOUT_ROWS))
        return Answer(rows=tuple(tuple(row) for row in rows[:most]), more=len(rows) > most)

    def columns(self, table: str) -> dict[str, str] | None:
        """Types by column; None where there is no such table. Errors: as of `ask`."""
        from sqlalchemy import inspect

        schema, name = _split(table)
        with self._transaction() as connection:
            inspector = inspect(connection)
            if name not in (*inspector.get_table_names(schema), *inspector.get_view_names(schema)):
                return None
            dialect = connection.dialect
            columns = inspector.get_columns(name, schema)
            return {str(one["name"]): _type_words(one["type"], dialect) for one in columns}

    def keys(self, table: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """The columns of the primary key, the names of all indexes, and those that PostgreSQL does not use,
        as it could not finish them. Errors: as of `ask`."""
        from sqlalchemy import inspect, text

        schema, name = _split(table)
        with self._transaction() as connection:
            inspector = inspect(connection)
            primary = tuple(inspector.get_pk_constraint(name, schema).get("constrained_columns") or ())
            indexes = tuple(str(one["name"]) for one in inspector.get_indexes(name, schema) if one["name"])
            invalid: tuple[str, ...] = ()
            if self._engine.dialect.name == "postgresql":
                rows = connection.execute(text(_INVALID), {"name": name, "schema": schema})
                invalid = tuple(str(row[0]) for row in rows)
        return primary, indexes, invalid

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Connection]:
        from sqlalchemy.exc import SQLAlchemyError

        refusals = (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error, sqlite3.Warning)
        try:
            with self._engine.connect() as connection, connection.begin():
                self._bound(connection)
                yield connection
        except refusals as error:
            raise ObservationError(fact(Code.SQL_FAILED, text=_first_line(error))) from None
        except OSError as error:
            raise ObservationError(fact(Code.SQL_FAILED, text=str(error))) from None

    def _bound(self, connection: Connection) -> None:
        """Let the transaction read only, and end it when its time is over."""
        from sqlalchemy import text

        if self._engine.dialect.name == "postgresql":
            milliseconds = int(self._limit * 1000)
            connection.execute(text("set transaction read only"))
            connection.execute(text(f"set local statement_timeout = {milliseconds}"))
            return
        end = time.monotonic() + self._limit
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: int(time.monotonic() > end), _STEPS)


def password_of(url: str) -> str | None:
    """Errors: ObservationError where the URL is none."""
    if url.startswith("sqlite:"):
        return None  # a file has none, and what follows takes long to import, while everything waits
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).password
    except (ArgumentError, ValueError):
        raise ObservationError(fact(Code.DATABASE_URL_WRONG)) from None


@contextlib.contextmanager
def connected(url: str, root: Path, limit: float) -> Iterator[Session]:
    """Errors: ObservationError where the URL is none, or there is no such file."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError
    from sqlalchemy.pool import NullPool

    try:
        if url.startswith("sqlite:///"):
            path = root / url.removeprefix("sqlite:///")
            if not path.is_file():
                raise ObservationError(fact(Code.NO_DATABASE_FILE, path=str(path)))
            quoted = path.absolute().as_uri()
            engine = create_engine(f"sqlite:///{quoted}?mode=ro&uri=true", poolclass=NullPool)
        else:
            scheme, _, rest = url.partition("://")
            if not scheme.startswith("postgres"):
                raise ValueError
            engine = create_engine(
                f"postgresql+pg8000://{rest}",
                poolclass=NullPool,
                connect_args={"timeout": max(1, int(limit))},
            )
            if engine.url.query:  # the driver knows none of them
                raise ValueError
    except (ArgumentError, ValueError):
        raise ObservationError(fact(Code.DATABASE_URL_WRONG)) from None
    try:
        yield Session(engine, limit)
    finally:
        engine.dispose()


def _type_words(type: Any, dialect: Any) -> str:
    """A type as the database writes it, with its time zone and `[]`; `null` for one that nobody knows."""
    from sqlalchemy.exc import CompileError

    try:
        return str(type.compile(dialect)).lower()
    except CompileError:
        return str(type).lower()


def _rows_of_postgresql(connection: Connection, sql: str, most: int) -> Sequence[Sequence[Any]] | None:
    """The first rows of one statement; several, of which one might end the transaction, are refused.

    The driver's own `execute` would take several, and keep every row.
    """
    driver: Any = connection.connection.driver_connection
    if _SELECT.match(sql) is None:  # `show` and `explain` have no cursor, and few rows
        rows: Sequence[Sequence[Any]] | None = driver.execute_unnamed(sql).rows
    else:
        driver.execute_unnamed(f"declare phasegate no scroll cursor for {sql}")
        rows = driver.execute_unnamed(f"fetch {most} from phasegate").rows
    return rows


def _split(table: str) -> tuple[str | None, str]:
    schema, _, name = table.rpartition(".")
    return schema or None, name


def _first_line(error: Exception) -> str:
    """What the database says, without the query, its parameters, and values of rows."""
    origin = getattr(error, "orig", None) or error
    said: Sequence[Any] = getattr(origin, "args", ())
    if said and isinstance(said[0], dict):  # of pg8000: the fields of the message
        code = str(said[0].get("C", ""))
        return f"SQLSTATE {code}" if code.startswith(_OF_DATA) else str(said[0].get("M", "refused"))
    return (str(origin).strip() or "refused").splitlines()[0][:300]
