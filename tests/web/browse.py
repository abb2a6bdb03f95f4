"""The browser of the web tests is the one that plugin authors get."""

from inbox.testing.visitor import Visitor

__all__ = ["Visitor"]
