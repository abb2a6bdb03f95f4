"""What `inbox plugin new` writes works, as it is."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from inbox.cli import main
from inbox.new_plugin import NewPluginError, write
from inbox.testing.desk import Desk

ROOT = Path(__file__).parents[2]


def test_it_is_activated_and_its_panel_is_beside_a_ticket(desk: Desk, agent, activate, receive_email,
                                                          deliver_events) -> None:
    write("visits", desk.config.plugin_folder)
    activate("visits")
    ticket = receive_email("Hello")
    deliver_events()
    page = desk.visitor(agent).get(f"/tickets/{ticket.number}").text
    assert "Messages so far" in page
    assert "<dd" in page


@pytest.mark.once
def test_the_command_says_where_it_is_and_what_comes_next(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["plugin", "new", "cards", "--home", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "plugins" / "cards" / "plugin.toml").is_file()
    assert "inbox plugin activate cards" in done.output
    again = CliRunner().invoke(main, ["plugin", "new", "cards", "--home", str(tmp_path)])
    assert again.exit_code == 1
    assert "is there already" in again.stderr


@pytest.mark.once
@pytest.mark.parametrize("name", ["Loyalty", "my-plugin", "json", "1st", "inbox", "../up", ""])
def test_names_are_those_of_manifests(tmp_path: Path, name: str) -> None:
    with pytest.raises(NewPluginError):
        write(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.once
def test_a_title_cannot_break_the_files(tmp_path: Path) -> None:
    with pytest.raises(NewPluginError, match="quotation marks"):
        write("cards", tmp_path, 'A "card"')


@pytest.mark.once
def test_nothing_is_left_to_fill_in_and_the_style_is_ours(tmp_path: Path) -> None:
    made = write("cards", tmp_path)
    assert len(made) == 10
    assert not [each for each in made if "@name@" in each.read_text() or "@title@" in each.read_text()]
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "ruff.toml"), str(tmp_path)],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.once
def test_it_becomes_a_wheel_with_all_it_needs(tmp_path: Path) -> None:
    write("cards", tmp_path)
    (tmp_path / "cards" / "templates" / "cards").mkdir(parents=True)
    (tmp_path / "cards" / "templates" / "cards" / "panel.html").write_text("<p>hello</p>")
    done = subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "."], cwd=tmp_path / "cards",
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "cards" / "dist").glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.startswith("pluginbox_cards-")}
    assert names == {f"inbox_cards/{each}" for each in (
        "__init__.py", "models.py", "personal.py", "plugin.toml", "migrations/m0001_first.py",
        "templates/cards/panel.html")}
