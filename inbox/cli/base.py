"""What all commands share: the data folder, a work context, errors with a way out, output for people or scripts.

Exit codes: 0 done, 1 failed (the reason is on standard error), 2 called wrongly; `inbox receive` uses sysexits.h.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from inbox.config import Config, ConfigError, load_config
from inbox.processes import StartError

if TYPE_CHECKING:
    from flask import Flask

    from inbox.core.events import Actor

FAILED = 1


class Failure(click.ClickException):
    """Something expected went wrong: one sentence on standard error."""

    exit_code = FAILED

    def show(self, file: Any = None) -> None:
        if self.message:
            click.echo(f"Error: {self.message}", err=True)


class Main(click.Group):
    """The group of all commands; what goes wrong as expected becomes a sentence. A plugin's name is a command, too."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        if found is None:
            from inbox.cli.plugin_commands import group_of

            found = group_of(cmd_name)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ConfigError, StartError) as error:
            raise Failure(str(error)) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            words = _words(error)
            if words is None:
                raise
            raise Failure(words) from error


def _words(error: Exception) -> str | None:
    """The sentence for an error we know, or None. Here, so that `inbox --help` need not load what raises them."""
    loaded = sys.modules
    if "inbox.core.errors" in loaded:
        from inbox.core.errors import CoreError

        if isinstance(error, CoreError):
            return str(error)
    if "inbox.plugin_host.lifecycle" in loaded:
        from inbox.plugin_host.lifecycle import PluginError

        if isinstance(error, PluginError):
            return str(error)
    if "sqlalchemy" in loaded:
        from sqlalchemy.exc import DBAPIError

        from inbox.migrate import MigrationError

        if isinstance(error, MigrationError):
            return str(error)
        if isinstance(error, DBAPIError):
            return f"The database refused: {str(error.orig).strip().splitlines()[0]}"
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}."
    return None


def with_home(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --home; the command is given `home`."""
    return click.option("--home", type=click.Path(file_okay=False), metavar="DIR",
                        help="The data folder (else INBOX_HOME, else ./instance).")(function)


def with_config(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --home, and give the command the settings as `config`."""

    @functools.wraps(function)
    def call(home: str | None, **options: Any) -> Any:
        return function(config=load_config(home), **options)

    return with_home(call)


def as_json(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json; the command is given `json_wanted`."""
    return click.option("--json", "json_wanted", is_flag=True, help="Print JSON, for scripts.")(function)


@contextmanager
def desk(config: Config, *, plugins: bool = False) -> Iterator[Flask]:
    """A work context on the desk of a home. Imports plugins only when asked to. Raises StartError."""
    from inbox.prepare import open_desk

    app = open_desk(config)
    if plugins:
        from inbox.app import create_app

        app = create_app(config)
    with app.app_context():
        yield app


def by() -> Actor:
    """Who acts: whoever may run commands on this machine may do everything."""
    from inbox.core.events import Actor

    return Actor.system("cli")


def put_json(value: Any) -> None:
    """Print a value for a script."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def put_table(titles: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
    """Print rows in columns, or say that there are none."""
    if not rows:
        click.echo(empty)
        return
    cells = [[_cell(each) for each in row] for row in [titles, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(titles))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d %H:%M:%S"))
    return "".join(c if c.isprintable() else " " for c in str(value))[:80]
