"""What a search shows of a message, and the best matches first."""

import pytest

from inbox.core import excerpts, hits, search, views
from inbox.core.scope import Scope
from inbox.testing.factories import make_agent, make_department, make_message, make_ticket


def shown(query: str, text: str) -> str:
    """An excerpt with what was looked for in brackets."""
    found = excerpts.excerpt(text, excerpts.pattern(search.phrases(query)))
    return "".join(f"[{piece}]" if is_hit else piece for piece, is_hit in found)


@pytest.mark.parametrize(("query", "text", "excerpt"), [
    ("parcel", "Where is my parcel?", "Where is my [parcel]?"),
    ("PARC", "Two Parcels, one parc", "Two [Parcels], one [parc]"),
    ("arcel", "Where is my parcel?", ""),
    ("size sweater", "A sweater\n\n of that   size", "A [sweater] of that [size]"),
    ("på", "Håper på svar", "Håper [på] svar"),
    ("strasse", "In der Straße 3", "In der [Straße] 3"),
    ("ขนาด", "การเปลี่ยนขนาดเสื้อ", "การเปลี่ยน[ขนาด]เสื้อ"),
    ("送料", "返品の送料について", "返品の[送料]について"),
    ("返", "この返品", "この[返]品"),
    ("カナ", "Half-width: ｶﾅ!", "Half-width: [カナ]!"),
    ("a", "under_a line", "under_[a] line"),
    ("x*(", "x*( is x", "[x]*( is [x]"),
])
def test_what_stands_around_a_hit(query: str, text: str, excerpt: str) -> None:
    assert shown(query, text) == excerpt


def test_a_long_text_is_cut_between_words() -> None:
    cut = shown("needle", "hay " * 100 + "the needle " + "straw " * 100 + "needle")
    assert cut.startswith("… hay ") and "the [needle] straw" in cut and cut.endswith(" …")
    assert len(cut) < excerpts.LENGTH + 10 and cut.count("[") == 1


def test_no_mark_is_shown_without_its_letter() -> None:
    begins = set()
    for more in range(8):
        cut = shown("ขนาด", "ที่" * 20 + "x" * more + "ขนาด" + "ที่" * 100)
        begins.add(cut[2])
        assert cut.startswith("… ท") and cut.endswith("ที่ …"), cut
    assert begins == {"ท"}


def test_a_search_shows_the_message_it_found(session) -> None:
    ticket = make_ticket("Boots", text="The blue ones")
    make_message(ticket, text="Are they <b>waterproof</b>?")
    make_message(ticket, text="Thank you")
    agent = make_agent(role="owner")
    (row,) = views.page(agent, q="waterproof").rows
    assert row.hit == (("Are they <b>", False), ("waterproof", True), ("</b>?", False))
    assert views.page(agent, q="boots").rows[0].hit == ()  # found by its subject
    assert views.page(agent).rows[0].hit == ()


def test_the_best_match_comes_first(session) -> None:
    agent = make_agent(role="owner")
    often = make_ticket("a", text="wool wool wool wool")
    once = make_ticket("b", text="wool and very much else, for a long time, about other things than that one")
    assert [row.id for row in views.page(agent, q="wool").rows] == [once.id, often.id]
    page = views.page(agent, q="wool", best_first=True)
    assert [row.id for row in page.rows] == [often.id, once.id] and page.next is None
    assert page.rows[0].hit[0] == ("wool", True)


def test_alike_ones_come_newest_first_and_what_others_have_hides_nothing(session, monkeypatch) -> None:
    support, sales = make_department("Support"), make_department("Sales")
    mine = [make_ticket("x", department=support, text="wool").id for _ in range(3)]
    make_ticket("x", department=sales, text="wool wool wool")
    agent = make_agent("Kari", departments=[support])
    assert [row.id for row in views.page(agent, q="wool", best_first=True).rows] == mine[::-1]
    monkeypatch.setattr(hits, "RANKED", (1,))  # the newest one is not theirs
    assert views.page(agent, q="wool", best_first=True).rows == []
    monkeypatch.setattr(hits, "RANKED", (1, 2, 5))  # so one looks further down
    assert [row.id for row in views.page(agent, q="wool", best_first=True).rows] == mine[::-1]
    assert list(hits.best_first(search.phrases("wool"), Scope(), 1).messages) == [mine[2] + 1]
    assert hits.best_first(search.phrases("nothing"), Scope(), 50).messages == {}
