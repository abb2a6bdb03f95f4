"""`inbox doctor`: looks at everything a desk needs, and says of each thing that is wrong how to mend it.

It works on a desk that does not start, and without the plugins. Nothing is changed; only the mailboxes' servers are
asked, and the name servers when `dns` is wanted.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from inbox import processes, secrets
from inbox.blobs import open_store
from inbox.config import Config, ConfigError, load_config
from inbox.core import attachments, dkim_keys, mailboxes
from inbox.core.models import Event, Heartbeat, Job, Ledger, Mailbox
from inbox.db import session, utcnow, work_context
from inbox.plugin_host import call, lifecycle
from inbox.plugin_host.items import HealthCheck
from inbox.prepare import open_desk
from inbox.processes import StartError, is_running

OK, WARNING, WRONG = "ok", "warning", "wrong"
LITTLE_SPACE, NO_SPACE = 2 * 1024**3, 200 * 1024**2  # bytes
SILENT_SECONDS = 90  # a worker shows itself every 30 s
LATE = dt.timedelta(minutes=10)
CLOCK_SLACK = dt.timedelta(seconds=5)
PLUGIN_SECONDS = 60  # for the checks of all plugins
NEWEST = 200  # messages whose files are looked for


@dataclass(frozen=True)
class Check:
    """One thing looked at: how it is, and when it is not well, what to do."""

    name: str
    state: str
    words: str
    mend: str = ""


def examine(config: Config, *, dns: bool = False, plugins: bool = True, round_trip: bool = False) -> list[Check]:
    """Look at a desk. Without a usable database only what lies outside of it is looked at.

    With `plugins` what they check themselves is looked at, too. With `round_trip` a real message goes out of each
    mailbox and has to come back.
    """
    found = [*_disk(config), *_key(config)]
    try:
        app = open_desk(config)
    except (StartError, ConfigError) as error:
        return [*found, Check("database", WRONG, str(error), "Mend that first; the rest needs the database.")]
    kinds: list[Callable[[Config], Iterator[Check]]] = [
        _database, _clock, _worker, _pages, _backlog, _files, _nightly, _plugins, _mailboxes]
    if plugins:
        kinds.append(_plugin_checks)
    if dns:
        kinds.append(_dns)
    if round_trip:
        kinds.append(_round_trip)
    for look in kinds:
        found += _guarded(app, config, look)
    return found


def _guarded(app: Flask, config: Config, look: Callable[[Config], Iterator[Check]]) -> list[Check]:
    try:
        with work_context(app):
            return list(look(config))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        return [Check(look.__name__.strip("_"), WRONG, f"The database refused: {reason}",
                      "Restore a back-up into another folder with `inbox restore` and compare.")]


# --- this machine -----------------------------------------------------------------------------------------------


def _disk(config: Config) -> Iterator[Check]:
    if not config.home.is_dir():
        yield Check("data folder", WRONG, f"There is no folder {config.home}.",
                    "Start with `inbox run`, or name the right folder with --home or INBOX_HOME.")
        return
    free = shutil.disk_usage(config.home).free
    words = f"{free / 1024**3:.1f} GiB are free where {config.home} lies."
    state = WRONG if free < NO_SPACE else WARNING if free < LITTLE_SPACE else OK
    yield Check("disk", state, words, "Make room: without it, mail is refused (and sent again by its sender later).")


def _key(config: Config) -> Iterator[Check]:
    path = config.home / secrets.KEY_FILE
    if config.secret_key or not path.exists():
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Check("secret key", WRONG, f"Others on this machine can read {path}.", f"chmod 600 {path}")
    else:
        yield Check("secret key", OK, "Only its owner can read it.")


def _database(config: Config) -> Iterator[Check]:
    if config.is_sqlite:
        said = session().scalar(sa.text("PRAGMA quick_check(1)"))
        state = OK if said == "ok" else WRONG
        yield Check("database", state, "SQLite, up to date and sound." if state == OK else f"It is damaged: {said}",
                    "Stop the desk, keep a copy of the folder, and restore the newest back-up with `inbox restore`.")
    else:
        version = session().scalar(sa.text("SHOW server_version"))
        yield Check("database", OK, f"PostgreSQL {version}, up to date.")


def _clock(config: Config) -> Iterator[Check]:
    now = utcnow()
    mend = "Set the clock of this machine, best by NTP (timedatectl set-ntp true)."
    newest = session().scalar(sa.select(sa.func.max(Event.at)))
    if newest is not None and newest > now + CLOCK_SLACK:
        yield Check("clock", WRONG, f"The newest event is of {newest:%Y-%m-%d %H:%M:%S} UTC, which has not come yet; "
                                    f"here it is {now:%Y-%m-%d %H:%M:%S}.", mend)
        return
    if not config.is_sqlite:
        theirs: dt.datetime = session().execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        off = abs((theirs - utcnow()).total_seconds())
        if off > CLOCK_SLACK.total_seconds():
            yield Check("clock", WRONG, f"This machine and the database differ by {off:.0f} s.", mend)
            return
    yield Check("clock", OK, f"It is {now:%Y-%m-%d %H:%M:%S} UTC.")


# --- the program ------------------------------------------------------------------------------------------------


def _worker(config: Config) -> Iterator[Check]:
    seen = session().scalar(sa.select(sa.func.max(Heartbeat.at)).where(Heartbeat.name.startswith("worker:")))
    mend = "Start the desk with `inbox run`, or a worker of its own with `inbox worker`."
    if seen is None:
        yield Check("worker", WRONG, "No worker has ever run: no mail is taken in and none is sent.", mend)
        return
    age = (utcnow() - seen).total_seconds()
    state = OK if age < SILENT_SECONDS else WRONG
    yield Check("worker", state, f"The last sign of life was {_span(age)} ago.", mend)


def _pages(config: Config) -> Iterator[Check]:
    if not is_running(config.home):
        yield Check("pages", WARNING, "`inbox run` does not run on this folder.",
                    "Nothing to do if its processes are started one by one, or elsewhere.")
        return
    host = f"[{config.host}]" if ":" in config.host else config.host
    try:
        with urllib.request.urlopen(f"http://{host}:{config.port}/readyz", timeout=5):
            yield Check("pages", OK, f"They answer on {config.host}:{config.port}.")
    except (OSError, urllib.error.HTTPError) as error:
        yield Check("pages", WRONG, f"They do not answer on {config.host}:{config.port}: {error}",
                    "Look into the log of `inbox run`. If it was given --port, give the same as INBOX_PORT here.")


def _backlog(config: Config) -> Iterator[Check]:
    now = utcnow()
    late = _count(sa.select(Job.id).where(Job.state == "queued", Job.run_at < now - LATE))
    waiting = _count(sa.select(Ledger.id).where(Ledger.fate == "waiting", Ledger.arrived_at < now - LATE))
    failed = _count(sa.select(Job.id).where(Job.state == "failed"))
    held = _count(sa.select(Ledger.id).where(Ledger.fate == "quarantined"))
    if late or waiting:
        yield Check("backlog", WRONG, f"{late} jobs and {waiting} messages have waited for more than ten minutes.",
                    "See to it that a worker runs, and look into its log.")
    else:
        yield Check("backlog", OK, "Nothing waits for long.")
    if failed:
        yield Check("failed jobs", WARNING, f"{failed} jobs were given up.",
                    "Messages that could not be sent are marked in their tickets and can be sent again there.")
    if held:
        yield Check("quarantine", WARNING, f"{held} messages could not be read and wait for a person.",
                    "`inbox ledger list --fate quarantined` shows them, `inbox ledger retry ID` tries again.")


def _count(ids: sa.Select[int]) -> int:
    return session().scalar(sa.select(sa.func.count()).select_from(ids.limit(1000).subquery())) or 0


def _files(config: Config) -> Iterator[Check]:
    if problem := attachments.store_problem():
        yield Check("files", WRONG, f"The store of files cannot be used: {problem}",
                    "Until then mail is refused (and sent again by its sender later). Look at the settings blobs and "
                    "blobs_…, at the storage, and at the way to it.")
        return
    newest = session().execute(sa.select(Ledger.id, Ledger.sha256).where(Ledger.raw_purged_at.is_(None))
                               .order_by(Ledger.id.desc()).limit(NEWEST)).all()
    lost = [row.id for row in newest if not attachments.exists(row.sha256, packed=True)]
    if lost:
        yield Check("files", WRONG, f"Messages as they came are missing in {open_store(config).where}: ledger rows "
                                    f"{', '.join(map(str, lost[:10]))}{' …' if len(lost) > 10 else ''}.",
                    "Bring the files back from a back-up; they are named by their content and can be added.")
    else:
        yield Check("files", OK, f"The newest {len(newest)} messages are there as they came.")


def last_check() -> Event | None:
    """The event of the last nightly check of all mail."""
    return session().scalar(sa.select(Event).where(Event.kind == "mail_reconciled").order_by(Event.id.desc()).limit(1))


def _nightly(config: Config) -> Iterator[Check]:
    last = last_check()
    if last is None:
        return
    words = list((last.data or {}).get("words", []))
    yield Check("nightly check", WRONG if words else OK,
                " ".join(words) or "Ledger, tickets, files and mailboxes agree.",
                "`inbox ledger check` looks again. Bring missing files back from a back-up.")


def _round_trip(config: Config) -> Iterator[Check]:
    from inbox import round_trip

    yield from (Check(f"{address}, round trip", OK if is_well else WRONG, words, mend)
                for address, is_well, words, mend in round_trip.run())


def _plugins(config: Config) -> Iterator[Check]:
    for each in lifecycle.plugins():
        if each.state in ("broken", "incompatible", "paused"):
            yield Check(f"plugin {each.name}", WARNING, f"It is {each.state}: {each.problem}",
                        f"`inbox plugin activate {each.name}` once that is mended, or `inbox plugin deactivate "
                        f"{each.name}`; the desk goes on without it.")


def _plugin_checks(config: Config) -> Iterator[Check]:
    """What plugins check themselves, in a process of its own: one of them may end it, or never answer."""
    command = [sys.executable, "-m", "inbox.doctor"]
    try:
        done = subprocess.run(command, env=processes.environment_for(config), capture_output=True, text=True,
                              timeout=PLUGIN_SECONDS, check=False)
        found = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        yield Check("checks of plugins", WARNING, f"They did not end within {PLUGIN_SECONDS} s.",
                    "Deactivate plugins one by one (`inbox plugin deactivate NAME`) to find out which it is.")
        return
    except ValueError:
        yield Check("checks of plugins", WARNING, "A plugin ended the process when it was loaded, or checked.",
                    "`inbox run` with INBOX_SAFE_MODE=1 works without plugins; deactivate the one added last.")
        return
    for each in found:
        yield Check(**each)


def plugin_health() -> Iterator[tuple[str, HealthCheck]]:
    """The checks of active plugins, each with its plugin."""
    yield from call.register("register_health_checks")


def run_health_check(plugin: str, item: HealthCheck) -> Check:
    """Run one check under the caller's rules."""
    good, answer = call.guard(plugin, f"health check {item.name}"[:60], _ask, item, may_write=True, longest=60.0)
    if not good or answer is None:
        return Check(item.title, WRONG, "The check itself failed.", f"Look at the faults of the plugin {plugin}.")
    is_well, words = answer
    return Check(item.title, OK if is_well else WRONG, words)


