"""Settings that plugins declare: types, checks, scopes, secrets, whose they are."""

import datetime as dt

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from flask import Flask

from inbox import secrets
from inbox.core import settings
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Event, SettingValue
from inbox.db import transaction
from inbox.plugin_host import call
from inbox.plugin_host.items import Setting
from inbox.testing.factories import make_agent, make_mailbox
from inbox.testing.plugins import host_of, plug

CLI = Actor.system("cli")


def register_settings() -> list[Setting]:
    return [
        Setting("shop.address", "url", "Shop address", required=True),
        Setting("shop.mail", "email", "Owner"),
        Setting("shop.points", "number", "Points", default=3, per_mailbox=True,
                check=lambda value: None if value < 100 else "At most 99."),
        Setting("shop.period", "choice", "Orders of", default="year", choices={"year": "a year", "all": "all time"}),
        Setting("shop.color", "color", "Colour"),
        Setting("shop.name", "text", "Name"),
        Setting("shop.on", "yes_no", "On"),
        Setting("shop.greeting", "lines", "Greeting", per_mailbox=True),
        Setting("shop.key", "text", "Key", secret=True, per_mailbox=True),
    ]


@pytest.fixture
def shop(app: Flask, session) -> Flask:
    plug(app, "shop", register_settings)
    return app


def test_defaults_follow_the_type(shop: Flask) -> None:
    values = settings.get_all(["shop.points", "shop.period", "shop.name", "shop.on", "shop.key"])
    assert values == {"shop.points": 3, "shop.period": "year", "shop.name": "", "shop.on": False, "shop.key": ""}


def test_a_value_falls_back_from_mailbox_to_site_to_default(shop: Flask) -> None:
    scope = settings.mailbox_scope(make_mailbox())
    settings.put("shop.points", 5, by=CLI)
    assert settings.get("shop.points", scope) == 5
    settings.put("shop.points", 7, by=CLI, scope=scope)
    assert (settings.get("shop.points", scope), settings.get("shop.points")) == (7, 5)
    settings.put("shop.points", None, by=CLI, scope=scope)
    settings.put("shop.points", None, by=CLI)
    assert settings.get("shop.points", scope) == 3


@pytest.mark.parametrize(("key", "value", "words"), [
    ("address", "shop.example", "https://"), ("address", "https://[oops", "https://"), ("address", "", "filled in"),
    ("address", "javascript:alert(1)", "https://"), ("address", "https://a b.example", "https://"),
    ("mail", "nobody", "name@example.com"), ("points", "3", "whole number"), ("points", True, "whole number"),
    ("points", 100, "At most 99."), ("points", -2**60, "too large"), ("period", "week", "one of those"),
    ("color", "red", "#2f6fde"), ("name", "a\nb", "one line"), ("name", "x" * 2001, "too long"),
    ("on", "yes", "yes or no"), ("greeting", 3, "a text"), ("key", "a\nb", "one line")])
def test_a_wrong_value_is_refused_in_plain_words(shop: Flask, key: str, value: object, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        settings.put(f"shop.{key}", value, by=CLI)


def test_several_are_stored_together_or_not_at_all(shop: Flask) -> None:
    with pytest.raises(settings.WrongValues) as refused:
        settings.put_all({"shop.name": "Fjord", "shop.mail": "x", "shop.points": 200}, by=CLI)
    assert refused.value.problems.keys() == {"shop.mail", "shop.points"} and settings.get("shop.name") == ""


def test_a_setting_of_the_site_is_not_set_for_a_mailbox(shop: Flask) -> None:
    with pytest.raises(LookupError):
        settings.put("shop.name", "x", by=CLI, scope=settings.mailbox_scope(make_mailbox()))


def test_a_plugin_s_check_never_runs_inside_a_write(shop: Flask) -> None:
    with pytest.raises(RuntimeError, match="before the transaction"), transaction():
        settings.put("shop.points", 5, by=CLI)


def test_a_check_that_fails_is_a_fault_and_stops_nobody(app: Flask, session) -> None:
    def register_settings() -> list[Setting]:
        return [Setting("odd.x", "text", "X", check=lambda value: 1 / 0)]

    host_of(app).raise_faults = False
    plug(app, "odd", register_settings)
    settings.put("odd.x", "value", by=CLI)
    assert settings.get("odd.x") == "value"


# --- secrets ----------------------------------------------------------------------------------------------------


def stored(session) -> object:
    session.expire_all()
    return session.scalar(sa.select(SettingValue.value).where(SettingValue.key == "shop.key"))


def test_a_secret_is_encrypted_at_rest_and_read_by_its_plugin(shop: Flask, session) -> None:
    settings.put("shop.key", "sesam", by=CLI)
    assert "sesam" not in str(stored(session)) and settings.get("shop.key") == "sesam"
    assert "sesam" not in str(session.scalars(sa.select(Event.data)).all())


def test_a_page_learns_that_a_secret_is_set_and_never_what_it_is(shop: Flask) -> None:
    settings.put("shop.key", "sesam", by=CLI)
    field = next(each for each in settings.fields("shop") if each.item.name == "shop.key")
    assert (field.value, field.is_set, field.is_lost, type(field.set_at)) == ("", True, False, dt.datetime)


def test_an_empty_secret_is_none(shop: Flask, session) -> None:
    settings.put("shop.key", "sesam", by=CLI)
    settings.put("shop.key", "", by=CLI)
    assert stored(session) is None and settings.get("shop.key") == ""


def test_rotation_encrypts_the_secrets_of_plugins_anew(shop: Flask, session, config) -> None:
    settings.put("shop.key", "sesam", by=CLI)
    settings.put("shop.name", "Fjord", by=CLI)
    before = stored(session)
    assert secrets.rotate(config) == 1
    assert stored(session) != before and settings.get("shop.key") == "sesam"


def test_a_lost_key_asks_for_the_secret_again(shop: Flask, config) -> None:
    settings.put("shop.key", "sesam", by=CLI)
    (config.home / secrets.KEY_FILE).write_text(Fernet.generate_key().decode())
    assert settings.get("shop.key") == ""
    assert [each.is_lost for each in settings.fields("shop") if each.item.secret] == [True]


# --- whose they are ---------------------------------------------------------------------------------------------


def test_a_plugin_reads_its_own_settings_and_no_other_plugin_s(shop: Flask) -> None:
    host_of(shop).raise_faults = False
    settings.put("shop.key", "sesam", by=CLI)
    assert call.guard("shop", "test", settings.get, "shop.key") == (True, "sesam")
    assert call.guard("thief", "test", settings.get, "shop.key") == (False, None)
    assert call.guard("thief", "test", settings.get, "desk.name") == (True, "Pluginbox")


def test_forgetting_a_plugin_takes_its_settings_and_no_other_s(shop: Flask, session) -> None:
    scope = settings.mailbox_scope(make_mailbox())
    settings.put("shop.points", 5, by=CLI)
    settings.put("shop.points", 6, by=CLI, scope=scope)
    settings.put("desk.name", "Fjord", by=CLI)
    with transaction() as current:
        current.add(SettingValue(scope="site", key="shopping.list", value="milk"))
    assert settings.forget_plugin("shop") == 2
    assert set(session.scalars(sa.select(SettingValue.key))) == {"desk.name", "shopping.list"}


def test_only_those_who_may_change_settings_can(shop: Flask) -> None:
    with pytest.raises(Exception, match="role"):
        settings.put("shop.name", "x", by=Actor.of(make_agent()))
