"""A small OAuth 2 provider: codes with PKCE, tokens that end, refresh tokens that change with every use."""

import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit


class FakeProvider:
    """Running at `url`; knows one application (`client`, `secret`) and one account (`user`).

    refuse: what the token endpoint answers instead, e.g. (400, {"error": "invalid_grant"}); None: it does its work.
    lasting: what it tells of the refresh token's life, in seconds; None: nothing.
    """

    def __init__(self, port: int = 0, user: str = "support@desk.example") -> None:
        self.user, self.client, self.secret = user, "desk", "hush"
        self.refuse: tuple[int, dict[str, str]] | None = None
        self.expires_in, self.lasting = 3600, None
        self.asked: list[Mapping[str, str]] = []  # the forms that came to the token endpoint
        self.access: set[str] = set()  # good ones
        self.refresh = ""  # the only good one
        self._codes: dict[str, Mapping[str, str]] = {}
        self._count = 0
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = {key: values[0] for key, values in parse_qs(self.rfile.read(length).decode()).items()}
                with provider._lock:
                    self._answer(*provider._token(form))

            def do_GET(self) -> None:
                token = parse_qs(urlsplit(self.path).query).get("access_token", [""])[0]
                known = provider.owner(token)
                self._answer(*((200, {"email": known}) if known else (401, {"error": "invalid_token"})))

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def owner(self, token: str) -> str | None:
        """Whose a token is, None for one that is not good."""
        return self.user if token in self.access else None

    def consent(self, address: str) -> str:
        """What a person does on the provider's page: the query the browser comes back with."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == self.client and asked["code_challenge_method"] == "S256"
        code = self._new("code")
        self._codes[code] = asked
        return urlencode({"code": code, "state": asked["state"]})

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._count}"

    def _token(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        self.asked.append(form)
        if self.refuse is not None:
            return self.refuse
        if (form.get("client_id"), form.get("client_secret")) != (self.client, self.secret):
            return 401, {"error": "invalid_client", "error_description": "The secret has expired."}
        good = self._code(form) if form["grant_type"] == "authorization_code" else (
            form["grant_type"] == "refresh_token" and form["refresh_token"] == self.refresh)
        if not good:
            return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        self.refresh, token = self._new("refresh"), self._new("access")
        self.access = {token}
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in,
                  "refresh_token": self.refresh}
        return 200, answer | ({"refresh_token_expires_in": self.lasting} if self.lasting else {})

    def _code(self, form: Mapping[str, str]) -> bool:
        asked = self._codes.pop(form["code"], None)
        digest = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        return asked is not None and asked["redirect_uri"] == form["redirect_uri"] and (
            asked["code_challenge"] == digest.rstrip(b"=").decode())
