"""A desk out of the program and into an empty one: the same tickets, threads and attachments, byte for byte."""

import dataclasses
import io
import json
import shutil
import zipfile

import pytest
import sqlalchemy as sa

from inbox import prepare, secrets
from inbox.app import create_app
from inbox.config import Config
from inbox.core import attachments, customers, fields, imports, merges, messages, saved_replies, search, tickets
from inbox.core.attachments import StoredFile
from inbox.core.errors import Invalid, NotAllowed
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import (
    Agent,
    Attachment,
    Customer,
    Department,
    Event,
    Job,
    Ledger,
    Mailbox,
    Message,
    Reference,
    SavedReply,
    Ticket,
)
from inbox.db import db, session, transaction, work_context
from inbox.exchange import export
from inbox.exchange.form import BY_NAME, SECTIONS
from inbox.jobs import dispatch
from inbox.mail import import_mail, ledger, receive
from inbox.testing.factories import make_agent, make_customer, make_department, make_mailbox, make_ticket
from tests.mail.conftest import letter

BY = Actor.system("test")


def arrive(raw: bytes, mailbox_id: int) -> Ledger:
    row = ledger.arrive(raw, source="smtp", mailbox_id=mailbox_id)
    receive.process(row)
    return session().get_one(Ledger, row, populate_existing=True)


@pytest.fixture
def full(session, config):
    """A desk with two tickets from mail, a reply with a file, a note, tags, a merged ticket, a closed one."""
    secrets.ensure_key(config)
    support = make_department("Support")
    box = make_mailbox("support@desk.example", department=support)
    with transaction():
        support.mailbox_id = box.id
    kari = make_agent("Kari", departments=[support], email="kari@desk.example")
    arrive(letter(subject="Parcel", message_id="one@example.com", text="Where is it?"), box.id)
    arrive(letter(subject="Re: Parcel", message_id="two@example.com", In_Reply_To="<one@example.com>"), box.id)
    arrive(letter(sender="ola@example.com", subject="別の質問", message_id="three@example.com"), box.id)
    first, second = session.scalars(sa.select(Ticket).order_by(Ticket.id)).all()
    data = bytes(range(256)) * 40
    file = StoredFile("bilde.png", "image/png", len(data), attachments.store(data))
    body = Body("It is on its way.", "<p>It is on its way.</p>")
    reply = messages.reply(first, body, by=Actor.of(kari), files=[file])
    with transaction():
        reply.message_id, reply.state, reply.recipients[0].state = "reply@desk.example", "sent", "sent"
    messages.note(first, Body("Ring them."), by=Actor.of(kari))
    tickets.tag(first, "vip", by=BY)
    tickets.assign(first, kari, by=BY)
    tickets.set_status(second, "closed", by=BY)
    late = make_ticket("Late", mailbox=box)
    messages.reply(late, Body("Soon."), by=Actor.of(kari))  # still waits to be sent
    with transaction():
        late.merged_into_id = first.id
        late.reshelve()
    return box


@pytest.fixture
def exported(full, tmp_path):
    path = tmp_path / "desk.zip"
    path.write_bytes(b"".join(export.stream(BY)))
    return path


@pytest.fixture
def empty(exported, config, tmp_path, databases):
    """Another desk, just set up: an owner, a department of the same name, no mail."""
    home = tmp_path / "other"
    home.mkdir()
    url = databases.new(home)
    other = create_app(dataclasses.replace(config, home=home, database_url=url))
    with work_context(other):
        make_agent("Olga", role="owner")
        make_department("Support")
        make_agent("Per", email="per@desk.example")
    yield other
    with other.app_context():
        db.session.remove()
        db.engine.dispose()
    databases.drop(url)


def bring(app, path, **slices):
    """Begin, and work slice by slice."""
    row = imports.begin(by=BY, kind="desk", source=str(path))
    while import_mail.work(row.id, **slices):
        pass
    return imports.get(row.id)


