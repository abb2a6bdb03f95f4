"""`inbox theme list, activate, copy`."""

from pathlib import Path

from tests.cli.conftest import Commands
from tests.plugin_host.test_themes import write


def test_themes_are_listed_activated_and_taken_off(commands: Commands) -> None:
    write(commands.home / "themes", "torn", "tokens = 3\n")
    commands.run("theme", "activate", "compact")
    found = {each["name"]: each for each in commands.json("theme", "list")}
    assert found["compact"]["active"] and not found["contrast"]["active"] and "a table" in found["torn"]["problem"]
    assert "There is no theme called nosuch." in commands.run("theme", "activate", "nosuch", code=1).stderr
    assert "cannot be used" in commands.run("theme", "activate", "torn", code=1).stderr
    commands.run("theme", "activate")
    assert not any(each["active"] for each in commands.json("theme", "list"))


def test_a_template_is_copied_to_be_changed(commands: Commands) -> None:
    place = Path(commands.run("theme", "copy", "ticket/_head.html").stdout.strip())
    assert place == commands.home / "overrides" / "templates" / "ticket" / "_head.html"
    assert place.read_text().startswith("{# original: ")
    assert "is there already" in commands.run("theme", "copy", "ticket/_head.html", code=1).stderr
    assert "no theme replaces it" in commands.run("theme", "copy", "auth/sign_in.html", code=1).stderr
    write(commands.home / "themes", "dusk")
    commands.run("theme", "copy", "ticket/_head.html", "--theme", "dusk")
    assert (commands.home / "themes" / "dusk" / "templates" / "ticket" / "_head.html").is_file()
    refused = commands.run("theme", "copy", "ticket/_head.html", "--theme", "compact", code=1)
    assert "There is no theme" in refused.stderr
