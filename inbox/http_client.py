"""One HTTP request: over a connection to the very address that was checked, all before one deadline.

A name is looked up once, its addresses are checked, and the connection is made to one of them, so that a second
look-up cannot answer differently. Loaded at the first request: most processes never make one.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import TracebackType
from typing import Any

import httpcore
import httpx
import idna

from inbox import __version__
from inbox.db import current_config
from inbox.http import Refused, Response, Unreachable, host_of
from inbox.http_guard import Address, Allowed, resolve

KEPT_ELSEWHERE = ("accept", "user-agent", "content-type", "content-length", "host")  # by a redirect to another server


def perform(method: str, url: str, *, timeout: float, redirects: int, max_bytes: int, private: bool = True,
            **build: Any) -> Response:
    """Make a request and those it is redirected to; without `private` not even to what the site owner allows.

    Raises Unreachable, Refused.
    """
    backend = Backend(Allowed(current_config().private_hosts if private else ""), time.monotonic() + timeout)
    left, headers = redirects, {"user-agent": f"Pluginbox/{__version__}"}
    try:
        with httpx.Client(transport=_Transport(backend), trust_env=False, headers=headers) as client:
            request = client.build_request(method, url, **build)
            while True:
                answer, body = _send(client, request, max_bytes)
                following = answer.next_request
                if following is None or not redirects:
                    return Response(str(answer.url), answer.status_code, answer.headers, body,
                                    answer.encoding or "utf-8")
                if not left:
                    raise Unreachable(f"{host_of(url)} sends us on again and again.")
                left -= 1
                request = _follow(request, following)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, idna.IDNAError) as error:
        raise Refused(f"{url!r} is not an address of a web server; it begins with https:// or http://.") from error
    except httpx.TimeoutException as error:
        raise Unreachable(f"{host_of(url)} did not answer within {timeout:g} seconds.") from error
    except httpx.HTTPError as error:
        raise Unreachable(_words(host_of(url), error)) from error


def _send(client: httpx.Client, request: httpx.Request, max_bytes: int) -> tuple[httpx.Response, bytes]:
    """Send, and read the body as far as it may be long."""
    if request.url.scheme not in ("http", "https") or not request.url.host:
        raise httpx.UnsupportedProtocol(str(request.url))
    answer = client.send(request, stream=True)
    body = bytearray()
    try:
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > max_bytes:
                raise Refused(f"The answer of {request.url.host} is larger than {max_bytes // 1024} kB.")
    finally:
        answer.close()
    return answer, bytes(body)


def _follow(before: httpx.Request, after: httpx.Request) -> httpx.Request:
    """The next request of a redirect: no step from https to http, and no key of ours to another server."""
    if before.url.scheme == "https" and after.url.scheme != "https":
        raise Refused(f"{before.url.host} sends us on to an address without TLS, {after.url.host}.")
    if (before.url.scheme, before.url.host, before.url.port) != (after.url.scheme, after.url.host, after.url.port):
        for name in [each for each in after.headers if each not in KEPT_ELSEWHERE]:
            del after.headers[name]
    return after


def _words(host: str, error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"The certificate of {host} is not good: {cause.verify_message}."
    if isinstance(cause, ssl.SSLError):
        return f"There is no safe connection to {host}: {cause.reason}."
    return f"{host} cannot be reached: {error or type(error).__name__}."


@cache
def tls() -> ssl.SSLContext:
    """Which certificates are believed: those of certifi, or of SSL_CERT_FILE."""
    return httpx.create_ssl_context()


# --- below httpx ------------------------------------------------------------------------------------------------


class _Transport(httpx.BaseTransport):
    """httpx over our own connections."""

    def __init__(self, backend: Backend) -> None:
        self._pool = httpcore.ConnectionPool(ssl_context=tls(), network_backend=backend)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port,
                           target=request.url.raw_path)
        with _AsHttpx():
            answer = self._pool.handle_request(httpcore.Request(
                request.method, url, headers=request.headers.raw, content=request.stream))
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(answer))

    def close(self) -> None:
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    """A body as it comes in."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _AsHttpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _AsHttpx:
    """Turns httpcore's exceptions into those of httpx."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: type | None, error: BaseException | None, _trace: TracebackType | None) -> None:
        if isinstance(error, httpcore.TimeoutException):
            raise httpx.ReadTimeout(str(error)) from error
        if isinstance(error, httpcore.NetworkError | httpcore.ProtocolError):
            raise httpx.NetworkError(str(error)) from error


class Backend(httpcore.NetworkBackend):
    """Connections for httpcore: to checked addresses only, and all of a request within one time limit.

    httpcore goes on to use the name for the Host header and for TLS; only the connection is made to the number.
    """

    def __init__(self, allowed: Allowed, deadline: float) -> None:
        self._allowed, self._deadline = allowed, deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
                    socket_options: Iterable[Any] | None = None) -> httpcore.NetworkStream:
        try:
            addresses = resolve(host.strip("[]"), port, self._left())
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(f"{host} is not known ({error})") from error
        good = [each for each in addresses if self._allowed.permits(host.strip("[]"), each)]
        if not good:
            raise Refused(f"{host} is an address of a private network ({', '.join(map(str, addresses))}). "
                          "The owner of this site can allow it by the setting private_hosts.")
        return _Connection(self._connect(good, port, socket_options), self._left)

    def _connect(self, addresses: list[Address], port: int, options: Iterable[Any] | None) -> httpcore.NetworkStream:
        problem: Exception | None = None
        for place, address in enumerate(addresses):
            share = self._left() / (len(addresses) - place)  # a silent address leaves time for the next
            try:
                return self._inner.connect_tcp(str(address), port, timeout=share, socket_options=options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        assert problem is not None
        raise problem

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time limit is over")
        return left


class _Connection(httpcore.NetworkStream):
    """A connection whose every step ends when the request's time limit does."""

    def __init__(self, inner: httpcore.NetworkStream, left: Callable[[], float]) -> None:
        self._inner, self._left = inner, left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None,
                  timeout: float | None = None) -> httpcore.NetworkStream:
        return _Connection(self._inner.start_tls(ssl_context, server_hostname, self._left()), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
