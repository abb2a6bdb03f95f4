"""Whose mail it is: aliases, plus-parts, a catch-all; and one ticket, in the right department, of several mailboxes."""

import pytest
import sqlalchemy as sa

from inbox.core import mailboxes
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Ledger, Mailbox, Ticket
from inbox.db import session
from inbox.mail import ledger, receive
from inbox.testing.factories import make_agent
from tests.mail.conftest import letter
from tests.web.browse import Visitor

SYSTEM = Actor.system("test")


@pytest.fixture
def support(session, mailbox) -> Mailbox:
    return session.get(Mailbox, mailbox)


@pytest.fixture
def returns(session, mailbox) -> Mailbox:
    return session.scalar(sa.select(Mailbox).where(Mailbox.address == "returns@desk.example"))


def whose(address):
    found = ledger.mailbox_for(address)
    return found.address if found else None


def test_aliases_plus_parts_and_a_catch_all(support, returns):
    assert whose("help@desk.example") is None
    mailboxes.set_addresses(support, ["Help@desk.example", "hilfe@elsewhere.example"], False, by=SYSTEM)
    mailboxes.set_addresses(returns, [], True, by=SYSTEM)
    assert whose("HELP+order7@desk.example") == "support@desk.example"
    assert whose("hilfe@elsewhere.example") == "support@desk.example"
    assert whose("whatever@desk.example") == "returns@desk.example"
    assert whose("whatever@elsewhere.example") is None
    assert "help@desk.example" in mailboxes.own_addresses()


def test_an_address_belongs_to_one_mailbox(support, returns):
    mailboxes.set_addresses(support, ["help@desk.example"], True, by=SYSTEM)
    for wrong in (["help@desk.example"], ["support@desk.example"], ["returns@desk.example"], ["nonsense"]):
        with pytest.raises(Invalid):
            mailboxes.set_addresses(returns, wrong, False, by=SYSTEM)
    with pytest.raises(Invalid):
        mailboxes.set_addresses(returns, [], True, by=SYSTEM)
    with pytest.raises(Invalid):
        mailboxes.create(by=SYSTEM, address="help@desk.example", department=support.department)


def take(raw, *boxes):
    rows = [ledger.arrive(raw, source="smtp", mailbox_id=each.id) for each in boxes]
    for row in rows:
        receive.process(row)
    return [session().get(Ledger, row, populate_existing=True) for row in rows]


@pytest.mark.parametrize("turn", [1, -1])
def test_one_message_to_several_mailboxes_is_one_ticket_where_to_says_first(support, returns, turn):
    raw = letter(to="Kari <kari@example.com>, returns@desk.example, support@desk.example", sender="ola@example.com")
    first, second = take(raw, *[support, returns][::turn])
    assert (first.fate, second.fate, second.ticket_id) == ("created", "duplicate", first.ticket_id)
    assert session().get(Ticket, first.ticket_id).department_id == returns.department_id


def test_to_comes_before_cc_and_an_alias_is_as_good(support, returns):
    mailboxes.set_addresses(returns, ["back@desk.example"], False, by=SYSTEM)
    (row,) = take(letter(to="back@desk.example", Cc="support@desk.example"), support)
    assert session().get(Ticket, row.ticket_id).department_id == returns.department_id


def test_a_blind_copy_stays_with_the_mailbox_it_came_to(support, returns):
    (row,) = take(letter(to="somebody@example.com"), returns)
    assert session().get(Ticket, row.ticket_id).department_id == returns.department_id


def test_mail_from_an_alias_of_ours_is_answered_by_no_machine(support):
    mailboxes.set_addresses(support, ["help@desk.example"], False, by=SYSTEM)
    (row,) = take(letter(sender="help@desk.example"), support)
    assert session().scalar(sa.select(receive.Message.is_automatic).where(receive.Message.ledger_id == row.id))


def test_an_admin_gives_a_mailbox_other_addresses(app, support):
    admin = Visitor(app).sign_in(make_agent("Ada", role="admin"))
    page = f"/settings/mailboxes/{support.id}"
    admin.post(f"{page}/addresses", {"aliases": "help@desk.example, hi@desk.example", "takes_all": "1"}, page=page)
    stored = session().get(Mailbox, support.id)
    assert (stored.aliases, stored.takes_all) == (["help@desk.example", "hi@desk.example"], True)
    admin.post(f"{page}/addresses", {"aliases": "returns@desk.example"}, page=page)
    assert "returns@desk.example belongs to a mailbox already." in admin.get(page).text
