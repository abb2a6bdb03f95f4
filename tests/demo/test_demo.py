"""The demo desk: seeded once for all tests of this file, through the real intake, at the times its stories say."""

import datetime as dt
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from inbox import demo
from inbox.app import create_app
from inbox.config import Config
from inbox.core import agents, permissions, settings, views
from inbox.core.models import (
    Agent,
    Attachment,
    CaughtMail,
    Department,
    Event,
    Job,
    Ledger,
    Message,
    Recipient,
    SavedReply,
    Ticket,
)
from inbox.db import db, utcnow, work_context
from inbox.demo import letters, plugins, story
from inbox.plugin_host import discover, lifecycle
from inbox.testing.plugins import host_of, write_plugin
from inbox.web.auth import SignedIn
from tests.support.plans import Recorder

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, database_in: Callable[[Path], str]) -> Iterator[Flask]:
    """A seeded demo desk."""
    home = tmp_path_factory.mktemp("demo")
    app = create_app(Config(home=home, database_url=database_in(home), demo=True, testing=True))
    demo.seed(app)
    yield app
    with work_context(app):
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def session(desk: Flask) -> Iterator[Session]:
    with work_context(desk) as current:
        yield current


def count(session: Session, model: type) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def who(login: str) -> Agent:
    agent = agents.by_email(f"{login}@fjordthread.example")
    assert agent is not None
    return agent


# --- what is there ------------------------------------------------------------------------------------------------


def test_there_are_four_departments_four_agents_and_about_sixty_tickets(session: Session) -> None:
    assert (count(session, Department), count(session, Agent)) == (4, 4)
    assert 60 <= count(session, Ticket) <= 70
    assert count(session, SavedReply) >= 6
    assert settings.get("desk.name") == "Fjord & Thread"


def test_every_message_has_a_fate_and_one_waits_for_a_person(session: Session) -> None:
    fates = Counter(session.scalars(sa.select(Ledger.fate)))
    assert fates.total() == len([each for each in files("inbox.demo").joinpath("messages").iterdir()
                                 if each.name.endswith(".eml")])
    assert fates["waiting"] == 0
    assert fates["quarantined"] == 1
    assert fates["appended"] >= 15


def test_all_jobs_are_done_and_nobody_will_be_notified_of_the_past(session: Session) -> None:
    assert set(session.scalars(sa.select(Job.state).where(Job.kind.in_(story.JOBS)))) == {"done"}
    waiting = session.scalars(sa.select(Event.kind).where(Event.dispatched_at.is_(None))).all()
    assert not [kind for kind in waiting if kind.startswith(("ticket", "message", "note", "reply"))]


def test_every_answer_lies_in_the_outbox(session: Session) -> None:
    replies = session.scalar(sa.select(sa.func.count()).where(Message.kind == "reply", Message.state != "draft"))
    assert count(session, CaughtMail) == replies
    assert set(session.scalars(sa.select(Message.state).where(Message.kind == "reply"))) == {
        "sent", "bounced", "draft"}


def test_the_bounce_marks_its_recipient(session: Session) -> None:
    bounced = session.scalars(sa.select(Recipient).where(Recipient.state == "bounced")).one()
    assert bounced.address == "tom.becker@lakeside-post.example"
    assert "User unknown" in (bounced.error or "")


def test_answers_join_the_ticket_of_the_reply_they_name(session: Session) -> None:
    joined = session.scalars(sa.select(Message).join(Ledger, Ledger.id == Message.ledger_id)
                             .where(Ledger.fate == "appended")).all()
    assert {message.why["by"] for message in joined} <= {"in_reply_to", "bounce"}
    for message in joined:
        ticket = session.get_one(Ticket, message.ticket_id)
        people = {each.from_address for each in session.scalars(
            sa.select(Message).where(Message.ticket_id == ticket.id, Message.kind == "received"))}
        assert len(people) <= 2, ticket.subject


def test_quoted_text_is_folded_in_every_style(session: Session) -> None:
    """Gmail, Outlook, plain text and format=flowed, in the languages of the desk."""
    for name, first_quoted in (("Thomas Bråten", "skrev Fjord & Thread"), ("Anna Kowalska", "From: Fjord & Thread"),
                               ("Per Sandvik", "skrev Fjord & Thread"), ("鈴木 誠", "Fjord & Thread, Sales"),
                               ("Nordlys Husflid AS", "Fra: Fjord & Thread"), ("李俊傑", "寫道"),
                               ("กิตติ พงษ์เจริญ", "เขียนว่า"), ("Emily Clarke", "wrote:"),
                               ("Fiona Campbell", "From: Ola Lien")):
        last = session.scalars(sa.select(Message).where(
            Message.from_name == name, Message.is_automatic.is_(False)).order_by(Message.id.desc())).first()
        assert last is not None, name
        assert first_quoted in last.text_quoted, name
        assert "Fjord & Thread, " not in last.text, name


