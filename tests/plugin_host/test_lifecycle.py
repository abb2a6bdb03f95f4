"""A plugin's life: found, installed, activated, paused, broken, deactivated; seen by every process soon."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.app import create_app
from inbox.config import Config
from inbox.core import messages
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Delivery, Event, Job, Message, Ticket
from inbox.db import db, transaction, work_context
from inbox.jobs import deliveries, dispatch
from inbox.plugin_host import call, discover, faults, lifecycle
from inbox.plugin_host.lifecycle import PluginError
from inbox.plugin_host.models import Plugin, PluginFault
from inbox.testing.factories import make_agent, make_ticket
from inbox.testing.plugins import host_of, write_plugin
from tests.support.samples import copy_sample

GREETS = """
from inbox.toolkit import hookimpl

@hookimpl
def prepare_ticket(ticket):
    ticket.type = "greeted"
"""


@pytest.fixture(autouse=True)
def _clean_imports() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in [each for each in sys.modules if each.startswith("inbox_plugins.") and each not in before]:
        del sys.modules[name]


@pytest.fixture
def folder(app: Flask, session: Session) -> Path:
    """INBOX_HOME/plugins of the application."""
    config: Config = app.config["INBOX"]
    return config.plugin_folder


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    return lambda name, code="", **manifest: write_plugin(folder, name, code, **manifest)


def state(name: str) -> tuple[str, str]:
    db.session.rollback()
    return next((info.state, info.problem) for info in lifecycle.plugins() if info.name == name)


def greeted() -> bool:
    ticket = Ticket(subject="Hello")
    call.prepare("prepare_ticket", ticket, message=Message(extra={}))
    return "type" in vars(ticket)


def test_a_plugin_is_found_without_being_imported(write) -> None:
    write("kind", "raise SystemExit('imported')", title="Kind words")
    (info,) = [each for each in lifecycle.plugins() if each.name == "kind"]
    assert (info.title, info.state) == ("Kind words", "discovered")
    assert "inbox_plugins.kind" not in sys.modules


def test_activate_installs_and_asks_deactivate_stops(write) -> None:
    write("kind", GREETS)
    assert not greeted()
    lifecycle.activate("kind")
    assert greeted() and state("kind") == ("active", "")
    lifecycle.deactivate("kind")
    assert not greeted() and state("kind")[0] == "installed"
    lifecycle.activate("kind")
    assert greeted()


def test_another_process_follows_within_two_seconds(app: Flask, write) -> None:
    """A second application object with its own host knows of the change only through the database."""
    write("kind", GREETS)
    other = create_app(app.config["INBOX"])
    with work_context(other):
        assert not greeted()
    lifecycle.activate("kind")
    _within_two_seconds(other, True)
    lifecycle.deactivate("kind")
    _within_two_seconds(other, False)


def _within_two_seconds(app: Flask, wanted: bool) -> None:
    end = time.monotonic() + 2
    while True:
        with work_context(app):
            if greeted() is wanted:
                return
        assert time.monotonic() < end, "the other process did not follow"
        time.sleep(0.05)


def test_deactivating_a_plugin_that_ends_every_process_needs_no_import(app, folder, write) -> None:
    """The command line's way out: a real process with a plugin whose import exits."""
    write("bomb", "import os; os._exit(9)")
    with transaction() as current:
        current.add(Plugin(name="bomb", version="1.0", state="active"))
    config = app.config["INBOX"]
    code = f"""
import pathlib
from inbox.app import create_app
from inbox.config import Config
from inbox.db import work_context
from inbox.plugin_host import lifecycle
with work_context(create_app(Config(home=pathlib.Path({str(config.home)!r}), database_url={config.database_url!r}))):
    print([p.state for p in lifecycle.plugins() if p.name == "bomb"])
    lifecycle.deactivate("bomb")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "['active']\n"), done.stderr
    assert state("bomb")[0] == "installed"


def test_safe_mode_loads_none(app: Flask, write) -> None:
    import dataclasses

    write("kind", GREETS)
    lifecycle.activate("kind")
    safe = create_app(dataclasses.replace(app.config["INBOX"], safe_mode=True))
    with work_context(safe):
        assert not greeted()
        assert host_of(safe).builtins
        with pytest.raises(PluginError, match="Safe mode"):
            lifecycle.activate("kind")
        lifecycle.deactivate("kind")


@pytest.mark.parametrize(("code", "says"), [
    ("raise ValueError('half done')", "ValueError: half done"),
    ("import sys; sys.exit('no licence')", "SystemExit: no licence"),
    ("from inbox.toolkit import hookimpl\n@hookimpl\ndef prepare_tickets(ticket): pass", "Did you mean prepare_ticket"),
])
def test_code_that_cannot_be_loaded_is_not_activated(write, code: str, says: str) -> None:
    write("bad", code)
    with pytest.raises(PluginError, match=says):
        lifecycle.activate("bad")
    assert state("bad")[0] == "installed"
    write("bad", GREETS)  # mended, and tried again without a restart
    lifecycle.activate("bad")
    assert greeted()


def test_code_that_breaks_later_is_broken_and_says_why(app: Flask, write) -> None:
    write("kind", GREETS)
    lifecycle.activate("kind")
    write("kind", "raise ValueError('after an upgrade')")
    del sys.modules["inbox_plugins.kind"]
    other = create_app(app.config["INBOX"])
    with work_context(other):
        assert not greeted()
    shown, problem = state("kind")
    assert shown == "broken" and "after an upgrade" in problem
    assert "ValueError" in db.session.scalar(sa.select(PluginFault.trace).where(PluginFault.hook == "import"))


def test_a_folder_that_is_gone_is_broken_and_can_be_deactivated(write) -> None:
    place = write("kind", GREETS)
    lifecycle.activate("kind")
    shutil.rmtree(place)
    assert state("kind") == ("broken", "Its folder is gone. Put it back, or deactivate it.")
    lifecycle.deactivate("kind")


def test_what_needs_another_version_is_incompatible(write) -> None:
    write("future", GREETS, requires_inbox=">=99")
    assert state("future")[0] == "incompatible"
    with pytest.raises(PluginError, match="needs Pluginbox >=99"):
        lifecycle.activate("future")


def test_a_plugin_that_needs_another_waits_for_it(write) -> None:
    write("base")
    write("extra", requires_plugins=["base"])
    with pytest.raises(PluginError, match="needs base"):
        lifecycle.activate("extra")
    lifecycle.activate("base")
    lifecycle.activate("extra")
    with pytest.raises(PluginError, match="extra needs base"):
        lifecycle.deactivate("base")


def test_an_unknown_plugin_is_refused(session: Session) -> None:
    with pytest.raises(PluginError, match="no plugin called nothing"):
        lifecycle.activate("nothing")
    with pytest.raises(PluginError, match="no installed plugin called nothing"):
        lifecycle.deactivate("nothing")


def test_a_name_that_would_own_a_table_of_core_is_refused(write) -> None:
    write("ticket")
    with pytest.raises(PluginError, match="must be called something else"):
        lifecycle.activate("ticket")


# --- tables -----------------------------------------------------------------------------------------------------


def test_a_plugin_s_own_tables_come_with_it_and_its_events_fill_them(app: Flask, folder: Path) -> None:
    copy_sample("guestbook", "visitbook", folder)
    lifecycle.activate("visitbook")
    ticket = make_ticket()
    name = ticket.customer.name
    dispatch.deliver_due(app)
    db.session.rollback()
    assert db.session.execute(sa.text("SELECT name FROM visitbook_guest")).scalars().all() == [name]
    assert db.session.execute(sa.text("SELECT version_num FROM visitbook_alembic_version")).scalar() == "0001"
    from inbox.plugin_host import migrate

    db.session.rollback()
    migrate.to_base(discover.scan(app.config["INBOX"])["visitbook"])
    assert "visitbook_guest" not in sa.inspect(db.engine).get_table_names()


@pytest.mark.parametrize("deed", [
    'op.create_table("stolen", sa.Column("id", sa.Integer(), primary_key=True))',
    'op.add_column("ticket", sa.Column("fence", sa.Integer()))',
    'op.create_table("fence_ok", sa.Column("id", sa.Integer())); raise ValueError("half way")'])
def test_migrations_that_go_wrong_or_too_far_leave_nothing(session: Session, write, deed: str) -> None:
    place = write("fence")
    (place / "migrations").mkdir()
    (place / "migrations" / "m0001.py").write_text(
        f'import sqlalchemy as sa\nfrom alembic import op\nrevision = "0001"\ndown_revision = None\n'
        f"def upgrade() -> None:\n    {deed}\n")
    before = {table: len(sa.inspect(db.engine).get_columns(table)) for table in sa.inspect(db.engine).get_table_names()}
    with pytest.raises((PluginError, ValueError)):
        lifecycle.activate("fence")
    after = {table: len(sa.inspect(db.engine).get_columns(table)) for table in sa.inspect(db.engine).get_table_names()}
    assert after == before
    assert state("fence")[0] == "discovered"


def test_a_table_without_the_plugin_s_name_is_refused_at_load(write) -> None:
    write("free", """
        import sqlalchemy as sa
        from sqlalchemy.orm import Mapped, mapped_column
        from inbox.toolkit import Model

        class Loose(Model):
            __tablename__ = "loose"
            id: Mapped[int] = mapped_column(primary_key=True)
        """)
    with pytest.raises(PluginError, match="must begin with free_"):
        lifecycle.activate("free")
    assert "loose" not in db.metadata.tables


# --- faults and pause -------------------------------------------------------------------------------------------


FAILS = """
from inbox.toolkit import hookimpl

