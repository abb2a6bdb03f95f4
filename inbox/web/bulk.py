"""The bar above a list: the same done to many tickets; how far it is, stopping it, taking it back."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask_babel import format_decimal, ngettext
from markupsafe import Markup

from inbox.core import agents, bulk, departments, permissions, ticket_merge, tickets, views
from inbox.core.bulk_acts import ACTS
from inbox.core.errors import Invalid, NotFound
from inbox.core.models import Agent, BulkAct, Department, Ticket
from inbox.db import session, transaction
from inbox.web import i18n, snooze
from inbox.web.auth import actor, me, safe_next
from inbox.web.desk import Place, sidebar
from inbox.web.forms import csrf_field
from inbox.web.htmx import wants_partial
from inbox.web.i18n import gettext

blueprint = Blueprint("bulk", __name__, url_prefix="/bulk")
COUNTED = 100_000
MOST_MERGED = 10


def chosen_place() -> Place:
    """The list that the bar of the request stands above."""
    return Place.of(request.form if request.method == "POST" else request.args)


def act_on_selected(act: str, value: str = "") -> Any:
    """Do one of the desk's own acts to the tickets a form of the bar names, and answer: it counts, it can be undone.

    For buttons in the bar above lists: `act_on_selected("tag", "vip")`. The acts are those of the bar: assign, status,
    snooze, wake, tag, untag, move, spam, not_spam, trash, restore. Raises Invalid, NotAllowed, NotFound.
    """
    place = _whole_list() if request.form.get("all") else None
    row = bulk.start(act, value, by=actor(), numbers=request.form.getlist("number", type=int), place=place)
    return _answer(row)


def _whole_list() -> dict[str, Any]:
    """All of the list that was shown. One that is not there any more must not become all tickets. Raises NotFound."""
    place = chosen_place()
    if place.query.get("in", "") != request.form.get("in", "") and "in" in request.form:
        raise NotFound("There is no such view.")
    return place.where


def _answer(row: BulkAct) -> Any:
    if wants_partial():
        return render_template("bulk/_line.html", row=row)
    if row.state in bulk.BUSY:
        return redirect(url_for("bulk.index"), 303)
    flash(words(row))
    came_from = urlsplit(request.form.get("from") or request.referrer or "")
    back = came_from.path + (f"?{came_from.query}" if came_from.query else "")
    return redirect(safe_next(back) if back else chosen_place().url(), 303)


@blueprint.get("/")
def index() -> str:
    """What one has done to many tickets lately, and what of it can be taken back."""
    rows = bulk.recent(me())
    return render_template("bulk/page.html", place=None, rows=rows, reasons={row.id: bulk.reasons(row) for row in rows
                                                                           if row.refused or row.stayed}, **sidebar())


@blueprint.get("/count")
def count() -> dict[str, str]:
    """How many tickets a list holds, for "select all that match". Empty: nobody has counted them."""
    found = views.how_many(me(), **chosen_place().where, cap=COUNTED)
    if found is None:
        return {"count": ""}
    return {"count": format_decimal(min(found, COUNTED)) + ("+" if found > COUNTED else "")}


@blueprint.get("/line")
def line() -> str:
    """How far one's latest act is; asked for again and again while it runs."""
    row = session().get(BulkAct, me().preferences.get("bulk") or 0)
    return render_template("bulk/_line.html", row=row if row is not None and row.agent_id == me().id else None)


@blueprint.get("/menu/<any(assign, status, move, snooze):name>")
def menu(name: str) -> str:
    """What stands in a menu of the bar, loaded when it is opened: buttons of the form with the selection."""
    values: dict[str, Any] = {}
    if name == "assign":
        values["colleagues"] = agents.answering()
    elif name == "move":
        values["all_departments"] = departments.all_departments()
    elif name == "snooze":
        values["choices"] = snooze.choices()
    return render_template(f"bulk/_{name}.html", **values)


