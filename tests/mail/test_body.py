"""Bodies: old text folded and never lost, answers and forwards left whole, snippets."""

from __future__ import annotations

import time

import pytest

from inbox.mail.body import build, snippet
from inbox.mail.htmltext import to_text
from inbox.mail.parse import ParsedMessage
from inbox.mail.quotes import is_forward_subject, split_html, split_text
from inbox.mail.sanitise import fill_cids, sanitise, show_remote

NEW = "Takk, det virker nå.\n\nHilsen Kari\n\n"
HEADINGS = {
    "en": "On Tue, Mar 3, 2026 at 10:00 AM Butikk <post@butikk.no> wrote:",
    "en-wrapped": "On Tue, Mar 3, 2026 at 10:00 AM Butikken for alle\n<post@butikk.no> wrote:",
    "nb": "tir. 3. mars 2026 kl. 10:00 skrev Butikk <post@butikk.no>:",
    "sv": "Den tis 3 mars 2026 kl 10:00 skrev Butik <post@butikk.no>:",
    "da": "Den tirs. 3. mar. 2026 kl. 10.00 skrev Butik <post@butikk.no>:",
    "de": "Am Di., 3. März 2026 um 10:00 Uhr schrieb Laden <post@butikk.no>:",
    "fr": "Le mar. 3 mars 2026 à 10:00, Boutique <post@butikk.no> a écrit :",
    "es": "El mar, 3 mar 2026 a las 10:00, Tienda (<post@butikk.no>) escribió:",
    "pt": "Em ter., 3 de mar. de 2026 às 10:00, Loja <post@butikk.no> escreveu:",
    "it": "Il giorno mar 3 mar 2026 alle ore 10:00 Negozio <post@butikk.no> ha scritto:",
    "nl": "Op di 3 mrt 2026 om 10:00 schreef Winkel <post@butikk.no>:",
    "pl": "wt., 3 mar 2026 o 10:00 Sklep <post@butikk.no> napisał(a):",
    "ru": "вт, 3 мар. 2026 г. в 10:00, Магазин <post@butikk.no>:",
    "tr": "Mağaza <post@butikk.no>, 3 Mar 2026 Sal, 10:00 tarihinde şunu yazdı:",
    "th": "ในวันที่ อ. 3 มี.ค. 2026 เวลา 10:00 ร้านค้า <post@butikk.no> เขียนว่า:",
    "ja": "2026年3月3日(火) 10:00 店 <post@butikk.no>:",
    "zh-Hans": "商店 <post@butikk.no> 于2026年3月3日周二 10:00写道：",
    "zh-Hant": "商店 <post@butikk.no> 於 2026年3月3日 週二 上午10:00寫道：",
    "ko": "2026년 3월 3일 (화) 오전 10:00, 가게 <post@butikk.no>님이 작성:",
    "original": "-----Original Message-----\n"
    "From: Butikk <post@butikk.no>\nSent: 3 March 2026 10:00\nTo: Kari\nSubject: Re",
    "outlook-nb": "________________________________\n"
    "Fra: Butikk <post@butikk.no>\nSendt: 3. mars 2026 10:00\nTil: Kari\nEmne: SV",
    "outlook-de": "Von: Laden <post@butikk.no>\nGesendet: Dienstag, 3. März 2026 10:00\nAn: Kari\nBetreff: AW: Hallo",
    "outlook-ja": "差出人: 店 <post@butikk.no>\n送信日時: 2026年3月3日 10:00\n宛先: 田中\n件名: Re: 注文",
    "outlook-bold": "*From:* Shop <post@butikk.no>\n*Sent:* Tuesday, March 3, 2026 10:00 AM\n*To:* Kari\n*Subject:* Re",
    "qq": "------------------ 原始邮件 ------------------\n发件人: 商店 <post@butikk.no>",
}


@pytest.mark.parametrize("name", HEADINGS)
@pytest.mark.parametrize("mark", ["> ", ""])
def test_old_text_below_its_heading_is_folded(name: str, mark: str) -> None:
    old = f"{HEADINGS[name]}\n\n{mark}Hei Kari,\n{mark}prøv igjen.\n"
    visible, quoted, _ = split_text(NEW + old)
    assert visible.strip() == NEW.strip()
    assert quoted.strip() == old.strip()


