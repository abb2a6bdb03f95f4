"""Views that people make, in the browser: the builder writes and reads the language of the search box."""

import re

import pytest
from flask import Flask
from flask_login import login_user

from inbox.core import fields, saved_views
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, View
from inbox.db import db
from inbox.testing.factories import make_agent, make_customer, make_department, make_ticket
from inbox.web import own_views, view_builder
from inbox.web.auth import SignedIn
from inbox.web.desk import Place
from tests.web.browse import HTMX, Visitor


@pytest.fixture
def desk(app: Flask, kari: Agent) -> Visitor:
    return Visitor(app).sign_in(kari)


def of_page(page: str) -> dict[str, str | list[str]]:
    """The builder's fields as a browser would send them."""
    form = page[page.index('<form id="builder"'):]
    form = form[:form.index("</form>")]
    found: dict[str, str | list[str]] = {}
    for tag in re.findall(r"<input [^>]+>", form):
        name, value = re.search(r' name="([^"]+)"', tag), re.search(r' value="([^"]*)"', tag)
        if name is None or name[1] == "csrf_token":
            continue
        if 'type="checkbox"' in tag or 'type="radio"' in tag:
            if "checked" in tag:
                found.setdefault(name[1], []).append(value[1])  # type: ignore[union-attr, index]
            continue
        found[name[1]] = value[1].replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"') if value else ""
    for name, options in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'<option value="([^"]*)"', options)
        found[name] = chosen[1] if chosen else ""
    text = re.search(r"<textarea [^>]*>(.*?)</textarea>", form, re.DOTALL)
    found["text"] = text[1].replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"') if text else ""
    return found


@pytest.mark.parametrize("text", [
    "status:open,pending", "-tag:vip assignee:me", "created>7d waiting<4h", "created>=2026-01-01 updated<2026-02-01",
    "any:(tag:vip priority:urgent,high)", "status:open any:(is:unread -has:attachment) lost wool",
    "customer.size>=10 customer.note:*wool* -customer.size:*", 'tag:"big deal"', "org:acme", "channel:form,api"])
def test_the_builder_reads_what_it_writes(text: str) -> None:
    builder = view_builder.read(text)
    assert builder is not None and view_builder.write(builder) == text


@pytest.mark.parametrize(("short", "long"), [
    ("is:open", "status:open"), ("is:unassigned", "assignee:none"), ("-is:mine", "-assignee:me"),
    ("from:a@b.no", "customer:a@b.no"), ("before:2026-01-01", "last<2026-01-01"),
    ("after:2026-01-01", "last>=2026-01-01"), ("assigned:ola", "assignee:ola")])
def test_older_ways_to_say_it_are_understood(short: str, long: str) -> None:
    builder = view_builder.read(short)
    assert builder is not None and view_builder.write(builder) == long


def test_a_view_is_made_row_by_row(desk: Visitor, support: Department) -> None:
    make_ticket("Boots", department=support, tags=["vip"]), make_ticket("Shoes", department=support)
    form = of_page(desk.get("/own-views/new").text)
    assert form["all-0-name"] == "status" and form["all-0-value"] == ["open", "pending"]
    grown = desk.post("/own-views/new", {**form, "act": "add:all"}, headers=HTMX).text
    assert "<html" not in grown
    form = of_page(grown)
    assert form["all-1-name"] == "tag"
    drawn = desk.post("/own-views/new", {**form, "all-1-value": "vip"}, headers=HTMX).text
    assert "status:open,pending tag:vip</textarea>" in drawn and "Boots" in drawn and "Shoes" not in drawn
    done = desk.post("/own-views/new", {**of_page(drawn), "name": "VIPs", "icon": "tag", "save": "1"})
    assert done.status_code == 303
    page = desk.get(done.location).text
    assert ">VIPs</span>" in page and '<span class="count">1</span>' in page
    assert "Boots" in page and "Shoes" not in page.partition('id="rows"')[2]


def test_another_field_begins_without_the_old_values(desk: Visitor, support: Department) -> None:
    form = of_page(desk.get("/own-views/new").text)
    drawn = of_page(desk.post("/own-views/new", {**form, "all-0-name": "created"}, headers=HTMX).text)
    assert drawn["all-0-operator"] == "last" and drawn["all-0-value"] == "" and drawn["text"] == ""
    typed = {**drawn, "all-0-value": "7", "all-0-operator": "ago"}
    drawn = of_page(desk.post("/own-views/new", typed, headers=HTMX).text)
    assert drawn["text"] == "created<7d"
    gone = of_page(desk.post("/own-views/new", {**drawn, "act": "remove:all:0"}, headers=HTMX).text)
    assert "all-0-name" not in gone


def test_the_text_can_be_changed_instead(desk: Visitor) -> None:
    form = of_page(desk.get("/own-views/new").text)
    drawn = desk.post("/own-views/new", {**form, "text": "any:(tag:a tag:b) wool"}, headers=HTMX).text
    assert of_page(drawn)["any-1-value"] == "b" and of_page(drawn)["words"] == "wool"
    typed = {**of_page(drawn), "text": "any:(tag:a tag:b) any:(tag:c tag:d)"}
    several = desk.post("/own-views/new", typed, headers=HTMX)
    assert "several groups" in several.text
    saved = desk.post("/own-views/new", {**of_page(several.text), "name": "Groups", "save": "1"})
    assert saved.status_code == 303
    assert db.session.query(View).one().query == "any:(tag:a tag:b) any:(tag:c tag:d)"