@hookimpl
def note_added(ticket):
    import pathlib
    if pathlib.Path(__file__).with_name("broken").exists():
        raise ValueError("the shop is down")
    pathlib.Path(__file__).with_name("told").open("a").write(f"{ticket.id} ")
"""


@pytest.fixture
def failing(app: Flask, write) -> Path:
    """An active plugin whose event answer fails while the file `broken` lies in its folder."""
    host_of(app).raise_faults = False
    place: Path = write("shaky", FAILS)
    (place / "broken").touch()
    lifecycle.activate("shaky")
    return place


def add_note(ticket: Ticket) -> None:
    messages.note(ticket, Body("A note."), by=Actor.system("test"))


def told(place: Path) -> list[str]:
    return (place / "told").read_text().split() if (place / "told").exists() else []


def test_repeated_faults_pause_events_wait_and_a_person_resumes(app: Flask, failing: Path) -> None:
    owner = make_agent(role="owner")
    make_agent(role="agent")
    found = [make_ticket() for _ in range(faults.PAUSE_AFTER)]
    for ticket in found:
        add_note(ticket)
    dispatch.deliver_due(app)
    assert state("shaky") == ("paused", "It failed 10 times within 10 minutes, at last so: "
                              "ValueError: the shop is down")
    late = make_ticket()
    host_of(app).forget()
    add_note(late)
    dispatch.deliver_due(app)
    deliveries.settle_states()
    db.session.rollback()
    assert set(db.session.scalars(sa.select(Delivery.state))) == {"waiting"}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == faults.PAUSE_AFTER + 1

    assert db.session.scalar(sa.select(Event.data).where(Event.kind == "plugin_paused"))["plugin"] == "shaky"
    mails = [job.args for job in db.session.scalars(sa.select(Job).where(Job.kind == "mail.system"))]
    assert [(mail["to"], mail["subject"]) for mail in mails] == [(owner.email, "The plugin shaky is paused")]
    assert "at last so: ValueError: the shop is down" in mails[0]["text"]

    (failing / "broken").unlink()
    lifecycle.activate("shaky")
    deliveries.settle_states()
    dispatch.deliver_due(app)
    assert sorted(told(failing), key=int) == [str(each.id) for each in [*found, late]]
    db.session.rollback()
    assert db.session.scalar(sa.select(Delivery.state).limit(1)) is None


def test_a_deactivated_plugin_gets_neither_events_nor_rows(app: Flask, failing: Path) -> None:
    add_note(make_ticket())
    dispatch.deliver_due(app)
    lifecycle.deactivate("shaky")
    deliveries.settle_states()
    add_note(make_ticket())
    dispatch.deliver_due(app)
    db.session.rollback()
    assert db.session.scalar(sa.select(Delivery.state).limit(1)) is None
    assert told(failing) == []


def test_old_faults_are_swept(app: Flask, session: Session) -> None:
    import datetime as dt

    from inbox.db import utcnow

    faults.store(host_of(app), "kind", "prepare_ticket", "old")
    assert faults.sweep(utcnow() - dt.timedelta(days=1)) == 0
    assert faults.sweep(utcnow() + dt.timedelta(seconds=1)) == 1


# --- writing goes on --------------------------------------------------------------------------------------------


def test_a_plugin_that_sleeps_in_prepare_stops_no_other_write(app: Flask, session: Session, write) -> None:
    import threading

    from inbox.core import intake
    from inbox.core.intake import Incoming
    from inbox.testing.factories import make_department

    write("sleepy", """
        import time
        from inbox.toolkit import hookimpl

        @hookimpl
        def prepare_ticket(ticket):
            time.sleep(1.5)
        """)
    lifecycle.activate("sleepy")
    department = make_department()
    number, asleep = department.id, threading.Event()

    def take_in() -> None:
        with work_context(app):
            from inbox.core.models import Department

            home: Any = db.session.get(Department, number)
            asleep.set()
            plan = intake.plan(Incoming("Help", "kari@example.com"), mailbox=None, department=home)
            with transaction():
                intake.accept(plan)

    thread = threading.Thread(target=take_in)
    thread.start()
    assert asleep.wait(5)
    time.sleep(0.2)
    began = time.monotonic()
    for _ in range(5):
        with transaction():
            department.signature = str(time.monotonic())
    took = time.monotonic() - began
    assert thread.is_alive() and took < 1
    thread.join()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 1
