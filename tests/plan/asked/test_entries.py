"""Which entry an address of a plan is of, however it is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.base.errors import PlanError
from phasegate.http.addresses import Address, TargetAddresses
from phasegate.kinds import KINDS
from phasegate.plan.asked.plan import Check
from phasegate.plan.loader import load
from phasegate.render.sentences import sentence
from tests.examples import examples

PLACE = "{}://127.0.0.1:18080{}"
OTHERS = st.builds(
    Address,
    id=st.just(""),
    url=st.builds(
        "{}://{}:{}{}".format,
        st.sampled_from(["http", "https"]),
        st.sampled_from(["127.0.0.1", "localhost"]),
        st.sampled_from([18080, 18081]),
        st.sampled_from(["", "/v1", "/v2"]),
    ),
    headers=st.sampled_from([(), (("Authorization", "one"),), (("authorization", "two"),)]),
)
NAMED = (
    '{{kind: health, url: "${{target.{id}.url}}/x"}}',
    '{{kind: health, url: "{scheme}://${{target.{id}.host}}:${{target.{id}.port}}/x"}}',
    '{{kind: health, url: "${{scheme}}://127.0.0.1:${{target.{id}.port}}/${{text}}"}}',
    '{{kind: health, url: "${{each}}/x", each: {{a: "${{target.{id}.url}}"}}}}',
    '{{kind: health, url: "${{each}}", each: {{a: "{scheme}://${{target.{id}.host}}:${{target.{id}.port}}"}}}}',
    '{{kind: load, rate: 1/s, duration: 1s, url: "${{target.{id}.url}}?to=${{target.other0.url}}"}}',
    '{{kind: load, rate: 1/s, duration: 1s, mix: [{{url: "${{target.{id}.url}}/x"}}]}}',
)
LITERAL = (
    '{{kind: health, url: "{url}/x"}}',
    '{{kind: health, url: "${{scheme}}://127.0.0.1:18080{path}/x"}}',
    '{{kind: health, url: "${{each}}", each: {{a: "{url}/x"}}}}',
    '{{kind: load, rate: 1/s, duration: 1s, url: "{url}"}}',
    '{{kind: load, rate: 1/s, duration: 1s, mix: [{{url: "{url}/x"}}]}}',
)


@st.composite
def targets(draw: st.DrawFn, *, alike: bool) -> tuple[Address, list[Address]]:
    """An entry, and all entries, of which one leads to the same URL, with the same credentials or others."""
    url = PLACE.format(draw(st.sampled_from(["http", "https"])), draw(st.sampled_from(["", "/v1"])))
    meant = Address(id="meant", url=url, headers=(("Authorization", "mine"),))
    rival = replace(meant, id="rival")
    if not alike:
        rival = replace(rival, headers=draw(st.sampled_from([(), (("Authorization", "theirs"),)])))
    others = draw(st.lists(OTHERS.filter(lambda one: not alike or one.place != meant.place), max_size=3))
    named = [replace(one, id=f"other{number}") for number, one in enumerate(others)]
    return meant, draw(st.permutations([meant, rival, *named]))


def check_of(meant: Address, entries: list[Address], written: str) -> Check:
    """The check of a plan that has these entries. Errors: PlanError."""
    scheme, path = meant.url.partition(":")[0], meant.url.partition("18080")[2]
    line = written.format(id=meant.id, url=meant.url, scheme=scheme, path=path)
    line = line.replace("target.other0", f"target.{entries[0].id}")
    target: dict[str, Any] = {one.id: {"url": one.url, "headers": dict(one.headers)} for one in entries}
    with TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.yaml"
        plan.write_text(
            f"phasegate: 1\nphase: p\ntitle: t\nvariables: {{scheme: {scheme}, text: x}}\n"
            f"target: {json.dumps({'external': target})}\n"
            f"steps: [{{id: s, checks: [{{id: c, {line[1:]}]}}]\n"
        )
        (check,) = load(plan, kinds=KINDS, env={}).plan.checks()
        return check


def credentials_of(check: Check, entries: list[Address]) -> object:
    """Those that a request of a check goes out with."""
    addresses = TargetAddresses(entries)
    (params,) = check.bind(addresses.values()).values()
    mix = getattr(params, "mix", None)
    entry = addresses.destination(mix[0].url if mix else params.url).entry  # type: ignore[attr-defined]
    return next(one.credentials for one in entries if one.id == entry)


@settings(max_examples=examples(50))
@given(target=targets(alike=False), written=st.sampled_from(NAMED))
def test_an_address_that_names_an_entry_has_its_credentials(
    target: tuple[Address, list[Address]], written: str
) -> None:
    meant, entries = target
    assert credentials_of(check_of(meant, entries, written), entries) == meant.credentials


@settings(max_examples=examples(50))
@given(target=targets(alike=False), written=st.sampled_from(LITERAL))
def test_an_address_that_fits_entries_with_different_credentials_is_refused_with_its_line(
    target: tuple[Address, list[Address]], written: str
) -> None:
    meant, entries = target
    with pytest.raises(PlanError) as raised:
        check_of(meant, entries, written)
    (problem,) = raised.value.problems
    assert "which have different credentials" in sentence(problem.message)
    assert "${target.meant.url}" in sentence(problem.help or "")
    assert problem.at is not None
    assert problem.at.line == 6


@settings(max_examples=examples(50))
@given(target=targets(alike=True), written=st.sampled_from((*LITERAL, *NAMED)))
def test_an_address_that_fits_entries_with_the_same_credentials_has_those(
    target: tuple[Address, list[Address]], written: str
) -> None:
    meant, entries = target
    assert credentials_of(check_of(meant, entries, written), entries) == meant.credentials
