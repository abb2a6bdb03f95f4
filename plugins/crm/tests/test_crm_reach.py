"""Who sees one department does not reach the others' customers: not by a file, a task, nor a list of duplicates."""

import datetime as dt
import io

import pytest

from inbox.testing import make_agent, make_customer, make_department, make_ticket
from inbox.toolkit import Actor, Invalid, NotFound, customers, session, transaction


@pytest.fixture(autouse=True)
def crm(activate):
    activate("crm")


@pytest.fixture
def support(desk):
    return make_department("Help")


@pytest.fixture
def sales(desk):
    return make_department("Sales")


@pytest.fixture
def sid(support):
    """An agent of one department who may import, too."""
    found = make_agent("Sid", email="sid@desk.example", departments=[support])
    with transaction():
        found.role.abilities = [*found.role.abilities, "crm.export"]
    return found


@pytest.fixture
def kari(sales):
    """A customer of Sales alone."""
    return make_ticket("Offer", customer=make_customer("Kari Nordmann", "kari@a.example"), department=sales).customer


def imported(agent, text, overwrite=True):
    from inbox_plugins.crm import imports

    made = imports.take(io.BytesIO(text.encode()), "x.csv", agent)
    imports.map_columns(made, made.mapping, overwrite=overwrite)
    return made


def test_an_import_changes_nobody_out_of_reach_and_tells_nothing_of_them(desk, sid, kari, support) -> None:
    from inbox_plugins.crm import imports, organisations

    mine = make_ticket("Help", customer=make_customer("Per", "per@a.example"), department=support).customer
    noted = customers.find_or_create("noted@a.example", by=Actor.of(sid))
    made = imported(sid, "mail,name,organisation\nkari@a.example,Hacked,Evil\nper@a.example,Per P,Evil\n"
                         "noted@a.example,Noted,\nnew@a.example,New,\n")
    assert [each[2] for each in imports.preview(made)] == ["broken", "changed", "changed", "created"]
    imports.start(made)
    desk.run_job("crm.import")
    session().expire_all()
    assert (kari.name, mine.name, noted.name) == ("Kari Nordmann", "Per P", "Noted")
    assert organisations.of_customer(kari.id) is None
    assert [(each.line, each.reason) for each in imports.problems(made)[0]] == [
        (2, "Tickets of this customer lie in departments that you do not see; nothing was changed.")]


def test_imports_of_others_are_for_those_who_see_every_department(client, agent, sid) -> None:
    made = imported(agent, "mail\nsecret@a.example\nno address\n")
    own = imported(sid, "mail\nmine@a.example\n")
    client.sign_in(sid)
    assert "secret@a.example" not in client.get("/x/crm/imports").text
    for path in ("", "/mapping", "/progress", "/problems.csv"):
        assert client.get(f"/x/crm/imports/{made.id}{path}").status_code == 404
    assert client.post(f"/x/crm/imports/{made.id}/delete", page="/x/crm/imports").status_code == 404
    assert "mine@a.example" in client.get(f"/x/crm/imports/{own.id}/mapping").text
    client.sign_in(agent)
    assert client.get(f"/x/crm/imports/{own.id}/mapping").status_code == 200


def test_a_new_customer_of_an_import_is_within_the_reach_of_who_imported(client, desk, sid) -> None:
    from inbox_plugins.crm import imports

    imports.start(imported(sid, "mail,name\nnew@a.example,New\n"))
    desk.run_job("crm.import")
    client.sign_in(sid)
    assert "new@a.example" in client.get("/x/crm/export.csv").text
    assert [each.email for each in customers.page(sid)[0]] == ["new@a.example"]


def test_a_task_about_a_customer_is_for_those_who_see_the_customer(client, agent, sid, kari) -> None:
    from inbox_plugins.crm import tasks

    with pytest.raises(Invalid):
        tasks.add(kari, "Call Kari", by=agent, agent=sid)
    assert tasks.add(kari, "Call Kari", by=agent).agent_id == agent.id


def test_a_task_goes_out_of_sight_with_its_customer(client, desk, sid, support, sales, frozen_time, mail_out) -> None:
    from inbox_plugins.crm import tasks

    desk.mailbox()
    frozen_time.set(dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC))
    ticket = make_ticket("Help", customer=make_customer("Per", "per@a.example"), department=support)
    task = tasks.add(ticket.customer, "Call Per", by=sid, due="2026-11-22")
    client.sign_in(sid)
    assert "Call Per" in client.get("/x/crm/tasks").text
    with transaction():
        ticket.department_id = sales.id
    assert "Call Per" not in client.get("/x/crm/tasks").text
    assert client.post(f"/x/crm/tasks/{task.id}/done", page="/x/crm/tasks").status_code == 404
    desk.run_job("crm.reminders")
    assert mail_out() == []


def test_a_note_about_a_customer_out_of_reach_stays(sid, kari) -> None:
    from inbox_plugins.crm import notes

    note = notes.add(kari, "Likes green.", sid)  # when the customer was still within reach
    with pytest.raises(NotFound):
        notes.delete(note.id, sid)


def test_duplicates_are_counted_and_kept_apart_within_reach(client, agent, sid, kari, support, sales) -> None:
    from inbox_plugins.crm import duplicates

    for number in range(2):
        make_ticket("Help", customer=make_customer("Kari Nordmann", f"kari{number}@b.example"),
                    department=support)
    make_ticket("Offer", customer=make_customer("Ola Nordmann", "ola@a.example"), department=sales)
    make_ticket("Help", customer=make_customer("Ola Nordmann", "ola@b.example"), department=support)
    client.sign_in(sid)
    page = client.get("/x/crm/duplicates").text
    assert "kari0@b.example" in page and "kari@a.example" not in page and "ola@" not in page
    assert [(each.name, len(each.customers)) for each in duplicates.page(sid)[0]] == [("kari nordmann", 2)]
    for name in ("kari nordmann", "ola nordmann"):
        client.post("/x/crm/duplicates/apart", {"name": name}, page="/x/crm/duplicates")
    assert duplicates.page(sid)[0] == []
    assert [each.name for each in duplicates.page(agent)[0]] == ["kari nordmann", "ola nordmann"]  # one more
    duplicates.keep_apart("kari nordmann", agent)
    assert [each.name for each in duplicates.page(agent)[0]] == ["ola nordmann"]
