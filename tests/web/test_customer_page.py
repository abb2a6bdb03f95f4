"""The page of a customer, and what plugins put on it."""

from flask import Flask
from sqlalchemy.orm import Session

from inbox.plugin_host.items import Panel
from inbox.testing.factories import make_agent, make_customer
from inbox.testing.plugins import plug
from tests.web.browse import Visitor


def test_customer_panels_stand_on_the_page_of_the_customer(app: Flask, session: Session) -> None:
    kari = make_customer("Kari Nordmann")

    def customer_panels(customer, agent):
        return [Panel("Points", facts={customer.name: f"7, says {agent.name}"})]

    plug(app, "loyalty", customer_panels)
    page = Visitor(app).sign_in(make_agent("Ada", role="admin")).get(f"/customers/{kari.id}").text
    assert "Points" in page and "7, says Ada" in page
