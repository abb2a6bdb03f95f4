"""Pieces of pages are drawn once for the same values, and are told all they depend on."""

import contextvars
import re
from pathlib import Path

import pytest
from flask import Flask
from flask_login import login_user

import inbox
from inbox.core.models import Agent, Department
from inbox.db import transaction
from inbox.plugin_host import running
from inbox.testing.factories import make_agent, make_ticket
from inbox.web import pieces, rail
from inbox.web.auth import SignedIn
from tests.web.browse import Visitor

TEMPLATES = Path(inbox.__file__).parent / "templates"


def _named(pattern: str, *where: Path) -> set[str]:
    return {name for each in where for name in re.findall(pattern, each.read_text(encoding="utf-8"))}


DRAWN = _named(r"""drawn(?:_rows)?\(["']([^"']+)["']""", *TEMPLATES.rglob("*.html"))
DRAWN |= _named(r"""include ["']([^"']+)["']""", *(TEMPLATES / each for each in DRAWN))
NOT_TOLD = re.compile(r"\b(request|session|g|slot|csrf_\w+|desk_settings|alarms|toasts|static_url|current_user|drawn_at"
                      r"|plugin_faults|row_badges)\b *[.(]|\bme\(\)\.|\|ago\b")


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    pieces._drawn.cache_clear()


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_piece_asks_for_nothing_it_is_not_told(name: str) -> None:
    text = re.sub(r"\{#.*?#\}", "", (TEMPLATES / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    found = [each[0] for each in NOT_TOLD.finditer(" ".join(re.findall(r"\{[{%].*?[%}]\}", text, re.DOTALL)))]
    assert [each for each in found if each != "|ago"] == [], name
    if "|ago" in found:  # rows have the words for it in what they are kept under
        assert name in ("desk/_row.html", "desk/_queue_row.html")


def test_there_are_pieces() -> None:
    assert {"nav/_views.html", "nav/_views_menu.html", "bulk/_bar.html", "layout/_dialogs.html",
            "desk/_row.html"} <= DRAWN


def test_pieces_are_drawn_once(app: Flask, kari: Agent) -> None:
    desk = Visitor(app).sign_in(kari)
    first = desk.get("/views/unassigned").text
    drawn = pieces._drawn.cache_info().misses
    assert desk.get("/views/unassigned").text.count("<dialog") == first.count("<dialog") == 2
    assert pieces._drawn.cache_info().misses == drawn > 0


def test_a_count_is_shown_at_once(app: Flask, kari: Agent, support: Department) -> None:
    desk = Visitor(app).sign_in(kari)

    def count() -> str:
        rail = desk.get("/views/all").text.split('id="rail"')[1].split("</nav>")[0]
        return rail.split('/views/unassigned"')[1].split("</a>")[0]

    assert '<span class="count">' not in count().split("Unassigned")[1]
    make_ticket("Boots", department=support)
    assert '<span class="count">1</span>' in count()


def test_each_reader_has_their_own_words_keys_and_buttons(app: Flask, kari: Agent, support: Department) -> None:
    make_ticket("Boots", department=support)
    page = Visitor(app).sign_in(kari).get("/views/unassigned").text
    assert 'data-key="e"' in page and "New ticket" in page and 'aria-keyshortcuts="e"' in page
    other = make_agent("Mina", departments=[support])
    with transaction():
        other.locale, other.preferences = "nb", {"single_keys": False}
    theirs = Visitor(app).sign_in(other).get("/views/unassigned").text
    assert "New ticket" not in theirs and "Ny sak" in theirs and 'aria-keyshortcuts="e"' not in theirs
    assert theirs.split('id="bulk"')[1].split("</form>")[0].count('name="csrf_token"') == 1


def test_a_page_of_a_plugin_is_drawn_in_its_own_words(app: Flask, kari: Agent, monkeypatch) -> None:
    names = iter(["Inbox of the shop", "Inbox of the farm"])
    monkeypatch.setattr("inbox.web.plugin_parts._catalogue", lambda plugin: Words(next(names)))
    drawn = []
    for plugin in ("shop", "farm", ""):
        with app.test_request_context("/"):
            login_user(SignedIn(kari))
            context = contextvars.copy_context()
            if plugin:
                context.run(running.enter, running.Call(plugin, "page", "page"))
            drawn.append(context.run(pieces.drawn, "layout/_dialogs.html"))
    assert len(set(drawn)) == 3
    assert [name in page for name in ("shop", "farm") for page in drawn] == [True, False, False, False, True, False]


class Words:
    """A catalogue that has one answer to everything."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def gettext(self, _text: str) -> str:
        return self.answer

    def ngettext(self, *_texts: object) -> str:
        return self.answer


def test_a_page_of_a_plugin_may_call_something_else_place(app: Flask, kari: Agent) -> None:
    with app.test_request_context("/"):
        assert rail.lines("under the stairs", None, None, None, None) == rail.Lines((), (), ())
