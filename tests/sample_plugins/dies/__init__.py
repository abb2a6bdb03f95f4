"""Ends the process at once, without any exception, while a page is drawn."""

import os

from inbox.toolkit import hookimpl


@hookimpl
def ticket_menu_items(ticket):
    os._exit(9)
