"""Replaces one of the program's functions when it is told of an event."""

from inbox.plugin_host import call
from inbox.toolkit import hookimpl


def nobody(name):
    return []


@hookimpl
def message_received(ticket):
    call.listeners = nobody
