"""Runs queries that fail, and hides half of them."""

import contextlib

import sqlalchemy as sa

from inbox.toolkit import hookimpl, session

NOWHERE = sa.text("SELECT * FROM badquery_nowhere")


@hookimpl
def prepare_ticket(ticket):
    with contextlib.suppress(sa.exc.SQLAlchemyError):
        session().execute(NOWHERE)


@hookimpl
def message_received(ticket):
    session().execute(NOWHERE)


@hookimpl
def ticket_sidebar_panels(ticket):
    with contextlib.suppress(sa.exc.SQLAlchemyError):
        session().execute(NOWHERE)


@hookimpl
def ticket_buttons(ticket):
    session().execute(NOWHERE)
