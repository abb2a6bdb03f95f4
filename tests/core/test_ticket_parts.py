"""What hangs on a ticket: links, a checklist, its type, its fields, whose it is."""

import pytest
import sqlalchemy as sa

from inbox.core import checklists, messages, settings, ticket_fields, ticket_links, ticket_merge, tickets
from inbox.core.errors import Invalid, NotAllowed, NotFound
from inbox.core.events import Actor
from inbox.core.models import Event, Ticket
from inbox.db import session
from inbox.testing.factories import make_agent, make_customer, make_department, make_message, make_ticket

SYSTEM = Actor.system("test")


@pytest.fixture
def department(session):
    return make_department("Support")


@pytest.fixture
def ada(department):
    return Actor.of(make_agent("Ada", departments=[department]))


@pytest.fixture
def ticket(department) -> Ticket:
    return make_ticket("Parcel", department=department, customer=make_customer("Kari", "kari@example.com"))


def told(kind: str) -> list[dict]:
    return list(session().scalars(sa.select(Event.data).where(Event.kind == kind).order_by(Event.id)))


# --- links ------------------------------------------------------------------------------------------------------


def seen(ticket: Ticket, by: Actor) -> list[tuple[str, int]]:
    return [(each.kind, each.number) for each in ticket_links.of(ticket, by.agent)]


@pytest.mark.parametrize(("kind", "back"), [("related", "related"), ("parent", "child"), ("child", "parent"),
                                            ("duplicate", "original"), ("original", "duplicate")])
def test_a_link_is_seen_from_both_sides_and_taken_away_from_either(ticket, department, ada, kind, back) -> None:
    other = make_ticket("Other", department=department)
    ticket_links.link(ticket, other, kind, by=ada)
    assert (seen(ticket, ada), seen(other, ada)) == ([(kind, other.number)], [(back, ticket.number)])
    assert tickets.get(other.number, ada.agent).is_linked
    ticket_links.unlink(other, ticket_links.of(ticket, ada.agent)[0].link_id, by=ada)
    assert seen(ticket, ada) == [] and not tickets.get(ticket.number, ada.agent).is_linked
    assert [each["number"] for each in told("ticket_linked")] == [other.number, ticket.number]


def test_two_tickets_have_one_link_whichever_way_it_is_said(ticket, department, ada) -> None:
    other = make_ticket("Other", department=department)
    ticket_links.link(ticket, other, "related", by=ada)
    ticket_links.link(other, ticket, "parent", by=ada)
    assert (seen(ticket, ada), seen(other, ada)) == ([("child", other.number)], [("parent", ticket.number)])


def test_a_link_out_of_reach_is_neither_made_nor_seen(ticket, ada) -> None:
    secret = make_ticket("Secret")
    for other, kind, error in ((secret, "related", NotFound), (ticket, "related", Invalid), (ticket, "x", Invalid)):
        with pytest.raises(error):
            ticket_links.link(ticket, other, kind, by=ada)
    ticket_links.link(ticket, secret, "related", by=SYSTEM)
    assert seen(ticket, ada) == []
    with pytest.raises(NotFound):
        ticket_links.unlink(ticket, 999, by=ada)


# --- checklist --------------------------------------------------------------------------------------------------


def lines(ticket: Ticket) -> list[tuple[str, bool]]:
    return [(each["text"], each["done"]) for each in ticket.checklist]


def test_a_checklist_is_written_ticked_ordered_and_shortened(ticket, ada) -> None:
    for text in ("Call the carrier", " Refund\nthe fee ", "Write back"):
        checklists.add(ticket, text, by=ada)
    checklists.tick(ticket, 1, True, by=ada)
    checklists.move(ticket, 3, -2, by=ada)
    checklists.move(ticket, 3, -1, by=ada)  # it is the first already
    assert lines(ticket) == [("Write back", False), ("Call the carrier", True), ("Refund the fee", False)]
    assert checklists.progress(ticket.checklist) == (1, 3)
    checklists.rename(ticket, 2, "Refund 40 kr", by=ada)
    checklists.rename(ticket, 3, "  ", by=ada)
    checklists.tick(ticket, 1, False, by=ada)
    assert lines(ticket) == [("Call the carrier", False), ("Refund 40 kr", False)]
    assert [each["what"] for each in told("checklist_changed")] == [
        "added", "added", "added", "ticked", "moved", "renamed", "removed", "unticked"]
    assert told("checklist_changed")[3] == {"what": "ticked", "text": "Call the carrier", "done": 1, "total": 3}


