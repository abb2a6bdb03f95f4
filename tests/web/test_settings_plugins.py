"""The plugins page: what there is, how it does, the switches, and adding new ones by upload."""

import dataclasses
import io
import re
import sys
import time
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.app import create_app
from inbox.config import Config
from inbox.core import agents, settings
from inbox.core import words as core_words
from inbox.core.errors import RateLimited
from inbox.core.events import Actor
from inbox.core.models import Agent, Delivery, Event
from inbox.db import transaction, work_context
from inbox.jobs import deliveries, dispatch
from inbox.plugin_host import faults, lifecycle, trial
from inbox.plugin_host.models import Plugin
from inbox.testing.factories import make_agent, make_ticket
from inbox.testing.plugins import host_of, write_plugin
from tests.web.browse import Visitor

CLI = Actor.system("cli")
PASSWORD = "correct horse battery"
CODE = """
    from inbox.toolkit import Setting, hookimpl

    @hookimpl
    def ticket_created(ticket):
        pass

    @hookimpl
    def register_settings():
        return [Setting("shop.address", "url", "Shop address")]
"""
MANIFEST = {"title": "Shop orders", "author": "Acme", "description": "Orders beside a ticket.", "asks": ["network"],
            "stores": ["order numbers"]}


@pytest.fixture
def owner(app: Flask, session: Session) -> Visitor:
    agent = make_agent("Olga", role="owner")
    agents.set_password(agent, PASSWORD, by=CLI)
    return Visitor(app).sign_in(agent)


@pytest.fixture
def admin(app: Flask, session: Session) -> Visitor:
    return Visitor(app).sign_in(make_agent("Ada", role="admin"))


@pytest.fixture
def shop(config: Config) -> Path:
    return write_plugin(config.plugin_folder, "shop", CODE, **MANIFEST)


