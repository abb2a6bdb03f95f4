"""What every answer carries to keep a page safe, and the check against forged requests."""

from __future__ import annotations

import base64
import binascii
import os

from flask import Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_wtf.csrf import CSRFProtect, generate_csrf

POLICY = "; ".join((
    "default-src 'self'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
    "connect-src 'self'", "frame-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'self'",
    "frame-ancestors 'none'"))


def csrf_token() -> str:
    """The token against forged requests, other characters in every answer.

    Flask-WTF's own begins with the same characters for as long as a session lasts. Answers are compressed, and a page
    may hold words that somebody else chose: its length would tell when they are like the token (BREACH).
    """
    if "masked_token" not in g:
        plain = generate_csrf().encode()
        mask = os.urandom(len(plain))
        g.masked_token = base64.urlsafe_b64encode(mask + _xor(plain, mask)).decode().rstrip("=")
    return str(g.masked_token)


def _xor(data: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(data, mask, strict=True))


def _unmasked(token: str) -> str:
    """What `csrf_token` has masked; anything else as it is, which then is checked and refused."""
    try:
        both = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        half = len(both) // 2
        return _xor(both[half:], both[:half]).decode("ascii")
    except (binascii.Error, ValueError):
        return token


class Guard(CSRFProtect):  # type: ignore[misc]
    """The check of Flask-WTF, for tokens that are masked."""

    def _get_csrf_token(self) -> str | None:
        token = super()._get_csrf_token()
        return _unmasked(token) if token else token


csrf = Guard()


class Sessions(SecureCookieSessionInterface):
    """Sessions in a signed cookie. What caches may keep for everybody neither sets one nor varies by it, although
    signing in has looked whether there is one."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not response.cache_control.public:
            super().save_session(app, session, response)


def _headers(response: Response) -> Response:
    """Pages that need another policy (a mail body in its frame) have set theirs already."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
    if not response.headers.get("Cache-Control"):
        response.headers["Cache-Control"] = "private, no-store" if request.method != "GET" else "private, no-cache"
    return response


def init(app: Flask) -> None:
    csrf.init_app(app)
    app.jinja_env.globals["csrf_token"] = csrf_token
    app.context_processor(lambda: {"csrf_token": csrf_token})  # Flask-WTF has one of that name
    app.session_interface = Sessions()
    app.after_request(_headers)
    if app.config["INBOX"].is_https:
        @app.after_request
        def _https_only(response: Response) -> Response:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            return response
