"""Agents answer a notification by mail: its Reply-To is an address of the desk that bears a token, for one answer.

`support+r1f3-k3j9dh2k4m5n6p7q@…`: what the answer becomes (r: a reply, n: a note), which notification it answers, and a
signature over both, the agent and the ticket. The token alone says who writes; From is never asked. What cannot be
taken is held in the ledger with its reason; it never becomes a customer's ticket.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from inbox import secrets
from inbox.core import answers, permissions
from inbox.core.attachments import StoredFile
from inbox.core.errors import CoreError, Stale
from inbox.core.models import Agent, Notification, Ticket
from inbox.db import transaction
from inbox.mail import body as bodies
from inbox.mail import guards, thread
from inbox.mail.parse import ParsedMessage

LETTERS = {"reply": "r", "note": "n"}
MOST_LOCAL = 64  # characters before the @ (RFC 5321, 4.5.3.1.1)
Found = tuple[Notification, Agent | None, Ticket | None]
Settle = Callable[[str, str, int | None], str]  # fate, reason, ticket; returns the fate
_TOKEN = re.compile(r"([rn])([0-9a-f]{1,15})-([a-z2-7]{16})")

KEPT = "An agent answered a notification, but somebody wrote in the ticket meanwhile: it waits as the agent's draft."
TAKEN = {"reply": "An agent answered a notification: it became a reply to the customer.",
         "note": "An agent answered a notification: it became a note."}
MACHINE = "This is the automatic answer of a machine to a notification of this desk."
UNKNOWN = "Held: it was sent to the address for the answer to a notification, but there is no such notification."
USED = "Held: the address for the answer to a notification works once, and this one was used already."
EXPIRED = "Held: the address for the answer to a notification works for 30 days, and this one is older."
NOT_ALLOWED = "Held: the agent whom this notification was sent to may not answer in this ticket any more."
DOUBTFUL = "Held: it answers a notification, but perhaps no person wrote it. {why}"
NO_WORDS = "Held: it answers a notification, but says nothing of its own."
REFUSED = "Held: this answer to a notification could not be taken. {why}"
AGAIN = "This answer to a notification was taken already."


@dataclass(frozen=True)
class Token:
    """What stands in an address, not yet believed."""

    kind: str
    notification_id: int
    signature: str


@dataclass(frozen=True)
class Verdict:
    """The fate of a message, and why."""

    fate: str
    reason: str = ""
    ticket_id: int | None = None


def address(mailbox_address: str, kind: str, *, notification_id: int, agent_id: int, ticket_id: int) -> str:
    """The address an agent's answer goes to; empty where a mailbox has no room for it."""
    local, _, domain = mailbox_address.rpartition("@")
    signature = _sign(kind, notification_id, agent_id, ticket_id)
    found = f"{local}+{LETTERS[kind]}{notification_id:x}-{signature}"
    return f"{found}@{domain}" if len(found) <= MOST_LOCAL and "+" not in local else ""


def _sign(kind: str, notification_id: int, agent_id: int, ticket_id: int) -> str:
    told = f"{kind}:{notification_id}:{agent_id}:{ticket_id}".encode()
    digest = hmac.new(secrets.derived_key("answer"), told, hashlib.sha256).digest()
    return base64.b32encode(digest[:10]).decode().lower()


def token_in(addresses: Iterable[str]) -> Token | None:
    """The token of the first address that bears one."""
    for each in addresses:
        found = _TOKEN.fullmatch(each.rpartition("@")[0].partition("+")[2].lower())
        if found:
            kind = next(kind for kind, letter in LETTERS.items() if letter == found[1])
            return Token(kind, int(found[2], 16), found[3])
    return None


def addressed(parsed: ParsedMessage, envelope_to: Sequence[str]) -> list[str]:
    """Where a message was sent to: by its envelope, and by its header where it was fetched from a folder."""
    named = [each.address for each in [*parsed.to, *parsed.cc][:100]]
    marked = [(parsed.header(name) or "").strip("<> ") for name in ("delivered-to", "x-original-to", "envelope-to")]
    return [*envelope_to, *named, *marked]


def take(token: Token, parsed: ParsedMessage, *, is_quiet: bool, envelope_from: str | None, ledger_id: int,
         files: Callable[[], list[StoredFile]], settle: Settle) -> str:
    """Give an answer its fate, and return it. `settle` writes it: where the answer is taken, in one transaction."""
    found = answers.of(token.notification_id)
    refused = _refuse(token, found, parsed, is_quiet, envelope_from)
    text = "" if refused else bodies.build(parsed).text_visible.strip()
    if all(line.startswith(">") for line in text.splitlines() if line.strip()):  # the notification, sent back
        text = ""
    if refused is None and not text:
        refused = Verdict("quarantined", NO_WORDS)
    if refused is not None or found is None:
        return _turn_away(refused or Verdict("quarantined", UNKNOWN), found, settle)
    notification, agent, ticket = found
    return _store(token.kind, notification, agent, thread.survivor(ticket), text, files=files(), parsed=parsed,
           ledger_id=ledger_id, settle=settle)


def _turn_away(verdict: Verdict, found: Found | None, settle: Settle) -> str:
    """Write the fate. Where the address was a true one, its agent is told that nothing went out."""
    with transaction():
        fate = settle(verdict.fate, verdict.reason, verdict.ticket_id)
        agent, ticket = found[1:] if found is not None else (None, None)
        is_held = verdict.fate == "quarantined" and verdict.reason != UNKNOWN
        if is_held and agent is not None and ticket is not None and permissions.may(agent, "view", ticket):
            answers.tell(agent, ticket, verdict.reason)
    return fate


def _refuse(token: Token, found: Found | None, parsed: ParsedMessage, is_quiet: bool,
            envelope_from: str | None) -> Verdict | None:
    """Why an answer is not taken, or None."""
    if is_quiet:
        return Verdict("ignored", MACHINE)
    if found is None or not hmac.compare_digest(token.signature, _sign(
            token.kind, token.notification_id, found[0].agent_id, found[0].ticket_id or 0)):
        return Verdict("quarantined", UNKNOWN)
    notification, agent, ticket = found
    ticket = thread.survivor(ticket)
    if notification.answered_at is not None:
        is_same = parsed.message_id is not None and parsed.message_id == notification.answered_with
        return Verdict("duplicate", AGAIN, notification.ticket_id) if is_same else Verdict("quarantined", USED)
    if answers.is_over(notification):
        return Verdict("quarantined", EXPIRED)
    if ticket is None or not permissions.may(agent, token.kind, ticket):
        return Verdict("quarantined", NOT_ALLOWED)
    why = guards.is_automatic(parsed, envelope_from)
    return Verdict("quarantined", DOUBTFUL.format(why=why)) if why else None


def _store(kind: str, notification: Notification, agent: Agent | None, ticket: Ticket | None, text: str, *,
           files: list[StoredFile], parsed: ParsedMessage, ledger_id: int, settle: Settle) -> str:
    assert agent is not None and ticket is not None  # `_refuse` has looked
    found = (notification, agent, ticket)
    try:
        return answers.take(notification, ticket, agent, kind, text, files=files, message_id=parsed.message_id,
                            ledger_id=ledger_id,
                            settle=lambda at, is_sent: settle("appended", TAKEN[kind] if is_sent else KEPT, at))
    except Stale:  # another copy was faster
        return _turn_away(Verdict("quarantined", USED), found, settle)
    except CoreError as problem:
        return _turn_away(Verdict("quarantined", REFUSED.format(why=problem)), found, settle)
