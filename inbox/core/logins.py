"""How mailboxes sign in with OAuth 2: what was granted, how long it holds, who has to be told before it ends.

`inbox.mail.oauth` talks to the providers; here are only the facts. Secrets and tokens arrive and are stored encrypted.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from inbox import secrets
from inbox.core import audit, events, permissions
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Mailbox, MailboxLogin
from inbox.db import session, transaction, utcnow

TITLES = {"google": "Google", "microsoft": "Microsoft 365", "other": "OAuth 2"}
WARNINGS = (30, 7, 1)  # days before the end
LEASE = dt.timedelta(seconds=40)  # longer than a refresh may take
TEXTS = ("client_id", "tenant", "authorize_url", "token_url", "scope")
BY_MAIL = Actor.system("mail")


def of(mailbox_id: int) -> MailboxLogin | None:
    """The login of a mailbox, None where there is none yet."""
    return session().get(MailboxLogin, mailbox_id)


def is_connected(mailbox: Mailbox) -> bool:
    """True when a person has let us in and the provider has not refused us since."""
    login = of(mailbox.id)
    return login is not None and login.refresh_token_sealed is not None and login.error is None


def configure(mailbox: Mailbox, *, by: Actor, client_secret: str = "", secret_expires_on: dt.date | None = None,
              **texts: str) -> MailboxLogin:
    """Store the application's data. An empty secret keeps the stored one. Raises Invalid, NotAllowed."""
    permissions.require(by, "manage_mailboxes")
    _check(mailbox.sign_in, texts)
    with transaction() as current:
        login = current.get(MailboxLogin, mailbox.id)
        if login is None:
            login = MailboxLogin(mailbox_id=mailbox.id)
            current.add(login)
        before = tuple(getattr(login, name) for name in TEXTS)
        for name in TEXTS:
            setattr(login, name, texts.get(name, "").strip())
        if client_secret:
            login.client_secret_sealed, login.error = secrets.encrypt(client_secret), None
        if login.secret_expires_on != secret_expires_on or client_secret:
            login.secret_expires_on, login.warned_days = secret_expires_on, None
        if before[0] and before != tuple(getattr(login, name) for name in TEXTS):
            _forget(login)  # a token of one application, tenant or scope is worth nothing to another
        current.flush()
        events.record("settings_changed", by=by, audit_subject=mailbox.address, mailbox=mailbox.id, changes={
            **audit.diff(dict(zip(TEXTS, before, strict=True)), {name: getattr(login, name) for name in TEXTS}),
            **({"client_secret": audit.masked(True, client_secret)} if client_secret else {})})
        return login


def _check(sign_in: str, texts: dict[str, str]) -> None:
    if not texts.get("client_id", "").strip():
        raise Invalid("client_id", "Give the client ID of the application that you made at your provider.")
    if any(each in texts.get("tenant", "") for each in "/?#%\\ "):
        raise Invalid("tenant", "A tenant is a domain or an id, without blanks and slashes.")
    if sign_in == "other":
        for name in ("authorize_url", "token_url"):
            if not texts.get(name, "").strip().startswith(("https://", "http://")):
                raise Invalid(name, "Give an address that begins with https://.")


def _forget(login: MailboxLogin) -> None:
    login.refresh_token_sealed = login.access_token_sealed = login.access_expires_at = None
    login.refresh_expires_at = login.granted_at = login.error = login.error_at = login.warned_days = None


def copy_application(mailbox: Mailbox) -> MailboxLogin | None:
    """The application another mailbox of the same provider signs in with, to fill a form with."""
    return session().scalar(
        sa.select(MailboxLogin).join(Mailbox, Mailbox.id == MailboxLogin.mailbox_id)
        .where(Mailbox.sign_in == mailbox.sign_in, Mailbox.id != mailbox.id).order_by(Mailbox.id.desc()).limit(1))


# --- what the provider answered -----------------------------------------------------------------------------------


def granted(mailbox: Mailbox, answer: dict[str, Any], *, by: Actor) -> None:
    """A person let us in: keep the tokens. Raises Invalid when there is none to go on with."""
    permissions.require(by, "manage_mailboxes")
    with transaction() as current:
        login = current.get(MailboxLogin, mailbox.id)
        refresh = answer.get("refresh_token") or ""
        if login is None or not refresh:
            raise Invalid("sign_in", "The provider gave no lasting permission (no refresh token). Remove this desk's "
                                     "access in the account there, then connect again.")
        _forget(login)
        login.granted_at = utcnow()
        _keep(login, answer)
        mailbox.next_try_at, mailbox.failures = None, 0  # the error goes with the first round that works
        current.flush()
        events.record("mailbox_login_granted", by=by, audit_subject=mailbox.address, mailbox=mailbox.id)


def refreshed(mailbox_id: int, used: str, answer: dict[str, Any]) -> None:
    """New tokens came for the stored refresh token `used`; a new refresh token takes its place. A grant given in the
    meantime wins."""
    with transaction() as current:
        login = current.get(MailboxLogin, mailbox_id)
        if login is None:
            return
        login.lease_until = None
        if login.refresh_token_sealed == used:
            login.error = login.error_at = None
            _keep(login, answer)


