"""Several waiting messages at once, as mail comes in a rush: read one by one, stored in one transaction.

Nothing here decides anything; `receive` does, for one message and for several alike. What cannot be done together is
done one by one there: large messages, messages that have to do with each other, and all of them when storing them
together failed. A first try of several is counted by their jobs: when the process ends, each comes back by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inbox.core import arrivals
from inbox.core.models import Ledger
from inbox.db import session, transaction
from inbox.jobs.engine import together
from inbox.mail import receive, thread
from inbox.mail.letters import Desk, Letter, Waiting
from inbox.mail.parse import ParsedMessage

log = logging.getLogger(__name__)
LARGE = 500_000  # bytes; a message above is read by itself


@together(arrivals.JOB)
def process_jobs(several: list[dict[str, Any]]) -> None:
    """Give several messages their fates."""
    process_many([args["ledger_id"] for args in several])


def process_many(ledger_ids: Sequence[int]) -> None:
    """Give waiting messages their fates. Raises as `receive.process`."""
    with receive.one_at_a_time:
        letters, endings = _read(_rows(ledger_ids))
        _take_in(_strangers(letters))
        for end in endings:
            end()
    for ledger_id in _still_waiting(ledger_ids):
        receive.process(ledger_id)


def _rows(ledger_ids: Sequence[int]) -> list[Waiting]:
    query = sa.select(Ledger.id, Ledger.source, Ledger.mailbox_id, Ledger.sha256, Ledger.size, Ledger.envelope_from,
                      Ledger.arrived_at, Ledger.envelope_to)
    rows = session().execute(query.where(Ledger.id.in_(ledger_ids), Ledger.fate == "waiting", Ledger.attempts == 0,
                                         Ledger.size <= LARGE).order_by(Ledger.id))
    return [Waiting(**row._mapping) for row in rows]


def _still_waiting(ledger_ids: Sequence[int]) -> list[int]:
    return list(session().scalars(sa.select(Ledger.id).where(
        Ledger.id.in_(ledger_ids), Ledger.fate == "waiting").order_by(Ledger.id)))


def _read(rows: list[Waiting]) -> tuple[list[Letter], list[receive.Ending]]:
    """What is to go into tickets, and how others end. What cannot be read is left for `receive`, which says why."""
    parsed: list[tuple[Waiting, ParsedMessage]] = []
    found: list[Letter | receive.Ending] = []
    for row in rows:
        try:
            one = receive.opened(row)
        except Exception as error:
            log.info("Message %d of the ledger is read by itself: %s", row.id, error)
            continue
        if isinstance(one, ParsedMessage):
            parsed.append((row, one))
        else:
            found.append(one)
    desk = Desk.now([one for _row, one in parsed])
    for row, one in parsed:
        try:
            found.append(receive.examine(row, one, desk))
        except Exception as error:
            log.info("Message %d of the ledger is read by itself: %s", row.id, error)
    return ([each for each in found if isinstance(each, Letter)],
            [each for each in found if not isinstance(each, Letter)])


def _strangers(letters: list[Letter]) -> list[Letter]:
    """Those that have nothing to do with one before: the others are taken in when that one is stored."""
    chosen, met = [], set[str]()
    for letter in letters:
        ids = receive.ids_of(letter)
        if letter.incoming.message_id is not None and met.isdisjoint(ids):
            chosen.append(letter)
        met.update(ids)
    return chosen


def _take_in(letters: list[Letter]) -> None:
    known = thread.known_among({each for letter in letters for each in receive.ids_of(letter)})
    try:
        planned = [(letter, receive.decide(letter, known)) for letter in letters]
        if planned:
            with transaction():
                receive.store(planned)
    except receive.TRANSIENT:
        raise
    except Exception as error:  # one of them: by itself it is told from the others
        log.info("%d messages are taken in one by one: %s: %s", len(letters), type(error).__name__, error)
