"""When the rules for bodies change, stored ones are cleaned again: from the original, or from what is stored."""

import hashlib

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from inbox.core.models import BODY_POLICY, Ledger, Message
from inbox.db import db, transaction
from inbox.mail import ledger, receive, renew, sanitise
from inbox.testing.factories import make_mailbox, make_message, make_ticket

RULES = "6028ed62"
RAW = (b"From: maja@example.com\r\nTo: support@desk.example\r\nSubject: Lamp\r\nMessage-ID: <lamp@example.com>\r\n"
       b"Content-Type: text/html\r\n\r\n<p style='color:red'>Hello <b>there</b></p><img src='https://t.example/p.png'>")
OLD = '<p onclick="x()">Old</p><img alt="" data-remote-src="https://t.example/o.png">'


@pytest.fixture
def received(session: Session) -> Message:
    """A message from a mail whose original is kept, cleaned by rules of before."""
    row = ledger.arrive(RAW, source="smtp", mailbox_id=make_mailbox("support@desk.example").id)
    receive.process(row)
    return session.scalars(sa.select(Message)).one()


def aged(*messages: Message) -> None:
    with transaction():
        for each in messages:
            each.html, each.body_policy = OLD, 0


def test_a_body_is_made_again_from_its_original(received: Message) -> None:
    made = received.html
    aged(received)
    renew.renew({})
    db.session.refresh(received)
    assert received.html == made and "https://t.example/p.png" in made
    assert (received.body_policy, received.needs_frame) == (BODY_POLICY, True)


def test_without_its_original_the_stored_body_is_cleaned(received: Message) -> None:
    written = make_message(make_ticket(), "a", html="<p>Hi</p>")
    aged(received, written)
    with transaction() as current:
        current.execute(sa.update(Ledger).values(raw_purged_at=sa.func.current_timestamp()))
    renew.renew({})
    for each in (received, written):
        db.session.refresh(each)
        assert each.html == '<p>Old</p><img alt="" data-remote-src="https://t.example/o.png">'
        assert each.body_policy == BODY_POLICY


def test_a_batch_after_the_other_until_none_is_left(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renew, "BATCH", 2)
    ticket = make_ticket()
    aged(*(make_message(ticket, str(n), html="<p>Hi</p>") for n in range(5)))
    assert [renew.renew_some() for _ in range(4)] == [2, 2, 1, 0]


def test_whoever_changes_the_rules_gives_them_a_new_number() -> None:
    """Changed on purpose? Raise BODY_POLICY, so that what is stored is cleaned again; then put the new value here."""
    lists = (sanitise._TAGS, sanitise._GONE, sanitise._PROPERTIES, sanitise._FUNCTIONS, sanitise._DISPLAY,
             sanitise._REFUSED_TOKENS, sanitise._REFUSED_WORDS)
    rules = [*map(sorted, lists), sorted((tag, sorted(names)) for tag, names in sanitise._ATTRIBUTES.items())]
    assert (BODY_POLICY, hashlib.sha256(repr(rules).encode()).hexdigest()[:8]) == (1, RULES)
