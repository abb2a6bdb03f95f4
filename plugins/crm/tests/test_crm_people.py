"""What is known of people: fields, notes, tasks; shown beside the ticket and on their pages."""

import datetime as dt
import re

import pytest

from inbox.testing import make_agent, make_customer, make_department, make_ticket
from inbox.toolkit import Actor, Invalid, NotAllowed, fields, merges, session, transaction


@pytest.fixture(autouse=True)
def crm(activate):
    activate("crm")


@pytest.fixture
def acme():
    from inbox_plugins.crm import organisations

    return organisations.save(name="Acme", domains=["acme.example"])


@pytest.fixture
def kari(acme, deliver_events):
    made = make_customer("Kari", "kari@acme.example")
    deliver_events()
    return made


def test_fields_of_customers_and_organisations_stand_beside_the_ticket(client, acme, kari) -> None:
    from inbox_plugins.crm.own_fields import of_organisations

    level = fields.of_customers.save(title="Level", type="choice", options=["Gold", "Silver"])
    of_organisations.save(title="Contract until", type="date")
    ticket = make_ticket("Hello", customer=kari)
    there = f"/tickets/{ticket.number}"
    client.post(f"/x/crm/customers/{kari.id}/edit", {f"field-{level.id}": "Gold", "organisation": "Acme"}, page=there)
    until = of_organisations.all()[0]
    client.post(f"/x/crm/organisations/{acme.id}/fields", {f"field-{until.id}": "2027-03-01"}, page=there)
    page = client.get(there).text
    assert "Gold" in page and "Mar 1, 2027" in page


def test_a_wrong_value_is_said_beside_its_field(client, acme, kari) -> None:
    from inbox_plugins.crm.own_fields import of_organisations

    points = fields.of_customers.save(title="Points", type="number")
    answer = client.post(f"/x/crm/customers/{kari.id}/edit", {f"field-{points.id}": "many", "organisation": "Acme"})
    assert answer.status_code == 422 and "Write a number" in answer.text and 'value="many"' in answer.text
    field = of_organisations.save(title="Staff", type="number")
    wrong = client.post(f"/x/crm/organisations/{acme.id}/fields", {f"field-{field.id}": "x"},
                        page=f"/x/crm/organisations/{acme.id}")
    assert wrong.status_code == 422 and "Write a number" in wrong.text


def test_an_admin_defines_fields_of_organisations(client) -> None:
    from inbox_plugins.crm.own_fields import of_organisations

    made = client.post("/x/crm/fields/new", {"title": "Level", "type": "choice", "options": "A\nB"},
                       follow_redirects=True)
    assert "The field is saved." in made.text
    assert client.post("/x/crm/fields/new", {"title": "level", "type": "text"}).status_code == 422
    field = of_organisations.all()[0]
    client.post(f"/x/crm/fields/{field.id}/delete", page="/x/crm/fields")
    assert of_organisations.all() == []


def test_notes_are_left_and_thrown_away_by_who_wrote_them(agent, kari, acme) -> None:
    from inbox_plugins.crm import notes

    ben = make_agent("Ben", role="agent")
    one = notes.add(kari, "  Likes green. ", ben)
    notes.add(acme, "Pays late.", agent)
    assert [each.text for each in notes.latest(customer_id=kari.id)] == ["Likes green."]
    assert [each.text for each in notes.latest(organisation_id=acme.id)] == ["Pays late."]
    with pytest.raises(NotAllowed):
        notes.delete(one.id, make_agent("Cid", role="agent"))
    notes.delete(one.id, ben)
    assert notes.latest(customer_id=kari.id) == []
    with pytest.raises(Invalid):
        notes.add(kari, " ", ben)


