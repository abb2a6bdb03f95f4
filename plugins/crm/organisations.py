"""Organisations: kept, found, and who belongs to them, by the domain of an address or by hand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import sqlalchemy as sa

from inbox.toolkit import (
    Agent,
    Customer,
    CustomerAddress,
    Invalid,
    NotFound,
    Ticket,
    customers,
    session,
    transaction,
)
from inbox_plugins.crm.models import Domain, Member, Organisation

PAGE = 50
BATCH = 200  # members written in one transaction: it lasts milliseconds
END = "\U0010ffff"
_DOMAIN = re.compile(r"[^\s@/:.]+(\.[^\s@/:.]+)+")
PUBLIC = frozenset(("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com",
                    "yahoo.co.jp", "yahoo.com.tw", "icloud.com", "me.com", "mac.com", "aol.com", "gmx.com", "gmx.de",
                    "gmx.net", "web.de", "mail.com", "proton.me", "protonmail.com", "online.no", "qq.com", "163.com",
                    "docomo.ne.jp", "hinet.net", "mail.ru", "yandex.ru"))
"""Everybody's mail: people who share such a domain have nothing to do with each other."""


def fold(name: str) -> str:
    """What names are compared and ordered by."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())[:200]


# Put together once: every ticket's page asks. Of the owner the name is all that is shown.
_HOME = (sa.select(Organisation).join(Member, Member.organisation_id == Organisation.id)
         .where(Member.customer_id == sa.bindparam("customer"))
         .options(sa.orm.joinedload(Organisation.owner).options(sa.orm.lazyload("*")),
                  sa.orm.lazyload(Organisation.domains)))


# --- reading ----------------------------------------------------------------------------------------------------


def page(*, q: str = "", after: str = "", limit: int = PAGE) -> tuple[list[Organisation], str]:
    """Organisations by name, whose name or domain begins with `q`, after a key; and the key of the next page."""
    query = sa.select(Organisation).order_by(Organisation.key).limit(limit + 1)
    if q.strip():
        query = query.where(_named(q))
    if after:
        query = query.where(Organisation.key > after)
    rows = list(session().scalars(query))
    return rows[:limit], rows[limit - 1].key if len(rows) > limit else ""


def _named(text: str) -> sa.ColumnElement[bool]:
    key, domain = fold(text), text.strip().casefold()
    by_domain = sa.select(Domain.organisation_id).where(Domain.domain >= domain, Domain.domain < domain + END)
    return sa.or_(sa.and_(Organisation.key >= key, Organisation.key < key + END), Organisation.id.in_(by_domain))


def get(organisation_id: int) -> Organisation:
    """Raises NotFound."""
    found = session().get(Organisation, organisation_id)
    if found is None:
        raise NotFound()
    return found


def of_customer(customer_id: int) -> Organisation | None:
    """Where a customer belongs."""
    return session().scalar(_HOME, {"customer": customer_id})


def is_by_hand(customer_id: int) -> bool:
    """True when somebody said where the customer belongs, or that it is nowhere."""
    return bool(session().scalar(sa.select(Member.by_hand).where(Member.customer_id == customer_id)))


def named(name: str) -> Organisation | None:
    """The organisation of exactly this name, whatever its capitals."""
    return session().scalar(sa.select(Organisation).where(Organisation.key == fold(name)))


def members(organisation: Organisation, agent: Agent, *, after: int = 0,
            limit: int = PAGE) -> tuple[list[Customer], int | None]:
    """Members whom the agent may see, in the order they came; and the key of the next page."""
    query = (sa.select(Customer).join(Member, Member.customer_id == Customer.id)
             .where(Member.organisation_id == organisation.id, Customer.id > after, Customer.merged_into_id.is_(None))
             .order_by(Member.customer_id).limit(limit + 1))
    rows = list(session().scalars(customers.within_reach(query, agent)))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def sizes(found: Sequence[Organisation]) -> dict[int, int]:
    """How many members organisations have, by id."""
    query = sa.select(Member.organisation_id, sa.func.count()).where(
        Member.organisation_id.in_([each.id for each in found])).group_by(Member.organisation_id)
    return {row[0]: row[1] for row in session().execute(query)}


# --- changing ---------------------------------------------------------------------------------------------------


def save(organisation: Organisation | None = None, *, name: str, website: str = "", about: str = "",
         domains: Iterable[str] = (), owner: Agent | None = None) -> Organisation:
    """Make or change one, then find its members by their addresses. Raises Invalid (name, website, domains)."""
    wanted = sorted({_domain(each) for each in domains if each.strip()})
    key = fold(name)
    if not key:
        raise Invalid("name", "Give the organisation a name.")
    if website.strip() and urlsplit(website.strip()).scheme not in ("http", "https"):
        raise Invalid("website", "Write the whole address, for example https://example.com.")
    with transaction() as current:
        _check_free(organisation, key, wanted)
        row = organisation or Organisation(key=key, name=name)
        before = {each.domain for each in row.domains} if organisation is not None else set()
        row.name, row.key, row.website, row.about = name.strip()[:200], key, website.strip(), about.strip()
        row.owner_id = owner.id if owner else None
        current.add(row)
        row.domains = [each for each in row.domains if each.domain in wanted]
        row.domains += [Domain(domain=each) for each in wanted if each not in before]
        current.flush()
    if before != set(wanted):
        settle(touching(sorted(before ^ set(wanted))))
    return row


def find_or_make(names: Mapping[str, str]) -> dict[str, int]:
    """The ids of organisations by the keys of their names (`fold`); those that are new are made, without domains.

    For imports: two statements, however many there are. In a transaction.
    """
    query = sa.select(Organisation.key, Organisation.id).where(Organisation.key.in_(sorted(names)))
    found = {row.key: row.id for row in session().execute(query)}
    new = [Organisation(key=key, name=name.strip()[:200], website="", about="")
           for key, name in names.items() if key not in found]
    session().add_all(new)
    session().flush()
    return found | {each.key: each.id for each in new}


def _domain(text: str) -> str:
    cleaned = text.strip().removeprefix("@").casefold().rstrip(".")
    domain = customers.normalise_address(f"x@{cleaned}").partition("@")[2]
    if not _DOMAIN.fullmatch(domain) or len(domain) > 253:
        raise Invalid("domains", "A domain looks like example.com, one on each line.")
    if domain in PUBLIC:
        raise Invalid("domains", "Everybody can have an address there; put such members in by hand.")
    return domain


def _check_free(organisation: Organisation | None, key: str, domains: list[str]) -> None:
    mine = organisation.id if organisation is not None else 0
    other = session().scalar(sa.select(Organisation.id).where(Organisation.key == key, Organisation.id != mine))
    if other is not None:
        raise Invalid("name", "Another organisation has this name.")
    taken = session().scalar(sa.select(Domain.domain).where(
        Domain.domain.in_(domains), Domain.organisation_id != mine).limit(1))
    if taken is not None:
        raise Invalid("domains", "Another organisation has one of these domains.")


def delete(organisation: Organisation) -> None:
    """Throw one away. Its members stay customers; some may belong to another by a domain above."""
    domains = [each.domain for each in organisation.domains]
    with transaction() as current:
        current.delete(current.get_one(Organisation, organisation.id))
    settle(touching(domains))


def put(customer: Customer, organisation: Organisation | None) -> None:
    """Say by hand where a customer belongs; None: nowhere, whatever the address."""
    customer_id, organisation_id = customer.id, organisation.id if organisation else None
    with transaction() as current:
        current.merge(Member(customer_id=customer_id, organisation_id=organisation_id, by_hand=True))


def by_address_again(customer: Customer) -> None:
    """Forget what was said by hand: the address counts again."""
    customer_id = customer.id
    with transaction() as current:
        current.execute(sa.delete(Member).where(Member.customer_id == customer_id))
    settle([customer_id])


# --- members by domain ------------------------------------------------------------------------------------------


def touching(domains: Sequence[str]) -> list[int]:
    """Customers who have an address in one of the domains, or below it."""
    found: set[int] = set()
    for domain in domains:
        query = sa.select(CustomerAddress.customer_id).where(CustomerAddress.kind == "mail", sa.or_(
            CustomerAddress.normalised.endswith(f"@{domain}", autoescape=True),
            CustomerAddress.normalised.endswith(f".{domain}", autoescape=True)))
        found.update(session().scalars(query))
    return sorted(found)


def settle(customer_ids: Sequence[int]) -> None:
    """Put customers where their addresses belong, except those whom somebody put somewhere."""
    for start in range(0, len(customer_ids), BATCH):
        _settle(customer_ids[start:start + BATCH])


def _settle(customer_ids: Sequence[int]) -> None:
    addresses: dict[int, list[str]] = {each: [] for each in customer_ids}
    rows = session().execute(sa.select(CustomerAddress.customer_id, CustomerAddress.normalised).where(
        CustomerAddress.customer_id.in_(customer_ids), CustomerAddress.kind == "mail").order_by(CustomerAddress.id))
    for customer_id, address in rows:
        addresses[customer_id].append(address.rpartition("@")[2])
    owners = _owners({each for found in addresses.values() for domain in found for each in _upwards(domain)})
    with transaction() as current:
        known = {each.customer_id: each for each in current.scalars(
            sa.select(Member).where(Member.customer_id.in_(customer_ids)))}
        for customer_id, domains in addresses.items():
            member, home = known.get(customer_id), _home(domains, owners)
            if member is not None and member.by_hand:
                continue
            if home is None and member is not None:
                current.delete(member)
            elif home is not None and member is None:
                current.add(Member(customer_id=customer_id, organisation_id=home))
            elif home is not None and member is not None:
                member.organisation_id = home


def _upwards(domain: str) -> list[str]:
    """A domain and those above it: `shop.acme.example`, `acme.example`."""
    parts = domain.split(".")
    return [".".join(parts[start:]) for start in range(len(parts) - 1)]


def _owners(domains: set[str]) -> dict[str, int]:
    rows = session().execute(sa.select(Domain.domain, Domain.organisation_id).where(Domain.domain.in_(sorted(domains))))
    return {row[0]: row[1] for row in rows}


def _home(domains: list[str], owners: dict[str, int]) -> int | None:
    """The organisation of the first address that has one; the longest domain counts."""
    return next((owners[each] for domain in domains for each in _upwards(domain) if each in owners), None)


def matching(value: str) -> sa.ColumnElement[bool]:
    """The condition on tickets behind `org:acme`: the beginning of a name, or a domain."""
    key = fold(value)
    if not key:
        return sa.false()
    theirs = sa.select(Organisation.id).where(sa.or_(
        sa.and_(Organisation.key >= key, Organisation.key < key + END),
        Organisation.id.in_(sa.select(Domain.organisation_id).where(Domain.domain == value.strip().casefold()))))
    return Ticket.customer_id.in_(sa.select(Member.customer_id).where(Member.organisation_id.in_(theirs)))
