"""The settings page of webhooks: addresses, events, secrets shown once, the log."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request

from inbox.builtin.webhooks import hooks, sending
from inbox.builtin.webhooks.models import Webhook
from inbox.toolkit import Invalid, NotAllowed, current_agent, events, gettext, may, plugin_url, render

pages = Blueprint("pages", __name__)


@pages.before_request
def _for_admins() -> None:
    agent = current_agent()
    if agent is not None and not may(agent, "manage_settings"):
        raise NotAllowed()


@pages.get("/")
def index() -> str:
    """Every webhook, and how it does."""
    found = hooks.all_webhooks()
    return render("list.html", webhooks=[(each, hooks.newest(each)) for each in found])


@pages.route("/new", methods=["GET", "POST"])
def new() -> Any:
    """Another webhook. Its secret is shown on the page that answers, and never again."""
    if request.method == "GET":
        return _form(None, {"title": "", "url": "", "events": ["*"]})
    typed = _typed()
    try:
        made = hooks.create(title=typed["title"], url=typed["url"], kinds=typed["events"])
    except Invalid as problem:
        return _form(None, typed, problem), 422
    return render("secret.html", webhook=made, secret=hooks.secret_of(made))


@pages.route("/<int:webhook_id>", methods=["GET", "POST"])
def show(webhook_id: int) -> Any:
    """One webhook and its log."""
    webhook = hooks.get(webhook_id)
    if request.method == "GET":
        return _form(webhook, {"title": webhook.title, "url": webhook.url, "events": webhook.events})
    typed = _typed()
    try:
        hooks.change(webhook, title=typed["title"], url=typed["url"], kinds=typed["events"],
                     is_on="is_on" in request.form)
    except Invalid as problem:
        return _form(webhook, typed, problem), 422
    flash(gettext("The webhook is saved."))
    return redirect(plugin_url("index"), 303)


def _typed() -> dict[str, Any]:
    form = request.form
    kinds = ["*"] if form.get("all") else form.getlist("events")
    return {"title": form.get("title", ""), "url": form.get("url", ""), "events": kinds}


def _form(webhook: Webhook | None, values: dict[str, Any], error: Invalid | None = None) -> str:
    log, following = hooks.deliveries(webhook, before=request.args.get("before", type=int)) if webhook else ([], None)
    return render("webhook.html", webhook=webhook, values=values, error=error, log=log, next=following,
                  newest=hooks.last_id(webhook) if webhook else 0,
                  kinds={kind: gettext(words) for kind, words in events.kinds().items()})


@pages.post("/<int:webhook_id>/secret")
def secret(webhook_id: int) -> str:
    """Another secret; the old one counts no more."""
    webhook = hooks.get(webhook_id)
    hooks.new_secret(webhook)
    return render("secret.html", webhook=webhook, secret=hooks.secret_of(webhook))


@pages.post("/<int:webhook_id>/test")
def test(webhook_id: int) -> Any:
    """Send something now, and say how it went. A second press of the same button sends nothing."""
    delivery = hooks.test(hooks.get(webhook_id), after=request.form.get("after", type=int))
    if delivery is None:
        flash(gettext("It is sent already; the log says how it went."), "warn")
    elif sending.send(delivery):
        flash(gettext("It arrived: the other side answered %(status)s.", status=delivery.status))
    else:
        flash(gettext("It did not arrive: %(why)s", why=delivery.status or delivery.answer), "bad")
    return redirect(plugin_url("show", webhook_id=webhook_id), 303)


@pages.post("/<int:webhook_id>/replay")
def replay(webhook_id: int) -> Any:
    """Send one of the log again."""
    hooks.get(webhook_id)
    hooks.replay(request.form.get("delivery", 0, type=int))
    flash(gettext("It is sent again."))
    return redirect(plugin_url("show", webhook_id=webhook_id), 303)


@pages.post("/<int:webhook_id>/delete")
def delete(webhook_id: int) -> Any:
    hooks.delete(hooks.get(webhook_id))
    flash(gettext("The webhook is gone."))
    return redirect(plugin_url("index"), 303)
