"""Translations for texts made outside of a page, such as notification mails. The same catalogues as the pages'."""

from __future__ import annotations

import gettext
from functools import lru_cache
from pathlib import Path

from inbox.core import settings
from inbox.core.models import Agent

FOLDER = Path(__file__).parent.parent / "translations"


@lru_cache(maxsize=32)
def in_locale(locale: str) -> gettext.NullTranslations:
    """The catalogue of a locale like `nb` or `zh_Hant`; English where there is none."""
    return gettext.translation("messages", FOLDER, languages=[locale], fallback=True)


def for_agent(agent: Agent) -> gettext.NullTranslations:
    """The catalogue of an agent's language, else of the desk's."""
    return in_locale(agent.locale or str(settings.get("desk.locale")))
