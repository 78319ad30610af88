"""What stands beside the verdict: the same lines in every format, none where there is nothing to say."""

from __future__ import annotations

from phasegate.render import html, junit
from phasegate.render.standing import standing
from tests.samples import crashed_run, passing_run


def test_flaky_passes_are_said_beside_the_verdict() -> None:
    (line,) = standing(passing_run())
    assert line.label == "Flaky"
    assert line.text.startswith("1 pass only when tried again: ")
    assert line.anchor == "flaky"


def test_a_run_with_nothing_to_say_says_nothing() -> None:
    assert standing(crashed_run()) == ()
    assert '<dl class="standing">' not in html.render(crashed_run())


def test_every_format_shows_the_lines() -> None:
    run = passing_run()
    (line,) = standing(run)
    assert line.text in html.render(run)
    assert line.text in junit.render(run)
