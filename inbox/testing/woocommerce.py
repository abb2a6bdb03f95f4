"""A WooCommerce that exists only here: the parts of its REST API v3 that a help desk asks for, well or ill.

    shop = FakeShop()
    shop.add_order("10482", "maja@haugen.example", [("Sweater “Lofoten”, M", 1, "1290.00")], currency="NOK")
    with shop.served() as url:       on a free port of this machine; ShopServer for more
        …
    shop.mode = "slow"               one of MODES

What it answers was held against what a real WooCommerce 7.9 answered: fields, paging headers, errors, the refusal of
keys, refunds, the signature of its webhooks. It is a WSGI application, so it can also stand inside another server.
"""

from __future__ import annotations

import base64
import copy
import datetime as dt
import hashlib
import hmac
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import Headers
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from inbox.db import utcnow
from inbox.testing.remote import hold
from inbox.testing.woocommerce_data import ORDER, address_of, customer_of, line_item, stamp

MODES = ("ok", "slow", "401", "404", "429", "500", "broken", "maintenance", "lost-answer", "dead")
"""slow: no answer for `slow_seconds`. broken: JSON that stops half way. maintenance: a page for people, 503.
lost-answer: what is asked for is done, and the answer never comes. dead: nobody listens (needs a ShopServer)."""
BASE = "/wp-json/wc/v3"
KEY, SECRET = "ck_0123456789abcdef0123456789abcdef01234567", "cs_76543210fedcba9876543210fedcba9876543210"


