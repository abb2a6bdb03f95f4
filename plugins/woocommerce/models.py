"""The plugin's tables: shops, what they last said of an address, orders, refunds asked for from here."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.toolkit import Model, UtcDateTime, utcnow

UNSETTLED = ("asked", "unknown")
LOOKS_BACK = dt.timedelta(days=7)  # the shop is asked every minute; after that once a day, and a person has to look
Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class Shop(Model):
    """A shop, its key, and how the last request to it went. Both halves of the key are encrypted."""

    __tablename__ = "woocommerce_shop"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    url: Mapped[str] = mapped_column(sa.Text)
    key_sealed: Mapped[str] = mapped_column(sa.Text)
    secret_sealed: Mapped[str] = mapped_column(sa.Text)
    webhook_sealed: Mapped[str] = mapped_column(sa.Text)
    is_active: Mapped[bool] = mapped_column(default=True)
    asked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    failing_since: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    problem: Mapped[str] = mapped_column(sa.String(12), default="")  # "", refused, unreachable, ill
    problem_words: Mapped[str] = mapped_column(sa.Text, default="")
    heard_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # the last webhook


class Lookup(Model):
    """What a shop was asked about an address, and when. The orders it named are in `Order`."""

    __tablename__ = "woocommerce_lookup"

    shop_id: Mapped[int] = mapped_column(sa.ForeignKey("woocommerce_shop.id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(sa.Text, primary_key=True)  # in small letters
    asked_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    total: Mapped[int] = mapped_column(default=0)  # how many orders there are in the shop
    accounts: Mapped[list[int]] = mapped_column(sa.JSON, default=list)  # numbers of the customer's accounts there


class Order(Model):
    """An order as the shop last described it: what an agent needs of it, no postal addresses."""

    __tablename__ = "woocommerce_order"
    __table_args__ = (sa.UniqueConstraint("shop_id", "remote_id"),)

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    shop_id: Mapped[int] = mapped_column(sa.ForeignKey("woocommerce_shop.id", ondelete="CASCADE"))
    remote_id: Mapped[int] = mapped_column(sa.BigInteger)
    number: Mapped[str] = mapped_column(sa.String(60), index=True)
    email: Mapped[str] = mapped_column(sa.Text, index=True)  # in small letters
    account: Mapped[int] = mapped_column(sa.BigInteger, default=0, index=True)  # 0: ordered as a guest
    placed_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    stored_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    data: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)  # see reading.read_order

    shop: Mapped[Shop] = relationship(lazy="joined", innerjoin=True)

    @property
    def total(self) -> Decimal:
        return Decimal(self.data["total"])

    @property
    def refunded(self) -> Decimal:
        return sum((Decimal(each["amount"]) for each in self.data["refunds"]), Decimal(0))

    @property
    def left(self) -> Decimal:
        """What could still be paid back."""
        return self.total - self.refunded


class Refund(Model):
    """A refund that an agent asked a shop for. Written before the request begins; see refunds.py."""

    __tablename__ = "woocommerce_refund"
    __table_args__ = (
        sa.CheckConstraint("state IN ('asked', 'unknown', 'done', 'refused', 'not_made')", name="state"),
        # One at a time for an order: while nobody knows what became of one, there is no other.
        sa.Index("uq_woocommerce_refund_unsettled", "shop_id", "order_id", unique=True,
                 sqlite_where=sa.text("state IN ('asked', 'unknown')"),
                 postgresql_where=sa.text("state IN ('asked', 'unknown')")),
    )

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    token: Mapped[str] = mapped_column(sa.String(40), unique=True)  # of the form: pressed twice, it is the same
    shop_id: Mapped[int] = mapped_column(sa.ForeignKey("woocommerce_shop.id", ondelete="CASCADE"))
    order_id: Mapped[int] = mapped_column(sa.BigInteger)  # the shop's own number
    number: Mapped[str] = mapped_column(sa.String(60))
    ticket_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id", ondelete="SET NULL"), index=True)
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"))
    agent_name: Mapped[str] = mapped_column(sa.Text, default="")
    amount: Mapped[str] = mapped_column(sa.String(30))
    currency: Mapped[str] = mapped_column(sa.String(3))
    reason: Mapped[str] = mapped_column(sa.Text, default="")
    by_provider: Mapped[bool] = mapped_column(default=True)  # False: the shop only writes it down
    state: Mapped[str] = mapped_column(sa.String(10), default="asked")
    remote_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    words: Mapped[str] = mapped_column(sa.Text, default="")  # the shop's own, when it refused
    asked_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    settled_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)

    shop: Mapped[Shop] = relationship(lazy="joined", innerjoin=True)

    @property
    def mark(self) -> str:
        """What the shop keeps behind the reason, so that this refund is known again whatever happens on the way."""
        return f"[desk-{self.token[:12]}]"
