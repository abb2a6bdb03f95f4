"""Tables for the screen and for CSV: rows of plain values, so that both say the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Agent, Department, Tag, Ticket, gettext, session, visible
from inbox_plugins.reports import words
from inbox_plugins.reports.figures import Choice, Figures, figures
from inbox_plugins.reports.models import ReportsLine

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run these


@dataclass
class Table:
    """Columns and rows. `keys` name what each row is about, for the way to its tickets; `kinds` that of each column."""

    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)
    kinds: Sequence[str] = ()


KINDS = ("", "opened", "answered", "closed", "reopened", "", "", "")


def _columns(first: str) -> list[str]:
    return [first, gettext("New"), gettext("Answers"), gettext("Closed"), gettext("Opened again"),
            gettext("First answer, median"), gettext("First answer, 90 %"), gettext("Solution, median")]


def _row(name: str, figure: Figures) -> list[str]:
    first, solved = figure.first_reply or {}, figure.solution or {}
    return [name, str(figure.opened), str(figure.answered), str(figure.closed), str(figure.reopened),
            words.length(first.get(50)), words.length(first.get(90)), words.length(solved.get(50))]


def by_department(choice: Choice) -> Table:
    """A row for each department, in their order."""
    found = figures(choice, "department")
    names = session().execute(sa.select(Department.id, Department.name).where(Department.id.in_(
        [key for key in found if key is not None])).order_by(Department.position, Department.name)).all()
    return Table(_columns(gettext("Department")), [_row(row.name, found[row.id]) for row in names],
                 [row.id for row in names], KINDS)


def by_agent(choice: Choice) -> Table:
    """A row for each agent who answered or closed something, by name."""
    found = figures(choice, "agent")
    names = session().execute(sa.select(Agent.id, Agent.name).where(Agent.id.in_(
        [key for key in found if key is not None])).order_by(Agent.name, Agent.id)).all()
    return Table(_columns(gettext("Agent")), [_row(row.name, found[row.id]) for row in names],
                 [row.id for row in names], KINDS)


def by_tag(choice: Choice, agent: Agent) -> Table:
    """How many tickets of the period bear each tag, most first; of tickets that have left the agent's reach, none."""
    count = sa.func.count(sa.distinct(ReportsLine.ticket_id))
    rows = session().execute(visible(
        sa.select(Tag.name, count).select_from(ReportsLine).join(Ticket, Ticket.id == ReportsLine.ticket_id)
        .join(Ticket.tags).where(*choice.where("opened")).group_by(Tag.name).order_by(count.desc(), Tag.name)
        .limit(200), agent)).all()
    return Table([gettext("Tag"), gettext("New tickets")], [[row[0], str(row[1])] for row in rows],
                 [row[0] for row in rows], ("", "opened"))


def as_csv(table: Table) -> str:
    """The table for a spreadsheet (RFC 4180, with a byte order mark for Excel); nothing in it can be a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in [table.columns, *table.rows]:
        writer.writerow([f"'{cell}" if cell.startswith(DANGEROUS) else cell for cell in row])
    return "\ufeff" + text.getvalue()
