"""The help centre: what readers see, in which language, how heavy it is, what they send."""

import re
import threading

import pytest

from inbox.testing import make_agent, make_customer


@pytest.fixture(autouse=True)
def kb(activate):
    activate("kb")


@pytest.fixture
def reader(desk):
    return desk.visitor()


@pytest.fixture
def write():
    """Write and publish a text; the article is `of`, else a new one."""
    from inbox_plugins.kb import articles

    def make(title, body="Wool likes air better than water.", locale="en", of=None, audience="public", category=None):
        article = of or articles.create(None, category_id=category, audience=audience)
        text = articles.save(article, locale, articles.Text(title, body), None)
        articles.publish(text, None)
        return text

    return make


def test_a_reader_is_led_to_the_own_language(reader, write) -> None:
    text = write("Wash wool")
    write("羊毛の洗い方", locale="ja", of=text.article)
    for wanted, place in (("ja-JP,en;q=0.5", "/help/ja/"), ("nb", "/help/en/"), ("zh-TW", "/help/en/")):
        answer = reader.get("/help/", headers={"Accept-Language": wanted})
        assert (answer.status_code, answer.headers["Location"]) == (302, place)
        assert "Accept-Language" in answer.headers["Vary"]


def test_pages_are_the_same_for_everybody_and_may_be_kept(desk, reader, write) -> None:
    write("Wash wool")
    for path in ("/help/en/", "/help/en/wash-wool", "/help/sitemap.xml"):
        answer = reader.get(path)
        assert answer.status_code == 200 and answer.cache_control.public and answer.cache_control.max_age == 60
        assert "Set-Cookie" not in answer.headers and "Cookie" not in answer.headers.get("Vary", ""), path
        assert "csrf" not in answer.text
        again = reader.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.text) == (304, "")
        assert desk.visitor(make_agent()).get(path).text == answer.text


def test_an_article_says_what_it_is_and_in_which_languages(reader, write) -> None:
    body = "Begin.\n\n## By hand\n\nPress.\n\n## In the machine\n\nRarely.\n\n| a | b |\n|--|--:|\n| 1 | 2 |"
    text = write("Wash wool", body)
    write("Vaske ull", locale="nb", of=text.article)
    page = reader.get("/help/en/wash-wool").text
    for part in ('<html lang="en"', "<h1>Wash wool</h1>", 'href="#s-by-hand"', '<td class="n">2</td>',
                 'hreflang="nb" href="http', "/help/nb/vaske-ull", 'hreflang="x-default"', 'rel="canonical"'):
        assert part in page, part
    sitemap = reader.get("/help/sitemap.xml").text
    assert len(re.findall(r"<loc>http[^<]*/help/(?:en/wash-wool|nb/vaske-ull)</loc>", sitemap)) == 2
    assert sitemap.count('hreflang="nb"') == 2


@pytest.mark.parametrize("path", ["/help/en/none", "/help/en/topics/none", "/help/xx/", "/help/zh_Hant/",
                                  "/help/files/none/x.png"])
def test_what_is_not_there_is_404(reader, write, path) -> None:
    write("Wash wool")
    assert reader.get(path).status_code == 404


def test_drafts_archived_and_internal_texts_are_hidden(reader, write) -> None:
    from inbox_plugins.kb import articles

    text = write("Wash wool")
    write("Refund by hand", audience="internal")
    assert reader.get("/help/en/refund-by-hand").status_code == 404
    assert "Refund by hand" not in reader.get("/help/en/").text + reader.get("/help/en/search?q=refund").text
    articles.save(text.article, "en", articles.Text("Secret plans", "Not yet.", based_on=1), None)
    assert "Secret" not in reader.get("/help/en/wash-wool").text
    articles.archive(text, None)
    assert reader.get("/help/en/wash-wool").status_code == 404


def test_the_name_of_a_shelf_of_internal_articles_is_hidden(reader, write) -> None:
    from inbox_plugins.kb import categories

    shelf = categories.save(None, {"en": ("Fraud cases", "")}, by=None)
    write("How we look", audience="internal", category=shelf.id)
    hidden = reader.get("/help/en/topics/fraud-cases")
    assert hidden.status_code == 404 and "Fraud" not in hidden.text
    write("What we ask", category=shelf.id)
    assert reader.get("/help/en/topics/fraud-cases").status_code == 200


def test_a_changed_address_leads_on(reader, write) -> None:
    from inbox_plugins.kb import articles

    text = write("Wash wool")
    articles.save(text.article, "en", articles.Text("Wash wool", "x", text.version, "care-of-wool"), None)
    moved = reader.get("/help/en/wash-wool")
    assert (moved.status_code, moved.headers["Location"]) == (301, "/help/en/care-of-wool")


