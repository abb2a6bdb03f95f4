"""Saved replies while one writes: to choose from, and filled in when one is put in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, render_template, request, url_for
from markupsafe import escape

from inbox.core import drafts, macros, placeholders, saved_replies
from inbox.core.errors import Invalid
from inbox.core.messages import Body
from inbox.core.models import Ticket
from inbox.web.auth import actor, me
from inbox.web.composer import KINDS
from inbox.web.desk import Place
from inbox.web.macros import in_words
from inbox.web.tickets import load

blueprint = Blueprint("replies", __name__)


@blueprint.get("/tickets/<int:number>/saved-replies")
def menu(number: int) -> Any:
    """The saved replies that can be put in, loaded when the menu is opened."""
    ticket = load(number)
    return render_template("ticket/_saved_replies.html", ticket=ticket,
                           replies=saved_replies.to_choose_from(me(), ticket.department_id))


@blueprint.get("/tickets/<int:number>/saved-replies.json")
def as_json(number: int) -> Any:
    """The same for `#` in the text: title, the beginning of the text, and what puts it in."""
    ticket = load(number)
    return jsonify([{"title": each.name, "note": " ".join(each.text[:400].split())[:160],
                     "use": url_for("replies.use", number=number, saved_reply_id=each.id)}
                    for each in saved_replies.to_choose_from(me(), ticket.department_id)])


@blueprint.post("/tickets/<int:number>/saved-replies/<int:saved_reply_id>/use")
def use(number: int, saved_reply_id: int) -> Any:
    """A saved reply, filled in for this ticket. Its files are attached to the draft of the kind that is written."""
    ticket, chosen, kind = load(number), saved_replies.get(saved_reply_id, me()), request.form.get("kind", "reply")
    if kind not in KINDS:
        raise Invalid("kind", "A message is a reply, a note or a forward.")
    values = own_placeholders(ticket) | placeholders.of_plugins(ticket, chosen.text + chosen.html)
    answer: dict[str, Any] = {
        "html": placeholders.fill(chosen.html, values, lambda value: str(escape(value))),
        "text": placeholders.fill(chosen.text, values),
        "acts": in_words(macros.possible(macros.read(chosen.actions), actor()))}
    if files := saved_replies.files_of(chosen):
        draft = drafts.of(ticket, me(), kind) or drafts.save(by=actor(), kind=kind, body=Body(""), ticket=ticket)
        drafts.add_files(draft, files, by=actor())
        answer["version"] = draft.version
        answer["files"] = render_template("ticket/_draft_files.html", ticket=ticket, draft=draft,
                                          place=Place.from_request())
    saved_replies.count_use(chosen)
    return jsonify(answer)


def own_placeholders(ticket: Ticket) -> dict[str, str]:
    """The values of the desk's own placeholders."""
    name, agent = ticket.customer.name, me()
    return {"customer.name": name, "customer.first_name": name.split()[0] if name else "",
            "customer.email": ticket.customer.email or "", "ticket.number": str(ticket.number),
            "ticket.subject": ticket.subject, "department.name": ticket.department.name, "agent.name": agent.name,
            "agent.first_name": agent.name.split()[0] if agent.name else ""}
