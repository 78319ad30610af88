"""Rules that every kind of inspection has: what is looked at can be read."""

from __future__ import annotations

from phasegate.inspection.finding import Rule, Severity

READABLE = Rule(
    id="file-readable",
    severity=Severity.ERROR,
    about="Every file that the globs match is read whole: it is text in UTF-8 and not too large.",
    source="https://www.rfc-editor.org/rfc/rfc3629",
    family="files",
)
YAML = Rule(
    id="yaml-valid",
    severity=Severity.ERROR,
    about="Every YAML file can be parsed and has no duplicate keys; scanners skip what they cannot parse.",
    source="https://yaml.org/spec/1.2.2/",
    family="files",
)
COMMON = (READABLE, YAML)
