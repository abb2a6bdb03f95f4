"""Sends what is queued: through the mailbox's server or into the catcher, with every attempt on record.

A message is claimed and its attempt committed before the first byte goes over the line. What happens when the program
ends in between: before the text was handed over it is sent again; after that nobody knows, and a person decides.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from inbox import secrets
from inbox.blobs import StoreAway
from inbox.core import attachments, circuits, departments, logins, messages, notices, queue, sending
from inbox.core.errors import CoreError
from inbox.core.models import Department, Mailbox, MailboxLogin, Message, Recipient, Reference, SendAttempt, Ticket
from inbox.db import session, transaction, utcnow
from inbox.jobs.engine import handler
from inbox.mail import answers, catcher, compose, dkim, mime, oauth, quote, smtp_client
from inbox.mail.sanitise import show_remote
from inbox.mail.smtp_client import Account, Result, test_connection

__all__ = ["Account", "account_of", "send", "send_system", "test_connection"]
log = logging.getLogger(__name__)

# Seconds before the next try, two days in all; then it counts as refused.
DELAYS = (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200, 57600, 14400)
PATIENCE = (1, 5, 20)  # seconds between tries to store an outcome, beside the database's own busy time-out
FORGOTTEN = dt.timedelta(hours=1)  # longer than the longest attempt can last
NO_MAILBOX = ("There is no mailbox to send from: this department has none and the ticket came through none. "
              "Set one up, then send again.")


class CannotSend(Exception):
    """The message cannot be sent as things are; the text says what to do about it."""


@handler("mail.send", lane="sending")
def send_job(args: dict[str, Any]) -> None:
    """Job: send one message, `args["message"]`."""
    send(int(args["message"]))


@handler("mail.system", lane="sending", retries=8)
def system_job(args: dict[str, Any]) -> None:
    """Job: send one mail of the desk itself: `to`, `subject`, `text`, and perhaps `name`, `html` and `answer` (what
    becomes of an answer to it, see `inbox.core.notifications`)."""
    send_system((args.get("name", ""), args["to"]), args["subject"], args["text"], html=args.get("html"),
                answer=args.get("answer"))


@handler("mail.sweep", every=dt.timedelta(minutes=10))
def sweep_job(args: dict[str, Any]) -> None:
    """Job: find messages whose own job was lost, and queue them again; close circuits whose time is over."""
    circuits.close_due()
    for message_pk in sending.forgotten(utcnow() - FORGOTTEN):
        log.warning("Message %s waited for more than an hour without being sent; it is queued again.", message_pk)
        sending.send_again(message_pk)


def send(message_pk: int) -> None:
    """Send a queued message, or settle what a run before this one left behind. Nothing to do is no error."""
    message = session().get(Message, message_pk, populate_existing=True)
    if message is None:
        return
    if message.state == "sending":
        _settle_left_behind(message)
        return
    mailbox = mailbox_for(message)
    attempt = sending.begin(message_pk, message_id=None if mailbox is None else compose.signed_message_id(
        message.ticket_id or 0, message.id, mailbox.address, key()))
    if attempt is None:
        return
    try:
        _attempt(attempt, mailbox)
    except (CannotSend, CoreError, mime.AddressError, secrets.SecretLost) as error:
        sending.finish(attempt, "refused", str(error))
    except StoreAway as error:  # before anything was said to a mail server
        session().rollback()
        _remember(attempt, Result("later", f"Its files cannot be read just now: {error}"))


def _attempt(attempt: SendAttempt, mailbox: Mailbox | None) -> None:
    if mailbox is None:
        raise CannotSend(NO_MAILBOX)
    message = session().get_one(Message, attempt.message_pk)
    letter = letter_for(message, mailbox)
    composed = compose.compose(letter)
    recipients = [each.address for each in sending.recipients_left(message)]
    if mailbox.outgoing == "catcher":
        catcher.catch(composed.data, sender=mailbox.address, recipients=recipients, subject=letter.subject,
                      message=message, attempt=attempt)
        return
    data = dkim.signed(composed.data, mailbox.address)
    try:
        account = account_of(mailbox)
    except oauth.LoginTrouble as trouble:
        _remember(attempt, Result("later", trouble.words))
        return
    session().rollback()  # ends the read: no database snapshot is held while the server takes its time
    result = smtp_client.send(account, mailbox.address, recipients, data,
                              needs_smtputf8=composed.needs_smtputf8,
                              before_text=lambda: sending.handed_over(attempt))
    if result.step == "login" and mailbox.sign_in != "password":
        logins.forget_access(mailbox.id)
    _remember(attempt, result)


def _remember(attempt: SendAttempt, result: Result) -> None:
    """Record what the server said, with patience: what is not recorded now is "unknown" later."""
    for pause in PATIENCE:
        try:
            _finish(attempt, result)
            return
        except OperationalError as error:
            log.warning("The outcome of sending cannot be stored yet (%s): %s", error.orig, result.outcome)
            session().rollback()
            time.sleep(pause)
    _finish(attempt, result)


def _finish(attempt: SendAttempt, result: Result) -> None:
    message = session().get(Message, attempt.message_pk)
    if message is None:
        return
    outcome, response, retry_at = result.outcome, result.response, None
    if outcome == "later" or result.delayed:
        wait = next_delay(message)
        if wait is None and outcome == "later":
            outcome, response = "refused", f"Given up after two days. The last answer was: {response}"
        retry_at = utcnow() + dt.timedelta(seconds=wait or DELAYS[0])
    mailbox = mailbox_for(message)
    with transaction():
        sending.finish(attempt, outcome, response, refused=result.refused, delayed=result.delayed, retry_at=retry_at)
        if outcome == "sent" and mailbox is not None and mailbox.sent_folder:
            queue.enqueue("mail.sent_copy", {"message": message.id}, key=f"copy:{message.id}")


def _settle_left_behind(message: Message) -> None:
    """This message's earlier run ended in the middle: the job's lease is ours now, so that run is no more."""
    attempt = sending.left_behind(message)
    if attempt is None:
        return
    if attempt.outcome == "handed":
        _finish(attempt, Result("unknown", "The program ended while the message was being handed over. "
                                           "It may have been sent."))
    else:
        _finish(attempt, Result("later", "The program ended before the message was handed over."))


def next_delay(message: Message) -> int | None:
    """Seconds until the next try, growing with each; None when there were enough."""
    count = sending.tries(message)
    return DELAYS[count] if count < len(DELAYS) else None


# --- what is sent, and through what -----------------------------------------------------------------------------


def key() -> bytes:
    """What our Message-IDs are signed with: this installation's own."""
    return secrets.derived_key("message-id")


