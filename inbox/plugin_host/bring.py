"""Brings a plugin's code in and takes it away: add, install from a file, upgrade, remove.

Bringing code takes four steps, and until the last one everything is as it was: the new files are unpacked beside
their place, and what they require is fetched; they are imported in a process of their own; the tables are migrated;
then two renames.
"""

from __future__ import annotations

from pathlib import Path

from packaging.version import Version

from inbox.config import Config
from inbox.db import current_config, session, transaction
from inbox.migrate import MigrationError
from inbox.plugin_host import archive, discover, faults, lifecycle, migrate, requirements, store, trial
from inbox.plugin_host.archive import ArchiveError, Inspection
from inbox.plugin_host.discover import Found
from inbox.plugin_host.lifecycle import PluginError, Tell, alone, nobody
from inbox.plugin_host.manifest import FILE, ManifestError, read
from inbox.plugin_host.models import Plugin
from inbox.plugin_host.requirements import RequirementsError
from inbox.plugin_host.store import Staged
from inbox.plugin_host.trial import TrialError


@alone
def add_files(path: Path, *, tell: Tell = nobody) -> str:
    """Copy a plugin from a folder, zip or wheel to where this site keeps its own. Returns its name.

    Imports nothing; `lifecycle.install` comes next. A copy that is not installed is replaced. Raises PluginError.
    """
    config = current_config()
    seen = _good(path)
    if session().get(Plugin, seen.name) is not None:
        raise PluginError(f"Plugin {seen.name} is installed already; upgrade it instead "
                          f"(`inbox plugin upgrade {seen.name} FILE`).")
    staged = _stage(config, seen)
    try:
        swap = store.Swap(config, staged)
        swap.make()
        swap.finish()
    except OSError as error:
        raise PluginError(f"Plugin {seen.name} cannot be copied: {error}") from error
    finally:
        store.discard(staged)
    with transaction():
        tell("added", seen.name, _version(seen))
    return seen.name


@alone
def install_from(path: Path, *, tell: Tell = nobody) -> str:
    """Install a plugin from a folder, zip or wheel, all or nothing; it is not active yet. Returns its name.

    Raises PluginError; then neither files nor tables are there.
    """
    config = current_config()
    seen = _good(path)
    if session().get(Plugin, seen.name) is not None:
        raise PluginError(f"Plugin {seen.name} is installed already; upgrade it instead "
                          f"(`inbox plugin upgrade {seen.name} FILE`).")
    staged = _stage(config, seen)
    try:
        _take_up(config, staged, seen, tell, "installed")
    except (RequirementsError, TrialError, OSError) as error:
        raise PluginError(f"{error} It was not installed.") from error
    finally:
        store.discard(staged)
    return seen.name


@alone
def upgrade(name: str, path: Path | None = None, *, tell: Tell = nobody) -> str:
    """Replace an installed plugin by what lies at `path`; without one, take up what was put into its folder by hand.

    Returns the version. Raises PluginError; then files and tables are as they were.
    """
    if session().get(Plugin, name) is None:
        raise PluginError(f"Plugin {name} is not installed. `inbox plugin install {name}` does that.")
    if path is None:
        return _upgrade_in_place(name, tell)
    config = current_config()
    seen = _good(path)
    if seen.name != name:
        raise PluginError(f"That is plugin {seen.name}, not {name}.")
    _require_not_older(name, _version(seen))
    staged = _stage(config, seen)
    try:
        return _take_up(config, staged, seen, tell, "upgraded")
    except (RequirementsError, TrialError, OSError) as error:
        raise PluginError(f"{error} Plugin {name} stays as it was.") from error
    finally:
        store.discard(staged)


