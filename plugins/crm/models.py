"""The plugin's tables: organisations with domains, members and fields; notes; tasks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.toolkit import Agent, Customer, FieldColumns, Model, UtcDateTime, ValueColumns, utcnow

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


class OrganisationField(FieldColumns, Model):
    """A field that every organisation can have."""

    __tablename__ = "crm_field"


class OrganisationFieldValue(ValueColumns, Model):
    """What an organisation has in a field."""

    __tablename__ = "crm_field_value"
    __table_args__ = (sa.Index("ix_crm_field_value_organisation", "organisation_id", "field_id"),
                      sa.Index("ix_crm_field_value_field", "field_id"))

    field_id: Mapped[int] = mapped_column(sa.ForeignKey("crm_field.id", ondelete="CASCADE"))
    organisation_id: Mapped[int] = mapped_column(sa.ForeignKey("crm_organisation.id", ondelete="CASCADE"))


class Note(Model):
    """A few lines about a customer or an organisation, for agents only."""

    __tablename__ = "crm_note"
    __table_args__ = (sa.Index("ix_crm_note_customer", "customer_id", "at"),
                      sa.Index("ix_crm_note_organisation", "organisation_id", "at"))

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    customer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"))
    organisation_id: Mapped[int | None] = mapped_column(sa.ForeignKey("crm_organisation.id", ondelete="CASCADE"))
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"), index=True)
    text: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)

    agent: Mapped[Agent | None] = relationship(lazy="joined")
    customer: Mapped[Customer | None] = relationship(lazy="select")


class Task(Model):
    """Something to be done for a customer or an organisation until a day."""

    __tablename__ = "crm_task"
    __table_args__ = (
        sa.Index("ix_crm_task_customer", "customer_id", "done_at"),
        sa.Index("ix_crm_task_organisation", "organisation_id", "done_at"),
        sa.Index("ix_crm_task_agent", "agent_id", "done_at", "due_on", "id"),
        sa.Index("ix_crm_task_due", "due_on", sqlite_where=sa.text("reminded_at IS NULL AND done_at IS NULL"),
                 postgresql_where=sa.text("reminded_at IS NULL AND done_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    customer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"))
    organisation_id: Mapped[int | None] = mapped_column(sa.ForeignKey("crm_organisation.id", ondelete="CASCADE"))
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"))  # who does it
    made_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"), index=True)
    text: Mapped[str] = mapped_column(sa.Text)
    due_on: Mapped[dt.date | None] = mapped_column(sa.Date)
    made_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    done_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    reminded_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)

    agent: Mapped[Agent | None] = relationship(lazy="joined", foreign_keys=[agent_id])
    customer: Mapped[Customer | None] = relationship(lazy="joined")
    organisation: Mapped[Organisation | None] = relationship(lazy="select")


class Segment(Model):
    """Customers for whom a few conditions hold, under a name. Who is in it is written down, and kept up to date."""

    __tablename__ = "crm_segment"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(60))
    key: Mapped[str] = mapped_column(sa.String(60), unique=True)  # what is typed: `segment:vip`
    conditions: Mapped[list[dict[str, str]]] = mapped_column(sa.JSON, default=list)
    tone: Mapped[str] = mapped_column(sa.String(10), default="")
    is_badge: Mapped[bool] = mapped_column(default=True)  # shown on the rows of lists
    settled_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class InSegment(Model):
    """A customer is in a segment."""

    __tablename__ = "crm_in_segment"
    __table_args__ = (sa.Index("ix_crm_in_segment_customer", "customer_id", "segment_id"),)

    segment_id: Mapped[int] = mapped_column(sa.ForeignKey("crm_segment.id", ondelete="CASCADE"), primary_key=True)
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)


class Merged(Model):
    """What went along when the core merged a customer into another: ids of notes and tasks, and where both belonged."""

    __tablename__ = "crm_merged"

    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    moved: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


class Apart(Model):
    """Somebody looked at customers of one name and found that they are different people."""

    __tablename__ = "crm_apart"

    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    customers: Mapped[list[int]] = mapped_column(sa.JSON, default=list)  # who was looked at


class Import(Model):
    """A CSV file on its way in. Its rows wait in parts; a part goes with the transaction that stored what it held."""

    __tablename__ = "crm_import"

    id: Mapped[int] = mapped_column(primary_key=True)
    filename: Mapped[str] = mapped_column(sa.String(200))
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"), index=True)
    state: Mapped[str] = mapped_column(sa.String(10), default="loading")  # loading, mapping, running, stopped, done
    columns: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    mapping: Mapped[list[str]] = mapped_column(sa.JSON, default=list)  # what each column is
    overwrite: Mapped[bool] = mapped_column(default=False)
    total: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    same: Mapped[int] = mapped_column(default=0)
    broken: Mapped[int] = mapped_column(default=0)
    made_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    ended_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)

    @property
    def seen(self) -> int:
        """How many rows have been dealt with."""
        return self.created + self.changed + self.same + self.broken


class ImportPart(Model):
    """Some rows of an import, as `[line, cells, what is wrong, values in these words]`."""

    __tablename__ = "crm_import_part"

    import_id: Mapped[int] = mapped_column(sa.ForeignKey("crm_import.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    rows: Mapped[list[list[Any]]] = mapped_column(sa.JSON)


class ImportProblem(Model):
    """A row that could not be taken, and why."""

    __tablename__ = "crm_import_problem"
    __table_args__ = (sa.Index("ix_crm_import_problem_line", "import_id", "line"),)

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    import_id: Mapped[int] = mapped_column(sa.ForeignKey("crm_import.id", ondelete="CASCADE"))
    line: Mapped[int]
    reason: Mapped[str] = mapped_column(sa.Text)  # a msgid
    values: Mapped[dict[str, str]] = mapped_column(sa.JSON, default=dict)  # what it is filled in with
    cells: Mapped[list[str]] = mapped_column(sa.JSON)
