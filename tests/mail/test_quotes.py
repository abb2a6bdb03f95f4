"""The visible answer in seventeen languages and the mail programs of the day; signatures; forwards; hostile input."""

from __future__ import annotations

import time

import pytest

from inbox.mail import forwards, signatures
from inbox.mail.body import build
from inbox.mail.htmltext import to_text
from inbox.mail.parse import ParsedAttachment, ParsedMessage
from inbox.mail.quotes import Parts, split_html, split_text
from inbox.mail.sanitise import sanitise
from tests.mail.headings import ATTRIBUTIONS, DEVICES, FIELDS, FORWARDED, ORIGINAL
from tests.mail.replies_html import REPLIES

NEW = "Takk, det virker nå.\n\nHilsen Kari\n\n"
LANGUAGES = sorted(ATTRIBUTIONS)
VALUES = ("Shop <post@shop.example>", "3. 3. 2026 10:00", "Kari Nordmann", "Re: Order")


def folded(heading: str, mark: str = "") -> str:
    """What is left to see above a heading; everything below must be folded."""
    old = f"{heading}\n\n{mark}Hei Kari,\n{mark}prøv igjen.\n"
    visible, quoted, signature = split_text(NEW + old)
    assert (quoted.strip() or old.strip(), signature) == (old.strip(), ""), heading
    return visible.strip()


@pytest.mark.parametrize("language", LANGUAGES)
def test_attributions_of_all_programs_fold_what_stands_below(language: str) -> None:
    for heading in ATTRIBUTIONS[language]:
        assert [folded(heading, mark) for mark in ("> ", "")] == [NEW.strip()] * 2, heading


