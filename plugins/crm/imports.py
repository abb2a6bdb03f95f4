"""CSV files of customers: taken in whole, mapped, tried on the first rows, then stored part by part by a job.

A part of the file is one transaction: what its rows change, the counts, and the part's own end. So whatever stops the
program, the next run goes on with the next part, and nothing is done or counted twice.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import sqlalchemy as sa

from inbox.toolkit import (
    Agent,
    Invalid,
    NotFound,
    fields,
    gettext,
    me,
    reach,
    said,
    session,
    transaction,
    utcnow,
)
from inbox_plugins.crm import csv_rows, organisations
from inbox_plugins.crm.csv_rows import N_, Row
from inbox_plugins.crm.import_rows import Batch, Fate, Reason
from inbox_plugins.crm.models import Import, ImportPart, ImportProblem

PART = 100  # rows in one transaction
PARTS_AT_ONCE = 10  # written in one transaction while a file comes in
MAX_ROWS = 1_000_000
MAX_COLUMNS = 200
SECONDS = 25.0  # of work in one run of the job, then others have their turn
SAMPLES = 3
PREVIEW = 10
KEPT = dt.timedelta(days=90)
TARGETS: dict[str, tuple[str, ...]] = {
    "mail": ("mail", "e-mail", "email", "e-post", "epost", "mail address", "email address", "メール", "อีเมล",
             "電子郵件"),
    "name": ("name", "navn", "full name", "名前", "氏名", "ชื่อ", "姓名"),
    "organisation": ("organisation", "organization", "company", "firma", "bedrift", "会社", "บริษัท", "公司"),
}
"""What a column can be besides a field of customers, and headings that say so."""


# --- taking a file in -------------------------------------------------------------------------------------------


def take(file: BinaryIO, filename: str, agent: Agent) -> Import:
    """Read a file into parts. Raises Invalid (file) for what is no table with a heading and rows."""
    agent_id = agent.id
    rows = csv_rows.read(file)
    heading = next(rows, None)
    if heading is None or heading[2] or not 0 < len(heading[1]) <= MAX_COLUMNS:
        raise Invalid("file", "The first line has to hold the headings of the columns, separated by commas.")
    columns = [each[:100] for each in heading[1]]
    with transaction() as current:
        made = Import(filename=filename[:200], agent_id=agent_id, columns=columns, mapping=guess(columns))
        current.add(made)
        current.flush()
        import_id = made.id
    total = _store(import_id, rows, len(columns))
    with transaction() as current:
        made = current.get_one(Import, import_id)
        made.total, made.state = total, "mapping"
    if not total:
        delete(made)
        raise Invalid("file", "There is no row below the headings.")
    return made


def _store(import_id: int, rows: Iterator[Row], width: int) -> int:
    total, position = 0, 0
    parts: list[dict[str, Any]] = []
    part: list[list[Any]] = []
    for number, cells, wrong in rows:
        reason = Reason(wrong)
        if not wrong and len(cells) != width:
            reason = Reason(N_("It has %(cells)s cells, and there are %(headings)s headings."),
                            {"cells": str(len(cells)), "headings": str(width)})
        part.append([number, cells, *reason])
        total += 1
        if total > MAX_ROWS:
            raise Invalid("file", "A file may have a million rows. Divide this one.")
        if len(part) == PART:
            parts.append({"import_id": import_id, "position": position, "rows": part})
            position, part = position + 1, []
        if len(parts) == PARTS_AT_ONCE:
            _write(parts)
            parts = []
    _write([*parts, {"import_id": import_id, "position": position, "rows": part}] if part else parts)
    return total


def _write(parts: list[dict[str, Any]]) -> None:
    if parts:
        with transaction() as current:
            current.execute(sa.insert(ImportPart), parts)


def guess(columns: Sequence[str]) -> list[str]:
    """What each column is, by its heading."""
    titles = {each.title.casefold(): f"field:{each.id}" for each in fields.of_customers.all()}
    known = {name: target for target, names in TARGETS.items() for name in names} | titles
    found: list[str] = []
    for each in columns:
        target = known.get(each.strip().casefold(), "")
        found.append("" if target in found else target)
    return found


def get(import_id: int, agent: Agent) -> Import:
    """One's own; who sees every department gets any: files hold what only some may see. Raises NotFound."""
    found = session().get(Import, import_id)
    if found is None or (found.agent_id != agent.id and reach(agent) is not None):
        raise NotFound()
    return found


def recent(agent: Agent, limit: int = 20) -> list[Import]:
    """The newest imports that the agent may look at."""
    query = sa.select(Import).where(Import.state != "loading").order_by(Import.id.desc()).limit(limit)
    return list(session().scalars(query if reach(agent) is None else query.where(Import.agent_id == agent.id)))


