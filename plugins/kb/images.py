"""Pictures in articles. Few and small, so they lie in the plugin's own table: they are in every backup of the database,
and go when the plugin is uninstalled.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets

import sqlalchemy as sa
from flask import Response, abort, request
from sqlalchemy.orm import undefer

from inbox.toolkit import Agent, Invalid, current_agent, session, transaction, utcnow
from inbox_plugins.kb.articles import require
from inbox_plugins.kb.models import Article, Image, Translation

LARGEST = 1_000_000  # bytes
FOR_EVER = 365 * 24 * 3600  # seconds; another picture has another address
# How a picture's file begins: what it says of itself is not believed, and SVG can hold scripts.
SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png", "png"), (b"\xff\xd8\xff", "image/jpeg", "jpg"),
              (b"GIF87a", "image/gif", "gif"), (b"GIF89a", "image/gif", "gif"))


def store(data: bytes, filename: str, article: Article | None, by: Agent | None) -> Image:
    """Keep a picture for an article. Raises NotAllowed, Invalid."""
    require(by, "kb.edit")
    if len(data) > LARGEST:
        raise Invalid("image", "A picture may have at most 1 MB. Make it smaller first.")
    kind = next((each[1:] for each in SIGNATURES if data.startswith(each[0])), None)
    if kind is None and data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = ("image/webp", "webp")
    if kind is None:
        raise Invalid("image", "This is no PNG, JPEG, GIF or WebP picture.")
    stem = re.sub(r"[^A-Za-z0-9]+", "-", filename.rsplit(".", 1)[0]).strip("-")[:60] or "picture"
    with transaction() as current:
        kept = Image(token=secrets.token_urlsafe(15), article_id=article.id if article else None,
                     filename=f"{stem}.{kind[1]}", content_type=kind[0], data=data)
        current.add(kept)
    return kept


def adopt(article: Article, body: str) -> None:
    """Pictures that were put into a text before it was saved first belong to its article from now on."""
    tokens = re.findall(r"/help/files/([\w-]{1,32})/", body)
    if tokens:
        with transaction() as current:
            current.execute(sa.update(Image).where(Image.token.in_(tokens), Image.article_id.is_(None))
                            .values(article_id=article.id))


def forget_unused() -> None:
    """Delete pictures that were uploaded for an article that nobody saved."""
    with transaction() as current:
        current.execute(sa.delete(Image).where(Image.article_id.is_(None), Image.at < utcnow() - dt.timedelta(days=1)))


def address(image: Image) -> str:
    """Where it lies, for Markdown: the same for authors and readers."""
    return f"/help/files/{image.token}/{image.filename}"


def send(token: str, *, is_open: bool) -> Response:
    """A picture: of a published article to everybody while the help centre is open, any to agents."""
    image = session().scalar(sa.select(Image).where(Image.token == token).options(undefer(Image.data)))
    is_public = is_open and image is not None and _is_public(image)
    if image is None or not (is_public or current_agent()):
        abort(404)
    response = Response(image.data, mimetype=image.content_type)
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    if is_public:
        response.cache_control.public, response.cache_control.max_age = True, FOR_EVER
        response.cache_control.immutable = True
    else:
        response.cache_control.private = response.cache_control.no_cache = True
    response.set_etag(image.token)
    return response.make_conditional(request)


def _is_public(image: Image) -> bool:
    return session().scalar(sa.select(Article.id).join(Translation).where(
        Article.id == image.article_id, Article.audience == "public", Translation.state == "published").limit(1)
    ) is not None
