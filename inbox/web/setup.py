"""The set-up of a new desk: who looks after it, what it is called, where its mail comes from.

The first step opens only with the one-time code that the program prints when it starts; the others need the owner
that the first step made.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask_login import current_user

from inbox.core import agents, departments, mailboxes, permissions, settings, setup
from inbox.core.errors import Invalid, NotFound
from inbox.core.models import Mailbox
from inbox.mail.providers import PRESETS
from inbox.web import i18n, mailbox_check, mailbox_form
from inbox.web.auth import actor, me, public, start_session
from inbox.web.i18n import gettext
from inbox.web.profile import time_zones

blueprint = Blueprint("setup", __name__, url_prefix="/setup")
CODE = "setup_code"  # in the session: it shall not stay in the address


@blueprint.before_app_request
def _nobody_can_sign_in() -> Any:
    """The sign-in page is of no use to a desk without agents."""
    if request.endpoint == "auth.sign_in" and setup.is_untouched():
        return redirect(url_for("setup.owner"))
    return None


def _page(step: str, status: int = 200, **values: Any) -> Any:
    page = render_template(f"setup/{step}.html", step=step, error=values.pop("error", None), **values)
    return page, status, {"Cache-Control": "no-store"}


# --- 1. the owner -----------------------------------------------------------------------------------------------


@blueprint.route("", methods=["GET", "POST"])
@public
def owner() -> Any:
    """The owner's account; only with the code."""
    if agents.has_owner():
        return _go_on()
    if request.args.get("code"):
        session[CODE] = request.args["code"]
        return redirect(url_for("setup.owner"), 303)
    code = session.get(CODE, "")
    if not agents.is_setup_code(code):
        return _page("code", 403, given=bool(code))
    form = request.form
    if request.method == "GET":
        return _page("owner", form=form)
    try:
        found = setup.make_owner(code, email=form.get("email", ""), name=form.get("name", ""),
                                 password=form.get("password", ""))
    except Invalid as problem:
        return _page("owner", 422, form=form, error=problem)
    except NotFound:
        return _page("code", 403, given=True)
    start_session(found)
    return redirect(url_for("setup.desk"), 303)


def _go_on() -> Any:
    """There is an owner: on with the set-up for those who may, else to the desk."""
    if not current_user.is_authenticated:
        return redirect(url_for("auth.sign_in", next=url_for("setup.desk")))
    if setup.is_done() or not permissions.may(me(), "manage_settings"):
        return redirect(url_for("desk.first"))
    return redirect(url_for("setup.desk"))


def _is_closed() -> bool:
    """True when the set-up is over; raises NotAllowed for those who may not do it."""
    permissions.require(actor(), "manage_settings")
    return setup.is_done()


# --- 2. the desk ------------------------------------------------------------------------------------------------


@blueprint.route("/desk", methods=["GET", "POST"])
def desk() -> Any:
    """Name, language, clock, first department."""
    if _is_closed():
        return redirect(url_for("desk.first"))
    if request.method == "POST":
        form = {key: request.form.get(key, "") for key in ("name", "locale", "time_zone", "department")}
        try:
            setup.name_desk(by=actor(), **form)
        except Invalid as problem:
            return _desk_page(form, problem, 422)
        i18n.forget_desk()
        return redirect(url_for("setup.mailbox"), 303)
    there, kept = departments.all_departments(), settings.get_all(["desk.name", "desk.locale", "desk.time_zone"])
    is_new = not there
    return _desk_page({
        "name": "" if is_new else kept["desk.name"], "time_zone": "" if is_new else kept["desk.time_zone"],
        "locale": i18n.choose_locale() if is_new else kept["desk.locale"],
        "department": gettext("Support") if is_new else there[0].name})


def _desk_page(form: dict[str, str], error: Invalid | None = None, status: int = 200) -> Any:
    return _page("desk", status, form=form, error=error, zones=time_zones(),
                 address=current_app.config["INBOX"].public_url)


# --- 3. the first mailbox ---------------------------------------------------------------------------------------


@blueprint.route("/mailbox", methods=["GET", "POST"])
def mailbox() -> Any:
    """Where mail comes from; saved whatever the test says, and the test is shown until all of it went well."""
    if _is_closed():
        return redirect(url_for("desk.first"))
    there = departments.all_departments()
    if not there:
        return redirect(url_for("setup.desk"))
    stored = next(iter(mailboxes.all_mailboxes()), None)
    if request.method == "GET":
        return _mailbox_page(stored or mailbox_form.empty())
    try:
        if request.form.get("act") == "test":
            return _mailbox_page(mailbox_form.typed(stored), lines=mailbox_check.lines(request.form, stored))
        saved = mailbox_form.save(request.form, by=actor(), department=there[0], mailbox=stored)
        lines = mailbox_check.lines_for(saved)
    except Invalid as problem:
        return _mailbox_page(mailbox_form.typed(stored), error=problem, status=422)
    if all(each.is_ok for each in lines):
        return finish()
    return _mailbox_page(mailboxes.get(saved.id), lines=lines)


def _mailbox_page(shown: Mailbox, lines: list[mailbox_check.Line] | None = None, error: Invalid | None = None,
                  status: int = 200) -> Any:
    stored = next(iter(mailboxes.all_mailboxes()), None)
    return _page("mailbox", status, mailbox=shown, stored=stored, is_stored=stored is not None, lines=lines,
                 error=error, start=request.form.get("start", "month"), presets=PRESETS,
                 preset=request.form.get("preset", ""), **mailbox_form.login_shown(stored))


@blueprint.post("/mailbox/test")
def test_mailbox() -> Any:
    """The lines of a connection test, to be put into the form."""
    permissions.require(actor(), "manage_settings")
    stored = next(iter(mailboxes.all_mailboxes()), None)
    return mailbox_check.lines_part(stored)


@blueprint.post("/finish")
def finish() -> Any:
    """The end, with a mailbox or with "later"."""
    setup.finish(by=actor())
    i18n.forget_desk()
    flash(gettext("Your desk is ready."))
    return redirect(url_for("desk.first"), 303)
