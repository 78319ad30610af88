"""What every kind that looks at containers or images needs."""

from __future__ import annotations

from phasegate.base.facts import Code, fact
from phasegate.kinds.base import Requirement

ENGINE = (
    Requirement(
        program="python",
        arguments=("-c", "import docker"),
        label="the docker SDK",
        install="pip install 'phasegate[containers]'",
    ),
    Requirement(
        program="python",
        arguments=("-m", "phasegate.targets.containers.engine.knock"),
        label="the container engine",
        explains=True,
        install=fact(Code.START_ENGINE),
    ),
)
