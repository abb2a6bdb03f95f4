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
from typing import Any

import psycopg
from flask import Flask, render_template

from bench.figures import Figure, timed
from bench.seed import LONG_EVERY
from bench.words import COMMON, RARE, letter
from inbox.config import Config

PAGE = 50
SHOWN = ("SELECT t.id, t.number, t.subject, t.snippet, t.status, t.last_message_at, t.message_count, c.name, a.name "
         "FROM ticket t LEFT JOIN customer c ON c.id = t.customer_id LEFT JOIN agent a ON a.id = t.assignee_id ")
NEWEST = " ORDER BY t.last_message_at DESC, t.id DESC LIMIT 50"
FOUND = ("SELECT t.id, t.number, t.subject, snippet(search_index, 0, '<', '>', '…', 12), m.at, c.name "
         "FROM search_index s JOIN message m ON m.id = s.rowid JOIN ticket t ON t.id = m.ticket_id "
         "LEFT JOIN customer c ON c.id = t.customer_id WHERE search_index MATCH ? ORDER BY s.rowid DESC LIMIT 50")
FOUND_POSTGRESQL = (  # a snippet is the beginning: ts_headline would read each message with another parser
         "SELECT t.id, t.number, t.subject, left(m.text, 80), m.at, c.name "
         "FROM search_index s JOIN message m ON m.id = s.message_pk JOIN ticket t ON t.id = m.ticket_id "
         "LEFT JOIN customer c ON c.id = t.customer_id WHERE s.body @@ CAST(%s AS tsquery) "
         "ORDER BY s.message_pk DESC LIMIT 50")
THREAD = "SELECT id, kind, from_name, at, coalesce(html, text) FROM message WHERE ticket_id = ? ORDER BY id"
ROWS = ("<!doctype html><title>Floor</title><table>{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>"
        "{% endfor %}</tr>{% endfor %}</table>")
LISTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "list": (f"{SHOWN}WHERE t.shelf = 'open' AND t.assignee_id IS NULL{NEWEST}", ()),
    "all": (f"{SHOWN}WHERE t.shelf NOT IN ('spam', 'trash'){NEWEST}", ()),
    "ticket": (THREAD, (LONG_EVERY,)),
}
SEARCHES = {  # as FTS5 reads them, as PostgreSQL does
    "rare": (f'"{RARE["en"]}"', f"'{RARE['en']}'"),
    "common": (f'"{COMMON["en"]}"', f"'{COMMON['en']}'"),
    "prefix": (f'"{COMMON["en"][:4]}"*', f"'{COMMON['en'][:4]}':*"),
    "two": (f'"{COMMON["en"]}" AND "parcel"*', f"'{COMMON['en']}' & 'parcel':*"),
}
NAMES = {"list": "a list of 50", "all": "the list of all", "ticket": "a ticket", "rare": "search, rare word",
         "common": "search, common word", "prefix": "search, prefix", "two": "search, two words"}
Queries = dict[str, tuple[str, tuple[Any, ...]]]
TABLES = ("CREATE TABLE ticket (id {key}, subject TEXT, sender TEXT, at TEXT)",
          "CREATE TABLE message (id {key}, ticket_id BIGINT, message_id TEXT, text TEXT, html TEXT)")


def queries(*, is_sqlite: bool) -> Queries:
    """What is asked, as the database wants it: statement and values by name."""
    if is_sqlite:
        return LISTS | {name: (FOUND, (match,)) for name, (match, _) in SEARCHES.items()}
    return {name: (sql.replace("?", "%s"), values) for name, (sql, values) in LISTS.items()} | {
        name: (FOUND_POSTGRESQL, (match,)) for name, (_, match) in SEARCHES.items()}


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


def measured(config: Config, rounds: int, messages: int) -> Floor:
    """All of it, on the database of a desk; what mail in writes lies beside it."""
    asked = queries(is_sqlite=config.is_sqlite)
    with contextlib.closing(_connected(config)) as database:
        client = bare(database, asked).test_client()

        def query(name: str) -> Callable[[], int]:
            def call() -> int:
                database.execute(*asked[name]).fetchall()
                return 0  # no page, no bytes
            return call

        raw = {name: timed(f"Floor: {NAMES[name]}, the query alone", query(name), rounds) for name in asked}
        pages = {name: timed(f"Floor: {NAMES[name]}, bare Flask page", lambda name=name: _get(client, name), rounds)
                 for name in asked}
    one, sixteen = (mail_in(config, messages, at_once=at_once) for at_once in (1, 16))
    return Floor(pages, raw, one, sixteen)