@pytest.fixture
def running(shop: Path, session: Session) -> Path:
    """The plugin, switched on; the browser is only asked to where a test is about that: its trial takes a second."""
    lifecycle.activate("shop")
    return shop


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the trial in a process of its own, which costs seconds: tests/plugin_host is about that."""
    monkeypatch.setattr(trial, "require", lambda config, found, **options: None)


def state(session: Session, name: str = "shop") -> str | None:
    session.expire_all()
    row = session.get(Plugin, name)
    return row.state if row else None


def post(visitor: Visitor, verb: str, **data: str):
    return visitor.post(f"/settings/plugins/shop/{verb}", data, page="/settings/plugins", follow_redirects=True)


# --- the list and the page --------------------------------------------------------------------------------------


def test_a_dropped_folder_stands_in_the_list_and_is_switched_on_and_off(owner, shop, session, quick) -> None:
    page = owner.get("/settings/plugins").text
    assert "Shop orders" in page and "by Acme" in page and "not installed" in page
    assert "Shop orders is switched on." in post(owner, "active", on="1").text
    assert state(session) == "active" and 'aria-checked="true"' in owner.get("/settings/plugins").text
    assert "is switched off" in post(owner, "active", on="0").text
    assert state(session) == "installed"
    told = session.scalars(sa.select(Event.data).where(Event.kind == "plugin_changed").order_by(Event.id)).all()
    assert [each["did"] for each in told] == ["installed", "activated", "deactivated"]


def test_the_page_of_a_plugin_tells_all_about_it(owner, running: Path, app: Flask, session) -> None:
    (running / "README.md").write_text("# Shop\nSee https://shop.example <b>", "utf-8")
    ticket = make_ticket()
    faults.store(host_of(app), "shop", "ticket_created", "KeyError: 'tier'", ticket_id=ticket.id,
                 error=KeyError("tier"))
    page = owner.get("/settings/plugins/shop").text
    for words in ("Talks to other servers", "Does not ask to send mail", "order numbers", "ticket_created",
                  "A ticket was opened.", "KeyError: &#39;tier&#39;", f"/tickets/{ticket.number}", "Shop address",
                  "Traceback" if "Traceback" in page else "KeyError", "&lt;b&gt;", 'href="https://shop.example"'):
        assert words in page, words


def test_a_paused_plugin_says_why_and_how_many_events_wait_and_is_tried_again(app, owner, running, session) -> None:
    with transaction() as current:
        faults.pause(host_of(app), "shop", "It failed 10 times within 10 minutes.")
        event = Event(kind="ticket_created", actor_kind="system", source="test", data={})
        current.add(event)
        current.flush()
        current.add(Delivery(event_id=event.id, plugin="shop", state="waiting"))
    time.sleep(1.1)  # the plugin host looks once a second
    page = owner.get("/settings/plugins").text
    assert "Shop orders was switched off at" in page and "It failed 10 times" in page and "1 event waits for it" in page
    assert "1 needs you" in page
    post(owner, "active", on="1")
    assert state(session) == "active" and "needs you" not in owner.get("/settings/plugins").text


def test_uninstalling_wants_the_name_and_deletes_settings(owner, running: Path, session) -> None:
    settings.put("shop.address", "https://shop.example", by=CLI)
    assert "Nothing was deleted" in post(owner, "uninstall", typed="shopp").text
    assert state(session) == "active" and settings.get("shop.address")
    assert "is uninstalled" in post(owner, "uninstall", typed="shop").text
    assert state(session) is None and settings.forget_plugin("shop") == 0 and running.is_dir()
    assert "are deleted" in post(owner, "remove").text
    assert not running.exists()


def test_what_cannot_be_done_is_said_and_changes_nothing(owner, config: Config, session) -> None:
    write_plugin(config.plugin_folder, "shop", "raise ValueError('no licence')", **MANIFEST)
    answer = post(owner, "active", on="1")
    assert answer.status_code == 422 and "no licence" in answer.text and state(session) is None


def test_a_refusal_is_said_in_the_reader_s_language_with_its_values(
        app: Flask, owner, running: Path, session, monkeypatch: pytest.MonkeyPatch) -> None:
    english, norwegian = "Nothing was deleted: type {1} to say that all data of this plugin may go.", "Skriv {1} først."
    shapes = {"nb": [(core_words._pattern(english), ["1"], norwegian)]}
    monkeypatch.setattr(core_words, "_shapes", lambda locale: shapes.get(locale, []))
    with transaction() as current:
        current.execute(sa.update(Agent).values(locale="nb"))
    answer = post(owner, "uninstall", typed="no")
    assert answer.status_code == 422 and "Skriv shop først." in answer.text


def test_a_folder_that_is_gone_is_shown_as_broken_and_can_be_switched_off(owner, running: Path, session) -> None:
    running.rename(running.parent.parent / "elsewhere")
    page = owner.get("/settings/plugins").text
    assert "Its folder is gone." in page and 'aria-checked="true"' in page
    assert owner.get("/settings/plugins/shop").status_code == 200
    post(owner, "active", on="0")
    assert state(session) == "installed"


def test_a_broken_plugin_says_how_many_events_wait_and_is_tried_again(
        app: Flask, owner, running: Path, session, config: Config) -> None:
    (running / "__init__.py").write_text("raise ValueError('half a file')")
    sys.modules.pop("inbox_plugins.shop", None)
    make_ticket()
    dispatch.deliver_due(create_app(config))
    page = owner.get("/settings/plugins/shop").text
    assert "half a file" in page and "No mail was lost, and 1 event waits for it." in page and "Try again" in page
    assert "Switched off" not in page  # it is on; it cannot run
    write_plugin(config.plugin_folder, "shop", CODE, **MANIFEST)
    assert "is switched on" in post(owner, "active", on="1").text
    with work_context(app):
        deliveries.settle_states()
    dispatch.deliver_due(app)
    assert "Try again" not in owner.get("/settings/plugins/shop").text
    assert session.scalar(sa.select(Delivery.state)) is None


def test_always_on_features_are_listed_and_have_pages(owner) -> None:
    assert "/settings/plugins/auto_reply" in owner.get("/settings/plugins").text
    page = owner.get("/settings/plugins/auto_reply").text
    assert "Automatic answer" in page and "What they are told" in page and "ticket_created" in page
    assert owner.get("/settings/plugins/nosuch").status_code == 404


def test_an_admin_sees_plugins_and_switches_none(admin, shop, session) -> None:
    page = admin.get("/settings/plugins").text
    assert "Shop orders" in page and "switch-form" not in page
    for verb in ("active", "upgrade", "again", "uninstall", "remove"):
        assert post(admin, verb, on="1", typed="shop").status_code == 403
    assert admin.get("/settings/plugins-add").status_code == 403 and state(session) is None


def test_an_agent_sees_none_of_it(app: Flask, session, shop) -> None:
    agent = Visitor(app).sign_in(make_agent("Kari"))
    for path in ("plugins", "plugins/shop", "plugins-add"):
        assert agent.get(f"/settings/{path}").status_code == 403


# --- uploading --------------------------------------------------------------------------------------------------


def packed(folder: Path, **more: str) -> io.BytesIO:
    """A plugin's folder as a zip in memory."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{folder.name}/{path.name}")
        for name, content in more.items():
            archive.writestr(name, content)
    data.seek(0)
    return data


