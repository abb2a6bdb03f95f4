"""Full text search inside the database, the same on SQLite (FTS5) and PostgreSQL (tsvector).

Text is folded by one Python function and the index holds folded tokens: NFKC and case are folded away; scripts
written without blanks (Thai, Lao, Khmer, Burmese, Chinese, Japanese, Korean) become overlapping pairs of
characters, so that any part of a sentence is found; other words stand whole and are searched by their beginning.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from inbox.db import is_sqlite, session

MAX_CHARACTERS = 60_000  # of one message that are indexed
MAX_WORD = 200
MAX_QUERY_WORDS = 12
MANY_WORDS = 128  # that begin alike
LOOKED_AT = 1000  # messages, to see how common something is
COMMON = 0.007  # of them: then 200 hits are sooner found one by one, among four million messages
PATIENCE = 20_000  # messages that are looked at although few are hits, where further down many are
LAST = 2**62  # above every id

_PAIRED = ("\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
           "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff")
_TOKEN = re.compile(rf"[{_PAIRED}]+|[^\W_{_PAIRED}]+")
_IS_PAIRED = re.compile(rf"[{_PAIRED}]")


def is_paired(token: str) -> bool:
    """True for characters of a script without blanks, which the index holds in pairs."""
    return _IS_PAIRED.match(token) is not None


def _runs(text: str) -> list[str]:
    return _TOKEN.findall(unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold())


def fold(text: str) -> str:
    """The tokens of a text, blank-separated, as they go into the index."""
    tokens: list[str] = []
    for run in _runs(text):
        if is_paired(run):
            tokens += [run[i:i + 2] for i in range(len(run))]  # the last one is the single last character
        else:
            tokens.append(run[:MAX_WORD])
    return " ".join(tokens)


def words(text: str) -> list[str]:
    """The words of a text, folded, for an index of one's own; pairs of characters where no blanks part them."""
    found: list[str] = []
    for run in _runs(text):
        found += [run[i:i + 2] for i in range(len(run) - 1)] if is_paired(run) and len(run) > 1 else [run]
    return found


@dataclass(frozen=True)
class Phrase:
    """Tokens that must follow each other; with `prefix`, the last one may go on."""

    tokens: tuple[str, ...]
    prefix: bool


def phrases(text: str) -> list[Phrase]:
    """What has to be found for a query, all of it in one message."""
    found = []
    for run in _runs(text)[:MAX_QUERY_WORDS]:
        if is_paired(run) and len(run) > 1:
            found.append(Phrase(tuple(run[i:i + 2] for i in range(len(run) - 1)), False))
        else:
            found.append(Phrase((run[:MAX_WORD],), True))
    return found


# --- the index ------------------------------------------------------------------------------------------------


def text_of(subject: str, body: str, *people: str) -> str:
    """What of a message can be found: subject, body, names and addresses. Folding it is work: do it early."""
    return fold(" \n ".join((subject, *people, body)))


def all_of(message: Any) -> str:
    """All words of a message's body, with what is folded. Takes anything that has its texts: a row, an `Incoming`."""
    return f"{message.text}\n{message.text_signature}\n{message.text_quoted}"


def index(message_pk: int, folded: str) -> None:
    """Put folded text of a message into the index, in the transaction that stores the message."""
    if is_sqlite():
        session().execute(sa.text("DELETE FROM search_index WHERE rowid = :pk"), {"pk": message_pk})
        session().execute(sa.text("INSERT INTO search_index (rowid, body) VALUES (:pk, :body)"),
                          {"pk": message_pk, "body": folded})
        return
    session().execute(
        sa.text("INSERT INTO search_index (message_pk, body) VALUES (:pk, CAST(:body AS tsvector)) "
                "ON CONFLICT (message_pk) DO UPDATE SET body = excluded.body"),
        {"pk": message_pk, "body": vector(folded)})


def index_new(folded: Mapping[int, str]) -> None:
    """The same for new messages, which are not in the index yet: folded text by message."""
    rows = [{"pk": pk, "body": text if is_sqlite() else vector(text)} for pk, text in folded.items()]
    session().execute(_INDEX_NEW_SQLITE if is_sqlite() else _INDEX_NEW_POSTGRESQL, rows)


_INDEX_NEW_SQLITE = sa.text("INSERT INTO search_index (rowid, body) VALUES (:pk, :body)")
_INDEX_NEW_POSTGRESQL = sa.text("INSERT INTO search_index (message_pk, body) VALUES (:pk, CAST(:body AS tsvector))")


def remove(message_pks: list[int]) -> None:
    """Take messages out of the index (on PostgreSQL the foreign key does it as well)."""
    column = "rowid" if is_sqlite() else "message_pk"
    session().execute(sa.text(f"DELETE FROM search_index WHERE {column} IN :pks").bindparams(  # noqa: S608
        sa.bindparam("pks", expanding=True)), {"pks": message_pks})


