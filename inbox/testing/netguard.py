"""No test opens a connection off this machine.

`install` patches Python's sockets in this process. Programs that tests start get the same guard
through `guard/sitecustomize.py`, which is put on their PYTHONPATH.

Uses the standard library only: a started program loads it before anything else.
"""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

MARK = "NETWORK GUARD:"
# RFC 2606 and RFC 6761 reserve these names: nobody can own them, so they fail as unknown, as in life.
RESERVED = (".invalid", ".test", ".example", ".localhost", "example.com", "example.org", "example.net")

_real_connect = socket.socket.connect
_real_connect_ex = socket.socket.connect_ex
_real_sendto = socket.socket.sendto
_real_getaddrinfo = socket.getaddrinfo


def is_here(family: int, address: Any) -> bool:
    """Tell whether a socket address stays on this machine."""
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = address[0]
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False  # a name: our getaddrinfo has not seen it


def install(refuse: Callable[[str], None]) -> None:
    """Patch the sockets of this process; `refuse(text)` is called, and must raise, for an outside address."""

    def connect(self: socket.socket, address: Any) -> None:
        if not is_here(self.family, address):
            refuse(f"{MARK} a test wanted to connect to {address!r}; only this machine is allowed")
        return _real_connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        if not is_here(self.family, address):
            refuse(f"{MARK} a test wanted to connect to {address!r}; only this machine is allowed")
        return _real_connect_ex(self, address)

    def sendto(self: socket.socket, data: bytes, *rest: Any) -> int:
        if not is_here(self.family, rest[-1]):
            refuse(f"{MARK} a test wanted to send a datagram to {rest[-1]!r}; only this machine is allowed")
        return _real_sendto(self, data, *rest)

    def getaddrinfo(host: Any, *rest: Any, **options: Any) -> list:
        name = (host.decode() if isinstance(host, bytes) else host or "localhost").lower().rstrip(".")
        if name.endswith(RESERVED):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if name != "localhost" and name != socket.gethostname().lower():
            try:
                ipaddress.ip_address(name.split("%")[0])
            except ValueError:
                refuse(f"{MARK} a test wanted to look up the name {name!r}; only this machine is allowed")
        return _real_getaddrinfo(host, *rest, **options)

    socket.socket.connect = connect  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = connect_ex  # type: ignore[method-assign, assignment]
    socket.socket.sendto = sendto  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = getaddrinfo


def is_installed() -> bool:
    """True while this process is guarded."""
    return socket.getaddrinfo is not _real_getaddrinfo


def uninstall() -> None:
    """Give the process its own sockets back."""
    socket.socket.connect = _real_connect  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = _real_connect_ex  # type: ignore[method-assign, assignment]
    socket.socket.sendto = _real_sendto  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = _real_getaddrinfo
