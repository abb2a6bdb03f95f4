"""Fixtures for the whole suite.

INBOX_TEST_DB=sqlite (default) or postgresql chooses the database; INBOX_CI=1 forbids every skip.
Each test gets its own INBOX_HOME and its own database, copied from one that was migrated once: by the fixtures
`home`, `config`, `app`, `session`, … of inbox/testing/fixtures.py, which plugin authors have as well.
"""

import fcntl
import gc
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from inbox.testing import netguard

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from playwright.sync_api import Browser, Page

    from tests.support.dovecot import Dovecot
    from tests.support.program import Program
    from tests.support.smtp_sink import SmtpSink

pytest_plugins = ["inbox.testing.fixtures"]
KEPT = ("INBOX_TEST_DB", "INBOX_CI")
TEST_DB = os.environ.get("INBOX_TEST_DB", "sqlite")
IN_CI = os.environ.get("INBOX_CI") == "1"
LONG = ("cli/test_run.py", "browser/test_accessibility.py", "browser/", "mail/test_kill.py", "chaos/", "test_tutorial")
"""Files of minutes, begun first: two processes share the suite file by file, and neither should wait for the other."""
FEW_QUERIES = (
    "tests/web/", "tests/cli/", "tests/testing/", "tests/demo/", "tests/mail/test_kill.py",
    "tests/mail/test_imap.py", "tests/mail/test_smtp.py", "tests/mail/test_watch.py", "tests/mail/test_oauth.py",
    "tests/mail/test_dkim.py", "tests/core/test_permissions.py", "tests/builtin/",
    "plugins/crm/tests/test_crm_people.py", "plugins/crm/tests/test_crm_files.py",
    "plugins/sla/tests/test_sla_promise.py", "plugins/kb/tests/test_kb_desk.py", "plugins/kb/tests/test_kb_beside.py",
    "tests/plugin_host/test_misbehaving.py", "tests/plugin_host/test_bring.py", "plugins/kb/tests/test_kb_rich.py",
    "plugins/kb/tests/test_kb_help.py", "plugins/woocommerce/tests/test_woocommerce_orders.py",
    "plugins/woocommerce/tests/test_woocommerce_shops.py", "plugins/woocommerce/tests/test_woocommerce_refunds.py",
    "plugins/reports/tests/test_reports.py", "plugins/crm/tests/test_crm_organisations.py",
    "plugins/kb/tests/test_kb_articles.py", "plugins/sla/tests/test_sla.py", "tests/mail/test_pop3.py",
    "tests/exchange/test_old_mail.py", "tests/core/test_fields.py",
    "tests/core/test_agents.py", "tests/core/test_plugin_settings.py", "tests/core/test_settings.py",
    "tests/plugin_host/test_call.py", "tests/plugin_host/test_own_hooks.py")
"""What is about screens, commands, processes and other servers, with queries that other tests ask as well."""


# --- the suite's own rules ------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Settings of the person who runs the tests must not change what the tests do."""
    if TEST_DB not in ("sqlite", "postgresql"):
        raise pytest.UsageError(f"INBOX_TEST_DB must be sqlite or postgresql, not {TEST_DB!r}")
    for name in [n for n in os.environ if n.startswith("INBOX_") and n not in KEPT]:
        del os.environ[name]


