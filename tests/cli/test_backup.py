"""A back-up holds everything, comes back byte for byte, and a bad one changes nothing."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from inbox import backup
from inbox.backup import BackupError
from inbox.config import Config
from inbox.core import attachments
from inbox.core.models import Attachment, Ledger, Message, Ticket
from inbox.db import db, work_context
from inbox.mail import ledger
from inbox.testing.factories import make_file, make_mailbox, make_message, make_ticket

pytestmark = pytest.mark.each_database

LETTER = b"From: Maja <maja@example.com>\nTo: support@desk.example\nMessage-ID: <a@example.com>\nSubject: Lamp\n\nHi\n"


@pytest.fixture
def desk(app, config: Config) -> Iterator[Config]:
    """A desk with a ticket, a file, a message as it came, a plugin of its own."""
    with work_context(app):
        box = make_mailbox("support@desk.example")
        ticket = make_ticket("The lamp", mailbox=box)
        make_message(ticket, "With a file.", files=[make_file(b"%PDF-1.4 " + bytes(range(256)) * 500)])
        ledger.arrive(LETTER, source="smtp", mailbox_id=box.id)
        (config.home / "plugins" / "own").mkdir(parents=True)
        (config.home / "plugins" / "own" / "plugin.toml").write_text("name = 'own'\n")
        (config.home / "packages" / "own").mkdir(parents=True)
        (config.home / "packages" / "own" / "needed.py").write_text("YES = 1\n")
        yield config


@pytest.fixture
def empty(tmp_path: Path, request: pytest.FixtureRequest, desk: Config) -> Iterator[Config]:
    """Settings for a restore: an empty home, and an empty database of the same kind."""
    if desk.is_sqlite:
        yield Config(home=tmp_path / "restored")
        return
    databases = request.getfixturevalue("databases")
    url = databases.empty()
    yield Config(home=tmp_path / "restored", database_url=url)
    databases.drop(url)


def counts(config: Config) -> dict[str, int]:
    """Rows of some tables, asked of the database itself."""
    engine = sa.create_engine(config.sqlalchemy_url)
    with engine.connect() as connection:
        found = {table.__tablename__: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                 for table in (Ticket, Message, Attachment, Ledger)}
    engine.dispose()
    return found


def blobs(config: Config) -> dict[str, bytes]:
    """Every blob file by its place."""
    return {str(path.relative_to(config.blob_folder)): path.read_bytes()
            for path in config.blob_folder.rglob("*") if path.is_file()}


def rewrite(file: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    """Copy an archive member by member; `change` gives what takes a member's place."""
    target = file.with_name("changed.tar.gz")
    with tarfile.open(file) as old, tarfile.open(target, "w:gz") as new:
        for member in old:
            source = old.extractfile(member)
            assert source is not None
            put = change(member.name, source.read())
            if put is not None:
                info = tarfile.TarInfo(put[0])
                info.size = len(put[1])
                new.addfile(info, io.BytesIO(put[1]))
    return target


def test_a_desk_comes_back_as_it_was(desk: Config, empty: Config, tmp_path: Path) -> None:
    made = backup.make(desk, tmp_path / "desk.tar.gz", with_key=True)
    done = backup.restore(empty, tmp_path / "desk.tar.gz")
    assert counts(empty) == counts(desk)
    assert counts(empty)["ticket"] == 1
    assert blobs(empty) == blobs(desk)
    assert len(blobs(empty)) == made["blobs"] == done["blobs"] == 2
    assert (empty.home / "secret.key").read_text() == (desk.home / "secret.key").read_text()
    assert (empty.home / "plugins/own/plugin.toml").read_text() == "name = 'own'\n"
    assert (empty.home / "packages/own/needed.py").read_text() == "YES = 1\n"
    assert {each.name for each in empty.home.iterdir()} <= {"blobs", "packages", "plugins", "secret.key", "inbox.db"}


def test_a_restored_desk_works_on(desk: Config, empty: Config, tmp_path: Path) -> None:
    from inbox.app import create_app
    from inbox.jobs.worker import run_everything

    backup.make(desk, tmp_path / "desk.tar.gz")
    backup.restore(empty, tmp_path / "desk.tar.gz")
    app = create_app(empty)
    run_everything(app)  # the message that had no fate yet
    with work_context(app) as session:
        row = session.scalars(sa.select(Ledger)).one()
        assert (row.fate, attachments.read(row.sha256)) == ("created", LETTER)
        db.session.remove()
        db.engine.dispose()


def test_the_key_is_left_out_unless_wanted(desk: Config, empty: Config, tmp_path: Path) -> None:
    backup.make(desk, tmp_path / "desk.tar.gz")
    with tarfile.open(tmp_path / "desk.tar.gz") as archive:
        assert "secret.key" not in archive.getnames()
    assert backup.restore(empty, tmp_path / "desk.tar.gz")["has_key"] is False
    assert not (empty.home / "secret.key").exists()


def test_only_its_owner_can_read_a_backup(desk: Config, tmp_path: Path) -> None:
    backup.make(desk, tmp_path / "desk.tar.gz")
    assert (tmp_path / "desk.tar.gz").stat().st_mode & 0o077 == 0
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]


def test_a_file_that_is_there_is_not_overwritten(desk: Config, tmp_path: Path) -> None:
    (tmp_path / "desk.tar.gz").write_text("mine")
    with pytest.raises(BackupError, match="exists already"):
        backup.make(desk, tmp_path / "desk.tar.gz")
    assert (tmp_path / "desk.tar.gz").read_text() == "mine"


def test_files_that_no_row_names_stay_out(desk: Config, tmp_path: Path) -> None:
    attachments.store(b"of a draft that was thrown away")
    assert len(blobs(desk)) == 3
    assert backup.make(desk, tmp_path / "desk.tar.gz")["blobs"] == 2


