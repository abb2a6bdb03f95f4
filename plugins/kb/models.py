"""The tables of the knowledge base."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from markupsafe import Markup
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.toolkit import Agent, Model, UtcDateTime, utcnow

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# Compared byte by byte on PostgreSQL too, so that the beginning of a word is a range of the index.
TERM = sa.String(80).with_variant(sa.String(80, collation="C"), "postgresql")

STATES = ("draft", "published", "archived")
AUDIENCES = ("public", "internal")


class Category(Model):
    """A shelf of articles. Its name is said in each language; `slug` is its place in addresses and stays."""

    __tablename__ = "kb_category"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(sa.String(120), unique=True)
    position: Mapped[int] = mapped_column(default=0)
    icon: Mapped[str] = mapped_column(sa.String(20), default="")

    names: Mapped[list[CategoryName]] = relationship(cascade="all, delete-orphan", lazy="selectin")

    def name_in(self, locale: str) -> CategoryName | None:
        """Its name in a language; else in English, else in any."""
        by_locale = {each.locale: each for each in self.names}
        return by_locale.get(locale) or by_locale.get("en") or next(iter(by_locale.values()), None)


class CategoryName(Model):
    """What a category is called in one language."""

    __tablename__ = "kb_category_name"

    category_id: Mapped[int] = mapped_column(sa.ForeignKey("kb_category.id", ondelete="CASCADE"), primary_key=True)
    locale: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    title: Mapped[str] = mapped_column(sa.Text)
    summary: Mapped[str] = mapped_column(sa.Text, default="")


class Article(Model):
    """One matter, told in one or more languages."""

    __tablename__ = "kb_article"
    __table_args__ = (sa.CheckConstraint("audience IN ('public', 'internal')", name="audience"),)

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    category_id: Mapped[int | None] = mapped_column(sa.ForeignKey("kb_category.id", ondelete="SET NULL"), index=True)
    audience: Mapped[str] = mapped_column(sa.String(10), default="public")
    position: Mapped[int] = mapped_column(default=0)
    message_pk: Mapped[int | None] = mapped_column(BIG)  # the reply it was made of
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)

    translations: Mapped[list[Translation]] = relationship(
        back_populates="article", cascade="all, delete-orphan", lazy="selectin", order_by="Translation.locale")
    category: Mapped[Category | None] = relationship(lazy="joined")

    def in_locale(self, locale: str) -> Translation | None:
        """The article in one language, or None."""
        return next((each for each in self.translations if each.locale == locale), None)


class Translation(Model):
    """An article in one language. `version` is the newest; what readers see is `live_version` and what goes with it."""

    __tablename__ = "kb_translation"
    __table_args__ = (
        sa.UniqueConstraint("article_id", "locale"),
        sa.UniqueConstraint("locale", "slug"),
        sa.CheckConstraint("state IN ('draft', 'published', 'archived')", name="state"),
        sa.Index("ix_kb_translation_changed_at", "changed_at", "id"),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    article_id: Mapped[int] = mapped_column(sa.ForeignKey("kb_article.id", ondelete="CASCADE"), index=True)
    locale: Mapped[str] = mapped_column(sa.String(16))
    slug: Mapped[str] = mapped_column(sa.String(120))
    state: Mapped[str] = mapped_column(sa.String(10), default="draft")
    title: Mapped[str] = mapped_column(sa.Text)  # of the newest version
    version: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    live_version: Mapped[int | None]
    live_title: Mapped[str] = mapped_column(sa.Text, default="")
    live_html: Mapped[str] = mapped_column(sa.Text, default="", deferred=True)
    live_text: Mapped[str] = mapped_column(sa.Text, default="", deferred=True)  # for excerpts
    live_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    summary: Mapped[str] = mapped_column(sa.Text, default="")
    minutes: Mapped[int] = mapped_column(default=1)  # to read it
    terms: Mapped[int] = mapped_column(default=0)  # how long it is to the search
    useful: Mapped[int] = mapped_column(default=0)
    not_useful: Mapped[int] = mapped_column(default=0)

    article: Mapped[Article] = relationship(back_populates="translations", lazy="joined")

    @property
    def shown(self) -> Markup:
        """What readers see; the allow list was applied when it was published."""
        return Markup(self.live_html)  # noqa: S704

    @property
    def is_live(self) -> bool:
        """True when readers may see it (agents: when it is internal)."""
        return self.state == "published" and self.live_version is not None

    @property
    def has_changes(self) -> bool:
        """True when it is published, and a newer version waits."""
        return self.is_live and self.live_version != self.version


class Version(Model):
    """What somebody saved. Versions are never changed; restoring one makes a new one of it."""

    __tablename__ = "kb_version"

    translation_id: Mapped[int] = mapped_column(
        sa.ForeignKey("kb_translation.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.Text)
    body: Mapped[str] = mapped_column(sa.Text)  # Markdown
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"), index=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    restored_from: Mapped[int | None]

    agent: Mapped[Agent | None] = relationship(lazy="joined")


class OldSlug(Model):
    """Where a published article once was: readers are sent on."""

    __tablename__ = "kb_old_slug"

    locale: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    slug: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    translation_id: Mapped[int] = mapped_column(sa.ForeignKey("kb_translation.id", ondelete="CASCADE"), index=True)


class Term(Model):
    """A word of a published article, how often it stands there, and with what weight (titles count more)."""

    __tablename__ = "kb_term"

    locale: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    term: Mapped[str] = mapped_column(TERM, primary_key=True)
    translation_id: Mapped[int] = mapped_column(
        sa.ForeignKey("kb_translation.id", ondelete="CASCADE"), primary_key=True, index=True)
    weight: Mapped[float]


class Image(Model):
    """A picture in articles; its address holds `token`, which nobody guesses."""

    __tablename__ = "kb_image"

    token: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    article_id: Mapped[int | None] = mapped_column(sa.ForeignKey("kb_article.id", ondelete="CASCADE"), index=True)
    filename: Mapped[str] = mapped_column(sa.Text)
    content_type: Mapped[str] = mapped_column(sa.String(40))
    data: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class Vote(Model):
    """A reader's word on an article. Nothing tells who it was."""

    __tablename__ = "kb_vote"

    token: Mapped[str] = mapped_column(sa.String(32), primary_key=True)  # lets the reader add a comment
    translation_id: Mapped[int] = mapped_column(sa.ForeignKey("kb_translation.id", ondelete="CASCADE"), index=True)
    version: Mapped[int]
    is_useful: Mapped[bool]
    comment: Mapped[str] = mapped_column(sa.Text, default="")
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)

    translation: Mapped[Translation] = relationship(lazy="joined")


class Miss(Model):
    """Words that were searched and found nothing, and how often."""

    __tablename__ = "kb_miss"

    locale: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    words: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    times: Mapped[int] = mapped_column(default=1)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