def rows(model, *columns):
    return session().execute(sa.select(*(getattr(model, each) for each in columns)).order_by(model.id)).all()


FACTS = ((Ticket, ("number", "subject", "status", "shelf", "created_at", "message_count", "merged_into_id")),
         (Message, ("id", "ticket_id", "kind", "text", "html", "message_id", "fingerprint", "at", "why")),
         (Customer, ("id", "name")), (Ledger, ("id", "fate", "sha256", "ticket_id", "message_id")),
         (Attachment, ("message_pk", "filename", "sha256", "size")))


def test_the_same_tickets_threads_and_files_come_out_again(full, empty, exported) -> None:
    there = {model: rows(model, *columns) for model, columns in FACTS}
    kinds = session().scalars(sa.select(Event.kind).where(Event.ticket_id.is_not(None)).order_by(Event.id)).all()
    refs = session().execute(sa.select(Reference.value, Reference.ticket_id)).all()
    blobs = {digest: attachments.read(digest) for digest in session().scalars(
        sa.union(sa.select(Attachment.sha256), sa.select(Ledger.sha256)))}
    with work_context(empty):
        assert bring(empty, exported).state == "done"
        for model, columns in FACTS:
            assert rows(model, *columns) == there[model], model
        told = sa.select(Event.kind).where(Event.ticket_id.is_not(None)).order_by(Event.id)
        assert session().scalars(told).all() == kinds
        assert session().execute(sa.select(Reference.value, Reference.ticket_id)).all() == refs
        assert {digest: attachments.read(digest) for digest in blobs} == blobs
        first = session().scalars(sa.select(Ticket).where(Ticket.subject == "Parcel")).one()
        assert [each.name for each in first.tags] == ["vip"] and first.assignee.email == "kari@desk.example"
        assert first.department.mailbox_id == session().scalar(sa.select(Mailbox.id))


def test_a_merge_can_be_undone_in_the_other_desk_too(full, empty, tmp_path) -> None:
    kari, lost = make_customer("Kari", "kari@home.example"), make_customer("K.", "k@work.example")
    level = fields.of_customers.define(by=BY, title="Level")
    fields.set_values(lost, {level.id: "Gold"}, by=BY)
    merges.merge(lost, kari, by=BY)
    lost_id, kari_id, path = lost.id, kari.id, tmp_path / "merged.zip"
    path.write_bytes(b"".join(export.stream(BY)))
    with work_context(empty):
        for title in ("Other", "Level"):
            fields.of_customers.define(by=BY, title=title)
        assert bring(empty, path).state == "done"
        merges.undo(lost_id, by=BY)
        mine = next(each.id for each in fields.of_customers.all() if each.title == "Level")
        assert fields.of_customers.of(lost_id) == {mine: "Gold"} and fields.of_customers.of(kari_id) == {}
        assert customers.by_address("k@work.example").id == lost_id


def test_answers_to_exported_messages_land_in_their_tickets(full, empty, exported) -> None:
    with work_context(empty):
        bring(empty, exported)
        box = session().scalars(sa.select(Mailbox.id)).one()
        for number, parent in enumerate(("one@example.com", "reply@desk.example")):
            row = arrive(letter(subject=f"Answer {number}", In_Reply_To=f"<{parent}>"), box)
            assert (row.fate, session().get_one(Ticket, row.ticket_id).subject) == ("appended", "Parcel")
        again = arrive(letter(subject="Parcel", message_id="one@example.com", text="Where is it?"), box)
        assert again.fate == "duplicate"
        new = arrive(letter(subject="New", message_id="new@example.com"), box)
        numbers = session().scalars(sa.select(Ticket.number)).all()
        assert new.fate == "created" and len(numbers) == len(set(numbers)) == 4
        (found,) = search.newest(search.match(search.phrases("別の")), below=None, limit=10)
        assert session().get_one(Message, found).subject == "別の質問"
        assert session().scalar(sa.select(sa.func.count(Message.id))) == 10


