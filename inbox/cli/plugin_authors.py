"""Commands for those who write plugins."""

from __future__ import annotations

from pathlib import Path

import click

from inbox.cli.base import Failure, with_config
from inbox.config import Config


@click.command("new")
@click.argument("name")
@click.option("--title", default="", metavar="TEXT", help="What people call it (else the name).")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Where its folder is made (else among this desk's plugins).")
@with_config
def plugin_new(config: Config, name: str, title: str, folder: Path | None) -> None:
    """Write a new plugin that works: a hook, a panel, a setting, a table, tests, a README, a CI file."""
    from inbox import new_plugin

    try:
        made = new_plugin.write(name, folder or config.plugin_folder, title)
    except new_plugin.NewPluginError as error:
        raise Failure(str(error)) from error
    place = (folder or config.plugin_folder) / name
    click.echo("\n".join(f"  {each.relative_to(place.parent)}" for each in made))
    click.echo(f"\nPlugin {name} is in {place}. Next: `pytest {place}`, then `inbox plugin activate {name}`.")
