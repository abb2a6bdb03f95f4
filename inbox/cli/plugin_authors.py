"""Commands for those who write plugins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from inbox.cli.base import FAILED, Failure, as_json, put_json, with_config
from inbox.config import Config

if TYPE_CHECKING:
    from inbox.plugin_host.discover import Found
    from inbox.testing.quality import Quality

TIERS = ("bronze", "silver", "gold")


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


@click.command("check")
@click.argument("name")
@click.option("--at-least", type=click.Choice(TIERS), default="bronze", show_default=True,
              help="Exit with 1 below this.")
@as_json
@with_config
def plugin_check(config: Config, name: str, at_least: str, json_wanted: bool) -> None:
    """Try a plugin (its name, or its folder) on a desk that is thrown away, and say how good it is."""
    from inbox.testing import quality

    found = _find(config, name)
    result = quality.judge_apart(config, found)
    if json_wanted:
        put_json({"name": result.name, "tier": result.tier or None, "missing": result.missing})
    else:
        _say(result)
    if result.tier not in TIERS[TIERS.index(at_least):]:
        raise click.exceptions.Exit(FAILED)


def _find(config: Config, name: str) -> Found:
    """A plugin by its name, or by its folder. Raises Failure."""
    from inbox.plugin_host import discover, manifest

    place = Path(name)
    if (place / manifest.FILE).is_file():
        try:
            known = manifest.read(place / manifest.FILE)
        except manifest.ManifestError as error:
            raise Failure(str(error)) from error
        other = discover.scan(config).get(known.name)
        if other is not None and other.source in ("bundled", "python") and other.folder.resolve() != place.resolve():
            raise Failure(f"Another plugin called {known.name} comes from {other.folder}; this one would not be found.")
        return discover.Found(known.name, place.resolve(), f"{discover.PACKAGE}.{known.name}", known)
    found = discover.scan(config).get(name)
    if found is None:
        raise Failure(f"There is no plugin called {name}, nor a folder of that name with a {manifest.FILE}.")
    return found


def _say(result: Quality) -> None:
    click.echo(f"Plugin {result.name}: {result.tier or 'below bronze'}.")
    for tier in TIERS:
        for number, each in enumerate(result.missing.get(tier, [])):
            click.echo(f"  {f'for {tier}:' if number == 0 else '':<12} {each}")
    if not result.missing:
        click.echo("  Nothing is missing.")
