"""What a plan may ask of a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from phasegate.base.fields import Closed, Duration, Text, Texts
from phasegate.base.marks import Demand
from phasegate.base.problems import Location, refuse
from phasegate.base.units import Dimension, parse_quantity
from phasegate.kinds.base import CheckParams, is_measure_name

OWN = ("pass_rate",)


class Number(Closed):
    """A question with one number as its answer."""

    sql: Text
    """A query for one row with one column: `select count(*) from orders`."""
    unit: str = ""
    """The unit of the number: `s`, `%`, `B`; nothing for counts."""

    @property
    def scale(self) -> tuple[float, Dimension]:
        """What the number is multiplied with, and its dimension then. Errors: ValueError."""
        one = parse_quantity(f"1{self.unit}")
        return one.value, one.dimension


class RowsWritten(Closed):
    """A question whose answer is known."""

    sql: Text
    """A query; name its order, or its rows come in any."""
    equal: list[list[Any]]
    """The rows that it must give, value by value: `[[1, paid], [2, open]]`."""


class MigrationsWritten(Closed):
    """Where the migrations of a database are."""

    tool: Literal["alembic", "flyway", "sqlx"]
    """Whose table says which migrations were applied."""
    folder: Text
    """The folder of the migrations, relative to the plan's root; of Alembic, the one with `versions`."""
    table: Text = ""
    """The table that says what was applied, where it is not called as usual."""


class TableWritten(Closed):
    """What a table must have."""

    columns: Mapping[str, Text] = Field(default_factory=dict)
    """Columns with their types, as the database writes them: `{id: bigint, name: varchar}`; an empty type is
    not looked at."""
    primary_key: Texts = ()
    """The columns of its primary key."""
    indexes: Texts = ()
    """Indexes by name."""


class DatabaseParams(CheckParams):
    url: Text
    """Where it is: `postgresql://user:${env.PASSWORD}@host/shop`, `sqlite:///data/shop.db`. It is asked in
    transactions that cannot write."""
    numbers: Annotated[Mapping[str, Number], Demand.MUST_BE] = Field(default_factory=dict)
    """Questions by the name of their measure: `{orders: {sql: "select count(*) from orders"}}`."""
    violations: Annotated[Mapping[str, Text], Demand.MUST_BE] = Field(default_factory=dict)
    """Queries that must find nothing, by name: `{orphans: "select id from items where order_id is null"}`."""
    rows: Annotated[Mapping[str, RowsWritten], Demand.MUST_BE] = Field(default_factory=dict)
    """Queries whose rows are known, by name."""
    migrations: MigrationsWritten | None = None
    """Every migration of a folder must have been applied, and nothing else."""
    tables: Annotated[Mapping[str, TableWritten], Demand.MUST_BE] = Field(default_factory=dict)
    """Tables that must be there, by name (`schema.name`), and what they must have."""
    limit_each: Annotated[Duration, Field(gt=0), Demand.LESS] = 10.0
    """The longest that one query may take, waiting for locks included."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse("database", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Location, str]]:
        if "${" not in self.url and not self.url.startswith(("postgresql://", "sqlite:///")):
            yield ("url",), "write postgresql://user:password@host/name, or sqlite:///path"
        if not (self.numbers or self.violations or self.rows or self.tables or self.migrations):
            yield (), "ask something: numbers, violations, rows, migrations or tables"
        for name, number in self.numbers.items():
            if name in OWN or not is_measure_name(name):
                yield ("numbers", name), f"{name!r} is not a name for a measure; write one like 'orders'"
            try:
                number.scale  # noqa: B018
            except ValueError as error:
                yield ("numbers", name, "unit"), str(error)
        names = (*self.violations, *self.rows, *self.tables)
        for name in {name for name in names if names.count(name) > 1}:
            yield (), f"{name!r} is used twice among violations, rows and tables; each is a case"
