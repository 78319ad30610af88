from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines import nothing_left
from tests.pipeline.bench import Desk

__all__ = ["nothing_left"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
