"""No tree, however wrong, ends a rule otherwise than with findings."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from phasegate.kinds.kubernetes.facts import Facts
from phasegate.kinds.kubernetes.findings import inspect_objects
from phasegate.kinds.kubernetes.manifests import Manifests, Origin
from phasegate.kinds.kubernetes.objects import Cluster, KubeObject, selects
from phasegate.kinds.kubernetes.rules import POLICIES
from phasegate.kinds.kubernetes.rules.resources import quantity
from phasegate.kinds.kubernetes.schema import Schemas
from phasegate.render.sentences import sentence
from tests.kinds.kubernetes.test_rules import SOUND

KEYS = st.sampled_from(
    ["name", "kind", "spec", "metadata", "matchLabels", "values", "port", "type", "items", "a", "", "0"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["default", "ALL", "1Gi", "100%", "Exists", "In", "Always", "a: b", "\0", "../.."]),
)
TREES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3),
    max_leaves=8,
)


def places(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, below in pairs:
        yield from places(below, (*path, step))


PLACES = [(n, path) for n, one in enumerate(SOUND.objects) for path in places(one.tree) if path]


@given(st.lists(st.tuples(st.sampled_from(PLACES), TREES), min_size=1, max_size=4))
def test_anything_in_any_place_of_an_object_is_looked_at(edits: list[Any]) -> None:
    trees = [copy.deepcopy(one.tree) for one in SOUND.objects]
    for (number, path), value in edits:
        tree: Any = trees[number]
        for step in path[:-1]:
            tree = tree[step] if step in (tree if isinstance(tree, dict) else range(len(tree))) else None
            if not isinstance(tree, dict | list):
                break
        else:
            if isinstance(tree, dict) or path[-1] in range(len(tree)):
                tree[path[-1]] = value
    check(
        tuple(
            KubeObject(tree=tree, origin=one.origin) for tree, one in zip(trees, SOUND.objects, strict=True)
        )
    )


@given(st.lists(st.dictionaries(KEYS, TREES, max_size=4), max_size=3))
def test_any_objects_are_looked_at(trees: list[dict[str, Any]]) -> None:
    check(tuple(KubeObject(tree=tree, origin=SOUND.objects[0].origin) for tree in trees))


def check(objects: tuple[KubeObject, ...]) -> None:
    assert all(isinstance(one.origin, Origin) for one in objects)
    cluster = Cluster(objects=objects, version=(1, 37))
    crds = [one.tree for one in cluster.of("CustomResourceDefinition")]
    manifests = Manifests(objects=objects, findings=(), strays=())
    seen = inspect_objects(manifests, cluster, Schemas(Facts("1.37"), crds), POLICIES)
    for case in seen.cases():
        assert sentence(case.message)


@given(TREES)
def test_a_quantity_is_a_number_or_none(value: Any) -> None:
    found = quantity(value)
    assert found is None or isinstance(found, float)


@given(st.dictionaries(KEYS, TREES, max_size=3), st.dictionaries(KEYS, st.text(max_size=3), max_size=3))
def test_a_selector_matches_or_does_not(selector: dict[str, Any], labels: dict[str, str]) -> None:
    assert selects(selector, labels) in (True, False)
    assert selects(labels, labels) or "matchLabels" in labels
