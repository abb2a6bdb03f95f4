"""Where old mail lies: mbox, Maildir, folders of .eml, zip with any of these, a folder of an IMAP account.

Each gives its messages in a fixed order, one at a time, with the place to go on from and how much is done. None is
held in memory as a whole.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from imapclient import IMAPClient

from inbox.core.errors import Invalid

Place = list[Any]
_FROM = re.compile(rb">+From ")
NAMES = (".eml", ".mbox", ".mbx")


@dataclass(frozen=True)
class Old:
    """A message; `raw` is None for one that is too big. `after`: the place behind it. `part`: 0 to 1."""

    raw: bytes | None
    after: Place
    part: float
    name: str = ""


def kind_of(path: Path) -> str:
    """What lies at a path: mbox, maildir, eml, zip, or desk (an exported one). Raises Invalid."""
    if path.is_dir():
        return "maildir" if any(path.rglob("cur")) else "eml"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return "desk" if "desk.json" in archive.namelist() else "zip"
    if path.is_file():
        with path.open("rb") as file:
            return "mbox" if file.read(5) == b"From " else "eml"
    raise Invalid("source", "There is no such file or folder.")


def read(kind: str, path: Path, place: Place, limit: int) -> Iterator[Old]:
    """The messages of a file or folder after a place. Raises OSError, zipfile.BadZipFile."""
    if kind == "mbox":
        size = max(1, path.stat().st_size)
        with path.open("rb") as file:
            for raw, offset in mbox(file, place[0] if place else 0, limit):
                yield Old(raw, [offset], min(1.0, offset / size))
    elif kind == "zip":
        yield from _zip(path, place, limit)
    else:
        yield from _folder(path, place, limit)


# --- mbox -----------------------------------------------------------------------------------------------------------


def mbox(file: Any, start: int, limit: int) -> Iterator[tuple[bytes | None, int]]:
    """The messages from an offset on, each with the offset behind it. A message begins at "From " after an empty
    line; `>From ` in its text is unpacked."""
    if start and file.seekable():
        file.seek(start)
    offset = start if file.seekable() else _skip(file, start)
    lines: list[bytes] = []
    size, begun, empty = 0, False, True
    while line := file.readline(1_000_000):
        if empty and line.startswith(b"From "):
            if begun:
                yield (b"".join(lines) if size <= limit else None), offset
            lines, size, begun = [], 0, True
        elif begun or line.strip():
            begun = True
            size += len(line)
            if size <= limit:
                lines.append(line[1:] if line.startswith(b">") and _FROM.match(line) else line)
        offset += len(line)
        empty = line in (b"\n", b"\r\n")
    if begun:
        yield (b"".join(lines) if size <= limit else None), offset


def _skip(file: Any, start: int) -> int:
    """Read up to an offset in what cannot be jumped in."""
    left = start
    while left > 0 and (data := file.read(min(left, 1_000_000))):
        left -= len(data)
    return start - left


# --- folders --------------------------------------------------------------------------------------------------------


def _folder(path: Path, place: Place, limit: int) -> Iterator[Old]:
    """Files in the order of their names below a folder; a Maildir's `tmp`, trashed and draft messages are left out."""
    if path.is_file():
        if not place:
            yield _file(path, path.name, limit, 1.0)
        return
    names = sorted(str(each.relative_to(path)) for each in path.rglob("*") if each.is_file() and _is_mail(each))
    for number, name in enumerate(names, 1):
        if not place or name > place[0]:
            yield _file(path / name, name, limit, number / len(names))


def _file(path: Path, name: str, limit: int, part: float) -> Old:
    return Old(path.read_bytes() if path.stat().st_size <= limit else None, [name], part, name)


def _is_mail(path: Path) -> bool:
    if path.parent.name in ("cur", "new"):
        flags = path.name.rpartition(":2,")[2] if ":2," in path.name else ""
        return not path.name.startswith(".") and not set(flags) & set("TD")
    return path.suffix.lower() == ".eml"


# --- zip --------------------------------------------------------------------------------------------------------------


def _zip(path: Path, place: Place, limit: int) -> Iterator[Old]:
    entry, inner = (place[0], place[1]) if place else (0, 0)
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        total = max(1, sum(each.file_size for each in infos))
        before = sum(each.file_size for each in infos[:entry])
        for number, info in enumerate(infos):
            if number < entry:
                continue
            start = inner if number == entry else 0
            name = Path(info.filename)
            if info.is_dir() or not (_is_mail(name) or name.suffix.lower() in NAMES):
                pass
            elif name.suffix.lower() in (".mbox", ".mbx"):
                with archive.open(info) as file:
                    for raw, offset in mbox(_OneWay(file), start, limit):
                        yield Old(raw, [number, offset], min(1.0, (before + offset) / total), info.filename)
            elif start == 0:
                raw = archive.read(info) if info.file_size <= limit else None
                yield Old(raw, [number, 1], min(1.0, (before + info.file_size) / total), info.filename)
            before += info.file_size


class _OneWay:
    """A file of a zip, which is read from its beginning: jumping in it would read it again and again."""

    def __init__(self, file: IO[bytes]) -> None:
        self.readline, self.read = file.readline, file.read

    def seekable(self) -> bool:
        return False


# --- IMAP -----------------------------------------------------------------------------------------------------------


def imap(client: IMAPClient, uidvalidity: int, place: Place, limit: int) -> Iterator[Old]:
    """The messages of the open folder after a place. When the server numbered it anew, from the beginning."""
    last = place[1] if place and place[0] == uidvalidity else 0
    uids = sorted(client.search("ALL"))
    for number, uid in enumerate(uids, 1):
        if uid <= last:
            continue
        size = client.fetch([uid], ["RFC822.SIZE"]).get(uid, {}).get(b"RFC822.SIZE")
        if size is None:
            continue  # deleted meanwhile
        raw = client.fetch([uid], ["BODY.PEEK[]"])[uid].get(b"BODY[]") if size <= limit else None
        yield Old(raw, [uidvalidity, uid], number / len(uids))
