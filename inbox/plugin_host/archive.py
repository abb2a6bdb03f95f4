"""Reads a plugin that somebody brings, as a folder, a zip or a wheel, without importing it, and unpacks it safely.

Nothing an archive says of itself is believed: bytes are counted while they are inflated, names are checked before
anything is written. What is wrong is told in sentences for the person who brought it, who may not be its author.
"""

from __future__ import annotations

import configparser
import io
import os
import re
import stat
import struct
import tomllib
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import sys_tags

from inbox.plugin_host import discover
from inbox.plugin_host.discover import GROUP
from inbox.plugin_host.manifest import FILE, Manifest, ManifestError, parse

MOST_BYTES = 50 * 1024 * 1024
MOST_FILES = 2000
LONGEST_NAME = 200
CHUNK = 64 * 1024
LEFT_OUT = ("__pycache__", "__MACOSX", ".git", ".DS_Store", ".venv", "node_modules")  # never copied
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)
NOT_PORTABLE = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
DIRECTORY_BYTES = 4 * 1024 * 1024  # of a zip's list of files
ASK_AUTHOR = "Ask the author for a clean copy."


class ArchiveError(Exception):
    """What was brought cannot be taken; the message says why and what to do. Nothing was written or imported."""


@dataclass(frozen=True)
class Inspection:
    """What somebody brings, as far as it can be told without running it."""

    path: Path
    kind: str  # folder, zip, wheel
    manifest: Manifest | None = None
    files: tuple[str, ...] = ()  # as they will lie in the plugin's folder
    size: int = 0  # bytes, unpacked
    requires: tuple[str, ...] = ()  # Python requirements of the manifest, and of a wheel's metadata
    package: str = ""  # of a wheel: the folder in it that holds plugin.toml
    top: str = ""  # of a zip: the folder that holds everything, with a slash, or nothing
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.manifest.name if self.manifest else ""


@dataclass
class _Content:
    """The files of any source, by the name they have in it."""

    kind: str
    open: Callable[[str], BinaryIO]
    names: list[str] = field(default_factory=list)


def inspect(path: Path) -> Inspection:
    """Look at a folder, a zip or a wheel. Never raises for what is wrong with it: see `problems`."""
    kind = "folder" if path.is_dir() else "wheel" if path.suffix == ".whl" else "zip"
    try:
        with _opened(path, kind) as content:
            return _describe(path, content)
    except ArchiveError as error:
        return Inspection(path, kind, problems=(str(error),))


def unpack(seen: Inspection, target: Path) -> None:
    """Write what was inspected into `target`, a new folder. Raises ArchiveError, OSError."""
    if seen.problems:
        raise ArchiveError(seen.problems[0])
    target.mkdir(parents=True, mode=0o755)
    with _opened(seen.path, seen.kind) as content:
        budget = _Budget()
        for name in content.names:
            place = target / name.removeprefix(seen.top)
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file, content.open(name) as source:
                for piece in budget.read(name, source):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())


def take(path: Path, marker: str, target: Path, check: Callable[[list[str]], None]) -> None:
    """Unpack another kind of zip, known by a file at its top or in its one folder, into `target`, a new folder.

    `check` gets the names and raises for those it does not like. Raises ArchiveError, OSError.
    """
    with _opened(path, "zip") as content:
        tops = {name.split("/")[0] for name in content.names}
        top = "" if marker in content.names else f"{min(tops)}/" if len(tops) == 1 else ""
        if f"{top}{marker}" not in content.names:
            raise ArchiveError(f"There is no {marker} at its top. Bring a zip of the folder that holds {marker}.")
        check([name.removeprefix(top) for name in content.names])
        budget = _Budget()
        for name in content.names:
            place = target / name.removeprefix(top)
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file, content.open(name) as source:
                for piece in budget.read(name, source):
                    file.write(piece)


# --- reading ----------------------------------------------------------------------------------------------------


