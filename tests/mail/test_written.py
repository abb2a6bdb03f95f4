"""What an agent wrote: plain HTML whatever was pasted, and plain text one can read."""

import pytest

from inbox.mail.plain import from_html
from inbox.mail.written import from_agent_html, image_ids

WORD = ('<p class=MsoNormal style="margin:0;mso-fareast-font-family:Calibri"><span lang=EN-US style="color:red">Dear '
        '<b>Ola</b><o:p></o:p></span></p><h2 style="color:blue">Prices</h2><table border=1 class=MsoTable>'
        '<tr><td style="border:1px" colspan=2>Boots</td></tr></table>')


def test_what_a_word_processor_pastes_loses_its_look_and_keeps_its_shape() -> None:
    assert from_agent_html(WORD).html == (
        "<p>Dear <b>Ola</b></p><h2>Prices</h2><table><tbody><tr><td colspan=\"2\">Boots</td></tr></tbody></table>")


@pytest.mark.parametrize(("pasted", "kept"), [
    ('<img src="https://t.example/open.gif?u=7" width="1">', ""),
    ('<img src="data:image/png;base64,AAAA" alt="A chart">', "A chart"),
    ('<img src="cid:shot@desk" alt="shot.png">', '<img src="cid:shot@desk" alt="shot.png">'),
    ('<script>alert(1)</script><style>p{}</style>x<iframe src="//a"></iframe>', "x"),
    ('<b onclick="x()" style="x" class="y" id="z">B</b>', "<b>B</b>"),
    ('<a href="javascript:alert(1)">l</a>', "<a>l</a>"),
])
def test_nothing_that_runs_counts_or_looks_like_something_goes_out(pasted: str, kept: str) -> None:
    found = from_agent_html(pasted).html or ""
    assert found.replace(' target="_blank"', "").replace(' rel="noopener noreferrer nofollow"', "") == kept


def test_images_of_a_body_are_named() -> None:
    assert image_ids('<p><img src="cid:a&amp;b" alt="x"><img alt="y" src="cid:c"></p>') == {"a&b", "c"}


@pytest.mark.parametrize(("html", "text"), [
    ("<div>Hi,</div><div><br></div><div>there</div>", "Hi,\n\nthere"),
    ("<p>One<br>more</p><p>Two</p>", "One\nmore\n\nTwo"),
    ("<div>Look:</div><ul><li>one</li><li>two<ol start='3'><li>x</li><li>y</li></ol></li></ul><div>Bye</div>",
     "Look:\n\n- one\n- two\n  3. x\n  4. y\n\nBye"),
    ('<div>See <a href="https://x.example/a">the guide</a>.</div>', "See the guide <https://x.example/a>."),
    ('<div><a href="https://www.x.example/">x.example</a> <a href="mailto:a@b.example">a@b.example</a></div>',
     "x.example a@b.example"),
    ("<blockquote><div>He said</div><blockquote>deep</blockquote></blockquote>Yes", "> He said\n>\n>> deep\n\nYes"),
    ("<pre>if x:\n    go()</pre>", "if x:\n    go()"),
    ("<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>", "A | B\n1 | 2"),
    ('<div><img src="cid:x" alt="shot.png"></div>', "[shot.png]"),
    ("<div>&lt;b&gt; &nbsp; 謝謝</div>", "<b> 謝謝"),
])
def test_the_plain_part_reads_like_a_letter(html: str, text: str) -> None:
    assert from_html(html) == text


def test_html_too_deep_to_read_keeps_its_words() -> None:
    assert "end" in from_html("<blockquote>" * 500 + "end")
    assert "end" in from_html("<b>" * 390 + "end")
