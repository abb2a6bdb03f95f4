"""The contract: it holds for good plugins and says what is wrong with others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inbox.plugin_host import discover, registry
from inbox.testing.contract import complaints
from inbox.testing.desk import Desk
from inbox.testing.plugins import write_plugin

SAMPLES = Path(__file__).parents[1] / "sample_plugins"
BUNDLED = Path(__file__).parents[2] / "plugins"

# What the contract says of the sample plugins that misbehave: about what, and in which words.
EXPECTED = {
    "raises": ("hooks", "raises does what its name says"),
    "exits": ("hooks", "SystemExit"),
    "wrongtypes": ("hooks", "instead of"),
    "badquery": ("hooks", "badquery_nowhere"),
    "leaker": ("hooks", "transaction"),
    "brokenimport": ("load", "no_such_thing"),
    "brokentemplate": ("hooks", "'nothing' is undefined"),
    "brokenmigration": ("tables", "migrations of plugin brokenmigration failed"),
    "twins": ("load", "twins.look"),
    "hugepanel": ("hooks", "at most 50 facts"),
    "patcher": ("load", "call.slot"),
    "latepatcher": ("hooks", "call.listeners"),
    "looper": ("hooks", "times in a row"),
}
# These hurt only after a while, or end the process: the chaos test names them.
ELSEWHERE = {"slowintake", "sleeper", "slowimport", "holder", "hungry", "dies", "diesatwork"}


def said(desk: Desk, name: str) -> list[tuple[str, str]]:
    return [(each.about, each.text) for each in complaints(desk, name)]


@pytest.fixture
def write(desk: Desk) -> Callable[..., Path]:
    """Write a plugin that keeps to the contract but for what a test adds."""

    def make(name: str, code: str = "", **manifest: object) -> Path:
        place = write_plugin(desk.config.plugin_folder, name, code, **manifest)
        (place / "README.md").write_text("# A sample")
        return place

    return make


def test_every_sample_plugin_is_judged() -> None:
    there = {each.name for each in SAMPLES.iterdir() if (each / "plugin.toml").is_file()}
    assert there <= {"guestbook", *EXPECTED, *ELSEWHERE}


@pytest.mark.parametrize("name", sorted(each for each in EXPECTED if (SAMPLES / each).is_dir()))
def test_misbehaving_plugins_are_told_what_is_wrong(desk: Desk, name: str) -> None:
    desk.put(SAMPLES / name, name)
    about, words = EXPECTED[name]
    found = said(desk, name)
    assert [text for kind, text in found if kind == about and words in text], found


def test_a_plugin_that_uses_every_kind_of_hook_keeps_to_it(desk: Desk) -> None:
    desk.put(SAMPLES / "guestbook", "guestbook")
    assert said(desk, "guestbook") == []


@pytest.mark.parametrize("place", sorted(each.parent for each in BUNDLED.glob("*/plugin.toml")),
                         ids=lambda place: place.name)
def test_a_bundled_plugin_holds_itself_to_it(place: Path) -> None:
    """In its own tests, where it takes seconds; here they are only counted."""
    assert any(f'plugin_contract("{place.name}")' in each.read_text("utf-8")
               for each in (place / "tests").glob("test_*.py"))


def test_an_empty_plugin_keeps_to_it(desk: Desk, write) -> None:
    write("plain")
    assert said(desk, "plain") == []
    assert discover.scan(desk.config)["plain"]


def test_no_plugin_and_no_readme(desk: Desk, write) -> None:
    assert said(desk, "nothing") == [("manifest", "There is no plugin called nothing here.")]
    (write("plain") / "README.md").unlink()
    assert [about for about, _ in said(desk, "plain")] == ["readme"]


def test_a_manifest_that_is_wrong(desk: Desk, write) -> None:
    write("plain", requires_inbox="soon")
    assert [about for about, _ in said(desk, "plain")] == ["manifest"]


@pytest.mark.parametrize(("down", "says"), [
    ("pass", "leave the table fenced_one behind"),
    ("raise ValueError('half way')", "cannot be undone"),
])
def test_migrations_that_do_not_go_back(desk: Desk, write, down: str, says: str) -> None:
    place = write("fenced")
    (place / "migrations").mkdir()
    (place / "migrations" / "m0001.py").write_text(f"""
import sqlalchemy as sa
from alembic import op
revision = "0001"
down_revision = None

def upgrade() -> None:
    if not sa.inspect(op.get_bind()).has_table("fenced_one"):
        op.create_table("fenced_one", sa.Column("id", sa.Integer(), primary_key=True))

def downgrade() -> None:
    {down}
