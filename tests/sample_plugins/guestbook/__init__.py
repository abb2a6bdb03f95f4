"""A sample plugin with a table of its own."""

from inbox.toolkit import hookimpl, transaction
from inbox_plugins.guestbook.models import Guest


@hookimpl
def ticket_created(ticket, event):
    with transaction() as session:
        if session.get(Guest, event.id) is None:  # told twice, written once
            session.add(Guest(event_id=event.id, name=ticket.customer.name))
