"""How long commands take to start: beside a bare interpreter, and the smallest program with Typer."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from tests.benchmarks.plans import PHASEGATE, local_server, worked, write_plan
from tests.benchmarks.tools.measure import Ran, run, table

TIMES = int(os.environ.get("BENCHMARK_ROUNDS", "5"))
_TYPER = """\
import typer

app = typer.Typer()


@app.command()
def main(name: str = "all") -> None:
    print(name)


app()
"""
_COMPLETION = {
    "_PHASEGATE_COMPLETE": "complete_bash",
    "COMP_WORDS": "phasegate ru",
    "COMP_CWORD": "1",
}


def benchmark() -> None:
    with tempfile.TemporaryDirectory() as name, local_server() as url:
        folder = Path(name)
        rows = [("", "time", "processor", "memory", "goal")]
        for what, (goal, measured) in _in_turn(_programs(folder, url)).items():
            seconds = median(one.seconds for one in measured)
            busy, peak = median(one.busy for one in measured), median(one.peak for one in measured)
            rows.append((what, f"{seconds:.3f} s", f"{busy:.3f} s", f"{peak / 1e6:.0f} MB", goal))
    print(table(f"start: medians of {TIMES}, in turn", rows))


def _in_turn(
    programs: Mapping[str, tuple[str, Callable[[], Ran]]],
) -> dict[str, tuple[str, list[Ran]]]:
    """Each program once, then each again; what they do first, such as writing bytecode, is left out."""
    found: dict[str, tuple[str, list[Ran]]] = {what: (goal, []) for what, (goal, _) in programs.items()}
    for number in range(TIMES + 1):
        for what, (_, start) in programs.items():
            ran = worked(start(), 0)
            if number:
                found[what][1].append(ran)
    return found


def _programs(folder: Path, url: str) -> Mapping[str, tuple[str, Callable[[], Ran]]]:
    typer = folder / "smallest.py"
    typer.write_text(_TYPER)
    plan = write_plan(folder, url, 1)
    runs = iter(range(1_000_000))
    return {
        "a bare interpreter": ("", lambda: run([sys.executable, "-c", "pass"])),
        "the smallest Typer program": ("", lambda: run([sys.executable, typer])),
        "`--help`": ("0.08 s", lambda: run([*PHASEGATE, "--help"])),
        "`kinds`": ("0.20 s", lambda: run([*PHASEGATE, "kinds"])),
        "completion": ("0.20 s", lambda: run(PHASEGATE, environment=_COMPLETION)),
        "`run` of one health check": (
            "0.50 s, 50 MB",
            lambda: run([*PHASEGATE, "run", plan, "-o", folder / f"out{next(runs)}"]),
        ),
    }
