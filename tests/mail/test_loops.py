"""Machines that answer each other: the exchange ends by itself, within the budget, and the admins are told."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage, MIMEPart
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from inbox.app import create_app
from inbox.config import Config
from inbox.core import circuits, settings
from inbox.core.events import Actor
from inbox.core.models import CaughtMail, Event, Notification
from inbox.db import db, session, work_context
from inbox.testing.desk import Desk
from inbox.testing.factories import make_agent, make_department, make_mailbox

SYSTEM = Actor.system("test")
BUDGET = 3
_numbers = itertools.count(1)


def furnish(app: Flask, address: str) -> Desk:
    """A desk that answers automatically, with an admin and one mailbox."""
    desk = Desk(app)
    make_agent("Ada", role="admin", email=f"ada@{address.partition('@')[2]}")
    make_mailbox(address, department=make_department("Support"))
    settings.put_all({
        "auto_reply.on": True, "automatic.per_address": BUDGET, "automatic.per_content": BUDGET,
        "auto_reply.text": "Hello {name}, thank you, we have got your message. It has number {number}."}, by=SYSTEM)
    return desk


@pytest.fixture
def ours(app: Flask) -> Desk:
    with work_context(app):
        return furnish(app, "support@ours.example")


@pytest.fixture
def theirs(config: Config, shared: Any, databases: Any, tmp_path: Path) -> Iterator[Desk]:
    """Another installation, with a database and a key of its own."""
    home = tmp_path / "theirs"
    home.mkdir(mode=0o700)
    url = databases.new(home)
    app = create_app(replace(config, home=home, database_url=url))
    with app.app_context():
        shared.lend_to(app, db.engine)
    with work_context(app):
        desk = furnish(app, "help@theirs.example")
    yield desk
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    databases.drop(url)


def hand_over(desk: Desk, mail: MIMEPart | bytes) -> list[MIMEPart]:
    """A mail arrives at a desk; what the desk sends to others because of it."""
    with work_context(desk.app):
        desk.receive_email(raw=mail if isinstance(mail, bytes) else mail.as_bytes())
        desk.deliver_events()
        return [each for each in desk.mail_out() if "ada@" not in each["To"]]


def bare(mail: MIMEPart) -> bytes:
    """The same words by a machine without manners: it names no message, and does not say that it is one."""
    plain = EmailMessage()
    plain["From"], plain["To"], plain["Subject"] = mail["From"], mail["To"], f"Your message {next(_numbers)}"
    plain["Message-ID"] = f"<{next(_numbers)}@nowhere.example>"
    plain.set_content(mail.get_body(("plain",)).get_content())
    return plain.as_bytes()


def question(sender: str = "kari@example.com", text: str = "Where is my parcel?",
             to: str = "support@ours.example") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = (
        sender, to, f"Question {next(_numbers)}", f"<{next(_numbers)}@example.com>")
    mail.set_content(text)
    return mail.as_bytes()


def play(first: bytes, ours: Desk, theirs: Desk, change: Callable[[MIMEPart], bytes | MIMEPart]) -> int:
    """Carry mail between two desks until nothing is sent any more, or far beyond any budget."""
    waiting, rounds, at = [first], 0, [ours, theirs]
    while waiting and rounds < 5 * BUDGET:
        rounds += 1
        waiting = [change(each) for each in hand_over(at[0], waiting[0])]
        at.reverse()
    return rounds


def told(desk: Desk) -> tuple[int, int]:
    """How often the admin was told in the desk and by mail."""
    with work_context(desk.app):
        in_desk = session().scalar(sa.select(sa.func.count()).select_from(Notification).where(
            Notification.path == circuits.PAGE)) or 0
        mails = session().scalars(sa.select(CaughtMail).where(CaughtMail.subject == "Automatic mail is held back"))
        return in_desk, sum(each.envelope_to[0].startswith("ada@") for each in mails)


def test_two_desks_that_say_what_they_are_answer_once(ours: Desk, theirs: Desk) -> None:
    first = question("help@theirs.example")
    assert play(first, ours, theirs, lambda mail: mail) == 2
    assert told(ours) == told(theirs) == (0, 0)


def test_two_desks_whose_headers_are_lost_stop_within_the_budget(ours: Desk, theirs: Desk) -> None:
    rounds = play(question("help@theirs.example"), ours, theirs, bare)
    assert BUDGET < rounds <= 2 * BUDGET + 2
    assert (1, 1) in (told(ours), told(theirs))
    with work_context(ours.app):
        settings.put("desk.name", "Still working", by=SYSTEM)  # the loop has left nothing half done
    assert hand_over(ours, question("kari@example.com"))  # and others are answered as ever


def test_a_responder_with_another_address_each_time_is_known_by_its_words(ours: Desk) -> None:
    answered = 0
    for number in range(2 * BUDGET):
        words = f"Dear sender {number}, this mailbox is not read any more, please write to our form. {number}"
        answered += len(hand_over(ours, question(f"robot{number}@example.net", words)))
    assert answered == BUDGET
    assert told(ours) == (1, 1)
    assert hand_over(ours, question("kari@example.com"))


def test_a_responder_that_changes_address_and_words_meets_the_budget_of_the_desk(ours: Desk) -> None:
    with work_context(ours.app):
        settings.put("automatic.per_hour", 2, by=SYSTEM)
    answered = sum(len(hand_over(ours, question(f"r{number}@x{number}.example", chr(97 + number) * 60)))
                   for number in range(4))
    assert answered == 2
    assert told(ours) == (1, 1)


def test_what_is_held_back_is_kept_with_its_reason_and_a_person_lets_it_go(ours: Desk) -> None:
    with work_context(ours.app):
        settings.put("automatic.per_address", 1, by=SYSTEM)
        admin = Actor.of(session().scalars(sa.select(circuits.Agent)).one())
    for _ in range(3):
        hand_over(ours, question())
    with work_context(ours.app):
        (circuit,) = circuits.all_open()
        assert (circuit.scope, circuit.what, circuit.most, circuit.held) == ("address", "kari@example.com", 1, 2)
        reply = session().scalars(sa.select(circuits.Message).where(circuits.Message.state == "failed")).one()
        assert reply.error == "Held back: this address got 1 automatic mails within 24 hours."
        circuits.close(circuit.id, by=admin)
        assert circuits.all_open() == []
    assert hand_over(ours, question())
    with work_context(ours.app):
        kinds = session().scalars(sa.select(Event.kind).where(Event.kind.startswith("automatic_mail"))
                                  .order_by(Event.id)).all()
        assert kinds == ["automatic_mail_held", "automatic_mail_resumed"]


def test_time_closes_a_circuit(ours: Desk, frozen_time: Any) -> None:
    with work_context(ours.app):
        settings.put("automatic.per_hour", 1, by=SYSTEM)
    for number in range(2):
        hand_over(ours, question(f"k{number}@example.com"))
    frozen_time.move(hours=2)
    with work_context(ours.app):
        assert circuits.all_open() == [] and circuits.close_due() == 1
    assert hand_over(ours, question("late@example.com"))
