"""What the composer of a ticket's page shows before anything is written: drafts, people, what can be passed on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint

from inbox.core import departments, messages, passing_on
from inbox.core.customers import normalise_address
from inbox.core.messages import Address
from inbox.core.models import Message, Ticket
from inbox.db import current_config
from inbox.web.auth import me
from inbox.web.i18n import gettext, moment
from inbox.web.icons import language_of

blueprint = Blueprint("writing", __name__)
MOST_SEEN = 60
MOST_PASSABLE = 30


def facts(ticket: Ticket, thread: list[Message]) -> dict[str, Any]:
    """All that a composer needs, from a thread that is loaded with its drafts."""
    said = [each for each in thread if each.state != "draft"]
    return {"drafts": {each.kind: each for each in thread if each.state == "draft" and each.agent_id == me().id},
            "reply_to": messages.recipients_for_reply(ticket, said), "also": messages.others_in(ticket, said),
            "people": people_of(ticket, said), "passable": passable(said), "tongue": _tongue(ticket, said),
            "signature": departments.signature(ticket.department, me())}


def people_of(ticket: Ticket, thread: Iterable[Message]) -> list[dict[str, str]]:
    """Everybody who has been in a ticket, those who wrote last first: offered, and not warned of."""
    found: dict[str, dict[str, str]] = {}

    def seen(address: str | None, name: str = "") -> None:
        if address and len(found) < MOST_SEEN:
            one = found.setdefault(normalise_address(address), {"name": name, "address": address})
            one["name"] = one["name"] or name

    for message in sorted(thread, key=lambda each: each.at, reverse=True):
        seen(message.from_address, message.from_name)
        for role in ("reply_to", "to", "cc"):
            for each in message.addressed.get(role, ()):
                seen(each["address"], each.get("name", ""))
        for recipient in message.recipients:
            seen(recipient.address, recipient.name)
    for own in ticket.customer.addresses:
        if own.kind == "mail":
            seen(own.value, ticket.customer.name)
    return list(found.values())


def passable(thread: Iterable[Message]) -> list[tuple[str, str]]:
    """What a forward can pass on, by the value of its field: the last message, all of them, any one of them."""
    found = passing_on.choices(thread)
    if not found:
        return []
    one_by_one = [(str(each.id), _named(each)) for each in found[:MOST_PASSABLE]]
    newest = passing_on.newest(found)
    first = [each for each in one_by_one if newest is not None and each[0] == str(newest.id)]
    files = sum(len(each.attachments) for each in found)
    everything = [(passing_on.ALL, gettext("The whole conversation: %(count)s messages, %(files)s files",
                                           count=len(found), files=files))] if len(found) > 1 else []
    return [*first, *everything, *(each for each in one_by_one if each not in first)]


def _named(message: Message) -> str:
    who = message.agent.name if message.agent else message.from_name or message.from_address
    words = {"who": who, "time": moment(message.at), "files": len(message.attachments)}
    if not message.attachments:
        return gettext("%(who)s, %(time)s", **words)
    return gettext("%(who)s, %(time)s, with its files (%(files)s)", **words)


def _tongue(ticket: Ticket, said: Sequence[Message]) -> str:
    """The language an answer is probably written in, for the browser's spelling: the customer's, else the script of
    what was written last. Empty: the browser chooses."""
    if ticket.customer.locale:
        return ticket.customer.locale.replace("_", "-")
    last = next((each for each in reversed(said) if each.kind == "received"), None)
    return language_of(last.text) if last is not None else ""


@blueprint.app_template_global("most_bytes")
def most_bytes() -> int:
    """How much the files of one message may be together: in mail they grow by a third."""
    return current_config().max_message_bytes * 7 // 10


@blueprint.app_template_filter("written")
def written(addresses: Sequence[Address]) -> str:
    """Addresses as an agent would type them: `Siv Moe <siv@example.no>, per@example.no`."""
    def one(each: Address) -> str:
        return f"{each.name} <{each.address}>" if each.name and not set(each.name) & set('",;<>') else each.address

    return ", ".join(one(each) for each in addresses)
