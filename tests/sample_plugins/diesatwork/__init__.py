"""Ends the process at once while it is told of an event."""

import os

from inbox.toolkit import hookimpl


@hookimpl
def message_received(ticket):
    os._exit(9)
