"""Garbage is not looked for while work makes what stays, and is again afterwards."""

from __future__ import annotations

import gc

import pytest

from phasegate.base.collection import without_collection


@pytest.fixture(autouse=True)
def collecting():  # type: ignore[no-untyped-def]
    enabled = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if enabled else gc.disable)()


def test_nothing_is_collected_meanwhile_and_it_is_afterwards() -> None:
    with without_collection():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_stays_off_where_it_was_off() -> None:
    gc.disable()
    with without_collection():
        pass
    assert not gc.isenabled()


def test_it_is_on_again_after_an_error() -> None:
    with pytest.raises(ValueError, match="x"), without_collection():
        raise ValueError("x")
    assert gc.isenabled()
