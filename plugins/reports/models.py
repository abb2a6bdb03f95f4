"""Tables of the reports: countable lines, how far a rebuild is, who gets the mail on Monday."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from inbox.toolkit import Model, UtcDateTime

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class ReportsLine(Model):
    """One fact about a ticket (story.Line). `day` and `hour` are those of the desk's clock."""

    __tablename__ = "reports_line"
    __table_args__ = (sa.Index("ix_reports_line_kind_day", "kind", "day", "department_id"),)

    event_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=False)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(10))
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    day: Mapped[dt.date]
    hour: Mapped[int]
    department_id: Mapped[int | None] = mapped_column(sa.ForeignKey("department.id", ondelete="SET NULL"))
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"))
    seconds: Mapped[int | None]
    work_seconds: Mapped[int | None]
    is_first: Mapped[bool] = mapped_column(default=False)


class ReportsRebuild(Model):
    """The one row that says how far the lines have been made anew: up to ticket `done_id` of `last_id`.
    `turn` counts how often it was begun."""

    __tablename__ = "reports_rebuild"

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    turn: Mapped[int] = mapped_column(default=0)
    done_id: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    last_id: Mapped[int] = mapped_column(sa.BigInteger, default=0)

    @property
    def percent(self) -> int:
        return 100 if self.done_id >= self.last_id else self.done_id * 100 // self.last_id


class ReportsReader(Model):
    """An agent who gets the report by mail every Monday, of one department or (None) of all within reach."""

    __tablename__ = "reports_reader"

    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    department_id: Mapped[int | None] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"))
    sent_on: Mapped[dt.date | None]
