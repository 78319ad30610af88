"""`python -m phasegate.targets.containers.engine.knock`: exit code 0 where a container engine answers.

Otherwise it writes on standard error why, as the JSON of a fact. Where the SDK is not installed nothing can
be said of the engine, and nothing is.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Message, encode
from phasegate.targets.containers.engine.client import Engine


async def _knock() -> Message:
    try:
        (await Engine.connect(os.environ)).close()
    except ObservationError as error:
        return error.message
    return ""


def main() -> int:
    try:
        import docker  # noqa: F401  only whether it is there
    except ImportError:
        return 0
    problem = asyncio.run(_knock())
    if problem:
        sys.stderr.write(f"{json.dumps(encode(problem))}\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
