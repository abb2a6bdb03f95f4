"""`inbox plugin install, upgrade, uninstall, remove, info` and `inbox upgrade --check`, as a person types them."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inbox.plugin_host import discover, trial
from inbox.testing.plugins import write_plugin
from tests.cli.conftest import Commands
from tests.plugin_host.archives import files_of, make_wheel, make_zip

BOMB = "import os; os._exit(9)"
MORE = 'asks = ["network"]\nstores = ["addresses of customers"]\n'


@pytest.fixture(autouse=True)
def _no_trial(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Before an install, code is tried in a process of its own, which costs seconds; see tests/plugin_host."""
    monkeypatch.setattr(trial, "require", lambda config, found, **options: None)
    yield
    discover._opened.clear()


def zipped(folder: Path, version: str = "1.0", code: str = BOMB) -> Path:
    return make_zip(folder / f"loyalty-{version}.zip", files_of(version=version, code=code, more=MORE))


def state(commands: Commands, name: str = "loyalty") -> str | None:
    """How the list shows a plugin; None: it does not."""
    return {each["name"]: each["state"] for each in commands.json("plugin", "list")}.get(name)


def test_install_says_what_a_plugin_asks_for_and_waits_for_a_yes(commands: Commands, tmp_path: Path) -> None:
    said = commands.run("plugin", "install", str(zipped(tmp_path)), input="n\n", code=1)
    for words in ("Loyalty (loyalty) 1.0", "network", "addresses of customers", "Install only what you trust"):
        assert words in said.output
    assert state(commands) is None
    assert commands.run("plugin", "install", str(zipped(tmp_path)), input="", code=1).stdout == ""  # nobody is there
    commands.run("plugin", "install", str(zipped(tmp_path)), input="y\n")
    assert state(commands) == "installed"


def test_a_plugin_s_whole_life_without_importing_it(commands: Commands, tmp_path: Path) -> None:
    """The bomb would end this process."""
    assert commands.json("plugin", "install", str(zipped(tmp_path)), "--yes") == {
        "name": "loyalty", "version": "1.0", "state": "installed"}
    assert commands.json("plugin", "upgrade", "loyalty", str(zipped(tmp_path, "1.1")), "--yes") == {
        "name": "loyalty", "version": "1.1", "before": "1.0"}
    told = commands.json("plugin", "info", "loyalty")
    assert (told["state"], told["manifest"]["version"], told["manifest"]["asks"]) == ("installed", "1.1", ["network"])
    assert "addresses of customers" in commands.run("plugin", "info", "loyalty").stdout
    assert "Uninstall it first" in commands.run("plugin", "remove", "loyalty", "--yes", code=1).stderr
    assert "type loyalty" in commands.run("plugin", "uninstall", "loyalty", input="loyal\n", code=1).stderr
    commands.run("plugin", "uninstall", "loyalty", input="loyalty\n")
    assert state(commands) == "discovered"
    commands.run("plugin", "remove", "loyalty", input="y\n")
    assert state(commands) is None


def test_uninstall_without_asking_needs_the_name_once_more(commands: Commands, tmp_path: Path) -> None:
    commands.run("plugin", "install", str(zipped(tmp_path)), "--yes")
    commands.run("plugin", "uninstall", "loyalty", "--yes-delete-data", "other", code=1)
    assert commands.json("plugin", "uninstall", "loyalty", "--yes-delete-data", "loyalty")["name"] == "loyalty"


@pytest.mark.once
@pytest.mark.parametrize(("words", "code", "says"), [
    (("install", "loyalty-9.zip"), 1, "does not exist"),
    (("install",), 2, "Missing argument"),
    (("install", "../x", "--yes"), 1, "does not exist"),
    (("install", "not a name!", "--yes"), 1, "nor the name of a Python package"),
    (("upgrade", "loyalty"), 1, "no plugin called loyalty"),
    (("uninstall", "loyalty"), 1, "no plugin called loyalty"),
    (("remove", "loyalty", "--yes"), 1, "no files of a plugin called loyalty"),
    (("info", "loyalty"), 1, "no plugin called loyalty"),
])
@pytest.mark.once
def test_what_cannot_be_done_is_one_sentence(commands: Commands, words: tuple[str, ...], code: int, says: str) -> None:
    done = commands.run("plugin", *words, code=code)
    assert says in done.stderr
    assert "Traceback" not in done.output


