"""What a webhook is sent, and how: signed, within a few seconds, again after growing delays, never to private places.

    POST <url>
    X-Pluginbox-Event: ticket_created
    X-Pluginbox-Delivery: 17
    X-Pluginbox-Signature: t=1767225600,v1=<HMAC-SHA256 of "t.body" with the secret, in hex>
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inbox.builtin.webhooks.models import Webhook, WebhookDelivery
from inbox.toolkit import (
    Agent,
    Customer,
    Event,
    Message,
    Ticket,
    http,
    own_secret,
    run_soon,
    session,
    signatures,
    transaction,
    utcnow,
)

TIMEOUT = 8.0  # seconds for the whole of an answer
LEASE = dt.timedelta(minutes=1)  # how long nobody else sends what one is sending
DELAYS = (10, 60, 300, 1800, 7200, 6 * 3600, 12 * 3600)  # seconds before each further try; then it is given up
KEPT = dt.timedelta(days=90)
BATCH = 50
LONGEST_ANSWER = 500  # characters kept


def wanted(events: Sequence[Event]) -> list[Event]:
    """Those events that a webhook wants to hear of."""
    webhooks = _that_are_on()
    return [event for event in events if any(each.hears(event.kind) for each in webhooks)]


def _that_are_on() -> list[Webhook]:
    return list(session().scalars(sa.select(Webhook).where(Webhook.is_on)))


def queue(event: Event) -> None:
    """Put an event into the line of every webhook that wants it; told twice, it is put there once."""
    wanting = [each for each in _that_are_on() if each.hears(event.kind)]
    if not wanting:
        return
    body, event_id, kind, ids = encode(payload(event)), event.id, event.kind, [each.id for each in wanting]
    with transaction() as current:
        known = set(current.scalars(sa.select(WebhookDelivery.endpoint_id).where(
            WebhookDelivery.endpoint_id.in_(ids), WebhookDelivery.event_id == event_id)))
        current.add_all(WebhookDelivery(endpoint_id=each, event_id=event_id, kind=kind, body=body)
                        for each in ids if each not in known)
        current.flush()
        soon()


def soon() -> None:
    """Let the job that sends run now. Inside a transaction."""
    run_soon("webhooks.send")


def payload(event: Event) -> dict[str, Any]:
    """An event as others see it: ids and short facts, never what somebody wrote."""
    ticket = session().get(Ticket, event.ticket_id) if event.ticket_id else None
    message = session().get(Message, event.message_pk) if event.message_pk else None
    return {
        "id": event.id, "kind": event.kind, "at": event.at.isoformat(), "source": event.source,
        "actor": {"kind": event.actor_kind, "id": event.actor_id, "name": _name(event)},
        "ticket": None if ticket is None else {
            "id": ticket.id, "number": ticket.number, "subject": ticket.subject, "status": ticket.status,
            "priority": ticket.priority, "department": ticket.department.name,
            "assignee": ticket.assignee.email if ticket.assignee else None,
            "customer": {"id": ticket.customer.id, "name": ticket.customer.name, "email": ticket.customer.email}},
        "message": None if message is None else {"id": message.id, "kind": message.kind},
        "data": event.data or {},
    }


def _name(event: Event) -> str | None:
    if event.actor_id is None or event.actor_kind not in ("agent", "customer"):
        return None
    who: Agent | Customer | None = (session().get(Agent, event.actor_id) if event.actor_kind == "agent"
                                    else session().get(Customer, event.actor_id))
    return None if who is None else who.name


def encode(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# --- sending ----------------------------------------------------------------------------------------------------


def send_due() -> None:
    """Send all that is due. A webhook that fails is left alone until the next time, so that others need not wait."""
    failed: set[int] = set()
    _take_back()
    while ids := _due(failed):
        for delivery_id, endpoint_id in ids:
            delivery = _take(delivery_id) if endpoint_id not in failed else None
            if delivery is not None and not send(delivery):
                failed.add(endpoint_id)


def _due(failed: set[int]) -> list[tuple[int, int]]:
    """Deliveries and their webhooks."""
    query = (sa.select(WebhookDelivery.id, WebhookDelivery.endpoint_id)
             .join(Webhook, Webhook.id == WebhookDelivery.endpoint_id).where(_is_due(), Webhook.is_on)
             .order_by(WebhookDelivery.next_try_at, WebhookDelivery.id).limit(BATCH))
    rows = session().execute(query.where(Webhook.id.not_in(failed)) if failed else query)
    return [(row.id, row.endpoint_id) for row in rows]


def _is_due(state: str = "queued") -> sa.ColumnElement[bool]:
    return sa.and_(WebhookDelivery.state == state, WebhookDelivery.next_try_at <= utcnow())


def _take_back() -> None:
    """What somebody began to send and never ended is due again. Writes only when there is such."""
    if session().scalar(sa.select(WebhookDelivery.id).where(_is_due("sending")).limit(1)) is not None:
        with transaction() as current:
            current.execute(sa.update(WebhookDelivery).where(_is_due("sending")).values(state="queued")
                            .execution_options(synchronize_session=False))


def _take(delivery_id: int) -> WebhookDelivery | None:
    """Make a delivery ours to send; None when somebody else was faster, or it is gone."""
    with transaction() as current:
        taken = current.scalar(
            sa.update(WebhookDelivery).where(WebhookDelivery.id == delivery_id, _is_due())
            .values(state="sending", next_try_at=utcnow() + LEASE).returning(WebhookDelivery.id)
            .execution_options(synchronize_session=False))
        return current.get(WebhookDelivery, taken, populate_existing=True) if taken is not None else None


def send(delivery: WebhookDelivery) -> bool:
    """Try once what is marked as being sent by us, and write down how it went. True when it was taken (2xx)."""
    delivery_id, body = delivery.id, delivery.body.encode()
    webhook = session().get_one(Webhook, delivery.endpoint_id)
    headers = {"Content-Type": "application/json", "X-Pluginbox-Event": delivery.kind,
               "X-Pluginbox-Delivery": str(delivery_id),
               signatures.HEADER: signatures.sign(body, own_secret(webhook.key))}
    status: int | None = None
    try:
        answer = http.post(webhook.url, data=body, headers=headers, timeout=TIMEOUT, redirects=0, max_bytes=64 * 1024)
        status, words, good = answer.status, answer.text, answer.ok
    except http.Failed as problem:
        words, good = str(problem), False
    with transaction() as current:
        row = current.get(WebhookDelivery, delivery_id)
        if row is None:
            return good  # deleted meanwhile
        now = utcnow()
        row.attempts += 1
        row.status, row.answer = status, words.replace("\0", "")[:LONGEST_ANSWER]
        if good:
            row.state, row.next_try_at, row.done_at = "done", None, now
        elif row.attempts > len(DELAYS):
            row.state, row.next_try_at, row.done_at = "given_up", None, now
        else:
            row.state, row.next_try_at = "queued", now + dt.timedelta(seconds=DELAYS[row.attempts - 1])
    return good


def prune() -> None:
    """Forget deliveries after 90 days, a few in one transaction."""
    while True:
        with transaction() as current:
            ids = list(current.scalars(sa.select(WebhookDelivery.id).where(
                WebhookDelivery.at < utcnow() - KEPT).limit(500)))
            current.execute(sa.delete(WebhookDelivery).where(WebhookDelivery.id.in_(ids))
                            .execution_options(synchronize_session=False))
        if len(ids) < 500:
            return
