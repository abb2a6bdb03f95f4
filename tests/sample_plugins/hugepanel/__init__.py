"""Fills the page with one panel."""

from inbox.toolkit import Panel, hookimpl


@hookimpl
def ticket_sidebar_panels(ticket):
    return [Panel("Everything", facts={f"Line {number}": "x" * 1000 for number in range(10_000)})]
