"""`kind: database` on a real PostgreSQL and on SQLite: numbers, cases, and that nothing is ever written."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from phasegate.base.errors import ObservationError
from phasegate.kinds.database.kind import DatabaseKind
from phasegate.kinds.database.migrations import TOOLS, Compared, compare, flyway_state
from phasegate.kinds.database.params import DatabaseParams
from phasegate.model.measures import Number
from phasegate.model.observation import CaseStatus, Observation
from tests.kinds.database.real import postgresql
from tests.telling import in_english, raises
from tests.worlds import world_at

PASSED, FAILED, LOST = CaseStatus.PASSED, CaseStatus.FAILED, CaseStatus.LOST
SCHEMA = [
    "create table orders (id bigint primary key, state varchar(20) not null, total numeric(10,2))",
    "create index orders_state on orders (state)",
    "insert into orders values (1, 'paid', 9.50), (2, 'open', 3)",
]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as url:
        run(url, SCHEMA)
        yield url


def run(url: str, statements: Sequence[str]) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+pg8000://"))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def lite(tmp_path: Path) -> str:
    connection = sqlite3.connect(tmp_path / "shop.db")
    for statement in SCHEMA:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return "sqlite:///shop.db"


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest) -> str:
    name = "server" if request.param == "postgresql" else "lite"
    return str(request.getfixturevalue(name))


async def ask(url: str, folder: Path, **params: Any) -> Observation:
    async with world_at("http://127.0.0.1:9", folder) as world:
        written = DatabaseParams.model_validate({"url": url, **params})
        return in_english(await DatabaseKind().observe(written, world))


def cases(seen: Observation) -> dict[str, tuple[CaseStatus, str]]:
    return {case.id: (case.status, str(case.message)) for case in seen.cases}


pytestmark = pytest.mark.slow


async def test_numbers_in_their_unit(url: str, tmp_path: Path) -> None:
    numbers = {
        "orders": {"sql": "select count(*) from orders"},
        "turnover": {"sql": "select sum(total) from orders"},
        "open_share": {"sql": "select 50", "unit": "%"},
    }
    seen = await ask(url, tmp_path, numbers=numbers)
    values = {name: one.value for name, one in seen.measures.items() if isinstance(one, Number)}
    assert values == {"orders": 2, "turnover": 12.5, "open_share": 0.5}


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("select id from orders order by id", "no data: the query gives 2 rows"),
        ("select max(total) from orders where id > 9", "no data: the query gives 1 row"),
        ("select state from orders where id = 1", "no data: the query gives 1 row"),
        ("select count(*) from nothing", "the database refused"),
        ("selct 1", "the database refused"),
        ("delete from orders", "the database refused"),
        ("create table x (id int)", "the database refused"),
    ],
)
async def test_what_is_no_number_is_no_data_and_nothing_is_written(
    url: str, tmp_path: Path, sql: str, why: str
) -> None:
    seen = await ask(url, tmp_path, numbers={"value": {"sql": sql}})
    assert why in str(seen.absent["", "value"])
    after = await ask(url, tmp_path, numbers={"value": {"sql": "select count(*) from orders"}})
    assert after.measures["value"] == Number(value=2)


async def test_violations_are_counted_and_never_shown(url: str, tmp_path: Path) -> None:
    violations = {
        "unpaid": "select state from orders where state = 'open'",
        "lost": "select id from orders where state = 'lost: gone'",
        "wrong": "select nothing from orders",
    }
    found = cases(await ask(url, tmp_path, violations=violations))
    assert found["unpaid"] == (FAILED, "the query must find nothing and finds 1 row")
    assert found["lost"] == (PASSED, "")
    assert found["wrong"][0] is LOST
    assert "open" not in found["unpaid"][1]


async def test_a_large_answer_is_bounded(url: str, tmp_path: Path) -> None:
    many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) select i from n"
    found = cases(await ask(url, tmp_path, violations={"many": many}))
    assert found["many"] == (FAILED, "the query must find nothing and finds more than 1,000 rows")


async def test_a_query_that_takes_too_long_is_ended(url: str, tmp_path: Path) -> None:
    endless = "select 1 union all select i + 1 from n where i < 2000000000"
    slow = f"with recursive n(i) as ({endless}) select count(*) from n"
    seen = await ask(url, tmp_path, numbers={"slow": {"sql": slow}}, limit_each="300ms")
    assert "the database refused" in str(seen.absent["", "slow"])


async def test_rows_are_compared_value_by_value(url: str, tmp_path: Path) -> None:
    sql = "select id, state, total from orders order by id"
    right = {"sql": sql, "equal": [[1, "paid", 9.5], [2, "open", 3]]}
    wrong = {"sql": sql, "equal": [[1, "paid", 9.5], [2, "paid", 3]]}
    fewer = {"sql": sql, "equal": [[1, "paid", 9.5]]}
    found = cases(await ask(url, tmp_path, rows={"right": right, "wrong": wrong, "fewer": fewer}))
    assert found["right"] == (PASSED, "")
    assert found["wrong"] == (
        FAILED,
        "the query gives 2 rows and must give 2; row 2 is the first that differs",
    )
    assert found["fewer"] == (
        FAILED,
        "the query gives 2 rows and must give 1; row 2 is the first that differs",
    )


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"columns": {"id": "bigint", "state": "varchar", "total": ""}, "primary_key": "id"}, ""),
        ({"columns": {"state": "varchar(20)"}, "indexes": ["orders_state"]}, ""),
        ({"columns": {"id": "", "note": "", "more": ""}}, "columns are missing: note, more"),
        ({"columns": {"id": "varchar"}}, "column id is bigint, not varchar"),
        ({"primary_key": ["state"]}, "the primary key is id, not state"),
        ({"indexes": ["orders_total"]}, "indexes are missing: orders_total"),
    ],
)
async def test_a_table_has_what_it_must_have(url: str, tmp_path: Path, table: Any, why: str) -> None:
    found = cases(await ask(url, tmp_path, tables={"orders": table}))
    assert found["orders"] == (FAILED if why else PASSED, why)


async def test_a_table_that_is_not_there(url: str, tmp_path: Path) -> None:
    assert cases(await ask(url, tmp_path, tables={"users": {}}))["users"] == (
        FAILED,
        "there is no table users",
    )


def migrate(folder: Path) -> None:
    versions = folder / "alembic" / "versions"
    versions.mkdir(parents=True)
    (versions / "a.py").write_text("revision = 'a1'\ndown_revision = None\n")
    (versions / "b.py").write_text("revision: str = 'b2'\ndown_revision: str | None = 'a1'\nimport nothing\n")
    (folder / "flyway").mkdir()
    for name in ("V1__first.sql", "V01_2__second.sql", "R__repeat.sql", "readme.md"):
        (folder / "flyway" / name).write_text("")
    (folder / "sqlx").mkdir()
    for name in ("20260101_first.sql", "20260102_second.up.sql", "20260102_second.down.sql"):
        (folder / "sqlx" / name).write_text("")


def test_versions_of_a_folder(tmp_path: Path) -> None:
    migrate(tmp_path)
    found = {tool: tuple(TOOLS[tool].files(tmp_path / tool)) for tool in TOOLS}
    assert found == {
        "alembic": ("b2",),
        "flyway": ("1", "1.2", "R__repeat.sql"),
        "sqlx": ("20260101", "20260102"),
    }


def test_a_migration_that_names_no_revision_is_no_evidence(tmp_path: Path) -> None:
    migrate(tmp_path)
    (tmp_path / "alembic" / "versions" / "c.py").write_text("revision = name()\n")
    with raises(ObservationError, match=r"c\.py is not Python, or names no revision"):
        TOOLS["alembic"].files(tmp_path / "alembic")


def test_migrations_that_differ() -> None:
    rows = [("1", True, "SQL", "", None), ("1_2", False, "SQL", "", None), ("9", True, "SQL", "", None)]
    found = compare(dict.fromkeys(["1", "1.2", "2"]), flyway_state(rows))
    assert (found.missing, found.unknown, found.failed) == (("2",), ("9",), ("1.2",))


ONE, TWO = ("1", 1, "SQL", "", 5), ("2", 1, "SQL", "", 6)
AGAIN = (None, 1, "SQL", "R__v.sql", 7)
CREATED = (None, True, "SCHEMA", "shop", None)


@pytest.mark.parametrize(
    ("rows", "differs"),
    [
        (
            [CREATED, ("1", 1, "SQL", "V1__a.sql", 5), ("2", 1, "SQL", "V2__b.sql", None)],
            {"missing": ("R__v.sql",)},
        ),
        ([("1", 1, "BASELINE", "<< Flyway Baseline >>", None), TWO, AGAIN], {}),
        ([("2", 1, "SQL_BASELINE", "B2__b.sql", 6), (None, 1, "SQL", "sub/R__v.sql", 7)], {}),
        (
            [ONE, TWO, ("2", 1, "UNDO_SQL", "", 1), AGAIN],
            {"missing": ("2",)},
        ),
        (
            [ONE, TWO, (None, 0, "SQL", "R__v.sql", 7)],
            {"failed": ("R__v.sql",)},
        ),
        (
            [ONE, TWO, (None, 1, "SQL", "R__v.sql", 6)],
            {"changed": ("R__v.sql",)},
        ),
        (
            [ONE, ("2", 1, "SQL", "", 9), AGAIN],
            {"changed": ("2",)},
        ),
        (
            [ONE, ("2", 0, "SQL", "", 6), TWO, AGAIN],
            {},
        ),
        (
            [ONE, TWO, ("3", 1, "SQL", "", 6), ("3", 1, "DELETE", "", 6), AGAIN],
            {},
        ),
    ],
)
def test_the_history_of_flyway(rows: list[Any], differs: dict[str, tuple[str, ...]]) -> None:
    assert compare({"1": 5, "2": 6, "R__v.sql": 7}, flyway_state(rows)) == Compared(**differs)


def test_the_checksums_of_flyway_and_sqlx(tmp_path: Path) -> None:
    (tmp_path / "V1__a.sql").write_bytes(b"\xef\xbb\xbfselect 1;\r\nselect 2;\n")
    (tmp_path / "V2__b.sql").write_bytes(b"select 1;\nselect 2;")
    files = TOOLS["flyway"].files(tmp_path)
    assert files["1"] == files["2"] == -593479011
    (tmp_path / "1_a.sql").write_bytes(b"select 1;")
    assert TOOLS["sqlx"].files(tmp_path)["1"] == hashlib.sha384(b"select 1;").digest()


async def test_migrations_of_sqlx_that_were_changed_differ(tmp_path: Path, lite: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1_a.sql").write_bytes(b"select 1;")
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("create table _sqlx_migrations (version bigint, success boolean, checksum blob)")
    connection.execute("insert into _sqlx_migrations values (1, true, x'00')")
    connection.commit()
    connection.close()
    seen = cases(await ask(lite, tmp_path, migrations={"tool": "sqlx", "folder": "m"}))
    assert seen["migrations"] == (FAILED, "changed since it was applied: 1")


async def test_an_index_that_was_not_finished_is_none(server: str, tmp_path: Path) -> None:
    engine = create_engine(
        server.replace("postgresql://", "postgresql+pg8000://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text("create table twice (id int)"))
        connection.execute(text("insert into twice values (1), (1)"))
        with pytest.raises(DBAPIError):
            connection.execute(text("create unique index concurrently twice_id on twice (id)"))
    engine.dispose()
    seen = cases(await ask(server, tmp_path, tables={"twice": {"indexes": ["twice_id"]}}))
    assert seen["twice"] == (FAILED, "indexes were not finished, so no query uses them: twice_id")


async def test_migrations_are_at_head(tmp_path: Path, lite: str) -> None:
    migrate(tmp_path)
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("create table alembic_version (version_num varchar)")
    connection.execute("insert into alembic_version values ('a1')")
    connection.commit()
    asked = {"tool": "alembic", "folder": "alembic"}
    behind = cases(await ask(lite, tmp_path, migrations=asked))
    assert behind["migrations"] == (FAILED, "not applied: b2; applied and not in the folder: a1")
    connection.execute("update alembic_version set version_num = 'b2'")
    connection.commit()
    connection.close()
    assert cases(await ask(lite, tmp_path, migrations=asked))["migrations"] == (PASSED, "")
    nowhere = cases(await ask(lite, tmp_path, migrations={"tool": "sqlx", "folder": "nowhere"}))
    assert nowhere["migrations"] == (LOST, "there are no migrations of sqlx in nowhere")


async def test_a_lock_is_waited_for_no_longer_than_the_limit(server: str, tmp_path: Path) -> None:
    engine = create_engine(server.replace("postgresql://", "postgresql+pg8000://"))
    ready, done = threading.Event(), threading.Event()

    def hold() -> None:
        with engine.begin() as connection:
            connection.execute(text("lock table orders in access exclusive mode"))
            ready.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait(30)
    try:
        seen = await ask(server, tmp_path, violations={"all": "select id from orders"}, limit_each="300ms")
    finally:
        done.set()
        thread.join()
        engine.dispose()
    assert cases(seen)["all"][0] is LOST


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://shop@127.0.0.1:9/shop", "the database refused"),
        ("sqlite:///nowhere.db", "there is no database"),
    ],
)
async def test_a_database_that_is_not_there_is_an_error(url: str, tmp_path: Path, why: str) -> None:
    with raises(ObservationError, match=why):
        await ask(url, tmp_path, violations={"a": "select 1"})


async def test_a_password_is_a_secret(tmp_path: Path) -> None:
    async with world_at("http://127.0.0.1:9", tmp_path) as world:
        written = DatabaseParams.model_validate(
            {"url": "postgresql://shop:hunt%40er2@127.0.0.1:9/shop", "violations": {"a": "select 1"}}
        )
        with pytest.raises(ObservationError):
            await DatabaseKind().observe(written, world)
        assert world.secrets == ["hunt@er2"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"url": "mysql://x/y", "violations": {"a": "select 1"}}, "write postgresql://"),
        ({}, "ask something"),
        ({"numbers": {"pass_rate": {"sql": "select 1"}}}, "is not a name for a measure"),
        ({"numbers": {"a": {"sql": "select 1", "unit": "x"}}}, "1x"),
        ({"violations": {"a": "select 1"}, "tables": {"a": {}}}, "'a' is used twice"),
    ],
)
def test_parameters_that_make_no_sense(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DatabaseParams.model_validate({"url": "sqlite:///a.db", **params})


@pytest.mark.parametrize(
    "sql", ["commit; create table made(id int); select 1", "select 1 as a; select 2 as b where false"]
)
async def test_several_statements_are_refused(url: str, tmp_path: Path, sql: str) -> None:
    seen = await ask(url, tmp_path, violations={"bad": sql})
    assert cases(seen)["bad"][0] is LOST
    made = await ask(url, tmp_path, tables={"made": {}})
    assert cases(made)["made"][0] is FAILED


async def test_an_error_shows_no_value_of_a_row(server: str, tmp_path: Path) -> None:
    seen = await ask(server, tmp_path, violations={"bad": "select state::int from orders"})
    assert cases(seen)["bad"] == (LOST, "the database refused: SQLSTATE 22P02")


async def test_infinity_is_a_value_of_a_row(server: str, tmp_path: Path) -> None:
    seen = await ask(server, tmp_path, rows={"far": {"sql": "select 'inf'::numeric", "equal": [[1]]}})
    assert cases(seen)["far"][0] is FAILED


@pytest.mark.parametrize("end", ["?sslmode=require", "?password=s3cr3t"])
async def test_parameters_that_the_driver_does_not_know_are_an_error(
    server: str, tmp_path: Path, end: str
) -> None:
    with raises(ObservationError, match="the address of the database is none"):
        await ask(server + end, tmp_path, numbers={"one": {"sql": "select 1"}})


async def test_a_bracket_in_a_password_is_no_defect(tmp_path: Path) -> None:
    with raises(ObservationError, match="Can't create a connection"):
        await ask("postgresql://u:p[w@127.0.0.1:9/x", tmp_path, numbers={"one": {"sql": "select 1"}})


async def test_types_have_their_time_zone_and_brackets(server: str, tmp_path: Path) -> None:
    run(server, ["create table typed (a timestamptz, b timestamp, c varchar(9)[], d numeric(10,2))"])

    async def status(**columns: str) -> CaseStatus:
        return cases(await ask(server, tmp_path, tables={"typed": {"columns": columns}}))["typed"][0]

    assert (
        await status(a="timestamp with time zone", b="timestamp", c="varchar[]", d="numeric(10,2)") is PASSED
    )
    assert await status(a="timestamp") is FAILED
    assert await status(c="varchar") is FAILED
    assert await status(b="timestamp with time zone") is FAILED


async def test_more_than_a_thousand_migrations_are_compared(lite: str, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("create table _sqlx_migrations (version bigint, success boolean, checksum blob)")
    connection.executemany(
        "insert into _sqlx_migrations values (?, ?, null)", [(n, n < 1100) for n in range(1, 1101)]
    )
    connection.commit()
    connection.close()
    (tmp_path / "migrations").mkdir()
    for n in range(1, 1101):
        (tmp_path / "migrations" / f"{n}_x.sql").write_text("")
    seen = await ask(lite, tmp_path, migrations={"tool": "sqlx", "folder": "migrations"})
    status, message = cases(seen)["migrations"]
    assert status is FAILED
    assert "1100" in message


async def test_a_server_that_never_ends_its_answer_leaves_no_thread_to_wait_for(tmp_path: Path) -> None:
    ended = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"N" + b"R\0\x0f\xff\xff")  # no TLS; a message of a megabyte
            while not ended.wait(0.1):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        dripping = threading.Thread(target=drip, args=(listening,))
        dripping.start()
        url = f"postgresql://u:p@127.0.0.1:{listening.getsockname()[1]}/x"
        before = set(threading.enumerate())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(url, tmp_path, violations={"v": "select 1"}, limit_each="1s"), 3)
        left = [thread for thread in threading.enumerate() if thread not in before]
        assert [thread.daemon for thread in left] == [True]
        ended.set()
        dripping.join()
        for thread in left:
            thread.join()
