"""`inbox plugin check`: bronze, silver, gold, and what is missing."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from inbox.cli import main
from inbox.new_plugin import write
from inbox.testing.desk import Desk
from inbox.testing.quality import judge

SAMPLES = Path(__file__).parents[1] / "sample_plugins"
PERSONAL = """

@hookimpl
def register_personal_data():
    from inbox.toolkit import PersonalData

    return [PersonalData("medals2.data", lambda customer_id: {}, lambda customer_id, addresses: None)]
"""
HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'


def plugin(desk: Desk, name: str) -> Path:
    """A new plugin, of another name in each test: a process imports a name's tables once."""
    write(name, desk.config.plugin_folder)
    return desk.config.plugin_folder / name


def test_a_new_plugin_is_bronze_and_told_what_silver_wants(desk: Desk) -> None:
    plugin(desk, "medals1")
    result = judge(desk, "medals1")
    assert result.tier == "bronze"
    assert result.missing["silver"] == [
        "No test shows what happens when something fails (the fixtures faults and remote)."]
    assert len(result.missing["gold"]) == 3


def test_silver_and_gold_can_be_reached(desk: Desk) -> None:
    place = plugin(desk, "medals2")
    tests = place / "tests" / "test_medals2.py"
    tests.write_text(tests.read_text() + "\n\ndef test_upgrade(faults):\n    assert not faults()\n")
    source = place / "__init__.py"
    source.write_text(source.read_text() + PERSONAL)
    assert judge(desk, "medals2").tier == "silver"
    (place / "README.md").write_text((place / "README.md").read_text() + "\n## Limits\n\nNone is known.\n")
    catalogue = place / "translations" / "nb" / "LC_MESSAGES" / "messages.po"
    catalogue.parent.mkdir(parents=True)
    words = ("Messages so far", "Regular customer", "yes", "not yet",
             "A regular customer has written this many messages")
    catalogue.write_text(HEAD + "\n".join(f'msgid "{each}"\nmsgstr "{each}!"\n' for each in words))
    result = judge(desk, "medals2")
    assert (result.tier, result.missing) == ("gold", {})


def test_a_setting_that_the_readme_does_not_describe(desk: Desk) -> None:
    (plugin(desk, "medals3") / "README.md").write_text("# Medals\n")
    result = judge(desk, "medals3")
    assert result.tier == ""
    assert result.missing["bronze"] == [
        'readme: the setting "A regular customer has written this many messages" is not described there.']


def test_a_slow_slot_and_a_network_without_a_health_check(desk: Desk) -> None:
    place = plugin(desk, "medals4")
    source = place / "__init__.py"
    source.write_text(source.read_text() + "\n\n@hookimpl\ndef main_menu_links():\n    time.sleep(0.12)\n")
    source.write_text(source.read_text().replace("import sqlalchemy", "import time\n\nimport sqlalchemy"))
    manifest = place / "plugin.toml"
    manifest.write_text(manifest.read_text().replace("asks = []", 'asks = ["network"]'))
    missing = judge(desk, "medals4").missing["silver"]
    assert any("main_menu_links takes" in each for each in missing)
    assert any("health check" in each for each in missing)


def test_a_plugin_that_cannot_be_loaded_is_below_bronze(desk: Desk) -> None:
    desk.put(SAMPLES / "brokenimport", "brokenimport")
    result = judge(desk, "brokenimport")
    assert result.tier == ""
    assert any("no_such_thing" in each for each in result.missing["bronze"])


# --- the command --------------------------------------------------------------------------------------------------


def check(home: Path, *words: str):
    return CliRunner().invoke(main, ["plugin", "check", *words, "--home", str(home)])


@pytest.mark.once
def test_the_command_prints_the_tier_and_ends_with_one_below_what_is_wanted(tmp_path: Path) -> None:
    write("medals", tmp_path / "plugins")
    done = check(tmp_path, str(tmp_path / "plugins" / "medals"), "--json", "--at-least", "silver")
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert answer["tier"] == "bronze"
    assert set(answer["missing"]) == {"silver", "gold"}
    assert [each.name for each in tmp_path.iterdir()] == ["plugins"]  # nothing of the site is touched
    assert [each.name for each in (tmp_path / "plugins").iterdir()] == ["medals"]


@pytest.mark.once
def test_a_plugin_that_ends_the_process_is_only_told_so(tmp_path: Path) -> None:
    done = check(tmp_path, str(SAMPLES / "dies"))
    assert done.exit_code == 1
    assert done.stdout.startswith("Plugin dies: below bronze.\n  for bronze:")
    assert "ended the process it was tried in (exit code 9)" in done.stdout


@pytest.mark.once
def test_what_is_no_plugin(tmp_path: Path) -> None:
    assert "no plugin called nothing" in check(tmp_path, "nothing").stderr
    (tmp_path / "plugin.toml").write_text("name = 3")
    assert "title is missing" in check(tmp_path, str(tmp_path)).stderr
