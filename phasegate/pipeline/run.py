"""A run from plan to verdict, stage by stage."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from phasegate.base.errors import Problem, RecordError, in_words, is_of_machine
from phasegate.base.facts import Code, fact
from phasegate.kinds import KINDS
from phasegate.model.result import BaselineRecord, RunResult, Verdict
from phasegate.pipeline.baselines import read_baselines
from phasegate.pipeline.reports import Done, place, write_reports
from phasegate.pipeline.request import RunRequest
from phasegate.pipeline.signals import hold_signals
from phasegate.pipeline.under_way import UnderWay
from phasegate.plan.criteria.baseline import without_baseline
from phasegate.plan.loader import LoadedPlan, load
from phasegate.record.folder import make_folder
from phasegate.render.outputs import Output, parse_outputs
from phasegate.render.terminal.live import View
from phasegate.runner.clock import RunClock
from phasegate.runner.selection import select
from phasegate.targets.protection import confirm_protected


def execute(request: RunRequest, view: View | None, *, clock: Callable[[], RunClock] = RunClock) -> Done:
    """Run a plan to its verdict and write everything it leaves behind; `clock` starts the time of the run.

    Errors: PlanError and UsageError before anything ran or was written; RecordError where the record
    cannot be begun, or the machine has nothing left to end the run with.
    """
    loaded = load(
        request.plan,
        kinds=KINDS,
        overrides=request.overrides,
        variable_files=request.variable_files,
        env=os.environ,
        environment=request.environment,
        policy=request.policy,
        today=request.today,
    )
    chosen, selection = select(
        loaded.plan, steps=request.steps, checks=request.checks, cases=request.cases, tags=request.tags
    )
    confirm_protected(loaded.plan, chosen, request.confirmed)
    outputs = parse_outputs(request.reports)
    baselines = read_baselines(request.baselines, loaded.plan)
    loaded = replace(loaded, warnings=(*_warnings(loaded, baselines), *_alone(loaded, chosen)))
    time = clock()
    with hold_signals() as signals:
        folder = make_folder(request.output, loaded.plan.phase, time.started)
        run = UnderWay(loaded, request, chosen, selection, baselines, folder, time, view)
        try:
            with _collected_often():
                result = asyncio.run(run.to_the_end(signals))
            return replace(_write_whole_record(run, result, folder, outputs), kept=run.kept)
        except SystemExit as error:
            # Python would end with its code, which may be 0; a task of a kind can ask for that.
            raise RecordError(f"something within the run called sys.exit({error.code!r})") from error
        except Exception as error:
            if not is_of_machine(error):
                raise
            raise RecordError(fact(Code.NOT_BROUGHT_TO_END, why=in_words(error))) from error
        finally:
            run.close()


@contextmanager
def _collected_often() -> Iterator[None]:
    """Garbage in small pieces, so that no probe waits for it, and nothing of what a run begins with."""
    seldom = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(700, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*seldom)


def _warnings(loaded: LoadedPlan, baselines: Sequence[BaselineRecord]) -> tuple[Problem, ...]:
    """What is said of the plan, with what is said of the baselines given or not given."""
    lacking = without_baseline(loaded.plan)
    if not baselines:
        return (*loaded.warnings, *lacking)
    if lacking:
        return loaded.warnings
    return (*loaded.warnings, Problem(message=fact(Code.BASELINE_NOT_NEEDED), warning=True))


def _alone(loaded: LoadedPlan, chosen: Collection[str]) -> tuple[Problem, ...]:
    """What is said of checks that go on during the run, where nothing else is run."""
    checks = [check for check in loaded.plan.checks() if check.id in chosen]
    if not all(check.asked.during == "run" for check in checks):
        return ()
    return tuple(Problem(message=fact(Code.RUN_ALONE, check=check.id), warning=True) for check in checks)


def _write_whole_record(run: UnderWay, result: RunResult, folder: Path, outputs: tuple[Output, ...]) -> Done:
    """Write the reports; a PASS that cannot be written whole is taken back first."""
    done = write_reports(result, folder, outputs)
    if lost := run.lost():
        done = replace(done, troubles=(*done.troubles, lost))
    if done.troubles and done.result.verdict is Verdict.PASS:
        for output in outputs:
            if not output.named:
                with suppress(OSError):
                    place(output, folder).unlink(missing_ok=True)
        again = write_reports(run.not_whole(done.troubles[0]), folder, outputs)
        done = replace(again, troubles=tuple(dict.fromkeys((*done.troubles, *again.troubles))))
    return done