""")
    assert any(says in text for about, text in said(desk, "fenced") if about == "tables")


def test_a_column_that_no_migration_makes(desk: Desk, write) -> None:
    write("forgetful", """
        from sqlalchemy.orm import Mapped, mapped_column
        from inbox.toolkit import Model

        class Thing(Model):
            __tablename__ = "forgetful_thing"
            id: Mapped[int] = mapped_column(primary_key=True)
        """)
    words = "Its migrations do not make forgetful_thing.id, which its models have."
    assert ("tables", words) in said(desk, "forgetful")


PAGES = """
    from flask import Blueprint, abort
    from inbox.toolkit import Pages, Panel, hookimpl, http, plugin_url, settings, Setting

    blueprint = Blueprint("pages", __name__)

    @blueprint.get("/orders/<int:customer_id>")
    def orders(customer_id):
        {body}

    @hookimpl
    def register_settings():
        return [Setting("pages.shop", "url", "Shop", required=True)]

    @hookimpl
    def register_blueprints():
        return [Pages(blueprint)]

    @hookimpl
    def ticket_sidebar_panels(ticket):
        return [Panel("Orders", load=plugin_url("orders", customer_id=ticket.customer_id))]
    """


def test_a_panel_that_asks_a_shop_stands_when_the_shop_is_down(desk: Desk, write) -> None:
    write("pages", PAGES.format(body="""
        try:
            return str(http.get(settings.get("pages.shop")).require().json())
        except http.Failed as error:
            return str(error)"""))
    assert said(desk, "pages") == []


def test_a_panel_that_falls_with_the_shop(desk: Desk, write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "FRESH_SECONDS", 0.0)  # that it is paused after ten faults is known at once
    write("pages", PAGES.format(body="""
        return str(http.get(settings.get("pages.shop")).require().json())"""))
    found = said(desk, "pages")
    assert {about for about, _ in found} == {"remote"}
    for mode in ("slow", "401", "404", "429", "500", "broken", "dead"):
        assert any(f"with the other side {mode}" in text for _, text in found), mode


def test_a_page_that_is_open_to_anybody(desk: Desk, write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own gate would have to be broken: the contract sees it."""
    write("pages", PAGES.format(body="return 'open'"))
    monkeypatch.setattr("inbox.web.auth.OPEN_ENDPOINTS", {"x-pages-pages.orders"})
    assert any(about == "sign-in" for about, _ in said(desk, "pages"))


def test_a_page_that_stays_when_the_plugin_is_inactive(desk: Desk, write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("pages", PAGES.format(body="return 'open'"))
    desk.app.before_request_funcs[None] = [each for each in desk.app.before_request_funcs[None]
                                           if each.__name__ != "_gate"]
    assert any(about == "inactive" for about, _ in said(desk, "pages"))


def test_words_without_a_translation(desk: Desk, write) -> None:
    place = write("wordy", "from inbox.toolkit import gettext\nTEXTS = lambda: [gettext('One'), gettext('Two')]")
    catalogue = place / "translations" / "nb" / "LC_MESSAGES"
    catalogue.mkdir(parents=True)
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (catalogue / "messages.po").write_text(head + 'msgid "One"\nmsgstr "En"\n')
    assert said(desk, "wordy") == [("words", "1 texts have no translation in nb, as 'Two'.")]
    (catalogue / "messages.po").write_text(head + 'msgid "One"\nmsgstr "En"\n\nmsgid "Two"\nmsgstr "To"\n')
    assert said(desk, "wordy") == []


def test_jobs_that_fail(desk: Desk, write) -> None:
    write("worker", """
        import datetime as dt
        from inbox.toolkit import HealthCheck, Job, hookimpl, http

        def work():
            raise KeyError("missing")

        def ask():
            http.get("https://crm.example.com/").require().json()["people"]

        def check():
            raise ValueError("The key is missing.")  # that is what a check is for

        @hookimpl
        def register_jobs():
            return [Job("worker.one", every=dt.timedelta(hours=1), run=work)]

        @hookimpl
        def register_health_checks():
            return [HealthCheck("worker.check", "The key", run=check)]
        """)
    assert said(desk, "worker") == [("jobs", "job worker.one failed: KeyError: 'missing'")]


def test_event_answers_that_count_twice(desk: Desk, write) -> None:
    """An answer that fails the second time it is told of an event has not thought of it."""
    write("counts", """
        from inbox.toolkit import hookimpl
        told = set()

        @hookimpl
        def message_received(event):
            if event.id in told:
                raise ValueError("UNIQUE constraint failed")
            told.add(event.id)
        """)
    assert ("hooks", "message_received failed: ValueError: UNIQUE constraint failed") in said(desk, "counts")


def test_the_fixture_fails_a_test_with_all_complaints(plugin_contract, write) -> None:
    write("plain")
    plugin_contract("plain")
    with pytest.raises(pytest.fail.Exception, match="no plugin called nothing"):
        plugin_contract("nothing")
