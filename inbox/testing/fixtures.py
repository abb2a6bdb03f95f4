"""The fixtures for tests of plugins. A fixture is made when a test asks for it, and what it needs is imported then."""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from inbox.testing.pytest_plugin import plugin_folders

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy.orm import Session

    from inbox.config import Config
    from inbox.core.models import Agent, Ticket
    from inbox.plugin_host.models import PluginFault
    from inbox.testing.databases import Postgresql, Sqlite
    from inbox.testing.desk import Desk
    from inbox.testing.remote import Remote
    from inbox.testing.visitor import Visitor

_failed = pytest.StashKey[bool]()
REMOTE_SECONDS = 1.0  # whatever a plugin's own time limit is: a test need not wait for it


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Remember whether a test failed by itself: then its faults are not told a second time."""
    report = yield
    if report.failed:
        item.stash[_failed] = True
    return report


# --- the desk ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sqlite | Postgresql]:
    """Migrated databases, as INBOX_TEST_DB chooses."""
    from inbox.testing.databases import chosen

    made = chosen(tmp_path_factory.mktemp("databases"))
    yield made
    made.stop()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty INBOX_HOME."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def database_url(home: Path, databases: Sqlite | Postgresql) -> Iterator[str]:
    """A migrated, empty database of this test's own; the value for Config.database_url."""
    url = databases.new(home)
    yield url
    databases.drop(url)


@pytest.fixture
def config(home: Path, database_url: str) -> Config:
    """Settings for an application in this test's own home. Plugins may talk to the fake servers of this machine."""
    from inbox.config import Config

    return Config(home=home, database_url=database_url, private_hosts="127.0.0.1", testing=True, max_hold=0)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the applications of all tests need not make anew."""
    from inbox.testing.shared import Shared

    return Shared(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def app(config: Config, shared: Any) -> Iterator[Flask]:
    """The application on a fresh, migrated database. No work context is entered: see `session`."""
    from inbox.app import create_app
    from inbox.db import db

    application = create_app(config)
    with application.app_context():
        shared.lend_to(application, db.engine)
    yield application
    with application.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """The session of a work context that lasts for the test. A client's requests have their own."""
    from inbox.db import work_context

    with work_context(app) as current:
        yield current


@pytest.fixture
def here_only() -> Iterator[None]:
    """Refuse every connection off this machine, and fail the test that tried one."""
    from inbox.testing import netguard

    tried: list[str] = []

    def refuse(text: str) -> None:
        tried.append(text)  # a thread's exception would not fail the test
        raise ConnectionRefusedError(text)

    if not netguard.is_installed():
        socket.setdefaulttimeout(None)
        netguard.install(refuse)
        yield
        netguard.uninstall()
    else:
        yield  # the suite has a guard of its own
    if tried:
        pytest.fail("\n".join(tried), pytrace=False)


@pytest.fixture
def desk(request: pytest.FixtureRequest, session: Session, here_only: None) -> Iterator[Desk]:
    """The whole program on an empty database, with the plugin under test within reach but not active.

    A fault of a plugin is raised at once, so that it fails the test; a test that expects one asks for `faults`.
    """
    from inbox.plugin_host.manifest import ManifestError, read
    from inbox.testing.desk import Desk
    from inbox.testing.pytest_plugin import FILE

    made = Desk(request.getfixturevalue("app"))
    for folder in [*plugin_folders(request.path.parent), *plugin_folders(request.config.rootpath)]:
        try:
            made.put(folder, read(folder / FILE).name)
        except ManifestError as error:
            pytest.fail(str(error), pytrace=False)
    yield made
    left = [] if request.node.stash.get(_failed, False) else made.new_faults()
    if left:
        pytest.fail("\n\n".join(["A plugin failed, and the test did not look at `faults`:", *(
            f"{each.plugin}, {each.hook}: {each.summary}\n{each.trace}" for each in left)]), pytrace=False)


