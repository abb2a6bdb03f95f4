"""The HTTP client of plugins: `http.get("https://shop.example/orders")`.

It keeps to a time limit for the whole request, follows redirects only where it may go, reads at most `max_bytes`, and
reaches private networks only where the site owner allows it (`private_hosts`). It refuses to work inside a
transaction and in hooks that answer while a page is drawn: another server's slowness must not become ours.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json as _json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import current_app

from inbox.db import current_config, in_transaction, release, utcnow
from inbox.hookspecs import Kind
from inbox.plugin_host import call

__all__ = ["BadAnswer", "Cached", "Failed", "Refused", "Response", "Unreachable", "cached", "get", "owner_allows",
           "post", "request"]

T = TypeVar("T")
TIMEOUT = 10.0  # seconds, for the whole of a request
LONGEST = 60.0  # whatever a plugin asks for
MAX_BYTES = 10 * 1024 * 1024
QUIET = (Kind.register, Kind.check, Kind.prepare, Kind.choose, Kind.filter, Kind.slot)  # no network in these hooks


class Failed(Exception):
    """The other side did not give what was asked for; the message says why, in plain words."""


class Unreachable(Failed):
    """There was no answer: nobody there, too slow, or no safe connection."""


class Refused(Failed):
    """The request was not made, or its answer not taken: the address or the size is not allowed."""


class BadAnswer(Failed):
    """There was an answer, and it was no good: an error, or not what it should be."""


@dataclass(frozen=True)
class Response:
    """What the other side answered."""

    url: str  # after redirects
    status: int
    headers: Mapping[str, str]  # whatever the case of the names
    body: bytes
    charset: str = "utf-8"

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        try:
            return self.body.decode(self.charset, "replace")
        except (LookupError, UnicodeError):  # "hex" is a codec, and none of text: the other side says what it likes
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises BadAnswer."""
        try:
            return _json.loads(self.body)
        except ValueError as error:
            raise BadAnswer(f"{host_of(self.url)} answered with something that is not JSON.") from error

    def require(self) -> Response:
        """This answer itself when it is a good one (2xx). Raises BadAnswer."""
        if not self.ok:
            why = {401: "it does not accept our key", 403: "we may not see this",
                   404: "there is nothing at that address", 429: "we ask too often",
                   }.get(self.status, "something is wrong there")
            raise BadAnswer(f"{host_of(self.url)} answered {self.status}: {why}.")
        return self


# --- one request ------------------------------------------------------------------------------------------------


def get(url: str, **options: Any) -> Response:
    """Ask for `url`; options as for `request`."""
    return request("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    """Send `json` or `data` to `url`; options as for `request`."""
    return request("POST", url, **options)


def request(method: str, url: str, *, json: Any = None, data: Mapping[str, Any] | bytes | None = None,
            headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None,
            timeout: float = TIMEOUT, redirects: int = 5, max_bytes: int = MAX_BYTES) -> Response:
    """Make one request. `data` is a form, or bytes as they are; a user and password in `url` become Basic auth.

    The answer may have any status: see `Response.require()`. With `redirects=0` a redirect is an answer like any
    other. Raises Unreachable, Refused; RuntimeError inside a transaction or in a hook that may not use the network.
    """
    _refuse_here(url)
    release()
    from inbox import http_client

    build: dict[str, Any] = {"json": json, "headers": headers, "params": params}
    build |= {"content": data} if isinstance(data, bytes) else {"data": data}
    return http_client.perform(method, url, timeout=min(timeout, LONGEST), redirects=redirects,
                               max_bytes=max_bytes, **build)


def _refuse_here(url: str) -> None:
    if in_transaction():
        raise RuntimeError(f"{host_of(url)} was to be asked inside transaction(); ask first, then write.")
    host, answering = call.current(), call.answering()
    name = answering.hook if answering is not None else ""
    asked = host.specs.get(name) if host is not None else None
    if asked is not None and asked.kind in QUIET:
        raise RuntimeError(f"{asked.name} may not use the network; return Panel(load=plugin_url(…)) and ask there.")


def host_of(url: str) -> str:
    """Who is asked, for messages: without a key that stands in the address."""
    found = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/?#]*@)?([^/?#]+)", url)
    return found[1] if found else "The other side"


def owner_allows(url: str) -> bool | None:
    """Whether the site owner allows a private address (`private_hosts`); None for one that is not known to be private.

    For pages that show it: nothing is looked up, so a name that leads to a private address counts as None.
    """
    from inbox.http_guard import Allowed, is_public

    name = host_of(url).rpartition(":")[0] if re.search(r":\d+$", host_of(url)) else host_of(url)
    allowed = Allowed(current_config().private_hosts)
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return True if allowed.names(name) else False if name == "localhost" else None
    return None if is_public(address) else allowed.permits(name, address)


# --- answers worth keeping --------------------------------------------------------------------------------------

KEPT_ENTRIES = 1000
ASK_AGAIN = dt.timedelta(seconds=30)  # after a failure; until then nobody waits for the other side again


@dataclass(frozen=True)
class Cached(Generic[T]):
    """A value from elsewhere and how old it is. `problem` says why it could not be renewed; None: it is good."""

    value: T
    at: dt.datetime
    problem: str | None = None

    @property
    def age(self) -> dt.timedelta:
        return utcnow() - self.at

    @property
    def is_old(self) -> bool:
        return self.problem is not None


@dataclass
class _Entry:
    value: Cached[Any] | None = None
    failed: Failed | None = None
    again_at: dt.datetime | None = None  # after a failure: not before


def cached(key: str, seconds: float, fetch: Callable[[], T]) -> Cached[T]:
    """What `fetch()` returned at most `seconds` ago, in this process; else it is called now.

    When it raises Failed, the older answer is given with the reason in `problem`; where there is none, Failed is
    raised. A side that failed is left alone for half a minute. `key` begins with the plugin's name:
    "loyalty.points:7".
    """
    if not re.match(r"[a-z][a-z0-9]+\.", key):
        raise ValueError(f'The key of a cached answer begins with the plugin: "loyalty.points", not "{key}".')
    kept = _kept()
    entry, now = kept.take(key), utcnow()
    if entry.value is not None and now - entry.value.at < dt.timedelta(seconds=seconds):
        return entry.value
    if entry.failed is None or entry.again_at is None or now >= entry.again_at:
        try:
            entry.value, entry.failed = Cached(fetch(), utcnow()), None
            return entry.value
        except Failed as error:
            entry.failed, entry.again_at = error, utcnow() + ASK_AGAIN
    if entry.value is None:
        raise entry.failed
    return Cached(entry.value.value, entry.value.at, str(entry.failed))


class _Kept:
    """The answers kept in one application object, the least used dropped first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > KEPT_ENTRIES:
                self._entries.popitem(last=False)
            return entry


def _kept() -> _Kept:
    found: _Kept = current_app.extensions.setdefault("inbox_http", _Kept())
    return found
