"""The floor: the least the same work can cost on this machine, measured in the same run.

The queries as written by hand and sent by the driver; a bare Flask application that shows what they find with a small
Jinja template; the standard library's mail parser with one insert for each table and a durable commit. Nobody is signed
in, nothing is escaped twice, no plugin is asked, nothing is translated.
"""

from __future__ import annotations

import contextlib
import email
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, render_template

from bench.figures import Figure, timed
from bench.seed import LONG_EVERY
from bench.words import COMMON, RARE, letter

PAGE = 50
SHOWN = ("SELECT t.id, t.number, t.subject, t.snippet, t.status, t.last_message_at, t.message_count, c.name, a.name "
         "FROM ticket t LEFT JOIN customer c ON c.id = t.customer_id LEFT JOIN agent a ON a.id = t.assignee_id ")
NEWEST = " ORDER BY t.last_message_at DESC, t.id DESC LIMIT 50"
FOUND = ("SELECT t.id, t.number, t.subject, snippet(search_index, 0, '<', '>', '…', 12), m.at, c.name "
         "FROM search_index s JOIN message m ON m.id = s.rowid JOIN ticket t ON t.id = m.ticket_id "
         "LEFT JOIN customer c ON c.id = t.customer_id WHERE search_index MATCH ? ORDER BY s.rowid DESC LIMIT 50")
THREAD = "SELECT id, kind, from_name, at, coalesce(html, text) FROM message WHERE ticket_id = ? ORDER BY id"
ROWS = ("<!doctype html><title>Floor</title><table>{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>"
        "{% endfor %}</tr>{% endfor %}</table>")
QUERIES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "list": (f"{SHOWN}WHERE t.shelf = 'open' AND t.assignee_id IS NULL{NEWEST}", ()),
    "all": (f"{SHOWN}WHERE t.shelf NOT IN ('spam', 'trash'){NEWEST}", ()),
    "ticket": (THREAD, (LONG_EVERY,)),
    "rare": (FOUND, (f'"{RARE["en"]}"',)),
    "common": (FOUND, (f'"{COMMON["en"]}"',)),
    "prefix": (FOUND, (f'"{COMMON["en"][:4]}"*',)),
    "two": (FOUND, (f'"{COMMON["en"]}" AND "parcel"*',)),
}
NAMES = {"list": "a list of 50", "all": "the list of all", "ticket": "a ticket", "rare": "search, rare word",
         "common": "search, common word", "prefix": "search, prefix", "two": "search, two words"}


@dataclass(frozen=True)
class Floor:
    """What our figures are divided by."""

    pages: dict[str, Figure]  # query, bare Flask and template together
    queries: dict[str, Figure]
    one: Figure  # a message taken in, a commit for each
    sixteen: Figure  # a commit for sixteen

    @property
    def figures(self) -> list[Figure]:
        return [*self.queries.values(), *self.pages.values(), self.one, self.sixteen]


def measured(path: Path, rounds: int, messages: int) -> Floor:
    """All of it, on the database at `path`; what mail in writes lies beside it."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        client = bare(database).test_client()

        def query(name: str) -> Callable[[], int]:
            def call() -> int:
                database.execute(*QUERIES[name]).fetchall()
                return 0  # no page, no bytes
            return call

        queries = {name: timed(f"Floor: {NAMES[name]}, the query alone", query(name), rounds) for name in QUERIES}
        pages = {name: timed(f"Floor: {NAMES[name]}, bare Flask page", lambda name=name: _get(client, name), rounds)
                 for name in QUERIES}
    one, sixteen = (mail_in(path.with_name("floor.db"), messages, at_once=at_once) for at_once in (1, 16))
    return Floor(pages, queries, one, sixteen)


def _get(client: Any, name: str) -> int:
    answer = client.get(f"/{name}")
    assert answer.status_code == 200, (name, answer.status)
    return len(answer.data)


def bare(database: sqlite3.Connection) -> Flask:
    """A Flask application with nothing but a query and a table."""
    app = Flask("floor")
    rows = app.jinja_env.from_string(ROWS)  # compiled once, as a template in a file is

    @app.get("/<name>")
    def page(name: str) -> str:
        return render_template(rows, rows=database.execute(*QUERIES[name]).fetchall())

    return app


def mail_in(path: Path, count: int, *, at_once: int) -> Figure:
    """Parse, three inserts (ticket, message, search index), a commit that is on the disk."""
    raws = [letter(number, f"floor{at_once}.") for number in range(count)]
    begun, worked = time.perf_counter(), time.process_time()
    with _empty(path) as database:
        for number, raw in enumerate(raws, 1):
            _store(database, raw)
            if number % at_once == 0:
                database.commit()
        database.commit()
    took, work = time.perf_counter() - begun, (time.process_time() - worked) * 1000 / count
    many = "a commit each" if at_once == 1 else f"{at_once} in a commit"
    return Figure(f"Floor: mail in, standard library and raw inserts, {many}", f"{count / took:.0f} messages/s",
                  cpu=f"{work:.2f} ms each", work=work)


@contextlib.contextmanager
def _empty(path: Path) -> Iterator[sqlite3.Connection]:
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        each.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE ticket (id INTEGER PRIMARY KEY, subject TEXT, sender TEXT, at TEXT);"
            "CREATE TABLE message (id INTEGER PRIMARY KEY, ticket_id INTEGER, message_id TEXT, text TEXT, html TEXT);"
            "CREATE VIRTUAL TABLE search USING fts5(body, content='')")
        yield database


def _store(database: sqlite3.Connection, raw: bytes) -> None:
    parsed = email.message_from_bytes(raw)
    parts = {part.get_content_type(): (part.get_payload(decode=True) or b"").decode(errors="replace")  # type: ignore[union-attr]
             for part in parsed.walk() if not part.is_multipart()}
    text = parts.get("text/plain", "")
    ticket = database.execute("INSERT INTO ticket (subject, sender, at) VALUES (?, ?, ?)",
                              (parsed["Subject"], parsed["From"], parsed["Date"])).lastrowid
    message = database.execute("INSERT INTO message (ticket_id, message_id, text, html) VALUES (?, ?, ?, ?)",
                               (ticket, parsed["Message-ID"], text, parts.get("text/html"))).lastrowid
    database.execute("INSERT INTO search (rowid, body) VALUES (?, ?)", (message, f"{parsed['Subject']} {text}"))
