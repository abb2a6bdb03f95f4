"""Tells those who set up mailboxes that one of them needs a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from inbox.toolkit import Event, notifications, spend, words_for

KIND = "notifications.mailbox"
QUIET = dt.timedelta(hours=6)  # a server that comes and goes is told of once in this time
Words = Callable[[Callable[[str], str]], tuple[str, str]]


def cannot_fetch(mailbox: Any, error: str, event: Event) -> None:
    """Mail cannot be fetched. Where the login was refused, that was told already."""
    if (event.data or {}).get("is_login") or not spend(f"notify:mailbox:{mailbox.id}", 1, QUIET):
        return
    _tell(mailbox, event, lambda _: (
        _("Mail cannot be fetched: %(address)s") % {"address": mailbox.address},
        _(error) + "\n\n" + _("Mail waits there; none is lost. We try again by ourselves.")))


def refused(mailbox: Any, error: str, event: Event) -> None:
    """The provider does not let us in any more."""
    _tell(mailbox, event, lambda _: (
        _("Connect this mailbox again: %(address)s") % {"address": mailbox.address},
        _(error) + "\n\n" + _("Until then no mail comes in by this mailbox, and none goes out.")))


def expiring(mailbox: Any, days: int, event: Event) -> None:
    """The login ends in some days: what to do before."""
    def words(_: Callable[[str], str]) -> tuple[str, str]:
        facts = {"address": mailbox.address, "days": days}
        if (event.data or {}).get("secret"):
            what = _("The client secret that %(address)s signs in with ends. Days left: %(days)s. Make a new secret at "
                     "your provider and enter it, with its last day, on the settings page of the mailbox.")
        else:
            what = _("The permission that %(address)s signs in with ends. Days left: %(days)s. Open the settings page "
                     "of the mailbox and press Connect.")
        return _("The login of %(address)s ends soon; days left: %(days)s") % facts, what % facts

    _tell(mailbox, event, words)


def missing(problems: int, event: Event) -> None:
    """The nightly check found something."""
    if problems:
        _send(event, "/settings/status", lambda _: (
            _("The nightly check found mail that is not where it should be."),
            "\n\n".join(_(each) for each in (event.data or {}).get("words", []))))


def _tell(mailbox: Any, event: Event, words: Words) -> None:
    _send(event, f"/settings/mailboxes/{mailbox.id}", words)


def _send(event: Event, path: str, words: Words) -> None:
    letters = []
    for agent in notifications.able("manage_mailboxes"):
        if notifications.wants_any(agent, KIND):
            subject, text = words(words_for(agent).gettext)
            letters.append(notifications.Letter(agent, subject, f"{text}\n\n{notifications.page_address(path)}\n"))
    notifications.notify(event, KIND, letters=letters, path=path)
