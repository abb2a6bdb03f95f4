"""Plugins. Listing and deactivating import none, so they work however broken one is."""

from __future__ import annotations

import click

from inbox.cli import plugin_files
from inbox.cli.base import as_json, by, desk, put_json, put_table, with_config
from inbox.config import Config


@click.group()
def plugin() -> None:
    """Plugins of this desk."""


@plugin.command("list")
@as_json
@with_config
def plugin_list(config: Config, json_wanted: bool) -> None:
    """List the plugins with their state, and what is wrong with one."""
    from inbox.plugin_host import lifecycle

    with desk(config):
        found = lifecycle.plugins()
    if json_wanted:
        put_json([{"name": each.name, "title": each.title, "version": each.version, "state": each.state,
                   "problem": each.problem, "folder": each.folder, "source": each.source,
                   "newer": each.newer} for each in found])
        return
    put_table(("name", "title", "version", "state", "problem"),
              [(each.name, each.title, each.version, each.state, each.problem) for each in found],
              f"There is no plugin. Put a plugin's folder into {config.plugin_folder}.")


@plugin.command("info")
@click.argument("name", metavar="NAME|FOLDER|ZIP|WHEEL")
@as_json
@with_config
def plugin_info(config: Config, name: str, json_wanted: bool) -> None:
    """Say what a plugin is, asks for and stores, and what is wrong with it. Imports nothing."""
    import dataclasses
    from pathlib import Path

    from inbox.plugin_host import archive, lifecycle

    if Path(name).exists():
        seen = archive.inspect(Path(name))
        manifest, state, problem, place = seen.manifest, "not added", " ".join(seen.problems), name
    else:
        with desk(config):
            found = lifecycle.details(name)
        manifest, state, problem, place = found.manifest, found.state, found.problem, str(found.folder or "")
    if json_wanted:
        put_json({"name": manifest.name if manifest else name, "state": state, "problem": problem, "place": place,
                  "manifest": dataclasses.asdict(manifest) if manifest else None})
        return
    lines = plugin_files.describe(manifest) if manifest else [("plugin", name)]
    for title, value in [*lines, ("state", state), ("problem", problem), ("place", place)]:
        if value:
            click.echo(f"{title + ':':<18} {value}")


@plugin.command("activate")
@click.argument("name")
@as_json
@with_config
def plugin_activate(config: Config, name: str, json_wanted: bool) -> None:
    """Activate a plugin, installing it first when it is new here. Takes effect within two seconds."""
    from inbox.core import plugins
    from inbox.plugin_host import lifecycle

    with desk(config, plugins=True):
        tell = plugins.teller(by())
        if not lifecycle.details(name).is_installed:
            lifecycle.install(name, tell=tell, try_first=True)
        lifecycle.activate(name, tell=tell)
    plugin_files.say(json_wanted, f"Plugin {name} is active.", name=name, state="active")


@plugin.command("deactivate")
@click.argument("name")
@as_json
@with_config
def plugin_deactivate(config: Config, name: str, json_wanted: bool) -> None:
    """Deactivate a plugin. Its data and settings stay."""
    from inbox.core import plugins
    from inbox.plugin_host import lifecycle

    with desk(config):
        lifecycle.deactivate(name, tell=plugins.teller(by()))
    plugin_files.say(json_wanted, f"Plugin {name} is no longer active.", name=name, state="installed")


for _command in (plugin_files.plugin_install, plugin_files.plugin_upgrade, plugin_files.plugin_uninstall,
                 plugin_files.plugin_remove):
    plugin.add_command(_command)
