"""What is wrong with the objects of a cluster, as findings; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from phasegate.base.facts import Code, fact
from phasegate.base.tree import TreePath
from phasegate.inspection.finding import Finding, Inspection, Looked, Rule
from phasegate.kinds.kubernetes.manifests import Manifests, Origin
from phasegate.kinds.kubernetes.objects import Cluster, KubeObject, mapping, text
from phasegate.kinds.kubernetes.rules.policy import Hit, Policy, object_of
from phasegate.kinds.kubernetes.schema import RULES, Schemas

MOST = 5_000
"""Findings of one rule that are listed."""
LONGEST = 500
"""Characters of a place, and of anything that a sentence quotes."""


def inspect_objects(
    manifests: Manifests, cluster: Cluster, schemas: Schemas, policies: Iterable[Policy]
) -> Inspection:
    """What the schemas and the policies say of all objects."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in _of_schema(manifests, cluster, schemas):
        by_rule.setdefault(finding.rule, []).append(finding)
    looked = {rule.id: Looked(n=len(cluster.objects), of="object", family=rule.family) for rule in RULES}
    for policy in policies:
        subjects = tuple(policy.subjects(cluster))
        found = (
            _finding(policy.rule, object_of(subject), hit, policy.tool)
            for subject in subjects
            for hit in policy.find(subject, cluster)
        )
        by_rule[policy.rule.id] = list(islice(found, MOST + 1))
        looked[policy.rule.id] = Looked(n=len(subjects), of=policy.of, family=policy.rule.family)
    many = [rule for rule, findings in by_rule.items() if len(findings) > MOST]
    return Inspection(
        files=None,
        findings=(*manifests.findings, *chain(*(findings[:MOST] for findings in by_rule.values()))),
        looked=looked,
        notes=(*manifests.notes, *(fact(Code.FINDINGS_OVER_LIMIT, rule=rule, most=MOST) for rule in many)),
    )


def _of_schema(manifests: Manifests, cluster: Cluster, schemas: Schemas) -> Iterator[Finding]:
    rules = {rule.id: rule for rule in RULES}
    for document in manifests.strays:
        yield _stray(rules["object-kind"], Origin(document=document))
    for one in cluster.objects:
        for rule, hit in schemas.problems(one):
            yield _finding(rules[rule], one, hit)
    for one, hit in _duplicates(cluster):
        yield _finding(rules["duplicate-object"], one, hit)


def _stray(rule: Rule, origin: Origin) -> Finding:
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        family=rule.family,
        file=origin.document.file,
        line=origin.line(()),
        details=("apiVersion and kind",),
    )


def _duplicates(cluster: Cluster) -> Iterator[tuple[KubeObject, Hit]]:
    first: dict[tuple[str, str, str, str], KubeObject] = {}
    for one in cluster.objects:
        key = (one.group, one.kind, one.namespace, one.name)
        if one.name and (before := first.setdefault(key, one)) is not one:
            yield one, Hit(("metadata", "name"), (one.kind, one.name, before.origin.document.file))


def _finding(rule: Rule, one: KubeObject, hit: Hit, tool: str = "") -> Finding:
    details = tuple(value if isinstance(value, int) else _clip(value) for value in hit.values)
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        family=rule.family,
        file=one.origin.document.file,
        line=one.origin.line(hit.path),
        place=_clip(place_of(one, hit.path)),
        details=() if tool else details,
        text=": ".join(map(str, details)) if tool else "",
        tool=tool,
    )


def _clip(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else value[:LONGEST]


def place_of(one: KubeObject, path: TreePath) -> str:
    """`Deployment/shop/web/spec.containers[main].image`: list items by name, where they have one."""
    head = "/".join(part for part in (one.kind, one.namespace, one.name) if part)
    words = ""
    tree: Any = one.tree
    for step in path:
        tree = tree[step] if _is_in(tree, step) else None
        if isinstance(step, int):
            words += f"[{text(mapping(tree).get('name')) or step}]"
        else:
            words += f".{step}" if words else step
    return "/".join(part for part in (head, words) if part)


def _is_in(tree: object, step: str | int) -> bool:
    if isinstance(tree, dict):
        return step in tree
    return isinstance(tree, list) and isinstance(step, int) and step < len(tree)
