"""The front of the settings: what a desk still needs before customers write to it."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for
from flask_babel import lazy_gettext

from inbox.core import go_live
from inbox.core.errors import NotFound
from inbox.web.auth import actor
from inbox.web.htmx import go_to
from inbox.web.i18n import gettext
from inbox.web.settings import blueprint, page, require

TITLES = {
    "mailbox": lazy_gettext("A mailbox is connected"), "answered": lazy_gettext("A message was answered"),
    "round_trip": lazy_gettext("A message goes out and comes back"),
    "dns": lazy_gettext("Name servers know that the desk may send"), "team": lazy_gettext("The team is invited"),
    "saved_replies": lazy_gettext("Saved replies are there"), "backup": lazy_gettext("There is a backup"),
}
WHY = {
    "mailbox": lazy_gettext("Without one no message becomes a ticket, and no answer goes out."),
    "answered": lazy_gettext("Write to the desk from an address of your own, and answer the ticket: so you see what a "
                             "customer sees."),
    "round_trip": lazy_gettext("The desk mails itself from each mailbox and waits for the message to come in."),
    "dns": lazy_gettext("Without these records other servers take your answers for spam, or lose them."),
    "team": lazy_gettext("Whoever answers has an account of their own: then it is known who said what."),
    "saved_replies": lazy_gettext("What is asked each day is answered with two keys."),
    "backup": lazy_gettext("On its machine, inbox backup FILE writes the whole desk into one file, also while it runs. "
                           "Let it run each night."),
}
PAGES = {"mailbox": "settings.mailbox_list", "round_trip": "settings.mailbox_list", "dns": "settings.mailbox_list",
         "answered": "desk.first", "team": "settings.agent_list", "saved_replies": "settings.saved_reply_list",
         "backup": "settings.exchange"}


@blueprint.get("/start")
def start() -> Any:
    """The checklist."""
    require("manage_settings")
    return page("start", **_shown())


@blueprint.get("/start/lines")
def start_lines() -> Any:
    """Its lines alone, asked again while something is looked up."""
    require("manage_settings")
    return render_template("settings/_start.html", **_shown())


def _shown() -> dict[str, Any]:
    found = go_live.lines(by=actor())
    shown = [each for each in found if not each.is_hidden]
    return {"lines": shown, "hidden": [each for each in found if each.is_hidden], "titles": TITLES, "why": WHY,
            "pages": PAGES, "done": sum(each.state == "done" for each in shown),
            "looked_up": go_live.LOOKED_UP, "is_asking": any(each.is_asked for each in shown)}


@blueprint.post("/start/<name>/look")
def look_now(name: str) -> Any:
    """Ask the other servers now."""
    _known(name, go_live.LOOKED_UP)
    go_live.ask(name, by=actor())
    return go_to(url_for("settings.start"))


@blueprint.post("/start/<name>/hide")
def hide_line(name: str) -> Any:
    """Show a line no more, or (`on=0`) again."""
    _known(name, go_live.LINES)
    go_live.hide(name, request.form.get("on") != "0", by=actor())
    return go_to(url_for("settings.start"))


def _known(name: str, among: tuple[str, ...]) -> None:
    require("manage_settings")
    if name not in among:
        raise NotFound()


@blueprint.app_template_global("go_live_words")
def words(line: go_live.Line) -> str:
    """How a line stands, in a sentence; what other servers said is listed by the template."""
    facts = line.facts
    if line.name == "mailbox" and line.state == "wrong":
        return gettext("%(address)s cannot be read.", address=facts["address"])
    if line.name == "mailbox":
        return _of_mailboxes(facts)
    if line.name == "team":
        return gettext("Agents: %(count)s. Open invitations: %(invited)s.", **facts)
    if line.name == "saved_replies":
        return gettext("Saved replies for everybody: %(count)s.", **facts)
    if line.at is None:
        return gettext("Not yet.") if line.name in ("answered", "backup") else gettext("Not looked up yet.")
    return ""


def _of_mailboxes(facts: dict[str, Any]) -> str:
    if "addresses" not in facts:
        return gettext("No message has come in at %(address)s yet.", address=facts["address"]) if (
            facts["address"]) else gettext("There is no mailbox.")
    if facts["caught"]:
        return gettext("Answers from %(addresses)s stay in the Outbox: no server to send with is set up.",
                       addresses=", ".join(facts["caught"]))
    return ", ".join(facts["addresses"])
