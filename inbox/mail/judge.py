"""What is known of a message beside its words: is it spam, is its sender who it says, which machine wrote it.

Reads settings, lists and names; `inbox.mail.verdicts` does the thinking. What it finds is kept with the message as
marks (`message.extra["marks"]`), for people to see.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa

from inbox.core import settings
from inbox.core.models import Agent, Mailbox
from inbox.db import session
from inbox.mail import guards, verdicts
from inbox.mail.parse import ParsedMessage
from inbox.mail.verdicts import Mark


@dataclass(frozen=True)
class Judgement:
    """`is_spam`: a new ticket of it goes into the spam folder. `is_blocked`: its sender is kept out, so it neither
    reopens a ticket nor rings a bell."""

    is_spam: bool = False
    is_blocked: bool = False
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True)
class Names:
    """What a message's own words are held against."""

    trusted: frozenset[str]  # mail servers whose verdicts count
    people: list[tuple[str, str]]  # names of ours that somebody else might use, each with its address

    @classmethod
    def now(cls, boxes: Iterable[Mailbox]) -> Names:
        """As they are now. `boxes`: all mailboxes."""
        trusted = verdicts.server_names(str(settings.get("mail.trusted_servers")))
        agents = session().execute(sa.select(Agent.name, Agent.email).where(Agent.is_active).limit(500))
        return cls(trusted, [*((row[0], row[1]) for row in agents), *((each.name, each.address)
                                                                      for each in boxes if each.name)])


def judge(parsed: ParsedMessage, decided: tuple[str, str] | None, names: Names, ours: Collection[str]) -> Judgement:
    """Look at a message. `decided`: what was decided about its sender (`senders.verdict_in`). Who is let in must be who
    they say, where that is known."""
    trusted = names.trusted
    authentic = verdicts.authentication(parsed, trusted)
    marks: list[Mark] = []
    if authentic in ("failed", "unconfirmed") and parsed.from_ is not None:
        marks.append({"kind": f"sender_{authentic}", "domain": parsed.from_.address.rpartition("@")[2]})
    if parsed.from_ is not None and parsed.from_.name:
        marks += verdicts.name_tricks(parsed, names.people, ours)
    if decided is not None and decided[0] == "block":
        return Judgement(True, True, [*marks, {"kind": "spam_list", "sender": decided[1]}])
    said = verdicts.spam_field(parsed, trusted)
    if said is None:
        return Judgement(marks=marks)
    is_let_in = decided is not None and authentic != "failed"
    return Judgement(not is_let_in, marks=[*marks, {"kind": "spam_field", "field": said}])


def machine(parsed: ParsedMessage, bounce: guards.Bounce | None, envelope_from: str | None) -> str:
    """Which sort of machine wrote it: `bounce`, `complaint`, `receipt`, `away`, `machine`; empty for a person."""
    submitted = (parsed.header("auto-submitted") or "no").lower().split(";")[0].strip()
    if bounce is not None:
        return "bounce"
    if guards.is_feedback_report(parsed):
        return "complaint"
    if guards.is_read_receipt(parsed):
        return "receipt"
    if guards.is_out_of_office(parsed):
        return "away"
    return "machine" if submitted not in ("", "no") or envelope_from == "" else ""
