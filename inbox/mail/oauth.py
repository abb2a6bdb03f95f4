"""OAuth 2 for mailboxes: the way through the browser (authorization code with PKCE) and fresh tokens afterwards.

Every request goes through `inbox.http`: a time limit, and no private network unless the owner allows it.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import logging
import secrets as random
import time
from typing import Any
from urllib.parse import urlencode

from inbox import http, secrets
from inbox.core import logins, mailboxes
from inbox.core.models import Mailbox, MailboxLogin
from inbox.db import session, utcnow
from inbox.jobs.engine import handler
from inbox.mail.providers import OAUTH, Provider

log = logging.getLogger(__name__)
SPARE = dt.timedelta(minutes=2)  # a token that ends sooner is not used any more
WAIT_SECONDS = 30.0  # for another process that refreshes the same login
KEEP_ALIVE = dt.timedelta(days=7)  # tokens that nobody uses lapse at some providers
PERMANENT = ("invalid_grant", "invalid_client", "unauthorized_client", "interaction_required", "access_denied")


class LoginTrouble(Exception):
    """There is no token now; `str()` is for people. `needs_person`: trying again does not help."""

    def __init__(self, words: str, *, needs_person: bool) -> None:
        super().__init__(words)
        self.words, self.needs_person = words, needs_person


def provider_of(mailbox: Mailbox, login: MailboxLogin) -> Provider:
    """Where a mailbox is let in. Raises LoginTrouble for one that signs in with a password."""
    if mailbox.sign_in == "other":
        return Provider(login.authorize_url, login.token_url, login.scope)
    if mailbox.sign_in not in OAUTH:
        raise LoginTrouble("This mailbox signs in with a password.", needs_person=True)
    return OAUTH[mailbox.sign_in].of_tenant(login.tenant or "common")


# --- through the browser ------------------------------------------------------------------------------------------


def begin(mailbox: Mailbox, redirect_uri: str) -> tuple[str, dict[str, str]]:
    """The provider's page to send the person to, and what has to be remembered until they come back.

    Raises LoginTrouble when the application's data are missing.
    """
    login = logins.of(mailbox.id)
    if login is None or not login.client_id:
        raise LoginTrouble("Give the client ID of the application first.", needs_person=True)
    provider = provider_of(mailbox, login)
    kept = {"state": random.token_urlsafe(24), "verifier": random.token_urlsafe(64), "mailbox": str(mailbox.id)}
    digest = base64.urlsafe_b64encode(hashlib.sha256(kept["verifier"].encode()).digest()).rstrip(b"=").decode()
    asked = {"response_type": "code", "client_id": login.client_id, "redirect_uri": redirect_uri,
             "scope": provider.scope, "state": kept["state"], "code_challenge": digest,
             "code_challenge_method": "S256", "login_hint": mailbox.imap_user or mailbox.address, **provider.extra}
    sign = "&" if "?" in provider.authorize_url else "?"
    return f"{provider.authorize_url}{sign}{urlencode(asked)}", kept


def exchange(mailbox: Mailbox, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
    """The tokens for a code that the provider sent back with the browser. Raises LoginTrouble."""
    login = logins.of(mailbox.id)
    if login is None:
        raise LoginTrouble("Give the client ID of the application first.", needs_person=True)
    return _ask(mailbox, login, {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
                                 "code_verifier": verifier})


# --- tokens -----------------------------------------------------------------------------------------------------------


def access_token(mailbox_id: int, *, anew: bool = False) -> str:
    """A token that is good for some minutes; a new one is asked for when the stored one ends soon, or with `anew`.

    Not inside a transaction. Raises LoginTrouble, SecretLost.
    """
    end = time.monotonic() + WAIT_SECONDS
    before = _login(mailbox_id).access_token_sealed
    while True:
        login = _login(mailbox_id)
        stored, ends = login.access_token_sealed, login.access_expires_at
        if stored and ends and ends > utcnow() + SPARE and not (anew and stored == before):
            return secrets.decrypt(stored)
        if logins.take_lease(mailbox_id):
            return _refresh(mailbox_id)
        if time.monotonic() > end:
            raise LoginTrouble("Another process asks for a new permission just now.", needs_person=False)
        session().rollback()
        time.sleep(0.2)


def _login(mailbox_id: int) -> MailboxLogin:
    """The login as it is stored now. Raises LoginTrouble when nobody has connected the mailbox."""
    login = session().get(MailboxLogin, mailbox_id, populate_existing=True)
    if login is None or login.refresh_token_sealed is None:
        raise LoginTrouble("This mailbox is not connected yet. Open its settings page and press Connect.",
                           needs_person=True)
    return login


def _refresh(mailbox_id: int) -> str:
    """Ask for new tokens, as the one who holds the lease."""
    used: str | None = None
    try:
        login, mailbox = _login(mailbox_id), mailboxes.get(mailbox_id)
        used = login.refresh_token_sealed or ""
        answer = _ask(mailbox, login, {"grant_type": "refresh_token", "refresh_token": secrets.decrypt(used or "")})
    except LoginTrouble as trouble:
        if trouble.needs_person:
            logins.refused(mailbox_id, used, trouble.words)
        else:
            logins.let_go(mailbox_id)
        raise
    except BaseException:
        logins.let_go(mailbox_id)
        raise
    logins.refreshed(mailbox_id, used or "", answer)
    return str(answer["access_token"])


def _ask(mailbox: Mailbox, login: MailboxLogin, form: dict[str, str]) -> dict[str, Any]:
    """The token endpoint's answer. Raises LoginTrouble."""
    provider, sign_in, name = provider_of(mailbox, login), mailbox.sign_in, logins.TITLES[mailbox.sign_in]
    form["client_id"] = login.client_id
    if login.client_secret_sealed:
        form["client_secret"] = secrets.decrypt(login.client_secret_sealed)
    try:
        answer = http.post(provider.token_url, data=form, timeout=20, redirects=0, max_bytes=256 * 1024,
                           headers={"Accept": "application/json"})
    except http.Failed as error:
        raise LoginTrouble(f"{name} cannot be asked for permission: {error}", needs_person=False) from error
    try:
        said = answer.json()
    except http.BadAnswer:
        said = {}
    said = said if isinstance(said, dict) else {}
    if answer.ok and isinstance(said.get("access_token"), str) and said["access_token"]:
        return said
    reason = str(said.get("error") or "")[:60]
    detail = " ".join(str(said.get("error_description") or "").split())[:200]
    raise LoginTrouble(_advice(sign_in, name, reason, detail, answer.status), needs_person=reason in PERMANENT)


