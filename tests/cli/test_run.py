"""The real program: it starts, it ends in order, it comes back, and it leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from inbox.app import create_core_app
from inbox.config import Config
from inbox.jobs.engine import run_due
from inbox.jobs.worker import load_handlers
from inbox.mail.pipe import receive_pipe
from inbox.processes import NICENESS, is_running
from tests.support.ports import free_port
from tests.support.program import ROOT, Program, inbox, new_desk
from tests.support.smtp_sink import SmtpSink

pytestmark = pytest.mark.once

Start = Callable[..., Program]
READY = "is ready."
LOGIN = ("ada@desk.example", "long-enough-secret")


def said(home: Path, *words: str, **options: Any) -> Any:
    """Run a command with --json; return its answer."""
    done = inbox(home, *words, "--json", **options)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with an owner and a mailbox, not running."""
    home = tmp_path_factory.mktemp("desk") / "home"
    new_desk(home, "support@desk.example", LOGIN)
    return home


@pytest.fixture
def desk(made_once: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return Path(shutil.copytree(made_once, tmp_path / "desk"))


@pytest.fixture
def demo(demo_home: Path, tmp_path: Path) -> Path:
    """A demo desk of the test's own, not running."""
    return Path(shutil.copytree(demo_home, tmp_path / "demo"))


def ready(program: Program) -> Program:
    """Wait for the greeting: then pages and mail listener answer."""
    program.wait_for_output(READY, 60)
    return program


def letter(number: int | str, subject: str = "Lamp", **headers: str) -> str:
    """A message of a customer."""
    more = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in headers.items())
    return (f"From: Maja <maja{number}@example.com>\nTo: support@desk.example\nMessage-ID: <n{number}@example.com>\n"
            f"Subject: {subject}\n{more}\nIt is message {number}.\n")


