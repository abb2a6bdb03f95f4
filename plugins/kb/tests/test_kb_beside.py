"""Beside a ticket: articles that fit, an article made of an answer, three in the automatic answer."""

import re

import pytest

from inbox.testing import make_agent, make_message


@pytest.fixture(autouse=True)
def kb(activate):
    activate("kb")


@pytest.fixture
def wool():
    """Three published articles: two public, one for agents."""
    from inbox_plugins.kb import articles

    for title, body, audience in (
            ("How to wash wool", "Lukewarm **water**. See [more](/help/en/x).", "public"),
            ("Refunds", "The money is back in three days.", "public"),
            ("Wash by hand: what we promise", "Never promise that wool survives the machine.", "internal")):
        article = articles.create(None, category_id=None, audience=audience)
        articles.publish(articles.save(article, "en", articles.Text(title, body), None), None)


def test_ticket_sidebar_panels_suggest_what_fits_and_offer_it_for_the_answer(client, ticket, wool) -> None:
    asked = ticket(subject="Can I wash this", text="How do I wash my wool sweater?")
    page = client.get(f"/tickets/{asked.number}").text
    address = re.search(r'hx-get="(/x/kb/suggestions/\d+)"', page)[1]
    panel = client.get(address, headers={"HX-Panel": "1"}).text
    assert "How to wash wool" in panel and "Refunds" not in panel
    offers = re.findall(r'data-compose="([^"]+)"', panel)
    assert len(offers) == 2  # link and text of the public one, nothing of the internal one
    assert re.search(r"&lt;a href=&#34;http[^&]+/help/en/how-to-wash-wool", offers[0])
    assert "http" in offers[1] and "href=&#34;/help" not in offers[1]
    assert "Refunds" in client.get(f"{address}?q=money").text
    assert "Write it" in client.get(f"{address}?q=zzzz").text


def test_a_light_agent_reads_but_inserts_nothing(desk, ticket, wool) -> None:
    asked = ticket(subject="Can I wash this", text="wool")
    light = make_agent("Lise", role="light", departments=[asked.department])
    panel = desk.visitor(light).get(f"/x/kb/suggestions/{asked.number}")
    assert "How to wash wool" in panel.text and "data-compose" not in panel.text


def test_message_menu_items_make_an_article_of_an_answer(client, ticket) -> None:
    asked = ticket(subject="Re: Washing", text="How?")
    answer = make_message(asked, kind="reply", subject="Re: Washing", text="Use *cold* water.",
                          html="<p>Use <b>cold</b> water.</p>")
    page = client.get(f"/tickets/{asked.number}").text
    assert page.count("/x/kb/from-message/") == 1
    editor = client.get(f"/x/kb/from-message/{answer.id}").text
    assert 'value="Washing"' in editor and "Use **cold** water." in editor
    assert client.get("/x/kb/from-message/999999").status_code == 404


def test_filter_auto_reply_suggests_articles_if_switched_on(client, desk, receive_email, deliver_events, mail_out,
                                                            wool) -> None:
    def answer(text="How do I wash wool by hand?"):
        receive_email(text, subject="A question")
        deliver_events()
        return [each.get_body(("plain",)).get_content() for each in mail_out()]

    client.post("/settings/plugins/auto_reply/settings", {"auto_reply.on": "on", "auto_reply.text": "We have it."})
    assert ["/help/" in each for each in answer()] == [False]
    client.post("/settings/plugins/kb/settings", {"kb.public": "on", "kb.auto_reply": "on"})
    (words,) = answer()
    assert words.startswith("We have it.") and re.search(r"How to wash wool\s+http\S+/help/en/how-to-wash-wool", words)
    assert "what we promise" not in words
    assert ["/help/" in each for each in answer("Hello")] == [False]