def _keep(login: MailboxLogin, answer: dict[str, Any]) -> None:
    now = utcnow()
    login.access_token_sealed = secrets.encrypt(str(answer["access_token"]))
    login.access_expires_at = now + dt.timedelta(seconds=_seconds(answer.get("expires_in"), 3600))
    login.refreshed_at = now
    if answer.get("refresh_token"):
        login.refresh_token_sealed = secrets.encrypt(str(answer["refresh_token"]))
    if lasting := _seconds(answer.get("refresh_token_expires_in"), 0):
        ends = now + dt.timedelta(seconds=lasting)
        if login.refresh_expires_at is None or ends > login.refresh_expires_at + dt.timedelta(hours=1):
            login.warned_days = None
        login.refresh_expires_at = ends


def _seconds(value: Any, otherwise: int) -> int:
    try:
        return min(int(value), 10 * 365 * 86400) if value is not None else otherwise
    except (TypeError, ValueError):
        return otherwise


def refused(mailbox_id: int, used: str | None, error: str) -> None:
    """The provider will not let us in any more; the event tells admins, once."""
    with transaction() as current:
        login = current.get(MailboxLogin, mailbox_id)
        if login is None:
            return
        login.lease_until = None
        if used is not None and login.refresh_token_sealed != used:
            return  # a person connected it anew meanwhile
        first = login.error is None
        login.error, login.access_token_sealed, login.access_expires_at = error[:1000], None, None
        if first:
            login.error_at = utcnow()
            events.record("mailbox_login_refused", by=BY_MAIL, mailbox=mailbox_id, error=error[:500])


def forget_access(mailbox_id: int) -> None:
    """A server did not take the token, though it should still be good: the next try asks for another."""
    with transaction() as current:
        current.execute(sa.update(MailboxLogin).where(MailboxLogin.mailbox_id == mailbox_id)
                        .values(access_token_sealed=None, access_expires_at=None)
                        .execution_options(synchronize_session=False))


def take_lease(mailbox_id: int) -> bool:
    """Become the one who refreshes: a refresh token that changes with each use must be used once."""
    now = utcnow()
    with transaction() as current:
        done = current.execute(
            sa.update(MailboxLogin).where(MailboxLogin.mailbox_id == mailbox_id, sa.or_(
                MailboxLogin.lease_until.is_(None), MailboxLogin.lease_until < now)).values(lease_until=now + LEASE),
            execution_options={"synchronize_session": False})
        return bool(done.rowcount)  # type: ignore[attr-defined]


def let_go(mailbox_id: int) -> None:
    """The refresh came to nothing; somebody else may try."""
    with transaction() as current:
        current.execute(sa.update(MailboxLogin).where(MailboxLogin.mailbox_id == mailbox_id).values(lease_until=None)
                        .execution_options(synchronize_session=False))


# --- how long it holds ----------------------------------------------------------------------------------------------


def ends_at(login: MailboxLogin | None) -> dt.datetime | None:
    """When the permission or the client secret ends, whichever is first; None: nobody has told."""
    if login is None:
        return None
    return min((each for each in (login.refresh_expires_at, _secret_ends(login)) if each is not None), default=None)


def _secret_ends(login: MailboxLogin) -> dt.datetime | None:
    day = login.secret_expires_on
    return None if day is None else dt.datetime.combine(day, dt.time(), dt.UTC)


def days_left(login: MailboxLogin | None) -> int | None:
    """Whole days until it ends, 0 or less when it has; None when nobody knows."""
    ends = ends_at(login)
    return None if ends is None else -int(-(ends - utcnow()).total_seconds() // 86400)


def is_secret_first(login: MailboxLogin) -> bool:
    """True when it is the client secret that ends first, and not what a person has granted."""
    secret = _secret_ends(login)
    return secret is not None and (login.refresh_expires_at is None or secret <= login.refresh_expires_at)


def in_use() -> list[tuple[Mailbox, MailboxLogin]]:
    """Mailboxes that sign in this way, switched on."""
    rows = session().execute(
        sa.select(Mailbox, MailboxLogin).join(MailboxLogin, MailboxLogin.mailbox_id == Mailbox.id)
        .where(Mailbox.is_active, Mailbox.sign_in != "password").order_by(Mailbox.id)).all()
    return [(row[0], row[1]) for row in rows]


def warn_due() -> int:
    """Record an event for every login that ends within 30, 7 or 1 day, once for each. Returns how many."""
    count = 0
    for mailbox, login in in_use():
        left = days_left(login)
        due = min((each for each in WARNINGS if left is not None and left <= each), default=None)
        if due is None or (login.warned_days is not None and login.warned_days <= due):
            continue
        with transaction() as current:
            current.get_one(MailboxLogin, mailbox.id).warned_days = due
            events.record("mailbox_login_expiring", by=BY_MAIL, mailbox=mailbox.id, days=max(0, left or 0),
                          secret=is_secret_first(login))
        count += 1
    return count