def mailbox_for(message: Message) -> Mailbox | None:
    """The department's own outgoing mailbox, else the ticket's, else the first that feeds the department."""
    ticket = session().get_one(Ticket, message.ticket_id)
    department = session().get_one(Department, ticket.department_id)
    for mailbox_id in (department.mailbox_id, ticket.mailbox_id, messages.mailbox_of(department)):
        mailbox = session().get(Mailbox, mailbox_id) if mailbox_id is not None else None
        if mailbox is not None and mailbox.is_active:
            return mailbox
    return None


def account_of(mailbox: Mailbox) -> Account:
    """The mailbox's outgoing account, its password readable, or a token of its OAuth provider (which may be asked).

    Raises SecretLost, mime.AddressError, oauth.LoginTrouble.
    """
    if mailbox.sign_in != "password" and mailbox.smtp_user:
        hello = mime.wire_address(mailbox.address).rpartition("@")[2]
        where = (mailbox.smtp_host, mailbox.smtp_port, mailbox.smtp_security, mailbox.smtp_user)
        return Account(*where, "", hello, mailbox.sign_in, oauth.access_token(mailbox.id))
    password = secrets.decrypt(mailbox.smtp_password) if mailbox.smtp_password else ""
    hello = mime.wire_address(mailbox.address).rpartition("@")[2]
    return Account(mailbox.smtp_host, mailbox.smtp_port, mailbox.smtp_security, mailbox.smtp_user, password, hello)


def letter_for(message: Message, mailbox: Mailbox) -> compose.Letter:
    """A reply or forward as a letter: sender, threading, signature, quote, files. Raises NotFound for lost files."""
    ticket = session().get_one(Ticket, message.ticket_id)
    department = session().get_one(Department, ticket.department_id)
    parent = _parent(message)
    is_forward = message.kind == "forward"
    answered = _parent(message, with_id=True) if not is_forward else None
    in_reply_to = answered.message_id if answered is not None else None
    subject = message.subject or ticket.subject
    if is_forward:
        subject = compose.forward_subject(subject)
    elif parent is not None:
        subject = compose.reply_subject(subject)
    name = department.sender_name or department.name
    return compose.Letter(
        sender=(name, mailbox.address), to=_addresses(message.recipients, "to"), subject=subject,
        cc=_addresses(message.recipients, "cc"), message_id=message.message_id or "", date=message.at,
        text=message.text, html=show_remote(message.html) if message.html else None, in_reply_to=in_reply_to,
        references=compose.references(_references(answered), in_reply_to) if answered and in_reply_to else (),
        signature="" if message.is_automatic else departments.signature(department, message.agent),
        quote=quote.for_message(message, parent, ticket), files=_files(message),
        automatic="auto-replied" if message.is_automatic or message.author_kind == "system" else "")


