"""Segments: who is in them, what they cost a list, and how they are searched for."""

import datetime as dt

import pytest
import sqlalchemy as sa

from inbox.testing import make_customer, make_ticket
from inbox.toolkit import Actor, Invalid, fields, session, transaction


@pytest.fixture(autouse=True)
def crm(activate):
    activate("crm")


@pytest.fixture
def level():
    return fields.of_customers.save(title="Level", type="choice", options=["Gold", "Silver"])


def give(customer, field, value):
    with transaction():
        fields.of_customers.put(customer.id, fields.of_customers.check({field.id: value}))


def people(segment):
    from inbox_plugins.crm.models import InSegment
    from inbox_plugins.crm.segments import get

    return set(session().scalars(sa.select(InSegment.customer_id).where(InSegment.segment_id == get(segment.id).id)))


def asked(what, test="is", value=""):
    return {"what": what, "test": test, "value": value}


def test_a_segment_holds_those_for_whom_everything_holds(level) -> None:
    from inbox_plugins.crm import organisations, segments

    kari, _per, eva = (make_customer(name, f"{name.lower()}@acme.example") for name in ("Kari", "Per", "Eva"))
    organisations.save(name="Acme", domains=["acme.example"])
    organisations.put(eva, None)
    for each in (kari, eva):
        give(each, level, "Gold")
    made = segments.save(name="VIP", asked=[
        asked(f"field:{level.id}", "is", "gold"), asked("organisation", "is", "ACME")])
    assert people(made) == {kari.id}
    segments.save(made, name="VIP", asked=[asked(f"field:{level.id}", "set")])
    assert people(made) == {kari.id, eva.id}


@pytest.mark.parametrize(("what", "test", "value", "who"), [
    ("tickets", "min", "2", {"Kari"}), ("tickets", "max", "1", {"Per", "Eva"}), ("tickets", "min", "0",
                                                                              {"Kari", "Per", "Eva"}),
    ("days", "min", "30", {"Eva"}), ("days", "max", "30", {"Kari", "Per"}), ("quiet", "max", "1", {"Kari", "Per"}),
    ("quiet", "min", "1", set()), ("domain", "is", "@acme.example", {"Per"}), ("organisation", "set", "", set()),
])
def test_what_can_be_asked_of_customers(what, test, value, who) -> None:
    from inbox_plugins.crm import segments

    kari, per, eva = (make_customer("Kari"), make_customer("Per", "per@acme.example"), make_customer("Eva"))
    for customer in (kari, kari, per):
        make_ticket("Hello", customer=customer)
    with transaction():
        eva.created_at = eva.created_at - dt.timedelta(days=40)
    made = segments.save(name="S", asked=[asked(what, test, value)])
    names = {kari.id: "Kari", per.id: "Per", eva.id: "Eva"}
    assert {names[each] for each in people(made)} == who


def test_what_makes_no_sense_is_refused(level) -> None:
    from inbox_plugins.crm import segments

    good = asked("tickets", "min", "1")
    for wrong in ({"name": "--", "asked": [good]}, {"name": "S", "asked": []}, {"name": "S", "asked": [good] * 9},
                  {"name": "S", "asked": [asked("tickets", "is", "1")]}, {"name": "S", "asked": [asked("field:99")]},
                  {"name": "S", "asked": [asked("tickets", "min", "many")]}, {"name": "S", "asked": [asked("moon")]},
                  {"name": "S", "asked": [asked(f"field:{level.id}", "min", "Gold")]},
                  {"name": "S", "asked": [asked("organisation", "is", "Nobody")]}):
        with pytest.raises(Invalid):
            segments.save(**wrong)
    segments.save(name="Very good", asked=[good])
    with pytest.raises(Invalid):
        segments.save(name="very  GOOD", asked=[good])


def test_a_field_that_is_gone_leaves_a_segment_empty(level) -> None:
    from inbox_plugins.crm import segments

    kari = make_customer("Kari")
    give(kari, level, "Gold")
    made = segments.save(name="VIP", asked=[asked(f"field:{level.id}", "set")])
    fields.of_customers.delete(level)
    segments.settle_all()
    assert people(made) == set()


