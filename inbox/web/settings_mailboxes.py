"""Settings of mailboxes: where mail comes from and how it goes out."""

from __future__ import annotations

import hmac
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask import session as cookie

from inbox import secrets
from inbox.core import departments, dkim_keys, logins, mailboxes
from inbox.core.errors import Invalid
from inbox.core.models import Mailbox
from inbox.mail import imap_after, mime, oauth
from inbox.mail.imap_client import Trouble
from inbox.mail.providers import PRESETS
from inbox.web import mailbox_check, mailbox_form
from inbox.web.auth import actor
from inbox.web.i18n import gettext
from inbox.web.settings import blueprint, page, require, saved


@blueprint.get("/mailboxes")
def mailbox_list() -> Any:
    """Every mailbox and how it is."""
    require("manage_mailboxes")
    return page("mailboxes", mailboxes=mailboxes.all_mailboxes(), lost=_lost, connected=logins.is_connected)


def _lost(mailbox: Mailbox) -> bool:
    """True when a stored password was encrypted with a key that is gone."""
    try:
        for stored in (mailbox.imap_password, mailbox.smtp_password):
            if stored:
                secrets.decrypt(stored)
    except secrets.SecretLost:
        return True
    return False


@blueprint.route("/mailboxes/new", methods=["GET", "POST"])
def new_mailbox() -> Any:
    """Another mailbox."""
    return _edit(None)


@blueprint.route("/mailboxes/<int:mailbox_id>", methods=["GET", "POST"])
def mailbox(mailbox_id: int) -> Any:
    """One mailbox."""
    require("manage_mailboxes")
    return _edit(mailboxes.get(mailbox_id))


def _edit(stored: Mailbox | None) -> Any:
    require("manage_mailboxes")
    if request.method == "GET":
        return _page(stored, stored or mailbox_form.empty())
    typed = mailbox_form.typed(stored)
    try:
        if request.form.get("act") == "test":
            return _page(stored, typed, lines=mailbox_check.lines(request.form, stored))
        department_id = request.form.get("department_id", "")
        if not department_id.isdecimal():
            raise Invalid("department_id", "Choose the department that this mail goes to.")
        changed = mailbox_form.save(request.form, by=actor(), department=departments.get(int(department_id)),
                                    mailbox=stored)
    except Invalid as problem:
        return _page(stored, typed, error=problem, status=422)
    return saved("settings.mailbox", gettext("The mailbox is saved."), mailbox_id=changed.id)


def _page(stored: Mailbox | None, shown: Mailbox, *, status: int = 200, **values: Any) -> Any:
    chosen = request.form.get("department_id", type=int) or (stored.department_id if stored else None)
    return page("mailbox", status, mailbox=shown, stored=stored, chosen=chosen,
                departments=departments.all_departments(), start=request.form.get("start", "month"),
                lost=stored is not None and _lost(stored), presets=PRESETS, preset=request.form.get("preset", ""),
                key=_signing_key(stored), **mailbox_form.login_shown(stored), **values)


blueprint.add_app_template_global(mailbox_form.more_folders, "more_folders")


@blueprint.post("/mailboxes/fields")
@blueprint.post("/mailboxes/<int:mailbox_id>/fields")
def mailbox_fields(mailbox_id: int | None = None) -> Any:
    """The fields of the form with the servers of a provider filled in."""
    require("manage_mailboxes")
    stored = mailboxes.get(mailbox_id) if mailbox_id is not None else None
    shown = mailbox_form.with_preset(mailbox_form.typed(stored), request.form.get("preset", ""))
    return render_template("settings/_mailbox_fields.html", mailbox=shown, stored=stored, error=None, presets=PRESETS,
                           preset=request.form.get("preset", ""), start=request.form.get("start", "month"),
                           **mailbox_form.login_shown(stored))


@blueprint.get("/mailboxes/<int:mailbox_id>/folders")
def mailbox_folders(mailbox_id: int) -> Any:
    """The folders of the account, to choose from."""
    require("manage_mailboxes")
    try:
        return render_template("settings/_folders.html", folders=imap_after.folders_of(mailbox_id), problem="")
    except (Trouble, secrets.SecretLost) as trouble:
        return render_template("settings/_folders.html", folders=[], problem=str(trouble))


