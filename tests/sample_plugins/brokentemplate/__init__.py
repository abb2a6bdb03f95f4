"""Shows a panel whose template fails while it is drawn."""

from inbox.toolkit import Panel, hookimpl


@hookimpl
def ticket_sidebar_panels(ticket):
    return [Panel("Broken", template="panel.html", values={"ticket_id": ticket.id})]
