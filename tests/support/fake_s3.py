"""A small S3: one bucket, on loopback. Checks every signature (AWS Signature Version 4) and the hash of every body."""

import datetime as dt
import hashlib
import hmac
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 3  # names in one answer to a list: even small tests read several


class FakeS3:
    """Running at `url`; knows one key. `objects` maps a name to (bytes, when it came).

    refuse: status that everything is answered with; None: it does its work.
    """

    def __init__(self, bucket: str = "desk") -> None:
        self.bucket, self.region, self.key_id, self.secret = bucket, "eu-north-1", "AKTEST", "hush"
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.refuse: int | None = None
        self.asked: list[str] = []  # "PUT /desk/a", in order
        self.lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with fake.lock:
                    fake.asked.append(f"{self.command} {self.path}")
                    status, answer, headers = fake.answer(self.command, self.path, dict(self.headers.items()), body)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_GET = do_HEAD = do_PUT = do_DELETE = _any

            def log_message(self, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes
               ) -> tuple[int, bytes, dict[str, str]]:
        """What one request gets: status, body, headers."""
        path, query = urlsplit(target).path, dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
        if self.refuse is not None:
            return self.refuse, b"<Error><Code>SlowDown</Code></Error>", {}
        if not self._is_signed(method, path, query, {k.lower(): v for k, v in headers.items()}, body):
            return 403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", {}
        _, bucket, *rest = unquote(path).split("/", 2)
        if bucket != self.bucket:
            return 404, b"<Error><Code>NoSuchBucket</Code></Error>", {}
        if not rest or not rest[0]:
            return 200, self._list(query), {"Content-Type": "application/xml"}
        name = rest[0]
        if method == "PUT":
            self.objects[name] = body, time.time()
            return 200, b"", {"ETag": '"1"'}
        if method == "DELETE":
            self.objects.pop(name, None)
            return 204, b"", {}
        if name not in self.objects:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>", {}
        data, came = self.objects[name]
        return 200, data, {"ETag": '"1"', "Last-Modified": formatdate(came, usegmt=True)}

    def _list(self, query: dict[str, str]) -> bytes:
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        names = sorted(each for each in self.objects if each.startswith(prefix) and each > after)
        page = [] if query.get("delimiter") else names[:PAGE]
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(page) < len(names) and (
            page) else ""
        rows = "".join(
            f"<Contents><Key>{escape(each)}</Key><Size>{len(self.objects[each][0])}</Size><ETag>\"1\"</ETag>"
            f"<LastModified>{dt.datetime.fromtimestamp(self.objects[each][1], dt.UTC):%Y-%m-%dT%H:%M:%S.000Z}"
            "</LastModified></Contents>" for each in page)
        return f"<ListBucketResult>{rows}{token}</ListBucketResult>".encode()

    def _is_signed(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> bool:
        words = dict(each.strip().split("=", 1) for each in
                     headers.get("authorization", "").removeprefix("AWS4-HMAC-SHA256").split(",") if "=" in each)
        if headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
            return False
        signed = words.get("SignedHeaders", "").split(";")
        lines = [method, path, "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}"
                                        for k, v in sorted(query.items())),
                 *(f"{each}:{headers.get(each, '')}" for each in signed), "", ";".join(signed),
                 headers["x-amz-content-sha256"]]
        scope = f"{headers['x-amz-date'][:8]}/{self.region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope,
                          hashlib.sha256("\n".join(lines).encode()).hexdigest()])
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return words.get("Credential") == f"{self.key_id}/{scope}" and hmac.compare_digest(
            words.get("Signature", ""), hmac.digest(key, text.encode(), "sha256").hex())
