"""Fields that a site adds to what it knows of somebody or something, and their values, with types."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from inbox.db import Model

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class FieldColumns:
    """A field: how it is called and what goes into it. A mixin, for customers and for what plugins have fields of."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(100))
    type: Mapped[str] = mapped_column(sa.String(10))  # a key of inbox.core.fields.TYPES
    options: Mapped[list[str]] = mapped_column(sa.JSON, default=list)  # of choice and multi; the currencies of money
    position: Mapped[int] = mapped_column(default=0)


class ValueColumns:
    """A value in the column of its type; a field of type multi has a row for each."""

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    text: Mapped[str | None] = mapped_column(sa.Text)  # text, choice, multi, link
    amount: Mapped[int | None] = mapped_column(sa.BigInteger)  # number, money: ten-thousandths, so that it is exact
    day: Mapped[dt.date | None] = mapped_column(sa.Date)
    currency: Mapped[str | None] = mapped_column(sa.String(3))


class CustomerField(FieldColumns, Model):
    """A field that every customer can have."""

    __tablename__ = "customer_field"
    __table_args__ = (sa.UniqueConstraint("title"),)


class CustomerFieldValue(ValueColumns, Model):
    """What a customer has in a field."""

    __tablename__ = "customer_field_value"
    __table_args__ = (
        sa.Index("ix_customer_field_value_customer", "customer_id", "field_id"),
        sa.Index("ix_customer_field_value_amount", "field_id", "amount"),
        sa.Index("ix_customer_field_value_day", "field_id", "day"),
    )

    field_id: Mapped[int] = mapped_column(sa.ForeignKey("customer_field.id", ondelete="CASCADE"))
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"))
