"""Talks to one shop: REST API v3 with a consumer key, over HTTPS, all requests of one look-up before one deadline.

Basic authentication; the OAuth 1.0a that WooCommerce wants where there is no TLS is left out, so a plain address is
taken for this very machine only (a shop on trial, the demo's).
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from inbox.toolkit import http

BASE = "/wp-json/wc/v3"
HERE = ("127.0.0.1", "::1", "localhost")


class ShopError(Exception):
    """The shop did not give what was asked for. `kind` is what the shop's row keeps, the message what it said."""

    kind = "ill"


class Refused(ShopError):
    """The shop does not accept our key."""

    kind = "refused"


class Unreachable(ShopError):
    """There was no answer in time, or nobody there, or no safe connection."""

    kind = "unreachable"


class Ill(ShopError):
    """There was an answer, and it was none that a WooCommerce in health gives."""

    def __init__(self, words: str, status: int = 0, code: str = "") -> None:
        super().__init__(words)
        self.status, self.code = status, code


@dataclass(frozen=True)
class Account:
    """What is needed to talk to a shop; plain, so that no database is open meanwhile."""

    url: str
    key: str
    secret: str


@dataclass(frozen=True)
class Page:
    """A page of a list, and how many there are in all."""

    items: list[dict[str, Any]]
    total: int
    pages: int


def wrong_address(url: str) -> str | None:
    """What is wrong with a shop's address, or None."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.scheme not in ("http", "https") or any(each.isspace() for each in url):
        return "Write the address of the shop, like https://shop.example."
    if parts.username or parts.password or parts.query or parts.fragment:
        return "Write the address alone, without a key, a question mark or a #."
    if parts.scheme == "http" and host not in HERE:
        return "The address must begin with https://, or everybody on the way could read the key."
    return None


class Client:
    """Requests to one shop; all of them together take `seconds` at most."""

    def __init__(self, account: Account, seconds: float = 3.0) -> None:
        self._account, self._end = account, time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        return self._end - time.monotonic()

    def get(self, path: str, **params: Any) -> Any:
        """The answer to a GET as JSON. Raises ShopError."""
        return self._json(self._ask("GET", path, params=params))

    def page(self, path: str, **params: Any) -> Page:
        """One page of a list. Raises ShopError."""
        response = self._ask("GET", path, params=params)
        items = self._json(response)
        if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
            raise Ill("It answered with something that is no list of orders.")
        return Page(items, _count(response, "x-wp-total", len(items)), _count(response, "x-wp-totalpages", 1))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The answer to a POST as JSON. Raises ShopError; after Unreachable nobody knows whether it was done."""
        return self._json(self._ask("POST", path, json=body))

    def _ask(self, method: str, path: str, **options: Any) -> http.Response:
        if self.seconds_left <= 0.05:
            raise Unreachable("It did not answer in time.")
        pair = f"{self._account.key}:{self._account.secret}"
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode(), "Accept": "application/json"}
        try:
            response = http.request(method, self._account.url.rstrip("/") + BASE + path, headers=headers,
                                    timeout=self.seconds_left, redirects=0, **options)
        except http.Refused as error:
            raise Unreachable(str(error)) from error
        except http.Failed as error:
            raise Unreachable(str(error)) from error
        if not response.ok:
            raise _trouble(response)
        return response

    @staticmethod
    def _json(response: http.Response) -> Any:
        try:
            return response.json()
        except http.BadAnswer as error:
            raise Ill(str(error)) from error


def _trouble(response: http.Response) -> ShopError:
    """What an answer other than 2xx means."""
    code, said = "", ""
    try:
        body = response.json()
        code, said = str(body.get("code", "")), str(body.get("message", ""))[:300]
    except (http.BadAnswer, AttributeError):
        pass  # not WordPress's own words: a proxy's, a maintenance page
    if response.status in (401, 403):
        return Refused(said or f"It answered {response.status}.")
    if 300 <= response.status < 400:
        return Ill(f"It sends us on to {response.headers.get('location', 'somewhere else')[:200]}; "
                   "enter the address that it really has.", response.status)
    if response.status == 404 and code in ("", "rest_no_route"):
        return Ill("There is no WooCommerce at this address (404). Are WooCommerce and its permalinks switched on?",
                   404, code)
    if response.status == 429:
        return Ill("We ask too often (429); it wants a pause.", 429)
    return Ill(f"It answered {response.status}: {said}" if said else f"It answered {response.status}.",
               response.status, code)


def _count(response: http.Response, name: str, otherwise: int) -> int:
    text = response.headers.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 12 else otherwise
