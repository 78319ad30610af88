"""Rules that every kind of inspection has."""

TEXTS = {
    "file-readable": ("{0}", ""),
    "yaml-valid": ("{0}", ""),
    "junit.failure": ("{0}", ""),
}
