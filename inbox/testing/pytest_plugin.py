"""What pytest finds by itself (entry point `pytest11`): cheap, and silent in projects that are no plugin of ours.

A project is one when a `plugin.toml` lies in, above or just below the folders that pytest was called for. Elsewhere
the fixtures can be asked for by `pytest_plugins = ["inbox.testing.fixtures"]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

FILE = "plugin.toml"
FIXTURES = "inbox.testing.fixtures"


def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixtures where a plugin is tested."""
    if any(True for place in _places(config) for _ in plugin_folders(place)):
        config.pluginmanager.import_plugin(FIXTURES)


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A plugin's folder is no package to pytest: it would import the plugin under a second name."""
    return pytest.Dir.from_parent(parent, path=path) if (path / FILE).is_file() else None


def plugin_folders(place: Path) -> Iterator[Path]:
    """Folders with a manifest: the nearest at or above `place`, else those just below it."""
    for folder in (place, *place.parents):
        if (folder / FILE).is_file():
            yield folder
            return
    for pattern in (f"*/{FILE}", f"src/*/{FILE}"):
        yield from sorted(each.parent for each in place.glob(pattern))


def _places(config: pytest.Config) -> Iterator[Path]:
    yield config.rootpath
    for argument in config.args:
        path = Path(config.invocation_params.dir, argument.partition("::")[0])
        yield path if path.is_dir() else path.parent
