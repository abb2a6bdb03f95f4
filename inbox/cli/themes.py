"""Themes. What is chosen here takes effect in every process within two seconds."""

from __future__ import annotations

from pathlib import Path

import click

from inbox.cli.base import Failure, as_json, by, desk, put_json, put_table, with_config
from inbox.config import Config


@click.group()
def theme() -> None:
    """How the desk looks."""


@theme.command("list")
@as_json
@with_config
def theme_list(config: Config, json_wanted: bool) -> None:
    """List the themes: which one is active, and what is wrong with one."""
    from inbox.core import settings
    from inbox.plugin_host import themes

    with desk(config):
        active = settings.get("theme.name")
    rows = [{"name": each.name, "title": each.title, "version": each.version, "parent": each.parent,
             "active": each.name == active, "problem": each.problem} for each in themes.scan(config).values()]
    if json_wanted:
        put_json(rows)
        return
    put_table(("name", "title", "version", "parent", "active", "problem"), [list(each.values()) for each in rows],
              "There is no theme.")


@theme.command("activate")
@click.argument("name", default="")
@with_config
def theme_activate(config: Config, name: str) -> None:
    """Activate a theme; without a name, the desk has its own look again."""
    from inbox.core import settings
    from inbox.plugin_host import themes

    try:
        themes.chain(themes.scan(config), name)
    except themes.ThemeError as error:
        raise Failure(str(error)) from error
    with desk(config):
        settings.put("theme.name", name, by=by())
    click.echo(f"The theme {name} is active." if name else "The desk has its own look.")


@theme.command("copy")
@click.argument("template")
@click.option("--theme", "name", default="", metavar="NAME", help="Into a theme of this site, not its overrides.")
@with_config
def theme_copy(config: Config, template: str, name: str) -> None:
    """Copy one of our templates, or a plugin's (ticket/page.html), to change it. Prints where it lies now."""
    from inbox.plugin_host import theme_files, themes

    folder = config.home / "overrides" / "templates"
    if name:
        found = themes.scan(config).get(name)
        if found is None or not found.is_ours:
            raise Failure(f"There is no theme called {name} in {config.home / 'themes'}.")
        folder = found.templates
    with desk(config, plugins=True) as app, app.test_request_context():
        from inbox.web.settings_themes import original

        try:
            place: Path = theme_files.copy(folder, template, original)
        except themes.ThemeError as error:
            raise Failure(str(error)) from error
    click.echo(place)
