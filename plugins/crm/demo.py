"""Who the customers of the demo desk are."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Actor, Agent, customers, fields, session, transaction
from inbox_plugins.crm import notes, organisations, segments, tasks
from inbox_plugins.crm.own_fields import of_organisations

# name, domain, owner, about, contract until (days from now), days to pay
ORGANISATIONS = (
    ("Nordlys Husflid AS", "nordlyshusflid.example", "ola", "Two shops, Bodø and Tromsø. Orders in January and August.",
     220, "30"),
    ("Highland Yarns", "highland-yarns.example", "ola", "Fiona decides. Wants undyed wool first.", 35, "30"),
    ("Evans Outdoor", "evans-outdoor.example", "ingrid", "Invoices go to accounts@.", None, "14"),
    ("Wollzeit", "wollzeit.example", "aiko", "Yarn shop and courses in Freiburg.", 400, "30"),
    ("Needle & Nook", "needleandnook.example", "ola", "", None, ""),
    ("北欧雑貨 ノルド", "hokuo-zakka.example", "aiko", "東京・吉祥寺の雑貨店。", 150, "30"),
    ("玄武選物", "xuanwu-taipei.example", "aiko", "台北的選物店，第一次詢價。", None, ""),
    ("ไหมพรมดี", "maipromdee.example", "aiko", "ร้านไหมพรมในเชียงใหม่", None, "30"),
    ("Taller Lana", "taller-lana.example", "ola", "", None, ""),
    ("Carter Knits", "carterknits.example", "nina", "Designer; asks for swatches.", None, ""),
)
FIELDS = (("Level", "choice", ("Gold", "Silver")), ("Likes", "multi", ("Wool", "Alpaca", "Silk", "Cotton")),
          ("Birthday", "date", ()), ("Bought last year", "money", ("NOK", "EUR")))
# address: level, likes, birthday, bought
PEOPLE = {
    "maja@haugen.example": ("Gold", "Wool; Alpaca", "1988-03-14", "4310 NOK"),
    "innkjop@nordlyshusflid.example": ("Gold", "Wool", "", "182400 NOK"),
    "fiona@highland-yarns.example": ("Gold", "Wool; Silk", "", "9850 EUR"),
    "hannah.keller@wollzeit.example": ("Silver", "Wool", "", "3120 EUR"),
    "james.murray@clydemail.example": ("Silver", "", "", "1290 NOK"),
    "yumi@kimura-amimono.example": ("Silver", "Silk", "1979-11-02", "2480 NOK"),
    "kitti@phongcharoen.example": ("", "Cotton", "", "890 NOK"),
}
TWICE = ("jamesm@clydemail.example", "James Murray")  # he wrote from another address once: to be merged
NOTES = (("maja@haugen.example", "ingrid", "Knits for her sister's shop, too. Call rather than write before a Friday."),
         ("fiona@highland-yarns.example", "ola", "Met at the fibre fair. Wants to see the grey before she orders."),
         ("james.murray@clydemail.example", "nina", "The present was for his mother; be quick."))
# whose, who does it, what, days from now
TASKS = (("fiona@highland-yarns.example", "ola", "Send swatches of the grey", 1),
         ("maja@haugen.example", "ingrid", "Ask whether the S fits", 2),
         ("innkjop@nordlyshusflid.example", "ingrid", "Talk about the terms for August", -1))


def fill() -> None:
    """Organisations with members, fields with values, notes, tasks and segments."""
    agents = {each.email.partition("@")[0]: each for each in session().scalars(sa.select(Agent))}
    today = tasks.today()
    customers.find_or_create(TWICE[0], TWICE[1], by=Actor.system("demo"))
    _fields(today, agents)
    for address, login, text in NOTES:
        if (customer := customers.by_address(address)) and login in agents:
            notes.add(customer, text, agents[login])
    for address, login, text, days in TASKS:
        if (customer := customers.by_address(address)) and login in agents:
            tasks.add(customer, text, by=agents[login], due=(today + dt.timedelta(days=days)).isoformat())
    level = next(each for each in fields.of_customers.all() if each.title == "Level")
    segments.save(name="VIP", asked=[_asked(f"field:{level.id}", "is", "Gold")], tone="good")
    segments.save(name="Wholesale", asked=[_asked("organisation", "set", "")], tone="info", is_badge=False)
    until = next(each for each in of_organisations.all() if each.type == "date")
    segments.save(name="Contract ends soon", tone="warn", asked=[
        _asked(f"own:{until.id}", "max", (today + dt.timedelta(days=60)).isoformat())])


def _asked(what: str, test: str, value: str) -> dict[str, str]:
    return {"what": what, "test": test, "value": value}


def _fields(today: dt.date, agents: dict[str, Any]) -> None:
    until = of_organisations.save(title="Contract until", type="date")
    days = of_organisations.save(title="Days to pay", type="number")
    for name, domain, login, about, ends, pays in ORGANISATIONS:
        made = organisations.save(name=name, domains=[domain], about=about, website=f"https://{domain}",
                                  owner=agents.get(login))
        typed = {until.id: (today + dt.timedelta(days=ends)).isoformat() if ends else "", days.id: pays}
        with transaction():
            of_organisations.put(made.id, of_organisations.check(typed))
    made_fields = [fields.of_customers.save(title=title, type=type, options=options) for title, type, options in FIELDS]
    for address, values in PEOPLE.items():
        customer = customers.by_address(address)
        if customer is not None:
            with transaction():
                fields.of_customers.put(customer.id, fields.of_customers.check(
                    {each.id: text for each, text in zip(made_fields, values, strict=True)}))