def test_what_is_wrong_is_said_beside_its_field(desk: Visitor) -> None:
    form = of_page(desk.get("/own-views/new").text)
    assert "Give the view a name" in desk.post("/own-views/new", {**form, "name": "", "save": "1"}).text
    answer = desk.post("/own-views/new", {**form, "name": "A", "text": "created>soon", "save": "1"})
    assert answer.status_code == 422 and "2026-11-22" in answer.text


def test_fields_of_customers_and_agents_are_offered(desk: Visitor, kari: Agent) -> None:
    fields.of_customers.define(by=Actor.of(make_agent(role="owner")), title="Shop size", type="number")
    page = desk.get("/own-views/new?q=assignee:me").text
    assert 'value="customer.shop-size">Shop size' in page and f'value="{kari.email}">Kari' in page


def test_every_icon_has_a_name() -> None:
    assert set(own_views.ICONS) == set(saved_views.ICONS)


def test_a_search_can_be_kept_as_a_view(desk: Visitor) -> None:
    assert 'href="/own-views/new?q=tag:vip"' in desk.get("/search?q=tag:vip").text


def test_shared_views_are_for_those_who_may(desk: Visitor, app: Flask, kari: Agent, support: Department) -> None:
    form = {**of_page(desk.get("/own-views/new").text), "name": "All", "save": "1"}
    assert desk.post("/own-views/new", {**form, "whose": "desk"}).status_code == 403
    owner = Visitor(app).sign_in(make_agent(role="owner"))
    assert owner.post("/own-views/new", {**form, "whose": str(support.id)}).status_code == 303
    shared = saved_views.of(kari)[0]
    assert shared.department_id == support.id
    assert desk.get(f"/own-views/{shared.id}").location == f"/views/own-{shared.id}"  # looked at, not changed
    copied = desk.post(f"/own-views/{shared.id}/copy", page="/own-views").location
    assert desk.get(copied).status_code == 200
    assert [each.name for each in saved_views.of(kari)] == ["All", "Copy of All"]


def test_views_are_ordered_and_deleted_on_their_page(desk: Visitor, kari: Agent) -> None:
    made = [saved_views.save(by=Actor.of(kari), name=name, text="status:open").id for name in ("One", "Two")]
    desk.post(f"/own-views/{made[1]}/up", page="/own-views")
    assert [each.name for each in saved_views.of(kari)] == ["Two", "One"]
    desk.post(f"/own-views/{made[1]}/delete", page="/own-views")
    assert [each.name for each in saved_views.of(kari)] == ["One"]
    assert desk.get(f"/views/own-{made[1]}").status_code == 404


def test_a_view_has_an_order_of_its_own_that_the_address_can_change(desk: Visitor, kari: Agent,
                                                                    support: Department) -> None:
    first, second = (make_ticket(name, department=support) for name in ("First", "Second"))
    view = saved_views.save(by=Actor.of(kari), name="Queue", text="status:open", sort="oldest")
    rows = desk.get(f"/views/own-{view.id}").text.partition('id="rows"')[2]
    assert rows.index("First") < rows.index("Second")
    assert f'href="/tickets/{first.number}?in=own-{view.id}&amp;sort=oldest"' in rows
    turned = desk.get(f"/views/own-{view.id}?sort=newest&part=rows").text
    assert turned.index("Second") < turned.index("First") and "sort=newest" in turned
    beside = desk.get(f"/tickets/{second.number}?in=own-{view.id}&sort=oldest").text
    assert "First" in beside and 'aria-current="page"' in beside


def test_a_view_that_names_what_is_gone_says_so(desk: Visitor, kari: Agent, support: Department) -> None:
    make_ticket("Boots", department=support, customer=make_customer("Ola", "ola@example.no"))
    view = saved_views.save(by=Actor.of(kari), name="Lost", text="tag:gone status:open")
    page = desk.get(f"/views/own-{view.id}").text
    assert "names what is not there any more: tag “gone”" in page and f'href="/own-views/{view.id}"' in page
    assert "No ticket is in this view now." in page


def test_all_tickets_of_a_view_are_those_it_finds(desk: Visitor, app: Flask, kari: Agent, support: Department) -> None:
    view = saved_views.save(by=Actor.of(kari), name="VIPs", text="tag:vip")
    with app.test_request_context(f"/?in=own-{view.id}&q=wool"):
        login_user(SignedIn(kari))
        assert Place.from_request().where == {"view": None, "department_id": None, "q": "tag:vip wool"}


def test_the_search_box_knows_names_and_values_of_filters(desk: Visitor, support: Department) -> None:
    make_ticket("Boots", department=support, tags=["vip"]), make_department("Staff")
    assert 'data-complete="/search/words"' in desk.get("/views/open").text
    words = {each["name"]: each for each in desk.get("/search/words").json}
    assert words["tag"]["values"] == [["vip", "vip"]] and words["status"]["several"]
    assert [value for value, _ in words["department"]["values"]] == ["Support"]  # those within reach
    assert ["me", "the reader"] in words["assignee"]["values"] and words["created"]["compared"]
    for word in words.values():
        for value, _ in word["values"]:  # what is offered is understood
            said = f"{word['name']}{word['sign']}{value}"
            assert desk.get("/search", query_string={"q": said}).status_code == 200, said
