"""The colours of the HTML report, light and dark; every text is readable on its ground (WCAG 2.2 AA)."""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#ffffff",
    "panel": "#f6f7f9",
    "line": "#d4d9e0",
    "control": "#6b7480",
    "text": "#1a2028",
    "muted": "#545d68",
    "link": "#0b4fa3",
    "pass": "#116329",
    "fail": "#a40e26",
    "warn": "#7d4e00",
    "waived": "#5a32a3",
    "error": "#953800",
    "skipped": "#57606a",
    "pass-tint": "#edf7f0",
    "fail-tint": "#fdf0f1",
    "warn-tint": "#fdf6e6",
    "waived-tint": "#f5f0fc",
    "error-tint": "#fdf2ea",
    "skipped-tint": "#f1f3f5",
    "series-0": "#0b62c4",
    "series-1": "#8a4b00",
    "series-2": "#6f3fb5",
    "series-3": "#0b6e6e",
    "limit": "#b3142d",
}
DARK: Mapping[str, str] = {
    "page": "#0d1117",
    "panel": "#151b23",
    "line": "#30373f",
    "control": "#7d8793",
    "text": "#e3e9f0",
    "muted": "#9ea7b3",
    "link": "#79b8ff",
    "pass": "#3fb950",
    "fail": "#ff7b72",
    "warn": "#e3b341",
    "waived": "#d2a8ff",
    "error": "#ffa657",
    "skipped": "#9ea7b3",
    "pass-tint": "#0f1f15",
    "fail-tint": "#25151a",
    "warn-tint": "#221c10",
    "waived-tint": "#1c1829",
    "error-tint": "#251a10",
    "skipped-tint": "#181d24",
    "series-0": "#6cb2ff",
    "series-1": "#f0b35a",
    "series-2": "#c9a4ff",
    "series-3": "#56d4c8",
    "limit": "#ff8a80",
}
TONES = ("pass", "fail", "warn", "waived", "error", "skipped")


def css() -> str:
    """The palette as custom properties: light, dark by the system, either by choice, light on paper."""
    light, dark = _properties(LIGHT), _properties(DARK)
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{color-scheme:dark;{dark}}}}}\n"
        f"@media screen{{:root[data-theme=light]{{color-scheme:light;{light}}}"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}}}\n"
    )


def _properties(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())
