from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.http.addresses import Address, AmbiguousEntryError, TargetAddresses
from phasegate.render.sentences import sentence
from phasegate.world import Destination
from tests.telling import raises

API = Address(
    id="api", url="http://127.0.0.1:8080", headers=(("X-Key", "k"),), tls={"ca": "/ca.pem"}
)  # fmt: skip
V1 = Address(id="shop-v1", url="https://shop.example/v1", headers=(("X-Version", "1"),))
V2 = Address(id="shop-v2", url="https://shop.example/v2", headers=(("X-Version", "2"),))
TARGET = TargetAddresses([API, V1, V2], default="api")
USERS_ENTRIES = [
    Address(id=id, url="http://127.0.0.1:8080", headers=(("Authorization", f"Bearer {id}"),))
    for id in ("admin", "viewer")
]
USERS = TargetAddresses(USERS_ENTRIES, default="admin")


def headers_of(written: str) -> tuple[tuple[str, str], ...]:
    return TARGET.headers(TARGET.destination(written).entry)


def test_a_path_is_on_the_default_entry() -> None:
    assert TARGET.url("/health?a=1") == "http://127.0.0.1:8080/health?a=1"
    assert TargetAddresses([V1]).url("/items") == "https://shop.example/v1/items"


def test_an_absolute_url_stays_as_it_is() -> None:
    assert TARGET.url("https://elsewhere.example/x") == "https://elsewhere.example/x"


def test_a_path_without_a_default_entry_names_the_entries() -> None:
    with raises(ObservationError, match="default entry") as raised:
        TargetAddresses([API, V1]).url("/health")
    assert sentence(raised.value.help) == "set target.default to one of api, shop-v1"


def test_what_is_no_address_is_refused() -> None:
    with raises(ObservationError, match="'health' is not an address"):
        TARGET.url("health")


@pytest.mark.parametrize(
    ("url", "version"),
    [
        ("https://shop.example/v1", "1"),
        ("https://shop.example/v2/items?a=/v1", "2"),
        ("https://SHOP.example:443/v2/items", "2"),
    ],
)
def test_a_literal_url_is_of_the_entry_that_it_lies_below(url: str, version: str) -> None:
    assert headers_of(url) == (("X-Version", version),)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/v22",
        "https://shop.example",
        "https://shop.example/v1/../v2/items",
        "https://shop.example/v1/%2e%2E/v2",
    ],
)
def test_a_literal_url_that_may_be_of_different_entries_is_refused(url: str) -> None:
    with pytest.raises(AmbiguousEntryError) as raised:
        TARGET.destination(url)
    assert sentence(raised.value.message) == (
        f"{url} fits the entries shop-v1 and shop-v2, which have different credentials"
    )
    assert sentence(raised.value.help) == (
        "name the entry that is meant: ${target.shop-v1.url} or ${target.shop-v2.url}"
    )


def test_a_literal_url_that_fits_entries_with_the_same_credentials_is_of_the_one_with_the_longest_path() -> (
    None
):
    near = replace(V1, id="near", url="https://shop.example/v1/near", headers=(("x-version", "1"),))
    target = TargetAddresses([V1, near])
    assert target.destination("https://shop.example/v1/near/x").entry == "near"
    assert target.destination("https://shop.example/v1/x").entry == "shop-v1"
    assert target.destination("https://shop.example/").entry == "near"


@pytest.mark.parametrize(
    "url",
    ["http://shop.example/v1", "https://shop.example:8443/v1", "https://evil.example/v1", "http://[", "http://127.0.0.1:x/"],
)  # fmt: skip
def test_headers_and_certificates_go_nowhere_else(url: str) -> None:
    there = TARGET.destination(url)
    assert there == Destination(url=url)
    assert TARGET.headers(there.entry) == ()
    assert TARGET.tls(there.entry) == {}


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("${target.viewer.url}/reports", "http://127.0.0.1:8080/reports"),
        ("http://${target.viewer.host}:${target.viewer.port}/x", "http://127.0.0.1:8080/x"),
        ("${scheme}://${target.viewer.host}:8080/x", "http://127.0.0.1:8080/x"),
        ("http://localhost:${target.viewer.port}/${id}/$$", "http://localhost:8080/${id}/$"),
        ("${target.viewer.url}?back=${target.admin.url}", "http://127.0.0.1:8080?back=http://127.0.0.1:8080"),
    ],
)
def test_an_address_is_of_the_entry_that_it_names(written: str, url: str) -> None:
    there = USERS.destination(written, {"scheme": "http"})
    assert there == Destination(url=url, entry="viewer")
    assert USERS.headers(there.entry) == (("Authorization", "Bearer viewer"),)


@pytest.mark.parametrize(
    "written",
    [
        "http://${target.viewer.host}:9999/x",
        "http://${target.viewer.host}@evil.example/x",
        "${target.viewer.url}.evil.example/x",
    ],
)
def test_an_entry_that_is_named_for_another_place_is_not_meant(written: str) -> None:
    assert USERS.destination(written).entry == ""


@pytest.mark.parametrize(
    "written",
    ["http://127.0.0.1:8080/x", "http://localhost:8080/x", "http://${target.viewer.host}:${target.admin.port}/x"],
)  # fmt: skip
def test_an_address_of_two_users_that_names_neither_alone_is_refused(written: str) -> None:
    with raises(AmbiguousEntryError, match=r"fits the entries .* different credentials"):
        USERS.destination(written)


