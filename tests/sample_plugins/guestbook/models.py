"""The guest book's table."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from inbox.toolkit import Model


class Guest(Model):
    __tablename__ = "guestbook_guest"
    __table_args__ = {"extend_existing": True}  # a test imports this folder from several places

    event_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
