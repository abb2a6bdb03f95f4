"""A plugin comes, is upgraded and goes while people work: no request fails, and every process follows soon.

The real program with two web processes, under a constant load of page views over kept connections.
"""

import http.client
import os
import re
import signal
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from inbox.config import Config
from inbox.core import plugins
from inbox.core.events import Actor
from inbox.db import db, transaction, work_context
from inbox.plugin_host import bring, faults, lifecycle
from inbox.plugin_host.models import Plugin
from inbox.prepare import open_desk
from inbox.testing.factories import make_ticket
from tests.plugin_host.archives import files_of, make_zip
from tests.support.program import Program, inbox

pytestmark = pytest.mark.once

ACTIVATION_SECONDS, CODE_SECONDS = 2.0, 15.0
LOGIN = ("ada@desk.example", "long-enough-secret")
CODE = '''
import os, pathlib
from flask import Blueprint
from inbox.toolkit import Pages, hookimpl

pages = Blueprint("pages", __name__)

@pages.get("/")
def say():
    return "{version} %d" % os.getpid()

@hookimpl
def register_blueprints():
    return [Pages(pages, public=True)]

@hookimpl
def ticket_created(ticket):
    with pathlib.Path({told!r}).open("a") as file:
        file.write("{version}\\n")
'''


class Load:
    """Readers who open one page after another, each over a connection that is kept as long as the desk allows."""

    def __init__(self, port: int, readers: int = 3) -> None:
        self._port, self._stop = port, threading.Event()
        self.views, self.moved, self.slowest = 0, 0, 0.0
        self.failures: Counter[str] = Counter()
        self._cookie = self._sign_in()
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(readers)]

    def _sign_in(self) -> str:
        desk = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        desk.request("GET", "/sign-in")
        page = desk.getresponse()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.read().decode())
        assert token
        desk.request("POST", "/sign-in", urllib.parse.urlencode(
            {"email": LOGIN[0], "password": LOGIN[1], "csrf_token": token[1]}), {
            "Content-Type": "application/x-www-form-urlencoded", "Cookie": str(page.getheader("set-cookie"))})
        done = desk.getresponse()
        done.read()
        assert done.status == 303
        return str(done.getheader("set-cookie")).split(";")[0]

    def __enter__(self) -> "Load":
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()

    def _read(self, number: int) -> None:
        paths = ("/", "/tickets/1", "/settings/desk", "/sign-in")
        desk: http.client.HTTPConnection | None = None
        while not self._stop.wait(0.02):
            number += 1
            path, began = paths[number % len(paths)], time.monotonic()
            desk = desk or http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                desk.request("GET", path, headers={"Cookie": self._cookie})
                answer = desk.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures[f"{path}: {type(error).__name__}"] += 1
                desk = None
                continue
            if answer.status >= 400:
                self.failures[f"{path}: {answer.status}"] += 1
            self.views += 1
            self.slowest = max(self.slowest, time.monotonic() - began)
            if answer.getheader("connection") == "close":
                self.moved += 1
                desk = None


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A desk with an owner and a ticket."""
    home = tmp_path / "home"
    for words, given in ((("init",), None), (("department", "create", "Support"), None),
                         (("agent", "create", LOGIN[0], "--name", "Ada", "--role", "owner", "--department", "Support",
                           "--password-stdin"), f"{LOGIN[1]}\n".encode())):
        done = inbox(home, *words, input=given)
        assert done.returncode == 0, done.stderr.decode()
    with _core(home):
        make_ticket()
    return home


@contextmanager
def _core(home: Path) -> Iterator[Flask]:
    """What a command has: the desk, without any plugin's code."""
    app = open_desk(Config(home=home))
    with work_context(app):
        yield app


def zipped(folder: Path, version: str) -> Path:
    code = CODE.format(version=version, told=str(folder / "told"))
    return make_zip(folder / f"stamp-{version}.zip", files_of("stamp", version, code), top="stamp")


def answer_of(program: Program) -> str:
    """What the plugin's page says on a fresh connection; else the status."""
    desk = http.client.HTTPConnection("127.0.0.1", program.port, timeout=30)
    try:
        desk.request("GET", "/x/stamp/", headers={"Connection": "close"})
        answer = desk.getresponse()
        text = answer.read().decode()
        return text if answer.status == 200 else str(answer.status)
    finally:
        desk.close()


def patience() -> float:
    """How much longer than on a quiet machine it may take: the other half of the suite runs beside us."""
    return max(4.0, os.getloadavg()[0] / (os.cpu_count() or 1) * 2)


