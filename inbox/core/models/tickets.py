"""Tickets, their tags, and what each agent has seen of them."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.core.models.people import Agent, Customer, Department
from inbox.db import Model, UtcDateTime, utcnow

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
STATUSES = ("open", "pending", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")
SHELVES = ("open", "pending", "closed", "snoozed", "spam", "trash", "merged")


class Ticket(Model):
    """One matter with one customer, from first message to closed.

    `shelf` is derived from status, is_spam, trashed_at, snoozed_until and merged_into_id, in one place
    (`reshelve`), so that every list has one short index.
    """

    __tablename__ = "ticket"
    __table_args__ = (
        sa.CheckConstraint("status IN ('open', 'pending', 'closed')", name="status"),
        sa.CheckConstraint("priority IN ('low', 'normal', 'high', 'urgent')", name="priority"),
        sa.Index("ix_ticket_shelf_last", "shelf", "last_message_at", "id"),
        sa.Index("ix_ticket_shelf_assignee_last", "shelf", "assignee_id", "last_message_at", "id"),
        sa.Index("ix_ticket_assignee_shelf_department", "assignee_id", "shelf", "department_id"),
        sa.Index("ix_ticket_department_shelf_last", "department_id", "shelf", "last_message_at", "id"),
        sa.Index("ix_ticket_customer_last", "customer_id", "last_message_at", "id"),
        sa.Index("ix_ticket_last", "last_message_at", "id"),
        sa.Index("ix_ticket_updated", "updated_at", "id"),
        sa.Index("ix_ticket_waiting_last", "last_message_at", "id", sqlite_where=sa.text("waiting_since IS NOT NULL"),
                 postgresql_where=sa.text("waiting_since IS NOT NULL")),
        sa.Index("ix_ticket_priority_last", "priority", "last_message_at", "id",
                 sqlite_where=sa.text("priority != 'normal'"), postgresql_where=sa.text("priority != 'normal'")),
        sa.Index("ix_ticket_snoozed_until", "snoozed_until", sqlite_where=sa.text("snoozed_until IS NOT NULL"),
                 postgresql_where=sa.text("snoozed_until IS NOT NULL")),
        sa.Index("ix_ticket_trashed_at", "trashed_at", sqlite_where=sa.text("trashed_at IS NOT NULL"),
                 postgresql_where=sa.text("trashed_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger, unique=True)
    subject: Mapped[str] = mapped_column(sa.Text, default="")
    status: Mapped[str] = mapped_column(sa.String(10), default="open")
    shelf: Mapped[str] = mapped_column(sa.String(10), default="open")
    is_spam: Mapped[bool] = mapped_column(default=False)
    trashed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    snoozed_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    merged_into_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id"), index=True)
    priority: Mapped[str] = mapped_column(sa.String(10), default="normal")
    type: Mapped[str | None] = mapped_column(sa.String(40))
    channel: Mapped[str] = mapped_column(sa.String(20), default="mail")  # mail, agent, api, form …
    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id"))
    mailbox_id: Mapped[int | None] = mapped_column(sa.ForeignKey("mailbox.id", ondelete="SET NULL"), index=True)
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id"))
    assignee_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)
    closed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    last_message_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    waiting_since: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # the customer waits for us
    snippet: Mapped[str] = mapped_column(sa.Text, default="")
    message_count: Mapped[int] = mapped_column(default=0)
    checklist: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON, default=list, server_default="[]")
    version: Mapped[int] = mapped_column(default=1)  # moves with every change; the page's ETag and stale-send check

    customer: Mapped[Customer] = relationship(lazy="select")
    department: Mapped[Department] = relationship(lazy="select")
    assignee: Mapped[Agent | None] = relationship(lazy="select")
    tags: Mapped[list[Tag]] = relationship(secondary="ticket_tag", order_by="Tag.name", lazy="selectin")

    # No columns: what `tickets.get` knew when it loaded the ticket for an agent; None where nobody asked.
    is_followed = cast("bool | None", None)  # by that agent
    seen_at = cast("dt.datetime | None", None)  # when that agent looked at it last
    is_linked = cast("bool | None", None)  # with any other
    has_fields = cast("bool | None", None)  # there are fields of tickets at this desk

    def reshelve(self) -> None:
        """Work out the shelf anew; call it after changing any of the columns it depends on."""
        if self.merged_into_id is not None:
            self.shelf = "merged"
        elif self.trashed_at is not None:
            self.shelf = "trash"
        elif self.is_spam:
            self.shelf = "spam"
        elif self.snoozed_until is not None and self.status != "closed":
            self.shelf = "snoozed"
        else:
            self.shelf = self.status

    @property
    def is_open(self) -> bool:
        return self.status != "closed"


class Tag(Model):
    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text, unique=True)  # folded: lower case, single blanks
    hue: Mapped[int] = mapped_column(default=0)


class TicketTag(Model):
    __tablename__ = "ticket_tag"

    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(
        sa.ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True, index=True)


class TicketSeen(Model):
    """When an agent looked at a ticket last; newer messages make it unread for that agent."""

    __tablename__ = "ticket_seen"
    __table_args__ = (sa.Index("ix_ticket_seen_agent_at", "agent_id", "seen_at"),)

    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(
        sa.ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True, index=True)
    seen_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class View(Model):
    """A saved list: personal (agent), of a department, or of the site (both None)."""

    __tablename__ = "view"

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), index=True)
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(sa.Text)
    query: Mapped[str] = mapped_column(sa.Text, default="")  # the language of the search box
    sort: Mapped[str] = mapped_column(sa.String(20), default="newest")
    icon: Mapped[str] = mapped_column(sa.String(20), default="")
    is_counted: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)


class SavedReply(Model):
    """A text an agent can put into a reply: personal, of a department, or of the site.

    `actions` are done when the reply goes out (see inbox.core.macros); `files` go along with it: name, type, size and
    SHA-256 of each. `used` counts how often it was put in.
    """

    __tablename__ = "saved_reply"

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), index=True)
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(sa.Text)
    html: Mapped[str] = mapped_column(sa.Text, default="")
    text: Mapped[str] = mapped_column(sa.Text, default="")
    actions: Mapped[list[str]] = mapped_column(sa.JSON, default=list, server_default="[]")
    files: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON, default=list, server_default="[]")
    used: Mapped[int] = mapped_column(default=0, server_default="0")
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)
