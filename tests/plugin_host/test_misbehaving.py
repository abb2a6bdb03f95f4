"""The sample plugins that misbehave: what each costs is a fault with its name, and nothing else."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core.events import OWN_DEPTH
from inbox.core.models import Department, Event, Message, Ticket
from inbox.db import db, in_transaction, transaction, utcnow, work_context
from inbox.jobs import dispatch
from inbox.plugin_host import blackbox, call, guards, items, lifecycle, loading, running
from inbox.plugin_host.blackbox import BlackBox
from inbox.plugin_host.lifecycle import PluginError
from inbox.plugin_host.models import Plugin, PluginFault
from inbox.plugin_host.registry import PluginHost
from inbox.plugin_host.running import Call
from inbox.plugin_host.watchdog import Watchdog
from inbox.testing.factories import make_ticket
from inbox.testing.plugins import plug, without_builtins

SAMPLES = Path(__file__).parent.parent / "sample_plugins"
AGENT = SimpleNamespace(id=1)


@pytest.fixture
def host(app: Flask, session: Session) -> Iterator[PluginHost]:
    """Faults are stored, not raised; the always-active features are out of the way."""
    host = without_builtins(app)
    host.raise_faults = False
    before = set(sys.modules)
    yield host
    for name in [each for each in sys.modules if each.startswith("inbox_plugins.") and each not in before]:
        del sys.modules[name]


@pytest.fixture
def activate(app: Flask, host: PluginHost) -> Callable[[str], Path]:
    """Put a sample into INBOX_HOME/plugins and activate it. Returns its folder."""

    def do(name: str) -> Path:
        folder: Path = app.config["INBOX"].plugin_folder / name
        shutil.copytree(SAMPLES / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
        lifecycle.activate(name)
        return folder

    return do


def faults() -> list[PluginFault]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(PluginFault).order_by(PluginFault.id)))


def state(name: str) -> str:
    db.session.rollback()
    return db.session.scalar(sa.select(Plugin.state).where(Plugin.name == name)) or ""


def all_slots(ticket: Ticket) -> list[Any]:
    return [*call.slot("ticket_sidebar_panels", ticket=ticket, agent=AGENT),
            *call.slot("ticket_buttons", ticket=ticket, agent=AGENT),
            *call.slot("main_menu_links", agent=AGENT), *call.slot("bulk_actions", view="all", agent=AGENT)]


def writing_works(app: Flask) -> None:
    """Core's own session, and another one, read and write."""
    with transaction() as current:
        current.execute(sa.update(Department).values(signature="Yours"))
    with work_context(app), transaction() as current:
        current.execute(sa.update(Department).values(signature="Sincerely"))
    assert db.session.scalar(sa.select(Department.signature).limit(1)) == "Sincerely"


# --- while asked ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "says"), [
    ("raises", {"prepare_ticket": "ValueError", "message_received": "ValueError", "ticket_buttons": "ValueError",
                "main_menu_links": "ValueError", "bulk_actions": "ValueError"}),
    ("exits", {"prepare_ticket": "SystemExit: No licence.", "message_received": "SystemExit: 3",
               "main_menu_links": "SystemExit"}),
    ("wrongtypes", {"prepare_ticket": "returned str; this hook returns nothing", "message_received": "returned Ticket",
                    "ticket_buttons": "returned str instead of list",
                    "ticket_sidebar_panels": "holds dict instead of Panel"}),
    ("badquery", {"message_received": "badquery_nowhere", "ticket_buttons": "badquery_nowhere"}),
    ("hugepanel", {"ticket_sidebar_panels": "at most 50 facts"}),
    ("leaker", {"message_received": "left a transaction open", "main_menu_links": "left a database connection open",
                "ticket_sidebar_panels": "left a savepoint open", "ticket_buttons": "RuntimeError"}),
])
def test_each_misdeed_is_a_fault_and_the_work_goes_on(app: Flask, host: PluginHost, activate: Any, name: str,
                                                     says: dict[str, str]) -> None:
    activate(name)
    before = Ticket(subject="Hello")
    call.prepare("prepare_ticket", before, message=Message(extra={}))
    assert before.subject == "Hello"
    ticket = make_ticket("Unharmed")
    dispatch.deliver_due(app)
    assert all_slots(ticket) == []
    assert ticket.subject == "Unharmed" and ticket.customer.name
    found = {fault.hook: fault for fault in faults()}
    assert {hook: text in found[hook].summary for hook, text in says.items()} == dict.fromkeys(says, True)
    assert found.keys() == says.keys()
    about = {hook: fault.ticket_id for hook, fault in found.items() if hook.startswith(("message", "ticket"))}
    assert set(about.values()) == {ticket.id}
    assert all(fault.plugin == name for fault in faults())
    began = time.monotonic()
    writing_works(app)
    assert time.monotonic() - began < 3  # no lock was left behind
    assert db.session.scalar(sa.select(Ticket.subject)) == "Unharmed"


