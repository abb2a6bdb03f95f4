"""`inbox backup` and `inbox restore`: a whole desk in one .tar.gz, taken while it runs.

First the database as it is at one moment, then the files that it names: a file is written before the row that names
it, and stays for a day after, so all of them are there. In the archive: `manifest.json`, then the database
(`inbox.db` or `database.dump`), `blobs/`, `plugins/`, `packages/`, `themes/`, `overrides/`, and by choice `secret.key`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import sqlalchemy as sa

import inbox
from inbox import migrate, secrets
from inbox.blobs import PACKED, Stored, open_store, place_of
from inbox.config import Config
from inbox.core.errors import CoreError
from inbox.db import db, utcnow
from inbox.processes import is_running

FORMAT = 1
MANIFEST = "manifest.json"
SQLITE_FILE, POSTGRES_FILE = "inbox.db", "database.dump"
FOLDERS = ("plugins", "packages", "themes", "overrides")
COMPRESSION = 3  # most of it is packed already
PIECE = 1024 * 1024
DAMAGED = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, json.JSONDecodeError, KeyError)
NAMED_BLOBS = ("SELECT sha256 FROM attachment UNION SELECT sha256 FROM caught_mail "
               "UNION SELECT sha256 FROM ledger WHERE raw_purged_at IS NULL")

REVISION = f"SELECT version_num FROM {migrate.version_table(migrate.CORE)}"  # noqa: S608  (our own name)


class BackupError(CoreError):
    """It cannot be done; the message says why and what to do. Nothing was changed."""


@dataclass(frozen=True)
class Facts:
    """What a database holds at one moment."""

    revision: str | None
    counts: dict[str, int]
    blobs: list[str]


def _facts(connection: sa.Connection) -> Facts:
    quote = connection.dialect.identifier_preparer.quote
    counts = {table: connection.exec_driver_sql(f"SELECT count(*) FROM {quote(table)}").scalar_one()  # noqa: S608
              for table in sorted(sa.inspect(connection).get_table_names())}
    revision = connection.exec_driver_sql(REVISION).scalar()
    return Facts(revision, counts, sorted(connection.exec_driver_sql(NAMED_BLOBS).scalars()))


# --- making -----------------------------------------------------------------------------------------------------


def make(config: Config, file: str | Path, *, with_key: bool = False, with_files: bool = True) -> dict[str, Any]:
    """Write the desk of this work context into `file`, which must not exist. Returns what is in it.

    `missing_blobs` names files the database knows and the store does not. Without files the store has to be backed up
    by itself. Raises BackupError, OSError.
    """
    target = Path(file).absolute()
    if target.exists():
        raise BackupError(f"{target} exists already. Choose another name, or move it away.")
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent}.")
    part = target.with_name(f".{target.name}.part")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
            copy = Path(folder) / (SQLITE_FILE if config.is_sqlite else POSTGRES_FILE)
            facts = _copy_sqlite(config, copy) if config.is_sqlite else _dump_postgres(config, copy)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                manifest = _write(config, out, copy, facts, with_key, with_files)
                out.flush()
                os.fsync(out.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def copy_sqlite(source: Path, target: Path) -> None:
    """A consistent copy of an SQLite database, by its own backup call; whoever writes meanwhile is not held up.

    Raises BackupError.
    """
    try:
        with closing(sqlite3.connect(source, timeout=30)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    except sqlite3.Error as error:
        raise BackupError(f"The database {source} cannot be copied: {error}. `inbox doctor` looks at it.") from error
    target.chmod(0o600)


def sqlite_path(config: Config) -> Path:
    """Where the SQLite database lies."""
    return Path(sa.make_url(config.sqlalchemy_url).database or "")


def _copy_sqlite(config: Config, copy: Path) -> Facts:
    copy_sqlite(sqlite_path(config), copy)
    return _sqlite_facts(copy)


def _sqlite_facts(path: Path) -> Facts:
    engine = sa.create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            wrong = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if wrong != "ok":
                raise BackupError(f"The database is damaged: {wrong}. Restore an older back-up, or repair it with "
                                  "sqlite3's .recover.")
            return _facts(connection)
    except sa.exc.DBAPIError as error:
        raise BackupError(f"The database cannot be read: {error.orig}") from error
    finally:
        engine.dispose()


def _dump_postgres(config: Config, copy: Path) -> Facts:
    serious = db.engine.execution_options(isolation_level="REPEATABLE READ")
    with serious.connect() as connection, connection.begin():
        snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        _postgres_tool(config, "pg_dump", "--format=custom", "--no-owner", "--no-privileges",
                       f"--snapshot={snapshot}", f"--file={copy}")
        return _facts(connection)


def _postgres_tool(config: Config, name: str, *words: str) -> None:
    """Run one of PostgreSQL's own programs on our database. The password goes by the environment."""
    found = shutil.which(name) or next((str(each) for each in sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_major, reverse=True)), None)
    if found is None:
        raise BackupError(f"{name} is not installed. It comes with PostgreSQL's client programs "
                          "(Debian: postgresql-client).")
    url = sa.make_url(config.sqlalchemy_url).set(drivername="postgresql")
    env = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    address = url._replace(password=None).render_as_string(hide_password=False)
    done = subprocess.run([found, *words, f"--dbname={address}"], env=env, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise BackupError(f"{name} failed: {done.stderr.strip()[:1000]}")


def _major(path: Path) -> int:
    name = path.parts[-3]
    return int(name) if name.isdigit() else 0


def _write(config: Config, out: IO[bytes], copy: Path, facts: Facts, with_key: bool,
           with_files: bool) -> dict[str, Any]:
    named = set(facts.blobs) if with_files else set()
    blobs = _blobs(config, named) if named else {}
    manifest = {"format": FORMAT, "program": inbox.__version__, "made_at": utcnow().isoformat(timespec="seconds"),
                "database": copy.name, "revision": facts.revision, "counts": facts.counts, "blobs": len(blobs),
                "missing_blobs": sorted(named - set(blobs)), "has_key": with_key, "has_files": with_files}
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=COMPRESSION) as archive:
        _add_bytes(archive, MANIFEST, json.dumps(manifest, indent=2).encode())
        archive.add(copy, copy.name)
        for each in blobs.values():
            _add_blob(config, archive, each)
        for folder in FOLDERS:
            for path in sorted((config.home / folder).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    archive.add(path, str(PurePosixPath(path.relative_to(config.home))))
        if with_key:
            key = config.secret_key or (config.home / secrets.KEY_FILE).read_text("ascii")
            _add_bytes(archive, secrets.KEY_FILE, key.replace(",", "\n").strip().encode() + b"\n")
    return manifest


def _blobs(config: Config, named: set[str]) -> dict[str, Stored]:
    """Those that are there, by digest. The store's list is read once: to ask for each would take days."""
    return {digest: each for each in open_store(config).walk() if (digest := each.name.removesuffix(PACKED)) in named}


def _add_blob(config: Config, archive: tarfile.TarFile, blob: Stored) -> None:
    member = tarfile.TarInfo(f"blobs/{place_of(blob.name)}")
    member.size, member.mode, member.mtime = blob.size, 0o600, int(blob.modified)
    with open_store(config).open(blob.name) as file:
        archive.addfile(member, file)


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(data), 0o600, int(utcnow().timestamp())
    archive.addfile(member, io.BytesIO(data))


# --- bringing back ----------------------------------------------------------------------------------------------


def restore(config: Config, file: str | Path) -> dict[str, Any]:
    """Bring a desk back into an empty home and an empty database. Returns the manifest. Raises BackupError.

    Everything is unpacked and verified beside its place first; when something is wrong, the home is as it was.
    """
    if is_running(config.home):
        raise BackupError(f"Pluginbox runs on {config.home}. A desk is restored into an empty folder.")
    _require_empty(config)
    config.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=config.home) as scratch:
        folder = Path(scratch)
        try:
            manifest = _unpack(Path(file), folder, config)
        except DAMAGED as error:
            raise BackupError(f"{file} is not a back-up of a desk, or is damaged ({error}).") from error
        _verify_blobs(folder, manifest)
        database = folder / manifest["database"]
        if config.blobs:
            _fill_store(config, folder / "blobs")
        if config.is_sqlite:
            _compare(_sqlite_facts(database), manifest)
        else:
            _fill_postgres(config, database, manifest)
            database.unlink()
        for path in sorted(folder.iterdir()):
            target = sqlite_path(config) if path == database else config.home / path.name
            shutil.move(path, target)
    return manifest


