"""The one module plugins import: what they need of the program. Re-exports only.

What is not here may change without notice.
"""

from __future__ import annotations

from inbox import hookimpl, http, signatures
from inbox.core import messages, notifications, settings, tickets
from inbox.core.automatic import me, spend, why_not_answer
from inbox.core.errors import CoreError, Invalid, NotAllowed, NotFound
from inbox.core.messages import Body
from inbox.core.models import Agent, Customer, Department, Event, Message, Ticket
from inbox.core.permissions import may
from inbox.core.words import for_agent as words_for
from inbox.db import Model, UtcDateTime, session, transaction, utcnow
from inbox.plugin_host.call import Rejected, hears_itself
from inbox.plugin_host.items import (
    Badge,
    Banner,
    Button,
    Column,
    Command,
    Endpoint,
    HealthCheck,
    Job,
    Link,
    NotificationType,
    Pages,
    Panel,
    Permission,
    Setting,
    SettingTest,
)
from inbox.web.plugin_parts import current_agent, plugin_static, plugin_url, render

__all__ = [
    "Agent",
    "Badge",
    "Banner",
    "Body",
    "Button",
    "Column",
    "Command",
    "CoreError",
    "Customer",
    "Department",
    "Endpoint",
    "Event",
    "HealthCheck",
    "Invalid",
    "Job",
    "Link",
    "Message",
    "Model",
    "NotAllowed",
    "NotFound",
    "NotificationType",
    "Pages",
    "Panel",
    "Permission",
    "Rejected",
    "Setting",
    "SettingTest",
    "Ticket",
    "UtcDateTime",
    "current_agent",
    "hears_itself",
    "hookimpl",
    "http",
    "may",
    "me",
    "messages",
    "notifications",
    "plugin_static",
    "plugin_url",
    "render",
    "session",
    "settings",
    "signatures",
    "spend",
    "tickets",
    "transaction",
    "utcnow",
    "why_not_answer",
    "words_for",
]
