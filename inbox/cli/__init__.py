"""`inbox …`: commands that parse their words, call the core, and print. Nothing heavy is loaded before it is needed."""

from __future__ import annotations

import click

import inbox
from inbox.cli.base import Main
from inbox.cli.exchange import export_desk, import_mail
from inbox.cli.mail import ledger, receive
from inbox.cli.people import agent, department, mailbox, token
from inbox.cli.plugin_authors import plugin_check, plugin_new
from inbox.cli.plugins import plugin
from inbox.cli.run import init, run, smtp, web, worker
from inbox.cli.themes import theme
from inbox.cli.upkeep import backup, doctor, export_openapi, keys, restore, upgrade


@click.group(cls=Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(inbox.__version__, prog_name="Pluginbox")
def main() -> None:
    """Pluginbox: a shared inbox for the mail of a team.

    `inbox run --demo` shows a desk to try; `inbox run` starts your own. Plugins add commands of their own:
    `inbox webhooks --help` shows those of webhooks, `inbox plugin list` the names of plugins.
    """


for _command in (run, web, worker, smtp, init, receive, agent, department, mailbox, token, plugin, theme, backup,
                 restore, upgrade, keys, ledger, doctor, export_desk, import_mail, export_openapi):
    main.add_command(_command)
plugin.add_command(plugin_new)
plugin.add_command(plugin_check)