def upload(visitor: Visitor, data: io.BytesIO, password: str = PASSWORD, name: str = "shop.zip"):
    return visitor.post("/settings/plugins-add", {"file": (data, name), "password": password},
                        content_type="multipart/form-data")


def agree(visitor: Visitor, page: str):
    token = re.search(r'name="token" value="(\w+)"', page)
    return visitor.post("/settings/plugins-add/install", {"token": token[1] if token else ""},
                        page="/settings/plugins-add", follow_redirects=True)


@pytest.fixture
def zipped(tmp_path: Path) -> io.BytesIO:
    return packed(write_plugin(tmp_path / "outside", "shop", CODE, **MANIFEST))


def test_an_upload_shows_what_it_wants_before_anything_is_run(owner, config, tmp_path, session) -> None:
    trap = tmp_path / "trap"
    folder = write_plugin(tmp_path / "outside", "shop", f"open({str(trap)!r}, 'w')\n", **MANIFEST)
    (folder / "answers.py").write_text("from inbox.toolkit import hookimpl\n\n@hookimpl\ndef note_added(note): ...\n")
    page = upload(owner, packed(folder)).text
    for words in ("Shop orders", "Talks to other servers", "order numbers", "note_added", "Nothing of it was run yet"):
        assert words in page, words
    assert not trap.exists() and state(session) is None and not (config.plugin_folder / "shop").exists()


def test_an_upload_is_installed_after_it_was_seen_and_written_to_the_log(owner, zipped, config, session, quick) -> None:
    answer = agree(owner, upload(owner, zipped).text)
    assert "Shop orders is installed." in answer.text and state(session) == "installed"
    told = session.scalars(sa.select(Event).where(Event.kind == "plugin_changed").order_by(Event.id)).all()
    assert [(each.data["did"], each.actor_kind) for each in told] == [("installed", "agent")]
    assert list((config.home / "uploads").iterdir()) == []


def test_a_newer_upload_upgrades_the_one_that_is_here(owner, zipped, tmp_path, session, quick) -> None:
    agree(owner, upload(owner, zipped).text)
    newer = packed(write_plugin(tmp_path / "newer", "shop", CODE, **(MANIFEST | {"version": "1.1"})))
    page = upload(owner, newer).text
    assert "Upgrade to 1.1" in page
    assert "Shop orders is upgraded." in agree(owner, page).text
    assert [each.version for each in lifecycle.plugins() if each.name == "shop"] == ["1.1"]


