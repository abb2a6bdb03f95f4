"""Where shops call: webhooks of orders, their signature checked before anything of them is read."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, Unauthorized

from inbox.toolkit import CustomerAddress, NotFound, session, signatures, transaction, utcnow
from inbox_plugins.woocommerce import orders, shops
from inbox_plugins.woocommerce.client import Ill
from inbox_plugins.woocommerce.models import Lookup, Order, Shop
from inbox_plugins.woocommerce.reading import read_order

blueprint = Blueprint("hook", __name__)
MAX_BYTES = 2 * 1024 * 1024


@blueprint.post("/hook/<int:shop_id>")
def deliver(shop_id: int) -> Any:
    """A shop tells of an order. Told twice, or late, it does no harm: an older description replaces no newer one."""
    if (request.content_length or 0) > MAX_BYTES:
        raise RequestEntityTooLarge()
    body, signature = request.get_data(), request.headers.get("X-WC-Webhook-Signature")
    if signature is None and _is_ping(body):
        return Response("", 200)
    try:
        shop = shops.get(shop_id)
    except NotFound:
        raise Unauthorized() from None  # nobody learns which shops there are
    try:
        signatures.verify_hmac(body, signature, shops.webhook_secret(shop), encoding="base64")
    except signatures.BadSignature as error:
        raise Unauthorized(str(error)) from None
    _take(shop, request.headers.get("X-WC-Webhook-Topic", ""), body)
    return Response("", 200)


def _is_ping(body: bytes) -> bool:
    """What a shop sends, unsigned, when a webhook is made there."""
    return body.startswith(b"webhook_id=") and body[11:].isdigit()


def _take(shop: Shop, topic: str, body: bytes) -> None:
    shop_id = shop.id
    try:
        raw = json.loads(body)
        order = None if topic == "order.deleted" else read_order(raw)
        remote_id = int(raw["id"])
    except (ValueError, TypeError, KeyError, Ill):
        raise BadRequest("This is no order.") from None
    with transaction() as current:
        current.get_one(Shop, shop_id).heard_at = utcnow()
        if order is None:
            current.execute(sa.delete(Order).where(Order.shop_id == shop_id, Order.remote_id == remote_id))
        elif topic.startswith("order.") and _is_ours(shop_id, order):
            _count(shop_id, order)
            orders.put(shop_id, [order])


def _is_ours(shop_id: int, order: dict[str, Any]) -> bool:
    """True for an order that is known here, or of somebody who has written to us. Others are nobody's business."""
    known = sa.select(Order.id).where(Order.shop_id == shop_id, Order.remote_id == order["remote_id"])
    wrote = sa.select(CustomerAddress.id).where(CustomerAddress.kind == "mail",
                                                CustomerAddress.normalised == order["email"])
    return session().scalar(known.limit(1)) is not None or session().scalar(wrote.limit(1)) is not None


def _count(shop_id: int, order: dict[str, Any]) -> None:
    """A new order of an address that was looked up before is one more."""
    is_known = session().scalar(sa.select(Order.id).where(
        Order.shop_id == shop_id, Order.remote_id == order["remote_id"]))
    if is_known is None:
        session().execute(sa.update(Lookup).where(
            Lookup.shop_id == shop_id, Lookup.address == order["email"]).values(total=Lookup.total + 1))