@blueprint.post("/mailboxes/<int:mailbox_id>/dkim")
def sign_mail(mailbox_id: int) -> Any:
    """Make a key that signs the mail of the mailbox's domain, or throw it away."""
    require("manage_mailboxes")
    domain = mime.wire_address(mailboxes.get(mailbox_id).address).rpartition("@")[2]
    if request.form.get("on") == "1":
        dkim_keys.create(domain, by=actor())
        return saved("settings.mailbox", gettext("The key is made. Add its record to the DNS now."),
                     mailbox_id=mailbox_id)
    dkim_keys.forget(domain, by=actor())
    return saved("settings.mailbox", gettext("Mail of this domain is not signed here any more."), mailbox_id=mailbox_id)


def _signing_key(stored: Mailbox | None) -> dkim_keys.Key | None:
    if stored is None:
        return None
    try:
        return dkim_keys.get(mime.wire_address(stored.address).rpartition("@")[2])
    except secrets.SecretLost:
        return None


# --- OAuth 2 ----------------------------------------------------------------------------------------------------


@blueprint.get("/mailboxes/<int:mailbox_id>/connect")
def connect_mailbox(mailbox_id: int) -> Any:
    """To the provider's page, where a person lets us in."""
    require("manage_mailboxes")
    try:
        address, kept = oauth.begin(mailboxes.get(mailbox_id), mailbox_form.redirect_uri())
    except oauth.LoginTrouble as trouble:
        flash(gettext(trouble.words), "bad")
        return redirect(url_for("settings.mailbox", mailbox_id=mailbox_id), 303)
    cookie["oauth"] = kept
    return redirect(address)


@blueprint.get("/mailboxes/connected")
def connected_mailbox() -> Any:
    """Back from the provider, with a code or with a refusal."""
    require("manage_mailboxes")
    kept = cookie.pop("oauth", None) or {}
    if not kept or not hmac.compare_digest(str(kept.get("state", "")).encode(), request.args.get("state", "").encode()):
        flash(gettext("This answer belongs to nothing that was begun here. Press Connect again."), "bad")
        return redirect(url_for("settings.mailbox_list"), 303)
    found = mailboxes.get(int(kept["mailbox"]))
    try:
        if "code" not in request.args:
            said = request.args.get("error_description") or request.args.get("error") or ""
            raise oauth.LoginTrouble(gettext("The provider did not let us in: %(words)s", words=said[:300]),
                                     needs_person=True)
        answer = oauth.exchange(found, request.args["code"], str(kept["verifier"]), mailbox_form.redirect_uri())
        logins.granted(found, answer, by=actor())
        flash(gettext("Connected. Mail is fetched within a few seconds."))
    except (oauth.LoginTrouble, Invalid) as trouble:
        flash(gettext(str(trouble)), "bad")
    return redirect(url_for("settings.mailbox", mailbox_id=found.id), 303)


@blueprint.post("/mailboxes/test")
@blueprint.post("/mailboxes/<int:mailbox_id>/test")
def test_mailbox(mailbox_id: int | None = None) -> Any:
    """The lines of a connection test of what is typed, to be put into the form."""
    require("manage_mailboxes")
    return mailbox_check.lines_part(mailboxes.get(mailbox_id) if mailbox_id is not None else None)


@blueprint.post("/mailboxes/<int:mailbox_id>/active")
def switch_mailbox(mailbox_id: int) -> Any:
    """Switch a mailbox on or off. What it brought stays."""
    require("manage_mailboxes")
    found = mailboxes.get(mailbox_id)
    mailboxes.change(found, by=actor(), is_active=request.form.get("on") == "1")
    return saved("settings.mailbox", gettext("The mailbox is switched on.") if found.is_active else
                 gettext("The mailbox is switched off: it takes no mail."), mailbox_id=found.id)
