"""Holds the fake WooCommerce against answers recorded from a real one: `python -m tests.corpus.woocommerce FOLDER`.

A file is `{"status": …, "headers": …, "body": …}`. Returns 0 when the fields are the same, 1 if not, 2 without folder.
"""

import json
import sys
from pathlib import Path
from typing import Any

from werkzeug.test import Client

from inbox.testing.woocommerce import BASE, KEY, SECRET, FakeShop

# A recorded file, and what is asked of the fake shop for the same answer.
PAIRS = {
    "order": "/orders/11", "orders_search_email": "/orders?search=ola@example.no",
    "orders_by_customer": "/orders?customer=101", "refunds": "/orders/11/refunds",
    "customers_by_email": "/customers?email=ola@example.no&role=all", "order_404": "/orders/99999",
    "bad_param": "/orders?per_page=1000"}


def shape(value: Any) -> Any:
    """The names of all fields, at every depth; of a list, those of its first."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in sorted(value.items()) if name != "_links"}
    return [shape(value[0])] if isinstance(value, list) and value else None


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("none")
    if not folder.is_dir():
        print(f"There are no recorded answers at {folder}.", file=sys.stderr)
        return 2
    shop, wrong = FakeShop(), 0
    account = shop.add_customer("ola@example.no", "Ola", "Nordmann")
    shop.add_order("11", "ola@example.no", [("Kaffekopp", 2, "149.00")], currency="USD", customer=account)
    shop.refund(11, "149.00", "Knust kopp")
    for name, path in PAIRS.items():
        real = json.loads((folder / f"{name}.json").read_text("utf-8"))
        ours = Client(shop).get(BASE + path, auth=(KEY, SECRET))
        paging = [sorted({"x-wp-total", "x-wp-totalpages"} & {each.lower() for each in headers})
                  for headers in (real["headers"], ours.headers.keys())]
        good = (real["status"] == ours.status_code and shape(real["body"]) == shape(ours.get_json())
                and paging[0] == paging[1])
        wrong += not good
        print(f"{name}: {'the same' if good else 'different'}")
        if not good:
            print(real["status"], shape(real["body"]), "\n", ours.status_code, shape(ours.get_json()), paging)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
