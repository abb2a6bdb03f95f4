"""Plays the stories of the demo desk: every act at its time, through the functions a real day goes through."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parseaddr
from importlib.resources import files

import sqlalchemy as sa
from flask import Flask

from inbox.core import customers, drafts, messages, tickets
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Event, Ledger, Mailbox, Ticket
from inbox.db import at_time, session, transaction, utcnow, work_context
from inbox.demo import desk, letters
from inbox.jobs import engine
from inbox.mail import deliver, ledger, receive  # noqa: F401  (deliver and receive declare what runs the jobs)

LANGUAGES = ("en", "nb", "th", "ja", "zh")
JOBS = ("mail.process", "mail.send")
BERGEN = dt.timezone(dt.timedelta(hours=1))  # near enough, and needs no table of time zones
_AGO = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?")
_DAYS = re.compile(r"(\d+)d(?: (\d\d):(\d\d))?")


@dataclass(frozen=True)
class Act:
    """Something that happened: when, in which story, by whom ("mail": a customer wrote), what, words."""

    at: dt.datetime
    story: str
    who: str
    words: tuple[str, ...]

    @property
    def makes_jobs(self) -> bool:
        """True when something is to be taken in or sent afterwards."""
        return self.who in ("mail", "held") or self.words[0] in ("reply", "open")


def acts(now: dt.datetime) -> list[Act]:
    """Every act of every story in the order of time, as seen from `now`."""
    found = []
    for language in LANGUAGES:
        text = files("inbox.demo").joinpath("stories", f"{language}.toml").read_text("utf-8")
        for story, content in tomllib.loads(text).items():
            found += [Act(moment(when, now), story, who, tuple(words)) for when, who, *words in content["acts"]]
    return sorted(found, key=lambda act: act.at)  # a stable sort: acts of one minute keep their order


def moment(when: str, now: dt.datetime) -> dt.datetime:
    """`42m` and `3h10m` are that long before `now`, `2d 09:42` is a time in Bergen some days before."""
    if days := _DAYS.fullmatch(when):
        if days[2] is None:
            return now - dt.timedelta(days=int(days[1]))
        day = now.astimezone(BERGEN) - dt.timedelta(days=int(days[1]))
        return day.replace(hour=int(days[2]), minute=int(days[3]), second=0, microsecond=0).astimezone(dt.UTC)
    ago = _AGO.fullmatch(when)
    if not ago or not when:
        raise ValueError(f"{when!r} is no time of a story.")
    return now - dt.timedelta(hours=int(ago[1] or 0), minutes=int(ago[2] or 0))


def play(app: Flask) -> None:
    """Play everything, from the first message two weeks ago to the last one minutes ago."""
    cast: dict[str, int] = {}  # story → ticket
    for act in acts(utcnow().replace(microsecond=0)):
        with at_time(act.at):
            with work_context(app):
                _do(act, cast)
            if act.makes_jobs:
                engine.run_due(app, JOBS)
            if act.who == "mail":
                with work_context(app):
                    _cast(act.story, cast)
    with work_context(app):
        _close_the_books()


def _do(act: Act, cast: dict[str, int]) -> None:
    if act.who in ("mail", "held"):
        _mail(act, cast.get(act.story))
        return
    by = Actor.of(desk.agent(act.who))
    verb, *words = act.words
    if verb == "open":
        cast[act.story] = _open(by, *words)
        return
    with transaction() as current:
        ticket = current.get_one(Ticket, cast[act.story])
        VERBS[verb](ticket, by, *words)
        if by.agent is not None and verb != "assign":
            tickets.mark_seen(ticket, by.agent)


def _mail(act: Act, ticket_id: int | None) -> None:
    """A message arrives. One that is `held` is met as if the program had ended twice while it read it."""
    letter = letters.write(act.words[0], act.at, letters.context(ticket_id))
    mailbox = session().scalars(sa.select(Mailbox).where(Mailbox.address == letter.to)).one()
    row = ledger.arrive(letter.raw, source="smtp", mailbox_id=mailbox.id, envelope_from=letter.envelope_from,
                        envelope_to=[letter.to], remote="127.0.0.1")
    if act.who == "held":
        with transaction() as current:
            current.get_one(Ledger, row).attempts = ledger.MAX_ATTEMPTS


def _cast(story: str, cast: dict[str, int]) -> None:
    """Remember which ticket the newest message became."""
    newest = session().scalars(sa.select(Ledger).order_by(Ledger.id.desc()).limit(1)).one()
    if newest.ticket_id is not None:
        cast.setdefault(story, newest.ticket_id)


def _open(by: Actor, department: str, customer: str, subject: str, text: str) -> int:
    name, address = parseaddr(customer)
    person = customers.find_or_create(address, name, by=by)
    return messages.open_ticket(by=by, department=desk.department(department), customer=person, subject=subject,
                                body=Body(text.strip()), mail_it=True).id


# --- verbs ------------------------------------------------------------------------------------------------------


def _reply(ticket: Ticket, by: Actor, text: str, status: str | None = None) -> None:
    messages.reply(ticket, Body(text.strip()), by=by, status=status)


def _note(ticket: Ticket, by: Actor, text: str) -> None:
    messages.note(ticket, Body(text.strip()), by=by)


def _draft(ticket: Ticket, by: Actor, text: str) -> None:
    drafts.save(by=by, kind="reply", body=Body(text.strip()), ticket=ticket)


def _assign(ticket: Ticket, by: Actor, login: str) -> None:
    tickets.assign(ticket, desk.agent(login), by=by)


def _tag(ticket: Ticket, by: Actor, *names: str) -> None:
    for name in names:
        tickets.tag(ticket, name, by=by)


def _snooze(ticket: Ticket, by: Actor, days: str) -> None:
    tickets.snooze(ticket, utcnow() + dt.timedelta(days=int(days.removesuffix("d"))), by=by)


VERBS: dict[str, Callable[..., None]] = {
    "reply": _reply,
    "note": _note,
    "draft": _draft,
    "assign": _assign,
    "tag": _tag,
    "snooze": _snooze,
    "status": lambda ticket, by, status: tickets.set_status(ticket, status, by=by),
    "priority": lambda ticket, by, priority: tickets.set_priority(ticket, priority, by=by),
    "spam": lambda ticket, by: tickets.mark_spam(ticket, by=by),
    "trash": lambda ticket, by: tickets.trash(ticket, by=by),
}


def _close_the_books() -> None:
    """What has been played is history: nobody is notified of it now."""
    with transaction() as current:
        current.execute(sa.update(Event).where(Event.dispatched_at.is_(None)).values(dispatched_at=Event.at))
