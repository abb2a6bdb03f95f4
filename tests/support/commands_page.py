"""Writes docs/reference/commands.md from the commands themselves (`make docs`)."""

import copy
import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from inbox.plugin_host import discover

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
INTRODUCTION = """# Commands

Written by `make docs` from the commands themselves; `inbox COMMAND --help` says the same. Every command reads the
[settings](settings.md) first. Errors go to standard error with a way out, and the exit code is not 0.
"""


def with_builtins(main: click.Group) -> click.Group:
    """The `inbox` command with what always-active features add to it."""
    whole = copy.copy(main)
    whole.commands = dict(main.commands)
    for name, module in discover.builtins():
        found = {item.command.name: item.command for item in getattr(module, "register_commands", list)()}
        if found:
            short = name.removeprefix("builtin.")
            whole.commands[short] = click.Group(short, commands=found, help=f"Commands of {short}.")
    return whole


def commands(group: click.Group, words: tuple[str, ...] = ("inbox",)) -> Iterator[tuple[str, click.Command]]:
    """Yield (full name, command) for every visible command that is not a group."""
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def describe(name: str, command: click.Command) -> str:
    """Return the section of one command."""
    context = click.Context(command, info_name=name)
    usage = " ".join(part for part in command.collect_usage_pieces(context) if part != "[OPTIONS]")
    lines = [f"### `{' '.join([name, *usage.split()])}`", "", inspect.cleandoc(command.help or ""), ""]
    rows = []
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            record = parameter.get_help_record(context)
            if record:
                rows.append(f"- `{record[0]}`: {record[1].strip() or 'no description'}")
    return "\n".join([*lines, *rows, ""] if rows else lines)


def page(main: click.Group) -> str:
    """Return the whole page."""
    return "\n".join([INTRODUCTION, *(describe(name, command) for name, command in commands(with_builtins(main)))])


if __name__ == "__main__":
    from inbox.cli import main

    assert isinstance(main, click.Group)
    PAGE.write_text(page(main), "utf-8")
