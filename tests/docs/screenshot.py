"""The picture of a report in the documents, `docs/report.png`: `python -m tests.docs.screenshot`.

It runs the plan of the first gate with a criterion that its sample cannot carry, and draws the first screen
of the page with Chromium.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs.pages import DOCS, blocks

PICTURE = DOCS / "report.png"
MOST = 200_000
"""Bytes."""
BROWSER = "/usr/bin/chromium"
WINDOW = "1080,1080"
PLAN = "strict.yaml"
"""Of the page of the first gate."""


def draw(folder: Path) -> None:
    """Run the plan in a folder and draw its report."""
    for block in blocks(DOCS / "first-gate.md"):
        if block.title:
            (folder / block.title).write_text(block.text, encoding="utf-8")
    command = [sys.executable, "-m", "phasegate", "run", PLAN, "-o", "out", "-q"]
    subprocess.run(command, cwd=folder, check=False)
    subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--window-size={WINDOW}",
            f"--user-data-dir={folder / 'profile'}",
            f"--screenshot={PICTURE}",
            (folder / "out" / "report.html").as_uri(),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        draw(Path(folder))
    size = PICTURE.stat().st_size
    print(f"{PICTURE}: {size:,} bytes")
    if size > MOST:
        raise SystemExit(f"more than {MOST:,} bytes")


if __name__ == "__main__":
    main()
