"""What plugins add to our pages: where it stands, and what a failing one leaves."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core.models import Ticket
from inbox.plugin_host import lifecycle
from inbox.plugin_host.items import Button, Card, Link, Panel
from inbox.testing.factories import make_agent, make_ticket
from inbox.testing.plugins import host_of, plug, without_builtins, write_plugin
from tests.web.browse import Visitor


@pytest.fixture
def ticket(session: Session) -> Ticket:
    return make_ticket("Boots")


@pytest.fixture
def desk(app: Flask, session: Session) -> Visitor:
    without_builtins(app)
    return Visitor(app).sign_in(make_agent(role="owner"))


def test_ticket_buttons_and_ticket_menu_items_stand_above_the_ticket(app: Flask, desk: Visitor, ticket: Ticket) -> None:
    def ticket_buttons(ticket):  # type: ignore[no-untyped-def]
        return [Button("Stamp", "/x/shop/stamp", confirm="Really?"), Button("Cards", "/x/shop/cards", opens=True)]

    def ticket_menu_items(ticket):  # type: ignore[no-untyped-def]
        return [Link(f"Orders of {ticket.number}", "/x/shop/orders")]

    plug(app, "shop", ticket_buttons, ticket_menu_items)
    page = desk.get(f"/tickets/{ticket.number}").text
    assert 'action="/x/shop/stamp" hx-post="/x/shop/stamp" hx-swap="none" hx-confirm="Really?">' in page
    assert 'hx-get="/x/shop/cards" hx-trigger="toggle once"' in page
    assert f"Orders of {ticket.number}</a>" in page


def test_main_menu_links_and_settings_menu_links_stand_in_the_rails(app: Flask, desk: Visitor) -> None:
    def main_menu_links(agent):  # type: ignore[no-untyped-def]
        return [Link("Orders", "/x/shop/", count=3)]

    def settings_menu_links(agent):  # type: ignore[no-untyped-def]
        return [Link("The shop", "/x/shop/settings")]

    plug(app, "shop", main_menu_links, settings_menu_links)
    assert 'Orders</span> <span class="count">3</span>' in desk.get("/rail").text
    page = desk.get("/settings/desk").text
    assert "From plugins" in page and ">The shop</a>" in page


def test_dashboard_cards_stand_where_no_ticket_is_chosen(app: Flask, desk: Visitor, ticket: Ticket) -> None:
    assert "/cards" not in desk.get("/views/open").text  # nobody answers: nobody is asked

    def dashboard_cards(agent):
        return [Card("Parcels", "7 <late>", url="/views/open", hint=f"says {agent.name}", tone="bad")]

    def fails(agent):
        raise ValueError("down")

    plug(app, "loyalty", dashboard_cards)
    fails.__name__ = "dashboard_cards"
    plug(app, "weather", fails)
    host_of(app).raise_faults = False
    assert 'hx-get="/cards"' in desk.get("/views/open").text
    cards = desk.get("/cards").text
    assert "Parcels" in cards and "7 &lt;late&gt;" in cards and "says " in cards
    assert 'class="is-bad"' in cards and 'href="/views/open"' in cards
    assert "The plugin Weather failed here." in cards


def test_bulk_actions_are_asked_with_the_name_of_the_list(app: Flask, desk: Visitor, ticket: Ticket) -> None:
    asked: list[str] = []

    def bulk_actions(view):  # type: ignore[no-untyped-def]
        asked.append(view)
        return [Button("Stamp all", "/x/shop/stamp-all")]

    plug(app, "shop", bulk_actions)
    page = desk.get("/views/all").text
    assert 'formaction="/x/shop/stamp-all"' in page and f'id="pick-{ticket.number}"' in page
    desk.get(f"/departments/{ticket.department_id}")
    desk.get("/search?q=boots")
    assert asked == ["all", f"department-{ticket.department_id}", "search"]  # each page asks once


def test_a_panel_of_facts_and_one_of_a_template(app: Flask, config, session: Session, ticket: Ticket) -> None:  # type: ignore[no-untyped-def]
    place: Path = write_plugin(config.plugin_folder, "shop", """
        from inbox.toolkit import Link, Panel, hookimpl

        @hookimpl
        def ticket_sidebar_panels(ticket):
            return [Panel("Card", facts={"Points": "<7>"}, links=[Link("All", "/x/shop/all")]),
                    Panel("Drawn", template="card.html", values={"points": "<8>"}), Panel("None", empty="No card.")]
    """)
    (place / "templates" / "shop").mkdir(parents=True)
    (place / "templates" / "shop" / "card.html").write_text("<p>{{ points }} points</p>")
    lifecycle.activate("shop")
    page = Visitor(app).sign_in(make_agent(role="owner")).get(f"/tickets/{ticket.number}").text
    assert "<dt>Points</dt><dd dir=\"auto\" title=\"&lt;7&gt;\">&lt;7&gt;</dd>" in page
    assert "<p>&lt;8&gt; points</p>" in page and "No card." in page and 'href="/x/shop/all">All</a>' in page


def test_a_panel_whose_template_fails_says_so_in_one_line(app: Flask, desk: Visitor, ticket: Ticket) -> None:
    host_of(app).raise_faults = False

    def ticket_sidebar_panels(ticket):  # type: ignore[no-untyped-def]
        return [Panel("Broken", template="gone.html")]

    plug(app, "shop", ticket_sidebar_panels)
    answer = desk.get(f"/tickets/{ticket.number}")
    assert answer.status_code == 200 and "Not available now: the plugin Shop failed." in answer.text


def test_a_slot_that_fails_leaves_a_marker_for_admins_alone(app: Flask, desk: Visitor, ticket: Ticket) -> None:
    host_of(app).raise_faults = False

    def ticket_buttons(ticket):  # type: ignore[no-untyped-def]
        raise ValueError("no stamps")

    plug(app, "shop", ticket_buttons)
    assert 'href="/settings/plugins/shop"' in desk.get(f"/tickets/{ticket.number}").text
    agent = Visitor(app).sign_in(make_agent(departments=[ticket.department]))
    page = agent.get(f"/tickets/{ticket.number}")
    assert page.status_code == 200 and "/settings/plugins/shop" not in page.text