def merge_parts(pages: int = 64) -> bool:
    """Put together some of the parts the index grows in, about so many pages (of 4 kB) of them, more where a word is in
    very many messages. True when more is to be done. Inside transaction().

    FTS5 writes a part for each transaction and merges four of one size while more is written; every search looks into
    each part that is left. Here two of one size are merged, so that few are left. (https://sqlite.org/fts5.html, 6.8)
    """
    if not is_sqlite():
        return False  # PostgreSQL's index has no parts; it is tended by autovacuum
    current = session()
    if current.scalar(sa.text("SELECT v FROM search_index_config WHERE k = 'usermerge'")) != 2:
        current.execute(sa.text("INSERT INTO search_index (search_index, rank) VALUES ('usermerge', 2)"))
    connection: Any = current.connection().connection.driver_connection
    before = connection.total_changes
    current.execute(sa.text("INSERT INTO search_index (search_index, rank) VALUES ('merge', :pages)"), {"pages": pages})
    return bool(connection.total_changes - before >= 2)


def vector(folded: str) -> str:
    """Folded text as a tsvector literal: our tokens, untouched by PostgreSQL's own parser."""
    places: dict[str, list[str]] = {}
    for place, token in enumerate(folded.split(), start=1):
        seen = places.setdefault(token, [])
        if place < 16_384 and len(seen) < 256:  # both are PostgreSQL's limits
            seen.append(str(place))
    return " ".join(f"{_quoted(token)}:{','.join(seen)}" if seen else _quoted(token) for token, seen in places.items())


def _quoted(token: str) -> str:
    return "'" + token.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True)
class Match:
    """What finds the messages that hold all phrases: a select of `pk`, with its values. Made once for a search."""

    sql: str
    values: Mapping[str, Any]
    key: str  # what the newest first are ordered by


def match(found: list[Phrase]) -> Match:
    """How this database is asked for all phrases."""
    if is_sqlite():
        return Match("SELECT rowid AS pk FROM search_index WHERE search_index MATCH :match",
                     {"match": " AND ".join(map(_in_sqlite, found))}, "rowid")
    expression = " & ".join(
        "(" + " <-> ".join(_quoted(token) + (":*" if p.prefix else "") for token in p.tokens) + ")" for p in found)
    return Match("SELECT message_pk AS pk FROM search_index WHERE body @@ CAST(:match AS tsquery)",
                 {"match": expression}, "message_pk")


def _in_sqlite(phrase: Phrase) -> str:
    """A phrase as FTS5 reads it.

    What begins a word is asked for as a choice of the words that begin so: FTS5 then reads of each as much as the page
    takes, newest first. For `parcel*` it would first put together all messages with any of them: half a second where
    there are four million. Where very many words begin so, most of them in few messages, that is the quicker way.
    """
    if not phrase.prefix:
        return f'"{" ".join(phrase.tokens)}"'
    begin = phrase.tokens[0]
    words = session().scalars(_WORDS, {"begin": begin, "end": f"{begin}\U0010ffff", "most": MANY_WORDS + 1}).all()
    if not words or len(words) > MANY_WORDS:
        return f'"{begin}"*'
    choice = '" OR "'.join(words)
    return f'("{choice}")'


# From each word to the next one: a look at the index, however many messages hold it.
_WORDS = sa.text(
    "WITH RECURSIVE found (term) AS (SELECT (SELECT term FROM search_words WHERE term >= :begin LIMIT 1) UNION ALL "
    "SELECT (SELECT term FROM search_words WHERE term >= found.term || char(1) LIMIT 1) FROM found "
    "WHERE found.term < :end LIMIT :most) SELECT term FROM found WHERE term < :end")


def newest(asked: Match, *, below: int | None, limit: int, walk: int = LAST) -> list[int]:
    """The newest messages (ids, descending) that are found, with ids below a key.

    Where they have to be looked at one by one, at most `walk` are: then they are fewer than there are.
    """
    if not is_sqlite():
        return _newest_in_postgresql(asked, below, limit, walk)
    window = f" AND {asked.key} < :below" if below is not None else ""
    statement = sa.text(f"{asked.sql}{window} ORDER BY {asked.key} DESC LIMIT :limit")
    return list(session().scalars(statement, {**asked.values, "limit": limit} | ({"below": below} if below else {})))


def _newest_in_postgresql(asked: Match, below: int | None, limit: int, walk: int) -> list[int]:
    """The same without the planner's guess: how common the hits are is seen in the newest messages.

    PostgreSQL takes the parts of a phrase for independent of each other. A Thai or Japanese word is a phrase of pairs
    of letters: it expects a handful, and reads the hundred thousands that there are, for the last two hundred of them.
    """
    found: list[int] = []
    at, looked_at, rows = below or LAST, 0, LOOKED_AT
    further_down: float | None = None
    while rows > 0:
        looked_at += rows
        values = {**asked.values, "below": at, "rows": rows, "most": limit - len(found)}
        hits, lowest = _looked_at(values, is_first=looked_at == rows, is_last=looked_at >= walk)
        found += hits
        if len(found) >= limit or lowest is None:
            return found[:limit]
        at, share, least = lowest, len(found) / looked_at, 0
        if share < COMMON:
            if further_down is None:
                further_down = _share_below(asked, lowest)
            if further_down < COMMON or looked_at >= PATIENCE:
                return list(session().scalars(_BY_THE_INDEX, {**asked.values, "below": below or LAST, "limit": limit}))
            share, least = further_down, looked_at // 2
        rows = min(max(int((limit - len(found)) / share * 2) + 1, least), walk - looked_at)
    return found


