"""/customers: who asks."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from inbox.core import customers
from inbox.web.api import base, schemas
from inbox.web.api.auth import agent

blueprint = base.part("customers", "Who asks.")


class CustomerQuery(base.PageQuery):
    """Filters of the list."""

    q = fields.String(load_default="", metadata={"description": "The beginning of a mail address."})


@blueprint.get("/customers")
@blueprint.arguments(CustomerQuery, location="query", unknown=ma.RAISE)
@blueprint.response(200, base.page_of(schemas.Customer, "CustomerPage"))
def list_customers(query: dict[str, Any]) -> dict[str, Any]:
    """Customers, newest first"""
    found, following = customers.page(agent(), q=query["q"], after=base.key_of(query.get("cursor")),
                                      limit=query["limit"])
    return {"items": found, "next": None if following is None else str(following)}
