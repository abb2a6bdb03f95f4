"""Plugins as people bring them: zips, wheels and folders, good ones and bad ones."""

import base64
import hashlib
import stat
import struct
import zipfile
import zlib
from pathlib import Path

MANIFEST = 'name = "{name}"\ntitle = "{title}"\nversion = "{version}"\n'


def manifest(name: str = "loyalty", version: str = "1.0", more: str = "") -> str:
    """The text of a plugin.toml."""
    return MANIFEST.format(name=name, title=name.title(), version=version) + more


def files_of(name: str = "loyalty", version: str = "1.0", code: str = "", more: str = "") -> dict[str, str]:
    """A small plugin, by file."""
    return {"plugin.toml": manifest(name, version, more), "__init__.py": code}


def make_zip(path: Path, files: dict[str, str | bytes], *, top: str = "") -> Path:
    """A zip; with `top` everything lies in one folder."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(f"{top}/{name}" if top else name, text)
    return path


def add_link(path: Path, name: str, target: str) -> Path:
    """Put a symbolic link into a zip, as `zip --symlinks` does."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(info, target)
    return path


def add_zeros(path: Path, name: str, megabytes: int) -> Path:
    """Put a true file of so many zeros into a zip, without inflating and deflating them here."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bytes(1024 * 1024)
    first = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    again = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    data = first + again * (megabytes - 1) + deflate.flush()
    crc = 0
    for _ in range(megabytes):
        crc = zlib.crc32(block, crc)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(name, data)
    whole = bytearray(path.read_bytes())
    for mark, method, size in ((b"PK\x03\x04", 8, 22), (b"PK\x01\x02", 10, 24)):
        at = whole.rfind(mark)
        whole[at + method:at + method + 2] = struct.pack("<H", zipfile.ZIP_DEFLATED)
        whole[at + size - 8:at + size - 4] = struct.pack("<I", crc)
        whole[at + size:at + size + 4] = struct.pack("<I", megabytes * 1024 * 1024)
    path.write_bytes(whole)
    return path


def make_wheel(folder: Path, name: str = "loyalty", version: str = "1.0", *, code: str = "", package: str = "",
               requires: tuple[str, ...] = (), more: dict[str, str] | None = None, plugin: bool = True,
               tag: str = "py3-none-any") -> Path:
    """A wheel by hand, so that no build tool is needed: of a plugin, or of an ordinary package."""
    package = package or f"pluginbox_{name}"
    project = package.replace("_", "-")
    info = f"{package}-{version}.dist-info"
    files = {f"{package}/__init__.py": code}
    if plugin:
        files |= {f"{package}/plugin.toml": manifest(name, version),
                  f"{info}/entry_points.txt": f"[inbox.plugins]\n{name} = {package}\n"}
    lines = "".join(f"Requires-Dist: {each}\n" for each in requires)
    files |= {f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n{lines}",
              f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"}
    files |= more or {}
    record = "".join(f"{each},sha256={_digest(text)},{len(text.encode())}\n" for each, text in files.items())
    path = folder / f"{package}-{version}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    return make_zip(path, files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n"})


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
