"""A database, asked so that nothing is written and nothing takes longer than it may; blocks."""

from __future__ import annotations

import contextlib
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
_STEPS = 10_000
"""Steps of SQLite between two looks at the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    rows: tuple[tuple[Any, ...], ...]
    """At most `ROWS` of them."""
    more: bool = False
    """Whether there are more than were read."""


class Session:
    """Answers to queries, each in a transaction of its own that cannot write."""

    def __init__(self, engine: Engine, limit: float) -> None:
        self._engine = engine
        self._limit = limit

    def ask(self, sql: str) -> Answer:
        """Errors: ObservationError where the database refuses, is not there, or takes too long."""
        from sqlalchemy import text

        with self._transaction() as connection:
            result = connection.execute(text(sql.replace(":", r"\:")))
            if not result.returns_rows:
                raise ObservationError(fact(Code.SQL_WITHOUT_ROWS))
            rows = result.fetchmany(ROWS + 1)
        return Answer(rows=tuple(tuple(row) for row in rows[:ROWS]), more=len(rows) > ROWS)

    def columns(self, table: str) -> dict[str, str] | None:
        """Types by column; None where there is no such table. Errors: as of `ask`."""
        from sqlalchemy import inspect

        schema, name = _split(table)
        with self._transaction() as connection:
            inspector = inspect(connection)
            if name not in (*inspector.get_table_names(schema), *inspector.get_view_names(schema)):
                return None
            return {str(one["name"]): str(one["type"]).lower() for one in inspector.get_columns(name, schema)}

    def keys(self, table: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The columns of the primary key, and the names of all indexes. Errors: as of `ask`."""
        from sqlalchemy import inspect

        schema, name = _split(table)
        with self._transaction() as connection:
            inspector = inspect(connection)
            primary = tuple(inspector.get_pk_constraint(name, schema).get("constrained_columns") or ())
            indexes = tuple(str(one["name"]) for one in inspector.get_indexes(name, schema) if one["name"])
        return primary, indexes

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Connection]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.connect() as connection, connection.begin():
                self._bound(connection)
                yield connection
        except SQLAlchemyError as error:
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
            rest = url.partition("://")[2]
            engine = create_engine(
                f"postgresql+pg8000://{rest}",
                poolclass=NullPool,
                connect_args={"timeout": max(1, int(limit))},
            )
    except (ArgumentError, ValueError):
        raise ObservationError(fact(Code.DATABASE_URL_WRONG)) from None
    try:
        yield Session(engine, limit)
    finally:
        engine.dispose()


def _split(table: str) -> tuple[str | None, str]:
    schema, _, name = table.rpartition(".")
    return schema or None, name


def _first_line(error: Exception) -> str:
    """What the database says, without the query and its parameters."""
    origin = getattr(error, "orig", None) or error
    said: Sequence[Any] = getattr(origin, "args", ())
    if said and isinstance(said[0], dict):  # of pg8000: the fields of the message
        return str(said[0].get("M", "refused"))
    return (str(origin).strip() or "refused").splitlines()[0][:300]