@blueprint.get("/choose")
def choose() -> str:
    """All that can be done to the selected tickets, on a page of its own: without JavaScript."""
    return render_template("bulk/choose.html", numbers=request.args.getlist("number", type=int), place=chosen_place(),
                           colleagues=agents.answering(), all_departments=departments.all_departments(),
                           choices=snooze.choices(), **sidebar())


@blueprint.get("/merge")
def merge_page() -> str:
    """The selected tickets, one of which is to hold what is in all of them."""
    found = _to_merge(request.args.getlist("number", type=int))
    return render_template("bulk/merge.html", tickets=found, place=chosen_place(), **sidebar())


@blueprint.post("/merge")
def merge() -> Any:
    """Make one ticket of the selected ones. Each merge can be undone on the page of the ticket that stays."""
    found, wanted = _to_merge(request.form.getlist("number", type=int)), request.form.get("stays", 0, type=int)
    stays = next((each for each in found if each.number == wanted), None)
    if stays is None:
        raise Invalid("stays", "Choose the ticket that stays.")
    left = stays.number
    with transaction():  # all of them, or none
        for each in found:
            if each is not stays:
                ticket_merge.merge(each, stays, by=actor())
    flash(ngettext("%(num)s ticket is part of this one now.", "%(num)s tickets are part of this one now.",
                   len(found) - 1))
    return redirect(chosen_place().ticket_url(left), 303)


def _to_merge(numbers: list[int]) -> list[Ticket]:
    """What is selected, the oldest first. Raises Invalid."""
    found = sorted(tickets.selected(numbers, me()), key=lambda ticket: (ticket.created_at, ticket.id))
    if not 2 <= len(found) <= MOST_MERGED:
        raise Invalid("number", "Select from two to ten tickets to merge.")
    return found


@blueprint.post("/<any(assign, status, snooze, wake, tag, untag, move, spam, not_spam, trash, restore):act>")
def start(act: str) -> Any:
    """Do it: to those picked, or to all of the list."""
    value = snooze.chosen().isoformat() if act == "snooze" else request.form.get("value", "")
    return act_on_selected(act, value)


@blueprint.post("/<int:number>/<any(stop, undo, dismiss):what>")
def change(number: int, what: str) -> Any:
    """Stop it, take it back, or put the line away."""
    row = bulk.get(number, me())
    if what == "dismiss":
        bulk.put_away(me())
        return render_template("bulk/_line.html") if wants_partial() else redirect(url_for("bulk.index"), 303)
    (bulk.stop if what == "stop" else bulk.undo)(row, by=actor())
    if wants_partial():
        return render_template("bulk/_line.html", row=row)
    return redirect(url_for("bulk.index"), 303)


# --- words ------------------------------------------------------------------------------------------------------


def words(row: BulkAct, done: bool = False) -> str:
    """What was done in a sentence; or, unless `done`, what was taken back."""
    if row.state in ("undoing", "undone") and not done:
        said = ngettext("%(n)s ticket is as before.", "%(n)s tickets are as before.", row.undone,
                        n=format_decimal(row.undone))
        if row.stayed:
            said += " " + ngettext("%(n)s was changed meanwhile and stays.", "%(n)s were changed meanwhile and stay.",
                                   row.stayed, n=format_decimal(row.stayed))
        return said
    said = _done(row, format_decimal(row.done))
    if row.same:
        said += " " + ngettext("%(n)s was so already.", "%(n)s were so already.", row.same, n=format_decimal(row.same))
    if row.refused:
        said += " " + ngettext("%(n)s could not be changed.", "%(n)s could not be changed.", row.refused,
                               n=format_decimal(row.refused))
    return said


