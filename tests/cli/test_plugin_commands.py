"""Commands of plugins: `inbox <plugin> …`, there while the plugin is active, imported only when asked for."""

import subprocess
import sys

import pytest
import sqlalchemy as sa

from inbox.db import work_context
from inbox.plugin_host import lifecycle
from inbox.plugin_host.models import PluginFault
from inbox.testing.plugins import write_plugin
from tests.cli.conftest import Commands

CODE = '''
import click
from inbox.toolkit import Command, Invalid, hookimpl, tickets, transaction

@click.command("greet")
@click.argument("name")
@click.option("--loud", is_flag=True)
def greet(name, loud):
    """Greet somebody."""
    if name == "nobody":
        raise click.ClickException("There is nobody.")
    if name == "wrong":
        raise Invalid("name", "That is no name.")
    if name == "bug":
        raise KeyError(name)
    click.echo(f"Hello {name}" + ("!" if loud else ""))

@click.group("cards")
def cards():
    """Cards."""

@cards.command("count")
def count():
    """Count them."""
    click.echo("7")

@hookimpl
def register_commands():
    return [Command(greet), Command(cards)]
'''


@pytest.fixture
def stamps(app, commands: Commands) -> Commands:
    with work_context(app):
        write_plugin(app.config["INBOX"].plugin_folder, "stamps", CODE)
        lifecycle.activate("stamps")
    return commands


def test_register_commands_adds_commands_under_the_plugins_name(stamps: Commands) -> None:
    assert stamps.run("stamps", "greet", "Ada", "--loud").stdout == "Hello Ada!\n"
    assert stamps.run("stamps", "cards", "count").stdout == "7\n"
    listed = stamps.run("stamps", "--help").stdout
    assert "Greet somebody." in listed and "cards" in listed


def test_the_home_can_be_named(stamps: Commands) -> None:
    assert "Hello" in stamps.run("stamps", "--home", str(stamps.home), "greet", "Ada").stdout


def test_they_are_gone_while_the_plugin_is_not_active(app, stamps: Commands) -> None:
    with work_context(app):
        lifecycle.deactivate("stamps")
    done = stamps.run("stamps", "greet", "Ada", code=1)
    assert "The plugin stamps is not active. `inbox plugin activate stamps` changes that." in done.stderr


@pytest.mark.parametrize(("name", "words"), [("nobody", "There is nobody."), ("wrong", "That is no name.")])
def test_a_refusal_is_a_sentence(stamps: Commands, name: str, words: str) -> None:
    assert words in stamps.run("stamps", "greet", name, code=1).stderr


def test_a_command_that_fails_is_a_fault(app, stamps: Commands) -> None:
    assert "The plugin stamps failed." in stamps.run("stamps", "greet", "bug", code=1).stderr
    with work_context(app) as current:
        assert current.scalars(sa.select(PluginFault.hook)).all() == ["command greet"]


def test_a_word_that_is_no_plugin_is_no_command(commands: Commands) -> None:
    assert "No such command 'stams'" in commands.run("stams", code=2).stderr


@pytest.mark.once
def test_other_commands_import_no_plugin(app, config) -> None:
    write_plugin(config.plugin_folder, "bomb", "raise SystemExit('imported')")
    code = "import sys; from inbox.cli import main; main(['plugin', 'list'], standalone_mode=False)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={
        "INBOX_HOME": str(config.home), "PYTHONPATH": ":".join(sys.path)})
    assert done.returncode == 0 and "bomb" in done.stdout and "imported" not in done.stderr
