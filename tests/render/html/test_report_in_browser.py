"""The report in a real browser: without JavaScript, in both themes, at every width, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phasegate.render.html.document import render
from phasegate.render.html.folding import MOST_ROWS
from tests.render.html.test_folding import run_with_checks
from tests.samples import all_runs, run_with_cases

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not there"),
]
RUNS = all_runs()
ANY = pytest.mark.parametrize("name", RUNS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    playwright.expect.set_options(timeout=30_000)  # milliseconds, of which a busy machine needs many
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    for name, run in RUNS.items():
        (folder / f"{name}.html").write_text(render(run), encoding="utf-8")
    (folder / "many.html").write_text(render(run_with_cases(10_000)), encoding="utf-8")
    (folder / "long.html").write_text(render(run_with_checks(MOST_ROWS + 20)), encoding="utf-8")
    (folder / "packed.html").write_text(render(run_with_cases(20_000)), encoding="utf-8")
    return folder


class Opener:
    """Opens reports and collects what the browser complains about and what it asks the network for."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self._browser, self._folder = browser, folder
        self.troubles: list[str] = []
        self.contexts: list[Any] = []

    def __call__(self, name: str, *, width: int = 1280, height: int = 900, **options: Any) -> Any:
        context = self._browser.new_context(viewport={"width": width, "height": height}, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self.troubles.append(message.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("dialog", lambda dialog: self.troubles.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: self._asked(request.url))
        page.goto((self._folder / f"{name}.html").as_uri())
        return page

    def _asked(self, url: str) -> None:
        if not url.startswith(self._folder.as_uri()):
            self.troubles.append(f"asked for {url}")


@pytest.fixture
def open_report(browser: Any, pages: Path) -> Iterator[Opener]:
    opener = Opener(browser, pages)
    yield opener
    for context in opener.contexts:
        context.close()
    assert opener.troubles == []


@ANY
def test_page_never_scrolls_sideways(open_report: Opener, name: str) -> None:
    widths = (320, 400, 1280)
    page = open_report(name, width=widths[0])
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("window.innerWidth") == width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@ANY
def test_everything_is_readable_without_javascript(open_report: Opener, name: str) -> None:
    page = open_report(name, java_script_enabled=False)
    text = page.inner_text("body")
    for heading in ("Criteria", "Not tested, and why", "Steps and checks", "Failures by cause", "Sign-off"):
        assert heading in text
    assert RUNS[name].verdict.value in text
    for selector in ("#theme", ".copy", ".chips"):
        assert page.locator(selector).first.is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_criteria_that_failed_and_their_cause_are_on_the_first_screen(
    open_report: Opener, scheme: str
) -> None:
    page = open_report("fail", color_scheme=scheme)
    for text in ("/api/v1/initialize works", "APPLICATION_DATA", "no answer within 30 s"):
        box = page.locator("#top").get_by_text(text).first.bounding_box()
        assert box["y"] + box["height"] < 900


def test_theme_follows_the_system_until_it_is_chosen(open_report: Opener) -> None:
    page = open_report("pass", color_scheme="dark")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(13, 17, 23)"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(13, 17, 23)"
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: system"


@pytest.mark.parametrize("choice", ["", "dark"])
def test_paper_is_light_and_has_verdict_failures_and_signatures_only_where_needed(
    open_report: Opener, choice: str
) -> None:
    page = open_report("fail", color_scheme="dark")
    if choice:
        page.evaluate(f"document.documentElement.dataset.theme = '{choice}'")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    for hidden in ("#cases", ".contents", "#theme", ".chips"):
        assert page.locator(hidden).first.is_hidden()
    for visible in ("#top", "#criteria", "#failures", ".failure pre", "#sign-off"):
        assert page.locator(visible).first.is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("width", [400, 1280])
def test_targets_are_large_enough(open_report: Opener, width: int) -> None:
    page = open_report("fail", width=width)
    small = page.evaluate(
        """[...document.querySelectorAll('button, input, summary, nav a')]
        .filter(one => one.offsetParent).map(one => [one.textContent, one.getBoundingClientRect()])
        .filter(([, box]) => box.height < 24 || box.width < 24).map(([text]) => text)"""
    )
    assert small == []


def test_keyboard_reaches_skip_links_and_shows_where_it_is(open_report: Opener) -> None:
    page = open_report("fail")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the criteria"
    assert page.locator(".skip").first.bounding_box()["x"] >= 0
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#criteria"


def test_filter_shows_criteria_of_one_status_and_says_how_many(open_report: Opener) -> None:
    page = open_report("fail")
    page.click("[data-filters=criteria] button:has-text('Not met')")
    assert page.locator("#criteria tbody tr:visible").count() == 5
    assert page.inner_text("[data-filters=criteria] [role=status]") == "5 shown"
    page.click("[data-filters=criteria] button:has-text('All')")
    assert page.locator("#criteria tbody tr:visible").count() == 10


@pytest.mark.parametrize(("name", "count"), [("many", 10_000), ("packed", 20_000)])
def test_search_reaches_all_cases_and_shows_some(open_report: Opener, name: str, count: int) -> None:
    from playwright.sync_api import expect

    page = open_report(name)
    rows = page.locator("#case-rows tr")
    assert rows.count() == 200
    page.click("#more-cases")
    expect(rows).to_have_count(400)
    page.fill("#case-search", "number_09876 testarea")
    expect(rows).to_have_count(1)
    assert "passed" in rows.first.inner_text()
    page.fill("#case-search", "")
    page.click("[data-filters=cases] button:has-text('failed')")
    failed = count // 50
    expect(rows).to_have_count(min(200, failed))
    assert (
        page.inner_text("[data-filters=cases] [role=status]") == f"{failed} found, {min(200, failed)} shown"
    )


def test_small_case_table_is_filtered_in_place(open_report: Opener) -> None:
    page = open_report("fail")
    page.click("[data-filters=cases] button:has-text('flaky')")
    assert page.locator("#case-rows tr").count() == 1
    page.click("[data-filters=cases] button:has-text('All')")
    assert page.locator("#case-rows tr").count() == 11


def test_chart_can_be_read_with_the_pointer(open_report: Opener) -> None:
    page = open_report("fail")
    chart = page.locator("figure.chart svg").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.locator("figure.chart .reading").first.inner_text().startswith("at ")


def test_a_load_stands_over_what_the_target_used(open_report: Opener) -> None:
    page = open_report("pass")
    for name in ("CPU of the target over time", "Memory of the target over time"):
        chart = page.get_by_role("img", name=name)
        assert chart.count() == 1
        assert chart.is_visible()
        assert page.get_by_role("region", name=f"Data of {name}", include_hidden=True).count() == 1
    table = page.get_by_role("region", name="What the target used").locator("tbody tr")
    assert [row.split("\t")[:5] for row in table.all_inner_texts()][1] == [
        "controller",
        "memory",
        "34.5 MiB",
        "35.4 MiB",
        "36.4 MiB",
    ]


@ANY
def test_hostile_text_runs_nothing_and_the_browser_has_nothing_to_complain_about(
    open_report: Opener, name: str
) -> None:
    page = open_report(name)
    assert page.locator("main img, main iframe").count() == 0
    assert page.title().startswith(RUNS[name].verdict.value)


def test_rows_that_are_folded_away_come_for_a_link_a_filter_and_who_asks(open_report: Opener) -> None:
    from playwright.sync_api import expect

    page = open_report("long")
    criteria, checks = page.locator("#criteria tbody tr"), page.locator("#steps tbody tr")
    assert (criteria.count(), checks.count()) == (MOST_ROWS, MOST_ROWS)
    page.click("#steps .folded button")
    expect(checks).to_have_count(MOST_ROWS + 20)
    assert criteria.count() == MOST_ROWS
    page.click("[data-filters=criteria] button[data-show=met]")
    expect(page.locator("[data-filters=criteria] [role=status]")).to_have_text(f"{MOST_ROWS + 20} shown")
    expect(criteria).to_have_count(MOST_ROWS + 20)
    assert page.locator("#criteria .folded:visible, #steps .folded:visible").count() == 0


def test_a_link_leads_to_a_row_that_is_folded_away(open_report: Opener) -> None:
    page = open_report("long")
    folded = page.locator(f"#check-check-{MOST_ROWS + 10}")
    assert folded.count() == 0
    page.evaluate(f"location.hash = '#check-check-{MOST_ROWS + 10}'")
    folded.wait_for(state="visible")


def test_without_javascript_a_long_page_says_where_the_other_rows_are(open_report: Opener) -> None:
    page = open_report("long", java_script_enabled=False)
    assert "and 20 more in result.json" in page.inner_text("#criteria")
    assert page.locator(".folded button").first.is_hidden()
