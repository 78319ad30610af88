"""Links of the documents lead to files and headings that are there."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.docs.pages import DOCS, README, ROOT, anchors, links, name_of, pages
from tests.docs.screenshot import MOST, PICTURE

OTHERS = [ROOT / name for name in ("plans/README.md", "checks/README.md", "tests/benchmarks/README.md")]
LINKS = [(page, link) for page in (*pages(), *OTHERS) for link in links(page) if "://" not in link]


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{name_of(page)} -> {link}" for page, link in LINKS])
def test_a_link_leads_to_a_file_and_a_heading_that_are_there(page: Path, link: str) -> None:
    file, _, anchor = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    assert target.exists()
    if anchor:
        assert anchor in anchors(target)


def test_no_link_of_the_documents_leads_out_of_their_folder() -> None:
    """The site is built from that folder alone."""
    out = [
        (name_of(page), link)
        for page, link in LINKS
        if page.is_relative_to(DOCS)
        and not (page.parent / link.partition("#")[0]).resolve().is_relative_to(DOCS)
    ]
    assert out == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(_files(config["nav"])) == sorted(
        str(page.relative_to(DOCS)) for page in pages() if page != README
    )


def _files(nav: object) -> list[str]:
    match nav:
        case str():
            return [nav]
        case dict():
            return [file for inner in nav.values() for file in _files(inner)]
        case list():
            return [file for inner in nav for file in _files(inner)]
        case _:
            raise TypeError(nav)


def test_the_picture_of_a_report_is_small() -> None:
    """`python -m tests.docs.screenshot` draws it."""
    data = PICTURE.read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    assert len(data) <= MOST


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150