def test_a_query_that_fails_in_secret_leaves_a_session_that_works(app: Flask, activate: Any) -> None:
    """PostgreSQL refuses everything after a failed query until the transaction ends."""
    activate("badquery")
    ticket = make_ticket()
    assert call.slot("ticket_sidebar_panels", ticket=ticket, agent=AGENT) == []
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 1
    assert [fault for fault in faults() if fault.hook == "ticket_sidebar_panels"] == []


@pytest.mark.parametrize("words", ["SET statement_timeout = 1", " set\nsearch_path TO nowhere", "LISTEN inbox"])
def test_the_settings_of_a_connection_are_not_for_a_plugin_to_change(app: Flask, host: PluginHost, words: str) -> None:
    """They would stay with it, for whoever is given it next."""
    def ticket_buttons(ticket: Ticket) -> None:
        db.session.execute(sa.text(words))

    plug(app, "setter", ticket_buttons)
    host.raise_faults = True
    with pytest.raises(call.PluginFailure, match="stay with it"):
        call.slot("ticket_buttons", ticket=make_ticket(), agent=AGENT)


def test_a_broken_template_leaves_the_rest_of_the_page(app: Flask, activate: Any) -> None:
    from inbox.plugin_host.items import Panel
    from inbox.web import plugin_parts

    activate("brokentemplate")
    plug(app, "good", ticket_sidebar_panels)
    ticket = make_ticket()
    with app.test_request_context("/"):
        panels = call.slot("ticket_sidebar_panels", ticket=ticket, agent=AGENT)
        assert [type(each) for each in panels] == [Panel, Panel]
        drawn = [plugin_parts.panel_content(each) for each in panels if each.template]
    (fault,) = faults()
    assert (fault.plugin, fault.hook) == ("brokentemplate", "template panel.html")
    assert "undefined" in fault.summary and drawn == [None]


def ticket_sidebar_panels(ticket: Any) -> list[items.Panel]:
    return [items.Panel("Good", facts={"a": "b"})]


def test_a_text_of_a_plugin_has_an_end(host: PluginHost) -> None:
    assert call.guard("kb", "template x", lambda: "x" * guards.LONGEST_TEXT)[0]
    assert call.guard("kb", "template x", lambda: "x" * (guards.LONGEST_TEXT + 1)) == (False, None)
    with pytest.raises(items.ItemError, match=r"2,000 characters"):
        items.Panel("A", facts={"a": "x" * 2001})


def test_a_plugin_that_answers_itself_comes_to_an_end(app: Flask, activate: Any) -> None:
    activate("looper")
    make_ticket()
    dispatch.deliver_due(app)
    depths = db.session.scalars(sa.select(Event.depth).where(Event.kind == "note_added").order_by(Event.id)).all()
    assert depths == list(range(1, OWN_DEPTH + 1))
    (fault,) = faults()
    assert "plugins have answered each other" in fault.summary
    assert fault.weight == 5


def test_only_who_asks_for_it_hears_itself(app: Flask, host: PluginHost) -> None:
    from inbox.core import messages
    from inbox.core.messages import Body
    from inbox.toolkit import hears_itself, me

    told: list[str] = []

    def deaf() -> Callable[..., None]:
        def note_added(note: Any) -> None:
            told.append(f"deaf {note.text}")

        return note_added

    def hearing() -> Callable[..., None]:
        @hears_itself
        def note_added(note: Any) -> None:
            told.append(f"hearing {note.text}")

        return note_added

    def writer(text: str) -> Callable[..., None]:
        def message_received(ticket: Any) -> None:
            messages.note(ticket, Body(text), by=me())

        return message_received

    plug(app, "deaf", deaf(), writer("by deaf"))
    plug(app, "hearing", hearing(), writer("by hearing"))
    make_ticket()
    dispatch.deliver_due(app)
    assert sorted(told) == ["deaf by hearing", "hearing by deaf", "hearing by hearing"]


