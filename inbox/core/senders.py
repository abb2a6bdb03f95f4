"""Senders whose mail is never spam, or always: addresses and whole domains. Nothing of theirs is ever deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from inbox.core import events, permissions
from inbox.core.customers import is_address, normalise_address
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import SenderRule
from inbox.db import session, transaction

VERDICTS = ("allow", "block")


def clean(sender: str) -> str:
    """`Kari@Example.com` as an address, `example.com` and `@example.com` as a domain, as they are stored.

    Raises Invalid.
    """
    typed = sender.strip().rpartition("<")[2].rstrip("> ")
    name, _at, domain = typed.rpartition("@")
    if name:
        if not is_address(typed):
            raise Invalid("sender", "This is no address and no domain. Write name@example.com or example.com.")
        return normalise_address(typed)
    if not is_address(f"name@{domain}") or "." not in domain:
        raise Invalid("sender", "This is no address and no domain. Write name@example.com or example.com.")
    return "@" + normalise_address(f"name@{domain}").rpartition("@")[2]


def decided_about(addresses: Iterable[str]) -> dict[str, str]:
    """The rules that may concern some senders, in one query: `allow` or `block` by address or domain."""
    names = {name for address in addresses for name in _names(address)}
    if not names:
        return {}
    rows = session().execute(sa.select(SenderRule.sender, SenderRule.verdict).where(SenderRule.sender.in_(names)))
    return {row.sender: row.verdict for row in rows}


def verdict_in(decided: Mapping[str, str], address: str) -> tuple[str, str] | None:
    """What was decided about a sender, out of what `decided_about` has found: (`allow` or `block`, the rule's address
    or domain), or None. The address comes before its domain, and a domain before the one it belongs to."""
    return next(((decided[each], each) for each in _names(address) if each in decided), None)


def _names(address: str) -> list[str]:
    """What a rule may call a sender, the nearest first."""
    wanted = normalise_address(address)
    domain = wanted.rpartition("@")[2]
    parts = domain.split(".")
    return [wanted, *("@" + ".".join(parts[place:]) for place in range(len(parts) - 1))][:12] if domain else []


def decide(sender: str, verdict: str, *, by: Actor) -> SenderRule:
    """Always let a sender in (`allow`) or put their mail into the spam folder (`block`); the last word counts.

    Whoever may mark spam decides about an address; about a domain only who may change settings. Raises Invalid,
    NotAllowed.
    """
    named = clean(sender)
    permissions.require(by, "manage_settings" if named.startswith("@") else "spam")
    if verdict not in VERDICTS:
        raise Invalid("verdict", "A sender is let in or kept out.")
    with transaction() as current:
        rule = current.scalar(sa.select(SenderRule).where(SenderRule.sender == named))
        if rule is None:
            rule = SenderRule(sender=named)
            current.add(rule)
        elif rule.verdict == verdict:
            return rule
        rule.verdict, rule.agent_id = verdict, by.agent.id if by.agent is not None else None
        current.flush()
        events.record("sender_decided", by=by, sender=named, verdict=verdict)
        return rule


def forget(rule_id: int, *, by: Actor) -> None:
    """Take a sender off the lists. Raises NotFound, NotAllowed."""
    permissions.require(by, "manage_settings")
    with transaction() as current:
        rule = current.get(SenderRule, rule_id)
        if rule is None:
            raise NotFound()
        current.delete(rule)
        events.record("sender_decided", by=by, sender=rule.sender, verdict="none")


def rules(limit: int = 500) -> list[SenderRule]:
    """Every rule, in the order of the alphabet."""
    return list(session().scalars(sa.select(SenderRule).order_by(SenderRule.sender).limit(limit)))