def test_tasks_come_by_the_day_they_are_due(agent, kari, acme) -> None:
    from inbox_plugins.crm import tasks

    for about, text, due in ((kari, "later", "2026-12-24"), (acme, "some day", ""), (kari, "soon", "2026-11-30")):
        tasks.add(about, text, by=agent, due=due)
    first, following = tasks.of_agent(agent, limit=2)
    second, end = tasks.of_agent(agent, limit=2, after=following)
    assert [each.text for each in first + second] == ["soon", "later", "some day"] and end is None
    tasks.tick(first[0])
    assert [each.text for each in tasks.open_ones(customer_id=kari.id)] == ["later"]
    with pytest.raises(Invalid):
        tasks.add(kari, "when?", by=agent, due="tomorrow")


def test_notes_and_tasks_are_kept_from_beside_the_ticket(client, kari) -> None:
    ticket = make_ticket("Hello", customer=kari)
    there = f"/tickets/{ticket.number}"
    client.post(f"/x/crm/customers/{kari.id}/notes", {"text": "Likes green.", "ticket": str(ticket.number)}, page=there)
    answer = client.post(f"/x/crm/customers/{kari.id}/tasks", {"text": "Call her", "due": "2026-12-01",
                                                              "ticket": str(ticket.number)}, page=there)
    assert answer.location.startswith(there)
    page = client.get(there).text
    assert "Likes green." in page and "Call her" in page
    assert "Likes green." in client.get(f"/customers/{kari.id}").text
    mine = client.get("/x/crm/tasks").text
    assert "Call her" in mine and "Dec 1, 2026" in mine

    from inbox_plugins.crm import tasks

    task = tasks.open_ones(customer_id=kari.id)[0]
    client.post(f"/x/crm/tasks/{task.id}/done", page="/x/crm/tasks")
    assert "Call her" not in client.get("/x/crm/tasks").text


def test_nobody_writes_about_customers_out_of_reach(app, client, kari) -> None:
    make_ticket("Hello", customer=kari, department=make_department("Sales"))
    client.sign_in(make_agent("Sid", departments=[make_department("Support")]))
    for what in ("notes", "tasks"):
        assert client.post(f"/x/crm/customers/{kari.id}/{what}", {"text": "x"}, page="/x/crm/tasks").status_code == 404
    assert client.get(f"/x/crm/customers/{kari.id}/edit").status_code == 404


def test_today_is_the_day_of_the_desk(frozen_time) -> None:
    from inbox_plugins.crm import tasks

    frozen_time.set(dt.datetime(2026, 11, 22, 23, 30, tzinfo=dt.UTC))
    assert tasks.today() == dt.date(2026, 11, 22)


def test_two_who_are_one_are_found_and_merged(client, acme, kari, deliver_events) -> None:
    from inbox_plugins.crm import notes, organisations, tasks

    older = make_ticket("Older", customer=make_customer("Kari Nordmann", "kari@home.example"))
    newer = make_ticket("Newer", customer=make_customer("kari nordmann", "kn@acme.example"))
    make_customer("Kari")
    one, two = older.customer_id, newer.customer_id
    notes.add(newer.customer, "Likes green.", _somebody())
    tasks.add(newer.customer, "Call her", by=_somebody())
    field = fields.of_customers.save(title="Points", type="number")
    client.post(f"/x/crm/customers/{two}/edit", {f"field-{field.id}": "7", "organisation": "Beta"})
    assert "kari@home.example" in client.get("/x/crm/duplicates").text
    answer = client.post(f"/x/crm/customers/{one}/merge", {"other": str(two), "keep": str(one)},
                         page=f"/x/crm/customers/{one}/merge?other={two}")
    assert answer.status_code == 303 and answer.location == f"/customers/{one}"
    deliver_events(twice=True)
    page = client.get(f"/customers/{two}", follow_redirects=True)
    assert page.request.path == f"/customers/{one}", "a redirect stays"
    for said in ("Older", "Newer", "kari@home.example", "kn@acme.example", "Likes green.", "Call her", "Beta", "7"):
        assert said in page.text, said
    assert organisations.is_by_hand(one) and "kari@home.example" not in client.get("/x/crm/duplicates").text


