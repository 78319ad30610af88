"""Runs one Python script: `python harness.py FOLDER`, in a process of its own, without phasegate.

FOLDER holds `script` and `input.json`; `outcome.json` goes there: `{"result": ...}` or `{"error": ...}`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    threading.Thread(target=_leave_with_the_controller, daemon=True).start()
    request = json.loads((folder / "input.json").read_text(encoding="utf-8"))
    try:
        outcome = {"result": _run((folder / "script").read_text(encoding="utf-8"), request)}
        text = json.dumps(outcome, allow_nan=False)
    except BaseException as error:  # a script may raise anything, SystemExit too
        text = json.dumps({"error": f"{type(error).__name__}: {error}"})
    (folder / "outcome.json").write_text(text, encoding="utf-8")


def _run(script: str, request: dict[str, Any]) -> Any:
    namespace: dict[str, Any] = {"__name__": "script"}
    exec(compile(script, "script.py", "exec"), namespace)
    run = namespace.get("run")
    if not callable(run):
        raise TypeError("the script defines no function run(context, params)")
    return run(request["context"], request["params"])


def _leave_with_the_controller() -> None:
    # The controller holds the other end of standard input and never writes to it.
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