def _require_empty(config: Config) -> None:
    settings = {"inbox.toml", "inbox.lock", secrets.KEY_FILE}
    there = sorted(each.name for each in config.home.iterdir() if each.name not in settings) \
        if config.home.is_dir() else []
    if there:
        raise BackupError(f"{config.home} is not empty ({', '.join(there[:3])}). Choose an empty folder with --home; "
                          "only an inbox.toml and a secret.key may lie there.")
    if config.is_sqlite:
        if sqlite_path(config).exists():
            raise BackupError(f"There is a database already: {sqlite_path(config)}.")
        return
    with _engine(config) as engine:
        tables = sa.inspect(engine).get_table_names()
    if tables:
        raise BackupError(f"The database has tables already ({', '.join(sorted(tables)[:3])}). "
                          "Name an empty one in database_url.")


@contextmanager
def _engine(config: Config) -> Iterator[sa.Engine]:
    engine = sa.create_engine(config.sqlalchemy_url)
    try:
        yield engine
    finally:
        engine.dispose()


def _unpack(file: Path, folder: Path, config: Config) -> dict[str, Any]:
    manifest: dict[str, Any] | None = None
    with tarfile.open(file, "r:gz") as archive:
        for member in archive:
            if manifest is None:
                source = archive.extractfile(member) if member.name == MANIFEST else None
                manifest = _read_manifest(json.load(source), config) if source is not None else None
                if manifest is None:
                    raise BackupError(f"{file} is not a back-up of a desk: it does not begin with a manifest.")
                continue
            _unpack_one(archive, member, folder, manifest)
    if manifest is None:
        raise BackupError(f"{file} is not a back-up of a desk: it is empty.")
    if not (folder / manifest["database"]).is_file():
        raise BackupError(f"{file} holds no database.")
    return manifest