def test_a_merge_is_undone_from_the_time_line(client, acme, kari, deliver_events) -> None:
    from inbox_plugins.crm import notes, organisations, tasks

    per = make_customer("Per", "per@home.example")
    hers, his = notes.add(kari, "Likes green.", _somebody()), notes.add(per, "Likes blue.", _somebody())
    call = tasks.add(per, "Call him", by=_somebody())
    organisations.put(per, acme)
    organisations.put(kari, organisations.save(name="Beta"))
    client.post(f"/x/crm/customers/{kari.id}/merge", {"other": str(per.id), "keep": str(kari.id)},
                page=f"/x/crm/customers/{kari.id}/merge?other={per.id}")
    deliver_events(twice=True)
    since = notes.add(kari, "Both are one.", _somebody())
    there = f"/x/crm/merges/{per.id}/undo"
    page = client.get(f"/customers/{kari.id}").text
    assert "Merged, can be undone: Per (per@home.example)" in page and there in page
    assert "Per (per@home.example) was merged into Kari" in client.get(there).text
    assert client.post(there, page=there).location == f"/customers/{per.id}"
    deliver_events(twice=True)
    session().expire_all()
    assert [each.customer_id for each in (hers, his, call, since)] == [kari.id, per.id, per.id, kari.id]
    homes = [organisations.of_customer(each.id).name for each in (kari, per)]
    assert homes == ["Beta", "Acme"] and organisations.is_by_hand(per.id)
    again = client.post(there, page="/x/crm/duplicates")
    assert again.status_code == 422 and "This merge cannot be undone" in again.text
    assert there not in client.get(f"/customers/{kari.id}").text


def test_an_organisation_that_came_with_a_merge_goes_with_its_undoing(acme, deliver_events) -> None:
    from inbox_plugins.crm import merged, organisations

    one, two = make_customer("One", "one@home.example"), make_customer("Two", "two@home.example")
    organisations.put(two, acme)
    merges.merge(two, one, by=Actor.system("test"))
    deliver_events()
    assert organisations.of_customer(one.id) is acme
    merges.undo(two.id, by=Actor.system("test"))
    deliver_events()
    merged.follow(one.id, two.id)  # told late, and once more
    assert organisations.of_customer(one.id) is None and organisations.of_customer(two.id) is acme


def _somebody():
    return make_agent(role="admin")


def test_people_of_one_name_are_kept_apart_until_there_is_one_more(client) -> None:
    for number in range(2):
        make_customer("Kari Nordmann", f"kari{number}@home.example")
    client.post("/x/crm/duplicates/apart", {"name": "kari nordmann"}, page="/x/crm/duplicates")
    assert "kari0@home.example" not in client.get("/x/crm/duplicates").text
    make_customer("Kari Nordmann", "kari2@home.example")
    assert "kari0@home.example" in client.get("/x/crm/duplicates").text


def test_merging_names_the_other_by_address(client, kari) -> None:
    per = make_customer("Per", "per@home.example")
    form = f"/x/crm/customers/{kari.id}/merge"
    assert "Who stays?" in client.get(f"{form}?address=per@home.example").text
    for wrong in ("nobody@home.example", "kari@acme.example"):
        assert client.get(f"{form}?address={wrong}").status_code == 422
    client.post(form, {"other": str(per.id), "keep": str(per.id)})
    assert client.get(f"/customers/{kari.id}").location == f"/customers/{per.id}"


def test_the_time_line_shows_notes_tasks_and_messages_together(client, agent, kari) -> None:
    from inbox_plugins.crm import notes, tasks

    make_ticket("About wool", customer=kari, text="Is it warm?")
    notes.add(kari, "Likes green.", agent)
    tasks.tick(tasks.add(kari, "Call her", by=agent))
    page = client.get(f"/customers/{kari.id}").text
    line = page[page.index('id="history"'):page.index("</ol>")]
    assert line.index("Done: Call her") < line.index("Task: Call her") < line.index("Ada Admin noted: Likes green.")
    assert line.index("Likes green.") < line.index("wrote to us") and "Is it warm?" in line


