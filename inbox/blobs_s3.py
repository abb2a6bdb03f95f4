"""Blobs in a bucket of S3-compatible storage. Loaded only where the setting `blobs` names one.

A put is answered by the storage when it is durable there, so "kept" means the same as a synced file. A put of what is
there already renews its age, by which the sweep spares it; so nothing is asked before, and nothing can be deleted
between question and answer.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from inbox.blobs import StoreAway, Stored, place_of

PIECE = 256 * 1024
CONNECT_SECONDS = 5
SILENT_SECONDS = 20  # between two pieces of an answer
LONGEST = 120  # one request, a big message over a slow line
RETRIES = 2  # a sender, a job, a person tries again anyway


class Bucket:
    """One prefix of one bucket. May be used by any number of threads."""

    def __init__(self, bucket: str, prefix: str, *, endpoint: str, region: str, key_id: str, secret: str) -> None:
        self.where = f"s3://{bucket}/{prefix}".rstrip("/")
        given: Any = {"endpoint": endpoint, "region": region, "access_key_id": key_id, "secret_access_key": secret}

        def store(silent: int, longest: int, retries: int) -> S3Store:
            seconds: Any = {name: dt.timedelta(seconds=each) for name, each in (
                ("connect_timeout", CONNECT_SECONDS), ("read_timeout", silent), ("timeout", longest))}
            return S3Store(  # what is not given comes from AWS_… variables, or from the machine's role
                bucket, prefix=prefix or None, disable_bulk_delete=True,  # few others than Amazon take it as sent
                client_options={"allow_http": endpoint.startswith("http://"), **seconds},
                retry_config={"max_retries": retries, "retry_timeout": dt.timedelta(seconds=longest)},
                **{name: value for name, value in given.items() if value})

        self._store = store(SILENT_SECONDS, LONGEST, RETRIES)
        self._probe = store(CONNECT_SECONDS, CONNECT_SECONDS, 0)  # whoever asks how it is does not wait for long

    def put(self, name: str, data: bytes) -> None:
        with self._asked():
            try:
                obstore.put(self._store, place_of(name), data, use_multipart=False)
            except FileNotFoundError as error:
                raise StoreAway(_short(error)) from error

    def renew(self, digest: str) -> bool:
        return False

    def open(self, name: str) -> BinaryIO:
        with self._asked():
            pieces = obstore.get(self._store, place_of(name)).stream(PIECE)
        return io.BufferedReader(_Pieces(self, pieces), PIECE)

    def stat(self, name: str) -> Stored | None:
        try:
            with self._asked():
                return _stored(obstore.head(self._store, place_of(name)))
        except FileNotFoundError:  # an answer to HEAD has no body: a missing bucket looks like this, too
            return None

    def delete(self, name: str) -> None:
        with self._asked():
            obstore.delete(self._store, place_of(name))

    def walk(self) -> Iterator[Stored]:
        pages = iter(obstore.list(self._store))
        while True:
            with self._asked():
                page = next(pages, None)
            if page is None:
                return
            yield from map(_stored, page)

    def problem(self) -> str:
        try:
            with self._asked():
                obstore.list_with_delimiter(self._probe)
        except OSError as error:
            return str(error)
        return ""

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """What the library says, as an error of the kind a disk makes."""
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):  # a slip in the settings is no missing file
                raise StoreAway(f"There is no such bucket: {self.where}") from error
            raise
        except (BaseError, OSError) as error:
            raise StoreAway(f"{self.where}: {_short(error)}") from error


class _Pieces(io.RawIOBase):
    """An answer as it comes in, as a file to read. Errors on the way are the store's."""

    def __init__(self, bucket: Bucket, pieces: Any) -> None:
        self._bucket, self._pieces, self._left = bucket, iter(pieces), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not len(self._left):
            with self._bucket._asked():
                piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(bytes(piece))
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _stored(found: Any) -> Stored:
    return Stored(found["path"].rpartition("/")[2], found["size"], found["last_modified"].timestamp())


def _short(error: Exception) -> str:
    """The first line: the rest is the library's inside."""
    return str(error).partition("\n")[0][:500]
