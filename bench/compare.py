"""The same work on django-helpdesk and on ours, in one run: `python -m bench.compare` (`--write` keeps the table).

django-helpdesk comes from the package index into a virtual environment of its own under .bench and gets tickets with
the same texts. Its pages are asked of Django's test client, ours of Flask's; memory, cold start and the first page's
weight are taken of the running servers: gunicorn with two processes, and `inbox run`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import desk, floor, program
from bench.__main__ import PAGE, mail_in, pages, signed_in
from bench.figures import Figure, between, machine, milliseconds, times
from bench.seed import COUNTS, LONG, LONG_EVERY
from bench.words import COMMON, LANGUAGES, RARE, Writer, letter
from inbox import preload
from inbox.app import create_app
from inbox.config import Config
from inbox.db import db, work_context
from inbox.secrets import ensure_key
from tests.support.ports import free_port

BEGIN, END = "<!-- compared -->", "<!-- end of compared -->"
PEER = ("django-helpdesk>=2.6,<2.7", "gunicorn", "whitenoise")
MAILS = 300
ASKED = {  # what django-helpdesk calls it in bench.peer.run → our figure
    "list": "List: unassigned, first page of 50", "mine": "List: mine", "rare": "Search: rare word",
    "common": "Search: common word (a fifth of all messages)", "ticket": "Ticket of 10 messages, with its list",
    "reply": "Reply: stored and queued, thread drawn anew"}


def installed() -> Path:
    """A Python that has django-helpdesk."""
    folder = desk.FOLDER / "helpdesk-venv"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *PEER], check=True)
        (folder / "ready").touch()
    return (folder / "bin/python").absolute()


def material(folder: Path, tickets: int) -> None:
    """What bench.peer.run seeds: our texts and our mail."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "mail").mkdir(parents=True)
    writer = Writer(700)
    with (folder / "texts.jsonl").open("w") as out:
        for number in range(1, tickets + 1):
            count = LONG if number % LONG_EVERY == 0 else COUNTS[number % len(COUNTS)]
            language = LANGUAGES[number % len(LANGUAGES)]
            out.write(json.dumps([writer.write(language).text for _ in range(count)]) + "\n")
    (folder / "words.json").write_text(json.dumps({"rare": RARE["en"], "common": COMMON["en"]}))
    for number in range(MAILS):
        (folder / "mail" / f"{number}.eml").write_bytes(letter(number, "peer"))


def peer(python: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Figures of django-helpdesk."""
    environment = {**os.environ, "PEER_HOME": str(folder), "DJANGO_SETTINGS_MODULE": "bench.peer.settings"}
    done = subprocess.run([python, "-m", "bench.peer.run", str(folder), str(rounds)], check=True, capture_output=True,
                          text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    port, begun = free_port(), time.perf_counter()
    server = subprocess.Popen([python, "-m", "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "--timeout", "120",
                               "django.core.wsgi:get_wsgi_application()"], env=environment,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    running = program.Running(server.pid, port, 0.0)
    try:
        found["start"] = _until_it_answers(running, server, "/tickets/submit/", begun)
        cookie = f"sessionid={found['cookie']}"
        for _ in range(rounds):
            assert running.get("/tickets/100/", cookie)[0] == 200
        found["weight"] = program.weight(port, "/tickets/", cookie)
        found["memory"] = running.memory()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    return found


def _until_it_answers(running: program.Running, server: subprocess.Popen[bytes], path: str, begun: float) -> float:
    while time.perf_counter() - begun < 180 and server.poll() is None:
        try:
            if running.get(path)[0] == 200:
                return time.perf_counter() - begun
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("django-helpdesk did not start under gunicorn")


def ours(tickets: int, rounds: int) -> tuple[dict[str, Figure], dict[str, Any]]:
    """Figures of ours by name, and those of the running program."""
    with desk.home(tickets) as home:
        config = Config(home=home)
        ensure_key(config)
        app = create_app(config)
        preload.settle()  # as in a web process
        app.config["WTF_CSRF_ENABLED"] = False
        try:
            found = [*pages(app, tickets, rounds, {}),
                     *mail_in(app, MAILS, floor.Floor({}, {}, Figure("", ""), Figure("", "")))]
            cookie = signed_in(app)[1]
        finally:
            with work_context(app):
                db.engine.dispose()
        start = program.best_start(home)
        with program.running(home) as running:
            for _ in range(rounds):
                assert running.get(f"/tickets/{LONG_EVERY}", cookie)[0] == 200
            whole = {"start": start, "weight": program.weight(running.port, "/views/unassigned", cookie),
                     "memory": running.memory()}
    return {each.what: each for each in found}, whole


def compared(own: dict[str, Figure], whole: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Lines of the table: ours, theirs, how many times ours theirs is."""
    lines = ["| what | ours: processor, queries | django-helpdesk: processor, queries | theirs is |",
             "|---|---|---|---|"]

    def line(what: str, our: str, their: str, ratio: str) -> None:
        lines.append(f"| {what} | {our} | {their} | {ratio} |")

    for name, what in ASKED.items():
        figure, found = own[what], other["pages"][name]
        line(what, f"{figure.cpu}, {figure.queries}", f"{milliseconds(found['cpu'])}, {found['queries']}",
             times(found["cpu"], figure.work))
    for what, figure in own.items():
        if what.startswith("Mail in, ") and "arrived (" not in what:
            line(what, f"{figure.cpu}, {figure.median}",
                 f"{other['mail']['cpu']:.1f} ms each, {other['mail']['rate']:.0f} messages/s",
                 times(other["mail"]["cpu"], figure.work))
    shown: list[tuple[str, str, Callable[[Any], float], str]] = [
        ("Memory of all processes (PSS)", "memory", float, "{:.0f} MB"),
        ("From the command to the first page", "start", float, "{:.1f} s"),
        ("First visit of the list, scripts and style sheets with it, gzip", "weight",
         lambda each: each[0] / 1000, "{:.0f} kB")]
    for what, key, value, form in shown:
        our, their = value(whole[key]), value(other[key])
        line(what, form.format(our), form.format(their), times(their, our))
    return lines


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("--size", type=int, default=10_000, help="tickets (at least 200)")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    options = parser.parse_args()
    desk.FOLDER.mkdir(exist_ok=True)
    folder = (desk.FOLDER / "helpdesk").absolute()
    python, begun = installed(), machine()
    material(folder, options.size)
    try:
        other = peer(python, folder, options.rounds)
    finally:
        shutil.rmtree(folder)
    text = "\n".join([begun, "", f"{options.size:,} tickets each, SQLite in WAL with synchronous=FULL.", "",
                      *compared(*ours(options.size, options.rounds), other)])
    print(text)
    if options.write:
        PAGE.write_text(between(PAGE.read_text("utf-8"), BEGIN, END, text), "utf-8")


if __name__ == "__main__":
    main()
