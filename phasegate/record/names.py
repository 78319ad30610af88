"""Names of files in the record."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

from phasegate.record.redaction import Redactor

LONGEST_NAME = 120
"""Bytes; file systems take 255, archives and other systems less."""
_UNSAFE = re.compile(r"[^\w.+=@,\[\]()-]+")


def safe_name(name: str) -> str:
    """A name that is one component of a path on any system, at most `LONGEST_NAME` bytes long.

    Letters and digits of any script stay. A name that had to be cut keeps its suffix and ends in a hash, so
    that long names which differ stay different.
    """
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    safe = _UNSAFE.sub("-", text).strip("-. ") or "unnamed"
    if len(safe.encode()) <= LONGEST_NAME:
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:10]
    suffix = Path(safe).suffix
    if len(suffix.encode()) > 12:
        suffix = ""
    room = LONGEST_NAME - len(suffix.encode()) - len(digest) - 1
    return f"{safe.encode()[:room].decode('utf-8', 'ignore')}-{digest}{suffix}"


def needs_safe_name(name: str, redactor: Redactor) -> bool:
    """Whether a name that a program chose holds a secret, or what cannot be printed on one line."""
    return not name.isprintable() or redactor.redact_name(name) != name
