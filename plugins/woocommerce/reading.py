"""Reads what a shop says of an order: what an agent needs, checked, and nothing else of it is kept."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any

from inbox_plugins.woocommerce.client import Ill

# What is asked for, so that 25 orders stay small.
FIELDS = ("id,number,status,currency,date_created_gmt,date_modified_gmt,date_paid_gmt,date_completed_gmt,total,"
          "shipping_total,customer_id,billing.email,payment_method_title,customer_note,line_items,refunds,meta_data")
MAX_ITEMS = 60
CARRIERS = {"bring": "Bring", "posten": "Posten", "postnord": "PostNord", "dhl": "DHL", "ups": "UPS", "dpd": "DPD",
            "fedex": "FedEx", "gls": "GLS", "usps": "USPS", "royal-mail": "Royal Mail", "japan-post": "Japan Post"}


def read_order(raw: Any) -> dict[str, Any]:
    """The columns of `Order` from an order of the API. Raises Ill for what is no order."""
    try:
        return {
            "remote_id": _id(raw["id"]), "number": str(raw.get("number") or raw["id"])[:60],
            "email": str((raw.get("billing") or {}).get("email") or "").strip().lower()[:320],
            "account": int(raw.get("customer_id") or 0),
            "placed_at": moment(raw["date_created_gmt"]),
            "changed_at": moment(raw.get("date_modified_gmt") or raw["date_created_gmt"]),
            "data": _data(raw),
        }
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise Ill("It answered with something that is no order.") from error


def _id(value: Any) -> int:
    if isinstance(value, bool) or not 0 < int(value) < 2**63:
        raise ValueError("no id")
    return int(value)


def _data(raw: dict[str, Any]) -> dict[str, Any]:
    currency = str(raw["currency"])
    if len(currency) != 3 or not currency.isalpha():
        raise ValueError("no currency")
    return {
        "status": str(raw["status"])[:40], "currency": currency.upper(), "total": _money(raw["total"]),
        "shipping": _money(raw.get("shipping_total") or "0"), "paid": bool(raw.get("date_paid_gmt")),
        "payment": str(raw.get("payment_method_title") or "")[:100],
        "note": str(raw.get("customer_note") or "")[:1000],
        "items": [{"name": str(each["name"])[:300], "quantity": f"{Decimal(str(each['quantity'])).normalize():f}",
                   "total": _money(each["total"])} for each in raw.get("line_items") or []][:MAX_ITEMS],
        "refunds": [{"id": _id(each["id"]), "reason": str(each.get("reason") or "")[:300],
                     "amount": f"{abs(Decimal(str(each['total'])))}"} for each in raw.get("refunds") or []],
        "tracking": tracking(raw.get("meta_data") or []),
    }


def _money(value: Any) -> str:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError("no amount")
    return f"{number:f}"


def moment(text: str) -> dt.datetime:
    """WooCommerce's `2026-11-22T00:29:47`, which is UTC without saying so."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


# --- parcels ----------------------------------------------------------------------------------------------------


def tracking(meta: list[Any]) -> list[dict[str, str]]:
    """Parcels, as the common tracking plugins write them: carrier, number, address of its page (or "").

    WooCommerce Shipment Tracking and Advanced Shipment Tracking, AfterShip, Orders Tracking, YITH, and plain fields.
    """
    values = {str(each["key"]): each.get("value") for each in meta if isinstance(each, dict) and "key" in each}
    found = []
    for key in ("_wc_shipment_tracking_items", "_aftership_tracking_items"):
        items = values.get(key)
        found += [_parcel(
            each.get("custom_tracking_provider") or each.get("tracking_provider") or each.get("slug"),
            each.get("tracking_number"),
            each.get("custom_tracking_link") or each.get("formatted_tracking_link") or each.get("tracking_link"))
            for each in (items if isinstance(items, list) else []) if isinstance(each, dict)]
    for carrier, number, link in (
            ("_aftership_tracking_provider_name", "_aftership_tracking_number", ""),
            ("_wot_tracking_carrier", "_wot_tracking_number", ""),
            ("ywot_carrier_name", "ywot_tracking_code", ""),
            ("_tracking_provider", "_tracking_number", "_tracking_url"),
            ("tracking_provider", "tracking_number", "tracking_url")):
        if values.get(number):
            found.append(_parcel(values.get(carrier), values[number], values.get(link)))
    return list({each["number"]: each for each in found if each["number"]}.values())[:10]


def _parcel(carrier: Any, number: Any, link: Any) -> dict[str, str]:
    name, url = str(carrier or "").strip()[:60], str(link or "").strip()[:500]
    return {"carrier": CARRIERS.get(name.lower(), name), "number": str(number or "").strip()[:60],
            "url": url if url.startswith("https://") else ""}
