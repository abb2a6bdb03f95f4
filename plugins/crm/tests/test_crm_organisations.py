"""Organisations: who belongs where, by domain and by hand; their pages; the panel beside a ticket."""

import pytest

from inbox.testing import make_agent, make_customer, make_department, make_ticket
from inbox.toolkit import Invalid


@pytest.fixture(autouse=True)
def crm(activate):
    activate("crm")


@pytest.fixture
def acme():
    from inbox_plugins.crm import organisations

    return organisations.save(name="Acme", domains=["acme.example"])


def home(customer):
    from inbox_plugins.crm import organisations

    found = organisations.of_customer(customer.id)
    return found.name if found else None


def test_who_writes_from_a_domain_becomes_a_member(acme, deliver_events) -> None:
    kari, per = make_customer("Kari", "Kari@ACME.example"), make_customer("Per", "per@shop.acme.example")
    stranger = make_customer("Eve", "eve@notacme.example")
    deliver_events()
    assert [home(each) for each in (kari, per, stranger)] == ["Acme", "Acme", None]


def test_the_longest_domain_counts(acme, deliver_events) -> None:
    from inbox_plugins.crm import organisations

    organisations.save(name="Acme Labs", domains=["labs.acme.example"])
    kari = make_customer("Kari", "kari@labs.acme.example")
    deliver_events()
    assert home(kari) == "Acme Labs"


def test_a_new_domain_finds_those_who_wrote_before(deliver_events) -> None:
    from inbox_plugins.crm import organisations

    kari = make_customer("Kari", "kari@beta.example")
    deliver_events()
    made = organisations.save(name="Beta")
    assert home(kari) is None
    organisations.save(made, name="Beta", domains=["beta.example"])
    assert home(kari) == "Beta"
    organisations.save(made, name="Beta", domains=[])
    assert home(kari) is None


def test_what_was_set_by_hand_stays(acme, deliver_events) -> None:
    from inbox_plugins.crm import organisations

    kari = make_customer("Kari", "kari@acme.example")
    deliver_events()
    organisations.put(kari, None)
    organisations.save(acme, name="Acme", domains=["acme.example", "acme2.example"])
    organisations.settle([kari.id])
    assert home(kari) is None
    organisations.by_address_again(kari)
    assert home(kari) == "Acme"


def test_wrong_values_are_refused(acme) -> None:
    from inbox_plugins.crm import organisations

    for wrong in ({"name": " "}, {"name": "ACME"}, {"name": "B", "domains": ["gmail.com"]},
                  {"name": "B", "domains": ["no domain"]}, {"name": "B", "domains": ["acme.example"]},
                  {"name": "B", "website": "javascript:alert(1)"}):
        with pytest.raises(Invalid):
            organisations.save(**wrong)
    assert [each.name for each in organisations.page()[0]] == ["Acme"]


def test_the_list_pages_by_key_and_searches_names_and_domains() -> None:
    from inbox_plugins.crm import organisations

    for name in ("Delta", "alpha", "Ærø", "Bravo"):
        organisations.save(name=name, domains=[f"{name[0].lower()}-domain.example"] if name == "Bravo" else [])
    first, following = organisations.page(limit=2)
    second, end = organisations.page(limit=2, after=following)
    assert [each.name for each in first + second] == ["alpha", "Bravo", "Delta", "Ærø"] and end == ""
    assert [each.name for each in organisations.page(q="ALP")[0]] == ["alpha"]
    assert [each.name for each in organisations.page(q="b-dom")[0]] == ["Bravo"]


def test_an_agent_sees_only_members_within_reach(acme, deliver_events) -> None:
    from inbox_plugins.crm import organisations

    support, sales = make_department("Support"), make_department("Sales")
    make_ticket("One", department=support, customer=make_customer("Kari", "kari@acme.example"))
    make_ticket("Two", department=sales, customer=make_customer("Per", "per@acme.example"))
    deliver_events()
    seller = make_agent("Sid", departments=[sales])
    assert [each.name for each in organisations.members(acme, seller)[0]] == ["Per"]


def test_the_pages_do_what_they_say(client, deliver_events) -> None:
    kari = make_customer("Kari Nordmann", "kari@acme.example")
    made = client.post("/x/crm/organisations/new", {"name": "Acme", "domains": "acme.example\nacme.example.org"},
                       follow_redirects=True)
    assert made.status_code == 200 and "Kari Nordmann" in made.text
    assert "Acme" in client.get("/x/crm/organisations?q=ac").text
    wrong = client.post("/x/crm/organisations/new", {"name": "Acme"})
    assert wrong.status_code == 422 and "Another organisation has this name." in wrong.text
    where = made.request.path
    make_customer("Per", "per@elsewhere.example")
    assert "Per" in client.post(f"{where}/members", {"address": "per@elsewhere.example"}, page=where,
                                follow_redirects=True).text
    assert client.post(f"{where}/members", {"address": "x@y.example"}, page=where).status_code == 422
    assert client.post(f"{where}/delete", page=where).status_code == 303
    assert client.get(where).status_code == 404 and home(kari) is None


def test_an_agent_without_the_right_changes_nothing(app, acme, client, agent) -> None:
    client.sign_in(make_agent("Lily", role="light"))
    assert client.get("/x/crm/organisations").status_code == 200
    assert client.post("/x/crm/organisations/new", {"name": "B"}, page="/x/crm/organisations").status_code == 403
    assert "Change" not in client.get(f"/x/crm/organisations/{acme.id}").text


def test_a_customer_is_placed_from_beside_the_ticket(client, deliver_events) -> None:
    ticket = make_ticket("Hello", customer=make_customer("Kari", "kari@acme.example"))
    there, form = f"/tickets/{ticket.number}", f"/x/crm/customers/{ticket.customer_id}/edit"
    answer = client.post(form, {"organisation": "Acme AS", "ticket": str(ticket.number)}, page=there)
    assert answer.status_code == 303 and answer.location.startswith(there)
    assert home(ticket.customer) == "Acme AS" and "Acme AS" in client.get(there).text
    client.post(form, {"organisation": ""}, page=there)
    assert home(ticket.customer) is None


def test_it_keeps_to_the_contract(plugin_contract) -> None:
    plugin_contract("crm")
