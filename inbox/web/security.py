"""What every answer carries to keep a page safe, and the check against forged requests."""

from __future__ import annotations

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_wtf.csrf import CSRFProtect

POLICY = "; ".join((
    "default-src 'self'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
    "connect-src 'self'", "frame-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'self'",
    "frame-ancestors 'none'"))

csrf = CSRFProtect()


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
    app.session_interface = Sessions()
    app.after_request(_headers)
    if app.config["INBOX"].is_https:
        @app.after_request
        def _https_only(response: Response) -> Response:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            return response
