"""The tables of webhooks. They are made by the core's migrations: a builtin has none of its own."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from inbox.toolkit import Model, UtcDateTime, utcnow

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class Webhook(Model):
    """An address that is told of events. Its secret is worked out from `key` and this installation's own key."""

    __tablename__ = "webhooks_endpoint"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    title: Mapped[str] = mapped_column(sa.Text)
    url: Mapped[str] = mapped_column(sa.Text)
    events: Mapped[list[str]] = mapped_column(sa.JSON)  # kinds; ["*"]: all of them
    is_on: Mapped[bool] = mapped_column(default=True)
    key: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)

    def hears(self, kind: str) -> bool:
        return "*" in self.events or kind in self.events


class WebhookDelivery(Model):
    """One event for one webhook: what was sent, how it was answered, when it is tried again."""

    __tablename__ = "webhooks_delivery"
    __table_args__ = (
        sa.UniqueConstraint("endpoint_id", "event_id"),
        sa.Index("ix_webhooks_delivery_due", "state", "next_try_at"),
        sa.Index("ix_webhooks_delivery_log", "endpoint_id", "id"),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(sa.ForeignKey("webhooks_endpoint.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(sa.BigInteger)  # 0 and below: a test
    kind: Mapped[str] = mapped_column(sa.String(60))
    body: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[str] = mapped_column(sa.String(10), default="queued")  # queued, sending, done, given_up
    attempts: Mapped[int] = mapped_column(default=0)
    # Of one that is being sent: when it may be taken up by another, because whoever sends it must have ended.
    next_try_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, default=utcnow)
    status: Mapped[int | None]  # of the last answer; None: there was none
    answer: Mapped[str] = mapped_column(sa.Text, default="")  # its beginning, or why there was none
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    done_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