def first_rows(found: Import, limit: int = PREVIEW) -> list[list[Any]]:
    """The first rows that wait."""
    parts = session().scalars(sa.select(ImportPart.rows).where(ImportPart.import_id == found.id)
                              .order_by(ImportPart.position).limit(1))
    return [row for part in parts for row in part][:limit]


# --- mapping, trying, starting ----------------------------------------------------------------------------------


def map_columns(found: Import, mapping: Sequence[str], *, overwrite: bool) -> None:
    """Say what each column is ("" leaves it out). Raises Invalid (mapping)."""
    known = {*TARGETS, *(f"field:{each.id}" for each in fields.of_customers.all())}
    wanted = [each if each in known else "" for each in mapping][:len(found.columns)]
    used = [each for each in wanted if each]
    if "mail" not in used:
        raise Invalid("mapping", "One column has to be the mail address: customers are known by it.")
    if len(used) != len(set(used)):
        raise Invalid("mapping", "Two columns cannot be the same.")
    with transaction():
        found.mapping, found.overwrite = wanted, overwrite


def preview(found: Import) -> list[Fate]:
    """For the first rows: line, cells, what would happen (created, changed, same, broken), and why not."""
    return Batch(found, first_rows(found)).fates


def start(found: Import) -> None:
    """Let the job begin, or go on."""
    if found.state not in ("mapping", "stopped"):
        return
    with transaction():
        found.state = "running"


def stop(found: Import) -> None:
    """Let the job end after the part it is at. It can go on later."""
    with transaction():
        if found.state == "running":
            found.state = "stopped"


def delete(found: Import) -> None:
    """Forget an import. What it has stored stays."""
    import_id = found.id
    while True:  # a large file is many rows: each transaction takes some of them
        with transaction() as current:
            positions = list(current.scalars(sa.select(ImportPart.position).where(
                ImportPart.import_id == import_id).limit(500)))
            current.execute(sa.delete(ImportPart).where(
                ImportPart.import_id == import_id, ImportPart.position.in_(positions)))
            if not positions:
                current.execute(sa.delete(Import).where(Import.id == import_id))
                return


# --- the job ----------------------------------------------------------------------------------------------------


def work(seconds: float = SECONDS) -> None:
    """The job: go on with what runs, for a while."""
    until = time.monotonic() + seconds
    for import_id in session().scalars(sa.select(Import.id).where(Import.state == "running").order_by(Import.id)).all():
        while time.monotonic() < until and next_part(import_id):
            pass
    _forget_old()


def next_part(import_id: int) -> bool:
    """Store one part of an import. False when there is no more, or somebody has stopped it."""
    with transaction() as current:
        found = current.get(Import, import_id, with_for_update=True)
        if found is None or found.state != "running":
            return False
        part = current.scalar(sa.select(ImportPart).where(ImportPart.import_id == import_id)
                              .order_by(ImportPart.position).limit(1))
        if part is None:
            found.state, found.ended_at = "done", utcnow()
            return False
        batch = Batch(found, part.rows)
        organisations.settle(batch.store(me()))
        for number, cells, fate, reason in batch.fates:
            setattr(found, fate, getattr(found, fate) + 1)
            if reason.words:
                current.add(ImportProblem(import_id=import_id, line=number, reason=reason.words, values=reason.values,
                                          cells=cells))
        current.delete(part)
        return True


def _forget_old() -> None:
    """Imports that nobody has looked at for long, and files that never came in whole."""
    old = sa.or_(Import.made_at < utcnow() - KEPT,
                 sa.and_(Import.state == "loading", Import.made_at < utcnow() - dt.timedelta(days=1)))
    for each in session().scalars(sa.select(Import).where(old, Import.state != "running").limit(5)).all():
        delete(each)


# --- what was wrong ---------------------------------------------------------------------------------------------


def problems(found: Import, *, after: int = 0, limit: int = 50) -> tuple[list[ImportProblem], int | None]:
    """Rows that could not be taken, by line, and the line to go on from."""
    query = sa.select(ImportProblem).where(ImportProblem.import_id == found.id, ImportProblem.line > after)
    rows = list(session().scalars(query.order_by(ImportProblem.line).limit(limit + 1)))
    return rows[:limit], rows[limit - 1].line if len(rows) > limit else None


def problems_file(found: Import) -> Iterator[str]:
    """The same rows as a CSV file, to be mended and imported again."""
    yield csv_rows.line(["line", "what is wrong", *found.columns])
    after: int | None = 0
    while after is not None:
        rows, after = problems(found, after=after, limit=1000)
        for each in rows:
            yield csv_rows.line([str(each.line), why(each.reason, each.values), *each.cells])


def why(words: str, values: Mapping[str, str]) -> str:
    """What is wrong with a row, in the reader's language: our words, or the core's about a field."""
    return said(gettext(words, **values))
