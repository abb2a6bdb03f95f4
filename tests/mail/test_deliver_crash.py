"""`kill -9` at the worst moments of sending: never a silent second copy, never a message lost."""

import datetime as dt
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.config import Config
from inbox.core import messages
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Message, SendAttempt
from inbox.db import transaction, utcnow
from inbox.jobs import engine
from inbox.mail import deliver  # noqa: F401  (declares its jobs)
from inbox.testing.factories import make_agent, make_mailbox, make_ticket
from tests.support.smtp_sink import SmtpSink

ROOT = Path(__file__).parent.parent.parent
KINDS = ("mail.send",)
WORKER = """
import os, signal, sys
from pathlib import Path
from inbox.app import create_app
from inbox.config import Config
from inbox.core import sending
from inbox.jobs import engine
from inbox.mail import deliver, smtp_client

home, url, moment = sys.argv[1:]
app = create_app(Config(home=Path(home), database_url=url, testing=True))
module, name = {"accepted": (sending, "finish"), "begun": (smtp_client, "send")}[moment]
setattr(module, name, lambda *a, **o: os.kill(os.getpid(), signal.SIGKILL))
engine.run_due(app, ("mail.send",))
"""


@pytest.fixture
def message(session: Session, smtp_sink: SmtpSink) -> Message:
    mailbox = make_mailbox(outgoing="smtp", smtp_host="127.0.0.1", smtp_port=smtp_sink.port, smtp_security="none")
    ticket = make_ticket(mailbox=mailbox)
    return messages.reply(ticket, Body("On the way."), by=Actor.of(make_agent(departments=[mailbox.department])))


def kill_worker(config: Config, moment: str) -> None:
    """Run the queue in a process of its own that is killed at a moment of sending."""
    done = subprocess.run([sys.executable, "-c", WORKER, str(config.home), config.database_url, moment], cwd=ROOT,
                          timeout=60, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def run_queue(app: Flask, session: Session, later: dt.timedelta) -> None:
    """What the next worker does once the lease of the dead one has run out."""
    engine.take_back_lost(utcnow() + later)
    engine.run_due(app, KINDS, now=utcnow() + later)
    session.rollback()
    session.expire_all()


def test_killed_after_the_server_accepted(app: Flask, session: Session, config: Config, smtp_sink: SmtpSink,
                                          message: Message) -> None:
    kill_worker(config, "accepted")
    assert len(smtp_sink.messages) == 1
    for _number in range(3):
        run_queue(app, session, dt.timedelta(minutes=5))
    assert message.state == "unknown" and "may have been sent" in (message.error or "")
    assert len(smtp_sink.messages) == 1


def test_killed_before_the_text_was_handed_over(app: Flask, session: Session, config: Config, smtp_sink: SmtpSink,
                                                message: Message) -> None:
    kill_worker(config, "begun")
    assert session.scalar(sa.select(SendAttempt.outcome).where(SendAttempt.message_pk == message.id)) == "started"
    run_queue(app, session, dt.timedelta(minutes=1))
    assert message.state == "queued" and not smtp_sink.messages
    with transaction():
        message.send_after = utcnow()
    run_queue(app, session, dt.timedelta(minutes=5))
    assert message.state == "sent" and len(smtp_sink.messages) == 1