def test_pictures_papers_and_a_newsletter_are_among_the_mail(session: Session) -> None:
    kinds = Counter(session.scalars(sa.select(Attachment.content_type)))
    assert kinds["application/pdf"] == 2
    assert kinds["image/jpeg"] + kinds["image/png"] >= 5
    assert session.scalar(sa.select(sa.func.count()).where(Attachment.is_inline)) == 3
    newsletter = session.scalars(sa.select(Message).where(
        Message.kind == "received", Message.subject.contains("spring fair"))).one()
    assert newsletter.needs_frame


# --- how it can be worked with -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "subject"), [
    ("mulesing", "Is the Hardanger yarn mulesing-free?"),
    ("sporingen", "Hvor blir det av pakken min?"),
    ("รีเซ็ตรหัสผ่าน", "ลืมรหัสผ่านและรีเซ็ตไม่ได้"),
    ("ซักเครื่อง", "สอบถามวิธีซักเสื้อขนสัตว์"),  # came as windows-874
    ("色違い", "サイズ交換のお願い（注文 #10471）"),  # came as ISO-2022-JP
    ("統一編號", "可以開立統一編號的收據嗎？"),
    ("染缸", "毛線顏色與網站照片不同"),  # came as Big5
])
def test_all_five_languages_are_found(session: Session, words: str, subject: str) -> None:
    assert subject in [row.subject for row in views.page(who("ingrid"), q=words).rows]


def test_lists_have_something_to_show(session: Session) -> None:
    ingrid = who("ingrid")
    counts = views.counts(ingrid, views.departments_of(ingrid))
    assert counts.views["unassigned"] >= 10
    assert counts.views["snoozed"] >= 2
    assert counts.views["drafts"] == 1
    assert all(number > 0 for number in counts.departments.values())
    for view in ("mine", "closed", "spam", "trash"):
        assert views.page(ingrid, view=view).rows, view


def test_one_agent_reaches_one_department(session: Session) -> None:
    nina = who("nina")
    assert len(permissions.reach(nina) or ()) == 1
    assert {row.department_name for row in views.page(nina, view="all").rows} == {"Support"}


def test_the_printed_login_works(session: Session) -> None:
    agent = agents.authenticate(demo.LOGIN.email, demo.LOGIN.password)
    assert agent is not None
    assert agent.role.name == "owner"


def test_times_lie_in_the_last_two_weeks_and_in_order(session: Session) -> None:
    times = session.scalars(sa.select(Message.at).where(Message.state != "draft").order_by(Message.id)).all()
    assert times == sorted(times)
    assert utcnow() - dt.timedelta(days=15) < times[0]
    assert times[-1] < utcnow() - dt.timedelta(minutes=1)
    assert times[-1] > utcnow() - dt.timedelta(minutes=30)


# --- plugins ------------------------------------------------------------------------------------------------------


def test_every_bundled_plugin_is_active(session: Session) -> None:
    assert {each.name: each.state for each in lifecycle.plugins() if each.state != "active"} == {}


def test_plugins_cost_a_list_one_query_each_and_a_ticket_a_dozen(desk: Flask) -> None:
    """Counted with every bundled plugin active, each alone, and none."""
    client, names = browser(desk), [each.name for each in active_plugins(desk)]
    paths = ("/views/all", "/tickets/10?in=all")
    with work_context(desk):
        recorder = Recorder(db.engine)

    def queries() -> list[int]:
        return [min(asked(path) for _ in range(3)) for path in paths]  # some things are read every two seconds

    def asked(path: str) -> int:
        with recorder.recording(path):
            assert client.get(path).status_code == 200
        return recorder.count

    def only(wanted: list[str]) -> list[int]:
        with work_context(desk):
            for name in names:
                (lifecycle.activate if name in wanted else lifecycle.deactivate)(name)
        return queries()

    try:
        none = only([])
        for name in names:
            assert only([name])[0] - none[0] <= 1, name
        both = only(names)
        assert both[0] - none[0] <= len(names)
        assert both[1] - none[1] <= 12
    finally:
        only(names)


