"""What every plugin keeps to; and what a failing search costs: not the ticket, not the automatic answer."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent.parent
KEYWORDS = {**DEFAULT_KEYWORDS, "_": None, "NotFound": None, "Invalid": (2,), "Setting": (3,), "Permission": (2,)}
METHODS = [("tests/**", "ignore"), ("migrations/**", "ignore"), ("**.py", "python"), ("templates/**.html", "jinja2")]


def test_it_keeps_to_the_contract(plugin_contract) -> None:
    plugin_contract("kb")


def test_a_failing_search_costs_its_panel_only(activate, client, ticket, faults, monkeypatch) -> None:
    activate("kb")
    from inbox_plugins.kb import search

    def fail(*_about, **_options):
        raise ValueError("the index is gone")

    monkeypatch.setattr(search, "find", fail)
    asked = ticket(text="How do I wash wool?")
    assert client.get(f"/tickets/{asked.number}").status_code == 200
    panel = client.get(f"/x/kb/suggestions/{asked.number}", headers={"HX-Panel": "1"}).text
    assert "Knowledge base" in panel and "the index is gone" not in panel
    assert ["the index is gone" in each.summary for each in faults()] == [True]


def test_the_automatic_answer_goes_out_without_a_failing_search(activate, client, receive_email, deliver_events,
                                                                mail_out, faults, monkeypatch) -> None:
    activate("kb")
    from inbox_plugins.kb import search

    client.post("/settings/plugins/auto_reply/settings", {"auto_reply.on": "on", "auto_reply.text": "We have it."})
    client.post("/settings/plugins/kb/settings", {"kb.public": "on", "kb.auto_reply": "on"})
    monkeypatch.setattr(search, "find", None)
    receive_email("How do I wash wool?")
    deliver_events()
    assert [each.get_body(("plain",)).get_content().strip() for each in mail_out()] == ["We have it."]
    assert [each.hook for each in faults()] == ["filter_auto_reply"]


@pytest.mark.parametrize("locale", ["nb", "th", "ja", "zh_Hant"])
def test_every_word_is_said_in_every_language(locale) -> None:
    with (FOLDER / "translations" / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        known = {(each.id if isinstance(each.id, str) else each.id[0]): each.string for each in read_po(file, locale)}
    wanted = {message if isinstance(message, str) else message[0] for _file, _line, message, *_rest in extract_from_dir(
        FOLDER, METHODS, keywords=KEYWORDS)}
    assert len(wanted) > 100
    assert [each for each in wanted if not all(known.get(each) or [""])] == []
    for each in wanted:
        texts = [known[each]] if isinstance(known[each], str) else known[each]
        for text in texts:
            assert sorted(re.findall(r"%\(\w+\)s", text)) == sorted(re.findall(r"%\(\w+\)s", each)), each


def test_lists_and_tickets_cost_no_further_query(activate, client, session, ticket) -> None:
    asked = ticket()
    asked_for: list[str] = []

    def queries(path: str) -> int:
        client.get(path)  # what is kept between requests is there
        asked_for.clear()
        assert client.get(path).status_code == 200
        return len(asked_for)

    sa.event.listen(session.get_bind(), "before_cursor_execute", lambda *facts: asked_for.append(facts[2]))
    paths = ("/views/open", f"/tickets/{asked.number}")
    before = [queries(each) for each in paths]
    activate("kb")
    assert all(after <= had + 1 for after, had in zip([queries(each) for each in paths], before, strict=True))
    assert min(before) > 2  # it counts
