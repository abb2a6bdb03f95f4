"""Which addresses the HTTP client may talk to.

A request that anybody can steer (a webhook's address, a redirect) must not reach what only this machine can see:
the database, the neighbour's admin page, the cloud's metadata service.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Wrappers of an IPv4 address, with the number of bits behind it.
_WRAPPERS = [(ipaddress.IPv6Network(network), shift) for network, shift in (
    ("::ffff:0:0/96", 0), ("::ffff:0:0:0/96", 0), ("64:ff9b::/96", 0), ("::/96", 0), ("2002::/16", 80))]
# Not everywhere counted as private by Python: local-use NAT64, Teredo, IETF protocols, benchmarks, reserved.
_NEVER_PUBLIC = [ipaddress.ip_network(each) for each in (
    "64:ff9b:1::/48", "2001::/23", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "fec0::/10")]


def is_public(address: Address) -> bool:
    """True for an address of the open internet, also when an IPv4 address is wrapped in an IPv6 one."""
    for network, shift in _WRAPPERS:
        if address.version == 6 and address in network:
            return is_public(ipaddress.IPv4Address((int(address) >> shift) & 0xFFFFFFFF))
    if any(address.version == network.version and address in network for network in _NEVER_PUBLIC):
        return False
    return address.is_global and not (address.is_multicast or address.is_unspecified)


class Allowed:
    """What a site owner has allowed beside the open internet: names, addresses, networks; separated by commas."""

    def __init__(self, text: str = "") -> None:
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for word in filter(None, (each.strip().lower().rstrip(".") for each in text.split(","))):
            try:
                self._networks.append(ipaddress.ip_network(word.strip("[]"), strict=False))
            except ValueError:
                self._names.add(word)

    def names(self, host: str) -> bool:
        """True for a host that is allowed by its name."""
        return host.lower().rstrip(".") in self._names

    def permits(self, host: str, address: Address) -> bool:
        """True when a connection to `address`, found by the name `host`, may be made."""
        if is_public(address):
            return True
        if address.is_unspecified or address.is_multicast:
            return False
        return self.names(host) or any(
            address.version == each.version and address in each for each in self._networks)


def resolve(host: str, port: int, seconds: float) -> list[Address]:
    """The addresses of a name. Raises OSError (unknown), TimeoutError."""
    found: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.put(error)

    threading.Thread(target=look_up, name="look-up", daemon=True).start()  # a look-up itself knows no time limit
    try:
        answer = found.get(timeout=max(seconds, 0.001))
    except queue.Empty:
        raise TimeoutError(f"{host} could not be looked up in time") from None
    if isinstance(answer, Exception):
        raise OSError(str(answer)) from answer
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0].partition("%")[0]) for entry in answer))
