"""Formats of results: who reads each, and where it stands. A new one is a line here, and one in `Format`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from phasegate.base.dataclass import dataclass
from phasegate.results.cargo_test import read_cargo_test
from phasegate.results.cases import Reader
from phasegate.results.go_test import read_go_test
from phasegate.results.junit import parse_junit

Format = Literal["junit", "cargo", "go"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFormat:
    read: Reader
    streams: tuple[str, ...] = ()
    """Those of a program's output that hold it, in the order of reading; none where only files do."""


FORMATS: Mapping[Format, ResultFormat] = {
    "junit": ResultFormat(read=parse_junit),
    "cargo": ResultFormat(read=read_cargo_test, streams=("stderr", "stdout")),
    "go": ResultFormat(read=read_go_test, streams=("stdout",)),
}
