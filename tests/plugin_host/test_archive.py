"""What people bring is read without being run; what could do harm is refused with words that help."""

import struct
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from inbox.plugin_host import archive
from inbox.plugin_host.archive import ArchiveError, inspect, unpack
from tests.plugin_host.archives import add_link, add_zeros, files_of, make_wheel, make_zip, manifest

pytestmark = pytest.mark.once


def problem(path: Path) -> str:
    """The one thing that is wrong with it."""
    (found,) = inspect(path).problems
    return found


@pytest.mark.parametrize("top", ["", "loyalty", "loyalty-main"])
def test_a_zip_is_described_and_unpacked(tmp_path: Path, top: str) -> None:
    files = files_of(code="raise SystemExit('imported')") | {"templates/loyalty/card.html": "<p>"}
    seen = inspect(make_zip(tmp_path / "x.zip", files, top=top))
    assert (seen.kind, seen.name, seen.problems) == ("zip", "loyalty", ())
    assert seen.files == ("__init__.py", "plugin.toml", "templates/loyalty/card.html")
    assert seen.size == sum(map(len, files.values()))
    unpack(seen, tmp_path / "out")
    assert {path.relative_to(tmp_path / "out").as_posix(): path.read_text()
            for path in (tmp_path / "out").rglob("*") if path.is_file()} == files


def test_a_folder_is_taken_without_what_does_not_belong_to_it(tmp_path: Path) -> None:
    place = tmp_path / "work"
    for name, text in (files_of() | {".git/config": "x", "__pycache__/a.pyc": "x", "tests/test_it.py": ""}).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    seen = inspect(place)
    assert (seen.kind, seen.problems) == ("folder", ())
    assert seen.files == ("__init__.py", "plugin.toml", "tests/test_it.py")


def test_a_wheel_is_described(tmp_path: Path) -> None:
    seen = inspect(make_wheel(tmp_path, requires=("httpx>=0.20", "colorama; sys_platform == 'win32'",
                                                  "pytest; extra == 'test'")))
    assert (seen.kind, seen.name, seen.package, seen.problems) == ("wheel", "loyalty", "pluginbox_loyalty", ())
    assert seen.requires == ("httpx>=0.20",)
    assert "pluginbox_loyalty" not in sys.modules


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "says"), [
    ("../evil.py", "leads out of the plugin's folder"),
    ("templates/../../evil.py", "leads out of the plugin's folder"),
    ("..\\evil.py", "leads out of the plugin's folder"),
    ("/etc/cron.d/evil", "outside of the plugin's folder"),
    ("C:/evil.py", "outside of the plugin's folder"),
    ("C:evil.py", "outside of the plugin's folder"),
    ("\\\\server\\evil.py", "outside of the plugin's folder"),
    ("a//b.py", "not every system can store"),
    ("./a.py", "not every system can store"),
    ("aux.py", "not every system can store"),
    ("what?.py", "not every system can store"),
    ("end.", "not every system can store"),
    ("new\nline.py", "not every system can store"),
    ("left\u202eright.py", "not every system can store"),
    ("x" * 300, "too long a name"),
    ("__INIT__.py", "would be the same file"),
    ("Plugin.toml", "would be the same file"),
    ("plugin.toml/x", "would be the same file"),
])
def test_names_that_could_do_harm_are_refused(tmp_path: Path, name: str, says: str) -> None:
    path = make_zip(tmp_path / "x.zip", files_of() | {name: "x"})
    assert says in problem(path)
    with pytest.raises(ArchiveError, match="author"):
        unpack(inspect(path), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", files_of())
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("__init__.py", "other code than was looked at")
    assert "would be the same file" in problem(path)


def test_links_are_refused(tmp_path: Path) -> None:
    path = add_link(make_zip(tmp_path / "x.zip", files_of()), "secrets", "/etc/passwd")
    assert problem(path).startswith("secrets is a link or a device")
    place = tmp_path / "folder"
    place.mkdir()
    for name, text in files_of().items():
        (place / name).write_text(text)
    (place / "home").symlink_to("/")
    assert problem(place).startswith("home is a link")


def test_two_gigabytes_are_refused_before_they_are_inflated(tmp_path: Path) -> None:
    path = add_zeros(make_zip(tmp_path / "bomb.zip", files_of()), "data.bin", 2048)
    assert path.stat().st_size < 4 * 1024 * 1024
    began = time.monotonic()
    assert "larger than 50 MB" in problem(path)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(("truth", "claim", "says"), [(80, 10, "data.bin is damaged"), (40, 10, "data.bin is damaged")])
def test_a_bomb_that_lies_about_its_size_is_noticed(tmp_path: Path, truth: int, claim: int, says: str) -> None:
    path = add_zeros(make_zip(tmp_path / "bomb.zip", files_of()), "data.bin", truth)
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 24:at + 28] = struct.pack("<I", claim)
    path.write_bytes(data)
    assert says in problem(path)