@pytest.mark.parametrize(
    "text",
    [
        "Hei!\n\nPå tirsdag skrev jeg til dere:\nIngen svarte.\n\nKari",
        "I need two tickets:\nFrom: Oslo\nTo: Bergen\nDate: 3 May\n\nThanks",
        "One question I had:\n\nWhy 3 boxes?",
        "Den 3. mars 2026 kl. 10:00 skrev jeg til post@butikk.no:\nHvor er varen?\nIngen svarte.",
        "On 3 March 2026 at 10:00 I wrote to you:\nWhere is it?\nNo answer.",
        "New request.\n\nFrom: Ola <ola@x.no>\nSubject: Broken lamp\nDate: 3 Mar 2026\n\nMessage: it broke",
        "Jeg fikk denne 3. mars 2026 kl. 10:00 fra post@butikk.no:\n\nDin pakke er her\n\nHva betyr det?",
        "Ordre 2026: ikke mottatt.\nKl. 10:30: ringte dere.\n",
        "The label said -- fragile -- and\n-----\nit broke.",
        "Er 5 > 3?\nJa.",
    ],
)
def test_own_words_stay_visible(text: str) -> None:
    assert split_text(text) == (text, "", "")


def test_answers_between_quoted_lines_stay_whole() -> None:
    text = "See below.\n\nOn 3 Mar 2026, at 10:00, Shop <a@b.no> wrote:\n> Which size?\nLarge.\n> Which colour?\nRed.\n"
    assert split_text(text) == (text, "", "")


def test_answer_below_the_quotation_is_the_visible_part() -> None:
    visible, quoted, _ = split_text("On 3 Mar 2026 10:00, Shop wrote:\n> Which size?\n\nLarge.\n")
    assert visible.strip() == "Large."
    assert "> Which size?" in quoted


@pytest.mark.parametrize(
    "mark",
    [
        "---------- Forwarded message ---------",
        "Begin forwarded message:",
        "-------- Videresendt melding --------",
        "-------- Weitergeleitete Nachricht --------",
        "---------- 转发的邮件 ---------",
    ],
)
def test_forward_stays_whole(mark: str) -> None:
    text = (
        f"Kan dere se på dette?\n\n{mark}\nFrom: X <x@y.no>\nDate: 3 Mar 2026\nSubject: S\nTo: Z <z@y.no>\n\nOriginal\n"
    )
    assert split_text(text) == (text, "", "")


def test_outlook_forward_is_known_by_its_subject() -> None:
    text = "Please see.\n\n" + HEADINGS["outlook-de"] + "\n\nOriginal\n"
    parsed = ParsedMessage(subject="WG: Hallo", text=text)
    assert build(parsed).text_visible == text.strip()
    assert is_forward_subject("FW: x") and not is_forward_subject("RE: FW: x")


def test_message_of_old_text_only_stays_visible() -> None:
    text = "> nothing\n> but old\n"
    assert split_text(text) == (text, "", "")


def test_every_line_is_kept_in_one_of_the_two_parts() -> None:
    for heading in HEADINGS.values():
        text = NEW + heading + "\n> a\n> b\n"
        visible, quoted, _ = split_text(text)
        assert sorted((visible + quoted).splitlines()) == sorted(text.splitlines())


