"""Databases: numbers, rows that must not be there, migrations at head, and the schema."""

from __future__ import annotations

import asyncio
import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from decimal import Decimal
from typing import Any, ClassVar

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.kinds.base import CheckParams, Kind, Requirement
from phasegate.kinds.database.migrations import MOST, TOOLS, Compared, compare
from phasegate.kinds.database.params import DatabaseParams, MigrationsWritten, RowsWritten, TableWritten
from phasegate.kinds.database.params import Number as NumberWritten
from phasegate.kinds.database.session import Answer, Session, connected, password_of
from phasegate.kinds.observation_draft import ObservationDraft
from phasegate.model.measures import MeasureSpec, Number
from phasegate.model.observation import Case, CaseStatus, Observation
from phasegate.world import World

MIGRATIONS = "migrations"
"""The case of the migrations."""


class DatabaseKind(Kind[DatabaseParams]):
    name: ClassVar[str] = "database"
    Params: ClassVar[type[CheckParams]] = DatabaseParams
    example: ClassVar[Mapping[str, Any]] = {
        "url": "postgresql://reader@db/shop",
        "numbers": {"orders": {"sql": "select count(*) from orders"}},
        "violations": {"orphans": "select id from items where order_id not in (select id from orders)"},
        "migrations": {"tool": "alembic", "folder": "migrations"},
        "tables": {"orders": {"columns": {"id": "bigint"}, "primary_key": "id"}},
    }
    has_cases: ClassVar[bool] = True

    def measures(self, params: DatabaseParams) -> Mapping[str, MeasureSpec]:
        found = {
            name: MeasureSpec.number("what its query gives", number.scale[1])
            for name, number in params.numbers.items()
        }
        if _asks_cases(params):
            found["pass_rate"] = MeasureSpec.census(
                "violations, rows, tables and migrations as they should be"
            )
        return found

    def defaults(self, params: DatabaseParams) -> tuple[str, ...]:
        return ("pass_rate == 100%",) if _asks_cases(params) else ()

    def requirements(self, params: DatabaseParams) -> tuple[Requirement, ...]:
        modules = "sqlalchemy" if params.url.startswith("sqlite:") else "sqlalchemy, pg8000"
        return (
            Requirement(
                program="python",
                arguments=("-c", f"import {modules}"),
                label=modules,
                install="pip install 'phasegate[database]'",
            ),
        )

    def summary(self, params: DatabaseParams) -> Message:
        names = (*params.numbers, *params.violations, *params.rows, *params.tables)
        return fact(Code.FILES_OF, names=(*names, MIGRATIONS) if params.migrations else names)

    async def observe(self, params: DatabaseParams, world: World) -> Observation:
        """Errors: ObservationError where the database is not there."""
        if password := password_of(params.url):
            world.keep_secret(password)
        seen = ObservationDraft()
        await _in_a_thread(lambda: _look(params, world, seen))
        return await seen.observation(world, {"pass_rate": ""})


async def _in_a_thread(work: Callable[[], None]) -> None:
    """Do what blocks. A thread that goes on when this is cancelled, as a server can make it, keeps no program
    from ending; threads of asyncio would."""
    future: Future[None] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()
        try:
            work()
            future.set_result(None)
        except BaseException as error:  # for whoever waits
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    await asyncio.wrap_future(future)


def _asks_cases(params: DatabaseParams) -> bool:
    return bool(params.violations or params.rows or params.tables or params.migrations)


def _look(params: DatabaseParams, world: World, seen: ObservationDraft) -> None:
    with connected(params.url, world.root, params.limit_each) as session:
        session.ask("select 1")  # one error for all where nothing is there
        for name, number in params.numbers.items():
            _take_number(name, number, session, seen)
        for id, judge in _judges(params, session, world):
            seen.cases.append(_case(id, judge))


def _take_number(name: str, written: NumberWritten, session: Session, seen: ObservationDraft) -> None:
    try:
        answer = session.ask(written.sql)
    except ObservationError as error:
        seen.absent["", name] = error.message
        return
    value = _single(answer)
    if value is None:
        n = len(answer.rows)
        seen.absent["", name] = fact(Code.SQL_NO_NUMBER, n=n)
        return
    factor, dimension = written.scale
    seen.measures[name] = Number(value=value * factor, dimension=dimension)