def test_who_has_a_task_is_reminded_once_on_its_day(desk, agent, kari, frozen_time, mail_out) -> None:
    from inbox.toolkit import notifications
    from inbox_plugins.crm import tasks

    desk.mailbox()  # what mail goes out by
    frozen_time.set(dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC))
    for text, due in (("Call her", "2026-11-23"), ("Write", "2026-11-24"), ("Never", "")):
        tasks.add(kari, text, by=agent, due=due)
    tasks.tick(tasks.add(kari, "Done early", by=agent, due="2026-11-23"))
    desk.run_job("crm.reminders")
    assert notifications.unread(agent) == 0
    frozen_time.move(days=1)
    desk.run_job("crm.reminders")
    desk.run_job("crm.reminders")
    told, _ = notifications.page(agent)
    assert [(each.title, each.path) for each in told] == [("Due: Call her", "/x/crm/tasks")]
    assert ["Call her" in each.get_content() for each in mail_out()] == [True]


def test_what_is_known_of_a_person_is_told_and_erased(client, agent, acme, kari) -> None:
    from inbox_plugins.crm import notes, organisations, personal, tasks

    notes.add(kari, "Likes green.", agent)
    tasks.add(kari, "Call her", by=agent, due="2026-12-01")
    per = make_customer("Per", "per@b.example")
    notes.add(per, "Stays.", agent)
    found = client.get(f"/customers/{kari.id}/personal-data.json")
    told = (personal.export(kari.id) if found.status_code == 403 else found.json["crm"])
    assert told["organisation"] == "Acme" and told["notes"][0]["text"] == "Likes green."
    assert told["tasks"][0]["due"] == "2026-12-01"
    for _ in range(2):
        personal.erase(kari.id, ["kari@acme.example"])
    assert personal.export(kari.id) == {"organisation": None, "segments": [], "notes": [], "tasks": []}
    assert organisations.of_customer(kari.id) is None and len(notes.latest(customer_id=per.id)) == 1


def test_erasing_reaches_rows_that_wait_and_names_that_were_kept_apart(agent, kari) -> None:
    import io

    from inbox.toolkit import session
    from inbox_plugins.crm import duplicates, imports, personal
    from inbox_plugins.crm.models import Apart

    duplicates.keep_apart(kari.name.lower(), agent)
    rows = b"mail,name\nKari@Acme.example,Kari\nokari@acme.example,Ola\n"
    made = imports.take(io.BytesIO(rows), "x.csv", agent)
    for _ in range(2):
        personal.erase(kari.id, ["kari@acme.example"])
    session().refresh(made)
    assert [row[1] for row in imports.first_rows(made)] == [["okari@acme.example", "Ola"]] and made.total == 1
    assert session().query(Apart).count() == 0


def test_saved_replies_name_the_organisation_and_its_owner(client, agent, acme, kari) -> None:
    from inbox_plugins.crm import organisations

    organisations.save(acme, name="Acme <AS>", domains=["acme.example"], owner=agent)
    ticket = make_ticket("Hello", customer=kari)
    client.post("/settings/saved-replies/new", {"name": "Hello", "whose": "me",
                                               "text": "All the best to {crm.organisation}, says {crm.owner}."})
    menu = client.get(f"/tickets/{ticket.number}/saved-replies").text
    said = client.post(re.search(r'data-use="([^"]+)"', menu)[1]).text
    assert "All the best to Acme" in said and "says Ada Admin." in said
    assert "{crm.owner}" in client.get("/settings/saved-replies/new").text


def test_the_plugin_speaks_the_languages_of_the_desk(client, agent, kari) -> None:
    ticket = make_ticket("Hello", customer=kari)
    for locale, word in (("nb", "Notater og oppgaver"), ("th", "โน้ตและงาน"), ("ja", "メモとタスク"),
                         ("zh_Hant", "備註與工作")):
        with transaction():
            agent.locale = locale
        assert word in client.get(f"/tickets/{ticket.number}").text
