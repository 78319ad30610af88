"""How long something of the target may take, as far as somebody could look."""

from __future__ import annotations

import asyncio

HELD_UP = 0.1
"""Seconds by which this process must be late to have been held up: stopped, or without a processor."""
AFRESH = 1.0
"""Seconds for another look after that, while there are such seconds left: as many as may be waited at all."""


class Patience:
    """Seconds to wait, from its making on; those in which this process was held up do not count.

    Moments are the running loop's.
    """

    def __init__(self, within: float) -> None:
        self._now = asyncio.get_running_loop().time
        self._afresh = within
        self.began = self._now()
        self.ends = self.began + within

    @property
    def left(self) -> float:
        return self.ends - self._now()

    @property
    def taken(self) -> float:
        return self._now() - self.began

    def look(self, due: float) -> None:
        """Go on, at `due` at the latest unless held up; what was to be seen meanwhile is looked at again."""
        late = self._now() - due
        if late > HELD_UP:
            afresh = min(AFRESH, self._afresh)
            self._afresh -= afresh
            self.ends += late + afresh