def follows(program: Program, since: float, wanted: str, limit: float) -> float:
    """Seconds until no process says anything else, as seen over more than `limit` seconds or 40 answers in a row."""
    last_wrong, right, pids = since, 0, set()
    while right < 40:
        asked = time.monotonic()
        said = answer_of(program)
        if said.split()[0] == wanted:
            right += 1
            pids.update(said.split()[1:])
        else:
            last_wrong, right = asked, 0
            late = asked - since
            assert late < limit * patience(), f"after {late:.1f} s a process still says {said}, not {wanted}"
        time.sleep(0.02)
    assert len(pids) != 1, "one process alone has answered"
    return last_wrong - since


def test_the_life_of_a_plugin_costs_no_request(start_program: Callable[..., Program], desk: Path, tmp_path: Path,
                                               record_property: Callable[[str, Any], None]) -> None:
    program = start_program("run", home=desk, env={"INBOX_WEB_PROCESSES": "2"})
    program.wait_for_output("is ready.", 60)
    took = {}
    with Load(program.port) as load, _core(desk):
        tell = plugins.teller(Actor.system("cli"))
        time.sleep(1)
        bring.install_from(zipped(tmp_path, "1.0"), tell=tell)
        lifecycle.activate("stamp", tell=tell)
        took["activate, new code"] = follows(program, time.monotonic(), "1.0", CODE_SECONDS)
        lifecycle.deactivate("stamp", tell=tell)
        took["deactivate"] = follows(program, time.monotonic(), "404", ACTIVATION_SECONDS)
        lifecycle.activate("stamp", tell=tell)
        took["activate"] = follows(program, time.monotonic(), "1.0", ACTIVATION_SECONDS)
        bring.upgrade("stamp", zipped(tmp_path, "1.1"), tell=tell)
        took["upgrade"] = follows(program, time.monotonic(), "1.1", CODE_SECONDS)
        make_ticket()
        _wait_for(lambda: (tmp_path / "told").exists() and "1.1" in (tmp_path / "told").read_text(),
                  CODE_SECONDS * patience())
        lifecycle.uninstall("stamp", "stamp", tell=tell)
        took["uninstall"] = follows(program, time.monotonic(), "404", ACTIVATION_SECONDS)
        bring.remove("stamp", tell=tell)
        time.sleep(1)
    for name, seconds in took.items():
        record_property(name, round(seconds, 2))
    print(took, f"views {load.views}, moved {load.moved}, slowest {load.slowest:.2f} s")
    assert load.failures == {}
    assert load.views > 100
    assert load.moved > 0  # processes were replaced, and told their readers so
    assert "Traceback" not in program.output()
    assert "did not end in time" not in program.output()


def test_web_processes_that_die_are_replaced_while_others_wait_for_an_answer(
        start_program: Callable[..., Program], desk: Path) -> None:
    program = start_program("run", home=desk, env={"INBOX_WEB_PROCESSES": "2"})
    program.wait_for_output("is ready.", 60)
    before = web_processes(program)
    assert len(before) == 2
    for each in before:
        os.kill(each, signal.SIGKILL)
    assert answer_of(program) == "404"  # the socket was never closed: the question waited for a new process
    _wait_for(lambda: len(web_processes(program)) == 2 and not before & web_processes(program), 60)
    assert "ended with code -9" in program.output()


def test_code_that_ends_every_process_does_not_take_the_desk_down(start_program: Callable[..., Program],
                                                                  desk: Path, tmp_path: Path) -> None:
    """Past every check, by hand: the successor dies of it, the old process answers on, and the culprit is paused."""
    with _core(desk):
        bring.install_from(zipped(tmp_path, "1.0"))
        lifecycle.activate("stamp")
    program = start_program("run", home=desk)
    program.wait_for_output("is ready.", 60)
    (desk / "plugins" / "stamp" / "__init__.py").write_text("import os; os._exit(7)")
    with Load(program.port) as load, _core(desk):
        with transaction():
            faults.move_revision(code=True)
        program.wait_for_output("A new web process could not be started", 150)
        _wait_for(lambda: state_of("stamp") == "paused", 150)
        time.sleep(1)
    assert load.failures == {}


def state_of(name: str) -> str:
    """The stored state of a plugin."""
    db.session.rollback()
    return str(db.session.scalar(sa.select(Plugin.state).where(Plugin.name == name)))


def web_processes(program: Program) -> set[int]:
    """The processes that answer pages: those below `inbox web`."""
    parents = {}
    for pid in program.members():
        try:
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    return {pid for pid, parent in parents.items() if parents.get(parent) == program.process.pid}


def _wait_for(what: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
