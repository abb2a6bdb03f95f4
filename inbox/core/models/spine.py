"""The event log, deliveries to plugins, jobs, notifications, settings, counters."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from inbox.core.models.tickets import BIG
from inbox.db import Model, UtcDateTime, utcnow


class Event(Model):
    """A fact that happened, past tense, written in the transaction that made it happen."""

    __tablename__ = "event"
    __table_args__ = (
        sa.Index("ix_event_waiting", "id", sqlite_where=sa.text("dispatched_at IS NULL"),
                 postgresql_where=sa.text("dispatched_at IS NULL")),
        sa.Index("ix_event_ticket", "ticket_id", "id"),
        sa.Index("ix_event_kind", "kind", "id"),
        sa.Index("ix_event_actor", "actor_id", "id", sqlite_where=sa.text("actor_kind = 'agent'"),
                 postgresql_where=sa.text("actor_kind = 'agent'")),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(60))
    ticket_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id", ondelete="SET NULL"))
    message_pk: Mapped[int | None] = mapped_column(BIG)
    actor_kind: Mapped[str] = mapped_column(sa.String(10))  # agent, customer, system, plugin
    actor_id: Mapped[int | None] = mapped_column(BIG)
    source: Mapped[str] = mapped_column(sa.String(60))  # web, mail, api, cli, rule, plugin:<name>
    caused_by: Mapped[int | None] = mapped_column(BIG)  # the event a plugin was answering
    depth: Mapped[int] = mapped_column(default=0)
    data: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    dispatched_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    lease_owner: Mapped[str | None] = mapped_column(sa.String(80))
    lease_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class Delivery(Model):
    """An event a plugin could not take (failed: retried; waiting: the plugin is paused). Success leaves no row."""

    __tablename__ = "delivery"
    __table_args__ = (sa.Index("ix_delivery_due", "state", "next_try_at"),
                      sa.Index("ix_delivery_plugin", "plugin", "state"))

    event_id: Mapped[int] = mapped_column(sa.ForeignKey("event.id", ondelete="CASCADE"), primary_key=True)
    plugin: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(10), default="failed")  # failed, waiting, given_up
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(sa.Text, default="")


class Job(Model):
    """Work to do once, at or after `run_at`; the row is the truth, wake-ups are only hints."""

    __tablename__ = "job"
    __table_args__ = (
        sa.Index("ix_job_due", "state", "run_at", "id"),
        sa.Index("ix_job_kind_due", "kind", "state", "run_at", "id"),
        sa.Index("uq_job_key", "key", unique=True, sqlite_where=sa.text("state IN ('queued', 'running')"),
                 postgresql_where=sa.text("state IN ('queued', 'running')")),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(60))
    args: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    key: Mapped[str | None] = mapped_column(sa.String(120))  # at most one waiting or running job has it
    state: Mapped[str] = mapped_column(sa.String(10), default="queued")  # queued, running, done, failed
    attempts: Mapped[int] = mapped_column(default=0)
    run_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    lease_owner: Mapped[str | None] = mapped_column(sa.String(80))  # the process that runs it, see inbox.holders
    lease_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    done_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class Notification(Model):
    """An agent was told of an event, in one way; unique, so that nobody is told twice."""

    __tablename__ = "notification"
    __table_args__ = (
        sa.UniqueConstraint("event_id", "agent_id", "way"),
        sa.Index("ix_notification_unread", "agent_id", "ticket_id",
                 sqlite_where=sa.text("way = 'app' AND read_at IS NULL"),
                 postgresql_where=sa.text("way = 'app' AND read_at IS NULL")),
        sa.Index("ix_notification_list", "agent_id", "way", "id"),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    event_id: Mapped[int] = mapped_column(sa.ForeignKey("event.id", ondelete="CASCADE"))
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), index=True)
    way: Mapped[str] = mapped_column(sa.String(10))  # app, mail
    kind: Mapped[str] = mapped_column(sa.String(80), default="")  # the name of a NotificationType
    ticket_id: Mapped[int | None] = mapped_column(sa.BigInteger)  # it may be gone
    title: Mapped[str] = mapped_column(sa.Text, default="")  # in the agent's language
    path: Mapped[str] = mapped_column(sa.String(300), default="", server_default="")  # its page, if it has no ticket
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    read_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # by mail: its address is used up then
    answered_with: Mapped[str | None] = mapped_column(sa.Text)  # the Message-ID of that answer


class SettingValue(Model):
    """One stored setting. Scope is `site` or `mailbox:<id>`; keys of plugins are prefixed with their name."""

    __tablename__ = "setting"

    scope: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    value: Mapped[Any] = mapped_column(sa.JSON)


class Counter(Model):
    """A number that only grows, e.g. the last ticket number on SQLite."""

    __tablename__ = "counter"

    name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    value: Mapped[int] = mapped_column(sa.BigInteger, default=0)


class IdempotentAnswer(Model):
    """The answer given to an API post with an Idempotency-Key, to be given again for the same key."""

    __tablename__ = "idempotent_answer"

    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    request_digest: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int] = mapped_column(default=0)  # 0: still being worked on
    body: Mapped[str] = mapped_column(sa.Text, default="")
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)


class Heartbeat(Model):
    """When a process last showed a sign of life; read by `inbox doctor` and `/readyz`."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    info: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
