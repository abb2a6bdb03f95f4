"""How the fake WooCommerce's orders, customers and order lines look: every field that a real 7.9 sends."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from inbox.db import utcnow

ORDER: dict[str, Any] = {
    "id": 0, "parent_id": 0, "status": "processing", "currency": "NOK", "version": "7.9.0",
    "prices_include_tax": True, "date_created": "", "date_modified": "", "discount_total": "0.00",
    "discount_tax": "0.00", "shipping_total": "0.00", "shipping_tax": "0.00", "cart_tax": "0.00", "total": "0.00",
    "total_tax": "0.00", "customer_id": 0, "order_key": "", "billing": {}, "shipping": {}, "payment_method": "card",
    "payment_method_title": "Card", "transaction_id": "", "customer_ip_address": "", "customer_user_agent": "",
    "created_via": "checkout", "customer_note": "", "date_completed": None, "date_paid": None, "cart_hash": "",
    "number": "", "meta_data": [], "line_items": [], "tax_lines": [], "shipping_lines": [], "fee_lines": [],
    "coupon_lines": [], "refunds": [], "payment_url": "", "is_editable": False, "needs_payment": False,
    "needs_processing": True, "date_created_gmt": "", "date_modified_gmt": "", "date_completed_gmt": None,
    "date_paid_gmt": None, "currency_symbol": "",
}


def stamp(what: str, at: dt.datetime) -> dict[str, str]:
    """A moment as WooCommerce writes it: twice, without a zone."""
    text = at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return {f"date_{what}": text, f"date_{what}_gmt": text}


def address_of(email: str | None, first_name: str = "", last_name: str = "") -> dict[str, str]:
    """A billing address, or (`email` None) one for shipping."""
    place = {"first_name": first_name, "last_name": last_name, "company": "", "address_1": "", "address_2": "",
             "city": "", "state": "", "postcode": "", "country": ""}
    return place | ({} if email is None else {"email": email}) | {"phone": ""}


def line_item(line_id: int, name: str, quantity: int, price: str) -> dict[str, Any]:
    """A line of an order; `price` is for one."""
    total = f"{Decimal(price) * quantity:.2f}"
    return {"id": line_id, "name": name, "product_id": line_id + 5000, "variation_id": 0, "quantity": quantity,
            "tax_class": "", "subtotal": total, "subtotal_tax": "0.00", "total": total, "total_tax": "0.00",
            "taxes": [], "meta_data": [], "sku": f"SKU{line_id}", "price": float(price),
            "image": {"id": "", "src": ""}, "parent_name": None}


def customer_of(customer_id: int, email: str, first_name: str, last_name: str) -> dict[str, Any]:
    """Somebody with an account."""
    at = utcnow()
    return {"id": customer_id, **stamp("created", at), **stamp("modified", at), "email": email,
            "first_name": first_name, "last_name": last_name, "role": "customer", "username": email.split("@")[0],
            "billing": address_of("", "", ""), "shipping": address_of(None), "is_paying_customer": True,
            "avatar_url": "", "meta_data": [{"id": customer_id, "key": "wc_last_active", "value": "1795305600"}]}
