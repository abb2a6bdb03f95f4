"""Articles: one function a fact, each for an agent who may do it. The edge opens the transaction."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from inbox.toolkit import Agent, Invalid, NotAllowed, NotFound, may, session, transaction, utcnow
from inbox_plugins.kb import markdown, search
from inbox_plugins.kb.models import AUDIENCES, STATES, Article, Category, OldSlug, Translation, Version

LANGUAGES = {"en": "English", "nb": "Norsk", "th": "ไทย", "ja": "日本語", "zh_Hant": "繁體中文"}
TAKEN = frozenset({"search", "topics", "feedback", "files"})  # addresses of the help centre itself
PAGE = 50


class Changed(Invalid):
    """Somebody saved another version meanwhile; nothing was stored."""

    def __init__(self, version: int) -> None:
        super().__init__("version", "Somebody saved this article while you were writing. Yours was not stored.")
        self.version = version


@dataclass(frozen=True)
class Text:
    """What an author writes. `based_on` is the version that was changed, 0 for a new translation."""

    title: str
    body: str
    based_on: int = 0
    slug: str = ""  # empty: made of the title


def require(agent: Agent | None, ability: str) -> None:
    """Pass in silence, or raise NotAllowed. None is the program itself (the demo desk, a command)."""
    if agent is not None and not may(agent, ability):
        raise NotAllowed()


def get(article_id: int) -> Article:
    """An article. Raises NotFound."""
    found = session().get(Article, article_id)
    if found is None:
        raise NotFound("There is no such article.")
    return found


def translation(article_id: int, locale: str) -> Translation:
    """An article in one language. Raises NotFound."""
    found = get(article_id).in_locale(locale)
    if found is None:
        raise NotFound("This article is not written in that language.")
    return found


def version(of: Translation, number: int | None = None) -> Version:
    """A version of a text, else the newest. Raises NotFound."""
    found = session().get(Version, (of.id, number or of.version))
    if found is None:
        raise NotFound("There is no such version.")
    return found


def versions(of: Translation) -> list[Version]:
    """All of them, the newest first."""
    return list(session().scalars(sa.select(Version).where(Version.translation_id == of.id)
                                  .order_by(Version.number.desc())))


def page(*, state: str = "", locale: str = "", category_id: int | None = None, words: str = "",
         after: int | None = None) -> tuple[list[Translation], bool]:
    """Texts for the list of the desk, last changed first, and whether there are more."""
    query = sa.select(Translation).join(Article).order_by(Translation.changed_at.desc(), Translation.id.desc())
    if state in STATES:
        query = query.where(Translation.state == state)
    if locale in LANGUAGES:
        query = query.where(Translation.locale == locale)
    if category_id is not None:
        query = query.where(Article.category_id == category_id)
    if words.strip():
        query = query.where(Translation.title.icontains(words.strip(), autoescape=True))
    if after is not None:
        changed = sa.select(Translation.changed_at).where(Translation.id == after).scalar_subquery()
        query = query.where(sa.or_(Translation.changed_at < changed, sa.and_(
            Translation.changed_at == changed, Translation.id < after)))
    found = list(session().scalars(query.limit(PAGE + 1)))
    return found[:PAGE], len(found) > PAGE


# --- writing ----------------------------------------------------------------------------------------------------


def create(by: Agent | None, *, category_id: int | None, audience: str, message_pk: int | None = None) -> Article:
    """A new article without any text yet. Raises NotAllowed, Invalid."""
    require(by, "kb.edit")
    with transaction() as current:
        article = Article(message_pk=message_pk, translations=[])
        _place(article, category_id, audience)
        current.add(article)
        current.flush()
        return article


def place(article: Article, by: Agent | None, *, category_id: int | None, audience: str) -> None:
    """Put an article on another shelf, or change who may read it. Raises NotAllowed, Invalid."""
    require(by, "kb.edit")
    if (audience, category_id) == (article.audience, article.category_id):
        return
    if any(each.is_live for each in article.translations):
        require(by, "kb.publish")  # readers would notice
    with transaction():
        _place(article, category_id, audience)
    search.reindex(article)


def _place(article: Article, category_id: int | None, audience: str) -> None:
    if audience not in AUDIENCES:
        raise Invalid("audience", "Choose who may read it.")
    category = session().get(Category, category_id) if category_id is not None else None
    if category_id is not None and category is None:
        raise Invalid("category", "There is no such category.")
    article.category, article.audience = category, audience


def save(article: Article, locale: str, text: Text, by: Agent | None) -> Translation:
    """Store a text as a new version; what readers see does not change. Raises NotAllowed, Invalid, Changed."""
    require(by, "kb.edit")
    title, body = check(locale, text)
    with transaction() as current:
        kept = current.scalar(sa.select(Translation).where(
            Translation.article_id == article.id, Translation.locale == locale).with_for_update(of=Translation))
        if (kept.version if kept else 0) != text.based_on:
            raise Changed(kept.version if kept else 0)
        if kept is None:
            kept = Translation(article=article, locale=locale, slug=_free_slug(locale, text.slug or title), title=title,
                               version=0, state="draft")
            current.add(kept)
        elif text.slug and text.slug != kept.slug:
            _move(kept, text.slug, by)
        if kept.version and (title, body) == _newest(kept):
            return kept  # nothing new: the address, at most
        _add(kept, title, body, by)
        return kept


def check(locale: str, text: Text) -> tuple[str, str]:
    """Title and body as they would be stored. Raises Invalid."""
    if locale not in LANGUAGES:
        raise Invalid("locale", "Choose a language.")
    title, body = " ".join(text.title.split()), text.body.replace("\r\n", "\n").strip()
    if not title or len(title) > 200:
        raise Invalid("title", "Give it a title of at most 200 characters.")
    if text.slug and (not markdown.slug(text.slug) or markdown.slug(text.slug) in TAKEN):
        raise Invalid("slug", "This address cannot be used; write some other words.")
    if len(body) > markdown.LONGEST:
        raise Invalid("body", "This is too long for one article. Make two of it.")
    return title, body


def _newest(kept: Translation) -> tuple[str, str]:
    now = version(kept)
    return now.title, now.body


def _add(kept: Translation, title: str, body: str, by: Agent | None, restored_from: int | None = None) -> None:
    session().flush()  # a new text has its number now
    kept.version, kept.title, kept.changed_at = kept.version + 1, title, utcnow()
    session().add(Version(translation_id=kept.id, number=kept.version, title=title, body=body,
                          agent_id=by.id if by else None, at=kept.changed_at, restored_from=restored_from))
    session().flush()


def restore(kept: Translation, number: int, by: Agent | None) -> None:
    """Make an earlier version the newest again; none is lost. Raises NotAllowed, NotFound."""
    require(by, "kb.edit")
    with transaction():
        old = version(kept, number)
        _add(kept, old.title, old.body, by, restored_from=old.number)


def publish(kept: Translation, by: Agent | None) -> None:
    """Show readers the newest version. Raises NotAllowed, Invalid."""
    require(by, "kb.publish")
    newest = version(kept)
    if not newest.body.strip():
        raise Invalid("body", "There is nothing to read yet.")
    shown = markdown.render(newest.body)
    words = search.weigh(kept.article, kept.locale, newest.title, shown.html, shown.text)
    with transaction() as current:
        current.refresh(kept, with_for_update={"of": Translation})
        if kept.version != newest.number:
            raise Changed(kept.version)
        kept.state, kept.live_version, kept.live_at = "published", newest.number, utcnow()
        kept.live_title = newest.title
        kept.live_html, kept.live_text = shown.html, shown.text
        kept.summary, kept.minutes = shown.summary, shown.minutes
        current.execute(sa.delete(OldSlug).where(OldSlug.locale == kept.locale, OldSlug.slug == kept.slug))
        search.index(kept, words)


def archive(kept: Translation, by: Agent | None) -> None:
    """Take a text from readers; it stays for authors. Raises NotAllowed."""
    _hide(kept, by, "archived")


def unpublish(kept: Translation, by: Agent | None) -> None:
    """Make it a draft again: readers see it no longer. Raises NotAllowed."""
    _hide(kept, by, "draft")


def _hide(kept: Translation, by: Agent | None, state: str) -> None:
    require(by, "kb.publish")
    with transaction():
        kept.state, kept.live_version = state, None
        kept.live_html = kept.live_text = ""
        search.forget(kept)


def delete(article: Article, by: Agent | None) -> None:
    """Delete an article in all its languages, for good. Raises NotAllowed."""
    require(by, "kb.publish")
    with transaction() as current:
        current.delete(article)


# --- addresses --------------------------------------------------------------------------------------------------


def _move(kept: Translation, wanted: str, by: Agent | None) -> None:
    """Change the address; once readers know it, the old one leads to the new one."""
    if kept.is_live:
        require(by, "kb.publish")
    fresh = markdown.slug(wanted)
    if fresh == kept.slug:
        return
    if _holder(kept.locale, fresh) is not None:
        raise Invalid("slug", "Another article has this address.")
    current = session()
    current.execute(sa.delete(OldSlug).where(OldSlug.locale == kept.locale, OldSlug.slug == fresh))
    if kept.live_at is not None:
        current.add(OldSlug(locale=kept.locale, slug=kept.slug, translation_id=kept.id))
    kept.slug = fresh


def _holder(locale: str, slug: str) -> int | None:
    return session().scalar(sa.select(Translation.id).where(Translation.locale == locale, Translation.slug == slug))


def _free_slug(locale: str, words: str) -> str:
    """An address that no other text of the language has, nor had."""
    first = markdown.slug(words) or "article"
    word, number = first, 2
    while word in TAKEN or _holder(locale, word) is not None or session().get(OldSlug, (locale, word)) is not None:
        word, number = f"{first}-{number}", number + 1
    return word