def test_a_change_of_a_field_moves_the_customer_at_once(agent, client, level, deliver_events) -> None:
    from inbox_plugins.crm import segments

    kari = make_customer("Kari")
    made = segments.save(name="VIP", asked=[asked(f"field:{level.id}", "is", "Gold")])
    fields.set_values(kari, {level.id: "Gold"}, by=Actor.of(agent))
    deliver_events(twice=True)
    assert people(made) == {kari.id}
    client.post(f"/x/crm/customers/{kari.id}/edit", {f"field-{level.id}": "Silver", "organisation": ""})
    assert people(made) == set()


def test_the_search_box_knows_segments_and_organisations(client, level) -> None:
    from inbox_plugins.crm import organisations, segments

    kari, per = make_customer("Kari", "kari@acme.example"), make_customer("Per", "per@beta.example")
    one, two = make_ticket("About wool", customer=kari), make_ticket("About silk", customer=per)
    organisations.save(name="Acme Yarn AS", domains=["acme.example"])
    give(per, level, "Gold")
    segments.save(name="Very good", asked=[asked(f"field:{level.id}", "is", "Gold")])

    def found(q):
        page = client.get(f"/search?q={q}").text
        return {each.subject for each in (one, two) if each.subject in page}

    assert found("org:acme") == {"About wool"} and found("org:acme.example") == {"About wool"}
    assert found("segment:very-good") == {"About silk"} and found('segment:"Very Good"') == {"About silk"}
    assert found("segment:very-good about") == {"About silk"} and found("segment:nobody") == set()
    assert found("org:acme segment:very-good") == set()


def test_badges_cost_a_page_one_query(client, level) -> None:
    from inbox_plugins.crm import segments

    kari = make_customer("Kari")
    give(kari, level, "Gold")
    tickets = [make_ticket(f"T{number}", customer=kari) for number in range(3)]
    segments.save(name="VIP", asked=[asked(f"field:{level.id}", "set")], tone="good")
    hidden = segments.save(name="Hidden", asked=[asked("tickets", "min", "1")], is_badge=False)
    wanted = {(each.id, "VIP", "good") for each in tickets}  # reads what was forgotten, too
    count = []

    def note(*_):
        count.append(1)

    sa.event.listen(session().get_bind(), "before_cursor_execute", note)
    badges = segments.badges(tickets)
    sa.event.remove(session().get_bind(), "before_cursor_execute", note)
    assert len(count) == 1 and people(hidden)
    assert {(each.ticket_id, each.text, each.tone) for each in badges} == wanted
    assert "VIP" in client.get("/views/all").text


def test_the_pages_make_change_and_delete_segments(client, level) -> None:
    from inbox_plugins.crm import segments

    kari = make_customer("Kari Nordmann")
    give(kari, level, "Gold")
    answer = client.post("/x/crm/segments/new", {
        "name": "VIP", "what": [f"field:{level.id}", ""], "test": ["is", "is"], "value": ["Gold", ""], "tone": "good",
        "is_badge": "1"}, follow_redirects=True)
    assert "VIP is saved." in answer.text and "segment:vip" in answer.text
    made = segments.all_segments()[0]
    assert made.conditions == [asked(f"field:{level.id}", "is", "Gold")]
    assert "Kari Nordmann" in client.get(f"/x/crm/segments/{made.id}").text
    wrong = client.post(f"/x/crm/segments/{made.id}/edit", {
        "name": "VIP", "what": f"field:{level.id}", "test": "is", "value": "Bronze"})
    assert wrong.status_code == 422 and "Bronze is not one of the choices." in wrong.text
    client.post(f"/x/crm/segments/{made.id}/delete", page="/x/crm/segments")
    assert segments.all_segments() == []


def test_the_status_page_is_told_when_segments_grow_old(desk, frozen_time) -> None:
    from inbox_plugins.crm import segments

    segments.save(name="S", asked=[asked("tickets", "min", "1")])
    frozen_time.move(hours=2)
    with pytest.raises(ValueError, match="over an hour"):
        segments.health()
    desk.run_job("crm.segments")
    assert segments.health() == "All segments are up to date."


def test_a_fault_in_one_answer_spares_the_list(desk, client, faults, monkeypatch) -> None:
    from inbox_plugins.crm import segments

    ticket = make_ticket("Still here")
    monkeypatch.setattr(segments, "badges", lambda tickets: 1 / 0)
    assert ticket.subject in client.get("/views/all").text
    assert {each.hook for each in faults()} == {"inbox_row_badges"}