def active_plugins(desk: Flask) -> list[lifecycle.PluginInfo]:
    with work_context(desk):
        return [each for each in lifecycle.plugins() if each.state == "active"]


def browser(desk: Flask) -> FlaskClient:
    """Signed in as the owner."""
    client = desk.test_client()
    with work_context(desk), client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = SignedIn(who("ingrid")).get_id(), True
    return client


def test_demo_desk_is_told_to_the_plugins_that_come_along(
        app: Flask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that others need come first; one that fails is left out."""
    bundle = app.config["INBOX"].home / "bundle"
    told = "from inbox.toolkit import hookimpl\n@hookimpl\ndef demo_desk():\n    "
    write_plugin(bundle, "apple", told + "print('apple is told')", requires_plugins=["pear"])
    write_plugin(bundle, "pear", told + "print('pear is told')")
    write_plugin(bundle, "plum", "raise ValueError('no')")
    host_of(app).raise_faults = False
    with work_context(app):
        monkeypatch.setattr(discover, "plugin_folders", lambda config: [bundle.resolve()])
        plugins.activate(app)
        states = {each.name: each.state for each in lifecycle.plugins()}
    assert (states["apple"], states["pear"]) == ("active", "active") and states["plum"] != "active"
    assert re.findall(r"(\w+) is told", capsys.readouterr().out) == ["pear", "apple"]


# --- starting again -----------------------------------------------------------------------------------------------


def test_a_second_start_changes_nothing(desk: Flask) -> None:
    def everything() -> dict[str, int]:
        with work_context(desk) as current:
            # Asked of the database: the metadata also knows tables of plugins that other tests have loaded.
            tables = set(sa.inspect(current.connection()).get_table_names()) - {"attempt", "agent"}
            return {name: current.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0
                    for name in tables}

    before = everything()
    demo.seed(desk)
    assert everything() == before


def test_a_desk_with_an_owner_is_left_alone(app: Flask) -> None:
    from inbox.testing import factories

    with work_context(app):
        factories.make_agent(role="owner")
    demo.seed(app)
    with work_context(app) as current:
        assert count(current, Ticket) == 0
        assert not demo.is_seeded()


# --- stories and letters -------------------------------------------------------------------------------------------


@pytest.mark.once
def test_the_acts_of_a_story_are_written_in_their_order() -> None:
    """Also right after midnight, when "2h" lies on the day before."""
    stories = {}
    for language in story.LANGUAGES:
        stories |= tomllib.loads(files("inbox.demo").joinpath("stories", f"{language}.toml").read_text("utf-8"))
    assert len(stories) == 65
    for hour in (0, 9, 23):
        now = NOW.replace(hour=hour)
        for name, content in stories.items():
            times = [story.moment(act[0], now) for act in content["acts"]]
            assert times == sorted(times), name
            assert times[-1] <= now, name


@pytest.mark.once
def test_every_message_is_used_and_no_placeholder_is_left() -> None:
    names = {each.name.removesuffix(".eml") for each in files("inbox.demo").joinpath("messages").iterdir()
             if each.name.endswith(".eml")}
    used = [act.words[0] for act in story.acts(NOW) if act.who in ("mail", "held")]
    assert sorted(names) == sorted(used)
    for name in names:
        letter = letters.write(name, NOW, letters.Context("id@fjordthread.example", NOW))
        assert not letters._PLACE.search(letter.raw), name
        assert b"Date: Sun, 22 Nov 2026 09:59:30 +0100\r\n" in letter.raw


@pytest.mark.once
def test_the_dates_above_quotes_are_those_of_our_reply() -> None:
    at = dt.datetime(2026, 11, 17, 13, 20, tzinfo=dt.UTC)
    wanted = {"thomas-2": "tir. 17. nov. 2026 kl. 14:20 skrev", "suzuki-2": "2026年11月17日(火) 14:20",
              "li-2": "2026年11月17日 週二 下午2:20寫道", "kitti-2": "17 พ.ย. 2026 เวลา 14:20",
              "per-2": "17.11.2026 14:20"}
    for name, words in wanted.items():
        assert words in letters.write(name, NOW, letters.Context("x@y", at)).raw.decode(), name


@pytest.mark.once
@pytest.mark.parametrize("when", ["", "soon", "3d 9:00", "-5m"])
def test_a_time_nobody_understands_is_refused(when: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        story.moment(when, NOW)