def test_a_checklist_takes_no_empty_line_not_endless_ones_and_not_from_everybody(ticket, ada) -> None:
    with pytest.raises(Invalid):
        checklists.add(ticket, "  ", by=ada)
    with pytest.raises(NotFound):
        checklists.tick(ticket, 7, True, by=ada)
    with pytest.raises(NotFound):
        checklists.add(ticket, "Look", by=Actor.of(make_agent("Lise")))
    for number in range(checklists.MAX_LINES):
        checklists.add(ticket, f"Line {number}", by=ada)
    with pytest.raises(Invalid):
        checklists.add(ticket, "One more", by=ada)


# --- type and fields --------------------------------------------------------------------------------------------


def test_a_ticket_has_a_type_of_the_desks_list(ticket, ada) -> None:
    settings.put("desk.ticket_types", "Question\n\nProblem \nQuestion", by=SYSTEM)
    assert ticket_fields.types_in(settings.get("desk.ticket_types")) == ["Question", "Problem"]
    ticket_fields.set_type(ticket, "Problem", by=ada)
    ticket_fields.set_type(ticket, "Problem", by=ada)
    with pytest.raises(Invalid):
        ticket_fields.set_type(ticket, "Wish", by=ada)
    assert ticket.type == "Problem"
    ticket_fields.set_type(ticket, "", by=ada)
    assert ticket.type is None and [each["type"] for each in told("ticket_type_changed")] == ["Problem", None]


def test_fields_of_tickets_are_defined_filled_and_recorded(ticket, ada) -> None:
    order = ticket_fields.of_tickets.define(by=SYSTEM, title="Order", type="number")
    level = ticket_fields.of_tickets.define(by=SYSTEM, title="Level", type="choice", options=["Gold", "Silver"])
    with pytest.raises(NotAllowed):
        ticket_fields.of_tickets.define(by=ada, title="Mine")
    assert ticket_fields.set_values(ticket, {order.id: "42", level.id: "gold"}, by=ada) == [order.id, level.id]
    assert ticket_fields.set_values(ticket, {level.id: "Gold"}, by=ada) == []
    assert [(each.field.title, str(each.value)) for each in ticket_fields.of(ticket)] == [
        ("Order", "42"), ("Level", "Gold")]
    assert tickets.get(ticket.number, ada.agent).has_fields
    assert told("ticket_fields_changed") == [{"fields": [order.id, level.id]}]
    ticket_fields.of_tickets.remove(order, by=SYSTEM)
    assert [each.field.title for each in ticket_fields.of(ticket)] == ["Level"]


def test_a_merge_lends_fields_and_checklist_and_gives_them_back(ticket, department, ada) -> None:
    one, two = (ticket_fields.of_tickets.define(by=SYSTEM, title=title) for title in ("One", "Two"))
    other = make_ticket("Again", department=department)
    ticket_fields.set_values(ticket, {one.id: "mine"}, by=ada)
    ticket_fields.set_values(other, {one.id: "theirs", two.id: "2"}, by=ada)
    checklists.add(ticket, "Call", by=ada)
    checklists.add(other, "Refund", by=ada)
    ticket_merge.merge(other, ticket, by=ada)
    assert [each.value for each in ticket_fields.of(ticket)] == ["mine", "2"]
    checklists.tick(ticket, 2, True, by=ada)
    assert lines(ticket) == [("Call", False), ("Refund", True)]
    ticket_merge.undo(other.id, by=ada)
    assert [each.value for each in ticket_fields.of(ticket)] == ["mine", None]
    assert [each.value for each in ticket_fields.of(other)] == ["theirs", "2"]
    assert (lines(ticket), lines(other)) == ([("Call", False)], [("Refund", True)])


# --- whose it is ------------------------------------------------------------------------------------------------


def answered_to(ticket: Ticket) -> list[str]:
    return [each.address for each in messages.recipients_for_reply(ticket)]


def test_the_next_answer_goes_to_the_new_customer(ticket, ada) -> None:
    ola = make_customer("Ola", "ola@example.com")
    ticket_fields.set_customer(ticket, ola, by=ada)
    assert (ticket.customer_id, answered_to(ticket)) == (ola.id, ["ola@example.com"])
    make_message(ticket, "It was for me.")
    assert answered_to(ticket) == ["ola@example.com"]
    assert len(told("ticket_customer_changed")) == 1


def test_a_customer_can_be_named_by_an_address(ticket, ada) -> None:
    ticket_fields.set_customer_by_address(ticket, " new@example.com ", "Nina", by=ada)
    assert (ticket.customer.name, answered_to(ticket)) == ("Nina", ["new@example.com"])
    for wrong in ("", "nobody"):
        with pytest.raises(Invalid):
            ticket_fields.set_customer_by_address(ticket, wrong, "", by=ada)
