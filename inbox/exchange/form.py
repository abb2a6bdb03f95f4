"""What an exported desk looks like: the sections, in an order in which nothing is named before it is there.

    desk.json                      what this is, of when, and how much
    data/01-role.jsonl …           a line for every row
    files/<sha256>                 attachments
    mail/<sha256>.eml              every message as it came
    sent/<ticket>-<id>.eml         what went out, written anew, for other programs

Rows keep their ids, so that everything that names a ticket or a message still fits. What each desk has of its own
(departments, agents …) is found again by its name instead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from inbox.core.models import (
    Agent,
    Attachment,
    CaughtMail,
    Customer,
    CustomerAddress,
    CustomerField,
    CustomerFieldValue,
    CustomerMerge,
    Department,
    Event,
    Follower,
    Ledger,
    Mailbox,
    MailboxFolder,
    Membership,
    Mention,
    Message,
    Recipient,
    Reference,
    Role,
    SavedReply,
    SendAttempt,
    SenderRule,
    SettingValue,
    Tag,
    Ticket,
    TicketField,
    TicketFieldValue,
    TicketLink,
    TicketMerge,
    TicketSeen,
    TicketTag,
    Tombstone,
    View,
)
from inbox.db import UtcDateTime

FORMAT, VERSION = "pluginbox-desk", 1
Row = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """One kind of row. `key`: the column by which a desk knows its own; `fresh`: rows get new ids."""

    model: Any
    key: str = ""
    fresh: bool = False
    without: frozenset[str] = frozenset()
    later: str = ""  # a column that may name a row of a section still to come, or a later row of this one

    @property
    def name(self) -> str:
        return str(self.model.__tablename__)

    @property
    def table(self) -> sa.Table:
        table: sa.Table = self.model.__table__
        return table

    @property
    def columns(self) -> list[sa.Column[Any]]:
        return [each for each in self.table.columns if each.name not in self.without]


SECTIONS = (
    Section(SettingValue),
    Section(Role, "name"),
    Section(Department, "name", later="mailbox_id"),
    Section(Mailbox, "address", without=frozenset((
        "imap_password", "smtp_password", "lease_owner", "lease_until", "fetch_error", "fetch_error_at", "failures",
        "next_try_at"))),
    Section(MailboxFolder, without=frozenset(("error",))),
    Section(Agent, "email", without=frozenset(("password_hash", "session_version")), later="substitute_id"),
    Section(Membership),
    Section(Tag, "name"),
    Section(CustomerField, "title"),
    Section(TicketField, "title"),
    Section(SavedReply, fresh=True),
    Section(View, fresh=True),
    Section(SenderRule, "sender"),
    Section(Customer, later="merged_into_id"),
    Section(CustomerAddress),
    Section(CustomerFieldValue),
    Section(CustomerMerge),
    Section(Ticket, later="merged_into_id"),
    Section(TicketMerge),
    Section(TicketFieldValue),
    Section(TicketLink),
    Section(TicketTag),
    Section(TicketSeen),
    Section(Follower),
    Section(Ledger),
    Section(Message),
    Section(Mention),
    Section(Recipient),
    Section(Attachment),
    Section(Reference),
    Section(SendAttempt),
    Section(CaughtMail),
    Section(Event, without=frozenset(("lease_owner", "lease_until"))),
    Section(Tombstone),
)
BY_NAME = {each.name: each for each in SECTIONS}


def path_of(section: Section) -> str:
    """Where a section's lines lie in the zip."""
    return f"data/{SECTIONS.index(section) + 1:02}-{section.name}.jsonl"


def written(row: Mapping[str, Any]) -> Row:
    """A row as JSON has it."""
    return {name: value.isoformat() if isinstance(value, dt.date) else value for name, value in row.items()}


def read(section: Section, row: Row) -> Row:
    """A row as the database wants it: columns that this version does not have are left out. Raises ValueError."""
    found: Row = {}
    for column in section.columns:
        if column.name in row:
            found[column.name] = _value(column, row[column.name])
    return found


def _value(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, UtcDateTime):
        return dt.datetime.fromisoformat(value)
    if isinstance(column.type, sa.Date):
        return dt.date.fromisoformat(value)
    return value
