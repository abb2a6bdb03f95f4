"""Mail from a pipe, and the ledger of everything that arrived."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from inbox.cli.base import as_json, by, desk, put_json, put_table, with_config, with_home
from inbox.config import Config, ConfigError, load_config
from inbox.processes import StartError

if TYPE_CHECKING:
    from inbox.core.models import Ledger

TEMPFAIL = 75  # sysexits.h: the mail server keeps the message and tries again


@click.command()
@click.option("--to", "addresses", multiple=True, metavar="ADDRESS", help="For whom it is; may be repeated.")
@click.option("--from", "sender", metavar="ADDRESS", help="The envelope sender.")
@with_home
def receive(home: str | None, addresses: tuple[str, ...], sender: str | None) -> None:
    """Take one message from standard input, as a mail server's pipe gives it.

    The exit code is one of sysexits.h: 0 stored, 64 no recipient given, 65 no or too large a message, 67 no such
    mailbox, 75 try again later.
    """
    from inbox.mail.pipe import receive_pipe
    from inbox.prepare import open_desk

    raw = sys.stdin.buffer.read()
    try:
        app = open_desk(load_config(home))
    except (StartError, ConfigError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(TEMPFAIL) from error
    code, words = receive_pipe(app, addresses, raw, envelope_from=sender)
    click.echo(words, err=code != 0)
    raise SystemExit(code)


@click.group()
def ledger() -> None:
    """Every message that reached the desk, and its fate."""


@ledger.command("list")
@click.option("--fate", type=click.Choice(["waiting", "created", "appended", "duplicate", "ignored", "quarantined"]),
              help="Only messages with this fate.")
@click.option("--search", "words", default="", help="A Message-ID, a sender, or words of the subject.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many, newest first.")
@as_json
@with_config
def ledger_list(config: Config, fate: str | None, words: str, limit: int, json_wanted: bool) -> None:
    """List messages, newest first."""
    from inbox.mail import ledger as rows

    with desk(config):
        page = rows.page(None, fate=fate, q=words, limit=limit)
        found = [_row(each, page.tickets) for each in page.rows]
    if json_wanted:
        put_json(found)
        return
    put_table(("id", "arrived", "fate", "ticket", "from", "subject", "reason"),
              [(r["id"], r["arrived_at"], r["fate"], r["ticket"], r["from"], r["subject"], r["reason"]) for r in found],
              "No message has arrived yet." if not (fate or words) else "No message fits.")


@ledger.command("show")
@click.argument("ledger_id", type=int)
@click.option("--raw", is_flag=True, help="Print the message exactly as it came.")
@as_json
@with_config
def ledger_show(config: Config, ledger_id: int, raw: bool, json_wanted: bool) -> None:
    """Show one message: where it came from, its fate and why, an error in full."""
    from inbox.mail import ledger as rows

    with desk(config):
        row = rows.get(ledger_id, None)
        if raw:
            sys.stdout.buffer.write(rows.raw_of(row))
            return
        data = _row(row, rows.ticket_numbers([row])) | {
            "source": row.source, "envelope_from": row.envelope_from, "envelope_to": row.envelope_to,
            "remote": row.remote, "size": row.size, "sha256": row.sha256, "attempts": row.attempts,
            "fated_at": row.fated_at, "error": row.error}
    if json_wanted:
        put_json(data)
        return
    for key, value in data.items():
        click.echo(f"{key.replace('_', ' '):14} {'-' if value is None else value}")


@ledger.command("retry")
@click.argument("ledger_id", type=int)
@with_config
def ledger_retry(config: Config, ledger_id: int) -> None:
    """Process a quarantined or ignored message again; the worker does it."""
    from inbox.mail import ledger as rows

    with desk(config):
        rows.retry(ledger_id, by())
        click.echo(f"Message {ledger_id} is processed again. `inbox ledger show {ledger_id}` tells how that ended.")


@ledger.command("check")
@as_json
@with_config
def ledger_check(config: Config, json_wanted: bool) -> None:
    """Compare the ledger with tickets, files and mailboxes, as every night. Exit code 1 when something is missing."""
    from inbox.mail import reconcile

    with desk(config):
        found = reconcile.check()
    if json_wanted:
        put_json(found)
    else:
        click.echo("\n".join(found) or "Ledger, tickets, files and mailboxes agree.")
    sys.exit(1 if found else 0)


def _row(row: Ledger, tickets: dict[int, int]) -> dict[str, Any]:
    number = tickets.get(row.ticket_id) if row.ticket_id is not None else None
    return {"id": row.id, "arrived_at": row.arrived_at, "fate": row.fate, "reason": row.reason, "ticket": number,
            "from": row.from_address or row.envelope_from or "", "subject": row.subject,
            "message_id": row.message_id}
