"""`result.json`: the result itself, for programs."""

from __future__ import annotations

import json

from phasegate.model.codec import result_to_json
from phasegate.model.result import RunResult


def render(run: RunResult) -> str:
    return json.dumps(result_to_json(run), indent=2, ensure_ascii=False) + "\n"
