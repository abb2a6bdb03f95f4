"""Tables of the service levels: calendars, policies, and one row for every clock of a ticket."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from inbox.toolkit import Model, UtcDateTime, hours, utcnow

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class SlaCalendar(Model):
    """Working hours with a name. `definition` is what `Hours.kept()` gives; holidays of `country` are in it."""

    __tablename__ = "sla_calendar"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    country: Mapped[str] = mapped_column(sa.String(2), default="")  # ISO 3166, empty: no public holidays
    own_days: Mapped[str] = mapped_column(sa.Text, default="")  # further days off, as typed
    definition: Mapped[dict[str, Any]] = mapped_column(sa.JSON)

    @property
    def hours(self) -> hours.Hours:
        return hours.Hours.of(self.definition)


class SlaPolicy(Model):
    """What is promised to whom. The first active one whose conditions fit a ticket counts; minutes, None: nothing."""

    __tablename__ = "sla_policy"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    position: Mapped[int] = mapped_column(default=0)
    is_active: Mapped[bool] = mapped_column(default=True)
    calendar_id: Mapped[int] = mapped_column(sa.ForeignKey("sla_calendar.id"))
    department_id: Mapped[int | None] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"))
    priority: Mapped[str] = mapped_column(sa.String(10), default="")  # empty: any
    tag: Mapped[str] = mapped_column(sa.String(100), default="")  # empty: any
    segment: Mapped[str] = mapped_column(sa.String(100), default="")  # a key that another plugin gave; empty: any
    first_reply: Mapped[int | None]
    next_reply: Mapped[int | None]
    resolution: Mapped[int | None]
    warn: Mapped[int] = mapped_column(default=30)  # minutes before it is due
    notify: Mapped[bool] = mapped_column(default=True)
    raise_priority: Mapped[bool] = mapped_column(default=False)
    assign_to: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"))
    made_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, default=utcnow)  # None: there always was


class SlaTarget(Model):
    """One clock of a ticket with what was promised then: it stays true when the policy changes or goes."""

    __tablename__ = "sla_target"
    __table_args__ = (
        sa.UniqueConstraint("ticket_id", "kind", "started_at"),
        sa.Index("ix_sla_target_due_at", "due_at", sqlite_where=sa.text("due_at IS NOT NULL"),
                 postgresql_where=sa.text("due_at IS NOT NULL")),
        sa.Index("ix_sla_target_warn_at", "warn_at", sqlite_where=sa.text("warn_at IS NOT NULL"),
                 postgresql_where=sa.text("warn_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(sa.String(12))  # clocks.KINDS
    started_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    policy_id: Mapped[int | None] = mapped_column(sa.ForeignKey("sla_policy.id", ondelete="SET NULL"), index=True)
    policy_name: Mapped[str] = mapped_column(sa.String(100))
    seconds: Mapped[int]
    warn_seconds: Mapped[int]
    calendar: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    state: Mapped[str] = mapped_column(sa.String(8))  # running, paused, met, missed, dropped
    spent: Mapped[int] = mapped_column(default=0)  # seconds of the calendar, up to `since` or for good
    since: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # None: nothing to wait for
    warn_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # None: nothing to warn of, or it was done
    stopped_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    missed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    warned_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    escalated_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