def test_search_marks_what_it_found_and_remembers_what_it_did_not(reader, write) -> None:
    from inbox_plugins.kb import feedback

    write("Wash <wool>")
    hits = reader.get("/help/en/search?q=woo&part=hits").text
    assert "&lt;<mark>woo</mark>l&gt;" in hits and "<html" not in hits
    for words in ("glove", "Glove", "me@example.com", "order 104829"):
        assert "Nothing has these words" in reader.get(f"/help/en/search?q={words}").text
    reader.get("/help/en/search?q=glo&part=hits")  # still typing
    assert [(each.words, each.times) for each in feedback.misses()] == [("glove", 2)]


def test_readers_who_miss_the_same_in_the_same_moment_are_all_counted(app, desk, write) -> None:
    from inbox_plugins.kb import feedback

    together, answers = threading.Barrier(6), []

    def look(number: int) -> None:
        together.wait(30)
        answers.append(app.test_client().get("/help/en/search?q=glove",
                                             environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"}).status_code)

    readers = [threading.Thread(target=look, args=(number,)) for number in range(6)]
    for each in readers:
        each.start()
    for each in readers:
        each.join(60)
    assert answers == [200] * 6
    assert [(each.words, each.times) for each in feedback.misses()] == [("glove", 6)]


def test_readers_vote_once_a_day_and_say_why_without_a_cookie(reader, write) -> None:
    from inbox_plugins.kb import feedback

    text = write("Wash wool")
    answer = reader.client.post("/help/en/wash-wool/vote", data={"useful": "no"})
    token = re.search(r'name="token" value="([^"]+)"', answer.text)[1]
    assert "Set-Cookie" not in answer.headers
    reader.client.post("/help/en/wash-wool/comment", data={"token": token, "comment": "<b>How hot?"})
    assert "told us already" in reader.client.post("/help/en/wash-wool/vote", data={"useful": "yes"}).text
    assert reader.client.post("/help/en/wash-wool/comment", data={"token": "x"}).status_code == 404
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert reader.client.post("/help/en/wash-wool/vote", data={"useful": "yes"}, headers=elsewhere).status_code == 403
    reader.get("/help/en/")  # what was stored meanwhile is seen from here on
    assert (text.useful, text.not_useful) == (0, 1)
    assert [each.comment for each in feedback.comments()] == ["<b>How hot?"]


def test_the_owner_closes_it(client, reader, write) -> None:
    write("Wash wool")
    page = "/settings/plugins/kb/settings"
    assert client.post(page, {"kb.title": "Wool school", "kb.public": "on"}, follow_redirects=True).status_code == 200
    assert "Wool school" in reader.get("/help/en/").text
    client.post(page, {"kb.title": ""})
    assert [reader.get(path).status_code for path in ("/help/", "/help/en/", "/help/sitemap.xml")] == [404, 404, 404]


def test_no_page_weighs_more_than_60_kb(reader) -> None:
    from inbox_plugins.kb import demo

    demo.fill()
    sizes = {}
    for language in ("en", "th"):
        home = reader.get(f"/help/{language}/").text
        topic, text = (re.search(rf'href="(/help/{language}/{part})"', home)[1] for part in ('topics/[^"]+', '[^"/]+'))
        for path in (f"/help/{language}/", topic, text, f"/help/{language}/search?q=a"):
            page = reader.get(path).text
            files = set(re.findall(r'(?:href|src)="(/(?:static|x)/[^"#]+)', page))
            assert len(files) >= 4
            sizes |= {each: len(reader.get(each).data) for each in files if each not in sizes}
            assert len(page.encode()) + sum(sizes[each] for each in files) < 60_000, path


def test_a_comment_with_a_customers_address_is_told_and_emptied(reader, write, client) -> None:
    from inbox_plugins.kb import feedback, personal

    text, kari = write("Wash wool"), make_customer("Kari", "kari@a.example")
    for number, words in enumerate(("Write to Kari@a.example please", "Too short")):
        feedback.comment(str(feedback.vote(text, False, f"192.0.2.{number}")), words)
    assert [(each["article"], each["comment"]) for each in personal.export(kari.id)] == [
        ("Wash wool", "Write to Kari@a.example please")]
    for _ in range(2):
        personal.erase(kari.id, ["kari@a.example"])
    assert personal.export(kari.id) == [] and [each.comment for each in feedback.comments()] == ["Too short"]
