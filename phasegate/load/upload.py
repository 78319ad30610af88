"""Bodies from files."""

from __future__ import annotations

from phasegate.base.fields import Closed, FilePath
from phasegate.base.files import about, read_regular

UPLOAD_LIMIT = 32 << 20
"""Bytes of a file that is sent with each request: every worker holds it in memory once."""


class BodyFile(Closed):
    """A body that is sent as it is in a file."""

    file: FilePath
    """The file that is sent as the body, at most 32 MiB."""

    def read(self) -> bytes:
        """Errors: OSError, ValueError when it is too large."""
        try:
            return read_regular(self.file, UPLOAD_LIMIT)
        except ValueError as error:
            raise ValueError(about(str(self.file), error)) from None