def _connected(config: Config) -> Any:
    """A connection of the driver itself: what is used here of it is the same for both."""
    if config.is_sqlite:
        return sqlite3.connect(config.home / "inbox.db")
    return psycopg.connect(_address(config), autocommit=True)


def _address(config: Config) -> str:
    return config.sqlalchemy_url.replace("postgresql+psycopg:", "postgresql:")


def _get(client: Any, name: str) -> int:
    answer = client.get(f"/{name}")
    assert answer.status_code == 200, (name, answer.status)
    return len(answer.data)


def bare(database: Any, asked: Queries) -> Flask:
    """A Flask application with nothing but a query and a table."""
    app = Flask("floor")
    rows = app.jinja_env.from_string(ROWS)  # compiled once, as a template in a file is

    @app.get("/<name>")
    def page(name: str) -> str:
        return render_template(rows, rows=database.execute(*asked[name]).fetchall())

    return app


def mail_in(config: Config, count: int, *, at_once: int) -> Figure:
    """Parse, three inserts (ticket, message, search index), a commit that is on the disk."""
    raws = [letter(number, f"floor{at_once}.") for number in range(count)]
    with (_sqlite if config.is_sqlite else _postgresql)(config) as (database, store):
        begun, worked = time.perf_counter(), time.process_time()
        for number, raw in enumerate(raws, 1):
            _store(store, raw)
            if number % at_once == 0:
                database.commit()
        database.commit()
        took, work = time.perf_counter() - begun, (time.process_time() - worked) * 1000 / count
    many = "a commit each" if at_once == 1 else f"{at_once} in a commit"
    return Figure(f"Floor: mail in, standard library and raw inserts, {many}", f"{count / took:.0f} messages/s",
                  cpu=f"{work:.2f} ms each", work=work, rank=took)


Insert = Callable[[str, tuple[Any, ...]], Any]  # a statement with its values → the id of the new row


@contextlib.contextmanager
def _sqlite(config: Config) -> Iterator[tuple[Any, Insert]]:
    path = config.home / "floor.db"
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        each.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as database:
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                          *(each.format(key="INTEGER PRIMARY KEY") for each in TABLES),
                          "CREATE VIRTUAL TABLE search USING fts5(body, content='')"):
            database.execute(statement)
        database.commit()
        yield database, lambda sql, values: database.execute(sql, values).lastrowid


@contextlib.contextmanager
def _postgresql(config: Config) -> Iterator[tuple[Any, Insert]]:
    with psycopg.connect(_address(config)) as database:
        for statement in ("DROP SCHEMA IF EXISTS floor CASCADE", "CREATE SCHEMA floor", "SET search_path = floor",
                          *(each.format(key="BIGSERIAL PRIMARY KEY") for each in TABLES),
                          "CREATE TABLE search (rowid BIGINT PRIMARY KEY, body tsvector)",
                          "CREATE INDEX ON search USING gin (body)"):
            database.execute(statement)
        database.commit()

        def insert(sql: str, values: tuple[Any, ...]) -> Any:
            if "INTO search" in sql:
                return database.execute("INSERT INTO search VALUES (%s, to_tsvector('simple', %s))", values)
            found = database.execute(f"{sql.replace('?', '%s')} RETURNING id", values).fetchone()
            return found[0] if found else None

        yield database, insert
        database.execute("DROP SCHEMA floor CASCADE")


def _store(insert: Insert, raw: bytes) -> None:
    parsed = email.message_from_bytes(raw)
    parts = {part.get_content_type(): (part.get_payload(decode=True) or b"").decode(errors="replace")  # type: ignore[union-attr]
             for part in parsed.walk() if not part.is_multipart()}
    text = parts.get("text/plain", "")
    ticket = insert("INSERT INTO ticket (subject, sender, at) VALUES (?, ?, ?)",
                    (parsed["Subject"], parsed["From"], parsed["Date"]))
    message = insert("INSERT INTO message (ticket_id, message_id, text, html) VALUES (?, ?, ?, ?)",
                     (ticket, parsed["Message-ID"], text, parts.get("text/html")))
    insert("INSERT INTO search (rowid, body) VALUES (?, ?)", (message, f"{parsed['Subject']} {text}"))