def _ask(item: HealthCheck) -> tuple[bool, str]:
    try:
        return True, str(item.run())
    except ValueError as problem:
        return False, str(problem)


# --- the outside ------------------------------------------------------------------------------------------------


def _mailboxes(config: Config) -> Iterator[Check]:
    """Sign in everywhere, as fetching and sending would."""
    from inbox.mail import deliver, imap, mime, oauth, pop3, smtp_client
    from inbox.mail.imap_client import Trouble

    found = mailboxes.all_mailboxes(active=True)
    if not found:
        yield Check("mailboxes", WARNING, "There is none, so no mail can come in.",
                    "`inbox mailbox create ADDRESS --department NAME` connects one.")
    for each in found:
        try:
            if each.incoming in mailboxes.FETCHED:
                test = imap.test_connection if each.incoming == "imap" else pop3.test_connection
                yield _steps(f"{each.address}, in", test(imap.signed(imap.account_of(each), each.id)))
            if each.outgoing == "smtp":
                steps = smtp_client.test_connection(deliver.account_of(each), each.address)
                yield _steps(f"{each.address}, out", steps)
            if each.incoming not in mailboxes.FETCHED and each.outgoing != "smtp":
                yield Check(each.address, OK, "Mail comes in by our own listener and goes out to the Outbox page.")
        except (Trouble, oauth.LoginTrouble) as trouble:
            yield Check(each.address, WRONG, str(trouble), "Press Connect on the mailbox's settings page.")
        except (secrets.SecretLost, ConfigError, mime.AddressError) as error:
            yield Check(each.address, WRONG, str(error), "Enter the password again on the mailbox's settings page.")


