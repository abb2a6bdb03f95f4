"""Signing in and out, and a new password by mail."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Blueprint, Flask, current_app, g, redirect, render_template, request, session, url_for
from flask_login import LoginManager, current_user, login_user, logout_user
from sqlalchemy.orm import joinedload

from inbox.core import agents, permissions
from inbox.core.errors import CoreError, Invalid, RateLimited
from inbox.core.events import Actor
from inbox.core.models import Agent, Event, Notification
from inbox.db import one_plan
from inbox.db import session as database
from inbox.web.htmx import go_to
from inbox.web.i18n import gettext

blueprint = Blueprint("auth", __name__)
login_manager = LoginManager()
OPEN_ENDPOINTS = {"assets.static_file", "assets.favicon"}
_NEWEST = (sa.select(sa.func.max(each)).scalar_subquery() for each in (Event.id, Notification.id))
_WHO = one_plan(sa.select(Agent, *_NEWEST).where(Agent.id == sa.bindparam("agent_id"))
                .options(joinedload(Agent.memberships)))


class SignedIn:
    """flask-login's view of an agent. The session version in the cookie must be the agent's."""

    is_authenticated = True
    is_anonymous = False

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    @property
    def is_active(self) -> bool:
        return self.agent.is_active

    def get_id(self) -> str:
        return f"{self.agent.id}.{self.agent.session_version}"


@login_manager.user_loader
def load(identity: str) -> SignedIn | None:
    """The agent of a session, unless a new password or a deactivation has ended it."""
    agent_id, _, version = identity.partition(".")
    if not agent_id.isdigit():
        return None
    found = database().execute(_WHO, {"agent_id": int(agent_id)}).unique().one_or_none()
    if found is None or not found[0].is_active or str(found[0].session_version) != version:
        return None
    g.drawn_at = f"{found[1] or 0}.{found[2] or 0}"
    return SignedIn(found[0])


def drawn_at() -> str:
    """How far the desk was when this request began, for the live stream: what comes later is told to the page."""
    return str(g.get("drawn_at", ""))


@login_manager.unauthorized_handler
def _sign_in_first() -> Any:
    wanted = request.full_path.rstrip("?") if request.method == "GET" else ""
    return go_to(url_for("auth.sign_in", next=wanted or None))


def me() -> Agent:
    """The signed-in agent."""
    return current_user.agent  # type: ignore[no-any-return]


def actor() -> Actor:
    """The signed-in agent, acting through the web."""
    return Actor.of(me(), "web")


def safe_next(target: str | None) -> str:
    """Where to go after signing in: an address of this desk, or its first page."""
    parts = urlsplit(target or "")
    if not target or parts.scheme or parts.netloc or not target.startswith("/") or target[1:2] in ("/", "\\"):
        return url_for("desk.first")
    return target


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """The sign-in page."""
    target = safe_next(request.values.get("next"))
    if current_user.is_authenticated:
        return redirect(target)
    if request.method != "POST":
        return render_template("auth/sign_in.html", next=target, email="", error=None)
    email = request.form.get("email", "")
    try:
        agent = agents.authenticate(email, request.form.get("password", ""), request.remote_addr or "")
        error = gettext("The address or the password is wrong.")
        status = 422
    except RateLimited as limited:
        agent, status = None, 429
        error = gettext("Too many tries. Wait %(n)s minutes, then try again.", n=limited.seconds // 60 + 1)
    if agent is None:
        return render_template("auth/sign_in.html", next=target, email=email, error=error), status
    start_session(agent)
    return redirect(target, 303)


def start_session(agent: Agent) -> None:
    """Sign an agent in, in a session of its own."""
    session.clear()
    session.permanent = True
    login_user(SignedIn(agent))


@blueprint.post("/sign-out")
def sign_out() -> Any:
    logout_user()
    session.clear()
    return redirect(url_for("auth.sign_in"), 303)


@blueprint.route("/forgotten", methods=["GET", "POST"])
def forgotten() -> Any:
    """Ask for a link that sets a new password. The answer is the same for every address."""
    if request.method != "POST":
        return render_template("auth/forgotten.html", sent=False, error=None)
    link = current_app.config["INBOX"].public_url + "/new-password/{token}"
    try:
        agents.request_password_reset(request.form.get("email", ""), link, request.remote_addr or "")
    except RateLimited as limited:
        return render_template("auth/forgotten.html", sent=False, error=gettext(str(limited))), 429
    return render_template("auth/forgotten.html", sent=True, error=None)


@blueprint.route("/new-password/<token>", methods=["GET", "POST"])
def new_password(token: str) -> Any:
    """Choose a new password by a mailed link."""
    agent = agents.reset_agent(token)
    if agent is None:
        return render_template("auth/new_password.html", agent=None, error=None), 410
    if request.method != "POST":
        return render_template("auth/new_password.html", agent=agent, error=None)
    try:
        if request.form.get("password") != request.form.get("again"):
            raise Invalid("again", "The two passwords are not the same.")
        start_session(agents.reset_password(token, request.form.get("password", "")))
    except CoreError as problem:
        return render_template("auth/new_password.html", agent=agent, error=gettext(str(problem))), 422
    return redirect(url_for("desk.first"), 303)


def _require_sign_in() -> Any:
    """Every page needs a signed-in agent, unless its view says `@public`."""
    view = current_app.view_functions.get(request.endpoint or "")
    if request.endpoint is None or getattr(view, "inbox_public", False) or request.endpoint in OPEN_ENDPOINTS:
        return None
    if request.path.startswith("/api/"):
        return None  # the API knows bearer tokens only, never sessions
    return None if current_user.is_authenticated else login_manager.unauthorized()


def public(view: Any) -> Any:
    """Mark a view as open to people who are not signed in."""
    view.inbox_public = True
    return view


for _view in (sign_in, sign_out, forgotten, new_password):
    public(_view)


def init(app: Flask) -> None:
    login_manager.init_app(app)
    login_manager.session_protection = "basic"
    app.before_request(_require_sign_in)
    app.jinja_env.globals.update(may=permissions.may, me=lambda: getattr(current_user, "agent", None),
                                 drawn_at=drawn_at)
