"""The doctor finds what is wrong and says how to mend it."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from inbox import dns_check, doctor, secrets
from inbox.config import Config
from inbox.db import at_time, transaction, utcnow, work_context
from inbox.doctor import OK, WARNING, WRONG, Check
from inbox.jobs.schedule import beat
from inbox.plugin_host import lifecycle
from inbox.plugin_host.models import Plugin
from inbox.testing.factories import make_mailbox, make_ticket
from inbox.testing.plugins import write_plugin
from tests.support.ports import free_port


def check(config: Config, name: str) -> Check:
    """The one check of a name."""
    (found,) = [each for each in doctor.examine(config, plugins=False) if each.name == name]
    assert found.state == OK or found.mend, found
    return found


def test_a_healthy_desk(app, config: Config) -> None:
    with work_context(app):
        beat("worker:here:1")
        make_mailbox("support@desk.example")
    assert {each.name for each in doctor.examine(config, plugins=False) if each.state == WRONG} == set()


def test_a_worker_that_is_silent(app, config: Config) -> None:
    assert check(config, "worker").state == WRONG
    with work_context(app), at_time(utcnow() - dt.timedelta(minutes=5)):
        beat("worker:here:1")
    found = check(config, "worker")
    assert (found.state, "5 min" in found.words) == (WRONG, True)


def test_a_key_that_others_can_read(app, config: Config) -> None:
    (config.home / "secret.key").chmod(0o644)
    assert check(config, "secret key").state == WRONG


def test_a_clock_that_went_back(app, config: Config) -> None:
    with work_context(app), at_time(utcnow() + dt.timedelta(hours=2)):
        make_ticket()
    assert check(config, "clock").state == WRONG


def test_mail_that_waits_too_long(app, config: Config) -> None:
    from inbox.mail import ledger

    with work_context(app):
        box = make_mailbox()
        with at_time(utcnow() - dt.timedelta(hours=1)):
            ledger.arrive(b"From: a@example.com\n\nHi\n", source="smtp", mailbox_id=box.id)
    found = check(config, "backlog")
    assert (found.state, "1 messages" in found.words) == (WRONG, True)


def test_a_file_that_is_gone(app, config: Config) -> None:
    from inbox.mail import ledger

    with work_context(app):
        number = ledger.arrive(b"From: a@example.com\n\nHi\n", source="smtp", mailbox_id=make_mailbox().id)
    for path in config.blob_folder.rglob("*.gz"):
        path.unlink()
    found = check(config, "files")
    assert (found.state, str(number) in found.words) == (WRONG, True)


def test_a_quarantined_message(app, config: Config) -> None:
    from inbox.core.models import Ledger
    from inbox.mail import ledger

    with work_context(app) as session:
        number = ledger.arrive(b"From: a@example.com\n\nHi\n", source="smtp", mailbox_id=make_mailbox().id)
        with transaction():
            session.get_one(Ledger, number).fate = "quarantined"
    assert check(config, "quarantine").state == WARNING


@pytest.mark.once
def test_without_a_desk_it_says_what_to_do(tmp_path: Path) -> None:
    found = doctor.examine(Config(home=tmp_path / "nothing"))
    assert [each.name for each in found if each.state == WRONG] == ["data folder", "database"]
    assert not (tmp_path / "nothing").exists()


def test_a_disk_that_is_full(app, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1024

    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage)
    assert check(config, "disk").state == WRONG


# --- mailboxes ---------------------------------------------------------------------------------------------------


def imap_box(app, port: int, password: str) -> None:
    with work_context(app):
        make_mailbox("support@desk.example", incoming="imap", imap_host="127.0.0.1", imap_port=port,
                     imap_security="none", imap_user="support", imap_password=secrets.encrypt(password))


def test_a_mailbox_that_works(app, config: Config, dovecot) -> None:
    imap_box(app, dovecot.port, "secret")
    assert check(config, "support@desk.example, in").state == OK


def test_a_wrong_password(app, config: Config, dovecot) -> None:
    imap_box(app, dovecot.port, "wrong")
    found = check(config, "support@desk.example, in")
    assert (found.state, "password" in found.words) == (WRONG, True)


def test_a_server_that_is_not_there(app, config: Config) -> None:
    imap_box(app, free_port(), "secret")
    assert "refuses connections" in check(config, "support@desk.example, in").words


def test_a_password_whose_key_is_lost(app, config: Config) -> None:
    imap_box(app, free_port(), "secret")
    (config.home / "secret.key").unlink()
    assert check(config, "support@desk.example").state == WRONG


def test_outgoing_mail(app, config: Config, smtp_sink) -> None:
    with work_context(app):
        make_mailbox("support@desk.example", outgoing="smtp", smtp_host="127.0.0.1", smtp_port=smtp_sink.port,
                     smtp_security="none")
        make_mailbox("sales@desk.example", outgoing="smtp", smtp_host="127.0.0.1", smtp_port=free_port(),
                     smtp_security="none")
    assert check(config, "support@desk.example, out").state == OK
    assert check(config, "sales@desk.example, out").state == WRONG
    assert smtp_sink.messages == []


def test_the_command_ends_with_one_when_something_is_wrong(commands, app) -> None:
    assert "inbox worker" in commands.run("doctor", code=1).stdout
    with work_context(app):
        beat("worker:here:1")
    assert all(each["state"] != "wrong" for each in commands.json("doctor"))


# --- name servers ------------------------------------------------------------------------------------------------

GOOD = {
    ("desk.example", "MX"): ["10 mail.desk.example."],
    ("desk.example", "TXT"): ["v=spf1 mx ~all", "something else"],
    ("_dmarc.desk.example", "TXT"): ["v=DMARC1; p=none"],
    ("mail._domainkey.desk.example", "TXT"): ["v=DKIM1; p=abc"],
}


def answers(**changes: object) -> Callable[[str, str], list[str]]:
    """Name servers that know GOOD and the changes."""
    known = GOOD | changes.get("known", {})  # type: ignore[operator]
    return lambda name, kind: known.get((name, kind), [])


def states(**changes: object) -> dict[str, str]:
    return {name: state for name, state, _, _ in dns_check.examine("desk.example", answers(**changes))}


@pytest.mark.once
def test_a_domain_in_order() -> None:
    assert states() == {"MX": OK, "SPF": OK, "DMARC": OK, "DKIM": OK}


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "kind", "records", "what", "state"),
    [
        ("desk.example", "MX", [], "MX", WRONG),
        ("desk.example", "TXT", [], "SPF", WARNING),
        ("desk.example", "TXT", ["v=spf1 ~all", "v=spf1 mx -all"], "SPF", WRONG),
        ("desk.example", "TXT", ["v=spf1 +all"], "SPF", WRONG),
        ("desk.example", "TXT", ["v=spf10 mx"], "SPF", WARNING),
        ("_dmarc.desk.example", "TXT", [], "DMARC", WARNING),
        ("mail._domainkey.desk.example", "TXT", [], "DKIM", WARNING),
    ],
)
def test_a_domain_out_of_order(name: str, kind: str, records: list[str], what: str, state: str) -> None:
    assert states(known={(name, kind): records})[what] == state


@pytest.mark.once
def test_name_servers_that_do_not_answer() -> None:
    def ask(name: str, kind: str) -> list[str]:
        raise dns_check.CannotAsk("no answer")

    assert [state for _, state, _, _ in dns_check.examine("desk.example", ask)] == [WARNING]


@pytest.mark.once
def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "dns.resolver", None)
    with pytest.raises(dns_check.CannotAsk, match="pip install"):
        dns_check.ask("desk.example", "MX")


# --- what plugins check themselves ------------------------------------------------------------------------------

CLOCK = """
from inbox.toolkit import HealthCheck, hookimpl

def late():
    raise ValueError("The clock is late. Wind it.")

@hookimpl
def register_health_checks():
    return [HealthCheck("clock.ticks", "The clock", lambda: "It ticks."), HealthCheck("clock.late", "Its time", late)]
"""


def test_register_health_checks_are_run_by_the_doctor(
        app, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INBOX_DATABASE_URL", config.database_url)  # as the process that asks for the checks found it
    with work_context(app):
        write_plugin(config.plugin_folder, "clock", CLOCK)
        lifecycle.activate("clock")
        found = {each.name: each for each in doctor._plugin_checks(config)}
    assert (found["The clock"].state, found["The clock"].words) == (OK, "It ticks.")
    assert (found["Its time"].state, found["Its time"].words) == (WRONG, "The clock is late. Wind it.")


def test_a_plugin_that_ends_the_process_does_not_end_the_doctor(
        app, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INBOX_DATABASE_URL", config.database_url)
    with work_context(app):
        write_plugin(config.plugin_folder, "bomb", "import os; os._exit(0)")
        with transaction() as current:
            current.add(Plugin(name="bomb", version="1.0", state="active"))
        (found,) = doctor._plugin_checks(config)
    assert found.state == WARNING and "INBOX_SAFE_MODE" in found.mend