# --- while loaded -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "says"), [
    ("brokenimport", "AttributeError"), ("twins", "registered before"), ("slowimport", "takes more than"),
    ("patcher", r"replaces inbox\.plugin_host\.call\.slot"), ("brokenmigration", "brokenmigration")])
def test_what_cannot_be_loaded_is_refused_with_a_reason(host: PluginHost, activate: Any,
                                                       monkeypatch: pytest.MonkeyPatch, name: str, says: str) -> None:
    monkeypatch.setattr(loading, "LONGEST", 0.3 if name == "slowimport" else 10.0)
    before, tables = call.slot, set(sa.inspect(db.engine).get_table_names())
    with pytest.raises((PluginError, sa.exc.SQLAlchemyError), match=says):
        activate(name)
    assert call.slot is before
    assert set(sa.inspect(db.engine).get_table_names()) == tables
    assert state(name) in ("", "installed")


def test_an_import_that_hangs_is_tried_once_in_a_process(app: Flask, host: PluginHost,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LONGEST", 0.3)
    folder: Path = app.config["INBOX"].plugin_folder / "slowimport"
    shutil.copytree(SAMPLES / "slowimport", folder)
    with transaction() as current:
        current.add(Plugin(name="slowimport", version="1.0", state="active"))
    host.forget()
    assert "slowimport" not in host.active()
    began = time.monotonic()
    host.forget()
    assert "slowimport" not in host.active() and time.monotonic() - began < 0.2
    (fault,) = faults()
    assert (fault.hook, fault.weight) == ("import", loading.TOO_LONG) and "time.sleep(60)" in fault.trace


def test_functions_replaced_later_are_put_back_and_the_plugin_is_paused(app: Flask, activate: Any) -> None:
    activate("latepatcher")
    watchdog, before = Watchdog(app), call.listeners
    make_ticket()
    dispatch.deliver_due(app)
    assert call.listeners is not before
    watchdog.look()
    assert call.listeners is before
    assert state("latepatcher") == "paused"
    assert "inbox.plugin_host.call.listeners" in faults()[0].summary


# --- from outside -----------------------------------------------------------------------------------------------


@pytest.fixture
def hanging(app: Flask, host: PluginHost) -> Iterator[Callable[..., None]]:
    """`hanging(2, ticket)`: so many more calls of `sleeper` that hang in a slot to the end of the test."""
    release, threads = threading.Event(), []

    def ticket_sidebar_panels(ticket: Any) -> None:
        release.wait(20)

    plug(app, "sleeper", ticket_sidebar_panels)

    def hang(count: int, number: int) -> None:
        def ask() -> None:
            with work_context(app):
                call.slot("ticket_sidebar_panels", ticket=db.session.get(Ticket, number), agent=AGENT)

        for _ in range(count):
            threads.append(threading.Thread(target=ask))
            threads[-1].start()
        end = time.monotonic() + 5
        while len(host.running.now()) < len(threads):
            assert time.monotonic() < end
            time.sleep(0.01)

    yield hang
    release.set()
    for each in threads:
        each.join()


def test_a_long_call_is_a_fault_while_it_runs_and_a_second_one_pauses(app: Flask, host: PluginHost, hanging: Any,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LONGEST_CALL", 0.2)
    ticket = make_ticket()
    with transaction() as current:
        current.add(Plugin(name="sleeper", version="1", state="active"))
    hanging(1, ticket.id)
    time.sleep(0.3)
    watchdog = Watchdog(app)
    watchdog.look()
    (fault,) = faults()
    assert (fault.plugin, fault.hook, fault.ticket_id) == ("sleeper", "ticket_sidebar_panels", ticket.id)
    assert "running for more than" in fault.summary and "release.wait(20)" in fault.trace
    assert "inbox/plugin_host" not in fault.trace.replace(str(Path(__file__).parent), "")  # it begins with the plugin's
    assert state("sleeper") == "active" and len(host.running.now()) == 1
    time.sleep(0.2)
    watchdog.look()  # twice as long: told again
    assert len(faults()) == 2 and state("sleeper") == "paused"


def test_a_plugin_that_hangs_several_times_is_not_waited_for(app: Flask, host: PluginHost, hanging: Any,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "CLOGGED_SECONDS", 0.4)
    plug(app, "good", ticket_sidebar_panels)
    ticket = make_ticket()
    hanging(1, ticket.id)
    time.sleep(0.5)
    assert not host.running.is_clogged("sleeper")  # one may be one odd ticket
    hanging(1, ticket.id)
    began = time.monotonic()
    (panel,) = call.slot("ticket_sidebar_panels", ticket=ticket, agent=AGENT)
    assert panel.title == "Good" and time.monotonic() - began < 2
    assert call.guard("sleeper", "page orders", list, may_write=True) == (False, None)
    notes = [fault for fault in faults() if fault.weight == 0]
    assert [(note.plugin, note.summary) for note in notes] == [
        ("sleeper", "It was not asked: earlier calls still hang.")]  # one note, not one for each page


def test_many_calls_at_once_are_too_many_at_once(host: PluginHost) -> None:
    for _ in range(running.MOST_AT_ONCE):
        assert not host.running.is_clogged("kb")
        host.running.begin(Call("kb", "ticket_buttons", "slot"))
    assert host.running.is_clogged("kb") and not host.running.is_clogged("crm")
    for each in host.running.now():
        host.running.end(each)
    assert not host.running.is_clogged("kb")


def test_a_write_held_open_is_rolled_back_while_the_plugin_sleeps(app: Flask, host: PluginHost,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "LONGEST_WRITE", 1.0)
    release, done = threading.Event(), threading.Event()

    def message_received(ticket: Any) -> None:
        with transaction() as current:
            current.execute(sa.update(Ticket).values(subject="held"))
            release.wait(20)
            current.execute(sa.update(Ticket).values(subject="held again"))

    plug(app, "holder", message_received)
    make_ticket("Mine")

    def deliver() -> None:
        dispatch.deliver_due(app)
        done.set()

    thread = threading.Thread(target=deliver)
    thread.start()
    watchdog, end = Watchdog(app), time.monotonic() + 10
    while not any(each.broken for each in host.running.now()):
        assert time.monotonic() < end
        time.sleep(0.1)
        watchdog.look()
    time.sleep(0.3 if db.engine.dialect.name == "sqlite" else 1.5)  # there the server ends it
    began = time.monotonic()
    with transaction() as current:
        current.execute(sa.update(Ticket).values(subject="Changed by core"))
    assert time.monotonic() - began < 2 and not done.is_set()
    release.set()
    thread.join()
    assert "kept a write transaction open" in faults()[-1].summary
    assert db.session.scalar(sa.select(Ticket.subject)) == "Changed by core"
    assert not in_transaction()


def test_who_eats_memory_is_blamed_and_the_process_replaced(app: Flask, host: PluginHost, activate: Any) -> None:
    activate("hungry")
    reasons: list[str] = []
    eaten = sys.modules["inbox_plugins.hungry"].eaten
    # Not the real weight: what earlier tests left behind may be given back to the system in the middle of this one.
    host.running.scales = SimpleNamespace(  # type: ignore[assignment]
        weigh=lambda: (100 << 20) + sum(len(each) for each in eaten))
    watchdog = Watchdog(app, reasons.append)
    watchdog._limit = 160 << 20
    ticket = make_ticket()
    watchdog.look()
    assert reasons == []
    for _ in range(2):
        call.slot("ticket_buttons", ticket=ticket, agent=AGENT)
    watchdog.host.running.grown["crm"] = 5 << 20
    watchdog.look()
    watchdog.look()
    assert len(reasons) == 1 and "is its limit" in reasons[0]
    (fault,) = [each for each in faults() if each.hook == "ticket_buttons" and each.weight == 5]
    assert fault.plugin == "hungry" and "80 MB of it came during calls of this plugin" in fault.summary
    eaten.clear()


def test_the_scales_see_what_a_process_takes() -> None:
    """In a process of its own, where nobody else takes or gives back."""
    program = ("from inbox.plugin_host.running import Scales; scales = Scales(); before = scales.weigh(); "
               "eaten = b'x' * (40 << 20); print((scales.weigh() - before) >> 20)")
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 38 <= int(told.stdout) <= 44


def test_a_long_call_does_not_pay_for_a_short_one_beside_it() -> None:
    calls, sizes = running.RunningCalls(), iter([100, 160, 160])
    calls.scales = SimpleNamespace(weigh=lambda: next(sizes) << 20)  # type: ignore[assignment]
    long, short = Call("patient", "note_added", "event"), Call("hungry", "note_added", "event")
    calls.begin(long)
    calls.begin(short)  # at once: the process has the weight it had
    long.began -= 2.0
    short.began -= 1.0
    calls.end(short)
    calls.end(long)
    assert calls.grown == {"hungry": 60 << 20}


def test_calls_that_are_over_at_once_are_not_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, weighed = running.RunningCalls(), []
    calls.scales = SimpleNamespace(weigh=lambda: weighed.append(1) or 100 << 20)  # type: ignore[assignment]
    monkeypatch.setattr(running, "QUICK_SECONDS", 60.0)
    monkeypatch.setattr(running, "FRESH_SECONDS", 60.0)
    for _ in range(50):
        each = Call("idle", "main_menu_links", "slot")
        calls.begin(each)
        calls.end(each)
    assert (len(weighed), calls.grown) == (1, {})


DIES = """
import pathlib
from inbox.app import create_app
from inbox.config import Config
from inbox.core.models import Ticket
from inbox.db import db, work_context
from inbox.plugin_host import call, watchdog
app = create_app(Config(home=pathlib.Path({home!r}), database_url={url!r}))
watching = watchdog.start(app, print)
with work_context(app):
    ticket = db.session.get(Ticket, {ticket})
    call.slot("ticket_menu_items", ticket=ticket, agent=None)
"""


def test_the_plugin_during_whose_call_a_process_ended_is_blamed(app: Flask, host: PluginHost, activate: Any) -> None:
    activate("dies")
    ticket, config = make_ticket(), app.config["INBOX"]
    code = DIES.format(home=str(config.home), url=config.database_url, ticket=ticket.id)
    for wanted in ("active", "paused"):
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
        Watchdog(app).blame_for_deaths()
        assert state("dies") == wanted
    assert [(each.plugin, each.hook, each.ticket_id, each.summary) for each in faults()] == [
        ("dies", "ticket_menu_items", ticket.id, "The process ended during this call.")] * 2
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # it is not asked any more


def test_of_several_calls_the_last_is_the_likeliest(tmp_path: Path) -> None:
    box = BlackBox(tmp_path)
    for name in ("first", "second", "third"):
        box.write(Call(name, "note_added", "event", ticket_id=7))
    box.clear(box.write(Call("done", "note_added", "event")))
    assert list(blackbox.left_behind(tmp_path)) == []  # its owner lives
    box.die()
    (records,) = blackbox.left_behind(tmp_path)
    assert [(each.plugin, each.ticket_id) for each in records] == [("third", 7), ("second", 7), ("first", 7)]
    assert list(blackbox.left_behind(tmp_path)) == []  # told once


def test_a_call_that_went_on_to_another_plugin_is_as_new_as_that(tmp_path: Path) -> None:
    calls = running.RunningCalls()
    calls.blackbox = box = BlackBox(tmp_path)
    chain, beside = Call("quick", "ticket_menu_items", "slot"), Call("innocent", "note_added", "event")
    calls.begin(chain)
    calls.begin(beside)
    calls.end(chain, goes_on=True)
    calls.go_on(chain, "kills")
    assert [each.plugin for each in calls.now()] == ["kills", "innocent"]
    box.die()
    (records,) = blackbox.left_behind(tmp_path)
    assert [each.plugin for each in records] == ["kills", "innocent"]


def test_nobody_is_blamed_when_a_process_was_told_to_end(tmp_path: Path) -> None:
    box = BlackBox(tmp_path)
    box.write(Call("kb", "note_added", "event"))
    box.ending()
    box.die()
    assert list(blackbox.left_behind(tmp_path)) == [[]]


def test_an_import_that_ends_the_process_is_not_tried_for_ever(app: Flask, host: PluginHost, session: Session) -> None:
    folder: Path = app.config["INBOX"].plugin_folder / "bomb"
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text('name = "bomb"\ntitle = "Bomb"\nversion = "1.0"\n')
    (folder / "__init__.py").write_text("raise ValueError('imported after all')")
    with transaction() as current:
        current.add(Plugin(name="bomb", version="1.0", state="active", changed_at=utcnow()))
    for _ in range(2):
        box = BlackBox(app.config["INBOX"].home)
        box.write(Call("bomb", "import", "register"))
        box.die()
        Watchdog(app).blame_for_deaths()
    assert state("bomb") == "paused"
    host.forget()
    host.active()
    assert [fault.summary for fault in faults()] == ["The process ended during this call."] * 2
    assert db.session.get(Plugin, "bomb").error == "Importing it ended the process."
