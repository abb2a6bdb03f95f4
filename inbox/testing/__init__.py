"""What the tests of a plugin use: `from inbox.testing import make_agent`. The fixtures come by themselves.

Loaded by pytest in every project of a machine that has this package, so nothing is imported before it is asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "MODES": "remote", "Remote": "remote", "Visitor": "visitor", "Desk": "desk", "complaints": "contract",
    **dict.fromkeys(("make_agent", "make_customer", "make_department", "make_file", "make_mailbox", "make_message",
                     "make_ticket"), "factories"),
}
__all__ = [*_PLACES]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"inbox.testing has no {name}; it has {', '.join(_PLACES)}.")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
