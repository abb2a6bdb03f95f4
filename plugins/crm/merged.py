"""What the plugin keeps of customers goes along when the core merges two of them, and back when that is undone."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Customer, session, transaction
from inbox_plugins.crm import organisations, segments
from inbox_plugins.crm.models import InSegment, Member, Merged, Note, Organisation, Task

TABLES: tuple[tuple[str, Any], ...] = (("notes", Note), ("tasks", Task))


def follow(customer_id: int, merged_id: int) -> None:
    """After the core has merged two: notes, tasks and membership go along. Doing it twice changes nothing more."""
    with transaction() as current:
        lost = current.get(Customer, merged_id)
        if lost is None or lost.merged_into_id != customer_id:
            return  # undone before we heard of it
        record = current.get(Merged, merged_id) or Merged(customer_id=merged_id, moved={"notes": [], "tasks": []})
        moved = dict(record.moved)
        for name, table in TABLES:
            moved[name] = moved[name] + list(current.scalars(
                sa.update(table).where(table.customer_id == merged_id).values(customer_id=customer_id)
                .returning(table.id).execution_options(synchronize_session=False)))
        theirs, mine = current.get(Member, merged_id), current.get(Member, customer_id)
        if theirs is not None and theirs.by_hand:
            moved["home"], moved["given"] = theirs.organisation_id, mine is None or not mine.by_hand
            if moved["given"]:
                current.merge(Member(customer_id=customer_id, organisation_id=theirs.organisation_id, by_hand=True))
        current.execute(sa.delete(Member).where(Member.customer_id == merged_id))
        current.execute(sa.delete(InSegment).where(InSegment.customer_id == merged_id))
        record.moved = moved
        current.add(record)
    _settle(customer_id)


def go_back(customer_id: int, restored_id: int) -> None:
    """After the core has undone a merge: what went along goes back, unless it was deleted since. Twice does no harm."""
    with transaction() as current:
        record = current.get(Merged, restored_id)
        if record is not None:
            for name, table in TABLES:
                current.execute(sa.update(table).where(table.id.in_(record.moved[name]),
                                                       table.customer_id == customer_id)
                                .values(customer_id=restored_id).execution_options(synchronize_session=False))
            if "home" in record.moved:
                _move_home(customer_id, restored_id, record.moved["home"], bool(record.moved["given"]))
            current.delete(record)
    _settle(customer_id, restored_id)


def _move_home(customer_id: int, restored_id: int, organisation_id: int | None, was_given: bool) -> None:
    """Where the restored one was put by hand; the survivor was put there only with them."""
    current, mine = session(), session().get(Member, customer_id)
    if was_given and mine is not None and mine.by_hand and mine.organisation_id == organisation_id:
        current.delete(mine)
    if organisation_id is None or current.get(Organisation, organisation_id) is not None:
        current.merge(Member(customer_id=restored_id, organisation_id=organisation_id, by_hand=True))


def _settle(*customer_ids: int) -> None:
    organisations.settle(customer_ids)
    for each in customer_ids:
        segments.settle_customer(each)
