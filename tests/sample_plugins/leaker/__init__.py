"""Leaves open what it opens, and commits what is not its own."""

import sqlalchemy as sa

from inbox.toolkit import hookimpl, session, transaction

kept = []


@hookimpl
def message_received(ticket):
    kept.append(transaction())
    kept[-1].__enter__().execute(sa.text("UPDATE ticket SET subject = 'leaked'"))


@hookimpl
def main_menu_links():
    kept.append(session().get_bind().connect())
    kept[-1].execute(sa.text("UPDATE ticket SET subject = 'leaked'"))


@hookimpl
def ticket_sidebar_panels(ticket):
    kept.append(session().begin_nested())


@hookimpl
def ticket_buttons(ticket):
    session().commit()
