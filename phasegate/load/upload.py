"""Bodies from files."""

from __future__ import annotations

from phasegate.fields import Closed, FilePath

UPLOAD_LIMIT = 32 << 20
"""Bytes of a file that is sent with each request: every worker holds it in memory once."""


class BodyFile(Closed):
    """A body that is sent as it is in a file."""

    file: FilePath
    """At most 32 MiB."""

    def read(self) -> bytes:
        """Errors: OSError, ValueError when it is too large."""
        with self.file.open("rb") as file:
            data = file.read(UPLOAD_LIMIT + 1)
        if len(data) > UPLOAD_LIMIT:
            raise ValueError(f"{self.file} is larger than {UPLOAD_LIMIT >> 20} MiB")
        return data
