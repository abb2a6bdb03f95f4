"""`inbox <plugin> …`: commands that plugins add. A plugin is imported only when one of its commands is asked for."""

from __future__ import annotations

import copy
import functools
import pkgutil
from collections.abc import Callable
from typing import Any

import click

from inbox.cli.base import Failure, desk
from inbox.config import load_config

LONGEST = 24 * 3600.0  # seconds: a person waits for it, and can end it


def group_of(name: str) -> click.Group | None:
    """The commands of a plugin that lies here, or None. Imports no plugin."""
    return PluginCommands(name) if name.isidentifier() and (_is_builtin(name) or _lies_here(name)) else None


def _is_builtin(name: str) -> bool:
    import inbox

    return name in {each.name for each in pkgutil.iter_modules([f"{inbox.__path__[0]}/builtin"])}


def _lies_here(name: str) -> bool:
    from inbox.plugin_host import discover

    return name in discover.scan(load_config(None))


class PluginCommands(click.Group):
    """The group of one plugin; what is in it is found out when it is asked for."""

    def __init__(self, name: str) -> None:
        super().__init__(name, help=f"Commands of the plugin {name}.", params=[click.Option(
            ["--home"], type=click.Path(file_okay=False), metavar="DIR", expose_value=False, is_eager=True,
            callback=lambda ctx, option, value: ctx.meta.__setitem__("inbox.home", value),
            help="The data folder (else INBOX_HOME, else ./instance).")])

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._found(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._found(ctx).get(cmd_name)

    def _found(self, ctx: click.Context) -> dict[str, click.Command]:
        kept: dict[str, click.Command] | None = ctx.meta.get("inbox.plugin_commands")
        if kept is None:
            kept = ctx.meta["inbox.plugin_commands"] = self._load(ctx)
        return kept

    def _load(self, ctx: click.Context) -> dict[str, click.Command]:
        from inbox.plugin_host import call

        ctx.with_resource(desk(load_config(ctx.meta.get("inbox.home")), plugins=True))
        host = call.current()
        wanted = {str(self.name), f"builtin.{self.name}"}
        if host is None or not wanted & host.active():
            raise Failure(f"The plugin {self.name} is not active. `inbox plugin activate {self.name}` changes that.")
        return {item.command.name or "": guarded(plugin, item.command)
                for plugin, item in call.register("register_commands") if plugin in wanted}


def guarded(plugin: str, command: click.Command) -> click.Command:
    """The command, run under the caller's rules."""
    found = copy.copy(command)
    if isinstance(found, click.Group):
        found.commands = {name: guarded(plugin, each) for name, each in found.commands.items()}
    if found.callback is not None:
        found.callback = _under_rules(plugin, found.name or "", found.callback)
    return found


def _under_rules(plugin: str, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    from inbox.core.errors import CoreError
    from inbox.plugin_host import call

    @functools.wraps(function)
    def run(*words: Any, **options: Any) -> Any:
        def answer() -> Any:
            try:
                return None, function(*words, **options)
            except (click.ClickException, click.exceptions.Exit, click.Abort, CoreError) as refusal:
                return refusal, None

        good, answered = call.guard(plugin, f"command {name}"[:60], answer, may_write=True, longest=LONGEST)
        if not good or answered is None:
            raise Failure(f"The plugin {plugin.removeprefix('builtin.')} failed. The fault was written down.")
        refusal, value = answered
        if refusal is not None:
            raise refusal
        return value

    return run
