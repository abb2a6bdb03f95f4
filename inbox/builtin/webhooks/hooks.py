"""What is known of webhooks, and what can be done with one: for the pages, the API and the commands alike."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

import sqlalchemy as sa

from inbox.builtin.webhooks import sending
from inbox.builtin.webhooks.models import Webhook, WebhookDelivery
from inbox.toolkit import Invalid, NotFound, events, own_secret, session, transaction, utcnow


def all_webhooks() -> list[Webhook]:
    return list(session().scalars(sa.select(Webhook).order_by(Webhook.title, Webhook.id)))


def get(webhook_id: int) -> Webhook:
    """Raises NotFound."""
    found = session().get(Webhook, webhook_id)
    if found is None:
        raise NotFound("There is no such webhook.")
    return found


def secret_of(webhook: Webhook) -> str:
    """What its deliveries are signed with."""
    return own_secret(webhook.key)


def create(*, title: str, url: str, kinds: Iterable[str]) -> Webhook:
    """A new webhook, on at once. Raises Invalid."""
    values = {"title": _title(title), "url": _url(url), "events": _kinds(kinds)}
    with transaction() as current:
        made = Webhook(**values, key=secrets.token_hex(16))
        current.add(made)
        current.flush()
        return made


def change(webhook: Webhook, *, title: str, url: str, kinds: Iterable[str], is_on: bool) -> None:
    """Raises Invalid."""
    values = {"title": _title(title), "url": _url(url), "events": _kinds(kinds), "is_on": is_on}
    with transaction():
        for name, value in values.items():
            setattr(webhook, name, value)


def new_secret(webhook: Webhook) -> None:
    """From now on everything is signed with another secret."""
    with transaction():
        webhook.key = secrets.token_hex(16)


def delete(webhook: Webhook) -> None:
    """The webhook goes, and its log."""
    with transaction() as current:
        current.delete(webhook)


def _title(title: str) -> str:
    if not title.strip() or len(title) > 200:
        raise Invalid("title", "Give the webhook a name of at most 200 characters.")
    return title.strip()


def _url(url: str) -> str:
    url = url.strip()
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and len(url) <= 2000 and url.isprintable()
    except ValueError:
        fits = False
    if not fits:
        raise Invalid("url", "Write an address like https://example.com/hook.")
    return url


def _kinds(kinds: Iterable[str]) -> list[str]:
    """Kinds of events; those of plugins have a point in their name."""
    found = sorted({each.strip() for each in kinds if each.strip()})
    if not found:
        raise Invalid("events", "Choose at least one event.")
    for each in found:
        if each != "*" and each not in events.KINDS and "." not in each:
            raise Invalid("events", "There is no such event.")
    return ["*"] if "*" in found else found


# --- the log ----------------------------------------------------------------------------------------------------


def deliveries(webhook: Webhook, *, before: int | None = None, limit: int = 50) -> tuple[list[WebhookDelivery],
                                                                                          int | None]:
    """The log of one webhook, newest first, and the id to go on from."""
    query = sa.select(WebhookDelivery).where(WebhookDelivery.endpoint_id == webhook.id)
    if before is not None:
        query = query.where(WebhookDelivery.id < before)
    found = list(session().scalars(query.order_by(WebhookDelivery.id.desc()).limit(limit + 1)))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def newest(webhook: Webhook) -> WebhookDelivery | None:
    """The last one that was tried."""
    return session().scalar(sa.select(WebhookDelivery).where(
        WebhookDelivery.endpoint_id == webhook.id, WebhookDelivery.attempts > 0)
        .order_by(WebhookDelivery.id.desc()).limit(1))


def last_id(webhook: Webhook) -> int:
    """The number of the newest delivery, tried or not; 0: there is none."""
    return session().scalar(sa.select(sa.func.max(WebhookDelivery.id)).where(
        WebhookDelivery.endpoint_id == webhook.id)) or 0


def replay(delivery_id: int) -> WebhookDelivery:
    """Send one again, as it was, with all its tries before it; what is just being sent, or about to be, is left as it
    is. Raises NotFound."""
    with transaction() as current:
        found = current.get(WebhookDelivery, delivery_id, with_for_update=True)
        if found is None:
            raise NotFound("There is no such delivery. They are kept for 90 days.")
        if found.state != "sending":
            found.state, found.attempts, found.next_try_at, found.done_at = "queued", 0, utcnow(), None
        sending.soon()
        return found


def test(webhook: Webhook, *, after: int | None = None) -> WebhookDelivery | None:
    """A delivery that stands for no event, to see whether it arrives; it is the caller's to send (`sending.send`).

    `after` is the newest delivery that the page knew on which it was asked for. None: that page has asked before.
    """
    with transaction() as current:
        current.get(Webhook, webhook.id, with_for_update=True)  # of two presses one comes first
        its_tests = sa.select(WebhookDelivery.id).where(
            WebhookDelivery.endpoint_id == webhook.id, WebhookDelivery.event_id < 0)
        if after is not None and current.scalar(its_tests.where(WebhookDelivery.id > after).limit(1)) is not None:
            return None
        lowest = current.scalar(sa.select(sa.func.min(WebhookDelivery.event_id)).where(
            WebhookDelivery.endpoint_id == webhook.id)) or 0
        made = WebhookDelivery(endpoint_id=webhook.id, event_id=min(lowest, 0) - 1, kind="webhooks.test",
                               state="sending", next_try_at=utcnow() + sending.LEASE,
                               body=sending.encode({"id": 0, "kind": "webhooks.test", "at": utcnow().isoformat(),
                                                    "data": {"words": "It works."}}))
        current.add(made)
        current.flush()
        return made


# --- personal data ----------------------------------------------------------------------------------------------

ERASED_AT_ONCE = 500


def _about(customer_id: int, addresses: Iterable[str] = ()) -> sa.ColumnElement[bool]:
    """Deliveries that name a customer: by id, as `payload` writes it, or by an address, also of one merged since."""
    marks = [f'"customer":{{"id":{customer_id},', f'"actor":{{"kind":"customer","id":{customer_id},',
             *(f'"email":{json.dumps(each, ensure_ascii=False)}' for each in addresses)]
    return sa.or_(*(WebhookDelivery.body.contains(each, autoescape=True) for each in marks))


def export(customer_id: int) -> list[dict[str, str]]:
    """Which programs were told what about a customer, and when."""
    rows = session().execute(sa.select(WebhookDelivery.at, WebhookDelivery.kind, Webhook.title)
                             .join(Webhook, Webhook.id == WebhookDelivery.endpoint_id)
                             .where(_about(customer_id)).order_by(WebhookDelivery.id))
    return [{"at": row.at.isoformat(), "event": row.kind, "told": row.title} for row in rows]


def erase(customer_id: int, addresses: list[str]) -> None:
    """Forget what the log holds of a customer, a few deliveries in one transaction. Twice does no harm."""
    ids = list(session().scalars(sa.select(WebhookDelivery.id).where(_about(customer_id, addresses))))
    for start in range(0, len(ids), ERASED_AT_ONCE):
        with transaction() as current:
            current.execute(sa.delete(WebhookDelivery).where(
                WebhookDelivery.id.in_(ids[start:start + ERASED_AT_ONCE])).execution_options(synchronize_session=False))
