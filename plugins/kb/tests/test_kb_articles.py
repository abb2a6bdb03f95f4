"""Articles: drafts and what readers see, versions, addresses, what hostile text costs."""

import pytest

from inbox.testing import make_agent
from inbox.toolkit import Invalid, NotAllowed


@pytest.fixture(autouse=True)
def kb(activate):
    activate("kb")


@pytest.fixture
def article():
    from inbox_plugins.kb import articles

    return articles.create(None, category_id=None, audience="public")


def save(article, body="Wool likes air.", title="Wash wool", locale="en", by=None, **fields):
    from inbox_plugins.kb import articles

    known = article.in_locale(locale)
    fields.setdefault("based_on", known.version if known else 0)
    return articles.save(article, locale, articles.Text(title, body, **fields), by)


def found(words, locale="en", **options):
    from inbox_plugins.kb import search

    return [each.translation.live_title for each in search.find(locale, words, **options)]


def test_what_is_saved_waits_until_it_is_published(article) -> None:
    from inbox_plugins.kb import articles

    text = save(article)
    assert (text.state, text.is_live, found("wool")) == ("draft", False, [])
    articles.publish(text, None)
    assert text.is_live and "Wool likes air." in text.live_html and found("wool") == ["Wash wool"]
    save(article, "Wool likes water.", "Wash it")
    assert text.has_changes and "likes air" in text.live_html and found("wool") == ["Wash wool"]
    articles.publish(text, None)
    assert not text.has_changes and found("wool") == ["Wash it"]


def test_archived_is_found_no_longer_and_kept(article) -> None:
    from inbox_plugins.kb import articles

    text = save(article)
    articles.publish(text, None)
    articles.archive(text, None)
    assert (text.state, found("wool"), articles.version(text).body) == ("archived", [], "Wool likes air.")


def test_a_version_is_restored_as_a_new_one(article) -> None:
    from inbox_plugins.kb import articles

    text = save(article, "one")
    save(article, "two")
    save(article, "two")  # nothing new
    articles.restore(text, 1, None)
    assert [(each.number, each.body, each.restored_from) for each in articles.versions(text)] == [
        (3, "one", 1), (2, "two", None), (1, "one", None)]


def test_nobody_overwrites_what_another_has_saved(article) -> None:
    from inbox_plugins.kb import articles

    text = save(article, "one")
    save(article, "two")
    with pytest.raises(articles.Changed) as refused:
        save(article, "mine", based_on=1)
    assert refused.value.version == 2 and articles.version(text).body == "two"


def test_an_internal_article_is_for_agents(article) -> None:
    from inbox_plugins.kb import articles

    articles.publish(save(article), None)
    articles.place(article, None, category_id=None, audience="internal")
    assert found("wool") == []
    assert found("wool", audiences=("public", "internal")) == ["Wash wool"]


def test_addresses_are_unlike_and_old_ones_are_remembered(session, article) -> None:
    from inbox_plugins.kb import articles
    from inbox_plugins.kb.models import OldSlug

    text = save(article, title="サイズの交換", locale="ja")
    assert text.slug == "サイズの交換"
    other = articles.create(None, category_id=None, audience="public")
    assert save(other, title="サイズの交換", locale="ja").slug == "サイズの交換-2"
    articles.publish(text, None)
    save(article, title="サイズの交換", locale="ja", slug="Kōkan", body="new")
    assert text.slug == "kōkan"
    assert session.get(OldSlug, ("ja", "サイズの交換")).translation_id == text.id
    for refused in ("サイズの交換-2", "search", "!!"):
        with pytest.raises(Invalid):
            save(article, title="サイズの交換", locale="ja", slug=refused)


@pytest.mark.parametrize("hostile", [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))",
    '<a href="javascript:alert(1)">x</a>', "<svg onload=alert(1)>", "<iframe src=//evil.example></iframe>",
    "![x](https://evil.example/pixel.png)", '<p style="position:fixed" onclick="alert(1)">x</p>',
    "<style>body{display:none}</style>", "<form action=//evil.example><input name=password></form>",
    '<a href="vbscript:x">x</a>', "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    '<base href="//evil.example">', '<h2 id="thread">x</h2>', '<img src="//evil.example/help/files/x.png">'])
def test_pasted_scripts_are_harmless(hostile) -> None:
    from inbox_plugins.kb import markdown

    html = markdown.render(f"Before {hostile} after\n\n{hostile}\n").html
    for bad in ("<script", "onerror", "onclick", "onload", 'href="javascript', 'href="vbscript', "<iframe", "<style",
                "style=", "<form", "<input", "<svg", "<base", 'src="http', 'src="//', 'id="thread"'):
        assert bad not in html.replace("&lt;", ""), html


def test_markdown_comes_out_as_it_went_in() -> None:
    from inbox_plugins.kb import markdown

    source = "## Who\n\nA **bold** [word](https://example.com).\n\n- one\n- two\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    shown = markdown.render(source)
    assert [(each.id, each.title) for each in markdown.headings(shown.html)] == [("s-who", "Who")]
    again = markdown.render(markdown.from_html(shown.html))
    assert again.html == shown.html
    assert "onclick" not in markdown.from_html('<p onclick="x()">Hello<script>alert(1)</script></p>')


def test_who_may_write_may_not_publish(article) -> None:
    from inbox_plugins.kb import articles

    author, reader = make_agent("Ola", role="agent"), make_agent("Lise", role="light")
    text = save(article, by=author)
    assert articles.version(text).agent.name == "Ola"
    with pytest.raises(NotAllowed):
        articles.publish(text, author)
    with pytest.raises(NotAllowed):
        save(article, "mine", by=reader)
    articles.publish(text, make_agent("Ada", role="admin"))
    with pytest.raises(NotAllowed):
        save(article, "mine", by=author, slug="elsewhere")  # readers know the address


def test_a_category_is_named_in_every_language_and_found_by_its_name(article) -> None:
    from inbox_plugins.kb import articles, categories

    articles.publish(save(article), None)
    shelf = categories.save(None, {"en": ("Care", "Washing"), "nb": ("Stell", "")}, by=None)
    articles.place(article, None, category_id=shelf.id, audience="public")
    assert shelf.slug == "care" and shelf.name_in("nb").title == "Stell" and shelf.name_in("th").title == "Care"
    assert found("care") == ["Wash wool"] and categories.counts("en") == {shelf.id: 1}
    categories.save(shelf, {"en": ("Laundry", "")}, by=None)
    assert found("laundry") == ["Wash wool"] and found("care") == []
    with pytest.raises(Invalid):
        categories.save(None, {"en": (" ", "")}, by=None)
