"""Settings that plugins declare: which there are, what is wrong with a value, and how secrets are kept.

They are read and stored through `inbox.core.settings`, like the desk's own. A secret is stored encrypted, as
`{"secret": …, "at": …}`, so that it is known as one even where no plugin is loaded.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import urlsplit

from inbox import secrets
from inbox.core.customers import is_address
from inbox.core.errors import NotAllowed
from inbox.db import in_transaction, utcnow
from inbox.plugin_host import call
from inbox.plugin_host.items import Setting

log = logging.getLogger(__name__)
LONGEST = {"lines": 50_000}  # characters; 2,000 for other texts
WORDS = {bool: "Say yes or no.", int: "Write a whole number.", str: "Write a text."}


def declared() -> dict[str, Setting]:
    """Every setting that a loaded plugin has declared, active or not, by its name."""
    return {item.name: item for _plugin, item in call.registered("register_settings")}


def of_plugin(plugin: str) -> list[Setting]:
    """What one plugin has declared, in its own order."""
    items = [item for owner, item in call.registered("register_settings") if owner == plugin]
    return sorted(items, key=lambda item: item.order)


def require_own(item: Setting) -> None:
    """A plugin reads and changes its own settings only. Raises NotAllowed when another's code is running."""
    now = call.answering()
    if now is not None and now.plugin != item.plugin:
        raise NotAllowed(f"The setting {item.name} belongs to the plugin {item.plugin}.")


def problem(item: Setting, value: Any) -> str | None:
    """What is wrong with a value, in plain words, or None. Asks the plugin's own check last."""
    if not isinstance(value, item.python_type) or (item.python_type is int and isinstance(value, bool)):
        return WORDS[item.python_type]
    if isinstance(value, str):
        if not value.strip():
            return "This has to be filled in." if item.required else None
        if wrong := _wrong_text(item, value):
            return wrong
    if isinstance(value, int) and abs(value) >= 2**53:
        return "This number is too large."
    return _own_check(item, value)


def _wrong_text(item: Setting, value: str) -> str | None:
    if len(value) > LONGEST.get(item.type, 2_000):
        return "This is too long."
    if item.type != "lines" and any(ord(each) < 32 for each in value):
        return "Write it on one line."
    if item.type == "url" and not _is_url(value):
        return "Write an address like https://shop.example."
    if item.type == "email" and not is_address(value):
        return "Write a mail address like name@example.com."
    if item.type == "color" and not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        return "Write a colour like #2f6fde."
    if item.type == "choice" and value not in item.choices:
        return "Choose one of those offered."
    return None


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", value)
    except ValueError:  # "https://[oops"
        return False


def _own_check(item: Setting, value: Any) -> str | None:
    """What the plugin says; a check that fails is a fault, and counts as content."""
    if item.check is None:
        return None
    if in_transaction():
        raise RuntimeError(f"The check of {item.name} is plugin code: store it before the transaction begins.")
    _, said = call.guard(item.plugin, "register_settings", item.check, value)
    return said if isinstance(said, str) and said else None


# --- secrets ----------------------------------------------------------------------------------------------------


def is_secret(stored: Any) -> bool:
    """True for the stored form of a secret."""
    return isinstance(stored, dict) and "secret" in stored


def hidden(value: str) -> dict[str, str]:
    """A secret as it is stored."""
    return {"secret": secrets.encrypt(value), "at": utcnow().isoformat()}


def shown(stored: Any) -> Any:
    """A stored value as the plugin reads it. A secret whose key is lost is empty; its page asks for it again."""
    if not is_secret(stored):
        return stored
    try:
        return secrets.decrypt(stored["secret"])
    except secrets.SecretLost:
        log.warning("A secret of a plugin cannot be read, because the secret key has changed.")
        return ""
