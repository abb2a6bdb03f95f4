"""Customers and their addresses; agents, roles, departments and who works where."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.db import Model, UtcDateTime, utcnow


class Customer(Model):
    """Somebody who asks. Merging leaves the row behind as a redirect (`merged_into_id`)."""

    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text, default="")
    locale: Mapped[str | None] = mapped_column(sa.String(16))
    time_zone: Mapped[str | None] = mapped_column(sa.String(64))
    merged_into_id: Mapped[int | None] = mapped_column(sa.ForeignKey("customer.id"), index=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)

    addresses: Mapped[list[CustomerAddress]] = relationship(
        back_populates="customer", order_by="CustomerAddress.id", cascade="all, delete-orphan", lazy="selectin")

    @property
    def email(self) -> str | None:
        """The first mail address, or None."""
        return next((each.value for each in self.addresses if each.kind == "mail"), None)

    @property
    def display_name(self) -> str:
        return self.name or self.email or f"#{self.id}"


class CustomerMerge(Model):
    """What moved when a customer was merged into another, so that it can go back. Gone when undone or erased."""

    __tablename__ = "customer_merge"

    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    into_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"))
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    moved: Mapped[dict[str, Any]] = mapped_column(sa.JSON)  # see inbox.core.merges

    agent: Mapped[Agent | None] = relationship(lazy="select")
    customer: Mapped[Customer] = relationship(lazy="select", foreign_keys=[customer_id])


class CustomerAddress(Model):
    """A way to reach a customer: mail, phone or handle. `normalised` is what is compared."""

    __tablename__ = "customer_address"
    __table_args__ = (
        sa.UniqueConstraint("kind", "normalised"),
        sa.CheckConstraint("kind IN ('mail', 'phone', 'handle')", name="kind"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(10), default="mail")
    value: Mapped[str] = mapped_column(sa.Text)
    # Compared byte by byte on PostgreSQL too, so that a beginning of an address is a range of the index.
    normalised: Mapped[str] = mapped_column(sa.Text().with_variant(sa.Text(collation="C"), "postgresql"))
    bounced_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)

    customer: Mapped[Customer] = relationship(back_populates="addresses", lazy="select")


class Role(Model):
    """A named set of abilities; which tickets they reach is a matter of department membership."""

    __tablename__ = "role"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40), unique=True)
    title: Mapped[str] = mapped_column(sa.Text)
    abilities: Mapped[list[str]] = mapped_column(sa.JSON, default=list)


class Membership(Model):
    """An agent works in a department."""

    __tablename__ = "membership"

    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    department_id: Mapped[int] = mapped_column(
        sa.ForeignKey("department.id", ondelete="CASCADE"), primary_key=True, index=True)


class Agent(Model):
    """Somebody who answers. `session_version` ends every other session when it moves."""

    __tablename__ = "agent"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.Text, unique=True)  # normalised
    name: Mapped[str] = mapped_column(sa.Text)
    password_hash: Mapped[str | None] = mapped_column(sa.Text)
    role_id: Mapped[int] = mapped_column(sa.ForeignKey("role.id"))
    is_active: Mapped[bool] = mapped_column(default=True)
    session_version: Mapped[int] = mapped_column(default=1)
    locale: Mapped[str | None] = mapped_column(sa.String(16))
    time_zone: Mapped[str | None] = mapped_column(sa.String(64))
    appearance: Mapped[str] = mapped_column(sa.String(8), default="auto")  # auto, light, dark
    signature: Mapped[str] = mapped_column(sa.Text, default="")
    preferences: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_seen_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    away_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # since when; None: available
    away_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # None: until they say they are back
    substitute_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"))
    mail_failed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # a notice to them came back for good
    mail_failure: Mapped[str] = mapped_column(sa.Text, default="")

    role: Mapped[Role] = relationship(lazy="joined", innerjoin=True)
    memberships: Mapped[list[Membership]] = relationship(lazy="selectin", cascade="all, delete-orphan")

    @property
    def is_away(self) -> bool:
        """True while they have said that they are away."""
        return self.away_at is not None and (self.away_until is None or self.away_until > utcnow())

    @property
    def department_ids(self) -> frozenset[int]:
        return frozenset(each.department_id for each in self.memberships)


class Department(Model):
    """A queue of work with members, a sender name, a signature and an outgoing mailbox."""

    __tablename__ = "department"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text, unique=True)
    sender_name: Mapped[str] = mapped_column(sa.Text, default="")  # empty: the department's name
    signature: Mapped[str] = mapped_column(sa.Text, default="")
    hue: Mapped[int] = mapped_column(default=0)  # 0..11, the colour of its dot
    position: Mapped[int] = mapped_column(default=0)
    is_active: Mapped[bool] = mapped_column(default=True)
    mailbox_id: Mapped[int | None] = mapped_column(  # what it sends from; None: the ticket's own mailbox
        sa.ForeignKey("mailbox.id", use_alter=True, ondelete="SET NULL"))


class ApiToken(Model):
    """A bearer token of an agent; only its SHA-256 is stored."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(sa.Text, default="")
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_used_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)

    agent: Mapped[Agent] = relationship(lazy="joined", innerjoin=True)


class OneTimeToken(Model):
    """A secret for one use: first set-up, password reset. Only its SHA-256 is stored."""

    __tablename__ = "one_time_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(sa.String(20))
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class Attempt(Model):
    """One try at something that is rate-limited (sign-in, password reset), counted for every process alike."""

    __tablename__ = "attempt"
    __table_args__ = (sa.Index("ix_attempt_key_at", "key", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(120))
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