def _looked_at(values: dict[str, Any], *, is_first: bool, is_last: bool) -> tuple[list[int], int | None]:
    """The hits among some messages, and from where to go on: None where there is nothing to go on for.

    The first ones are looked at to the end, to see how common the hits are; later it stops at the last one asked for.
    """
    if is_first:
        hits, lowest = session().execute(_ONE_BY_ONE, values).one()
        return hits or [], lowest
    found = list(session().scalars(_UNTIL_ENOUGH, values))
    is_over = is_last or len(found) == values["most"]
    return found, None if is_over else session().scalar(_LAST_OF_THEM, {**values, "before": values["rows"] - 1})


def _share_below(asked: Match, below: int) -> float:
    """How many of the messages halfway to the oldest are hits: the newest may be of one kind, as after a newsletter."""
    rows = LOOKED_AT // 2
    return (session().scalar(_HALFWAY, {**asked.values, "below": below, "rows": rows}) or 0) / rows


# What is looked for stands in a SELECT of its own: else PostgreSQL reads what it knows of all words, for 3 ms, to guess
# how many messages have them.
_ONE_BY_ONE = sa.text(
    "SELECT array_agg(message_pk ORDER BY message_pk DESC) FILTER (WHERE body @@ (SELECT CAST(:match AS tsquery))), "
    "min(message_pk) FROM (SELECT message_pk, body FROM search_index WHERE message_pk < :below "
    "ORDER BY message_pk DESC LIMIT :rows) AS newest")
_UNTIL_ENOUGH = sa.text(
    "SELECT message_pk FROM (SELECT message_pk, body FROM search_index WHERE message_pk < :below "
    "ORDER BY message_pk DESC LIMIT :rows) AS newest WHERE body @@ (SELECT CAST(:match AS tsquery)) "
    "ORDER BY message_pk DESC LIMIT :most")
_LAST_OF_THEM = sa.text("SELECT message_pk FROM search_index WHERE message_pk < :below "
                        "ORDER BY message_pk DESC OFFSET :before LIMIT 1")
_HALFWAY = sa.text(
    "SELECT count(*) FROM (SELECT body FROM search_index WHERE message_pk < "
    "(SELECT (min(message_pk) + :below) / 2 FROM search_index) ORDER BY message_pk DESC LIMIT :rows) AS older "
    "WHERE body @@ (SELECT CAST(:match AS tsquery))")
_BY_THE_INDEX = sa.text(
    "WITH hit AS MATERIALIZED (SELECT message_pk FROM search_index "
    "WHERE body @@ (SELECT CAST(:match AS tsquery)) AND message_pk < :below) "
    "SELECT message_pk FROM hit ORDER BY message_pk DESC LIMIT :limit")


def best(found: list[Phrase], among: list[int]) -> list[int]:
    """Messages of which all are found, the best first; of those that are alike, the newest.

    How good one is: how often it has what was looked for, for its length, as BM25 has it (Robertson and Zaragoza, The
    Probabilistic Relevance Framework, 2009), without how rare a word is: to count that takes FTS5 a tenth of a second
    in four million messages, and they all have all words. On PostgreSQL it is its own ts_rank.
    """
    if not among:
        return []
    if not is_sqlite():
        return list(session().scalars(_BEST_POSTGRESQL, {"match": match(found).values["match"], "among": among}))
    bodies = {pk: f" {body} " for pk, body in session().execute(_BODIES, {"among": json.dumps(among)})}
    usual = sum(map(len, bodies.values())) / len(bodies)
    score = {pk: sum(_weight(body, phrase, len(body) / usual) for phrase in found) for pk, body in bodies.items()}
    return sorted(score, key=lambda pk: (-score[pk], -pk))


def _weight(body: str, phrase: Phrase, length: float) -> float:
    """Of one phrase in one folded text, from 0 to 1. A whole word counts twice what the beginning of one does."""
    times = body.count(f" {' '.join(phrase.tokens)} ")
    if phrase.prefix:
        times += body.count(f" {phrase.tokens[0]}")
    return times / (times + 1.2 * (0.25 + 0.75 * length)) if times else 0.0


_BODIES = sa.text("SELECT rowid, body FROM search_index WHERE rowid IN (SELECT value FROM json_each(:among))")
_BEST_POSTGRESQL = sa.text("SELECT message_pk FROM search_index WHERE message_pk = ANY(:among) "
                           "ORDER BY ts_rank(body, CAST(:match AS tsquery), 1) DESC, message_pk DESC")