def _read_manifest(manifest: dict[str, Any], config: Config) -> dict[str, Any]:
    if manifest["format"] != FORMAT:
        raise BackupError(f"The back-up was made by a newer version ({manifest['program']}). Install that version.")
    if manifest["revision"] is None or not migrate.knows(manifest["revision"]):
        raise BackupError(f"The back-up is of another version ({manifest['program']}) than this program "
                          f"({inbox.__version__}). Restore it with that version.")
    wanted = SQLITE_FILE if config.is_sqlite else POSTGRES_FILE
    if manifest["database"] != wanted:
        raise BackupError(f"The back-up holds {'SQLite' if wanted == POSTGRES_FILE else 'PostgreSQL'}, and "
                          "database_url names the other kind. Restore it where it came from.")
    return manifest


def _unpack_one(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, manifest: dict[str, Any]) -> None:
    """Only plain files, only where a back-up has some: whoever wrote the archive may not be whoever restores it."""
    name = PurePosixPath(member.name)
    known = member.name in (manifest["database"], secrets.KEY_FILE) or (
        len(name.parts) > 1 and name.parts[0] in ("blobs", *FOLDERS))
    source = archive.extractfile(member) if member.isfile() else None
    if source is None or not known or name.is_absolute() or ".." in name.parts:
        raise BackupError(f"The back-up holds something that does not belong there: {member.name}")
    target = folder.joinpath(*name.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        shutil.copyfileobj(source, out, PIECE)


def _verify_blobs(folder: Path, manifest: dict[str, Any]) -> None:
    """Every file is what its name says, and none is missing."""
    count = 0
    for path in (folder / "blobs").rglob("*"):
        if path.is_file():
            count += 1
            if _hash(path) != path.name.removesuffix(PACKED):
                raise BackupError(f"The file {path.name} in the back-up is damaged.")
    if count != manifest["blobs"]:
        raise BackupError(f"The back-up should hold {manifest['blobs']} files and holds {count}.")


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with gzip.open(path) if path.suffix == PACKED else path.open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
    except (OSError, EOFError, zlib.error):
        return ""
    return digest.hexdigest()


def _fill_store(config: Config, folder: Path) -> None:
    """Put the files of the back-up where the settings say; before the rows that name them."""
    store = open_store(config)
    if problem := store.problem():
        raise BackupError(f"The store of files cannot be used: {problem}")
    for path in folder.rglob("*"):
        if path.is_file():
            store.put(path.name, path.read_bytes())
    shutil.rmtree(folder, ignore_errors=True)


def _compare(facts: Facts, manifest: dict[str, Any]) -> None:
    wrong = [f"{table}: {facts.counts.get(table, 0)} rows instead of {count}"
             for table, count in manifest["counts"].items() if facts.counts.get(table) != count]
    if wrong:
        raise BackupError(f"The database does not hold what the back-up promises ({'; '.join(wrong[:5])}).")


def _fill_postgres(config: Config, dump: Path, manifest: dict[str, Any]) -> None:
    _postgres_tool(config, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges",
                   str(dump))
    with _engine(config) as engine, engine.connect() as connection:
        _compare(_facts(connection), manifest)