@pytest.mark.parametrize("language", LANGUAGES)
def test_blocks_of_fields_fold_what_stands_below(language: str) -> None:
    for names in FIELDS[language]:
        for form in ("%s: %s", "*%s:* %s", "*%s*: %s"):
            block = "\n".join(form % pair for pair in zip(names, VALUES, strict=True))
            for heading in (block, "_" * 32 + "\n" + block, ORIGINAL[language] + "\n" + block):
                assert folded(heading) == NEW.strip(), heading


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_forward_stays_whole(language: str) -> None:
    text = f"{NEW}{FORWARDED[language]}\nFrom: a@b.example\nDate: 3. 3. 2026\n\nWords\n-- \nA. B.\n"
    assert split_text(text) == (text, "", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_device_lines_are_folded_as_signature(language: str) -> None:
    for line in DEVICES[language]:
        assert split_text(f"{NEW}{line}\n") == (NEW, "", f"{line}\n")


@pytest.mark.parametrize("line", [
    "Sent from my desk, is much easier than my phone.", "Sent by courier yesterday", "Gesendet von DHL am Montag",
    "The notification was sent from my iPhone app to all users.", "Отправлено из Москвы", "我昨天用手机发送",
])
def test_sentences_about_sending_stay(line: str) -> None:
    assert not signatures.is_device_line(line)


@pytest.mark.parametrize("name", REPLIES)
def test_replies_of_mail_programs_in_html(name: str) -> None:
    clean = sanitise(REPLIES[name]).html
    parts = split_html(clean)
    visible, quoted, signature = map(to_text, parts)
    assert visible.strip() == "New words"
    assert "Old words" in quoted and "My name" in signature and "Old words" not in signature
    assert sorted(f"{visible} {quoted} {signature}".split()) == sorted(to_text(clean).split())
    assert all(sanitise(part).html == part for part in parts)  # each is well formed: a browser would change nothing


def test_signature_stands_apart_from_what_is_quoted() -> None:
    text = f"{NEW}-- \nKari Nordmann\n+47 22 00 00 00\n\n{ATTRIBUTIONS['nb'][0]}\n> Hei\n"
    visible, quoted, signature = split_text(text)
    assert (visible, signature) == (NEW, "-- \nKari Nordmann\n+47 22 00 00 00\n\n")
    assert quoted.endswith("> Hei\n")


def test_signature_below_an_answer_below_the_quotation() -> None:
    text = f"{ATTRIBUTIONS['en'][0]}\n> Which size?\n\nLarge.\n\n--\nKari\n"
    assert split_text(text) == ("\nLarge.\n\n", f"{ATTRIBUTIONS['en'][0]}\n> Which size?\n", "--\nKari\n")


@pytest.mark.parametrize("text", [
    "Two points:\n\n--\n" + "This is a long paragraph of the customer, and it has quite a lot to say about lamps. " * 2
    + "\n" + "Another one that is as long as the first, about the other lamp and where it was put in the end. " * 2
    + "\n" + "And a third, since two long lines might be a legal notice, and this is about lamps still. " * 2,
    "Points:\n-- first\n-- second\n\nThanks",
    "I received this e-mail in error. I am not the intended recipient, and it is confidential: please delete it.",
    "--\nKari",
    "Hello,\n\nPlease delete all confidential data of this account, and confirm that nothing was disclosed.",
    "Hola,\n\nEl paquete llegó por error a otro destinatario y no al nuestro. Ustedes son responsables.",
    "Hi,\n\nImportant notice: the lamp broke.",
    "Use `--` here:\n```\n----\n```\nThanks",
])
def test_own_words_are_no_signature(text: str) -> None:
    assert split_text(text) == (text, "", "")


@pytest.mark.parametrize("notice", [
    "This message is confidential and intended solely for the named addressee. If you received it in error, please "
    "notify the sender and delete it.",
    "CONFIDENTIALITY NOTICE: The contents are privileged.",
    "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind, bitte löschen.",
    "Ce message est confidentiel et réservé à son destinataire. Reçu par erreur, merci de le supprimer.",
    "Denne e-posten er konfidensiell og kun tiltenkt rette mottaker. Har du fått den ved en feil, vennligst slett den.",
    "Este mensaje es confidencial y va dirigido a su destinatario. Si lo recibió por error, se prohíbe su difusión.",
    "本邮件及其附件含有保密信息，仅限于收件人使用。如果您错误收到本邮件，请立即通知发件人并删除本邮件，禁止披露。",
    "このメールには機密情報が含まれている場合があります。誤って受信された場合は、送信者に通知の上、直ちに削除してください。",
    "Virus-free. www.avast.com", "This email has been scanned for viruses and malware, and may have been archived.",
    "Please consider the environment before printing this e-mail.",
])
def test_notices_are_folded_as_signature(notice: str) -> None:
    text = f"{NEW}________________\n{notice}\n"
    assert split_text(text) == (NEW, "", f"________________\n{notice}\n")


def test_warning_of_the_mail_server_above_the_message_is_folded() -> None:
    warning = "CAUTION: This email originated from outside of the company. Do not click links.\n"
    assert split_text(warning + "\n" + NEW) == ("\n" + NEW, "", warning)


def test_footer_of_a_mailing_list_is_folded() -> None:
    footer = "_______________________________________________\nusers mailing list\nusers@lists.example\n"
    assert split_text(NEW + footer) == (NEW, "", footer)


def test_old_text_below_the_last_answer_in_between_is_folded() -> None:
    text = "On 3 Mar 2026, at 10:00, Shop <a@b.no> wrote:\n> Which size?\n\nLarge.\n\n> Which colour?\n> Regards\n"
    assert split_text(text).visible.endswith("Large.\n\n")
    assert split_text(text).quoted == "> Which colour?\n> Regards\n"


def test_a_line_that_was_wrapped_inside_the_quotation_is_no_answer() -> None:
    long = "> and here is a line of the old message which is longer than what is left for it\n"
    text = f"{NEW}{ATTRIBUTIONS['en'][0]}\n{long}in the window of some program that wrapped it\n> once more.\n"
    assert split_text(text).visible == NEW


@pytest.mark.parametrize("hint", [
    "Please see my answers below in red.", "Se svarene mine nedenfor.", "Meine Antworten stehen unten im Text.",
    "Voir mes réponses ci-dessous.", "My replies are inline.", "以下に回答します。",
])
def test_answers_that_are_said_to_stand_below_stay_visible(hint: str) -> None:
    block = "\n".join(f"{name}: {value}" for name, value in zip(FIELDS["en"][0], VALUES, strict=True))
    text = f"{hint}\n\n{block}\n\nWhich size?\nLarge.\n"
    assert split_text(text) == (text, "", "")


def test_line_of_another_help_desk_begins_old_text() -> None:
    old = "##- Please type your reply above this line -##\n\nYour request was updated.\n"
    assert split_text(NEW + old) == (NEW, old, "")


def test_plain_text_is_cut_where_only_the_markup_of_the_html_tells() -> None:
    html = ('<p>New words</p><div id="Signature">My name</div><div class="yahoo_quoted"><div>3.3. @ Shop</div><p>Old, '
            "old words</p></div>")
    body = build(ParsedMessage(html=html, text="New words\n\nMy name\n\n3.3. @ Shop\n\nOld, old words"))
    assert (body.text_visible, body.text_signature) == ("New words", "My name")
    assert body.text_quoted == "3.3. @ Shop\n\nOld, old words"


def test_plain_text_unlike_its_html_gives_way_to_it() -> None:
    html = '<p>New</p><div class="yahoo_quoted"><p>3.3. @ Shop</p><p>Old</p></div>'
    body = build(ParsedMessage(html=html, text="See HTML"))
    assert (body.text_visible, body.text_quoted.split(), body.text) == ("New", ["3.3.", "@", "Shop", "Old"], "See HTML")


def test_pictures_of_the_writer_are_something_to_see() -> None:
    html = sanitise('<img src="cid:a@b" alt="x"><div class="gmail_signature">My name</div>').html
    assert split_html(html) == Parts('<img src="cid:a@b" alt="x">', "", '<div class="gmail_signature">My name</div>')


@pytest.mark.parametrize("language", LANGUAGES)
def test_original_sender_of_a_forward(language: str) -> None:
    block = "\n".join(f"{name}: {value}" for name, value in zip(FIELDS[language][0], VALUES, strict=True))
    marked = ParsedMessage(subject="Order", text=f"See this\n\n{FORWARDED[language]}\n{block}\n\nWords")
    by_subject = ParsedMessage(subject="Fwd: Order", text=f"See this\n\n{block}\n\nWords")
    for message in (marked, by_subject):
        assert forwards.original(message) == forwards.Original("post@shop.example", "Shop")
    assert forwards.original(ParsedMessage(subject="Re: Order", text=by_subject.text)) is None


def test_original_sender_in_words_of_no_known_language() -> None:
    text = "Qqq: Shop <post@shop.example>\nWww: Order\nEee: 3. 3. 2026\nRrr: kari@home.example\n\nWords"
    found = forwards.original(ParsedMessage(subject="Fwd: Order", text=text))
    assert found == forwards.Original("post@shop.example", "Shop")


def test_original_sender_of_an_attached_message() -> None:
    inner = ParsedAttachment("m.eml", "message/rfc822", None, False,
                             b"From: Shop <Post@shop.example>\nSubject: x\n\nWords")
    assert forwards.original(ParsedMessage(subject="Fwd: Order", attachments=[inner])) == forwards.Original(
        "post@shop.example", "Shop")


@pytest.mark.parametrize("unit", [
    "On a a a ", "Sent from my a ", "---- On a ---- ", "x@", "> On x wrote:\nx\n", "--\nx\n", "confidential intended ",
    "svar se kommentar ", "\n\n--\n", "____\n", "Le message du 3 ", "from a a a a ", "From: x\n", "の", "a-b_c*d ",
])
def test_no_pattern_takes_long_on_any_repetition(unit: str) -> None:
    begun = time.process_time()
    text = unit * (40_000 // len(unit))
    split_text(text)
    split_text(NEW + text.replace("\n", " ") + "\n-- \n")
    assert time.process_time() - begun < 2
