"""The page on which somebody who was invited joins."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from inbox.core import invitations
from inbox.core.errors import CoreError, Invalid, NotFound, RateLimited
from inbox.core.models import Invitation
from inbox.web.auth import public, start_session
from inbox.web.i18n import gettext

blueprint = Blueprint("welcome", __name__)


@blueprint.route("/welcome/<token>", methods=["GET", "POST"])
@public
def join(token: str) -> Any:
    """Choose name and password by a mailed link, and be signed in."""
    remote, name = request.remote_addr or "", request.form.get("name", "")
    try:
        found = invitations.by_token(token, remote)
        if request.method != "POST":
            return _join(found)
        if request.form.get("password") != request.form.get("again"):
            raise Invalid("again", "The two passwords are not the same.")
        joined = invitations.accept(token, name=name, password=request.form.get("password", ""), remote=remote)
    except Invalid as problem:
        return _join(found, name, problem, 422)
    except NotFound:
        return _join(None, status=410)
    except RateLimited as problem:
        return _join(None, error=problem, status=429)
    start_session(joined)
    return redirect(url_for("desk.first"), 303)


def _join(found: Invitation | None, name: str = "", error: CoreError | None = None, status: int = 200) -> Any:
    return render_template("auth/welcome.html", invitation=found, name=name,
                           error=gettext(str(error)) if error is not None else None), status
