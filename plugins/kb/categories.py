"""The shelves of the help centre."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from inbox.toolkit import Agent, Invalid, session, transaction
from inbox_plugins.kb import markdown, search
from inbox_plugins.kb.articles import LANGUAGES, require
from inbox_plugins.kb.models import Article, Category, CategoryName, Translation

ICONS = ("", "truck", "again", "ruler", "yarn", "wash", "card", "mail", "file", "clock", "globe", "key", "gear", "team")


def all_of_them() -> list[Category]:
    """Every category in its order."""
    return list(session().scalars(sa.select(Category).order_by(Category.position, Category.id)))


def counts(locale: str | None = None) -> dict[int, int]:
    """How many texts readers find in each category: those of a language, else of all."""
    query = sa.select(Article.category_id, sa.func.count()).join(Translation).where(
        Article.audience == "public", Translation.state == "published").group_by(Article.category_id)
    if locale:
        query = query.where(Translation.locale == locale)
    return {number: count for number, count in session().execute(query) if number is not None}


def save(category: Category | None, names: Mapping[str, tuple[str, str]], *, by: Agent | None, slug: str = "",
         icon: str = "") -> Category:
    """Make a category (None) or rename one; `names` holds title and summary by language.

    Raises NotAllowed, Invalid.
    """
    require(by, "kb.publish")
    wanted = {locale: (title.strip(), summary.strip()) for locale, (title, summary) in names.items() if title.strip()}
    if not wanted:
        raise Invalid("title", "Give the category a name in one language at least.")
    if any(locale not in LANGUAGES or len(title) > 100 or len(summary) > 200
           for locale, (title, summary) in wanted.items()):
        raise Invalid("title", "A name has at most 100 characters, the line below it 200.")
    if icon not in ICONS:
        raise Invalid("icon", "Choose one of the pictures.")
    with transaction() as current:
        if category is None:
            first = wanted.get("en") or next(iter(wanted.values()))
            last = current.scalar(sa.select(sa.func.max(Category.position))) or 0
            category = Category(slug=_free_slug(slug or first[0]), position=last + 1, names=[])
            current.add(category)
        category.icon = icon
        kept = {each.locale: each for each in category.names}
        for locale, (title, summary) in wanted.items():
            if locale in kept:
                kept[locale].title, kept[locale].summary = title, summary
            else:
                category.names.append(CategoryName(locale=locale, title=title, summary=summary))
        category.names = [each for each in category.names if each.locale in wanted]
    for article in session().scalars(sa.select(Article).where(Article.category_id == category.id)):
        search.reindex(article)
    return category


def _free_slug(words: str) -> str:
    first = markdown.slug(words) or "category"
    word, number = first, 2
    while session().scalar(sa.select(Category.id).where(Category.slug == word)) is not None:
        word, number = f"{first}-{number}", number + 1
    return word


def move(category: Category, by: Agent | None, *, up: bool) -> None:
    """Change places with the one above or below. Raises NotAllowed."""
    require(by, "kb.publish")
    with transaction():
        order = all_of_them()
        place = order.index(category)
        other = place - 1 if up else place + 1
        if 0 <= other < len(order):
            order[place], order[other] = order[other], order[place]
        for number, each in enumerate(order, start=1):
            each.position = number


def delete(category: Category, by: Agent | None) -> None:
    """Remove a category; its articles stay, without one. Raises NotAllowed."""
    require(by, "kb.publish")
    with transaction() as current:
        current.delete(category)
