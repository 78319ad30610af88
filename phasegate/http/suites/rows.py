"""`each`: the entries a request is sent for, inline or from a CSV or JSON-lines file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.files import read_regular
from phasegate.base.remember import remembered
from phasegate.base.scalars import find_repeats, read_json

FILE_LIMIT = 16 << 20
_NOT_EACH = "a column cannot be called 'each', which is the whole row"


@dataclass(frozen=True, slots=True)
class Row:
    """One entry: `label` stands in case ids, `values` are the names it gives."""

    label: str
    values: Mapping[str, Any]


def rows_inline(each: Sequence[Any] | Mapping[str, Any]) -> tuple[Row, ...]:
    """Entries of a mapping are called by their keys, those of a list by their number from 1.

    Errors: ValueError for a column that cannot be one.
    """
    if isinstance(each, Mapping):
        return tuple(_row(str(key), value) for key, value in each.items())
    return tuple(_row(str(number), value) for number, value in enumerate(each, start=1))


@remembered
def rows_in_file(path: Path, *, json_lines: bool) -> tuple[Row, ...]:
    """Rows numbered from 1, the heading of a CSV file left out.

    Errors: ValueError naming file and line.
    """
    content = read_regular(path, FILE_LIMIT)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not UTF-8 text") from None
    return _from_json_lines(path.name, text) if json_lines else _from_csv(path.name, text)


def _from_csv(name: str, text: str) -> tuple[Row, ...]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    try:
        _check_columns(reader.fieldnames or (), f"{name}:{reader.line_num}")
        for record in reader:
            if None in record or None in record.values():
                raise ValueError(
                    f"{name}:{reader.line_num}: not as many values as the first line has columns"
                )
            rows.append(_row(str(len(rows) + 1), record))
    except csv.Error as error:
        raise ValueError(f"{name}:{reader.line_num}: not CSV: {error}") from None
    return tuple(rows)


def _from_json_lines(name: str, text: str) -> tuple[Row, ...]:
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = read_json(line)
        except ValueError as error:
            raise ValueError(f"{name}:{number}: not a line of JSON: {error}") from None
        if isinstance(record, Mapping):
            _check_columns(list(record), f"{name}:{number}")
        rows.append(_row(str(len(rows) + 1), record))
    return tuple(rows)


def _check_columns(names: Sequence[str], where: str) -> None:
    """Errors: ValueError for names of which one would take the place of another."""
    for name in find_repeats(name.strip() for name in names):
        raise ValueError(f"{where}: there are several columns {name!r}; give each a name of its own")
    if "each" in names:
        raise ValueError(f"{where}: {_NOT_EACH}")


def _row(label: str, value: Any) -> Row:
    columns = {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}
    if "each" in columns:
        raise ValueError(_NOT_EACH)
    return Row(label, {**columns, "each": value})
