"""Who works at the demo desk, in which departments, behind which addresses."""

from __future__ import annotations

import sqlalchemy as sa

from inbox.core import agents, departments, mailboxes, saved_replies, settings
from inbox.core.models import Agent, Department, Tag
from inbox.db import session, transaction
from inbox.demo import BY, PASSWORD

DOMAIN = "fjordthread.example"
SETTINGS = {"desk.name": "Fjord & Thread", "desk.time_zone": "Europe/Oslo", "desk.locale": "en", "setup.done": True}

# slug: name, hue, signature
DEPARTMENTS = {
    "support": ("Support", 9, "Fjord & Thread, Support\nSkostredet 12, 5017 Bergen"),
    "returns": ("Returns", 1, "Fjord & Thread, Returns\nSkostredet 12, 5017 Bergen"),
    "sales": ("Sales", 5, "Fjord & Thread, Sales\nSkostredet 12, 5017 Bergen"),
    "wholesale": ("Wholesale", 11, "Fjord & Thread, Wholesale\n+47 55 55 01 12"),
}
# login: name, role, departments
AGENTS = {
    "ingrid": ("Ingrid Solberg", "owner", ("support", "returns", "sales", "wholesale")),
    "ola": ("Ola Lien", "agent", ("support", "returns", "sales", "wholesale")),
    "aiko": ("Aiko Tanaka", "agent", ("support", "returns", "sales")),
    "nina": ("Nina Moe", "agent", ("support",)),
}
TAGS = {"returns": 1, "size": 2, "vip": 5, "password": 9, "delivery": 7, "yarn": 0, "invoice": 3, "wholesale": 11,
        "care": 6, "customs": 8, "pattern": 10, "quality": 1, "refund": 4, "voucher": 3, "pre-order": 11}
# name, department (None: the whole desk), text
SAVED_REPLIES = (
    ("How to wash wool", "support",
     "Wool likes lukewarm water (30 °C), a spoon of wool soap and no rubbing. Roll it in a towel, press, and dry it "
     "flat."),
    ("How to send something back", "returns",
     "Use the label that came with the parcel and leave it at any post office. Within 30 days it costs you nothing. "
     "The money is back on your card two or three days after the parcel has reached us."),
    ("Slik returnerer du", "returns",
     "Bruk returlappen som lå i esken, og lever pakken på nærmeste Post i butikk. Innen 30 dager er returen gratis."),
    ("返品の手順", "returns",
     "商品が未使用の場合、到着後30日以内でしたらご返品いただけます。サイズ違いの場合、返送料は当店が負担いたします。"),
    ("ขั้นตอนการเปลี่ยนสินค้า", "returns",
     "เปลี่ยนสินค้าได้ภายใน 30 วันหลังได้รับของ โดยที่ยังไม่ได้ใช้งานและป้ายยังอยู่ครบค่ะ"),
    ("退貨方式", "returns", "收到商品後三十天內，未使用且吊牌完整即可退貨，退貨運費由我們負擔。"),
    ("Terms for shops", "wholesale",
     "The first order is 40 skeins or more and paid before we ship; later invoices are due within 30 days."),
    ("Thank you", None, "Thank you for writing to us, and enjoy your knitting."),
)


def build() -> None:
    """Set the desk up."""
    with transaction() as current:
        for key, value in SETTINGS.items():
            settings.put(key, value, by=BY)
        places = {slug: _department(slug) for slug in DEPARTMENTS}
        current.add_all(Tag(name=name, hue=hue) for name, hue in TAGS.items())
        for name, slug, text in SAVED_REPLIES:
            saved_replies.save(by=BY, name=name, text=text, html=f"<p>{text}</p>", personal=False,
                               department=places[slug] if slug else None)
    hashed = agents.hash_password(PASSWORD)  # once: it is slow on purpose
    with transaction():
        for login, (name, role, theirs) in AGENTS.items():
            made = agents.create(by=BY, email=f"{login}@{DOMAIN}", name=name, role=role, time_zone="Europe/Oslo",
                                 departments=[places[slug] for slug in theirs])
            made.password_hash = hashed


def _department(slug: str) -> Department:
    """A department with its mailbox: mail comes in by our own listener and goes out to the catcher."""
    name, hue, signature = DEPARTMENTS[slug]
    sender = f"Fjord & Thread, {name}"
    made = departments.create(by=BY, name=name, hue=hue, signature=signature, sender_name=sender)
    mailboxes.create(by=BY, address=f"{slug}@{DOMAIN}", department=made, name=sender, incoming="smtp",
                     outgoing="catcher")
    return made


def agent(login: str) -> Agent:
    """One of the four by login."""
    return session().scalars(sa.select(Agent).where(Agent.email == f"{login}@{DOMAIN}")).one()


def department(slug: str) -> Department:
    """A department by the local part of its address."""
    return session().scalars(sa.select(Department).where(Department.name == DEPARTMENTS[slug][0])).one()
