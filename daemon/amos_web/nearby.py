"""A page found by name in the local network (multicast DNS, RFC 6762; services, RFC 6763), by the package zeroconf.

The addresses are looked at again and again: a machine gets another one when its lease ends or a cable is pulled, and
one that starts before its network has none yet.
"""

import ipaddress
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from amos_web.errors import WebAddressWrong, WebUnusable

if TYPE_CHECKING:
    from zeroconf import Zeroconf

LOOK_S = 15
"""Between looks at the addresses."""

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TITLE_BYTES_MAX = 63
"""Of the name of a service: it is one label of DNS."""

_SERVICE = "_http._tcp.local."


@contextmanager
def found_nearby(name: str | None, title: str, host: str, port: int) -> Iterator[None]:
    """As long as inside, the page that is served at `host` and `port` is found as http://NAME.local:PORT, and by
    those who browse for pages as `title`; None: by nobody. Raises `WebUnusable`."""
    if name is None:
        yield
        return
    nearby = Nearby(checked(name), title, port, lambda: addresses_at(host))
    nearby.begin()
    try:
        yield
    finally:
        nearby.end()


def checked(name: str) -> str:
    """The name, in small letters. Raises `WebAddressWrong`."""
    label = name.lower().removesuffix(".local")
    if not _LABEL.fullmatch(label):
        raise WebAddressWrong(f"web-name: expected letters, digits and hyphens, as in 'amos', found {name[:80]!r}")
    return label


def addresses_at(host: str) -> set[str]:
    """The IPv4 addresses by which others reach what listens at `host`. Raises `WebUnusable`."""
    try:
        import ifaddr
    except ImportError:
        raise _lacking() from None
    own = {address.ip for adapter in ifaddr.get_adapters() for address in adapter.ips if isinstance(address.ip, str)}
    try:
        at = ipaddress.ip_address(host)
    except ValueError:
        at = ipaddress.ip_address("127.0.0.1" if host == "localhost" else "0.0.0.0")
    if at.is_loopback:
        raise WebAddressWrong(f"web-name: expected --web at an address that others reach, found {host}; 0.0.0.0 is all")
    return {each for each in own if not ipaddress.ip_address(each).is_loopback and (at.is_unspecified or each == host)}


class Nearby:
    """Tells the network, from a thread of its own: `addresses` are asked every `LOOK_S`."""

    def __init__(self, name: str, title: str, port: int, addresses: Callable[[], set[str]]):
        self._server = f"{name}.local."
        self._title = title.replace(".", " ").encode()[:_TITLE_BYTES_MAX].decode(errors="ignore").strip() or name
        self._port = port
        self._addresses = addresses
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="nearby", daemon=True)
        self._told: tuple[set[str], Zeroconf] | None = None

    def begin(self) -> None:
        """Raises `WebUnusable` where that cannot be at all."""
        try:
            import zeroconf  # noqa: F401 - before there is a thread that would need it
        except ImportError:
            raise _lacking() from None
        self._addresses()
        self._thread.start()

    def end(self) -> None:
        """Take back what was told."""
        self._ended.set()
        self._thread.join()

    def _tell(self) -> None:
        trouble = ""
        while True:
            try:
                self._follow(self._addresses())
                trouble = ""
            except Exception as error:  # zeroconf's own are of no common kind; the page is served in any case
                if str(error) != trouble:
                    logging.getLogger(__name__).warning("not found as %s: %s", self._server, error)
                trouble = str(error)
            if self._ended.wait(LOOK_S):
                break
        self._take_back()

    def _follow(self, addresses: set[str]) -> None:
        if self._told is not None and self._told[0] == addresses:
            return
        self._take_back()
        if not addresses:
            return
        from zeroconf import ServiceInfo, Zeroconf

        service = ServiceInfo(
            _SERVICE,
            f"{self._title}.{_SERVICE}",
            port=self._port,
            server=self._server,
            parsed_addresses=sorted(addresses),
            properties={"path": "/"},
        )
        network = Zeroconf(interfaces=sorted(addresses))
        try:
            network.register_service(service, allow_name_change=True)
        except BaseException:
            network.close()
            raise
        self._told = addresses, network

    def _take_back(self) -> None:
        if self._told is not None:
            self._told[1].close()
            self._told = None


def _lacking() -> WebUnusable:
    return WebUnusable("web-name: expected the package zeroconf; install 'amos[nearby]'")
