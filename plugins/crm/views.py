"""Pages of organisations: list, one of them, its form, its members."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import request

from inbox.toolkit import (
    Agent,
    Invalid,
    NotFound,
    Ticket,
    customers,
    fields_from_form,
    gettext,
    session,
    signed_in,
    transaction,
    visible,
)
from inbox_plugins.crm import notes, organisations, tasks
from inbox_plugins.crm.models import Member, Organisation
from inbox_plugins.crm.own_fields import of_organisations
from inbox_plugins.crm.pages import blueprint, done, show, the_customer

TICKETS = 20


@blueprint.get("/organisations")
def organisation_list() -> Any:
    """Organisations by name, fifty a page."""
    q = request.args.get("q", "")
    found, following = organisations.page(q=q, after=request.args.get("after", ""))
    return show("organisations.html", q=q, found=found, following=following, sizes=organisations.sizes(found))


@blueprint.get("/organisations/<int:organisation_id>")
def organisation(organisation_id: int) -> Any:
    """One organisation: what is known, who belongs to it, what they asked."""
    return _show(organisations.get(organisation_id))


def _show(found: Organisation, error: Invalid | None = None, status: int = 200) -> Any:
    after = request.args.get("after", 0, type=int)
    members, following = organisations.members(found, signed_in(), after=after)
    asked = sa.select(Ticket).join(Member, Member.customer_id == Ticket.customer_id).where(
        Member.organisation_id == found.id, Ticket.shelf.not_in(("trash", "merged", "spam"))).order_by(
        Ticket.last_message_at.desc(), Ticket.id.desc()).limit(TICKETS)
    return show("organisation.html", status, organisation=found, members=members, following=following,
                tickets=list(session().scalars(visible(asked, signed_in()))), error=error,
                fields=of_organisations.all(), values=of_organisations.of(found.id), agent=signed_in(),
                about={"organisation_id": found.id}, today=tasks.today(),
                notes=notes.latest(organisation_id=found.id, limit=50),
                tasks=tasks.open_ones(organisation_id=found.id, limit=50))


@blueprint.route("/organisations/new", methods=["GET", "POST"])
def new_organisation() -> Any:
    """Another organisation."""
    return _edit(None)


@blueprint.route("/organisations/<int:organisation_id>/edit", methods=["GET", "POST"])
def edit_organisation(organisation_id: int) -> Any:
    """Name, domains and owner of one."""
    return _edit(organisations.get(organisation_id))


def _edit(stored: Organisation | None) -> Any:
    signed_in("crm.edit")
    if request.method == "GET":
        values = {"name": stored.name, "website": stored.website, "about": stored.about,
                  "domains": "\n".join(each.domain for each in stored.domains),
                  "owner": str(stored.owner_id or "")} if stored else {}
        return _form(stored, values)
    form = request.form
    try:
        saved = organisations.save(
            stored, name=form.get("name", ""), website=form.get("website", ""), about=form.get("about", ""),
            domains=form.get("domains", "").replace(",", "\n").split("\n"), owner=_agent(form.get("owner", "")))
    except Invalid as problem:
        return _form(stored, form, problem, 422)
    return done("organisation_list", gettext("The organisation is saved."), organisation_id=saved.id)


def _form(stored: Organisation | None, values: Any, error: Invalid | None = None, status: int = 200) -> Any:
    agents = session().scalars(sa.select(Agent).where(Agent.is_active).order_by(sa.func.lower(Agent.name)))
    return show("organisation_form.html", status, organisation=stored, values=values, error=error, agents=list(agents))


def _agent(number: str) -> Agent | None:
    return session().get(Agent, int(number)) if number.isdecimal() and len(number) < 10 else None


@blueprint.post("/organisations/<int:organisation_id>/delete")
def delete_organisation(organisation_id: int) -> Any:
    """Throw one away; its members stay customers."""
    signed_in("crm.edit")
    organisations.delete(organisations.get(organisation_id))
    return done("organisation_list", gettext("The organisation is gone. Its members are still customers."))


@blueprint.post("/organisations/<int:organisation_id>/members")
def add_member(organisation_id: int) -> Any:
    """Put a customer in by hand, by mail address."""
    signed_in("crm.edit")
    found = organisations.get(organisation_id)
    customer = customers.by_address(request.form.get("address", "").strip())
    try:
        if customer is None:
            raise NotFound()
        customer = the_customer(customer.id)  # out of reach is as if it were not there
    except NotFound:
        return _show(found, Invalid("address", "No customer has this address."), 422)
    organisations.put(customer, found)
    return done("organisation_list", gettext("%(name)s is a member now.", name=customer.display_name),
                organisation_id=found.id)


@blueprint.post("/organisations/<int:organisation_id>/fields")
def fill_in_organisation(organisation_id: int) -> Any:
    """The organisation's own fields."""
    signed_in("crm.edit")
    found = organisations.get(organisation_id)
    try:
        rows = of_organisations.check(fields_from_form(of_organisations.all(), request.form))
    except Invalid as problem:
        return _show(found, problem, 422)
    with transaction():
        of_organisations.put(organisation_id, rows)
    return done("organisation_list", gettext("Saved."), organisation_id=organisation_id)
