"""The one module plugins import: what they need of the program. Re-exports only.

What is not here may change without notice.
"""

from __future__ import annotations

from flask_babel import gettext, ngettext

from inbox import hookimpl, hookspecs, http, signatures
from inbox import plugin_asks as asks
from inbox.core import (
    agents,
    customers,
    events,
    fields,
    hours,
    merges,
    messages,
    notifications,
    placeholders,
    settings,
    tags,
    ticket_merge,
    tickets,
)
from inbox.core.automatic import auto_reply_words, me, record, spend, why_not_answer
from inbox.core.circuits import is_held_back
from inbox.core.errors import CoreError, Invalid, NotAllowed, NotFound
from inbox.core.events import Actor, follow_ups
from inbox.core.messages import Body
from inbox.core.models import (
    Agent,
    Customer,
    CustomerAddress,
    Department,
    Event,
    FieldColumns,
    Message,
    Tag,
    Ticket,
    ValueColumns,
)
from inbox.core.permissions import may, reach, require, visible
from inbox.core.queue import run_soon
from inbox.core.search import words as search_words
from inbox.core.words import for_agent as words_for
from inbox.db import Model, UtcDateTime, session, transaction, utcnow
from inbox.plugin_host.call import Rejected, hears_itself, hears_only
from inbox.plugin_host.items import (
    Badge,
    Banner,
    Button,
    Card,
    Column,
    Command,
    Endpoint,
    EventKind,
    HealthCheck,
    Job,
    Link,
    MessageLink,
    NotificationType,
    Pages,
    Panel,
    Permission,
    PersonalData,
    Placeholder,
    RowBadge,
    SearchFilter,
    Setting,
    SettingTest,
    TicketView,
    TimelineEntry,
)
from inbox.secrets import SecretLost, decrypt, encrypt
from inbox.web.bulk import act_on_selected
from inbox.web.field_parts import fields_from_form
from inbox.web.i18n import negotiate as choose_language
from inbox.web.i18n import said
from inbox.web.plugin_parts import (
    actor,
    back_to_list,
    back_to_ticket,
    current_agent,
    own_secret,
    plugin_static,
    plugin_url,
    render,
    signed_in,
    speaking_to,
)

__all__ = [
    "Actor",
    "Agent",
    "Badge",
    "Banner",
    "Body",
    "Button",
    "Card",
    "Column",
    "Command",
    "CoreError",
    "Customer",
    "CustomerAddress",
    "Department",
    "Endpoint",
    "Event",
    "EventKind",
    "FieldColumns",
    "HealthCheck",
    "Invalid",
    "Job",
    "Link",
    "Message",
    "MessageLink",
    "Model",
    "NotAllowed",
    "NotFound",
    "NotificationType",
    "Pages",
    "Panel",
    "Permission",
    "PersonalData",
    "Placeholder",
    "Rejected",
    "RowBadge",
    "SearchFilter",
    "SecretLost",
    "Setting",
    "SettingTest",
    "Tag",
    "Ticket",
    "TicketView",
    "TimelineEntry",
    "UtcDateTime",
    "ValueColumns",
    "act_on_selected",
    "actor",
    "agents",
    "asks",
    "auto_reply_words",
    "back_to_list",
    "back_to_ticket",
    "choose_language",
    "current_agent",
    "customers",
    "decrypt",
    "encrypt",
    "events",
    "fields",
    "fields_from_form",
    "follow_ups",
    "gettext",
    "hears_itself",
    "hears_only",
    "hookimpl",
    "hookspecs",
    "hours",
    "http",
    "is_held_back",
    "may",
    "me",
    "merges",
    "messages",
    "ngettext",
    "notifications",
    "own_secret",
    "placeholders",
    "plugin_static",
    "plugin_url",
    "reach",
    "record",
    "render",
    "require",
    "run_soon",
    "said",
    "search_words",
    "session",
    "settings",
    "signatures",
    "signed_in",
    "speaking_to",
    "spend",
    "tags",
    "ticket_merge",
    "tickets",
    "transaction",
    "utcnow",
    "visible",
    "why_not_answer",
    "words_for",
]
