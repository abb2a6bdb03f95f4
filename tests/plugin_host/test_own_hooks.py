"""Hooks that plugins declare for each other."""

import textwrap

import pytest

from inbox.plugin_host import call, lifecycle
from inbox.plugin_host.lifecycle import PluginError
from inbox.testing.plugins import host_of, without_builtins, write_plugin

SPECS = """
    from inbox.toolkit import Badge, hookspecs

    @hookspecs.slot(since="1.0", item=Badge)
    def asker_badges(word):
        \"\"\"Badges beside a word.\"\"\"
"""
ASKER = """
    from inbox.toolkit import Link, asks, hookimpl

    @hookimpl
    def settings_menu_links(agent):
        return [Link(badge.text, "/") for badge in asks.slot("asker_badges", word="wool")]
"""
ANSWERER = """
    from inbox.toolkit import Badge, hookimpl

    @hookimpl(optionalhook=True)
    def asker_badges(word):
        return [Badge(word.upper())]
"""


@pytest.fixture
def write(app, session, config):
    without_builtins(app)

    def put(name: str, code: str, specs: str = "") -> None:
        place = write_plugin(config.plugin_folder, name, code)
        if specs:
            (place / "hookspecs.py").write_text(textwrap.dedent(specs), "utf-8")
    return put


def titles() -> list[str]:
    return [link.title for link in call.slot("settings_menu_links", agent=None) if link.plugin == "asker"]


@pytest.mark.parametrize("order", [("asker", "answerer"), ("answerer", "asker")])
def test_one_plugin_asks_and_another_answers_whoever_was_first(write, order):
    write("asker", ASKER, SPECS)
    write("answerer", ANSWERER)
    for name in order:
        lifecycle.activate(name)
    assert titles() == ["WOOL"]
    lifecycle.deactivate("answerer")
    assert titles() == []


def test_an_answer_to_a_plugin_that_is_not_here_minds_nothing(write):
    write("answerer", ANSWERER)
    lifecycle.activate("answerer")
    assert lifecycle.plugins()[0].state == "active"


def test_without_optionalhook_the_misspelt_is_still_found(write):
    write("answerer", ANSWERER.replace("(optionalhook=True)", ""))
    with pytest.raises(PluginError, match="no hook called asker_badges"):
        lifecycle.activate("answerer")


@pytest.mark.parametrize(("old", "new", "words"), [
    ("asker_badges", "other_badges", "its hooks begin with asker_"),
    ("hookspecs.slot(since=\"1.0\", item=Badge)", "hookspecs.event(since=\"1.0\")", "of the kinds"),
    ("Badges beside a word.", "", "has no docstring"),
    ("from inbox.toolkit", "from nowhere", "its hookspecs.py failed"),
])
def test_hooks_that_cannot_be_are_refused(write, old, new, words, app):
    host_of(app).raise_faults = False
    write("asker", ASKER, SPECS.replace(old, new))
    with pytest.raises(PluginError, match=words):
        lifecycle.activate("asker")


def test_an_answer_that_takes_what_the_hook_does_not_give_is_not_asked(write, app):
    host_of(app).raise_faults = False
    write("answerer", ANSWERER.replace("(word)", "(word, colour)"))
    write("asker", ASKER, SPECS)
    lifecycle.activate("answerer")
    lifecycle.activate("asker")
    assert titles() == []


def test_a_plugin_asks_only_by_hooks_of_its_own(write, app):
    host_of(app).raise_faults = False
    write("asker", ASKER, SPECS)
    write("thief", ASKER)
    lifecycle.activate("asker")
    lifecycle.activate("thief")
    assert [link.plugin for link in call.slot("settings_menu_links", agent=None) if link.plugin == "thief"] == []
