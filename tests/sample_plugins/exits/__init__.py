"""Ends the program, as a script would, in every kind of hook."""

import sys

from inbox.toolkit import hookimpl


@hookimpl
def prepare_ticket(ticket):
    sys.exit("No licence.")


@hookimpl
def message_received(ticket):
    sys.exit(3)


@hookimpl
def main_menu_links():
    sys.exit()
