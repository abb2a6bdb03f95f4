"""`inbox plugin install, upgrade, uninstall, remove`: code comes and goes. Nothing is imported in this process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inbox.cli.base import Failure, as_json, by, desk, put_json, with_config
from inbox.config import Config

if TYPE_CHECKING:
    from inbox.plugin_host.manifest import Manifest

WARNING = "A plugin may do whatever Pluginbox itself may. Install only what you trust."


@click.command("install")
@click.argument("what", metavar="NAME|FOLDER|ZIP|WHEEL|PACKAGE")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@with_config
def plugin_install(config: Config, what: str, yes: bool, json_wanted: bool) -> None:
    """Install a plugin: one that lies here, from a folder, a zip or a wheel, or from the Python package index.

    Says first what it asks for and stores; nothing of it runs before you agree. It is active after
    `inbox plugin activate`.
    """
    from inbox.core import plugins
    from inbox.plugin_host import bring, lifecycle

    with desk(config):
        tell = plugins.teller(by())
        known = {each.name: each for each in lifecycle.plugins()}
        if what in known:
            if known[what].is_installed:
                raise Failure(f"Plugin {what} is installed already. `inbox plugin activate {what}` activates it, "
                              f"`inbox plugin upgrade {what} FILE` brings a newer one.")
            lifecycle.usable(what)
            _agree(known[what].manifest, yes)
            name = what
            lifecycle.install(name, tell=tell, try_first=True)
        else:
            with _source(config, what, yes) as path:
                _agree(_manifest(path), yes)
                name = bring.install_from(path, tell=tell)
        version = lifecycle.details(name).version
    say(json_wanted, f"Plugin {name} {version} is installed. `inbox plugin activate {name}` activates it.",
         name=name, version=version, state="installed")


@click.command("upgrade")
@click.argument("name")
@click.argument("what", metavar="[FOLDER|ZIP|WHEEL|PACKAGE]", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@with_config
def plugin_upgrade(config: Config, name: str, what: str | None, yes: bool, json_wanted: bool) -> None:
    """Bring an installed plugin to a newer version. If that fails, it stays as it was.

    Without a second word: take up what was put into its folder by hand.
    """
    from inbox.core import plugins
    from inbox.plugin_host import bring, lifecycle

    with desk(config):
        tell = plugins.teller(by())
        before = lifecycle.details(name).version
        if what is None:
            version = bring.upgrade(name, tell=tell)
        else:
            with _source(config, what, yes) as path:
                _agree(_manifest(path), yes)
                version = bring.upgrade(name, path, tell=tell)
    say(json_wanted, f"Plugin {name} is at {version} now; it was {before}.", name=name, version=version, before=before)


@click.command("uninstall")
@click.argument("name")
@click.option("--yes-delete-data", metavar="NAME", help="Do not ask; NAME is the plugin's name once more.")
@click.option("--force", is_flag=True, help="Delete its tables even when its own migrations fail at it.")
@as_json
@with_config
def plugin_uninstall(config: Config, name: str, yes_delete_data: str | None, force: bool, json_wanted: bool) -> None:
    """Delete what a plugin has stored: its tables and settings. Its files stay; see `inbox plugin remove`."""
    from inbox.core import plugins
    from inbox.plugin_host import lifecycle

    with desk(config):
        tell = plugins.teller(by())
        if not lifecycle.details(name).is_installed:
            raise Failure(f"Plugin {name} is not installed.")
        typed = yes_delete_data
        if typed is None:
            typed = click.prompt(f"Everything that {name} has stored is deleted for good. Type its name to go on",
                                 err=True)
        lifecycle.uninstall(name, typed, force=force, tell=tell)
    say(json_wanted, f"Plugin {name} is uninstalled, its data is deleted.", name=name, state="discovered")


@click.command("remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@with_config
def plugin_remove(config: Config, name: str, yes: bool, json_wanted: bool) -> None:
    """Delete the files of a plugin that is not installed."""
    from inbox.core import plugins
    from inbox.plugin_host import bring

    with desk(config):
        tell = plugins.teller(by())
        if not yes:
            click.confirm(f"Delete the files of {name}?", abort=True, err=True)
        bring.remove(name, tell=tell)
    say(json_wanted, f"The files of plugin {name} are deleted.", name=name, state="removed")


# --- helpers ----------------------------------------------------------------------------------------------------


@contextmanager
def _source(config: Config, what: str, yes: bool) -> Iterator[Path]:
    """The folder, zip or wheel that is meant; a Python package is fetched first."""
    from inbox.plugin_host import requirements
    from inbox.plugin_host.requirements import RequirementsError

    path = Path(what)
    if path.exists():
        yield path.resolve()
        return
    if path.suffix in (".zip", ".whl") or len(path.parts) > 1:
        raise Failure(f"{what} does not exist.")
    if not yes:
        click.confirm(f"There is no plugin or file called {what} here. Look for a Python package of that name?",
                      abort=True, err=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            wheel = requirements.download(config, what, Path(folder))
        except RequirementsError as error:
            raise Failure(str(error)) from error
        yield wheel


def _manifest(path: Path) -> Manifest:
    from inbox.plugin_host import archive

    seen = archive.inspect(path)
    if seen.problems or seen.manifest is None:
        raise Failure(f"{path.name} cannot be used: {' '.join(seen.problems)}")
    return seen.manifest


def describe(manifest: Manifest) -> list[tuple[str, str]]:
    """What a person should know before trusting a plugin."""
    lines = [("plugin", f"{manifest.title} ({manifest.name}) {manifest.version}"), ("does", manifest.description),
             ("asks for", ", ".join(manifest.asks) or "nothing beyond the desk"),
             ("stores", ", ".join(manifest.stores) or "no personal data, as it says"),
             ("needs plugins", ", ".join(manifest.requires_plugins)),
             ("needs from Python", ", ".join(manifest.requires_python)), ("public pages", manifest.public_prefix)]
    return [(title, value) for title, value in lines if value]


def _agree(manifest: Manifest | None, yes: bool) -> None:
    """Say what a plugin asks for; go on only when that is agreed to."""
    if yes or manifest is None:
        return
    for title, value in describe(manifest):
        click.echo(f"{title + ':':<18} {value}", err=True)
    click.echo(WARNING, err=True)
    click.confirm("Install it?", abort=True, err=True)


def say(json_wanted: bool, words: str, **values: str) -> None:
    """The outcome, in words for people or values for scripts."""
    if json_wanted:
        put_json(values)
    else:
        click.echo(words)