class _Step(Protocol):
    """What both connection tests tell of a step."""

    @property
    def is_ok(self) -> bool: ...

    @property
    def words(self) -> str: ...


def _steps(name: str, steps: Sequence[_Step]) -> Check:
    bad = next((each for each in steps if not each.is_ok), None)
    if bad is None:
        return Check(name, OK, "We can sign in.")
    return Check(name, WRONG, bad.words,
                 "Correct the server, port, encryption or password on the mailbox's settings page.")


def _dns(config: Config) -> Iterator[Check]:
    return dns_checks()


def dns_checks(ask: Callable[[str, str], list[str]] | None = None) -> Iterator[Check]:
    """What the name servers say of every domain we send from; `ask` stands in for them."""
    from inbox import dns_check

    addresses = session().scalars(sa.select(Mailbox.address).where(Mailbox.is_active)).all()
    for domain in sorted({each.rpartition("@")[2] for each in addresses}):
        key = dkim_keys.get(domain)
        own = (key.record_name, key.record) if key is not None else None
        for name, state, words, mend in dns_check.examine(domain, ask or dns_check.ask, own):
            yield Check(f"{domain}, {name}", state, words, mend)


def main() -> None:
    """Print the checks of plugins as JSON; see `_plugin_checks`."""
    from inbox.app import create_app

    with work_context(create_app(load_config())):
        found = [run_health_check(plugin, item) for plugin, item in plugin_health()]
    print(json.dumps([asdict(each) for each in found]))


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


if __name__ == "__main__":
    main()