def test_quoting_is_linear() -> None:
    begun = time.process_time()
    for unit in ("On a a a ", "On 3 Mar 2026 10:00 a@b wrote: ", "> On x wrote:\nx\n", "From: a@b\n", "-" * 300 + "\n"):
        split_text(unit * (200_000 // len(unit)))
    assert time.process_time() - begun < 8


GMAIL = (
    '<div dir="ltr">Takk!</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Tue, Mar 3, 2026 at '
    '10:00 Shop &lt;a@b.no&gt; wrote:<br></div><blockquote class="gmail_quote" style="border-left:1px solid">'
    "<p>Old words</p></blockquote></div>"
)
APPLE = (
    '<div>Takk!</div><div><br><blockquote type="cite"><div>On 3 Mar 2026, at 10:00, Shop &lt;a@b.no&gt; wrote:</div>'
    "<div>Old words</div></blockquote></div>"
)
OUTLOOK = (
    '<div class="WordSection1"><p>Takk!</p><div style="border:none;border-top:solid #E1E1E1 1.0pt">'
    "<p><b>From:</b> Shop "
    "&lt;a@b.no&gt;<br><b>Sent:</b> Tuesday, March 3, 2026 10:00<br><b>To:</b> Kari<br><b>Subject:</b> Re: x</p></div>"
    "<p>Old words</p></div>"
)
THUNDERBIRD = (
    '<div class="moz-cite-prefix">Am 03.03.26 um 10:00 schrieb Laden:<br></div><blockquote type="cite" '
    'cite="mid:1@x">Old words</blockquote><p>Takk!</p>'
)


@pytest.mark.parametrize("html", [GMAIL, APPLE, OUTLOOK, THUNDERBIRD])
def test_old_html_is_folded_and_both_parts_are_well_formed(html: str) -> None:
    clean = sanitise(html).html
    visible, quoted, _ = split_html(clean)
    assert quoted
    assert to_text(visible).strip() == "Takk!"
    assert "Old words" in to_text(quoted)
    for part in (visible, quoted):
        assert sanitise(part).html == part  # a browser would change nothing
    assert sorted(to_text(visible).split() + to_text(quoted).split()) == sorted(to_text(clean).split())


def test_html_answers_between_quotations_stay_whole() -> None:
    html = sanitise(
        '<div class="gmail_quote"><div class="gmail_attr">On 3 Mar 2026 10:00 Shop wrote:</div><blockquote '
        'type="cite">Size?</blockquote><div>Large</div><blockquote type="cite">Colour?</blockquote>'
        "<div>Red</div></div>"
    ).html
    assert split_html(html) == (html, "", "")


def test_html_forward_stays_whole() -> None:
    html = sanitise(
        '<p>See this</p><div class="gmail_quote"><div>---------- Forwarded message ---------<br>From: x</div>'
        "Words</div>"
    ).html
    assert split_html(html) == (html, "", "")


def test_indented_paragraph_of_the_writer_is_no_quotation() -> None:
    html = sanitise('<p>Look</p><blockquote style="margin:0 0 0 40px;border:none">my list</blockquote>').html
    assert split_html(html) == (html, "", "")


def test_text_made_from_html_is_split_with_it() -> None:
    html = GMAIL
    body = build(ParsedMessage(html=html, text=to_text(html), text_from_html=True))
    assert body.text_visible.strip() == "Takk!"
    assert "Old words" in body.text_quoted and "Old words" in body.text


def test_inline_image_waits_for_its_address() -> None:
    body = build(ParsedMessage(html='<p>See <img src="cid:i1@x" alt="photo"></p>', text="See"))
    assert body.html is not None and body.needs_frame
    assert 'src="cid:i1@x"' in body.html
    assert 'src="/attachment/7"' in fill_cids(body.html, {"i1@x": "/attachment/7"})
    assert fill_cids(body.html, {}) == "<p>See photo</p>"


def test_remote_image_loads_only_when_asked() -> None:
    body = build(ParsedMessage(html='<p><img src="https://t.example/p.gif?a=1&b=2"></p>', text="x"))
    assert body.html is not None and body.has_remote_images
    assert " src=" not in body.html
    assert 'src="https://t.example/p.gif?a=1&amp;b=2"' in show_remote(body.html)
    assert 'src="/proxy?u=https%3A%2F%2Ft.example' in show_remote(body.html, "/proxy?u=")


def test_html_over_the_budget_gives_plain_text() -> None:
    body = build(ParsedMessage(html="<p>x</p>" * 200_000, text="plain"))
    assert (body.html, body.text_visible) == (None, "plain")


def test_html_that_shows_nothing_gives_way_to_the_text() -> None:
    body = build(ParsedMessage(html="<style>p{}</style><p>&nbsp;</p>", text="words"))
    assert (body.html, body.text_visible) == (None, "words")


def test_snippet_is_one_line_of_new_words() -> None:
    body = build(ParsedMessage(text=NEW + HEADINGS["nb"] + "\n> gammelt\n"))
    assert body.snippet == "Takk, det virker nå. Hilsen Kari"
    assert len(snippet("ord " * 100)) <= 160
    assert snippet("\u200b\u034f\u00ad Hei") == "Hei"
    assert len(snippet("商" * 500)) == 160
