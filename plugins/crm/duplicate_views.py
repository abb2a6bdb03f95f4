"""Pages that find customers who are one, and merge them."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from inbox.toolkit import Invalid, NotFound, actor, customers, gettext, merges, signed_in
from inbox_plugins.crm import duplicates, timeline
from inbox_plugins.crm.pages import blueprint, done, show, the_customer


@blueprint.get("/duplicates")
def duplicate_list() -> Any:
    """Customers of one name."""
    signed_in("crm.edit")
    groups, following = duplicates.page(signed_in(), after=request.args.get("after", ""))
    return show("duplicates.html", groups=groups, following=following)


@blueprint.post("/duplicates/apart")
def keep_apart() -> Any:
    """They are different people."""
    duplicates.keep_apart(request.form.get("name", ""), signed_in("crm.edit"))
    return done("duplicate_list", gettext("They are not shown again, until there is one more of this name."))


@blueprint.route("/customers/<int:customer_id>/merge", methods=["GET", "POST"])
def merge(customer_id: int) -> Any:
    """Make one customer out of this one and another, who is named by id or mail address."""
    signed_in("crm.edit")
    customer = the_customer(customer_id)
    try:
        other = _other(customer.id)
    except Invalid as problem:
        return show("merge.html", 422, customer=customer, other=None, error=problem)
    if request.method == "POST" and other is not None:
        keep, lose = (customer, other) if request.form.get("keep") != str(other.id) else (other, customer)
        survivor = keep.id
        merges.merge(lose, keep, by=actor())
        flash(gettext("The two are one customer now."))
        return redirect(url_for("customers.show", customer_id=survivor), 303)
    return show("merge.html", customer=customer, other=other)


@blueprint.route("/merges/<int:merged_id>/undo", methods=["GET", "POST"])
def undo_merge(merged_id: int) -> Any:
    """Make a merged customer one of their own again."""
    signed_in("crm.edit")
    customer = the_customer(merged_id)  # who stayed
    try:
        found = merges.find(merged_id)
        if request.method == "POST":
            restored = merges.undo(merged_id, by=actor()).id
            flash(gettext("These are two customers again."))
            return redirect(url_for("customers.show", customer_id=restored), 303)
    except Invalid as problem:
        return show("undo_merge.html", 422, customer=customer, found=None, error=problem)
    return show("undo_merge.html", customer=customer, found=found,
                name=timeline.name_of(found.customer, customer, found.moved["addresses"]))


def _other(customer_id: int) -> Any:
    """Who is to be merged with the customer; None while nobody was named."""
    number, address = request.values.get("other", 0, type=int), request.values.get("address", "").strip()
    if not number and not address:
        return None
    found = customers.by_address(address) if address else None
    try:
        found = the_customer(found.id if found else number)
    except NotFound:
        raise Invalid("address", "No customer has this address.") from None
    if found.id == customer_id:
        raise Invalid("address", "This is the same customer.")
    return found
