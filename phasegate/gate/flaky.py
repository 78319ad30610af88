"""How much of what passed did not pass at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from phasegate.model.measures import NAMED, Share
from phasegate.model.observation import CaseStatus
from phasegate.model.result import CheckResult, CheckStatus


def flaky_share(checks: Iterable[CheckResult]) -> tuple[Share, tuple[str, ...]]:
    """The share of items that passed, but not at once, of all that passed; and their names.

    Shape: `passed` counts the flaky ones. Lost cases may have been flaky and stay in `total` as `skipped`.
    What failed is in neither count, or a failure more would bring the share down.
    """
    items = [item for check in checks for item in _passes(check)]
    flaky = tuple(name for name, is_flaky in items if is_flaky)
    lost = [name for name, is_flaky in items if is_flaky is None]
    share = Share(
        passed=len(flaky),
        total=len(items),
        sample=False,
        skipped=len(lost),
        missing=tuple(lost[:NAMED]),
    )
    return share, flaky


def _passes(check: CheckResult) -> Iterator[tuple[str, bool | None]]:
    """Items of a check that passed, and whether they are flaky; None where a lost case leaves it open."""
    cases = check.seen.cases
    for case in cases:
        name = f"{check.id}: {case.id}"
        if case.status is CaseStatus.LOST:
            yield name, None
        elif case.status is CaseStatus.PASSED:
            yield name, case.flaky
    if check.flaky_itself or (not cases and check.status is CheckStatus.PASSED):
        yield check.id, check.flaky_itself
