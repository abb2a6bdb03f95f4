"""Every string a person sees is in the catalogues, translated, and the compiled files are in step."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from inbox import translate
from inbox.core import words
from inbox.mail import quotes

ROOT = Path(__file__).parent.parent
LOCALES = translate.LOCALES
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{[\w.]+\}")
# Words that mean something to the program: they stay as they are.
SYNTAX = re.compile(r"\b(?:smtp|imap|tls|starttls|IMAP|SMTP|TLS|STARTTLS|SMTPUTF8|Message-ID|In-Reply-To|References|"
                    r"Idempotency-Key|base_url|max_message_bytes|tag:|is:open|before:[\d-]+)(?![a-z_])")

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def wanted() -> Catalog:
    """What the program asks to be translated now."""
    done = subprocess.run([sys.executable, "-m", "inbox.translate", "extract"], cwd=ROOT, capture_output=True,
                          check=True)
    return read_po(io.BytesIO(done.stdout))


def catalogue(locale: str) -> Catalog:
    with (translate.FOLDER / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale)


def forms(value: str | tuple[str, ...] | list[str]) -> list[str]:
    """One text, or each of the plural forms."""
    return [value] if isinstance(value, str) else list(value)


def messages(locale: str):
    """(English, translation) of every string; the first of the English forms stands for plurals."""
    found = [(forms(each.id)[0], text) for each in catalogue(locale) if each.id for text in forms(each.string)]
    assert len(found) > 500  # else nothing would be looked at
    return found


def test_strings_of_every_kind_are_found(wanted):
    for text in ("Send and close",  # a template
                 "The address or the password is wrong.",  # Python
                 "A ticket needs a subject.",  # an error of the core
                 "All open",  # a view
                 "quarantined",  # a word of the database
                 "The message is empty.",  # a sentence about a message
                 "{1} cannot be reached on port {2}: {3}",  # one with values
                 "Plugin {1} is installed. Uninstall it first, which deletes its data.",  # what the plugin host refuses
                 "{1} Plugin {2} stays as it was.",  # with another sentence in it
                 "The theme {1} builds on {2}; remove that first."):
        assert text in wanted


@pytest.mark.parametrize("locale", LOCALES)
def test_every_string_is_translated(wanted, locale):
    found = catalogue(locale)
    missing = [each.id for each in wanted if each.id and (
        each.id not in found or not all(forms(found.get(each.id).string)))]
    assert missing == [], f"run `make translations`, then translate {len(missing)} strings"


@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_is_kept_that_the_program_no_longer_says(wanted, locale):
    assert [each.id for each in catalogue(locale) if each.id and each.id not in wanted] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_plurals_have_as_many_forms_as_the_language(locale):
    found = catalogue(locale)
    plurals = [each for each in found if each.pluralizable]
    assert plurals and all(len(each.string) == found.num_plurals for each in plurals)


@pytest.mark.parametrize("locale", LOCALES)
def test_placeholders_are_kept(locale):
    wrong = [(text, said) for text, said in messages(locale)
             if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(said))]
    assert wrong == []


@pytest.mark.parametrize("locale", LOCALES)
def test_words_of_the_program_are_kept(locale):
    wrong = [(text, said) for text, said in messages(locale)
             if set(SYNTAX.findall(text)) - {word for word in SYNTAX.findall(text) if word in said}]
    assert wrong == []


@pytest.mark.parametrize("locale", LOCALES)
def test_no_stray_spaces(locale):
    assert [said for _text, said in messages(locale) if said != said.strip() or "  " in said] == []


@pytest.mark.parametrize("locale", ["th", "ja", "zh_Hant"])
def test_translations_are_in_the_script_of_the_language(locale):
    script = {"th": "[\u0e00-\u0e7f]", "ja": "[\u3040-\u30ff\u4e00-\u9fff]", "zh_Hant": "[\u4e00-\u9fff]"}[locale]
    same = {"TLS", "STARTTLS", "Pluginbox", "Cc", "Bcc", "Cc %(names)s", "Bcc %(names)s",
                "REST API", "the API", "Webhook", "Webhooks"}
    written = {text: re.sub(r"%\(\w+\)s|\{\w+\}", "", said) for text, said in messages(locale)}  # without placeholders
    assert [text for text, said in written.items()
            if re.search(r"\w", said) and not re.search(script, said) and text not in same] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_compiled_files_are_in_step(locale):
    with (translate.FOLDER / locale / "LC_MESSAGES" / "messages.mo").open("rb") as file:
        compiled = {forms(each.id)[0]: forms(each.string) for each in read_mo(file) if each.id}
    assert compiled == {forms(each.id)[0]: forms(each.string) for each in catalogue(locale) if each.id}


@pytest.mark.parametrize("locale", ["en", *LOCALES])
def test_the_words_above_what_we_quote_are_known_when_they_come_back(locale):
    intro = words.in_locale(locale).gettext("On %(when)s, %(name)s wrote:") % {
        "when": "2026/11/22, 14:05", "name": "Ola Nordmann"}
    assert quotes.split_text(f"Takk.\n\n{intro}\n> Hei\n> der\n")[0].strip() == "Takk."


# --- sentences kept in English -----------------------------------------------------------------------------------


def test_a_kept_sentence_is_said_in_the_language_of_the_reader():
    assert words.say("The message is empty.", "nb") == "Meldingen er tom."


def test_its_values_are_found_again():
    said = words.say("mail.example.com cannot be reached on port 993: No route to host", "nb")
    assert said == "mail.example.com kan ikke nås på port 993: No route to host"


def test_a_sentence_within_a_sentence_is_said_too():
    kept = "Given up after two days. The last answer was: The mail server is too slow; this took too long."
    assert words.say(kept, "nb").endswith("E-posttjeneren er for treg; dette tok for lang tid.")


@pytest.mark.parametrize("locale", ["nb", "en", "xx"])
def test_what_no_catalogue_knows_stays(locale):
    assert words.say("550 5.1.1 No such user {here}", locale) == "550 5.1.1 No such user {here}"
    assert words.say("", locale) == ""


def test_sentences_of_a_program():
    source = (
        '"""Not this docstring."""\n'
        'KEPT = "The first one."\n'
        'def tell(host, port):\n'
        '    """Nor this one."""\n'
        '    log.warning("Not what the log is told.")\n'
        '    if port: raise RuntimeError("Nor what programmers are told.")\n'
        '    if host: raise PluginError(f"Plugin {host} is not here.")\n'
        '    return (f"{host} is not on port {port}. "\n'
        '            f"Try another ({host}).")\n')
    assert sorted(translate.sentences(source)) == [
        "Plugin {1} is not here.", "The first one.", "{1} is not on port {2}. Try another ({3})."]