def post(port: int, *letters: str, to: str = "support@desk.example") -> None:
    """Deliver to the listener."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as server:
        for each in letters:
            server.sendmail("maja@example.com", [to], each.encode())


def wait_for(what: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def ask(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Look into the database beside the running program; a command would take a second of the processor each time."""
    with closing(sqlite3.connect(f"file:{home}/inbox.db?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def fates(home: Path) -> dict[str, str]:
    """What became of each message that arrived."""
    return dict(ask(home, "SELECT message_id, fate FROM ledger"))


def gone(program: Program) -> bool:
    return program.members() == []


# --- starting ---------------------------------------------------------------------------------------------------


def sign_in(browser: httpx.Client, address: str, password: str) -> httpx.Response:
    """Sign in as a browser does."""
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/sign-in").text)
    assert token
    return browser.post("/sign-in", data={"email": address, "password": password, "csrf_token": token[1]})


def test_a_real_desk_is_not_taken_for_the_demo(desk: Path) -> None:
    done = inbox(desk, "run", "--demo", "--port", str(free_port()), "--smtp-port", str(free_port()))
    assert (done.returncode, b"not the demo desk" in done.stderr) == (1, True)


@pytest.mark.parametrize("option", ["--port", "--smtp-port"])
def test_a_port_that_is_taken_is_named(desk: Path, option: str) -> None:
    other = {"--port": "--smtp-port", "--smtp-port": "--port"}[option]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = inbox(desk, "run", option, str(port), other, str(free_port()))
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 cannot be used" in done.stderr.decode()
    assert option in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_each_process_runs_by_itself(start_program: Start, desk: Path) -> None:
    port, smtp_port = free_port(), free_port()
    parts = [Program(desk, *words, wait=False)
             for words in (("web", "--port", str(port)), ("worker",), ("smtp", "--smtp-port", str(smtp_port)))]
    try:
        wait_for(lambda: answers(port) and answers(smtp_port), 60)
        post(smtp_port, letter(1))
        wait_for(lambda: fates(desk) == {"n1@example.com": "created"})
    finally:
        codes = [part.stop() for part in parts]
    assert codes == [0, 0, 0]
    assert all(gone(part) for part in parts)


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


# --- one desk at work, and what it survives -------------------------------------------------------------------


@pytest.fixture(scope="module")
def at_work(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A running desk for the tests of this part, in this order; the last one ends it."""
    home = Path(shutil.copytree(made_once, tmp_path_factory.mktemp("at-work") / "desk"))
    with Program(home, env={"INBOX_LOG_JSON": "1"}) as program:
        program.wait_for_output("At work", 60)
        yield ready(program)


def test_a_second_start_on_the_same_home_is_refused(at_work: Program) -> None:
    done = inbox(at_work.home, "run", "--port", str(free_port()), "--smtp-port", str(free_port()))
    assert done.returncode == 1
    assert f"already (process {at_work.process.pid})" in done.stderr.decode()
    assert b"--home" in done.stderr


def test_log_lines_can_be_json(at_work: Program) -> None:
    lines = [json.loads(line) for line in at_work.output().splitlines() if line.startswith("{")]
    assert {"smtp", "worker"} <= {line["process"] for line in lines}
    assert all({"at", "level", "logger", "message"} <= line.keys() for line in lines)


def child(program: Program, name: str) -> int | None:
    """The process id of a child; None while it does not run."""
    for pid in sorted(program.members()):
        with suppress(OSError):  # it ended while we looked
            if Path(f"/proc/{pid}/comm").read_text().strip() == f"inbox {name}":
                return pid
    return None


def open_files(pid: int) -> set[str]:
    """What a process has open."""
    return {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()}


@pytest.mark.skipif(sys.platform != "linux", reason="children are forked on Linux")
def test_the_supervisor_opens_nothing_that_a_fork_would_copy(at_work: Program) -> None:
    supervisor = at_work.process.pid
    assert len(list(Path(f"/proc/{supervisor}/task").iterdir())) == 1  # a lock that a thread held would stay locked
    assert not [each for each in open_files(supervisor) if "inbox.db" in each]
    lock = str(at_work.home / "inbox.lock")
    assert [pid for pid in at_work.members() if lock in open_files(pid)] == [supervisor]


@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
def test_a_worker_lets_pages_go_first(at_work: Program) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    worker, web = child(at_work, "worker"), child(at_work, "web")
    assert worker is not None and web is not None
    assert os.getpriority(os.PRIO_PROCESS, worker) == max(ours, NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, web) == ours


@pytest.mark.parametrize("name", ["smtp", "web", "worker"])
def test_a_child_that_is_killed_comes_back(at_work: Program, name: str) -> None:
    before = child(at_work, name)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    at_work.wait_for_output(f"{name} was ended by signal 9")
    wait_for(lambda: child(at_work, name) not in (before, None), 30)
    at_work.wait_until_ready()
    wait_for(lambda: answers(at_work.smtp_port))
    post(at_work.smtp_port, letter(name))
    wait_for(lambda: fates(at_work.home).get(f"n{name}@example.com") == "created", 60)


def test_no_orphan_outlives_the_supervisor(at_work: Program) -> None:
    # Supervisor, smtp, worker, web and its worker; an orphan of what an earlier test has killed ends by itself.
    wait_for(lambda: len(at_work.members()) == 5, 30)
    at_work.kill_parent()
    wait_for(lambda: gone(at_work), 30)
    assert not answers(at_work.port)
    assert not is_running(at_work.home)  # the lock is free again


# --- ending -----------------------------------------------------------------------------------------------------


def test_ctrl_c_finishes_the_job_in_hand(start_program: Start, desk: Path) -> None:
    sink = SmtpSink()
    try:
        sink.behaviour.delay = 1.5
        said(desk, "mailbox", "create", "sales@desk.example", "--department", "Support", "--smtp-host", "127.0.0.1",
             "--smtp-port", str(sink.port), "--smtp-security", "none", "--smtp-user", "")
        token = said(desk, "token", "create", "--agent", LOGIN[0])["token"]
        program = ready(start_program("run", home=desk))
        api = httpx.Client(base_url=program.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        path = send_through(program, api)
        wait_for(lambda: reply_state(api, path) == "sending")
        program.process.send_signal(signal.SIGINT)
        assert program.process.wait(15) == 0
        assert to_customer(sink) == 1
        assert ask(desk, "SELECT state FROM message WHERE kind = 'reply'") == [("sent",)]
    finally:
        sink.stop()


def test_ctrl_c_finishes_the_request_in_hand_and_ends_live_streams(start_program: Start, desk: Path) -> None:
    program = ready(start_program("run", home=desk))
    program.wait_for_output("At work", 60)
    ended = threading.Event()
    body = b"email=nobody&password=x"
    with httpx.Client(base_url=program.url, timeout=30) as browser:
        assert sign_in(browser, *LOGIN).status_code == 303
        with (browser.stream("GET", "/live") as stream,
              socket.create_connection(("127.0.0.1", program.port), timeout=20) as line):
            lines = stream.iter_lines()
            assert next(lines).startswith("retry")

            def read() -> None:
                for _ in lines:
                    pass
                ended.set()  # cut off (granian's last resort, after eight seconds) it would have raised

            reader = threading.Thread(target=read)
            reader.start()
            line.sendall(b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                         b"Content-Type: application/x-www-form-urlencoded\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body) + body[:5])
            time.sleep(1)  # the request is in hand: its thread waits for the rest
            os.killpg(program.process.pid, signal.SIGINT)  # as a terminal does: to all of them
            time.sleep(1)
            line.sendall(body[5:])
            answer = b""
            while piece := line.recv(65536):
                answer += piece
            reader.join(10)
    assert answer.startswith(b"HTTP/1.1 4")  # refused without a token, but answered
    assert ended.is_set()
    assert program.process.wait(15) == 0
    assert gone(program)
    assert "Traceback" not in program.output()


def send_through(program: Program, api: httpx.Client) -> str:
    """Let the desk send a reply through the new mailbox; return where its messages are listed."""
    post(program.smtp_port, letter(1).replace("support@", "sales@"), to="sales@desk.example")
    wait_for(lambda: bool(api.get("/api/v1/tickets").json()["items"]))
    (ticket,) = api.get("/api/v1/tickets").json()["items"]
    path = f"/api/v1/tickets/{ticket['id']}/messages"
    assert api.post(path, json={"kind": "reply", "text": "It left us today."}).status_code == 201
    return path


def reply_state(api: httpx.Client, path: str) -> str:
    """How far the only reply of a ticket came."""
    (state,) = [each["state"] for each in api.get(path).json()["items"] if each["kind"] == "reply"]
    return str(state)


def to_customer(sink: SmtpSink) -> int:
    """How often the customer was written to; notifications to agents are not counted."""
    return len([each for each in sink.messages if each.recipients == ["maja1@example.com"]])


# --- accidents --------------------------------------------------------------------------------------------------


def test_a_power_cut_loses_no_mail_that_was_accepted(start_program: Start, desk: Path) -> None:
    program = ready(start_program("run", home=desk))
    post(program.smtp_port, *(letter(number) for number in range(30)))
    program.kill()
    program.restart()
    wait_for(lambda: set(fates(desk).values()) == {"created"}, 60)
    assert ask(desk, "SELECT count(*), count(DISTINCT message_id), count(DISTINCT ticket_id) FROM ledger") == [
        (30, 30, 30)]


# --- back-up of a desk at work ----------------------------------------------------------------------------------


def test_a_backup_under_load_comes_back_whole(start_program: Start, demo: Path, tmp_path: Path) -> None:
    program = ready(start_program("run", "--demo", home=demo))
    stop, posted = threading.Event(), []

    def load() -> None:
        number = 0
        while not stop.is_set():
            post(program.smtp_port, letter(f"load{number}"), to="support@fjordthread.example")
            posted.append(number)
            number += 1

    writer = threading.Thread(target=load)
    writer.start()
    wait_for(lambda: len(posted) > 5)
    made = said(demo, "backup", str(tmp_path / "desk.tar.gz"), "--with-key")
    during = len(posted)
    stop.set()
    writer.join()
    assert during > 6  # mail came in meanwhile
    assert made["missing_blobs"] == []

    restored = tmp_path / "restored"
    assert said(restored, "restore", str(tmp_path / "desk.tar.gz"))["counts"] == made["counts"]
    assert made["counts"]["ticket"] >= 60
    for path in (restored / "blobs").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (demo / path.relative_to(restored)).read_bytes()
    a_reply_finds_its_ticket(restored)


def a_reply_finds_its_ticket(home: Path) -> None:
    """A customer answers mail that the desk has sent before the back-up."""
    ours, ticket = ask(home, "SELECT message_id, ticket_id FROM message WHERE kind = 'reply' AND state = 'sent' "
                             "ORDER BY id LIMIT 1")[0]
    app = create_core_app(Config(home=home))
    raw = letter("after", "Re: it", In_Reply_To=f"<{ours}>").encode()
    assert receive_pipe(app, ["support@fjordthread.example"], raw)[0] == 0
    load_handlers()
    run_due(app, ["mail.process"])
    assert ask(home, "SELECT fate, ticket_id FROM ledger WHERE message_id = 'nafter@example.com'") == [
        ("appended", ticket)]


# --- the wheel --------------------------------------------------------------------------------------------------


def test_the_wheel_runs_in_an_environment_of_its_own(tmp_path: Path) -> None:
    """Built without the network, installed without its dependencies, which are lent by this environment."""
    left_out = shutil.ignore_patterns(".git", ".venv", ".bench", "instance", "build", "dist", "*.egg-info",
                                      "__pycache__", ".*_cache", "tests", "docs")
    shutil.copytree(ROOT, tmp_path / "source", ignore=left_out)
    quiet: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 240}
    pip = [sys.executable, "-m", "pip"]
    built = subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir",
                            tmp_path, tmp_path / "source"], **quiet)
    assert built.returncode == 0, built.stderr
    venv = tmp_path / "venv"
    assert subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], **quiet).returncode == 0
    python = venv / "bin" / "python"
    installed = subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index",
                                next(tmp_path.glob("*.whl"))], **quiet)
    assert installed.returncode == 0, installed.stderr
    site = next((venv / "lib").glob("python*/site-packages"))
    (site / "lent.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    port, smtp_port = free_port(), free_port()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("INBOX_", "PYTHONPATH"))}
    log = tmp_path / "log"
    with log.open("wb") as out:
        program = subprocess.Popen(
            [venv / "bin" / "inbox", "run", "--home", tmp_path / "home", "--port", str(port), "--smtp-port",
             str(smtp_port)], cwd=elsewhere, env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: program.poll() is not None or READY in log.read_text(), 90)
        way_in = re.search(rf"http://127.0.0.1:{port}(/setup\S+)", log.read_text())
        assert way_in, log.read_text()
        assert len(way_in[1].partition("code=")[2]) > 20
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True, timeout=30) as browser:
            first = browser.get(way_in[1])
            assert first.status_code == 200
            sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', first.text)
            assert sheets
            assert {browser.get(each).status_code for each in sheets} == {200}
        assert answers(smtp_port)
    finally:
        program.terminate()
        program.wait(30)
    assert program.returncode == 0, log.read_text()