def test_overlapping_entries_are_counted_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are counted as they come out, not as the archive promises them."""
    monkeypatch.setattr(archive, "MOST_BYTES", 30_000)
    path = make_zip(tmp_path / "x.zip", files_of() | {f"a{n}.bin": bytes(9000) for n in range(4)})
    budget = archive._Budget()
    with zipfile.ZipFile(path) as file, pytest.raises(ArchiveError, match="larger than"):
        for info in file.infolist():
            for _ in budget.read(info.filename, file.open(info)):
                pass


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", files_of() | {f"f{n}": "" for n in range(archive.MOST_FILES)})
    assert "more than 2000 files" in problem(path)


def test_a_list_of_files_too_long_to_read_is_refused_unread(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", files_of())
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x05\x06")
    data[at + 12:at + 16] = struct.pack("<I", 40 * 1024 * 1024)
    path.write_bytes(data)
    assert "more than 2000 files" in problem(path)


def test_a_second_list_of_files_is_refused_unread(tmp_path: Path) -> None:
    """The numbers of a zip64 record stand before those at the end, which say that all is small."""
    path = make_zip(tmp_path / "x.zip", files_of())
    data = path.read_bytes()
    at = data.rfind(b"PK\x05\x06")
    size, offset = struct.unpack("<II", data[at + 12:at + 20])
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 5_000_000, 5_000_000, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    for comment in (b"", b"x" * 65_535):
        end = data[at:at + 20] + struct.pack("<H", len(comment)) + comment
        path.write_bytes(data[:at] + record + locator + end)
        assert "zip64" in problem(path)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", files_of())
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    assert "encrypted" in problem(path)


@pytest.mark.parametrize(("files", "says"), [
    ({"readme.txt": "x"}, "no plugin.toml at its top"),
    ({"a/b/plugin.toml": "x"}, "no plugin.toml at its top"),
    ({"a/plugin.toml": "x", "b/plugin.toml": "y"}, "It holds 2 plugins"),
    ({"a/plugin.toml": "x", "b/readme": "y"}, "beside other things"),
    ({"plugin.toml": manifest()}, "no __init__.py"),
    (files_of() | {"plugin.toml": "name = loyalty"}, "Its plugin.toml cannot be used"),
    (files_of() | {"plugin.toml": manifest("Loyalty")}, "small letters and digits"),
    (files_of() | {"plugin.toml": manifest(more='asks = ["everything"]')}, "asks may hold network, mail, files"),
    (files_of() | {"plugin.toml": b"\xff\xfe"}, "not UTF-8"),
    (files_of(more='requires_inbox = ">=99"'), "needs Pluginbox >=99"),
])
def test_what_is_no_plugin_of_this_version_is_refused(tmp_path: Path, files: dict[str, str], says: str) -> None:
    assert says in problem(make_zip(tmp_path / "x.zip", files))


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06", b"no zip at all" * 100])
def test_what_is_no_zip_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    assert "no zip file, or it is damaged" in problem(path)


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", files_of(code="x = 1\n" * 5000))
    data = bytearray(path.read_bytes())
    at = data.find(b"__init__.py") + 30
    data[at:at + 20] = bytes(20)
    path.write_bytes(data)
    assert "Get the file again" in problem(path)


# --- wheels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "says"), [
    ({"more": {"inbox/core/tickets.py": ""}}, "would also install inbox"),
    ({"more": {"evil.pth": "import os"}}, "would also install evil.pth"),
    ({"more": {"pluginbox_loyalty-1.0.data/scripts/run": ""}}, "would also install pluginbox_loyalty-1.0.data"),
    ({"plugin": False}, "names 0"),
    ({"tag": "cp27-cp27m-win32"}, "another system or Python"),
    ({"more": {"pluginbox_loyalty-1.0.dist-info/entry_points.txt": "[inbox.plugins]\nother = pluginbox_loyalty\n"}},
     'entry point is called "other"'),
    ({"more": {"pluginbox_loyalty-1.0.dist-info/entry_points.txt": "[inbox.plugins]\nloyalty = elsewhere\n"}},
     "no plugin.toml in elsewhere"),
    ({"requires": ("not a requirement!",)}, "pip would not understand"),
    ({"package": "flask"}, "flask is there already"),
])
def test_wheels_that_bring_no_plugin_or_more_are_refused(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    assert says in problem(make_wheel(tmp_path, **options))
