"""The command line as a whole: the list of commands, and what becomes of errors."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasegate import __version__
from phasegate.base.errors import ExitCode, PhasegateError, PlanError, UsageError, in_words, is_of_machine
from phasegate.base.scalars import allow_long_integers

if TYPE_CHECKING:
    import typer
    from rich.text import Text

COMMANDS = {
    name: f"phasegate.cli.{name}"
    for name in (
        *("run", "validate", "plan", "report", "signoff", "verify"),
        *("kinds", "schema", "init", "guard", "waivers"),
    )
}
"""The module of each command: a function of its name, or an app of further commands."""
HELP = Path(__file__).with_name("help.txt")
"""What `phasegate --help` prints: made ahead, as making it takes longer than printing it."""


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; nothing that goes wrong escapes as a traceback."""
    if list(arguments) in (["--help"], ["-h"]):
        sys.stdout.write(HELP.read_text(encoding="utf-8"))
        return int(ExitCode.PASS)
    allow_long_integers()
    from typer import Abort
    from typer.exceptions import TyperException

    try:
        code = _run(list(arguments))
        return int(code) if isinstance(code, int) else int(ExitCode.PASS)
    except PlanError as error:
        from phasegate.cli.problems import problems_text

        return _refuse(problems_text(error.problems), error.exit_code)
    except PhasegateError as error:
        return _refuse_error(error)
    except TyperException as error:
        return _wrong_usage(error.format_message())
    except (Abort, KeyboardInterrupt):
        return int(ExitCode.INTERRUPTED)
    except Exception as error:
        return _lacking(error) if isinstance(error, OSError) or is_of_machine(error) else _defect()


def _run(arguments: list[str]) -> object:
    if arguments == ["kinds"]:  # people and scripts ask for it often, and without flags no parser is needed
        from phasegate.cli.kinds import kinds

        kinds(None, rules=False, as_json=False)
        return None
    parser = _parser(_named(arguments))
    return parser(args=arguments, prog_name="phasegate", standalone_mode=False)


def _named(arguments: Sequence[str]) -> tuple[str, ...]:
    """The commands that are asked for, or that a shell may complete; empty where any could be."""
    completing = "_PHASEGATE_COMPLETE" in os.environ
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    words = line.split()[1:] if completing else arguments
    if words and words[0] in COMMANDS:
        return (words[0],)
    return tuple(name for name in COMMANDS if name.startswith(words[0])) if completing and words else ()


def make_app(*names: str) -> typer.Typer:
    """The program with some of its commands."""
    import typer

    app = typer.Typer(
        name="phasegate",
        help="Turn a written phase plan into a verdict that can be defended.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )

    @app.callback()
    def _root(
        version: bool = typer.Option(
            False, "--version", "-V", is_eager=True, help="Print the version and exit."
        ),
    ) -> None:
        if version:
            typer.echo(f"phasegate {__version__}")
            raise typer.Exit(ExitCode.PASS)

    for name in names:
        module = import_module(COMMANDS[name])
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


@cache
def _parser(commands: tuple[str, ...]) -> Any:
    """What reads the command line of some commands, or of all where none is named.

    Making it takes longer than reading a plan.
    """
    from typer.main import get_command

    return get_command(make_app(*(commands or COMMANDS)))


def _refuse_error(error: PhasegateError) -> int:
    from phasegate.cli.problems import error_text

    return _refuse(error_text(error), error.exit_code)


def _refuse(why: Text, code: ExitCode) -> int:
    from phasegate.cli.console import make_console

    make_console().print(why, soft_wrap=True)
    return int(code)


def _lacking(error: Exception) -> int:
    """What no command expects of the machine that it runs on; a run that had begun is told otherwise."""
    from phasegate.cli.console import make_console
    from phasegate.render.sentences import sentence

    place = f" {error.filename}" if isinstance(error, OSError) and error.filename else ""
    console = make_console()
    console.print(f"error: phasegate cannot go on{place}: {sentence(in_words(error))}", soft_wrap=True)
    return int(ExitCode.USAGE)


def _wrong_usage(message: str) -> int:
    """What the parser of flags found; without a command its message is the help."""
    if sys.argv[1:] in ([], ["waivers"]):
        sys.stderr.write(f"{message}\n")
        return int(ExitCode.USAGE)
    # The words of the parser's own parser are for whoever wrote the flags.
    message = message.replace("Value error, ", "").rstrip(".") or "missing argument"
    return _refuse_error(UsageError(message[0].lower() + message[1:], help=_help_flag()))


def _help_flag() -> str:
    named = sys.argv[1:2]
    command = f" {named[0]}" if named and named[0] in COMMANDS else ""
    return f"phasegate{command} --help lists what is accepted"


def _defect() -> int:
    from phasegate.cli.console import Color, make_console

    console = make_console(Color.AUTO)
    console.print(traceback.format_exc(), soft_wrap=True)
    console.print(
        f"error: a defect in phasegate {__version__}, not in your plan; please report the lines above",
        soft_wrap=True,
    )
    return int(ExitCode.DEFECT)
