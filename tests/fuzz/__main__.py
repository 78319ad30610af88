"""`python -m tests.fuzz [N] [SEED]`: N inputs of every kind by turns, and a table of what was found."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from phasegate.base.scalars import allow_long_integers
from tests.fuzz.inputs import KINDS_OF_INPUT, make
from tests.fuzz.running import clean_environment, run

_SHOWN = 40


def main(count: int, seed: int) -> int:
    """Run the inputs; those with which something is wrong are kept."""
    clean_environment(lambda name, _must: os.environ.pop(name, None))
    allow_long_integers()
    folder = Path(tempfile.mkdtemp(prefix="phasegate-fuzz-"))
    kept = Path(tempfile.mkdtemp(prefix="phasegate-found-"))
    work = folder / "work"
    work.mkdir()
    kinds = list(KINDS_OF_INPUT)
    inputs: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    codes: Counter[tuple[str, int]] = Counter()
    slowest: dict[str, tuple[float, int]] = dict.fromkeys(kinds, (0.0, 0))
    begun = time.monotonic()
    for number in range(seed, seed + count):
        kind = kinds[number % len(kinds)]
        given = make(kind, Random(number), work)
        ended = run(given, work)
        inputs[kind] += 1
        codes[kind, ended.code] += 1
        slowest[kind] = max(slowest[kind], (ended.seconds, number))
        if number % 1_000 == 999:
            print(f"{number + 1 - seed:,} inputs", flush=True)
        if ended.fault:
            faults[f"{kind}: {ended.fault}"] += 1
            if faults[f"{kind}: {ended.fault}"] == 1:
                shutil.copytree(work, kept / str(number), symlinks=True)
                print(f"{number} {' '.join(given.arguments)}\n  {kind}: {ended.fault}", flush=True)
    shutil.rmtree(folder)
    taken = time.monotonic() - begun
    print(
        f"\n{count:,} inputs in {taken:,.0f} s, at most {_memory():,} MiB of memory; {_found(faults, kept)}"
    )
    for kind in kinds:
        by = ", ".join(f"{code}: {codes[kind, code]:,}" for code in sorted(c for k, c in codes if k == kind))
        seconds, which = slowest[kind]
        print(f"  {kind:<16} {inputs[kind]:>7,} inputs  slowest {seconds:.2f} s (seed {which})  exit {by}")
    for fault, times in faults.most_common(_SHOWN):
        print(f"  {times:>6,} times  {fault}")
    return int(bool(faults))


def _found(faults: Counter[str], kept: Path) -> str:
    return f"{len(faults):,} faults, the first of each in {kept}" if faults else "no fault"


def _memory() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most >> (20 if sys.platform == "darwin" else 10)


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(arguments[0] if arguments else 100_000, arguments[1] if len(arguments) > 1 else 0))
