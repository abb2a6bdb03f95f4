"""A hook that other plugins may answer to say who is asking."""

from __future__ import annotations

from inbox.toolkit import hookspecs


@hookspecs.filter(since="1.0", answer=dict)
def sla_segments(segments, customer_id):  # type: ignore[no-untyped-def]
    """Groups of customers that a service level can be for: those that this customer is in, or all (None).

    `segments` maps keys, which stay when a group gets another name and begin with the plugin's name (`crm:7`), to names
    that are shown. Return it with your own added.
    """
