"""plugin.toml: read without importing anything, every mistake named."""

from pathlib import Path

import pytest

from inbox.config import Config
from inbox.plugin_host import discover
from inbox.plugin_host.manifest import ManifestError, parse, read
from inbox.testing.plugins import write_plugin

GOOD = {"name": "kb", "title": "Knowledge base", "version": "1.0"}


def test_a_full_manifest_is_read() -> None:
    manifest = parse(GOOD | {"requires_inbox": ">=0.1,<2", "asks": ["network"], "stores": ["names"],
                             "requires_plugins": ["crm"], "public_prefix": "/help"})
    assert (manifest.name, manifest.asks, manifest.requires_plugins) == ("kb", ("network",), ("crm",))
    assert manifest.incompatible is None


@pytest.mark.parametrize(("change", "says"), [
    ({"name": "Kb"}, "small letters"), ({"name": "k"}, "small letters"), ({"name": "my_kb"}, "small letters"),
    ({"name": "core"}, "is taken"), ({"name": "json"}, "is taken"), ({"title": ""}, "title is missing"),
    ({"version": "new"}, "version must look like"), ({"version": 1}, "must be text"),
    ({"requires_inbox": "1.x"}, "requires_inbox must look like"), ({"asks": ["root"]}, "asks may hold"),
    ({"asks": "network"}, "must be a list"), ({"colour": "red"}, "no field called colour"),
    ({"public_prefix": "help"}, "public_prefix must look like")])
def test_mistakes_are_named(change: dict, says: str) -> None:
    with pytest.raises(ManifestError, match=says):
        parse(GOOD | change)


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plugin.toml"
    path.write_text("name = kb")
    with pytest.raises(ManifestError, match=r"plugin\.toml cannot be read"):
        read(path)


def test_incompatible_says_what_it_needs() -> None:
    assert "needs Pluginbox >=99" in (parse(GOOD | {"requires_inbox": ">=99"}).incompatible or "")


def test_a_folder_called_otherwise_is_a_problem(tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugins", "kb").rename(tmp_path / "plugins" / "wiki")
    found = discover.scan(Config(home=tmp_path))["wiki"]
    assert 'name is "kb"' in (found.problem or "")


def test_two_plugins_of_one_name_are_both_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = write_plugin(tmp_path / "one", "kb"), write_plugin(tmp_path / "two", "kb")
    monkeypatch.setattr(discover, "plugin_folders", lambda config: [tmp_path / "one", tmp_path / "two"])
    problem = discover.scan(Config(home=tmp_path))["kb"].problem or ""
    assert str(one) in problem and str(two) in problem


def test_a_package_s_entry_point_is_found_without_importing_it(tmp_path: Path, monkeypatch) -> None:
    import sys
    from importlib.metadata import EntryPoint

    place = write_plugin(tmp_path, "outsider", "raise SystemExit")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("outsider", "outsider", discover.GROUP)
    monkeypatch.setattr(discover, "entry_points", lambda group: [point])
    found = discover.scan(Config(home=tmp_path / "home"))["outsider"]
    assert (found.folder, found.module, found.problem) == (place, "outsider", None)
    assert "outsider" not in sys.modules
