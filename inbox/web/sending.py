"""Around sending: how a form wants it sent, undo while it can be undone, and what is said when somebody was faster."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, request, session, url_for
from flask_babel import ngettext

from inbox.core import answering, drafts, events, outgoing_hold, overtaken, permissions, tickets
from inbox.core.answering import Wishes
from inbox.core.attachments import StoredFile
from inbox.core.errors import Invalid
from inbox.core.messages import Body, Sending
from inbox.core.models import Message, Ticket
from inbox.db import transaction, utcnow
from inbox.web import snooze
from inbox.web.auth import actor, me
from inbox.web.desk import Place
from inbox.web.htmx import go_to, wants_partial
from inbox.web.i18n import gettext
from inbox.web.macros import acts_from_form, snooze_end

blueprint = Blueprint("sending", __name__)
TYPED = "typed"  # in place of a time: what stands in the field `until`
MOST_TOASTS = 3


# --- what a form asks for ---------------------------------------------------------------------------------------


def how_from_form(form: Any, typed: Mapping[str, Any]) -> Sending:
    """Send now, with what becomes of the ticket, or later. What is sent now can be undone for some seconds."""
    known = form.get("known", "")
    status = form.get("status") if form.get("status") in ("open", "pending", "closed") else None
    wishes = _wishes(form, status)
    has_wish = wishes.status is not None or wishes.snooze is not None
    is_typed = form.get("until", "").strip() and not has_wish  # Enter in that field presses no button of its own
    later = form.get("later") or (TYPED if is_typed else "")
    wait = outgoing_hold.until(_time(later)) if later else outgoing_hold.for_undo()
    return Sending(wishes, wait, int(known) if known.isdecimal() and len(known) < 19 else None, typed)


def _wishes(form: Any, status: str | None) -> Wishes:
    """What the button says, and what saved replies do beside; of the two the button counts more."""
    snooze_until = _time(form["snooze"]) if form.get("snooze") else None
    acts = acts_from_form(form)
    if status is None and snooze_until is None:
        status = next((each.value for each in acts if each.kind == "status"), None)
        snooze_until = next((snooze_end(each.value) for each in acts if each.kind == "snooze"), None)
    return Wishes(status, snooze_until, tuple(str(each) for each in acts if each.kind not in ("status", "snooze")))


def _time(value: str) -> dt.datetime:
    if value == TYPED:
        return snooze.chosen()
    try:
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid("until", "Choose a time that is still to come.") from error


def leaves_ticket(how: Sending) -> bool:
    """True when the ticket is done with for now: the agent goes on to the list."""
    is_later = how.wait is not None and how.wait.later
    return not is_later and (how.wishes.status == "closed" or how.wishes.snooze is not None)


@blueprint.app_template_global("known_event")
def known_event(ticket: Ticket) -> int:
    """The newest event of a ticket: what a page that is drawn now has seen."""
    return answering.newest_event(ticket)


@blueprint.app_template_global("hold_choices")
def hold_choices(now: Any) -> list[tuple[int, str]]:
    """How long a desk may hold what is sent, in seconds, and the same in words: as long as undo is offered."""
    grace = outgoing_hold.GRACE.seconds
    known = {0: gettext("Not at all: replies go out at once")} | {
        shown + grace: ngettext("For %(num)s second", "For %(num)s seconds", shown) for shown in (5, 10, 15, 30)}
    if isinstance(now, int) and now not in known:
        known[now] = ngettext("For %(num)s second", "For %(num)s seconds", max(now - grace, 0))
    return sorted(known.items())


# --- undo -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Toast:
    """What was sent just now, for as long as undo is offered."""

    message: int
    to: str
    left: float  # seconds
    of: float  # seconds in all
    place: dict[str, str]
    later: float | None = None  # when it is to go out


def say_sent(message: Message) -> None:
    """Offer to undo what the agent has sent just now, on whatever page comes next."""
    until = outgoing_hold.shown_until(message)
    later = message.send_after if outgoing_hold.waits_for_later(message) else None
    if later is not None:
        until = utcnow() + outgoing_hold.OFFERED
    if until is None:
        return
    first = next((each for each in message.recipients if each.role == "to"), message.recipients[0])
    kept = {"message": message.id, "to": first.name or first.address, "until": until.timestamp(),
            "of": (until - utcnow()).total_seconds(), "place": Place.from_request().query,
            "later": later.timestamp() if later is not None else None}
    session["toasts"] = [*_open_toasts(), kept][-MOST_TOASTS:]


def _open_toasts() -> list[dict[str, Any]]:
    now = utcnow().timestamp()
    return [each for each in session.get("toasts", ()) if each["until"] > now]


@blueprint.app_template_global("toasts")
def toasts() -> list[Toast]:
    """What this agent can still undo. Kept in the session: no page asks the database for it."""
    now = utcnow().timestamp()
    return [Toast(each["message"], each["to"], round(each["until"] - now, 1), each["of"], each["place"], each["later"])
            for each in _open_toasts()]


@blueprint.app_template_filter("from_timestamp")
def from_timestamp(seconds: float) -> dt.datetime:
    """A time as it is kept in a session."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _forget(message_pk: int) -> None:
    if "toasts" in session:
        session["toasts"] = [each for each in _open_toasts() if each["message"] != message_pk]