class ApiError(Exception):
    """An error as WordPress words it: `{code, message, data: {status}}`."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message, "data": {"status": status, **data}}


class FakeShop:
    """A shop with customers, orders and refunds, kept in memory."""

    def __init__(self, key: str = KEY, secret: str = SECRET, *, may_write: bool = True) -> None:
        self.key, self.secret, self.may_write = key, secret, may_write
        self.mode, self.slow_seconds = "ok", 30.0
        self.pays_back = True  # False: its payment provider knows no refunds
        self.customers: list[dict[str, Any]] = []
        self.orders: dict[int, dict[str, Any]] = {}
        self.refunds: dict[int, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, str]] = []  # method and path of every request
        self.changed: Callable[[], None] = lambda: None  # told after a refund
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._last_id = 100

    # --- what is in it ------------------------------------------------------------------------------------------

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def add_customer(self, email: str, first_name: str = "", last_name: str = "") -> dict[str, Any]:
        """Somebody with an account in the shop."""
        customer = customer_of(self.next_id(), email, first_name, last_name)
        self.customers.append(customer)
        return customer

    def add_order(self, number: str, email: str, items: Sequence[tuple[str, int, str]], *, currency: str = "NOK",
                  status: str = "processing", at: dt.datetime | None = None, name: tuple[str, str] = ("", ""),
                  customer: dict[str, Any] | None = None, meta: Sequence[tuple[str, Any]] = (), shipping: str = "0.00",
                  **fields: Any) -> dict[str, Any]:
        """An order. `items` are (name, quantity, price each); `number` is what people see, and its id where it can."""
        at = at or utcnow()
        order_id = int(number) if number.isdigit() and int(number) not in self.orders else self.next_id()
        lines = [line_item(self.next_id(), *item) for item in items]
        total = sum((Decimal(line["total"]) for line in lines), Decimal(shipping))
        order = copy.deepcopy(ORDER) | {
            "id": order_id, "number": number, "status": status, "currency": currency, "line_items": lines,
            "total": f"{total:.2f}", "shipping_total": f"{Decimal(shipping):.2f}",
            "billing": address_of(email, *name), "shipping": address_of(None, *name),
            "customer_id": customer["id"] if customer else 0, "order_key": f"wc_order_{order_id}",
            "meta_data": [{"id": self.next_id(), "key": key, "value": value} for key, value in meta],
            **stamp("created", at), **stamp("modified", at)}
        if status in ("processing", "completed", "refunded"):
            order |= stamp("paid", at)
        if status == "completed":
            order |= stamp("completed", at)
        self.orders[order_id] = order | fields
        return self.orders[order_id]

    def refund(self, order_id: int, amount: str, reason: str = "", *, paid: bool = False) -> dict[str, Any]:
        """A refund that the shop itself writes down. Raises ApiError as the API would answer."""
        order, wanted = self._order(order_id), _decimal(amount)
        done = sum((Decimal(each["amount"]) for each in self.refunds.get(order_id, [])), Decimal(0))
        if wanted <= 0:
            raise ApiError(400, "woocommerce_rest_invalid_order_refund", "Refund amount must be greater than zero.")
        if wanted > Decimal(order["total"]) - done:
            raise ApiError(500, "woocommerce_rest_cannot_create_order_refund", "Invalid refund amount.")
        made = {"id": self.next_id(), **stamp("created", utcnow()), "amount": f"{wanted:.2f}",
                "reason": reason, "refunded_by": 1, "refunded_payment": paid, "meta_data": [], "line_items": [],
                "shipping_lines": [], "tax_lines": [], "fee_lines": []}
        self.refunds.setdefault(order_id, []).append(made)
        order["refunds"] = [{"id": each["id"], "reason": each["reason"], "total": f"-{each['amount']}"}
                            for each in self.refunds[order_id]]
        if wanted == Decimal(order["total"]) - done:
            order["status"] = "refunded"
        order |= stamp("modified", utcnow())
        self.changed()
        return made

    def _order(self, order_id: int) -> dict[str, Any]:
        try:
            return self.orders[order_id]
        except KeyError:
            raise ApiError(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.") from None

    # --- webhooks -----------------------------------------------------------------------------------------------

    def delivery(self, order_id: int, secret: str, *, event: str = "updated") -> tuple[dict[str, str], bytes]:
        """Headers and body of the webhook that tells of an order."""
        body = json.dumps(self.orders[order_id], separators=(",", ":")).encode()
        signed = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        return {"User-Agent": "WooCommerce/7.9.0 Hookshot (WordPress/6.1.9)", "Content-Type": "application/json",
                "X-WC-Webhook-Source": "https://shop.example/", "X-WC-Webhook-Topic": f"order.{event}",
                "X-WC-Webhook-Resource": "order", "X-WC-Webhook-Event": event, "X-WC-Webhook-Signature": signed,
                "X-WC-Webhook-ID": "1", "X-WC-Webhook-Delivery-ID": f"{self.next_id():032x}"}, body

    @staticmethod
    def ping() -> tuple[dict[str, str], bytes]:
        """What a shop sends when a webhook is made: a form, without any signature."""
        return {"Content-Type": "application/x-www-form-urlencoded"}, b"webhook_id=1"

    # --- answers ------------------------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        self.asked.append((request.method, request.path))
        response = self._ill(request) or self._answer(request)
        return response(environ, start_response)

    def _ill(self, request: Request) -> Response | None:
        if self.mode == "lost-answer":
            if request.method == "POST":
                self._answer(request)
                self.stopping.wait(self.slow_seconds)
            return None
        if self.mode == "slow":
            self.stopping.wait(self.slow_seconds)
        elif self.mode == "broken":
            return Response('[{"id": 11, "status": "proce', mimetype="application/json")
        elif self.mode == "maintenance":
            return Response("<h1>Briefly unavailable for scheduled maintenance.</h1>", 503, mimetype="text/html")
        elif self.mode == "401":
            return self._say(ApiError(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources."))
        elif self.mode == "404":
            return self._say(ApiError(404, "rest_no_route", "No route was found matching the URL and request method."))
        elif self.mode == "429":
            return Response("Too Many Requests", 429, {"Retry-After": "60"})
        elif self.mode == "500":
            return self._say(ApiError(500, "internal_server_error", "There has been a critical error on this website."))
        return None

    def _say(self, error: ApiError) -> Response:
        return Response(json.dumps(error.body), error.status, mimetype="application/json")

    def _answer(self, request: Request) -> Response:
        headers = Headers({"Link": f'<{request.host_url}wp-json/>; rel="https://api.w.org/"'})
        try:
            with self._lock:
                status, body = self._route(request, headers)
        except ApiError as error:
            return self._say(error)
        return Response(json.dumps(_only(body, request.args.get("_fields", ""))), status, headers,
                        mimetype="application/json")

    def _route(self, request: Request, headers: Headers) -> tuple[int, Any]:
        for method, pattern, answer in ROUTES:
            found = re.fullmatch(f".*{BASE}{pattern}", request.path)
            if found and request.method == method:
                self._sign_in(request)
                return answer(self, request, headers, *map(int, found.groups()))
        raise ApiError(404, "rest_no_route", "No route was found matching the URL and request method.")

    def _sign_in(self, request: Request) -> None:
        """Basic authentication by consumer key, as over HTTPS."""
        given = request.authorization
        if given is None or given.type != "basic" or given.username != self.key:
            raise ApiError(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        if given.password != self.secret:
            raise ApiError(401, "woocommerce_rest_authentication_error", "Consumer secret is invalid.")
        if request.method != "GET" and not self.may_write:
            raise ApiError(401, "woocommerce_rest_authentication_error",
                           "The API key provided does not have write permissions.")

    def _index(self, request: Request, headers: Headers) -> tuple[int, Any]:
        return 200, {"namespace": "wc/v3", "routes": {f"/wc/v3{pattern}": {"methods": [method]}
                                                      for method, pattern, _ in ROUTES}}

    def _list_orders(self, request: Request, headers: Headers) -> tuple[int, Any]:
        found = sorted(self.orders.values(), key=lambda each: (each["date_created_gmt"], each["id"]), reverse=True)
        if (search := request.args.get("search", "").lower()):
            found = [each for each in found if search in each["billing"]["email"].lower() or search in each["number"]
                     or search in f"{each['billing']['first_name']} {each['billing']['last_name']}".lower()]
        if customer := request.args.get("customer"):
            found = [each for each in found if each["customer_id"] == int(customer)]
        if (status := request.args.get("status", "any")) != "any":
            found = [each for each in found if each["status"] in status.split(",")]
        return 200, _page(found, request, headers)

    def _one_order(self, request: Request, headers: Headers, order_id: int) -> tuple[int, Any]:
        return 200, self._order(order_id)

    def _list_customers(self, request: Request, headers: Headers) -> tuple[int, Any]:
        wanted, role = request.args.get("email", "").lower(), request.args.get("role", "customer")
        return 200, _page([each for each in self.customers if wanted in ("", each["email"].lower())
                           and role in ("all", each["role"])], request, headers)

    def _list_refunds(self, request: Request, headers: Headers, order_id: int) -> tuple[int, Any]:
        if order_id not in self.orders:
            raise ApiError(404, "woocommerce_rest_invalid_order_id", "Invalid order ID.")
        return 200, _page(self.refunds.get(order_id, [])[::-1], request, headers)

    def _make_refund(self, request: Request, headers: Headers, order_id: int) -> tuple[int, Any]:
        if order_id not in self.orders:
            raise ApiError(404, "woocommerce_rest_invalid_order_id", "Invalid order ID.")
        given = request.get_json(silent=True) or {}
        by_provider = given.get("api_refund", True)
        if by_provider and not self.pays_back:
            raise ApiError(500, "woocommerce_rest_cannot_create_order_refund",
                           "The payment gateway for this order does not support automatic refunds.")
        return 201, self.refund(order_id, str(given.get("amount", "0")), given.get("reason") or "", paid=by_provider)

    # --- as a server --------------------------------------------------------------------------------------------

    @contextmanager
    def served(self) -> Iterator[str]:
        """The shop's address, for the time of a `with` block."""
        server = ShopServer(self)
        try:
            yield server.url
        finally:
            server.stop()


