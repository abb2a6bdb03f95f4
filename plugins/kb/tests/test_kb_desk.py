"""Pages for authors: write, publish, look back, arrange; and what a light agent may."""

import io
import re

import pytest

from inbox.testing import make_agent

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture(autouse=True)
def kb(activate):
    activate("kb")


def form(**fields):
    return {"title": "Wash wool", "body": "Wool *likes* air.", "lang": "en", "audience": "public", "based_on": "0",
            "do": "save", **fields}


@pytest.fixture
def edit(client):
    """Write an article through the form; returns the address of its editor."""

    def post(page="/x/kb/articles/new", **fields):
        answer = client.post(page, form(**fields))
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    return post


def test_an_article_is_written_published_changed_and_archived(client, desk, edit) -> None:
    reader = desk.visitor()
    place = edit()
    assert "Draft" in client.get(place).text and reader.get("/help/en/wash-wool").status_code == 404
    edit(place.partition("?")[0], do="publish", based_on="1")
    assert "<em>likes</em>" in reader.get("/help/en/wash-wool").text
    edit(place.partition("?")[0], based_on="1", body="Changed.")
    assert "Published, with changes" in client.get(place).text
    listed = client.get("/x/kb/?state=published&lang=en&q=wool").text
    assert "Wash wool" in listed and "Wash wool" not in client.get("/x/kb/?state=draft").text
    client.post(place.partition("?")[0] + "/archive", {"lang": "en"}, page=place)
    assert reader.get("/help/en/wash-wool").status_code == 404 and "Archived" in client.get(place).text


def test_a_second_author_is_told_and_keeps_the_words(client, edit) -> None:
    place = edit()
    edit(place.partition("?")[0], based_on="1", body="Theirs.")
    answer = client.post(place.partition("?")[0], form(based_on="1", body="Mine."))
    assert answer.status_code == 409 and "Mine." in answer.text and "while you were writing" in answer.text
    assert 'name="based_on" value="2"' in answer.text  # saving again is a choice


@pytest.mark.parametrize(("fields", "said"), [
    ({"title": " "}, "Give it a title"), ({"slug": "search"}, "address cannot be used"),
    ({"category": "77"}, "no such category"), ({"audience": "all"}, "Choose who may read it")])
def test_what_cannot_be_stored_says_why_and_stores_nothing(client, fields, said) -> None:
    answer = client.post("/x/kb/articles/new", form(**fields))
    assert answer.status_code == 422 and said in answer.text and "likes* air" in answer.text
    assert "There is no article yet" in client.get("/x/kb/").text


def test_versions_are_compared_and_restored(client, edit) -> None:
    place = edit(body="one\ntwo")
    base = place.partition("?")[0]
    edit(base, based_on="1", body="one\nthree")
    page = client.get(f"{base}/versions?lang=en&number=1").text
    assert "<del>two</del>" in page and "<ins>three</ins>" in page and "Ada Admin" in page
    client.post(f"{base}/restore", {"lang": "en", "number": "1"}, page=place)
    assert "one\ntwo</textarea>" in client.get(place).text
    assert client.get(f"{base}/file?lang=en").text == "# Wash wool\n\none\ntwo\n"


def test_a_file_becomes_the_beginning_of_an_article(client) -> None:
    for name, data, words in (("a.md", b"# Care\n\n- wool", ("value=\"Care\"", "- wool")),
                              ("b.html", b"<h1>Care</h1><p>Press <b>it</b></p><script>x()</script>", ("**it**",)),
                              ("c.txt", "Håndvask".encode(), ("value=\"c\"", "Håndvask"))):
        answer = client.post("/x/kb/articles/file", {"file": (io.BytesIO(data), name)}, page="/x/kb/")
        assert all(each in answer.text for each in words) and "x()" not in answer.text, name


def test_a_picture_is_for_agents_until_its_article_is_published(client, desk, edit) -> None:
    answer = client.post("/x/kb/images", {"image": (io.BytesIO(PNG), "Wool label.svg")}, page="/x/kb/articles/new")
    markdown = answer.json["markdown"]
    address = re.search(r"\((/help/files/[^)]+)\)", markdown)[1]
    assert address.endswith("/Wool-label.png")
    place = edit(body=markdown)
    reader = desk.visitor()
    assert client.get(address).data == PNG and reader.get(address).status_code == 404
    edit(place.partition("?")[0], body=markdown, based_on="1", do="publish")
    sent = reader.get(address)
    assert sent.data == PNG and sent.mimetype == "image/png" and "default-src 'none'" in sent.headers[
        "Content-Security-Policy"]
    assert f'src="{address}"' in reader.get("/help/en/wash-wool").text
    refused = client.post("/x/kb/images", {"image": (io.BytesIO(b"<svg/>"), "x.png")}, page="/x/kb/articles/new")
    assert refused.status_code == 422 and "PNG" in refused.json["error"]


def test_pictures_are_for_agents_while_the_help_centre_is_closed(client, desk, edit) -> None:
    answer = client.post("/x/kb/images", {"image": (io.BytesIO(PNG), "label.png")}, page="/x/kb/articles/new")
    address = re.search(r"\((/help/files/[^)]+)\)", answer.json["markdown"])[1]
    edit(body=answer.json["markdown"], do="publish")
    client.post("/settings/plugins/kb/settings", {"kb.title": ""})
    seen = client.get(address)
    assert seen.data == PNG and seen.cache_control.private
    assert desk.visitor().get(address).status_code == 404


def test_categories_are_named_and_moved(client) -> None:
    for title in ("Care", "Sizes"):
        client.post("/x/kb/categories/new", {"title-en": title, "title-nb": f"{title} (nb)", "icon": "wash"})
    page = client.get("/x/kb/categories").text
    assert page.index(">Care<") < page.index(">Sizes<") and "Norsk" in page
    client.post("/x/kb/categories/2/move", {"way": "up"}, page="/x/kb/categories")
    page = client.get("/x/kb/categories").text
    assert page.index(">Sizes<") < page.index(">Care<")
    assert client.post("/x/kb/categories/new", {"title-en": " "}).status_code == 422
    client.post("/x/kb/categories/1/remove", page="/x/kb/categories")
    assert ">Care<" not in client.get("/x/kb/categories").text


def test_what_readers_miss_is_listed_until_seen_to(client, desk, edit) -> None:
    edit(do="publish")
    desk.visitor().get("/help/en/search?q=gloves")
    page = client.get("/x/kb/readers").text
    assert "gloves" in page and "title=gloves" in page
    client.post("/x/kb/readers/seen", {"lang": "en", "words": "gloves"}, page="/x/kb/readers")
    assert "gloves" not in client.get("/x/kb/readers").text


def test_a_light_agent_reads_and_an_agent_does_not_publish(desk, edit) -> None:
    place = edit(do="publish")
    base = place.partition("?")[0]
    light, agent = desk.visitor(make_agent("Lise", role="light")), desk.visitor(make_agent("Ola", role="agent"))
    assert light.get(f"{base}/read").status_code == 200 and 'value="publish"' not in agent.get(place).text
    assert light.post(base, form(based_on="1"), page="/x/kb/").status_code == 403
    assert agent.post(base, form(based_on="1", body="Better."), page="/x/kb/").status_code == 303
    for verb in ("publish", "archive", "unpublish", "remove"):
        assert agent.post(f"{base}/{verb}", {"lang": "en"}, page="/x/kb/").status_code == 403, verb
    assert desk.visitor().get("/x/kb/").status_code == 303
