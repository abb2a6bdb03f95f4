"""The page drawn from a plugin's declared settings."""

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask

from inbox.core import settings
from inbox.core.events import Actor
from inbox.db import in_transaction
from inbox.plugin_host.items import Setting, SettingTest
from inbox.testing.factories import make_agent, make_mailbox
from inbox.testing.plugins import plug
from tests.web.browse import Visitor

CLI = Actor.system("cli")
PAGE = "/settings/plugins/shop/settings"
GOOD = {"shop.address": "https://shop.example", "shop.points": "5", "shop.period": "all", "shop.greeting": "Hi\r\nyou",
        "shop.color": "#112233", "shop.mail": "a@b.example", "shop.on": "1", "shop.key": "sesam"}


def register_settings() -> list[Setting]:
    return [
        Setting("shop.address", "url", "Shop address", required=True, hint="Where the shop is."),
        Setting("shop.mail", "email", "Owner"),
        Setting("shop.points", "number", "Points", default=3, per_mailbox=True),
        Setting("shop.period", "choice", "Orders of", default="year", choices={"year": "a year", "all": "all time"}),
        Setting("shop.color", "color", "Colour", default="#ffffff"),
        Setting("shop.on", "yes_no", "Switched on"),
        Setting("shop.greeting", "lines", "Greeting", per_mailbox=True),
        Setting("shop.key", "text", "Key", secret=True),
    ]


def try_it(values: Mapping[str, Any]) -> str:
    assert not in_transaction()
    if values["shop.key"] != "sesam":
        raise ValueError("The shop refuses the key.")
    return f"The shop at {values['shop.address']} answers."


def register_setting_tests() -> list[SettingTest]:
    return [SettingTest("shop.connection", "Test the connection", try_it)]


@pytest.fixture
def admin(app: Flask, session) -> Visitor:
    plug(app, "shop", register_settings, register_setting_tests)
    return Visitor(app).sign_in(make_agent("Ada", role="admin"))


def test_register_settings_draws_a_form_and_every_type_is_stored(admin: Visitor) -> None:
    assert "The settings are saved." in admin.post(PAGE, GOOD, follow_redirects=True).text
    assert settings.get_all(list(GOOD)) == {
        **GOOD, "shop.points": 5, "shop.on": True, "shop.greeting": "Hi\nyou"}


def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_stored(admin: Visitor) -> None:
    answer = admin.post(PAGE, GOOD | {"shop.address": "nowhere", "shop.points": "many", "shop.mail": "x"})
    assert answer.status_code == 422 and settings.get("shop.period") == "year"
    for words in ("Write an address like", "Write a whole number.", "Write a mail address like"):
        assert words in answer.text
    assert 'value="many"' in answer.text and answer.text.count('aria-invalid="true"') == 3


def test_a_secret_is_never_shown_and_stays_when_left_empty(admin: Visitor) -> None:
    admin.post(PAGE, GOOD)
    page = admin.get(PAGE).text
    assert "sesam" not in page and "never shown again" in page
    admin.post(PAGE, GOOD | {"shop.key": "", "shop.points": "9"})
    assert settings.get_all(["shop.key", "shop.points"]) == {"shop.key": "sesam", "shop.points": 9}
    admin.post(f"{PAGE}/clear", {"key": "shop.key"}, page=PAGE)
    assert settings.get("shop.key") == ""


def test_a_stored_secret_is_not_sent_to_another_server(admin: Visitor) -> None:
    admin.post(PAGE, GOOD)
    moved = GOOD | {"shop.address": "https://evil.example", "shop.key": ""}
    answer = admin.post(PAGE, moved)
    assert answer.status_code == 422 and "type this again" in answer.text
    assert "type this again" in admin.post(f"{PAGE}/test/shop.connection", moved, page=PAGE).text
    assert settings.get("shop.address") == "https://shop.example"


def test_a_stored_secret_is_not_sent_to_a_server_named_after_the_old_one_was_cleared(admin: Visitor) -> None:
    admin.post(PAGE, GOOD)
    admin.post(f"{PAGE}/clear", {"key": "shop.address"}, page=PAGE)
    moved = GOOD | {"shop.address": "https://evil.example", "shop.key": ""}
    assert "type this again" in admin.post(f"{PAGE}/test/shop.connection", moved, page=PAGE).text
    assert admin.post(PAGE, moved).status_code == 422