@blueprint.post("/messages/<int:message_pk>/undo")
def undo(message_pk: int) -> Any:
    """Take back what was sent just now, or waits for its time: the draft is in the composer again."""
    message = outgoing_hold.undo(message_pk, by=actor())
    _forget(message_pk)
    ticket = tickets.by_id(message.ticket_id or 0, me())
    if wants_partial() and urlsplit(request.headers.get("HX-Current-URL", "")).path == _page_of(ticket):
        from inbox.web.composer import fresh

        return fresh(ticket, focus=message.kind if message.agent_id == me().id else "")
    return go_to(Place.from_request().ticket_url(ticket.number))


def _page_of(ticket: Ticket) -> str:
    return url_for("tickets.show", number=ticket.number)


@blueprint.post("/messages/<int:message_pk>/send-now")
def send_now(message_pk: int) -> Any:
    """Send at once what waits for its time."""
    from inbox.web.tickets import answer

    message = outgoing_hold.send_now(message_pk, by=actor())
    _forget(message_pk)
    return answer(tickets.by_id(message.ticket_id or 0, me()))


@blueprint.app_template_global("waiting_words")
def waiting_words(message: Message) -> dict[str, Any]:
    """What a template shows of a message that waits: until when, and what this agent may do about it."""
    if outgoing_hold.waits_for_later(message):
        return {"later": message.send_after, "may": permissions.may(me(), "reply")}
    return {"undo": outgoing_hold.can_undo(message, me())}


# --- somebody was faster ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class News:
    """A line of what is new since a stopped answer was begun."""

    at: dt.datetime
    words: str
    name: str = ""  # of who said it
    said: str = ""


def keep_as_draft(ticket: Ticket, kind: str, body: Body, files: list[StoredFile], extra: dict[str, Any],
                  form: Mapping[str, str]) -> None:
    """Keep what could not be sent, with what it was to do. The composer says why, until it is written on."""
    wish = next(({"name": name, "value": form[name]} for name in ("status", "snooze", "later")
                 if form.get(name) and form[name] != TYPED), None)
    known = {"overtaken": int(form["known"]), **({"wish": wish} if wish else {})}
    with transaction():
        begun = drafts.of(ticket, me(), kind)
        draft = drafts.save(by=actor(), kind=kind, body=body, ticket=ticket, extra={**extra, **known},
                            version=begun.version if begun is not None else 0)
        if files:
            drafts.add_files(draft, files, by=actor())


@blueprint.app_template_global("news_for")
def news_for(ticket: Ticket, draft: Message | None) -> list[News]:
    """What was said and done while a draft was written that could not be sent; empty for any other draft."""
    from inbox.web.tickets import event_lines

    known = (draft.extra or {}).get("overtaken") if draft is not None else None
    if known is None:
        return []
    said = [_line(each) for each in overtaken.since(ticket, known, by=actor())]
    done = [each for each in events.of_ticket(ticket) if each.id > known and each.actor_id != me().id]
    return sorted(said + [News(each.at, each.text) for each in event_lines(done)], key=lambda each: each.at)


def _line(message: Message) -> News:
    if message.agent is not None:
        name, words = message.agent.name, gettext("noted") if message.kind == "note" else gettext("replied")
    else:
        name = message.from_name or message.from_address or gettext("The customer")
        words = gettext("wrote")
    return News(message.at, words, name, answering.snippet(message.text))
