"""The plugin host's own tables. A ticket's or event's id is a plain number here: the host knows no tickets."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from inbox.db import Model, UtcDateTime, utcnow

STATES = ("installed", "active", "paused")


class Plugin(Model):
    """A plugin that was installed here: its code is trusted and its tables are there."""

    __tablename__ = "plugin"
    __table_args__ = (sa.CheckConstraint("state IN ('installed', 'active', 'paused')", name="state"),)

    name: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    version: Mapped[str] = mapped_column(sa.String(40))
    state: Mapped[str] = mapped_column(sa.String(10), default="installed")
    reason: Mapped[str] = mapped_column(sa.Text, default="")  # why it is paused
    error: Mapped[str | None] = mapped_column(sa.Text)  # why it could not be loaded; None: it could
    # The event hooks it answered when it was loaded last; None: nobody has loaded it since this is written down.
    hears: Mapped[list[str] | None] = mapped_column(sa.JSON(none_as_null=True))
    changed_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)


class PluginRevision(Model):
    """One row of numbers that processes compare with what they know.

    `value` moves with every change of a state; `code` moves when there is other code to be read: processes replace
    themselves then.
    """

    __tablename__ = "plugin_revision"

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    value: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    code: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")


class PluginFault(Model):
    """A plugin failed: where, when, over which ticket, and how."""

    __tablename__ = "plugin_fault"
    __table_args__ = (sa.Index("ix_plugin_fault_plugin_at", "plugin", "at"),)

    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)
    plugin: Mapped[str] = mapped_column(sa.String(60))
    hook: Mapped[str] = mapped_column(sa.String(60))
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    ticket_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    event_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    summary: Mapped[str] = mapped_column(sa.Text)
    trace: Mapped[str] = mapped_column(sa.Text, default="")
    weight: Mapped[int] = mapped_column(default=1, server_default="1")  # toward pausing; 0: a note, no fault


class PluginTiming(Model):
    """How often a plugin was asked on a day, and how long it took, all processes together."""

    __tablename__ = "plugin_timing"

    plugin: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    hook: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(10))
    calls: Mapped[int] = mapped_column(sa.BigInteger)
    errors: Mapped[int] = mapped_column(sa.BigInteger)
    total_ms: Mapped[float]
    slowest_ms: Mapped[float]
