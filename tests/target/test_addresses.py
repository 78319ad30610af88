from __future__ import annotations

import pytest

from phasegate.errors import ObservationError
from phasegate.target.addresses import Address, TargetAddresses

API = Address(
    id="api", url="http://127.0.0.1:8080", headers=(("X-Key", "k"),), tls={"ca": "/ca.pem"}
)  # fmt: skip
V1 = Address(id="shop-v1", url="https://shop.example/v1", headers=(("X-Version", "1"),))
V2 = Address(id="shop-v2", url="https://shop.example/v2", headers=(("X-Version", "2"),))
TARGET = TargetAddresses([API, V1, V2], default="api")


def test_a_path_is_on_the_default_entry() -> None:
    assert TARGET.url("/health?a=1") == "http://127.0.0.1:8080/health?a=1"
    assert TargetAddresses([V1]).url("/items") == "https://shop.example/v1/items"


def test_an_absolute_url_stays_as_it_is() -> None:
    assert TARGET.url("https://elsewhere.example/x") == "https://elsewhere.example/x"


def test_a_path_without_a_default_entry_names_the_entries() -> None:
    with pytest.raises(ObservationError, match="default entry") as raised:
        TargetAddresses([API, V1]).url("/health")
    assert raised.value.help == "set target.default to one of api, shop-v1"


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ObservationError, match="'health' is no address"):
        TARGET.url("health")


@pytest.mark.parametrize(
    ("url", "version"),
    [
        ("https://shop.example/v1", "1"),
        ("https://shop.example/v2/items", "2"),
        ("https://SHOP.example:443/v2/items", "2"),
        ("https://shop.example/v22", "1"),
    ],
)
def test_headers_come_from_the_entry_with_the_longest_path(url: str, version: str) -> None:
    assert TARGET.headers(url) == (("X-Version", version),)


@pytest.mark.parametrize(
    "url",
    ["http://shop.example/v1", "https://shop.example:8443/v1", "https://evil.example/v1", "http://[", "/x", "http://127.0.0.1:x/"],
)  # fmt: skip
def test_headers_go_nowhere_else(url: str) -> None:
    assert TARGET.headers(url) == ()
    assert TARGET.tls(url) == {}


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
    assert target.entry("http://127.0.0.1:20002/metrics") == "db"
    assert target.headers("http://127.0.0.1:20002/metrics") == ()