def test_a_missing_file_is_told(desk: Config, empty: Config, tmp_path: Path) -> None:
    place = next(path for path in desk.blob_folder.rglob("*.gz"))
    place.unlink()
    made = backup.make(desk, tmp_path / "desk.tar.gz")
    assert made["missing_blobs"] == [place.name.removesuffix(".gz")]
    assert backup.restore(empty, tmp_path / "desk.tar.gz")["blobs"] == 1


@pytest.mark.parametrize("there", ["inbox.db", "blobs/x", "notes.txt"])
def test_a_home_with_something_in_it_is_left_alone(desk: Config, empty: Config, tmp_path: Path, there: str) -> None:
    backup.make(desk, tmp_path / "desk.tar.gz")
    place = empty.home / there
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    with pytest.raises(BackupError, match="not empty"):
        backup.restore(empty, tmp_path / "desk.tar.gz")
    assert [each.read_text() for each in empty.home.rglob("*") if each.is_file()] == ["mine"]


def test_a_database_with_tables_is_left_alone(desk: Config, tmp_path: Path) -> None:
    backup.make(desk, tmp_path / "desk.tar.gz")
    url = desk.sqlalchemy_url
    with pytest.raises(BackupError, match=r"already"):
        backup.restore(Config(home=tmp_path / "restored", database_url=url), tmp_path / "desk.tar.gz")


def test_settings_may_lie_in_the_folder_already(desk: Config, empty: Config, tmp_path: Path) -> None:
    backup.make(desk, tmp_path / "desk.tar.gz")
    empty.home.mkdir()
    (empty.home / "inbox.toml").write_text("port = 9000\n")
    backup.restore(empty, tmp_path / "desk.tar.gz")
    assert (empty.home / "inbox.toml").read_text() == "port = 9000\n"


def with_manifest(**changes: Any) -> Callable[[str, bytes], tuple[str, bytes]]:
    """A change to the manifest of an archive."""
    def change(name: str, data: bytes) -> tuple[str, bytes]:
        return name, json.dumps(json.loads(data) | changes).encode() if name == "manifest.json" else data

    return change


CHANGES = {
    "a damaged file": (lambda n, d: (n, d[:-9] + b"x" * 9) if n.startswith("blobs/") else (n, d), "is damaged"),
    "a missing file": (lambda n, d: None if n.startswith("blobs/") else (n, d), "should hold 2 files and holds 0"),
    "no database": (lambda n, d: None if n.startswith(("inbox.db", "database.dump")) else (n, d), "holds no database"),
    "no manifest": (lambda n, d: None if n == "manifest.json" else (n, d), "does not begin with a manifest"),
    "a way out": (lambda n, d: ("plugins/../../out", d) if n.startswith("plugins/") else (n, d), "does not belong"),
    "a stranger": (lambda n, d: ("inbox.toml", d) if n.startswith("plugins/") else (n, d), "does not belong"),
    "a newer format": (with_manifest(format=2), "newer version"),
    "another version": (with_manifest(revision="9999"), "another version"),
    "fewer rows": (with_manifest(counts={"ticket": 2}), "ticket: 1 rows instead of 2"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_bad_backup_changes_nothing(desk: Config, empty: Config, tmp_path: Path, name: str) -> None:
    change, words = CHANGES[name]
    backup.make(desk, tmp_path / "desk.tar.gz")
    with pytest.raises(BackupError, match=words):
        backup.restore(empty, rewrite(tmp_path / "desk.tar.gz", change))
    assert not empty.home.exists() or not list(empty.home.iterdir())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_cut_backup_changes_nothing(desk: Config, empty: Config, tmp_path: Path, share: float) -> None:
    backup.make(desk, tmp_path / "desk.tar.gz")
    data = (tmp_path / "desk.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(data[:int(len(data) * share)])
    with pytest.raises(BackupError, match="is not a back-up of a desk"):
        backup.restore(empty, tmp_path / "cut.tar.gz")
    assert not list(empty.home.iterdir())


@pytest.mark.once
def test_a_link_in_a_backup_is_not_followed(desk: Config, empty: Config, tmp_path: Path) -> None:
    backup.make(desk, tmp_path / "desk.tar.gz")
    with tarfile.open(tmp_path / "desk.tar.gz") as old, tarfile.open(tmp_path / "link.tar.gz", "w:gz") as new:
        for member in old:
            new.addfile(member, old.extractfile(member))
        link = tarfile.TarInfo("plugins/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        new.addfile(link)
    with pytest.raises(BackupError, match="does not belong"):
        backup.restore(empty, tmp_path / "link.tar.gz")


@pytest.mark.once
def test_another_kind_of_database_is_refused(desk: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backup.make(desk, tmp_path / "desk.tar.gz")
    monkeypatch.setattr(backup, "_require_empty", lambda config: None)  # it would ask a server that is not there
    with pytest.raises(BackupError, match="the other kind"):
        backup.restore(Config(home=tmp_path / "restored", database_url="postgresql://x@127.0.0.1:1/x"),
                       tmp_path / "desk.tar.gz")


@pytest.mark.once
def test_a_damaged_database_is_not_backed_up(desk: Config, tmp_path: Path) -> None:
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.session.remove()
    db.engine.dispose()
    data = bytearray((desk.home / "inbox.db").read_bytes())
    for place in range(8192, len(data), 8192):
        data[place:place + 64] = b"\xff" * 64
    (desk.home / "inbox.db").write_bytes(data)
    with pytest.raises(BackupError):
        backup.make(desk, tmp_path / "desk.tar.gz")
    assert not (tmp_path / "desk.tar.gz").exists()
