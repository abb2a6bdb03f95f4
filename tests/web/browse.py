"""The browser of the web tests is the one that plugin authors get."""

from inbox.testing.visitor import Visitor

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
"""The headers of a request that htmx makes for a part of a page."""

__all__ = ["HTMX", "Visitor"]
