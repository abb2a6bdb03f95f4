"""Sleeps for half a minute over each new ticket, while the mail waits."""

import time

from inbox.toolkit import hookimpl


@hookimpl
def prepare_ticket(ticket):
    time.sleep(30)
