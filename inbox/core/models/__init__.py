"""The tables, one family a file: columns, relations, predicates. No commits, no hooks."""

from inbox.core.models.admin import AuditEntry, Invitation
from inbox.core.models.bulk import BulkAct, BulkTicket
from inbox.core.models.fields import CustomerField, CustomerFieldValue, FieldColumns, ValueColumns
from inbox.core.models.guards import Circuit, SenderRule
from inbox.core.models.mail import (
    FATES,
    CaughtMail,
    Ledger,
    Mailbox,
    MailboxFolder,
    MailboxLogin,
    MailImport,
    Pop3Seen,
    Tombstone,
)
from inbox.core.models.messages import (
    BODY_POLICY,
    KINDS,
    STATES,
    Attachment,
    Message,
    Recipient,
    Reference,
    SendAttempt,
)
from inbox.core.models.people import (
    Agent,
    ApiToken,
    Attempt,
    Customer,
    CustomerAddress,
    CustomerMerge,
    Department,
    Membership,
    OneTimeToken,
    Role,
)
from inbox.core.models.spine import (
    Counter,
    Delivery,
    Event,
    Heartbeat,
    IdempotentAnswer,
    Job,
    Notification,
    SettingValue,
)
from inbox.core.models.ticket_parts import TicketField, TicketFieldValue, TicketLink, TicketMerge
from inbox.core.models.tickets import (
    PRIORITIES,
    SHELVES,
    STATUSES,
    SavedReply,
    Tag,
    Ticket,
    TicketSeen,
    TicketTag,
    View,
)
from inbox.core.models.together import Follower, Mention, Presence

__all__ = [
    "BODY_POLICY", "FATES", "KINDS", "PRIORITIES", "SHELVES", "STATES", "STATUSES",
    "Agent", "ApiToken", "Attachment", "Attempt", "AuditEntry", "BulkAct", "BulkTicket", "CaughtMail", "Circuit",
    "Counter", "Customer", "CustomerAddress", "CustomerField", "CustomerFieldValue", "CustomerMerge", "Delivery",
    "Department", "Event", "FieldColumns", "Follower", "Heartbeat", "IdempotentAnswer", "Invitation", "Job",
    "Ledger", "MailImport", "Mailbox", "MailboxFolder", "MailboxLogin", "Membership", "Mention", "Message",
    "Notification", "OneTimeToken", "Pop3Seen", "Presence", "Recipient", "Reference", "Role", "SavedReply",
    "SendAttempt", "SenderRule", "SettingValue", "Tag", "Ticket", "TicketField", "TicketFieldValue", "TicketLink",
    "TicketMerge", "TicketSeen", "TicketTag", "Tombstone", "ValueColumns", "View",
]
