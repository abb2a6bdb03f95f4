"""What we send, made smaller: pages by Flask-Compress, files that never change once and for good (`inbox.web.assets`).

Whoever can make a reader's browser ask for our pages and see how long the answers are could guess at what stands in
them, byte by byte, from how well their own words compress beside it (BREACH, http://breachattack.com). What is worth
guessing, the token against forged requests, is written in other characters in every answer (`inbox.web.security`). For
the rest each page has a random number of random characters in a header: the length says nothing about one guess. And
another site cannot ask for our pages in an agent's name without leaving for them: the session's cookie is SameSite=Lax.
"""

from __future__ import annotations

import gzip
import secrets
from functools import lru_cache

import brotli
from flask import Flask, Response, request
from flask_compress import Compress

MOST_NOISE = 96  # characters
SMALLEST = 700  # bytes; what fits into one packet is sent as it is


def init(app: Flask) -> None:
    """Compress pages, parts of pages and answers of the API; never streams."""
    app.config.update(
        COMPRESS_ALGORITHM=["br", "gzip"], COMPRESS_MIN_SIZE=SMALLEST,
        COMPRESS_BR_LEVEL=3, COMPRESS_LEVEL=5,  # Brotli's 4 makes a list 4 % smaller and takes nearly twice as long
        COMPRESS_STREAMS=False, COMPRESS_EVALUATE_CONDITIONAL_REQUEST=False,  # who sets an ETag has compared it
        COMPRESS_MIMETYPES=["text/html", "text/plain", "application/json", "application/problem+json"])
    app.after_request(_blur)  # runs after it: the last one added is the first
    Compress(app)


def _blur(response: Response) -> Response:
    if "Content-Encoding" in response.headers and response.mimetype == "text/html":
        response.headers["X-Padding"] = secrets.token_urlsafe(MOST_NOISE)[:secrets.randbelow(MOST_NOISE)]
    return response


def wanted() -> str | None:
    """How the browser takes what was compressed before: `br`, `gzip` (without HTTPS they ask for no Brotli), or None
    for as it is."""
    accepted = request.accept_encodings
    return next((each for each in ("br", "gzip") if accepted[each] > 0), None)


@lru_cache(maxsize=256)
def packed(data: bytes, how: str) -> bytes:
    """Bytes compressed as well as it goes in little time; kept, since files are few."""
    return bytes(brotli.compress(data, quality=9)) if how == "br" else gzip.compress(data, 9, mtime=0)