def _single(answer: Answer) -> float | None:
    """The one number of an answer; None where it is something else."""
    if len(answer.rows) != 1 or len(answer.rows[0]) != 1:
        return None
    value = answer.rows[0][0]
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        return None
    return float(value)


Judge = Callable[[], Message]
"""Looks, and says what is wrong; empty where nothing is. Errors: ObservationError where nobody can say."""


def _judges(params: DatabaseParams, session: Session, world: World) -> Iterator[tuple[str, Judge]]:
    for id, sql in params.violations.items():
        yield id, lambda sql=sql: _violations(session.ask(sql))  # type: ignore[misc]
    for id, rows in params.rows.items():
        yield id, lambda rows=rows: _rows(rows, session.ask(rows.sql))  # type: ignore[misc]
    for table, written in params.tables.items():
        yield table, lambda table=table, written=written: _table(table, written, session)  # type: ignore[misc]
    if params.migrations is not None:
        migrations = params.migrations
        yield MIGRATIONS, lambda: _migrations(migrations, session, world)


def _case(id: str, judge: Judge) -> Case:
    try:
        wrong = judge()
    except ObservationError as error:
        return Case(id=id, name=id, status=CaseStatus.LOST, message=error.message)
    status = CaseStatus.FAILED if wrong else CaseStatus.PASSED
    return Case(id=id, name=id, status=status, message=wrong)


def _violations(answer: Answer) -> Message:
    """Rows are counted and never shown: they are data of people."""
    return fact(Code.SQL_VIOLATIONS, n=len(answer.rows), more=answer.more) if answer.rows else ""


def _rows(written: RowsWritten, answer: Answer) -> Message:
    actual = [[_plain(value) for value in row] for row in answer.rows]
    wanted = [[_plain(value) for value in row] for row in written.equal]
    if actual == wanted and not answer.more:
        return ""
    pairs = enumerate(zip(actual, wanted, strict=False))
    at = next((n for n, (one, other) in pairs if one != other), min(len(actual), len(wanted)))
    return fact(Code.SQL_ROWS_DIFFER, n=len(actual), of=len(wanted), at=at + 1)


def _plain(value: Any) -> Any:
    """A value as YAML would have it."""
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    return value if isinstance(value, bool | int | float | Decimal | type(None)) else str(value)


def _table(table: str, written: TableWritten, session: Session) -> Message:
    columns = session.columns(table)
    if columns is None:
        return fact(Code.TABLE_MISSING, name=table)
    missing = tuple(name for name in written.columns if name not in columns)
    if missing:
        return fact(Code.COLUMNS_MISSING, names=missing)
    for name, wanted in written.columns.items():
        if wanted and not _same_type(columns[name], wanted):
            return fact(Code.COLUMN_OTHER, name=name, actual=columns[name], right=wanted)
    primary, indexes, invalid = session.keys(table)
    if written.primary_key and primary != written.primary_key:
        return fact(Code.PRIMARY_KEY_OTHER, names=primary, right=tuple(written.primary_key))
    lacking = tuple(name for name in written.indexes if name not in indexes)
    if lacking:
        return fact(Code.INDEXES_MISSING, names=lacking)
    return fact(Code.INDEXES_INVALID, names=invalid) if invalid else ""


def _same_type(actual: str, wanted: str) -> bool:
    """`varchar` is any `varchar(n)`, and `timestamp` is one without time zone."""
    actual, wanted = (
        re.sub(r"\s*([(),])\s*", r"\1", one.lower().strip()).removesuffix(" without time zone")
        for one in (actual, wanted)
    )
    return wanted in (actual, re.sub(r"\([^)]*\)", "", actual))


def _migrations(written: MigrationsWritten, session: Session, world: World) -> Message:
    tool = TOOLS[written.tool]
    wanted = tool.files(world.root / written.folder)
    if not wanted:
        raise ObservationError(fact(Code.NO_MIGRATIONS, tool=written.tool, path=written.folder))
    answer = session.ask(tool.query.format(table=written.table or tool.table), MOST)
    if answer.more:
        raise ObservationError(fact(Code.MIGRATIONS_OVER_LIMIT, most=MOST))
    found = compare(wanted, tool.state(answer.rows))
    if found == Compared():
        return ""
    return fact(
        Code.MIGRATIONS_DIFFER,
        missing=found.missing,
        names=found.unknown,
        failed=found.failed,
        changed=found.changed,
    )
