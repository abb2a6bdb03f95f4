"""A desk and old mail, out and in."""

from __future__ import annotations

import datetime as dt
import sys
import time
import traceback
from typing import Any

import click

from inbox.cli.base import FAILED, Failure, as_json, by, desk, put_json, with_config
from inbox.config import Config

STEP_SECONDS = 1.0


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@with_config
def export_desk(config: Config, file: str) -> None:
    """Write everything into FILE (.zip; `-`: standard output): JSON lines, mail as .eml, attachments.

    It can be brought into an empty desk with `inbox import`. Passwords are not in it, nor what plugins keep.
    """
    from inbox.exchange import export

    size = 0
    with desk(config), click.open_file(file, "wb") as target:
        for piece in export.stream(by()):
            target.write(piece)
            size += len(piece)
    click.echo(f"{file}: {size / 1_000_000:.1f} MB.", err=file == "-")


@click.command("import")
@click.argument("source")
@click.option("--mailbox", "address", metavar="ADDRESS", help="Whose old mail it is (not for an exported desk).")
@click.option("--imap", "is_folder", is_flag=True, help="SOURCE is a folder of the mailbox's account.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Leave out what is older.")
@click.option("--open", "is_open", is_flag=True, help="New tickets are open ones (else closed).")
@as_json
@with_config
def import_mail(config: Config, source: str, address: str | None, is_folder: bool, since: dt.datetime | None,
                is_open: bool, json_wanted: bool) -> None:
    """Bring in old mail (mbox, Maildir, folder of .eml files, zip), or an exported desk into an empty one.

    Nothing is sent and nobody is told. Stopped in the middle (Ctrl-C), the same command goes on where it was.
    """
    from pathlib import Path

    from inbox.core import imports, mailboxes
    from inbox.mail import import_sources
    from inbox.mail.import_mail import import_job

    with desk(config):
        path = source if is_folder else str(Path(source).absolute())
        kind = "imap" if is_folder else import_sources.kind_of(Path(path))
        box = mailboxes.by_address(address) if address else None
        if kind != "desk" and box is None:
            raise Failure("Name the mailbox with --mailbox ADDRESS. `inbox mailbox list` shows them.")
        row = imports.begin(by=by(), kind=kind, source=path, mailbox=None if kind == "desk" else box,
                            since=since.date() if since else None, is_closed=not is_open, again=True)
        import_id = row.id
        _follow(import_id, import_job, quiet=json_wanted)
        row = imports.get(import_id)
        if json_wanted:
            put_json({"state": row.state, "counts": row.counts, "error": row.error})
        elif row.state == "done":
            click.echo("Done: " + (", ".join(f"{count} {what}" for what, count in row.counts.items()) or "nothing"))
        else:
            click.echo(f"It is {row.state}: {row.error or 'somebody stopped it'}", err=True)
        sys.exit(0 if row.state == "done" else FAILED)


def _follow(import_id: int, run: Any, *, quiet: bool) -> None:
    """Do the import's jobs here, unless the desk's worker is faster; show how far it is."""
    from inbox.core import imports
    from inbox.jobs import engine

    shown = -1
    outcomes: list[engine.Outcome] = []
    while True:
        job = next(iter(engine.turn(outcomes, (imports.JOB,))), None)
        outcomes = []
        row = imports.get(import_id)
        if imports.progress_of(row) != shown and not quiet:
            shown = imports.progress_of(row)
            click.echo(f"{shown} %", err=True)
        if job is not None:
            try:
                run(job.args)
                outcomes = [engine.Outcome(job, None)]
            except Exception:  # as the worker does: it is noted, and tried again
                outcomes = [engine.Outcome(job, traceback.format_exc())]
        elif row.state not in imports.UNFINISHED:
            return
        else:
            engine.take_back_lost()  # of a run that was ended in the middle
            time.sleep(STEP_SECONDS)
