"""The shop of the demo desk: a stand-in for WooCommerce, inside the web process, below its own address.

It knows the customers who write in the stories. What is paid back in it is kept beside the database, so that it is
still paid back after the next start.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from inbox.config import Config
from inbox.db import utcnow, work_context
from inbox.plugin_host import call
from inbox.plugin_host.call import PluginFailure
from inbox.plugin_host.registry import EXTENSION
from inbox.testing.woocommerce import FakeShop

log = logging.getLogger(__name__)
PATH = "/demo/shop"
FILE = "demo-shop.json"
LINKS = {"Posten": "https://sporing-posten.example/", "Bring": "https://sporing-bring.example/", "Japan Post": ""}


def open_in(app: Flask, config: Config) -> None:
    """Let the shop answer below `/demo/shop`, and tell plugins where it is."""
    shop = stocked(config.home / FILE)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {PATH: shop})  # type: ignore[method-assign]
    known = {"url": config.public_url + PATH, "key": shop.key, "secret": shop.secret}
    with work_context(app):
        for plugin in sorted(app.extensions[EXTENSION].active()):
            try:
                call.lifecycle(plugin, "demo_started", shop=known)
            except PluginFailure as failure:
                log.warning("The plugin %s was not ready for the demo desk: %s", plugin, failure)


def stocked(kept: Path) -> FakeShop:
    """The shop with all orders of the stories, and with the refunds that were made since."""
    shop, now = FakeShop(), utcnow().replace(minute=12, second=0, microsecond=0)
    text = files("inbox.demo").joinpath("orders.toml").read_text("utf-8")
    for number, email, days, status, currency, lines, *more in tomllib.loads(text)["orders"]:
        _order(shop, number, email, now - dt.timedelta(days=days, hours=3), status, currency, lines,
               dict(zip(more[::2], more[1::2], strict=True)))
    for order_id, refund in _read(kept):
        if refund["id"] not in {each["id"] for each in shop.refunds.get(order_id, [])}:
            shop.refund(order_id, refund["amount"], refund["reason"], paid=refund["refunded_payment"])
    shop.changed = lambda: _write(kept, shop)
    return shop


def _order(shop: FakeShop, number: str, email: str, at: dt.datetime, status: str, currency: str, lines: list[str],
           more: dict[str, str]) -> None:
    meta = []
    if "parcel" in more:
        carrier, code = more["parcel"].split(" | ")
        link = LINKS[carrier] and LINKS[carrier] + code.replace(" ", "")
        meta.append(("_wc_shipment_tracking_items", [{"tracking_provider": "", "custom_tracking_provider": carrier,
                                                      "custom_tracking_link": link, "tracking_number": code}]))
    items = [(name, int(count), price) for name, count, price in (line.split(" | ") for line in lines)]
    order = shop.add_order(number, email, items, currency=currency, status=status, at=at, meta=meta)
    if "refund" in more:
        amount, reason = more["refund"].split(" | ")
        shop.refund(order["id"], amount, reason, paid=True)


def _read(kept: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        return [(int(order_id), each) for order_id, refunds in json.loads(kept.read_text("utf-8")).items()
                for each in refunds]
    except (OSError, ValueError):
        return []


def _write(kept: Path, shop: FakeShop) -> None:
    fresh = kept.with_suffix(".new")
    fresh.write_text(json.dumps(shop.refunds), "utf-8")
    fresh.replace(kept)
