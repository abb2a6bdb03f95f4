"""Hostile HTML: nothing runs, loads, submits, overlays or leaves the frame; ordinary mail keeps its looks."""

from __future__ import annotations

import re

import pytest

from inbox.mail.sanitise import MAX_DATA_URI, fill_cids, sanitise


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<iframe srcdoc='<script>'>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='java\tscript:alert(1)'>x</a>",
        "<a href=' &#1;javascript:alert(1)'>x</a>",
        "<form action=https://e.example><input name=p><button>x</button></form>",
        "<meta http-equiv=refresh content=0>",
        "<base href=https://e.example>",
        "<link rel=stylesheet href=https://e.example>",
        "<style>*{background:url(https://e)}</style>",
        "<object data=x></object><embed src=x>",
        "<math><mtext><style><img src=x onerror=alert(1)></style>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<a href='data:text/html,<script>'>x</a>",
        "<img src='data:image/svg+xml;base64,PHN2Zz4='>",
        "<a href='//evil.example/x'>x</a>",
        "<a href='/logout'>x</a>",
        "<p style='background:url(https://e.example)'>x</p>",
        "<p style='width:expression(alert(1))'>x</p>",
        "<div style='position:fixed;top:0'>x</div>",
        "<p style='background-image:image-set(url(x))'>x</p>",
        "<p style='color:\\72 ed;behavior:url(x)'>x</p>",
        "<table background=https://e.example/t.gif><tr><td>x</table>",
        "<img srcset='https://e.example/t.gif 2x'>",
        "<video poster=https://e.example src=https://e.example></video>",
        "<p id=location name=cookie>x</p>",
        "<p contenteditable autofocus tabindex=1 is=x>x</p>",
        "<p style='color:red}body{display:none'>x</p>",
        "<p style='--x:url(https://e.example);color:var(--x)'>x</p>",
    ],
)
def test_nothing_dangerous_comes_out(html: str) -> None:
    out = sanitise(html).html
    assert not re.search(
        r"<(?:script|style|svg|math|iframe|object|embed|form|input|button|base|meta|link|video)\b", out
    )
    assert not re.search(r"\s(?:on\w+|srcset|background|poster|srcdoc|contenteditable|id|name|is)=", out)
    assert not re.search(
        r"javascript:|expression|url\(|position|data:(?!image/png)|\\|image-set|var\(|evil|logout|[{}]", out
    )
    assert not re.search(r'\ssrc="(?!cid:|data:)', out)


def test_looks_of_ordinary_mail_are_kept() -> None:
    html = (
        '<table width="600" cellpadding="0" bgcolor="#ffffff">'
        '<tbody><tr><td style="color:#333;font-size:12px;padding:4px 8px">'
        '<b>Hei</b> <font color="#ff0000">rød</font></td></tr></tbody></table>'
    )
    assert sanitise(html).html == html


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("color: RED ;Font-Size:12px", "color:RED;font-size:12px"),
        ("color:red!important", "color:red!important"),
        ("font-family:'Segoe UI',Arial", "font-family:'Segoe UI',Arial"),
        ("color:rgb(1, 2, 3)", "color:rgb(1, 2, 3)"),
        ("display:none;display:flex", "display:none"),
        ("margin:-5px;z-index:99;position:absolute", "margin:-5px"),
        ("width:calc(1px)", None),
        ("color:red;background:url(x)", "color:red"),
        ("float:fixed", None),
    ],
)
def test_style_declarations_are_chosen_one_by_one(style: str, kept: str | None) -> None:
    out = sanitise(f'<p style="{style}">x</p>').html
    assert out == (f'<p style="{kept}">x</p>' if kept else "<p>x</p>")


def test_link_opens_apart_and_tells_nothing() -> None:
    out = sanitise('<a href="https://x.no/a?b=1&amp;c=2" target="_top" rel="opener">x</a>').html
    assert 'href="https://x.no/a?b=1&amp;c=2"' in out
    assert (
        'target="_blank"' in out
        and 'rel="noopener noreferrer nofollow"' in out
        and 'opener"' not in out.replace("noopener", "")
    )


def test_remote_image_is_held_back() -> None:
    clean = sanitise('<img src="HTTPS://t.example/a.gif" alt="logo">')
    assert clean.has_remote_images and clean.needs_frame
    assert clean.html == '<img alt="logo" data-remote-src="HTTPS://t.example/a.gif">'


def test_sender_cannot_set_the_held_address_himself() -> None:
    assert "data-remote-src" not in sanitise('<img data-remote-src="https://t.example" src="cid:a">').html


def test_small_data_image_stays_and_a_big_one_goes() -> None:
    small = '<img src="data:image/png;base64,iVBORw0KGgo=">'
    assert sanitise(small).html == small
    assert "data:" not in sanitise(f'<img src="data:image/png;base64,{"A" * MAX_DATA_URI}">').html


def test_outlooks_paragraphs_are_known_by_their_mark() -> None:
    assert sanitise('<p class="MsoNormal other">A</p>').html == '<p class="MsoNormal">A</p>'


def test_plain_html_needs_no_frame() -> None:
    clean = sanitise("<p>Hei <b>du</b></p>")
    assert (clean.html, clean.needs_frame, clean.has_remote_images) == ("<p>Hei <b>du</b></p>", False, False)


def test_cid_is_found_whatever_its_case_and_escapes() -> None:
    html = sanitise('<img src="CID:Image%2B1@X" alt="a">').html
    assert fill_cids(html, {"image+1@x": '/a?b=1&c="2'}) == '<img src="/a?b=1&amp;c=&quot;2" alt="a">'


def test_cid_map_at_once() -> None:
    assert sanitise('<img src="cid:a">', {"a": "/file/1"}).html == '<img src="/file/1">'


@pytest.mark.parametrize("html", ["<p>" * 500_000, "<div>" * 5_000, "<b>x</b>" * 60_000])
def test_too_big_is_said_and_gives_nothing(html: str) -> None:
    clean = sanitise(html)
    assert clean.too_big and clean.html == ""


def test_result_is_stable_when_cleaned_again() -> None:
    html = "<p style='color:red'>a<table><td><a href=https://x.no>b</a><img src=cid:a>&lt;script&gt;&amp;"
    once = sanitise(html).html
    assert sanitise(once).html == once