def test_a_bad_archive_is_refused_before_anybody_is_asked(commands: Commands, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", files_of() | {"../evil": ""})
    assert "leads out of the plugin's folder" in commands.run("plugin", "install", str(path), code=1).stderr
    assert "leads out of the plugin's folder" in commands.run("plugin", "info", str(path)).stdout


def test_a_dropped_folder_is_installed_by_its_name(commands: Commands) -> None:
    write_plugin(commands.home / "plugins", "dropped", BOMB)
    commands.run("plugin", "install", "dropped", "--yes")
    assert "installed already" in commands.run("plugin", "install", "dropped", "--yes", code=1).stderr


@pytest.mark.once
def test_a_package_is_fetched_from_the_index(commands: Commands, tmp_path: Path, monkeypatch) -> None:
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path / "index")), ("CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(f"PIP_{name}", value)
    make_wheel(tmp_path / "index", code=BOMB)
    assert "pip refused" in commands.run("plugin", "install", "pluginbox-nothing", "--yes", code=1).stderr
    said = commands.run("plugin", "install", "pluginbox-loyalty", input="y\ny\n")
    assert "Look for a Python package of that name?" in said.stderr
    assert "Loyalty (loyalty) 1.0" in said.stderr
    assert commands.json("plugin", "info", "loyalty")["state"] == "installed"


@pytest.mark.once
def test_where_it_is_switched_off_nothing_is_fetched(commands: Commands) -> None:
    commands.env["INBOX_PLUGIN_INSTALLS"] = "off"
    said = commands.run("plugin", "install", "pluginbox-loyalty", "--yes", code=1).stderr
    assert "nothing may be fetched from here" in said


# --- before an upgrade of the program ---------------------------------------------------------------------------


@pytest.fixture
def broken(commands: Commands, tmp_path: Path) -> Commands:
    """A desk with a plugin that works, and one whose code was replaced by what ends every process."""
    write_plugin(commands.home / "plugins", "good", "from inbox.toolkit import hookimpl")
    commands.run("plugin", "install", "good", "--yes")
    commands.run("plugin", "install", str(zipped(tmp_path)), "--yes")
    return commands


def test_an_upgrade_check_says_what_would_break(broken: Commands) -> None:
    found = {each["name"]: each["problem"] for each in broken.json("upgrade", "--check", code=1)}
    assert found == {"good": "", "loyalty": "Plugin loyalty ended the process that imported it (exit code 9)."}


CASES: dict[str, Callable[[Path], Any]] = {
    "needs Pluginbox >=99": lambda place: place.joinpath("plugin.toml").write_text(
        files_of("good", more='requires_inbox = ">=99"')["plugin.toml"]),
    "Its folder is gone": lambda place: place.rename(place.with_name(".gone")),
    "-m pip install": lambda place: place.joinpath("plugin.toml").write_text(
        files_of("good", more='requires_python = ["surely-not-here"]')["plugin.toml"]),
}


@pytest.mark.parametrize("says", CASES)
def test_an_upgrade_check_names_each_reason(commands: Commands, says: str) -> None:
    place = write_plugin(commands.home / "plugins", "good")
    commands.run("plugin", "install", "good", "--yes")
    CASES[says](place)
    (only,) = commands.json("upgrade", "--check", code=1)
    assert says in only["problem"]


@pytest.mark.once
def test_an_upgrade_check_tries_migrations_on_a_copy(commands: Commands) -> None:
    place = write_plugin(commands.home / "plugins", "good")
    commands.run("plugin", "install", "good", "--yes")
    (place / "migrations").mkdir()
    (place / "migrations" / "m0001.py").write_text(
        'import sqlalchemy as sa\nfrom alembic import op\nrevision = "0001"\ndown_revision = None\n'
        'def upgrade() -> None:\n    op.create_table("good_thing", sa.Column("id", sa.Integer()))\n'
        '    op.drop_column("good_thing", "nothing")\n')
    assert "migrations of plugin good failed" in commands.json("upgrade", "--check", code=1)[0]["problem"]
    with sqlite3.connect(commands.home / "inbox.db") as database:
        assert not database.execute("SELECT name FROM sqlite_master WHERE name LIKE 'good_%'").fetchall()
