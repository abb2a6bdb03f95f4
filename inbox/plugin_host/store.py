"""The files of this site's plugins: INBOX_HOME/plugins/<name> and INBOX_HOME/packages/<name>.

New files are complete, synced and beside the old ones before two renames put them in their place; a name that begins
with a point is on its way in or out, and nobody looks at it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inbox.config import Config
from inbox.plugin_host import archive
from inbox.plugin_host.archive import Inspection

LOCK = ".lock"
COMING, GOING, GONE = ".coming-", ".going-", ".gone-"
STALE_SECONDS = 600  # what another process prepares is left alone


class Busy(Exception):
    """Somebody else changes the plugins of this site just now."""


@contextmanager
def one_at_a_time(config: Config) -> Iterator[None]:
    """Within the block nobody else on this machine changes files of plugins. Raises Busy."""
    config.plugin_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(config.plugin_folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Busy("Somebody else is changing plugins just now. Try again in a moment.") from error
        yield
    finally:
        os.close(handle)


@dataclass
class Staged:
    """New files of a plugin, complete, not yet in their place."""

    name: str
    plugin: Path | None  # what becomes plugins/<name>; None for a wheel
    packages: Path | None  # what becomes packages/<name>; None when nothing is required
    folder: Path  # where plugin.toml lies now
    module: str  # the import name it will have


def stage(config: Config, seen: Inspection) -> Staged:
    """Unpack beside the place where it will lie. Raises ArchiveError, OSError; then nothing is left."""
    is_wheel = seen.kind == "wheel"
    parent = config.package_folder if is_wheel else config.plugin_folder
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = Path(tempfile.mkdtemp(prefix=f"{COMING}{seen.name}-", dir=parent))
    try:
        archive.unpack(seen, target / seen.name)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    place = target / seen.name
    if is_wheel:
        return Staged(seen.name, None, place, place / seen.package, seen.package.replace("/", "."))
    return Staged(seen.name, place, None, place, f"inbox_plugins.{seen.name}")


def stage_packages(config: Config, staged: Staged) -> Path:
    """A folder for the Python packages the plugin requires, with those it has already."""
    if staged.packages is None:
        config.package_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = Path(tempfile.mkdtemp(prefix=f"{COMING}{staged.name}-", dir=config.package_folder))
        staged.packages = target / staged.name
        before = config.package_folder / staged.name
        if staged.plugin is None and before.is_dir():
            shutil.copytree(before, staged.packages)
        else:  # new files of a plugin: what the old ones needed is of no interest
            staged.packages.mkdir(mode=0o755)
    return staged.packages


class Swap:
    """Puts staged files into their place; `undo` puts the old ones back, `finish` deletes them."""

    def __init__(self, config: Config, staged: Staged, pairs: list[tuple[Path, Path | None]] | None = None) -> None:
        self._pairs = pairs or [(config.plugin_folder / staged.name, staged.plugin),
                       (config.package_folder / staged.name, staged.packages)]
        self._old: list[tuple[Path, Path]] = []  # (where it was, where it is)
        self._new: list[tuple[Path, Path]] = []  # (where it is, where it came from)

    def make(self) -> None:
        """Raises OSError; then everything is as it was."""
        try:
            for place, new in self._pairs:
                if place.exists() or place.is_symlink():
                    aside = Path(tempfile.mkdtemp(prefix=f"{GOING}{place.name}-", dir=place.parent)) / place.name
                    place.rename(aside)
                    self._old.append((place, aside))
                if new is not None:
                    new.rename(place)
                    self._new.append((place, new))
                if place.parent.is_dir():
                    _sync(place.parent)
        except OSError:
            self.undo()
            raise

    def undo(self) -> None:
        """Everything where it was before."""
        for place, came_from in reversed(self._new):
            place.rename(came_from)
        for place, aside in reversed(self._old):
            aside.rename(place)
        for _, aside in self._old:
            shutil.rmtree(aside.parent, ignore_errors=True)
        self._new.clear()
        self._old.clear()

    def finish(self) -> None:
        """Nothing goes back any more."""
        for _, aside in self._old:
            gone = aside.parent.with_name(aside.parent.name.replace(GOING, GONE, 1))
            aside.parent.rename(gone)  # from here on nobody puts it back, half deleted as it is
            shutil.rmtree(gone, ignore_errors=True)
        for _, came_from in self._new:
            shutil.rmtree(came_from.parent, ignore_errors=True)


@contextmanager
def packages_placed(config: Config, staged: Staged) -> Iterator[None]:
    """Put only the required packages, if there are new ones, into their place; if the block fails, the old ones are
    back. Raises OSError; then everything is as it was."""
    if staged.packages is None:
        yield
        return
    swap = Swap(config, staged, [(config.package_folder / staged.name, staged.packages)])
    swap.make()
    try:
        yield
    except BaseException:
        swap.undo()
        raise
    swap.finish()


def discard(staged: Staged) -> None:
    """Delete staged files that were not used."""
    for each in (staged.plugin, staged.packages):
        if each is not None:
            shutil.rmtree(each.parent, ignore_errors=True)


def delete(config: Config, name: str) -> None:
    """Delete a plugin's files. Raises OSError; then everything is as it was."""
    swap = Swap(config, Staged(name, None, None, Path(), ""))
    swap.make()
    swap.finish()


def mend(config: Config) -> None:
    """After a power cut: put back what was on its way out with nothing in its place, delete the other remains."""
    for parent in (config.plugin_folder, config.package_folder):
        for each in sorted(parent.iterdir()) if parent.is_dir() else []:
            if each.name.startswith(GOING):
                for old in each.iterdir():
                    if not (parent / old.name).exists():
                        old.rename(parent / old.name)
            if each.name.startswith((COMING, GOING, GONE)) and time.time() - each.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(each, ignore_errors=True)


def has_files(config: Config, name: str) -> bool:
    """True when files of this plugin lie in this site's folders."""
    return any((parent / name).exists() for parent in (config.plugin_folder, config.package_folder))


def _sync(folder: Path) -> None:
    """The renames in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
