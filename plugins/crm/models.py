"""The plugin's tables: organisations, their domains and members."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.toolkit import Agent, Model, UtcDateTime, utcnow

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# Compared byte by byte on PostgreSQL too, so that the beginning of a name is a range of the index.
KEY = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")


class Organisation(Model):
    """A company, a school, a club: what several customers write for."""

    __tablename__ = "crm_organisation"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    key: Mapped[str] = mapped_column(KEY, unique=True)  # the name, folded: what lists are ordered by
    website: Mapped[str] = mapped_column(sa.Text, default="")
    about: Mapped[str] = mapped_column(sa.Text, default="")
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)

    owner: Mapped[Agent | None] = relationship(lazy="joined")
    domains: Mapped[list[Domain]] = relationship(order_by="Domain.domain", lazy="selectin",
                                                 cascade="all, delete-orphan")


class Domain(Model):
    """Whoever writes from an address of this domain, or of one below it, is a member."""

    __tablename__ = "crm_domain"

    domain: Mapped[str] = mapped_column(sa.String(253), primary_key=True)
    organisation_id: Mapped[int] = mapped_column(
        sa.ForeignKey("crm_organisation.id", ondelete="CASCADE"), index=True)


class Member(Model):
    """Where a customer belongs. What was set by hand stays, whatever the domain says; it can also be "nowhere"."""

    __tablename__ = "crm_member"
    __table_args__ = (sa.Index("ix_crm_member_organisation", "organisation_id", "customer_id"),)

    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    organisation_id: Mapped[int | None] = mapped_column(sa.ForeignKey("crm_organisation.id", ondelete="CASCADE"))
    by_hand: Mapped[bool] = mapped_column(default=False)
