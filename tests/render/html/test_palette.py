"""Every text of the report is readable on its background, light and dark."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from phasegate.render.html.palette import DARK, LIGHT, TONES, css

TEXT_ON: tuple[tuple[str, str], ...] = (
    *((ink, ground) for ink in ("text", "muted", "link") for ground in ("page", "panel")),
    *((tone, ground) for tone in TONES for ground in ("page", "panel", f"{tone}-tint")),
    *((ink, f"{tone}-tint") for ink in ("text", "muted", "link") for tone in TONES),
    ("limit", "page"),
    *((f"series-{number}", "page") for number in range(4)),
)
"""Every (text, background) that the stylesheet puts together."""
DRAWN_ON: tuple[tuple[str, str], ...] = (("control", "page"), ("control", "panel"))
"""Outlines of controls: 3 to 1 is enough."""
THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_wcag_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#999999", "#ffffff") == pytest.approx(2.85, abs=0.01)


@THEMES
@pytest.mark.parametrize(("ink", "ground"), TEXT_ON)
def test_text_is_readable(theme: Mapping[str, str], ink: str, ground: str) -> None:
    assert contrast(theme[ink], theme[ground]) >= 4.5


@THEMES
@pytest.mark.parametrize(("line", "ground"), DRAWN_ON)
def test_outline_of_a_control_is_seen(theme: Mapping[str, str], line: str, ground: str) -> None:
    assert contrast(theme[line], theme[ground]) >= 3


def test_both_themes_have_the_same_colours() -> None:
    assert LIGHT.keys() == DARK.keys()


def test_dark_is_for_screens_only() -> None:
    before, _, _ = css().partition("@media")
    assert DARK["page"] not in before
    assert css().count("@media screen") == 2
