"""Starting the desk: all of it, or one of its processes."""

from __future__ import annotations

from typing import Any

import click

from inbox.cli.base import with_config, with_home
from inbox.config import Config, load_config

port = click.option("--port", type=click.IntRange(1, 65535), help="Port of the pages (else the setting, else 8000).")
smtp_port = click.option("--smtp-port", type=click.IntRange(1, 65535),
                         help="Port of the mail listener (else the setting, else 2525).")


@click.command()
@click.option("--demo", is_flag=True, help="A desk to try, with written mail; nothing leaves this machine.")
@click.option("--dev", is_flag=True, help="For authors of plugins: what is saved is taken up, faults show on the page.")
@click.option("--plugin", "folders", type=click.Path(exists=True, file_okay=False), multiple=True, metavar="FOLDER",
              help="With --dev: work on the plugin in FOLDER (may be given again).")
@click.option("--host", help="Address the pages listen on (else the setting, else 127.0.0.1).")
@port
@smtp_port
@with_home
def run(home: str | None, demo: bool, dev: bool, folders: tuple[str, ...], **given: Any) -> None:
    """Run the whole desk: pages, background work and mail listener.

    The first start makes the database; the printed address carries a one-time code for the set-up. Ctrl-C ends it
    after what is in hand is finished.
    """
    import os

    from inbox import serve

    if folders and not dev:
        raise click.UsageError("--plugin goes with --dev.")
    config = load_config(home, demo=demo or None, dev=dev or None,
                         dev_plugins=os.pathsep.join(map(os.path.realpath, folders)) or None, **given)
    raise SystemExit(serve.run(config))


@click.command()
@click.option("--host", help="Address to listen on (else the setting, else 127.0.0.1).")
@port
@with_home
def web(home: str | None, **given: Any) -> None:
    """Run the pages, the API and the live streams alone."""
    from inbox import pages

    config = load_config(home, **given)
    _begin(config, "web")
    raise SystemExit(pages.run_web(config))


@click.command()
@with_config
def worker(config: Config) -> None:
    """Run the background work alone: mail fetching and sending, jobs, events to plugins."""
    from inbox import worker as process

    _begin(config, "worker")
    raise SystemExit(process.run_worker(config))


@click.command()
@smtp_port
@with_home
def smtp(home: str | None, **given: Any) -> None:
    """Run the mail listener alone (SMTP or LMTP)."""
    from inbox import processes
    from inbox.mail.smtp_server import run_smtp

    config = load_config(home, **given)
    _begin(config, "smtp")
    if not processes.watch_supervisor():
        processes.require_port(config.smtp_host, config.smtp_port, "smtp_port")
    raise SystemExit(run_smtp(config))


def _begin(config: Config, name: str) -> None:
    """Name the process in the log. Started by hand, it first looks whether the database fits; a supervisor knows."""
    import os

    from inbox import logs, processes

    if processes.SUPERVISOR not in os.environ:
        from inbox.prepare import open_desk

        processes.spare_memory()
        open_desk(config)
    logs.init(config, name)


@click.command()
@with_config
def init(config: Config) -> None:
    """Make the data folder, the key and the tables, without starting anything."""
    from inbox.db import work_context
    from inbox.prepare import greeting, make_tables

    app = make_tables(config)
    welcome = greeting(app, config)
    click.echo(f"The desk in {config.home} is ready.")
    if code := welcome.get("setup_code"):
        click.echo("Make the first owner with `inbox agent create ADDRESS --name NAME --role owner`, or start it with\n"
                   f"`inbox run` and open {config.public_url}/setup?code={code}")
    with work_context(app):
        from inbox.db import db

        db.engine.dispose()
