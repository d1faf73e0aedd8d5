"""The venue's page found by a name in the local network."""

import secrets
import socket
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import wait_until
from zeroconf import AddressResolverIPv4, ServiceBrowser, Zeroconf

from amos_mqtt.broker import broker_at
from amos_sync.courier_settings import Settings
from amos_sync.venue.serve import serving_venue
from amos_web import nearby
from amos_web.errors import WebAddressWrong, WebUnusable

HERE = "127.0.0.1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    site = f"cafe-{secrets.token_hex(4)}"  # one network for whoever else tests on this machine
    return Settings(site, (f"unix:{tmp_path}/bar.sock",), broker_at(f"{HERE}:9"), tmp_path / "spool")


@pytest.fixture
def phone() -> Iterator[Zeroconf]:
    network = Zeroconf(interfaces=[HERE])
    yield network
    network.close()


class Found:
    """Names of pages that a phone sees, and where they are."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def seen(self) -> str:
        return f"saw {sorted(self.names)}"

    def add_service(self, network: Zeroconf, kind: str, name: str) -> None:
        self.names.add(name)

    def update_service(self, network: Zeroconf, kind: str, name: str) -> None: ...

    def remove_service(self, network: Zeroconf, kind: str, name: str) -> None:
        self.names.discard(name)


def test_a_phone_finds_the_page_by_its_name_until_the_courier_ends(
    settings: Settings, phone: Zeroconf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearby, "addresses_at", lambda host: {HERE})  # whatever network this machine is in
    name, found = settings.site, Found()
    browser = ServiceBrowser(phone, "_http._tcp.local.", found)  # type: ignore[arg-type]
    ours = f"amos {settings.site}._http._tcp.local."
    with serving_venue("0.0.0.0:0", [], settings, name) as venue:
        assert venue is not None
        wait_until(lambda: ours in found.names, found.seen)
        told = phone.get_service_info("_http._tcp.local.", ours, 10_000)
        assert told is not None and told.port == venue.port and told.server == f"{name}.local."
        asked = AddressResolverIPv4(f"{name}.local.")
        assert asked.request(phone, 10_000) and asked.parsed_addresses() == [HERE]
        # What a browser asks then: this name, at that address.
        request = urllib.request.Request(f"http://{HERE}:{venue.port}/", headers={"Host": f"{name}.local:{venue.port}"})
        with urllib.request.urlopen(request, timeout=30) as page:
            assert page.status == 200
    wait_until(lambda: ours not in found.names, found.seen)
    browser.cancel()


def test_what_is_told_follows_the_addresses(
    phone: Zeroconf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nearby, "LOOK_S", 0.05)
    addresses: list[set[str] | OSError] = [set()]  # before the network is there

    def look() -> set[str]:
        found = addresses[0]
        if isinstance(found, OSError):
            raise found
        return found

    title = f"amos quay.{secrets.token_hex(4)}"
    ours = f"{title.replace('.', ' ')}._http._tcp.local."
    told, found = nearby.Nearby("quay", title, 8080, look), Found()
    browser = ServiceBrowser(phone, "_http._tcp.local.", found)  # type: ignore[arg-type]
    told.begin()
    addresses[0] = OSError("no netlink")
    wait_until(lambda: "not found as quay.local.: no netlink" in caplog.text, lambda: caplog.text)
    addresses[0] = {HERE}
    wait_until(lambda: ours in found.names, found.seen)
    addresses[0] = set()
    wait_until(lambda: ours not in found.names, found.seen)
    told.end()
    browser.cancel()


@pytest.mark.parametrize(
    ("address", "name", "expected"),
    [
        (None, "amos", "expected it with --web"),
        ("127.0.0.1:0", "amos", "an address that others reach, found 127.0.0.1"),
        ("localhost:0", "amos", "an address that others reach, found localhost"),
        ("0.0.0.0:0", "amos bar", "letters, digits and hyphens"),
        ("0.0.0.0:0", "-amos", "letters, digits and hyphens"),
        ("0.0.0.0:0", "a" * 64, "letters, digits and hyphens"),
        ("0.0.0.0:0", "amos.example", "letters, digits and hyphens"),
        ("0.0.0.0:0", "", "letters, digits and hyphens"),
    ],
)
def test_a_name_that_nobody_could_find_is_refused(
    settings: Settings, address: str | None, name: str, expected: str
) -> None:
    with pytest.raises(WebAddressWrong, match=expected), serving_venue(address, [], settings, name):
        pass


def test_without_the_package_it_says_which(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    with (
        pytest.raises(WebUnusable, match=r"install 'amos\[nearby\]'"),
        serving_venue("0.0.0.0:0", [], settings, "amos"),
    ):
        pass


def test_addresses_are_those_that_others_reach() -> None:
    everywhere = nearby.addresses_at("0.0.0.0")
    assert not any(address.startswith("127.") for address in everywhere)
    assert all(socket.inet_aton(address) for address in everywhere)
    assert all(nearby.addresses_at(address) == {address} for address in everywhere)
    assert nearby.addresses_at("192.0.2.77") == set(), "an address that this machine has not, or not yet"
