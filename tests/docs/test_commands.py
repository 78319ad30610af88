"""The commands of the documents print what the documents show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.consoles import ENGINE_PAGES, follow, pages_with_commands
from tests.docs.pages import name_of

pytestmark = pytest.mark.slow


@pytest.mark.paced
@pytest.mark.parametrize(
    "page", [page for page in pages_with_commands() if page not in ENGINE_PAGES], ids=name_of
)
def test_the_commands_of_a_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path)
