"""What the tests of service levels share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from inbox.toolkit import transaction


@pytest.fixture
def standard() -> Callable[..., Any]:
    """Makes a policy for all tickets, with a calendar of its own: `standard(hours, first_reply=240)`, in minutes."""
    def make(hours: dict[str, Any], **promised: Any) -> Any:
        from inbox_plugins.sla.models import SlaCalendar, SlaPolicy  # mapped once the plugin may be imported

        with transaction() as current:
            calendar = SlaCalendar(name="Hours", definition=hours)
            current.add(calendar)
            current.flush()
            policy = SlaPolicy(name="Standard", calendar_id=calendar.id, **promised)
            current.add(policy)
        return policy
    return make