def _done(row: BulkAct, n: str) -> str:
    count, args = row.done, row.args
    if row.act == "assign":
        agent = session().get(Agent, args["agent"]) if args["agent"] else None
        if agent is None:
            return ngettext("%(n)s ticket is nobody’s now.", "%(n)s tickets are nobody’s now.", count, n=n)
        return ngettext("%(n)s ticket was given to %(name)s.", "%(n)s tickets were given to %(name)s.", count, n=n,
                        name=agent.name)
    if row.act == "move":
        department = session().get(Department, args["department"])
        return ngettext("%(n)s ticket is in %(name)s now.", "%(n)s tickets are in %(name)s now.", count, n=n,
                        name=department.name if department else "?")
    if row.act == "snooze":
        return ngettext("%(n)s ticket is snoozed until %(time)s.", "%(n)s tickets are snoozed until %(time)s.", count,
                        n=n, time=i18n.coming(args["until"]))
    if row.act in ("tag", "untag"):
        return _tagged(row.act, count, n, args["tag"])
    return _simply(args.get("status", row.act), count, n)


def _tagged(act: str, count: int, n: str, tag: str) -> str:
    if act == "tag":
        return ngettext("%(n)s ticket has the tag %(tag)s now.", "%(n)s tickets have the tag %(tag)s now.", count, n=n,
                        tag=tag)
    return ngettext("The tag %(tag)s was taken off %(n)s ticket.", "The tag %(tag)s was taken off %(n)s tickets.",
                    count, n=n, tag=tag)


def _simply(what: str, count: int, n: str) -> str:
    return {
        "open": ngettext("%(n)s ticket is open.", "%(n)s tickets are open.", count, n=n),
        "pending": ngettext("%(n)s ticket is pending.", "%(n)s tickets are pending.", count, n=n),
        "closed": ngettext("%(n)s ticket is closed.", "%(n)s tickets are closed.", count, n=n),
        "wake": ngettext("%(n)s ticket is back.", "%(n)s tickets are back.", count, n=n),
        "spam": ngettext("%(n)s ticket is in the spam folder.", "%(n)s tickets are in the spam folder.", count, n=n),
        "not_spam": ngettext("%(n)s ticket is no spam.", "%(n)s tickets are no spam.", count, n=n),
        "trash": ngettext("%(n)s ticket is in the trash.", "%(n)s tickets are in the trash.", count, n=n),
        "restore": ngettext("%(n)s ticket is restored.", "%(n)s tickets are restored.", count, n=n),
    }[what]


def title(row: BulkAct) -> str:
    """What is being done, while it runs."""
    n = format_decimal(row.total)
    if row.state == "gathering":
        return ngettext("Finding tickets: %(n)s so far", "Finding tickets: %(n)s so far", row.total, n=n)
    gone = row.undone + row.stayed if row.state == "undoing" else row.done + row.same + row.refused
    of = format_decimal(row.done if row.state == "undoing" else row.total)
    if row.state == "undoing":
        return gettext("Taking back: %(n)s of %(of)s", n=format_decimal(gone), of=of)
    return gettext("%(n)s of %(of)s tickets", n=format_decimal(gone), of=of)


def percent(row: BulkAct) -> int:
    """How much of it is done."""
    whole = row.done if row.state == "undoing" else row.total
    gone = row.undone + row.stayed if row.state == "undoing" else row.done + row.same + row.refused
    return 100 * gone // whole if whole and row.state != "gathering" else 0


def button(row: BulkAct, what: str, label: str, delay: bool = False) -> Markup:
    """A button of the line; with `delay` it is pressed by itself after half a minute."""
    action = url_for("bulk.change", number=row.id, what=what)
    return Markup('<form method="post" action="{0}" hx-post="{0}" hx-target="#bulk-line" hx-swap="outerHTML"{3}>{1}'
                  '<button class="btn s">{2}</button></form>').format(
        action, csrf_field(), label, Markup(' hx-trigger="submit, load delay:30s"') if delay else Markup(""))


def may_act(agent: Agent) -> bool:
    """True when an agent can do anything to selected tickets at all."""
    return any(permissions.may(agent, each) for each in {act.ability for act in ACTS.values()})


def init(app: Flask) -> None:
    app.jinja_env.globals.update(may_act=may_act, bulk_words=words, bulk_title=title, bulk_percent=percent,
                                 bulk_form=button, bulk_busy=bulk.BUSY, can_undo=bulk.can_undo)