def test_nothing_is_sent_and_no_plugin_is_told(full, empty, exported) -> None:
    with work_context(empty):
        before = session().scalars(sa.select(Event.id).where(Event.dispatched_at.is_(None))).all()
        bring(empty, exported)
        waiting = session().scalars(sa.select(Event.kind).where(
            Event.dispatched_at.is_(None), Event.id.not_in(before))).all()
        assert waiting == []
        assert session().scalars(sa.select(Job.kind).where(Job.kind.in_(("mail.send", "mail.process")))).all() == []
        late = session().scalars(sa.select(Message).where(Message.text == "Soon.")).one()
        assert late.state == late.recipients[0].state == "unknown" and "waited to be sent" in (late.error or "")
        dispatch.deliver_due(empty)


def test_an_import_that_ended_in_the_middle_goes_on(full, empty, exported, monkeypatch) -> None:
    monkeypatch.setattr("inbox.exchange.bring.BATCH", 2)
    with work_context(empty):
        row = imports.begin(by=BY, kind="desk", source=str(exported))
        for _ in range(6):
            assert import_mail.work(row.id, 0)  # one batch a slice, each by a new reader
        imports.stop(imports.get(row.id), by=BY)
        assert not import_mail.work(row.id)
        again = bring(empty, exported, seconds=0)
        assert again.id == row.id and again.state == "done"
        assert session().scalar(sa.select(sa.func.count(Message.id))) == 7


def test_passwords_and_what_is_private_to_this_desk_are_not_in_it(exported, full) -> None:
    with zipfile.ZipFile(exported) as archive:
        text = b"".join(archive.read(each) for each in archive.namelist() if each.startswith("data/")).decode()
        head = json.loads(archive.read("desk.json"))
        sent = [each for each in archive.namelist() if each.startswith("sent/")]
        assert b"It is on its way." in archive.read(sent[0]) and archive.testzip() is None
    assert head["format"] == "pluginbox-desk" and head["counts"]["ticket"] == 3
    assert not any(each in text for each in ("_password", "sealed", "token_hash")) and "api_token" not in BY_NAME


def test_agents_of_the_other_desk_have_no_password_yet(full, empty, exported) -> None:
    with work_context(empty):
        bring(empty, exported)
        found = {each.email: each for each in session().scalars(sa.select(Agent))}
        assert found["kari@desk.example"].password_hash is None and found["kari@desk.example"].is_active
        assert len([each for each in found if each == "per@desk.example"]) == 1


def test_a_desk_goes_into_an_empty_one_only(full, exported) -> None:
    row = bring(None, exported)
    assert row.state == "failed" and "empty one only" in (row.error or "")


@pytest.mark.parametrize(("change", "words"), [
    ({"format": "other"}, "not an exported desk"), ({"version": 99}, "newer program")])
def test_what_is_no_desk_is_refused(session, tmp_path, change, words) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("desk.json", json.dumps({"format": "pluginbox-desk", "version": 1} | change))
    row = bring(None, path)
    assert row.state == "failed" and words in row.error


def test_a_damaged_file_is_found_out(full, empty, exported, tmp_path) -> None:
    path = tmp_path / "damaged.zip"
    with zipfile.ZipFile(exported) as old, zipfile.ZipFile(path, "w") as new:
        for each in old.namelist():
            new.writestr(each, b"x" if each.startswith("files/") else old.read(each))
    with work_context(empty):
        row = bring(empty, path)
        assert row.state == "failed" and "damaged" in row.error
        assert session().scalar(sa.select(sa.func.count(Ticket.id))) == 0


def test_only_an_owner_may_export(session) -> None:
    with pytest.raises(NotAllowed):
        export.stream(Actor.of(make_agent(role="admin")))
    with pytest.raises(NotAllowed):
        imports.begin(by=Actor.of(make_agent(role="admin")), kind="desk", source="x")
    with pytest.raises(Invalid):
        imports.begin(by=BY, kind="tar", source="x")