ROUTES: list[tuple[str, str, Callable[..., tuple[int, Any]]]] = [
    ("GET", "/?", FakeShop._index),
    ("GET", "/orders", FakeShop._list_orders),
    ("GET", r"/orders/(\d+)", FakeShop._one_order),
    ("GET", r"/orders/(\d+)/refunds", FakeShop._list_refunds),
    ("POST", r"/orders/(\d+)/refunds", FakeShop._make_refund),
    ("GET", "/customers", FakeShop._list_customers),
]


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ApiError(400, "rest_invalid_param", "Invalid parameter(s): amount",
                       params={"amount": "amount is not of type string."}) from None


def _page(found: list[dict[str, Any]], request: Request, headers: Headers) -> list[dict[str, Any]]:
    """One page of a list, and its headers X-WP-Total, X-WP-TotalPages and Link."""
    size, number = _number(request, "per_page", 10, 1, 100), _number(request, "page", 1, 1, 2**31)
    pages = -(-len(found) // size)
    headers.extend({"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(pages)})
    for name, other in (("prev", number - 1), ("next", number + 1)):
        if 1 <= other <= pages:
            asked = urlencode({**request.args.to_dict(), "page": other})
            headers.add("Link", f'<{request.base_url}?{asked}>; rel="{name}"')
    return found[(number - 1) * size:number * size]


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.args.get(name, str(default))
    if not text.isdigit() or not least <= int(text) <= most:
        words = f"{name} must be between {least} (inclusive) and {most} (inclusive)"
        raise ApiError(400, "rest_invalid_param", f"Invalid parameter(s): {name}", params={name: words},
                       details={name: {"code": "rest_out_of_bounds", "message": words, "data": None}})
    return int(text)


def _only(body: Any, fields: str) -> Any:
    """WordPress's `_fields`: only some of what an object has, `billing.email` for something inside."""
    if not fields:
        return body
    if isinstance(body, list):
        return [_only(each, fields) for each in body]
    found: dict[str, Any] = {}
    for outer, _, inner in (each.partition(".") for each in fields.split(",")):
        if outer in body and inner:
            found.setdefault(outer, {})[inner] = body[outer].get(inner)
        elif outer in body:
            found[outer] = body[outer]
    return found


class _Quiet(WSGIRequestHandler):
    def log(self, *args: Any) -> None:
        """Say nothing."""


class ShopServer:
    """A shop on a free port of this machine: `url`, `die()`, `revive()`, `stop()`."""

    def __init__(self, shop: FakeShop) -> None:
        self.shop = shop
        self._placeholder: socket.socket | None = None
        self._server = self._listen(0)
        self.port: int = self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def die(self) -> None:
        """Nobody listens any more, and nobody else gets the port."""
        self._close()
        self._placeholder = hold(self.port)
        self.shop.mode = "dead"

    def revive(self) -> None:
        """Listen again on the same port."""
        if self._placeholder is not None:
            self._placeholder.close()
            self._placeholder = None
        self._server, self.shop.mode = self._listen(self.port), "ok"

    def stop(self) -> None:
        self.shop.stopping.set()
        if self._placeholder is not None:
            self._placeholder.close()
        else:
            self._close()

    def _listen(self, port: int) -> BaseWSGIServer:
        server = make_server("127.0.0.1", port, self.shop, threaded=True, request_handler=_Quiet)
        server.daemon_threads = True  # type: ignore[attr-defined]
        server.block_on_close = False  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.02,), name="shop", daemon=True).start()
        return server

    def _close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
