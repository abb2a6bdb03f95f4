"""Words are found in Norwegian, Thai, Japanese and Chinese, and only by those who may see them."""

import pytest
import sqlalchemy as sa

from inbox.core import search, views
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Message, Ticket
from inbox.core.query import parse
from inbox.db import is_sqlite, release, transaction
from inbox.jobs import schedule
from inbox.plugin_host.items import SearchFilter
from inbox.testing.factories import make_agent, make_department, make_mailbox, make_message, make_ticket
from inbox.testing.plugins import host_of, plug
from tests.support.plans import Recorder

TEXTS = {
    "nb": "Hei, pakken på 3 kg er ikke kommet. Jeg vil ha pengene tilbake, og kjøpe en billett i stedet.",
    "th": "สวัสดีครับ ลูกค้าต้องการเปลี่ยนขนาดเสื้อกันหนาว",
    "ja": "お世話になっております。返品の送料について教えてください。ヘルプデスク様",
    "zh": "您好，我們是台北的一家選物店，想了解客戶的批發條件",
    "en": "The sweater arrived but it is a size M and I ordered an S. Half-width: ｶﾅ",
}


@pytest.fixture
def desk(session):
    box = make_mailbox(department=make_department())
    return {language: make_ticket(language, mailbox=box, text=text).id for language, text in TEXTS.items()}


@pytest.mark.parametrize(("query", "language"), [
    ("på", "nb"), ("BILL", "nb"), ("kjøpe billett", "nb"), ("ลูกค้า", "th"), ("ขนาด", "th"), ("送料", "ja"),
    ("ヘルプ", "ja"), ("返", "ja"), ("客戶", "zh"), ("選物店", "zh"), ("sweater size", "en"), ("カナ", "en"),
])
def test_a_word_is_found(session, desk, query, language):
    assert [row.id for row in views.page(make_agent(role="owner"), q=query).rows] == [desk[language]]


@pytest.mark.parametrize("query", [
    "illett", "sweater pakken", "ค้าลูก", "戶客", '"', "'); --", "a OR b NOT", "*", "^x -y"])
def test_what_is_not_there_is_not_found_and_nothing_breaks(session, desk, query):
    if parse(query).phrases:
        assert views.page(make_agent(role="owner"), q=query).rows == []


def test_a_beginning_that_very_many_words_have_is_found_as_well(session, desk, monkeypatch):
    agent = make_agent(role="owner")
    few = [[row.id for row in views.page(agent, q=q).rows] for q in ("s", "ข", "返", "zzz")]
    monkeypatch.setattr(search, "MANY_WORDS", 1)
    assert [[row.id for row in views.page(agent, q=q).rows] for q in ("s", "ข", "返", "zzz")] == few
    assert [len(each) for each in few] == [2, 1, 1, 0]


def test_filters_are_split_from_words():
    query = parse('swap tag:returns is:open from:"maja@haugen.example" http://x')
    assert query.words == "swap http://x"
    assert query.filters == (("tag", "returns"), ("is", "open"), ("from", "maja@haugen.example"))


def test_a_bad_day_says_what_is_right(session, desk):
    with pytest.raises(Invalid, match="2026-11-22"):
        views.page(make_agent(role="owner"), q="before:yesterday")


def test_a_long_search_pages_through_every_ticket_once(session):
    box = make_mailbox()
    wanted = {make_ticket(mailbox=box, text="lots of wool").id for _ in range(23)}
    for ticket_id in sorted(wanted)[:5]:  # a second match in an old ticket must not show it twice
        make_message(session.get(views.Ticket, ticket_id), "more wool")
    agent, cursor, found = make_agent(role="owner"), None, []
    while True:
        page = views.page(agent, q="wool", after=cursor, limit=4)
        found += [row.id for row in page.rows]
        cursor = page.next
        if cursor is None:
            break
    assert len(found) == len(set(found)) and set(found) == wanted


