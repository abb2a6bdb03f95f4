"""What is said beside a message: which machine wrote it, what is odd about its sender, how each recipient fared."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint

from inbox.core.models import Message, Recipient
from inbox.web.i18n import gettext

blueprint = Blueprint("marks", __name__)
BROKEN = ("hard", "full", "blocked", "complaint")


@dataclass(frozen=True)
class Said:
    """A sentence beside a message; `key` names its sort for the style sheet and for tests."""

    key: str
    text: str


@blueprint.app_template_global("machine_words")
def machine_words(message: Message) -> str:
    """Which sort of machine wrote a message, for its chip."""
    return {"away": gettext("out of office"), "bounce": gettext("delivery report"),
            "complaint": gettext("spam report"), "receipt": gettext("read receipt"),
            }.get((message.extra or {}).get("machine", ""), gettext("automatic"))


@blueprint.app_template_global("message_marks")
def message_marks(message: Message) -> list[Said]:
    """What people should know of who sent a message, and why it was taken for spam."""
    found = []
    for mark in (message.extra or {}).get("marks", ()) if message.kind == "received" else ():
        words = _words(mark)
        if words:
            found.append(Said(mark["kind"], words))
    return found


def _words(mark: dict[str, str]) -> str:
    kind = mark.get("kind")
    if kind == "sender_failed":
        return gettext("%(name)s says that this mail is not from there. Do not trust the sender.", name=mark["domain"])
    if kind == "sender_unconfirmed":
        return gettext("Nothing confirms that this mail is from %(name)s.", name=mark["domain"])
    if kind == "name_address":
        return gettext("The sender’s name shows the address %(name)s, but the mail is not from it.",
                       name=mark["address"])
    if kind == "name_ours":
        return gettext("The sender bears the name of %(name)s, but the address is none of ours.", name=mark["name"])
    if kind == "spam_list":
        return gettext("%(name)s is on the list of senders who are kept out.", name=mark["sender"])
    if kind == "spam_field":
        return gettext("A spam filter in front of the desk says: %(name)s", name=mark["field"])
    return ""


@blueprint.app_template_global("recipient_words")
def recipient_words(message: Message) -> str:
    """Whom a message of ours went to, with Cc and Bcc named."""
    def named(role: str) -> str:
        return ", ".join(each.address for each in message.recipients if each.role == role)

    parts = [gettext("to %(names)s", names=named("to"))]
    if cc := named("cc"):
        parts.append(gettext("Cc %(names)s", names=cc))
    if bcc := named("bcc"):
        parts.append(gettext("Bcc %(names)s", names=bcc))
    return ", ".join(parts)


@blueprint.app_template_global("unreached")
def unreached(message: Message) -> list[tuple[Recipient, str]]:
    """The recipients of whom a report came, and what it means."""
    said = {"hard": gettext("cannot be reached"), "full": gettext("the mailbox is full"),
            "blocked": gettext("refused as unwanted"), "soft": gettext("not delivered yet"),
            "complaint": gettext("called it spam")}
    return [(each, said[each.bounce]) for each in message.recipients if each.bounce in said]
