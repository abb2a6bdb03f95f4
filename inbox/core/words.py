"""Translations for texts made outside of a page, such as notification mails. The same catalogues as the pages'."""

from __future__ import annotations

import gettext
import re
from functools import lru_cache
from pathlib import Path

from babel.messages.mofile import read_mo

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


def say(text: str, locale: str) -> str:
    """A sentence that is kept in English, said in another language.

    Where values were filled in (`{1} cannot be reached on port {2}: {3}` in the catalogue), they are found in the text
    and filled in again. A text that no catalogue knows, such as a mail server's answer, comes back as it is.
    """
    if not text:
        return ""
    if (known := in_locale(locale).gettext(text)) != text:
        return known
    for shape, names, words in _shapes(locale):
        if found := shape.fullmatch(text):
            values = dict(zip(names, found.groups(), strict=True))
            return _VALUE.sub(lambda mark: say(values.get(mark[1], mark[0]), locale), words)  # noqa: B023 (used at once)
    return text


_VALUE = re.compile(r"\{(\w+)\}")


@lru_cache(maxsize=32)
def _shapes(locale: str) -> list[tuple[re.Pattern[str], list[str], str]]:
    """The sentences of a catalogue that have values in them: their look, the values' names, the translation."""
    path = gettext.find("messages", FOLDER, languages=[locale])
    if path is None:
        return []
    with Path(path).open("rb") as file:
        found = [(each.id, each.string) for each in read_mo(file) if isinstance(each.id, str) and each.string]
    return [(_pattern(text), _VALUE.findall(text), str(words)) for text, words in found if _VALUE.search(text)]


def _pattern(text: str) -> re.Pattern[str]:
    parts = _VALUE.split(text)[::2]  # between the values
    return re.compile("(.*?)".join(map(re.escape, parts)), re.DOTALL)