@pytest.mark.parametrize("common", [0.0001, 0.2, 1.0])
@pytest.mark.parametrize("looked_at", [4, 1000])
def test_the_newest_come_first_however_they_are_looked_for(session, monkeypatch, looked_at, common):
    """One by one among the newest, further one by one, or by the index: the same messages in the same order."""
    monkeypatch.setattr(search, "LOOKED_AT", looked_at)
    monkeypatch.setattr(search, "COMMON", common)
    box = make_mailbox()
    for number in range(24):
        make_ticket("Letter", mailbox=box, text="返品の送料" if number % 2 else "何も")
    with_it = list(session.scalars(sa.select(Message.id).order_by(Message.id.desc())))[::2]
    asked = search.match(search.phrases("送料"))
    assert search.newest(asked, below=None, limit=5) == with_it[:5]
    assert search.newest(asked, below=with_it[2], limit=5) == with_it[3:8]
    assert search.newest(asked, below=None, limit=50) == with_it


@pytest.mark.parametrize("patience", [5, 200])
def test_a_flood_of_other_mail_does_not_hide_that_a_word_is_common(session, monkeypatch, patience):
    """On PostgreSQL the way by the index is the slow one for a common word: it is taken when patience is at an end."""
    for name, value in (("LOOKED_AT", 8), ("COMMON", 0.2), ("PATIENCE", patience)):
        monkeypatch.setattr(search, name, value)
    box = make_mailbox()
    for number in range(60):
        make_ticket("Letter", mailbox=box, text="返品の送料" if number < 40 and number % 2 else "何も")
    with_it = list(session.scalars(sa.select(Message.id).order_by(Message.id.desc())))[20::2]
    asked, recorder = search.match(search.phrases("送料")), Recorder(session.get_bind())
    with recorder.recording("search"):
        assert search.newest(asked, below=None, limit=5) == with_it[:5]
    by_the_index = [each.sql for each in recorder.statements if "MATERIALIZED" in each.sql]
    assert bool(by_the_index) is (not is_sqlite() and patience == 5)


def test_what_the_index_has_grown_by_is_put_together(session, desk):
    parts = sa.text("SELECT count(DISTINCT id >> 37) FROM search_index_data WHERE id > 10")  # their pages
    for number in range(8):  # at sixteen FTS5 would merge them itself
        make_ticket("Letter", text=f"scarf number{number}")
    if is_sqlite():
        assert session.scalar(parts) > 2
    release()
    schedule.merge_search({})
    if is_sqlite():
        assert session.scalar(parts) <= 2
    with transaction():
        assert not search.merge_parts(), "there is nothing left to do, and that is seen at once"
    assert len(search.newest(search.match(search.phrases("scarf")), below=None, limit=20)) == 8


def test_tsvector_literals_survive_quotes_and_backslashes():
    assert search.vector("a' b\\ a'") == "'a''':1,3 'b\\\\':2"


def test_tag_and_assignee_filters(session, desk):
    from inbox.core import tickets

    owner = make_agent(role="owner", name="Ola Lien")
    ticket = session.get(views.Ticket, desk["ja"])
    tickets.tag(ticket, "Returns", by=Actor.of(owner))
    tickets.assign(ticket, owner, by=Actor.of(owner))
    for query in ("tag:returns", "assigned:me", "assigned:ola", "is:mine", "送料 tag:returns"):
        assert [row.id for row in views.page(owner, q=query).rows] == [ticket.id], query
    assert ticket.id not in [row.id for row in views.page(owner, q="assigned:none").rows]


def test_register_search_filters_adds_to_the_language_of_the_search_box(app, session) -> None:
    agent, one = make_agent(role="admin"), make_ticket("One")
    make_ticket("Two")

    def find(value):
        if value == "broken":
            raise ValueError("broken")
        return Ticket.subject == value if value else None

    def register_search_filters():
        return [SearchFilter("loyalty.about", alias="about", title="About", find=find),
                SearchFilter("loyalty.tag", alias="tag", title="Not the desk's own", find=find)]

    plug(app, "loyalty", register_search_filters)
    host_of(app).raise_faults = False
    assert [row.id for row in views.page(agent, q="about:One").rows] == [one.id]
    assert views.page(agent, q="about:broken").rows == [], "a filter that fails finds nothing"
    assert views.page(agent, q="tag:One").rows == [], "the desk's own filters come first"
    assert parse("about:x hello").words == "hello"
    assert parse("beyond:x hello").words == "beyond:x hello"
