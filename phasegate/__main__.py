"""The program: `--version` at once, everything else through the commands."""

from __future__ import annotations

import sys

from phasegate import __version__


def main() -> int:
    """Run one command line and give its exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Answered before anything heavy is imported, since scripts ask for it often.
        print(f"phasegate {__version__}")
        return 0
    from phasegate.cli.app import run_command_line

    return run_command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
