"""What a process of the target uses: the measures of `target/<id>`, by name."""

from __future__ import annotations

from collections.abc import Mapping

from phasegate.model.measures import Chart, MeasureSpec, MeasureType
from phasegate.units import Dimension

INTERVAL = 0.5
"""Seconds from one sample to the next."""


def _gauge(dimension: Dimension, about: str, chart: Chart | None = None) -> MeasureSpec:
    return MeasureSpec(type=MeasureType.GAUGE, dimension=dimension, about=about, lowest=0, chart=chart)


RESOURCES: Mapping[str, MeasureSpec] = {
    "cpu": _gauge(
        Dimension.SHARE,
        "processor time per time, as top shows it: 100% is one core, 250% is two and a half",
        Chart(title="CPU of the target over time", note="100% is one core"),
    ),
    "memory": _gauge(
        Dimension.SIZE,
        "resident memory of the process and its children; what they share counts for each",
        Chart(title="Memory of the target over time"),
    ),
    "threads": _gauge(Dimension.COUNT, "threads of the process and its children"),
    "open_files": _gauge(Dimension.COUNT, "open file descriptors, sockets and pipes included"),
}
"""Each over the whole run: from the moment an entry is ready until the target is taken down."""
