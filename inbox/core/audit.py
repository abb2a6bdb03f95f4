"""The audit log: what was done to the desk itself, by whom, and what was there before and after.

Events of these kinds write their line here by themselves (`inbox.core.events`); what is no event (a link that was
mailed, a sign-in that failed) is written by `note`. Plugins and webhooks hear events, so what changed from what to what
is kept here alone. Values of secrets are never written down, only that they changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from inbox.core.models import AuditEntry
from inbox.db import session

if TYPE_CHECKING:
    from inbox.core.events import Actor

AREAS: dict[str, tuple[str, ...]] = {  # kinds by area
    "settings": ("settings_changed", "sender_decided", "automatic_mail_resumed"),
    "people": ("agent_created", "agent_changed", "agent_deactivated", "agent_mail_cleared", "invitation_sent",
               "invitation_revoked", "invitation_accepted", "password_link_sent", "token_created", "token_revoked"),
    "mailboxes": ("mailbox_changed", "mailbox_login_granted"),
    "plugins": ("plugin_changed", "plugin_file_changed"),
    "data": ("customer_merged", "customer_merge_undone", "customer_erased", "customer_exported", "mail_imported",
             "import_changed", "desk_exported", "audit_exported"),
    "sign_ins": ("agent_signed_in", "sign_in_failed"),
}
AREA_OF = {kind: area for area, kinds in AREAS.items() for kind in kinds}
HIDDEN = "••••"
LONGEST = 200  # characters of a value
Changes = Mapping[str, tuple[Any, Any]]
# By what the data of an event say what it was done to.
_SUBJECTS: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("key", str), ("sender", str), ("plugin", str), ("subject", str),
    ("agent", lambda it: f"agent {it}"), ("mailbox", lambda it: f"mailbox {it}"),
    ("department", lambda it: f"department {it}"), ("customer", lambda it: f"customer {it}"), ("what", str))


def note(kind: str, *, by: Actor, subject: str = "", changes: Changes | None = None) -> None:
    """Write a line, in the transaction of what was done."""
    session().add(AuditEntry(
        agent_id=by.id if by.kind == "agent" else None, source=by.source, area=AREA_OF[kind], kind=kind,
        subject=subject[:LONGEST], changes={name: [_short(each) for each in both]
                                            for name, both in (changes or {}).items()}))


def note_event(kind: str, data: Mapping[str, Any], *, by: Actor, subject: str, changes: Changes | None) -> None:
    """The line of an event, if its kind is one of these."""
    if kind == "settings_changed" and "mailbox" in data:
        kind = "mailbox_changed"
    if kind not in AREA_OF:
        return
    named = subject or next((say(data[name]) for name, say in _SUBJECTS if data.get(name)), "")
    extra = {name: (None, data[name]) for name in ("did", "verdict", "version") if name in data}
    note(kind, by=by, subject=named, changes={**extra, **(changes or {})})


def diff(before: Mapping[str, Any], after: Mapping[str, Any],
         secret: Collection[str] = ()) -> dict[str, tuple[Any, Any]]:
    """What differs, by name; of secrets only whether there is one."""
    return {name: masked(before.get(name), value) if name in secret else (before.get(name), value)
            for name, value in after.items() if before.get(name) != value}


def masked(before: Any, after: Any) -> tuple[str | None, str | None]:
    """A secret before and after."""
    return HIDDEN if before else None, HIDDEN if after else None


def _short(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = value if isinstance(value, str) else ", ".join(map(str, value)) if (
        isinstance(value, list | tuple | set | frozenset)) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST - 1]}…"


def page(*, by: Actor, area: str | None = None, agent_id: int | None = None, before: int | None = None,
         limit: int = 50) -> tuple[list[AuditEntry], int | None]:
    """Lines, newest first, and the id to go on from (None: these are the last). Raises NotAllowed."""
    _require(by)
    return _find(area, agent_id, before, limit)


def everything(*, by: Actor, area: str | None = None, agent_id: int | None = None,
               batch: int = 500) -> Iterator[AuditEntry]:
    """All lines of a filter, newest first, read a batch at a time. Raises NotAllowed at once."""
    _require(by)

    def lines() -> Iterator[AuditEntry]:
        found, before = _find(area, agent_id, None, batch)
        yield from found
        while before is not None:
            session().rollback()
            found, before = _find(area, agent_id, before, batch)
            yield from found

    return lines()


def _require(by: Actor) -> None:
    from inbox.core import permissions  # which records events itself

    permissions.require(by, "manage_settings")


def _find(area: str | None, agent_id: int | None, before: int | None,
          limit: int) -> tuple[list[AuditEntry], int | None]:
    query = sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)
    if area in AREAS:
        query = query.where(AuditEntry.area == area)
    if agent_id is not None:
        query = query.where(AuditEntry.agent_id == agent_id)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    found = list(session().scalars(query))
    return found[:limit], found[limit - 1].id if len(found) > limit else None
