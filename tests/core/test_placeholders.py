"""Words in braces, filled in; and what stays where there is nothing to say."""

import pytest

from inbox.core import placeholders

VALUES = {"a": "", "b": " ", "name": "Kari <3", "odd": "{name}"}


@pytest.mark.parametrize(("text", "filled"), [
    ("Hello {name}, {odd} {unknown}", "Hello Kari <3, {name} {unknown}"),
    ("Thank you. {a} Bye.", "Thank you. Bye."),
    ("Thank you. {a} {b}", "Thank you."),
    ("{a} Bye.", "Bye."),
    ("Dear {a},", "Dear,"),
    ("From ({a} Oslo) on{a} time{b}!", "From (Oslo) on time!"),
    ("One\n{a}\nTwo", "One\nTwo"),
    ("One\n\n {a} {b}\n\nTwo", "One\n\nTwo"),
    ("{a}\n\nOne\n\n\nTwo  kept", "One\n\n\nTwo  kept"),
    ("One\n\nTwo {a}\nThree", "One\n\nTwo\nThree"),
    ("謝謝。{a}再見。", "謝謝。再見。"),
])
def test_a_placeholder_that_says_nothing_leaves_no_gap(text: str, filled: str) -> None:
    assert placeholders.fill(text, VALUES) == filled


@pytest.mark.parametrize(("html", "filled"), [
    ("<p>Hello <b>{name}</b></p>", "<p>Hello <b>Kari &lt;3</b></p>"),
    ("<p>One</p><p>{a}</p><p>Two</p>", "<p>One</p><p>Two</p>"),
    ("<p class='x'>One<br>{a}<br>Two</p>", "<p class='x'>One<br>Two</p>"),
    ("<p>One<br>{a}</p><div>{a} {b}<br></div>", "<p>One</p>"),
    ("<p>{a} Two</p><p>Three&nbsp;{a} <b>four</b></p>", "<p>Two</p><p>Three&nbsp;<b>four</b></p>"),
    ("<p><b>One</b>{a} two</p>", "<p><b>One</b> two</p>"),
])
def test_nor_does_it_in_html(html: str, filled: str) -> None:
    assert placeholders.fill(html, VALUES, lambda value: value.replace("<", "&lt;")) == filled