def _addresses(recipients: Sequence[Recipient], role: str) -> list[tuple[str, str]]:
    return [(each.name, each.address) for each in recipients if each.role == role]


def _parent(message: Message, *, with_id: bool = False) -> Message | None:
    """What a message answers: the last received one before it, else our own last one.

    `with_id` leaves out those that came without a Message-ID: they are quoted, but nothing can refer to them.
    """
    before = (sa.select(Message).where(Message.ticket_id == message.ticket_id, Message.at <= message.at,
                                       Message.id != message.id)
              .order_by(Message.at.desc(), Message.id.desc()).limit(1))
    has_id = Message.message_id.is_not(None)
    received = before.where(Message.kind == "received", *([has_id] if with_id else []))
    return session().scalar(received) or session().scalar(before.where(Message.kind == "reply", has_id))


def _references(parent: Message) -> list[str]:
    named = list(session().scalars(sa.select(Reference.value).where(Reference.message_pk == parent.id)
                                   .order_by(Reference.position)))
    if named or parent.kind == "received":
        return named
    return [each for each in session().scalars(
        sa.select(Message.message_id).where(Message.ticket_id == parent.ticket_id, Message.at < parent.at,
                                            Message.message_id.is_not(None)).order_by(Message.at).limit(20)) if each]


def _files(message: Message) -> list[compose.File]:
    return [compose.File(each.filename, each.content_type, attachments.read(each.sha256), each.content_id)
            for each in message.attachments]


# --- mail of the desk itself --------------------------------------------------------------------------------------


class NotSent(Exception):
    """Mail of the desk could not be handed over this time; the job is tried again."""


def send_system(to: tuple[str, str], subject: str, text: str, *, html: str | None = None,
                answer: dict[str, Any] | None = None) -> None:
    """Send a notification or a forgotten password, `to` being `(name, address)`. Raises NotSent to be tried again.

    Where nobody knows whether the server took it, it is not sent twice.
    """
    mailbox = system_mailbox()
    if mailbox is None:
        log.error("Mail to %s cannot be sent: no mailbox is set up. The subject was: %s", to[1], subject)
        return
    said = (answer or {}).pop("words", "")
    reply_to = answers.address(mailbox.address, **answer) if answer else ""
    if reply_to:
        text = f"{text.rstrip()}\n\n{said}\n"
    try:
        composed = compose.compose_system(to, subject, text, html=html, date=utcnow(), reply_to=reply_to,
                                          sender=(mailbox.name or quote.desk_name(), mailbox.address),
                                          message_id=compose.system_message_id(mailbox.address, key()))
        if mailbox.outgoing == "catcher":
            catcher.catch(composed.data, sender=mailbox.address, recipients=[to[1]], subject=subject)
            return
        data, account = dkim.signed(composed.data, mailbox.address), account_of(mailbox)
    except (mime.AddressError, secrets.SecretLost) as error:
        log.error("Mail to %s cannot be sent: %s", to[1], error)
        return
    except oauth.LoginTrouble as trouble:
        raise NotSent(trouble.words) from trouble
    session().rollback()
    result = smtp_client.send(account, mailbox.address, [to[1]], data, needs_smtputf8=composed.needs_smtputf8)
    if result.outcome == "later":
        raise NotSent(result.response)
    if result.outcome != "sent":
        log.error("Mail to %s: %s: %s", to[1], result.outcome, result.response)
    notices.came_back(list(result.refused), result.response)


def system_mailbox() -> Mailbox | None:
    """The mailbox that mail of the desk goes out by: the first active one, a real server before the catcher.

    One whose provider refuses us comes last: the warning about it has to find another way.
    """
    return session().scalar(
        sa.select(Mailbox).outerjoin(MailboxLogin, MailboxLogin.mailbox_id == Mailbox.id).where(Mailbox.is_active)
        .order_by(sa.case((Mailbox.outgoing == "smtp", 0), else_=1),
                  sa.case((MailboxLogin.error.is_(None), 0), else_=1), Mailbox.id).limit(1))
