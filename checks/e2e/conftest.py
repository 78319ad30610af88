"""Where the controller is: phasegate says so in the environment.

By hand: PHASEGATE_TARGET_CONTROLLER_URL=http://127.0.0.1:8080 python -m pytest checks/e2e
"""

from __future__ import annotations

import os

import pytest
from controller_client import ControllerClient

_VARIABLE = "PHASEGATE_TARGET_CONTROLLER_URL"


@pytest.fixture(scope="session")
def controller() -> ControllerClient:
    url = os.environ.get(_VARIABLE)
    if not url:
        pytest.fail(f"{_VARIABLE} is not set; phasegate sets it, or name a running controller yourself")
    return ControllerClient(url)
