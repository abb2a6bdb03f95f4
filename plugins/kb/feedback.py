"""What readers tell: whether an article was useful, why not, and what they looked for in vain."""

from __future__ import annotations

import datetime as dt
import re
import secrets

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from inbox.toolkit import NotFound, session, spend, transaction, utcnow
from inbox_plugins.kb import images
from inbox_plugins.kb.models import Miss, Translation, Vote

VOTES_A_DAY = 30  # of one address
MISSES_AN_HOUR = 30
LONGEST = 2_000  # characters of a comment
KEEP = dt.timedelta(days=180)
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
_PERSONAL = re.compile(r"@|\d{5,}")  # an address, an order's or a card's number


def vote(about: Translation, useful: bool, who: str) -> str | None:
    """Count a reader's word; the token lets them add a comment. None: this address has said it today, or too much.

    `who` (a network address) is counted with, not kept.
    """
    if not spend(f"kb.vote:{about.id}:{who}", 1, DAY) or not spend(f"kb.votes:{who}", VOTES_A_DAY, DAY):
        return None
    token = secrets.token_urlsafe(18)
    with transaction() as current:
        kept = current.get_one(Translation, about.id)
        current.add(Vote(token=token, translation_id=kept.id, version=kept.live_version or 0, is_useful=useful))
        column = Translation.useful if useful else Translation.not_useful
        current.execute(sa.update(Translation).where(Translation.id == kept.id).values({column: column + 1}))
    return token


def comment(token: str, text: str) -> None:
    """Add words to a vote. Raises NotFound."""
    with transaction() as current:
        kept = current.get(Vote, token)
        if kept is None:
            raise NotFound()
        kept.comment = text.strip()[:LONGEST]


def missed(locale: str, words: str, who: str) -> None:
    """Remember words that found nothing. What looks like an address or a number of somebody is not kept."""
    words = " ".join(words.casefold().split())[:120]
    if len(words) < 2 or _PERSONAL.search(words) or not spend(f"kb.miss:{who}", MISSES_AN_HOUR, HOUR):
        return
    with transaction() as current:  # in one statement: two readers may ask for the same in the same moment
        here = postgresql if current.connection().dialect.name == "postgresql" else sqlite
        first = here.insert(Miss).values(locale=locale, words=words, times=1, at=utcnow())
        current.execute(first.on_conflict_do_update(index_elements=["locale", "words"], set_={
            "times": Miss.times + 1, "at": first.excluded.at}))


def misses(limit: int = 50) -> list[Miss]:
    """What was looked for in vain, the most frequent first."""
    return list(session().scalars(sa.select(Miss).order_by(Miss.times.desc(), Miss.at.desc()).limit(limit)))


def forget_miss(locale: str, words: str) -> None:
    """Somebody has seen to it."""
    with transaction() as current:
        current.execute(sa.delete(Miss).where(Miss.locale == locale, Miss.words == words))


def comments(limit: int = 50) -> list[Vote]:
    """The newest comments."""
    return list(session().scalars(sa.select(Vote).where(Vote.comment != "").order_by(Vote.at.desc()).limit(limit)))


def tidy() -> None:
    """Forget old searches, old comments (the counts beside articles stay) and pictures of nothing."""
    images.forget_unused()
    with transaction() as current:
        for table in (Miss, Vote):
            current.execute(sa.delete(table).where(table.at < utcnow() - KEEP))
