"""Raises an exception in every kind of hook."""

from inbox.toolkit import hookimpl


def fail():
    raise ValueError("raises does what its name says")


@hookimpl
def prepare_ticket(ticket):
    ticket.subject = "changed before it failed"
    fail()


@hookimpl
def message_received(ticket):
    fail()


@hookimpl
def ticket_buttons(ticket):
    fail()


@hookimpl
def main_menu_links():
    fail()


@hookimpl
def bulk_actions():
    fail()