def _advice(sign_in: str, name: str, reason: str, detail: str, status: int) -> str:
    """What a refusal means and what to do about it."""
    where = OAUTH[sign_in].console if sign_in in OAUTH else "your provider"
    tail = f" ({detail})" if detail else f" ({reason})" if reason else ""
    if reason in ("invalid_client", "unauthorized_client"):
        return (f"{name} does not accept the client ID or the client secret; a secret may have expired. Make a new one "
                f"at {where} and enter it on the settings page of this mailbox.{tail}")
    if reason in PERMANENT:
        return (f"{name} does not let us in any more: the permission was taken back or has expired, or the password "
                f"was changed. Open the settings page of this mailbox and press Connect. Mail waits there; none is "
                f"lost.{tail}")
    return f"{name} gave no permission just now (answer {status}); we try again.{tail}"


# --- what runs by itself ----------------------------------------------------------------------------------------------


@handler("logins.watch", every=dt.timedelta(hours=6))
def watch_job(_args: dict[str, Any]) -> None:
    """Keep logins alive that nobody uses, and warn 30, 7 and 1 day before one ends."""
    for mailbox_id, refreshed_at, error in [(mailbox.id, login.refreshed_at, login.error)
                                            for mailbox, login in logins.in_use()]:
        if error is None and refreshed_at is not None and refreshed_at < utcnow() - KEEP_ALIVE:
            try:
                access_token(mailbox_id, anew=True)
            except (LoginTrouble, secrets.SecretLost) as trouble:
                log.warning("The login of mailbox %d could not be renewed: %s", mailbox_id, trouble)
    logins.warn_due()
