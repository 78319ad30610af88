"""How many examples a property tries: few where each costs much, ten times as many in the nightly profile.

@settings(max_examples=examples(15))
"""

from __future__ import annotations

import os

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "phasegate")
NIGHTLY = "nightly"


def examples(ordinarily: int) -> int:
    return ordinarily * (10 if PROFILE == NIGHTLY else 1)
