"""/tickets: list, open, show, change."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import sqlalchemy as sa
from flask import Response
from marshmallow import fields
from sqlalchemy.orm import joinedload, selectinload

from inbox.core import intake, messages, permissions, scope, tickets, views
from inbox.core.errors import Invalid, Stale
from inbox.core.events import Actor
from inbox.core.models import PRIORITIES, STATUSES, Agent, Customer, Department, Mailbox, Ticket
from inbox.core.scope import Scope
from inbox.core.tickets import clean_tag
from inbox.db import session, transaction
from inbox.web.api import base, idempotency, lookup, schemas
from inbox.web.api.auth import actor, agent
from inbox.web.api.bodies import BodyIn, body_of

blueprint = base.part("tickets", "One matter with one customer each.")


class TicketQuery(base.PageQuery):
    """Filters of the list; several narrow it together."""

    status = fields.String(validate=ma.validate.OneOf(STATUSES))
    department = lookup.IdOr("name")
    assignee = lookup.IdOr("mail address; `me`, `none`")
    tag = fields.String()
    customer = lookup.IdOr("mail address")
    q = fields.String(load_default="", metadata={"description": "As in the search box: words, tag:, is:, from: …"})
    updated_since = fields.AwareDateTime()


class TicketPatch(base.Strict):
    """What is to be different; all of it, or nothing."""

    subject = fields.String(validate=ma.validate.Length(1, tickets.MAX_SUBJECT))
    status = fields.String(validate=ma.validate.OneOf(STATUSES))
    priority = fields.String(validate=ma.validate.OneOf(PRIORITIES))
    department = lookup.IdOr("name")
    assignee = lookup.IdOr("mail address; `me`", allow_none=True)
    tags = fields.List(fields.String(), validate=ma.validate.Length(max=50))
    snoozed_until = fields.AwareDateTime(allow_none=True)
    version = fields.Integer(metadata={"description": "Of the ticket you have seen: refused when it has changed."})


class CustomerIn(base.Strict):
    """Who asks: `id`, or `email` and perhaps `name`."""

    id = fields.Integer(validate=ma.validate.Range(1, base.SMALL_ID))
    email = fields.String()
    name = fields.String(validate=ma.validate.Length(max=200))

    @ma.validates_schema
    def _one(self, data: dict[str, Any], **options: Any) -> None:
        if ("id" in data) == ("email" in data):
            raise ma.ValidationError("Give either id or email.")


class TicketIn(BodyIn):
    """A new ticket and its first message."""

    subject = fields.String(required=True, validate=ma.validate.Length(1, tickets.MAX_SUBJECT))
    customer = fields.Nested(CustomerIn, required=True)
    kind = fields.String(load_default="received", validate=ma.validate.OneOf(("received", "reply", "note")), metadata={
        "description": "`received`: the customer's own words; `reply`: mailed to the customer; `note`: for agents."})
    department = lookup.IdOr("name")
    assignee = lookup.IdOr("mail address; `me`")
    tags = fields.List(fields.String(), load_default=list, validate=ma.validate.Length(max=50))


@blueprint.get("/tickets")
@blueprint.arguments(TicketQuery, location="query", unknown=ma.RAISE)
@blueprint.response(200, base.page_of(schemas.Ticket, "TicketPage"))
def list_tickets(query: dict[str, Any]) -> dict[str, Any]:
    """Tickets, the newest message first

    Spam and trash are left out unless `q` asks for them with `is:spam` or `is:trash`.
    """
    found = views.page(agent(), q=query["q"], after=query.get("cursor"), limit=query["limit"],
                       within=_scope(query, agent()))
    return {"items": _loaded([row.id for row in found.rows]), "next": found.next}


def _scope(query: dict[str, Any], asker: Agent) -> Scope:
    found = Scope()
    if "status" in query:
        shelves = frozenset((query["status"], *(() if query["status"] == "closed" else ("snoozed", "spam", "trash"))))
        found = found.within(Scope(shelves, where=(Ticket.status == query["status"],)))
    if "department" in query:
        found = found.within(Scope(departments=frozenset((lookup.department(query["department"], asker).id,))))
    if "assignee" in query:
        assignee = None if query["assignee"] == "none" else lookup.agent(query["assignee"], asker).id
        found = found.within(Scope(assignees=frozenset((assignee,))))
    if "tag" in query:
        found = found.within(scope.tagged(clean_tag(query["tag"])))
    if "customer" in query:
        customer = lookup.customer(query["customer"], asker)
        found = found.within(scope.NOTHING if customer is None else Scope(
            where=(Ticket.customer_id == customer.id,), is_narrow=True))
    if "updated_since" in query:
        found = found.within(Scope(where=(Ticket.updated_at >= query["updated_since"],), is_narrow=True))
    return found


def _loaded(ids: list[int]) -> list[Ticket]:
    """Tickets in this order, with all that is shown of them, in a fixed number of queries."""
    rows = session().scalars(sa.select(Ticket).where(Ticket.id.in_(ids)).options(
        joinedload(Ticket.customer).selectinload(Customer.addresses), joinedload(Ticket.department),
        joinedload(Ticket.assignee), selectinload(Ticket.tags))).unique()
    found = {each.id: each for each in rows}
    return [found[each] for each in ids if each in found]


@blueprint.get(f"/tickets/<{base.ID}:ticket_id>")
@blueprint.response(200, schemas.Ticket)
def show_ticket(ticket_id: int) -> Ticket:
    """One ticket, by its id (not its number)"""
    return tickets.by_id(ticket_id, agent())


@blueprint.patch(f"/tickets/<{base.ID}:ticket_id>")
@blueprint.arguments(TicketPatch)
@blueprint.response(200, schemas.Ticket)
def change_ticket(changes: dict[str, Any], ticket_id: int) -> Ticket:
    """Change a ticket"""
    by = actor()
    with transaction():
        ticket = tickets.by_id(ticket_id, agent())
        if changes.get("version", ticket.version) != ticket.version:
            raise Stale("The ticket has changed since this version. Read it again, then decide.")
        _change(ticket, changes, by)
    return ticket


def _change(ticket: Ticket, changes: dict[str, Any], by: Actor) -> None:
    if "subject" in changes:
        tickets.set_subject(ticket, changes["subject"], by=by)
    if "priority" in changes:
        tickets.set_priority(ticket, changes["priority"], by=by)
    if "tags" in changes:
        _set_tags(ticket, changes["tags"], by)
    if "status" in changes:
        tickets.set_status(ticket, changes["status"], by=by)
    if "snoozed_until" in changes:
        until = changes["snoozed_until"]
        tickets.wake(ticket, by=by) if until is None else tickets.snooze(ticket, until, by=by)
    if changes.get("assignee", ...) is None:
        tickets.assign(ticket, None, by=by)
    if "department" in changes:
        tickets.move(ticket, lookup.any_department(changes["department"]), by=by)
    if changes.get("assignee") is not None:
        tickets.assign(ticket, lookup.agent(changes["assignee"], agent()), by=by)


def _set_tags(ticket: Ticket, names: list[str], by: Actor) -> None:
    wanted = {clean_tag(each) for each in names}
    for name in sorted({each.name for each in ticket.tags} - wanted):
        tickets.untag(ticket, name, by=by)
    for name in sorted(wanted - {each.name for each in ticket.tags}):
        tickets.tag(ticket, name, by=by)


@blueprint.post("/tickets")
@blueprint.arguments(TicketIn)
@blueprint.response(201, schemas.Ticket)
def open_ticket(given: dict[str, Any]) -> Response:
    """Open a ticket

    With the header `Idempotency-Key`, a post that is sent twice opens one ticket.
    """
    before = idempotency.answered_before()
    if before is not None:
        return before
    by = actor()
    department = _department_for(given, agent())
    permissions.require(by, "open_ticket", department)
    body = body_of(given)
    plan = _plan(given, body, department, by) if given["kind"] == "received" else None

    def work() -> tuple[dict[str, Any], str]:
        if plan is not None:
            ticket = session().get_one(Ticket, intake.accept(plan).ticket_id)
            for name in given["tags"]:
                tickets.tag(ticket, name, by=by)
            if "assignee" in given:
                tickets.assign(ticket, lookup.agent(given["assignee"], agent()), by=by)
        else:
            ticket = messages.open_ticket(
                by=by, department=department, customer=lookup.customer_for_new_ticket(given["customer"], by),
                subject=given["subject"], body=body, mail_it=given["kind"] == "reply", tags=given["tags"],
                assignee=lookup.agent(given["assignee"], agent()) if "assignee" in given else None)
        return dict(schemas.Ticket().dump(_loaded([ticket.id])[0])), f"{base.PREFIX}/tickets/{ticket.id}"

    return idempotency.once(work)


def _department_for(given: dict[str, Any], asker: Agent) -> Department:
    if "department" in given:
        return lookup.department(given["department"], asker)
    reachable = views.departments_of(asker)
    if not reachable:
        raise Invalid("department", "This agent works in no department.")
    return reachable[0]


def _plan(given: dict[str, Any], body: messages.Body, department: Department, by: Actor) -> intake.Plan:
    """What a customer said by way of the API, for the same intake as mail. Plugins are asked here."""
    address, name = given["customer"].get("email"), given["customer"].get("name", "")
    if address is None:
        customer = lookup.customer_for_new_ticket(given["customer"], by)
        address, name = customer.email, customer.name
        if address is None:
            raise Invalid("customer", "This customer has no mail address. Add one first.")
    elif not messages.customers.is_address(address):
        raise Invalid("customer", "This is not a mail address. It should look like name@example.com.")
    mailbox_id = messages.mailbox_of(department)
    incoming = intake.Incoming(subject=given["subject"], from_address=address, from_name=name, text=body.text,
                               html=body.html, needs_frame=body.needs_frame, channel="api")
    return intake.plan(incoming, mailbox=session().get(Mailbox, mailbox_id) if mailbox_id else None,
                       department=department)
