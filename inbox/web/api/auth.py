"""Who asks: an agent, by bearer token. The session's cookie is no way in, so no other site can ask for somebody."""

from __future__ import annotations

from flask import Response, g, request

from inbox.core import api_tokens
from inbox.core.events import Actor
from inbox.core.models import Agent
from inbox.web.api.problems import problem

LARGEST_BODY = 5 * 1024 * 1024  # bytes
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Pluginbox"'}


def authenticate() -> Response | None:
    """Before each request: the token's agent, its scopes, the size and kind of the body."""
    request.max_content_length = LARGEST_BODY
    scheme, _blank, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return problem(401, headers=CHALLENGE)
    found = api_tokens.of(token.strip())
    if found is None:
        return problem(401, "This token is not valid. It may have been revoked.",
                       headers={"WWW-Authenticate": CHALLENGE["WWW-Authenticate"] + ', error="invalid_token"'})
    needed = "read" if request.method in ("GET", "HEAD", "OPTIONS") else "write"
    if needed not in found.scopes:
        return problem(403, "This token may not do that: it lacks the scope “write”." if needed == "write" else
                       "This token may not do that: it lacks the scope “read”.",
                       headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{needed}"'})
    is_bare = request.method == "DELETE" and not request.content_length
    if needed == "write" and not request.is_json and not is_bare:
        return problem(415)
    api_tokens.note_use(found)
    g.api_agent = found.agent
    return None


def agent() -> Agent:
    """The agent of this request."""
    return g.api_agent  # type: ignore[no-any-return]


def actor() -> Actor:
    """The same, as the one who does something."""
    return Actor.of(agent(), source="api")
