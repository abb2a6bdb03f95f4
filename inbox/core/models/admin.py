"""Invitations of new agents, and the audit log of what admins do."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.core.models.people import Agent
from inbox.core.models.tickets import BIG
from inbox.db import Model, UtcDateTime, utcnow


class Invitation(Model):
    """Somebody was asked to join. Only the SHA-256 of the link's token is stored; a newer link replaces an older."""

    __tablename__ = "invitation"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.Text, index=True)  # normalised
    role: Mapped[str] = mapped_column(sa.String(40))
    departments: Mapped[list[int]] = mapped_column(sa.JSON, default=list)
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    invited_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"))
    sent_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # accepted or revoked

    invited_by: Mapped[Agent | None] = relationship(lazy="select")

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= utcnow()


class AuditEntry(Model):
    """One thing that was done to the desk itself, with what it was before and after. Plugins never see it."""

    __tablename__ = "audit_entry"
    __table_args__ = (sa.Index("ix_audit_entry_area_id", "area", "id"),
                      sa.Index("ix_audit_entry_agent_id_id", "agent_id", "id"))

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"))  # None: no person
    source: Mapped[str] = mapped_column(sa.String(60))  # as an event has it
    area: Mapped[str] = mapped_column(sa.String(20))  # see inbox.core.audit.AREAS
    kind: Mapped[str] = mapped_column(sa.String(60))
    subject: Mapped[str] = mapped_column(sa.Text, default="")  # what it was done to, in a few words
    changes: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)  # by name: [before, after]
