"""Finds plugins without importing them: bundled ones, those of this site, those that come as Python packages.

Wherever a folder lies, the plugin is imported as `inbox_plugins.<name>`; one that comes in a package of its own
(entry point group `inbox.plugins`) keeps its own import name. INBOX_HOME/packages/<name> holds the wheel of a plugin,
or what it requires; it is searched after everything else, so that nothing there can take the place of the program.
"""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distributions, entry_points
from pathlib import Path

from inbox.config import Config
from inbox.plugin_host.manifest import FILE, Manifest, ManifestError, read

PACKAGE = "inbox_plugins"
GROUP = "inbox.plugins"
BUILTIN = "inbox.builtin"


@dataclass(frozen=True)
class Found:
    """A plugin that lies here: its folder, its import name, and its manifest or what is wrong with it."""

    name: str
    folder: Path
    module: str
    manifest: Manifest | None = None
    problem: str | None = None
    source: str = "site"  # bundled, site (INBOX_HOME/plugins or /packages), python (the environment), dev

    @property
    def is_ours(self) -> bool:
        """True when its files are this site's to replace and remove."""
        return self.source == "site"


def scan(config: Config) -> dict[str, Found]:
    """Every plugin that can be seen from here, by name. Imports nothing. In safe mode there is none."""
    if config.safe_mode:
        return {}
    found: dict[str, Found] = {}
    for each in _candidates(config):
        first = found.get(each.name)
        if first is None:
            found[each.name] = each
        elif first.folder != each.folder and first.source != "dev":
            problem = f'Two plugins are called "{each.name}": {first.folder} and {each.folder}. Remove one of them.'
            found[each.name] = Found(each.name, first.folder, first.module, first.manifest, problem)
    return dict(sorted(found.items()))


def _candidates(config: Config) -> Iterator[Found]:
    for folder in dev_folders(config):
        yield _look(folder, f"{PACKAGE}.{folder.name}", folder.name, "dev")
    for parent in plugin_folders(config):
        source = "site" if parent == config.plugin_folder.resolve() else "bundled"
        if parent.is_dir():
            for folder in sorted(parent.iterdir()):
                if (folder / FILE).is_file() and not folder.name.startswith("."):  # those are on their way in or out
                    yield _look(folder, f"{PACKAGE}.{folder.name}", folder.name, source)
    yield from _packaged(config)
    for point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        if not _is_below(point, _opened):
            place = _folder_of(point)
            yield _look(place, point.module, point.name, "python") if place else Found(
                point.name, Path(), point.module, source="python",
                problem=f"The package of {point.value} has no {FILE} beside its code.")


def dev_folders(config: Config) -> list[Path]:
    """The folders of `inbox run --plugin FOLDER`: plugins that somebody works on, wherever they lie."""
    return [Path(each).resolve() for each in config.dev_plugins.split(os.pathsep) if each]


def _packaged(config: Config) -> Iterator[Found]:
    """Plugins that came as wheels, each in a folder of its own."""
    if not config.package_folder.is_dir():
        return
    for home in sorted(config.package_folder.iterdir()):
        if home.name.startswith(".") or not home.is_dir():
            continue
        for package in distributions(path=[str(home)]):
            for point in package.entry_points.select(group=GROUP, name=home.name):
                yield _look(home.joinpath(*point.module.split(".")), point.module, point.name, "site")


def _is_below(point: EntryPoint, folders: set[str]) -> bool:
    """True for an entry point from one of these folders of sys.path."""
    package = point.dist
    return package is not None and str(Path(str(package.locate_file("")))) in folders


def plugin_folders(config: Config) -> list[Path]:
    """Where plugin folders lie: the bundled ones first, then those of this installation."""
    installed = importlib.util.find_spec(PACKAGE) if PACKAGE not in sys.modules else None
    if installed is not None and installed.submodule_search_locations:
        bundled = [Path(each) for each in installed.submodule_search_locations]
    else:
        package = sys.modules.get(PACKAGE)
        bundled = [Path(each) for each in getattr(package, "__path__", [])]
    repository = Path(__file__).parent.parent.parent / "plugins"  # not installed, only checked out
    folders = [*bundled, *([] if bundled else [repository]), config.plugin_folder]
    return list(dict.fromkeys(each.resolve() for each in folders))


def _look(folder: Path, module: str, name: str, source: str) -> Found:
    try:
        manifest = read(folder / FILE)
    except ManifestError as error:
        return Found(name, folder, module, problem=str(error), source=source)
    if manifest.name != name:
        return Found(name, folder, module, source=source, problem=(
            f'{folder / FILE}: name is "{manifest.name}", but the folder or entry point is called "{name}".'))
    return Found(name, folder, module, manifest, manifest.incompatible, source)


_opened: set[str] = set()  # folders of plugins' packages that this process has put on sys.path


def open_packages(config: Config, name: str) -> None:
    """Let a plugin's own Python packages be imported, after everything that was there before."""
    folder = config.package_folder / name
    if str(folder) not in _opened and folder.is_dir():
        _opened.add(str(folder))
        sys.path.append(str(folder))
    importlib.invalidate_caches()


def _folder_of(point: EntryPoint) -> Path | None:
    """Where an entry point's module lies, without importing it."""
    top, *rest = point.module.split(".")
    spec = importlib.util.find_spec(top)
    for parent in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(parent, *rest)
        if (folder / FILE).is_file():
            return folder
    return None


def import_plugin(found: Found) -> types.ModuleType:
    """Run a plugin's code. Raises whatever it raises."""
    if not found.module.startswith(f"{PACKAGE}."):
        return importlib.import_module(found.module)
    source = found.folder / "__init__.py"
    known = sys.modules.get(found.module)
    if known is not None and known.__file__ and Path(known.__file__).resolve() == source.resolve():
        return known
    _synthetic_package()
    forget(found)  # a plugin of that name from elsewhere, as only tests have it
    spec = importlib.util.spec_from_file_location(
        found.module, source, submodule_search_locations=[str(found.folder)])
    if spec is None or spec.loader is None or not source.is_file():
        raise ImportError(f"{source} is missing.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[found.module] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        forget(found)
        raise
    return module


def forget(found: Found) -> None:
    """Let the next import read a plugin's code anew."""
    for name in [each for each in sys.modules if each == found.module or each.startswith(f"{found.module}.")]:
        del sys.modules[name]


def core_paths() -> list[str]:
    """Where the program's own packages are searched: sys.path without what plugins brought."""
    return [each for each in sys.path if each not in _opened]


def is_taken(package: str) -> bool:
    """True when the program or its environment has a package of this name: it would be imported instead."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # it is imported, and says nothing of where from
        return True
    origin = Path(spec.origin) if spec is not None and spec.origin else None
    return spec is not None and (origin is None or str(origin.parent.parent) not in _opened)


def _synthetic_package() -> None:
    """`inbox_plugins` exists as a package even where only the folders do."""
    if PACKAGE in sys.modules:
        return
    if importlib.util.find_spec(PACKAGE) is not None:
        importlib.import_module(PACKAGE)
        return
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(Path(__file__).parent.parent.parent / "plugins")]
    sys.modules[PACKAGE] = package


def builtins() -> list[tuple[str, types.ModuleType]]:
    """The always-on features as (`builtin.<name>`, module); none when that folder was taken away."""
    package = importlib.util.find_spec(BUILTIN)
    names = [each.name for each in pkgutil.iter_modules(package.submodule_search_locations or [])] if package else []
    return [(f"builtin.{name}", importlib.import_module(f"{BUILTIN}.{name}")) for name in sorted(names)]