class _Budget:
    """Counts what comes out of an archive, whatever its headers promise."""

    def __init__(self) -> None:
        self.spent = 0

    def read(self, name: str, source: BinaryIO) -> Iterator[bytes]:
        """The bytes of a file, piece by piece. Raises ArchiveError when they are damaged or too many."""
        try:
            while piece := source.read(CHUNK):
                self.spent += len(piece)
                if self.spent > MOST_BYTES:
                    raise ArchiveError(_too_big())
                yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ArchiveError(f"{name} is damaged ({error}). Get the file again.") from error


def _too_big() -> str:
    return (f"Unpacked it is larger than {MOST_BYTES // 1024 // 1024} MB. A plugin brings code, not data: {ASK_AUTHOR}")


def _too_many() -> str:
    return f"It holds more than {MOST_FILES} files. A plugin brings code, not data: {ASK_AUTHOR}"


class _opened:
    """A source as `_Content`, its names checked. Raises ArchiveError."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind = path, kind
        self._zip: zipfile.ZipFile | None = None

    def __enter__(self) -> _Content:
        if self._kind == "folder":
            return _folder(self._path)
        _check_zip_file(self._path)
        try:
            self._zip = zipfile.ZipFile(self._path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise ArchiveError(_NOT_A_ZIP) from error
        try:
            return _zip(self._zip, self._kind)
        except ArchiveError:
            self._zip.close()
            raise

    def __exit__(self, *_: object) -> None:
        if self._zip is not None:
            self._zip.close()


_NOT_A_ZIP = "This is no zip file, or it is damaged. Bring the zip or wheel (.whl) that the author offers."


def _check_zip_file(path: Path) -> None:
    """Refuse by its last bytes what would cost much to open: the list of files is read as a whole."""
    try:
        with path.open("rb") as file:
            length = file.seek(0, io.SEEK_END)
            if length > MOST_BYTES:
                raise ArchiveError(_too_big())
            file.seek(max(0, length - 65_577))
            tail = file.read()
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}.") from error
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise ArchiveError(_NOT_A_ZIP)
    _, _, count, list_bytes, offset = struct.unpack("<HHHII", tail[at + 6:at + 20])
    if count > MOST_FILES or list_bytes > DIRECTORY_BYTES or offset == 0xFFFFFFFF:
        raise ArchiveError(_too_many())
    if tail[max(0, at - 20):at].startswith(b"PK\x06\x07"):  # a second, larger list: its numbers would count instead
        raise ArchiveError("It is packed in an unusual way (zip64). Pack it anew with an ordinary zip program.")


def _zip(source: zipfile.ZipFile, kind: str) -> _Content:
    names = []
    promised = 0
    for info in source.infolist():
        name = info.orig_filename
        if info.is_dir() and not _left_out(name):
            _check_name(name.removesuffix("/"))
        if info.is_dir() or _left_out(name):
            continue
        _check_name(name)
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise ArchiveError(f"{name} is a link or a device, not a file. {ASK_AUTHOR}")
        if info.flag_bits & 0x1:
            raise ArchiveError("It is encrypted. Unpack it, and bring the folder or a zip without a password.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError(f"{name} is packed in an unusual way. Pack it anew with an ordinary zip program.")
        promised += info.file_size
        names.append(name)
    if promised > MOST_BYTES:
        raise ArchiveError(_too_big())
    _check_all(names)
    return _Content(kind, lambda name: source.open(name), names)  # type: ignore[arg-type,return-value]


def _folder(path: Path) -> _Content:
    names = []
    for parent, folders, files in os.walk(path):
        folders[:] = sorted(each for each in folders if not _left_out(each))
        for each in sorted([*folders, *files]):
            place = Path(parent, each)
            name = place.relative_to(path).as_posix()
            if _left_out(name):
                continue
            _check_name(name)
            if place.is_symlink() or not (place.is_file() or place.is_dir()):
                raise ArchiveError(f"{name} is a link or a device, not a file. Put the file itself there.")
            if place.is_file():
                names.append(name)
        if len(names) > MOST_FILES:
            raise ArchiveError(_too_many())
    _check_all(names)
    return _Content("folder", lambda name: (path / name).open("rb"), names)


def _left_out(name: str) -> bool:
    return any(part in LEFT_OUT or part.endswith(".pyc") for part in name.split("/"))


# --- names ------------------------------------------------------------------------------------------------------


def _check_name(name: str) -> None:
    shown = name.encode("unicode_escape").decode()[:120]
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        raise ArchiveError(f"{shown} names a place outside of the plugin's folder. {ASK_AUTHOR}")
    parts = name.split("/")
    if ".." in parts or "\\" in name:
        raise ArchiveError(f"{shown} leads out of the plugin's folder. Do not use this file: {ASK_AUTHOR}")
    for part in parts:
        if (part in ("", ".") or NOT_PORTABLE.search(part) or RESERVED.fullmatch(part) or part[-1] in ". "
                or not part.isprintable()):
            raise ArchiveError(f"{shown} is a name that not every system can store. {ASK_AUTHOR}")
    if len(name) > LONGEST_NAME:
        raise ArchiveError(f"{shown}… is too long a name. {ASK_AUTHOR}")


def _check_all(names: list[str]) -> None:
    if len(names) > MOST_FILES:
        raise ArchiveError(_too_many())
    taken: dict[str, tuple[str, bool]] = {}
    for name in names:
        for place in [*map(str, PurePosixPath(name).parents), name]:
            same, entry = unicodedata.normalize("NFC", place).casefold(), (place, place == name)
            known = taken.setdefault(same, entry)
            if known != entry or (name == place and known is not entry):
                raise ArchiveError(f"{known[0]} and {place} would be the same file on some systems. {ASK_AUTHOR}")


# --- what it is -------------------------------------------------------------------------------------------------


def _describe(path: Path, content: _Content) -> Inspection:
    """Find the manifest, count the bytes, read what it says. Raises ArchiveError."""
    folder, requires, point = _wheel(content) if content.kind == "wheel" else (_top(content), (), "")
    size = _measure(content)
    try:
        manifest = parse(tomllib.loads(_text(content, f"{folder}{FILE}")))
    except (tomllib.TOMLDecodeError, ManifestError) as error:
        raise ArchiveError(f"Its {FILE} cannot be used: {error} Mend it, or {ASK_AUTHOR.lower()}") from error
    if f"{folder}__init__.py" not in content.names:
        raise ArchiveError(f"There is no __init__.py beside its {FILE}: it holds no plugin. {ASK_AUTHOR}")
    problems = [f"{manifest.incompatible} Get another version of it."] if manifest.incompatible else []
    if point and point != manifest.name:
        problems.append(f'Its entry point is called "{point}", and its {FILE} says "{manifest.name}". {ASK_AUTHOR}')
    top = "" if content.kind == "wheel" else folder
    return Inspection(path, content.kind, manifest, tuple(sorted(name.removeprefix(top) for name in content.names)),
                      size, tuple(dict.fromkeys([*manifest.requires_python, *requires])),
                      folder.strip("/") if content.kind == "wheel" else "", top, tuple(problems))


def _measure(content: _Content) -> int:
    """Inflate everything once and throw it away: only then is it known how much it is."""
    budget = _Budget()
    for name in content.names:
        try:
            with content.open(name) as source:
                for _ in budget.read(name, source):
                    pass
        except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
            raise ArchiveError(f"{name} cannot be read ({error}). Get the file again.") from error
    return budget.spent


def _text(content: _Content, name: str) -> str:
    with content.open(name) as source:
        try:
            return source.read(1024 * 1024).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ArchiveError(f"{name} is not UTF-8 text. {ASK_AUTHOR}") from error


def _top(content: _Content) -> str:
    """The folder that is the plugin: the top, or the one folder in it, with a slash at the end."""
    if FILE in content.names:
        return ""
    tops = {name.split("/")[0] for name in content.names}
    found = sorted(each for each in tops if f"{each}/{FILE}" in content.names)
    if len(found) > 1:
        raise ArchiveError(f"It holds {len(found)} plugins ({', '.join(found)}). Bring one at a time.")
    if not found:
        raise ArchiveError(f"There is no {FILE} at its top: it is no plugin, or the plugin lies deeper. "
                           f"Bring the folder that holds {FILE}, or a zip of it.")
    if len(tops) > 1 or content.kind == "folder":
        raise ArchiveError(f"The plugin lies in {found[0]}, beside other things. Bring that folder, or a zip of it.")
    return f"{found[0]}/"


# --- wheels -----------------------------------------------------------------------------------------------------


def _wheel(content: _Content) -> tuple[str, tuple[str, ...], str]:
    """The folder of the plugin in a wheel, what its metadata requires, its entry point's name. Raises ArchiveError."""
    infos = sorted({name.split("/")[0] for name in content.names if name.split("/")[0].endswith(".dist-info")})
    if len(infos) != 1 or f"{infos[0]}/WHEEL" not in content.names or f"{infos[0]}/METADATA" not in content.names:
        raise ArchiveError(f"This is no wheel: its metadata is missing. {ASK_AUTHOR}")
    points = configparser.ConfigParser(delimiters=("=",))
    points.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        points.read_string(_text(content, f"{infos[0]}/entry_points.txt")
                           if f"{infos[0]}/entry_points.txt" in content.names else "")
    except configparser.Error as error:
        raise ArchiveError(f"Its entry_points.txt cannot be read. {ASK_AUTHOR}") from error
    named = list(points[GROUP].items()) if points.has_section(GROUP) else []
    if len(named) != 1 or not re.fullmatch(r"[A-Za-z_][\w.]*", named[0][1].strip()):
        raise ArchiveError(f"This wheel is no plugin of Pluginbox: it must name one module in its entry point group "
                           f"{GROUP}, and names {len(named)}.")
    folder = named[0][1].strip().replace(".", "/")
    if f"{folder}/{FILE}" not in content.names:
        raise ArchiveError(f"There is no {FILE} in {folder}: its author forgot to pack it. {ASK_AUTHOR}")
    _check_tops(content, infos[0], folder.split("/")[0])
    _check_tags(_text(content, f"{infos[0]}/WHEEL"))
    return f"{folder}/", _requires(_text(content, f"{infos[0]}/METADATA")), named[0][0]


def _check_tops(content: _Content, info: str, package: str) -> None:
    others = sorted({name.split("/")[0] for name in content.names} - {info, package})
    if others:
        raise ArchiveError(f"This wheel would also install {', '.join(others)} beside its own package {package}, which "
                           f"could overwrite what belongs to others. {ASK_AUTHOR}")
    if discover.is_taken(package):
        raise ArchiveError(f"A Python package called {package} is there already: this wheel's would never be used. "
                           f"{ASK_AUTHOR}")


def _check_tags(text: str) -> None:
    tags = set(HeaderParser().parsestr(text).get_all("Tag") or [])
    if not tags & {str(each) for each in sys_tags()}:
        raise ArchiveError(f"This wheel is made for another system or Python ({', '.join(sorted(tags)) or 'unknown'}). "
                           "Get the one for this machine.")


def _requires(text: str) -> tuple[str, ...]:
    found = []
    for line in HeaderParser().parsestr(text).get_all("Requires-Dist") or []:
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise ArchiveError(f"It requires {line!r}, which pip would not understand. {ASK_AUTHOR}") from error
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            requirement.marker = None
            found.append(str(requirement))
    return tuple(found)