@pytest.mark.parametrize("own_key", [True, False])
def test_a_mailbox_sends_the_desk_s_secret_to_no_server_of_its_own(app: Flask, session, own_key: bool) -> None:
    seen = []

    def register_settings() -> list[Setting]:
        return [Setting("shop.address", "url", "Shop address", per_mailbox=True),
                Setting("shop.key", "text", "Key", secret=True, per_mailbox=own_key)]

    def register_setting_tests() -> list[SettingTest]:
        return [SettingTest("shop.connection", "Test the connection", lambda values: seen.append(values) or "Fine.")]

    plug(app, "shop", register_settings, register_setting_tests)
    admin, box = Visitor(app).sign_in(make_agent("Ada", role="admin")), make_mailbox()
    make_mailbox()
    admin.post(PAGE, {"shop.address": "https://shop.example", "shop.key": "sesam"})
    moved = {"mailbox": box.id, "shop.address": "https://evil.example", "shop.key": ""}
    says = "type this again" if own_key else "kept for the whole desk"
    assert says in admin.post(f"{PAGE}/test/shop.connection", moved, page=PAGE).text
    assert admin.post(PAGE, moved).status_code == 422
    assert seen == []
    same = moved | {"shop.address": "https://shop.example/here"}
    assert "Fine." in admin.post(f"{PAGE}/test/shop.connection", same, page=PAGE).text
    assert seen == [{"shop.address": "https://shop.example/here", "shop.key": "sesam"}]


def test_a_mailbox_follows_the_site_where_nothing_else_was_typed(admin: Visitor) -> None:
    box = make_mailbox()
    scope = settings.mailbox_scope(box)
    make_mailbox()
    admin.post(PAGE, GOOD)
    page = admin.get(f"{PAGE}?mailbox={box.id}").text
    assert "shop.points" in page and 'name="shop.address"' not in page and 'value="5"' in page
    admin.post(PAGE, {"mailbox": str(box.id), "shop.points": "5", "shop.greeting": "Hei"})
    settings.put("shop.points", 8, by=CLI)
    assert settings.get_all(["shop.points", "shop.greeting"], scope) == {"shop.points": 8, "shop.greeting": "Hei"}
    admin.post(f"{PAGE}/clear", {"mailbox": str(box.id), "key": "shop.greeting"}, page=PAGE)
    assert settings.get("shop.greeting", scope) == "Hi\nyou"


@pytest.mark.parametrize(("key", "words"), [
    ("sesam", "https://shop.example answers."), ("x", "The shop refuses the key.")])
def test_register_setting_tests_gives_a_button_that_tries_what_is_typed_and_stores_nothing(
        admin: Visitor, key: str, words: str) -> None:
    answer = admin.post(f"{PAGE}/test/shop.connection", GOOD | {"shop.key": key}, page=PAGE,
                        headers={"HX-Request": "true"})
    assert words in answer.text and "<html" not in answer.text
    assert settings.get("shop.address") == ""


def test_a_test_uses_the_stored_secret_when_none_is_typed(admin: Visitor) -> None:
    admin.post(PAGE, GOOD)
    answer = admin.post(f"{PAGE}/test/shop.connection", GOOD | {"shop.key": ""}, page=PAGE)
    assert "answers." in answer.text and "</html>" in answer.text  # without htmx: the whole page


def test_what_is_not_there_is_not_found(admin: Visitor) -> None:
    assert admin.get("/settings/plugins/nosuch/settings").status_code == 404
    assert admin.get("/settings/plugins/mail_priority/settings").status_code == 404  # it has none
    assert admin.post(f"{PAGE}/test/shop.nosuch", page=PAGE).status_code == 404
    assert admin.post(f"{PAGE}/clear", {"key": "desk.name"}, page=PAGE).status_code == 404


def test_it_is_for_those_who_may_change_settings(app: Flask, admin: Visitor) -> None:
    agent = Visitor(app).sign_in(make_agent("Kari"))
    assert agent.get(PAGE).status_code == 403
    for path in (PAGE, f"{PAGE}/clear", f"{PAGE}/test/shop.connection"):
        assert agent.post(path, GOOD, page="/profile").status_code == 403
    assert settings.get("shop.address") == ""
