"""Hooks that other plugins may answer to stand on the pages of the reports."""

from __future__ import annotations

from inbox.toolkit import Panel, hookspecs


@hookspecs.slot(since="1.0", item=Panel)
def reports_panels(first, last, departments):  # type: ignore[no-untyped-def]
    """Boxes with figures on the overview, for the days from `first` to `last`, both included.

    `departments` are the ids of those that count (None: all); figures of others are not to be shown.
    """