def test_what_saved_replies_do_and_bring_comes_along(full, empty, tmp_path) -> None:
    kari = session().scalars(sa.select(Agent).where(Agent.name == "Kari")).one()
    file = StoredFile("terms.pdf", "application/pdf", 5, attachments.store(b"terms"))
    acts = [f"assign:{kari.id}", f"department:{full.department_id}", "tag:refund"]
    saved_replies.save(by=BY, name="Terms", text="Here", personal=False, actions=acts, files=[file])
    path = tmp_path / "with-replies.zip"
    path.write_bytes(b"".join(export.stream(BY)))
    with work_context(empty):
        assert bring(empty, path).state == "done"
        [reply] = session().scalars(sa.select(SavedReply)).all()
        made = session().scalars(sa.select(Agent).where(Agent.name == "Kari")).one()
        here = session().scalars(sa.select(Department).where(Department.name == "Support")).one()
        assert made.id != kari.id
        assert reply.actions == [f"department:{here.id}", "tag:refund", f"assign:{made.id}"]
        assert attachments.read(reply.files[0]["sha256"]) == b"terms"


def test_every_table_is_exported_or_left_out_on_purpose() -> None:
    left_out = {
        "job", "heartbeat", "delivery", "api_token", "one_time_token", "attempt", "notification", "idempotent_answer",
        "counter", "mailbox_login", "pop3_seen", "mail_import", "circuit", "presence", "bulk_act",
        "bulk_ticket",
        "invitation", "audit_entry"}  # what was done to this installation stays with it
    mine = {name for name in db.metadata.tables if not name.startswith(("plugin", "webhooks_"))}
    ours = {mapper.class_.__tablename__ for mapper in db.Model.registry.mappers
            if mapper.class_.__module__.startswith("inbox.core.models")}
    assert ours - {each.name for each in SECTIONS} == left_out and ours <= mine


def test_the_zip_is_written_in_pieces(full) -> None:
    pieces = list(export.stream(BY))
    assert zipfile.is_zipfile(io.BytesIO(b"".join(pieces)))


@pytest.mark.once
def test_the_demo_desk_goes_out_and_comes_in_again(demo_home, tmp_path) -> None:
    """Same tickets, threads and files, byte for byte; an answer to an exported message lands in its ticket."""
    shutil.copytree(demo_home, tmp_path / "demo")
    old = create_app(Config(home=tmp_path / "demo", safe_mode=True, testing=True))
    with work_context(old):
        (tmp_path / "desk.zip").write_bytes(b"".join(export.stream(BY)))
        there = {model: rows(model, *columns) for model, columns in FACTS}
        blobs = {digest: attachments.read(digest) for digest in session().scalars(
            sa.union(sa.select(Attachment.sha256), sa.select(Ledger.sha256)))}
        reply = session().scalars(sa.select(Message).where(
            Message.kind == "reply", Message.message_id.is_not(None)).order_by(Message.id)).first()
        asked, place = reply.message_id, reply.ticket_id
        db.session.remove()
        db.engine.dispose()
    (tmp_path / "new").mkdir()
    config = Config(home=tmp_path / "new", safe_mode=True, testing=True)
    prepare.make_tables(config)
    with work_context(create_app(config)):
        assert bring(None, tmp_path / "desk.zip").state == "done"
        for model, columns in FACTS:
            assert rows(model, *columns) == there[model], model
        assert {digest: attachments.read(digest) for digest in blobs} == blobs and len(there[Ticket]) > 50
        box = session().scalars(sa.select(Mailbox.id)).first()
        assert arrive(letter(subject="More", In_Reply_To=f"<{asked}>"), box).ticket_id == place
        db.session.remove()
        db.engine.dispose()