@alone
def remove(name: str, *, tell: Tell = nobody) -> None:
    """Delete the files of a plugin that is not installed (any more). Raises PluginError."""
    config = current_config()
    row = session().get(Plugin, name)
    if row is not None:
        raise PluginError(f"Plugin {name} is installed. Uninstall it first, which deletes its data.")
    if not store.has_files(config, name):
        found = discover.scan(config).get(name)
        raise PluginError({
            "bundled": f"Plugin {name} came with Pluginbox and goes with it.",
            "dev": f"Plugin {name} lies in a folder you work on.",
            "python": f"Plugin {name} came as a Python package; `pip uninstall` removes it.",
        }.get(found.source if found else "", f"There are no files of a plugin called {name} here."))
    found = discover.scan(config).get(name)
    version = found.manifest.version if found and found.manifest else ""
    try:
        store.delete(config, name)
    except OSError as error:
        raise PluginError(f"The files of plugin {name} cannot be deleted: {error}") from error
    with transaction():
        faults.move_revision()
        tell("removed", name, version)
    lifecycle.look_again()


# --- steps ------------------------------------------------------------------------------------------------------


def _good(path: Path) -> Inspection:
    if current_config().safe_mode:
        raise PluginError("Safe mode is on (INBOX_SAFE_MODE): no plugin is loaded. Start without it first.")
    if not path.exists():
        raise PluginError(f"{path} does not exist.")
    seen = archive.inspect(path)
    if seen.problems:
        raise PluginError(f"{path.name} cannot be used: {seen.problems[0]}")
    found = discover.scan(current_config()).get(seen.name)
    if found is not None and not found.is_ours:
        raise PluginError({
            "bundled": f"A plugin called {seen.name} comes with Pluginbox; it is upgraded together with it.",
            "dev": f"Plugin {seen.name} is worked on in {found.folder}; change it there.",
        }.get(found.source, f"Plugin {seen.name} came as a Python package; use pip for it."))
    return seen


def _stage(config: Config, seen: Inspection) -> Staged:
    try:
        return store.stage(config, seen)
    except (ArchiveError, OSError) as error:
        raise PluginError(f"{seen.path.name} cannot be unpacked: {error}") from error


def _version(seen: Inspection) -> str:
    return seen.manifest.version if seen.manifest else ""


def _require_not_older(name: str, version: str) -> None:
    row = session().get_one(Plugin, name)
    if Version(version) < Version(row.version):
        raise PluginError(f"Plugin {name} is at {row.version}, and this is the older {version}. To go back, uninstall "
                          "it first, which deletes its data, or restore a back-up.")


def _found(staged: Staged) -> Found:
    """Staged files as a plugin that can be tried and migrated."""
    try:
        manifest = read(staged.folder / FILE)
    except ManifestError as error:
        raise PluginError(str(error)) from error
    return Found(staged.name, staged.folder, staged.module, manifest)


def _take_up(config: Config, staged: Staged, seen: Inspection, tell: Tell, did: str) -> str:
    name, found = staged.name, _found(staged)
    lifecycle.check_usable(found)
    lifecycle.require_others(found)
    wanted = requirements.missing(config, name, seen.requires, staged.packages or Path("-"))
    if wanted:
        requirements.install(config, name, wanted, store.stage_packages(config, staged))
    trial.require(config, found, packages=staged.packages)
    before = migrate.revision_of(name)
    lifecycle.bring_tables(found)
    swap = store.Swap(config, staged)
    try:
        swap.make()
    except OSError:
        _take_tables_back(found, before)
        raise
    try:
        lifecycle.store_version(found, tell, did)
    except BaseException:
        swap.undo()
        _take_tables_back(found, before)
        raise
    swap.finish()
    return _version(seen)


def _take_tables_back(found: Found, revision: str | None) -> None:
    try:
        migrate.to_revision(found, revision)
    except MigrationError as error:
        raise PluginError(f"{error} The tables of plugin {found.name} are newer than its files now: try the upgrade "
                          "again.") from error


def _upgrade_in_place(name: str, tell: Tell) -> str:
    found = lifecycle.usable(name)
    lifecycle.require_others(found)
    assert found.manifest is not None
    _require_not_older(name, found.manifest.version)
    lifecycle.take_up(found, tell, "upgraded")
    return found.manifest.version
