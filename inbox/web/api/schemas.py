"""What the API shows: tickets, messages, customers, the ledger. Read from the models by name."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from inbox.core.models import FATES, KINDS, PRIORITIES, STATES, STATUSES, Message
from inbox.web.api.problems import Shown


def _one_of(*values: str) -> ma.validate.OneOf:
    return ma.validate.OneOf(values)


class Named(Shown):
    """A department."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)


class Person(Shown):
    """An agent or a customer, in short."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)


class Ticket(Shown):
    """One matter with one customer."""

    id = fields.Integer(required=True)
    number = fields.Integer(required=True, metadata={"description": "The number people see."})
    subject = fields.String(required=True)
    status = fields.String(required=True, validate=_one_of(*STATUSES))
    priority = fields.String(required=True, validate=_one_of(*PRIORITIES))
    channel = fields.String(required=True)
    department = fields.Nested(Named, required=True)
    assignee = fields.Nested(Person, required=True, allow_none=True)
    customer = fields.Nested(Person, required=True)
    tags = fields.Pluck("Tag", "name", many=True, required=True)
    is_spam = fields.Boolean(required=True)
    trashed_at = fields.AwareDateTime(required=True, allow_none=True)
    snoozed_until = fields.AwareDateTime(required=True, allow_none=True)
    snippet = fields.String(required=True)
    message_count = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    closed_at = fields.AwareDateTime(required=True, allow_none=True)
    last_message_at = fields.AwareDateTime(required=True)
    waiting_since = fields.AwareDateTime(required=True, allow_none=True,
                                         metadata={"description": "Since when the customer waits for us."})
    version = fields.Integer(required=True, metadata={"description": "Grows with every change."})


class Tag(Shown):
    """A tag."""

    name = fields.String(required=True)


class Author(Shown):
    """Who wrote a message."""

    kind = fields.String(required=True, validate=_one_of("customer", "agent", "system"))
    id = fields.Integer(required=True, allow_none=True)
    name = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)


class AuthorOf(fields.Nested):
    """The author of a message, worked out from its columns."""

    def get_value(self, obj: Message, attr: str, accessor: Any = None, default: Any = None) -> dict[str, Any]:
        """The columns that say who wrote it, as an Author."""
        if obj.author_kind == "agent" and obj.agent is not None:
            return {"kind": "agent", "id": obj.agent.id, "name": obj.agent.name, "email": obj.agent.email}
        if obj.author_kind == "customer":
            name = obj.from_name or (obj.customer.display_name if obj.customer else "")
            return {"kind": "customer", "id": obj.customer_id, "name": name, "email": obj.from_address or None}
        return {"kind": obj.author_kind, "id": None, "name": "", "email": None}


class Recipient(Shown):
    """Whom a reply or forward goes to, and how far it came."""

    role = fields.String(required=True, validate=_one_of("to", "cc", "bcc"))
    name = fields.String(required=True)
    address = fields.String(required=True)
    state = fields.String(required=True)
    error = fields.String(required=True, allow_none=True)


class Attachment(Shown):
    """A file of a message."""

    id = fields.Integer(required=True)
    filename = fields.String(required=True)
    content_type = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "Bytes."})
    is_inline = fields.Boolean(required=True)


class ShownMessage(Shown):
    """Something said in a ticket."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True, validate=_one_of(*KINDS))
    author = AuthorOf(Author, required=True)
    subject = fields.String(required=True)
    text = fields.String(required=True)
    text_quoted = fields.String(required=True)
    text_signature = fields.String(required=True)
    html = fields.String(required=True, allow_none=True, metadata={"description": "Sanitised."})
    html_quoted = fields.String(required=True, allow_none=True)
    html_signature = fields.String(required=True, allow_none=True)
    message_id = fields.String(required=True, allow_none=True, metadata={"description": "Of RFC 5322, without <>."})
    state = fields.String(required=True, validate=_one_of(*STATES))
    error = fields.String(required=True, allow_none=True, metadata={"description": "The mail server's words."})
    is_automatic = fields.Boolean(required=True)
    at = fields.AwareDateTime(required=True)
    sent_at = fields.AwareDateTime(required=True, allow_none=True)
    recipients = fields.List(fields.Nested(Recipient), required=True)
    attachments = fields.List(fields.Nested(Attachment), required=True)


class Address(Shown):
    """A way to reach a customer."""

    kind = fields.String(required=True, validate=_one_of("mail", "phone", "handle"))
    value = fields.String(required=True)


class Customer(Person):
    """Somebody who asks."""

    addresses = fields.List(fields.Nested(Address), required=True)
    locale = fields.String(required=True, allow_none=True)
    time_zone = fields.String(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)


class LedgerRow(Shown):
    """A message that reached us, and its fate."""

    id = fields.Integer(required=True)
    source = fields.String(required=True)
    mailbox_id = fields.Integer(required=True, allow_none=True)
    envelope_from = fields.String(required=True, allow_none=True)
    envelope_to = fields.List(fields.String(), required=True)
    from_address = fields.String(required=True)
    subject = fields.String(required=True)
    message_id = fields.String(required=True, allow_none=True)
    sha256 = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "Bytes."})
    arrived_at = fields.AwareDateTime(required=True)
    fate = fields.String(required=True, validate=_one_of(*FATES))
    reason = fields.String(required=True)
    error = fields.String(required=True, allow_none=True)
    attempts = fields.Integer(required=True)
    fated_at = fields.AwareDateTime(required=True, allow_none=True)
    ticket_id = fields.Integer(required=True, allow_none=True)
