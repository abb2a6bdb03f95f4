"""The kit for plugin authors: each fixture, used as an author would."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inbox import http
from inbox.core import messages
from inbox.core.events import Actor
from inbox.testing.desk import Desk
from inbox.testing.remote import MODES
from inbox.testing.visitor import Visitor

pytest_plugins = ["pytester"]
GREETS = """
from inbox.toolkit import Link, hookimpl

@hookimpl
def settings_menu_links(agent):
    return [Link("Hello " + agent.name, "/x/greeter/")]
"""
COUNTS = """
import pathlib
from inbox.toolkit import hookimpl

@hookimpl
def message_received(message, event):
    with pathlib.Path(__file__).with_name("told").open("a") as file:
        file.write(f"{event.id} ")
    if "boom" in message.text:
        raise ValueError("as the test wants it")
"""


@pytest.fixture
def client(desk: Desk, agent: Any) -> Visitor:
    """The author's client; our own suite has another of that name."""
    return desk.visitor(agent)


@pytest.fixture
def write(desk: Desk) -> Callable[..., Path]:
    from inbox.testing.plugins import write_plugin

    return lambda name, code: write_plugin(desk.config.plugin_folder, name, code)


def test_a_plugin_is_activated_and_its_link_is_on_the_page(write, activate, client, agent) -> None:
    write("greeter", GREETS)
    assert "Hello" not in client.get("/settings/desk").text
    activate("greeter")
    assert f"Hello {agent.name}" in client.get("/settings/desk").text


def test_mail_comes_in_through_the_real_intake(desk: Desk, receive_email) -> None:
    ticket = receive_email("Where is it?", subject="Parcel", sender="Ola <ola@example.com>",
                          files={"label.pdf": b"%PDF-1.4"})
    (message,) = messages.thread(ticket)
    assert (message.kind, message.text.strip(), ticket.subject) == ("received", "Where is it?", "Parcel")
    assert ticket.customer.email == "ola@example.com"
    with pytest.raises(LookupError, match="No mailbox"):
        receive_email(to="nobody@elsewhere.example")


def test_what_goes_out_is_seen_and_answered(desk: Desk, receive_email, mail_out, agent) -> None:
    question = receive_email("Where is it?")
    assert mail_out() == []
    reply = messages.reply(question, messages.Body("On its way."), by=Actor.of(agent))
    (mail,) = mail_out()
    assert mail["To"] == "Kari Nordmann <kari@example.com>"
    assert "On its way." in mail.get_body().get_content()
    assert mail_out() == []
    thanks = receive_email("Thanks!", answers=reply)
    assert thanks.id == question.id


def test_events_are_delivered_when_asked_and_also_twice(write, activate, receive_email, deliver_events) -> None:
    place = write("listener", COUNTS)
    activate("listener")
    receive_email("One")
    assert not (place / "told").exists()
    deliver_events(twice=True)
    told = (place / "told").read_text().split()
    assert len(told) == 2
    assert len(set(told)) == 1
    receive_email("Two")
    deliver_events()
    assert len((place / "told").read_text().split()) == 3


def test_a_fault_is_raised_at_once(write, activate, receive_email, deliver_events, desk: Desk) -> None:
    from inbox.plugin_host.call import PluginFailure

    write("listener", COUNTS)
    activate("listener")
    receive_email("boom")
    with pytest.raises(PluginFailure, match="as the test wants it"):
        deliver_events()
    assert [each.plugin for each in desk.faults()] == ["listener"]


def test_faults_are_kept_away_from_the_desk_by_the_test_that_asks_for_them(
        write, activate, receive_email, deliver_events, faults) -> None:
    write("listener", COUNTS)
    activate("listener")
    receive_email("boom")
    deliver_events()
    (fault,) = faults()
    assert (fault.plugin, fault.hook) == ("listener", "message_received")
    assert "as the test wants it" in fault.summary


def test_the_clock_stands_until_it_is_moved(frozen_time, receive_email, client) -> None:
    began = frozen_time.now
    assert receive_email("One").created_at.replace(microsecond=0) == began.replace(microsecond=0)
    frozen_time.move(days=2)
    assert frozen_time.now - began == dt.timedelta(days=2)


@pytest.mark.parametrize("mode", MODES)
def test_a_remote_server_is_well_or_ill(desk: Desk, remote, mode: str) -> None:
    shop = remote()
    shop.answers["/orders"] = [7]
    shop.mode = mode
    try:
        seen = http.get(f"{shop.url}/orders", timeout=0.3 if mode == "slow" else 10.0).require().json()
    except http.Failed as error:
        seen = type(error).__name__
    assert seen == {"ok": [7], "slow": "Unreachable", "dead": "Unreachable"}.get(mode, "BadAnswer")
    assert bool(shop.requests) is (mode != "dead")


# --- in a project of its own ------------------------------------------------------------------------------------


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty folder; pytest started there finds the kit as it does where the package is installed."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.delenv("INBOX_TEST_DB", raising=False)
    return pytester


def run(project: pytest.Pytester, *words: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:cacheprovider", "-p", "inbox.testing.pytest_plugin", *words)


@pytest.mark.once
def test_other_projects_see_no_fixtures_and_load_nothing(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import sys

        def test_nothing_is_loaded():
            assert not {"flask", "sqlalchemy", "inbox.testing.fixtures"} & set(sys.modules)

        def test_there_is_no_such_fixture(desk):
            pass
        """)
    run(project).assert_outcomes(passed=1, errors=1)


@pytest.mark.once
def test_a_plugin_s_folder_is_a_project_of_its_own(project: pytest.Pytester) -> None:
    """The folder is a package to Python and none to pytest; its own module is loaded once; the network is refused;
    and a fault nobody looked at fails the test."""
    from inbox.testing.plugins import write_plugin

    place = write_plugin(project.path, "listener", COUNTS)
    (place / "tests").mkdir()
    (place / "tests" / "test_listener.py").write_text("""
import socket, sys

import pytest


def test_it_is_found_and_works(activate, receive_email, deliver_events):
    activate("listener")
    receive_email("One")
    assert deliver_events() > 0
    loaded = [name for name, module in sys.modules.items() if getattr(module, "message_received", None)
              and "listener" in name]
    assert loaded == ["inbox_plugins.listener"]


def test_a_fault_nobody_looked_at(activate, receive_email, deliver_events, faults):
    activate("listener")
    receive_email("boom")
    deliver_events()


def test_the_network_is_refused(desk):
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_client(client, ticket):
    assert client.get(f"/tickets/{ticket().number}").status_code == 200
""")
    done = run(project, str(place))
    done.assert_outcomes(passed=4, errors=2)
    done.stdout.fnmatch_lines_random(["*listener, message_received: ValueError: as the test wants it", "*192.0.2.1*"])