def pytest_report_header() -> str:
    return f"database: {TEST_DB}; skips are {'failures' if IN_CI else 'allowed'}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests that do not touch the database under test to the SQLite round.

    A test touches it when it asks for it, directly or through a fixture, and is not marked `once`. Of what
    FEW_QUERIES names, only the tests marked `each_database` run again.
    """
    if TEST_DB == "postgresql":
        again = {item: uses_database(item) for item in items}
        config.hook.pytest_deselected(items=[item for item in items if not again[item]])
        items[:] = [item for item in items if again[item]]
    items.sort(key=lambda item: next((place for place, part in enumerate(LONG) if part in item.nodeid), len(LONG)))


def uses_database(item: pytest.Item) -> bool:
    """Tell whether a test has to run on each database."""
    fixtures = {"database_url", "database_in", "databases", "postgres"} & set(getattr(item, "fixturenames", ()))
    if not fixtures or item.get_closest_marker("once"):
        return False
    return not item.nodeid.startswith(FEW_QUERIES) or bool(item.get_closest_marker("each_database"))


TESTS_BETWEEN_COLLECTIONS = 25
_run = 0


def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking for garbage in it again and again took a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.disable()


def pytest_runtest_logfinish() -> None:
    """Each test leaves an application behind, which is a circle."""
    global _run
    _run += 1
    if _run % TESTS_BETWEEN_COLLECTIONS == 0:
        gc.collect()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    return _no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    return _no_skip((yield))


def _no_skip(report: Any) -> Any:
    """Where everything is installed, a skipped test is a test that nobody ran."""
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"INBOX_CI=1 allows no skip, and this was skipped: {report.longrepr}"
    return report


# --- nothing leaves this machine ------------------------------------------------------------------

_refused: list[str] = []


def _refuse(text: str) -> None:
    _refused.append(text)  # a thread's exception would not fail the test: the fixture below does
    raise ConnectionRefusedError(text)


@pytest.fixture(autouse=True, scope="session")
def _guard() -> Iterator[None]:
    netguard.install(_refuse)
    yield
    netguard.uninstall()


@pytest.fixture(autouse=True)
def network_guard() -> Iterator[list[str]]:
    """Fail the test that opened, or tried to open, a connection off this machine."""
    _refused.clear()
    socket.setdefaulttimeout(None)
    yield _refused
    if _refused:
        pytest.fail("\n".join(_refused), pytrace=False)


# --- database and application ---------------------------------------------------------------------


@pytest.fixture(scope="session")
def database_in(databases: Any) -> Iterator[Callable[[Path], str]]:
    """For fixtures that live longer than a test: makes a migrated, empty database for a home, as `database_url`."""
    made: list[str] = []

    def make(home: Path) -> str:
        made.append(databases.new(home))
        return made[-1]

    yield make
    for url in made:
        databases.drop(url)


@pytest.fixture
def client(app: "Flask") -> "FlaskClient":
    """A browser without a window, not signed in."""
    return app.test_client()


# --- servers --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def dovecot_server() -> Iterator["Dovecot"]:
    """A Dovecot for the whole session, with the users support and sales."""
    from tests.support import dovecot

    if not dovecot.is_installed():
        pytest.skip(dovecot.WHY_NOT)
    server = dovecot.Dovecot({"support": "secret", "sales": "secret"})
    yield server
    server.stop()


@pytest.fixture
def dovecot(dovecot_server: "Dovecot") -> "Dovecot":
    """The Dovecot of this session with empty mailboxes."""
    dovecot_server.empty()
    return dovecot_server


@pytest.fixture
def smtp_sink() -> Iterator["SmtpSink"]:
    """An SMTP server that takes mail from anybody and keeps it. For others, make an SmtpSink."""
    from tests.support.smtp_sink import SmtpSink

    server = SmtpSink()
    yield server
    server.stop()


@pytest.fixture
def start_program(tmp_path: Path) -> Iterator[Callable[..., "Program"]]:
    """Start the real program: `start_program("run", "--demo", env={…})`; stopped after the test."""
    from tests.support.program import Program

    started: list[Program] = []

    def start(*arguments: str, home: Path | None = None, **options: Any) -> Program:
        program = Program(home or tmp_path / f"program{len(started)}", *arguments, **options)
        started.append(program)
        return program

    yield start
    for program in started:
        program.stop()


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo desk as it is after its first start, not running. Work on a copy: all test processes share it."""
    from tests.support.program import inbox

    own = tmp_path_factory.getbasetemp()
    home = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "demo-desk"
    with (home.parent / "demo-desk.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "inbox.db").exists():
            writing = Path(tempfile.mkdtemp(dir=home.parent))
            done = inbox(writing, "init", env={"INBOX_DEMO": "1"}, timeout=240)
            assert done.returncode == 0, done.stderr.decode()
            writing.rename(home)
    return home


# Not for the whole session: while Playwright runs, asyncio.run() is refused in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Chromium, for the tests of one file."""
    from tests.support.browser import WHY_NOT, chromium, find_chromium

    if find_chromium() is None:
        pytest.skip(WHY_NOT)
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A page of its own (cookies and storage empty) at 1440 × 900."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()
