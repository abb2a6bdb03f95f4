"""Keeping a desk well: back-up, upgrade, keys, what the doctor says."""

from __future__ import annotations

import sys

import click

from inbox.cli.base import FAILED, as_json, desk, put_json, with_config
from inbox.config import Config


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--with-key", is_flag=True, help="Put the secret key in, which opens the stored passwords.")
@click.option("--without-files", is_flag=True, help="Leave out messages as they came and attachments.")
@as_json
@with_config
def backup(config: Config, file: str, with_key: bool, without_files: bool, json_wanted: bool) -> None:
    """Write the whole desk into FILE (.tar.gz), also while it runs.

    In it: the database, every file it names, plugins and themes of this site. Not in it: inbox.toml, and without
    --with-key the secret key. --without-files is for files in a bucket that is backed up by itself.
    """
    from inbox import backup as work
    from inbox.core import go_live

    with desk(config):
        done = work.make(config, file, with_key=with_key, with_files=not without_files)
        go_live.remember("backup", file=file)
    if json_wanted:
        put_json(done)
        return
    click.echo(f"{file}: {done['counts'].get('ticket', 0)} tickets, {done['counts'].get('message', 0)} messages, "
               f"{done['blobs']} files.")
    if done["missing_blobs"]:
        click.echo(f"{len(done['missing_blobs'])} files that the database names were not there any more; "
                   "`inbox doctor` says which messages they belong to.", err=True)
    if not with_key:
        click.echo("Without the key: after a restore, mailbox passwords have to be entered again.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@as_json
@with_config
def restore(config: Config, file: str, json_wanted: bool) -> None:
    """Bring a desk back from FILE, into an empty data folder and an empty database.

    Every file and the number of all rows are verified first. An inbox.toml may lie in the folder already.
    """
    from inbox import backup as work

    done = work.restore(config, file)
    if json_wanted:
        put_json(done)
        return
    click.echo(f"The desk of {done['made_at']} is back in {config.home}: {done['counts'].get('ticket', 0)} tickets, "
               f"{done['counts'].get('message', 0)} messages, {done['blobs']} files.")
    if not done["has_key"] and not config.secret_key:
        click.echo("The back-up holds no key: a new one is made, and mailbox passwords have to be entered again.")
    if not done.get("has_files", True):
        click.echo("The back-up was made without files: they have to lie in the store that the settings name. "
                   "`inbox ledger check` says whether they do.")
    click.echo(f"Start it with `inbox run --home {config.home}`.")


@click.command()
@click.option("--no-backup", is_flag=True, help="Do not back up first.")
@click.option("--check", is_flag=True, help="Only say which plugins would break with this version; change nothing.")
@as_json
@with_config
def upgrade(config: Config, no_backup: bool, check: bool, json_wanted: bool) -> None:
    """Bring the database to this version. On SQLite it is backed up first, next to the database.

    With --check every installed plugin is tried against this version first. Exit code 1 when one would break.
    """
    if check:
        sys.exit(_check_plugins(config, json_wanted))
    from inbox.prepare import upgrade as work

    copy, changed = work(config, backup=not no_backup)
    if json_wanted:
        put_json({"backup": copy, "changed": changed})
        return
    if copy is not None:
        click.echo(f"The database as it was before: {copy}")
    click.echo("The database is up to date now." if changed else "There was nothing to do.")


def _check_plugins(config: Config, json_wanted: bool) -> int:
    """Print what would become of each plugin. Returns the exit code."""
    import dataclasses

    import inbox
    from inbox import upgrade_check

    found = upgrade_check.check(config)
    if json_wanted:
        put_json([dataclasses.asdict(each) for each in found])
    for each in found if not json_wanted else []:
        click.echo(f"{'WRONG' if each.problem else 'ok   '}  {each.name} {each.lies or each.version} ({each.state})")
        if each.problem:
            click.echo(f"       → {each.problem}")
        if each.deprecated:
            click.echo(f"       → it answers hooks that will go away: {', '.join(each.deprecated)}")
    broken = sum(1 for each in found if each.problem)
    if not json_wanted:
        click.echo(f"{broken} of {len(found)} plugins would break with Pluginbox {inbox.__version__}." if broken
                   else f"All {len(found)} plugins work with Pluginbox {inbox.__version__}.")
    return FAILED if broken else 0


@click.group("secrets")
def keys() -> None:
    """The key that encrypts stored passwords."""


@keys.command("rotate")
@with_config
def rotate(config: Config) -> None:
    """Put a new key before the old one and encrypt every stored password with it."""
    from inbox import secrets

    with desk(config):
        count = secrets.rotate(config)
    click.echo(f"{count} stored passwords are encrypted with the new key now.")


@click.command()
@click.option("--dns", is_flag=True, help="Also ask the name servers for MX, SPF, DKIM and DMARC of our addresses.")
@click.option("--round-trip", is_flag=True, help="Also send a message from each mailbox to itself; wait for it.")
@as_json
@with_config
def doctor(config: Config, dns: bool, round_trip: bool, json_wanted: bool) -> None:
    """Examine the desk and say how to mend what is wrong. Exit code 1 when something is."""
    from inbox import doctor as work

    found = work.examine(config, dns=dns, round_trip=round_trip)
    if json_wanted:
        put_json([{"check": each.name, "state": each.state, "words": each.words, "mend": each.mend}
                  for each in found])
    else:
        signs = {"ok": "ok   ", "warning": "look ", "wrong": "WRONG"}
        for each in found:
            click.echo(f"{signs[each.state]}  {each.name}: {each.words}")
            if each.mend and each.state != "ok":
                click.echo(f"       → {each.mend}")
    sys.exit(FAILED if any(each.state == "wrong" for each in found) else 0)


@click.command("export-openapi")
def export_openapi() -> None:
    """Print the description of the REST API (OpenAPI 3.1, JSON)."""
    import tempfile
    from pathlib import Path

    from inbox.app import create_app
    from inbox.web.api import export_openapi as describe

    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Config(home=Path(folder), safe_mode=True))
        with app.app_context():
            put_json(describe(app))
