"""Articles of the demo shop, in five languages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from inbox.toolkit import transaction
from inbox_plugins.kb import articles, categories
from inbox_plugins.kb.articles import LANGUAGES, Text
from inbox_plugins.kb.models import Article

FOLDER = Path(__file__).parent / "demo"
INTERNAL = {"byhand"}


def fill() -> dict[str, Article]:
    """Write the shop's articles and publish them. Returns them by the short names of the files."""
    made: dict[str, Article] = {}
    for slug, shelf in tomllib.loads((FOLDER / "categories.toml").read_text("utf-8")).items():
        names = {locale: tuple(shelf[locale]) for locale in LANGUAGES}
        category = categories.save(None, names, slug=slug, icon=shelf["icon"], by=None)
        for key in shelf["articles"]:
            made[key] = articles.create(None, category_id=category.id,
                                        audience="internal" if key in INTERNAL else "public")
    for locale in LANGUAGES:
        with transaction():  # one a language: nobody else writes while a demo desk is filled
            for key, title, body in texts(locale):
                kept = articles.save(made[key], locale, Text(title, body), None)
                articles.publish(kept, None)
    return made


def texts(locale: str) -> Iterator[tuple[str, str, str]]:
    """Short name, title and body of every article in a language."""
    whole = (FOLDER / f"{locale}.md").read_text("utf-8")
    parts = re.split(r"^# (\w+): (.+)$", whole, flags=re.MULTILINE)[1:]
    for place in range(0, len(parts), 3):
        yield parts[place], parts[place + 1], parts[place + 2].strip()
