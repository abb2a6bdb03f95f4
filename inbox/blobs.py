"""Where the bytes lie: a folder of this machine, or a bucket of S3-compatible storage that many machines share.

A blob's name is the SHA-256 of its content, with `.gz` behind it when it is kept packed. Both stores lay it under
`ab/cd/`, so that a folder is moved into a bucket by copying it. What `inbox.core.attachments` says of blobs holds for
both; this file knows of bytes only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from inbox.config import Config, ConfigError

PACKED = ".gz"


class StoreAway(OSError):
    """The storage cannot be reached, or refuses us; nothing was kept. To be tried again."""


@dataclass(frozen=True)
class Stored:
    """A blob in the store. `modified` is when its bytes were last given to it, in seconds since 1970."""

    name: str
    size: int
    modified: float


class BlobStore(Protocol):
    """What a store can do. Everything but FileNotFoundError that goes wrong is an OSError, to be tried again."""

    where: str
    """The place, in words for a person."""

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes for good: when this returns, they outlive a power cut. All or nothing is kept."""

    def renew(self, digest: str) -> bool:
        """Make a blob that is there, packed or not, as young as if it had just been put; False when it has to be
        put (again) for that."""

    def open(self, name: str) -> BinaryIO:
        """The bytes as they are kept, as a file to read. Raises FileNotFoundError."""

    def stat(self, name: str) -> Stored | None:
        """What is there under a name, or None."""

    def delete(self, name: str) -> None:
        """Delete a blob; one that is gone already is no error."""

    def walk(self) -> Iterator[Stored]:
        """Every blob, in the order of its digest."""

    def problem(self) -> str:
        """Why nothing can be kept or read just now, in words; "" when all is well."""


def place_of(name: str) -> str:
    """Where a blob lies in its store."""
    return f"{name[:2]}/{name[2:4]}/{name}"


def open_store(config: Config) -> BlobStore:
    """The store of an installation. Makes no connection yet. Raises ConfigError."""
    return _opened(config, os.getpid())


@lru_cache(maxsize=8)
def _opened(config: Config, _process: int) -> BlobStore:  # connections must not be shared with a forked child
    if not config.blobs:
        return Folder(config.blob_folder)
    try:
        from inbox.blobs_s3 import Bucket
    except ImportError as error:
        raise ConfigError("The setting blobs names a bucket, and what talks to it is not installed: "
                          "pip install 'pluginbox[s3]'") from error
    address = urlsplit(config.blobs)
    return Bucket(address.netloc, address.path.strip("/"), endpoint=config.blobs_endpoint, region=config.blobs_region,
                  key_id=config.blobs_key_id, secret=config.blobs_secret)


class Folder:
    """Blobs as files of this machine, each written beside its place, synced, and moved there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.where = str(root)

    def put(self, name: str, data: bytes) -> None:
        target = self.root / place_of(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_synced(target, data)

    def renew(self, digest: str) -> bool:
        for name in (digest, digest + PACKED):
            path = self.root / place_of(name)
            if path.exists():
                os.utime(path)  # the sweep spares what was stored again a moment ago
                return True
        return False

    def open(self, name: str) -> BinaryIO:
        return (self.root / place_of(name)).open("rb")

    def stat(self, name: str) -> Stored | None:
        path = self.root / place_of(name)
        if not path.is_file():
            return None
        found = path.stat()
        return Stored(name, found.st_size, found.st_mtime)

    def delete(self, name: str) -> None:
        (self.root / place_of(name)).unlink(missing_ok=True)

    def walk(self) -> Iterator[Stored]:
        for first in _folders(self.root):
            for second in _folders(first):
                with os.scandir(second) as entries:
                    names = sorted(each.name for each in entries if not each.name.startswith("."))
                yield from (found for name in names if (found := self.stat(name)) is not None)

    def problem(self) -> str:
        return ""  # each write says so itself, and the listener tells the sender


def _folders(of: Path) -> list[Path]:
    if not of.is_dir():
        return []
    with os.scandir(of) as entries:
        return [of / name for name in sorted(each.name for each in entries if len(each.name) == 2 and each.is_dir())]


def _write_synced(target: Path, data: bytes) -> None:
    scratch = target.with_name(f".{target.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        with scratch.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
