"""The command line as a whole: the list of commands, and what becomes of errors."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from functools import cache

import typer
from typer.exceptions import TyperException

from phasegate import __version__
from phasegate.base.errors import ExitCode, PhasegateError, PlanError, UsageError, in_words, is_of_machine
from phasegate.base.scalars import allow_long_integers
from phasegate.cli import guard, init, kinds, plan, report, run, schema, signoff, validate, verify, waivers
from phasegate.cli.console import Color, make_console
from phasegate.cli.problems import error_text, problems_text

app = typer.Typer(
    name="phasegate",
    help="Turn a written phase plan into a verdict that can be defended.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_COMMANDS: dict[str, Callable[..., int | None]] = {
    "run": run.run,
    "validate": validate.validate,
    "plan": plan.plan,
    "report": report.report,
    "signoff": signoff.signoff,
    "verify": verify.verify,
    "kinds": kinds.kinds,
    "schema": schema.schema,
    "init": init.init,
    "guard": guard.guard,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
app.add_typer(waivers.app, name="waivers")


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", "-V", is_eager=True, help="Print the version and exit."),
) -> None:
    if version:
        typer.echo(f"phasegate {__version__}")
        raise typer.Exit(ExitCode.PASS)


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; nothing that goes wrong escapes as a traceback."""
    allow_long_integers()
    try:
        code = _parser()(args=list(arguments), prog_name="phasegate", standalone_mode=False)
        return int(code) if isinstance(code, int) else int(ExitCode.PASS)
    except PlanError as error:
        make_console().print(problems_text(error.problems), soft_wrap=True)
        return int(error.exit_code)
    except PhasegateError as error:
        make_console().print(error_text(error), soft_wrap=True)
        return int(error.exit_code)
    except TyperException as error:
        return _wrong_usage(error)
    except (typer.Abort, KeyboardInterrupt):
        return int(ExitCode.INTERRUPTED)
    except Exception as error:
        return _lacking(error) if isinstance(error, OSError) or is_of_machine(error) else _defect()


@cache
def _parser() -> Callable[..., object]:
    """What reads a command line; making it takes longer than reading a plan."""
    return typer.main.get_command(app)


def _lacking(error: Exception) -> int:
    """What no command expects of the machine that it runs on; a run that had begun is told otherwise."""
    place = f" {error.filename}" if isinstance(error, OSError) and error.filename else ""
    console = make_console()
    console.print(f"error: phasegate cannot go on{place}: {in_words(error)}", soft_wrap=True)
    return int(ExitCode.USAGE)


def _wrong_usage(error: TyperException) -> int:
    """What the parser of flags found; without a command its message is the help."""
    if sys.argv[1:] in ([], ["waivers"]):
        typer.echo(error.format_message(), err=True)
        return int(ExitCode.USAGE)
    # The words of the parser's own parser are for whoever wrote the flags.
    message = error.format_message().replace("Value error, ", "").rstrip(".") or "missing argument"
    problem = UsageError(message[0].lower() + message[1:], help=_help_flag())
    make_console().print(error_text(problem), soft_wrap=True)
    return int(ExitCode.USAGE)


def _help_flag() -> str:
    named = sys.argv[1:2]
    command = f" {named[0]}" if named and named[0] in (*_COMMANDS, "waivers") else ""
    return f"phasegate{command} --help lists what is accepted"


def _defect() -> int:
    console = make_console(Color.AUTO)
    console.print(traceback.format_exc(), soft_wrap=True)
    console.print(
        f"error: a defect in phasegate {__version__}, not in your plan; please report the lines above",
        soft_wrap=True,
    )
    return int(ExitCode.DEFECT)
