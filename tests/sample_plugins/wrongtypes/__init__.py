"""Answers with what nobody asked for."""

from inbox.toolkit import hookimpl


@hookimpl
def prepare_ticket(ticket):
    return "high"


@hookimpl
def message_received(ticket):
    return ticket


@hookimpl
def ticket_buttons(ticket):
    return "<b>Buy now</b>"


@hookimpl
def ticket_sidebar_panels(ticket):
    return [{"title": "Orders"}]
