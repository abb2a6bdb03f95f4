"""Sleeps for a minute: while a page is drawn, and when it is told of an event."""

import time

from inbox.toolkit import hookimpl


@hookimpl
def ticket_sidebar_panels(ticket):
    time.sleep(60)


@hookimpl
def message_received(ticket):
    time.sleep(60)
