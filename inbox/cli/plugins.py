"""Plugins. Listing and deactivating import none, so they work however broken one is."""

from __future__ import annotations

import click

from inbox.cli.base import as_json, desk, put_json, put_table, with_config
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
                   "problem": each.problem, "folder": each.folder} for each in found])
        return
    put_table(("name", "title", "version", "state", "problem"),
              [(each.name, each.title, each.version, each.state, each.problem) for each in found],
              f"There is no plugin. Put a plugin's folder into {config.plugin_folder}.")


@plugin.command("activate")
@click.argument("name")
@with_config
def plugin_activate(config: Config, name: str) -> None:
    """Activate a plugin, installing it first when it is new here. Takes effect within two seconds."""
    from inbox.plugin_host import lifecycle

    with desk(config, plugins=True):
        lifecycle.activate(name)
    click.echo(f"Plugin {name} is active.")


@plugin.command("deactivate")
@click.argument("name")
@with_config
def plugin_deactivate(config: Config, name: str) -> None:
    """Deactivate a plugin. Its data and settings stay."""
    from inbox.plugin_host import lifecycle

    with desk(config):
        lifecycle.deactivate(name)
    click.echo(f"Plugin {name} is no longer active.")
