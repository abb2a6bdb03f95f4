"""What the plugin knows of one person, told and forgotten; and what saved replies can say of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Customer, Ticket, customers, merges, session, transaction
from inbox_plugins.crm import organisations, segments
from inbox_plugins.crm.models import Apart, Import, ImportPart, ImportProblem, InSegment, Member, Merged, Note, Task


def export(customer_id: int) -> dict[str, Any]:
    """Everything the plugin has stored about a customer."""
    home = organisations.of_customer(customer_id)
    noted = session().scalars(sa.select(Note).where(Note.customer_id == customer_id).order_by(Note.id))
    to_do = session().scalars(sa.select(Task).where(Task.customer_id == customer_id).order_by(Task.id))
    return {
        "organisation": home.name if home else None,
        "segments": [each.name for each in segments.of_customer(customer_id)],
        "notes": [{"at": each.at.isoformat(), "text": each.text} for each in noted],
        "tasks": [{"made": each.made_at.isoformat(), "text": each.text,
                   "due": each.due_on.isoformat() if each.due_on else None,
                   "done": each.done_at.isoformat() if each.done_at else None} for each in to_do],
    }


def erase(customer_id: int, addresses: list[str]) -> None:
    """Forget a customer, also in rows of imports that were broken, or wait: they would bring the customer back.
    Twice does no harm.
    """
    _forget_waiting({customers.normalise_address(each) for each in addresses})
    with transaction() as current:
        name = current.scalar(sa.select(Customer.name).where(Customer.id == customer_id))
        if name:
            current.execute(sa.delete(Apart).where(Apart.name == sa.func.lower(name[:200])))
        current.execute(sa.delete(Merged).where(Merged.customer_id.in_(merges.redirects(customer_id))))
        for table in (Note, Task, Member, InSegment):
            current.execute(sa.delete(table).where(table.customer_id == customer_id))
        for address in addresses:
            current.execute(sa.delete(ImportProblem).where(
                sa.cast(ImportProblem.cells, sa.Text).icontains(address, autoescape=True)))


def _forget_waiting(addresses: set[str]) -> None:
    """Take the rows with one of these addresses out of imports that are not through."""
    holds = [sa.cast(ImportPart.rows, sa.Text).icontains(each, autoescape=True) for each in addresses]
    found = session().execute(sa.select(ImportPart.import_id, ImportPart.position).where(sa.or_(sa.false(), *holds)))
    for import_id, position in found.all():
        with transaction() as current:
            whole = current.get(Import, import_id, with_for_update=True)  # the job waits, or is through with it
            part = current.get(ImportPart, (import_id, position))
            if whole is None or part is None:
                continue
            kept = [row for row in part.rows if addresses.isdisjoint(map(customers.normalise_address, row[1]))]
            whole.total -= len(part.rows) - len(kept)
            part.rows = kept


def organisation_name(ticket: Ticket) -> str:
    """For `{crm.organisation}` in saved replies."""
    home = organisations.of_customer(ticket.customer_id)
    return home.name if home else ""


def owner_name(ticket: Ticket) -> str:
    """For `{crm.owner}`: who looks after the customer's organisation."""
    home = organisations.of_customer(ticket.customer_id)
    return home.owner.name if home and home.owner else ""
