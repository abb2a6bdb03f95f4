"""Rich text: what the editor sends becomes Markdown that shows the same, again and again, and runs nothing."""

from pathlib import Path

import pytest

from inbox.testing import make_agent

DEMO = Path(__file__).parent.parent / "demo"
HARD = [
    "- a\n  - b\n    - c\n  - d\n- e\n\n  para\n\n  - loose\n\nafter",
    "1. one\n   1. two\n   2. three\n\n      more\n2. four\n\n- x\n\n* y\n\n3. start three\n4. four",
    "- a\n  ```\n  code\n\n  more\n  ```\n- b\n  > q\n- 1. x\n  2. y",
    "> quote\n> - list\n>\n> more **bold**\n> > inner",
    '```py\nx = "```"\n\n  y|z\n```\n\n````\n```\n````\n\n    indented',
    "| a | b | c |\n|---|:-:|--:|\n| 1 \\| 2 | `a\\|b` | **x** [y](/z) |\n| x<br>y | ![alt](/help/files/t/p.png) | |",
    '![alt [x]](/help/files/t/p.png) <https://x.example/a_b*c> [t](https://x.example/a(b)c "ti \\"x\\"") <a@b.example>',
    "***both*** **bold *em* in** *em **b** in* ~~gone~~ <strong>日本語。</strong>です **a**_b_ *a*b*",
    "1\\. no list  \n\\- nor this  \n\\# nor `code` \\*a\\* snake_case_name a\\_ \\[x](y) &amp;copy; 5 < 6 &lt;b>",
    "Setext\n\\===\na | b\n\\--- | ---\n\\+ plus\n\nwow\\![x](/y) ![](/help/files/a/b)\n\n***\n\n\\`\\~~\\~ ``a`b``",
    "# H1\n## H2 **b** #hash \\#\n### H3 [l](/x)\n#### H4\n##### H5",
    '<table><tr><td colspan="2">x</td></tr></table>\n\nH<sub>2</sub>O <kbd>Ctrl *</kbd> <u>u</u> <mark>m *x*</mark>',
]
WRITTEN = [
    ("<p>a</p><div>typed</div><div><br></div><div><b>x</b> y</div>", "a\n\ntyped\n\n**x** y"),
    ("<div>a<br>b<br></div>", "a\\\nb"),
    ("<ul><li><div>a</div><ul><li>b</li></ul></li><li>c<br></li><li><br></li></ul>", "- a\n  - b\n- c"),
    ("<ul><li>a</li><ul><li>deep</li></ul></ul>", "- a\n  - deep"),
    ("<blockquote><div>a</div><div>b</div></blockquote>", "> a\n>\n> b"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td><div>1</div><div>2</div></td></tr></table>",
     "| a | b |\n| --- | --- |\n| 1<br>2 |  |"),
    ("<pre>one<br>two</pre>", "```\none\ntwo\n```"),
    ("<div>1. x</div><div># y</div>", "1\\. x\n\n\\# y"),
    ("<b>日本語。</b>です", "<strong>日本語。</strong>です"),
    ('<p onclick="x()">a<script>x()</script><img src="https://evil.example/x.png"></p><a href="javascript:x()">b</a>',
     "a\n\nb"),
    ("<b>" * 3000 + "deep", "deep"),
]


@pytest.fixture(autouse=True)
def kb(activate):
    activate("kb")


def articles():
    return [each for file in sorted(DEMO.glob("*.md")) for each in file.read_text("utf-8").split("\n# ")]


def test_what_was_rich_text_looks_the_same_as_markdown() -> None:
    from inbox_plugins.kb import markdown

    assert len(articles()) > 40
    for each in [*HARD, *articles()]:
        shown = markdown.render(each).html
        written = markdown.from_html(shown, pictures=True)
        again = markdown.render(written).html
        assert again.split() == shown.split(), written
        assert markdown.from_html(again, pictures=True) == written


def test_what_the_editor_writes_becomes_plain_markdown() -> None:
    from inbox_plugins.kb import markdown

    for html, written in WRITTEN:
        assert markdown.from_html(html, pictures=True) == written, html[:80]


def test_rich_text_is_stored_as_markdown_and_left_alone_when_untouched(client) -> None:
    form = {"title": "Care", "lang": "en", "audience": "public", "based_on": "0", "do": "save", "body": "As *it* was"}
    place = client.post("/x/kb/articles/new", {**form, "html": "<h2>By hand</h2><div>Use <b>wool</b> soap</div>"}
                        ).headers["Location"]
    page = client.get(place).text
    assert "## By hand\n\nUse **wool** soap</textarea>" in page and page.count('id="s-by-hand"') == 1
    client.post(place.partition("?")[0], {**form, "based_on": "1"})
    assert "As *it* was</textarea>" in client.get(place).text


def test_one_goes_on_in_markdown_where_one_was(client, desk) -> None:
    answer = client.post("/x/kb/markdown", {"html": "<ol><li>a<script>x()</script></li></ol>"})
    assert answer.text == "1. a" and answer.mimetype == "text/plain"
    light = desk.visitor(make_agent("Lise", role="light"))
    assert light.post("/x/kb/markdown", {"html": "a"}, page="/x/kb/").status_code == 403


def test_the_editor_opens_as_its_author_left_it(client, desk) -> None:
    page = "/x/kb/articles/new"
    assert 'data-kb-mode="rich"' in client.get(page).text
    author = desk.visitor(make_agent("Ola", role="agent"))
    author.client.set_cookie("kb_mode", "markdown")
    assert 'data-kb-mode="markdown"' in author.get(page).text
