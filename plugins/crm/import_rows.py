"""The rows of one part of an import: what each would do, worked out in memory; then all of it stored at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from inbox.toolkit import Actor, Agent, Customer, CustomerAddress, Invalid, customers, fields, reach, session
from inbox_plugins.crm import organisations
from inbox_plugins.crm.csv_rows import N_
from inbox_plugins.crm.models import Import, Member, Organisation

Columns = list[dict[str, Any]]  # a value's rows, as the core stores them


class Reason(NamedTuple):
    """Why a row cannot be taken: a msgid, and the values it is filled in with."""

    words: str
    values: dict[str, str] = {}


FINE = Reason("")
HIDDEN = Reason(N_("Tickets of this customer lie in departments that you do not see; nothing was changed."))
Fate = tuple[int, list[str], str, Reason]  # line, cells, what happens, why not


@dataclass
class _Row:
    """A row that can be taken."""

    mail: str
    key: str
    name: str
    organisation: str
    values: Mapping[int, Columns]


@dataclass
class _Person:
    """Who a row is about, as known so far: in the database, or from a row above."""

    mail: str
    customer_id: int | None = None
    name: str = ""
    home: str = ""  # the folded name of the organisation
    typed: dict[int, str] = field(default_factory=dict)
    values: dict[int, Columns] = field(default_factory=dict)  # to be stored
    new_home: str = ""
    is_renamed: bool = False


class Batch:
    """Some rows. `fates` says what becomes of each; `store` does it."""

    def __init__(self, found: Import, rows: Sequence[Sequence[Any]]) -> None:
        self._keep = not found.overwrite
        self._mapping = found.mapping
        self._fields = fields.of_customers.all()
        self._types = {each.id: each.type for each in self._fields}
        read = [self._read(cells, Reason(*wrong)) for _, cells, *wrong in rows]
        self._people = _known({each.key for each in read if isinstance(each, _Row)})
        hidden = _out_of_reach(found.agent_id, self._people.values())
        self.fates: list[Fate] = []
        for (number, cells, *_), row in zip(rows, read, strict=True):
            if isinstance(row, _Row) and row.key in self._people and self._people[row.key].customer_id in hidden:
                row = HIDDEN
            fate, reason = ("broken", row) if isinstance(row, Reason) else (self._take(row), FINE)
            self.fates.append((number, cells, fate, reason))

    def _read(self, cells: list[str], wrong: Reason) -> _Row | Reason:
        """A row, or what is wrong with it."""
        if wrong.words:
            return wrong
        said = dict(zip(self._mapping, cells, strict=False))
        mail = said.get("mail", "")
        if not customers.is_address(mail):
            return (Reason(N_("%(address)s is no mail address."), {"address": mail[:100]}) if mail
                    else Reason(N_("There is no mail address in it.")))
        typed = {int(target.removeprefix("field:")): cell for target, cell in said.items()
                 if target.startswith("field:") and cell}
        try:
            values = fields.of_customers.check(typed, self._fields)
        except Invalid as problem:
            return Reason(str(problem))
        return _Row(mail, customers.normalise_address(mail), said.get("name", "")[:200],
                    said.get("organisation", "")[:200], values)

    def _take(self, row: _Row) -> str:
        """What a row does: created, changed, same. Remembers it for the rows below."""
        is_new = row.key not in self._people
        person = self._people.setdefault(row.key, _Person(row.mail))
        changes = [self._name(person, row.name), self._home(person, row.organisation),
                   *(self._value(person, number, columns) for number, columns in row.values.items())]
        return "created" if is_new else "changed" if any(changes) else "same"

    def _name(self, person: _Person, name: str) -> bool:
        if not name or name == person.name or (person.name and self._keep):
            return False
        person.name, person.is_renamed = name, True
        return True

    def _home(self, person: _Person, name: str) -> bool:
        key = organisations.fold(name)
        if not key or key == person.home or (person.home and self._keep):
            return False
        person.home, person.new_home = key, name
        return True

    def _value(self, person: _Person, number: int, columns: Columns) -> bool:
        text = fields.as_typed(self._types[number], columns)
        if text == person.typed.get(number, "") or (person.typed.get(number) and self._keep):
            return False
        person.typed[number], person.values[number] = text, columns
        return True

    # --- storing ---

    def store(self, by: Actor) -> list[int]:
        """Write everything, in a transaction. Returns the ids of the customers."""
        new = {each.mail: each for each in self._people.values() if each.customer_id is None}
        ids = customers.add_many({mail: each.name for mail, each in new.items()}, by=by) if new else {}
        fields.of_customers.put_new({ids[mail]: each.values for mail, each in new.items() if each.values})
        for each in self._people.values():
            if each.customer_id is None:
                each.customer_id = ids[each.mail]
            else:
                self._change(each, each.customer_id, by)
        self._move()
        return [each.customer_id for each in self._people.values() if each.customer_id is not None]

    def _change(self, person: _Person, customer_id: int, by: Actor) -> None:
        customer = session().get_one(Customer, customer_id)
        if person.is_renamed:
            customers.rename(customer, person.name, by=by)
        if person.values:
            fields.of_customers.put(customer_id, person.values)

    def _move(self) -> None:
        """Put people into their organisations, and make those that are new."""
        movers = [each for each in self._people.values() if each.new_home]
        names = {organisations.fold(each.new_home): each.new_home for each in movers}
        homes = organisations.find_or_make(names)
        there = {each.customer_id: each for each in session().scalars(
            sa.select(Member).where(Member.customer_id.in_([each.customer_id for each in movers])))}
        for each in movers:
            member = there.get(each.customer_id) or Member(customer_id=each.customer_id)
            member.organisation_id, member.by_hand = homes[each.home], True
            session().add(member)
        session().flush()


def _out_of_reach(agent_id: int | None, people: Iterable[_Person]) -> set[int | None]:
    """Customers whom the agent who imports does not see: nobody's rights are wider by way of a file."""
    agent = session().get(Agent, agent_id) if agent_id is not None else None
    if agent is not None and reach(agent) is None:
        return set()
    ids = {each.customer_id for each in people if each.customer_id is not None}
    if agent is None:
        return {*ids}
    seen = customers.within_reach(sa.select(Customer.id).where(Customer.id.in_(ids)), agent)  # type: ignore[arg-type]
    return ids - set(session().scalars(seen))


def _known(keys: set[str]) -> dict[str, _Person]:
    """Who has one of these addresses, as they are now, in a few queries."""
    rows = session().execute(
        sa.select(CustomerAddress.normalised, CustomerAddress.customer_id, Customer.name)
        .join(Customer, Customer.id == CustomerAddress.customer_id)
        .where(CustomerAddress.kind == "mail", CustomerAddress.normalised.in_(sorted(keys)))).all()
    ids = [row.customer_id for row in rows]
    values = fields.of_customers.of_many(ids)
    homes: dict[int, str] = {row.customer_id: row.key for row in session().execute(
        sa.select(Member.customer_id, Organisation.key).join(Organisation, Organisation.id == Member.organisation_id)
        .where(Member.customer_id.in_(ids)))}
    found: dict[str, _Person] = {}
    people: dict[int, _Person] = {}  # two addresses of one customer are one person
    for row in rows:
        found[row.normalised] = people.setdefault(row.customer_id, _Person(
            row.normalised, row.customer_id, row.name, homes.get(row.customer_id, ""),
            {number: fields.typed(value) for number, value in values.get(row.customer_id, {}).items()}))
    return found
