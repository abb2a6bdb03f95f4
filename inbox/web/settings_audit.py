"""The audit log: what was done to the desk, by whom, and what was there before and after; as a page and as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from flask import Response, current_app, request
from flask_babel import lazy_gettext

from inbox.core import agents, audit
from inbox.core.models import AuditEntry
from inbox.db import transaction, utcnow
from inbox.web.auth import actor
from inbox.web.i18n import gettext
from inbox.web.settings import blueprint, page, require
from inbox.web.settings_exchange import in_a_context_of_its_own

AREAS = {"settings": lazy_gettext("Settings"), "people": lazy_gettext("Agents and roles"),
         "mailboxes": lazy_gettext("Mailboxes"), "plugins": lazy_gettext("Plugins"),
         "data": lazy_gettext("Import, export, erasure"), "sign_ins": lazy_gettext("Sign-ins")}
WORDS = {
    "settings_changed": lazy_gettext("Changed a setting"), "sender_decided": lazy_gettext("Decided about a sender"),
    "automatic_mail_resumed": lazy_gettext("Let automatic mail go out again"),
    "agent_created": lazy_gettext("Added an agent"), "agent_changed": lazy_gettext("Changed an agent"),
    "agent_deactivated": lazy_gettext("Deactivated an agent"),
    "agent_mail_cleared": lazy_gettext("Said that mail reaches an agent again"),
    "invitation_sent": lazy_gettext("Sent an invitation"),
    "invitation_revoked": lazy_gettext("Took an invitation back"),
    "invitation_accepted": lazy_gettext("Accepted an invitation"),
    "password_link_sent": lazy_gettext("Mailed a link to choose a password"),
    "token_created": lazy_gettext("Made an API token"), "token_revoked": lazy_gettext("Ended an API token"),
    "mailbox_changed": lazy_gettext("Changed a mailbox"),
    "mailbox_login_granted": lazy_gettext("Connected a mailbox with its provider"),
    "plugin_changed": lazy_gettext("Changed a plugin"), "plugin_file_changed": lazy_gettext("Uploaded a plugin"),
    "customer_merged": lazy_gettext("Merged two customers"),
    "customer_merge_undone": lazy_gettext("Took customers apart again"),
    "customer_erased": lazy_gettext("Erased a customer"),
    "customer_exported": lazy_gettext("Took out a customer’s personal data"),
    "mail_imported": lazy_gettext("Imported mail"), "import_changed": lazy_gettext("Began or stopped an import"),
    "desk_exported": lazy_gettext("Took out the whole desk"), "audit_exported": lazy_gettext("Took out the audit log"),
    "agent_signed_in": lazy_gettext("Signed in"), "sign_in_failed": lazy_gettext("A sign-in failed"),
}


def _filter() -> dict[str, Any]:
    area = request.args.get("area", "")
    return {"area": area if area in audit.AREAS else None, "agent_id": request.args.get("agent", type=int)}


@blueprint.get("/audit")
def audit_log() -> Any:
    """Lines, newest first, by area and person."""
    require("manage_settings")
    wanted = _filter()
    found, following = audit.page(by=actor(), before=request.args.get("before", type=int), **wanted)
    people = agents.all_agents()
    return page("audit", lines=found, next=following, wanted=wanted, areas=AREAS, words=WORDS, people=people,
                names={each.id: each.name for each in people},
                query={"area": wanted["area"], "agent": wanted["agent_id"]})


@blueprint.get("/audit.csv")
def audit_file() -> Any:
    """The same as a file, all of it."""
    require("manage_settings")
    by, wanted = actor(), _filter()
    with transaction():
        audit.note("audit_exported", by=by)
    lines = in_a_context_of_its_own(current_app._get_current_object(), _csv(audit.everything(by=by, **wanted)))  # type: ignore[attr-defined]
    return Response(lines, mimetype="text/csv", headers={
        "Content-Disposition": f'attachment; filename="audit-{utcnow():%Y-%m-%d}.csv"',
        "Cache-Control": "private, no-store"})


def _csv(found: Iterator[AuditEntry]) -> Iterator[bytes]:
    names = {each.id: each.email for each in agents.all_agents()}
    yield _line("at", "who", "through", "area", "kind", "subject", "changes")
    for each in found:
        yield _line(each.at.isoformat(), names.get(each.agent_id or 0, ""), each.source, each.area, each.kind,
                    each.subject, json.dumps(each.changes, ensure_ascii=False) if each.changes else "")


def _line(*cells: str) -> bytes:
    out = io.StringIO()
    # A cell that begins like a formula would be one in a spreadsheet, whoever has written it.
    csv.writer(out).writerow(f"'{each}" if each[:1] in ("=", "+", "-", "@", "\t", "\r") else each for each in cells)
    return out.getvalue().encode("utf-8")


@blueprint.app_template_global("audit_changes")
def changes(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """What changed, as words: name, before, after; empty for nothing."""
    return [(name, _word(before), _word(after)) for name, (before, after) in entry.changes.items()]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return "" if value is None else str(value)