@pytest.mark.parametrize("entry", ["admin", "viewer"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/next", "http://LOCALHOST:8080/next?page=2"])
def test_what_comes_from_an_answer_keeps_the_entry_on_its_host_and_port(entry: str, url: str) -> None:
    source = Destination(url="http://127.0.0.1:8080/first", entry=entry)
    assert USERS.following(url, source).entry == entry
    assert USERS.destination("${next}", {"next": url}, {"next": source}).entry == entry


def test_what_comes_from_an_answer_and_leads_elsewhere_gets_no_credentials_of_the_first() -> None:
    source = Destination(url="http://127.0.0.1:8080/first", entry="viewer")
    target = TargetAddresses([*USERS_ENTRIES, V1])
    assert target.following("http://127.0.0.1:8081/", source).entry == ""
    assert target.following("https://127.0.0.1:8080/", source).entry == ""
    assert target.following("https://shop.example/v1/x", source).entry == "shop-v1"
    with pytest.raises(AmbiguousEntryError):
        target.following(
            "http://127.0.0.1:8080/", Destination(url="https://shop.example/v1", entry="shop-v1")
        )


def test_an_address_without_a_value_for_its_host_is_refused() -> None:
    with raises(ObservationError, match=r"\$\{next\} has no value"):
        USERS.destination("${next}/x")


WRITINGS: dict[str, Callable[[Address, str], str]] = {
    "url": lambda entry, path: f"${{target.{entry.id}.url}}{path}",
    "host and port": lambda entry, path: (
        f"{entry.url.partition(':')[0]}://${{target.{entry.id}.host}}:${{target.{entry.id}.port}}{path}"
    ),
    "value": lambda entry, path: (
        f"{entry.url.partition(':')[0]}://{entry.host}:${{target.{entry.id}.port}}{path}"
    ),
    "literal": lambda entry, path: f"{entry.url}{path}",
    "captured": lambda entry, path: "${next}",
    "redirected": lambda entry, path: "",
}
ENTRIES = st.lists(
    st.builds(
        Address,
        id=st.just(""),
        url=st.builds(
            "{}://{}:{}{}".format,
            st.sampled_from(["http", "https"]),
            st.sampled_from(["127.0.0.1", "localhost", "shop.example"]),
            st.sampled_from([8080, 8081]),
            st.sampled_from(["", "/v1", "/v1/x"]),
        ),
        headers=st.sampled_from(
            [(), (("Authorization", "a"),), (("authorization", "a"),), (("X-Key", "b"),)]
        ),
        tls=st.sampled_from([{}, {"cert": "a.pem"}, {"cert": "b.pem"}]),
    ),
    min_size=2,
    max_size=5,
).map(lambda entries: [replace(entry, id=f"e{number}") for number, entry in enumerate(entries)])


@given(
    entries=ENTRIES,
    number=st.integers(0, 4),
    writing=st.sampled_from(sorted(WRITINGS)),
    path=st.sampled_from(["", "/a", "/v1/a", "/../a", "?to=${target.e0.url}"]),
)
def test_an_address_never_gets_the_credentials_of_an_entry_that_is_not_meant(
    entries: list[Address], number: int, writing: str, path: str
) -> None:
    meant = entries[number % len(entries)]
    target = TargetAddresses(entries)
    source = Destination(url=f"{meant.url}/before", entry=meant.id)
    there = f"{meant.url}/after"
    event(writing)
    try:
        if writing == "redirected":
            found = target.following(there, source)
        else:
            written = WRITINGS[writing](meant, path)
            found = target.destination(written, {"next": there}, {"next": source})
    except AmbiguousEntryError:
        event("refused")
        assert writing == "literal"
        assert len({entry.credentials for entry in entries if entry.place == meant.place}) > 1
    else:
        headers = {(name.lower(), value) for name, value in target.headers(found.entry)}
        assert (headers, target.tls(found.entry)) == (
            {(name.lower(), value) for name, value in meant.headers},
            meant.tls,
        )


def test_host_and_port_decide_whether_a_url_is_declared() -> None:
    assert TARGET.declares("http://127.0.0.1:8080/load")
    assert TARGET.declares("http://localhost:8080/load")
    assert TARGET.declares("https://shop.example/anything")
    assert not TARGET.declares("http://127.0.0.1:8081/load")
    assert not TARGET.declares("https://shop.example.evil.example/v1")
    assert not TARGET.declares("https://127.0.0.1:8080@evil.example/")
    assert not TARGET.declares("nonsense")


def test_values_and_environment_name_every_entry() -> None:
    values = TARGET.values()
    assert values["target.api.port"] == "8080"
    assert values["target.shop-v1.host"] == "shop.example"
    assert values["target.shop-v1.port"] == "443"
    assert TARGET.environment() == {
        "PHASEGATE_TARGET_API_URL": "http://127.0.0.1:8080",
        "PHASEGATE_TARGET_SHOP_V1_URL": "https://shop.example/v1",
        "PHASEGATE_TARGET_SHOP_V2_URL": "https://shop.example/v2",
        "PHASEGATE_TARGET_URL": "http://127.0.0.1:8080",
    }


def test_an_ipv6_address_is_a_host_without_brackets() -> None:
    target = TargetAddresses([Address(id="api", url="http://[::1]:8080")])
    assert target.values()["target.api.host"] == "::1"
    assert target.declares("http://[::1]:8080/x")


def test_every_port_of_a_service_belongs_to_the_target() -> None:
    db = Address(id="db", url="http://127.0.0.1:20001", ports={5432: 20001, 9187: 20002})
    target = TargetAddresses([db])
    assert target.values()["target.db.port.5432"] == "20001"
    assert target.values()["target.db.port.9187"] == "20002"
    assert target.declares("http://127.0.0.1:20002/metrics")
    assert not target.declares("http://127.0.0.1:20003/metrics")
    named = "http://${target.db.host}:${target.db.port.9187}/metrics"
    assert target.destination(named) == Destination(url="http://127.0.0.1:20002/metrics", entry="db")
    assert target.destination("http://127.0.0.1:20002/metrics").entry == ""