def test_the_password_is_asked_again(owner, zipped, session, config) -> None:
    answer = upload(owner, zipped, "wrong")
    assert answer.status_code == 422 and "This is not your password." in answer.text
    assert not (config.home / "uploads").exists()


def test_the_password_asked_again_is_no_sign_in(owner, zipped, session) -> None:
    count = sa.select(sa.func.count()).select_from(Event).where(Event.kind == "agent_signed_in")
    before = session.scalar(count)
    assert upload(owner, zipped).status_code == 200
    session.rollback()
    assert session.scalar(count) == before


def test_guessing_the_password_ends_soon(owner, zipped, session, monkeypatch) -> None:
    """The tries are counted by the core, as at the sign-in page; here it says that it has been enough."""
    def enough(agent, password: str, address: str):
        raise RateLimited(120)

    monkeypatch.setattr(agents, "confirm_password", enough)
    answer = upload(owner, zipped)
    assert answer.status_code == 429 and "Too many tries." in answer.text


def test_only_an_owner_uploads(admin, zipped, session) -> None:
    assert admin.post("/settings/plugins-add", {"file": (zipped, "shop.zip"), "password": PASSWORD}, page="/profile",
                      content_type="multipart/form-data").status_code == 403


def test_uploading_can_be_switched_off(app: Flask, owner, zipped, session) -> None:
    app.config["INBOX"] = dataclasses.replace(app.config["INBOX"], plugin_upload=False)
    assert "plugin_upload" in owner.get("/settings/plugins-add").text
    assert upload(owner, zipped).status_code == 403


@pytest.mark.parametrize(("name", "content", "words"), [
    ("shop.zip", b"no zip at all", "no zip file"), ("shop.exe", b"MZ", "zip or a wheel"), ("", b"", "Choose a file")])
def test_a_wrong_file_is_refused_in_words(owner, name: str, content: bytes, words: str, config) -> None:
    answer = upload(owner, io.BytesIO(content), name=name)
    assert answer.status_code == 422 and words in answer.text
    assert not (config.home / "uploads").exists() or list((config.home / "uploads").iterdir()) == []


def test_a_zip_that_leads_out_of_its_folder_is_refused(owner, tmp_path, config) -> None:
    folder = write_plugin(tmp_path / "outside", "shop", CODE, **MANIFEST)
    answer = upload(owner, packed(folder, **{"shop/../../evil.py": "x"}))
    assert answer.status_code == 422 and "leads out of the plugin" in answer.text


def test_what_was_seen_is_what_is_installed(owner, zipped, tmp_path, session) -> None:
    first = upload(owner, io.BytesIO(zipped.getvalue())).text
    upload(owner, packed(write_plugin(tmp_path / "other", "other", "")), name="other.zip")
    assert "Another file was uploaded meanwhile." in agree(owner, first).text
    assert state(session) is None and state(session, "other") is None


def test_an_upload_can_be_thrown_away(owner, zipped, config) -> None:
    upload(owner, zipped)
    owner.post("/settings/plugins-add/cancel", page="/settings/plugins-add")
    assert list((config.home / "uploads").iterdir()) == []
    assert agree(owner, "").status_code == 404


# --- in development ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dev", [True, False])
def test_in_development_the_traceback_stands_on_the_page_that_failed(app, owner, config, session, dev: bool) -> None:
    write_plugin(config.plugin_folder, "shop", """
        from flask import Blueprint
        from inbox.toolkit import Pages, hookimpl
        pages = Blueprint("pages", __name__)
        @pages.get("/orders")
        def orders():
            raise KeyError("tier")
        @hookimpl
        def register_blueprints():
            return [Pages(pages)]
    """)
    lifecycle.activate("shop")
    app.config["INBOX"] = dataclasses.replace(app.config["INBOX"], dev=dev)
    host_of(app).raise_faults = False
    page = owner.get("/x/shop/orders")
    assert page.status_code == 500 and "failed here" in page.text
    assert ("Traceback (most recent call last)" in page.text) is dev