@pytest.fixture
def activate(desk: Desk) -> Callable[..., None]:
    """`activate("loyalty")`: install a plugin here and ask it from now on."""
    return desk.activate


@pytest.fixture
def faults(desk: Desk) -> Callable[[], list[PluginFault]]:
    """`faults()`: what went wrong in plugins so far. Asking for this keeps faults away from the desk, as in life."""
    desk.host.raise_faults = False
    return desk.faults


# --- people and tickets -----------------------------------------------------------------------------------------


@pytest.fixture
def agent(desk: Desk) -> Agent:
    """An admin, whom `client` is signed in as."""
    from inbox.testing.factories import make_agent

    return make_agent("Ada Admin", role="admin")


@pytest.fixture
def client(desk: Desk, agent: Agent) -> Visitor:
    """A browser, signed in as `agent`: `client.get(path)`, `client.post(path, {"name": "x"})` with the CSRF token."""
    return desk.visitor(agent)


@pytest.fixture
def ticket(desk: Desk) -> Callable[..., Ticket]:
    """`ticket(subject="…", text="…")`: a ticket that a message has opened; what is not given is invented."""
    from inbox.testing.factories import make_ticket

    return make_ticket


@pytest.fixture
def receive_email(desk: Desk) -> Callable[..., Ticket]:
    """`receive_email("Where is it?", sender="kari@example.com")`: a mail, through the real intake. Its ticket."""
    return desk.receive_email


@pytest.fixture
def mail_out(desk: Desk) -> Callable[[], list[Any]]:
    """`mail_out()`: what has gone out since the last look, as email messages."""
    return desk.mail_out


@pytest.fixture
def held_mail(desk: Desk) -> None:
    """What agents send from a page can be undone for 15 seconds, as in life; without this it goes out at once."""
    from dataclasses import replace

    desk.app.config["INBOX"] = replace(desk.config, max_hold=60)


@pytest.fixture
def deliver_events(desk: Desk) -> Callable[..., int]:
    """`deliver_events()`: tell plugins of what happened, now. `twice=True`: and once more."""
    return desk.deliver_events


# --- time and the world outside ---------------------------------------------------------------------------------


class FrozenTime:
    """A clock that stands until it is moved."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    @property
    def now(self) -> dt.datetime:
        from inbox.db import utcnow

        return utcnow()

    def set(self, moment: dt.datetime) -> None:
        """Put the clock to an aware moment."""
        from inbox.db import at_time

        self._stack.enter_context(at_time(moment))

    def move(self, **by: float) -> None:
        """Put the clock forward: `move(days=2, hours=3)`."""
        self.set(self.now + dt.timedelta(**by))


@pytest.fixture
def frozen_time() -> Iterator[FrozenTime]:
    """The clock stands: `frozen_time.now`, `.move(days=1)`, `.set(moment)`."""
    with ExitStack() as stack:
        clock = FrozenTime(stack)
        clock.set(clock.now)
        yield clock


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Remote]]:
    """`shop = remote()`: a web server of this machine; `shop.answers`, `shop.mode`, `shop.requests`, `shop.url`."""
    from inbox import http
    from inbox.testing.remote import Remote

    monkeypatch.setattr(http, "LONGEST", REMOTE_SECONDS)
    made: list[Remote] = []

    def start() -> Remote:
        made.append(Remote())
        return made[-1]

    yield start
    for each in made:
        each.stop()


@pytest.fixture
def plugin_contract(desk: Desk) -> Callable[[str], None]:
    """`plugin_contract("loyalty")`: fail with everything a plugin does not keep to."""
    from inbox.testing.contract import complaints

    def check(name: str) -> None:
        found = complaints(desk, name)
        if found:
            pytest.fail("\n".join([f"Plugin {name} does not keep to the contract:", *map(str, found)]), pytrace=False)

    return check


def pytest_report_header() -> str:
    """Which database the desks of this run have."""
    from inbox import __version__

    return f"Pluginbox {__version__}, database: {(os.environ.get('INBOX_TEST_DB') or 'sqlite').partition(':')[0]}"
